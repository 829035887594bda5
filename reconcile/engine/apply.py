"""Walk the steps, send their calls; intent before, outcome after each.

A step starts when its own predecessors are done, not level by level. One that fails or is refused holds back what
depends on it and nothing else. Each outcome is durable in the state before the next step starts.
"""

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from graphlib import TopologicalSorter

from reconcile.engine.run import Event, Outcome, Run
from reconcile.engine.step_executor import StepExecutor
from reconcile.errors import (
    Diagnostic,
    PlanStale,
    ReconcileError,
    Refused,
    StateError,
)
from reconcile.model.address import Address
from reconcile.model.kind import Action
from reconcile.planner.approval import Difference
from reconcile.planner.order import Graph, Node, Phase, graph
from reconcile.planner.plan import Right, Step


def apply(run: Run) -> Iterator[Event]:
    """Carry the plan out; yields an event when a step starts and when it ends, in the order they happen."""
    yield from _Executor(run).events()


class _Executor:
    def __init__(self, run: Run) -> None:
        self._run = run
        self._steps = StepExecutor(run)
        self._fatal: ReconcileError | None = None

    def events(self) -> Iterator[Event]:
        run = self._run
        waiting = graph(run.plan)
        last = {address: Phase.REMOVE if (address, Phase.REMOVE) in waiting else Phase.APPLY for address, _ in waiting}
        ended: set[Address] = set()
        unmade: dict[Address, Outcome] = {}
        sorter = TopologicalSorter(waiting)
        sorter.prepare()
        with _pool(run.parallelism) as pool:
            running: dict[Future[None], Node] = {}
            ready, later = deque(sorter.get_ready()), list[Node]()
            while ready or later or running:
                now, later = _stops_first([*later, *ready], running.values())
                ready = deque(now)
                # No more at once than can be worked on: what is handed over can't be taken back.
                while ready and len(running) < run.parallelism:
                    address, phase = node = ready.popleft()
                    step = run.plan.steps[address]
                    if run.stop.is_set() or self._fatal is not None:
                        continue
                    if address in run.left and phase is not Phase.STOP:
                        if address not in ended:
                            ended.add(address)
                            unmade[address] = Outcome.REFUSED
                            yield Event(step, Outcome.REFUSED, (not_approved(run.left[address]),), PlanStale.exit_code)
                        continue
                    if phase is not Phase.STOP and address not in ended and self._is_for_later(step):
                        ended.add(address)
                        unmade[address] = Outcome.POSTPONED
                        yield Event(step, Outcome.POSTPONED)
                        continue
                    if not self._has_work(step, phase):
                        sorter.done(node)
                        ready.extend(sorter.get_ready())
                        if phase is last[address] and step.action is not Action.NO_OP:
                            ended.add(address)
                            yield Event(step, _done(step), written=address in self._steps.written)
                        continue
                    if phase is _first(step) and step.action is not Action.MANUAL:
                        yield Event(step)
                    running[pool.submit(self._steps.half, step, phase)] = node
                if not running:
                    continue
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    address, phase = node = running.pop(future)
                    step = run.plan.steps[address]
                    error = future.exception()
                    if error is None:
                        sorter.done(node)
                        if phase is last[address]:
                            ended.add(address)
                            yield Event(step, _done(step), written=address in self._steps.written)
                    else:
                        ended.add(address)
                        unmade[address] = Outcome.FAILED
                        yield self._failure(step, error)
                ready.extend(sorter.get_ready())
        yield from self._left(waiting, ended, unmade)
        if self._fatal is not None:
            raise self._fatal

    def _left(self, waiting: Graph, ended: AbstractSet[Address], unmade: Mapping[Address, Outcome]) -> Iterator[Event]:
        """What becomes of the steps that were not begun, or not ended."""
        cut_short = self._run.stop.is_set() or self._fatal is not None
        held = _held_back_by(unmade, waiting) if not cut_short else {}
        for address in sorted({address for address, _ in waiting} - ended):
            step = self._run.plan.steps[address]
            if step.action is not Action.NO_OP:
                outcome = Outcome.POSTPONED if held.get(address) == {Outcome.POSTPONED} else Outcome.NOT_ATTEMPTED
                yield Event(step, outcome, written=address in self._steps.written)

    def _is_for_later(self, step: Step) -> bool:
        """Whether nothing but the right to send is missing, in a run that is to leave sends.

        A mail that was stopped and is not handed over again is no such thing: that run ends with a failure.
        """
        rights = self._run.rights
        lacking = {need.right for need in step.requires if rights.lacks(need)}
        return rights.without_sends and lacking == {Right.SEND} and step.blocked is None and not step.stops

    def _has_work(self, step: Step, phase: Phase) -> bool:
        if phase is not Phase.APPLY or step.calls or step.blocked:
            return True
        if step.action is Action.FORGET:
            return not step.removals
        kept = self._run.locked.kept(step.address)
        if step.action is Action.NO_OP and kept is not None and self._run.locked.is_begun(step.address):
            return True  # an earlier run was cut short after its last write
        return step.applied is not None and step.action is not Action.DELETE and step.applied != kept

    def _failure(self, step: Step, error: BaseException) -> Event:
        if not isinstance(error, ReconcileError):
            raise error
        if isinstance(error, StateError):
            # What is not on record must not be done.
            self._fatal = error
        refused = isinstance(error, Refused | PlanStale)
        findings = tuple(replace(found, address=found.address or str(step.address)) for found in error.diagnostics)
        return Event(
            step,
            Outcome.REFUSED if refused else Outcome.FAILED,
            findings,
            error.exit_code,
            written=step.address in self._steps.written,
        )


def not_approved(difference: Difference) -> Diagnostic:
    """Why a step that nobody approved of is not made."""
    return Diagnostic(
        "not-approved",
        "not what was approved",
        f"It is not done: {'; '.join(difference.reasons)}.",
        address=str(difference.address),
        hint="Plan again (reconcile plan -o FILE), and have that approved.",
    )


def _held_back_by(unmade: Mapping[Address, Outcome], waiting: Graph) -> dict[Address, set[Outcome]]:
    """For each step, how the ones that come before it, near or far, and were not made have ended."""
    held: dict[Address, set[Outcome]] = {address: {outcome} for address, outcome in unmade.items()}
    for address, phase in TopologicalSorter(waiting).static_order():
        if address not in unmade:
            before = (held.get(each, set()) for each, _ in waiting[address, phase])
            held[address] = held.get(address, set()).union(*before)
    return held


def _stops_first(waiting: list[Node], running: Collection[Node]) -> tuple[list[Node], list[Node]]:
    """What to begin with, and what comes later: while there are stops, nothing else."""
    stops = [node for node in waiting if node[1] is Phase.STOP]
    if stops or any(phase is Phase.STOP for _, phase in running):
        return stops, [node for node in waiting if node[1] is not Phase.STOP]
    return waiting, []


def _first(step: Step) -> Phase:
    if step.stops:
        return Phase.STOP
    return Phase.APPLY if step.calls or not step.removals else Phase.REMOVE


@contextmanager
def _pool(size: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that are waited for, but not by whoever is in a hurry."""
    pool = ThreadPoolExecutor(size, thread_name_prefix="apply")
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _done(step: Step) -> Outcome:
    return Outcome.BY_HAND if step.action is Action.MANUAL else Outcome.APPLIED
