"""Audiences from the command line."""

import gzip
import json
import shutil
from pathlib import Path

import duckdb
import pytest

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


def test_the_example_imports_ten_thousand_people(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "audience", ignore=shutil.ignore_patterns(".reconcile"))
    project = Project(tmp_path / "audience")
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
