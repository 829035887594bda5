"""An audience's source file: read as columns, with the rows that can't be used told by line number.

A clean file is read by duckdb alone, in one scan. Where that finds anything amiss, the file is read again row by row,
to tell the lines. duckdb's own messages quote what it read, so none of them is shown.
"""

import csv
import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias, cast

from reconcile.errors import InvalidInput
from reconcile.model.registry import nearest

Connection: TypeAlias = Any  # duckdb's; imported only where it is made

# As strict as a platform's own check may be: what it would drop silently is better told beforehand.
ADDRESS: Final = (
    r"[^@\s<>()\[\],;:\"\\\x00-\x1f]{1,64}@[^@\s<>()\[\],;:\"\\\x00-\x1f.]+(\.[^@\s<>()\[\],;:\"\\\x00-\x1f.]+)+"
)
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of reading a source: SHA-256 of the file, how many rows can be used, and those that can't."""

    digest: str
    rows: int
    rejects: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """What a platform takes. ``address`` is the attribute that has the address, of at most ``longest`` characters.

    ``faults`` are given SQL for each attribute's value and give ``WHEN ... THEN 'has ...'`` for each further fault.
    ``table`` is the one that is filled.
    """

    address: str
    longest: int
    faults: Callable[[Mapping[str, str]], Iterable[str]] = lambda where: ()
    table: str = "wanted"


def load(connection: Connection, file: Path, columns: Mapping[str, str], scratch: Path, form: Form) -> Loaded:
    """Fill the form's table: key (the address in lower case), email, and ``w_NAME`` for each other column.

    ``columns`` says which column of the file holds which attribute, the address among them. ``scratch`` is a private
    folder for what has to be rewritten on the way.

    Raises:
        InvalidInput: the file can't be read at all, or lacks a column.
    """
    digest = _digest(file)
    if file.suffix == ".parquet":
        rejects = _load_parquet(connection, file, columns, form)
    else:
        rejects = _load_csv(connection, file, columns, scratch, form)
    rows = connection.execute(f"SELECT count(*) FROM {form.table}").fetchone()[0]
    return Loaded(digest, rows, rejects)


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(file, error.strerror or "it can't be opened") from None


def _unreadable(file: Path, reason: str) -> InvalidInput:
    return InvalidInput(f"The source {file.name} can't be read: {reason}.", hint="See the entry's source.")


# Parquet


def _load_parquet(
    connection: Connection, file: Path, columns: Mapping[str, str], form: Form
) -> tuple[tuple[int, str], ...]:
    import duckdb

    try:
        described = connection.execute("SELECT name FROM parquet_schema(?) WHERE num_children IS NULL", [str(file)])
        _check_columns(file, columns, [name for (name,) in described.fetchall()])
        values = ", ".join(
            f"coalesce(trim(CAST({quoted(header)} AS VARCHAR)), '') AS {quoted(name)}"
            for name, header in columns.items()
        )
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE raw AS SELECT file_row_number + 1 AS line, '' AS fault, {values} "
            "FROM read_parquet(?, file_row_number = true)",
            [str(file)],
        )
    except duckdb.Error:
        raise _unreadable(file, "it is no Parquet file, or has columns that are no text") from None
    return _sift(connection, columns, form)


# CSV


def _load_csv(
    connection: Connection, file: Path, columns: Mapping[str, str], scratch: Path, form: Form
) -> tuple[tuple[int, str], ...]:
    header, delimiter = _header(file)
    _check_columns(file, columns, header)
    if _load_clean(connection, file, columns, header, delimiter, form):
        return ()
    checked = scratch / "rows.csv"
    with checked.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(_rows(file, columns, header, delimiter))
    names = ["line", "fault", *columns]
    texts = ", ".join(f"coalesce({quoted(name)}, '') AS {quoted(name)}" for name in names[1:])
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE raw AS SELECT CAST(line AS BIGINT) AS line, {texts} FROM {_reading(names)}",
        [str(checked), ","],
    )
    checked.unlink()
    return _sift(connection, columns, form)


def _header(file: Path) -> tuple[list[str], str]:
    """The names in the first line, and what stands between them."""
    try:
        with _opened(file) as stream:
            first = stream.readline(1_000_000).removeprefix(_BOM).decode("utf-8")
    except (OSError, EOFError, zlib.error):
        raise _unreadable(file, "it can't be opened, or is damaged") from None
    except UnicodeDecodeError:
        raise _unreadable(file, "its first line is not UTF-8; save it as UTF-8") from None
    delimiter = max(",;\t", key=first.count)
    header = next(csv.reader([first], delimiter=delimiter), [])
    if not any(name.strip() for name in header):
        raise _unreadable(file, "its first line names no columns")
    return [name.strip() for name in header], delimiter


