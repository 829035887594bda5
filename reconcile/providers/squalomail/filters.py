"""Filters of ``get-data``, built from documented forms only (System API page, function 14).

A condition is a small value; ``render`` writes it down, such as ``mailid==31||subject=="Hello"``. The language has no
parentheses, so what is nested is multiplied out: any of several alternatives, each being several terms that all hold.

Quotes can't be escaped, so a text with both kinds of quotes can't be compared with; ``equals`` seeks it by a part of
it, and the caller compares what comes back exactly, as it must anyway: whether the platform compares case is not
documented.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

# Terms and characters of one request's filter; the platform documents no bound, so ours is a cautious one.
MAX_TERMS = 250
MAX_LENGTH = 16_000

_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_LARGEST = 10**17  # whole numbers that survive on either side, as integers of 64 bits and as floats of SQL

_MAIL = "mailid:n subject:t body:t altbody:t published:n senddate:n created:n fromemail:t fromname:t replytoemail:t "
_RECIPIENT = "subid:n email:t name:t enabled:n ip:t html:n accept:n created:n confirmed:n confirmed_date:n "
_STATS = "mailid:n senthtml:n senttext:n senddate:n openunique:n opentotal:n cliclunique:n clicktotal:n bounceunique:n "
_USER_STATS = "subid:n mailid:n open:n opendate:n bounce:n fail:n browser:t browser_version:n is_mobile:n mobile_os:t "
_DOCUMENTED = {
    "Field": "fieldid:n fieldname:t namekey:t type:t value:t published:n ordering:n",
    "History": "subid:n date:n action:t",
    "List": "listid:n name:t category:t color:t visible:n alias:t",
    "ListMail": "listid:n mailid:n",
    "ListSub": "listid:n subid:n subdate:n unsubdate:n status:n",
    "Mail": _MAIL + "replytoname:t language:t",
    "Recipient": _RECIPIENT + "lastopen_date:n lastclick_date:n lastsent_date:n",
    "Stats": _STATS + "fail:n unsub:n forward:n",
    "Url": "urlid:n name:t url:t",
    "UrlClick": "mailid:n subid:n urlid:n click:n date:n ip:t",
    "UserStats": _USER_STATS + "user_agent:t",
}

Fields: TypeAlias = Mapping[str, type[int] | type[str]]

# The eleven entities with the fields that the page promises to filter by, and the type of each.
ENTITIES: Mapping[str, Fields] = {
    entity: {name: int if kind == "n" else str for name, kind in (part.split(":") for part in fields.split())}
    for entity, fields in _DOCUMENTED.items()
}


class Inexpressible(ValueError):
    """The documented filter language has no form for this; the message says why."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """``field operator value``, the operator being one of ``== != > >= < <=``; texts are quoted, numbers are not.

    A field that has no value (null) differs from every value; by order it is neither less nor more.
    """

    field: str
    operator: str
    value: str | int


@dataclass(frozen=True, slots=True)
class StartsWith:
    """The field, a text, begins with a text."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class EndsWith:
    """The field, a text, ends with a text."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Not:
    """The operand doesn't hold."""

    operand: "Condition"


