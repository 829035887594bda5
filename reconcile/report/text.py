"""User data made fit to show: control characters harmless, values short, counts and moments readable, colours."""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from itertools import groupby

from reconcile.model.address import Address
from reconcile.model.attributes import Digest, Value
from reconcile.model.reference import Reference

# Control characters, spaces that look like another, invisible and direction-changing ones, lone surrogates: what could
# steer a terminal, hide a difference or make text read otherwise than it is. Joiners stay: emoji are made with them.
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\xa0\xad\u061c\u180e\u2000-\u200b\u200e\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_LIMIT = 160
_SGR = re.compile(r"\x1b\[[\d;]*m")
# What runners of CI jobs obey in a log: at the start of a line, blanks and colours aside, or anywhere in it. They read
# on after a carriage return as after a line end.
_COMMAND = re.compile(r"(?:^|(?<=\r))((?:[^\S\n]|\x1b\[[\d;]*m)*):(?=:)|#(?=#(?:\[|vso\[|teamcity\[))", re.MULTILINE)


class Style(StrEnum):
    """What a piece of text means; the value is its SGR code on terminals."""

    ADDED = "32"
    REMOVED = "31"
    CHANGED = "33"
    REPLACED = "35"
    STATED = "36"
    ALARM = "1;31"
    WARNING = "1;33"
    STRONG = "1"
    FAINT = "2"


def painted(text: str, style: Style | None, *, color: bool) -> str:
    """The text in a colour, if colours are wanted; each line on its own, so that lines can be indented later."""
    if not color or style is None or not text:
        return text
    return "\n".join(f"\x1b[{style}m{line}\x1b[0m" if line else line for line in text.split("\n"))


def defused(text: str, colon: str, hash_: str) -> str:
    """The text with what a runner of a CI job would obey broken, by what stands for its first character there."""
    return _COMMAND.sub(lambda found: hash_ if found[1] is None else f"{found[1]}{colon}", text)


def harmless(text: str) -> str:
    """The text with everything escaped that a terminal would obey or a reader not see; line ends and tabs stay."""
    return _HARMFUL.sub(lambda match: _escape(match[0]), text)


def inert(text: str) -> str:
    """A whole output without what a CI job's runner would obey as a command of its own; what was there can be read."""
    return defused(text, "\\x3a", "\\x23")


def unmanaged(counts: Mapping[str, int]) -> str:
    """A fact on what no entry is bound to."""
    named = ", ".join(f"{one_line(where)} ({count:,})" for where, count in sorted(counts.items()))
    return f"In the accounts, and in no manifest: {named}. See all: reconcile unmanaged"


def one_line(text: str) -> str:
    """The text made harmless, line ends and tabs included."""
    return harmless(text).replace("\n", "\\n").replace("\t", "\\t")


def quoted(text: str) -> str:
    """The text as it would stand in JSON, but readable: only what must be is escaped."""
    return '"' + one_line(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def shown(value: Value, known: Collection[Address] = (), *, limit: int = _LIMIT) -> str:
    """A value on one line. References are shown as their addresses, with a remark if the id is not ``known``."""
    text = _shown(value, known)
    return text if len(text) <= limit else f"{text[:limit]}… ({counted(len(text) - limit, 'more character')})"


def counted(count: int, noun: str, plural: str = "") -> str:
    """``1,204 people``: the number with thousands marked, and the noun in the number it asks for."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def listed(addresses: Sequence[str], most: int | None = None) -> str:
    """Many addresses in little room: ``shop.list: a, b; shop.campaign: c``; beyond ``most``, how many more."""
    if most is not None and len(addresses) > most:
        return f"{listed(addresses[:most])} and {len(addresses) - most:,} more"
    if len(addresses) == 1:
        return addresses[0]
    groups = []
    for kind, members in groupby(sorted(addresses, key=_parted), key=lambda address: _parted(address)[0]):
        names = [_parted(member)[1] for member in members]
        groups.append(f"{kind}: {', '.join(names)}" if len(names) > 1 else f"{kind}.{names[0]}".lstrip("."))
    return "; ".join(groups)


def also(addresses: Sequence[str], most: int | None = None) -> str:
    """That other addresses have the same."""
    return f"the same in {counted(len(addresses), 'other', 'others')}: {listed(addresses, most)}"


def moment(seconds: float, *, now: float, zone: tzinfo) -> str:
    """A time in the reader's zone, in UTC where that differs, and how far away it is."""
    local, utc = datetime.fromtimestamp(seconds, zone), datetime.fromtimestamp(seconds, UTC)
    away = _duration(abs(seconds - now))
    ahead = f"in {away}" if seconds >= now else f"{away} ago"
    universal = "" if local.utcoffset() == utc.utcoffset() else f" ({utc:%H:%M} UTC)"
    if universal and local.date() != utc.date():
        universal = f" ({utc:%a %Y-%m-%d %H:%M} UTC)"
    return f"{local:%a %Y-%m-%d %H:%M} {local.tzname()}{universal}, {ahead}"


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)


