"""A workbench in duckdb on which the two sides of an audience are compared, and the keyed digests of what it did.

Tables: ``wanted`` (one row a person of the source), ``mark`` and ``pending`` (keyed digests of what this audience did,
or began); a platform's own bench adds what is live. Nothing of it outlives the run; what duckdb spills goes to a
private folder.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson

from reconcile.errors import ReconcileError
from reconcile.providers.audience.private import scratch_folder
from reconcile.providers.audience.source import literal
from reconcile.providers.audience.texts import PLAIN_ADDRESS, key_of

MEMORY: Final = "768MB"
_BATCH: Final = 50_000  # rows of an answer that go into duckdb at once


class DuckdbMissing(ReconcileError):
    """Audiences need duckdb."""

    code = "duckdb-missing"


class Bench:
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
        # ``since``: when they joined, as the platform tells it; of what is pending, when it was noted.
        for table in ("mark", "pending"):
            self.db.execute(f"CREATE TABLE {table} (mark VARCHAR, since BIGINT)")

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What a query gives."""
        found: list[tuple[Any, ...]] = self.db.execute(query, list(parameters)).fetchall()
        return found

    def number(self, query: str, parameters: Sequence[object] = ()) -> int:
        """The one number that a query gives."""
        return int(self.rows(query, parameters)[0][0] or 0)

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
        """Give addresses in a table's column ``key`` the form in which they are compared, where SQL could not."""
        odd = self.rows(f"SELECT DISTINCT key FROM {table} WHERE NOT regexp_full_match(key, {literal(PLAIN_ADDRESS)})")
        if odd:
            raw = [key for (key,) in odd]
            self.db.execute(
                f"UPDATE {table} SET key = f.key FROM (SELECT unnest(?::VARCHAR[]) AS raw, "
                f"unnest(?::VARCHAR[]) AS key) f WHERE {table}.key = f.raw",
                [raw, [key_of(key) for key in raw]],
            )

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
        self.unmark(table, [(what, key) for key in keys])
        self.db.execute(
            f"INSERT INTO {table} SELECT marked(?, key), ? FROM (SELECT unnest(?::VARCHAR[]) AS key)",
            [what, since, list(keys)],
        )

    def unmark(self, table: str, undone: Sequence[tuple[str, str]]) -> None:
        """Strike from ``mark`` or ``pending`` what holds no longer: pairs of what and the person's key."""
        self.db.execute(
            f"DELETE FROM {table} WHERE mark IN (SELECT marked(what, key) FROM "
            "(SELECT unnest(?::VARCHAR[]) AS what, unnest(?::VARCHAR[]) AS key))",
            [[what for what, _ in undone], [key for _, key in undone]],
        )


_B = TypeVar("_B", bound=Bench)


@contextmanager
def opened(make: type[_B], key: bytes) -> Iterator[_B]:
    """A workbench of its own; all that was on it is gone afterwards."""
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
                yield make(connection, folder, key)
        except duckdb.Error as error:
            # Its messages quote what it works on, so only the kind of error is told.
            raise ReconcileError(
                f"The audience could not be compared: duckdb failed ({type(error).__name__}).",
                hint="See that there is room for temporary files; if there is, report it.",
            ) from None


def live_key(email: str) -> str:
    """SQL for the key of a live address, as far as it is plain; ``Bench.settle_keys`` sees to the others."""
    cell = f"trim({email}, ' ')"
    return f"CASE WHEN regexp_full_match({cell}, {literal(PLAIN_ADDRESS)}) THEN lower({cell}) ELSE {email} END"


def json_lines(columns: Mapping[str, str]) -> str:
    """SQL that reads a file of JSON lines with these columns and types."""
    types = ", ".join(f"{literal(name)}: {literal(type_)}" for name, type_ in columns.items())
    return f"read_json(?, format = 'newline_delimited', columns = {{{types}}})"


def _line(row: Mapping[str, Any]) -> bytes:
    return orjson.dumps(row) + b"\n"
