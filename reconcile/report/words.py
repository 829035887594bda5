"""Word-level comparison of long texts: the changed places only, and bounded work whatever the texts.

Tokens are tags, words and spaces. Texts are first aligned by pieces of lines (each line, cut before each tag), then
within what differs by tokens, then within what still differs by the parts of tags. Aligning anchors on what occurs
once in both texts; only small stretches without such anchors go to difflib, as its worst case is cubic.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import pairwise

from reconcile.report.text import Style, counted, harmless, painted

_LEVELS = (
    re.compile(r"<?[^<\n]*\n|<[^<\n]*|[^<\n]+"),
    re.compile(r"<[^<>]*>|\w+|\n|[^\S\n]+|[^\w\s]"),
    re.compile(r"\w+|\n|[^\S\n]+|[^\w\s]"),
)
_SMALL = 40_000  # at most so many pairs of tokens are compared in one stretch without anchors,
_BUDGET = 1_000_000  # and so many in all
_DEPTH = 8  # how often anchors are looked for within what lies between anchors
_TAGS = 4_000  # characters up to which two stretches of tags are compared by the parts of the tags
_ISLAND = 20  # characters up to which equal text between two longer changes counts as changed, too,
_SWALLOWED = 5  # or if both changes are so many times as long
_CONTEXT = 80  # characters shown before and after a change
_JOINED = 800  # changed characters after which a place ends, however near the next change is
_SHOWN = 400  # characters shown of one removed or added piece,
_LINES = 8  # and lines


class Part(StrEnum):
    """What became of a piece of text."""

    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of text; ``omitted`` characters after it are not shown."""

    part: Part
    text: str
    omitted: int = 0


