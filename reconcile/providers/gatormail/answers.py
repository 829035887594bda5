"""What each answer of GatorMail must have: members by their own names, as the contract table has read them.

Required is what some decision rests on. What a write answers is not used, but for the id of what was made and the flags
that say whether it was done: such an answer only has to be no error.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Required

from pydantic import AfterValidator, BeforeValidator, TypeAdapter, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from reconcile.errors import ApiError
from reconcile.model.call import Retry
from reconcile.providers.gatormail.contract import ENUMS, Contract, TwinMembers, members
from reconcile.providers.gatormail.contradictions import refuse_contradictions
from reconcile.providers.gatormail.operations import GatorMailOperation
from reconcile.providers.shapes import (
    OPEN,
    Count,
    Flag,
    Id,
    Misfit,
    Moment,
    Number,
    Place,
    RawId,
    Rows,
    Text,
    described,
    fit,
    misfit,
    refuse_repeated,
    says_error,
    word,
)

CAME = "asItCame"  # the member of a record of activity that is the platform's own JSON


def _known(enum: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in ENUMS[enum]:
            raise PydanticCustomError("word", "one of {words}", {"words": ", ".join(ENUMS[enum]), "word": word(value)})
        return value

    return check


def _or_nothing(value: Any) -> Any:
    # The platform writes an unset date, id or reference as an empty text, too (reference, section 4).
    return None if value == "" else value


_Date = Annotated[Moment | None, BeforeValidator(_or_nothing)]
_IdOrNone = Annotated[Id | None, BeforeValidator(_or_nothing)]
_DataType = Annotated[Text, AfterValidator(_known("dataType"))]
_RequestType = Annotated[Text, AfterValidator(_known("requestType"))]
_ActivityType = Annotated[Text, AfterValidator(_known("activityType"))]
_TriggerState = Annotated[Text, AfterValidator(_known("triggerState"))]
_Scalar = str | int | float | bool | None


@with_config(OPEN)
class _Group(TypedDict, total=False):
    id: Required[Id]
    name: Required[Text]
    description: Text | None
    created: _Date


@with_config(OPEN)
class _Named(TypedDict, total=False):
    """A group or an e-mail inside a campaign: a reference."""

    id: Required[Id]
    name: Text | None
    html: Text | None
    text: Text | None
    autoTrackLinks: Flag | None


@with_config(OPEN)
class _CampaignRow(TypedDict, total=False):
    """A row of the list, which has few columns. Unknown words are looked at where something rests on them."""

    id: Required[Id]
    name: Required[Text]
    type: Required[Text]
    status: Text | None
    crmId: Annotated[Text | None, BeforeValidator(lambda value: str(value) if type(value) is int else value)]
    startDate: Required[_Date]
    endDate: Required[_Date]
    created: _Date
    replyTo: Text | None
    fromName: Text | None
    fromAddress: Text | None
    subject: Text | None
    group: _Named | None
    email: _Named | None
    unsubscribeId: _IdOrNone


@with_config(OPEN)
class _Campaign(_CampaignRow, total=False):
    group: Required[_Named | None]  # type: ignore[misc]
    email: Required[_Named | None]  # type: ignore[misc]


@with_config(OPEN)
class _Email(TypedDict, total=False):
    id: Required[Id]
    name: Required[Text]
    html: Text | None
    text: Text | None
    autoTrackLinks: Flag | None


@with_config(OPEN)
class _Contact(TypedDict, total=False):
    id: Required[Id]
    emailLogin: Required[Text | None]
    firstName: Text | None
    lastName: Text | None
    title: Text | None
    positionInCompany: Text | None
    companyName: Text | None
    fields: dict[str, _Scalar] | None


@with_config(OPEN)
class _ContactField(TypedDict, total=False):
    name: Required[Text]
    databaseName: Text | None
    displayName: Text | None
    table: Text | None
    repeating: Flag | None
    dataType: Text | None


@with_config(OPEN)
class _ContactGroup(TypedDict, total=False):
    groupId: Required[Id]
    name: Text | None
    included: Required[Flag]


@with_config(OPEN)
class _Mapping(TypedDict, total=False):
    contactAttribute: Required[Text]
    dataCleanse: Required[Flag]


@with_config(OPEN)
class _Attribute(TypedDict, total=False):
    name: Required[Text]
    displayName: Text | None
    dataType: Required[_DataType]
    mappings: Required[Rows[_Mapping]]


@with_config(OPEN)
class _Entity(TypedDict, total=False):
    name: Required[Text]
    displayName: Text | None
    attributes: Required[Rows[_Attribute]]


@with_config(OPEN)
class _Schema(TypedDict, total=False):
    entities: Required[Rows[_Entity]]
    publishedAt: _Date


@with_config(OPEN)
class _Request(TypedDict, total=False):
    type: Required[_RequestType]
    requested: Required[Flag]
    requestedAt: _Date


@with_config(OPEN)
class _Feeds(TypedDict, total=False):
    emailSent: Flag
    emailOpened: Flag
    linkClicked: Flag
    landingZoneHit: Flag
    fileDownloaded: Flag
    unsubscribed: Flag
    surveyAnswered: Flag
    bounced: Flag
    eventInvite: Flag


def _known_feeds(feeds: Any) -> Any:
    if not members("feeds").keys() & feeds.keys():
        raise PydanticCustomError("feeds", "an object of feeds, of which none is known")
    return feeds


@with_config(OPEN)
class _Options(TypedDict, total=False):
    batchSize: Count
    feeds: Required[Annotated[_Feeds, AfterValidator(_known_feeds)]]


@with_config(OPEN)
class _Record(TypedDict, total=False):
    """A record of activity; its ids are stored as they came."""

    id: Required[RawId]
    activityType: Required[_ActivityType]
    activityDate: Required[Moment]
    campaignName: Text | None
    emailLogin: Text | None
    url: Text | None
    linkName: Text | None
    fileName: Text | None
    bounceType: Text | None
    bounceReason: Text | None


@with_config(OPEN)
class _Batch(TypedDict, total=False):
    batchIdentifier: Required[_IdOrNone]
    records: Required[Rows[_Record]]


@with_config(OPEN)
class _Ack(TypedDict, total=False):
    processed: Required[Flag]


@with_config(OPEN)
class _GroupCount(TypedDict, total=False):
    count: Required[Count]


@with_config(OPEN)
class _Audience(TypedDict, total=False):
    total: Required[Count]
    undeliverable: Count
    unsubscribed: Count
    duplicates: Count
    final: Required[Count]


@with_config(OPEN)
class _Stats(TypedDict, total=False):
    sent: Required[Number]
    delivered: Number


@with_config(OPEN)
class _Initiated(TypedDict, total=False):
    initiated: Required[Flag]
    message: Text | None


@with_config(OPEN)
class _Uninitiated(TypedDict, total=False):
    uninitiated: Required[Flag]
    message: Text | None


@with_config(OPEN)
class _TriggerResult(TypedDict, total=False):
    triggerKey: Required[Text]
    triggerState: Required[_TriggerState]


@with_config(OPEN)
class _Membership(TypedDict, total=False):
    """What became of one contact that was to be included or excluded."""

    contactId: _IdOrNone
    emailLogin: Text | None
    included: Required[Flag]


@with_config(OPEN)
class _Made(TypedDict, total=False):
    """What was made: nothing of it is used but the id."""

    id: Required[Id]


_ANY = TypeAdapter(dict[str, Any])
_READS: Mapping[str, Any] = {
    "op.campaign.list": Rows[_CampaignRow],
    "op.campaign.get": _Campaign,
    "op.campaign.audience": _Audience,
    "op.campaign.stats": _Stats,
    "op.campaign.initiate": _Initiated,
    "op.campaign.uninitiate": _Uninitiated,
    "op.trigger.get": _TriggerResult,
    "op.email.list": Rows[_Email],
    "op.email.get": _Email,
    "op.group.list": Rows[_Group],
    "op.group.get": _Group,
    "op.group.count": _GroupCount,
    "op.group.included.list": Rows[_Contact],
    "op.group.excluded.list": Rows[_Contact],
    "op.group.included.add": Rows[_Membership],
    "op.group.excluded.add": Rows[_Membership],
    "op.contact.list": Rows[_Contact],
    "op.contact.get": _Contact,
    "op.contact.match": Rows[_Contact],
    "op.contact.groups": Rows[_ContactGroup],
    "op.contact.fields": Rows[_ContactField],
    "op.schema.get": _Schema,
    "op.integration.requests": Rows[_Request],
    "op.datafeed.options.get": _Options,
    "op.datafeed.fetch": _Batch,
    "op.datafeed.ack": _Ack,
}


@cache
def _shape(key: str, *, makes: bool, many: bool) -> TypeAdapter[Any]:
    if key in _READS:
        return TypeAdapter(_READS[key])
    if makes:
        return TypeAdapter(_Made)
    return TypeAdapter(Rows[dict[str, Any]]) if many else _ANY


def checked(contract: Contract, operation: GatorMailOperation, answer: Any, ask: str) -> Any:
    """The answer by our own names, once it is what the operation must answer; ``ask`` says how to ask the account.

    Raises:
        Misfit: it is not. ApiError: it is an error, whatever its status was.
    """
    shape, many = operation.answers.strip("[]"), operation.answers.startswith("[")
    content = contract.rows(answer) if many else answer
    if many and not isinstance(content, list):
        _refuse_error(operation, answer, contract)
        path = contract.text("c.list.itemsPath")
        at = f"at `{path}` " if path else ""
        hint = f"If the array stands within an envelope, say where: `c.list.itemsPath` under the contract. {ask}"
        raise misfit(operation.name, (), f" has no array {at}but is {described(answer)}", hint, answer)
    if isinstance(content, Mapping):
        if not _has_any(contract, shape, content):
            _refuse_error(operation, content, contract)
        refuse_contradictions(contract, operation, shape, content)
    try:
        found = contract.read(shape, content)
    except TwinMembers as twin:
        fault = " stands there twice, in capitals and small letters"
        raise misfit(operation.name, (twin.name,), fault, _remedy(operation, shape, (), "", ask), answer) from None
    adapter = _shape(operation.key, makes=operation.retry is Retry.LOOKUP and bool(operation.returns), many=many)
    try:
        found = fit(operation.name, adapter, found, lambda place, fault: _remedy(operation, shape, place, fault, ask))
        _see_status(contract, operation, found, ask)
        if many and "id" in members(shape):
            refuse_repeated(operation.name, found, ("id",), _remedy(operation, shape, (0, "id"), "", ask))
    except Misfit as error:
        error.answer = answer
        raise
    if operation.key == "op.datafeed.fetch":
        came = contract.member("f.batch.records", content)
        found["records"] = [{**record, CAME: raw} for record, raw in zip(found["records"], came, strict=True)]
    return found


def _has_any(contract: Contract, shape: str, content: Mapping[str, Any]) -> bool:
    """Whether an object has any member of the shape that an error has not."""
    there = {str(name).lower() for name in content}
    return any(
        contract.text(member.key).lower() in there for name, member in members(shape).items() if name != "message"
    )


def _refuse_error(operation: GatorMailOperation, answer: Any, contract: Contract) -> None:
    said = says_error(answer, (contract.text("f.error.message"),))
    if said is not None:
        raise ApiError(
            f"{operation.name}: the platform answers with a success status and an error ({said}).",
            hint="Run again later. If it stays, a member may be called otherwise: see the provider's contract, "
            f"`{operation.key}`.",
        )


def _see_status(contract: Contract, operation: GatorMailOperation, found: Any, ask: str) -> None:
    """A campaign has a status, unless the account's contract says that it is not shown."""
    if operation.key not in ("op.campaign.list", "op.campaign.get") or "campaign.status" not in contract.capabilities():
        return
    for number, row in enumerate(found if isinstance(found, list) else [found]):
        if row.get("status") is None:
            place: Place = (number, "status") if isinstance(found, list) else ("status",)
            hint = (
                "If it has another name, say so under the provider's contract: `f.campaign.status`; if the account "
                f"shows none, set `cap.campaign.status: off`. {ask}"
            )
            raise misfit(operation.name, place, f" is missing; there is {described(row)}", hint)


