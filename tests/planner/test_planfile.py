"""Plan files: an exact round trip, Terraform's shape, and clear refusals."""

import string
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconcile.errors import Diagnostic, InvalidInput, Location, PlanStale, ReconcileError, Severity
from reconcile.model.account import Account
from reconcile.model.address import Address, parse_address
from reconcile.model.attributes import Digest, digest_text
from reconcile.model.call import Call
from reconcile.model.kind import Action
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied
from reconcile.planner.plan import AttributeChange, Cause, MemberChange, Plan, Requirement, Right, Step
from reconcile.planner.planfile import document, dumps, loads, plan_digest

names = st.text(string.ascii_letters + string.digits, min_size=1, max_size=6)
texts = st.text(max_size=12)
counts = st.integers(0, 2**40)
addresses = st.builds(Address, names, names, names)
digests = st.builds(digest_text, texts)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
keys = texts | st.sampled_from(["$ref", "$sha256", "length", "$", "$$ref"])
values = st.recursive(
    scalars | texts | digests | st.builds(Reference, addresses),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)
attributes = st.dictionaries(keys, values, max_size=3)
calls = st.lists(st.builds(Call, names, attributes, st.booleans()), max_size=2).map(tuple)
locations = st.builds(Location, texts, st.integers(1, 99), st.integers(1, 99))
diagnostics = st.builds(
    Diagnostic,
    code=names,
    summary=texts,
    detail=texts,
    address=st.none() | texts,
    location=st.none() | locations,
    hint=st.none() | texts,
    severity=st.sampled_from(Severity),
    others=st.lists(locations, max_size=2).map(tuple),
)
requirements = st.lists(st.builds(Requirement, st.sampled_from(Right), diagnostics, counts), max_size=2).map(tuple)
members = st.lists(st.builds(MemberChange, texts, values, values), max_size=2).map(tuple)
changes = st.builds(
    AttributeChange, names, values, values, st.sampled_from(Cause), st.booleans(), st.booleans(), st.booleans(), members
)
applied = st.builds(
    Applied,
    id=texts,
    attributes=attributes,
    observed=st.dictionaries(names, digests, max_size=2),
    dependencies=st.lists(addresses, max_size=2).map(tuple),
    prevent_destroy=st.booleans(),
    external=st.booleans(),
    created=st.booleans(),
    deposed=st.lists(texts, max_size=2).map(tuple),
)
steps = st.builds(
    Step,
    address=addresses,
    action=st.sampled_from(Action),
    cause=st.none() | st.sampled_from(Cause),
    changes=st.lists(changes, max_size=2).map(tuple),
    calls=calls,
    removals=calls,
    id=st.none() | texts,
    deposed=st.lists(texts, max_size=2).map(tuple),
    applied=st.none() | applied,
    dependencies=st.lists(addresses, max_size=2).map(tuple),
    former_dependencies=st.lists(addresses, max_size=2).map(tuple),
    previous_address=st.none() | addresses,
    unchecked=st.lists(texts, max_size=2).map(tuple),
    reach=st.none() | counts,
    live_fingerprint=st.none() | texts,
    blocked=st.none() | diagnostics,
    requires=requirements,
    instructions=st.lists(texts, max_size=2).map(tuple),
    note=st.none() | texts,
    key=st.none() | st.lists(values, max_size=2).map(tuple),
    twins=st.lists(texts, max_size=2).map(tuple),
)

plans = st.builds(
    Plan,
    steps=st.lists(steps, max_size=3).map(lambda found: {step.address: step for step in found}),
    accounts=st.dictionaries(names, st.builds(Account, names, texts, texts), max_size=2),
    bindings=st.dictionaries(addresses, texts, max_size=2),
    lineage=texts,
    serial=counts,
    environment=texts,
    created=st.floats(0, 2**33),
    expires=st.floats(0, 2**33),
    manifest_digest=texts,
    tool_version=texts,
    reads=counts,
    targets=st.lists(addresses, max_size=2).map(tuple),
    blocked=st.lists(diagnostics, max_size=2).map(tuple),
    requires=requirements,
    warnings=st.lists(diagnostics, max_size=2).map(tuple),
)

LIST = parse_address("squalomail.list.italia")
CAMPAIGN = parse_address("squalomail.campaign.spring")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(plans)
def test_a_plan_survives_the_round_trip(plan: Plan) -> None:
    again = loads(dumps(plan), "plan.json")
    assert again == plan
    assert repr(again) == repr(plan)  # True and 1, 1 and 1.0 are equal, but not the same; and the steps' order counts
    assert plan_digest(again) == plan_digest(plan) == document(plan)["reconcile"]["digest"]


