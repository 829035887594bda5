"""Files that records of people's activity are kept in, each exactly once: SQLite or JSON Lines, by the suffix.

``put`` returns when the records are on disk, so that whoever delivered them may be told so. Each is kept by its members
and as it came, so that nothing that we don't understand is lost. A record that is there already is passed over, since
an unmarked batch is handed out again; one id with another content stops. A process that dies in between leaves nothing
that the next one would not find: SQLite takes a batch in one transaction, and of JSON Lines a torn last line is cut
off.

Which records a file of JSON Lines holds is looked up in an index beside it, so that memory does not grow with it. The
file alone counts: the index takes up what it has not seen of it, and is made anew where the file is another one. All
of these files are readable by their owner only.
"""

import hashlib
import os
import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

from reconcile.disk import failing, make_folder, one_at_a_time, sync_folder
from reconcile.errors import InvalidInput, StateError
from reconcile.providers.gatormail.answers import CAME

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
            sink: Sink = _Table(path, source, columns) if sqlite else _Lines(path, source, columns)
        try:
            yield sink
        finally:
            sink.close()


def key_of(record: Record) -> int | str:
    """What tells a record from every other: its id, the same as a number and as a text of digits."""
    id_ = record["id"]
    if isinstance(id_, str) and re.fullmatch(r"0|[1-9][0-9]{0,17}", id_):
        return int(id_)
    if isinstance(id_, int | str) and not isinstance(id_, bool) and id_ != "":
        return id_
    raise ValueError("a record without an id")


def _digest(content: Any) -> bytes:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()[:16]


def _said(record: Record, columns: Sequence[str]) -> bytes:
    """What a record says, by a digest: as it came; of one that an earlier version stored, its members alone."""
    if CAME in record:
        return b"c" + _digest(record[CAME])
    return b"m" + _digest({name: record[name] for name in columns if name != "id" and record.get(name) is not None})


def _agrees(stored: bytes, record: Record, columns: Sequence[str]) -> bool:
    plain = {name: value for name, value in record.items() if name != CAME}
    return stored == _said(record if stored.startswith(b"c") else plain, columns)


def _other_content(key: int | str) -> StateError:
    return StateError(
        f"The record with the id {key} is stored already with another content, so the batch is neither stored nor "
        "marked.",
        hint="See that f.record.id names what tells records apart. If the contract was changed since, name another "
        "file for the records from now on.",
    )


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
    # After a power cut a journal that was deleted must not come back and undo a batch that was marked.
    database.execute("PRAGMA synchronous = EXTRA")
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
        for name in (*self._columns, CAME):
            if name not in there:
                self._database.execute(f'ALTER TABLE {_TABLE} ADD COLUMN "{name}"')

    def put(self, records: Sequence[Record]) -> int:
        columns = [*self._columns, CAME]
        marks = ", ".join("?" * len(columns))
        named = ", ".join(f'"{name}"' for name in columns)
        with _database(self._path):
            before = self._database.total_changes
            with _transaction(self._database):
                for record in records:
                    row = (key_of(record), *(_plain(record.get(name)) for name in columns[1:]))
                    if not self._has(row, record):
                        self._database.execute(
                            f"INSERT INTO {_TABLE} ({named}) VALUES ({marks})",  # noqa: S608  # our names
                            row,
                        )
            return self._database.total_changes - before

    def _has(self, row: tuple[Any, ...], record: Record) -> bool:
        """Whether a record is there.

        Raises:
            StateError: its id is, with another content.
        """
        named = ", ".join(f'"{name}"' for name in (*self._columns[1:], CAME))
        there = self._database.execute(f"SELECT {named} FROM {_TABLE} WHERE id = ?", row[:1]).fetchone()  # noqa: S608
        if there is None:
            return False
        came = there[-1]
        same = there[:-1] == row[1:-1] if came is None else orjson.loads(came) == record.get(CAME)
        if not same:
            raise _other_content(row[0])
        return True

    def close(self) -> None:
        self._database.close()


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float) else orjson.dumps(value).decode()


