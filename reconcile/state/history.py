"""The history: a line for each run that changed the state or meant to, each with the digest of the line before it.

A line that was changed, taken out or put in between breaks the chain there. What the chain can't tell is that lines are
missing at its end. No line has a credential or a recipient's data; the file is its owner's to read.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from filelock import FileLock

from reconcile.disk import make_folder
from reconcile.state.disk import read_if_there

_VERSION: Final = 1
DAY: Final = 86_400.0
_START: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Attributes:
        when: when it ended, UNIX seconds; ``who`` ran it on which ``host``.
        command: what was run ("apply", "pull").
        commit: the git commit of the project's folder, None outside of a repository.
        plan: the fingerprint of the plan that was carried out.
        writes: the API writes that were made, by operation; ``lost`` counts objects that were deleted or made anew, by
            provider and kind; ``unfinished`` counts steps that failed half-way.
        serial: that of the state before and after.
        outcome: the exit code.
    """

    when: float
    who: str
    host: str
    command: str
    environment: str = "default"
    commit: str | None = None
    plan: str | None = None
    writes: Mapping[str, int] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)
    unfinished: int = 0
    serial: tuple[int, int] = (0, 0)
    outcome: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was read: its number from 1, the run (None: it can't be read), and why the chain is broken here."""

    number: int
    run: Run | None
    broken: str | None = None


def append(path: Path, run: Run) -> None:
    """Add a run to the history; when this returns, it is on disk.

    Raises:
        OSError: it can't be written.
    """
    make_folder(path.parent)
    with FileLock(path.with_name(f"{path.name}.lock"), mode=0o600, thread_local=False):
        former = read_if_there(path) or b""
        lines = former.split(b"\n")
        # A line that was cut short by a crash is closed, and stays as it is: the chain goes on from it.
        torn = bool(former) and not former.endswith(b"\n")
        last = lines[-1] if torn else lines[-2] if former else None
        line = orjson.dumps(_document(last, run)) + b"\n"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(b"\n" + line if torn else line)
            file.flush()
            os.fsync(file.fileno())


def line_after(last: str | None, run: Run) -> str:
    """The line of a run, with the digest of the one before it, as the state keeps it."""
    return orjson.dumps(_document(last.encode() if last is not None else None, run)).decode()


def read_lines(kept: Sequence[str], longest: int) -> tuple[Line, ...]:
    """The lines that a state keeps, oldest first; where it is full, those before the first one have made room."""
    lines: list[Line] = []
    expected = None if len(kept) >= longest else _START
    for number, raw in enumerate(map(str.encode, kept), 1):
        lines.append(_line(number, raw, expected))
        expected = _digest(raw)
    return tuple(lines)


def lost_by_history(kept: Sequence[str], now: float) -> dict[str, int]:
    """What the runs of the last day have lost, by provider and kind, as the lines of a state tell."""
    found: Counter[str] = Counter()
    for line in read_lines(kept, 0):
        if line.run is not None and line.run.when > now - DAY:
            found.update(line.run.lost)
    return dict(found)


def missing(lines: Sequence[Line], kept: Sequence[str]) -> Run | None:
    """The last run that the state knows of, where a history has no line of it any more: it was cut short."""
    last = read_lines(kept[-1:], 1)
    run = last[0].run if last else None
    return run if run is not None and all(line.run != run for line in lines) else None


def read(path: Path) -> tuple[Line, ...]:
    """The lines of a history, oldest first; none if there is no history yet.

    Raises:
        OSError: it can't be read.
    """
    content = read_if_there(path) or b""
    lines: list[Line] = []
    expected = _START
    for number, raw in enumerate(content.removesuffix(b"\n").split(b"\n") if content else [], 1):
        lines.append(_line(number, raw, expected))
        expected = _digest(raw)
    return tuple(lines)


def _document(last: bytes | None, run: Run) -> dict[str, Any]:
    document = {
        "version": _VERSION,
        "previous": _digest(last) if last is not None else _START,
        **asdict(run),
        "when": datetime.fromtimestamp(run.when, UTC).isoformat(timespec="seconds"),
    }
    return {**document, "checksum": _digest(orjson.dumps(document))}


def _line(number: int, raw: bytes, expected: str | None) -> Line:
    try:
        document: Any = orjson.loads(raw)
        checksum = document.pop("checksum", None)  # lines of earlier versions have none
        run = _run(document)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Line(number, None, "it can't be read: it was cut short or damaged")
    if checksum is not None and checksum != _digest(orjson.dumps(document)):
        return Line(number, run, "it is not what was written: it was changed or damaged")
    if expected is not None and document.get("previous") != expected:
        what = "line" if number > 1 else "start"
        return Line(number, run, f"it does not follow from the {what} before it, which was changed or taken out")
    return Line(number, run)


def _run(document: dict[str, Any]) -> Run:
    before, after = document["serial"]
    return Run(
        when=datetime.fromisoformat(document["when"]).timestamp(),
        who=str(document["who"]),
        host=str(document["host"]),
        command=str(document["command"]),
        environment=str(document["environment"]),
        commit=document["commit"],
        plan=document["plan"],
        writes={str(operation): int(count) for operation, count in document["writes"].items()},
        # Lines of earlier versions don't say.
        lost={str(kind): int(count) for kind, count in document.get("lost", {}).items()},
        unfinished=int(document["unfinished"]),
        serial=(int(before), int(after)),
        outcome=int(document["outcome"]),
    )


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