def test_plans_that_differ_have_other_fingerprints() -> None:
    plan = Plan({}, serial=1)
    assert plan_digest(plan) == plan_digest(Plan({}, serial=1))
    assert len({plan_digest(other) for other in (plan, replace(plan, serial=2), replace(plan, reads=1))}) == 3


def make_step(action: Action, **members: Any) -> Step:
    return Step(LIST, action, **members)


def change_of(step: Step, **members: Any) -> dict[str, Any]:
    accounts = {"squalomail": Account("squalomail", "sandbox", "4711")}
    (found,) = document(Plan({step.address: step}, accounts, **members))["resource_changes"]
    return dict(found)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Action.CREATE, ["create"]),
        (Action.UPDATE, ["update"]),
        (Action.REPLACE, ["create", "delete"]),
        (Action.DELETE, ["delete"]),
        (Action.FORGET, ["forget"]),
        (Action.ADOPT, ["no-op"]),
        (Action.MOVE, ["no-op"]),
        (Action.MANUAL, ["no-op"]),
        (Action.NO_OP, ["no-op"]),
    ],
)
def test_actions_have_terraform_names(action: Action, expected: list[str]) -> None:
    assert change_of(make_step(action))["change"]["actions"] == expected


def test_an_update_says_before_and_after() -> None:
    step = make_step(
        Action.UPDATE,
        id="17",
        changes=(
            AttributeChange("color", "#ff6600", "#003366", Cause.MANIFEST),
            AttributeChange("body", "before", Digest("ab", 5), Cause.MANIFEST, text=True),
        ),
        applied=Applied("17", {"name": "Italia", "color": "#003366", "body": Digest("ab", 5)}),
        previous_address=parse_address("squalomail.list.italy"),
    )
    before = digest_text("before")
    assert change_of(step) == {
        "address": "squalomail.list.italia",
        "previous_address": "squalomail.list.italy",
        "mode": "managed",
        "type": "squalomail_list",
        "name": "italia",
        "provider_name": "reconcile/squalomail",
        "change": {
            "actions": ["update"],
            "before": {
                "id": "17",
                "name": "Italia",
                "color": "#ff6600",
                "body": {"sha256": before.sha256, "length": 6},
            },
            "after": {"id": "17", "name": "Italia", "color": "#003366", "body": {"sha256": "ab", "length": 5}},
            "after_unknown": {},
            "before_sensitive": {},
            "after_sensitive": {},
            "replace_paths": [],
            "importing": None,
        },
    }


def test_a_new_object_has_nothing_before_and_unknown_ids_after() -> None:
    step = make_step(Action.CREATE, applied=Applied("", {"name": "x", "lists": (Reference(LIST), Reference(CAMPAIGN))}))
    change = change_of(step, bindings={CAMPAIGN: "31"})["change"]
    assert change["before"] is None
    assert change["after"] == {"id": None, "name": "x", "lists": [None, "31"]}
    assert change["after_unknown"] == {"id": True, "lists": [True, False]}


def test_what_refers_to_a_replaced_object_gets_an_id_known_after_apply() -> None:
    replaced = make_step(Action.REPLACE, id="17", changes=(AttributeChange("a", 1, 2, Cause.MANIFEST, replaces=True),))
    follower = Step(
        CAMPAIGN,
        Action.UPDATE,
        id="31",
        changes=(AttributeChange("list", Reference(LIST), Reference(LIST), Cause.FOLLOWS),),
    )
    plan = Plan({LIST: replaced, CAMPAIGN: follower}, bindings={LIST: "17", CAMPAIGN: "31"})
    first, second = document(plan)["resource_changes"]
    assert first["change"]["after"] == {"id": None, "a": 2}
    assert first["change"]["after_unknown"] == {"id": True}
    assert first["change"]["replace_paths"] == [["a"]]
    assert second["change"]["before"] == {"id": "31", "list": "17"}
    assert second["change"]["after"] == {"id": "31", "list": None}
    assert second["change"]["after_unknown"] == {"list": True}


def test_what_is_deleted_or_forgotten_has_nothing_after() -> None:
    for action in (Action.DELETE, Action.FORGET):
        step = make_step(action, id="17", changes=(AttributeChange("name", "x", None, Cause.REMOVED),))
        assert change_of(step)["change"]["before"] == {"id": "17", "name": "x"}
        assert change_of(step)["change"]["after"] is None
        plan = document(Plan({LIST: step}))
        assert plan["planned_values"]["root_module"]["resources"] == []
        assert plan["configuration"]["root_module"]["resources"] == []


