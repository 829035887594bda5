"""Campaigns through which whoever joins a group gets mail: queued ones, and refreshing ones that are under way.

A refreshing campaign looks at its group again and again while it is active; any other takes the group as it is when
sending begins, and a follow-up takes none (reference, sections 5.2 and 7). What can't be read counts as if it sent.
"""

from collections.abc import Collection as AnyCollection
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconcile.model.call import Call
from reconcile.providers.gatormail.answers import refuse_unknown_words
from reconcile.providers.gatormail.campaigns import FOLLOW_UP, REFRESHING
from reconcile.providers.gatormail.client import GatorMail
from reconcile.providers.gatormail.contract import ENUMS

_FROZEN: Final = frozenset(ENUMS["campaignType"]) - {*REFRESHING, FOLLOW_UP}
_AT_REST: Final = frozenset({"InSetup", "Finished"})


@dataclass(frozen=True, slots=True)
class Mailing:
    """A campaign that may send to those who join; ``known``: that it does is read, not assumed."""

    id: str
    name: str
    type: str | None
    status: str | None
    start: str | None
    known: bool

    def __str__(self) -> str:
        described = [part for part in (self.type, self.status, self.start and f"starts {self.start}") if part]
        doubt = "" if self.known else "; what it does can't be read, so the worst is assumed"
        return f'"{self.name}" ({", ".join(described)}{doubt})'


def mailings(client: GatorMail, groupid: str, *, but: AnyCollection[str] = ()) -> tuple[Mailing, ...]:
    """The campaigns that may send to whoever joins the group now, except those whose ids are known (``but``)."""
    return tuple(_mailings(client, groupid, but))


def _mailings(client: GatorMail, groupid: str, but: AnyCollection[str]) -> Iterator[Mailing]:
    able = client.contract.capabilities()
    for row in client.pages("gatormail_campaignList"):
        status = row.get("status") if "campaign.status" in able else None
        if str(row["id"]) in but or not _sends(row.get("type"), status):
            continue
        uses = _uses(_whole(client, row) if "campaign.read" in able else row, groupid)
        if uses is not False:
            refuse_unknown_words(client.contract, "gatormail_campaignList", row, f"campaign {row['id']}")
            known = status is not None and uses is True
            yield Mailing(str(row["id"]), str(row.get("name")), row.get("type"), status, row.get("startDate"), known)


def _sends(type_: Any, status: Any) -> bool:
    if type_ == FOLLOW_UP or status in _AT_REST:
        return False
    return not (status == "Active" and type_ in _FROZEN)


def _whole(client: GatorMail, row: Mapping[str, Any]) -> Mapping[str, Any]:
    if "group" in row:
        return row
    answer: Mapping[str, Any] = client.send(Call("gatormail_getCampaign", {"campaignId": row["id"]}))
    return answer


def _uses(campaign: Mapping[str, Any], groupid: str) -> bool | None:
    """Whether a campaign goes to the group; None where that can't be read."""
    if "group" not in campaign:
        return None
    group = campaign["group"]
    return group is not None and str(group.get("id")) == groupid
