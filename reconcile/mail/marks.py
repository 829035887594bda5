"""Marks put into a mail's source, and taken out again: what is left is the source, byte for byte."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from reconcile.mail.change import Change, Detail, Insertion, Kind, Piece
from reconcile.mail.source import Block, Source, Tag, Word


@dataclass(frozen=True, slots=True)
class Marked:
    """A source with marks: attributes and wrappers whose names begin with ``key``, which the source has nowhere."""

    text: str
    key: str


def key_for(*sources: str) -> str:
    """What the names of marks begin with: nothing in these sources, their styles included, can be about them."""
    text = "\n".join(sources).lower()
    plain = re.sub(r"\\([0-9a-f]{1,6})\s?", lambda match: chr(int(match[1], 16) % 0x110000), text).lower()
    key, number = "rcm", 0
    while key in text or key in plain:
        key, number = f"rcm{number}x", number + 1
    return key


def mark(source: str, insertions: Iterable[Insertion], key: str | None = None) -> Marked:
    """The source with the marks in it; ``key`` is one that ``key_for`` gave for it."""
    key = key or key_for(source)
    parts, position = [], 0
    # Where one wrapper ends and another begins, the end comes first.
    for insertion in sorted(insertions, key=lambda each: (each.offset, not each.text.startswith("</"))):
        parts += [source[position : insertion.offset], insertion.text.replace("{key}", key)]
        position = insertion.offset
    return Marked("".join([*parts, source[position:]]), key)


def unmark(marked: Marked) -> str:
    """The source without the marks."""
    key = re.escape(marked.key)
    wrapper = rf'</{key}-w>|<{key}-w(?: data-{key}-n="\d+" id="{key}\d+")?>'
    return re.sub(rf'{wrapper}| data-{key}[a-z-]*="[a-z\d-]*"| id="{key}\d+"', "", marked.text)


@dataclass(slots=True)
class Draft:
    """A change before it has its number; ``place`` is where it stands in the mail after."""

    place: tuple[float, int]
    kinds: list[Kind]
    heading: str
    pieces: tuple[Piece, ...] = ()
    details: list[Detail] = field(default_factory=list)
    before: list[Block | Tag] = field(default_factory=list)
    after: list[Block | Tag] = field(default_factory=list)
    gone: list[Word] = field(default_factory=list)
    new: list[Word] = field(default_factory=list)


class Marker:
    """Puts together what marks the changes in both sources."""

    def __init__(self, before: Source, after: Source) -> None:
        self._sources = before.text, after.text
        self.before: list[Insertion] = []
        self.after: list[Insertion] = []
        self._taken: tuple[set[int], set[int]] = (set(), set())
        self._numbered: tuple[set[int], set[int]] = (set(), set())

    def mark(self, draft: Draft, change: Change) -> None:
        """Mark one change on both sides."""
        kind = change.kinds[0].value.replace(" ", "-")
        for side, things, words in ((0, draft.before, draft.gone), (1, draft.after, draft.new)):
            for thing in things:
                anchor = thing.anchor if isinstance(thing, Block) else thing
                if anchor is not None:
                    self._attribute(side, anchor, kind, change.number)
            for word in words:
                if word.picture is not None:
                    self._put(side, word.picture.named, ' data-{key}-img=""')
            for first, last in _stretches(words):
                number = change.number
                target = f' data-{{key}}-n="{number}" id="{{key}}{number}"' if self._first(side, number) else ""
                self._put(side, first.start, f"<{{key}}-w{target}>")
                self._put(side, last.end, "</{key}-w>")

    def anchors(self, pairs: Iterable[tuple[Block, Block]]) -> None:
        """Number blocks that are there on both sides, so that two views can be scrolled in step."""
        number = 0
        for a, b in pairs:
            if a.anchor is not None and b.anchor is not None:
                number += 1
                for side, tag in ((0, a.anchor), (1, b.anchor)):
                    self._put(side, tag.named, f' data-{{key}}-a="{number}"')

    def _attribute(self, side: int, tag: Tag, kind: str, number: int) -> None:
        if tag.start in self._taken[side] or tag.named >= tag.end:
            return
        self._taken[side].add(tag.start)
        target = f' data-{{key}}-n="{number}"' if self._first(side, number) else ""
        if target and "id" not in tag.attributes:
            target += f' id="{{key}}{number}"'
        self._put(side, tag.named, f' data-{{key}}="{kind}"{target}')

    def _first(self, side: int, number: int) -> bool:
        first = number not in self._numbered[side]
        self._numbered[side].add(number)
        return first

    def _put(self, side: int, offset: int, text: str) -> None:
        (self.before, self.after)[side].append(Insertion(offset, text))


def _stretches(words: Sequence[Word]) -> Iterator[tuple[Word, Word]]:
    """Words that stand next to one another in one stretch of text, as first and last."""
    first: Word | None = None
    last: Word | None = None
    for word in words:
        if word.picture is not None:
            continue
        if last is not None and first is not None and (word.run != last.run or word.start < last.end):
            yield first, last
            first = None
        first = first or word
        last = word
    if first is not None and last is not None:
        yield first, last
