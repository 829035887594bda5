"""For random manifests and random GatorMail instances: apply, and the plan is empty; what is not ours is as before."""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.engine.run import Rights
from reconcile.model.address import Address
from reconcile.model.resource import Resource
from reconcile.planner.plan import Right
from tests.budget import examples
from tests.engine.test_properties import bodies, names, optional, texts
from tests.engine.test_schedule import DAY, instant
from tests.world import NOW, World, declared, failures, gator, ref

EVERYTHING = Rights(frozenset(Right), deletes=1000)
DATES = st.sampled_from([instant(NOW + DAY), instant(NOW + 3 * DAY)])
campaign_members = optional(
    subject=texts,
    fromName=texts,
    fromAddress=st.sampled_from(["a@example.com", "b@example.com"]),
    replyTo=st.sampled_from(["r@example.com"]),
    type=st.sampled_from(["Static", "RefreshNonRecurring"]),
    endDate=st.just(instant(NOW + 9 * DAY)),
    crmId=st.sampled_from(["1", "x-2"]),
)
email_members = optional(text=texts, name=st.sampled_from(["m", "n"]), autoTrackLinks=st.booleans())


@st.composite
def manifests(draw: st.DrawFn) -> dict[Address, Resource]:
    """Groups and campaigns that go to them; some are initiated, which takes all that a mail needs."""
    groups = sorted(draw(st.sets(names, max_size=3)))
    found = [
        gator(
            "group",
            name,
            {"name": draw(st.sampled_from([f"G {name}", f"G2 {name}"])), **draw(optional(description=texts))},
        )
        for name in groups
    ]
    for name in sorted(draw(st.sets(names, max_size=3))):
        members = {"name": f"C {name}", **draw(campaign_members)}
        if draw(st.booleans()):
            members["email"] = {"html": draw(bodies), **draw(email_members)}
        if groups and draw(st.booleans()):
            members["group"] = ref("group", draw(st.sampled_from(groups)), "gatormail")
            if "email" in members and draw(st.booleans()):
                whole = {"subject": "S", "fromAddress": "a@example.com"}
                members |= {name: members.get(name, value) for name, value in whole.items()}
                members |= {"startDate": draw(DATES), "initiate": draw(st.booleans())}
        if "initiate" not in members:
            members |= draw(optional(startDate=DATES))
        found.append(gator("campaign", name, members))
    return declared(*found)


