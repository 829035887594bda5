"""One change between two versions of a mail, as a value."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What kind of thing a change is about; the value is what people read."""

    WORDS = "words"
    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    PREHEADER = "preheader"
    MERGE_TAG = "merge tag"
    LINK = "link"
    PICTURE = "picture"
    ALT = "alternative text"
    LOOK = "look"
    MARKUP = "markup"


class Part(StrEnum):
    """What became of a piece of text."""

    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class Piece:
    """Words that stayed, went or came."""

    part: Part
    text: str


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing beside the words: what it is, what it was, what it is now (None: not there)."""

    kind: Kind
    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Insertion:
    """What marking puts into the source: ``{key}`` stands for the key of the marks."""

    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One change: its kinds, the most telling first; the heading above it; words in context; what else differs."""

    number: int
    kinds: tuple[Kind, ...]
    heading: str
    pieces: tuple[Piece, ...] = ()
    details: tuple[Detail, ...] = ()

    @property
    def told(self) -> tuple[object, ...]:
        """What makes two changes, of different mails maybe, the same to a reader, whatever they stand under."""
        return self.kinds, self.pieces, self.details


@dataclass(frozen=True, slots=True)
class Changes:
    """All changes of a mail, and what has to be put into either source to mark them."""

    items: tuple[Change, ...] = ()
    before: tuple[Insertion, ...] = ()
    after: tuple[Insertion, ...] = ()

    @property
    def seen(self) -> tuple[Change, ...]:
        """Those that people can see."""
        return tuple(change for change in self.items if change.kinds[0] is not Kind.MARKUP)
