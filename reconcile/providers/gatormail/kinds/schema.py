"""GatorMail's schema: the entities and attributes of the other system, to which people map contact fields.

The API can add an entity or an attribute, and delete all of them at once, and nothing else. So additions are posted one
by one, and any other change is a rebuild (reference, section 9.4): what is wanted in the end, with all that is live and
undeclared, goes on record in the state; then the schema is deleted, posted anew and read. A run that finds the record
restores from it what is missing. Published mappings may go with the delete, so they are on record too until they are
back, or until people publish anew; the API can't make them.
"""

from collections.abc import Collection as AnyCollection
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

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
from reconcile.model.resource import Applied, RemoteObject, Resource
from reconcile.providers.gatormail import entities as forms

# What the state holds beside what is declared: while a rebuild runs, all entities as they are to be; and the published
# mappings as they were before it, for as long as some of them are missing.
_REBUILD, _BEFORE = "rebuild", "before"
_SCHEMA, _UPDATES = "FieldMappingSchema", "FieldMappingUpdates"

DataType = Literal["string", "integer", "decimal", "boolean", "date", "datetime"]


def _mapped(declared: Value) -> Value:
    """Mappings in canonical form: one contact field as a text, several as a sorted tuple."""
    return {
        name: value if isinstance(value, str) or len(value) != 1 else value[0]
        for name, value in (
            (name, value if isinstance(value, str) else tuple(sorted(set(value)))) for name, value in declared.items()
        )
    }


class AttributeSpec(Spec):
    """A field of the other system."""

    dataType: DataType = Field(ABSENT, description="The type that people see beside a mapping.")
    displayName: str = Field(ABSENT, description="The name that people see.")


class EntitySpec(Spec):
    """A record type of the other system, such as Contact or Lead."""

    displayName: str = Field(ABSENT, description="The name that people see.")
    attributes: dict[str, AttributeSpec] = Field(ABSENT, description="Its fields, by name.")


class SchemaSpec(Spec):
    """What a manifest may declare about the schema; entities and attributes that it does not name stay."""

    entities: dict[str, EntitySpec] = Field(ABSENT, description="The record types of the other system, by name.")
    mappings: Annotated[dict[str, str | list[str]], Rule(manual=True, normalise=_mapped)] = Field(
        ABSENT,
        description="Entity.attribute: the contact field(s) that people are to map to it. Checked, never written.",
    )


class _Schema(Collection):
    """The schema with its published mappings, and what people are waiting for: two reads."""

    name = "schema"

    def read(self, api: Client, wanted: Wanted) -> Iterable[Row]:
        schema = api.send(Call("gatormail_getSchema", {}))
        lights = api.send(Call("gatormail_getIntegrationRequests", {}))
        requested = tuple(str(light["type"]) for light in lights if light.get("requested"))
        return [Row("main", {**schema, "_requested": requested})]


