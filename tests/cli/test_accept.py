"""An outside edit that is accepted stays as it is, is shown in every plan, and ends on its day or with a change."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.team import Clone, Team

MANIFEST = """\
squalomail:
  lists:
    news: {name: News, color: "#112233", description: ours}
    other: {name: Other}
  templates:
    base: {subject: Base, body: "<p>{{a}}</p>"}
  campaigns:
    mail: {subject: Mail, template: base, templateCustomAttributes: {texts: {a: {value: A}}}, lists: [news]}
"""
NEWS = "squalomail.list.news"
COLOR = f"{NEWS}.color"
WHY = ("--reason", "the shop's colour until Epiphany")


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def edited(team: Team) -> Clone:
    """A project whose list a colleague has painted, and described."""
    ours = team.begin(MANIFEST)
    team.edit("list", ours.bound()[NEWS], color="#ff0000", description="theirs")
    return ours


def in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def test_it_stays_and_every_plan_shows_it(team: Team) -> None:
    ours = edited(team)
    before = (ours.root / "manifests/all.yaml").read_text()
    done = ours.run("accept", COLOR, *WHY, "--until", in_days(9))
    assert done.out == f"{NEWS}: color: accepted until {in_days(9)}\n"
    assert ours.run("drift").code == 2, "the description is not accepted"
    assert ours.run("accept", NEWS, *WHY).out == f"{NEWS}: description: accepted for good\n"
    assert ours.run("drift").code == 0
    shown = ours.run("plan", "--detailed-exitcode")
    assert shown.code == 0
    assert "the shop's colour until Epiphany" in shown.out + shown.err
    assert f"color was edited outside and stays as it is, until {in_days(9)}" in " ".join(shown.out.split())
    assert "Accepted until" in ours.run("drift").out
    told = json.loads(ours.run("drift", "--format", "json").out)["accepted"]
    assert [(one["name"], one["until"]) for one in told] == [("color", in_days(9)), ("description", None)]
    assert ours.apply().code == 0
    assert (ours.root / "manifests/all.yaml").read_text() == before
    assert "#ff0000" in team.live(ours)
    assert "  accept  " in ours.run("history").out


def test_another_change_of_the_object_leaves_it_as_it_is(team: Team) -> None:
    ours = edited(team)
    assert ours.run("accept", NEWS, *WHY).code == 0
    ours.replace("manifests/all.yaml", "name: News", "name: Newsletter")
    assert ours.apply().code == 0
    live = team.live(ours, "get-lists-details")
    assert all(word in live for word in ("Newsletter", "#ff0000", "theirs"))
    assert ours.run("plan", "--detailed-exitcode").code == 0
    assert ours.run("accept", NEWS, "--over").code == 0
    assert ours.run("drift").code == 2
    assert ours.apply().code == 3, "it is an outside edit again, also after our own write"


def test_another_edit_ends_it(team: Team) -> None:
    ours = edited(team)
    assert ours.run("accept", NEWS, *WHY).code == 0
    team.edit("list", ours.bound()[NEWS], color="#00ff00")
    assert ours.run("drift").code == 2
    told = ours.run("plan")
    assert "color was edited outside, which was accepted for good; that is over" in " ".join(told.out.split())
    assert ours.apply().code == 3
    assert "#00ff00" in team.live(ours, "get-lists-details")


def test_another_value_in_the_manifest_ends_it(team: Team) -> None:
    ours = edited(team)
    assert ours.run("accept", NEWS, *WHY).code == 0
    ours.replace("manifests/all.yaml", '"#112233"', '"#445566"')
    assert ours.apply().code == 3, "both sides changed it"
    assert ours.apply("--overwrite-drift").code == 0
    assert "#445566" in team.live(ours, "get-lists-details")
    assert '"color"' not in json.dumps(json.loads(ours.run("state", "pull").out)["resources"][NEWS].get("accepted"))


def test_its_last_day_ends_it(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = edited(team)
    assert ours.run("accept", NEWS, *WHY, "--until", in_days(0)).code == 0
    assert ours.run("drift").code == 0
    state = json.loads(ours.run("state", "pull").out)
    for each in state["resources"][NEWS]["accepted"]:
        each["until"] = in_days(-1)
    state["serial"] += 1
    assert ours.run("state", "push", str(ours.write("state.json", json.dumps(state)))).code == 0
    assert ours.run("drift").code == 2
    assert ours.apply().code == 3


def test_a_plan_that_was_approved_before_is_not_carried_out_after(team: Team) -> None:
    ours = edited(team)
    saved = team.folder / "before.plan"
    assert ours.run("plan", "-o", str(saved)).code == 0
    approved = json.loads(saved.read_text())["reconcile"]["digest"]
    assert ours.run("accept", NEWS, *WHY).code == 0
    done = ours.run("apply", str(saved), "--approved", approved)
    assert done.code == 0, "there is nothing left to do"
    assert "#ff0000" in team.live(ours, "get-lists-details")


def test_a_body_made_from_a_template(team: Team) -> None:
    ours = team.begin(MANIFEST)
    mail = "squalomail.campaign.mail"
    team.edit("campaign", ours.bound()[mail], body="<p>Theirs</p>")
    assert ours.run("drift").code == 2
    assert ours.run("accept", f"{mail}.body", *WHY).code == 0
    assert ours.run("drift").code == 0
    ours.replace("manifests/all.yaml", "subject: Mail", "subject: Letter")
    assert ours.apply("--allow-send").code == 0
    assert ours.run("plan", "--detailed-exitcode").code == 0
    assert "Theirs" in ours.run("api", "squalomail", "get-data", "entity=Mail").out
    assert ours.run("accept", mail, "--over").code == 0
    assert ours.apply().code == 3
    assert ours.run("accept", mail, *WHY).code == 0
    ours.replace("manifests/all.yaml", "{value: A}", "{value: B}")
    refused = ours.apply("--allow-send")
    assert refused.code == 3, "made anew it would have nothing of the edit"
    assert "Theirs" in ours.run("api", "squalomail", "get-data", "entity=Mail").out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((COLOR,), 64, "takes --reason"),
        ((COLOR, *WHY, "--over"), 64, "takes --reason"),
        ((COLOR, "--reason", " "), 64, "takes --reason"),
        ((COLOR, *WHY, "--until", "soon"), 1, '"soon" is no day'),
        ((COLOR, *WHY, "--until", "2020-01-01"), 1, "is over already"),
        (("news", *WHY), 1, "An edit is named like"),
        ((f"{NEWS}.name", *WHY), 1, "Edited outside: description, color."),
        (("squalomail.list.other", *WHY), 1, "It was not edited outside"),
        (("squalomail.list.nope", *WHY), 1, "No entry has squalomail.list.nope"),
        ((COLOR, "--over"), 1, f"Nothing of {COLOR} is accepted"),
    ],
)
def test_what_can_not_be_accepted_is_told(team: Team, arguments: tuple[str, ...], code: int, told: str) -> None:
    ours = edited(team)
    refused = ours.run("accept", *arguments)
    assert refused.code == code
    assert told in refused.err
    assert "accepted" not in (team.folder / "state" / "state.json").read_text()


def test_when_mail_goes_out_is_never_accepted(team: Team) -> None:
    at = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT%H:00:00Z")
    ours = team.begin(MANIFEST.replace("lists: [news]", f"lists: [news], schedule: {at}"))
    other = at.replace(":00:00Z", ":30:00Z")
    team.edit("campaign", ours.bound()["squalomail.campaign.mail"], schedule=None)
    team.edit("campaign", ours.bound()["squalomail.campaign.mail"], schedule=other)
    refused = ours.run("accept", "squalomail.campaign.mail", *WHY)
    assert refused.code == 1
    assert "it decides when people get mail" in refused.err


def test_what_was_deleted_outside_is_not_accepted(team: Team) -> None:
    ours = team.begin(MANIFEST)
    team.delete("list", ours.bound()["squalomail.list.other"])
    assert "Take its entry out with `reconcile pull" in ours.run("accept", "squalomail.list.other", *WHY).err
