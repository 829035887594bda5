"""The boundary: what an answer must look like, checked once, where it comes in.

An operation says which members its answer must have, of which type, and which words an enumeration has. What does not
fit is one error, never a default: it names the operation, the member, what was seen (its shape, never its content) and
the row of the contract, or the assumption, that would correct it. Members that nobody knows are kept.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from reconcile.errors import ApiError, UnknownOutcome
from reconcile.model.assumption import Answer, Answers
from reconcile.providers.bounds import UNPACKED
from reconcile.providers.repeated import names, names_at_most, repeated

DEPTH = 64  # how deep objects and arrays may be nested
# Objects, arrays and members, and values in arrays, of one answer: each takes many times its bytes once it is read.
MEMBERS = 1_000_000
VALUES = 4_000_000
# Bytes that the texts of one answer may take once they are read: one emoji makes each character of its text take four.
TEXTS = UNPACKED
_LONGEST_ID = 200
_SHOWN = 30  # members that a description names
_LARGEST = 2**63
_FIRST, _LAST = -62_135_596_800, 253_402_300_799  # the years 1 and 9999: what is beyond is no time in seconds

# What a row of an answer is read by: nothing is converted unasked, and members that are not named are kept.
OPEN = ConfigDict(extra="allow", strict=True)

# Where in an answer something does not fit: numbers are rows, texts are members.
Place = tuple[int | str, ...]


class Misfit(UnknownOutcome):
    """The platform's answer is not what was expected.

    Asking again would give the same, so that it is never repeated; a write may have been carried out nevertheless.
    ``answer`` is what came, for whoever wants to see it; ``twice`` where a member stands there twice, so that there is
    no answer to be seen.
    """

    code = "unexpected-answer"
    answer: Any = None
    twice: Place | None = None

    def point_to(self, where: str) -> None:
        """Add to the hint where to look."""
        self.diagnostics = tuple(replace(found, hint=f"{found.hint} {where}") for found in self.diagnostics)


class Unusable(UnknownOutcome):
    """No usable answer: the call may or may not have been carried out."""


class Excess(ValueError):
    """JSON with more in it, or deeper nested, than anybody needs; the text says what."""


class Repeated(ValueError):
    """JSON with an object that has two members of one name; ``place`` is that of the second one."""

    def __init__(self, place: Place) -> None:
        super().__init__("two members of one name")
        self.place = place


def parse(content: bytes) -> Any:
    """The JSON in an answer.

    Raises:
        Excess: it is nested too deep, or has too much in it. Repeated: an object has two members of one name.
        ValueError: it is no JSON, or holds a number that no member can have.
    """
    if sum(map(content.count, (b'":', b"[", b"{"))) > MEMBERS or content.count(b",") > VALUES:
        raise Excess(f"an answer of more than {MEMBERS:,} members or {VALUES:,} values")
    if _texts(content) > TEXTS:
        raise Excess(f"an answer whose texts would take more than {TEXTS // 2**20} MiB")
    most = names_at_most(content)
    answer = orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
    kept = _members(answer)
    if most > kept and names(content) > kept:
        del answer  # of a large one, the names alone take enough
        raise Repeated(repeated(content))
    return answer


_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_FOUR_BYTES = re.compile(rb"[\xf0-\xff]|\\u[dD][89abAB]")
_CONTINUED = bytes(range(0x80, 0xC0))
_PIECE = 2**20  # bytes that are copied at a time


def _texts(content: bytes) -> int:
    """The bytes that the texts of an answer take in memory, at the most; small answers aren't looked at."""
    if 4 * len(content) <= TEXTS or (content.isascii() and b"\\u" not in content):
        return 0
    taken = 0
    for found in _TEXT.finditer(content):
        start, end = found.span()
        plain = content[start:end].isascii() and content.find(b"\\u", start, end) < 0
        width = 1 if plain else 4 if _FOUR_BYTES.search(content, start, end) else 2
        taken += width * _characters(content, start, end)
    return taken


def _characters(content: bytes, start: int, end: int) -> int:
    pieces = (content[at : min(at + _PIECE, end)] for at in range(start, end, _PIECE))
    return sum(len(piece.translate(None, _CONTINUED)) for piece in pieces)


def _members(answer: Any) -> int:
    """How many members all its objects have together."""
    members, level = 0, [answer]
    for _ in range(DEPTH + 1):
        members += sum(len(each) for each in level if isinstance(each, dict))
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return members
    raise Excess(f"an answer that is nested deeper than {DEPTH} levels")


