"""Mail that is not to go out any more is stopped first of all, whatever else stands in the way, on both platforms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from reconcile.engine.run import Rights
from reconcile.errors import ApiError
from reconcile.model.address import Address
from reconcile.model.call import Call
from reconcile.model.instant import as_text
from reconcile.model.resource import Resource
from reconcile.planner.plan import Right
from tests.outside import id_of
from tests.world import NOW, World, declared, failures, gator, ref, resource

DAY = 86_400.0
SEND = Rights(frozenset([Right.SEND]), deletes=9)


@dataclass(frozen=True)
class Platform:
    """How one platform's mail is scheduled, stopped and edited by a colleague."""

    campaign: Address
    target: Address
    declared: Callable[..., dict[Address, Resource]]
    stop: str
    read_targets: str
    edit: Callable[[World], Any]


def squalo(*, goes: bool = True, subject: str = "S", target: str = "A", when: float = NOW + DAY) -> Any:
    members = {"subject": subject, "body": "<p>1</p>", "lists": (ref("list", "a"),)}
    return declared(
        resource("list", "a", {"name": target}),
        resource("campaign", "c", {**members, "schedule": as_text(when) if goes else None}),
    )


def gatormail(*, goes: bool = True, subject: str = "S", target: str = "A", when: float = NOW + DAY) -> Any:
    members = {"name": "C", "subject": subject, "fromAddress": "a@b.test", "email": {"html": "<p>1</p>"}}
    return declared(
        gator("group", "a", {"name": target}),
        gator(
            "campaign",
            "c",
            {**members, "group": ref("group", "a", "gatormail"), "startDate": as_text(when), "initiate": goes},
        ),
    )


def edit_squalo(world: World) -> None:
    row = world.rows("Mail", 'subject=="S"')[0]
    world.api("update-newsletter", id=row["mailid"], subject="colleague", body=row["body"], listIds=[1])


def edit_gatormail(world: World) -> None:
    made = int(id_of(world, GATOR.campaign))
    live = world.call("gatormail_getCampaign", campaignId=made)
    world.call("gatormail_uninitiateCampaign", campaignId=made)
    kept = {name: live[name] for name in ("name", "fromAddress", "startDate", "type")}
    refers = {name: {"id": live[name]["id"]} for name in ("group", "email")}
    world.call("gatormail_updateCampaign", campaignId=made, **kept, **refers, subject="colleague")
    world.call("gatormail_initiateCampaign", campaignId=made)


SQUALO = Platform(
    Address("squalomail", "campaign", "c"),
    Address("squalomail", "list", "a"),
    squalo,
    "cancel-sending-newsletter",
    "get-lists-details",
    edit_squalo,
)
GATOR = Platform(
    Address("gatormail", "campaign", "c"),
    Address("gatormail", "group", "a"),
    gatormail,
    "gatormail_uninitiateCampaign",
    "gatormail_groupList",
    edit_gatormail,
)
BOTH = pytest.mark.parametrize("there", [SQUALO, GATOR], ids=["squalomail", "gatormail"])


def scheduled(there: Platform) -> World:
    """An account in which the campaign waits to be sent to one person."""
    world = World(may_send=True)
    assert world.apply({there.target: there.declared()[there.target]})[0] == 0
    if there is SQUALO:
        world.api("create-recipient", email="ann@example.com", listIds=[1])
    else:
        group = int(id_of(world, there.target))
        world.call("gatormail_groupIncludedContactpost", groupId=group, contacts=[{"emailLogin": "ann@example.com"}])
    code, events, _ = world.apply(there.declared(), SEND)
    assert code == 0, failures(events)
    assert len(waiting(world)) == 1
    world.clear_log()
    return world


def waiting(world: World) -> list[dict[str, Any]]:
    return [sent for sent in world.sends() if "scheduled" in (sent.get("status"), sent.get("state"))]


@BOTH
def test_a_stop_is_made_before_anything_else(there: Platform) -> None:
    world = scheduled(there)
    more = {f"n{number}": {"name": f"N{number}"} for number in range(3)}
    kind = there.target.kind
    added = declared(*(resource(kind, name, members, provider=kind_of(there)) for name, members in more.items()))
    code, events, _ = world.apply({**added, **there.declared(goes=False, subject="S 2")}, SEND)
    assert code == 0, failures(events)
    assert world.writes()[0] == there.stop
    assert not waiting(world)


