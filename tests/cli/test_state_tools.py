"""What repairs the state: in the history, without breaking what holds of every state, and without drift by order."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli.team import Clone, Team

MANIFEST = """\
squalomail:
  lists: {alpha: {name: A}, beta: {name: B}}
  campaigns: {mail: {subject: M, body: <p>x</p>, lists: [alpha, beta]}}
"""
ALPHA = "squalomail.list.alpha"


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def commands(clone: Clone) -> list[str]:
    """The commands in the history, oldest first."""
    return [one["command"] for one in json.loads(clone.run("history", "--format", "json").out)]


def test_a_list_that_is_moved_past_another_is_no_drift(team: Team) -> None:
    ours = team.begin(MANIFEST)
    assert ours.run("state", "mv", ALPHA, "squalomail.list.zeta").code == 0
    assert ours.run("drift").code == 0
    ours.write("manifests/all.yaml", MANIFEST.replace("alpha", "zeta"))
    assert ours.run("plan", "--detailed-exitcode").code == 0
    assert ours.apply().code == 0


def test_an_order_that_an_older_version_left_is_no_drift(team: Team) -> None:
    ours = team.begin(MANIFEST)
    state = json.loads(ours.run("state", "pull").out)
    state["resources"]["squalomail.campaign.mail"]["applied"]["lists"].reverse()
    assert ours.run("state", "push", str(ours.write("state.json", json.dumps(state)))).code == 0
    assert ours.run("drift").code == 0
    assert ours.run("plan", "--detailed-exitcode").code == 0


def test_all_that_changes_the_state_is_in_the_history(team: Team) -> None:
    ours = team.begin(MANIFEST)
    state = ours.write("state.json", ours.run("state", "pull").out)
    assert ours.run("state", "mv", ALPHA, "squalomail.list.zeta").code == 0
    assert ours.run("state", "rm", "squalomail.list.zeta").code == 0
    assert ours.run("state", "push", "--force", str(state)).code == 0
    assert ours.run("state", "rebuild", "--auto-approve").code == 0
    assert commands(ours) == ["apply", "state mv", "state rm", "state push", "state rebuild"]
    runs = json.loads(ours.run("history", "--format", "json").out)
    serials = [run["serial"] for run in runs]
    assert all(before < after for before, after in serials), serials
    assert all(later[0] >= earlier[1] for earlier, later in pairwise(serials)), serials
    assert ours.run("history").code == 0


def test_an_older_state_takes_nothing_out_of_the_history(team: Team) -> None:
    ours = team.begin(MANIFEST)
    old = ours.write("state.json", ours.run("state", "pull").out)
    ours.replace("manifests/all.yaml", "name: A", "name: AA")
    assert ours.apply().code == 0
    kept = json.loads(ours.run("state", "pull").out)["history"]
    assert ours.run("state", "push", str(old)).code == 3
    assert ours.run("state", "push", "--force", str(old)).code == 0
    assert json.loads(ours.run("state", "pull").out)["history"][: len(kept)] == kept


def test_a_refused_tool_is_in_no_history(team: Team) -> None:
    ours = team.begin(MANIFEST)
    state = json.loads(ours.run("state", "pull").out)
    state["resources"]["squalomail.list.beta"]["id"] = state["resources"][ALPHA]["id"]
    refused = ours.run("state", "push", str(ours.write("state.json", json.dumps(state))))
    assert refused.code == 3
    assert "binds several entries to one object" in refused.err
    assert ours.run("state", "rm", "squalomail.list.nope").code == 1
    assert ours.run("state", "mv", ALPHA, "squalomail.list.beta").code != 0
    assert commands(ours) == ["apply"]
