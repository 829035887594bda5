"""What was seen of commands before plans were approvals: both ways out of a thing that is there already work, and no
entry that can't be pulled holds back another, on both platforms."""

import json

import pytest

from reconcile.sandbox import Sandbox
from tests.cli.conftest import Project
from tests.cli.test_gatormail_outside import Person, both, person
from tests.outside import Colleague

__all__ = ["both", "person"]

TARGETS = {"squalomail": ("list", "news", "News"), "gatormail": ("group", "second", "Second")}


def made_anew(project: Project, somebody: Person, platform: str) -> tuple[str, str]:
    """Somebody deletes a list or a group and makes one of the same name; its address, and the id of the new one."""
    kind, name, title = TARGETS[platform]
    address = f"{platform}.{kind}.{name}"
    if platform == "gatormail":
        project.replace("manifests/all.yaml", "  groups:\n", "  groups:\n    second: {name: Second}\n")
        assert project.run("apply", "--auto-approve").code == 0
        somebody.operator.delete(kind, somebody.id(address))
        return address, somebody.operator.make(kind, {"name": title, "description": ""})
    with Sandbox(project.state.with_name("sandbox.sqlite"), account="4711") as sandbox:
        colleague = Colleague(sandbox)
        colleague.delete("list", somebody.id(address))
        return address, colleague.make("list", name=title, color="#336699", published=True)


@pytest.mark.parametrize("way", ["import", "adopt"])
@pytest.mark.parametrize("platform", TARGETS)
def test_both_ways_out_of_what_is_there_already_lead_out(
    both: Project, person: Person, platform: str, way: str
) -> None:
    address, id_ = made_anew(both, person, platform)
    refused = both.run("apply", "--auto-approve")
    assert refused.code == 3, refused.out
    assert "exists-already" in refused.err
    assert f"reconcile import {address} {id_}" in refused.err
    done = both.run("import", address, id_) if way == "import" else both.run("adopt")
    assert done.code == 0, done.err
    assert json.loads(both.run("state", "list", "--format", "json").out)[address] == id_
    applied = both.run("apply", "--auto-approve", "--allow-send", "--overwrite-drift")
    assert applied.code == 0, applied.err
    assert both.run("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("platform", TARGETS)
def test_an_entry_that_can_not_be_pulled_holds_back_no_other(both: Project, person: Person, platform: str) -> None:
    """One value is an expression, which no pull can write; the other platform's entries are pulled, and it is told."""
    here = {"squalomail": "name: News,", "gatormail": "description: All"}[platform]
    value = here.rstrip(",").split(": ")[1]
    both.write("reconcile.yaml", (both.root / "reconcile.yaml").read_text() + f"variables: {{word: {value}}}\n")
    both.replace("manifests/all.yaml", here, here.replace(value, '"${var.word}"'))
    assert both.run("plan", "--detailed-exitcode").code == 0
    with Sandbox(both.state.with_name("sandbox.sqlite"), account="4711") as sandbox:
        Colleague(sandbox).edit("list", person.id("squalomail.list.news"), name="Hers")
    person.edit("group", "buyers", {"description": "Some"})
    pulled = both.run("pull")
    assert pulled.code == 6, "in part"
    assert "not-pulled" in pulled.err
    text = (both.root / "manifests/all.yaml").read_text()
    assert "${var.word}" in text
    assert ("description: Some" in text) is (platform == "squalomail")
    assert ("name: Hers" in text) is (platform == "gatormail")