def _id(value: Any) -> Any:
    # One or two dots would be taken out of a path, and something else be called.
    named = isinstance(value, str) and 0 < len(value) <= _LONGEST_ID and value not in (".", "..")
    if named and value.isprintable() and value.strip() == value:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and -_LARGEST <= value < _LARGEST:
        return str(value)
    raise PydanticCustomError("id", "a number or a text that names one thing")


def _raw_id(value: Any) -> Any:
    _id(value)
    return value


def _whole_id(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"[1-9][0-9]{0,17}", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST:
        return value
    raise PydanticCustomError("whole_id", "a whole number")


def _bit(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
        return int(value)
    raise PydanticCustomError("bit", "0 or 1")


def _seconds(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and _FIRST <= value <= _LAST:
        return value
    raise PydanticCustomError("seconds", "a UNIX time in seconds")


# An id is opaque: whatever it is on the wire, it is a text here.
Id = Annotated[str, BeforeValidator(_id)]
# An id as it came, a number or a text.
RawId = Annotated[Any, BeforeValidator(_raw_id)]
# An id that filters compare and ranges count through; a text of digits is taken for the number.
WholeId = Annotated[int, BeforeValidator(_whole_id)]
_T = TypeVar("_T")
# An array whose first misfit is told: of a large one all would take gigabytes.
Rows = Annotated[list[_T], Field(fail_fast=True)]
Text = Annotated[str, Field(strict=True)]
Number = Annotated[int, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0)]
# UNIX seconds that are a time: milliseconds are none.
Seconds = Annotated[int, BeforeValidator(_seconds)]
Flag = Annotated[bool, Field(strict=True)]
# 0 or 1, false or true: 0 or 1 here.
Bit = Annotated[int, BeforeValidator(_bit)]
# A date as our own clients write it, once the platform's form was read.
Moment = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]

_EXPECTED = {
    "missing": "",
    "string_type": "a text",
    "string_pattern_mismatch": "a date",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "greater_than_equal": "a number of 0 or more",
    "bool_type": "true or false",
    "list_type": "an array",
    "dict_type": "an object",
    "typed_dict_type": "an object",
    "none_required": "null",
    "id": "an id",
    "whole_id": "an id that is a whole number",
    "bit": "0 or 1",
    "seconds": "a UNIX time in seconds",
}


def fit(
    operation: str,
    shape: TypeAdapter[Any],
    answer: Any,
    remedy: Callable[[Place, str], str],
) -> Any:
    """The answer, if it has the shape; ``remedy`` says for a place, and what is wrong there, what would correct it.

    Raises:
        Misfit: it has not.
    """
    try:
        return shape.validate_python(answer)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=True, include_input=False)[0]
        place: Place = tuple(found["loc"])
        raise misfit(operation, place, _fault(found, answer, place), remedy(place, found["type"]), answer) from None


def refuse_repeated(
    operation: str, rows: Iterable[Mapping[str, Any]], names: tuple[str, ...], remedy: str, within: Place = ()
) -> None:
    """Refuse rows that say different things of one id: nobody can tell which of them holds.

    Raises:
        Misfit: there are such.
    """
    seen: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for number, row in enumerate(rows):
        first = seen.setdefault(tuple(row[name] for name in names), row)
        if first is not row and first != row:
            raise misfit(
                operation, (*within, number, names[-1]), " is that of a row before it, which says otherwise", remedy
            )


_TYPES = "types"  # of an account's answers: the members that are of another type


def note_types(answers: dict[str, Answer], check: Callable[[], Any], seen: Answer) -> None:
    """Put on record which member of an answer is of another type than assumed, for ``other_types``."""
    if not seen.fine:
        return
    known = answers.setdefault(_TYPES, Answer(None, []))
    try:
        check()
    except Misfit as error:
        (found,) = error.diagnostics
        fault = found.detail.partition("understood: ")[2]
        # What has another name, other words or another form has a row of its own.
        if " should be " in fault and not any(row in (found.hint or "") for row in ("`v.", "`c.")):
            known.content.append(f"{found.detail.partition(':')[0]} {fault.rstrip('.')}")
    except ApiError:
        pass


def note_twice(answers: dict[str, Answer], error: ApiError) -> None:
    """The same of an answer that has a member twice; other errors tell nothing."""
    if isinstance(error, Misfit) and error.twice is not None:
        known = answers.setdefault(_TYPES, Answer(None, []))
        operation, _, fault = error.diagnostics[0].detail.partition(": the answer can't be understood: ")
        known.content.append(f"{operation} {fault.rstrip('.')}")


