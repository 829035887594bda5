"""The API as the reference's OpenAPI document has it: operations, objects member by member, and the contract table.

The document is read where it stands: beside the sources in a checkout, within the package where that is installed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconcile.sandbox.documents import read_yaml

_PACKAGE = Path(__file__).parents[2]
_NAME = "gatormail.openapi.yaml"
_PLACES = (_PACKAGE / "_schemas" / _NAME, _PACKAGE.parent / "schemas" / _NAME)
_DOCUMENT: Any = read_yaml(next(filter(Path.exists, _PLACES)))
_SCHEMAS: Mapping[str, Any] = _DOCUMENT["components"]["schemas"]

# Every row of the contract table: routes, names, values and conventions by their key.
TABLE: Mapping[str, Any] = {
    key: tuple(value) if isinstance(value, list) else value for key, value in _DOCUMENT["x-contract-table"].items()
}
# The values of each enum, in the order of its row.
ENUMS: Mapping[str, tuple[str, ...]] = {key[2:]: value for key, value in TABLE.items() if key.startswith("v.")}


@dataclass(frozen=True, slots=True)
class Member:
    """One member. ``kind`` is id, int, text, date, bool, map, enum, one, many or ref; ``of`` names an enum or shape."""

    key: str
    kind: str
    of: str
    nullable: bool
    required: bool
    access: str


Shape = Mapping[str, Member]


@dataclass(frozen=True, slots=True)
class Described:
    """An operation as it is described. ``takes`` and ``answers`` name shapes, in brackets for arrays."""

    name: str
    status: int
    takes: str
    answers: str
    write: bool


def _referred(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return _SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _shape_of(schema: Mapping[str, Any]) -> str:
    """The name of an object's shape, in brackets when it is an array of such; "" for what is none of them."""
    if schema.get("type") == "array":
        return f"[{_shape_of(schema['items'])}]"
    target = _referred(schema)
    # Its members are named for it; one schema's own key is missing.
    keys = (each.get("x-contract-key", "") for each in target.get("properties", {}).values())
    own: str = target.get("x-contract-key", "")
    return own[2:] if own.startswith("o.") else next((key.split(".")[1] for key in keys if key.startswith("f.")), "")


def _kind(schema: Mapping[str, Any]) -> tuple[str, str]:
    """What a member's values are, and of which enum or shape."""
    if "anyOf" in schema:
        kind, of = _kind(schema["anyOf"][0])
        return ("ref" if kind == "one" else kind), of
    target = _referred(schema)
    if "enum" in target and "x-contract-key" in target and target is not schema:
        return "enum", target["x-contract-key"].removeprefix("v.")
    types = target.get("type", "object")
    types = types if isinstance(types, list) else [types]
    if "array" in types:
        return "many", _shape_of(target["items"])
    if "object" in types:
        return ("one", _shape_of(schema)) if _shape_of(schema) else ("map", "")
    if "boolean" in types:
        return "bool", ""
    if "integer" in types:
        return ("id" if "string" in types else "int"), ""
    return ("date" if "T" in target.get("pattern", "") else "text"), ""


def _members(schema: Mapping[str, Any]) -> Iterator[tuple[str, Member]]:
    for wire, written in schema["properties"].items():
        key = written.get("x-contract-key", "")
        name = key.rpartition(".")[2] or wire
        nullable = "null" in written.get("type", ()) or "anyOf" in written
        # Some clients send when an object was made; it is the server that knows.
        owned = written.get("readOnly") or name == "created"
        access = "r" if owned else "w" if written.get("writeOnly") else ""
        yield name, Member(key, *_kind(written), nullable, wire in schema.get("required", ()) or access == "w", access)


def _operations() -> Iterator[tuple[str, Described]]:
    for written in (each for path in _DOCUMENT["paths"].values() for each in path.values() if "operationId" in each):
        status, answer = next((int(code), each) for code, each in written["responses"].items() if code.startswith("2"))
        body = written.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        answered = answer.get("content", {}).get("application/json", {}).get("schema", {})
        # Those that only read are R; two are called get, and yet change something.
        name, write = written["operationId"], written["x-retry"] != "R"
        yield written["x-contract-key"], Described(name, status, _shape_of(body), _shape_of(answered), write)


SHAPES: Mapping[str, Shape] = {
    name: dict(_members(schema))
    for schema in _SCHEMAS.values()
    if "properties" in schema and (name := _shape_of(schema))
}
OPERATIONS: Mapping[str, Described] = dict(_operations())
