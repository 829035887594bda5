"""Campaigns as the API gives them: where they are read, where they stand, who goes to whom (reference, section 5)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from reconcile.model.call import Call
from reconcile.model.kind import Client, Collection, Row, Wanted
from reconcile.model.likeness import Keys
from reconcile.providers.gatormail.answers import refuse_unknown_words
from reconcile.providers.gatormail.contract import ENUMS
from reconcile.providers.gatormail.emptied import refuse_emptied

if TYPE_CHECKING:
    from reconcile.providers.gatormail.client import GatorMail

# Types whose group is looked at again and again while they are active.
REFRESHING = ("RefreshRecurring", "RefreshNonRecurring")
FOLLOW_UP = "Followup"


class _Campaigns(Collection):
    """All campaigns by the list, which has few columns; the rest is read one by one, for wanted ones only.

    ``_sharing`` names the campaigns that use the same e-mail; it is read, from all campaigns, only where an entry is
    edited, and is None otherwise.
    """

    name = "campaigns"
    one_by_one = True

    def read(self, api: Client, wanted: Wanted) -> Iterable[Row]:
        rows = list(of(api).pages("gatormail_campaignList"))
        if not rows and "campaign.read" in of(api).contract.capabilities():
            refuse_emptied(api, "gatormail_campaignList", "gatormail_getCampaign", "campaignId", wanted.ids)
        names = Keys(wanted.keys)
        sharing = bool(wanted.edited & {str(row["id"]) for row in rows})
        every = wanted.everything or sharing
        needed = {row["id"] for row in rows if every or str(row["id"]) in wanted.ids or names.like((row["name"],))}
        whole = [_whole(api, row) if row["id"] in needed else row for row in rows]
        for row in whole:
            if row["id"] in needed:
                refuse_unknown_words(of(api).contract, "gatormail_campaignList", row, f"campaign {row['id']}")
        users: dict[Any, list[str]] = defaultdict(list)
        for row in whole if sharing else ():
            if row.get("email"):
                users[row["email"]["id"]].append(f'"{row["name"]}" (id {row["id"]})')
        return [Row(str(row["id"]), row | {"_sharing": _others(row, users) if sharing else None}) for row in whole]


CAMPAIGNS = _Campaigns()


def of(api: Client) -> "GatorMail":
    """The client as this platform's, whose contract says how lists are paged."""
    return cast("GatorMail", api)


def unfinished(api: Client, statuses: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """The campaigns in these states, with their groups; all whose state can't be read or is not known, too."""
    known = set(ENUMS["campaignStatus"]) - set(statuses)
    for row in of(api).pages("gatormail_campaignList"):
        if row.get("status") not in known:
            yield _whole(api, row)


def _whole(api: Client, row: dict[str, Any]) -> dict[str, Any]:
    """A row of the list with all that can be read of the campaign."""
    if "group" in row or "campaign.read" not in of(api).contract.capabilities():
        return row
    return row | dict(api.send(Call("gatormail_getCampaign", {"campaignId": row["id"]})))


def _others(row: Mapping[str, Any], users: Mapping[Any, list[str]]) -> tuple[str, ...]:
    email = row.get("email")
    own = f'"{row["name"]}" (id {row["id"]})'
    return tuple(name for name in users[email["id"]] if name != own) if email else ()
