"""What Postino's kinds share: they are read page by page, and written as whole objects."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from reconcile.model.call import Call
from reconcile.model.kind import Action, Change, Client, Collection, Kind, Row, Wanted
from reconcile.model.resource import RemoteObject


class Rows(Collection):
    """All objects of a kind: there is no other way to read them."""

    def __init__(self, name: str, operation: str) -> None:
        self.name = name  # type: ignore[misc]  # one class for all kinds
        self._operation = operation

    def read(self, api: Client, wanted: Wanted) -> Iterable[Row]:
        """Every row; who asks takes what is wanted."""
        everything: Any = api
        return [Row(row["id"], row) for row in everything.everything(self._operation)]


class PostinoKind(Kind):
    """A PUT overwrites the object, so it is sent whole: what is live, then what is declared."""

    noun: ClassVar[str]
    natural_key = ("name",)

    def decode(self, row: Row) -> RemoteObject:
        """The object that a row describes; members that nobody set are null."""
        known = {name: row.data[name] for name in self.spec.model_fields if name in row.data}
        return RemoteObject(row.id, {name: "" if value is None else value for name, value in known.items()})

    def writes(self, change: Change) -> Sequence[Call]:
        """One call, with the object whole."""
        members = change.whole(self.spec.model_fields)
        match change.action:
            case Action.CREATE:
                return [Call(f"create{self.noun}", members)]
            case Action.UPDATE:
                return [Call(f"replace{self.noun}", {"id": change.id, **members})]
            case Action.DELETE:
                return [Call(f"delete{self.noun}", {"id": change.id})]
        return []
