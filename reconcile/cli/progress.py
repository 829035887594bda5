"""How far an apply is: a line for each step where they are few, else a count, a rate, and what it waits for.

One moving line on a terminal, a line a minute elsewhere, an event in JSON for each step with ``--format json``.
"""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from reconcile.model.address import Address
from reconcile.model.kind import Action
from reconcile.planner.plan import Plan
from reconcile.report.text import counted, inert, one_line

if TYPE_CHECKING:
    from reconcile.engine.run import Event
    from reconcile.errors import Diagnostic

FEW = 20  # steps that get a line each
_TICK, _MINUTE = 1.0, 60.0
_DOING = {
    Action.CREATE: "creating",
    Action.UPDATE: "updating",
    Action.REPLACE: "replacing",
    Action.DELETE: "deleting",
    Action.MOVE: "moving",
    Action.FORGET: "forgetting",
}


def _to_stderr(text: str, *, line: bool = True) -> None:
    click.echo(text, err=True, nl=line)


class Progress:
    """Takes what happens to steps, from one thread, and what they wait for, from any."""

    def __init__(
        self,
        made: Plan,
        *,
        paces: Mapping[str, float],
        form: str,
        quiet: bool,
        moving: bool,
        show: "Callable[[tuple[Diagnostic, ...]], None]",
        clock: Callable[[], float] = time.monotonic,
        minute: float = _MINUTE,
        say: Callable[..., None] = _to_stderr,
    ) -> None:
        """``paces`` are the requests a second that accounts allow; ``form`` is text or json; ``show`` shows findings.

        ``moving``: on a terminal, where a line may be written over.
        """
        acting = [step for step in made.steps.values() if step.action is not Action.NO_OP]
        self.total = len(acting)
        self._calls = {step.address: len(step.calls) + len(step.removals) for step in acting}
        self._paces = {alias: pace for alias, pace in paces.items() if pace}
        self._form, self._quiet = form, quiet
        self._few = self.total <= FEW
        self._moving = moving and not self._few
        self._show, self._clock, self._say = show, clock, say
        self._every = _TICK if self._moving else minute
        self._began = clock()
        self._made = 0
        self._ended: Counter[str] = Counter()
        self._over: set[Address] = set()
        self._running: dict[Address, str] = {}
        self._held: list[Diagnostic] = []
        self._lock = threading.Lock()
        self._finished = threading.Event()
        self._ticker: threading.Thread | None = None

    def begin(self) -> None:
        """From now on tell how far it is."""
        if self._form != "json" and not self._quiet and not self._few:
            self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
            self._ticker.start()

    def end(self) -> None:
        """Stop telling; what was refused or failed is told now, each kind once."""
        self._finished.set()
        if self._ticker is not None:
            self._ticker.join(2 * _TICK)
            self._say(("\r\x1b[K" if self._moving else "") + self.line())
        if self._held:
            self._show(tuple(self._held))

    def take(self, event: "Event") -> None:
        """Something happened to a step."""
        with self._lock:
            self._count(event)
        if event.step.action is Action.NO_OP and not event.diagnostics:
            return
        if self._form == "json" and not self._quiet:
            self._say(json.dumps(self._as_json(event)))
        elif self._few:
            self._line_of(event)
        if event.diagnostics and event.outcome is not None:
            if self._few:
                self._show(event.diagnostics)
            else:
                self._held += event.diagnostics

    def waits(self, address: Address, text: str) -> None:
        """What a step is about, or waits for, in words."""
        if self._form == "json":
            if not self._quiet:
                self._say(json.dumps({"event": "waits", "address": str(address), "text": text}))
        elif self._few:
            if not self._quiet:
                self._say(inert(f"{address}: {one_line(text)}"))
        else:
            with self._lock:
                self._running[address] = text

    def line(self) -> str:
        """``124 of 500 done, 4 running, 2 failed, 4.9 calls a second (the pace is 5), about 2 minutes left``."""
        with self._lock:
            done, failed = len(self._over), sum(n for what, n in self._ended.items() if what != "applied")
            passed = max(self._clock() - self._began, 0.001)
            rate = self._made / passed
            parts = [f"{done:,} of {self.total:,} done"]
            if self._running:
                parts.append(f"{len(self._running):,} running")
            parts += [
                f"{count:,} {what}" for what, count in sorted(self._ended.items()) if what != "applied" and failed
            ]
            pace = min(self._paces.values(), default=0.0)
            waiting = f" (the pace is {pace:g})" if pace else ""
            parts.append(f"{rate:.1f} calls a second{waiting}")
            left = sum(calls for address, calls in self._calls.items() if address not in self._over)
            if rate and left:
                parts.append(f"about {_lasting(left / rate)} left")
            words = next((f"{address}: {text}" for address, text in self._running.items() if text), "")
        return inert(", ".join(parts) + (f"; {one_line(words)}" if words else ""))

    def _count(self, event: "Event") -> None:
        address = event.step.address
        if event.outcome is None:
            self._running.setdefault(address, "")
            return
        self._running.pop(address, None)
        if event.step.action is Action.NO_OP or address in self._over:
            return
        self._over.add(address)
        self._ended[event.outcome.value] += 1
        if event.written:
            self._made += self._calls.get(address, 0)

    def _tick(self) -> None:
        while not self._finished.wait(self._every):
            if self._moving:
                width = max(20, _columns() - 1)
                self._say(f"\r\x1b[K{self.line()[:width]}", line=False)
            else:
                self._say(self.line())

    def _line_of(self, event: "Event") -> None:
        step = event.step
        if self._quiet or (event.outcome is not None and event.outcome.value == "applied" and event.diagnostics):
            return  # it was told already that it is applied; its findings are what it left to be done
        if event.outcome is None:
            self._say(f"{step.address}: {_DOING.get(step.action, step.action.value)} ...")
        else:
            self._say(f"{step.address}: {event.outcome.value}")

    def _as_json(self, event: "Event") -> dict[str, object]:
        return {
            "event": "started" if event.outcome is None else "ended",
            "address": str(event.step.address),
            "action": event.step.action.value,
            "outcome": event.outcome.value if event.outcome is not None else None,
            "done": len(self._over),
            "total": self.total,
            "seconds": round(self._clock() - self._began, 3),
        }


_CURRENT: list[Progress] = []


@contextmanager
def told(progress: Progress) -> Iterator[Progress]:
    """While steps are carried out: what they wait for is told by this."""
    _CURRENT.append(progress)
    progress.begin()
    try:
        yield progress
    finally:
        _CURRENT.remove(progress)
        progress.end()


def waits(address: Address, text: str) -> bool:
    """Hand on what a step waits for; whether anybody took it."""
    for progress in _CURRENT[-1:]:
        progress.waits(address, text)
    return bool(_CURRENT)


def on_terminal() -> bool:
    """Whether progress may move."""
    return sys.stderr.isatty()


def _columns() -> int:
    import shutil

    return shutil.get_terminal_size().columns


def _lasting(seconds: float) -> str:
    return counted(round(seconds), "second") if seconds < 120 else counted(round(seconds / 60), "minute")