def test_a_manual_step_changes_nothing_by_itself() -> None:
    step = make_step(Action.MANUAL, id="m", changes=(AttributeChange("mapping", None, "x", Cause.MANIFEST),))
    change = change_of(step)["change"]
    assert change["before"] == change["after"] == {"id": "m", "mapping": None}


def test_an_adopted_object_is_imported() -> None:
    step = make_step(Action.ADOPT, id="17", applied=Applied("17", {"name": "x"}))
    assert change_of(step)["change"]["importing"] == {"id": "17"}
    changed = replace(step, calls=(Call("update-list", {}),))
    assert change_of(changed)["change"]["actions"] == ["update"]


def test_blocked_steps_make_no_writes() -> None:
    finding = Diagnostic("freeze", "", "")
    step = make_step(Action.UPDATE, calls=(Call("update-list", {}),) * 2, removals=(Call("delete-list", {}),))
    assert document(Plan({LIST: step}))["reconcile"]["writes"] == {"delete-list": 1, "update-list": 2}
    assert document(Plan({LIST: replace(step, blocked=finding)}))["reconcile"]["writes"] == {}


# Refusals.


def refusal(data: bytes) -> tuple[type[ReconcileError], str]:
    with pytest.raises(ReconcileError) as caught:
        loads(data, "night.plan")
    (finding,) = caught.value.diagnostics
    assert finding.hint
    assert finding.detail.startswith("night.plan ")
    return type(caught.value), finding.detail


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"PK\x03\x04...", "a zip archive, as Terraform's plans are"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 5000, "not JSON"),
        (b"[]", "some other JSON"),
        (b"null", "some other JSON"),
        (b'{"reconcile": 1}', "some other JSON"),
        (b'{"format_version": "1.2", "terraform_version": "1.11.0"}', "one of Terraform's"),
        (b'{"version": 1, "lineage": "x", "resources": {}}', "a state"),
    ],
)
def test_what_is_no_plan_of_ours_is_refused(data: bytes, words: str) -> None:
    kind, detail = refusal(data)
    assert kind is InvalidInput
    assert words in detail


def test_a_truncated_plan_is_refused() -> None:
    data = dumps(Plan({LIST: make_step(Action.CREATE)}))
    for end in range(1, len(data) - 2, 7):
        assert refusal(data[:end])[0] is InvalidInput


def test_an_edited_plan_is_stale() -> None:
    step = make_step(Action.CREATE, calls=(Call("create-list", {"name": "x"}),), applied=Applied("", {"name": "x"}))
    data = dumps(Plan({LIST: step}))
    edits = [(b'"arguments":{"name":"x"}', b'"arguments":{"name":"y"}'), (b'"after":{"id":null', b'"after":{"id":1')]
    for before, after in edits:
        assert before in data
        kind, detail = refusal(data.replace(before, after))
        assert kind is PlanStale
        assert "changed after it was made" in detail
    content = orjson.loads(data)
    del content["reconcile"]["digest"]
    assert refusal(orjson.dumps(content))[0] is PlanStale


def test_a_plan_that_was_only_reformatted_is_still_good() -> None:
    plan = Plan({LIST: make_step(Action.CREATE)})
    data = orjson.dumps(orjson.loads(dumps(plan)), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    assert loads(data, "night.plan") == plan


def test_a_newer_format_is_stale() -> None:
    content = orjson.loads(dumps(Plan({}, tool_version="9.1.0")))
    content["reconcile"]["format"] = 3
    kind, detail = refusal(orjson.dumps(content))
    assert kind is PlanStale
    assert "another version of reconcile (9.1.0)" in detail


@pytest.mark.parametrize(
    "damage",
    [
        {"steps": None},
        {"steps": [{"address": "nonsense", "action": "create"}]},
        {"steps": [{"address": "a.b.c", "action": "explode"}]},
        {"steps": [{"address": "a.b.c"}]},
        {"steps": [7]},
        {"unheard_of": 1},
        {"accounts": 3},
    ],
)
def test_a_damaged_plan_is_refused_even_with_a_good_plan_digest(
    damage: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = orjson.loads(dumps(Plan({})))
    content["reconcile"] |= damage
    monkeypatch.setattr("reconcile.planner.planfile._digest", lambda _: content["reconcile"]["digest"])
    kind, detail = refusal(orjson.dumps(content))
    assert kind is InvalidInput
    assert "damaged" in detail
