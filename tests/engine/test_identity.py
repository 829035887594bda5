"""An object belongs to an account and is bound once, whatever alias or entry speaks of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from reconcile.engine.run import Rights
from reconcile.model.address import Address
from reconcile.model.instant import as_text
from reconcile.model.registry import Registry
from reconcile.model.resource import Resource
from reconcile.planner.make import Request
from reconcile.planner.plan import Right
from tests.world import NOW, World, declared, failures, gator, ref, resource, shape

ALL = Rights(frozenset(Right), deletes=99)
LISTS = ("list", "squalomail", "News")
GROUPS = ("group", "gatormail", "News")
BOTH = pytest.mark.parametrize(("kind", "alias", "name"), [LISTS, GROUPS], ids=["squalomail", "gatormail"])


def one(kind: str, alias: str, entry: str, name: str, **options: Any) -> dict[Address, Resource]:
    return declared(resource(kind, entry, {"name": name}, provider=alias, **options))


def codes(world: World, desired: Mapping[Address, Resource], request: Request | None = None) -> dict[str, str]:
    steps = world.plan(desired, request).steps.items()
    return {str(on): step.blocked.code for on, step in steps if step.blocked is not None}


@BOTH
@pytest.mark.parametrize("renamed", ["News", " NEWS "])
def test_a_rename_without_was_makes_and_deletes_nothing(kind: str, alias: str, name: str, renamed: str) -> None:
    world = World()
    assert world.apply(one(kind, alias, "a", name))[0] == 0
    world.clear_log()
    code, events, made = world.apply(one(kind, alias, "b", renamed), ALL)
    assert code == 3
    assert "was: [a]" in str(made.steps[Address(alias, kind, "b")].blocked)
    assert not world.writes()
    meant = Request(removed={Address(alias, kind, "a"): False})
    code, events, _ = world.apply(one(kind, alias, "b", renamed), ALL, meant)
    assert code == 0, failures(events)
    moved = one(kind, alias, "c", renamed, was=(Address(alias, kind, "b"),))
    assert shape(world.plan(moved)) == {f"{alias}.{kind}.c": "move"}


@BOTH
def test_two_entries_of_one_thing_make_it_once(kind: str, alias: str, name: str) -> None:
    world = World()
    twice = {**one(kind, alias, "a", name), **one(kind, alias, "b", name.upper())}
    code, _, _ = world.apply(twice, ALL)
    assert code == 6
    assert codes(world, twice) == {f"{alias}.{kind}.b": "bound-already"}


@BOTH
def test_what_is_managed_here_is_nobody_else_s(kind: str, alias: str, name: str) -> None:
    world = World()
    assert world.apply(one(kind, alias, "a", name))[0] == 0
    both = {**one(kind, alias, "a", name), **one(kind, alias, "b", name, external=True)}
    assert codes(world, both) == {f"{alias}.{kind}.b": "managed-here"}


def with_two_aliases() -> World:
    """Both open one account."""
    world = World()
    space = world.workspace
    registry = Registry({**space.registry.providers, "again": space.registry.providers["squalomail"]})
    world.workspace = replace(space, registry=registry, clients={**space.clients, "again": world.client})
    return world


def test_two_aliases_of_one_account_make_each_object_once() -> None:
    world = with_two_aliases()
    both = {**one(*LISTS[:2], "a", "News"), Address("again", "list", "a"): replaced("again")}
    assert world.apply(both, ALL)[0] == 6
    assert len(world.lists()) == 1
    blocked = codes(world, both)
    assert list(blocked.values()) == ["bound-already"]


def replaced(alias: str) -> Resource:
    made = resource("list", "a", {"name": "News"})
    return replace(made, address=Address(alias, "list", "a"))


def test_taking_out_one_of_two_entries_of_an_object_deletes_nothing() -> None:
    world = with_two_aliases()
    assert world.apply(one(*LISTS[:2], "a", "News"))[0] == 0
    with world.store.lock("test") as locked:
        locked.put(Address("again", "list", "a"), locked.state.resources[Address("squalomail", "list", "a")])
    code, events, made = world.apply(one(*LISTS[:2], "a", "News"), ALL)
    assert code == 0, failures(events)
    assert shape(made) == {"again.list.a": "forget"}
    assert len(world.lists()) == 1


def test_a_sent_mail_that_is_added_again_is_not_sent_again() -> None:
    world = World(may_send=True)
    base = (resource("list", "l", {"name": "L"}), resource("template", "t", {"subject": "T", "body": "<p>x</p>"}))

    def mail(entry: str, when: float) -> Resource:
        members = {"subject": "Hi", "template": ref("template", "t"), "lists": (ref("list", "l"),)}
        return resource("campaign", entry, {**members, "schedule": as_text(when)})

    day = 86_400.0
    code, events, _ = world.apply(declared(*base, mail("c", NOW + day)), ALL)
    assert code == 0, failures(events)
    world.now = NOW + 2 * day
    assert world.apply(declared(*base), ALL)[0] == 0
    for entry in ("c", "d"):
        assert codes(world, declared(*base, mail(entry, NOW + 9 * day))) == {
            f"squalomail.campaign.{entry}": "exists-already"
        }


def test_a_sent_mail_under_another_entry_is_not_sent_again() -> None:
    world = World(may_send=True)
    group = gator("group", "g", {"name": "G"})
    assert world.apply(declared(group))[0] == 0
    made = world.call("gatormail_groupList", page=1, pageSize=10)
    number = (made["records"] if isinstance(made, dict) and "records" in made else made)[0]["id"]
    world.call("gatormail_groupIncludedContactpost", groupId=number, contacts=[{"emailLogin": "a@example.com"}])

    def mail(entry: str, when: float) -> Resource:
        members = {"name": "C", "subject": "S", "fromAddress": "a@b.test", "email": {"html": "<p>1</p>"}}
        launch = {"group": ref("group", "g", "gatormail"), "startDate": as_text(when), "initiate": True}
        return gator("campaign", entry, {**members, **launch})

    day = 86_400.0
    code, events, _ = world.apply(declared(group, mail("c", NOW + day)), ALL)
    assert code == 0, failures(events)
    world.now = NOW + 30 * day
    assert codes(world, declared(group, mail("d", NOW + 40 * day))) == {"gatormail.campaign.d": "renamed"}


@pytest.mark.parametrize("kind", ["list", "group"])
def test_eight_aliases_of_one_account_race_and_make_each_object_once(kind: str) -> None:
    """Each declares the same four, and all are worked on at once."""
    world = World()
    space, of = world.workspace, {"list": "squalomail", "group": "gatormail"}[kind]
    aliases = [f"alias-{number}" for number in range(8)]
    world.workspace = replace(
        space,
        registry=Registry({**space.registry.providers, **dict.fromkeys(aliases, space.registry.providers[of])}),
        clients={**space.clients, **dict.fromkeys(aliases, space.clients[of])},
        parallelism=8,
    )
    names = ("North", "East", "South", "West")
    desired = {
        Address(each, kind, name): replace(
            resource(kind, name, {"name": name}, provider=of), address=Address(each, kind, name)
        )
        for each in aliases
        for name in names
    }
    code, _, _ = world.apply(desired, ALL)
    assert code == 6, "each of the others is told that somebody has it"
    rows = world.lists() if kind == "list" else world.call("gatormail_groupList", page=1, pageSize=100)
    found = sorted(row["name"] for row in (rows["records"] if isinstance(rows, dict) else rows))
    assert found == sorted(names)
    state = world.store.read()
    assert state is not None
    assert len({kept.id for kept in state.resources.values()}) == len(state.resources) == len(names)
    assert world.apply(desired, ALL)[0] != 0
    assert sorted(world.writes()) == sorted(world.writes()[: len(names)]), "the second run makes nothing"
