"""What would be lost is asked about whatever the action, and told as it is, on both platforms."""

from typing import Any

import pytest

from reconcile.engine.run import Rights
from reconcile.errors import Refused
from reconcile.model.address import Address
from reconcile.model.call import Call
from reconcile.model.instant import as_text
from reconcile.model.policy import Policy
from reconcile.planner.make import Request
from reconcile.planner.plan import Cause, Right
from tests.outside import Colleague, Operator, colleague, id_of, operator
from tests.world import NOW, OVERWRITE, World, address, declared, failures, gator, ref, resource, shape

DAY = 86_400.0
ALL = Rights(frozenset(Right), deletes=99)
SENDS = Rights(frozenset({Right.SEND}), deletes=99)
LIST, GROUP = address("list", "a"), address("group", "a", "gatormail")


def with_people(world: World) -> World:
    """A list and a group with a person on each."""
    assert world.apply(declared(resource("list", "a", {"name": "A"}), gator("group", "a", {"name": "A"})))[0] == 0
    world.api("create-recipient", email="ann@example.com", listIds=[id_of(world, LIST)])
    person = [{"emailLogin": "ann@example.com"}]
    world.call("gatormail_groupIncludedContactpost", groupId=int(id_of(world, GROUP)), contacts=person)
    return world


def mails(*, goes: bool = True, name: str = "A", group: str = "A") -> Any:
    when = as_text(NOW + DAY)
    squalo = {"subject": "S", "body": "<p>1</p>", "lists": (ref("list", "a"),), "schedule": when if goes else None}
    content = {"name": "C", "subject": "S", "fromAddress": "a@b.test", "email": {"html": "<p>1</p>"}}
    launch = {**content, "group": ref("group", "a", "gatormail"), "startDate": when, "initiate": goes}
    return declared(
        resource("list", "a", {"name": name}),
        resource("campaign", "c", squalo),
        gator("group", "a", {"name": group}),
        gator("campaign", "c", launch),
    )


@pytest.mark.parametrize("which", [LIST, GROUP, address("campaign", "c"), address("campaign", "c", "gatormail")])
def test_what_was_deleted_outside_is_not_made_anew_unasked(which: Address) -> None:
    """A deletion is an outside edit: an unattended run that comes before anybody pulled it does not undo it."""
    world = World(may_send=True)
    desired = {at: found for at, found in mails(goes=False).items() if at == which or at.kind in ("list", "group")}
    assert world.apply(desired)[0] == 0
    person: Colleague | Operator = colleague(world) if which.provider == "squalomail" else operator(world)
    if which == GROUP:  # nothing goes to it, so that it can be deleted
        assert not operator(world).campaigns()
    person.delete(which.kind, id_of(world, which))
    world.clear_log()
    code, events, shown = world.apply(desired, SENDS)
    assert code == 3
    assert "--overwrite-drift" in " ".join(found.hint or "" for event in events for found in event.diagnostics)
    assert shown.steps[which].cause is Cause.GONE
    assert not world.writes()
    # Somebody who saw it says yes, or says so with the flag.
    assert world.apply(desired, Rights(approved=True))[0] == 0
    person.delete(which.kind, id_of(world, which))
    assert world.apply(desired, OVERWRITE)[0] == 0
    assert not world.plan(desired).has_changes


def waiting(world: World) -> int:
    return sum("scheduled" in (sent.get("status"), sent.get("state")) for sent in world.sends())


def test_destroy_with_scheduled_mail_takes_one_run() -> None:
    world = with_people(World(may_send=True))
    assert world.apply(mails(), ALL)[0] == 0
    assert waiting(world) == 2
    code, events, _ = world.apply({}, ALL, Request(destroy=True))
    assert code == 0, failures(events)
    assert not waiting(world)
    assert not world.lists()
    assert not world.store.read().resources  # type: ignore[union-attr]


def test_a_list_with_people_is_not_made_anew_unasked() -> None:
    world = with_people(World(may_send=True))
    only = declared(resource("list", "a", {"name": "A"}), gator("group", "a", {"name": "A"}))
    code, events, _ = world.apply(only, Rights(), Request(replace=(LIST,)))
    assert code == 3
    assert "1 subscriptions" in failures(events)[0]
    assert [row["id"] for row in world.lists()] == [int(id_of(world, LIST))]
    assert world.apply(only, Rights(deletes=1), Request(replace=(LIST,)))[0] == 0


class Killed(BaseException):
    """The process ends."""


