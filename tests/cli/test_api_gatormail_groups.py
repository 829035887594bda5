"""``api`` on GatorMail's groups: who would get mail, and whose opt-out would be lost."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.gator import HOUR, Gator, campaign, gator, group, live_campaign, queued, refused, until

ALL_ON = "{cap.group.update: true, cap.membership.remove: true, cap.trigger: true}"
SWITCHES = {"group_update": True, "membership_remove": True, "triggers": True}
APPROVED = ("--auto-approve",)
SEND = ("--auto-approve", "--allow-send")


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gator]:
    with gator(tmp_path / "project", monkeypatch, rows=ALL_ON, switches=SWITCHES) as found:
        yield found


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Gator]]:
    """Makes a project with this contract and these switches."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def make(rows: str = "{}", **setup: Any) -> Gator:
            return stack.enter_context(gator(tmp_path / "project", monkeypatch, rows=rows, **setup))

        yield make


def people(*names: str) -> str:
    return "contacts=" + json.dumps([{"emailLogin": f"{name}@EXAMPLE.test"} for name in names])


def test_including_people_where_a_campaign_goes_out_is_a_send(live: Gator) -> None:
    free, used = group(live), group(live, "ann")
    assert live.api("groupIncludedContactpost", f"groupId={free}", people("bob"), *APPROVED).code == 0
    number = queued(live, used)
    add = ("groupIncludedContactpost", f"groupId={used}", people("bob", "cy"))
    refused(live.api(*add, *APPROVED), 3, "--allow-send")
    refused(live.api(*add, "--allow-send"), 3, "2 people", "is queued for", "goes out to them too")
    live.another("POST", f"/campaign/{number}/uninitiate")
    assert live.api(*add, *APPROVED).code == 0
    queued(live, used, HOUR, type="RefreshNonRecurring")
    until(live, HOUR + 1)
    refused(live.api(*add, "--allow-send"), 3, "is active and goes out to them too")
    refused(live.api(*add, *APPROVED), 3, "--allow-send")


def test_whoever_is_excluded_would_be_included(live: Gator) -> None:
    number = group(live, "ann", excluded=("bob", "cy"))
    add = ("groupIncludedContactpost", f"groupId={number}", people("ann", "bob", "cy", "dee"))
    refused(live.api(*add, *APPROVED), 3, "--allow-send")
    refused(live.api(*add, "--allow-send"), 3, "2 of them are excluded, perhaps as an opt-out")
    rows = live.another("GET", f"/group/{number}/excluded/contact/1/10")
    one = "contacts=" + json.dumps([{"id": rows[0]["id"]}])
    refused(live.api(*add[:2], one, "--allow-send"), 3, "1 of them is excluded")
    assert not live.writes()


def test_who_is_excluded_may_not_be_readable(made: Callable[..., Gator]) -> None:
    live = made("{cap.membership.read: false}", switches={"membership_read": False})
    number = group(live, excluded=("bob",))
    refused(live.api("groupIncludedContactpost", f"groupId={number}", people("ann"), *APPROVED), 3, "--allow-send")
    cleardown = ("postGroupCleardown", f"groupId={number}")
    refused(live.api(*cleardown, *APPROVED), 3, "--allow-send")
    refused(live.api(*cleardown, "--allow-send"), 3, "can't be counted", "opt-outs")


@pytest.mark.parametrize("contacts", ["", "contacts=5", "contacts=[5]", 'contacts={"of":1,"page":1,"size":9}'])
@pytest.mark.parametrize("list_", ["Included", "Excluded"])
def test_contacts_that_are_none(live: Gator, list_: str, contacts: str) -> None:
    arguments = [one for one in ("groupId=1", contacts) if one]
    refused(live.api(f"group{list_}Contactpost", *arguments, *SEND), 3, "It needs groupId and contacts")


def test_taking_an_exclusion_back_may_mail_who_opted_out(live: Gator) -> None:
    number = group(live, "ann", excluded=("bob",))
    (row,) = live.another("GET", f"/group/{number}/excluded/contact/1/10")
    deed = ("groupExcludedContactdelete", f"groupId={number}", f"contactId={row['id']}")
    refused(live.api(*deed, *APPROVED), 3, "--allow-send")
    refused(live.api(*deed, "--allow-send"), 3, "opted out", "may get mail again")
    assert not live.writes()
    assert live.called(*deed) is None


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ("postGroupCleardown", "It removes 2 inclusions and 1 exclusion (opt-outs among them) from"),
        ("deleteGroup", "with 2 inclusions and 1 exclusion (opt-outs among them); the contacts stay"),
    ],
)
def test_what_a_group_loses(live: Gator, operation: str, words: str) -> None:
    number = group(live, "ann", "bob", excluded=("cy",))
    deed = (operation, f"groupId={number}")
    refused(live.api(*deed, "--allow-send"), 3, words)
    refused(live.api(operation, *SEND), 3, "It needs groupId")
    refused(live.api(operation, "groupId=99", *SEND), 1, "There is no group 99")
    waiting = queued(live, number)
    refused(live.api(*deed, *SEND), 3, "[group-in-use]", "is queued for", "goes to this group")
    until(live, 5 * HOUR + 1)
    refused(live.api(*deed, *SEND), 3, "[group-in-use]", "is active")
    assert not live.writes()
    until(live, 300 * HOUR)
    assert live_campaign(live, waiting)["status"] == "Finished"
    assert live.called(*deed) is None


def test_opt_outs_make_a_cleardown_a_send(live: Gator) -> None:
    without, with_ = group(live, "ann"), group(live, excluded=("cy",))
    assert live.api("postGroupCleardown", f"groupId={without}", *APPROVED).code == 0
    refused(live.api("postGroupCleardown", f"groupId={with_}", *APPROVED), 3, "--allow-send")


def test_an_instance_whose_campaigns_cannot_be_read_whole(made: Callable[..., Gator]) -> None:
    """Which group or e-mail a campaign has is not known then: it may be any."""
    live = made("{cap.campaign.read: false}", switches={"campaign_read": False})
    used, other = group(live, "ann"), group(live, "bob")
    number = campaign(live, used)
    email = ("updateEmail", "emailId=1", "name=x", "--allow-send")
    refused(live.api(*email), 3, "--auto-approve")
    live.another("POST", f"/campaign/{number}/initiate")
    refused(live.api("groupIncludedContactpost", f"groupId={other}", people("dee"), *APPROVED), 3, "--allow-send")
    refused(live.api("postGroupCleardown", f"groupId={other}", *SEND), 3, "[group-in-use]", "can't be read")
    refused(live.api("initiateCampaign", f"campaignId={number}", *SEND), 3, "is Queued")
    refused(live.api("initiateCampaign", "campaignId=99", *SEND), 3, "It needs campaignId")
    until(live, 4.5 * HOUR)
    live.another("POST", f"/campaign/{number}/uninitiate")
