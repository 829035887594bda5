"""Outside edits of GatorMail objects written back into the manifests; what can't be read, or said there, is told."""

from pathlib import Path
from typing import Any

import pytest

from reconcile.engine.drift import drift
from tests.engine.test_pull import Project, differing
from tests.outside import edit, operator
from tests.world import World, address

CAMPAIGN = address("campaign", "it", "gatormail")
GROUPS = """\
gatormail:
  groups:
    buyers: {name: Buyers, description: All}
    others: {name: Others}
"""
HEAD = (
    "gatormail:\n  campaigns:\n    # it\n    it:\n      name: It\n      subject: S\n      fromAddress: a@example.com\n"
)
HTML = "        html: <p>1</p>\n"
# How the entry goes on, the outside edit, and how it goes on afterwards.
GOLDEN: dict[str, tuple[str, dict[str, Any], str]] = {
    "a nested flag": (
        f"      email:  # the mail\n{HTML}        autoTrackLinks: true  # counted\n",
        {"email.autoTrackLinks": False},
        f"      email:  # the mail\n{HTML}        autoTrackLinks: false  # counted\n",
    ),
    "in braces": (
        "      email: {name: Mail, html: <p>1</p>, autoTrackLinks: true}  # short\n",
        {"email.autoTrackLinks": False, "email.name": "Mail, new"},
        '      email: {name: "Mail, new", html: <p>1</p>, autoTrackLinks: false}  # short\n',
    ),
    "a date in its zone": (
        "      startDate: 2027-06-20T10:00:00+02:00  # Sunday\n",
        {"startDate": "2027-06-21T10:00:00Z"},
        "      startDate: 2027-06-21T12:00:00+02:00  # Sunday\n",
    ),
    "a date in UTC": (
        '      startDate: "2027-06-20T10:00:00Z"\n',
        {"startDate": "2027-12-21T10:00:00Z"},
        '      startDate: "2027-12-21T10:00:00Z"\n',
    ),
    "no date any more": (
        "      startDate: 2027-06-20T10:00:00+02:00\n",
        {"startDate": None},
        "      startDate: null\n",
    ),
    "another group": (
        "      group: buyers  # everybody\n",
        {"group": "others"},
        "      group: others  # everybody\n",
    ),
    "another type": ("      type: Static\n", {"type": "StaticRecurring"}, "      type: StaticRecurring\n"),
    "a text": ("      fromName: 'A'\n", {"fromName": "It's"}, "      fromName: 'It''s'\n"),
}


def project_of(folder: Path, entry: str, **options: Any) -> Project:
    made = Project(folder, world=World(may_send=True, **options))
    made.write(groups=GROUPS)
    made.apply()
    operator(made.world).people()
    made.write(all=HEAD + entry)
    made.apply()
    return made


def group_id(project: Project, name: str) -> str:
    state = project.world.store.read()
    assert state is not None
    return state.resources[address("group", name, "gatormail")].id


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(tmp_path: Path, name: str) -> None:
    before, edits, after = GOLDEN[name]
    project = project_of(tmp_path, before)
    members = dict(edits)
    if "group" in members:
        members["group"] = group_id(project, members["group"])
    edit(project.world, CAMPAIGN, members)
    outcome = project.pull()
    assert not outcome.left
    assert project.text() == HEAD + after
    assert project.is_in_sync()
    assert not project.pull().written


def test_a_group_and_an_initiated_campaign(tmp_path: Path) -> None:
    entry = "      startDate: 2027-06-20T10:00:00+02:00\n      group: buyers\n      email: {html: <p>1</p>}\n"
    entry += "      initiate: true\n"
    project = project_of(tmp_path, entry)
    edit(project.world, CAMPAIGN, {"initiate": False})
    edit(project.world, address("group", "buyers", "gatormail"), {"name": "Everybody", "description": "Some"})
    outcome = project.pull()
    assert not outcome.left
    assert project.text() == HEAD + entry.replace("initiate: true", "initiate: false")
    assert project.text("manifests/groups.yaml") == GROUPS.replace(
        "Buyers, description: All", "Everybody, description: Some"
    )
    assert project.is_in_sync()
    assert not [found for found in project.world.sends() if found["state"] == "scheduled"]


def test_what_cant_be_read_is_told(tmp_path: Path) -> None:
    project = project_of(tmp_path, "      email: {html: <p>1</p>, text: '1'}\n")
    edit(project.world, CAMPAIGN, {"email.html": "<p>by hand</p>", "fromName": "A", "subject": "By hand"})
    outcome = project.pull()
    assert [pulled.attribute for pulled in outcome.written] == ["subject"]
    assert outcome.unchecked == {"email.html": 1, "email.text": 1}


def test_without_reading_campaigns_all_but_the_list_is_unchecked(tmp_path: Path) -> None:
    limits = {"gatormail": {"campaign_read": False}, "contract": {"cap.campaign.read": False}}
    project = project_of(
        tmp_path, "      group: buyers\n      email: {html: <p>1</p>, autoTrackLinks: true}\n", **limits
    )
    edit(project.world, CAMPAIGN, {"subject": "By hand", "name": "Renamed"})
    outcome = project.pull()
    assert [pulled.attribute for pulled in outcome.written] == ["name"]
    hidden = {"subject", "fromAddress", "group", "email.html", "email.autoTrackLinks"}
    assert outcome.unchecked.keys() == hidden
    assert drift(project.world.workspace, project.world.store.read()).unchecked.keys() == hidden
    assert project.is_in_sync()


@pytest.mark.parametrize(
    ("entry", "edits", "words"),
    [
        ("      group: buyers\n", {"group": None}, "group changed outside, but it is not set any more"),
        ("      email: {name: M, html: <p>1</p>}\n", {"email": None}, "but it is not set any more"),
        ("      group: buyers\n", {"group": "stranger"}, "no entry stands for the group with the id"),
        ('      fromName: "A${var.suffix}"\n', {"fromName": "B"}, "an expression stands there"),
    ],
)
def test_what_cant_be_said_is_reported(tmp_path: Path, entry: str, edits: dict[str, Any], words: str) -> None:
    project = project_of(tmp_path, entry)
    members = dict(edits)
    if members.get("group") == "stranger":
        members["group"] = operator(project.world).make("group", {"name": "Stranger"})
    edit(project.world, CAMPAIGN, {**members, "subject": "Two"})
    outcome = project.pull()
    (finding,) = outcome.left
    assert words in finding.detail
    assert str(finding.location).startswith("manifests/all.yaml:8:")
    assert differing(HEAD + entry, project.text()) == (["      subject: S"], ["      subject: Two"])


def test_members_that_come_from_the_defaults_are_told(tmp_path: Path) -> None:
    project = Project(tmp_path, world=World(may_send=True))
    project.defaults = "defaults: {gatormail: {campaign: {email: {html: <p>1</p>, autoTrackLinks: true}}}}\n"
    project.write(all=HEAD)
    project.apply()
    edit(project.world, CAMPAIGN, {"email.autoTrackLinks": False, "subject": "Two"})
    (finding,) = project.pull().left
    assert "email does not stand at the entry but in the defaults" in finding.detail
    assert project.text() == HEAD.replace("subject: S", "subject: Two")