@st.composite
def strangers(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    """Calls by which other people fill the instance."""
    calls: list[tuple[str, dict[str, Any]]] = [
        ("gatormail_addGroup", {"name": f"Other {draw(texts)}", "description": ""})
        for _ in range(draw(st.integers(0, 2)))
    ]
    calls += [
        ("gatormail_addCampaign", {"name": f"Other {draw(texts)}", "type": "Static", "subject": draw(texts)})
        for _ in range(draw(st.integers(0, 2)))
    ]
    return calls


def everything(world: World) -> dict[str, list[dict[str, Any]]]:
    campaigns = [
        world.call("gatormail_getCampaign", campaignId=row["id"]) for row in world.gator.pages("gatormail_campaignList")
    ]
    return {"campaign": campaigns, "group": list(world.gator.pages("gatormail_groupList"))}


@settings(max_examples=examples(8, 400))
@given(st.lists(manifests(), min_size=1, max_size=3), strangers(), st.data())
def test_apply_then_plan_is_empty(
    versions: list[dict[Address, Resource]], others: list[tuple[str, dict[str, Any]]], data: st.DataObject
) -> None:
    world = World(may_send=True)
    for operation, arguments in others:
        world.call(operation, **arguments)
    before = everything(world)
    for desired in versions:
        _people(world)
        # What is initiated needs somebody to go to, so that groups come first.
        world.apply(_without_campaigns(desired) | _kept(world, desired), EVERYTHING)
        _people(world)
        desired = _allowed(world, desired)
        code, events, made = world.apply(desired, EVERYTHING)
        assert code == 0, failures(events)
        assert Counter(call.operation for call in made.writes) == Counter(_last_writes(world, len(made.writes)))
        again = world.plan(desired)
        assert not again.has_changes, [(step.address, step.changes) for step in again.changes]
        _edit_outside(world, data)
        _people(world)
        world.apply(desired, EVERYTHING)
        _people(world)
        world.apply(desired, EVERYTHING)  # a group that was made anew in the first one had nobody yet
        again = world.plan(desired)
        assert not again.has_changes, [(step.address, step.changes) for step in again.changes]
    after = everything(world)
    for kind, rows in before.items():
        assert [row for row in after[kind] if row in rows] == rows, "what is not ours has changed"
    code, events, _ = world.apply({}, EVERYTHING)
    assert code == 0, failures(events)
    assert everything(world) == before
    assert not any(found["state"] == "sent" for found in world.sends())


def _without_campaigns(desired: dict[Address, Resource]) -> dict[Address, Resource]:
    return {address: resource for address, resource in desired.items() if address.kind == "group"}


def _kept(world: World, desired: dict[Address, Resource]) -> dict[Address, Resource]:
    """Campaigns of the next version that exist already; they would be deleted if they were left out."""
    state = world.store.read()
    return {address: desired[address] for address in desired if state is not None and address in state.resources}


def _allowed(world: World, desired: dict[Address, Resource]) -> dict[Address, Resource]:
    """The version without what the plan refuses.

    A group is not deleted while a campaign goes on using it; a campaign that is queued, and no longer declared to be,
    is not changed.
    """
    refused = {step.address: step.blocked.code for step in world.plan(desired).steps.values() if step.blocked}
    assert set(refused.values()) <= {"still-needed", "not-our-schedule"}, refused
    state = world.store.read()
    live = {str(row["id"]): row["name"] for row in world.gator.pages("gatormail_groupList")}
    allowed = dict(desired)
    for address, code in refused.items():
        assert state is not None
        if code == "still-needed" and address.kind == "group":
            allowed[address] = gator("group", address.name, {"name": live[state.resources[address].id]})
        else:
            allowed[address] = gator("campaign", address.name, {"name": f"C {address.name}"})
    return allowed


def _people(world: World) -> None:
    """Put somebody into every group."""
    for row in list(world.gator.pages("gatormail_groupList")):
        world.call(
            "gatormail_groupIncludedContactpost", groupId=row["id"], contacts=[{"emailLogin": "ada@example.com"}]
        )


def _last_writes(world: World, number: int) -> list[str]:
    return world.writes()[-number:] if number else []


def _edit_outside(world: World, data: st.DataObject) -> None:
    """Somebody edits, un-initiates or deletes one of our objects in the web interface."""
    state = world.store.read()
    managed = sorted(state.resources) if state is not None else []
    if state is None or not managed:
        return
    address = data.draw(st.sampled_from(managed))
    id_ = state.resources[address].id
    if address.kind == "group":
        used = any((row["group"] or {}).get("id") == id_ for row in everything(world)["campaign"])
        if not used:
            world.call("gatormail_deleteGroup", groupId=id_)
        return
    if world.call("gatormail_getCampaign", campaignId=id_)["status"] == "Queued":
        world.call("gatormail_uninitiateCampaign", campaignId=id_)
    if data.draw(st.booleans()):
        world.call("gatormail_deleteCampaign", campaignId=id_)
    elif data.draw(st.booleans()):
        live = world.call("gatormail_getCampaign", campaignId=id_)
        kept = {name: live[name] for name in ("name", "type", "crmId", "startDate", "endDate")}
        email = live["email"] and {"id": live["email"]["id"]}
        world.call("gatormail_updateCampaign", campaignId=id_, **kept, subject="Edited", fromName="X", email=email)
