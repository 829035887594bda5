"""Merge tags filled with sample people, so that a mail reads as one that somebody gets."""

import re
from collections.abc import Mapping, Sequence

from reconcile.mail.source import MERGE_TAG

Person = Mapping[str, str]
INVENTED: tuple[Person, ...] = (
    {"name": "Anna", "surname": "Rossi", "email": "anna.rossi@example.com", "city": "Gorizia", "company": "Rossi Srl"},
    {"name": "Bartholomew", "surname": "Featherstonehaugh-Smythe", "email": "b@example.org", "city": "", "company": ""},
)
_KNOWN = {
    "firstname": "name",
    "fname": "name",
    "forename": "name",
    "nome": "name",
    "ime": "name",
    "lastname": "surname",
    "lname": "surname",
    "cognome": "surname",
    "emailaddress": "email",
    "emaillogin": "email",
    "mail": "email",
    "town": "city",
    "companyname": "company",
}
_STEERING = re.compile(r"\{\{\s*[#/^!>]|\{\{\s*else|\{%|\[\[\s*(?:if|end|else)\b|#\[\s*/?LOOP|^\{/", re.IGNORECASE)
_TAG = re.compile(MERGE_TAG)
# Where merge tags stay as they are: within tags, style sheets and comments.
_CODE = re.compile(
    r"<!--.*?(?:-->|$)|<(style|script|title|textarea)\b.*?(?:</\1|$)|<[A-Za-z/!?](?:\"[^\"]*\"|'[^']*'|[^>\"'])*>",
    re.DOTALL | re.IGNORECASE,
)


def filled(source: str, person: Person) -> str:
    """The source with what the platform would put for a person; tags that only steer are left out."""
    parts, position = [], 0
    for code in _CODE.finditer(source):
        parts += [_TAG.sub(lambda match: _shown(match[0], person), source[position : code.start()]), code[0]]
        position = code.end()
    return "".join([*parts, _TAG.sub(lambda match: _shown(match[0], person), source[position:])])


def value(tag: str, person: Person) -> str | None:
    """What a person's value of a tag is; None where it is not about the person."""
    words = re.findall(r"[a-z]+", tag.lower())
    for word in ("".join(words), *words):
        name = _KNOWN.get(word, word)
        if name in person:
            return person[name]
    return None


def table(tags: Mapping[str, int], people: Sequence[Person]) -> list[tuple[str, int, tuple[str, ...]]]:
    """Each tag, how often it stands in the mail, and what each sample person gets."""
    rows = []
    for tag, count in tags.items():
        values = tuple(value(tag, person) for person in people)
        rows.append((tag, count, tuple("" if each is None else each or "(empty)" for each in values)))
    return rows


def _shown(tag: str, person: Person) -> str:
    import html

    if _STEERING.search(tag):
        return ""
    found = value(tag, person)
    if found is not None:
        return html.escape(found)
    if re.fullmatch(r"\{(?:un)?(?:subscribe|modify|view|profile)\w*\}", tag):
        return ""  # what is between this tag and its closing one becomes a link
    return tag
