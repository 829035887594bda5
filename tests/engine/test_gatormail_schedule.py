"""GatorMail campaigns: initiated, moved, taken back, frozen, sent; and never two of one campaign queued."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from reconcile.engine.run import Rights
from reconcile.errors import Refused
from reconcile.model.address import Address
from reconcile.model.resource import Resource
from reconcile.planner.make import Request
from reconcile.planner.plan import Plan, Right
from tests.engine.test_schedule import ALL, DAY, HOUR, SEND, instant
from tests.outside import edit, operator
from tests.world import NOW, World, declared, failures, gator, ref, shape

CAMPAIGN = Address("gatormail", "campaign", "launch")
GROUP = Address("gatormail", "group", "buyers")
EMAIL = {"name": "Mail", "html": "<p>1</p>", "text": "1", "autoTrackLinks": True}


def campaign(start: float | None = NOW + DAY, initiate: bool | None = True, **members: Any) -> dict[Address, Resource]:
    attributes: dict[str, Any] = {
        "name": "Launch",
        "subject": "We are live",
        "fromAddress": "hello@example.com",
        "group": ref("group", "buyers", "gatormail"),
        "email": EMAIL,
        **members,
    }
    if start is not None:
        attributes["startDate"] = instant(start)
    if initiate is not None:
        attributes["initiate"] = initiate
    return declared(gator("group", "buyers", {"name": "Buyers"}), gator("campaign", "launch", attributes))


def prepared(world: World) -> World:
    """A group with one person in it, and one excluded."""
    world.apply(declared(gator("group", "buyers", {"name": "Buyers"})))
    people = [{"emailLogin": "ada@example.com"}]
    world.call("gatormail_groupIncludedContactpost", groupId=id_of(world, GROUP), contacts=people)
    out = [{"emailLogin": "out@example.com"}]
    world.call("gatormail_groupExcludedContactpost", groupId=id_of(world, GROUP), contacts=out)
    world.clear_log()
    return world


@pytest.fixture
def world() -> World:
    return prepared(World(may_send=True))


def id_of(world: World, address: Address) -> int:
    state = world.store.read()
    assert state is not None
    return int(state.resources[address].id)


def lose_state(world: World) -> None:
    for path in world.home.glob("state.json*"):
        path.unlink()


def queued(world: World) -> list[float]:
    """When mails would go out."""
    return [found["sendDate"] for found in world.sends() if found["state"] == "scheduled"]


def sent(world: World) -> int:
    return sum(found["state"] == "sent" for found in world.sends())


def done(world: World, desired: dict[Address, Resource], rights: Rights = SEND) -> list[str]:
    """Apply, and see that nothing is left to do; the writes."""
    world.clear_log()
    code, events, made = world.apply(desired, rights)
    assert code == 0, failures(events)
    writes = world.writes()
    assert Counter(call.operation for call in made.writes) == Counter(writes)
    assert not world.plan(desired).has_changes
    return writes


def told(made: Plan) -> tuple[object, ...]:
    """When the campaign goes out, before and after, to whom, and to how many."""
    send = made.steps[CAMPAIGN].send
    assert send is not None
    return send.before, send.after, send.to, send.people


def test_what_was_due_and_deleted_outside_is_not_mailed_again(world: World) -> None:
    done(world, campaign())
    world.now += 3 * DAY
    assert sent(world)
    state = world.store.read()
    assert state is not None
    operator(world).delete("campaign", state.resources[CAMPAIGN].id)
    later = campaign(world.now + DAY)
    code, events, made = world.apply(later, ALL)
    assert code == 3, failures(events)
    blocked = made.steps[CAMPAIGN].blocked
    assert blocked is not None
    assert blocked.code == "may-have-gone-out"
    assert not queued(world)


def test_a_campaign_is_initiated_once(world: World) -> None:
    _, _, made = world.apply(campaign(), SEND)
    assert [call.operation for call in made.writes] == ["gatormail_addCampaign", "gatormail_initiateCampaign"]
    assert told(made) == (None, NOW + DAY, (GROUP,), 1)
    assert queued(world) == [NOW + DAY]
    assert not world.plan(campaign()).has_changes


def test_a_send_needs_the_right(world: World) -> None:
    world.let_send(False)
    with pytest.raises(Refused, match="may not send"):
        world.apply(campaign())
    assert not world.writes()
    assert done(world, campaign(initiate=False), Rights()) == ["gatormail_addCampaign"]
    assert not queued(world)


def test_a_change_takes_the_campaign_back_first(world: World) -> None:
    done(world, campaign(), SEND)
    again = [
        "gatormail_uninitiateCampaign",
        "gatormail_updateEmail",
        "gatormail_updateCampaign",
        "gatormail_initiateCampaign",
    ]
    assert done(world, campaign(NOW + 2 * DAY), SEND) == again
    assert queued(world) == [NOW + 2 * DAY]
    assert done(world, campaign(NOW + 2 * DAY, subject="Other"), SEND) == again
    other = EMAIL | {"html": "<p>2</p>"}
    again.remove("gatormail_updateCampaign")
    assert done(world, campaign(NOW + 2 * DAY, subject="Other", email=other), SEND) == again
    assert queued(world) == [NOW + 2 * DAY]


def test_a_campaign_that_was_taken_back_and_not_queued_again_is_told_as_that(world: World) -> None:
    """Whatever it is that stops the run: here the word for "in setup" is one that nobody knows."""
    world.apply(campaign(), ALL)
    world.sandbox.gatormail.positions.set({"status_words": "InSetup=In Setup"})
    code, events, _ = world.apply(campaign(subject="We are alive"), ALL)
    assert code == 6
    told = {found.code for event in events for found in event.diagnostics}
    assert told == {"unexpected-answer", "not-scheduled"}
    assert not world.sends()


def test_the_send_is_shown_where_it_stays_when_it_was(world: World) -> None:
    done(world, campaign(), SEND)
    world.let_send(False)
    made = world.plan(campaign(subject="Other"))
    assert told(made) == (NOW + DAY, NOW + DAY, (GROUP,), 1)
    assert any(need.right is Right.SEND for need in made.steps[CAMPAIGN].requires)


def test_another_name_of_the_email_makes_a_new_one(world: World) -> None:
    done(world, campaign(initiate=False), SEND)
    made = world.plan(campaign(initiate=False, email=EMAIL | {"name": "Other"}))
    assert "left behind" in str(made.steps[CAMPAIGN].note)
    assert done(world, campaign(initiate=False, email=EMAIL | {"name": "Other"})) == ["gatormail_updateCampaign"]


def test_an_email_that_another_campaign_uses_is_not_changed(world: World) -> None:
    done(world, campaign(initiate=False), SEND)
    before = world.call("gatormail_getCampaign", campaignId=id_of(world, CAMPAIGN))["email"]["id"]
    world.call("gatormail_addCampaign", name="Theirs", type="Static", email={"id": before})
    changed = campaign(initiate=False, email=EMAIL | {"html": "<p>2</p>"})
    assert done(world, changed) == ["gatormail_updateCampaign"]
    after = world.call("gatormail_getCampaign", campaignId=id_of(world, CAMPAIGN))["email"]["id"]
    assert after != before


def test_stopping_is_possible_within_the_freeze_and_needs_no_right(world: World) -> None:
    done(world, campaign(), SEND)
    world.now = NOW + DAY - 60
    assert done(world, campaign(initiate=False), Rights()) == ["gatormail_uninitiateCampaign"]
    assert not queued(world)


@pytest.mark.parametrize(
    "change", [{"start": NOW + 3 * DAY}, {"subject": "Other"}, {"email": EMAIL | {"html": "2"}}, {"type": "Followup"}]
)
def test_within_the_freeze_nothing_else_is_written(world: World, change: dict[str, Any]) -> None:
    done(world, campaign(), SEND)
    world.now = NOW + DAY - 30 * 60
    world.clear_log()
    code, events, _ = world.apply(campaign(**change), ALL)
    assert code == 3
    assert "freeze window" in failures(events)[0]
    assert not world.writes()


@pytest.mark.parametrize(("ahead", "message"), [(-60.0, "in the past"), (HOUR - 1, "within the freeze window")])
def test_a_start_must_lie_beyond_the_freeze(world: World, ahead: float, message: str) -> None:
    code, events, _ = world.apply(campaign(NOW + ahead), ALL)
    assert code == 3
    assert message in failures(events)[0]
    assert not queued(world)


def test_without_its_zone_nothing_is_initiated() -> None:
    world = prepared(World(may_send=True, timezone=""))
    code, events, _ = world.apply(campaign(), ALL)
    assert code == 3
    assert "timezone" in str(events[-1].diagnostics[0].hint)
    assert done(world, campaign(initiate=False))


def test_a_start_is_wall_time_of_the_instance() -> None:
    world = prepared(World(may_send=True, timezone="America/New_York"))
    done(world, campaign(), SEND)
    assert queued(world) == [NOW + DAY]


def test_a_sent_campaign_is_in_sync_for_ever(world: World) -> None:
    done(world, campaign(), SEND)
    world.now = NOW + 2 * DAY
    assert sent(world) == 1
    changed = campaign(NOW + 9 * DAY, subject="Other")
    made = world.plan(changed)
    assert "gatormail.campaign.launch" not in shape(made)
    assert "was sent" in str(made.steps[CAMPAIGN].note)
    code, _, made = world.apply({GROUP: changed[GROUP]}, ALL)
    assert (code, shape(made)) == (0, {"gatormail.campaign.launch": "forget"})
    assert sent(world) == 1


def test_a_sent_campaign_is_not_sent_again_after_its_state_is_lost(world: World) -> None:
    done(world, campaign(), SEND)
    world.now = NOW + 2 * DAY
    lose_state(world)
    with pytest.raises(Refused, match="exist in the account already"):
        world.apply(campaign(NOW + 3 * DAY), ALL)
    assert sent(world) == 1
    assert not queued(world)


def test_a_campaign_that_is_being_sent_is_left_alone() -> None:
    world = prepared(World(may_send=True))
    done(world, campaign(type="RefreshNonRecurring"), SEND)
    world.now = NOW + 2 * DAY
    for change in (campaign(type="RefreshNonRecurring", subject="Other"), campaign(type="Static"), {}):
        world.clear_log()
        code, events, _ = world.apply(change, ALL)
        assert code == 3, failures(events)
        assert any("being sent" in str(found.summary) for event in events for found in event.diagnostics)
        assert not world.writes()
    assert sent(world) == 1


def test_what_somebody_else_queued_is_not_taken_back(world: World) -> None:
    done(world, campaign(initiate=None), SEND)
    world.call("gatormail_initiateCampaign", campaignId=id_of(world, CAMPAIGN))
    world.clear_log()
    for change in (campaign(initiate=None, subject="Other"), campaign(initiate=False), {}):
        code, events, _ = world.apply(change, ALL)
        assert code == 3, failures(events)
        assert any("not by this project" in text for text in failures(events))
    assert not world.writes()
    assert queued(world) == [NOW + DAY]


def test_a_campaign_taken_back_by_hand_is_drift(world: World) -> None:
    done(world, campaign(), SEND)
    world.call("gatormail_uninitiateCampaign", campaignId=id_of(world, CAMPAIGN))
    code, events, _ = world.apply(campaign(), SEND)
    assert code == 3, failures(events)
    assert not queued(world)
    assert done(world, campaign(), ALL) == ["gatormail_updateEmail", "gatormail_initiateCampaign"]


@pytest.mark.parametrize("text", ["1", None])
def test_content_that_nobody_can_read_is_written_before_it_goes_out(text: str | None) -> None:
    world = prepared(World(may_send=True, gatormail={"email_read": True}, contract={"cap.email.read": True}))
    email = EMAIL if text else {name: value for name, value in EMAIL.items() if name != "text"}
    done(world, campaign(initiate=False, email=email), SEND)
    number = world.call("gatormail_getCampaign", campaignId=id_of(world, CAMPAIGN))["email"]["id"]
    world.call("gatormail_updateEmail", emailId=number, name="Mail", html="<p>a colleague's</p>", text="theirs")
    assert done(world, campaign(email=email), SEND) == ["gatormail_updateEmail", "gatormail_initiateCampaign"]
    live = world.call("gatormail_getEmail", emailId=number)
    assert (live["html"], live["text"]) == ("<p>1</p>", text or "")


def test_content_that_nobody_declares_or_can_read_does_not_go_out_unasked(world: World) -> None:
    done(world, campaign(initiate=False), SEND)
    undeclared = campaign(email={"name": "Mail"})
    code, events, _ = world.apply(undeclared, SEND)
    assert code == 3, failures(events)
    assert not queued(world)
    assert done(world, undeclared, ALL) == ["gatormail_initiateCampaign"]
    assert queued(world) == [NOW + DAY]


def test_a_renamed_group_keeps_its_exclusions(world: World) -> None:
    done(world, campaign(), SEND)
    former = id_of(world, GROUP)
    renamed = campaign() | declared(gator("group", "buyers", {"name": "Buyers 2027"}))
    assert done(world, renamed, ALL) == [
        "gatormail_addGroup",
        "gatormail_groupExcludedContactpost",
        "gatormail_groupIncludedContactpost",
        "gatormail_uninitiateCampaign",
        "gatormail_updateEmail",
        "gatormail_updateCampaign",
        "gatormail_initiateCampaign",
        "gatormail_deleteGroup",
    ]
    new = id_of(world, GROUP)
    assert new != former
    excluded = [row["emailLogin"] for row in world.gator.pages("gatormail_groupExcludedContactget", groupId=new)]
    assert excluded == ["out@example.com"]
    assert queued(world) == [NOW + DAY]


def test_somebody_who_leaves_while_a_group_is_made_anew_stays_out(world: World) -> None:
    """The former group is kept until the new one has every exclusion."""
    done(world, campaign(), SEND)
    former = id_of(world, GROUP)
    send = world.gator.send

    def meanwhile(call: Any, *ticket: Any) -> Any:
        if call.operation == "gatormail_deleteGroup":
            world.gator.send = send  # type: ignore[method-assign]
            people = [{"emailLogin": "ada@example.com"}]
            world.call("gatormail_groupExcludedContactpost", groupId=former, contacts=people)
        return send(call, *ticket)

    world.gator.send = meanwhile  # type: ignore[method-assign]
    renamed = campaign() | declared(gator("group", "buyers", {"name": "Buyers 2027"}))
    code, events, _ = world.apply(renamed, ALL)
    assert code == 6
    assert "more were excluded" in failures(events)[0]
    code, events, _ = world.apply(renamed, ALL)
    assert code == 0, failures(events)
    new = id_of(world, GROUP)
    excluded = {row["emailLogin"] for row in world.gator.pages("gatormail_groupExcludedContactget", groupId=new)}
    assert excluded == {"ada@example.com", "out@example.com"}
    assert [row["id"] for row in world.gator.pages("gatormail_groupList")] == [str(new)]


@pytest.mark.parametrize("why", ["edited outside", "asked for", "moved"])
def test_whatever_a_group_is_made_anew_for_it_keeps_everybody(world: World, why: str) -> None:
    desired = campaign()
    done(world, desired, SEND)
    former = id_of(world, GROUP)
    request = Request(replace=(GROUP,)) if why == "asked for" else None
    if why != "asked for":
        edit(world, GROUP, {"name": "By hand"})
    if why == "moved":
        where = Address("gatormail", "group", "people")
        moved = replace(desired[GROUP], address=where, was=(GROUP,))
        desired = campaign(group=ref("group", "people", "gatormail"))
        del desired[GROUP]
        desired[where] = moved
    code, events, _ = world.apply(desired, ALL, request)
    assert code == 0, failures(events)
    state = world.store.read()
    assert state is not None
    new = next(int(kept.id) for address, kept in state.resources.items() if address.kind == "group")
    assert new != former
    for operation, person in (("Included", "ada"), ("Excluded", "out")):
        rows = world.gator.pages(f"gatormail_group{operation}Contactget", groupId=new)
        assert [row["emailLogin"] for row in rows] == [f"{person}@example.com"]
    assert queued(world) == [NOW + DAY]
    assert [row["id"] for row in operator(world).groups()] == [new]


def test_a_group_outlives_what_a_replacement_left_behind(world: World) -> None:
    done(world, campaign(initiate=False))
    world.sandbox.faults.set(["500:gatormail_deleteCampaign"])
    others = declared(gator("group", "others", {"name": "Others"}))
    anew = {
        **others,
        **campaign(initiate=False, type="StaticRecurring", group=ref("group", "others", "gatormail")),
    }
    assert world.apply(anew, ALL)[0] == 6
    world.sandbox.faults.set([])
    del anew[GROUP]
    assert done(world, anew, ALL) == ["gatormail_deleteCampaign", "gatormail_deleteGroup"]


def test_where_exclusions_cant_be_read_a_group_is_not_made_anew() -> None:
    world = prepared(World(contract={"cap.membership.read": False}))
    code, events, _ = world.apply(declared(gator("group", "buyers", {"name": "Other"})), ALL)
    assert code == 3
    assert "opt-outs would be lost" in failures(events)[0]


def test_where_groups_can_be_renamed_they_are() -> None:
    world = prepared(World(contract={"cap.group.update": True}))
    assert done(world, declared(gator("group", "buyers", {"name": "Other"}))) == ["gatormail_updateGroup"]


def test_a_lost_state_finds_a_renamed_campaign_by_its_mark(world: World) -> None:
    done(world, campaign(initiate=False))
    id_ = id_of(world, CAMPAIGN)
    world.call("gatormail_updateCampaign", **_live(world, id_), name="Renamed by hand")
    lose_state(world)
    assert [found.id for found in world.plan(campaign(initiate=False)).steps.values()]
    made = world.plan(campaign(initiate=False))
    assert made.steps[CAMPAIGN].twins == (str(id_),)


def _live(world: World, id_: int) -> dict[str, Any]:
    live = world.call("gatormail_getCampaign", campaignId=id_)
    kept = {name: live[name] for name in ("type", "crmId", "startDate", "subject", "fromAddress")}
    return {"campaignId": id_, **kept, "group": {"id": live["group"]["id"]}, "email": {"id": live["email"]["id"]}}
