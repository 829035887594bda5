"""Schema, mappings and the handshake (reference OpenAPI document, tags schema and integration).

The integration offers entities and attributes; people map contact fields to them and publish. Two lights say who waits
for whom: people raise them, the integration puts them out with "satisfied".
"""

from collections.abc import Sequence
from typing import Any

from reconcile.sandbox.gatormail import contacts
from reconcile.sandbox.gatormail.document import ENUMS
from reconcile.sandbox.gatormail.instance import Instance
from reconcile.sandbox.gatormail.reply import conflict, invalid, not_found


def get(instance: Instance) -> dict[str, Any]:
    """Operation gatormail_getSchema: published mappings only."""
    rows = instance.all("SELECT * FROM gm_entity WHERE instance = :instance ORDER BY id")
    entities = [
        {"name": row["name"], "displayName": row["display"], "attributes": _attributes(instance, row["name"])}
        for row in rows
    ]
    return {"entities": entities, "publishedAt": instance.setting("publishedAt", None)}


def delete(instance: Instance) -> None:
    """Operation gatormail_deleteSchema: all entities and attributes at once."""
    instance.run("DELETE FROM gm_entity WHERE instance = :instance")
    instance.run("DELETE FROM gm_attribute WHERE instance = :instance")
    if instance.positions.flag("schema_delete_drops_mappings"):
        instance.run("DELETE FROM gm_mapping WHERE instance = :instance")


def add_entity(instance: Instance, values: dict[str, Any]) -> dict[str, Any]:
    """Operation gatormail_postSchemaEntity."""
    there = _entity(instance, values["name"])
    if there is None:
        name, display = values["name"], values.get("displayName")
        instance.insert("gm_entity", id=instance.next_id("entity"), name=name, display=display)
    elif instance.positions.text("schema_duplicate_post") == "conflict":
        raise conflict("There is an entity of this name.")
    name = there or values["name"]
    return next(each for each in get(instance)["entities"] if each["name"] == name)


def add_attribute(instance: Instance, values: dict[str, Any]) -> dict[str, Any]:
    """Operation gatormail_postSchemaAttribute."""
    entity = _entity(instance, values["entityName"])
    if entity is None:
        raise invalid("attribute.entityName", "Unknown schema entity")
    there = _attribute(instance, entity, values["name"])
    if there is None:
        instance.insert(
            "gm_attribute",
            id=instance.next_id("attribute"),
            entity=entity,
            name=values["name"],
            display=values.get("displayName"),
            type=values.get("dataType", "string"),
        )
    elif instance.positions.text("schema_duplicate_post") == "conflict":
        raise conflict("There is an attribute of this name.")
    name = there or values["name"]
    return next(each for each in _attributes(instance, entity) if each["name"] == name)


def requests(instance: Instance) -> list[dict[str, Any]]:
    """Operation gatormail_getIntegrationRequests: both lights."""
    return [_request(instance, kind) for kind in ENUMS["requestType"]]


def satisfied(instance: Instance, kind: str | None) -> dict[str, Any]:
    """Operation gatormail_getIntegrationRequestSatisfied: the light goes out.

    Without a type, which only a contract that drops it from the path can bring about, both do.
    """
    known = ENUMS["requestType"]
    name = known[0] if kind is None else instance.contract.named("requestType", kind)
    if name is None:
        raise not_found("request type", kind)
    instance.run(
        "UPDATE gm_request SET requested = 0 WHERE instance = :instance AND (type = :type OR :every)",
        {"type": name, "every": kind is None},
    )
    return _request(instance, name)


def press_get_schema(instance: Instance) -> None:
    """A person asks for the fields of the other system."""
    _raise(instance, "FieldMappingSchema")


def draft(instance: Instance, rows: Sequence[dict[str, Any]]) -> None:
    """A person maps contact fields to attributes that the schema has; nothing of it is published yet."""
    instance.run("DELETE FROM gm_mapping WHERE instance = :instance AND NOT published")
    for at, row in enumerate(rows):
        map_attribute(instance, row, f"mappings[{at}]")


