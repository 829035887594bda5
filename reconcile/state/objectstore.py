"""The state in object storage (S3, Google Cloud Storage, Azure), under a lease.

For a state with the key ``shop/state.json``:
    shop/state.json           the state; each write needs the version that was read
    shop/state.json.journal   what was recorded since: written anew with each entry, by whoever has claimed it last
    shop/state.json.lock      the lease

An object can't be appended to. Rewriting the state for each entry would send all of it each time, an object per entry
would leave nothing that a former holder fails on. So the journal is one object, kept short by folding it into the
state now and then: what is sent for an entry grows with the root of the state's size. Whoever takes the lock first
rewrites the journal in its own name; the former holder, whose version is outdated then, can record nothing any more.
Former states are kept by the bucket's own versioning, where that is on.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from reconcile.errors import StateError
from reconcile.model.collector import collector_paused
from reconcile.model.memory import Segments
from reconcile.state.codec import Codec
from reconcile.state.journal import Entry, Recording, recorded, replay
from reconcile.state.journaled import Names, continued
from reconcile.state.lease import Lease, Terms, holder, take_away
from reconcile.state.lockinfo import new_owner
from reconcile.state.objects import Conflict, Found, Objects
from reconcile.state.segments import ObjectSegments, Sealed
from reconcile.state.state import State
from reconcile.state.statefile import JournalHeader, parse_journal_header, render_journal_header
from reconcile.state.store import LockedState, LockInfo, StateStore

_TRIES = 10
_SMALL = 1024 * 1024


class ObjectStore(StateStore):
    """A state, its journal and its lease as three objects."""

    def __init__(
        self,
        objects: Objects,
        key: str,
        *,
        codec: Codec | None = None,
        terms: Terms | None = None,
        clock: Callable[[], float] = time.time,
        who: str | None = None,
    ) -> None:
        self._objects = objects
        self._keys = _Keys(key)
        self._codec = codec or Codec()
        self._terms = terms or Terms()
        self._clock = clock
        self._who = who

    @property
    def name(self) -> str:
        """The URL of the state object."""
        return f"{self._objects.name}/{self._keys.state}"

    @property
    def segments(self) -> Segments:
        """Objects below the state's key."""
        return Sealed(ObjectSegments(self._objects, f"{self._keys.state}.memory"), self._codec)

    def read(self) -> State | None:
        """The state, without a lock, with all that a run in progress has recorded; None if there has never been one.

        Raises:
            StateError: empty, damaged, of a newer format or of another lineage, or it can't be read.
        """
        return self._load().whole

    @contextmanager
    def lock(self, why: str, timeout: float = 0.0) -> Iterator[LockedState]:
        """The state for writing, created at the first write if there is none; waits at most ``timeout`` seconds.

        Raises:
            LockHeld: somebody else has it; the message says who, when and why.
            StateError: as ``read``, it can't be written, or the storage does not keep its word.
        """
        with self._leased(why, timeout) as lease:
            run = _Run(self._objects, self._keys, self._codec, lease, self._claimed(lease))
            with recorded(run.recording, run.finish) as state:
                yield state

    def replace(self, why: str, make: Callable[[State | None], State], timeout: float = 0.0) -> State:
        """Write a whole state in place of what there is, which ``make`` is given under the lock; what was written.

        Raises:
            LockHeld: somebody else has the lock.
            StateError: as ``read``, or it can't be written.
        """
        with self._leased(why, timeout) as lease:
            claimed = self._claimed(lease)
            made = make(claimed.whole)
            lease.confirm()
            run = _Run(self._objects, self._keys, self._codec, lease, claimed)
            return run.fold(replace(made, serial=max(made.serial, claimed.serial)))

    def holder(self) -> LockInfo | None:
        """Who has the lease."""
        return holder(self._objects, self._keys.lock, self._clock, self._terms)

    def unlock(self, id_: str) -> LockInfo:
        """Take the lease with this id from its holder; who that was.

        Raises:
            StateError: nobody has it, or its id is another one.
        """
        return take_away(self._objects, self._keys.lock, id_, self.name)

    def set_aside(self, why: str, timeout: float = 0.0) -> tuple[str, ...]:
        """Rename the state and its journal, usable or not, so that a new state can begin; their new names.

        Raises:
            LockHeld: somebody else has the lock.
            StateError: one can't be renamed.
        """
        when = datetime.fromtimestamp(self._clock(), UTC)
        suffix = f"set-aside-{when:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"
        with self._leased(why, timeout) as lease:
            lease.confirm()
            renamed = (self._renamed(key, f"{key}.{suffix}") for key in (self._keys.journal, self._keys.state))
            return tuple(name for name in renamed if name is not None)

    def _renamed(self, key: str, target: str) -> str | None:
        found = self._objects.read(key)
        if found is None:
            return None
        try:
            self._objects.write(target, found.data, None)
        except Conflict as conflict:
            raise StateError(f"{self._objects.name}/{target} is there already.") from conflict
        self._objects.delete(key)
        return f"{self._objects.name}/{target}"

    @contextmanager
    def _leased(self, why: str, timeout: float) -> Iterator[Lease]:
        if self._objects.read(self._keys.journal) is None:
            self._objects.test(self._keys.state)
        owner = new_owner(why, self._clock(), self._who)
        lease = Lease(self._objects, self._keys.lock, owner, state=self.name, terms=self._terms, clock=self._clock)
        lease.acquire(timeout)
        try:
            yield lease
        finally:
            lease.release()

    def _claimed(self, lease: Lease) -> "_Loaded":
        """What there is, with the journal in our name and folded: no former holder can write after this."""
        for _ in range(_TRIES):
            lease.confirm()
            try:
                return self._claim(lease, self._load())
            except Conflict:
                continue  # a former holder wrote in between, for the last time
        raise StateError(
            f"{self.name} is written by something else again and again, although this run has its lock.",
            hint="Let nothing but reconcile write there.",
        )

    def _claim(self, lease: Lease, found: "_Loaded") -> "_Loaded":
        # The journal first: once it is ours, nobody adds to it.
        header = JournalHeader(found.lineage, found.serial, lease.owner.id)
        lines = found.pending_lines
        former = found.journal.version if found.journal else None
        version = self._objects.write(self._keys.journal, render_journal_header(header) + lines, former)
        claimed = replace(found, header=header, journal=Found(b"", version))
        if not lines or found.whole is None:
            return claimed
        run = _Run(self._objects, self._keys, self._codec, lease, claimed)
        run.fold_or_conflict(found.whole)
        return run.base

    def _load(self) -> "_Loaded":
        with collector_paused():
            # The journal first: if it is folded in between the two reads, the state is the newer one.
            journal = self._objects.read(self._keys.journal)
            saved = self._objects.read(self._keys.state)
            names = Names(
                self.name,
                f"{self._objects.name}/{self._keys.journal}",
                "delete the journal object",
            )
            header = self._header(journal, names)
            state = self._codec.parse_state(saved.data, self.name, names.way_out) if saved is not None else None
            if journal is None or header is None:
                # Without its journal, a state is one that was put there by hand.
                return _Loaded(state, state, saved, journal, header)
            if state is None and header.serial > 0:
                raise StateError(
                    f"{self.name} is missing, but there is {names.journal}: this is no new project.",
                    hint="Bring the former version of the object back, where the bucket keeps versions. Or:"
                    f" {names.way_out}",
                )
            base = state or State(header.lineage)
            whole = continued(names, self._codec, base, header, journal.data)
            return _Loaded(state, None if whole is base and state is None else whole, saved, journal, header)

    def _header(self, journal: Found | None, names: Names) -> JournalHeader | None:
        if journal is None:
            return None
        header = parse_journal_header(journal.data, names.journal, names.way_out_of_line)
        if header is None:
            raise StateError(f"{names.journal} is empty or cut off.", hint=names.way_out_of_line)
        return header


