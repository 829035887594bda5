"""A project with both platforms: a colleague edits, the state is lost, the accounts are exported, as a user runs it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconcile.providers.gatormail.settings import contract
from reconcile.sandbox import Sandbox
from reconcile.sandbox.gatormail.service import GatorMailSetup
from tests.cli.conftest import Project
from tests.outside import Operator

INSTANCE = "acme_lz"
PROJECT = f"""\
version: 1
providers:
  squalomail:
    type: squalomail
    url: "sandbox:"
    apiKey: "${{env.SQUALOMAIL_API_KEY}}"
    account: "4711"
  gatormail:
    type: gatormail
    url: "sandbox:"
    instance: {INSTANCE}
    timezone: Europe/Rome
    clientId: "${{env.GATOR_CLIENT_ID}}"
    clientSecret: a-literal-secret
    username: "${{env.GATOR_USERNAME}}"
    password: "${{env.GATOR_PASSWORD}}"
    contract: {{cap.group.update: true, v.contactState: [Inserted, Updated, Same], f.group.name: "title"}}
"""
MANIFEST = """\
squalomail:
  lists:
    news: {name: News, color: "#336699"}
  campaigns:
    hello: {subject: Hello, body: <p>Hello</p>, lists: [news]}
gatormail:
  groups:
    buyers: {name: Buyers, description: All}
  campaigns:
    launch:
      name: Launch  # the name
      subject: We are live
      fromAddress: hello@example.com
      startDate: 2099-12-01T09:00:00+01:00
      group: buyers
      email: {name: Mail, htmlFile: emails/launch.html, autoTrackLinks: true}
      initiate: true
    draft: {name: Draft, subject: Soon}
  datafeed: {batchSize: 200}
"""
SEND = ("apply", "--auto-approve", "--allow-send")


class Person:
    """Edits the objects behind a project's GatorMail addresses."""

    def __init__(self, project: Project) -> None:
        self._project = project
        setup = GatorMailSetup((INSTANCE,), contract={"c.date.zone": "Europe/Rome", "f.group.name": "title"})
        self.sandbox = Sandbox(project.state.with_name("sandbox.sqlite"), gatormail=setup)
        extra = {"timezone": "Europe/Rome", "contract": {"f.group.name": "title"}}
        self.operator = Operator(self.sandbox, contract(extra), INSTANCE)

    def edit(self, kind: str, name: str, members: dict[str, Any]) -> None:
        self.operator.edit(kind, self.id(f"gatormail.{kind}.{name}"), members)

    def id(self, address: str) -> str:
        bound: dict[str, str] = json.loads(self._project.run("state", "list", "--format", "json").out)
        return bound[address]


@pytest.fixture
def both(tmp_path: Path) -> Project:
    """A project with both platforms, applied, one of its campaigns being queued."""
    made = Project(tmp_path / "project")
    made.write("reconcile.yaml", PROJECT)
    made.write("manifests/all.yaml", MANIFEST)
    made.write("emails/launch.html", "<p>Live</p>\n")
    assert made.run(*SEND, "--target", "gatormail.group.buyers").code == 0
    person = Person(made)
    person.operator.people()
    person.sandbox.close()
    applied = made.run(*SEND)
    assert applied.code == 0, applied.err
    return made


@pytest.fixture
def person(both: Project) -> Iterator[Person]:
    somebody = Person(both)
    yield somebody
    somebody.sandbox.close()


def lose_state(project: Project) -> dict[str, str]:
    bound: dict[str, str] = json.loads(project.run("state", "list", "--format", "json").out)
    for path in project.state.parent.glob("state.json*"):
        path.unlink()
    return bound


