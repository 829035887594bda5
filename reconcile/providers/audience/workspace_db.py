"""A database of its own in which the two sides of an audience are compared, and what it did to whom is kept. In duckdb.

Tables that are filled from outside, one row a person unless it says otherwise:

- ``wanted`` and ``unwanted``: the source, and the file of those to exclude (key, email, cells).
- ``live``: whom the platform has, with the values that are compared, and what they have decided.
- ``member``: person and target; ``here``: they are there, else they have left. Since when, and until when.
- ``kept_out``: person and reason; who is wholly left alone, whatever else is wanted.
- ``mark`` and ``pending``: keyed digests of what this audience did, or began.
- ``attribute``, ``target``, ``wish``: what is wanted of everybody.

``compare`` says what is made of them. Nothing of it outlives the run; what duckdb spills goes to a private folder.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import orjson

from reconcile.errors import ReconcileError
from reconcile.providers.audience.goal import CONSENT, Goal, Traits
from reconcile.providers.audience.private import scratch_folder
from reconcile.providers.audience.source import literal
from reconcile.providers.audience.texts import NO, YES, key_of

MEMORY: Final = "768MB"
LATE: Final = 6 * 3600  # seconds after which what was begun does not come any more
RECIPIENT: Final = "recipient"  # what was done to whom this audience brought into the account
_BATCH: Final = 50_000  # rows of an answer that go into duckdb at once

_TABLES: Final = """
CREATE TABLE mark (mark VARCHAR, since BIGINT);
CREATE TABLE pending (mark VARCHAR, since BIGINT);
CREATE TEMP TABLE wanted (key VARCHAR, email VARCHAR, cells VARCHAR[]);
CREATE TEMP TABLE unwanted (key VARCHAR, email VARCHAR, cells VARCHAR[]);
CREATE TEMP VIEW asked AS SELECT * FROM wanted;
CREATE TABLE attribute (number INTEGER, how VARCHAR);
CREATE TABLE target (number INTEGER, id VARCHAR);
CREATE TABLE wish (title VARCHAR, yes BOOLEAN, cell INTEGER, others VARCHAR[]);
"""
_LIVE: Final = """
CREATE OR REPLACE TABLE live (key VARCHAR, email VARCHAR, id {id}, cells VARCHAR[], numbers DOUBLE[], tags VARCHAR[],
    willing BOOLEAN, able BOOLEAN, given VARCHAR[], deciding BOOLEAN, since BIGINT, mailed BOOLEAN);
