"""Who is in a group and who is excluded from it, as a whole or through one contact.

An exclusion may be somebody's opt-out, and including them would take it back (reference, section 7.3). So nothing is
guessed here: rows that don't say who they are about stop the run.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconcile.errors import ApiError
from reconcile.model.call import Call
from reconcile.providers.audience.texts import key_of
from reconcile.providers.gatormail.client import GatorMail


@dataclass(frozen=True, slots=True)
class Standing:
    """How an address stands with a group: the contacts that have it, and whether any is in the group or excluded."""

    contacts: tuple[Mapping[str, Any], ...]
    included: bool = False
    excluded: bool = False


def inclusions(client: GatorMail, groupid: str) -> Iterator[Mapping[str, Any]]:
    """The contacts that are included, page by page."""
    return _addressed(client, "gatormail_groupIncludedContactget", groupid)


def exclusions(client: GatorMail, groupid: str, *, settled: bool = False) -> Iterator[Mapping[str, Any]]:
    """The contacts that are excluded, page by page; ``settled``: also those who opt out while the pages are read."""
    return _addressed(client, "gatormail_groupExcludedContactget", groupid, settled=settled)


def _addressed(
    client: GatorMail, operation: str, groupid: str, *, settled: bool = False
) -> Iterator[Mapping[str, Any]]:
    nameless = named = 0
    for row in client.pages(operation, settled=settled, groupId=groupid):
        if "emailLogin" not in row:
            raise _unclear(operation, "no address", "f.contact.emailLogin")
        if row["emailLogin"]:
            named += 1
            yield row
        else:  # a contact without an address is nobody whom an audience could mean
            nameless += 1
    if nameless and not named:  # but where nobody has one, addresses are not shown, or stand elsewhere
        raise _unclear(operation, "no address, nor has any other", "f.contact.emailLogin")


def standing(client: GatorMail, groupid: str, address: str) -> Standing:
    """How one address stands, by one read and one more for each contact that has it."""
    member = client.contract.text("f.contact.emailLogin")
    rows = client.send(Call("gatormail_contactMatch", {"field": member, "value": address}))
    found = tuple(row for row in rows if key_of(str(row.get("emailLogin") or "")) == key_of(address))
    states = [is_in(client, groupid, row["id"]) for row in found]
    return Standing(found, True in states, False in states)


def is_in(client: GatorMail, groupid: str, contactid: Any) -> bool | None:
    """Whether a contact is in a group: True, or False if excluded, or None if neither."""
    operation = "gatormail_contactGroupList"
    state: bool | None = None
    for row in client.send(Call(operation, {"contactId": contactid})):
        if not isinstance(row.get("included"), bool) or row.get("groupId") is None:
            raise _unclear(operation, "no flag or no group", "f.contactGroup.included and f.contactGroup.groupId")
        if str(row["groupId"]) == groupid:
            state = row["included"] and state is not False
    return state


def _unclear(operation: str, lacking: str, keys: str) -> ApiError:
    return ApiError(
        f"{operation}: a row has {lacking}, so nobody can tell who is excluded.",
        hint=f"If these members are called otherwise, say how under the provider's contract: {keys}.",
    )
