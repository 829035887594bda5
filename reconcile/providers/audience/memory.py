"""What an audience did to whom, as segments of keyed digests that the state names.

A segment is a line of JSON and the digests, 16 bytes each, one after the other. The line has a group for each run of
digests: which table they are of, whether they came or went, what was done, when, and how many there are.

Tables: ``mark`` (what was done) and ``pending`` (what was begun). ``what`` is "recipient", a list's or group's id, or
the like; ``since`` is when they joined, as the platform tells it, or for what is pending when it was noted.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import orjson

from reconcile.errors import Diagnostic, StateError
from reconcile.model.bulk import Conduct, Task
from reconcile.model.memory import Memory, Segment, Segments
from reconcile.providers.audience.workspace_db import WorkspaceDb

TABLES: Final = ("mark", "pending")
DIGEST: Final = 16
SUPPRESSED: Final = "suppressed"  # of whom nothing is remembered but that they are never brought in
GONE: Final = "gone@"  # before what was done: they are not there any more, and others have seen to that
MOST_INLINE: Final = 10_000  # people of an audience whose state has no place for segments
_MANY: Final = 48  # segments after which they are written as one
_MANY_INLINE: Final = 4


@dataclass(frozen=True, slots=True)
class Group:
    """Digests of one table that came or went, of one sort and time; ``digests`` are 16 bytes each."""

    table: str
    came: bool
    what: str
    since: int
    digests: bytes


def fingerprint(key: bytes) -> str:
    """By what a state knows its project key again."""
    return hmac.new(key, b"reconcile: the fingerprint of this key", hashlib.sha256).hexdigest()[:16]


def keyed(key: bytes, what: str, person: str) -> bytes:
    """The digest of somebody, by the key of their address, as the workbench's SQL makes it."""
    return hmac.new(key, f"{what}|{person}".encode(), hashlib.sha256).digest()[:DIGEST]


