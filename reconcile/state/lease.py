"""The lock of object storage: an object that says who has it and until when, renewed while its holder lives.

The object is never deleted but marked as released, so that each change of hands is a compare-and-swap. Whoever finds a
lease that has expired, and a margin for clocks that differ, may take it. That a former holder, such as one that was
suspended, writes nothing any more is not the lease's business: whoever takes the lock also claims the journal.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from reconcile.errors import LockHeld, StateError
from reconcile.state.lockinfo import lock_held, lock_lost, not_the_lock
from reconcile.state.objects import Conflict, Found, Objects
from reconcile.state.store import LockInfo

if TYPE_CHECKING:
    from obstore import UpdateVersion

# Longer than an API call may last, so that a holder whose machine stands still for a while stays the holder.
LENGTH: Final = 90.0
MARGIN: Final = 15.0


@dataclass(frozen=True, slots=True)
class Terms:
    """For how many seconds a lease is taken, and how long after its end others leave it alone."""

    length: float = LENGTH
    margin: float = MARGIN


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    who: str
    host: str
    pid: int
    why: str
    since: float
    expires: float
    released: bool = False

    @property
    def info(self) -> LockInfo:
        return LockInfo(self.id, self.who, self.host, self.pid, self.why, self.since)


class Lease:
    """One holder's lease, from ``acquire`` to ``release``; a thread renews it at a third of its life."""

    def __init__(
        self,
        objects: Objects,
        key: str,
        owner: LockInfo,
        *,
        state: str,
        terms: Terms,
        clock: Callable[[], float],
    ) -> None:
        self.owner = owner
        self._objects = objects
        self._key = key
        self._state = state
        self._terms = terms
        self._clock = clock
        self._guard = threading.Lock()
        self._version: UpdateVersion = {}
        self._valid_until = 0.0  # by the monotonic clock, which nobody sets back
        self._lost: LockHeld | None = None
        self._over = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="lease", daemon=True)

    def acquire(self, timeout: float) -> None:
        """Take the lease; waits at most ``timeout`` seconds.

        Raises:
            LockHeld: somebody else has it.
            StateError: that can't be found out.
        """
        deadline = time.monotonic() + max(0.0, timeout)
        pause = 0.05
        while (taken := self._take()) is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise taken
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, 1.0)
        self._heart.start()

    def confirm(self, *, at_server: bool = False) -> None:
        """Make sure that the lease is ours; asks the server if it should have been renewed by now, or if told to.

        Raises:
            LockHeld: somebody else has it, or it was taken away.
            StateError: that can't be found out.
        """
        with self._guard:
            if self._lost is not None:
                raise self._lost
            if at_server or time.monotonic() >= self._valid_until:
                self._renew()

    def server_time(self) -> tuple[float, float]:
        """By how much the storage's clock is ahead of ours, at least and at most, as it dates a renewal of the lease.

        Raises:
            LockHeld: somebody else has it, or it was taken away.
            StateError: that can't be found out.
        """
        with self._guard:
            if self._lost is not None:
                raise self._lost
            began = self._clock()
            self._renew()
            ended = self._clock()
            written = self._objects.written_at(self._key)
        # It may have whole seconds, cut off.
        return written - ended, written + 1 - began

    def lost(self) -> LockHeld | None:
        """The error that the lease is gone, with who has it now; None if it is still ours.

        Raises:
            StateError: that can't be found out.
        """
        with self._guard:
            if self._lost is None:
                found = self._objects.read(self._key)
                row = _parse(found)
                if row is None or row.id != self.owner.id or row.released:
                    self._lost = self._gone(found)
            return self._lost

    def release(self) -> None:
        """Mark it as free; if that fails, it expires."""
        self._over.set()
        if self._heart.ident is not None:
            self._heart.join()
        with self._guard:
            if self._lost is None:
                try:
                    self._objects.write(self._key, self._rendered(expires=0.0, released=True), self._version)
                except (Conflict, StateError):
                    self._lost = lock_lost(self._state, None)

    def _take(self) -> LockHeld | None:
        """Try once; the error if somebody else has it."""
        found = self._objects.read(self._key)
        row = _parse(found)
        if found is not None and not self._is_free(row):
            return self._held(row)
        began = time.monotonic()
        try:
            self._version = self._objects.write(self._key, self._rendered(), found.version if found else None)
        except Conflict as conflict:
            row = _parse(conflict.found)
            return self._take() if conflict.found is None or self._is_free(row) else self._held(row)
        self._valid_until = began + self._terms.length
        return None

    def _is_free(self, row: _Row | None) -> bool:
        return row is not None and (row.released or self._clock() > row.expires + self._terms.margin)

    def _renew(self) -> None:
        began = time.monotonic()
        try:
            self._version = self._objects.write(self._key, self._rendered(), self._version)
        except Conflict as conflict:
            self._lost = self._gone(conflict.found)
            raise self._lost from None
        self._valid_until = began + self._terms.length

    def _beat(self) -> None:
        wait = self._terms.length / 3
        while not self._over.wait(wait):
            wait = self._terms.length / 3
            with self._guard:
                if self._lost is not None:
                    return
                try:
                    self._renew()
                except LockHeld:
                    return
                except StateError:  # perhaps the network comes back before the end
                    wait = self._terms.length / 10

    def _rendered(self, expires: float | None = None, *, released: bool = False) -> bytes:
        until = self._clock() + self._terms.length if expires is None else expires
        row = _Row(**asdict(self.owner), expires=until, released=released)
        return orjson.dumps(row, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def _held(self, row: _Row | None) -> LockHeld:
        if row is None:
            return lock_held(self._state, None, _advice("ID"))
        return lock_held(self._state, row.info, _advice(row.id))

    def _gone(self, found: Found | None) -> LockHeld:
        row = _parse(found)
        other = row is not None and row.id != self.owner.id and not row.released
        return lock_lost(self._state, row.info if row and other else None)


def holder(objects: Objects, key: str, clock: Callable[[], float], terms: Terms) -> LockInfo | None:
    """Who has the lease; None if nobody has it, or it has expired."""
    row = _parse(objects.read(key))
    return row.info if row and not row.released and clock() <= row.expires + terms.margin else None


def take_away(objects: Objects, key: str, id_: str, state: str) -> LockInfo:
    """Mark the lease with this id as released; who had it. One that is damaged has any id.

    Raises:
        StateError: nobody has it, or its id is another one.
    """
    found = objects.read(key)
    row = _parse(found)
    if found is not None and row is None:
        row = _Row(id_, "somebody", "an unknown host", 0, "an unknown reason", 0.0, 0.0)
    if found is None or row is None or row.released or row.id != id_:
        raise not_the_lock(state, id_, row.info if row and not row.released else None)
    released = _Row(**asdict(row.info), expires=0.0, released=True)
    try:
        objects.write(key, orjson.dumps(released), found.version)
    except Conflict as conflict:
        row = _parse(conflict.found)
        if row is not None and not row.released and row.id == id_:
            return take_away(objects, key, id_, state)  # it was renewed meanwhile
        raise not_the_lock(state, id_, row.info if row and not row.released else None) from None
    return row.info


def _advice(id_: str) -> str:
    return (
        "Wait until that run has ended, or let this one wait for it with --lock-timeout S (seconds). If its process is"
        f" gone, the lock expires by itself; if it is certainly dead, free it now with `reconcile state unlock {id_}`."
    )


def _parse(found: Found | None) -> _Row | None:
    """What the object says; None if there is none or it is damaged."""
    if found is None:
        return None
    try:
        return TypeAdapter(_Row).validate_json(found.data, strict=True)
    except ValidationError:
        return None
