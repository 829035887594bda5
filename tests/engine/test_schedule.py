"""Schedules: set, moved, cancelled, frozen, past, sent; and never two of one campaign."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from reconcile.engine.run import Outcome, Rights
from reconcile.errors import ReconcileError, Refused
from reconcile.model.address import Address
from reconcile.model.policy import Policy
from reconcile.model.resource import Resource
from reconcile.planner.plan import Plan, Right, SendChange
from tests.budget import every_fifth
from tests.outside import colleague
from tests.world import BASE, NOW, World, declared, failures, ref, resource, shape

HOUR = 3600.0
DAY = 24 * HOUR
SEND = Rights(frozenset([Right.SEND]), deletes=100)
ALL = Rights(frozenset(Right), deletes=100)


def instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def campaign(schedule: float | str | None = "absent", **members: Any) -> dict[Address, Resource]:
    attributes = {"subject": "Spring", "body": "<p>1</p>", "lists": (ref("list", "a"),), **members}
    if schedule != "absent":
        attributes["schedule"] = instant(schedule) if isinstance(schedule, float) else schedule
    return declared(resource("list", "a", {"name": "A"}), resource("campaign", "c", attributes))


def rendered(schedule: float, word: str) -> dict[Address, Resource]:
    """A campaign made from a template: another word makes it anew."""
    attributes = {
        "subject": "Spring",
        "template": ref("template", "t"),
        "templateCustomAttributes": {"texts": {"x": {"value": word}}},
        "lists": (ref("list", "a"),),
        "schedule": instant(schedule),
    }
    return declared(
        resource("list", "a", {"name": "A"}),
        resource("template", "t", {"subject": "T", "body": "<p>{{x}}</p>"}),
        resource("campaign", "c", attributes),
    )


@pytest.fixture
def world() -> World:
    """A world whose runs may send, with one person on the list."""
    made = World(may_send=True)
    made.apply(declared(resource("list", "a", {"name": "A"})))
    state = made.store.read()
    assert state is not None
    list_id = int(next(iter(state.resources.values())).id)
    made.api("create-recipient", email="ada@example.com", listIds=[list_id])
    made.clear_log()
    return made


def scheduled(world: World) -> list[tuple[str, float]]:
    """What the emulator would send: subject and time."""
    return [(found["subject"], found["sendDate"]) for found in world.sandbox.sends() if found["state"] == "scheduled"]


def sent(world: World) -> int:
    return sum(found["state"] == "sent" for found in world.sandbox.sends())


def only(made: Plan) -> list[str]:
    return [call.operation for call in made.writes]


def code_of(world: World, desired: dict[Address, Resource], rights: Rights = SEND) -> int:
    code, events, _ = world.apply(desired, rights)
    assert code == 0, failures(events)
    return code


def test_a_schedule_is_set_once(world: World) -> None:
    code, _, made = world.apply(campaign(NOW + DAY), SEND)
    assert code == 0
    assert only(made) == ["create-newsletter", "send-newsletter"]
    send = made.steps[Address("squalomail", "campaign", "c")].send
    assert send is not None
    assert (send.before, send.after, send.to) == (None, NOW + DAY, (Address("squalomail", "list", "a"),))
    assert (send.people, send.changes) == (1, (SendChange.NEW,))
    assert scheduled(world) == [("Spring", NOW + DAY)]
    assert not world.plan(campaign(NOW + DAY)).has_changes


def test_what_was_due_and_deleted_outside_is_not_mailed_again(world: World) -> None:
    code_of(world, campaign(NOW + DAY))
    world.now += 2 * DAY
    mails = sent(world)
    assert mails
    (row,) = world.rows("Mail", 'subject=="Spring"')
    colleague(world).delete("campaign", str(row["mailid"]))
    later = campaign(world.now + DAY)
    code, events, made = world.apply(later, ALL)
    assert code == 3, failures(events)
    blocked = made.steps[Address("squalomail", "campaign", "c")].blocked
    assert blocked is not None
    assert blocked.code == "may-have-gone-out"
    assert not scheduled(world)
    meant = {at: replace(one, allow_duplicate=at.kind == "campaign") for at, one in later.items()}
    code_of(world, meant, ALL)
    assert len(scheduled(world)) == 1


def test_what_was_deleted_before_it_was_due_is_made_anew(world: World) -> None:
    code_of(world, campaign(NOW + 2 * DAY))
    (row,) = world.rows("Mail", 'subject=="Spring"')
    colleague(world).delete("campaign", str(row["mailid"]))
    code_of(world, campaign(NOW + 2 * DAY), ALL)
    assert len(scheduled(world)) == 1


def test_a_send_needs_the_right(world: World) -> None:
    world.let_send(False)
    with pytest.raises(Refused, match="may not send"):
        world.apply(campaign(NOW + DAY))
    assert not world.writes()
    code, events, _ = world.apply(campaign(NOW + DAY), Rights(without_sends=True))
    assert code == 0
    assert {event.outcome for event in events if event.outcome} == {Outcome.POSTPONED}
    assert not scheduled(world)


def test_what_waits_for_a_send_is_left_for_later_too(world: World) -> None:
    code_of(world, campaign(None))
    before = world.rows("List", 'name=="A"')
    moved = {"subject": "Spring", "body": "<p>1</p>", "lists": (ref("list", "z"),), "schedule": instant(NOW + DAY)}
    desired = declared(resource("list", "z", {"name": "Z"}), resource("campaign", "c", moved))
    world.let_send(False)
    code, events, _ = world.apply(desired, Rights(without_sends=True, deletes=9))
    assert code == 0, failures(events)
    ends = {str(event.step.address): event.outcome for event in events if event.outcome}
    assert ends == {
        "squalomail.list.z": Outcome.APPLIED,
        "squalomail.campaign.c": Outcome.POSTPONED,
        "squalomail.list.a": Outcome.POSTPONED,
    }
    assert world.rows("List", 'name=="A"') == before


def test_what_is_refused_for_another_reason_too_is_no_send_left_for_later(world: World) -> None:
    world.let_send(False)
    code, events, _ = world.apply(campaign(NOW + 30), Rights(without_sends=True))  # within the freeze
    assert code == 3
    assert Outcome.POSTPONED not in {event.outcome for event in events}


def test_the_transport_refuses_a_send_without_the_right() -> None:
    world = World()
    code, events, _ = world.apply(campaign(NOW + DAY), SEND)
    assert code == 6
    assert any("not the right to send" in text for text in failures(events))
    assert any("NOT SCHEDULED" in text for text in failures(events))
    assert not scheduled(world)


def test_moving_a_schedule_cancels_first(world: World) -> None:
    code_of(world, campaign(NOW + DAY))
    world.clear_log()
    _, _, made = world.apply(campaign(NOW + 2 * DAY), SEND)
    assert only(made) == ["cancel-sending-newsletter", "send-newsletter"] == world.writes()
    assert scheduled(world) == [("Spring", NOW + 2 * DAY)]
    assert not world.plan(campaign(NOW + 2 * DAY)).has_changes


def test_the_same_instant_in_another_zone_is_no_change(world: World) -> None:
    code_of(world, campaign("2027-02-01T09:00:00+01:00"))
    assert not world.plan(campaign("2027-02-01T08:00:00Z")).has_changes


def test_null_cancels_and_needs_no_right(world: World) -> None:
    code_of(world, campaign(NOW + DAY))
    _, _, made = world.apply(campaign(None))
    assert only(made) == ["cancel-sending-newsletter"]
    assert not scheduled(world)
    assert not world.plan(campaign(None)).has_changes


def test_stopping_is_possible_within_the_freeze(world: World) -> None:
    code_of(world, campaign(NOW + DAY))
    world.now = NOW + DAY - 60
    assert code_of(world, campaign(None), Rights()) == 0
    assert not scheduled(world)


@pytest.mark.parametrize("change", [{"schedule": NOW + 3 * DAY}, {"subject": "Other"}, {"body": "<p>2</p>"}])
def test_within_the_freeze_nothing_else_is_written(world: World, change: dict[str, Any]) -> None:
    code_of(world, campaign(NOW + DAY))
    world.now = NOW + DAY - 30 * 60
    world.clear_log()
    code, events, _ = world.apply(campaign(**({"schedule": NOW + DAY} | change)), ALL)
    assert code == 3
    assert "freeze window" in failures(events)[0]
    assert not world.writes()


def test_an_entry_taken_out_within_the_freeze_is_stopped(world: World) -> None:
    code_of(world, campaign(NOW + DAY))
    world.now = NOW + DAY - 30 * 60
    _, _, made = world.apply(declared(resource("list", "a", {"name": "A"})), ALL)
    assert only(made) == ["cancel-sending-newsletter", "delete-newsletter"]
    assert not scheduled(world)


@pytest.mark.parametrize(("ahead", "message"), [(-60.0, "in the past"), (HOUR - 1, "within the freeze window")])
def test_a_schedule_must_lie_beyond_the_freeze(world: World, ahead: float, message: str) -> None:
    code, events, _ = world.apply(campaign(NOW + ahead), SEND)
    assert code == 3
    assert message in failures(events)[0]
    assert not world.writes()


def test_the_freeze_is_checked_again_right_before_the_call(world: World) -> None:
    """The clock reaches the freeze while the campaign is being made."""
    readings = iter([NOW] * 4)
    world.workspace = replace(world.workspace, clock=lambda: next(readings, NOW + 10 * HOUR))
    code, events, _ = world.apply(campaign(NOW + 2 * HOUR), SEND)
    assert code in (3, 6)
    assert not scheduled(world), failures(events)


def test_content_changes_while_scheduled_keep_the_schedule(world: World) -> None:
    code_of(world, campaign(NOW + DAY))
    _, _, made = world.apply(campaign(NOW + DAY, body="<p>2</p>"), Rights())
    assert only(made) == ["update-newsletter"]
    assert scheduled(world) == [("Spring", NOW + DAY)]


def test_more_lists_for_a_scheduled_campaign_are_a_send(world: World) -> None:
    code_of(world, campaign(NOW + DAY))
    more = campaign(NOW + DAY, lists=(ref("list", "a"), ref("list", "b"))) | declared(
        resource("list", "b", {"name": "B"})
    )
    code_of(world, declared(resource("list", "b", {"name": "B"})) | campaign(NOW + DAY))
    world.let_send(False)
    with pytest.raises(Refused, match="people get mail"):
        world.apply(more)
    world.let_send(True)
    code_of(world, more)
    fewer = declared(resource("list", "b", {"name": "B"})) | campaign(NOW + DAY)
    code_of(world, fewer, Rights())


def test_replacing_a_scheduled_campaign_never_has_two_scheduled(world: World) -> None:
    code_of(world, rendered(NOW + DAY, "1"))
    world.clear_log()
    _, _, made = world.apply(rendered(NOW + DAY, "2"), SEND)
    assert world.writes() == [
        "create-newsletter-from-template",
        "cancel-sending-newsletter",
        "send-newsletter",
        "delete-newsletter",
    ]
    assert sorted(only(made)) == sorted(world.writes())
    assert scheduled(world) == [("Spring", NOW + DAY)]
    assert [row["body"] for row in world.rows("Mail", 'subject=="Spring"')] == ["<p>2</p>"]


def test_a_sent_campaign_is_in_sync_for_ever(world: World) -> None:
    code_of(world, campaign(NOW + DAY))
    world.now = NOW + DAY + 60
    world.sandbox.settle()
    assert sent(world) == 1
    for desired in (campaign(NOW + DAY), campaign(NOW + 5 * DAY, body="<p>other</p>"), campaign(None)):
        assert not world.plan(desired).has_changes
        assert world.apply(desired, ALL)[0] == 0
    note = world.plan(campaign(NOW + 5 * DAY)).steps[Address("squalomail", "campaign", "c")].note
    assert note is not None
    assert "schedule" in note
    made = world.plan(declared(resource("list", "a", {"name": "A"})))
    assert shape(made) == {"squalomail.campaign.c": "forget"}
    assert sent(world) == 1


def test_a_sent_campaign_is_not_sent_again_after_its_state_is_lost(world: World) -> None:
    code_of(world, campaign(NOW + DAY))
    world.now = NOW + 2 * DAY
    world.sandbox.settle()
    for path in world.home.glob("state.json*"):
        path.unlink()
    for schedule in (NOW + DAY, NOW + 9 * DAY):
        with pytest.raises(Refused, match="no state"):
            world.apply(campaign(schedule), ALL)
    assert sent(world) == 1


def test_another_ones_schedule_is_not_cancelled(world: World) -> None:
    code_of(world, campaign(None))
    state = world.store.read()
    assert state is not None
    id_ = int(state.resources[Address("squalomail", "campaign", "c")].id)
    world.api("send-newsletter", newsletterId=id_, sendDate=int(NOW + DAY))
    for desired in (campaign(None), campaign(NOW + 2 * DAY), declared(resource("list", "a", {"name": "A"}))):
        code, events, _ = world.apply(desired, ALL)
        assert code == 3
        assert "not by this project" in failures(events)[0]
    assert scheduled(world) == [("Spring", NOW + DAY)]
    assert world.apply(campaign("absent"), ALL)[0] == 0, "what is not declared is not managed"
    assert code_of(world, campaign(NOW + DAY)) == 0, "declaring that very time takes it over"
    assert code_of(world, campaign(None)) == 0


def test_a_schedule_cancelled_by_hand_is_drift(world: World) -> None:
    code_of(world, campaign(NOW + DAY))
    state = world.store.read()
    assert state is not None
    id_ = int(state.resources[Address("squalomail", "campaign", "c")].id)
    world.api("cancel-sending-newsletter", newsletterId=id_)
    code, events, _ = world.apply(campaign(NOW + DAY), SEND)
    assert code == 3
    assert "outside" in failures(events)[0]
    assert not scheduled(world)
    code_of(world, campaign(NOW + DAY), ALL)
    assert scheduled(world) == [("Spring", NOW + DAY)]


KINDS = ("refuse", "drop-before", "drop-after", "timeout", "truncate", "500", "429:after=0")


def _apply(world: World, desired: dict[Address, Resource]) -> int:
    try:
        return world.apply(desired, ALL)[0]
    except ReconcileError as error:
        return error.exit_code


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", ["set", "move", "replace", "cancel", "delete"])
def test_every_fault_at_every_call(kind: str, change: str) -> None:
    """Whatever breaks, at no time are two of one campaign scheduled, and one more apply converges."""
    before, after = {
        "set": (None, rendered(NOW + DAY, "1")),
        "move": (rendered(NOW + DAY, "1"), rendered(NOW + 2 * DAY, "1")),
        "replace": (rendered(NOW + DAY, "1"), rendered(NOW + 2 * DAY, "2")),
        "cancel": (campaign(NOW + DAY), campaign(None)),
        "delete": (campaign(NOW + DAY), declared(resource("list", "a", {"name": "A"}))),
    }[change]
    # Each call meets every third kind; `make chaos` has them all.
    for call in every_fifth(KINDS.index(kind), 60):
        world = World(may_send=True)
        if before is not None:
            assert _apply(world, before) == 0
        world.clear_log()
        world.sandbox.faults.set([f"{kind}:n={call}"])
        _apply(world, after)
        if len(world.log()) < call:
            break
        world.sandbox.faults.set([])
        assert len(_planned_sends(world)) <= 1, f"{kind} at call {call}"
        code, events, _ = world.apply(after, ALL)
        assert code == 0, f"{kind} at call {call}: {failures(events)}"
        assert not world.plan(after).has_changes
        wanted = {"set": NOW + DAY, "move": NOW + 2 * DAY, "replace": NOW + 2 * DAY}.get(change)
        assert _planned_sends(world) == ([("Spring", wanted)] if wanted else []), f"{kind} at call {call}"
        assert len(world.rows("Mail", 'subject=="Spring"')) == (0 if change == "delete" else 1)
    assert call > 5


def _planned_sends(world: World) -> list[tuple[str, float]]:
    """Scheduled newsletters, whether anybody is on their lists or not."""
    return [(row["subject"], row["senddate"]) for row in world.rows("Mail", "published==2")]


def test_the_policy_can_widen_the_freeze() -> None:
    world = World(may_send=True, policy=Policy(freeze=5 * HOUR))
    code, events, _ = world.apply(campaign(NOW + 4 * HOUR), SEND)
    assert code == 6, failures(events)
    assert "300 minutes" in failures(events)[0]


def test_the_emulators_clock_sends_what_is_due(world: World) -> None:
    code_of(world, campaign(NOW + DAY))
    with httpx.Client(transport=httpx.MockTransport(world.sandbox.handle)) as client:
        client.post(f"{BASE}/_sandbox/clock", json={"now": NOW + DAY + 1})
    assert sent(world) == 1