def _check_columns(file: Path, columns: Mapping[str, str], header: Sequence[str]) -> None:
    for name, wanted in columns.items():
        if header.count(wanted) > 1:
            raise InvalidInput(f'The source {file.name} has more than one column "{wanted}".', hint="Rename one.")
        if wanted not in header:
            close = nearest(wanted, header)
            hint = f'Did you mean "{close}"?' if close else f"Its columns are: {', '.join(header)}."
            if any("@" in name for name in header) or not (close or set(columns.values()) & set(header)):
                # What is no header holds a person.
                hint = "Its first line must hold the names of the columns, and has none of those of the entry."
            raise InvalidInput(f'The source {file.name} has no column "{wanted}", which `{name}` is from.', hint=hint)


def _load_clean(
    connection: Connection, file: Path, columns: Mapping[str, str], header: Sequence[str], delimiter: str, form: Form
) -> bool:
    """Fill the table in one scan; false if any row is not as it should be."""
    import duckdb

    names = [f"h{number}" for number in range(len(header))]
    where = {name: f"coalesce(trim(h{header.index(wanted)}), '')" for name, wanted in columns.items()}
    try:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {form.table} AS SELECT {_selected(where, form)}, "
            f"{_fault(where, form)} AS fault FROM {_reading(names)}",
            [str(file), delimiter],
        )
    except duckdb.Error:
        return False
    faults, rows, keys = connection.execute(
        f"SELECT count(*) FILTER (fault <> ''), count(*), count(DISTINCT key) FROM {form.table}"
    ).fetchone()
    connection.execute(f"ALTER TABLE {form.table} DROP COLUMN fault")
    return bool(faults == 0 and rows == keys)


def _reading(names: Iterable[str]) -> str:
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    return (
        f"read_csv(?, delim = ?, auto_detect = false, header = true, columns = {{{columns}}}, quote = '\"', "
        "escape = '\"', strict_mode = true, null_padding = false)"
    )


def _rows(
    file: Path, columns: Mapping[str, str], header: Sequence[str], delimiter: str
) -> Iterator[tuple[int | str, ...]]:
    """Each row of a file as line number, what is wrong with it ("" if nothing is) and its values."""
    yield ("line", "fault", *columns)
    places = [header.index(wanted) for wanted in columns.values()]
    with _opened(file) as stream:
        reader = csv.reader(_decoded(stream), delimiter=delimiter)
        next(reader, None)
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader, None)
            except csv.Error:
                yield (line, "can't be read as a row", *("" for _ in places))
                continue
            if row is None:
                return
            if row:
                fault = _broken(row, len(header))
                yield (line, fault, *(("" if fault else row[place].strip()) for place in places))


def _broken(row: Sequence[str], width: int) -> str:
    if len(row) != width:
        return f"has {len(row)} columns instead of {width}"
    if any("\udc80" <= character <= "\udcff" for value in row for character in value):
        return "is not UTF-8"
    return ""


def _decoded(stream: BinaryIO) -> Iterator[str]:
    first = True
    try:
        for line in stream:
            yield (
                (line.removeprefix(_BOM) if first else line).decode("utf-8", "surrogateescape").replace("\0", "\ufffd")
            )
            first = False
    except (EOFError, OSError, zlib.error):
        yield "\udc80"  # a compressed file that is cut short: its last row is not to be trusted


def _opened(file: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(file, "rb")) if file.suffix == ".gz" else file.open("rb")


# What makes a row unusable


def _sift(connection: Connection, columns: Mapping[str, str], form: Form) -> tuple[tuple[int, str], ...]:
    """Fill the table from ``raw`` and give the rows that can't be used; of equal addresses the first one stays."""
    where = {name: quoted(name) for name in columns}
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE checked AS SELECT * REPLACE (CASE WHEN fault <> '' THEN fault ELSE "
        f"{_fault(where, form)} END AS fault) FROM raw"
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE checked AS SELECT *, row_number() OVER "
        f"(PARTITION BY lower({where[form.address]}), fault = '' ORDER BY line) AS nth FROM checked"
    )
    connection.execute("UPDATE checked SET fault = 'has the address of an earlier row' WHERE fault = '' AND nth > 1")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {form.table} AS SELECT {_selected(where, form)} FROM checked WHERE fault = ''"
    )
    found = connection.execute("SELECT line, fault FROM checked WHERE fault <> '' ORDER BY line").fetchall()
    connection.execute("DROP TABLE raw")
    connection.execute("DROP TABLE checked")
    return tuple(found)


def _selected(where: Mapping[str, str], form: Form) -> str:
    """SQL for the table's columns."""
    address = where[form.address]
    others = [f"{value} AS {_wanted(name)}" for name, value in where.items() if name != form.address]
    return ", ".join([f"lower({address}) AS key", f"{address} AS email", *others])


def _fault(where: Mapping[str, str], form: Form) -> str:
    """SQL for what is wrong with a row; the empty text if nothing is."""
    address = where[form.address]
    cases = [
        f"WHEN {address} = '' THEN 'has no address'",
        f"WHEN NOT regexp_full_match({address}, {literal(ADDRESS)}) OR length({address}) > {form.longest} "
        f"THEN 'has a malformed address'",
        *form.faults(where),
    ]
    return f"CASE {' '.join(cases)} ELSE '' END"


def _wanted(name: str) -> str:
    return quoted(f"w_{name}")


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"
