"""Kinds that are no objects but sets of people, compared in bulk: what differs in counts, never who.

A bulk kind reads both sides itself, since they may hold millions of rows, and gives a Comparison: a small value without
anybody's data, from which the planner makes a step. What the step promises, the kind carries out through a Conduct:
it compares anew then, and the calls it makes are those of the plan or none.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from reconcile.errors import Diagnostic, Location
from reconcile.model.address import Address
from reconcile.model.attributes import Attributes
from reconcile.model.call import Call
from reconcile.model.kind import Change, Client, Collection, Kind, Row, Wanted
from reconcile.model.memory import Memory, Segments
from reconcile.model.resource import RemoteObject


@dataclass(frozen=True, slots=True)
class Place:
    """Where a bulk kind finds and leaves files.

    ``root`` is the project's folder, ``folder`` the environment's private one (rejects), ``beside`` the one of the
    state (keyed digests). ``key`` gives the project key; it is asked for only where a digest is made.
    ``skip_invalid``: malformed rows are left out instead of stopping the run. ``segments`` is where the state's backend
    keeps what audiences remember; None: only in the state itself.
    """

    root: Path
    folder: Path
    beside: Path
    key: Callable[[], bytes]
    skip_invalid: bool = False
    segments: Segments | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """What a bulk kind works on.

    ``ids`` are those of the objects that ``attributes`` may refer to, as far as they exist; ``declared`` the addresses
    of all manifests. ``unfinished``: an earlier run was cut short, and what it began may still come. ``memory`` is what
    the state says that the entry remembers of people; ``known``: the entry is in the state.
    """

    address: Address
    attributes: Attributes
    ids: Mapping[Address, str]
    client: Client
    place: Place
    location: Location | None = None
    declared: frozenset[Address] = frozenset()
    unfinished: bool = False
    memory: Memory | None = None
    known: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """How what is declared differs from what is live.

    Attributes:
        digest: SHA-256 of the source file that was compared.
        counts: how many of what will change ("new recipients"), zeros left out.
        calls: the API writes in order; their arguments hold only counts and names.
        reach: how many people are concerned by calls that send; ``mail`` says why they may get mail.
        removes: how many people are taken off lists, of ``removable`` ones that this entry had put there.
        notes: sentences for the reader: masked samples, who is left alone and why.
        dependencies: addresses beyond the attributes' references that must be done before.
        blocked: why nothing can be done.
        unknown: what of the past is not known, so that nothing is done before somebody says so.
        rows: how many people the source has, and ``rows_before`` how many it had at the last apply.
        excluded: how many the file of those to exclude has, and ``excluded_before`` how many it had then; both are 0
            where the platform itself keeps out whoever was excluded, or the entry has no such file.
    """

    digest: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    calls: tuple[Call, ...] = ()
    reach: int = 0
    mail: str = ""
    removes: int = 0
    removable: int = 0
    notes: tuple[str, ...] = ()
    dependencies: tuple[Address, ...] = ()
    blocked: Diagnostic | None = None
    unknown: Diagnostic | None = None
    rows: int = 0
    rows_before: int = 0
    excluded: int = 0
    excluded_before: int = 0


class Conduct(Protocol):
    """What the engine gives to a bulk kind at work."""

    def send(self, call: Call) -> Any:
        """Make one write; raises ApiError and its kin."""

    def intend(self, call: Call, digest: str) -> None:
        """Put on record that a call that must not happen twice is about to be made."""

    def settle(self) -> None:
        """Strike that from the record: its outcome is known."""

    def remember(self, memory: Memory) -> None:
        """Put on record what the entry remembers of people; its segments are durable already."""

    def wait(self, seconds: float) -> None:
        """Let time pass; raises Interrupted when the run is to stop."""

    def check(self) -> None:
        """Between two calls; raises Interrupted when the run is to stop."""

    def now(self) -> float:
        """UNIX seconds."""

    def tell(self, text: str) -> None:
        """Progress, in counts."""

    @property
    def longest_wait(self) -> float:
        """Seconds to wait at most for what the platform does later."""


class _Nothing(Collection):
    """A bulk kind has no objects with ids."""

    name = "bulk"

    def read(self, api: Client, wanted: Wanted) -> Iterable[Row]:
        return ()


class BulkKind(Kind):
    """A kind whose entries are sets of people. Its entries are in the state without an id."""

    natural_key: ClassVar[tuple[str, ...]] = ()
    collection: ClassVar[Collection] = _Nothing()

    @abstractmethod
    def compare(self, task: Task) -> Comparison:
        """Read both sides and say how they differ; changes nothing.

        Raises:
            InvalidInput: the source can't be used, or has malformed rows that are not to be skipped.
        """

    @abstractmethod
    def carry_out(self, task: Task, digest: str, calls: Sequence[Call], conduct: Conduct) -> None:
        """Compare anew and make the planned calls, those and no others.

        Raises:
            PlanStale: the source or the live side would take other calls by now.
            ApiError: some of it did not work; what did is not made again by the next run.
        """

    @abstractmethod
    def await_outcome(self, task: Task, digest: str, started: float, conduct: Conduct) -> None:
        """Wait for what an earlier run began at ``started`` (UNIX seconds) with the source of that digest."""

    def decode(self, row: Row) -> RemoteObject:
        """There is nothing to decode."""
        raise NotImplementedError

    def writes(self, change: Change) -> Sequence[Call]:
        """No single change is ever asked for."""
        return ()
