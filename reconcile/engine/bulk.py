"""Bulk kinds: compared for a plan, carried out by a step, and waited for after a run that was cut short."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reconcile.engine.gate import Gate
from reconcile.engine.intents import Patience
from reconcile.engine.refresh import Clients
from reconcile.errors import Interrupted, InvalidInput, UnknownOutcome
from reconcile.model.address import Address
from reconcile.model.bulk import BulkKind, Comparison, Place, Task
from reconcile.model.call import Call
from reconcile.model.memory import Memory
from reconcile.model.registry import Registry
from reconcile.model.resource import Resource
from reconcile.planner.plan import Step
from reconcile.state.state import Intent, State
from reconcile.state.store import LockedState

_SLICE = 1.0  # seconds after which a wait looks whether the run is to stop


@dataclass(frozen=True, slots=True)
class Conditions:
    """How bulk work goes about it; times in seconds. ``tell`` takes progress about an address."""

    place: Place | None
    longest_wait: float
    clock: Callable[[], float]
    patience: Patience
    stop: threading.Event
    tell: Callable[[Address, str], None]


def comparisons(
    desired: Mapping[Address, Resource],
    state: State,
    ids: Mapping[Address, str],
    registry: Registry,
    clients: Clients,
    place: Place | None,
) -> dict[Address, Comparison]:
    """How each bulk entry differs; ``ids`` are those of the objects that exist."""
    found: dict[Address, Comparison] = {}
    for address, resource in desired.items():
        kind = registry.kind(address)
        if isinstance(kind, BulkKind) and not resource.external:
            task = Task(
                address,
                resource.attributes,
                ids,
                clients[address.provider],
                _required(place, address),
                resource.location,
                frozenset(desired),
                address in state.intents,
                state.memories.get(address),
                address in state.resources,
            )
            found[address] = kind.compare(task)
    return found


def carry_out(
    step: Step,
    kind: BulkKind,
    ids: Mapping[Address, str],
    clients: Clients,
    locked: LockedState,
    conditions: Conditions,
    gate: Gate,
    written: set[Address],
) -> None:
    """Make a step's writes; ``written`` gets the address once any was made."""
    attributes = step.applied.attributes if step.applied is not None else {}
    client = clients[step.address.provider]
    task = Task(
        step.address,
        attributes,
        ids,
        client,
        _required(conditions.place, step.address),
        memory=locked.state.memories.get(step.address),
        known=step.address in locked.state.resources,
    )
    conduct = _Conduct(task, locked, conditions, written, gate)
    kind.carry_out(task, step.source_digest or "", step.calls, conduct)


def await_earlier(locked: LockedState, registry: Registry, clients: Clients, conditions: Conditions) -> None:
    """Wait for what earlier runs began and did not see the end of, before anything is begun anew."""
    state = locked.state
    ids = {address: kept.id for address, kept in state.resources.items()}
    for address, intent in state.intents.items():
        kind = registry.kind(address)
        if isinstance(kind, BulkKind):
            task = Task(
                address,
                intent.attributes,
                ids,
                clients[address.provider],
                _required(conditions.place, address),
                memory=state.memories.get(address),
                known=True,
            )
            conduct = _Conduct(task, locked, conditions, set())
            conduct.tell("an earlier run was cut short; waiting for what it began")
            digest = str(intent.key[0]) if intent.key else ""
            kind.await_outcome(task, digest, intent.started, conduct)
            locked.settle(address)


def _required(place: Place | None, address: Address) -> Place:
    if place is None:
        raise InvalidInput("This needs a project folder, where its files are.", address=str(address))
    return place


class _Conduct:
    """See ``model.bulk.Conduct``."""

    def __init__(
        self,
        task: Task,
        locked: LockedState,
        conditions: Conditions,
        written: set[Address],
        gate: Gate | None = None,
    ) -> None:
        self._task = task
        self._locked = locked
        self._conditions = conditions
        self._written = written
        self._gate = gate

    @property
    def longest_wait(self) -> float:
        return self._conditions.longest_wait

    def send(self, call: Call) -> Any:
        if self._gate is None:
            raise AssertionError("whoever waits for an earlier run writes nothing")
        try:
            answer = self._gate.send(self._task.address.provider, call)
        except UnknownOutcome:
            self._written.add(self._task.address)
            raise
        self._written.add(self._task.address)
        return answer

    def intend(self, call: Call, digest: str) -> None:
        # Neither addresses nor files: what the entry declares is enough to look for what came of it.
        task = self._task
        self._locked.intend(
            Intent(
                task.address,
                call.operation,
                key=(digest,),
                attributes=task.attributes,
                started=self._conditions.clock(),
            )
        )

    def settle(self) -> None:
        self._locked.settle(self._task.address)

    def remember(self, memory: Memory) -> None:
        self._locked.remember(self._task.address, memory)

    def check(self) -> None:
        if self._conditions.stop.is_set():
            raise Interrupted("Interrupted; what was done is on record.", hint="Run again to do the rest.")

    def wait(self, seconds: float) -> None:
        left = seconds
        while left > 0:
            self.check()
            self._conditions.patience.sleep(min(left, _SLICE))
            left -= _SLICE

    def now(self) -> float:
        return self._conditions.clock()

    def tell(self, text: str) -> None:
        self._conditions.tell(self._task.address, text)