def map_attribute(instance: Instance, row: dict[str, Any], where: str = "mapping") -> None:
    """A person maps one contact field to one attribute of the schema, beside what the draft has."""
    fields = {name.lower(): name for name in contacts.field_names(instance)}
    entity = _entity(instance, str(row.get("entityName")))
    attribute = None if entity is None else _attribute(instance, entity, str(row.get("attributeName")))
    field = fields.get(str(row.get("contactAttribute")).lower())
    if entity is None or attribute is None or field is None:
        raise invalid(where, "Unknown entity, attribute or contact field")
    cleanse = row.get("dataCleanse") is True
    instance.run(
        "INSERT INTO gm_mapping VALUES (:instance, 0, :entity, :attribute, :field, :cleanse) "
        "ON CONFLICT DO UPDATE SET cleanse = :cleanse",
        {"entity": entity, "attribute": attribute, "field": field, "cleanse": cleanse},
    )


def unmap_attribute(instance: Instance, row: dict[str, Any]) -> None:
    """A person takes one row out of the draft; what is published stays until the next time."""
    members = {"entity": "entityName", "attribute": "attributeName", "field": "contactAttribute"}
    gone = instance.run(
        "DELETE FROM gm_mapping WHERE instance = :instance AND NOT published AND fold(entity) = fold(:entity) "
        "AND fold(attribute) = fold(:attribute) AND fold(contactattribute) = fold(:field)",
        {name: str(row.get(member)) for name, member in members.items()},
    )
    if not gone:
        raise invalid("mapping", "Is not in the draft")


def publish(instance: Instance) -> None:
    """A person publishes the draft, which from then on is what the integration reads."""
    instance.run("DELETE FROM gm_mapping WHERE instance = :instance AND published")
    instance.run(
        "INSERT INTO gm_mapping SELECT instance, 1, entity, attribute, contactattribute, cleanse FROM gm_mapping "
        "WHERE instance = :instance AND NOT published"
    )
    instance.keep("publishedAt", instance.wall())
    _raise(instance, "FieldMappingUpdates")


def drafts(instance: Instance) -> list[dict[str, Any]]:
    """What a person sees on the Mappings tab."""
    rows = instance.all("SELECT * FROM gm_mapping WHERE instance = :instance AND NOT published")
    return [
        {
            "entityName": row["entity"],
            "attributeName": row["attribute"],
            "contactAttribute": row["contactattribute"],
            "dataCleanse": bool(row["cleanse"]),
        }
        for row in rows
    ]


def _attributes(instance: Instance, entity: str) -> list[dict[str, Any]]:
    sql = "SELECT * FROM gm_attribute WHERE instance = :instance AND entity = :entity ORDER BY id"
    return [
        {
            "name": row["name"],
            "displayName": row["display"],
            "dataType": row["type"],
            "mappings": _mappings(instance, entity, row["name"]),
        }
        for row in instance.all(sql, {"entity": entity})
    ]


def _mappings(instance: Instance, entity: str, attribute: str) -> list[dict[str, Any]]:
    rows = instance.all(
        "SELECT * FROM gm_mapping WHERE instance = :instance AND published AND entity = :entity "
        "AND attribute = :attribute ORDER BY contactattribute",
        {"entity": entity, "attribute": attribute},
    )
    return [{"contactAttribute": row["contactattribute"], "dataCleanse": bool(row["cleanse"])} for row in rows]


def _entity(instance: Instance, name: str) -> str | None:
    """The name of the entity as it was posted; case does not matter."""
    sql = "SELECT name FROM gm_entity WHERE instance = :instance AND fold(name) = fold(:name)"
    row = instance.one(sql, {"name": name})
    return None if row is None else str(row["name"])


def _attribute(instance: Instance, entity: str, name: str) -> str | None:
    row = instance.one(
        "SELECT name FROM gm_attribute WHERE instance = :instance AND entity = :entity AND fold(name) = fold(:name)",
        {"entity": entity, "name": name},
    )
    return None if row is None else str(row["name"])


def _request(instance: Instance, kind: str) -> dict[str, Any]:
    row = instance.one("SELECT * FROM gm_request WHERE instance = :instance AND type = :type", {"type": kind})
    if row is None:
        return {"type": kind, "requested": False, "requestedAt": None}
    return {"type": kind, "requested": bool(row["requested"]), "requestedAt": row["requestedat"]}


def _raise(instance: Instance, kind: str) -> None:
    instance.run(
        "INSERT INTO gm_request VALUES (:instance, :type, 1, :at) "
        "ON CONFLICT DO UPDATE SET requested = 1, requestedat = :at",
        {"type": kind, "at": instance.wall()},
    )
