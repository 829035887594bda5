"""A SqualoMail custom field: the API gives its definition and has no function to change it, so a person does."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field

from reconcile.model.attributes import Attributes, Value
from reconcile.model.call import Call
from reconcile.model.kind import ABSENT, Change, Client, Collection, Kind, Row, Rule, Spec, Wanted
from reconcile.model.resource import RemoteObject, Resource

# What every recipient has without anybody's doing (System API page, entity Recipient, and functions 7 and 26).
_BUILT_IN = frozenset({"subid", "email", "name", "surname", "gender", "phone", "html"})


def _lines(text: str) -> str:
    """Line ends as LF: browsers send others than people type."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


class FieldSpec(Spec):
    """What a manifest may declare about a custom field; the entry's name is the field's key (``namekey``)."""

    named: ClassVar[str | None] = "namekey"

    fieldname: str = Field(ABSENT, min_length=1, max_length=250, description="The field's label, as people see it.")
    # The page names four types, the web interface offers more: whatever it calls them is taken.
    type: str = Field(ABSENT, min_length=1, description="text, checkbox, radio, textarea, or another that there is.")
    value: Annotated[str, Rule(lines=True, normalise=_lines)] = Field(
        ABSENT, description="Default value, or the choices."
    )
    published: bool = Field(ABSENT, description="Whether the field can be used.")
    ordering: int = Field(ABSENT, ge=0, description="Position among the fields.")


class _Fields(Collection):
    """All custom fields: there are few, so one unfiltered read. Built-in fields (``core``) are nobody's to declare."""

    name = "fields"

    def read(self, api: Client, wanted: Wanted) -> Iterable[Row]:
        rows = api.send(Call("get-data", {"entity": "Field"}))
        return [Row(str(row["fieldid"]), row) for row in rows if not row.get("core")]


class SqualoMailField(Kind):
    """Custom fields, by their key, which the platform keeps unique whatever the case of its letters."""

    kind = "field"
    plural = "fields"
    spec = FieldSpec
    natural_key = ("namekey",)
    collection: ClassVar[Collection] = _Fields()
    manual = True
    defaults: ClassVar[Attributes] = {"value": ""}

    def decode(self, row: Row) -> RemoteObject:
        data = row.data
        attributes: dict[str, Value] = {
            "namekey": data["namekey"],
            "fieldname": data["fieldname"] or "",
            "type": data["type"] or "",
            "value": data["value"] or "",
            # 0 or 1, as in all rows of get-data.
            "published": bool(data["published"]),
            "ordering": data["ordering"],
        }
        return RemoteObject(row.id, attributes)

    def key(self, attributes: Attributes) -> tuple[Value, ...] | None:
        found = super().key(attributes)
        return None if found is None else (found[0].lower(),)

    def check(self, resource: Resource) -> Iterable[tuple[str | None, str]]:
        name = resource.address.name
        if name.lower() in _BUILT_IN:
            yield None, f'"{name}" is built in: every recipient has it, and no custom field can have its key.'

    def writes(self, change: Change) -> Sequence[Call]:
        return ()

    def instructions(self, change: Change) -> Sequence[str]:
        if change.live is None:
            values = ", ".join(f"{name} {_typed(value)}" for name, value in change.desired.items())
            return (f"In the web interface, add a custom field: {values}.",)
        return (
            f"In the web interface, open the custom field {_typed(change.live.attributes['namekey'])} "
            f"(id {change.live.id}) and set {', '.join(_settings(change.desired, change.live.attributes))}.",
        )


def _settings(desired: Attributes, live: Mapping[str, Any]) -> Iterable[str]:
    for name, value in desired.items():
        if value != live[name]:
            yield f"{name} to {_typed(value)} (it is {_typed(live[name])})"


def _typed(value: Value) -> str:
    """A value as it is to be typed, in quotes where it is a text, so that blanks at its ends are seen."""
    return ("yes" if value else "no") if isinstance(value, bool) else json.dumps(value, ensure_ascii=False)
