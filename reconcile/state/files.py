"""The files of a local state, read as one: state.json with its journal over it, and the folding of the two.

For a state at ``state.json``:
    state.json              the state as of the end of the last run; replaced as a whole
    state.json.journal      what was recorded since: a line per entry, on disk before the run goes on
    state.json.backup       the state.json before the last one
    state.json.lock         locked by the kernel, which frees it when its holder ends, however it ends
    state.json.lock.info    who holds the lock: for the message only, never the lock itself

The end of a run, or the next start, folds the journal into state.json. A crash between any two steps of that does no
harm, since the journal names the serial that it goes on from: either that of state.json, or it is folded in already.
"""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconcile.disk import failing, reason
from reconcile.errors import StateError
from reconcile.model.collector import collector_paused
from reconcile.state.codec import Codec
from reconcile.state.disk import read_if_there, sweep, write_whole
from reconcile.state.journaled import Names, continued
from reconcile.state.state import State
from reconcile.state.statefile import REBUILD, JournalHeader, parse_journal_header


@dataclass(frozen=True, slots=True)
class StateFiles:
    """Where the state is, and beside it the rest."""

    path: Path
    codec: Codec = field(default_factory=Codec)

    @property
    def journal(self) -> Path:
        """The journal: there is none between runs."""
        return self._beside("journal")

    @property
    def backup(self) -> Path:
        """The state file before the present one."""
        return self._beside("backup")

    @property
    def lock(self) -> Path:
        """The file that the kernel locks; it is never deleted, since that would let two in."""
        return self._beside("lock")

    @property
    def lock_info(self) -> Path:
        """Who holds the lock."""
        return self._beside("lock.info")

    def read(self) -> State | None:
        """The state with its journal over it; None if there has never been one.

        Raises:
            StateError: empty, damaged, of a newer format or of another lineage, or it can't be read.
        """
        return self._load()[0]

    def recover(self) -> State | None:
        """As ``read``, for whoever has the lock: what a killed run has left behind is folded in and cleared away.

        Raises:
            StateError: as ``read``, or it can't be written.
        """
        with failing(self.path, "written"):
            sweep(self.path)
            sweep(self.backup)
            sweep(self.lock_info)
        state, pending = self._load()
        if state is not None and pending:
            return self.fold(state)
        with failing(self.journal, "deleted"):
            self.journal.unlink(missing_ok=True)
        return state

    def fold(self, state: State) -> State:
        """Make this, which includes the journal, the state file; it gets the next serial. For whoever has the lock.

        Raises:
            StateError: it can't be written; the journal is still there.
        """
        following = replace(state, serial=state.serial + 1)
        try:
            former = read_if_there(self.path)
            if former is not None:
                write_whole(self.backup, former)
            write_whole(self.path, self.codec.render_state(following))
            self.journal.unlink(missing_ok=True)
        except OSError as error:
            raise StateError(
                f"{self.path} can't be written: {reason(error)}."
                f" Nothing is lost: what was done is kept in {self.journal}.",
                hint="Remove the cause, such as a full disk; the next run that has the lock completes the state file.",
            ) from error
        return following

    def set_aside(self, suffix: str) -> tuple[Path, ...]:
        """Rename the state file, journal and backup, as far as they exist; their new paths. For whoever has the lock.

        Raises:
            StateError: one can't be renamed.
        """
        renamed = []
        # The state file last: until then an interruption leaves no less a state than before.
        for path in (self.backup, self.journal, self.path):
            with failing(path, "renamed"), suppress(FileNotFoundError):
                renamed.append(path.rename(path.with_name(f"{path.name}.{suffix}")))
        return tuple(renamed)

    def refuse_link(self) -> None:
        """Raises StateError if the path is a symbolic link: a write would replace it, and not what it points at."""
        with failing(self.path, "read"):
            link = self.path.is_symlink()
        if link:
            raise StateError(
                f"{self.path} is a symbolic link, and the first write would put a file in its place.",
                hint="Name the file itself as the `state` of the project, or make its folder the link.",
            )

    def _beside(self, extension: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{extension}")

    def _load(self) -> tuple[State | None, bool]:
        """The state, and whether its journal holds anything that the state file doesn't."""
        with collector_paused():
            # The journal first: if it is folded in between the two reads, the state file is the newer one. The other
            # way round, the state of before the run would be read without what the run has done.
            lines = self._bytes(self.journal)
            data = self._bytes(self.path)
            names = self._names()
            header = parse_journal_header(lines, names.journal, names.way_out_of_line) if lines is not None else None
            state = self._saved(data, header)
            if lines is None or header is None or state is None:
                return state, False
            whole = continued(names, self.codec, state, header, lines)
            return whole, whole is not state

    def _bytes(self, path: Path) -> bytes | None:
        with failing(path, "read"):
            return read_if_there(path)

    def _saved(self, data: bytes | None, journal: JournalHeader | None) -> State | None:
        if data is not None:
            return self.codec.parse_state(data, str(self.path), self._way_out())
        if self.backup.exists() or (journal and journal.serial > 0):
            left = " and ".join(str(path) for path in (self.journal, self.backup) if path.exists())
            raise StateError(
                f"{self.path} is missing, but there is {left}: this is no new project.", hint=self._way_out()
            )
        # A journal from serial 0 is that of a project's first run, which has not ended or was cut short.
        return State(journal.lineage) if journal else None

    def _names(self) -> Names:
        return Names(str(self.path), str(self.journal), "move the journal out of the folder", self._way_out())

    def _way_out(self) -> str:
        if not self.backup.exists():
            return REBUILD
        return (
            "Go back to the state before the last run, which does not know what that run did, with"
            f" `cp {self.backup} {self.path}`. Or: {REBUILD}"
        )
