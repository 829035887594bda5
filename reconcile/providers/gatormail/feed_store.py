"""Files that records of people's activity are kept in, each exactly once: SQLite or JSON Lines, by the suffix.

``put`` returns when the records are on disk, so that whoever delivered them may be told so. A record that is there
already is passed over, since an unmarked batch is handed out again. A process that dies in between leaves nothing that
the next one would not find: SQLite takes a batch in one transaction, and of JSON Lines a torn last line is cut off.

Which records a file of JSON Lines holds is looked up in an index beside it, so that memory does not grow with it. The
file alone counts: the index takes up what it has not seen of it, and is made anew where the file is another one. All
of these files are readable by their owner only.
"""

import hashlib
import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

from reconcile.disk import failing, make_folder, one_at_a_time, sync_folder
from reconcile.errors import InvalidInput, StateError

SQLITE = (".sqlite", ".sqlite3", ".db")
JSON_LINES = (".jsonl", ".ndjson")
_TABLE = "activity"
_WINDOW = 64  # bytes before the end of what is indexed, by which the index knows its file again
_CHUNK = 1 << 20

Record = Mapping[str, Any]


class Sink(ABC):
    """Where records go; for one process at a time."""

    @abstractmethod
    def put(self, records: Sequence[Record]) -> int:
        """Keep the records that are not there yet, durably; gives how many these were.

        Raises:
            StateError: they can't be written; what was there is as before.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the files."""


@contextmanager
def open_sink(path: Path, source: str, columns: Sequence[str], timeout: float = 0.0) -> Iterator[Sink]:
    """The sink in a file, made if there is none, under a lock; waits at most ``timeout`` seconds for that.

    ``source`` names whose records they are: numbers of records are of one source, so a file is for one. ``columns``
    are the members that a record may have.

    Raises:
        InvalidInput: the suffix is of no known form, or the file holds something else.
        LockHeld: another process has it. StateError: it can't be read or written.
    """
    if path.suffix.lower() not in (*SQLITE, *JSON_LINES):
        raise InvalidInput(
            f"{path} has no suffix that says what to write.",
            hint=f"{', '.join(JSON_LINES)} for JSON Lines; {', '.join(SQLITE)} for SQLite.",
        )
    path = path.resolve()
    with failing(path, "used"):
        make_folder(path.parent)
        if path.exists() and not path.is_file():
            raise InvalidInput(f"{path} is no file.")
    sqlite = path.suffix.lower() in SQLITE
    with one_at_a_time(path, f"Records are being stored in {path}", timeout):
        with failing(path, "used"):
            sink: Sink = _Table(path, source, columns) if sqlite else _Lines(path, source)
        try:
            yield sink
        finally:
            sink.close()


def key_of(record: Record) -> int | str:
    """What tells a record from every other: its number, else a digest of all that it says."""
    number = record.get("id")
    if isinstance(number, int | str) and not isinstance(number, bool) and number != "":
        return number
    return hashlib.sha256(orjson.dumps(dict(record), option=orjson.OPT_SORT_KEYS)).hexdigest()


