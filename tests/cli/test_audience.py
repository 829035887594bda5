"""Audiences from the command line."""

import gzip
import io
import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from reconcile.providers.audience.memory import parse
from tests.budget import examples
from tests.cli.conftest import Project

EXAMPLE = Path(__file__).parents[2] / "examples" / "audience"
MANIFEST = """\
squalomail:
  lists:
    news: {name: News}
  audiences:
    people:
      source: audiences/people.csv
      columns: {email: E-mail, name: Nome}
      lists: [news]
"""
ROWS = "E-mail;Nome\nada@example.com;Ada\nbea@example.com;Bea\n"


@pytest.fixture
def people(project: Project) -> Project:
    project.write("manifests/all.yaml", MANIFEST)
    project.write("audiences/people.csv", ROWS)
    return project


def test_apply_asks_for_the_right_to_send_and_then_plans_empty(people: Project) -> None:
    assert people.run("apply", "--auto-approve").code == 3
    applied = people.run("apply", "--auto-approve", "--allow-send")
    assert applied.code == 0, applied.err
    assert people.run("plan", "--detailed-exitcode").code == 0
    assert (people.root / ".reconcile" / "key").stat().st_mode & 0o777 == 0o600
    shown = people.run("state", "show", "squalomail.audience.people")
    assert shown.code == 0
    assert "ada" not in shown.out


def test_malformed_rows_stop_the_run_unless_they_are_to_be_skipped(people: Project) -> None:
    people.write("audiences/people.csv", f"{ROWS}nobody;N\n")
    for command in (("plan",), ("apply", "--auto-approve", "--allow-send")):
        result = people.run(*command)
        assert result.code == 1
        assert "1 row(s) that can't be used" in result.err
        assert "--skip-invalid" in result.err
    rejects = people.root / ".reconcile" / "default" / "rejects" / "squalomail.people.csv"
    assert rejects.read_text() == "line,reason\n4,has a malformed address\n"
    assert people.run("plan", "--skip-invalid").code == 0
    assert people.run("apply", "--skip-invalid", "--auto-approve", "--allow-send").code == 0


def test_a_saved_plan_holds_nobody_and_wants_the_same_file(people: Project) -> None:
    plan = people.root / "p.plan"
    assert people.run("plan", "-o", str(plan)).code == 0
    text = plan.read_text()
    assert "example.com" not in text.replace("a***@e***.com", "").replace("b***@e***.com", "")
    assert "Ada" not in text
    calls = [call for step in json.loads(text)["reconcile"]["steps"] for call in step.get("calls", ())]
    assert [call["operation"] for call in calls] == ["create-recipient", "create-recipient", "create-list"]
    people.write("audiences/people.csv", f"{ROWS}new@example.com;N\n")
    result = people.run("apply", str(plan), "--allow-send")
    assert result.code == 6  # the list was made, the audience was not
    assert "other content" in result.err


@pytest.mark.parametrize("name", ["people.csv.gz", "people.parquet"])
def test_other_formats(people: Project, name: str) -> None:
    people.replace("manifests/all.yaml", "people.csv", name)
    path = people.root / "audiences" / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(ROWS.encode()))
    else:
        rows = "(VALUES ('ada@example.com', 'Ada'), ('bea@example.com', 'Bea')) t(\"E-mail\", Nome)"
        duckdb.execute(f"COPY (SELECT * FROM {rows}) TO '{path}'")
    applied = people.run("apply", "--auto-approve", "--allow-send")
    assert applied.code == 0, applied.err
    assert "reaches: 2 people" in applied.out
    assert people.run("plan", "--detailed-exitcode").code == 0


def test_rows_of_parquet_are_told_by_their_number(people: Project) -> None:
    people.replace("manifests/all.yaml", "people.csv", "people.parquet")
    path = people.root / "audiences" / "people.parquet"
    rows = "(VALUES ('ada@example.com', 'A'), ('nobody', 'B'), (NULL, 'C')) t(\"E-mail\", Nome)"
    duckdb.execute(f"COPY (SELECT * FROM {rows}) TO '{path}'")
    assert people.run("plan").code == 1
    rejects = people.root / ".reconcile" / "default" / "rejects" / "squalomail.people.csv"
    assert rejects.read_text() == "line,reason\n2,has a malformed address\n3,has no address\n"


def test_a_file_that_is_no_parquet(people: Project) -> None:
    people.replace("manifests/all.yaml", "people.csv", "people.parquet")
    people.write("audiences/people.parquet", "canary")
    result = people.run("plan")
    assert result.code == 1
    assert "it is no Parquet file" in result.err
    assert "canary" not in result.err


