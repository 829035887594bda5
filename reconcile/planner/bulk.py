"""The step for an entry that is compared in bulk: from counts, not from attributes."""

from collections.abc import Iterator

from reconcile.errors import Diagnostic
from reconcile.model.address import Address
from reconcile.model.attributes import references
from reconcile.model.bulk import Comparison
from reconcile.model.kind import Action
from reconcile.model.resource import Applied, Resource
from reconcile.planner.plan import AttributeChange, Cause, Requirement, Right, Step


def bulk_step(resource: Resource, comparison: Comparison, applied: Applied | None) -> Step:
    """The step for a declared bulk entry; what changes is told in counts."""
    dependencies = tuple(sorted({*references(resource.attributes), *comparison.dependencies}))
    if comparison.calls or comparison.blocked:
        action = Action.CREATE if applied is None else Action.UPDATE
        cause = Cause.NEW if applied is None else Cause.MANIFEST
    else:
        action, cause = Action.NO_OP, None
    return Step(
        resource.address,
        action,
        cause=cause,
        changes=tuple(AttributeChange(name, 0, count, cause or Cause.NEW) for name, count in comparison.counts.items()),
        calls=comparison.calls,
        applied=Applied("", resource.attributes, dependencies=dependencies, prevent_destroy=resource.prevent_destroy),
        dependencies=dependencies,
        former_dependencies=applied.dependencies if applied else (),
        reach=comparison.reach or None,
        blocked=comparison.blocked,
        requires=tuple(_requirements(resource.address, comparison)),
        note=" ".join(comparison.notes) or None,
        source_digest=comparison.digest,
        people_removed=comparison.removes,
        people_ours=comparison.removable,
        rows_lost=_lost(comparison.rows_before, comparison.rows),
        excluded_before=comparison.excluded_before,
        excluded_fewer=max(comparison.excluded_before - comparison.excluded, 0),
    )


def _lost(before: int, now: int) -> float:
    return 100 * (before - now) / before if before else 0.0


def bulk_removal(address: Address, applied: Applied) -> Step:
    """The step for a bulk entry that no manifest declares any more: the people stay as they are."""
    return Step(
        address,
        Action.FORGET,
        Cause.REMOVED,
        former_dependencies=applied.dependencies,
        note="The people stay as they are, and where they are.",
    )


def _requirements(address: Address, comparison: Comparison) -> Iterator[Requirement]:
    if comparison.unknown is not None and comparison.calls:
        yield Requirement(Right.ACCEPT_UNKNOWN, comparison.unknown)
    if any(call.sends for call in comparison.calls):
        yield Requirement(
            Right.SEND,
            Diagnostic(
                "send-not-allowed",
                "people may get mail",
                f"{comparison.mail or 'People may get mail'}, and this run may not send.",
                address=str(address),
                hint="Give the right with --allow-send, or apply the rest with --without-sends.",
            ),
        )