def kind_of(there: Platform) -> str:
    return there.campaign.provider


@BOTH
@pytest.mark.parametrize("change", [{}, {"subject": "S 2"}, {"when": NOW + 9 * DAY}], ids=["alone", "subject", "time"])
def test_it_is_made_within_the_freeze_whatever_else_changed(there: Platform, change: Mapping[str, Any]) -> None:
    world = scheduled(there)
    world.now = NOW + DAY - 1800
    if "when" in change and there is SQUALO:
        pytest.skip("its schedule is its time")
    code, events, _ = world.apply(there.declared(goes=False, **change), SEND)
    assert code == 0, failures(events)
    assert not waiting(world)


@BOTH
def test_it_is_made_though_a_colleague_edited_the_mail(there: Platform) -> None:
    world = scheduled(there)
    there.edit(world)
    assert len(waiting(world)) == 1
    code, events, _ = world.apply(there.declared(goes=False), Rights())
    assert code == 6, "the edit itself is not overwritten unasked"
    assert "subject" in " ".join(failures(events))
    assert not waiting(world)
    assert there.stop in world.writes()


@BOTH
def test_another_s_schedule_is_left_alone(there: Platform) -> None:
    world = scheduled(there)
    with world.store.lock("test") as locked:
        kept = locked.state.resources[there.campaign]
        names = {"schedule", "initiate"}
        attributes = {name: value for name, value in kept.attributes.items() if name not in names}
        locked.put(there.campaign, type(kept)(kept.id, attributes, dependencies=kept.dependencies))
    code, _, _ = world.apply(there.declared(goes=False), SEND)
    assert code == 3
    assert len(waiting(world)) == 1


@BOTH
def test_an_entry_that_is_taken_out_is_stopped_though_it_may_not_be_deleted(there: Platform) -> None:
    world = scheduled(there)
    kept = {there.target: there.declared()[there.target]}
    with world.store.lock("test") as locked:
        former = locked.state.resources[there.campaign]
        locked.put(
            there.campaign,
            type(former)(former.id, former.attributes, dependencies=former.dependencies, prevent_destroy=True),
        )
    code, events, _ = world.apply(kept, SEND)
    assert code == 6
    assert "preventDestroy" in " ".join(failures(events))
    assert not waiting(world)


@BOTH
@pytest.mark.parametrize("status", [500, 503, 429])
def test_it_is_tried_again(there: Platform, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is an error, without the write: nothing was stopped, so it is asked for once more."""
    world = scheduled(there)
    client: Any = world.client if there is SQUALO else world.gator
    send, failed = client.send, []

    def once(call: Call, *args: Any, **options: Any) -> Any:
        if call.operation == there.stop and not failed:
            failed.append(call)
            raise ApiError(f"The platform answered {status}.")
        return send(call, *args, **options)

    monkeypatch.setattr(client, "send", once)
    code, events, _ = world.apply(there.declared(goes=False), SEND)
    assert failed
    assert code == 0, failures(events)
    assert not waiting(world)


@BOTH
def test_what_could_not_be_stopped_is_told(there: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    world = scheduled(there)
    client: Any = world.client if there is SQUALO else world.gator
    send = client.send

    def never(call: Call, *args: Any, **options: Any) -> Any:
        if call.operation == there.stop:
            raise ApiError("The platform answered 500.")
        return send(call, *args, **options)

    monkeypatch.setattr(client, "send", never)
    code, events, _ = world.apply(there.declared(goes=False), SEND)
    assert code != 0
    assert "NOT STOPPED" in " ".join(failures(events))
    assert len(waiting(world)) == 1


@BOTH
def test_a_failed_neighbour_does_not_hold_it_back(there: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group that is renamed in the same commit, and that fails."""
    world = scheduled(there)
    client: Any = world.client if there is SQUALO else world.gator
    send = client.send

    def failing(call: Call, *args: Any, **options: Any) -> Any:
        if call.operation in ("update-list", "gatormail_addGroup"):
            raise ApiError("The platform answered 500.")
        return send(call, *args, **options)

    monkeypatch.setattr(client, "send", failing)
    code, _, _ = world.apply(there.declared(goes=False, target="B"), SEND)
    assert code == 6
    assert not waiting(world)
