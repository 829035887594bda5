"""An audience's source file: read as columns, with the rows that can't be used told by line number.

What duckdb itself says of a file is never shown: it quotes what it read.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reconcile.providers.audience.csv_reader import Connection, CsvFile, Declared
from reconcile.providers.audience.open_file import opened
from reconcile.providers.audience.parquet_reader import load_parquet
from reconcile.providers.audience.texts import DAMAGED, PLAIN_ADDRESS, PLAIN_LENGTH, read_address, read_text

_BATCH: Final = 50_000
_ODD_TEXT: Final = rf"[\x00-\x1f\x7f\\]|{DAMAGED}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of reading a source.

    ``digest`` is the SHA-256 of the file, ``rows`` how many people it gave, ``rejects`` the rows that can't be used,
    with their lines. ``empty`` and ``repeats`` are rows that were dropped. ``written`` tells how the file is written.
    ``oddities``: which attributes have how many values with an invisible character, and one of those.
    """

    digest: str
    rows: int
    rejects: tuple[tuple[int, str], ...] = ()
    empty: int = 0
    repeats: int = 0
    written: str = ""
    oddities: tuple[tuple[str, int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """What a platform takes. ``address`` is the attribute that has the address, of at most ``longest`` characters.

    ``faults`` are given SQL for each attribute's value and give ``WHEN ... THEN 'has ...'`` for each further fault.
    ``table`` is the one that is filled. ``declared`` says how a CSV file is written. ``lists`` are the attributes that
    hold several values, with commas between; in Parquet they may be lists.
    """

    address: str
    longest: int
    faults: Callable[[Mapping[str, str]], Iterable[str]] = lambda where: ()
    table: str = "wanted"
    declared: Declared = field(default_factory=Declared)
    lists: tuple[str, ...] = ()


def load(
    connection: Connection, root: Path, path: str, columns: Mapping[str, str], scratch: Path, form: Form
) -> Loaded:
    """Fill the form's table: key (see ``texts``), email, and the values of all other columns as ``cells``.

    ``path`` is within the folder ``root``. ``columns`` says which column of the file holds which attribute, the address
    among them. ``scratch`` is a private folder.

    Raises:
        InvalidInput: the file can't be read at all, or lacks a column.
    """
    with opened(root, path) as stream:
        if path.endswith(".parquet"):
            digest = load_parquet(connection, stream, path, columns, scratch, form.lists)
            empty = _drop_empty(connection, len(columns))
            return _Sifting(connection, columns, form).sift(digest, empty, "Parquet")
        file = CsvFile(stream, path, columns, form.declared, scratch)
    try:
        sifting = _Sifting(connection, columns, form)
        if file.load_clean(connection) and (loaded := sifting.all_sound(file.digest, str(file.dialect))):
            return loaded
        empty = file.load_lines(connection, scratch / "rows.json")
        return sifting.sift(file.digest, empty, str(file.dialect))
    finally:
        file.discard()


def _drop_empty(connection: Connection, width: int) -> int:
    condition = " AND ".join(f"c{number} = ''" for number in range(width))
    empty = int(connection.execute(f"SELECT count(*) FROM raw WHERE {condition}").fetchone()[0])
    if empty:
        connection.execute(f"DELETE FROM raw WHERE {condition}")
    return empty


class _Sifting:
    """From ``raw``, whose columns c0, c1, ... are texts as they were read, to people and rows that can't be used."""

    def __init__(self, connection: Connection, columns: Mapping[str, str], form: Form) -> None:
        self._db = connection
        self._form = form
        self._names = list(columns)
        self._oddities: tuple[tuple[str, int, str], ...] = ()

    def all_sound(self, digest: str, written: str) -> Loaded | None:
        """Fill the table if each row can be used, and nobody is there twice."""
        self._check(self._form.table)
        faults, rows, keys = self._db.execute(
            f"SELECT count(*) FILTER (fault <> ''), count(*), count(DISTINCT hash(key)) FROM {self._form.table}"
        ).fetchone()
        if faults or rows != keys:
            return None
        self._db.execute("DROP TABLE raw")
        self._db.execute(f"ALTER TABLE {self._form.table} DROP COLUMN fault")
        self._db.execute(f"ALTER TABLE {self._form.table} DROP COLUMN line")
        return Loaded(digest, rows, written=written, oddities=self._oddities)

    def sift(self, digest: str, empty: int, written: str) -> Loaded:
        """Fill the table with the rows that can be used; of equal addresses the first one stays."""
        db, table = self._db, self._form.table
        self._check("checked")
        db.execute(
            "CREATE OR REPLACE TEMP TABLE numbered AS SELECT *, row_number() OVER same AS nth, "
            "first_value(cells) OVER same = cells AS alike FROM checked WHERE fault = '' "
            "WINDOW same AS (PARTITION BY key ORDER BY line)"
        )
        db.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT key, email, cells FROM numbered WHERE nth = 1")
        rejects = db.execute(
            "SELECT line, fault FROM checked WHERE fault <> '' UNION ALL "
            "SELECT line, 'has the address of an earlier row' FROM numbered WHERE nth > 1 AND NOT alike ORDER BY line"
        ).fetchall()
        repeats = int(db.execute("SELECT count(*) FROM numbered WHERE nth > 1 AND alike").fetchone()[0])
        rows = int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
        for name in ("raw", "checked", "numbered"):
            db.execute(f"DROP TABLE {name}")
        return Loaded(digest, rows, tuple(rejects), empty, repeats, written, self._oddities)

    def _check(self, table: str) -> None:
        """Make a table of the rows: line, key, email, the other values as cells, and what is wrong."""
        where = {name: f"v{number}" for number, name in enumerate(self._names)}
        where[self._form.address] = "email"
        selected, joins, faults = ["line", "raw.fault AS broken"], "", ["WHEN broken <> '' THEN broken"]
        oddities: list[tuple[str, int, str]] = []
        for number, (name, odd) in enumerate(zip(self._names, self._odd_columns(), strict=True)):
            cell = f"trim(c{number}, ' ')" if odd else f"c{number}"
            address = name == self._form.address
            read, test = (self._address_rows, _odd_address) if address else (self._text_rows, _odd_text)
            odd = odd and self._fixed(number, test(cell), read)
            if odd:
                joins += f" LEFT JOIN fix{number} f{number} ON f{number}.raw = c{number}"
                selected.append(f"coalesce(f{number}.fault, '') AS fault{number}")
                told = "" if address else f" || {literal(f' ({name})')}"
                faults.append(f"WHEN fault{number} <> '' THEN fault{number}{told}")
                oddities += [] if address else self._oddities_of(number, name)
            value = f"CASE WHEN f{number}.raw IS NULL THEN {cell} ELSE f{number}.value END" if odd else cell
            selected.append(f"{value} AS {where[name]}")
            if address:
                key = f"CASE WHEN f{number}.raw IS NULL THEN lower({cell}) ELSE f{number}.key END"
                selected.append(f"{key if odd else f'lower({cell})'} AS key")
        self._oddities = tuple(oddities)
        faults += self._form.faults(where)
        cells = ", ".join(where[name] for name in self._names if name != self._form.address)
        self._db.execute(
            f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT line, key, email, [{cells}]::VARCHAR[] AS cells, "
            f"CASE {' '.join(faults)} ELSE '' END AS fault FROM (SELECT {', '.join(selected)} FROM raw{joins})"
        )
        for number in range(len(self._names)):
            self._db.execute(f"DROP TABLE IF EXISTS fix{number}")

    def _odd_columns(self) -> Sequence[bool]:
        """Whether each column has values that are not plain, or have blanks around; by one scan."""
        tests = [
            _odd_address(f"c{number}") if name == self._form.address else _odd_text(f"c{number}", blanks=True)
            for number, name in enumerate(self._names)
        ]
        selected = ", ".join(f"coalesce(bool_or({test}), false)" for test in tests)
        found: Sequence[bool] = self._db.execute(f"SELECT {selected} FROM raw WHERE fault = ''").fetchone()
        return found

    def _fixed(self, number: int, odd: str, read: Callable[[list[str]], list[Sequence[str]]]) -> bool:
        """Look at the distinct values of a column that are not plain; false if there are none."""
        found = self._db.execute(f"SELECT DISTINCT c{number} FROM raw WHERE fault = '' AND ({odd})").fetchall()
        if not found:
            return False
        self._db.execute(
            f"CREATE OR REPLACE TEMP TABLE fix{number} (raw VARCHAR, value VARCHAR, key VARCHAR, fault VARCHAR)"
        )
        for start in range(0, len(found), _BATCH):
            batch = [value for (value,) in found[start : start + _BATCH]]
            columns = [batch, *map(list, zip(*read(batch), strict=True))]
            self._db.execute(
                f"INSERT INTO fix{number} SELECT unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), "
                "unnest(?::VARCHAR[])",
                columns,
            )
        return True

    def _address_rows(self, values: list[str]) -> list[Sequence[str]]:
        return [read_address(value, self._form.longest) for value in values]

    def _text_rows(self, values: list[str]) -> list[Sequence[str]]:
        return [(found.value, found.oddity, found.fault) for found in map(read_text, values)]

    def _oddities_of(self, number: int, name: str) -> list[tuple[str, int, str]]:
        count, one = self._db.execute(
            f"SELECT count(*), max(f.key) FROM raw JOIN fix{number} f ON f.raw = c{number} WHERE f.key <> ''"
        ).fetchone()
        return [(name, count, one)] if count else []


def _odd_text(cell: str, *, blanks: bool = False) -> str:
    """SQL for values that ``read_text`` has to look at; ``blanks``: also those with blanks around."""
    pattern = f"^ | $|{_ODD_TEXT}" if blanks else _ODD_TEXT
    return f"(strlen({cell}) <> length({cell}) OR regexp_matches({cell}, {literal(pattern)}))"


def _odd_address(cell: str) -> str:
    return f"(NOT regexp_full_match({cell}, {literal(PLAIN_ADDRESS)}) OR length({cell}) > {PLAIN_LENGTH})"


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"
