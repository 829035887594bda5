"""Instances that show less: what is unread is listed, nothing is sent twice on doubt, stopping works all the same.

Also what a lost state, marks and names that are there twice come to.
"""

from collections.abc import Callable
from typing import Any

import pytest

from reconcile.engine.adopt import adopt
from reconcile.engine.run import Rights
from reconcile.errors import Refused
from reconcile.model.address import Address
from reconcile.model.call import Call
from reconcile.model.kind import Action
from reconcile.model.resource import Resource
from reconcile.planner.plan import Right
from reconcile.providers.shapes import Misfit
from tests.budget import every_fifth
from tests.engine.test_gatormail_schedule import (
    CAMPAIGN,
    EMAIL,
    GROUP,
    campaign,
    done,
    id_of,
    lose_state,
    prepared,
    queued,
    sent,
)
from tests.engine.test_schedule import ALL, DAY, KINDS, SEND
from tests.outside import edit, operator
from tests.world import NOW, World, declared, failures, gator, resource

INITIATE, TAKE_BACK, UPDATE = (f"gatormail_{verb}Campaign" for verb in ("initiate", "uninitiate", "update"))
CONTENT = "gatormail_updateEmail"
KNOWING = Rights(frozenset([Right.SEND, Right.ACCEPT_UNKNOWN]))
OTHER_MAIL = EMAIL | {"html": "<p>2</p>"}


def without_status(**options: Any) -> World:
    """An instance that does not show where a campaign stands; initiating one that is queued would send it twice."""
    switches = {"campaign_status": False, "initiate_again": "requeue"}
    return prepared(World(may_send=True, gatormail=switches, contract={"cap.campaign.status": False}, **options))


def without_reading() -> World:
    limits = {"gatormail": {"campaign_read": False}, "contract": {"cap.campaign.read": False}}
    return prepared(World(may_send=True, **limits))


def unchecked(world: World, desired: dict[Address, Resource]) -> set[str]:
    return set(world.plan(desired).steps[CAMPAIGN].unchecked)


# What is listed


@pytest.mark.parametrize("change", [{}, {"subject": "Other"}, {"email": OTHER_MAIL}, {"initiate": False}])
def test_the_content_is_unchecked_in_every_plan(change: dict[str, Any]) -> None:
    world = prepared(World(may_send=True))
    done(world, campaign())
    assert unchecked(world, campaign(**change)) == {"email.html", "email.text"}


@pytest.mark.parametrize("change", [{}, {"name": "Other"}, {"email": OTHER_MAIL}])
def test_without_reading_campaigns_all_but_the_list_is_unchecked(change: dict[str, Any]) -> None:
    world = without_reading()
    done(world, campaign(initiate=False))
    hidden = {"subject", "fromAddress", "group", *(f"email.{name}" for name in EMAIL)}
    assert unchecked(world, campaign(initiate=False, **change)) == hidden


def test_without_reading_campaigns_what_was_declared_is_written_again() -> None:
    world = without_reading()
    done(world, campaign(initiate=False))
    assert done(world, campaign(initiate=False, name="Other")) == [UPDATE]
    live = operator(world).campaign(str(id_of(world, CAMPAIGN)))
    assert (live["name"], live["subject"], live["group"]["id"]) == ("Other", "We are live", str(id_of(world, GROUP)))
    assert live["email"]["html"] == EMAIL["html"]


# Where a campaign stands can't be read


def test_initiating_needs_to_accept_the_unknown() -> None:
    world = without_status()
    done(world, campaign(initiate=False))
    code, events, _ = world.apply(campaign(), SEND)
    assert code == 3
    assert "--accept-unknown" in str(events[-1].diagnostics[0].hint)
    assert not queued(world)
    assert "initiate" in unchecked(world, campaign())
    assert done(world, campaign(), KNOWING) == [CONTENT, INITIATE]
    assert queued(world) == [NOW + DAY]
    assert not done(world, campaign(), KNOWING)


@pytest.mark.parametrize("fault", KINDS)
def test_on_doubt_it_is_not_initiated_again(fault: str) -> None:
    """Whatever becomes of the call or its reply: one more apply, and one more, and there is no double."""
    for call in every_fifth(KINDS.index(fault), 40):
        world = without_status()
        done(world, campaign(initiate=False))
        world.clear_log()
        world.sandbox.faults.set([f"{fault}:n={call}"])
        world.apply(campaign(), KNOWING)
        if len(world.log()) < call:
            break
        world.sandbox.faults.set([])
        world.apply(campaign(), KNOWING)
        world.apply(campaign(), KNOWING)
        assert world.writes().count(INITIATE) <= 2
        assert len(queued(world)) <= 1
        world.now = NOW + 2 * DAY
        world.apply(campaign(), KNOWING)
        assert sent(world) <= 1, call
    assert call > 4


