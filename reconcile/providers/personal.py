"""What a message may say of people: addresses masked, and what was said of them taken out again."""

import re
from collections.abc import Iterable

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
