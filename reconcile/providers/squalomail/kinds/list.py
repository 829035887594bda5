"""A SqualoMail list: the recipients a campaign is sent to."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, ClassVar

from pydantic import Field

from reconcile.errors import Diagnostic
from reconcile.model.attributes import Attributes
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
from reconcile.model.resource import RemoteObject
from reconcile.providers.shapes import misfit
from reconcile.providers.squalomail.filters import equals
from reconcile.providers.squalomail.newsletters import condition, targeting
from reconcile.providers.squalomail.reading import entity_rows, list_pages

_WRITABLE = ("name", "description", "color", "ordering", "published", "listTags")


class ListSpec(Spec):
    """What a manifest may declare about a list."""

    name: str = Field(min_length=1, max_length=250, description="The list's name, as people see it.")
    description: Annotated[str, Rule(lines=True)] = Field(ABSENT, description="What the list is for.")
    color: Annotated[str, Rule(normalise=str.lower)] = Field(
        ABSENT, pattern="^#[0-9A-Fa-f]{6}$", description="Colour in the web interface, #rrggbb."
    )
    ordering: int = Field(ABSENT, ge=0, le=2147483647, description="Position in the web interface.")
    published: bool = Field(ABSENT, description="Whether the list is published.")
    listTags: Annotated[list[str], Rule(unordered=True)] = Field(ABSENT, description="The list's tags, in any order.")


class _Lists(Collection):
    """All lists, 100 a page: the only read that gives tags and counts (System API page, function 4)."""

    name = "lists"

    def read(self, api: Client, wanted: Wanted) -> Iterable[Row]:
        rows = {str(row["id"]): row for row in list_pages(api)}
        if not rows:
            _refuse_emptied(api, wanted.ids)
        targets = targeting(api, wanted.doomed & rows.keys())
        return [Row(id_, row | {"_targetedBy": targets.get(id_, ())}) for id_, row in rows.items()]


def _refuse_emptied(api: Client, ids: Iterable[str]) -> None:
    """Stop where no list comes back and the platform's table has one that we know: all would be made a second time.

    Raises:
        Misfit: it has.
    """
    conditions = [equals("listid", int(id_)) for id_ in sorted(ids, key=int)]
    for row in entity_rows(api, "List", conditions):
        raise misfit(
            "get-lists-details",
            (),
            f" has no lists, and get-data still gives the list {row['listid']}, so that nobody knows what is there",
            "Run again later. What is assumed there is `f.list`. To ask the account itself: reconcile doctor -v",
        )


class SqualoMailList(Kind):
    """Lists; names are not unique on the platform, so a natural key may match twice."""

    kind = "list"
    plural = "lists"
    spec = ListSpec
    natural_key = ("name",)
    collection: ClassVar[Collection] = _Lists()
    defaults: ClassVar[Attributes] = {"description": "", "published": False, "listTags": ()}

    def decode(self, row: Row) -> RemoteObject:
        data = row.data
        attributes = {
            "name": data["name"],
            # Null where nobody ever set one.
            "description": data.get("description") or "",
            "color": (data.get("color") or "").lower(),
            "ordering": data.get("ordering"),
            "published": data.get("published"),
            # Older answers name them "tags" only; either may be null.
            "listTags": tuple(sorted(set(data.get("listTags") or data.get("tags") or ()))),
        }
        return RemoteObject(row.id, attributes, _facts(data))

    def writes(self, change: Change) -> Sequence[Call]:
        match change.action:
            case Action.CREATE:
                # What is not sent is set by the platform; "published" it would take for false.
                return [Call("create-list", {"published": False} | change.whole(_WRITABLE))]
            case Action.UPDATE:
                # Which of the two names the identifier has is not documented; the other is ignored.
                return [Call("update-list", dict.fromkeys(("id", "listId"), _id(change)) | change.whole(_WRITABLE))]
            case Action.DELETE:
                return [Call("delete-list", {"listId": _id(change)})]
        return []

    def refusal(self, change: Change, circumstances: Circumstances) -> Diagnostic | None:
        if change.action not in (Action.DELETE, Action.REPLACE) or change.live is None:
            return None
        managed = circumstances.ours(change.address, "newsletters")
        targeted_by = change.live.facts["targetedBy"]
        in_the_way = [
            mail
            for mail in targeted_by
            if mail["id"] not in circumstances.freed and _needs_list(mail, managed, circumstances.now)
        ]
        if not in_the_way:
            return None
        named = ", ".join(f'"{mail["subject"]}" (id {mail["id"]})' for mail in in_the_way[:5])
        return Diagnostic(
            "list-in-use",
            "a newsletter still goes to this list",
            f"The list can't be deleted while {len(in_the_way)} scheduled or unmanaged unsent newsletter(s) target "
            f"it: {named}. Cancel or re-target them in the web interface first.",
            address=str(change.address),
        )

    def toll(self, live: RemoteObject) -> tuple[int, str] | None:
        return (live.facts.get("total") or 0, "subscriptions")

    def reach(self, live: RemoteObject) -> int | None:
        subscribed: int | None = live.facts.get("subscribed")
        return subscribed


def _id(change: Change) -> int:
    return int(change.id or 0)


def _facts(data: Any) -> dict[str, Any]:
    return {
        "subscribed": data.get("subscribersCount"),
        "unsubscribed": data.get("unsubscribersCount"),
        "disabled": data.get("disabledCount"),
        "total": data.get("totalCount"),
        "targetedBy": data["_targetedBy"],
    }


def _needs_list(mail: Mapping[str, Any], managed: AbstractSet[str], now: float) -> bool:
    state = condition(mail, now)
    return state in ("scheduled", "committed") or (state == "draft" and mail["id"] not in managed)