def other_types(answers: Answers) -> str | None:
    """The members that are of another type than assumed, or there twice, in words; None: no answer was read."""
    known = answers.get(_TYPES)
    return None if known is None else "; ".join(sorted(set(known.content)))


def misfit(operation: str, place: Place, fault: str, remedy: str, answer: Any = None) -> Misfit:
    """The error for one thing that does not fit."""
    error = Misfit(f"{operation}: the answer can't be understood: {_named(place)}{fault}.", hint=remedy)
    error.answer = answer
    return error


def ambiguous(operation: str, place: Place) -> Misfit:
    """The error for an answer that has a member twice; what is assumed there, its provider says (``point_to``)."""
    # A name that looks like none of a member may say something of somebody.
    shown = tuple(part if isinstance(part, int) or _NAME.fullmatch(part) else "..." for part in place)
    error = misfit(operation, shown, " stands there twice", "Ask the platform's support which of the two holds.")
    error.twice = place
    return error


def _fault(found: Any, answer: Any, place: Place) -> str:
    if found["type"] == "missing":
        return f" is missing; there is {described(_at(answer, place[:-1]))}"
    expected = _EXPECTED.get(found["type"]) or str(found["msg"]).replace("Input should be ", "")
    return f" should be {expected} and is {described(_at(answer, place))}"


def _named(place: Place) -> str:
    """A place in words: `group.id` in row 3."""
    members = ".".join(str(part) for part in place if isinstance(part, str))
    rows = [part for part in place if isinstance(part, int)]
    where = f" in row {rows[0] + 1}" if rows else ""
    return f"`{members}`{where}" if members else (f"row {rows[0] + 1}" if rows else "it")


def _at(answer: Any, place: Place) -> Any:
    for part in place:
        try:
            answer = answer[part]
        except (KeyError, IndexError, TypeError):
            return None
    return answer


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{0,29}")


def described(value: Any) -> str:
    """The shape of a value in words, never what it says: "an object of id (number), label (text)"."""
    if isinstance(value, Mapping):
        named = [name for name in value if isinstance(name, str) and _NAME.fullmatch(name)]
        shown = [f"{name} ({_sort(value[name])})" for name in named[:_SHOWN]]
        others = len(value) - len(shown)
        return (
            f"an object of {', '.join(shown)}{f' and {others} more' if others else ''}" if value else "an empty object"
        )
    if isinstance(value, list):
        return f"an array of {len(value)}" if value else "an empty array"
    return {"null": "null", "flag": "true or false"}.get(sort := _sort(value), f"a {sort}")


def word(value: Any) -> str:
    """A word of an enumeration as a message may show it: one that looks like anything else is only described."""
    return f'"{value}"' if isinstance(value, str) and _WORD.fullmatch(value) else described(value)


def _sort(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text" if value else "empty text"
    return "object" if isinstance(value, Mapping) else "array"


def says_error(answer: Any, names: Iterable[str] = (), but: Collection[str] = ()) -> str | None:
    """What an object says that looks like an error's: its text, or None.

    ``names`` are further members to look at, ``but`` those that are something else here, in lower case.
    """
    if not isinstance(answer, Mapping):
        return None
    lower = {str(name).lower(): value for name, value in answer.items()}
    for name in ("errormessage", "message", "error_description", "error", "exceptionmessage", *names):
        found = lower.get(name.lower()) if name.lower() not in but else None
        if isinstance(found, Mapping):
            found = found.get("message")
        if isinstance(found, str) and found.strip():
            return found.strip()[:500].rstrip(".")
    return None


def told(content: Any) -> str | None:
    """What a refusal says, whatever the member is called; with what it says of single members (``modelState``)."""
    if not isinstance(content, Mapping):
        return None
    lower = {str(name).lower(): value for name, value in content.items()}
    inner = lower.get("error")
    found = (
        lower.get("errormessage")
        or lower.get("message")
        or (inner.get("message") if isinstance(inner, Mapping) else lower.get("error_description") or inner)
    )
    fields = lower.get("modelstate")
    if isinstance(fields, Mapping) and fields:
        found = f"{found} ({'; '.join(f'{name}: {_joined(texts)}' for name, texts in fields.items())})"
    return str(found)[:500].rstrip(".") if found else None


def _joined(texts: Any) -> str:
    return ", ".join(map(str, texts)) if isinstance(texts, list | tuple) else str(texts)