class GatorMailSchema(Kind):
    """The schema. Names of entities, attributes and contact fields are compared without regard to case."""

    kind = "schema"
    plural = "schema"
    spec = SchemaSpec
    natural_key = ()
    collection: ClassVar[Collection] = _Schema()
    singleton = True
    volatile = True
    defaults: ClassVar[Attributes] = {"entities": {}, "mappings": {}}

    def decode(self, row: Row) -> RemoteObject:
        published = forms.mappings(row.data)
        attributes: dict[str, Value] = {
            "entities": forms.entities(row.data),
            "mappings": _mapped({name: tuple(fields) for name, fields in published.items()}),
        }
        facts = {
            "published": published,
            "publishedAt": row.data.get("publishedAt"),
            "requested": row.data["_requested"],
        }
        return RemoteObject(row.id, attributes, facts)

    def check(self, resource: Resource) -> Iterable[tuple[str | None, str]]:
        entities = resource.attributes.get("entities", {})
        for name in forms.doubles(entities):
            yield "entities", f'There are two entities "{name}", as the platform takes no notice of case.'
        for name, entity in entities.items():
            for attribute in forms.doubles(entity.get("attributes", {})):
                yield "entities", f'{name} has two attributes "{attribute}", as the platform takes no notice of case.'
        mappings = resource.attributes.get("mappings", {})
        for name in mappings:
            if not all(name.partition(".")):
                yield "mappings", f'"{name}" is not of the form Entity.attribute.'
        for name in forms.doubles(mappings):
            yield "mappings", f'"{name}" is there twice, as the platform takes no notice of case.'

    def wanted(self, desired: Attributes, applied: Applied) -> Attributes:
        recorded = applied.attributes.get(_REBUILD)
        if recorded is None:
            return desired
        return {**desired, "entities": forms.over(recorded, desired.get("entities", {}))}

    def remembered(self, applied: Applied) -> Applied:
        if _REBUILD not in applied.attributes:
            return applied
        # What is missing was deleted by us, and by nobody outside.
        kept = {name: value for name, value in applied.attributes.items() if name != "entities"}
        return replace(applied, attributes=kept)

    def beside(self, attributes: Attributes, live: RemoteObject) -> RemoteObject:
        shown = {
            "entities": forms.within(live.attributes["entities"], attributes.get("entities", {})),
            "mappings": forms.spelled(live.attributes["mappings"], attributes.get("mappings", {})),
        }
        return replace(live, attributes=shown)

    def holds(self, live: RemoteObject, expected: Attributes) -> bool:
        return forms.covers(live.attributes["entities"], expected["entities"])

    def writes(self, change: Change) -> Sequence[Call]:
        if change.action is not Action.UPDATE or change.live is None:
            return []
        there, wanted = change.live.attributes["entities"], _entities(change)
        if not _is_rebuild(change):
            posts = _posts(there, wanted)
            return [*_read_back(posts, wanted), *_satisfied(change.live, posts)]
        whole = forms.over(there, wanted)
        record = {_REBUILD: whole, _BEFORE: _snapshot(change)}
        posts = _posts({}, whole)
        return [
            Call("gatormail_deleteSchema", {}, about=change.id, record=record),
            *_read_back(posts, whole),
            *_satisfied(change.live, posts),
        ]

    def follows(self, changed: AnyCollection[str], desired: Attributes) -> AnyCollection[str]:
        """A rebuild drops mappings, and in its midst the entities read as half of what they will be."""
        return ("entities", "mappings")

    def refusal(self, change: Change, circumstances: Circumstances) -> Diagnostic | None:
        if change.live is None or _UPDATES not in change.live.facts["requested"] or not _is_rebuild(change):
            return None
        return Diagnostic(
            "mappings-not-pulled",
            "published mappings come first",
            f"{_REBUILDING} People have published mappings that nobody has fetched yet, and that may drop them.",
            address=str(change.address),
            hint=f"reconcile schema-requests {change.address.provider}",
        )

    def loss(self, change: Change) -> tuple[int, str] | None:
        if change.live is None or not _is_rebuild(change):
            return None
        at_stake = [f"{name} <- {field}" for name, fields in change.live.facts["published"].items() for field in fields]
        what = f"{len(at_stake)} published mapping{'s' if len(at_stake) != 1 else ''}"
        return len(at_stake), f"The rebuild may drop {what}, which only people can make: {', '.join(at_stake)}."

    def note(self, change: Change) -> str | None:
        if change.action is not Action.UPDATE or change.live is None:
            return None
        if _is_rebuild(change):
            kept = forms.names(forms.without(change.live.attributes["entities"], _entities(change)))
            also = f" What is not declared is posted again, too: {', '.join(kept)}." if kept else ""
            return f"{_REBUILDING} Until that is done, people see a part of it.{also}"
        if change.applied is not None and _REBUILD in change.applied.attributes:
            return "A rebuild was interrupted; this finishes it."
        return None

    def lasting(self, change: Change) -> Attributes:
        if change.live is None:
            return {}
        if change.action is Action.UPDATE and _is_rebuild(change):
            return {_BEFORE: _snapshot(change)}
        before = _missing_since(change)
        return {_BEFORE: before} if before else {}

    def instructions(self, change: Change) -> Sequence[str]:
        assert change.live is not None  # noqa: S101  # it is always there
        declared: Mapping[str, Value] = change.desired.get("mappings", {})
        asked = forms.folded(declared)
        before = _missing_since(change).get("mappings", {})
        left = list(_to_map(declared, change.live, before))
        published = forms.folded(change.live.facts["published"])
        for name, fields in before.items():
            there = forms.folded(published.get(name.casefold(), {}))
            for field, cleanse in fields.items():
                if field.casefold() not in there and name.casefold() not in asked:
                    what = f"map {_quoted(field)} to {name} again{_TICK if cleanse else ''}"
                    left.append(f"{what} (a rebuild of the schema dropped it)")
        return tuple(f"In the web interface, on the Mappings tab, {what}, and publish." for what in left)