def _remedy(operation: GatorMailOperation, shape: str, place: Place, fault: str, ask: str) -> str:
    """What would correct it: the row of the contract that a place is about."""
    key, enum, date = _row(shape, place)
    if key is None:
        row = "`c.list.itemsPath`" if operation.answers.startswith("[") else f"`{operation.key}`"
        return f"See the provider's contract in reconcile.yaml: {row}. {ask}"
    if fault == "word" and enum is not None:
        return f"If the account uses other words, say so under the provider's contract: `v.{enum}`. {ask}"
    if date and fault in ("string_pattern_mismatch", "string_type"):
        return f"If dates have another form, say so under the provider's contract: `c.date.format` (`{key}`). {ask}"
    return f"If it stands under another name, say so under the provider's contract: `{key}`. {ask}"


def _row(shape: str, place: Place) -> tuple[str | None, str | None, bool]:
    """The row of the member at a place, its enumeration, and whether it is a date."""
    found = None
    for part in place:
        if not isinstance(part, str):
            continue
        member = members(shape).get(part) if shape else None
        if member is None:
            break
        found, shape = member, member.shape or ""
    return (None, None, False) if found is None else (found.key, found.enum, found.date)


def refuse_unknown_words(contract: Contract, operation: str, row: Mapping[str, Any], about: str) -> None:
    """Stop where something rests on a campaign whose status or type nobody knows.

    Raises:
        Misfit: a word is not one of the contract's.
    """
    able = contract.capabilities()
    for name, enum in (("status", "campaignStatus"), ("type", "campaignType")):
        value = row.get(name)
        if value is None or value in ENUMS[enum] or (name == "status" and "campaign.status" not in able):
            continue
        raise misfit(
            operation,
            (name,),
            f" of {about} is {word(value)}, which is none of {', '.join(ENUMS[enum])}, so nothing is done on its "
            "strength",
            f"If the account uses other words, say so under the provider's contract: `v.{enum}`.",
        )