def test_stopping_needs_no_right_and_happens() -> None:
    world = without_status()
    done(world, campaign(), KNOWING)
    world.now = NOW + DAY - 60
    assert done(world, campaign(initiate=False), Rights()) == [TAKE_BACK]
    assert not queued(world)
    assert not done(world, campaign(initiate=False), Rights())


def test_a_change_takes_back_what_we_queued() -> None:
    world = without_status()
    done(world, campaign(), KNOWING)
    assert done(world, campaign(subject="Other"), KNOWING) == [TAKE_BACK, CONTENT, UPDATE, INITIATE]
    assert done(world, campaign(NOW + 2 * DAY, subject="Other"), KNOWING) == [TAKE_BACK, CONTENT, UPDATE, INITIATE]
    assert queued(world) == [NOW + 2 * DAY]


def test_an_entry_taken_out_within_the_freeze_is_taken_back() -> None:
    world = without_status()
    done(world, campaign(), KNOWING)
    world.now = NOW + DAY - 60
    assert TAKE_BACK in done(world, {GROUP: campaign()[GROUP]}, ALL)
    assert not queued(world)


_CHANGES = [{"subject": "Other"}, {"email": OTHER_MAIL}, {"type": "Followup"}]


@pytest.mark.parametrize(
    ("later", "words", "change"),
    [
        *((DAY - 60, "freeze window", change) for change in _CHANGES),
        *((2 * DAY, "was sent", change) for change in (*_CHANGES, None)),
    ],
)
def test_what_is_about_to_be_sent_or_was_is_left_alone(later: float, words: str, change: dict[str, Any] | None) -> None:
    world = without_status()
    done(world, campaign(), KNOWING)
    world.now = NOW + later
    world.clear_log()
    desired = campaign(**change) if change is not None else {GROUP: campaign()[GROUP]}
    code, events, _ = world.apply(desired, ALL)
    assert code == 3
    assert any(words in text for text in failures(events))
    assert not world.writes()


# Lost states and marks


def test_a_lost_state_is_adopted_as_it_was() -> None:
    world = prepared(World(may_send=True))
    done(world, campaign())
    before = {GROUP: str(id_of(world, GROUP)), CAMPAIGN: str(id_of(world, CAMPAIGN))}
    lose_state(world)
    world.clear_log()
    with pytest.raises(Refused, match="exist in the account already") as refused:
        world.apply(campaign(), ALL)
    assert refused.value.exit_code == 3
    assert not world.writes()
    assert adopted(world, campaign()) == (before, [], [])
    assert not world.plan(campaign()).writes
    assert queued(world) == [NOW + DAY]
    # What we had queued is ours again.
    assert done(world, campaign(initiate=False), Rights()) == [TAKE_BACK]


def test_a_text_that_is_changed_after_the_adoption_is_written() -> None:
    """What is in the e-mail is unknown and no reason to write; another text in the manifest is."""
    world = prepared(World(may_send=True))
    done(world, campaign(initiate=False))
    lose_state(world)
    desired = campaign(initiate=False)
    adopted(world, desired)
    assert not done(world, desired, ALL)
    assert not world.plan(desired).writes
    changed = campaign(initiate=False, email=OTHER_MAIL)
    assert done(world, changed) == ["gatormail_updateEmail"]
    assert operator(world).campaign(str(id_of(world, CAMPAIGN)))["email"]["html"] == "<p>2</p>"


def test_a_text_that_was_never_declared_is_written_once_it_is() -> None:
    world = prepared(World(may_send=True))
    done(world, campaign(initiate=False))
    lose_state(world)
    named = {name: EMAIL[name] for name in ("name", "autoTrackLinks")}
    adopted(world, campaign(initiate=False, email=named))
    assert not world.plan(campaign(initiate=False, email=named)).writes
    half = campaign(initiate=False, email={**named, "html": "<p>2</p>"})
    code, events, _ = world.apply(half, SEND)
    assert code == 3  # the text version may be lost
    assert "email.text" in failures(events)[0]
    assert done(world, campaign(initiate=False, email=OTHER_MAIL)) == ["gatormail_updateEmail"]
    assert not world.plan(campaign(initiate=False, email=OTHER_MAIL)).writes


