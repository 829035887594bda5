"""CSV files, read strictly: a file is what its grammar says it is, or its first broken line is told.

The file is copied to a private folder, as UTF-8 with LF as line ends. One pattern then decides whether all records are
whole, on one line each and of one width; if so, duckdb reads the copy. Else the records are gone through one by one,
which may only name lines: where quotes don't pair, nobody can tell what the rows below are, and the run stops.
"""

import codecs
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import orjson

from reconcile.model.registry import nearest
from reconcile.providers.audience.dialect import NAMES, Dialect, decoder, find_delimiter, header_places
from reconcile.providers.audience.open_file import Unreadable, read_pieces
from reconcile.providers.audience.texts import UNREADABLE, spelled, stripped

Connection: TypeAlias = Any  # duckdb's; imported only where it is made

_SAMPLE: Final = 1 << 18
_PIECE: Final = 1 << 20
_LONGEST: Final = 1 << 20  # characters of one record
_UNREADABLE: Final = UNREADABLE.encode()
_SEPARATOR: Final = re.compile(r'"?sep=(.)"?\n?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Declared:
    """What a manifest says of how a file is written; None: found in the file."""

    delimiter: str | None = None
    quote: str | None = None
    encoding: str | None = None


class CsvFile:
    """The private copy of one file, and what was found out about it."""

    def __init__(
        self, stream: BinaryIO, name: str, columns: Mapping[str, str], declared: Declared, scratch: Path
    ) -> None:
        self.name = name
        self.columns = columns
        self._copy = scratch / "source.csv"
        copying = _Copying(name, declared.encoding)
        with self._copy.open("wb") as copying.target:
            read_pieces(stream, name, copying.take)
            copying.finish()
        # Line ends and the like, which a checkout may change, are no change of who is in the file; nor is what can't
        # be read, since nobody in those rows is ever taken.
        self.digest = copying.digest.hexdigest()
        self._readable = not copying.unreadable
        self._open(declared, copying.encoding)

    def _open(self, declared: Declared, encoding: str) -> None:
        """Find the dialect and the header."""
        with self._copy.open(encoding="utf-8", newline="\n") as text:
            sample = text.read(_SAMPLE)
        start, self._skipped, found = _lead(sample)
        quote = '"' if declared.quote is None else declared.quote
        delimiter = declared.delimiter or found or find_delimiter(sample[start:], quote, tuple(self.columns.values()))
        self.dialect = Dialect(delimiter, quote, encoding)
        line, cells = next(self._records(), (self._skipped + 1, []))
        if UNREADABLE in "".join(cells):
            raise self._unreadable(
                f"its first line is not {encoding}", "Declare its encoding, such as `encoding: cp1252`."
            )
        self.header = [stripped(cell) for cell in cells]
        if not any(self.header):
            raise self._unreadable("it names no columns in its first line")
        self._skipped = line
        self._places = {name: self._place(name, found) for name, found in header_places(cells, self.columns).items()}
        self._several_lines = any("\n" in cell for cell in cells)

    def _place(self, name: str, places: Sequence[int]) -> int:
        wanted = self.columns[name]
        if len(places) == 1:
            return places[0]
        if places:
            raise Unreadable(f'The source {self.name} has more than one column "{wanted}".', hint="Rename one.")
        raise Unreadable(
            f'The source {self.name} has no column "{wanted}", which `{name}` is from.',
            hint=column_hint(wanted, self.columns, self.header)
            + (f" It was read with {self._delimiter_name()} between columns." if len(self.header) == 1 else ""),
        )

    def _delimiter_name(self) -> str:
        return f'"{NAMES.get(self.dialect.delimiter, self.dialect.delimiter)}"'

    def _unreadable(self, reason: str, hint: str = "See the entry's source.") -> Unreadable:
        return Unreadable(f"The source {self.name} can't be read: {reason}.", hint=hint)

    def discard(self) -> None:
        """Remove the private copy."""
        self._copy.unlink(missing_ok=True)

    # Where every row is as it should be

    def load_clean(self, connection: Connection) -> bool:
        """Fill ``raw`` in one scan; false if any row is not whole, on one line and of the header's width."""
        import duckdb

        if not self._readable or self._several_lines or not self._is_clean():
            return False
        names = [f"h{number}" for number in range(len(self.header))]
        types = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
        values = ", ".join(f"coalesce(h{place}, '') AS c{number}" for number, place in enumerate(self._places.values()))
        quote = f"'{self.dialect.quote}'" if self.dialect.quote != "'" else "''''"
        try:
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE raw AS SELECT NULL::BIGINT AS line, '' AS fault, {values} FROM "
                f"read_csv(?, delim = ?, auto_detect = false, header = false, skip = {self._skipped}, "
                f"columns = {{{types}}}, quote = {quote}, escape = {quote}, strict_mode = true, "
                "null_padding = false, new_line = '\\n')",
                [str(self._copy), self.dialect.delimiter],
            )
            found: int = connection.execute("SELECT count(*) FROM raw").fetchone()[0]
        except duckdb.Error:
            return False
        return found == self._lines

    def _is_clean(self) -> bool:
        """Whether all records are whole, on one line, not empty and of the header's width."""
        width, rows = len(self.header), self.dialect.clean_rows(len(self.header))
        quote, delimiter = self.dialect.quote.encode(), self.dialect.delimiter.encode()
        self._lines = 0
        with self._copy.open("rb") as stream:
            for _ in range(self._skipped):
                stream.readline()
            left = b""
            while piece := stream.read(_PIECE):
                left += piece
                end = left.rfind(b"\n") + 1
                lines = left.count(b"\n", 0, end)
                self._lines += lines
                plain = not quote or left.find(quote, 0, end) < 0
                if plain and width > 1 and left.count(delimiter, 0, end) == lines * (width - 1):
                    pass  # the scan, which takes no record that is too narrow, then finds none that is too wide
                elif (found := rows.match(left, 0, end)) is None or found.end() != end:
                    return False
                left = left[end:]
                if len(left) > _LONGEST:
                    return False
        return not left

    # Where lines have to be named

    def load_lines(self, connection: Connection, rows: Path) -> int:
        """Fill ``raw`` record by record, each with its line and what is wrong with it; gives how many were empty.

        Raises:
            Unreadable: its quotes don't pair.
        """
        empty = 0
        with rows.open("wb") as stream:
            for line, cells in self._records(self._skipped):
                if not any(map(stripped, cells)):
                    empty += 1
                    continue
                stream.write(orjson.dumps(self._row(line, cells)) + b"\n")
        columns = {"line": "BIGINT", "fault": "VARCHAR"}
        columns |= {f"c{number}": "VARCHAR" for number in range(len(self.columns))}
        types = ", ".join(f"'{name}': '{type_}'" for name, type_ in columns.items())
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE raw AS SELECT * FROM read_json(?, format = 'newline_delimited', "
            f"columns = {{{types}}})",
            [str(rows)],
        )
        rows.unlink()
        return empty

    def _row(self, line: int, cells: Sequence[str]) -> dict[str, Any]:
        fault = self._fault(cells)
        values = {f"c{number}": "" if fault else cells[place] for number, place in enumerate(self._places.values())}
        return {"line": line, "fault": fault, **values}

    def _fault(self, cells: Sequence[str]) -> str:
        if any(UNREADABLE in cell for cell in cells):
            return f"is not {self.dialect.encoding}"
        if len(cells) != len(self.header):
            return f"has {len(cells)} columns instead of {len(self.header)}"
        mapped = set(self._places.values())
        for place, cell in enumerate(cells):
            if place in mapped and "\0" in cell:
                return "has a control character (U+0000) in a value"
            if "\n" in cell and place in mapped:
                return "has a line end within a value"
            if "\n" in cell and any("@" in part and self.dialect.delimiter in part for part in cell.split("\n")):
                return "has a cell that seems to hold other rows"
        return ""

    def _records(self, skip: int | None = None) -> Iterator[tuple[int, list[str]]]:
        """Each record from a line on as its first line's number and its cells.

        Without ``skip``: the first one that is not empty, with the number of its last line.
        """
        quote, header = self.dialect.quote, skip is None
        with self._copy.open(encoding="utf-8", newline="\n") as text:
            number = skip or self._skipped
            for _ in range(number):
                text.readline()
            for line in text:
                number += 1
                start = number
                if quote and quote in line:
                    parts = [line]
                    while not self._is_whole(parts, start):
                        number += self._continue(parts, text, start)
                    line = "".join(parts)
                cells = self.dialect.cells(line)
                if not header:
                    yield start, cells
                elif any(map(stripped, cells)):
                    yield number, cells
                    return

    def _is_whole(self, parts: list[str], start: int) -> bool:
        record = "".join(parts)
        if self.dialect.whole.fullmatch(record):
            return True
        if len(record) > _LONGEST or not self.dialect.begun.fullmatch(record):
            raise self._broken(start)
        return False

    def _continue(self, parts: list[str], text: Any, start: int) -> int:
        """Add the lines up to the next quote; gives how many they were."""
        count = size = 0
        for line in text:
            count, size = count + 1, size + len(line)
            parts.append(line)
            if self.dialect.quote in line:
                return count
            if size > _LONGEST:
                break
        raise self._broken(start)

    def _broken(self, line: int) -> Unreadable:
        return Unreadable(
            f"The source {self.name} can't be read from line {line} on: its quotes don't pair there, so nobody can "
            "tell what the rows below are.",
            hint=f"Correct line {line}: a quote within a quoted cell is written twice. If nothing in the file is "
            'quoted, declare `quote: ""`.',
        )