@dataclass(frozen=True, slots=True)
class Position:
    """Where something begins: line and column, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Place:
    """A changed place with some text around it; where it begins in the text before and in the one after."""

    before: Position
    after: Position
    pieces: tuple[Piece, ...]
    continues: bool = False

    @property
    def label(self) -> str:
        """``line 12``, by the text after; with the former line where it is another, the character in long lines."""
        label = f"line {self.after.line}"
        if self.after.column > 200:
            label += f", character {self.after.column:,}"
        return label if self.before.line == self.after.line else f"{label} (was {self.before.line})"

    def side(self, part: Part) -> str:
        """One side: REMOVED gives the text before, ADDED the one after; harmless, and what is left out is marked."""
        shown = (piece for piece in self.pieces if piece.part in (Part.SAME, part))
        text = "".join(piece.text + (f"… ({_more(piece)})" if piece.omitted else "") for piece in shown)
        start = self.before if part is Part.REMOVED else self.after
        return ("…" if start.column > 1 else "") + harmless(text) + ("…" if self.continues else "")


@dataclass(frozen=True, slots=True)
class Comparison:
    """The first of the changed places, how many there are in all, or a note where places would tell nothing."""

    places: tuple[Place, ...] = ()
    total: int = 0
    note: str | None = None

    @property
    def rest(self) -> str | None:
        """``and 12 more places``; None if all are shown."""
        left = self.total - len(self.places)
        return f"and {counted(left, 'more place')}" if left else None


def compare(before: str, after: str, *, limit: int = 10) -> Comparison:
    """Where two texts differ, showing at most ``limit`` places, fewer if they are long."""
    if before == after:
        return Comparison()
    if before.replace("\r\n", "\n") == after.replace("\r\n", "\n"):
        ends = [counted(text.count("\r\n"), "line ends", "line ends") for text in (before, after)]
        return Comparison(note=f"only line ends differ: {ends[0]} with a carriage return before, {ends[1]} after")
    groups = list(_grouped(_merged(_runs(before, after, 0, [_BUDGET]))))
    places: list[Place] = []
    left = limit * _SHOWN
    for group in groups[:limit]:
        if left <= 0:
            break
        places.append(_place(group, before, after))
        left -= sum(len(piece.text) for piece in places[-1].pieces)
    return Comparison(tuple(places), len(groups))


def render(comparison: Comparison, *, color: bool) -> list[str]:
    """The places as lines: ``line 12: Dear [-Anna-]{+Bea+}``, red and green where colours are wanted."""
    lines = []
    for place in comparison.places:
        start = "…" if place.after.column > 1 else ""
        text = start + "".join(_marked(piece, color=color) for piece in place.pieces) + ("…" if place.continues else "")
        label = painted(f"{place.label}:", Style.FAINT, color=color)
        if "\n" in text:
            lines += [label, *(f"  {line}" for line in text.rstrip("\n").split("\n"))]
        else:
            lines.append(f"{label} {text.lstrip()}")
    return lines + [note for note in (comparison.note, comparison.rest) if note]


# Finding the changes.


@dataclass(slots=True)
class _Run:
    """A stretch of the texts, equal or changed, in parts that are joined when it is shown."""

    same: bool
    removed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    before: int = 0
    after: int = 0

    def take(self, other: "_Run") -> None:
        self.removed += other.removed
        self.added += other.added
        self.before += other.before
        self.after += other.after

    @property
    def size(self) -> int:
        """The longer side."""
        return max(self.before, self.after)


def _runs(before: str, after: str, level: int, budget: list[int]) -> Iterator[_Run]:
    """The equal and the changed stretches, as one level of tokens after the other finds them."""
    a, b = _LEVELS[level].findall(before), _LEVELS[level].findall(after)
    for same, a_low, a_high, b_low, b_high in _stretches(a, b, budget):
        removed, added = "".join(a[a_low:a_high]), "".join(b[b_low:b_high])
        if not same and removed and added and _divisible(removed, added, level):
            yield from _runs(removed, added, level + 1, budget)
        else:
            yield _Run(same, [removed], [added], len(removed), len(added))


def _divisible(removed: str, added: str, level: int) -> bool:
    if level == 0:
        return True
    return level == 1 and "<" in removed and "<" in added and max(len(removed), len(added)) <= _TAGS


def _merged(runs: Iterable[_Run]) -> list[_Run]:
    """Equal and changed runs by turns; small islands of equal text between changes have become part of them."""
    merged: list[_Run] = []
    for run in runs:
        if merged and merged[-1].same == run.same:
            merged[-1].take(run)
        else:
            if run.same:
                _swallow(merged)
            merged.append(run)
    _swallow(merged)
    return merged


def _swallow(runs: list[_Run]) -> None:
    """Join the last change with the one before it if what lies between is short and shorter than both."""
    if len(runs) >= 3 and not runs[-1].same:
        first, island, last = runs[-3:]
        around = min(first.size, last.size)
        if island.size <= min(_ISLAND, around) or island.size * _SWALLOWED <= around:
            first.take(island)
            first.take(last)
            del runs[-2:]


def _stretches(a: Sequence[str], b: Sequence[str], budget: list[int]) -> Iterator[tuple[bool, int, int, int, int]]:
    """Where the sequences are equal (true) and where they differ, in order."""
    i = j = 0
    for a_start, b_start, length in [*_blocks(_matches(a, b, budget)), (len(a), len(b), 0)]:
        if i < a_start or j < b_start:
            yield False, i, a_start, j, b_start
        i, j = a_start + length, b_start + length
        if length:
            yield True, a_start, i, b_start, j


def _blocks(pairs: list[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    start = 0
    for index in range(1, len(pairs) + 1):
        if index == len(pairs) or pairs[index] != (pairs[index - 1][0] + 1, pairs[index - 1][1] + 1):
            yield *pairs[start], index - start
            start = index


def _matches(a: Sequence[str], b: Sequence[str], budget: list[int]) -> list[tuple[int, int]]:
    """Pairs of equal tokens, ascending on both sides; ``budget`` shrinks by the work done in difflib."""
    pairs: list[tuple[int, int]] = []
    open_ = [(0, len(a), 0, len(b), 0)]
    while open_:
        a_low, a_high, b_low, b_high, depth = open_.pop()
        while a_low < a_high and b_low < b_high and a[a_low] == b[b_low]:
            pairs.append((a_low, b_low))
            a_low, b_low = a_low + 1, b_low + 1
        while a_low < a_high and b_low < b_high and a[a_high - 1] == b[b_high - 1]:
            a_high, b_high = a_high - 1, b_high - 1
            pairs.append((a_high, b_high))
        work = (a_high - a_low) * (b_high - b_low)
        if not work:
            continue
        anchors = _anchors(a, b, (a_low, a_high, b_low, b_high)) if depth < _DEPTH else []
        if anchors:
            pairs += anchors
            edges = [(a_low - 1, b_low - 1), *anchors, (a_high, b_high)]
            open_ += [(i + 1, i_next, j + 1, j_next, depth + 1) for (i, j), (i_next, j_next) in pairwise(edges)]
        elif work <= min(_SMALL, budget[0]):
            budget[0] -= work
            matcher = SequenceMatcher(None, a[a_low:a_high], b[b_low:b_high], autojunk=False)
            for i, j, length in matcher.get_matching_blocks():
                pairs += [(a_low + i + step, b_low + j + step) for step in range(length)]
    return sorted(pairs)


def _anchors(a: Sequence[str], b: Sequence[str], window: tuple[int, int, int, int]) -> list[tuple[int, int]]:
    """The longest ascending row of pairs among the tokens that each side has exactly once."""
    a_low, a_high, b_low, b_high = window
    once_in_b = _once(b, b_low, b_high)
    pairs = [(i, once_in_b[token]) for token, i in _once(a, a_low, a_high).items() if token in once_in_b]
    pairs.sort()
    ends: list[int] = []  # the smallest end of an ascending row of each length, and which pair it is
    last: list[int] = []
    previous: list[int] = []
    for index, (_, j) in enumerate(pairs):
        length = bisect_left(ends, j)
        previous.append(last[length - 1] if length else -1)
        ends[length : length + 1], last[length : length + 1] = [j], [index]
    row = []
    index = last[-1] if last else -1
    while index >= 0:
        row.append(pairs[index])
        index = previous[index]
    return row[::-1]


def _once(tokens: Sequence[str], low: int, high: int) -> dict[str, int]:
    counts = Counter(tokens[low:high])
    return {tokens[index]: index for index in range(low, high) if counts[tokens[index]] == 1}


# Choosing what to show of them.


@dataclass(frozen=True, slots=True)
class _Group:
    """Changes near one another, the equal runs between them, and where they begin and end in both texts."""

    runs: list[_Run]
    before: int
    after: int
    room_before: int
    room_after: int


def _grouped(runs: list[_Run]) -> Iterator[_Group]:
    before = after = 0
    group: list[_Run] = []
    start = (0, 0, 0)
    for index, run in enumerate(runs):
        if not run.same:
            if not group:
                start = (before, after, runs[index - 1].size if index else 0)
            group.append(run)
        elif (
            group and index + 1 < len(runs) and run.size <= _CONTEXT and sum(member.size for member in group) < _JOINED
        ):
            group.append(run)
        elif group:
            yield _Group(group, *start, room_after=run.size)
            group = []
        before, after = before + run.before, after + run.after
    if group:
        yield _Group(group, *start, room_after=0)


def _place(group: _Group, before: str, after: str) -> Place:
    lead = _lead(before[: group.before], group.room_before)
    end = group.before + sum(run.before for run in group.runs)
    trail, continues = _trail(before[end : end + group.room_after])
    pieces = [Piece(Part.SAME, lead)]
    for run in group.runs:
        if run.same:
            pieces.append(Piece(Part.SAME, "".join(run.removed)))
        else:
            pieces += [_cut(Part.REMOVED, "".join(run.removed)), _cut(Part.ADDED, "".join(run.added))]
    pieces.append(Piece(Part.SAME, trail))
    return Place(
        _position(before, group.before - len(lead)),
        _position(after, group.after - len(lead)),
        tuple(piece for piece in pieces if piece.text),
        continues,
    )


def _lead(text: str, room: int) -> str:
    """The end of the text: from the start of the line, or of the one before if a line has just begun."""
    lead = text[-min(room, _CONTEXT) :] if room else ""
    line = lead.rfind("\n", 0, len(lead) - 1)
    if line >= 0 or len(lead) == len(text):
        return lead[line + 1 :]
    word = re.search(r"\s+|(?=<)", lead[: _CONTEXT // 2])
    return lead[word.end() :] if word and len(lead) == _CONTEXT else lead


def _trail(text: str) -> tuple[str, bool]:
    """The start of the text up to the end of the line, and whether the line goes on."""
    line = text.find("\n", 0, _CONTEXT)
    if line >= 0 or len(text) < _CONTEXT:
        return text[:line] if line >= 0 else text, False
    words = list(re.finditer(r"\s|(?=<)", text[_CONTEXT // 2 : _CONTEXT]))
    return text[: _CONTEXT // 2 + words[-1].start()] if words else text[:_CONTEXT], True


def _cut(part: Part, text: str) -> Piece:
    lines = text.split("\n", _LINES)
    end = min(_SHOWN, len(text) - len(lines[_LINES]) if len(lines) > _LINES else len(text))
    return Piece(part, text[:end], len(text) - end)


def _position(text: str, offset: int) -> Position:
    return Position(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))


def _more(piece: Piece) -> str:
    return counted(piece.omitted, "more character")


def _marked(piece: Piece, *, color: bool) -> str:
    text = harmless(piece.text)
    if piece.part is Part.SAME:
        return text
    if not text.strip():
        text = text.replace("\n", "\\n").replace("\t", "\\t")
    # The mark closes before the end of the line, not at the start of the next one.
    end = "\n" if text.endswith("\n") and not piece.omitted else ""
    text = text.removesuffix(end) + (f"… ({_more(piece)})" if piece.omitted else "")
    if piece.part is Part.REMOVED:
        return painted(f"[-{text}-]", Style.REMOVED, color=color) + end
    return painted(f"{{+{text}+}}", Style.ADDED, color=color) + end