def render(groups: Sequence[Group]) -> bytes:
    """A segment."""
    head = [[g.table, "+" if g.came else "-", g.what, g.since, len(g.digests) // DIGEST] for g in groups]
    return orjson.dumps({"version": 1, "groups": head}) + b"\n" + b"".join(g.digests for g in groups)


def parse(data: bytes) -> list[Group]:
    """The groups of a segment.

    Raises:
        ValueError: it is none.
    """
    line, _, digests = data.partition(b"\n")
    document = orjson.loads(line)
    if document.get("version") != 1:
        raise ValueError("of another version")
    groups, place = [], 0
    for table, sign, what, since, count in document["groups"]:
        if table not in TABLES or sign not in "+-":
            raise ValueError("of another shape")
        groups.append(Group(table, sign == "+", what, since, digests[place : place + count * DIGEST]))
        place += count * DIGEST
    if place != len(digests):
        raise ValueError("cut short")
    return groups


def contents(memory: Memory, place: Segments | None) -> list[bytes] | None:
    """The segments that the state names, in order; None if one is missing or not what it was."""
    found: list[bytes] = []
    for segment in memory.segments:
        data = base64.b64decode(segment.data) if segment.data else place.read(segment.name) if place else None
        if data is None or hashlib.sha256(data).hexdigest() != segment.name:
            return None
        found.append(data)
    return found


def load_memory(work: WorkspaceDb, task: Task) -> Diagnostic | None:
    """Fill the tables; or with nobody, and why what was done before is not known.

    Raises:
        StateError: the backend can't be read.
    """
    for table in TABLES:
        work.db.execute(f"CREATE OR REPLACE TABLE {table} (mark VARCHAR, since BIGINT)")
        work.db.execute(f"CREATE OR REPLACE TABLE {table}_kept (mark VARCHAR, since BIGINT)")
    work.trusted = True
    if task.memory is None:
        if _load_former(work, task) or not task.known:
            return None
        work.trusted = False
        return _unknown(task, "the state has nothing of it", "marks-missing")
    if task.memory.key != fingerprint(task.place.key()):
        work.trusted = False
        return _unknown(task, "it was kept with another project key", "key-differs")
    segments = contents(task.memory, task.place.segments)
    if segments is None:
        work.trusted = False
        return _unknown(task, "it is missing or damaged in the state's backend", "marks-missing")
    for data in segments:
        for group in parse(data):
            _take(work, group)
    for table in TABLES:
        work.db.execute(f"INSERT INTO {table}_kept SELECT * FROM {table}")
    return None


def leave_out_forgotten(work: WorkspaceDb) -> int:
    """Take who asked to be forgotten from those who are wanted; how many they are."""
    if not work.number("SELECT count(*) FROM mark WHERE starts_with(mark, ?)", [f"{SUPPRESSED}:"]):
        return 0
    where = "marked(?, key) IN (SELECT mark FROM mark)"
    count = work.number(f"SELECT count(*) FROM wanted WHERE {where}", [SUPPRESSED])
    work.db.execute(f"DELETE FROM wanted WHERE {where}", [SUPPRESSED])
    return count


def _unknown(task: Task, why: str, code: str) -> Diagnostic:
    return Diagnostic(
        code,
        "what was done to people before is not known",
        f"Whom {task.address} brought in and took off before is not known: {why}. Who was deleted, or asked to be left "
        "out, could be brought back.",
        address=str(task.address),
        location=task.location,
        hint="Bring back the project key (RECONCILE_KEY, else .reconcile/key), and the state with all that is beside "
        "it. Or begin anew, as if others had brought in everybody who is there: --accept-unknown",
    )


def new_to_people(task: Task, there: int) -> Diagnostic | None:
    """Why an audience that remembers nothing waits for a word where there are people already."""
    if task.memory is not None or task.known or not there:
        return None
    return Diagnostic(
        "new-to-people",
        "the audience is new to people who are there already",
        f"{task.address} has never been applied by this state, and {there:,} people are there already: who was deleted "
        "or taken out before is not known, and could be brought back.",
        address=str(task.address),
        location=task.location,
        hint="If another state has applied it, bring that one back. If it is new indeed: --accept-unknown",
    )


def too_many(task: Task, rows: int) -> Diagnostic | None:
    """Why an audience can't be kept where the state has no place for segments."""
    if task.place.segments is not None or rows <= MOST_INLINE:
        return None
    return Diagnostic(
        "state-too-small",
        "the state has no place for so many people",
        f"The source has {rows:,} people, and a state behind HTTP can remember {MOST_INLINE:,} of an audience.",
        address=str(task.address),
        location=task.location,
        hint="Keep the state in object storage, PostgreSQL or a file, or part the audience.",
    )


def _take(work: WorkspaceDb, group: Group) -> None:
    if not group.digests:
        return
    file = work.scratch / "digests.csv"
    file.write_bytes(binascii.hexlify(group.digests, b"\n", -DIGEST) + b"\n")
    read = "SELECT ? || ':' || digest AS mark FROM read_csv(?, header = false, auto_detect = false, "
    read += "columns = {'digest': 'VARCHAR'})"
    work.db.execute(f"CREATE OR REPLACE TEMP TABLE taken AS {read}", [group.what, str(file)])
    file.unlink()
    if work.number(f"SELECT count(*) FROM {group.table}"):
        work.db.execute(f"DELETE FROM {group.table} WHERE mark IN (SELECT mark FROM taken)")
    if group.came:
        work.db.execute(f"INSERT INTO {group.table} SELECT mark, ? FROM taken", [group.since])


def _load_former(work: WorkspaceDb, task: Task) -> bool:
    """What versions before this one kept in files beside a local state."""
    found = False
    for table in TABLES:
        file = former_file(task, table)
        if file.is_file():
            found = True
            work.load_marks(table, file)
    return found


def former_file(task: Task, table: str) -> Path:
    """Where versions before this one kept a table."""
    return task.place.beside / "audiences" / f"{task.address.provider}.{task.address.name}.{table}"


class Keeper:
    """Keeps what an audience does, while it does it: a ``save`` is durable, and in the state, when it returns."""

    def __init__(self, work: WorkspaceDb, task: Task, conduct: Conduct) -> None:
        self._work = work
        self._task = task
        self._conduct = conduct
        self._key = fingerprint(task.place.key())
        self._memory = task.memory if task.memory is not None and work.trusted else None
        self._rows = self._memory.rows if self._memory is not None else 0
        self._excluded = self._memory.excluded if self._memory is not None else 0

    def read(self, rows: int, excluded: int, *, lower: bool) -> None:
        """How many people the files have; not ``lower``: nobody is taken off now, so the source's bound only rises."""
        self._rows = rows if lower else max(rows, self._rows)
        self._excluded = excluded

    def save(self) -> None:
        """Put the tables on record, as far as they have changed."""
        former = self._memory.segments if self._memory is not None else ()
        inline = self._task.place.segments is None
        whole = not former or len(former) >= (_MANY_INLINE if inline else _MANY)
        groups = list(_all(self._work) if whole else _changes(self._work))
        counts = self._rows, self._excluded
        if not groups and self._memory is not None and (self._memory.rows, self._memory.excluded) == counts:
            return
        segments = () if whole else former
        if groups:
            segments = (*segments, self._keep(render(groups), sum(len(g.digests) for g in groups) // DIGEST))
        self._memory = Memory(self._key, self._rows, segments, self._excluded)
        self._conduct.remember(self._memory)
        for table in TABLES:
            self._work.db.execute(f"CREATE OR REPLACE TABLE {table}_kept AS SELECT * FROM {table}")
        if whole and self._task.place.segments is not None:
            for segment in former:
                if segment not in segments:
                    self._task.place.segments.delete(segment.name)
        for table in TABLES:
            former_file(self._task, table).unlink(missing_ok=True)

    def _keep(self, data: bytes, count: int) -> Segment:
        name = hashlib.sha256(data).hexdigest()
        if self._task.place.segments is not None:
            self._task.place.segments.write(name, data)
            return Segment(name, count)
        if count > 4 * MOST_INLINE:
            raise StateError(
                f"What {self._task.address} remembers is too much for a state behind HTTP.",
                hint="Keep the state in object storage, PostgreSQL or a file.",
            )
        return Segment(name, count, base64.b64encode(data).decode())


def _all(work: WorkspaceDb) -> Iterator[Group]:
    for table in TABLES:
        yield from _groups(work, table, True, f"SELECT mark, max(since) AS since FROM {table} GROUP BY mark")


def _changes(work: WorkspaceDb) -> Iterator[Group]:
    for table in TABLES:
        gone = f"SELECT DISTINCT mark, 0 AS since FROM {table}_kept WHERE mark NOT IN (SELECT mark FROM {table})"
        yield from _groups(work, table, False, gone)
        came = f"SELECT mark, max(since) AS since FROM {table} GROUP BY mark"
        yield from _groups(work, table, True, f"{came} EXCEPT SELECT mark, since FROM {table}_kept")


def _groups(work: WorkspaceDb, table: str, came: bool, query: str) -> Iterator[Group]:
    rows = work.db.execute(
        f"SELECT left(mark, length(mark) - {2 * DIGEST + 1}) AS what, since, right(mark, {2 * DIGEST}) AS digest "
        f"FROM ({query}) ORDER BY what, since, digest"
    )
    found: Iterator[Any] = (row for batch in iter(lambda: rows.fetchmany(50_000), []) for row in batch)
    for (what, since), members in groupby(found, key=lambda row: (row[0], row[1])):
        yield Group(table, came, what, since, bytes.fromhex("".join(digest for _, _, digest in members)))
