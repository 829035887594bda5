"""What was pulled: it counts as applied only where manifests that hold it are planned; for all others it is an edit.

A pull writes to the manifests of one checkout, and the state is everybody's. So the state only remarks what was pulled.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from reconcile.errors import Diagnostic, Severity
from reconcile.model.address import Address
from reconcile.model.attributes import references, same
from reconcile.model.resource import Applied, PullRecord, Resource
from reconcile.planner.plan import Cause, Requirement, Right, Step


def with_pulled(desired: Mapping[Address, Resource], applied: Mapping[Address, Applied]) -> dict[Address, Applied]:
    """What was applied, with what was pulled into these very manifests."""
    return {
        address: _as_held(kept, desired.get(address)) if kept.pulled is not None else kept
        for address, kept in applied.items()
    }


def _as_held(kept: Applied, resource: Resource | None) -> Applied:
    """What was applied to one object, with what its entry holds of what was pulled."""
    pulled = kept.pulled
    if pulled is None or resource is None or resource.external:
        return kept
    held = {
        name: value
        for name, value in pulled.attributes.items()
        if name in resource.attributes and same(resource.attributes[name], value)
    }
    if pulled.removed and (held.keys() != pulled.attributes.keys() or set(pulled.removed) & resource.attributes.keys()):
        return kept  # the texts stand for what they were made from only where that was taken out
    if not held:
        return kept
    attributes = {name: value for name, value in kept.attributes.items() if name not in pulled.removed} | held
    rest = {name: value for name, value in pulled.attributes.items() if name not in held}
    return replace(
        kept,
        attributes=attributes,
        observed={**kept.observed, **{name: seen for name, seen in pulled.observed.items() if name in held}},
        dependencies=tuple(sorted(set(references(attributes)))),
        pulled=replace(pulled, attributes=rest, removed=()) if rest else None,
    )


def waiting(applied: Mapping[Address, Applied], steps: Mapping[Address, Step]) -> Iterator[Diagnostic]:
    """A word on outside edits that somebody has pulled into manifests that are not these."""
    for address, step in steps.items():
        kept = applied.get(address)
        pulled = kept.pulled if kept is not None else None
        if pulled is None:
            continue
        names = [
            change.name
            for change in step.changes
            if change.cause in (Cause.OUTSIDE, Cause.BOTH) and change.name in {*pulled.attributes, *pulled.removed}
        ]
        if pulled.gone and step.cause is Cause.GONE:
            detail = f"It was deleted outside, and {told(pulled)}. These manifests still have its entry."
        elif names:
            detail = f"{', '.join(names)} changed outside, and {told(pulled)}. These manifests don't have it yet."
        else:
            continue
        yield Diagnostic(
            "pulled-elsewhere",
            "pulled, but not into these manifests",
            detail,
            address=str(address),
            hint="Merge that change first (git pull); until then it is an outside edit here.",
            severity=Severity.WARNING,
        )


def not_made_anew(step: Step, kept: Applied | None) -> Step:
    """The step; what somebody deleted, and others have pulled, is not made anew unseen."""
    if kept is None or kept.pulled is None or not kept.pulled.gone or step.cause is not Cause.GONE:
        return step
    finding = Diagnostic(
        "deleted-outside",
        "it was deleted outside",
        f"Somebody deleted it outside, and {told(kept.pulled)}, so an unattended apply does not make it anew.",
        address=str(step.address),
        hint="Merge that change (git pull). To make it anew all the same, give --overwrite-drift.",
    )
    return replace(step, requires=(*step.requires, Requirement(Right.OVERWRITE_DRIFT, finding)))


def told(pulled: PullRecord) -> str:
    """Who pulled what when into what, in words."""
    when = datetime.fromtimestamp(pulled.when, UTC)
    at = f" at commit {pulled.commit[:10]}" if pulled.commit else ""
    return f"{pulled.by or 'somebody'} pulled it on {when:%Y-%m-%d %H:%M} UTC into manifests{at}"
