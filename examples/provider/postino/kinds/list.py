"""A Postino list: people who get the same letters."""

from typing import ClassVar

from pydantic import Field

from postino.rows import PostinoKind, Rows
from reconcile.model.attributes import Attributes
from reconcile.model.kind import ABSENT, Collection, Row, Spec
from reconcile.model.resource import RemoteObject


class ListSpec(Spec):
    """What a manifest may declare about a list."""

    name: str = Field(min_length=1, max_length=100, description="The list's name.")
    note: str = Field(ABSENT, max_length=500, description="What the list is for.")
    hidden: bool = Field(ABSENT, description="Whether people can't find it on the sign-up page.")


class PostinoList(PostinoKind):
    """Deleting a list loses who is on it, so that is counted."""

    kind = "list"
    plural = "lists"
    noun = "List"
    spec = ListSpec
    collection: ClassVar[Collection] = Rows("lists", "getLists")
    defaults: ClassVar[Attributes] = {"note": "", "hidden": False}

    def decode(self, row: Row) -> RemoteObject:
        """As any object; the number of people comes along."""
        found = super().decode(row)
        return RemoteObject(found.id, found.attributes, {"people": row.data["people"]})

    def toll(self, live: RemoteObject) -> tuple[int, str] | None:
        """What deleting it would lose."""
        return live.facts["people"], "subscriptions"

    def reach(self, live: RemoteObject) -> int | None:
        """How many people are behind it."""
        people: int = live.facts["people"]
        return people