@contextmanager
def _database(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into ours."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StateError(f"{path} can't be written: {error}.", hint="See that its disk has room.") from error
    except sqlite3.DatabaseError as error:
        raise InvalidInput(
            f"{path} is damaged, or no file of SQLite's ({error}).", hint="Name another file, or move it away."
        ) from error


def _opened(path: Path) -> sqlite3.Connection:
    """A database that is on disk when a transaction has ended."""
    _make_private(path)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA synchronous = FULL")
    return database


def _make_private(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _for_source(database: sqlite3.Connection, path: Path, source: str) -> None:
    """Note whose records they are, or see that they are whose they were."""
    database.execute("CREATE TABLE IF NOT EXISTS source (name TEXT NOT NULL)")
    known = database.execute("SELECT name FROM source").fetchone()
    if known is None:
        database.execute("INSERT INTO source VALUES (?)", (source,))
    elif known[0] != source:
        raise InvalidInput(
            f"{path} holds the records of {known[0]}, and these are of {source}.", hint="Name a file of their own."
        )


class _Table(Sink):
    """A table of a SQLite file, a column for each member; what is no plain value is JSON."""

    def __init__(self, path: Path, source: str, columns: Sequence[str]) -> None:
        self._path = path
        self._columns = ["id", *(name for name in columns if name != "id")]
        with _database(path):
            self._database = _opened(path)
            try:
                with _transaction(self._database):
                    self._prepare(source)
            except BaseException:
                self._database.close()
                raise

    def _prepare(self, source: str) -> None:
        _for_source(self._database, self._path, source)
        self._database.execute(f"CREATE TABLE IF NOT EXISTS {_TABLE} (id PRIMARY KEY NOT NULL) WITHOUT ROWID")
        there = {row[1] for row in self._database.execute(f"PRAGMA table_info({_TABLE})")}
        for name in self._columns:
            if name not in there:
                self._database.execute(f'ALTER TABLE {_TABLE} ADD COLUMN "{name}"')

    def put(self, records: Sequence[Record]) -> int:
        marks = ", ".join("?" * len(self._columns))
        named = ", ".join(f'"{name}"' for name in self._columns)
        rows = [(key_of(record), *(_plain(record.get(name)) for name in self._columns[1:])) for record in records]
        with _database(self._path):
            before = self._database.total_changes
            with _transaction(self._database):
                self._database.executemany(
                    f"INSERT INTO {_TABLE} ({named}) VALUES ({marks}) ON CONFLICT DO NOTHING",  # noqa: S608  # our names
                    rows,
                )
            return self._database.total_changes - before

    def close(self) -> None:
        self._database.close()


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float) else orjson.dumps(value).decode()


class _Lines(Sink):
    """A file of JSON Lines, in the order of their coming, with an index of the records that it holds."""

    def __init__(self, path: Path, source: str) -> None:
        self._path = path
        _make_private(path)
        self._file = os.open(path, os.O_RDWR)
        try:
            self._index, self._length = self._take_up(source)
        except BaseException:
            os.close(self._file)
            raise

    def put(self, records: Sequence[Record]) -> int:
        fresh: dict[int | str, bytes] = {}
        for record in records:
            key = key_of(record)
            if key not in fresh and not self._knows(key):
                fresh[key] = orjson.dumps(dict(record), option=orjson.OPT_APPEND_NEWLINE)
        if fresh:
            self._append(b"".join(fresh.values()))
            with _database(self._beside), _transaction(self._index):
                self._note(fresh)
        return len(fresh)

    def close(self) -> None:
        self._index.close()
        os.close(self._file)

    @property
    def _beside(self) -> Path:
        return self._path.with_name(f".{self._path.name}.index")

    def _knows(self, key: int | str) -> bool:
        with _database(self._beside):
            return self._index.execute("SELECT 1 FROM record WHERE id = ?", (key,)).fetchone() is not None

    def _append(self, data: bytes) -> None:
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(self._file, data[written:], self._length + written)
            os.fsync(self._file)
        except BaseException as error:
            with suppress(OSError):
                os.ftruncate(self._file, self._length)
            if isinstance(error, OSError):
                raise StateError(f"{self._path} can't be written: {error.strerror}.") from error
            raise
        self._length += len(data)

    def _take_up(self, source: str) -> tuple[sqlite3.Connection, int]:
        """The index with all that the file holds, and the file's length, a torn last line cut off."""
        length = self._mended(os.fstat(self._file).st_size)
        try:
            return self._indexed(source, length), length
        except sqlite3.DatabaseError:
            # It says nothing that the file doesn't.
            for ending in ("", "-journal", "-wal", "-shm"):
                self._beside.with_name(f"{self._beside.name}{ending}").unlink(missing_ok=True)
            with _database(self._beside):
                return self._indexed(source, length), length

    def _indexed(self, source: str, length: int) -> sqlite3.Connection:
        index = _opened(self._beside)
        try:
            with _transaction(index):
                index.execute("CREATE TABLE IF NOT EXISTS record (id PRIMARY KEY NOT NULL) WITHOUT ROWID")
                index.execute("CREATE TABLE IF NOT EXISTS seen (length INTEGER NOT NULL, window BLOB NOT NULL)")
                seen, window = index.execute("SELECT length, window FROM seen").fetchone() or (0, b"")
                if seen > length or self._window(seen) != window:
                    seen = 0
                    index.execute("DELETE FROM record")
                    index.execute("DROP TABLE IF EXISTS source")
                _for_source(index, self._path, source)
                for keys, _ in self._keys(seen, length):
                    index.executemany("INSERT OR IGNORE INTO record VALUES (?)", keys)
                self._remember(index, length)
        except BaseException:
            index.close()
            raise
        return index

    def _note(self, fresh: Mapping[int | str, bytes]) -> None:
        self._index.executemany("INSERT OR IGNORE INTO record VALUES (?)", [(key,) for key in fresh])
        self._remember(self._index, self._length)

    def _remember(self, index: sqlite3.Connection, length: int) -> None:
        index.execute("DELETE FROM seen")
        index.execute("INSERT INTO seen VALUES (?, ?)", (length, self._window(length)))

    def _window(self, end: int) -> bytes:
        start = max(0, end - _WINDOW)
        return os.pread(self._file, end - start, start)

    def _mended(self, length: int) -> int:
        """The length of the file without a last line that a killed process left half-written."""
        end = self._last_line(length)
        if end == length:
            return length
        try:
            # All but the end of the line may have been written.
            whole = isinstance(orjson.loads(os.pread(self._file, length - end, end)), dict)
        except orjson.JSONDecodeError:
            whole = False
        if whole:
            os.pwrite(self._file, b"\n", length)
            length += 1
        else:
            os.ftruncate(self._file, end)
            length = end
        os.fsync(self._file)
        return length

    def _last_line(self, length: int) -> int:
        """Where the last line begins that has no end; ``length`` if every line has one."""
        end = length
        while end:
            start = max(0, end - _CHUNK)
            found = os.pread(self._file, end - start, start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
        return 0

    def _keys(self, start: int, end: int) -> Iterator[tuple[list[tuple[int | str]], int]]:
        """The keys of the records in a part of the file, a piece at a time; with where each piece ends."""
        rest, at = b"", start
        while at < end:
            piece = os.pread(self._file, min(_CHUNK, end - at), at)
            at += len(piece)
            *lines, rest = (rest + piece).split(b"\n")
            yield [(self._key(line),) for line in lines if line.strip()], at

    def _key(self, line: bytes) -> int | str:
        try:
            return key_of(orjson.loads(line))
        except (orjson.JSONDecodeError, AttributeError):
            raise InvalidInput(
                f"{self._path} holds lines that are no records.", hint="Name another file, or move it away."
            ) from None
