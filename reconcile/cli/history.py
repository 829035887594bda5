"""``history``, and the line that each run adds to it."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconcile.cli.git import commit_of
from reconcile.cli.options import global_options
from reconcile.cli.output import local_zone, print_json, show_diagnostics, text_or_json
from reconcile.cli.workspace import Project, project
from reconcile.errors import Diagnostic, PlanStale, ReconcileError, Severity, StateError

if TYPE_CHECKING:
    from reconcile.engine.run import Event
    from reconcile.planner.plan import Plan, Step
    from reconcile.state.history import Line, Run
    from reconcile.state.state import State
    from reconcile.state.store import LockedState


_BROKEN = "What was applied is in the state; compare the history with a copy, or with the log of the runs."


@dataclass(slots=True)
class Record:
    """What a run has come to so far; nothing is written of a run that did not get to do anything.

    ``approved`` are the digests of the records by which it went.
    """

    plan: "Plan | None" = None
    events: "list[Event]" = field(default_factory=list)
    outcome: int = 0
    began: bool = False
    approved: tuple[str, ...] = ()

    def begin(self, plan: "Plan | None" = None) -> None:
        """From here on the run counts: whatever comes of it, there will be a line."""
        self.plan, self.began = plan, True


@click.command(epilog="Example: reconcile history --format json")
@global_options
def history() -> int:
    """The runs so far, oldest first: when, who, what, from which commit. Exit 1 where the chain of lines is broken."""
    as_json = text_or_json() == "json"
    here = project()
    where, lines, lost = _lines(here)
    if as_json:
        print_json([_as_json(line) for line in lines])
    else:
        for line in lines:
            click.echo(_as_text(line))
        if not lines:
            click.echo("No history yet: nothing was applied.")
    broken = [line for line in lines if line.broken]
    show_diagnostics(_finding(where, line) for line in broken)
    if lost is not None:
        show_diagnostics([_cut_short(where, lost)])
    return 1 if broken or lost is not None else 0


def _lines(here: Project) -> "tuple[str, Sequence[Line], Run | None]":
    """Where the history is, its lines, and the last run of the state's that it should have and has not.

    Beside a state file it is a file of its own; of a state elsewhere the state itself has the last lines.
    """
    from reconcile.state.history import missing, read, read_lines
    from reconcile.state.state import LONGEST_HISTORY

    store = here.store()
    state = store.read()
    kept = state.history if state is not None else ()
    if not isinstance(here.settings.state, Path):
        return store.name, read_lines(kept, LONGEST_HISTORY), None
    path = history_file(here.settings.state)
    try:
        lines = read(path)
    except OSError as error:
        raise StateError(f"The history {path} can't be read: {error.strerror}.") from None
    return str(path), lines, missing(lines, kept)


def refuse_repetition(here: Project, state: "State", records: "Mapping[str, Plan]") -> None:
    """Refuse a record of a first plan that was carried out by a run whose state is gone.

    Such a record names no state, so that only the history beside the state file tells that its approval has served.

    Raises:
        PlanStale: one was.
    """
    from reconcile.planner.planfile import plan_digest
    from reconcile.state.history import read

    path = here.settings.state
    if state.serial or not isinstance(path, Path):
        return
    try:
        done = {digest for line in read(history_file(path)) if line.run and line.run.writes for digest in _plans(line)}
    except OSError as error:
        raise StateError(f"The history {history_file(path)} can't be read: {error.strerror}.") from None
    for name, record in records.items():
        if plan_digest(record) in done:
            raise PlanStale(
                f"{name} can't be applied. It was carried out already, by a run whose state is gone.",
                hint="Bring the state back from a copy, or plan again.",
            )


def _plans(line: "Line") -> list[str]:
    return (line.run.plan or "").split() if line.run is not None else []


def history_file(state: Path) -> Path:
    """The history beside a state file."""
    return state.with_name(f"{state.name}.history")


@contextmanager
def remembered(here: Project, locked: "LockedState", command: str) -> Iterator[Record]:
    """Add a line to the history when the block is left, however it is, if the run has begun by then.

    To be left under the lock, so that the lines are in the order of the serials.
    """
    before = locked.state
    record = Record()
    try:
        yield record
    except ReconcileError as error:
        record.outcome = error.exit_code
        raise
    except BaseException:
        record.outcome = 130
        raise
    finally:
        if record.began:
            serial = before.serial
            _append(here, locked, command, record, (serial, serial + (locked.state is not before)))


def noted(here: Project, command: str, made: "State", former: "State | None") -> "tuple[State, Run]":
    """A state that is to be put in place of the former one, with a line on that; ``add_line`` is for afterwards."""
    from reconcile.state.history import line_after
    from reconcile.state.state import LONGEST_HISTORY

    serial = former.serial if former is not None else 0
    run = _run(here, command, Record(), (serial, max(made.serial, serial) + 1))
    kept = made.history
    return replace(made, history=(*kept, line_after(kept[-1] if kept else None, run))[-LONGEST_HISTORY:]), run


def _run(here: Project, command: str, record: Record, serial: tuple[int, int]) -> "Run":
    from reconcile.planner.guard import losses_by_kind
    from reconcile.planner.planfile import plan_digest
    from reconcile.state.history import Run
    from reconcile.state.lockinfo import new_owner

    now = time.time()
    owner = new_owner(command, now)
    return Run(
        when=now,
        who=owner.who,
        host=owner.host,
        command=command,
        environment=here.settings.name,
        commit=commit_of(here.settings.root),
        plan=" ".join(record.approved) or (plan_digest(record.plan) if record.plan is not None else None),
        writes=_writes(record.events),
        lost=losses_by_kind({step.address: step for step in _written(record.events)}, here.registry),
        unfinished=sum(1 for event in _ends(record.events) if event.written and event.exit_code),
        serial=serial,
        outcome=record.outcome,
    )


def _append(here: Project, locked: "LockedState", command: str, record: Record, serial: tuple[int, int]) -> None:
    from reconcile.state.history import line_after

    run = _run(here, command, record, serial)
    if serial[0] != serial[1]:
        # With the state it is there for everybody, and what is changed in it or cut off it shows.
        kept = locked.state.history
        try:
            locked.note(line_after(kept[-1] if kept else None, run))
        except StateError as error:
            detail = f"The run can't be put into the history that the state keeps: {error}"
            show_diagnostics(
                [Diagnostic("no-history", "a run is not in the history", detail, severity=Severity.WARNING)]
            )
    add_line(here, run)


def add_line(here: Project, run: "Run") -> None:
    """Add a line to the file beside a local state."""
    from reconcile.state.history import append

    if not isinstance(here.settings.state, Path):
        return
    path = history_file(here.settings.state)
    try:
        append(path, run)
    except OSError as error:
        # What was done is done, and in the state: a missing line must not make it look otherwise.
        detail = f"The history {path} can't be written: {error.strerror}. The state is not concerned."
        show_diagnostics([_not_kept(detail)])


def _not_kept(detail: str) -> Diagnostic:
    return Diagnostic("no-history", "a run is not in the history", detail, severity=Severity.WARNING)


def _ends(events: "Iterable[Event]") -> "Iterable[Event]":
    return {event.step.address: event for event in events if event.outcome is not None}.values()


def _written(events: "Iterable[Event]") -> "Iterable[Step]":
    """The steps by which anything was written, however they ended."""
    return (event.step for event in _ends(events) if event.written)


def _writes(events: "Iterable[Event]") -> dict[str, int]:
    """The calls of the steps that ended well, by operation."""
    done = (event.step for event in _ends(events) if event.written and not event.exit_code)
    return dict(sorted(Counter(call.operation for step in done for call in step.writes).items()))


def _as_text(line: "Line") -> str:
    run = line.run
    if run is None:
        return f"line {line.number}: {line.broken}"
    when = datetime.fromtimestamp(run.when, local_zone())
    writes = ", ".join(f"{operation} {count:,}" for operation, count in run.writes.items()) or "no API writes"
    parts = [
        writes,
        f"{run.unfinished:,} unfinished" if run.unfinished else "",
        f"serial {run.serial[0]} -> {run.serial[1]}" if run.serial[0] != run.serial[1] else f"serial {run.serial[0]}",
        f"commit {run.commit[:10]}" if run.commit else "",
        f"plan {run.plan[:10]}" if run.plan else "",
        f"exit {run.outcome}" if run.outcome else "",
    ]
    told = ", ".join(part for part in parts if part)
    return f"{when:%Y-%m-%d %H:%M:%S %Z}  {run.command}  {run.who}@{run.host}  {told}"


def _as_json(line: "Line") -> dict[str, Any]:
    run = line.run
    if run is None:
        return {"line": line.number, "broken": line.broken}
    return {
        "line": line.number,
        "broken": line.broken,
        "when": datetime.fromtimestamp(run.when, UTC).isoformat(timespec="seconds"),
        "who": run.who,
        "host": run.host,
        "command": run.command,
        "environment": run.environment,
        "commit": run.commit,
        "plan": run.plan,
        "writes": dict(run.writes),
        "lost": dict(run.lost),
        "unfinished": run.unfinished,
        "serial": list(run.serial),
        "outcome": run.outcome,
    }


def _finding(where: str, line: "Line") -> Diagnostic:
    return Diagnostic(
        "history-broken",
        "the history was changed",
        f"{where}, line {line.number}: {line.broken}.",
        hint=_BROKEN,
    )


def _cut_short(where: str, lost: "Run") -> Diagnostic:
    when = datetime.fromtimestamp(lost.when, local_zone())
    return Diagnostic(
        "history-cut-short",
        "lines of the history are missing",
        f"{where} has no line of the {lost.command} of {when:%Y-%m-%d %H:%M:%S %Z} that made serial {lost.serial[1]}, "
        f"which the state knows of.",
        hint=_BROKEN,
    )
