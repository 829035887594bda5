"""Parquet files, read by their own schema: exact names, columns at the top level, and a table of types."""

import hashlib
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from reconcile.providers.audience.csv_reader import Connection, column_hint
from reconcile.providers.audience.open_file import LARGEST, Unreadable, read_pieces
from reconcile.providers.audience.texts import UNREADABLE, stripped

# Types of duckdb to SQL that gives a column's value as text; what can't be told exactly becomes UNREADABLE.
_WHOLE: Final = "CAST(CAST({0} AS HUGEINT) AS VARCHAR)"
_FLOAT: Final = (
    "CASE WHEN {0} IS NULL OR isnan({0}) THEN '' WHEN isinf({0}) OR abs({0}) > {1} THEN '#NUM!' "
    "WHEN {0} = floor({0}) THEN " + _WHOLE + " ELSE CAST({0} AS VARCHAR) END"
)
_DECIMAL: Final = (
    "CASE WHEN {0} = floor({0}) THEN "
    + _WHOLE
    + " ELSE regexp_replace(rtrim(CAST({0} AS VARCHAR), '0'), '^(-?)[.]', '\\10.') END"
)
_MOMENT: Final = (
    "CASE WHEN CAST({0} AS TIME) = TIME '00:00:00' THEN CAST(CAST({0} AS DATE) AS VARCHAR) "
    "ELSE CAST({0} AS VARCHAR) END"
)
_PLAIN: Final = "CAST({0} AS VARCHAR)"
_ROW: Final = "file_row_number"  # the name of duckdb's own column
_LIST: Final = "array_to_string({0}, ',')"
_PARTED: Final = "len(list_filter({0}, lambda each: contains(each, ','))) > 0"
_TYPES: Final = {
    "VARCHAR": "{0}",
    "BLOB": "CASE WHEN {0} IS NULL THEN '' ELSE coalesce(TRY(decode({0})), '{2}') END",
    "DOUBLE": _FLOAT.replace("{1}", str(2**53)),
    "FLOAT": _FLOAT.replace("{1}", str(2**24)),
    "DATE": _PLAIN,
    "TIMESTAMP": _MOMENT,
    "TIMESTAMP_S": _MOMENT,
    "TIMESTAMP_MS": _MOMENT,
    "TIMESTAMP_NS": _MOMENT,
    "TIMESTAMP WITH TIME ZONE": "strftime(timezone('UTC', {0}), '%Y-%m-%d %H:%M:%S+00:00')",
    "TIME": _PLAIN,
    "BOOLEAN": _PLAIN,
    "UUID": _PLAIN,
    **dict.fromkeys(
        ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"), _PLAIN
    ),
}


def load_parquet(
    connection: Connection,
    stream: BinaryIO,
    name: str,
    columns: Mapping[str, str],
    scratch: Path,
    lists: Container[str] = (),
) -> str:
    """Fill ``raw``: the row's number as its line, and a text for each column; gives the file's digest.

    ``lists`` are the attributes whose column may be a list of texts, which are put together with commas between.

    Raises:
        Unreadable: it is no Parquet file, or lacks a column, or has one of a type that is no value.
    """
    import duckdb

    copy, digest = scratch / "source.parquet", hashlib.sha256()
    with copy.open("wb") as target:

        def take(piece: bytes) -> None:
            digest.update(piece)
            target.write(piece)

        read_pieces(stream, name, take)
    try:
        header = list(_top_level(connection, copy))
        if _ROW in map(str.lower, header):
            raise Unreadable(f'The source {name} has a column "{_ROW}", by which rows are numbered.', hint="Rename it.")
        size = connection.execute("SELECT sum(total_uncompressed_size) FROM parquet_metadata(?)", [str(copy)])
        if (size.fetchone()[0] or 0) > LARGEST:
            raise Unreadable(f"The source {name} can't be read: unpacked it has more than {LARGEST // 1024**3} GiB.")
        places = {attribute: _place(name, header, columns, attribute) for attribute in columns}
        _fill(connection, copy, name, len(header), places, columns, lists)
    except duckdb.Error:
        raise Unreadable(
            f"The source {name} can't be read: it is no Parquet file, or damaged.", hint="See the entry's source."
        ) from None
    finally:
        copy.unlink(missing_ok=True)
    return digest.hexdigest()


def _top_level(connection: Connection, file: Path) -> Iterator[str]:
    """The names of the columns that are not within others, in the file's order."""
    rows = connection.execute("SELECT name, coalesce(num_children, 0) FROM parquet_schema(?)", [str(file)]).fetchall()
    inner = 0
    for name, children in rows[1:]:  # the first one is the schema itself
        if inner == 0:
            yield name
        else:
            inner -= 1
        inner += children


def _place(name: str, header: Sequence[str], columns: Mapping[str, str], attribute: str) -> int:
    wanted = columns[attribute]
    exact = [place for place, found in enumerate(header) if found == wanted]
    places = exact or [place for place, found in enumerate(header) if stripped(found) == stripped(wanted)]
    if len(places) == 1:
        return places[0]
    if places:
        raise Unreadable(f'The source {name} has more than one column "{wanted}".', hint="Rename one.")
    raise Unreadable(
        f'The source {name} has no column "{wanted}", which `{attribute}` is from.',
        hint=column_hint(wanted, columns, header),
    )


def _fill(
    connection: Connection,
    file: Path,
    name: str,
    width: int,
    places: Mapping[str, int],
    columns: Mapping[str, str],
    lists: Container[str],
) -> None:
    aliases = ", ".join(f"p{number}" for number in range(width))
    reading = f"read_parquet(?, {_ROW} = true) AS t({aliases}, number)"
    described = connection.execute(f"DESCRIBE SELECT * FROM {reading}", [str(file)]).fetchall()
    values, faults = [], ["''"]
    for number, (attribute, place) in enumerate(places.items()):
        type_ = described[place][1]
        template = _template(type_, several=attribute in lists)
        if template is None:
            raise Unreadable(
                f'The column "{columns[attribute]}" of {name}, which `{attribute}` is from, is of the type '
                f"{type_.split('(')[0]}, which is no single value.",
                hint="Write it as text.",
            )
        if template == _LIST:
            faults.insert(
                0, f"CASE WHEN {_PARTED.replace('{0}', f'p{place}')} THEN 'has a comma in one of its {attribute}' END"
            )
        value = template.replace("{0}", f"p{place}").replace("{2}", UNREADABLE)
        values.append(f"coalesce({value}, '') AS c{number}")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE raw AS SELECT number + 1 AS line, coalesce({', '.join(faults)}) AS fault, "
        f"{', '.join(values)} FROM {reading}",
        [str(file)],
    )


def _template(type_: str, *, several: bool) -> str | None:
    """SQL for a value of a type as text, if it can be one."""
    if type_.startswith("DECIMAL") and not type_.endswith("]"):
        return _DECIMAL
    if type_ == '"NULL"' or (several and type_ == '"NULL"[]'):
        return "''"
    return _LIST if several and type_ == "VARCHAR[]" else _TYPES.get(type_)
