"""Forged records: whatever a file says, no call is made that the plan as it is made now has not.

Random edits of a saved plan, its digests made to fit: ``make chaos`` tries 2,000, other runs a sample.
"""

import hashlib
import os
from collections import Counter
from dataclasses import replace
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.errors import ReconcileError
from reconcile.model.generation import Generation
from reconcile.planner.approval import judge
from reconcile.planner.changes import digest_of, renewed
from reconcile.planner.plan import Plan
from reconcile.planner.planfile import dumps, from_document, loads
from tests.engine.test_approval import ONE, SCHEDULE, edit, grown, lists, mail, number
from tests.world import World, declared

EXAMPLES = 2000 if os.environ.get("CHAOS") else 25
scalars = st.sampled_from([None, True, False, 0, 1, 2, 99, "", "1", "2", "Evil", "list", "delete", SCHEDULE])


@st.composite
def edits(draw: st.DrawFn) -> list[tuple[float, Any]]:
    """Where, as a share of all places, and what is put there."""
    return draw(st.lists(st.tuples(st.floats(0, 1), scalars), min_size=1, max_size=4))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all scalars in a document."""
    if isinstance(value, dict):
        return [found for key, member in value.items() for found in places(member, (*path, key))]
    if isinstance(value, list):
        return [found for index, member in enumerate(value) for found in places(member, (*path, index))]
    return [path]


def forged(record: Plan, changes: list[tuple[float, Any]]) -> Plan | None:
    """The record with edits, each digest made to fit; None where that is no plan any more."""
    content = orjson.loads(dumps(record))
    found = places(content["reconcile"])
    for where, value in changes:
        path = found[min(int(where * len(found)), len(found) - 1)]
        inner = content["reconcile"]
        for part in path[:-1]:
            inner = inner[part]
        inner[path[-1]] = value
    try:
        plan = from_document(content)
        made = renewed(plan)
        steps = {where: replace(step, digest=digest_of(step, plan, made)) for where, step in plan.steps.items()}
        again = orjson.loads(dumps(replace(plan, steps=steps)))
        again["reconcile"].pop("digest")
        digest = hashlib.sha256(orjson.dumps(again, option=orjson.OPT_SORT_KEYS)).hexdigest()
        again["reconcile"]["digest"] = digest
        return loads(orjson.dumps(again), "forged.plan")
    except (ReconcileError, AttributeError, KeyError, TypeError, ValueError):
        return None


def prepared() -> tuple[World, Plan, dict[Any, Any]]:
    """A list with people, one that is to go, a campaign that is to be scheduled; somebody has edited since."""
    world = World(may_send=True)
    world.apply(declared(*lists()))
    grown(world, 6)
    desired = declared(lists()[0], mail(schedule=SCHEDULE))
    record = loads(dumps(world.plan(desired)), "test.plan")
    return world, record, desired


@settings(max_examples=EXAMPLES)
@given(edits())
def test_a_forged_record_approves_of_nothing_that_the_fresh_plan_has_not(changes: list[tuple[float, Any]]) -> None:
    world, record, desired = prepared()
    edit(world, ONE, name="Hers")
    grown(world, 60)
    record = forged(record, changes) or record
    fresh = world.plan(desired)
    planned = Counter((str(step.address), call.operation) for step in fresh.steps.values() for call in step.writes)
    world.clear_log()
    try:
        world.apply_saved(desired, record)
    except ReconcileError:
        assert not world.writes()
        return
    made = Counter(world.writes())
    whole = Counter(operation for (_, operation), count in planned.items() for _ in range(count))
    assert not made - whole, "a call that the fresh plan has not"
    assert "send-newsletter" not in made, "no run without the right sends"
    names = {row["listid"]: row["name"] for row in world.rows("List")}
    assert names[number(world, ONE)] == "Hers", "no run without the right overwrites an outside edit"


@settings(max_examples=EXAMPLES)
@given(edits())
def test_what_a_forged_record_approves_of_has_the_fresh_digest(changes: list[tuple[float, Any]]) -> None:
    """Only a record that says of a step what the fresh plan says approves of it, and within its own bounds."""
    fresh, record = PLANS
    record = forged(record, changes) or record
    generations: dict[Any, Generation] = {}
    left = judge(fresh, [record], generations, 20).differences
    for address, step in fresh.steps.items():
        if step.digest and address not in left:
            assert record.steps[address].digest == step.digest
            for target, people in (step.send.reach if step.send is not None else {}).items():
                shown = record.steps[address].send
                assert shown is not None
                most = shown.reach.get(target)
                assert most is None or people <= max(most * 1.2, most + 10)


def _plans() -> tuple[Plan, Plan]:
    world, record, desired = prepared()
    grown(world, 20)
    assert number(world, ONE)
    return world.plan(desired), record


class _Lazy:
    """The two plans, made once, when they are first asked for."""

    _made: tuple[Plan, Plan] | None = None

    def __iter__(self) -> Any:
        type(self)._made = type(self)._made or _plans()
        return iter(type(self)._made)


PLANS = _Lazy()
