"""What stops a step half-way, in words."""

from collections.abc import Mapping

from reconcile.errors import (
    ApiError,
    Diagnostic,
    PlanStale,
)
from reconcile.model.call import Call
from reconcile.planner.plan import Step


def not_stopped(step: Step) -> Diagnostic:
    """Mail that was cancelled, and goes out all the same as far as can be read."""
    return Diagnostic(
        "not-stopped",
        "not stopped",
        "NOT STOPPED, as far as can be read: the mail goes out as it stands unless it is cancelled.",
        address=str(step.address),
        hint="Apply again, or cancel it in the web interface.",
    )


def left_going(step: Step) -> Diagnostic:
    """Mail that is not to go out any more, in a run that was refused as a whole."""
    return Diagnostic(
        "not-stopped",
        "not stopped",
        "NOT STOPPED: the run may not be made, and so the mail goes out as it was scheduled.",
        address=str(step.address),
        hint="Mend what stands in the way and apply again, or cancel it in the web interface.",
    )


def appeared(step: Step, ids: set[str]) -> PlanStale:
    """What was to be made is there, and somebody else made it."""
    return PlanStale(
        f"Since the plan was made, an object with the same natural key has appeared (id {', '.join(sorted(ids))}), so "
        "this one is not made.",
        hint="Plan again.",
        address=str(step.address),
    )


def not_scheduled(step: Step) -> Diagnostic:
    """Mail that was cancelled to be written, and was not scheduled again as far as can be read."""
    return Diagnostic(
        "not-scheduled",
        "not scheduled",
        "NOT SCHEDULED, as far as can be read: the step ended before its new time could be confirmed.",
        address=str(step.address),
        hint="Plan again: it shows how it stands. Then apply again.",
    )


def not_as_expected(step: Step, call: Call) -> ApiError:
    """The object does not read as it should after a call."""
    expected = ", ".join(
        name if isinstance(value, Mapping) else f"{name} {value if value is not None else 'not set'}"
        for name, value in call.then.items()
    )
    return ApiError(
        f"The platform accepted {call.operation}, but afterwards the object does not read as it must ({expected}).",
        hint="Look at it in the web interface, and plan again.",
        address=str(step.address),
    )
