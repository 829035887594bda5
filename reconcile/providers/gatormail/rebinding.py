"""A row of the contract may rename what stands on the wire, and never rebind it.

Who changes a row could otherwise have a harmless call do what another is for: an update that initiates, a read that
clears down, an unsubscribed contact that reads as subscribed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconcile.providers.gatormail.document import TABLE
from reconcile.providers.gatormail.operations import OPERATIONS, GatorMailOperation

_VARIABLE: Final = re.compile(r"\{\w+\}")
# One path, one spelling: what a server would take for another path, or resolve to one, hides where a call goes.
_SEGMENT: Final = re.compile(r"(?:[A-Za-z0-9_~-]|\.(?=[A-Za-z0-9])|\{\w+\})+")
_SIGN_IN: Final = "op.auth.token"
_BY_KEY: Final[Mapping[str, GatorMailOperation]] = {operation.key: operation for operation in OPERATIONS.values()}


@dataclass(frozen=True, slots=True)
class _Route:
    verb: str
    segments: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "_Route":
        verb, _, path = text.partition(" ")
        return cls(verb, tuple(_VARIABLE.sub("{}", part).lower() for part in path.strip("/").split("/")))

    def meets(self, other: "_Route", *, loosely: bool) -> bool:
        """Whether it is the other's path; ``loosely``: or one that the other's variables could make."""
        if len(self.segments) != len(other.segments):
            return False
        pairs = zip(self.segments, other.segments, strict=True)
        return all(mine == theirs or (loosely and "{}" in theirs and "{}" not in mine) for mine, theirs in pairs)


def faults(overrides: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """What of overrides, which are right in themselves, would rebind: the key, a sentence, and perhaps a hint."""
    for key, value in overrides.items():
        if value == TABLE.get(key):
            continue
        if key.startswith("op.") and key != _SIGN_IN and isinstance(value, str):
            yield from _route(key, value, overrides)
        elif key.startswith(("f.", "p.")) and isinstance(value, str):
            yield from _member(key, value, overrides)
        elif key.startswith("v.") and isinstance(value, list | tuple):
            yield from _words(key, [str(each) for each in value])


def _route(key: str, value: str, overrides: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    path = value.partition(" ")[2]
    if not all(_SEGMENT.fullmatch(part) for part in path.removeprefix("/").split("/")):
        detail = f"`{key}` has a path that can't be used: between its slashes stand letters, digits, - and _."
        yield key, detail, f"It is {TABLE[key]!r} by default."
        return
    own, usual = _Route.of(value), _Route.of(str(TABLE[key]))
    operation = _BY_KEY[key]
    if not operation.write and own.verb != usual.verb:
        detail = f"`{key}` only reads, and stays a {usual.verb}: a call that reads is made again, and nobody is asked."
        yield key, detail, None
    for other, there in _BY_KEY.items():
        if other in (key, _SIGN_IN):
            continue
        for route in {str(TABLE[other]), str(overrides.get(other, TABLE[other]))}:
            if _takes(own, usual, _Route.of(route), there):
                detail = f"`{key}` would be called where `{other}` is: a route may be renamed, and not be another's."
                yield key, detail, f"It is {TABLE[key]!r} by default."
                return


def _takes(own: _Route, usual: _Route, other: _Route, there: GatorMailOperation) -> bool:
    """Whether a route is another operation's; where the two share a path by default, only with its verb."""
    if own.meets(usual, loosely=False) and own.verb == usual.verb:
        return False
    if own.verb == other.verb:
        return own.meets(other, loosely=there.write)
    shared = usual.meets(other, loosely=False) or not there.write
    return not shared and own.meets(other, loosely=True)


def _member(key: str, value: str, overrides: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    shape = key.rpartition(".")[0]
    for other, name in TABLE.items():
        if other == key or other.rpartition(".")[0] != shape or not isinstance(name, str):
            continue
        if value.lower() in (name.lower(), str(overrides.get(other, name)).lower()):
            detail = f"`{key}` would be called as `{other}` is: a row may rename a member, and not take another's name."
            yield key, detail, f"It is {TABLE[key]!r} by default."
            return


def _words(key: str, words: list[str]) -> Iterator[tuple[str, str, str | None]]:
    usual = [str(word) for word in TABLE[key]]
    if len(words) != len(usual):  # a fault of its own
        return
    if len({word.lower() for word in words}) != len(words):
        yield key, f"`{key}` takes words that differ in more than capitals.", None
    for word, own in zip(words, usual, strict=True):
        taken = next((each for each in usual if each != own and each.lower() == word.lower()), None)
        if taken is not None:
            detail = f"`{key}` would call {own} what {taken} is called: words may be renamed, and not exchanged."
            yield key, detail, f"They are, in this order: {', '.join(usual)}."
            return
