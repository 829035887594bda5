"""What the OpenAPI document says of GatorMail's API: the contract table, objects member by member, and operations.

It stands beside the sources in a checkout, and within the package where that is installed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_PACKAGE = Path(__file__).parents[2]
_NAME = "gatormail.openapi.yaml"
_PLACES = (_PACKAGE / "_schemas" / _NAME, _PACKAGE.parent / "schemas" / _NAME)
# The parser in C takes a tenth of the time; the other one reads the same.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DOCUMENT: Any = yaml.load(next(filter(Path.exists, _PLACES)).read_bytes(), Loader=_LOADER)  # noqa: S506 - both are safe
_SCHEMAS: Mapping[str, Any] = _DOCUMENT["components"]["schemas"]

# Every row of the contract table with its default: routes, names, values and conventions by their key.
TABLE: Mapping[str, Any] = {
    key: tuple(value) if isinstance(value, list) else value for key, value in _DOCUMENT["x-contract-table"].items()
}


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a shape: its row in the table, and what its values are."""

    key: str
    default: str
    enum: str | None = None
    date: bool = False
    shape: str | None = None
    id: bool = False


@dataclass(frozen=True, slots=True)
class Described:
    """An operation as it is described; ``takes`` and ``answers`` name shapes, in brackets for arrays."""

    key: str
    verb: str
    takes: str
    answers: str
    provenance: str


def _target(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema itself, where another is referred to, or null is allowed as well."""
    found: Mapping[str, Any] = schema["anyOf"][0] if "$ref" in schema.get("anyOf", [()])[0] else schema
    return _SCHEMAS[found["$ref"].rpartition("/")[2]] if "$ref" in found else found


def _shape(schema: Mapping[str, Any]) -> str:
    """The name of an object's shape, in brackets for an array of such; "" for what is none of them."""
    if schema.get("type") == "array":
        return f"[{_shape(schema['items'])}]"
    target = _target(schema)
    own: str = target.get("x-contract-key", "")
    # Its members are named for it; one schema's own key is missing.
    keys = (each.get("x-contract-key", "") for each in target.get("properties", {}).values())
    return own[2:] if own.startswith("o.") else next((key.split(".")[1] for key in keys if key.startswith("f.")), "")


def _member(wire: str, schema: Mapping[str, Any]) -> tuple[str, Member]:
    key, target = schema["x-contract-key"], _target(schema)
    # The whole body of a test send is one member, which has a row of another kind and its name from there.
    name = key.rpartition(".")[2] if key.startswith("f.") else wire
    types = target.get("type", ())
    enum = target.get("x-contract-key", "")[2:] if "enum" in target else None
    # Records of the feed are kept as they come, their ids too.
    is_id = "integer" in types and (name == "id" or name.endswith("Id")) and not key.startswith("f.record.")
    return name, Member(
        key,
        TABLE[key],
        enum=enum,
        date="T" in target.get("pattern", ""),
        shape=_shape(schema).strip("[]") or None,
        id=is_id,
    )


def _operations() -> Iterator[tuple[str, Described]]:
    for path in _DOCUMENT["paths"].values():
        for verb, written in path.items():
            if "operationId" not in written:
                continue
            answer = next(each for status, each in written["responses"].items() if status.startswith("2"))
            takes, answers = _content(written.get("requestBody", {})), _content(answer)
            key, provenance = written["x-contract-key"], written["x-provenance"]
            yield written["operationId"], Described(key, verb.upper(), takes, answers, provenance)


def _content(described: Mapping[str, Any]) -> str:
    return _shape(described.get("content", {}).get("application/json", {}).get("schema", {}))


SHAPES: Mapping[str, Mapping[str, Member]] = {
    _shape(schema): dict(_member(wire, each) for wire, each in schema["properties"].items())
    for schema in _SCHEMAS.values()
    if "properties" in schema
}
OPERATIONS: Mapping[str, Described] = dict(_operations())
