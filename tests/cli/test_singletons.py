"""The schema and the data feed through the other commands: pull, drift, adopt, export, saved plans."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile.cli.options import Options
from tests.cli.conftest import Project
from tests.cli.gator import Gator, own_instance
from tests.cli.test_schema_requests import answer

MANIFEST = """\
gatormail:
  # what the CRM has
  schema:
    entities:
      Contact:
        displayName: Contact
        attributes:
          email: {dataType: string, displayName: E-mail}  # the key
          city: {dataType: string}
    mappings: {Contact.email: EmailLogin}
  datafeed:
    batchSize: 50
    feeds: {emailOpened: false}
"""


@pytest.fixture
def gator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gator]:
    for made in own_instance(tmp_path, monkeypatch):
        made.project.write("manifests/all.yaml", MANIFEST)
        yield made


@pytest.fixture
def applied(gator: Gator) -> Gator:
    """Applied, and mapped as declared."""
    assert gator.project.run("apply", "--auto-approve").code == 0
    gator.publish(("Contact", "email", "EmailLogin"))
    assert gator.project.run("schema-requests", "--auto-approve").code == 0
    assert gator.project.run("apply", "--auto-approve").code == 0
    assert gator.project.run("drift", "--strict").code == 0
    return gator


def test_a_saved_plan_is_applied_as_it_was_shown(gator: Gator) -> None:
    saved = str(gator.project.root / "saved.plan")
    assert gator.project.run("plan", "-o", saved, "--detailed-exitcode").code == 2
    result = gator.project.run("apply", saved)
    assert result.code == 0, result.err
    assert result.out.endswith("Apply: 2 updated.\n")
    plan = gator.project.run("plan", "--detailed-exitcode")
    assert (plan.code, "Plan: 1 by hand." in plan.out) == (0, True)
    by_hand = gator.project.run("apply", "--auto-approve")
    assert (by_hand.code, by_hand.out.splitlines()[-1]) == (0, "Apply: 1 left to be done by hand.")


def test_asking_before_the_first_apply(gator: Gator, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "y\n")
    result = gator.project.run("apply")
    assert result.code == 0, result.err
    monkeypatch.setattr(Options, "may_ask", lambda _: False)
    assert gator.schema()["Contact"] == {"email": "string", "city": "string"}


def test_a_rebuild_lists_what_vanished(applied: Gator) -> None:
    applied.project.replace("manifests/all.yaml", "city: {dataType: string}", "city: {dataType: integer}")
    assert applied.project.run("apply", "--auto-approve").code == 3
    result = applied.project.run("apply", "--auto-approve", "--allow-delete", "1")
    assert result.code == 0, result.err
    assert result.err.count("left to be done by hand") + result.err.count("warning[by-hand]") >= 1
    assert 'map the contact field "EmailLogin" to Contact.email' in result.err
    assert result.out.endswith("Apply: 1 updated.\n")


def test_pull_takes_over_what_people_changed(applied: Gator) -> None:
    applied.person("ui/options", {"batchSize": 20, "feeds": {"emailOpened": True}}, "PUT")
    applied.person("api/schema/attribute", {"entityName": "Contact", "name": "zip", "dataType": "string"})
    applied.publish(("Contact", "city", "LastName"), ("Contact", "email", "FirstName"))
    assert applied.project.run("drift").code == 2
    result = applied.project.run("pull")
    assert result.code == 0, result.err
    text = (applied.project.root / "manifests/all.yaml").read_text()
    assert text == MANIFEST.replace("EmailLogin", "FirstName").replace("50", "20").replace("false", "true")
    assert applied.project.run("plan", "--detailed-exitcode").code == 0
    assert applied.project.run("drift", "--strict").code == 0


def test_adopt_binds_them(gator: Gator) -> None:
    result = gator.project.run("adopt")
    assert result.code == 0, result.err
    state = gator.project.run("state", "list").out
    assert "gatormail.schema.main" in state
    assert "gatormail.datafeed.main" in state
    assert gator.project.run("apply", "--auto-approve", "--overwrite-drift").code == 0
    assert gator.schema()["Contact"] == {"email": "string", "city": "string"}


def test_an_export_declares_them(applied: Gator, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    result = applied.project.run("export", str(folder))
    assert result.code == 0, result.err
    there = Project(folder)
    plan = there.run("plan", "--detailed-exitcode")
    assert plan.code == 0, plan.out + plan.err
    text = "".join(path.read_text() for path in (folder / "manifests").rglob("*.yaml"))
    assert "Contact.email: EmailLogin" in text
    assert "batchSize: 50" in text


def test_a_plan_as_json_has_the_manual_part(gator: Gator) -> None:
    found = json.loads(gator.project.run("plan", "--format", "json").out)["reconcile"]["steps"]
    (step,) = [step for step in found if step["address"] == "gatormail.schema.main"]
    assert (step["action"], len(step["instructions"])) == ("update", 1)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("dataType: string,", "dataType: text,", "text"),
        ("displayName: E-mail}", "display: E-mail}", 'Did you mean "displayName"?'),
        ("Contact.email: EmailLogin", "email: EmailLogin", "Entity.attribute"),
        ("emailOpened", "emailOpend", 'Did you mean "emailOpened"?'),
        ("batchSize: 50", "batchSize: 0", "batchSize"),
    ],
)
def test_mistakes_in_a_manifest(gator: Gator, before: str, after: str, words: str) -> None:
    gator.project.replace("manifests/all.yaml", before, after)
    result = gator.project.run("validate")
    assert (result.code, words in result.err) == (1, True), result.err


@pytest.mark.parametrize(
    ("mappings", "written"),
    [
        ((), "mappings: {}"),
        (
            (("Contact", "email", "EmailLogin"), ("Contact", "email", "FirstName")),
            "mappings: {Contact.email: [EmailLogin, FirstName]}",
        ),
    ],
)
def test_pull_takes_over_other_mappings(
    applied: Gator, mappings: tuple[tuple[str, str, str], ...], written: str
) -> None:
    applied.publish(*mappings)
    assert applied.project.run("drift").code == 0
    result = applied.project.run("pull", "gatormail.schema.main")
    assert result.code == 0, result.err
    text = (applied.project.root / "manifests/all.yaml").read_text()
    assert text == MANIFEST.replace("mappings: {Contact.email: EmailLogin}", written)
    assert applied.project.run("plan", "--detailed-exitcode").code == 0


def test_pull_takes_out_what_was_deleted_outside(applied: Gator) -> None:
    applied.person("api/schema", method="DELETE")
    applied.person("api/schema/entity", {"name": "Contact", "displayName": "Contact"})
    applied.person("api/schema/attribute", {"entityName": "Contact", "name": "city", "dataType": "string"})
    applied.publish()
    result = applied.project.run("pull")
    assert result.code == 0, result.err
    text = (applied.project.root / "manifests/all.yaml").read_text()
    assert "email" not in text.replace("emailOpened", "")
    assert applied.project.run("drift", "--strict").code == 0
