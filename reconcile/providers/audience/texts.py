"""One way in which addresses and texts about people are read, whether they come from CSV, Parquet or the platform.

Texts are in the Unicode form NFC and have no outer blanks. An address is compared by its key: in lower case, its
domain as DNS has it, so ``bücher.example`` and ``xn--bcher-kva.example`` are one. What is plain by the patterns here,
which RE2 and Python read alike, duckdb may see to itself; all else is asked of the functions.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple

UNREADABLE: Final = "\uffff"  # stands for bytes that are no text in the file's encoding

YES: Final = ("true", "yes", "y", "1", "x", "si", "sì", "s", "ja", "da", "oui", "vero")
NO: Final = ("false", "no", "n", "0", "nein", "ne", "non", "falso")

DAMAGED: Final = (
    r"^(NULL|NaN|nan|undefined|\[object Object\]|\\N|#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!))$"
    r'|^="|\\"|\\x[0-9A-Fa-f][0-9A-Fa-f]|^[+-]?[0-9](\.[0-9]+)?E[+-]?[0-9]+$|^[+-]?[0-9]{7,}\.0+$'
)
# Printable ASCII without blanks and what addresses can't have: @ < > ( ) [ ] , ; : " \ and, in domains, the dot.
_LOCAL: Final = r"[!#-'*+./0-9=?A-Z^-~-]"
_LABEL: Final = r"[!#-'*+/0-9=?A-Z^-~-]"
PLAIN_ADDRESS: Final = rf"{_LOCAL}+@{_LABEL}+(\.{_LABEL}+)+"  # of at most PLAIN_LENGTH characters
PLAIN_LENGTH: Final = 64

_ANY_LOCAL: Final = re.compile(r"[^@<>()\[\],;:\"\\]{1,64}")
_ANY_LABEL: Final = re.compile(r"[^@<>()\[\],;:\"\\.]+")
_DAMAGED: Final = re.compile(DAMAGED)
_LINE_ENDS: Final = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_BIDI: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they turn what is shown around
_DOT: Final = re.compile("[.\u3002\uff0e\uff61]")


class Text(NamedTuple):
    """A value, or what is wrong with it, or what is odd about it."""

    value: str
    fault: str = ""
    oddity: str = ""


class MailAddress(NamedTuple):
    """An address as it is written, the key by which it is compared, or what is wrong with it."""

    email: str
    key: str = ""
    fault: str = ""


def stripped(text: str) -> str:
    """A text in the form NFC without outer blanks: tabs, and what Unicode calls a space."""
    start, end = 0, len(text)
    while start < end and _blank(text[start]):
        start += 1
    while end > start and _blank(text[end - 1]):
        end -= 1
    return unicodedata.normalize("NFC", text[start:end])


def _blank(character: str) -> bool:
    return character in " \t" or (character > "\x7f" and unicodedata.category(character) == "Zs")


def read_text(text: str) -> Text:
    """A value about somebody; what it says is wrong begins with "has"."""
    value = stripped(text)
    if UNREADABLE in value:
        return Text(value, "is not in the file's encoding")
    oddity = ""
    for character in value:
        if " " <= character <= "~":
            continue
        if character in _LINE_ENDS:
            return Text(value, "has a line end within a value")
        category = unicodedata.category(character)
        if category in ("Cc", "Cs") or character in _BIDI:
            return Text(value, f"has a control character (U+{ord(character):04X}) in a value")
        if category == "Cf" and not oddity:
            oddity = f"U+{ord(character):04X}"
    if _DAMAGED.search(value) or "\ufffd" in value or _is_mojibake(value):
        return Text(value, "has a value that looks damaged")
    return Text(value, oddity=oddity)


def _is_mojibake(text: str) -> bool:
    """Whether a text is UTF-8 that was read as a Western encoding: NicolÃ²."""
    if text.isascii():
        return False
    for encoding in ("cp1252", "latin-1"):
        try:
            return not text.encode(encoding).decode("utf-8").isascii()
        except UnicodeError:
            continue
    return False


def read_address(text: str, longest: int) -> MailAddress:
    """An address of at most so many characters."""
    email = stripped(text)
    if not email:
        return MailAddress("", fault="has no address")
    if UNREADABLE in email:
        return MailAddress(email, fault="is not in the file's encoding")
    for character in email:
        if not "!" <= character <= "~" and unicodedata.category(character)[0] in "CZ":
            if character == " ":
                break
            return MailAddress(email, fault=f"has an invisible character (U+{ord(character):04X}) in its address")
    local, at, domain = email.partition("@")
    name = domain_name(domain)
    well_formed = at and " " not in email and len(email) <= longest and _ANY_LOCAL.fullmatch(local) and name
    if not well_formed or "\ufffd" in email:
        return MailAddress(email, fault="has a malformed address")
    if _is_mojibake(email):
        return MailAddress(email, fault="has an address that looks damaged")
    return MailAddress(email, f"{unicodedata.normalize('NFC', local.lower())}@{name}")


def key_of(text: str) -> str:
    """The key by which an address of the platform is compared, whatever it looks like."""
    email = stripped(text)
    local, at, domain = email.rpartition("@")
    return f"{unicodedata.normalize('NFC', local.lower())}{at}{domain_name(domain) or domain.lower()}"


@lru_cache(maxsize=10_000)
def domain_name(domain: str) -> str | None:
    """A domain as DNS has it, in lower case; None if it can't be one."""
    import idna

    labels = _DOT.split(domain)
    if len(labels) < 2 or not all(_ANY_LABEL.fullmatch(label) for label in labels):
        return None
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return None