@pytest.mark.parametrize("replaced", [False, True])
def test_parts_count_together_though_the_run_of_one_was_killed(replaced: bool) -> None:
    """A run that dies writes no line in the history; what it deleted counts all the same, and only that."""
    world = World(policy=Policy(max_delete_count=1))
    every = {name: resource("list", name, {"name": name.upper()}) for name in ("a", "b", "c")}
    assert world.apply(declared(*every.values()))[0] == 0
    send = world.client.send
    left = declared(*every.values()) if replaced else declared(every["c"])

    def part(name: str) -> Request:
        which = (address("list", name),)
        return Request(targets=which, replace=which if replaced else ())

    def dying(call: Call, *ticket: Any) -> Any:
        answer = send(call, *ticket)
        if call.operation == "delete-list":
            raise Killed
        return answer

    world.client.send = dying  # type: ignore[method-assign]
    with pytest.raises(Killed):
        world.apply(left, Rights(), part("a"))
    world.client.send = send  # type: ignore[method-assign]
    with pytest.raises(Refused, match="after 1 that runs of the last 24 hours"):
        world.apply(left, Rights(), part("b"))
    world.now += DAY + 1
    assert world.apply(left, Rights(), part("b"))[0] == 0


def test_what_was_to_be_deleted_and_was_not_does_not_count() -> None:
    world = World(policy=Policy(max_delete_count=1))
    every = {name: resource("list", name, {"name": name.upper()}) for name in ("a", "b", "c")}
    assert world.apply(declared(*every.values()))[0] == 0
    world.sandbox.faults.set(["403:delete-list:n=1"])
    assert world.apply(declared(every["c"]), Rights(), Request(targets=(LIST,)))[0] != 0
    world.sandbox.faults.set([])
    assert world.apply(declared(every["c"]), Rights(), Request(targets=(LIST,)))[0] == 0
    with pytest.raises(Refused, match="after 1 that"):
        world.apply(declared(every["c"]), Rights(), Request(targets=(address("list", "b"),)))


def found_by_rules(world: World, *names: str) -> None:
    group = int(id_of(world, GROUP))
    for name in names:
        world.person("api/contact", {"emailLogin": name})
    world.person(f"ui/group/{group}/rule", {"contacts": list(names)}, method="PUT")


@pytest.mark.parametrize("change", [{"name": "B"}, {"name": "A", "description": "about"}])
def test_a_group_whose_rules_find_people_is_not_made_anew(change: dict[str, Any]) -> None:
    world = with_people(World(may_send=True))
    found_by_rules(world, "bea@example.com", "cleo@example.com")
    assert world.apply(mails(), ALL)[0] == 0
    before = waiting(world)
    assert before == 4
    desired = {**mails(), **declared(gator("group", "a", change))}
    code, events, _ = world.apply(desired, ALL)
    assert code == 3
    assert "2 of the 3 people" in failures(events)[0]
    assert "web interface" in str(world.plan(desired).steps[GROUP].blocked)
    assert waiting(world) == before


def test_a_group_of_members_takes_them_along() -> None:
    world = with_people(World(may_send=True))
    assert world.apply(mails(), ALL)[0] == 0
    code, events, _ = world.apply(mails(group="B"), ALL)
    assert code == 0, failures(events)
    assert waiting(world) == 2


def test_a_finished_campaign_frees_its_group() -> None:
    world = with_people(World(may_send=True))
    assert world.apply(mails(), ALL)[0] == 0
    world.now = NOW + 30 * DAY
    code, events, _ = world.apply(mails(group="B"), ALL)
    assert code == 0, failures(events)
    assert not world.plan(mails(group="B")).has_changes


@pytest.mark.parametrize("where", [address("campaign", "c"), address("campaign", "c", "gatormail")])
def test_what_was_sent_is_not_made_anew_and_that_is_told(where: Any) -> None:
    world = with_people(World(may_send=True))
    assert world.apply(mails(), ALL)[0] == 0
    world.now = NOW + 30 * DAY
    made = world.plan(mails(), Request(replace=(where,)))
    assert made.steps[where].blocked is not None
    assert "sent" in str(made.steps[where].blocked)
    assert world.apply(mails(), ALL, Request(replace=(where,)))[0] == 3


def test_moved_manifests_stop_and_delete_nothing() -> None:
    world = with_people(World(may_send=True))
    assert world.apply(mails(), ALL)[0] == 0
    with pytest.raises(Refused, match="no manifest"):
        world.apply({}, Rights(frozenset(Right)))
    assert waiting(world) == 2
    assert len(shape(world.plan({}))) == 4
