"""Published mappings as a file: one line each, in an order that does not depend on the platform's."""

from collections.abc import Mapping
from typing import Any

import orjson


def rows(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The mappings of a schema, sorted."""
    found = [
        {
            "entity": entity["name"],
            "attribute": attribute["name"],
            "contactAttribute": row["contactAttribute"],
            "dataType": attribute.get("dataType"),
            "dataCleanse": bool(row.get("dataCleanse")),
        }
        for entity in schema.get("entities") or ()
        for attribute in entity.get("attributes") or ()
        for row in attribute.get("mappings") or ()
    ]
    return sorted(found, key=lambda row: (row["entity"], row["attribute"], row["contactAttribute"]))


def render_json(schema: Mapping[str, Any]) -> bytes:
    """The file as JSON."""
    content = {"publishedAt": schema.get("publishedAt"), "mappings": rows(schema)}
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def render_yaml(schema: Mapping[str, Any]) -> bytes:
    """The file as YAML, of which JSON is a part: each mapping on a line of its own."""
    lines = ["# The mappings that people have published, as reconcile schema-requests fetched them."]
    lines.append(f"publishedAt: {_scalar(schema.get('publishedAt'))}")
    found = rows(schema)
    lines.append("mappings:" if found else "mappings: []")
    for row in found:
        members = ", ".join(f"{name}: {_scalar(value)}" for name, value in row.items())
        lines.append(f"- {{{members}}}")
    return "".join(f"{line}\n" for line in lines).encode()


def _scalar(value: Any) -> str:
    return orjson.dumps(value).decode()
