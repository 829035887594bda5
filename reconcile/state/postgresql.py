"""The state in PostgreSQL, under an advisory lock of the session that writes.

A lost connection is a lost lock, and nothing else can write: it is never opened anew within a run. An entry is a row;
the rows are folded into the state in one transaction, at the end and at the next start.
"""

import os
import secrets
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reconcile.errors import StateError
from reconcile.model.collector import collector_paused
from reconcile.model.memory import Segments
from reconcile.network import is_loopback
from reconcile.state.codec import Codec
from reconcile.state.extras import needing
from reconcile.state.journal import Entry, Recording, recorded
from reconcile.state.journaled import Names, continued
from reconcile.state.lockinfo import lock_held, lock_lost, new_owner, not_the_lock, parse_lock_info, render_lock_info
from reconcile.state.segments import CalledSegments, Sealed
from reconcile.state.state import State
from reconcile.state.statefile import JournalHeader, render_journal_header
from reconcile.state.store import LockedState, LockInfo, StateStore

if TYPE_CHECKING:
    from psycopg import Connection

_ADVICE = (
    "Wait until that run has ended, or let this one wait for it with --lock-timeout S (seconds). The lock ends with"
    " its process. If its machine has vanished, end its session with `reconcile state unlock {}`."
)
_TABLES: Final = (
    """create table if not exists reconcile_state (
        name text primary key, lineage text not null, serial bigint not null, data text not null,
        written timestamptz not null default now())""",
    """create table if not exists reconcile_backup (
        name text primary key, lineage text not null, serial bigint not null, data text not null,
        written timestamptz not null)""",
    """create table if not exists reconcile_journal (
        name text, lineage text not null, serial bigint, line integer, entry text not null,
        primary key (name, serial, line))""",
    "create table if not exists reconcile_lock (name text primary key, owner text not null)",
    """create table if not exists reconcile_memory (
        name text, segment text, data bytea not null, primary key (name, segment))""",
)
# The lock of a state, apart from those of the same name in other schemas, as pg_locks shows it too.
_TRY_LOCK: Final = (
    "select pg_try_advisory_lock(hashtextextended('reconcile:' || current_schema() || ':' || %(name)s, 0))"
)
_WAIT_FOR_LOCK: Final = (
    "select pg_advisory_lock(hashtextextended('reconcile:' || current_schema() || ':' || %(name)s, 0))"
)
_UNLOCK: Final = "select pg_advisory_unlock(hashtextextended('reconcile:' || current_schema() || ':' || %(name)s, 0))"
_HOLDER: Final = """select pid from pg_locks where locktype = 'advisory' and granted and objsubid = 1
    and database = (select oid from pg_database where datname = current_database())
    and (classid::bigint << 32) | objid::bigint
        = hashtextextended('reconcile:' || current_schema() || ':' || %(name)s, 0)"""
_INSERT: Final = (
    "insert into reconcile_state (name, lineage, serial, data) values (%(name)s, %(lineage)s, %(serial)s, %(data)s)"
    " on conflict do nothing"
)
_UPDATE: Final = (
    "update reconcile_state set lineage = %(lineage)s, serial = %(serial)s, data = %(data)s, written = now()"
    " where name = %(name)s and serial = %(found)s"
)
_RENAME: Final = tuple(
    f"update {table} set name = %(target)s where name = %(name)s"  # noqa: S608  # three names of our own
    for table in ("reconcile_state", "reconcile_backup", "reconcile_journal")
)
_SESSION: Final = (
    # A run may wait long between two writes, and its lock must not end for that.
    "select set_config(name, '0', false) from pg_settings where name in ('idle_session_timeout', 'statement_timeout')",
    "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'",
    # A client that has vanished without a word loses its lock within two minutes rather than hours.
    "set tcp_keepalives_idle = 30; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 9",
)


