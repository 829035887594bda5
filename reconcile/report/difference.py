"""What would be done now and was not approved, next to what was, and under which other rules: text, Markdown, JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconcile.model.address import Address
from reconcile.model.attributes import condensed
from reconcile.model.attributes import to_json as plain
from reconcile.planner.approval import Difference
from reconcile.planner.plan import Step
from reconcile.planner.rules import RuleChange
from reconcile.report.text import one_line, shown

Differences = Mapping[Address, Difference]


def to_text(differences: Differences) -> str:
    """The differences for a terminal."""
    lines = [f"Not approved, so not done ({len(differences):,}):"]
    for difference in differences.values():
        reasons = one_line("; ".join(difference.reasons))
        lines.append(f"  {difference.address}: {difference.now.action.value}; {reasons}")
        lines += [f"    {side}: {told}" for side, told in _sides(difference)]
    return "\n".join(lines) + "\n\n"


def to_markdown(differences: Differences) -> str:
    """The differences for a comment."""
    lines = [f"**Not approved, so not done ({len(differences):,})**", ""]
    for difference in differences.values():
        reasons = one_line("; ".join(difference.reasons))
        lines.append(f"- `{difference.address}`: {difference.now.action.value}; {reasons}")
        lines += [f"  - {side}: `{told}`" for side, told in _sides(difference)]
    return "\n".join(lines) + "\n\n"


def rules_to_text(rules: Sequence[RuleChange]) -> str:
    """The rules that let more through than at the last apply, for a terminal; empty where there are none."""
    lines = [f"  {one_line(found.rule)}: {one_line(found.before)} -> {one_line(found.after)}" for found in rules]
    return "\n".join(["Rules changed", *lines]) + "\n\n" if lines else ""


def rules_to_markdown(rules: Sequence[RuleChange]) -> str:
    """The same for a comment."""
    lines = [f"- `{one_line(found.rule)}`: {one_line(found.before)} -> {one_line(found.after)}" for found in rules]
    return "\n".join(["**Rules changed**", "", *lines]) + "\n\n" if lines else ""


def rules_to_json(rules: Sequence[RuleChange]) -> list[dict[str, str]]:
    """The same in plain JSON types."""
    return [{"rule": found.rule, "before": found.before, "after": found.after} for found in rules]


def to_json(differences: Differences) -> list[dict[str, Any]]:
    """The differences in plain JSON types."""
    return [
        {
            "address": str(difference.address),
            "reasons": list(difference.reasons),
            "approved": _brief(difference.approved),
            "now": _brief(difference.now),
        }
        for difference in differences.values()
    ]


def _sides(difference: Difference) -> Iterator[tuple[str, str]]:
    """What was approved and what would be done now, as far as they differ in what a reader can compare."""
    approved = _attributes(difference.approved) if difference.approved is not None else {}
    now = _attributes(difference.now)
    for name in dict.fromkeys((*approved, *now)):
        if approved.get(name) == now.get(name):
            continue
        if name in approved:
            yield "approved", f"{one_line(name)}: {approved[name]}"
        if name in now:
            yield "now", f"{one_line(name)}: {now[name]}"


def _attributes(step: Step) -> dict[str, str]:
    told = {}
    for change in step.changes:
        before, after = (condensed(each) if change.text else each for each in (change.before, change.after))
        told[change.name] = f"{shown(before)} -> {shown(after)}"
    return told


def _brief(step: Step | None) -> dict[str, Any] | None:
    if step is None:
        return None
    return {
        "action": step.action.value,
        "digest": step.digest,
        "generation": step.generation,
        "id": step.id,
        "cause": step.cause.value if step.cause is not None else None,
        "changes": [
            {
                "name": change.name,
                "before": plain(condensed(change.before) if change.text else change.before),
                "after": plain(condensed(change.after) if change.text else change.after),
            }
            for change in step.changes
        ],
        "calls": [call.operation for call in step.writes],
    }