def test_a_campaign_renamed_by_hand_is_not_made_a_second_time() -> None:
    world = prepared(World(may_send=True))
    done(world, campaign())
    edit(world, CAMPAIGN, {"name": "By hand"})
    former = str(id_of(world, CAMPAIGN))
    with world.store.lock("lose") as locked:
        locked.remove(CAMPAIGN)
    code, events, _ = world.apply(campaign(), ALL)
    assert code == 3
    assert f"reconcile import gatormail.campaign.launch {former}" in str(events[-1].diagnostics[0].hint)
    assert len(operator(world).campaigns()) == 1
    assert adopted(world, campaign())[0] == {CAMPAIGN: former}
    assert done(world, campaign(), ALL) == [TAKE_BACK, CONTENT, UPDATE, INITIATE]
    assert operator(world).campaign(former)["name"] == "Launch"
    assert queued(world) == [NOW + DAY]


def test_namesakes_are_told_apart_by_their_marks() -> None:
    """Two entries of one name: each gets the object that was made for it, however they are sorted."""
    world = World(may_send=True)
    desired = declared(
        *(gator("campaign", name, {"name": "Same", "subject": name}, allow_duplicate=True) for name in "ab")
    )
    assert world.apply(desired, ALL)[0] == 0
    before = {address: str(id_of(world, address)) for address in desired}
    lose_state(world)
    assert adopted(world, desired) == (before, [], [])
    lose_state(world)
    world.call("gatormail_deleteCampaign", campaignId=int(before[Address("gatormail", "campaign", "a")]))
    b = Address("gatormail", "campaign", "b")
    assert adopted(world, desired) == ({b: before[b]}, [Address("gatormail", "campaign", "a")], [])


def test_two_groups_of_one_name_are_an_error_with_both_ids() -> None:
    world = prepared(World())
    former = id_of(world, GROUP)
    other = operator(world).make("group", {"name": "Buyers"})
    lose_state(world)
    with pytest.raises(Refused):
        world.apply({GROUP: campaign()[GROUP]}, ALL)
    bound, _, findings = adopted(world, {GROUP: campaign()[GROUP]})
    assert not bound
    assert f"ids {former}, {other}" in findings[0]


def adopted(world: World, desired: dict[Address, Resource]) -> tuple[dict[Address, str], list[Address], list[str]]:
    with world.store.lock("adopt") as locked:
        adoption = adopt(world.workspace, locked, desired)
    return adoption.bound, adoption.unmatched, [finding.detail for finding in adoption.findings]


# A list that comes back empty


@pytest.mark.parametrize("listing", ["gatormail_groupList", "gatormail_campaignList", "get-lists-details"])
def test_nothing_is_made_anew_because_a_list_came_back_empty(listing: str) -> None:
    world = prepared(World(may_send=True))
    desired = campaign(initiate=False) | declared(resource("list", "news", {"name": "News"}))
    assert world.apply(desired, ALL)[0] == 0
    world.clear_log()
    for client in (world.gator, world.client):
        client.send = emptied(client.send, listing)  # type: ignore[method-assign]
    with pytest.raises(Misfit, match=rf"{listing}: .*so that nobody knows what is there"):
        world.plan(desired)
    assert world.writes() == []


def emptied(send: Callable[..., Any], listing: str) -> Callable[..., Any]:
    """A client whose answers to one operation have no rows."""

    def meddled(call: Call, *ticket: Any) -> Any:
        answer = send(call, *ticket)
        return answer if call.operation != listing else [] if isinstance(answer, list) else answer | {"lists": []}

    return meddled


def test_what_is_gone_is_made_anew_though_it_was_the_only_one() -> None:
    world = World()
    desired = declared(gator("group", "buyers", {"name": "Buyers"}), resource("list", "news", {"name": "News"}))
    assert world.apply(desired, ALL)[0] == 0
    state = world.store.read()
    assert state is not None
    ids = {str(address): applied.id for address, applied in state.resources.items()}
    world.call("gatormail_deleteGroup", groupId=ids["gatormail.group.buyers"])
    world.api("delete-list", listId=int(ids["squalomail.list.news"]))
    made = world.plan(desired)
    assert {str(address): step.action for address, step in made.steps.items()} == dict.fromkeys(ids, Action.CREATE)