class PostgresqlStore(StateStore):
    """A state by its name in a database's tables ``reconcile_...``, which are made when they are missing."""

    def __init__(
        self,
        conninfo: str,
        state: str = "default",
        *,
        codec: Codec | None = None,
        clock: Callable[[], float] = time.time,
        who: str | None = None,
    ) -> None:
        with needing("postgresql", "State in PostgreSQL"):
            import psycopg
        try:
            parts = psycopg.conninfo.conninfo_to_dict(conninfo)
        except psycopg.Error as error:
            raise StateError(f"The URL of the state's database can't be read: {_said(error)}.") from None
        self._conninfo = _verified(conninfo, parts)
        self._state = state
        self._codec = codec or Codec()
        self._clock = clock
        self._who = who
        place = f"{parts.get('host', 'localhost')}/{parts.get('dbname', '')}"
        self._names = Names(
            f"{state} at postgresql://{place}", f"its journal at {place}", "delete its rows from reconcile_journal"
        )

    @property
    def name(self) -> str:
        """The state's name, the host and the database."""
        return self._names.state

    @property
    def segments(self) -> Segments:
        """Rows of a table of their own."""
        return Sealed(CalledSegments(self._read_segment, self._write_segment, self._delete_segment), self._codec)

    def read(self) -> State | None:
        """The state, without a lock, with all that a run in progress has recorded; None if there has never been one.

        Raises:
            StateError: empty, damaged, of a newer format or of another lineage, or it can't be read.
        """
        with self._connected() as connection:
            return self._load(connection).whole

    @contextmanager
    def lock(self, why: str, timeout: float = 0.0) -> Iterator[LockedState]:
        """The state for writing, created at the first write if there is none; waits at most ``timeout`` seconds.

        Raises:
            LockHeld: somebody else has it; the message says who, when and why.
            StateError: as ``read``, it can't be written, or the connection is one that has no lasting session.
        """
        with self._locked(why, timeout) as connection:
            run = _Run(self, connection, self._recovered(connection))
            with recorded(run.recording, run.finish) as state:
                yield state

    def replace(self, why: str, make: Callable[[State | None], State], timeout: float = 0.0) -> State:
        """Write a whole state in place of what there is, which ``make`` is given under the lock; what was written.

        Raises:
            LockHeld: somebody else has the lock.
            StateError: as ``read``, or it can't be written.
        """
        with self._locked(why, timeout) as connection:
            found = self._recovered(connection)
            made = make(found.whole)
            return self.fold(connection, replace(made, serial=max(made.serial, found.serial)), found)

    def holder(self) -> LockInfo | None:
        """Who has the lock."""
        with self._connected() as connection, self._failing("read"):
            return self._holder(connection)

    def unlock(self, id_: str) -> LockInfo:
        """End the session that has the lock with this id; who that was.

        Raises:
            StateError: nobody has it, its id is another one, or the role may not end that session.
        """
        with self._connected() as connection, self._failing("unlocked"):
            info = self._holder(connection)
            if info is None or info.id != id_:
                raise not_the_lock(self.name, id_, info)
            row = connection.execute(_HOLDER, {"name": self._state}).fetchone()
            if row is not None:
                connection.execute("select pg_terminate_backend(%s, 10000)", row)
            return info

    def set_aside(self, why: str, timeout: float = 0.0) -> tuple[str, ...]:
        """Rename the state and its journal, usable or not, so that a new state can begin; the new name.

        Raises:
            LockHeld: somebody else has the lock.
            StateError: it can't be renamed.
        """
        when = datetime.fromtimestamp(self._clock(), UTC)
        target = f"{self._state}.set-aside-{when:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"
        names = {"name": self._state, "target": target}
        with self._locked(why, timeout) as connection, self._failing("renamed"), connection.transaction():
            for statement in _RENAME:
                connection.execute(statement, names)
        return (target,)

    def fold(self, connection: "Connection[Any]", state: State, found: "_Loaded") -> State:
        """Make this, which includes the journal, the state; it gets the next serial. For whoever has the lock.

        Raises:
            StateError: it can't be written, or something else wrote; the journal is still there.
        """
        following = replace(state, serial=state.serial + 1)
        row = {
            "name": self._state,
            "lineage": following.lineage,
            "serial": following.serial,
            "data": self._codec.render_state(following).decode(),
            "found": found.serial,
        }
        with self._failing("written", connection), connection.transaction():
            connection.execute(
                "insert into reconcile_backup select name, lineage, serial, data, written from reconcile_state"
                " where name = %(name)s on conflict (name) do update set lineage = excluded.lineage,"
                " serial = excluded.serial, data = excluded.data, written = excluded.written",
                row,
            )
            written = connection.execute(_INSERT if found.state is None else _UPDATE, row)
            if written.rowcount != 1:
                raise self.conflict()
            connection.execute("delete from reconcile_journal where name = %(name)s", row)
        return following

    def append(self, connection: "Connection[Any]", entry: Entry, header: JournalHeader, line: int) -> None:
        """Add an entry to the journal. For whoever has the lock.

        Raises:
            LockHeld: the connection is gone, and the lock with it.
            StateError: it can't be written, or something else wrote.
        """
        row = {
            "name": self._state,
            "lineage": header.lineage,
            "serial": header.serial,
            "line": line,
            "entry": self._codec.render_entry(entry, header, line).decode(),
        }
        with self._failing("written", connection):
            added = connection.execute(
                "insert into reconcile_journal (name, lineage, serial, line, entry)"
                " select %(name)s, %(lineage)s, %(serial)s, %(line)s, %(entry)s"
                " where coalesce((select serial from reconcile_state where name = %(name)s), 0) = %(serial)s"
                " on conflict do nothing",
                row,
            )
        if added.rowcount != 1:
            raise self.conflict()

    def confirm(self, connection: "Connection[Any]") -> None:
        """Make sure that the session, and so the lock, still lives.

        Raises:
            LockHeld: it doesn't.
        """
        with self._failing("read", connection):
            connection.execute("select 1")

    def time(self, connection: "Connection[Any]") -> tuple[float, float] | None:
        """By how much the server's clock is ahead of ours, at least and at most.

        Raises:
            LockHeld: the connection is gone, and the lock with it.
        """
        began = self._clock()
        with self._failing("read", connection):
            row = connection.execute("select extract(epoch from clock_timestamp())::double precision").fetchone()
        return None if row is None else (row[0] - self._clock(), row[0] - began)

    def conflict(self) -> StateError:
        """The error that something else wrote although the lock is ours."""
        return StateError(
            f"The state {self.name} was changed by something else while this run had the lock. What this run recorded"
            " before is kept.",
            hint="See with `reconcile drift` what is live, and let nothing but reconcile write to its tables.",
        )

    def _read_segment(self, segment: str) -> bytes | None:
        with self._connected() as connection, self._failing("read"):
            if not _has_tables(connection, "reconcile_memory"):
                return None
            row = connection.execute(
                "select data from reconcile_memory where name = %(name)s and segment = %(segment)s",
                {"name": self._state, "segment": segment},
            ).fetchone()
        return bytes(row[0]) if row else None

    def _write_segment(self, segment: str, data: bytes) -> None:
        with self._connected() as connection, self._failing("written"):
            self._make_tables(connection)
            connection.execute(
                "insert into reconcile_memory (name, segment, data) values (%(name)s, %(segment)s, %(data)s)"
                " on conflict (name, segment) do update set data = excluded.data",
                {"name": self._state, "segment": segment, "data": data},
            )

    def _delete_segment(self, segment: str) -> None:
        with self._connected() as connection, self._failing("deleted"):
            self._make_tables(connection)
            connection.execute(
                "delete from reconcile_memory where name = %(name)s and segment = %(segment)s",
                {"name": self._state, "segment": segment},
            )

    @contextmanager
    def _locked(self, why: str, timeout: float) -> Iterator["Connection[Any]"]:
        with self._connected() as connection:
            with self._failing("prepared"):
                self._refuse_pool(connection)
                for statement in _SESSION:
                    connection.execute(statement)
                self._make_tables(connection)
            self._acquire(connection, timeout)
            owner = render_lock_info(new_owner(why, self._clock(), self._who)).decode()
            with self._failing("written"):
                connection.execute(
                    "insert into reconcile_lock (name, owner) values (%(name)s, %(owner)s)"
                    " on conflict (name) do update set owner = excluded.owner",
                    {"name": self._state, "owner": owner},
                )
            try:
                yield connection
            finally:
                self._release(connection)

    def _release(self, connection: "Connection[Any]") -> None:
        """Give the lock back: it ends with the connection, too, but the server may take its time to see that end."""
        import psycopg

        with suppress(psycopg.Error):
            connection.execute(_UNLOCK, {"name": self._state})

    def _acquire(self, connection: "Connection[Any]", timeout: float) -> None:
        import psycopg

        name = {"name": self._state}
        with self._failing("locked"):
            row = connection.execute(_TRY_LOCK, name).fetchone()
            if row is not None and row[0]:
                return
            if timeout > 0:
                with suppress(psycopg.errors.LockNotAvailable):
                    milliseconds = str(max(1, int(timeout * 1000)))
                    connection.execute("select set_config('lock_timeout', %(time)s, false)", {"time": milliseconds})
                    connection.execute(_WAIT_FOR_LOCK, name)
                    connection.execute("set lock_timeout = 0")
                    return
            info = self._holder(connection)
            raise lock_held(self.name, info, _ADVICE.format(info.id if info else "ID"))

    def _holder(self, connection: "Connection[Any]") -> LockInfo | None:
        if not _has_tables(connection):
            return None
        name = {"name": self._state}
        if connection.execute(_HOLDER, name).fetchone() is None:
            return None
        row = connection.execute("select owner from reconcile_lock where name = %(name)s", name).fetchone()
        return parse_lock_info(row[0].encode()) if row else None

    def _recovered(self, connection: "Connection[Any]") -> "_Loaded":
        found = self._load(connection)
        if found.whole is not None and found.whole is not found.state:
            folded = self.fold(connection, found.whole, found)
            return _Loaded(folded, folded)
        return found

    def _load(self, connection: "Connection[Any]") -> "_Loaded":
        """The state as it is kept, and with its journal over it, both of one moment."""
        name = {"name": self._state}
        with self._failing("read"), connection.transaction():
            connection.execute("set transaction isolation level repeatable read, read only")
            if not _has_tables(connection):
                return _Loaded(None, None)
            saved = connection.execute(
                "select data, serial from reconcile_state where name = %(name)s", name
            ).fetchone()
            rows = connection.execute(
                "select lineage, serial, line, entry from reconcile_journal where name = %(name)s"
                " order by serial, line",
                name,
            ).fetchall()
        with collector_paused():
            state = self._codec.parse_state(saved[0].encode(), self.name, self._names.way_out) if saved else None
            if state is not None and saved is not None and state.serial != saved[1]:
                raise StateError(
                    f"The state {self.name} is damaged: its row has the serial {saved[1]}, and its content"
                    f" {state.serial}.",
                    hint=self._names.way_out,
                )
            return _Loaded(state, self._with(state, rows))

    def _with(self, state: State | None, rows: list[Any]) -> State | None:
        if not rows:
            return state
        header = JournalHeader(rows[0][0], rows[0][1])
        if state is None and header.serial > 0:
            raise StateError(
                f"The state {self.name} is missing, but there is a journal that goes on from its serial"
                f" {header.serial}: this is no new project.",
                hint=f"Bring its row in reconcile_state back; reconcile_backup has the one before. Or:"
                f" {self._names.way_out}",
            )
        if any(row[:3] != (*rows[0][:2], line) for line, row in enumerate(rows, 2)):
            raise StateError(f"{self._names.journal} has a gap.", hint=self._names.way_out_of_line)
        lines = render_journal_header(header) + "".join(row[3] for row in rows).encode()
        return continued(self._names, self._codec, state or State(header.lineage), header, lines)

    @contextmanager
    def _connected(self) -> Iterator["Connection[Any]"]:
        connection = self._connect()
        try:
            yield connection
        finally:
            connection.close()

    def _connect(self) -> "Connection[Any]":
        import psycopg

        with self._failing("reached"):
            return psycopg.connect(
                self._conninfo,
                autocommit=True,
                prepare_threshold=None,
                connect_timeout=10,
                keepalives=1,
                keepalives_idle=30,
                keepalives_interval=10,
                keepalives_count=3,
                application_name="reconcile",
            )

    def _make_tables(self, connection: "Connection[Any]") -> None:
        if not _has_tables(connection, "reconcile_memory"):
            with connection.transaction():
                connection.execute("select pg_advisory_xact_lock(hashtextextended('reconcile: tables', 0))")
                for statement in _TABLES:
                    connection.execute(statement)

    def _refuse_pool(self, connection: "Connection[Any]") -> None:
        """Refuse a pool that gives each transaction another session, where locks would be worth nothing.

        Behind a pooler the session's number is not the one that the connection began with. Whether it keeps sessions
        apart shows in a mark set on one connection: another one must not see it, while it keeps its own.
        """
        row = connection.execute("select pg_backend_pid()").fetchone()
        if row is None or row[0] == connection.info.backend_pid:
            return
        mark = secrets.token_hex(8)
        connection.execute("select set_config('reconcile.mark', %(mark)s, false)", {"mark": mark})
        with self._connected() as other, other.transaction():
            seen = [c.execute("select current_setting('reconcile.mark', true)").fetchone() for c in (other, connection)]
        if seen != [(None,), (mark,)] and seen != [("",), (mark,)]:
            raise StateError(
                f"The connection to {self.name} goes through a pool that gives each transaction another session, such"
                " as PgBouncer in transaction mode. Locks are worth nothing there, so it is not used.",
                hint="Name the server itself in the URL of the state, or a pool in session mode.",
            )

    @contextmanager
    def _failing(self, done: str, holding: "Connection[Any] | None" = None) -> Iterator[None]:
        """Turns the library's errors into ours; ``holding`` is the connection that has the lock."""
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            if holding is not None and holding.closed:
                raise lock_lost(self.name, self._holder_or_none()) from error
            raise self._unusable(done, error) from error

    def _holder_or_none(self) -> LockInfo | None:
        with suppress(StateError):
            return self.holder()
        return None

    def _unusable(self, done: str, error: Exception) -> StateError:
        return StateError(
            f"The state {self.name} can't be {done}: {_said(error)}.",
            hint="See that the server runs, and that the role of the URL may use, and at first make, the tables"
            " reconcile_...",
        )


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The state as it is kept, and with its journal over it."""

    state: State | None
    whole: State | None

    @property
    def serial(self) -> int:
        return self.state.serial if self.state else 0


class _Run:
    """What one holder of the lock records: a row for each entry, folded at the end."""

    def __init__(self, store: PostgresqlStore, connection: "Connection[Any]", base: _Loaded) -> None:
        self._store = store
        self._connection = connection
        self._base = base
        state = base.whole or State(lineage=str(uuid.uuid4()))
        self._header = JournalHeader(state.lineage, state.serial)
        self._line = 2
        self.recording = Recording(
            state, self._keep, lambda _: store.confirm(connection), lambda: store.time(connection)
        )

    def finish(self) -> None:
        """Fold what was recorded; nothing is written if nothing was.

        Raises:
            LockHeld: the lock was lost; what was recorded is kept.
            StateError: it stays in the journal.
        """
        state = self.recording.close()
        # An entry whose recording was interrupted may stand in the journal alone; so the next start folds that.
        if self._line > 2 and not self.recording.interrupted:
            self._store.fold(self._connection, state, self._base)

    def _keep(self, entry: Entry) -> None:
        try:
            self._store.append(self._connection, entry, self._header, self._line)
        except StateError:
            self.recording.interrupted = True  # it may have been kept
            raise
        self._line += 1


def _has_tables(connection: "Connection[Any]", last: str = "reconcile_lock") -> bool:
    row = connection.execute("select to_regclass(%(last)s)", {"last": last}).fetchone()
    return row is not None and row[0] is not None


def _said(error: Exception) -> str:
    """The first line of what the database says."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0].strip().rstrip(".") if lines else type(error).__name__


def _verified(conninfo: str, parts: Mapping[str, Any]) -> str:
    """The same with the server's certificate and name verified, unless it says how, or the host is this machine.

    The library would take a connection in the clear otherwise, and the password would go to whoever answers.
    """
    import psycopg

    hosts = [host for member in ("host", "hostaddr") for host in str(parts.get(member) or "").split(",") if host]
    # No host at all is a socket of this machine, unless the environment or a service's file says otherwise.
    elsewhere = "service" in parts or any(name in os.environ for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE"))
    here = all(host.startswith(("/", "@")) or is_loopback(host) for host in hosts) and (bool(hosts) or not elsewhere)
    if here or "sslmode" in parts:
        return conninfo
    more = {"sslmode": "verify-full"}
    own = Path("~/.postgresql/root.crt").expanduser()
    if "sslrootcert" not in parts and "PGSSLROOTCERT" not in os.environ and not own.exists():
        more["sslrootcert"] = "system"
    return psycopg.conninfo.make_conninfo(conninfo, **more)