def test_an_edit_by_hand_is_seen_and_pulled(both: Project, person: Person) -> None:
    person.edit("campaign", "launch", {"email.autoTrackLinks": False, "startDate": "2099-12-02T08:00:00Z"})
    person.edit("group", "buyers", {"description": "Some"})
    person.edit("datafeed", "main", {"batchSize": 300})
    found = both.run("drift")
    assert found.code == 2
    assert "gatormail.campaign.launch was edited outside" in found.out
    assert both.run(*SEND).code == 3
    pulled = both.run("pull")
    assert pulled.code == 0, pulled.err
    text = (both.root / "manifests/all.yaml").read_text()
    expected = MANIFEST.replace("autoTrackLinks: true", "autoTrackLinks: false").replace("12-01T09", "12-02T09")
    assert text == expected.replace("description: All", "description: Some").replace("batchSize: 200", "batchSize: 300")
    assert both.run("plan", "--detailed-exitcode").code == 0
    assert both.run("drift").code == 0


def test_a_lost_state_is_refused_and_adopted(both: Project, person: Person) -> None:
    before = lose_state(both)
    refused = both.run(*SEND)
    assert refused.code == 3
    assert "error[state-missing]" in refused.err
    assert len(person.operator.campaigns()) == 2
    adopted = both.run("adopt")
    assert adopted.code == 0, adopted.err
    assert json.loads(both.run("state", "list", "--format", "json").out) == before
    assert both.run("plan", "--detailed-exitcode").code == 0


def test_a_lost_state_is_rebuilt(both: Project, person: Person) -> None:
    before = lose_state(both)
    assert both.run("state", "rebuild").code == 3
    rebuilt = both.run("state", "rebuild", "--auto-approve")
    assert rebuilt.code == 0, rebuilt.err
    assert "unknown, since they can't be read: email.html" in rebuilt.out
    assert json.loads(both.run("state", "list", "--format", "json").out) == before
    assert both.run("plan", "--detailed-exitcode").code == 0


def test_import_of_each_kind(both: Project) -> None:
    before = lose_state(both)
    for address, id_ in before.items():
        imported = both.run("import", address, id_)
        assert imported.code == 0, imported.err
    assert both.run("plan", "--detailed-exitcode").code == 0
    assert "bound already" in both.run("import", "gatormail.datafeed.main", "main").err
    assert both.run("import", "gatormail.campaign.draft", "999").code == 1


def test_a_renamed_campaign_is_found_by_its_mark(both: Project, person: Person) -> None:
    person.edit("campaign", "launch", {"name": "By hand"})
    before = lose_state(both)
    assert both.run(*SEND).code == 3
    assert both.run("adopt").code == 0
    assert json.loads(both.run("state", "list", "--format", "json").out) == before
    assert "name" in both.run("plan").out
    assert len(person.operator.campaigns()) == 2


def test_two_groups_of_one_name_are_an_error_with_both_ids(both: Project, person: Person) -> None:
    before = lose_state(both)
    twin = person.operator.make("group", {"name": "Buyers"})
    found = both.run("adopt")
    assert found.code == 1
    assert "error[match-ambiguous]" in found.err
    assert f"ids {before['gatormail.group.buyers']}, {twin}" in found.err
    assert both.run("import", "gatormail.group.buyers", before["gatormail.group.buyers"]).code == 0
    assert both.run("adopt").code == 0
    assert both.run("plan", "--detailed-exitcode").code == 0


def test_the_plan_of_an_export_of_both_is_empty(both: Project, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    done = both.run("export", str(folder))
    assert done.code == 0, done.err
    assert done.out.startswith("Exported ")
    there = Project(folder)
    for command in (("plan", "--detailed-exitcode"), ("drift",), ("validate",), ("fmt", "--check")):
        result = there.run(*command)
        assert result.code == 0, (command, result.out, result.err)
    text = (folder / "reconcile.yaml").read_text()
    assert "a-literal-secret" not in text
    assert 'clientSecret: "${env.GATORMAIL_CLIENT_SECRET}"' in text
    assert 'clientId: "${env.GATOR_CLIENT_ID}"' in text
    assert f'    instance: "{INSTANCE}"\n    timezone: "Europe/Rome"\n' in text
    assert '      v.contactState: ["Inserted", "Updated", "Same"]\n' in text
    assert "      cap.group.update: true\n" in text
    report = (folder / "EXPORT.md").read_text()
    assert "`email.html`" in report
    assert "crmId" in report
