"""Attribute values: their canonical form, equality and digests.

A canonical value is None, bool, int, float, str, a tuple, a dict with text keys, a Reference or a Digest. Long texts
stand in the state as Digests; a Digest equals the text it was made from (``same``).
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

import orjson

from reconcile.model.address import Address, parse_address
from reconcile.model.reference import Reference

Value: TypeAlias = Any  # see the module's docstring; a recursive type gains nothing where values come from JSON
Attributes: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Digest:
    """A long text by its SHA-256 and its length in characters."""

    sha256: str
    length: int


# Types of values that refer to nothing.
_SIMPLE: Final = frozenset({str, int, float, bool, type(None), Digest})


def digest_text(text: str) -> Digest:
    """The digest of a text, encoded as UTF-8."""
    return (_digest_word if len(text) <= _WORD else _digest_body)(text)


def _digest(text: str) -> Digest:
    return Digest(hashlib.sha256(text.encode()).hexdigest(), len(text))


# A run asks again and again: for one body at each comparison of its entry, for words that many entries share at each.
_WORD: Final = 100
_digest_word = lru_cache(4096)(_digest)
_digest_body = lru_cache(16)(_digest)


def condensed(value: Value) -> Value:
    """The value as the state keeps it where it is a long text: a Digest."""
    return digest_text(value) if isinstance(value, str) else value


def same(left: Value, right: Value) -> bool:
    """Whether two canonical values are equal, a Digest being equal to its text."""
    if type(left) is type(right):
        return bool(left == right)
    if isinstance(left, Digest) or isinstance(right, Digest):
        return bool(condensed(left) == condensed(right))
    # True == 1 in Python; on the wire they are different things.
    return not isinstance(left, bool) and bool(left == right)


def references(value: Value) -> Iterator[Address]:
    """The addresses that a value refers to."""
    if isinstance(value, Reference):
        yield value.address
    elif isinstance(value, Mapping | tuple | list):
        for member in value.values() if isinstance(value, Mapping) else value:
            if type(member) not in _SIMPLE:  # most are, and a generator for each would take most of the time
                yield from references(member)


def to_json(value: Value) -> Value:
    """The value in plain JSON types; ``from_json`` gives it back."""
    if type(value) is str:
        return value
    if isinstance(value, Reference):
        return {"$ref": str(value.address)}
    if isinstance(value, Digest):
        return {"$sha256": value.sha256, "length": value.length}
    if isinstance(value, Mapping):
        # A key that begins with a dollar gets a second one, so that user data is never taken for the two forms above.
        return {f"${key}" if key.startswith("$") else key: to_json(member) for key, member in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(member) for member in value]
    return value


def from_json(value: Value) -> Value:
    """The canonical value that ``to_json`` wrote."""
    if isinstance(value, dict):
        if value.keys() == {"$ref"}:
            return Reference(parse_address(value["$ref"]))
        if value.keys() == {"$sha256", "length"}:
            return Digest(value["$sha256"], value["length"])
        return {key.removeprefix("$"): from_json(member) for key, member in value.items()}
    if isinstance(value, list):
        return tuple(from_json(member) for member in value)
    return value


def fingerprint(value: Value) -> str:
    """SHA-256 over the value's JSON with sorted keys: equal values, equal fingerprints."""
    return hashlib.sha256(orjson.dumps(to_json(value), option=orjson.OPT_SORT_KEYS)).hexdigest()
