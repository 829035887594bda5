"""The SQLite database under the sandbox: its tables, transactions and snapshots.

Which tables there are is each provider's business, see its ``tables.sql``.
"""

import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_VERSION = 1
_MEMORY = ":memory:"


class DataError(ValueError):
    """The sandbox's file can't be used: it is damaged, full, locked or not ours. The message says the way out."""


class Store:
    """One database, in memory or in a file that several processes may have open.

    The connection is shared by all threads and guarded by a lock, so transactions of one process run one by one;
    those of other processes are waited for, up to ten seconds.
    """

    def __init__(self, path: str | Path = _MEMORY) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._path = str(path)
        with self._told():
            if self._path != _MEMORY:
                _make_private(Path(path))
            self._connection = _connect(self._path)
        try:
            self._check_version()
        except BaseException:
            self._connection.close()
            raise

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[sqlite3.Connection]:
        """The connection, inside a transaction that is undone by any exception; inner ones join the outer one."""
        with self._lock, self._told():
            if self._depth == 0:
                # A transaction that starts as a reader and then writes could fail half-way, as another process
                # may have written in between; so writers say at the start what they are.
                self._connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            self._depth += 1
            try:
                yield self._connection
                if self._depth == 1:
                    self._connection.execute("COMMIT")
            except BaseException:
                # A full disk may have ended the transaction already.
                if self._depth == 1 and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1

    def add_tables(self, first: str, script: Path) -> None:
        """Make the tables of one provider, unless the one named ``first`` is there already."""
        with self.transaction(write=True) as db:
            if db.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (first,)).fetchone() is None:
                for statement in script.read_text(encoding="utf-8").split(";"):
                    db.execute(statement)

    def snapshot(self) -> sqlite3.Connection:
        """A copy of everything as it is now, in memory; the caller closes it."""
        with self._lock:
            copy = _connect(":memory:")
            self._connection.backup(copy)
            return copy

    def clear(self) -> None:
        """Forget all rows of all accounts."""
        with self.transaction(write=True) as db:
            for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
                db.execute(f'DELETE FROM "{table}"')  # noqa: S608 - the name comes from the database itself

    def close(self) -> None:
        """Close the file; nothing may be called afterwards."""
        with self._lock:
            self._connection.close()

    def _check_version(self) -> None:
        with self.transaction(write=True) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version not in (0, _VERSION):
                raise DataError(
                    f"the sandbox's data have format {version}, not {_VERSION}: remove the file {self._path}"
                )
            if version == 0:
                db.execute(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say what is wrong with the file, and the way out; a condition that is too long is no fault of the file."""
        try:
            yield
        except OSError as error:
            raise DataError(f"the sandbox's file {self._path} can't be used: {error.strerror}") from error
        except sqlite3.DatabaseError as error:
            way_out = _WAYS_OUT.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
            if way_out is None or isinstance(error, sqlite3.IntegrityError):
                raise
            raise DataError(f"the sandbox's file {self._path} can't be used ({error}): {way_out}") from error


def digest(email: str) -> str:
    """A short stand-in for an address: the same for the same address, in whatever case, and not readable."""
    return hashlib.sha256(email.lower().encode()).hexdigest()[:16]


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    # Without the wait for the disk a power cut may cost the last writes. No real mail or money hangs on the
    # sandbox's data, and a crash of the process alone loses nothing.
    connection.execute("PRAGMA synchronous = OFF")
    connection.create_function("digest", 1, digest, deterministic=True)
    connection.create_function("fold", 1, _fold, deterministic=True)
    return connection


def _fold(text: str | None) -> str | None:
    """Lower case of all scripts; SQLite's own lower() knows only ASCII."""
    return None if text is None else str(text).lower()


def _make_private(path: Path) -> None:
    """The file, for its owner alone: it holds people's addresses; SQLite gives its journal the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists():
        # One that is not ours to change, such as a colleague's, stays as it is.
        if path.stat().st_uid == os.getuid() and path.stat().st_mode & 0o077:
            path.chmod(0o600)
    else:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


_DAMAGED = "it is damaged, and the data in it are the sandbox's only; remove it, or name another file"
_WAYS_OUT = {
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_FULL: "the disk is full; make room, or name another file",
    sqlite3.SQLITE_IOERR: "the disk fails or is full; look at it, or name another file",
    sqlite3.SQLITE_READONLY: "it can't be written; change its mode, or name another file",
    sqlite3.SQLITE_CANTOPEN: "it can't be opened; look at the modes of its folder, or name another file",
    sqlite3.SQLITE_BUSY: "another process holds it; end that, or name another file",
}
