"""A GatorMail group: the audience of campaigns, with people included in it and people excluded from it.

An exclusion may be somebody's opt-out from this group (reference, section 7.3), so that a group that has to be made
anew gets the exclusions first, and the former one is deleted only when the new one has them all.
"""

from collections.abc import Collection as AnyCollection
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field

from reconcile.errors import Diagnostic
from reconcile.model.attributes import Attributes, Value
from reconcile.model.call import Call
from reconcile.model.kind import (
    ABSENT,
    Action,
    Change,
    Circumstances,
    Client,
    Collection,
    Kind,
    Row,
    Rule,
    Spec,
    Wanted,
)
from reconcile.model.reference import Reference
from reconcile.model.resource import RemoteObject
from reconcile.providers.gatormail.campaigns import of, unfinished
from reconcile.providers.gatormail.emptied import refuse_emptied

_WRITABLE = ("name", "description")
_PIECE = 100  # contacts in one call (reference, section 7.2)
_UNFINISHED = ("InSetup", "Queued", "Active")


class GroupSpec(Spec):
    """What a manifest may declare about a group."""

    name: str = Field(min_length=1, max_length=250, description="The group's name, as people see it.")
    description: Annotated[str, Rule(lines=True)] = Field(ABSENT, description="What the group is for.")


class _Groups(Collection):
    """All groups; how many people are in them is asked for one by one, for wanted ones only."""

    name = "groups"
    studies = True
    one_by_one = True

    def read(self, api: Client, wanted: Wanted) -> Iterable[Row]:
        rows = list(of(api).pages("gatormail_groupList"))
        if not rows:
            refuse_emptied(api, "gatormail_groupList", "gatormail_getGroup", "groupId", wanted.ids)
        touched = {str(row["id"]) for row in rows} & (wanted.doomed | wanted.edited)
        users = list(unfinished(api, _UNFINISHED)) if touched else []
        return [Row(str(row["id"]), row | self._more(api, row, wanted, touched, users)) for row in rows]

    def _more(
        self, api: Client, row: dict[str, Any], wanted: Wanted, touched: AnyCollection[str], users: list[Any]
    ) -> dict[str, Any]:
        id_ = str(row["id"])
        more: dict[str, Any] = {"_count": None, "_usedBy": (), "_excluded": None, "_included": None, "_found": None}
        if id_ in wanted.ids:
            more["_count"] = api.send(Call("gatormail_getGroupCount", {"groupId": row["id"]}))["count"]
        if id_ in touched:
            used = [campaign for campaign in users if str((campaign.get("group") or {}).get("id")) == id_]
            more["_usedBy"] = tuple({"id": str(campaign["id"]), "name": campaign["name"]} for campaign in used)
            if "membership.read" in of(api).contract.capabilities():
                excluded = [one["id"] for one in of(api).pages("gatormail_groupExcludedContactget", groupId=row["id"])]
                included = [one["id"] for one in of(api).pages("gatormail_groupIncludedContactget", groupId=row["id"])]
                more |= {"_excluded": len(excluded), "_included": len(included)}
                if more["_count"] is not None:
                    # Who is in it and was not put there by anybody is found by the group's rules.
                    more["_found"] = max(0, more["_count"] - len(set(included) - set(excluded)))
        return more


class GatorMailGroup(Kind):
    """Groups; names are not unique on the platform, so a natural key may match twice."""

    kind = "group"
    plural = "groups"
    spec = GroupSpec
    natural_key = ("name",)
    needed = True
    carries = True
    collection: ClassVar[Collection] = _Groups()
    defaults: ClassVar[Attributes] = {"description": ""}

    def decode(self, row: Row) -> RemoteObject:
        data = row.data
        facts = {name: data[f"_{name}"] for name in ("count", "usedBy", "excluded", "included", "found")}
        return RemoteObject(row.id, {"name": data["name"], "description": data.get("description") or ""}, facts)

    def writes(self, change: Change) -> Sequence[Call]:
        match change.action:
            case Action.CREATE:
                made = Call("gatormail_addGroup", change.whole(_WRITABLE))
                return [made, *self._copies(change.live, Reference(change.address))]
            case Action.UPDATE:
                return [Call("gatormail_updateGroup", {"groupId": _id(change), **change.whole(_WRITABLE)})]
            case Action.DELETE:
                arguments: dict[str, Value] = {"groupId": _id(change)}
                if change.live is None:  # the former one of a replacement
                    arguments["excludedIn"] = Reference(change.address)
                return [Call("gatormail_deleteGroup", arguments)]
        return []

    def must_replace(self, changed: AnyCollection[str]) -> bool:
        """There is no call that renames a group, unless the account's contract has one."""
        return bool(changed) and "group.update" not in self.traits.capabilities

    def releases(self, leftover: Sequence[RemoteObject], into: Reference | None) -> Sequence[Call]:
        """The memberships are copied once more: the run that made the new group may not have come to the end of it.

        And somebody may have left the former group since.
        """
        return [call for old in leftover for call in self._copies(old, into)] if into is not None else ()

    def refusal(self, change: Change, circumstances: Circumstances) -> Diagnostic | None:
        if change.live is None or change.action is Action.UPDATE:
            return None
        if change.action is Action.REPLACE and change.live.facts["excluded"] is None:
            return Diagnostic(
                "exclusions-unreadable",
                "a group that can't be changed",
                "The platform can't rename a group, and its exclusions can't be read (cap.membership.read), so that "
                "opt-outs would be lost if it were made anew.",
                address=str(change.address),
                hint="Rename it in the web interface, and let the manifest say so.",
            )
        if change.action is Action.REPLACE and (found := change.live.facts["found"]):
            return Diagnostic(
                "rules-would-be-lost",
                "a group whose rules find people",
                f"The platform can't rename a group or change its description, and {found:,} of the "
                f"{change.live.facts['count']:,} people in it are there because of its rules, which no call can read "
                f"or copy: a group made anew would lose them, and campaigns would go to fewer people.",
                address=str(change.address),
                hint="Change it in the web interface, and let the manifest say the same; or make a group with another "
                "entry, give it its rules in the web interface, and let the campaigns go to that one.",
            )
        managed = circumstances.ours(change.address, "campaigns")
        others = [campaign for campaign in change.live.facts["usedBy"] if campaign["id"] not in managed]
        if not others:
            return None
        named = ", ".join(f'"{campaign["name"]}" (id {campaign["id"]})' for campaign in others[:5])
        return Diagnostic(
            "group-in-use",
            "a campaign still goes to this group",
            f"The group can't be deleted while {len(others)} campaign(s) that are not managed here go to it: {named}.",
            address=str(change.address),
            hint="Give them another group in the web interface first.",
        )

    def toll(self, live: RemoteObject) -> tuple[int, str] | None:
        people = live.facts["count"] or 0
        return (max(people, (live.facts["excluded"] or 0) + (live.facts["included"] or 0)), "memberships")

    def reach(self, live: RemoteObject) -> int | None:
        count: int | None = live.facts["count"]
        return count

    def _copies(self, former: RemoteObject | None, into: Reference) -> Iterator[Call]:
        """The calls that give a new group the memberships of the former one, exclusions first."""
        if former is None:
            return
        for operation, count in (
            ("gatormail_groupExcludedContactpost", former.facts["excluded"] or 0),
            ("gatormail_groupIncludedContactpost", former.facts["included"] or 0),
        ):
            for page in range(-(-count // _PIECE)):
                copied = {"of": former.id, "page": page + 1, "size": _PIECE}
                yield Call(operation, {"groupId": into, "contacts": copied})


def _id(change: Change) -> str:
    return change.id or ""
