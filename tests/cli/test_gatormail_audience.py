"""GatorMail audiences from the command line."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.gator import Gator, gator

MANIFEST = """\
gatormail:
  groups:
    buyers: {name: Buyers}
  audiences:
    people:
      source: audiences/people.csv
      columns: {emailLogin: email, firstName: first, Region: region}
      group: buyers
      exclude: audiences/no.csv
"""
ROWS = "email;first;region\nquokka@zorilla.example;Wombatta;North\nbilby@okapi.example;Numbatini;South\n"
OUT = "email\nmargay@kinkajou.example\n"
WORDS = ("quokka", "zorilla", "Wombatta", "bilby", "okapi", "Numbatini", "margay", "kinkajou")
OTHER = "Tapirella"


def fill(found: Gator) -> Gator:
    found.project.write("manifests/all.yaml", MANIFEST)
    found.project.write("audiences/people.csv", ROWS)
    found.project.write("audiences/no.csv", OUT)
    return found


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gator]:
    with gator(tmp_path, monkeypatch) as found:
        yield fill(found)


def test_nobody_who_gets_no_mail_needs_the_right_to_send_and_then_the_plan_is_empty(people: Gator) -> None:
    run = people.project.run
    assert run("validate").code == 0
    applied = run("apply", "--auto-approve")
    assert applied.code == 0, applied.err
    assert run("plan", "--detailed-exitcode").code == 0
    assert people.writes() == [
        "gatormail_addGroup",
        "gatormail_groupExcludedContactpost",
        "gatormail_groupIncludedContactpost",
    ]


def test_nobody_is_shown_or_kept(people: Gator) -> None:
    run, root = people.project.run, people.project.root
    kept = root / "change.plan"
    shown = [run("plan", "-o", str(kept)), run("show", str(kept)), run("plan", "--format", "json")]
    shown += [run("apply", "--auto-approve"), run("state", "pull"), run("plan", "-v")]
    people.project.write("audiences/people.csv", f"{ROWS}wombat;{OTHER};East\n")
    shown.append(run("plan"))
    assert shown[-1].code == 1
    sources = {root / "audiences" / name for name in ("people.csv", "no.csv")}
    files = [path for path in root.rglob("*") if path.is_file() and path not in sources]
    assert any(path.parent.name == "state.json.memory" for path in files)
    texts = [path.read_bytes().decode("utf-8", "replace") for path in files]
    for text in (*texts, *(result.out + result.err for result in shown)):
        assert not [word for word in (*WORDS, OTHER) if word in text], text
    assert "b***@o***.example" in shown[0].out


def test_a_saved_plan_wants_the_same_files(people: Gator) -> None:
    people.project.run("apply", "--auto-approve")
    people.project.write("audiences/people.csv", f"{ROWS}new@okapi.example;N;East\n")
    kept = str(people.project.root / "change.plan")
    assert people.project.run("plan", "-o", kept).code == 0
    people.project.write("audiences/no.csv", f"{OUT}new@okapi.example\n")
    result = people.project.run("apply", kept)
    assert result.code == 4
    assert "other content" in result.err


def test_a_field_that_the_instance_lacks_is_told_with_the_nearest(people: Gator) -> None:
    people.project.write("manifests/all.yaml", MANIFEST.replace("Region:", "Regoin:"))
    result = people.project.run("plan")
    assert "The instance has no contact field Regoin" in result.out + result.err
    assert 'Did you mean "Region"' in result.out + result.err


def test_the_mode_sync_is_refused_where_nobody_can_be_taken_out(people: Gator) -> None:
    people.project.write("manifests/all.yaml", f"{MANIFEST}      mode: sync\n")
    for command in ("validate", "plan"):
        result = people.project.run(command)
        assert result.code == 1
        assert "all.yaml:10:" in result.err
        assert "cap.membership.remove is off" in result.err


@pytest.mark.parametrize("name", ["people.csv.gz", "people.parquet"])
def test_sync_takes_out_whom_it_put_there(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    switches = {"membership_remove": True}
    with gator(tmp_path, monkeypatch, rows="{cap.membership.remove: true}", switches=switches) as found:
        project = fill(found).project
        project.write("manifests/all.yaml", MANIFEST.replace("people.csv", name) + "      mode: sync\n")
        for rows in (ROWS, ROWS[: ROWS.index("bilby")]):
            write(tmp_path / "audiences" / name, rows)
            applied = project.run("apply", "--auto-approve", "--allow-delete", "1")
            assert applied.code == 0, applied.err
            assert project.run("plan", "--detailed-exitcode").code == 0
        assert found.writes()[-1] == "gatormail_groupIncludedContactdelete"
        group = found.another("GET", "/group/1/100")[0]["id"]
        rows_now = found.another("GET", f"/group/{group}/included/contact/1/100")
        assert [row["emailLogin"] for row in rows_now] == ["quokka@zorilla.example"]


def write(path: Path, rows: str) -> None:
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(rows.encode()))
        return
    import duckdb

    plain = path.with_suffix(".tmp")
    plain.write_text(rows)
    read = f"read_csv('{plain}', delim = ';', header = true, all_varchar = true)"
    duckdb.execute(f"COPY (SELECT * FROM {read}) TO '{path}' (FORMAT parquet)")
    plain.unlink()
