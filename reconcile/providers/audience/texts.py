"""One way in which addresses and texts about people are read, whether they come from CSV, Parquet or the platform.

Texts are in the Unicode form NFC and have no outer blanks. An address is compared by its key: in lower case, its
domain as DNS has it, so ``bücher.example`` and ``xn--bcher-kva.example`` are one. What is plain by the patterns here,
which RE2 and Python read alike, duckdb may see to itself; all else is asked of the functions.
"""

import re
import unicodedata
from contextlib import suppress
from functools import lru_cache
from typing import Final, NamedTuple

UNREADABLE: Final = "\uffff"  # stands for bytes that are no text in the file's encoding

YES: Final = ("true", "yes", "y", "1", "x", "si", "sì", "s", "ja", "da", "oui", "vero")
NO: Final = ("false", "no", "n", "0", "nein", "ne", "non", "falso")

# What exports leave in the place of a value, by which it can be known that it is none, or not what it was.
DAMAGED: Final = "|".join(
    (
        r"^(NULL|null|\(null\)|<null>|<NA>|NaN|nan|NaT|undefined|\[object Object\]|\\N)$",
        r"^#([A-Z0-9/]+[!?]|N/A|N/D|NV|##+)$",  # a spreadsheet's errors, in its users' languages
        r"^=.|^'[+=0-9]",  # a formula; the sign that what follows is text
        r"^[+-]?([0-9]+([.,][0-9]+)?[Ee]\+|[0-9]([.,][0-9]+)?(E-?|e-)|[0-9]+[.,][0-9]+[Ee]-?)[0-9]+$",
        r"^[+-]?[0-9]{7,}[.,]0+$",
        r"""\\"|\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|^b(".*"|'.*')$""",  # a program's way of writing texts
        r"&(#[0-9]+|#x[0-9A-Fa-f]+|[A-Za-z]{2,8});|%[Cc][2-9A-Fa-f]%[89ABab][0-9A-Fa-f]",  # HTML, URLs
    )
)
# Printable ASCII without blanks and what addresses can't have: @ < > ( ) [ ] , ; : " \ and what domains are made of.
_LOCAL: Final = r"[!#-'*+./0-9=?A-Z^-~-]"
_LABEL: Final = r"[0-9A-Za-z_-]"
PLAIN_ADDRESS: Final = rf"{_LOCAL}+@{_LABEL}+(\.{_LABEL}+)+"  # of at most PLAIN_LENGTH characters
PLAIN_LENGTH: Final = 64

_ANY_LOCAL: Final = re.compile(r"[^@<>()\[\],;:\"\\]{1,64}")
_ANY_LABEL: Final = re.compile(r"[^@<>()\[\],;:\"\\.]+")
_DAMAGED: Final = re.compile(DAMAGED)
_LINE_ENDS: Final = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_BIDI: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they turn what is shown around
# Letters and marks by their category, which show nothing; the others that do are of the categories C and Z.
_BLANKS: Final = frozenset(
    map(
        chr,
        (
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
            *(*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)),
        ),
    )
)
_ASCII_DOMAIN: Final = re.compile(rf"{_LABEL}+(\.{_LABEL}+)+")
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


def spelled(text: str) -> str:
    """A text in which characters that can't be seen, or look like a blank or a hyphen, are told by their number."""
    return "".join(f"\\u{ord(each):04x}" if _misleads(each) else each for each in text)


def _misleads(character: str) -> bool:
    category = unicodedata.category(character)
    return character not in " -" and (character in _BLANKS or category[0] in "CZ" or category == "Pd")


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
    """Whether a text is UTF-8 that was read as a Western or Central European encoding: NicolÃ², ÄŤuk."""
    if text.isascii():
        return False
    for encoding in ("cp1252", "latin-1", "cp1250"):
        with suppress(UnicodeError):
            if max(text.encode(encoding).decode("utf-8")) < "\u0180":
                if encoding != "cp1250" or not text.isupper():  # in capitals, TĂŞNAD is a town
                    return True
            # Where a letter that is seldom met would come of it, letters alone are no sign: Úžas.
            elif encoding != "cp1250" and not all(each.isascii() or each.isalpha() for each in text):
                return True
    return False


def read_address(text: str, longest: int) -> MailAddress:
    """An address of at most so many characters."""
    email = stripped(text)
    if not email:
        return MailAddress("", fault="has no address")
    if UNREADABLE in email:
        return MailAddress(email, fault="is not in the file's encoding")
    for character in email:
        if "!" <= character <= "~":
            continue
        if character in _BLANKS or unicodedata.category(character)[0] in "CZ":
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
    return MailAddress(email, f"{_local_key(local)}@{name}")


def key_of(text: str) -> str:
    """The key by which an address of the platform is compared, whatever it looks like."""
    email = stripped(text)
    local, at, domain = email.rpartition("@")
    return f"{_local_key(local)}{at}{domain_name(domain) or domain.lower()}"


def _local_key(local: str) -> str:
    """What stands before the @, in lower case; Python writes a capital sigma at the end of a word in another way."""
    return unicodedata.normalize("NFC", local.lower()).replace("ς", "σ")


@lru_cache(maxsize=10_000)
def domain_name(domain: str) -> str | None:
    """A domain as DNS has it, in lower case; None if it can't be one."""
    import idna

    labels = _DOT.split(domain)
    if len(labels) < 2 or not all(_ANY_LABEL.fullmatch(label) for label in labels):
        return None
    if domain.isascii():
        return domain.lower() if _ASCII_DOMAIN.fullmatch(domain) else None
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return None