def wrapped(text: str, columns: int) -> str:
    """The text with its long lines broken between words; what continues a line is indented a little further.

    A word longer than a line is broken, too, but for what people copy: addresses, paths, names.
    """
    return "\n".join(
        _broken(line, columns) if width(_SGR.sub("", line)) > columns else line for line in text.split("\n")
    )


def _broken(line: str, columns: int) -> str:
    start = len(line) - len(line.lstrip(" "))
    indent = " " * min(start + 4, columns // 2)
    lines, current, style = [], line[:start], ""
    used, empty = start, True
    room = max(columns - len(indent), 1)
    found = re.findall(r"\x1b\[[\d;]*m|[^\s\x1b]+|[^\S\x1b]+", line[start:])
    for piece in (part for each in found for part in _pieces(each, room)):
        if _SGR.fullmatch(piece):
            style = "" if piece == "\x1b[0m" else piece
            current += piece
            continue
        if used + width(piece) > columns and not empty:
            lines.append(current.rstrip(" ") + ("\x1b[0m" if style else ""))
            current, used, empty = indent + style, len(indent), True
            if piece.isspace():
                continue
        current += piece
        used += width(piece)
        empty = empty and piece.isspace()
    return "\n".join([*lines, current])


# What is copied whole: an address, a path, a flag, a name.
_COPIED = re.compile(r"://|@|/|^\W?--|^\W*\w[\w.-]*[._-][\w.-]*\W*$", re.ASCII)


def _pieces(word: str, room: int) -> Iterator[str]:
    """A word in pieces that fit a line, broken at no mark that belongs to the character before it."""
    if width(word) <= room or _SGR.fullmatch(word) or word.isspace() or _COPIED.search(word):
        yield word
        return
    start, used = 0, 0
    for index, character in enumerate(word):
        takes = width(character)
        joined = not takes or character == "\u200d" or word[index - 1] == "\u200d"
        if used + takes > room and index > start and not joined:
            yield word[start:index]
            start, used = index, 0
        used += takes
    yield word[start:]


def padded(text: str, columns: int) -> str:
    """The text, filled with spaces up to so many columns."""
    return text + " " * (columns - width(text))


def _parted(address: str) -> tuple[str, str]:
    provider, *rest = address.split(".", 2)
    return (f"{provider}.{rest[0]}", rest[1]) if len(rest) == 2 else ("", address)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _shown(value: Value, known: Collection[Address]) -> str:
    match value:
        case None:
            return "(unset)"
        case bool():
            return "true" if value else "false"
        case str():
            return quoted(value)
        case Reference(address):
            return str(address) if address in known else f"{address} (id known after apply)"
        case Digest(sha256, length):
            return f"({counted(length, 'character')}, sha256 {one_line(sha256[:8])}…)"
        case Mapping():
            return "{" + ", ".join(f"{key_name(key)}: {_shown(member, known)}" for key, member in value.items()) + "}"
        case tuple() | list():
            return "[" + ", ".join(_shown(element, known) for element in value) + "]"
    return one_line(str(value))


def key_name(key: str) -> str:
    """A member's name: as it is where it is a plain word, else quoted."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else quoted(key)


def _duration(seconds: float) -> str:
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return counted(int(seconds // length), unit)
    return "less than a minute"
