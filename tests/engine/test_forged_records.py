"""Forged records: whatever a file says, no call is made that the plan as it is made now has not.

Random edits of a saved plan, its digests made to fit: ``make chaos`` tries 2,000, half of them on each
platform, other runs a sample.
"""

import hashlib
from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.errors import ReconcileError
from reconcile.model.address import Address
from reconcile.model.generation import Generation
from reconcile.planner.approval import judge
from reconcile.planner.changes import digest_of, renewed
from reconcile.planner.plan import Plan
from reconcile.planner.planfile import dumps, from_document, loads
from tests.budget import examples
from tests.engine.test_reach import PLATFORMS, SCHEDULE, SENDS, Account
from tests.outside import edit, id_of, operator
from tests.world import declared, resource

EXAMPLES = examples(12, 1000)  # on each of the two platforms
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


def prepared(platform: str) -> tuple[Account, Plan, dict[Any, Any]]:
    """A target with people, another one that is to go, a draft to change, and a campaign that is to be scheduled."""
    account = Account(platform)
    world = account.world
    them, draft = account.them(), account.campaign(due=False, subject="Draft")
    draft = replace(draft, address=replace(draft.address, name="draft"))
    gone = resource(them.address.kind, "gone", {"name": "Gone"}, provider=platform)
    assert world.apply(declared(them, gone, draft), SENDS)[0] == 0
    account.join(6)
    desired = declared(them, account.campaign(), replace(draft, attributes={**draft.attributes, "subject": "Ours"}))
    return account, loads(dumps(world.plan(desired)), "test.plan"), desired


def draft_of(account: Account) -> Address:
    return replace(account.mail, name="draft")


def subject_of(account: Account) -> str:
    """The draft's, as the platform has it."""
    id_ = id_of(account.world, draft_of(account))
    if account.platform == "gatormail":
        return str(operator(account.world).campaign(id_)["subject"])
    return str(account.world.rows("Mail", f"mailid=={id_}")[0]["subject"])


@pytest.mark.parametrize("platform", PLATFORMS)
@settings(max_examples=EXAMPLES)
@given(changes=edits())
def test_a_forged_record_approves_of_nothing_that_the_fresh_plan_has_not(
    platform: str, changes: list[tuple[float, Any]]
) -> None:
    account, record, desired = prepared(platform)
    world = account.world
    edit(world, draft_of(account), {"subject": "Hers"})
    account.join(60)
    record = forged(record, changes) or record
    fresh = world.plan(desired)
    planned = Counter(call.operation for step in fresh.steps.values() for call in step.writes)
    world.let_send(held=False)
    world.clear_log()
    try:
        world.apply_saved(desired, record)
    except ReconcileError:
        assert not world.writes()
        return
    made = Counter(world.writes())
    assert not made - planned, "a call that the fresh plan has not"
    sends = {name for name, row in world.workspace.registry.operations(platform).items() if row.sends}
    assert not sends & made.keys(), "no run without the right sends"
    assert subject_of(account) == "Hers", "no run without the right overwrites an outside edit"


@pytest.mark.parametrize("platform", PLATFORMS)
@settings(max_examples=EXAMPLES)
@given(changes=edits())
def test_what_a_forged_record_approves_of_has_the_fresh_digest(platform: str, changes: list[tuple[float, Any]]) -> None:
    """Only a record that says of a step what the fresh plan says approves of it, and within its own bounds."""
    fresh, record = _plans(platform)
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


@cache
def _plans(platform: str) -> tuple[Plan, Plan]:
    account, record, desired = prepared(platform)
    account.join(20)
    return account.world.plan(desired), record
