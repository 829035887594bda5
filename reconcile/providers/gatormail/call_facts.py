"""What a single call is about: looked up as the instance is now, and put in words."""

from collections.abc import Mapping
from typing import Any

from reconcile.errors import Diagnostic
from reconcile.model.attributes import Value
from reconcile.model.call import Call
from reconcile.model.call_review import CallReview
from reconcile.model.kind import Client
from reconcile.providers.gatormail.campaigns import of
from reconcile.providers.gatormail.encoding import CONTACTS
from reconcile.providers.gatormail.operations import GatorMailOperation
from reconcile.providers.transport import Rejected


def campaign_of(api: Client, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The campaign that a call is about, None where there is none."""
    number = whole_number(arguments.get("campaignId"))
    if number is None:
        return None
    if not can(api, "campaign.read"):
        rows = of(api).pages("gatormail_campaignList")
        return next((row for row in rows if str(row["id"]) == str(number)), None)
    found: Mapping[str, Any] = api.send(Call("gatormail_getCampaign", {"campaignId": number}))
    return found


def group_of(api: Client, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The group that a call is about."""
    number = whole_number(arguments.get("groupId"))
    if number is None:
        return None
    found: Mapping[str, Any] = api.send(Call("gatormail_getGroup", {"groupId": number}))
    return found


def found_by(api: Client, operation: str, **arguments: Any) -> Mapping[str, Any] | None:
    """What a read gives, None where there is no such thing."""
    try:
        found: Mapping[str, Any] = api.send(Call(operation, arguments))
    except Rejected as error:
        if error.status not in (404, 405):
            raise
        return None
    return found


def as_taken(api: Client, operation: GatorMailOperation, arguments: dict[str, Any]) -> Mapping[str, Any]:
    """The arguments with the members of their body as they would be read back: by their own names, dates in UTC."""
    table, shape = of(api).contract, operation.takes.strip("[]")
    if not shape:
        return arguments
    if operation.takes != shape:
        return {**arguments, CONTACTS: table.read(shape, table.write(shape, arguments.get(CONTACTS)))}
    return {**arguments, **table.read(shape, table.write(shape, arguments))}


def can(api: Client, capability: str) -> bool:
    """Whether the instance has a capability."""
    return capability in of(api).contract.capabilities()


def id_of(nested: Any) -> str | None:
    """The id in a nested object."""
    id_ = nested.get("id") if isinstance(nested, Mapping) else None
    return None if id_ in (None, "") else str(id_)


def contacts_of(arguments: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """The contacts that a call has in its body."""
    given = arguments.get(CONTACTS)
    return given if isinstance(given, list) and all(isinstance(each, Mapping) for each in given) else None


def whole_number(value: Value) -> int | None:
    """A whole number, also one written as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None


def named(campaign: Mapping[str, Any]) -> str:
    """A campaign, for a sentence."""
    return f'the campaign "{campaign.get("name")}" (id {campaign.get("id")})'


def titled(group: Mapping[str, Any]) -> str:
    """A group, for a sentence."""
    return f'"{group.get("name")}" (id {group.get("id")})'


def counted(count: int) -> str:
    """So many people, for a sentence."""
    return f"{count:,} {'person' if count == 1 else 'people'}"


def no_campaign() -> CallReview:
    """The call names no campaign that is there."""
    return refused("no-campaign", "It needs campaignId, the id of a campaign that exists.")


def no_group() -> CallReview:
    """The call names no group that is there."""
    return refused("no-group", "It needs groupId, the id of a group that exists.")


def no_zone(what: str) -> Diagnostic:
    """Nobody can tell when mail would go out."""
    return refusal(
        "zone-unknown",
        f"Dates have no zone on the wire, so that nobody can tell when {what}.",
        "Declare the instance's timezone under the provider in reconcile.yaml, such as Europe/London.",
    )


def refused(code: str, detail: str, hint: str | None = None) -> CallReview:
    """The call is not made."""
    return CallReview(refusal=refusal(code, detail, hint))


def refusal(code: str, detail: str, hint: str | None = None) -> Diagnostic:
    """Why the call is not made."""
    return Diagnostic(code, "not made", detail[0].upper() + detail[1:], hint=hint)
