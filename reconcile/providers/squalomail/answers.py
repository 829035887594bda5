"""What each answer of SqualoMail must have (System API page): envelopes, and the rows of the entities of ``get-data``.

Required is what some decision rests on. Writes answer an envelope, of which nothing is used but its code and the id of
what was made. Two names are told apart where the page and the platform's tables differ.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, Required

from pydantic import BeforeValidator, TypeAdapter, with_config
from typing_extensions import TypedDict

from reconcile.errors import ApiError
from reconcile.model.call import Call
from reconcile.providers.shapes import (
    OPEN,
    Bit,
    Count,
    Flag,
    Id,
    Misfit,
    Number,
    Place,
    Rows,
    Seconds,
    Text,
    WholeId,
    described,
    fit,
    misfit,
    refuse_repeated,
    says_error,
)

_TextOrNone = Text | None
_SecondsOrNone = Annotated[Seconds | None, BeforeValidator(lambda value: value)]
_BitOrNone = Annotated[Bit | None, BeforeValidator(lambda value: value)]


@with_config(OPEN)
class _Pair(TypedDict, total=False):
    Key: Required[Text]
    Value: Required[Annotated[Text | None, BeforeValidator(lambda value: str(value) if type(value) is int else value)]]


@with_config(OPEN)
class _Field(TypedDict, total=False):
    fieldid: Required[WholeId]
    namekey: Required[Text]
    fieldname: Required[_TextOrNone]
    type: Required[_TextOrNone]
    value: Required[_TextOrNone]
    published: Required[Bit]
    ordering: Required[Number]
    core: _BitOrNone


@with_config(OPEN)
class _History(TypedDict, total=False):
    subid: Required[WholeId]
    date: Required[_SecondsOrNone]
    action: _TextOrNone


@with_config(OPEN)
class _List(TypedDict, total=False):
    listid: Required[WholeId]
    name: Required[Text]


@with_config(OPEN)
class _ListMail(TypedDict, total=False):
    listid: Required[WholeId]
    mailid: Required[WholeId]


@with_config(OPEN)
class _ListSub(TypedDict, total=False):
    listid: Required[WholeId]
    subid: Required[WholeId]
    # 1 is on the list, whatever else there is is not (reference, section 5.5).
    status: Required[Number]
    subdate: Required[_SecondsOrNone]


@with_config(OPEN)
class _Mail(TypedDict, total=False):
    mailid: Required[WholeId]
    subject: Required[_TextOrNone]
    body: Required[_TextOrNone]
    altbody: Required[_TextOrNone]
    published: Required[Literal[0, 1, 2]]
    senddate: Required[_SecondsOrNone]
    fromemail: Required[_TextOrNone]
    fromname: Required[_TextOrNone]
    replytoemail: _TextOrNone
    replyemail: _TextOrNone
    replytoname: _TextOrNone
    replyname: _TextOrNone
    language: Required[_TextOrNone]
    type: _TextOrNone
    visible: _BitOrNone


@with_config(OPEN)
class _Recipient(TypedDict, total=False):
    subid: Required[WholeId]
    email: Required[Text]
    name: Required[_TextOrNone]
    surname: Required[_TextOrNone]
    phone: Required[_TextOrNone]
    accept: Required[Bit]
    enabled: Required[Bit]
    confirmed: Bit
    gdpr_can_send: Required[Bit]
    gdpr_can_track: Required[Bit]
    needs_gdpr_consent: Required[Bit]
    created: Required[_SecondsOrNone]
    lastsent_date: Required[_SecondsOrNone]
    tags: Required[Rows[Text] | None]
    user_defined_fields: Required[Rows[_Pair] | None]


@with_config(OPEN)
class _Stats(TypedDict, total=False):
    mailid: Required[WholeId]


@with_config(OPEN)
class _Url(TypedDict, total=False):
    urlid: Required[WholeId]


@with_config(OPEN)
class _UrlClick(TypedDict, total=False):
    urlid: Required[WholeId]
    mailid: Required[WholeId]
    subid: Required[WholeId]


@with_config(OPEN)
class _UserStats(TypedDict, total=False):
    mailid: Required[WholeId]
    subid: Required[WholeId]


@with_config(OPEN)
class _ListRow(TypedDict, total=False):
    """A list in an envelope; of its tags, which have two names, see ``_see_tags``."""

    id: Required[WholeId]
    name: Required[Text]
    description: Required[_TextOrNone]
    color: Required[_TextOrNone]
    ordering: Required[Number | None]
    published: Required[Flag]
    listTags: Rows[Text] | None
    tags: Rows[Text] | None


@with_config(OPEN)
class _DetailedRow(_ListRow, total=False):
    subscribersCount: Required[Count]
    unsubscribersCount: Required[Count]
    disabledCount: Required[Count]
    totalCount: Required[Count]


@with_config(OPEN)
class _Lists(TypedDict, total=False):
    lists: Required[Rows[_ListRow] | None]


@with_config(OPEN)
class _Details(TypedDict, total=False):
    lists: Required[Rows[_DetailedRow] | None]


@with_config(OPEN)
class _New(TypedDict, total=False):
    id: Required[WholeId]


@with_config(OPEN)
class _NewList(TypedDict, total=False):
    list: Required[_New]


@with_config(OPEN)
class _NewNewsletter(TypedDict, total=False):
    newsletter: Required[_New]


@with_config(OPEN)
class _NewRecipient(TypedDict, total=False):
    recipient: Required[_New]


_APP_ID: TypeAdapter[Any] = TypeAdapter(Id)
_ENTITIES: Mapping[str, Any] = {
    "field": Rows[_Field],
    "history": Rows[_History],
    "list": Rows[_List],
    "listmail": Rows[_ListMail],
    "listsub": Rows[_ListSub],
    "mail": Rows[_Mail],
    "recipient": Rows[_Recipient],
    "stats": Rows[_Stats],
    "url": Rows[_Url],
    "urlclick": Rows[_UrlClick],
    "userstats": Rows[_UserStats],
}
# What an answer's objects must have, by shape: each is an assumption of its own.
NEEDED: Mapping[str, str] = {
    "Field": "fieldid fieldname namekey type value published ordering",
    "List": "listid name",
    "ListMail": "listid mailid",
    "ListSub": "listid subid status subdate",
    "Mail": "mailid subject body altbody published senddate fromemail fromname language",
    "Recipient": "subid email name surname phone accept enabled gdpr_can_send gdpr_can_track needs_gdpr_consent "
    "created lastsent_date tags user_defined_fields",
    "Stats": "mailid",
    "list": "id name description color ordering published listTags subscribersCount unsubscribersCount disabledCount "
    "totalCount",
    "envelope": "errorCode lists",
}
# Further ones, of which less is asked.
_FURTHER = {"envelope": "list newsletter", "newsletter": "id", "recipient": "id", "History": "subid"}
# What names one row of an entity.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "field": ("fieldid",),
    "list": ("listid",),
    "listsub": ("listid", "subid"),
    "mail": ("mailid",),
    "recipient": ("subid",),
}
_ANSWERS: Mapping[str, Any] = {
    "get-lists": _Lists,
    "get-lists-details": _Details,
    "create-list": _NewList,
    "create-newsletter": _NewNewsletter,
    "create-newsletter-from-template": _NewNewsletter,
    "create-recipient": _NewRecipient,
}
# What rows of entities call themselves; a name that is none of these tells nothing.
_TYPES = {f"acymailing{'subscriber' if name == 'recipient' else name}": name for name in _ENTITIES}
# What stands in the envelope besides its code; it may come alone, too (switch undocumented_payload).
_PAYLOADS = ("list", "lists", "newsletter", "recipient", "recipientlist", "appid", "id")
# Answers without a code in a payload's place.
_BARE = ("get-app-id", "get-lists", "create-newsletter-from-template", "update-list", "update-newsletter")


@cache
def _entity(name: str) -> TypeAdapter[Any] | None:
    return TypeAdapter(_ENTITIES[name]) if name in _ENTITIES else None


@cache
def _answer(function: str) -> TypeAdapter[Any] | None:
    return TypeAdapter(_ANSWERS[function]) if function in _ANSWERS else None


def checked(call: Call, answer: Any, ask: str) -> Any:
    """The answer, once it is what the function must answer; ``ask`` says how to ask the account.

    Raises:
        Misfit: it is not. ApiError: it is an error, whatever its status was.
    """
    try:
        return _checked(call, answer, ask)
    except Misfit as error:
        error.answer = answer
        raise


def _checked(call: Call, answer: Any, ask: str) -> Any:
    function = call.operation
    if isinstance(answer, Mapping):
        _refuse_error(function, answer, ask)
    if function == "get-data":
        entity = str(call.arguments.get("entity", ""))
        shape = _entity(entity.lower())
        if not isinstance(answer, list):
            raise misfit(function, (), f" should be an array and is {described(answer)}", _row(entity, (), ask))
        _refuse_another(entity, answer, ask)
        if shape is None:
            return answer
        rows = fit(function, shape, answer, lambda place, _: _row(entity, place, ask))
        if (names := _KEYS.get(entity.lower())) is not None:
            refuse_repeated(function, rows, names, _row(entity, (0, names[-1]), ask))
        return rows
    if not isinstance(answer, Mapping):
        if function in _BARE and not isinstance(answer, float | type(None)):
            return answer
        raise misfit(function, (), f" should be an object and is {described(answer)}", _told("f.envelope", ask))
    if "errorCode" not in answer and not (function in _BARE or any(name.lower() in _PAYLOADS for name in answer)):
        fault = f" is missing; there is {described(answer)}"
        raise misfit(function, ("errorCode",), fault, _told("f.envelope.errorCode", ask))
    if (shape := _answer(function)) is None:
        return answer
    found = fit(function, shape, answer, lambda place, _: _row("", place, ask))
    if "lists" in found:
        refuse_repeated(function, found["lists"] or [], ("id",), _row("", ("lists", 0, "id"), ask), ("lists",))
        _see_tags(function, found["lists"] or [], ask)
    return found


def app_id(answer: Any, remedy: str) -> str:
    """Whose account it is; the page doesn't say how the answer names it.

    Raises:
        Misfit: it names none, or two.
    """
    members = answer if isinstance(answer, Mapping) else {"appId": answer}
    for name in ("appid", "id"):
        found = [value for member, value in members.items() if member.lower() == name]
        if len(found) > 1:
            raise misfit("get-app-id", (name,), " stands there twice, in capitals and small letters", remedy, answer)
        if found:
            return str(fit("get-app-id", _APP_ID, found[0], lambda *_: remedy))
    fault = f" names no app id, so whose account this is can't be told; there is {described(answer)}"
    raise misfit("get-app-id", (), fault, remedy, answer)


def _refuse_another(entity: str, rows: list[Any], ask: str) -> None:
    """Rows that say themselves that they are another entity's are no answer to this call, but to another one."""
    for row in rows[:1]:
        named = str(row.get("__type", "")) if isinstance(row, Mapping) else ""
        found = _TYPES.get(named.partition(":")[0].lower())
        if found is not None and found != entity.lower():
            fault = f" should have rows of {entity} and has some of {found.capitalize()}: it answers another call"
            raise misfit("get-data", (), fault, _row(entity, (), ask))


