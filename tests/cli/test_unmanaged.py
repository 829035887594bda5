"""What exists and no entry is bound to: counted, listed, and taken into the project that is there."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Project
from tests.cli.team import Clone, Team

MANIFEST = """\
squalomail:
  # What everybody gets.
  lists:
    news: {name: News}  # the first

    other: {name: Other}
"""


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def with_strangers(team: Team) -> Clone:
    """A project, and two lists and a campaign that a colleague has made."""
    ours = team.begin(MANIFEST)
    extra = team.make("list", name="Extra", color="#112233")
    team.make("list", name="Two words")
    team.make("campaign", subject="Their ${sale}", body="<p>Buy</p>", listIds=[int(extra)])
    return ours


def test_plan_and_drift_count_what_was_read_along(team: Team) -> None:
    ours = with_strangers(team)
    told = "In the accounts, and in no manifest: squalomail.lists (2). See all: reconcile unmanaged"
    assert told in ours.run("plan").out
    assert told in ours.run("drift").out
    assert json.loads(ours.run("plan", "--format", "json").out)["reconcile"]["unmanaged"] == {"squalomail.lists": 2}
    assert ours.run("plan", "--detailed-exitcode").code == 0
    assert ours.run("drift", "--strict").code == 0


def test_drift_sees_campaigns_that_were_made_after_ours(team: Team) -> None:
    ours = team.begin(MANIFEST + "  campaigns: {ours: {subject: Ours, body: <p>x</p>}}\n")
    team.make("campaign", subject="Theirs", body="<p>Buy</p>", listIds=[int(ours.bound()["squalomail.list.news"])])
    assert "squalomail.campaigns (1)" in ours.run("drift").out
    assert json.loads(ours.run("drift", "--format", "json").out)["unmanaged"] == {"squalomail.campaigns": 1}


def test_they_are_listed_and_filtered(team: Team) -> None:
    ours = with_strangers(team)
    listed = [(one["address"], one["name"]) for one in json.loads(ours.run("unmanaged", "--format", "json").out)]
    assert listed == [
        ("squalomail.list.extra-3", "Extra"),
        ("squalomail.list.two-words-4", "Two words"),
        ("squalomail.campaign.their-sale-101", "Their ${sale}"),
    ]
    only = ours.run("unmanaged", "squalomail.list.*", "--name", "*WORDS")
    assert only.out == 'squalomail.list.two-words-4  id 4  "Two words"\n1 object that no entry is bound to.\n'


def test_they_are_taken_in_and_nothing_else_changes(team: Team) -> None:
    ours = with_strangers(team)
    before = (ours.root / "manifests/all.yaml").read_text()
    done = ours.run("export", "--into", str(ours.root), "squalomail.list.extra-3=extra", "squalomail.campaign.*")
    assert done.code == 0, done.err
    assert done.out.endswith("Took in 2 entries, in 2 files.\n")
    after = (ours.root / "manifests/all.yaml").read_text()
    assert after.startswith(before)
    assert after[len(before) :] == (
        '\n    extra: {name: Extra, color: "#112233", ordering: 3}\n'
        "  campaigns:\n"
        "    their-sale-101:\n"
        "      subject: Their $${sale}\n"
        "      bodyFile: emails/their-sale-101.html\n"
        "      language: sl\n"
        "      lists: [extra]\n"
    )
    assert (ours.root / "emails/their-sale-101.html").read_text() == "<p>Buy</p>\n"
    assert ours.run("plan", "--detailed-exitcode").code == 0
    assert ours.run("drift").code == 0
    assert [one["id"] for one in json.loads(ours.run("unmanaged", "--format", "json").out)] == ["4"]
    assert "export --into" in ours.run("history").out


def test_what_it_refers_to_and_is_not_taken_is_told(team: Team) -> None:
    ours = with_strangers(team)
    done = ours.run("export", "--into", str(ours.root), "squalomail.campaign.their-sale-101")
    assert "lists, as it refers to a list that is not there" in done.out
    assert ours.run("plan", "--detailed-exitcode").code == 0


def test_defaults_that_are_otherwise_live_are_written_out(team: Team) -> None:
    ours = with_strangers(team)
    ours.replace("reconcile.yaml", "providers:", "defaults: {squalomail: {list: {color: '#ffffff'}}}\nproviders:")
    assert ours.apply().code == 0
    assert ours.run("export", "--into", str(ours.root), "squalomail.list.extra-3").code == 0
    assert 'color: "#112233"' in (ours.root / "manifests/all.yaml").read_text()
    assert ours.run("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Nothing was chosen"),
        (("squalomail.list.ext",), 'Did you mean "squalomail.list.extra-3"?'),
        (("squalomail.list.*=one",), "gives a name to one object"),
        (("squalomail.list.extra-3=news",), "is in the manifests already"),
        (("squalomail.list.extra-3=a", "squalomail.list.two-words-4=a"), "the name of two objects"),
    ],
)
def test_a_wrong_choice_takes_in_nothing(team: Team, arguments: tuple[str, ...], told: str) -> None:
    ours = with_strangers(team)
    refused = ours.run("export", "--into", str(ours.root), *arguments)
    assert refused.code == 1
    assert told in refused.err
    assert (ours.root / "manifests/all.yaml").read_text() == MANIFEST
    assert len(ours.bound()) == 2


def test_another_folder_is_not_written_to(team: Team, tmp_path: Path) -> None:
    ours = with_strangers(team)
    refused = ours.run("export", "--into", str(tmp_path), "squalomail.list.extra-3")
    assert (refused.code, "is not the project that is read here" in refused.err) == (1, True)


def test_where_entries_can_not_be_added_all_is_as_before(team: Team) -> None:
    ours = with_strangers(team)
    shared = "squalomail:\n  lists: &all\n    news: {name: News}\n    other: {name: Other}\n"
    ours.write("manifests/all.yaml", shared.replace("&all", "&all") + "  templates: {}\n")
    ours.write("manifests/more.yaml", "squalomail:\n  lists: {}\n")
    done = ours.run("export", "--into", str(ours.root), "squalomail.list.*")
    assert done.code == 0, done.err
    assert ours.run("plan", "--detailed-exitcode").code == 0


def test_many_are_bound_by_a_file_or_none(project: Project) -> None:
    project.write("manifests/all.yaml", "squalomail: {lists: {one: {name: Same}, two: {name: Same}}}\n")
    for _ in range(2):
        project.run("api", "squalomail", "create-list", "name=Same", "--auto-approve")
    wrong = project.write("ids", "# by hand\nsqualomail.list.one 1\nsqualomail.list.two,9\n")
    refused = project.run("import", "--from", str(wrong))
    assert refused.code == 1
    assert "no list with the id 9" in refused.err
    assert project.run("state", "list").out == ""
    bad = project.write("bad", "squalomail.list.one\nsqualomail.list.two 1 2\nsqualomail.list.one 2\nnonsense 3\n")
    told = project.run("import", "--from", str(bad)).err
    assert all(f"bad:{line}:1" in told for line in (1, 2, 4))
    twice = project.write("twice", "squalomail.list.one 1\nsqualomail.list.two 1\n")
    assert "twice:2:1" in project.run("import", "--from", str(twice)).err
    right = project.write("right.json", json.dumps({"squalomail.list.one": "1", "squalomail.list.two": "2"}))
    done = project.run("import", "--from", str(right))
    assert done.code == 0, done.err
    assert project.run("state", "list").out == "squalomail.list.one  1\nsqualomail.list.two  2\n"
    assert project.run("import", "squalomail.list.one").code == 64
    assert project.run("import", "--from", str(right), "squalomail.list.one", "1").code == 64
