"""What a message may say of people: addresses masked, and what was said of them taken out again."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_ADDRESS = re.compile(r"[^\s@\"'<>(),;:=&?\[\]{}]+(?:@|%40)[^\s@\"'<>(),;:=&?\[\]{}]+", re.IGNORECASE)
_WORD = 4  # shorter texts are taken out as whole words only


def mask(address: str) -> str:
    """An address as it may be shown: m***@e***.com."""
    local, _, domain = address.partition("@")
    ending = domain.rpartition(".")[2] if "." in domain else ""
    return f"{local[:1]}***@{domain[:1]}***{'.' + ending if ending else ''}"


def without_people(text: str, private: Iterable[str] = ()) -> str:
    """A text with its addresses masked; ``private`` are texts about people, which become ``***``."""
    folded = text.lower()
    # There may be a million of them, and a message is short.
    found = {part for given in private if len(part := given.strip()) > 1 and part.lower() in folded}
    text = _ADDRESS.sub(lambda match: mask(re.sub("%40", "@", match[0], flags=re.IGNORECASE).rstrip(".")), text)
    for part in sorted(found, key=len, reverse=True):
        edge = r"\b" if len(part) < _WORD else ""
        text = re.sub(f"{edge}{re.escape(part)}{edge}", "***", text, flags=re.IGNORECASE)
    return text


def texts(value: Any) -> Iterator[str]:
    """Every text within a value of plain JSON types, names of members aside."""
    if isinstance(value, Mapping):
        for member in value.values():
            yield from texts(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from texts(member)
    elif isinstance(value, str):
        yield value