def _refuse_error(function: str, answer: Mapping[str, Any], ask: str) -> None:
    """Raise what an envelope says that is an error."""
    code = answer.get("errorCode")
    if code is not None and (not isinstance(code, int) or isinstance(code, bool)):
        fault = f" should be a whole number and is {described(code)}"
        raise misfit(function, ("errorCode",), fault, _told("f.envelope.errorCode", ask))
    if code:
        message = answer.get("errorMessage") or "no reason given"
        raise ApiError(f"{function}: {message} (errorCode {code}).")
    status = answer.get("httpStatusCode")
    if isinstance(status, int) and not isinstance(status, bool) and status >= 400:
        raise ApiError(f"{function}: {answer.get('errorMessage') or 'no reason given'} (httpStatusCode {status}).")
    if code is None and (said := says_error(answer)) is not None:
        raise ApiError(
            f"{function}: the platform answers with a success status and an error ({said}).", hint="Run again later."
        )


def _see_tags(function: str, rows: list[Mapping[str, Any]], ask: str) -> None:
    """A list's tags are there under one of two names: an update writes them back, and would clear them otherwise."""
    for number, row in enumerate(rows):
        if "listTags" not in row and "tags" not in row:
            place: Place = ("lists", number, "listTags")
            raise misfit(function, place, f" is missing; there is {described(row)}", _told("f.list.listTags", ask))


