"""What lets more through than at the last apply is told, and nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from reconcile.model.policy import Policy, RenderedSends, Sends, Targets
from reconcile.planner.rules import loosened, rules_of

STRICT = Policy(sends=Sends.ASK, rendered_sends=RenderedSends.REVIEW, targets=Targets({"lists": ("a", "b")}, 100))
LOOSER: dict[str, dict[str, Any]] = {
    "policy.freeze": {"freeze": 1800.0},
    "policy.maxDeletePercent": {"max_delete_percent": 31.0},
    "policy.maxDeleteCount": {"max_delete_count": 11},
    "policy.maxReplaceCount": {"max_replace_count": 51},
    "policy.sends": {"sends": Sends.ALLOW},
    "policy.renderedSends": {"rendered_sends": RenderedSends.ALLOW},
    "policy.planExpiry": {"plan_expiry": 8 * 86400.0},
    "policy.reachGrowth": {"reach_growth": 21.0},
    "policy.targets.lists": {"targets": Targets({"lists": ("a", "b", "c")}, 100)},
    "policy.targets.maxAudience": {"targets": Targets({"lists": ("a", "b")}, 101)},
}
STRICTER: list[dict[str, Any]] = [
    {"freeze": 7200.0},
    {"max_delete_percent": 1.0},
    {"max_delete_count": 1},
    {"max_replace_count": 1},
    {"sends": Sends.DENY},
    {"plan_expiry": 86400.0},
    {"reach_growth": 1.0},
    {"targets": Targets({"lists": ("a",)}, 99)},
]


def changed(before: Policy, now: Policy) -> list[str]:
    return [found.rule for found in loosened(rules_of(before, {}), rules_of(now, {}))]


@pytest.mark.parametrize("rule", LOOSER)
def test_what_lets_more_through_is_told_and_its_way_back_is_not(rule: str) -> None:
    looser = replace(STRICT, **LOOSER[rule])
    assert changed(STRICT, looser) == [rule]
    assert changed(looser, STRICT) == []


@pytest.mark.parametrize("members", STRICTER, ids=lambda members: next(iter(members)))
def test_what_lets_less_through_is_not_told(members: dict[str, Any]) -> None:
    assert changed(STRICT, replace(STRICT, **members)) == []


def test_targets_that_are_gone_bound_nobody() -> None:
    assert changed(STRICT, replace(STRICT, targets=Targets())) == ["policy.targets.lists", "policy.targets.maxAudience"]
    assert changed(replace(STRICT, targets=Targets()), STRICT) == []
    more = replace(STRICT, targets=Targets({"lists": ("a", "b"), "groups": ("g",)}, 100))
    assert changed(STRICT, more) == ["policy.targets.groups"]


def test_whatever_changes_in_a_contract_is_told() -> None:
    before = rules_of(STRICT, {"one": {"op.a": "GET /a", "cap.b": "off"}})
    now = rules_of(STRICT, {"one": {"op.a": "GET /b", "cap.c": "on"}})
    assert [(found.rule, found.before, found.after) for found in loosened(before, now)] == [
        ("contract.one.cap.b", "off", "none"),
        ("contract.one.cap.c", "none", "on"),
        ("contract.one.op.a", "GET /a", "GET /b"),
    ]


def test_before_any_apply_nothing_has_changed() -> None:
    assert loosened({}, rules_of(STRICT, {})) == ()


def test_times_are_told_as_they_are_written() -> None:
    (freeze, expiry) = loosened(
        rules_of(STRICT, {}), rules_of(replace(STRICT, freeze=1800.0, plan_expiry=10 * 86400.0), {})
    )
    assert (freeze.before, freeze.after) == ("60m", "30m")
    assert (expiry.before, expiry.after) == ("7d", "10d")
