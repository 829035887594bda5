"""Members that an answer has twice: JSON allows it, parsers keep the last one, and nobody can tell which of them holds.

To look at every name would make a plan slower, so names are only counted where their colons alone don't tell.
"""

import re
from dataclasses import dataclass, field

import orjson

_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_NAMES = re.compile(_TEXT + rb"([ \t\r\n]*+:)?", re.DOTALL)
_TOKENS = re.compile(rb"[{}\[\],]|" + _TEXT, re.DOTALL)


def names_at_most(content: bytes) -> int:
    """How many members the objects of JSON may have together: never less than they have, and mostly that."""
    bare = content.translate(None, b" \t\r\n")
    # A quote before a colon ends a name, begins a text, or is one of a text: after two backslashes none tells at once.
    return bare.count(b'":') - (0 if b'\\\\"' in bare else bare.count(b'\\":'))


def names(content: bytes) -> int:
    """How many members the objects of JSON have together, counted one by one."""
    return sum(1 for found in _NAMES.finditer(content) if found.lastindex)


@dataclass(slots=True)
class _Object:
    names: set[str] = field(default_factory=set)
    name: str = ""


@dataclass(slots=True)
class _Array:
    row: int = 0


def repeated(content: bytes) -> tuple[int | str, ...]:
    """The place of the first member of JSON that stands there twice in its object; none where there is no such."""
    within: list[_Object | _Array] = []
    named = False  # whether the name of the member has come
    for found in _TOKENS.finditer(content):
        match found[0]:
            case b"{":
                within.append(_Object())
                named = False
            case b"[":
                within.append(_Array())
            case b"}" | b"]":
                within.pop()
            case b",":
                named = False
                if within and isinstance(inner := within[-1], _Array):
                    inner.row += 1
            case text:
                inner = within[-1] if within else _Array()
                if named or not isinstance(inner, _Object):
                    continue
                inner.name, named = orjson.loads(text), True
                if inner.name in inner.names:
                    return tuple(each.name if isinstance(each, _Object) else each.row for each in within)
                inner.names.add(inner.name)
    return ()
