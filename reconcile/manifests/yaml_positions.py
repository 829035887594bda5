"""Where each value of a YAML text begins and ends, for edits that leave all other characters as they are.

Offsets count characters of the text. The text must be one that ``parse_yaml`` takes without findings.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs leave out what comes from C
from yaml.events import AliasEvent, MappingStartEvent, ScalarEvent, SequenceStartEvent
from yaml.events import MappingEndEvent as _MappingEnd
from yaml.events import SequenceEndEvent as _SequenceEnd

_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")


@dataclass(slots=True)
class Span:
    """One value.

    Attributes:
        begin: where its anchor or tag begins; ``start`` without one.
        start, end: the value itself; blank lines after it are not its own, unless it is a text that keeps them.
        style: ``'``, ``"``, ``|``, ``>`` or nothing for a scalar, ``[`` and ``{`` for what stands in brackets, ``-``
            and ``:`` for lists and mappings over lines, ``*`` for an alias.
        anchor: its own, or for an alias the one that it stands for.
        column: of a mapping over lines, where its keys begin, counted from 0.
        name: of a scalar, its value: what it is called where it is a key.
    """

    begin: int
    start: int
    end: int
    style: str = ""
    anchor: str | None = None
    items: list["Span"] = field(default_factory=list)
    members: dict[str, "Member"] = field(default_factory=dict)
    column: int = 0
    name: str = ""

    @property
    def in_brackets(self) -> bool:
        """Whether what stands in it is separated by commas."""
        return self.style in ("[", "{")


@dataclass(slots=True)
class Member:
    """A member of a mapping: where its name stands, and its value."""

    start: int
    end: int
    value: Span


def spans(text: str) -> Span:
    """The whole tree of a text whose top is a mapping."""
    root = Span(0, 0, 0)
    stack: list[tuple[Span, Span | None]] = []  # the open containers, each with the key that waits for its value
    current: Span = root
    key: Span | None = None
    for event in _events(text):
        if isinstance(event, _MappingEnd | _SequenceEnd):
            _close(current, event, text)
            done = current
            current, key = stack.pop()
        else:
            done = _opened(event, text)
            if isinstance(event, MappingStartEvent | SequenceStartEvent):
                stack.append((current, key))
                current, key = done, None
                continue
        if current.style in ("{", ":") and key is None:
            key = done
            continue
        _put(current, key, done)
        key = None
    return root.items[0] if root.items else root


def uses(tree: Span, anchored: Span) -> list[Span]:
    """The aliases that stand for an anchored value, in the order of the text."""
    if anchored.anchor is None:
        return []
    same = sorted((span for span in walk(tree) if span.anchor == anchored.anchor), key=lambda span: span.begin)
    after = [span for span in same if span.begin > anchored.begin]
    again = next((index for index, span in enumerate(after) if span.style != "*"), len(after))
    return after[:again]


def walk(tree: Span) -> Iterator[Span]:
    """The span and all within it."""
    yield tree
    for span in tree.items:
        yield from walk(span)
    for member in tree.members.values():
        yield from walk(member.value)


def line_start(text: str, offset: int) -> int:
    """Where the line of an offset begins."""
    return text.rfind("\n", 0, offset) + 1


def line_end(text: str, offset: int) -> int:
    """Where the line of an offset ends, before its line end."""
    found = text.find("\n", offset)
    end = len(text) if found < 0 else found
    return end - 1 if end > offset and text[end - 1] == "\r" else end


def _events(text: str) -> Iterator[Any]:
    parser = CParser(text)
    wanted = (ScalarEvent, AliasEvent, MappingStartEvent, SequenceStartEvent, _MappingEnd, _SequenceEnd)
    while (event := parser.get_event()) is not None:
        if isinstance(event, wanted):
            yield event


def _opened(event: Any, text: str) -> Span:
    begin, end = event.start_mark.index, event.end_mark.index
    if isinstance(event, AliasEvent):
        return Span(begin, begin, end, "*", event.anchor)
    properties = _PROPERTIES.match(text, begin, end)
    start = properties.end() if properties is not None else begin
    if not isinstance(event, ScalarEvent):
        flow, block = ("{", ":") if isinstance(event, MappingStartEvent) else ("[", "-")
        style = flow if event.flow_style else block
        return Span(begin, text.index(flow, begin) if event.flow_style else start, end, style, event.anchor)
    if not event.value and not event.style:
        return Span(begin, end, end, "", event.anchor)  # nothing: it stands where its value would
    if event.style in ("|", ">"):
        end = _content_end(text, start, end)
    return Span(begin, start, end, event.style or "", event.anchor, name=event.value)


def _content_end(text: str, start: int, end: int) -> int:
    """The end of a text over lines, before its last line end; blank lines after it are its own only if it says so."""
    header = text[start : line_end(text, start)]
    if "+" not in header.partition("#")[0]:
        return start + len(text[start:end].rstrip())
    return end - 1 if end > start and text[end - 1] == "\n" else end


def _close(span: Span, event: Any, text: str) -> None:
    if span.in_brackets:
        span.end = event.end_mark.index
        return
    ends = [inner.end for inner in span.items] + [member.value.end for member in span.members.values()]
    span.end = max(ends, default=span.start)
    if span.members:
        first = min(member.start for member in span.members.values())
        span.start, span.column = first, first - line_start(text, first)


def _put(container: Span, key: Span | None, value: Span) -> None:
    if key is None:
        container.items.append(value)
    else:
        container.members[key.name] = Member(key.begin, key.end, value)
