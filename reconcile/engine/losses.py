"""What was lost for good in the last day, whichever way the runs ended that did it."""

from collections.abc import Mapping

from reconcile.model.address import Address
from reconcile.model.resource import Applied
from reconcile.planner.guard import lost_since
from reconcile.planner.steps import Seen
from reconcile.state.history import DAY, lost_by_history
from reconcile.state.state import State


def lost_lately(state: State, now: float, applied: Mapping[Address, Applied], seen: Seen) -> dict[str, int]:
    """How many objects, by alias and kind: by the history, which counts every time, or by the state, if that is more.

    A run that was killed has no line in the history.
    """
    told = lost_by_history(state.history, now)
    recorded = lost_since(state.generations, now - DAY, applied, seen)
    return {kind: max(told.get(kind, 0), recorded.get(kind, 0)) for kind in sorted(told.keys() | recorded.keys())}
