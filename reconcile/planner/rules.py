"""The rules that bound a project, as they were at the last apply and as they are now: what lets more through is told.

Rules are those of ``policy`` and the overrides of each account's ``contract``, by name: "policy.freeze". Of a contract
nobody can tell in general whether a change of it lets more through, so all of them are told.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from reconcile.model.attributes import Value, same
from reconcile.model.policy import Policy, RenderedSends, Sends

# Whether a higher value lets more through, or a lower one; what is in neither bounds nothing.
_HIGHER = {"maxDeletePercent", "maxDeleteCount", "maxReplaceCount", "planExpiry", "reachGrowth"}
_LOWER = {"freeze"}
_TIMES = {"freeze", "planExpiry", "importWait"}
_STRICTNESS = (Sends.DENY.value, Sends.ASK.value, Sends.ALLOW.value)
_TARGETS = "policy.targets."
_MOST = f"{_TARGETS}maxAudience"


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule that may let more through than at the last apply, then and now, in words."""

    rule: str
    before: str
    after: str


def rules_of(bounds: Policy, contracts: Mapping[str, Mapping[str, Value]]) -> dict[str, Value]:
    """The rules by name; ``contracts`` are what each alias overrides of its platform's contract table."""
    rules: dict[str, Value] = {
        "policy.freeze": bounds.freeze,
        "policy.maxDeletePercent": bounds.max_delete_percent,
        "policy.maxDeleteCount": bounds.max_delete_count,
        "policy.maxReplaceCount": bounds.max_replace_count,
        "policy.sends": bounds.sends.value,
        "policy.renderedSends": bounds.rendered_sends.value,
        "policy.planExpiry": bounds.plan_expiry,
        "policy.importWait": bounds.import_wait,
        "policy.reachGrowth": bounds.reach_growth,
    }
    rules |= {f"{_TARGETS}{plural}": tuple(sorted(names)) for plural, names in bounds.targets.entries.items()}
    if bounds.targets.max_audience is not None:
        rules[_MOST] = bounds.targets.max_audience
    for alias, overrides in contracts.items():
        rules |= {f"contract.{alias}.{row}": value for row, value in overrides.items()}
    return dict(sorted(rules.items()))


def loosened(before: Mapping[str, Value], now: Mapping[str, Value]) -> tuple[RuleChange, ...]:
    """The rules that may let more through; none where no apply has put them on record yet."""
    if not before:
        return ()
    names = sorted(before.keys() | now.keys())
    return tuple(
        RuleChange(name, _told(name, before.get(name)), _told(name, now.get(name)))
        for name in names
        if not same(before.get(name), now.get(name)) and _loosens(name, before, now)
    )


def _loosens(name: str, before: Mapping[str, Value], now: Mapping[str, Value]) -> bool:
    then, here = before.get(name), now.get(name)
    short = name.removeprefix("policy.")
    if name == _MOST:
        return then is not None and (here is None or _number(here) > _number(then))
    if name.startswith(_TARGETS):
        if then is None and not any(each.startswith(_TARGETS) and each != _MOST for each in before):
            return False  # anybody was allowed
        return here is None or not set(here) <= set(then or ())
    if not name.startswith("policy."):
        return True
    if then is None or here is None:
        return False  # of another version, which knew other rules
    if short == "sends":
        return _strictness(here) > _strictness(then)
    if short == "renderedSends":
        return bool(here == RenderedSends.ALLOW.value)
    if short in _LOWER:
        return _number(here) < _number(then)
    return short in _HIGHER and _number(here) > _number(then)


def _strictness(value: Value) -> int:
    return _STRICTNESS.index(value) if value in _STRICTNESS else len(_STRICTNESS)


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else float("inf")


def _told(name: str, value: Value) -> str:
    if value is None:
        return "none"
    if name.removeprefix("policy.") in _TIMES and isinstance(value, int | float):
        return f"{value / 86400:g}d" if value and value % 86400 == 0 else f"{value / 60:g}m"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value)) or "nobody"
    return str(value)
