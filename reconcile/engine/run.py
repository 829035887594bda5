"""What an apply works with, and what it tells: rights, outcomes, events."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconcile.engine.bulk import Conditions
from reconcile.engine.gate import Gate
from reconcile.engine.intents import Patience
from reconcile.engine.refresh import Clients
from reconcile.errors import (
    Diagnostic,
)
from reconcile.model.address import Address
from reconcile.model.kind import Circumstances
from reconcile.model.registry import Registry
from reconcile.planner.approval import Difference
from reconcile.planner.plan import Plan, Requirement, Right, Step
from reconcile.state.store import LockedState


class Outcome(StrEnum):
    """How a step ended."""

    APPLIED = "applied"
    FAILED = "failed"
    REFUSED = "refused"
    NOT_ATTEMPTED = "not attempted"
    BY_HAND = "left to be done by hand"
    POSTPONED = "left for a run that may send"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a step: it started (no outcome yet) or ended.

    ``written`` says whether any of its API writes was made; ``exit_code`` is what its failure asks for.
    """

    step: Step
    outcome: Outcome | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    exit_code: int = 0
    written: bool = False


@dataclass(frozen=True, slots=True)
class Rights:
    """What this run may do beyond the harmless.

    ``deletes`` is the N of ``--allow-delete N``; ``without_sends`` leaves steps that send for another time instead of
    refusing the whole run; ``approved``: somebody saw this fresh plan and said yes, which lets it overwrite outside
    edits, undo newer work and schedule what a template was made into, but settles no conflict and removes nothing of
    newer work.
    """

    granted: frozenset[Right] = frozenset()
    deletes: int = 0
    without_sends: bool = False
    approved: bool = False

    def lacks(self, need: Requirement) -> bool:
        """Whether a requirement is not met."""
        if need.right is Right.DELETE:
            return need.amount > self.deletes
        if need.right in (Right.OVERWRITE_DRIFT, Right.STALE, Right.REVIEW) and self.approved and not need.conflict:
            return False
        return need.right not in self.granted


@dataclass(slots=True)
class Run:
    """All that an apply works with.

    ``left`` are the steps that nobody has approved; ``before`` the ids that had a step's natural key then;
    ``conditions`` are those of bulk work; ``gate`` stands before every write; ``paces`` are calls a second by alias
    (0: any).
    """

    plan: Plan
    registry: Registry
    clients: Clients
    locked: LockedState
    gate: Gate
    rights: Rights
    circumstances: Circumstances
    before: Mapping[Address, tuple[str, ...]]
    clock: Callable[[], float]
    conditions: Conditions
    left: Mapping[Address, Difference] = field(default_factory=dict)
    patience: Patience = field(default_factory=Patience)
    parallelism: int = 4
    paces: Mapping[str, float] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
