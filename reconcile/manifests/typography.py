"""Characters that look like YAML's own and are none, as word processors, chats and web pages put them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from reconcile.errors import Diagnostic, Location, Severity

_SPACES: Final = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_UNSEEN: Final = "\u00ad\u200b-\u200f\u2060-\u2064"
_QUOTES: Final = "\u00ab\u00bb\u2018-\u201f\u2039\u203a\uff02\uff07"
_COLONS: Final = "\u02d0\ua789\ufe13\ufe55\uff1a"
_DASHES: Final = "\u2010-\u2015\u2212"
# Where YAML wants its own: in the indentation, after a colon, dash, comma or bracket, at a name's end.
_START: Final = r"^ *(?:- +)*"
_ODD: Final = re.compile(
    rf"{_START}([{_SPACES}{_UNSEEN}{_QUOTES}])|{_START}([{_DASHES}])[ {_SPACES}]"
    rf"|[:,\[{{-] *([{_SPACES}{_UNSEEN}{_QUOTES}])|{_START}[\w.-]+[\"']?([{_COLONS}{_SPACES}{_UNSEEN}])"
)
# Findings that come of the line above, too.
_ABOUT_LINES: Final = frozenset({"yaml-syntax", "not-a-mapping"})


def explained(findings: Iterable[Diagnostic], texts: Mapping[str, str]) -> list[Diagnostic]:
    """The findings; where such a character is the reason for one, it says so. ``texts`` are the files' by name."""
    return [_explained(finding, texts) for finding in findings]


def _explained(finding: Diagnostic, texts: Mapping[str, str]) -> Diagnostic:
    place = finding.location
    text = None if place is None or finding.severity is not Severity.ERROR else texts.get(place.file)
    if place is None or text is None or text.isascii():
        return finding
    lines = text.split("\n")
    about_line = finding.code in _ABOUT_LINES
    for number in (place.line, place.line - 1) if about_line else (place.line,):
        if not 0 < number <= len(lines):
            continue
        for found in _ODD.finditer(lines[number - 1]):
            at = next(start for start in map(found.start, range(1, 5)) if start >= 0)
            # Elsewhere in the line such a character may be meant: texts have no-break spaces and quotes.
            if about_line or at + 1 == place.column:
                hint = _hint(lines[number - 1][at])
                where = Location(place.file, number, at + 1)
                return replace(finding, location=where, hint=hint) if about_line else replace(finding, hint=hint)
    return finding


def _hint(character: str) -> str:
    code = f"U+{ord(character):04X}"
    if re.match(f"[{_QUOTES}]", character):
        return f"A typographic quote ({code}) stands here, which is no quote for YAML: type \" or ' in its place."
    if re.match(f"[{_COLONS}]", character):
        return f"A character that looks like a colon ({code}) stands here: type a colon and a space in its place."
    if re.match(f"[{_DASHES}]", character):
        return f"A long dash ({code}) stands here: a list entry begins with a hyphen, so type that in its place."
    if re.match(f"[{_UNSEEN}]", character):
        return f"An invisible character ({code}) stands here: delete it."
    return f"A space that YAML takes for a letter ({code}) stands here: type a plain space in its place."
