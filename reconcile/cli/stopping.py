"""Being asked to stop, by Ctrl-C, SIGTERM or SIGHUP: nothing leaves any more, what is under way ends, locks are freed.

Signals are heeded for as long as a lock is held, and while one is taken, so that no lock stays behind with a server. A
second one ends the run within a second.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import TYPE_CHECKING

from reconcile.cli.output import progress
from reconcile.errors import Interrupted, LockHeld

if TYPE_CHECKING:
    from reconcile.model.memory import Segments
    from reconcile.state.state import State
    from reconcile.state.store import LockedState, LockInfo, StateStore

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_GRACE = 0.8  # seconds that a second signal leaves for freeing what is held
_SLICE = 1.0  # seconds after which a wait for a lock looks whether the run is to stop


class _Question:
    """Whether somebody is being asked, and so has nothing under way that could end by itself."""

    open = False


@contextmanager
def asking() -> Iterator[None]:
    """While somebody is asked, the first signal is an answer: no."""
    _Question.open = True
    try:
        yield
    finally:
        _Question.open = False


@contextmanager
def stopping(stop: threading.Event) -> Iterator[threading.Event]:
    """Set an event at the first signal, after which calls in flight finish; end at once at the second one."""
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread hears of signals
        return

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            threading.Thread(target=_end, daemon=True).start()
            raise KeyboardInterrupt
        stop.set()
        if _Question.open:
            raise KeyboardInterrupt
        progress("Stopping: letting calls in flight finish. Press Ctrl-C again to stop at once.")

    former = {number: signal.getsignal(number) for number in _SIGNALS}
    if getattr(former[signal.SIGINT], "__qualname__", "") == on_signal.__qualname__:
        yield stop  # heeded already, further out
        return
    for number, handler in former.items():
        if handler is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _end() -> None:
    time.sleep(_GRACE)
    os._exit(Interrupted.exit_code)


class Heeding:
    """A state store under whose lock signals are heeded: see ``state.store.StateStore``.

    ``renamed`` are the aliases of accounts that had others before: what is read and recorded goes by the present ones.
    """

    def __init__(
        self, store: "StateStore", stop: threading.Event, renamed: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    ) -> None:
        self._store = store
        self._stop = stop
        self._renamed = renamed

    @property
    def name(self) -> str:
        """Where the state is, for people."""
        return self._store.name

    @property
    def segments(self) -> "Segments | None":
        """Where segments of what audiences remember are kept."""
        return self._store.segments

    def read(self) -> "State | None":
        """The state, without a lock."""
        found = self._store.read()
        if found is None or not self._renamed:
            return found
        from reconcile.state.journal import followed

        return followed(found, self._renamed)

    @contextmanager
    def lock(self, why: str, timeout: float = 0.0) -> "Iterator[LockedState]":
        """The state for writing; a signal ends the wait for it."""
        with stopping(self._stop), self._acquired(why, timeout) as locked:
            self._refuse_if_stopped()
            locked.follow(self._renamed)
            yield locked

    def replace(self, why: str, make: "Callable[[State | None], State]", timeout: float = 0.0) -> "State":
        """Write a whole state in place of what there is."""
        with stopping(self._stop):
            return self._store.replace(why, make, timeout)

    def holder(self) -> "LockInfo | None":
        """Who has the lock."""
        return self._store.holder()

    def unlock(self, id_: str) -> "LockInfo":
        """Take the lock with this id from its holder."""
        return self._store.unlock(id_)

    def set_aside(self, why: str, timeout: float = 0.0) -> "Sequence[Path | str]":
        """Rename the state and its journal."""
        with stopping(self._stop):
            return self._store.set_aside(why, timeout)

    @contextmanager
    def _acquired(self, why: str, timeout: float) -> "Iterator[LockedState]":
        deadline = time.monotonic() + max(0.0, timeout)
        while True:
            left = max(0.0, deadline - time.monotonic())
            held: AbstractContextManager[LockedState] = self._store.lock(why, min(left, _SLICE))
            try:
                locked = held.__enter__()
            except LockHeld:
                self._refuse_if_stopped()
                if left <= _SLICE:
                    raise
            else:
                break
        with _Entered(held):
            yield locked

    def _refuse_if_stopped(self) -> None:
        if self._stop.is_set():
            raise Interrupted("Interrupted before anything was done.")


class _Entered:
    """A context that is entered already."""

    def __init__(self, context: "AbstractContextManager[LockedState]") -> None:
        self._context = context

    def __enter__(self) -> None:
        pass

    def __exit__(self, *about: object) -> bool | None:
        return self._context.__exit__(*about)  # type: ignore[arg-type]