CREATE OR REPLACE TABLE member (id {id}, target INTEGER, here BOOLEAN, since BIGINT, until BIGINT);
CREATE OR REPLACE TABLE kept_out (key VARCHAR, reason VARCHAR);
"""


class DuckdbMissing(ReconcileError):
    """Audiences need duckdb."""

    code = "duckdb-missing"


class WorkspaceDb:
    """One comparison, and what is needed to carry it out."""

    def __init__(self, connection: Any, scratch: Path, key: bytes) -> None:
        self.db = connection
        self.scratch = scratch
        self.trusted = True  # whether what was done before is known
        key = hashlib.sha256(key).digest() if len(key) > 64 else key
        inner, outer = (bytes(byte ^ pad for byte in key.ljust(64, b"\0")) for pad in (0x36, 0x5C))
        # HMAC-SHA256, its first 128 bits in hexadecimal.
        self.db.execute(
            f"CREATE MACRO keyed(text) AS substr(sha256(unhex('{outer.hex()}') || "
            f"unhex(sha256(unhex('{inner.hex()}') || encode(text)))), 1, 32)"
        )
        # What was done to whom: "4:0f1e..." stands for somebody put on list 4.
        self.db.execute("CREATE MACRO marked(what, key) AS what || ':' || keyed(what || '|' || key)")
        self.db.execute(
            "CREATE MACRO labels(cell) AS list_filter(list_transform(string_split(coalesce(cell, ''), ','), "
            "lambda label: trim(label)), lambda label: label <> '')"
        )
        for name, words in (("says_yes", YES), ("says_no", NO)):
            self.db.execute(f"CREATE MACRO {name}(cell) AS lower(cell) IN ({', '.join(map(literal, words))})")
        self.db.execute(_TABLES)

    def rows(self, query: str, parameters: object = ()) -> list[tuple[Any, ...]]:
        """What a query gives; parameters are a sequence, or a mapping by name."""
        found: list[tuple[Any, ...]] = self.db.execute(query, parameters).fetchall()
        return found

    def number(self, query: str, parameters: object = ()) -> int:
        """The one number that a query gives."""
        return int(self.rows(query, parameters)[0][0] or 0)

    # Both sides

    def want(self, goal: Goal) -> None:
        """Take in what is wanted of everybody."""
        for table in ("attribute", "target", "wish"):
            self.db.execute(f"DELETE FROM {table}")
        for number, attribute in enumerate(goal.attributes, 1):
            self.db.execute("INSERT INTO attribute VALUES (?, ?)", [number, attribute.how])
        for number, target in enumerate(goal.targets):
            self.db.execute("INSERT INTO target VALUES (?, ?)", [number, target.id])
        cells = {attribute.name: number for number, attribute in enumerate(goal.attributes, 1)}
        for title, yes in goal.consents.items():
            others = [other for other in goal.titles if other != title]
            self.db.execute("INSERT INTO wish VALUES (?, ?, ?, ?)", [title, yes, cells.get(CONSENT + title), others])

    def leave_out_unwanted(self) -> int:
        """Take who is to be left out from those who are wanted; how many they are."""
        left_out = self.number("SELECT count(*) FROM wanted SEMI JOIN unwanted USING (key)")
        if left_out:
            self.db.execute("DELETE FROM wanted WHERE key IN (SELECT key FROM unwanted)")
        return left_out

    def clear_live(self, traits: Traits) -> None:
        """Forget what the platform has."""
        self.db.execute(_LIVE.replace("{id}", traits.id_type))

    def batches(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Path]:
        """Rows as files of JSON lines, one after the other, each gone when the next one comes."""
        remaining = iter(rows)
        file = self.scratch / "answer.json"
        for first in remaining:
            with file.open("wb") as stream:
                stream.writelines(map(_line, chain([first], islice(remaining, _BATCH - 1))))
            yield file
            file.unlink()

    def settle_keys(self, table: str) -> None:
        """Give people of a table the key by which they are compared, where their address in lower case is not it."""
        odd = self.rows(
            f"SELECT DISTINCT email FROM {table} WHERE strlen(email) <> length(email) OR contains(email, chr(9)) "
            "OR starts_with(email, ' ') OR ends_with(email, ' ')"
        )
        if odd:
            raw = [email for (email,) in odd]
            self.db.execute(
                f"UPDATE {table} SET key = f.key FROM (SELECT unnest(?::VARCHAR[]) AS raw, "
                f"unnest(?::VARCHAR[]) AS key) f WHERE {table}.email = f.raw",
                [raw, [key_of(email) for email in raw]],
            )

    # Marks

    def load_marks(self, table: str, file: Path) -> None:
        """Fill ``mark`` or ``pending`` from a file of a version before this one, if there is one."""
        self.db.execute(f"CREATE OR REPLACE TABLE {table} (mark VARCHAR, since BIGINT)")
        if file.is_file() and file.stat().st_size:
            self.db.execute(
                f"INSERT INTO {table} SELECT mark, since FROM read_csv(?, header = false, auto_detect = false, "
                "columns = {'mark': 'VARCHAR', 'since': 'BIGINT'})",
                [str(file)],
            )

    def note(self, table: str, what: str, keys: Sequence[str], since: int) -> None:
        """Put people into ``mark`` or ``pending``; what was noted of the same before goes."""
        self.note_all(table, "SELECT ? AS what, unnest(?::VARCHAR[]) AS key", since, [what, list(keys)])

    def note_all(self, table: str, query: str, since: int, parameters: Sequence[object] = ()) -> None:
        """The same for what a query gives: rows of what, and the person's key."""
        self.db.execute(
            f"CREATE OR REPLACE TEMP TABLE noted AS SELECT DISTINCT marked(what, key) AS mark FROM ({query})",
            list(parameters),
        )
        self.db.execute(f"DELETE FROM {table} WHERE mark IN (SELECT mark FROM noted)")
        self.db.execute(f"INSERT INTO {table} SELECT mark, ? FROM noted", [since])

    def unmark(self, table: str, undone: Sequence[tuple[str, str]]) -> None:
        """Strike from ``mark`` or ``pending`` what holds no longer: pairs of what and the person's key."""
        self.db.execute(
            f"DELETE FROM {table} WHERE mark IN (SELECT marked(what, key) FROM "
            "(SELECT unnest(?::VARCHAR[]) AS what, unnest(?::VARCHAR[]) AS key))",
            [[what for what, _ in undone], [key for _, key in undone]],
        )


@contextmanager
def opened(key: bytes) -> Iterator[WorkspaceDb]:
    """A database of its own; all that was in it is gone afterwards."""
    try:
        import duckdb
    except ImportError:
        raise DuckdbMissing(
            "Audiences are compared with duckdb, which is not installed.",
            hint="Install it with `python -m pip install 'duckdb>=1.4'`, in a checkout with "
            "`python -m pip install -e '.[audience]'`.",
        ) from None
    with scratch_folder() as folder:
        settings: dict[str, Any] = {"memory_limit": MEMORY, "temp_directory": str(folder)}
        settings["preserve_insertion_order"] = False
        settings["autoinstall_known_extensions"] = False
        try:
            with duckdb.connect(config=settings) as connection:
                yield WorkspaceDb(connection, folder, key)
        except duckdb.Error as error:
            # Its messages quote what it works on, so only the kind of error is told.
            raise ReconcileError(
                f"The audience could not be compared: duckdb failed ({type(error).__name__}).",
                hint="See that there is room for temporary files; if there is, report it.",
            ) from None


def json_lines(columns: Mapping[str, str]) -> str:
    """SQL that reads a file of JSON lines with these columns and types."""
    types = ", ".join(f"{literal(name)}: {literal(type_)}" for name, type_ in columns.items())
    return f"read_json(?, format = 'newline_delimited', columns = {{{types}}})"


def _line(row: Mapping[str, Any]) -> bytes:
    return orjson.dumps(row) + b"\n"