def column_hint(wanted: str, columns: Mapping[str, str], header: Sequence[str]) -> str:
    """What to do where a file lacks a column; it never shows what may be a person."""
    if any("@" in name for name in header) or not (nearest(wanted, header) or set(columns.values()) & set(header)):
        return "Its first line must hold the names of the columns, and has none of those of the entry."
    close = nearest(wanted, header)
    return f'Did you mean "{spelled(close)}"?' if close else f"Its columns are: {', '.join(map(spelled, header))}."


def _lead(sample: str) -> tuple[int, int, str | None]:
    """What stands before the header: how many characters, how many lines, and the delimiter that Excel's line names."""
    position = lines = 0
    while (end := sample.find("\n", position)) >= 0:
        line = sample[position:end]
        found = _SEPARATOR.fullmatch(line)
        if stripped(line) and not found:
            break
        position, lines = end + 1, lines + 1
        if found:
            return position, lines, found[1]
    return position, lines, None


class _Copying:
    """Pieces of a file as UTF-8 with LF as line ends; what is no text in its encoding becomes UNREADABLE."""

    target: BinaryIO

    def __init__(self, name: str, declared: str | None) -> None:
        self.encoding = declared or "utf-8"
        self.unreadable = False
        self.digest = hashlib.sha256()
        self._name = name
        self._declared = declared
        self._start = b""
        self._decoder: Any = None
        self._text = False  # whether any text was there after the byte order marks
        self._ended_in_cr = False
        self._last = b"\n"

    def take(self, piece: bytes) -> None:
        if self._decoder is None:
            self._start += piece
            if len(self._start) < 4:
                return
            piece = self._begin()
        self._write(self._as_utf8(piece))

    def finish(self) -> None:
        piece = self._begin() if self._decoder is None else b""
        self._write(self._as_utf8(piece, last=True))
        if self._last != b"\n":
            self._put(b"\n")

    def _begin(self) -> bytes:
        try:
            self.encoding, self._decoder = decoder(self._start, self._declared)
        except ValueError as error:
            raise Unreadable(f"The source {self._name} can't be read: {error}.", hint="See its encoding.") from None
        return self._start

    def _as_utf8(self, piece: bytes, *, last: bool = False) -> bytes:
        # All encodings but UTF-16 have ASCII as it is, unless a character that the piece before began is not over.
        if self.encoding != "utf-16" and piece.isascii() and not self._decoder.getstate()[0]:
            return piece
        text: str = self._decoder.decode(piece, last)
        return text.encode("utf-8", "replace")

    def _write(self, content: bytes) -> None:
        while not self._text and content.startswith(codecs.BOM_UTF8):
            content = content.removeprefix(codecs.BOM_UTF8)
        self._text = self._text or bool(content)
        if self._ended_in_cr and content.startswith(b"\n"):
            content = content[1:]
            self._ended_in_cr = False
        if not content:
            return
        self.unreadable = self.unreadable or _UNREADABLE in content
        self._ended_in_cr = content.endswith(b"\r")
        if b"\r" in content:
            content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._last = content[-1:]
        self._put(content)

    def _put(self, content: bytes) -> None:
        self.digest.update(content)
        self.target.write(content)