def test_removing_it_leaves_the_people(people: Project) -> None:
    people.run("apply", "--auto-approve", "--allow-send")
    people.write("manifests/all.yaml", MANIFEST[: MANIFEST.index("  audiences")])
    applied = people.run("apply", "--auto-approve")
    assert applied.code == 0, applied.err
    assert "1 forgotten" in applied.out


def test_the_example_imports_its_people(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "audience", ignore=shutil.ignore_patterns(".reconcile"))
    project = Project(tmp_path / "audience")
    customers = project.root / "audiences" / "customers.csv.gz"
    lines = gzip.decompress(customers.read_bytes()).splitlines(keepends=True)
    assert len(lines) == 10_001
    customers.write_bytes(gzip.compress(b"".join(lines[: examples(500, 10_001)])))
    applied = project.run("apply", "--auto-approve", "--allow-send")
    assert applied.code == 0, applied.err
    assert "import-recipients-async" in applied.out
    found = json.loads(project.run("api", "squalomail", "get-data", "entity=Recipient").out)
    people = {row["email"]: row for row in found if not row["email"].split("@")[0][-1].isdecimal()}
    assert {(row["name"], row["surname"], row["phone"], row["gdpr_can_send"]) for row in people.values()} == {
        ("Ada", "", None, 1),
        ("Nicolò", "", None, 0),
        ("Bea", "", None, 0),
        ("Oto", "", None, 0),
        ("Maja Šuštaršič", "", None, 0),
        ('Luka "Lučko" Kralj', "", None, 0),
        ("Hana, of Gorica", "", None, 0),
        ("", "Forlì", None, 0),
        ("Gaia", "", "393331234567", 0),
        ("Furio", "", None, 0),
    }
    assert project.run("plan", "--detailed-exitcode").code == 0


def test_who_asks_is_forgotten_and_never_brought_in_again(people: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert people.run("apply", "--auto-approve", "--allow-send").code == 0
    row = next(row for row in _recipients(people) if row["email"] == "ada@example.com")
    deleted = people.run("api", "squalomail", "delete-recipient", f"recipientId={row['subid']}", "--auto-approve")
    assert deleted.code == 0, deleted.err
    before = _digests(people)
    monkeypatch.setattr("sys.stdin", io.StringIO("ADA@example.com\n\nnobody@example.com\n"))
    result = people.run("audience", "forget")
    assert result.code == 0, result.err
    assert "forgot 1 of 2" in result.err
    assert "ada" not in (result.err + result.out).lower()
    after = _digests(people)
    assert len(after - before) == 1, "the bare mark"
    assert len(before - after) == 2, "that they were made, and put on the list"
    planned = people.run("plan")
    assert "1 forgotten on request" in planned.out
    assert people.run("apply", "--auto-approve", "--allow-send").code == 0
    assert [row["email"] for row in _recipients(people)] == ["bea@example.com"]


@pytest.mark.parametrize(
    ("text", "told"), [("ada\n", "Line 1 has a malformed address"), ("\n", "No address was given")]
)
def test_what_is_no_address_forgets_nobody(
    people: Project, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    assert people.run("apply", "--auto-approve", "--allow-send").code == 0
    before = _digests(people)
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    result = people.run("audience", "forget")
    assert result.code == 1
    assert told in result.err
    assert _digests(people) == before


def test_with_another_key_nobody_is_forgotten_or_touched(people: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert people.run("apply", "--auto-approve", "--allow-send").code == 0
    (people.root / ".reconcile" / "key").unlink()
    people.write("audiences/people.csv", f"{ROWS}new@example.com;N\n")
    without = people.run("apply", "--auto-approve", "--allow-send")
    assert without.code == 3
    assert "There is no project key" in without.err
    monkeypatch.setenv("RECONCILE_KEY", "another one")
    other = people.run("apply", "--auto-approve", "--allow-send")
    assert other.code == 3
    assert "--accept-unknown" in other.err
    monkeypatch.setattr("sys.stdin", io.StringIO("ada@example.com\n"))
    assert people.run("audience", "forget").code == 3
    assert len(_recipients(people)) == 2
    assert people.run("init", str(people.root)).code == 0, "it makes the key of a project that has lost it"
    assert (people.root / ".reconcile" / "key").exists()


def _recipients(people: Project) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(people.run("api", "squalomail", "get-data", "entity=Recipient").out)
    return found


def _digests(people: Project) -> set[bytes]:
    groups = [
        group
        for file in (people.root / ".reconcile/default/state.json.memory").iterdir()
        for group in parse(file.read_bytes())
    ]
    kept = {group.digests[place : place + 16] for group in groups for place in range(0, len(group.digests), 16)}
    return kept - {
        group.digests[place : place + 16]
        for group in groups
        if not group.came
        for place in range(0, len(group.digests), 16)
        if group.table == "mark"
    }