_TICK = " with Data Cleanse"
_REBUILDING = "The API can't change what is in a schema, so the whole of it is deleted and posted anew (a rebuild)."


def _entities(change: Change) -> Mapping[str, Any]:
    found: Mapping[str, Any] = change.desired.get("entities", {})
    return found


def _is_rebuild(change: Change) -> bool:
    return change.live is not None and forms.differs(change.live.attributes["entities"], _entities(change))


def _posts(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Call]:
    """What is missing, entities before attributes, each with what shows that it was posted."""
    known = forms.folded(there)
    entities: list[Call] = []
    attributes: list[Call] = []
    for name, entity in wanted.items():
        own = {key: value for key, value in entity.items() if key != "attributes"}
        if name.casefold() not in known:
            entities.append(_post("gatormail_postSchemaEntity", {"name": name, **own}, {name: own}))
        present = forms.folded(known.get(name.casefold(), {}).get("attributes", {}))
        for attribute, members in entity.get("attributes", {}).items():
            if attribute.casefold() not in present:
                body = {"entityName": name, "name": attribute, **members}
                shows = {name: {"attributes": {attribute: members}}}
                attributes.append(_post("gatormail_postSchemaAttribute", body, shows))
    return entities + attributes


def _post(operation: str, body: Mapping[str, Any], shows: Mapping[str, Any]) -> Call:
    return Call(operation, body, about="main", shows={"entities": shows})


def _read_back(posts: Sequence[Call], whole: Mapping[str, Any]) -> Iterator[Call]:
    """The posts; after the last one the schema must read as it is to be."""
    yield from posts[:-1]
    for last in posts[-1:]:
        yield replace(last, then={"entities": whole})


def _satisfied(live: RemoteObject, posts: Sequence[Call]) -> Iterator[Call]:
    """Last of all, and only if they ask: people must not be told that it is done when half of it is."""
    if posts and _SCHEMA in live.facts["requested"]:
        yield Call("gatormail_getIntegrationRequestSatisfied", {"requestType": _SCHEMA})


def _snapshot(change: Change) -> dict[str, Any]:
    """The published mappings, with those that an earlier rebuild dropped and nobody has redone."""
    assert change.live is not None  # noqa: S101  # there would be nothing to rebuild
    published = {name: dict(fields) for name, fields in change.live.facts["published"].items()}
    for name, fields in _missing_since(change).get("mappings", {}).items():
        published[name] = {**fields, **published.get(name, {})}
    return {"mappings": published, "publishedAt": change.live.facts["publishedAt"]}


def _missing_since(change: Change) -> dict[str, Any]:
    """The mappings as they were before a rebuild, if some are still missing and nobody has published since."""
    before = change.applied.attributes.get(_BEFORE) if change.applied is not None else None
    if not before or change.live is None or before["publishedAt"] != change.live.facts["publishedAt"]:
        return {}
    published = {name: forms.folded(fields) for name, fields in forms.folded(change.live.facts["published"]).items()}
    missing = any(
        field.casefold() not in published.get(name.casefold(), {})
        for name, fields in before["mappings"].items()
        for field in fields
    )
    return dict(before) if missing else {}


def _to_map(declared: Mapping[str, Value], live: RemoteObject, before: Mapping[str, Any]) -> Iterator[str]:
    """What is to be done where a declared mapping is not as published; ``before`` is how it was before a rebuild."""
    ticked = {name for name, fields in forms.folded(before).items() if any(fields.values())}
    published = forms.spelled(live.attributes["mappings"], declared)
    for name, wanted in declared.items():
        if published.get(name) != wanted:
            now = f"mapped to {_quoted(published[name])}" if name in published else "not mapped"
            yield f"map {_quoted(wanted)} to {name}{_TICK if name.casefold() in ticked else ''} (it is {now})"


def _quoted(fields: Value) -> str:
    named = [fields] if isinstance(fields, str) else fields
    return f"the contact field{'s' if len(named) != 1 else ''} " + " and ".join(f'"{field}"' for field in named)