def assumed(call: Call, place: Place, ask: str) -> str:
    """What is assumed at a place of an answer, in words."""
    if call.operation == "get-app-id":
        return _told("app_id_member", ask)
    return _row(str(call.arguments.get("entity", "")) if call.operation == "get-data" else "", place, ask)


def _row(entity: str, place: Place, ask: str) -> str:
    """What is assumed of a member, in words; of one that is not asked for by its name, that it has its type."""
    members = [part for part in place if isinstance(part, str)]
    shape = entity.capitalize() or (members[0].removesuffix("s") if len(members) > 1 else "envelope")
    shape = next((known for known in (*NEEDED, *_FURTHER) if known.capitalize() == shape), shape) if entity else shape
    name = members[0 if entity else -1] if members else ""
    name = "listTags" if (shape, name) == ("list", "tags") else name
    known = f"{NEEDED.get(shape, '')} {_FURTHER.get(shape, '')}".split()
    if not known or (name and name not in known):
        return _told("distort_types", ask)
    return _told(f"f.{shape}.{name}" if name else f"f.{shape}", ask)


def _told(assumption: str, ask: str) -> str:
    known = re.sub(r"[^A-Za-z_.]", "", assumption)
    return f"What is assumed there is `{known}`, and no setting changes it. {ask} -v"