@dataclass(frozen=True, slots=True)
class Every:
    """All operands hold; without any, this holds for every row."""

    operands: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one operand holds; without any, this holds for no row."""

    operands: tuple["Condition", ...]


Condition: TypeAlias = Comparison | StartsWith | EndsWith | Not | Every | Either
Alternatives: TypeAlias = tuple[tuple[str, ...], ...]


def render(condition: Condition, entity: str | None = None) -> str:
    """The condition as a filter; empty where every row meets it. ``entity`` has its fields and their types checked.

    Raises:
        Inexpressible: the documented language can't say it.
    """
    alternatives = _alternatives(condition, False, ENTITIES[entity] if entity is not None else None)
    if not alternatives:
        raise Inexpressible("no row can meet the condition, and no filter says that")
    if () in alternatives:
        return ""
    text = "||".join("&&".join(terms) for terms in alternatives)
    if len(text) > MAX_LENGTH:
        raise Inexpressible(f"the filter would have {len(text):,} characters; {MAX_LENGTH:,} are the most we send")
    return text


def equals(field: str, value: str | int) -> str:
    """The condition that a field has a value (for a text with both kinds of quotes: that it begins like it)."""
    if isinstance(value, int):
        return f"{field}=={value}"
    if '"' not in value or "'" not in value:
        return f"{field}=={_quoted(value)}"
    # The part up to the first quote of the kind that comes later holds at most the other kind.
    start = value[: max(value.index('"'), value.index("'"))]
    return f"{field}.Startwith({_quoted(start)})"


def any_of(conditions: Iterable[str]) -> Iterator[list[str]]:
    """The conditions, as many together as may stand in one filter."""
    terms: list[str] = []
    length = 0
    for condition in conditions:
        if terms and (len(terms) == MAX_TERMS or length + len(condition) > MAX_LENGTH):
            yield terms
            terms, length = [], 0
        terms.append(condition)
        length += len(condition) + 2
    if terms:
        yield terms


def _alternatives(condition: Condition, negated: bool, fields: Fields | None) -> Alternatives:
    """The condition, or its negation, as alternatives of terms."""
    match condition:
        case Not(operand):
            return _alternatives(operand, not negated, fields)
        case Every(operands) | Either(operands):
            parts = [_alternatives(operand, negated, fields) for operand in operands]
            # De Morgan: what is negated becomes the other of the two.
            return _product(parts) if isinstance(condition, Every) is not negated else _bounded(sum(parts, ()))
        case Comparison():
            return ((_comparison(condition, negated, fields),),)
        case StartsWith(field, text):
            return ((_call(field, "Startwith", text, negated, fields),),)
        case EndsWith(field, text):
            return ((_call(field, "Endswith", text, negated, fields),),)


def _product(parts: Iterable[Alternatives]) -> Alternatives:
    """The alternatives of several conditions that all have to hold."""
    product: Alternatives = ((),)
    for part in parts:
        product = _bounded(tuple(before + terms for before in product for terms in part))
    return product


def _bounded(alternatives: Alternatives) -> Alternatives:
    terms = sum(map(len, alternatives))
    if terms > MAX_TERMS:
        raise Inexpressible(f"without parentheses it would take more than {MAX_TERMS} terms")
    return alternatives


def _comparison(condition: Comparison, negated: bool, fields: Fields | None) -> str:
    field, value = condition.field, condition.value
    if condition.operator not in _OPPOSITE:
        raise Inexpressible(f"there is no operator {condition.operator}")
    _check_field(field, type(value), fields)
    # The page shows "!" before a function only; of a comparison the opposite operator says the same.
    operator = _OPPOSITE[condition.operator] if negated else condition.operator
    return f"{field}{operator}{_quoted(value) if isinstance(value, str) else _number(value)}"


def _call(field: str, function: str, text: str, negated: bool, fields: Fields | None) -> str:
    _check_field(field, str, fields)
    return f"{'!' if negated else ''}{field}.{function}({_quoted(text)})"


def _check_field(field: str, wanted: type, fields: Fields | None) -> None:
    if not _NAME.fullmatch(field):
        raise Inexpressible(f"{field!r} is no name of a field")
    if wanted not in (int, str):
        raise Inexpressible(f"{field} can be compared with a text or a whole number, not with {wanted.__name__}")
    if fields is None:
        return
    if field not in fields:
        raise Inexpressible(f"{field} is none of the documented fields: {', '.join(fields)}")
    if fields[field] is not wanted:
        raise Inexpressible(f"{field} is a {'text' if fields[field] is str else 'number'}")


def _number(value: int) -> str:
    if abs(value) > _LARGEST:
        raise Inexpressible(f"{value} is larger than any number of the platform")
    return str(value)


def _quoted(text: str) -> str:
    quote = next((quote for quote in "\"'" if quote not in text), None)
    if quote is None:
        raise Inexpressible("a text with both kinds of quotes can't be written, as there is no escape for them")
    return f"{quote}{text}{quote}"
