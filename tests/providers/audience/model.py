"""The rules of reading people's files once more: slow, in plain Python, and written without a look at the reader."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

import idna

SPACES = {chr(number) for number in range(0x110000) if unicodedata.category(chr(number)) == "Zs"} | {"\t"}
ENDS = set("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
EMPTY = set("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\u180b\u180c\u180d\u180f") | {
    chr(number) for number in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
}
TURNING = {chr(number) for number in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}


class Stopped(Exception):
    """The whole file can't be read; ``line`` is where, if it is at a line."""

    def __init__(self, line: int | None = None) -> None:
        super().__init__(line)
        self.line = line


@dataclass
class Read:
    """Who is in a file, by key: the address and the values; the lines that can't be used; what was dropped."""

    people: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rejects: list[int] = field(default_factory=list)
    empty: int = 0
    repeats: int = 0


def read(data: bytes, encoding: str, delimiter: str, quote: str, wanted: list[str]) -> Read:
    """A CSV file in an encoding that is known; ``wanted`` are the columns, the address first."""
    bad, text = _decoded(data, encoding)
    header: list[str] | None = None
    found = Read()
    for line, last, cells in _rows(text, delimiter, quote):
        blank = all(_strip(cell) == "" for cell in cells)
        if header is None:
            if not blank:
                header = [_strip(cell) for cell in cells]
                if any(mark in bad for mark in range(line, last + 1)):
                    raise Stopped
                if any(header.count(_strip(name)) != 1 for name in wanted):
                    raise Stopped
            continue
        if blank:
            found.empty += 1
            continue
        whole = len(cells) == len(header) and not any(mark in bad for mark in range(line, last + 1))
        for cell in cells:
            parts = cell.split("\n")
            whole = whole and not (len(parts) > 1 and any("@" in part and delimiter in part for part in parts))
        if not whole:
            found.rejects.append(line)
            continue
        values = [cells[header.index(_strip(name))] for name in wanted]
        key = _key(values[0])
        if any("\n" in value for value in values) or key is None or not all(map(_sound, values[1:])):
            found.rejects.append(line)
            continue
        person = (_strip(values[0]), *map(_strip, values[1:]))
        if key not in found.people:
            found.people[key] = person
        elif found.people[key][1:] == person[1:]:
            found.repeats += 1
        else:
            found.rejects.append(line)
    if header is None:
        raise Stopped
    return found


def _decoded(data: bytes, encoding: str) -> tuple[set[int], str]:
    """Lines with bytes that are no text, and the text with LF as line ends."""
    marked = ""
    position = 0
    codec = {"utf-16": "utf-16-le"}.get(encoding, encoding)
    while position < len(data):
        try:
            marked += data[position:].decode(codec)
            break
        except UnicodeDecodeError as error:
            marked += data[position : position + error.start].decode(codec) + "\U0010fffd"
            position += error.end
    marked = marked.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    bad = {number for number, line in enumerate(marked.split("\n"), 1) if "\U0010fffd" in line}
    return bad, marked


def _rows(text: str, delimiter: str, quote: str) -> Iterator[tuple[int, int, list[str]]]:
    """First line, last line and cells of each record, one character after the other."""
    cells: list[str] = []
    cell, state, line, start = "", "start", 1, 1
    for character in text + ("" if text.endswith("\n") or not text else "\n"):
        if state == "quoted":
            if character == quote:
                state = "closed"
            else:
                cell += character
                line += character == "\n"
            continue
        if state == "closed" and character == quote:
            cell, state = cell + quote, "quoted"
        elif character == delimiter:
            cells, cell, state = [*cells, cell], "", "start"
        elif character == "\n":
            yield start, line, [*cells, cell]
            line += 1
            cells, cell, state, start = [], "", "start", line
        elif state == "start" and quote and character == quote:
            state = "quoted"
        elif state == "closed" or (quote and character == quote):
            raise Stopped(start)
        else:
            cell, state = cell + character, "plain"
    if state == "quoted":
        raise Stopped(start)


def _strip(text: str) -> str:
    while text and text[0] in SPACES | {" "}:
        text = text[1:]
    while text and text[-1] in SPACES | {" "}:
        text = text[:-1]
    return unicodedata.normalize("NFC", text)


def _key(text: str) -> str | None:
    address = _strip(text)
    if not 0 < len(address) <= 200 or address.count("@") != 1:
        return None
    if any(unicodedata.category(character)[0] in "CZ" or character in EMPTY for character in address):
        return None
    if set(address) & set('<>()[],;:"\\\ufffd'):
        return None
    local, domain = address.split("@")
    labels = re.split("[.。．｡]", domain)
    if not 1 <= len(local) <= 64 or len(labels) < 2 or not all(labels) or _mojibake(address):
        return None
    if domain.isascii():
        if not re.fullmatch("[A-Za-z0-9._-]+", domain):
            return None
    else:
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            return None
    return unicodedata.normalize("NFC", local.lower()) + "@" + domain.lower()


def _sound(text: str) -> bool:
    value = _strip(text)
    for character in value:
        if character in ENDS | TURNING or unicodedata.category(character) in ("Cc", "Cs"):
            return False
    damaged = [
        r"NULL|null|\(null\)|<null>|<NA>|NaN|nan|NaT|undefined|\[object Object\]|\\N",
        r"#[A-Z0-9/]+[!?]|#N/A|#N/D|#NV|####*",
        r"[+-]?[0-9]+([.,][0-9]+)?[Ee]\+[0-9]+",
        r"[+-]?[0-9]([.,][0-9]+)?(E|E-|e-)[0-9]+",
        r"[+-]?[0-9]+[.,][0-9]+[Ee]-?[0-9]+",
        r"[+-]?[0-9]{7,}[.,]0+",
        r"=[\s\S]+",
        r"'[+=0-9][\s\S]*",
        r"b'.*'|b\".*\"",
        r"[\s\S]*\\u[0-9A-Fa-f]{4}[\s\S]*",
        r"[\s\S]*&(#[0-9]+|#x[0-9A-Fa-f]+|[A-Za-z]{2,8});[\s\S]*",
        r"[\s\S]*%[Cc][2-9A-Fa-f]%[89ABab][0-9A-Fa-f][\s\S]*",
        r'[\s\S]*\\"[\s\S]*',
        r"[\s\S]*\\x[0-9A-Fa-f]{2}[\s\S]*",
        "[\\s\\S]*\ufffd[\\s\\S]*",
    ]
    return not any(re.fullmatch(pattern, value) for pattern in damaged) and not _mojibake(value)


def _mojibake(text: str) -> bool:
    strange = [character for character in text if ord(character) > 127]
    for encoding in ("latin-1", "cp1252", "cp1250"):
        try:
            read = [ord(character) for character in text.encode(encoding).decode("utf-8")]
        except UnicodeError:
            continue
        central = encoding == "cp1250"
        if strange and max(read) < 384 and not (central and text.isupper()):
            return True
        if strange and max(read) >= 384 and not central and not all(map(str.isalpha, strange)):
            return True
    return False
