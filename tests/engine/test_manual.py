"""What needs something that only a person can do: it waits, and nothing else does."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from reconcile.model.address import Address
from reconcile.model.call import Call
from reconcile.model.kind import ABSENT, Change, Rule
from reconcile.model.registry import ProviderType, Registry
from reconcile.model.resource import Resource
from reconcile.providers.squalomail.kinds.list import ListSpec, SqualoMailList
from tests.world import REGISTRY, World, address, declared, failures, ref, resource, shape


class SegmentSpec(ListSpec):
    """A list that is made by a custom field."""

    by: Annotated[str, Rule(readable=False, refers="field")] = ABSENT


class Segment(SqualoMailList):
    """A kind of this test alone: what refers to a custom field."""

    kind = "segment"
    plural = "segments"
    spec = SegmentSpec

    def writes(self, change: Change) -> Sequence[Call]:
        return super().writes(replace(change, desired={**change.desired, "by": None}))


def world() -> World:
    made = World()
    type_ = REGISTRY.providers["squalomail"]
    kinds = {**type_.kinds, "segment": Segment()}
    registry = Registry({"squalomail": ProviderType(type_.provider, kinds)})
    made.workspace = replace(made.workspace, registry=registry)
    return made


def segment(name: str) -> Resource:
    plain = resource("list", name, {"name": name})
    attributes = {**plain.attributes, "by": ref("field", "city")}
    return replace(plain, address=Address("squalomail", "segment", name), attributes=attributes)


DESIRED = declared(
    resource("field", "city", {"fieldname": "City"}), segment("near"), resource("list", "a", {"name": "A"})
)


def person_adds_city(made: World) -> None:
    made.sandbox.squalomail.control("POST", ["4711", "fields"], {"namekey": "city", "fieldname": "City"})


def test_what_needs_it_waits_and_the_rest_is_done() -> None:
    made = world()
    shown = made.plan(DESIRED)
    assert shape(shown) == {
        "squalomail.field.city": "manual",
        "squalomail.list.a": "create",
        "squalomail.segment.near": "create",
    }
    blocked = shown.steps[Address("squalomail", "segment", "near")].blocked
    assert blocked is not None
    assert blocked.code == "waits-for-person"
    assert "squalomail.field.city" in blocked.detail
    code, events, _ = made.apply(DESIRED)
    assert code == 6
    assert failures(events) == [f"squalomail.segment.near: {blocked.detail}"]
    assert made.writes() == ["create-list"]
    assert [row["name"] for row in made.lists()] == ["A"]


def test_nothing_but_waiting_is_a_refusal() -> None:
    made = world()
    only = {where: found for where, found in DESIRED.items() if where.kind != "list"}
    code, _, _ = made.apply(only)
    assert (code, made.writes()) == (3, [])


def test_once_it_is_done_the_rest_follows_in_the_same_run() -> None:
    made = world()
    made.apply(DESIRED)
    person_adds_city(made)
    code, events, shown = made.apply(DESIRED)
    assert (code, failures(events)) == (0, [])
    assert shape(shown) == {"squalomail.segment.near": "create"}
    state = made.store.read()
    assert state is not None
    assert state.resources[address("field", "city")].id == "4"
    assert not list(made.plan(DESIRED).changes)


def test_what_is_there_waits_with_its_changes_only() -> None:
    made = world()
    person_adds_city(made)
    made.apply(DESIRED)
    made.sandbox.squalomail.control("POST", ["4711", "fields", "4"], {"fieldname": "Town"})
    assert shape(made.plan(DESIRED)) == {"squalomail.field.city": "manual"}
    changed = segment("near")
    changed = replace(changed, attributes={**changed.attributes, "color": "#123456"})
    shown = made.plan({**DESIRED, changed.address: changed})
    assert shown.steps[changed.address].blocked is not None