@dataclass(frozen=True, slots=True)
class _Keys:
    state: str

    @property
    def journal(self) -> str:
        return f"{self.state}.journal"

    @property
    def lock(self) -> str:
        return f"{self.state}.lock"


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The state as it is kept, the whole with its journal over it, and the objects that they were read from."""

    state: State | None
    whole: State | None
    saved: Found | None
    journal: Found | None
    header: JournalHeader | None
    _new: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def lineage(self) -> str:
        if self.state is not None:
            return self.state.lineage
        return self.header.lineage if self.header else self._new

    @property
    def serial(self) -> int:
        return self.state.serial if self.state else 0

    @property
    def pending_lines(self) -> bytes:
        """The journal's lines that are not a part of the state yet."""
        if self.journal is None or self.whole is None or self.whole is self.state:
            return b""
        return self.journal.data.partition(b"\n")[2]


class _Run:
    """What one holder of the lease records: the journal in its name, folded when it is long and at the end."""

    def __init__(self, objects: Objects, keys: _Keys, codec: Codec, lease: Lease, base: _Loaded) -> None:
        assert base.header is not None  # noqa: S101  # it was claimed
        assert base.journal is not None  # noqa: S101
        self.base = base
        self._objects = objects
        self._keys = keys
        self._codec = codec
        self._lease = lease
        self._header = base.header
        self._journal = base.journal.version
        self._state = base.whole or State(base.header.lineage)
        self._entries: list[Entry] = []
        self._lines: list[bytes] = []
        self._length = 0
        self.recording = Recording(
            self._state, self._keep, lambda at_server: lease.confirm(at_server=at_server), lease.server_time
        )

    def finish(self) -> None:
        """Fold what was recorded; nothing is written if nothing was.

        Raises:
            LockHeld: the lock was lost; what was recorded is kept.
            StateError: it stays in the journal.
        """
        state = self.recording.close()
        # An entry whose recording was interrupted may stand in the journal alone; so the next start folds that.
        if self._entries and not self.recording.interrupted:
            self._lease.confirm()
            # The journal may have been folded on the way, which the recording knows nothing of.
            self.fold(replace(state, serial=self._state.serial))

    def fold(self, state: State) -> State:
        """Make this the state; it gets the next serial.

        Raises:
            LockHeld: the lock was lost.
            StateError: it can't be written, or something else wrote.
        """
        try:
            return self.fold_or_conflict(state)
        except Conflict:
            raise self._conflict() from None

    def fold_or_conflict(self, state: State) -> State:
        """As ``fold``, but raises Conflict if somebody else wrote."""
        following = replace(state, serial=state.serial + 1)
        data = self._codec.render_state(following)
        saved = self.base.saved
        version = self._objects.write(self._keys.state, data, saved.version if saved else None)
        self._header = replace(self._header, lineage=following.lineage, serial=following.serial)
        self._journal = self._objects.write(self._keys.journal, render_journal_header(self._header), self._journal)
        self._state, self._entries, self._lines, self._length = following, [], [], 0
        self.base = _Loaded(following, following, Found(data, version), Found(b"", self._journal), self._header)
        return following

    def _keep(self, entry: Entry) -> None:
        self._lease.confirm()
        if self._is_long():
            self.fold(replay(self._state, self._entries))
        line = self._codec.render_entry(entry, self._header, len(self._entries) + 2)
        self._write([*self._lines, line])
        self._entries.append(entry)
        self._lines.append(line)
        self._length += len(line)

    def _is_long(self) -> bool:
        # Each entry sends the journal, each fold the state: the sum is least when they come to the same.
        state = len(self.base.saved.data) if self.base.saved else 0
        return self._length * len(self._entries) > 2 * max(state, _SMALL)

    def _write(self, lines: list[bytes]) -> None:
        data = render_journal_header(self._header) + b"".join(lines)
        for _ in range(_TRIES):
            try:
                self._journal = self._objects.write(self._keys.journal, data, self._journal)
            except Conflict as conflict:
                # Ours is only what an interrupted write of this very run left there.
                if conflict.found is None or not self._is_ours(conflict.found):
                    raise self._conflict() from None
                self._journal = conflict.found.version
            except StateError:
                self.recording.interrupted = True  # it may have been written
                raise
            else:
                return
        raise self._conflict()

    def _is_ours(self, found: Found) -> bool:
        try:
            header = parse_journal_header(found.data, "")
        except StateError:
            return False
        return header == self._header

    def _conflict(self) -> StateError:
        self.recording.interrupted = True  # from here on the storage has the truth
        return self._lease.lost() or StateError(
            f"{self._objects.name}/{self._keys.state} was changed by something else while this run had the lock. What"
            " this run recorded before is kept.",
            hint="See with `reconcile drift` what is live, and let nothing but reconcile write there.",
        )
