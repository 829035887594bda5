"""How a CSV file is written: its encoding, what stands between columns, how texts are quoted.

What a manifest does not declare is found on whole records of the file, never within quotes.
"""

import codecs
import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from reconcile.providers.audience.texts import UNREADABLE, stripped

ENCODINGS: Final = ("utf-8", "utf-16", "cp1250", "cp1252", "latin-1")
DELIMITERS: Final = (",", ";", "\t", "|")
NAMES: Final = {"\t": "tab"}
_BOMS: Final = (
    (codecs.BOM_UTF32_LE, None),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LOOKED_AT: Final = 100  # records on which the delimiter is found

codecs.register_error("reconcile-unreadable", lambda error: (UNREADABLE, error.end))  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Dialect:
    """How a file is written. ``quote`` may be empty: then nothing is quoted."""

    delimiter: str
    quote: str = '"'
    encoding: str = "utf-8"

    def __str__(self) -> str:
        return f'{self.encoding}, "{NAMES.get(self.delimiter, self.delimiter)}" between columns'

    @cached_property
    def _cell(self) -> str:
        delimiter, quote = re.escape(self.delimiter), re.escape(self.quote)
        if not quote:
            return f"[^{delimiter}\n]*"
        return f"(?:{quote}[^{quote}]*(?:{quote}{quote}[^{quote}]*)*{quote}|[^{quote}{delimiter}\n]*)"

    @cached_property
    def whole(self) -> re.Pattern[str]:
        """A record, with its line end or without."""
        return re.compile(f"{self._cell}(?:{re.escape(self.delimiter)}{self._cell})*+\n?")

    @cached_property
    def begun(self) -> re.Pattern[str]:
        """A record up to somewhere within a quoted cell."""
        if not self.quote:
            return re.compile("(?!)")
        delimiter, quote = re.escape(self.delimiter), re.escape(self.quote)
        return re.compile(f"(?:{self._cell}{delimiter})*+{quote}(?:[^{quote}]|{quote}{quote})*+")

    def clean_rows(self, width: int) -> re.Pattern[bytes]:
        """As many records as there are that are on one line each, of so many columns, and not empty."""
        delimiter, quote = re.escape(self.delimiter), re.escape(self.quote)
        cell = f"[^{delimiter}\n]*+"
        if quote:
            quoted = f"{quote}[^{quote}\n]*+(?:{quote}{quote}[^{quote}\n]*+)*+{quote}"
            cell = f"(?:{quoted}|[^{quote}{delimiter}\n]*+)"
        row = f"(?![{delimiter}{quote} \t]*+\n){cell}" + f"(?:{delimiter}{cell})" * (width - 1) + "\n"
        return re.compile(f"(?:{row})*+".encode())

    def cells(self, record: str) -> list[str]:
        """The cells of a whole record."""
        record = record.removesuffix("\n")
        if not self.quote or self.quote not in record:
            return record.split(self.delimiter)
        return next(csv.reader(_lines(record), delimiter=self.delimiter, quotechar=self.quote, strict=True), [""])


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.split("\n")]


def decoder(start: bytes, declared: str | None) -> tuple[str, codecs.IncrementalDecoder]:
    """The encoding of a file that begins like this, and what decodes its pieces.

    Raises:
        ValueError: the file shows that it has another encoding than the declared one, or one that can't be read.
    """
    shown = next(((bom, name) for bom, name in _BOMS if start.startswith(bom)), None)
    if shown is not None:
        _, name = shown
        if name is None:
            raise ValueError("it is in UTF-32; save it as UTF-8")
        if declared is not None and not name.startswith(declared):
            raise ValueError(f"it begins as {name[:6].rstrip('-')} does, and {declared} is declared")
    elif declared == "utf-16":
        name = "utf-16-be" if start[:1] == b"\0" else "utf-16-le"
    elif declared is None and b"\0" in start[:2]:
        raise ValueError("it is no text in UTF-8; if it is UTF-16, declare `encoding: utf-16`")
    else:
        name = declared or "utf-8"
    return name.removesuffix("-le").removesuffix("-be"), codecs.getincrementaldecoder(name)("reconcile-unreadable")


def find_delimiter(text: str, quote: str, wanted: Sequence[str]) -> str:
    """What stands between the columns of a file that begins like this.

    It is the one by which the header has all wanted columns; without any, the one by which most records are alike.
    """

    def fitness(delimiter: str) -> tuple[bool, int, int, int]:
        rows = list(first_records(text, Dialect(delimiter, quote)))
        header = [stripped(name) for name in rows[0]] if rows else []
        alike = sum(len(row) == len(header) for row in rows) if len(header) > 1 else 0
        named = sum(stripped(name) in header for name in wanted)
        return named == len(wanted), named, alike, -DELIMITERS.index(delimiter)

    return max(DELIMITERS, key=fitness)


def first_records(text: str, dialect: Dialect) -> list[list[str]]:
    """The first records of a text that are not empty, as far as it can be read."""
    found: list[list[str]] = []
    position = 0
    while position < len(text) and len(found) < _LOOKED_AT:
        match = dialect.whole.match(text, position)
        if match is None or match.end() == position or (not match[0].endswith("\n") and match.end() < len(text)):
            break
        position = match.end()
        cells = dialect.cells(match[0])
        if any(stripped(cell) for cell in cells):
            found.append(cells)
    return found


def header_places(header: Sequence[str], columns: Mapping[str, str]) -> dict[str, list[int]]:
    """Where the header has each wanted column; names are alike whatever Unicode form they are in."""
    names = [stripped(name) for name in header]
    return {
        name: [place for place, found in enumerate(names) if found == stripped(wanted)]
        for name, wanted in columns.items()
    }
