"""What ``fmt`` leaves as it stands: regions of a text that are set aside while the rest is laid out, and put back.

A region is the value of a member or of a list's entry, from its colon or dash to the end of its last line. Offsets
count characters of a text that ``parse_yaml`` takes without findings, and whose lines end without a carriage return.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from reconcile.manifests.comments import comment_offsets
from reconcile.manifests.yaml_positions import Span, line_end, line_start, spans, walk

Region: TypeAlias = tuple[int, int]

_SKIP = re.compile(r"#\s*fmt:\s*skip\s*$")
_STAND_IN = "reconcile-set-aside-"


@dataclass(frozen=True, slots=True)
class _Part:
    """One member of a mapping or entry of a list: from the start of its line to where the next one's begins."""

    start: int
    end: int
    value_start: int  # right after its colon or dash
    value: Span

    def region(self, text: str) -> Region:
        return self.value_start, line_end(text, max(self.value_start, self.value.end))


def without_tabs(text: str) -> str:
    """The text with blanks where a tab stands between a value and the comment beside it."""
    for offset in reversed(comment_offsets(text)):
        before = text[:offset].rstrip(" \t")
        if "\t" in text[len(before) : offset]:
            text = f"{before}  {text[offset:]}"
    return text


def skips_file(text: str) -> bool:
    """Whether a comment on a line of its own before all else exempts the file."""
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            return False
        if _SKIP.match(line.strip()):
            return True
    return False


def skipped(text: str) -> list[Region]:
    """The regions with ``# fmt: skip`` beside them, or before them on a line of its own."""
    places = [offset for offset in comment_offsets(text) if _SKIP.match(text[offset : line_end(text, offset)])]
    parts = list(_all_parts(text, spans(text))) if places else []
    found: list[Region] = []
    for place in places:
        start, end = line_start(text, place), line_end(text, place)
        if text[start:place].strip():
            about = [part for part in parts if part.start <= place and _touches(text, part, start, end)]
            chosen = max(about, key=lambda part: part.value_start, default=None)
        else:
            chosen = min((part for part in parts if part.start > place), key=lambda part: part.start, default=None)
        if chosen is not None:
            found.append(chosen.region(text))
    return _outermost(found)


def find_stubborn(text: str, fits: Callable[[str], bool]) -> list[Region]:
    """The smallest regions without which each part of the text, as a file of its own, can be laid out."""
    if len(root := _parts(text, spans(text))) == 0:
        return []
    return _outermost([region for part in root for region in _stubborn(text, part, fits)])


def set_aside(text: str, regions: list[Region]) -> tuple[str, list[str]]:
    """The text with a word in place of each region, and what stood there."""
    kept: list[str] = []
    for start, end in sorted(regions, reverse=True):
        # What goes over lines remembers the indentation that it was written under.
        indent = len(text[line_start(text, start) : start]) - len(text[line_start(text, start) : start].lstrip(" "))
        kept.append(f"{indent}:{text[start:end]}")
        text = f"{text[:start]} {_STAND_IN}{len(kept) - 1}.{text[end:]}"
    return text, kept


def put_back(text: str, kept: list[str]) -> str:
    """The text with what was set aside in its place, moved as far as the line that it stands on."""
    for number, one in enumerate(kept):
        stand_in = f" {_STAND_IN}{number}."
        at = text.index(stand_in)
        line = text[line_start(text, at) : at]
        indent, _, source = one.partition(":")
        moved = _moved(source, len(line) - len(line.lstrip(" ")) - int(indent))
        text = text[:at] + moved + text[at + len(stand_in) :]
    return text


def _moved(source: str, by: int) -> str:
    """All lines but the first moved to the right, or to the left as far as there are blanks."""
    first, *rest = source.split("\n")
    if by >= 0:
        return "\n".join([first, *(" " * by + line if line else line for line in rest)])
    return "\n".join([first, *(line[min(-by, len(line) - len(line.lstrip(" "))) :] for line in rest)])


def _stubborn(text: str, part: _Part, fits: Callable[[str], bool]) -> list[Region]:
    if fits(_alone(text, part)):
        return []
    inner = [] if part.value.in_brackets else _parts(text, part.value)
    found = [region for one in inner for region in _stubborn(text, one, fits)]
    return found or [part.region(text)]


def _alone(text: str, part: _Part) -> str:
    """The part as a file of its own, with words in place of aliases of what stands elsewhere."""
    column = part.start - line_start(text, part.start)
    lines = (" " * column + text[part.start : part.end]).split("\n")
    source = "\n".join(line[min(column, len(line) - len(line.lstrip(" "))) :] for line in lines)
    if part.value_start == part.start + 1:  # an entry of a list: below a name, as a file is a mapping
        source = "x:\n" + "\n".join(f"  {line}" if line else line for line in source.split("\n"))
    return re.sub(r"(?<=[\s\[{,])\*[^\s,\[\]{}]+", "alias", source)


def _all_parts(text: str, span: Span) -> Iterator[_Part]:
    for part in _parts(text, span):
        yield part
        if not part.value.in_brackets:
            yield from _all_parts(text, part.value)


def _parts(text: str, span: Span) -> list[_Part]:
    """The members or entries of what goes over lines; none where one is written in a way that has no plain place."""
    if span.style == ":":
        places = [(member.start, text.find(":", member.end), member.value) for member in span.members.values()]
        ends_of_names = [member.end for member in span.members.values()]
        if any(colon < 0 or text[end:colon].strip() for end, (_, colon, _) in zip(ends_of_names, places, strict=True)):
            return []
    elif span.style == "-":
        places = []
        for item in span.items:
            dash = text.rfind("-", 0, item.begin)
            places.append((dash, dash, item))
        if any(text[dash + 1 : item.begin].strip() for dash, _, item in places):
            return []
    else:
        return []
    ends = [line_start(text, start) for start, _, _ in places[1:]]
    ends.append(_end_of_lines(text, span))
    return [_Part(start, end, mark + 1, value) for (start, mark, value), end in zip(places, ends, strict=True)]


def _end_of_lines(text: str, span: Span) -> int:
    last = max((inner.end for inner in walk(span)), default=span.end)
    return min(line_end(text, last) + 1, len(text))


def _touches(text: str, part: _Part, start: int, end: int) -> bool:
    """Whether a part begins or ends on a line."""
    return start <= part.start <= end or line_end(text, part.value.end) == end


def _outermost(regions: list[Region]) -> list[Region]:
    unique = sorted(set(regions), key=lambda region: (region[0], -region[1]))
    kept: list[Region] = []
    for region in unique:
        if not kept or region[0] >= kept[-1][1]:
            kept.append(region)
    return kept