class _Lines(Sink):
    """A file of JSON Lines, in the order of their coming, with an index of the records that it holds."""

    def __init__(self, path: Path, source: str, columns: Sequence[str]) -> None:
        self._path = path
        self._columns = tuple(columns)
        _make_private(path)
        self._file = os.open(path, os.O_RDWR)
        try:
            self._index, self._length = self._take_up(source)
        except BaseException:
            os.close(self._file)
            raise

    def put(self, records: Sequence[Record]) -> int:
        fresh: dict[int | str, tuple[bytes, bytes]] = {}
        for record in records:
            key = key_of(record)
            known = fresh[key][1] if key in fresh else self._known(key)
            if known is None:
                line = orjson.dumps(dict(record), option=orjson.OPT_APPEND_NEWLINE)
                fresh[key] = line, _said(record, self._columns)
            elif not _agrees(known, record, self._columns):
                raise _other_content(key)
        if fresh:
            self._append(b"".join(line for line, _ in fresh.values()))
            with _database(self._beside), _transaction(self._index):
                self._note({key: said for key, (_, said) in fresh.items()})
        return len(fresh)

    def close(self) -> None:
        self._index.close()
        os.close(self._file)

    @property
    def _beside(self) -> Path:
        return self._path.with_name(f".{self._path.name}.index")

    def _known(self, key: int | str) -> bytes | None:
        """What the record of an id says, by its digest."""
        with _database(self._beside):
            found = self._index.execute("SELECT said FROM record WHERE id = ?", (key,)).fetchone()
        return None if found is None else bytes(found[0])

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
                named = {row[1] for row in index.execute("PRAGMA table_info(record)")}
                if named and "said" not in named:  # an earlier version's
                    index.execute("DROP TABLE record")
                    index.execute("DROP TABLE IF EXISTS seen")
                index.execute(
                    "CREATE TABLE IF NOT EXISTS record (id PRIMARY KEY NOT NULL, said BLOB NOT NULL) WITHOUT ROWID"
                )
                index.execute("CREATE TABLE IF NOT EXISTS seen (length INTEGER NOT NULL, window BLOB NOT NULL)")
                seen, window = index.execute("SELECT length, window FROM seen").fetchone() or (0, b"")
                if seen > length or self._window(seen) != window:
                    seen = 0
                    index.execute("DELETE FROM record")
                    index.execute("DROP TABLE IF EXISTS source")
                _for_source(index, self._path, source)
                for keys, _ in self._keys(seen, length):
                    index.executemany("INSERT OR IGNORE INTO record VALUES (?, ?)", keys)
                self._remember(index, length)
        except BaseException:
            index.close()
            raise
        return index

    def _note(self, fresh: Mapping[int | str, bytes]) -> None:
        self._index.executemany("INSERT OR IGNORE INTO record VALUES (?, ?)", fresh.items())
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

    def _keys(self, start: int, end: int) -> Iterator[tuple[list[tuple[int | str, bytes]], int]]:
        """The keys of the records in a part of the file, and what these say, a piece at a time; with its end."""
        rest, at = b"", start
        while at < end:
            piece = os.pread(self._file, min(_CHUNK, end - at), at)
            at += len(piece)
            *lines, rest = (rest + piece).split(b"\n")
            yield [self._key(line) for line in lines if line.strip()], at

    def _key(self, line: bytes) -> tuple[int | str, bytes]:
        try:
            record = orjson.loads(line)
            # An earlier version took records without an id, by all that they said.
            key = key_of(record) if "id" in record else _digest(record).hex()
            return key, _said(record, self._columns)
        except (ValueError, AttributeError, TypeError):
            raise InvalidInput(
                f"{self._path} holds lines that are no records.", hint="Name another file, or move it away."
            ) from None
