"""Which texts look alike: what a platform, a form or an editor may make of a name without anybody meaning another one.

One notion for all that asks whether something is there already: the search before a create, the look-up after a lost
reply, hints at renames, entries declared twice. Equal keys may be taken for one; those that are merely alike are shown
to a person, both by name.
"""

import html
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from reconcile.model.attributes import Value

# From here on a text that is the beginning of another one may be that one, cut off to fit a column.
_CUT = 50
_NO_SKELETON = re.compile("[^0-9A-Za-z]")
_BLANKS = re.compile(r"\s+")
_STANDS_FOR_ANOTHER = "?\N{REPLACEMENT CHARACTER}"
_BEYOND_THREE_BYTES = re.compile("[\U00010000-\U0010ffff]")


def alike(left: Value, right: Value) -> bool:
    """Whether two values may be one: equal, or texts that a platform may have made of one another."""
    if isinstance(left, str) and isinstance(right, str):
        return left == right or _alike(plain(left), plain(right))
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(alike, left, right))
    return bool(left == right)


def plain(text: str) -> str:
    """A text without what people don't see or don't mean: form, case, blanks, invisible characters, entities."""
    text = unicodedata.normalize("NFC", html.unescape(html.unescape(text)))
    visible = (char for char in text if unicodedata.category(char) not in ("Cf", "Cc", "Co", "Cs") or char.isspace())
    return _BLANKS.sub(" ", "".join(visible)).strip().casefold()


def tokens(key: Iterable[Value]) -> frozenset[str]:
    """What keys that are alike have in common, to find them without comparing each with each: at least one of these."""
    return frozenset(token for part in key if isinstance(part, str) for token in _tokens(part))


class Keys:
    """Natural keys, and which of them a key is alike."""

    def __init__(self, keys: Iterable[tuple[Value, ...]] = ()) -> None:
        self._by_token: dict[str, dict[tuple[Value, ...], None]] = defaultdict(dict)
        for key in keys:
            self.add(key)

    def add(self, key: tuple[Value, ...]) -> None:
        """One more."""
        for token in tokens(key):
            self._by_token[token][key] = None

    def like(self, key: tuple[Value, ...] | None) -> list[tuple[Value, ...]]:
        """Those that a key is alike, itself among them."""
        if key is None or not self._by_token:
            return []
        near = {other: None for token in tokens(key) for other in self._by_token.get(token, ())}
        return [other for other in near if alike(key, other)]


def named(text: str) -> str:
    """A text in which each character that can't be seen, or is taken for a blank, is written as its code point."""
    return "".join(char if _is_seen(char) else f"<U+{ord(char):04X}>" for char in text)


def differ_unseen(left: Value, right: Value) -> bool:
    """Whether two different texts look the same to a reader, so that a difference has to be spelled out."""
    return isinstance(left, str) and isinstance(right, str) and left != right and _look(left) == _look(right)


def spelled(text: str) -> str:
    """A text for a reader who has to see in what it differs from one that looks the same: its composition, too."""
    return "".join(
        char if _is_seen(char) and not unicodedata.combining(char) else f"<U+{ord(char):04X}>" for char in text
    )


def _alike(left: str, right: str) -> bool:
    if left == right:
        return True
    if any(mark in text for text in (left, right) for mark in _STANDS_FOR_ANOTHER):
        return _replaced(left, right) or _replaced(right, left)
    if not (left.isascii() and right.isascii()) and _ascii(left) == _ascii(right) and _is_lossy(left, right):
        return True
    shorter, longer = sorted((left, right), key=len)
    return bool(shorter) and longer.startswith(shorter) and _was_cut(shorter, longer)


def _was_cut(shorter: str, longer: str) -> bool:
    """Whether a column was full, or ended at a character that it could not hold."""
    rest = longer[len(shorter) :].lstrip()
    return len(shorter) >= _CUT or bool(_BEYOND_THREE_BYTES.match(rest))


def _is_lossy(left: str, right: str) -> bool:
    """Whether one of them has lost characters that the other still has, and no letter stands for another."""
    return left.isascii() or right.isascii()


def _replaced(whole: str, stored: str) -> bool:
    """Whether characters outside of ASCII became question marks, one or several for each."""
    pattern = "".join(
        re.escape(char) if char not in _STANDS_FOR_ANOTHER else rf"(?:[^\x00-\x7f]+|{re.escape(char)})"
        for char in re.sub(r"([?\ufffd])\1*", r"\1", stored)
    )
    return re.fullmatch(pattern, re.sub(r"([?\ufffd])\1*", r"\1", whole)) is not None


def _ascii(text: str) -> str:
    return _BLANKS.sub(" ", "".join(char for char in text if char.isascii())).strip()


def _tokens(text: str) -> Iterable[str]:
    normal = plain(text)
    # Whole, so that names which merely begin in one way are not held against one another.
    yield _skeleton(normal) or normal
    if len(normal) >= _CUT:
        yield f"{_skeleton(normal[:_CUT])}..."
    if beyond := _BEYOND_THREE_BYTES.search(normal):
        yield _skeleton(normal[: beyond.start()]) or normal


def _skeleton(text: str) -> str:
    return _NO_SKELETON.sub("", text)


def _is_seen(char: str) -> bool:
    return char == " " or (not char.isspace() and unicodedata.category(char) not in ("Cf", "Cc", "Co", "Cs", "Zs"))


def _look(text: str) -> str:
    return _BLANKS.sub(
        " ", "".join(char for char in unicodedata.normalize("NFC", text) if _is_seen(char) or char.isspace())
    ).strip()
