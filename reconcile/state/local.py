"""The state as a file on the local disk, under a lock of the kernel's."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from reconcile.disk import failing, make_folder
from reconcile.errors import LockHeld, StateError
from reconcile.model.memory import Segments
from reconcile.state.codec import Codec
from reconcile.state.disk import LineFile, identity, read_if_there, write_whole
from reconcile.state.files import StateFiles
from reconcile.state.journal import Entry, Recording, recorded
from reconcile.state.lockinfo import described, lock_held, new_owner, parse_lock_info, render_lock_info
from reconcile.state.segments import FolderSegments, Sealed
from reconcile.state.state import State
from reconcile.state.statefile import JournalHeader, render_journal_header
from reconcile.state.store import LockedState, LockInfo, StateStore

_ADVICE = (
    "Wait until that run has ended, or let this one wait for it with --lock-timeout S (seconds)."
    " The lock ends with its process; there is no file to delete."
)


class LocalStore(StateStore):
    """A state file with its journal, backup and lock beside it; see ``reconcile.state.files``."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        who: str | None = None,
        codec: Codec | None = None,
    ) -> None:
        self._files = StateFiles(path, codec or Codec())
        self._clock = clock
        self._who = who

    @property
    def name(self) -> str:
        """The path of the state file."""
        return str(self._files.path)

    @property
    def segments(self) -> Segments:
        """Files in a folder beside the state."""
        path = self._files.path
        return Sealed(FolderSegments(path.with_name(f"{path.name}.memory")), self._files.codec)

    def read(self) -> State | None:
        """The state, without a lock, with all that a run in progress has recorded; None if there has never been one.

        Raises:
            StateError: empty, damaged, of a newer format or of another lineage, or it can't be read.
        """
        self._files.refuse_link()
        return self._files.read()

    @contextmanager
    def lock(self, why: str, timeout: float = 0.0) -> Iterator[LockedState]:
        """The state for writing, created at the first write if there is none; waits at most ``timeout`` seconds.

        However the block is left, what it recorded is folded into the state file. If that fails, it stays in the
        journal; an error that the block is left with is still the one that is raised, with that among its findings.

        Raises:
            LockHeld: somebody else has it; the message says who, when and why.
            StateError: as ``read``, or it can't be written.
        """
        self._files.refuse_link()
        with self._locked(why, timeout):
            run = _Run(self._files, self._files.recover() or State(lineage=str(uuid.uuid4())))
            with recorded(run.recording, run.finish) as state:
                yield state

    def replace(self, why: str, make: Callable[[State | None], State], timeout: float = 0.0) -> State:
        """Write a whole state in place of what there is, which ``make`` is given under the lock; what was written.

        Raises:
            LockHeld: somebody else has the lock.
            StateError: as ``read``, or it can't be written.
        """
        self._files.refuse_link()
        with self._locked(why, timeout):
            former = self._files.recover()
            made = make(former)
            return self._files.fold(replace(made, serial=max(made.serial, former.serial if former else 0)))

    def holder(self) -> LockInfo | None:
        """Who says to have the lock, if somebody has it."""
        with suppress(LockHeld), self._locked("a look at the lock", 0.0):
            return None
        return parse_lock_info(read_if_there(self._files.lock_info) or b"")

    def unlock(self, id_: str) -> LockInfo:
        """Always refused: the kernel's lock ends with its process.

        Raises:
            StateError: always.
        """
        info = self.holder()
        if info is None:
            raise StateError(f"The state {self.name} is not locked, so there is nothing to unlock.")
        raise StateError(
            f"The lock on the state {self.name} ends with its process: it is held by {described(info)}.",
            hint=f"Wait for that run, or end its process ({info.pid}); what it has recorded is kept.",
        )

    def set_aside(self, why: str, timeout: float = 0.0) -> tuple[Path, ...]:
        """Rename the state, its journal and its backup, usable or not, so that a new state can begin; their new paths.

        Raises:
            LockHeld: somebody else has the lock.
            StateError: a file can't be renamed.
        """
        when = datetime.fromtimestamp(self._clock(), UTC)
        with self._locked(why, timeout):
            return self._files.set_aside(f"set-aside-{when:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}")

    @contextmanager
    def _locked(self, why: str, timeout: float) -> Iterator[None]:
        files = self._files
        with failing(files.path.parent, "created"):
            make_folder(files.path.parent)
        # A soft lock would outlive its holder, so a file system without kernel locks is an error.
        lock = FileLock(files.lock, mode=0o600, thread_local=False, fallback_to_soft=False)
        with failing(files.lock, "locked"):
            try:
                lock.acquire(timeout=max(0.0, timeout))
            except Timeout:
                info = parse_lock_info(read_if_there(files.lock_info) or b"")
                raise lock_held(str(files.path), info, _ADVICE) from None
        try:
            with failing(files.lock_info, "written"):
                write_whole(files.lock_info, render_lock_info(new_owner(why, self._clock(), self._who)))
            yield
        finally:
            with suppress(OSError):
                files.lock_info.unlink()
            lock.release()


class _Run:
    """What one holder of the lock records, from the first entry, which begins the journal, to the folding."""

    def __init__(self, files: StateFiles, base: State) -> None:
        self._files = files
        self._found = identity(files.path)
        self._header = JournalHeader(base.lineage, base.serial)
        self._line = 2
        self._journal = LineFile(files.journal, render_journal_header(self._header))
        self.recording = Recording(base, self._keep)

    def finish(self) -> None:
        """Fold what was recorded; nothing is written if nothing was.

        Raises:
            StateError: it stays in the journal, or in a copy that the message names.
        """
        state = self.recording.close()
        try:
            # An entry whose recording was interrupted may stand in the journal alone; so the next start folds that.
            if self._journal.begun and not self.recording.interrupted:
                # A journal that was merely deleted is no harm any more: nobody has written, and all is in memory.
                if self._overtaken() and (self._replaced() or self._files.journal.exists()):
                    raise self._conflict(self._rescued())
                self._files.fold(state)
        finally:
            self._journal.close()

    def _keep(self, entry: Entry) -> None:
        line = self._files.codec.render_entry(entry, self._header, self._line)
        with failing(self._files.journal, "written"):
            if self._overtaken():
                raise self._conflict(self._files.journal)
            self._journal.append(line)
        self._line += 1

    def _overtaken(self) -> bool:
        """Whether somebody else has written although we have the lock: it can be deleted, and the state file edited."""
        return self._replaced() or not self._journal.undisturbed

    def _replaced(self) -> bool:
        return identity(self._files.path) != self._found

    def _conflict(self, record: Path) -> StateError:
        return StateError(
            f"{self._files.path} was changed by something else while this run had the lock. What this run recorded"
            f" before is in {record}, unless another run has taken it up.",
            hint="See with `reconcile drift` what is live, and let nothing but reconcile touch the files of the state.",
        )

    def _rescued(self) -> Path:
        """The journal under another name, so that no other run takes it for one that is folded in, and deletes it."""
        journal = self._files.journal
        if not self._journal.undisturbed:
            return journal
        with failing(journal, "renamed"):
            return journal.rename(journal.with_name(f"{journal.name}.{uuid.uuid4().hex[:6]}"))
