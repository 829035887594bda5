"""What a check is given, what it finds, and what it is."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TypeAlias

from reconcile.mail.source import Source
from reconcile.mail.source_reader import read


class Severity(StrEnum):
    """How bad a finding is: an error blocks the entry, a warning never does, off is not looked for."""

    ERROR = "error"
    WARNING = "warning"
    OFF = "off"


@dataclass(frozen=True)
class Text:
    """One text of a mail: what goes out, which attribute declares it, and the file that it stands in, if it has one.

    ``sources`` are the files that it was built from, each as it stands; None where the file goes out as it is.
    """

    value: str
    attribute: str
    file: str | None = None
    sources: "tuple[Text, ...] | None" = None

    @property
    def as_written(self) -> "tuple[Text, ...]":
        """What people wrote: the files that it is built from, or itself."""
        return (self,) if self.sources is None else self.sources

    @cached_property
    def parsed(self) -> Source:
        """The text taken apart as HTML."""
        return read(self.value)

    @property
    def is_document(self) -> bool:
        """Whether it is a whole HTML document, not a fragment that is put into one."""
        return re.search(r"<(?:html|body)\b", self.value, re.IGNORECASE) is not None


@dataclass(frozen=True)
class Mail:
    """A mail as its manifest declares it, and what is known around it.

    Attributes:
        address: the entry's.
        goes_out: it is for people; a template is only there for others to be made from.
        due: when it goes out: an instant in UTC, None if that is not declared.
        written: the send time as it stands in the manifest.
        template: what it is made from, where that is declared too.
        fills: what replaces tags of the template, by name; None where nothing is declared.
        images: what replaces the template's placeholder pictures.
        undeclared: attributes that it leaves to the platform's own defaults although its template declares them.
        tags: what the platform fills, as regular expressions: pattern, the group that names a field (None: none),
            whether it is a way to unsubscribe.
        fields: the names that a tag may take; None where they are not known.
        year: the year in which the check runs.
    """

    address: str
    subject: Text | None = None
    html: Text | None = None
    text: Text | None = None
    sender: str | None = None
    language: str | None = None
    utm: bool | None = None
    goes_out: bool = True
    due: str | None = None
    written: Text | None = None
    template: "Mail | None" = None
    fills: Mapping[str, object] | None = None
    images: Mapping[str, object] | None = None
    undeclared: tuple[str, ...] = ()
    tags: "tuple[PlatformTag, ...]" = ()
    fields: frozenset[str] | None = None
    zone: str | None = None
    year: int = 0

    @property
    def texts(self) -> tuple[Text, ...]:
        """All texts that it has."""
        return tuple(text for text in (self.subject, self.html, self.text) if text is not None)

    @property
    def as_written(self) -> tuple[Text, ...]:
        """All texts as people wrote them."""
        return tuple(source for text in self.texts for source in text.as_written)

    @property
    def bodies(self) -> tuple[Text, ...]:
        """Its HTML and its plain text, as far as it has them."""
        return tuple(text for text in (self.html, self.text) if text is not None)


@dataclass(frozen=True, slots=True)
class PlatformTag:
    """A tag that the platform fills."""

    pattern: "re.Pattern[str]"
    names: str | None = None
    unsubscribes: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One finding: a sentence that a marketer understands, where in which text, and what to do.

    ``at`` is an offset in the text's value, None for the text as a whole; ``text`` is None for the entry as a whole.
    """

    detail: str
    text: Text | None = None
    at: int | None = None
    hint: str | None = None
    attribute: str | None = None


Look: TypeAlias = Callable[[Mail], Iterator[Found]]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked for in every mail.

    ``id`` is fixed, in kebab-case; ``summary`` a short phrase; ``why`` what goes wrong for people without it. ``good``
    and ``bad`` are bodies, or pairs of attributes, for the docs and the tests.
    """

    id: str
    severity: Severity
    summary: str
    why: str
    look: Look
    bad: Mapping[str, object] = field(default_factory=dict)
    good: Mapping[str, object] = field(default_factory=dict)


def each(text: Text, pattern: "re.Pattern[str]") -> Iterator[re.Match[str]]:
    """Every place of a text that a pattern finds."""
    yield from pattern.finditer(text.value)


def position(value: str, at: int) -> tuple[int, int]:
    """Line and column of an offset, from 1."""
    return value.count("\n", 0, at) + 1, at - (value.rfind("\n", 0, at) + 1) + 1


def listed(words: Sequence[str], most: int = 5) -> str:
    """Words as one phrase, the rest counted."""
    shown = ", ".join(words[:most])
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"
