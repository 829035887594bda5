"""Every fault at every call of an apply: one more apply converges, and each object is there once."""

from collections import Counter

import pytest

from reconcile.engine.run import Outcome
from reconcile.errors import ReconcileError
from reconcile.model.address import Address
from reconcile.model.resource import Resource
from tests.world import OVERWRITE, World, declared, failures, ref, resource

KINDS = ("refuse", "drop-before", "drop-after", "timeout", "truncate", "empty", "null", "html", "500", "429:after=0")


def first() -> dict[Address, Resource]:
    return declared(
        resource("list", "a", {"name": "A", "color": "#111111"}),
        resource("list", "gone", {"name": "Gone"}),
        resource("template", "t", {"subject": "T", "body": "<p>{{x}}</p>"}),
        resource(
            "campaign",
            "made",
            {
                "subject": "Made",
                "template": ref("template", "t"),
                "templateCustomAttributes": {"texts": {"x": {"value": "1"}}},
                "lists": (ref("list", "a"),),
            },
        ),
        resource("campaign", "own", {"subject": "Own", "body": "<p>own</p>", "lists": (ref("list", "gone"),)}),
        # Two with one subject and one body: a lost reply must not be taken for the other's.
        resource("campaign", "twin-1", {"subject": "Twin", "body": "<p>twin</p>"}),
        resource("campaign", "twin-2", {"subject": "Twin", "body": "<p>twin</p>"}),
    )


def second() -> dict[Address, Resource]:
    """An update of each kind, a replacement, a deletion, a new object."""
    return declared(
        resource("list", "a", {"name": "A", "color": "#222222"}),
        resource("list", "new", {"name": "New"}),
        resource("template", "t", {"subject": "T", "body": "<b>{{x}}</b>"}),
        resource(
            "campaign",
            "made",
            {
                "subject": "Made",
                "template": ref("template", "t"),
                "templateCustomAttributes": {"texts": {"x": {"value": "2"}}},
                "lists": (ref("list", "a"), ref("list", "new")),
            },
        ),
        resource("campaign", "own", {"subject": "Own", "body": "<p>changed</p>", "lists": (ref("list", "new"),)}),
        resource("campaign", "twin-1", {"subject": "Twin", "body": "<p>twin</p>"}),
    )


def apply(world: World, desired: dict[Address, Resource]) -> int:
    try:
        return world.apply(desired, OVERWRITE)[0]
    except ReconcileError as error:
        return error.exit_code


def subjects(world: World) -> Counter[str]:
    return Counter(row["subject"] for row in world.rows("Mail"))


def names(world: World) -> Counter[str]:
    return Counter(row["name"] for row in world.lists())


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_at_every_call(kind: str) -> None:
    faulty = 0
    for call in range(1, 60):
        world = World()
        world.sandbox.faults.set([f"{kind}:n={call}"])
        codes = [apply(world, first())]
        if len(world.log()) < call:
            break
        faulty += 1
        world.sandbox.faults.set([])
        codes.append(apply(world, first()))
        assert codes[-1] == 0, f"{kind} at call {call}: {codes}"
        assert subjects(world) == {"T": 1, "Made": 1, "Own": 1, "Twin": 2}, f"{kind} at call {call}"
        assert names(world) == {"A": 1, "Gone": 1}, f"{kind} at call {call}"
        assert not world.plan(first()).has_changes
    assert faulty > 8


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_at_every_call_of_changes(kind: str) -> None:
    faulty = 0
    for call in range(1, 90):
        world = World()
        assert apply(world, first()) == 0
        world.clear_log()
        world.sandbox.faults.set([f"{kind}:n={call}"])
        code = apply(world, second())
        if len(world.log()) < call:
            assert code == 0
            break
        faulty += 1
        world.sandbox.faults.set([])
        code, events, _ = world.apply(second(), OVERWRITE)
        assert code == 0, f"{kind} at call {call}: {failures(events)}"
        assert subjects(world) == {"T": 1, "Made": 1, "Own": 1, "Twin": 1}, f"{kind} at call {call}"
        assert names(world) == {"A": 1, "New": 1}, f"{kind} at call {call}"
        assert not world.plan(second()).has_changes
    assert faulty > 12


def test_a_persistent_fault_leaves_the_rest_done() -> None:
    world = World(faults=("500:create-list",))
    code, events, _ = world.apply(first(), OVERWRITE)
    ends = {event.step.address.name: event.outcome for event in events if event.outcome}
    assert code == 6
    assert ends == {
        "a": Outcome.FAILED,
        "gone": Outcome.FAILED,
        "t": Outcome.APPLIED,
        "made": Outcome.NOT_ATTEMPTED,
        "own": Outcome.NOT_ATTEMPTED,
        "twin-1": Outcome.APPLIED,
        "twin-2": Outcome.APPLIED,
    }
