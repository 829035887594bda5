"""JSON Schemas of manifests and project file, made from the Specs; editors and ``schemas/`` have them.

Draft 7, since that is what the editors' YAML server knows best. What they accept or refuse is what the loader accepts
or refuses, but for rules that need more than one file: references, files, variables, an entry in two files.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from reconcile.manifests.interpolate import ENVIRONMENT_TEXT_PATTERN, EXPRESSION_PATTERN, SINGLE_PATTERN, TEXT_PATTERN
from reconcile.manifests.project import (
    ALIAS_PATTERN,
    VARIABLE_PATTERN,
    project_specs,
)
from reconcile.manifests.shape import shape_of
from reconcile.model.kind import Kind, Spec
from reconcile.model.registry import ProviderType, target_plurals
from reconcile.model.settings import credentials_of

MANIFEST_SCHEMA: Final = "manifest.schema.json"
PROJECT_SCHEMA: Final = "project.schema.json"

_Schema = dict[str, Any]
_DRAFT = "http://json-schema.org/draft-07/schema#"
_NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9_-]*$"
_FORMS = "An expression is ${env.NAME}, ${env.NAME:-default} or ${var.name}; a literal ${ is written $${."
_SHARED: Final[_Schema] = {
    "text": {"type": "string", "pattern": TEXT_PATTERN, "patternErrorMessage": _FORMS},
    "expression": {"type": "string", "pattern": EXPRESSION_PATTERN, "patternErrorMessage": _FORMS},
    "single": {"type": "string", "pattern": SINGLE_PATTERN, "patternErrorMessage": _FORMS},
    "environmentText": {"type": "string", "pattern": ENVIRONMENT_TEXT_PATTERN, "patternErrorMessage": _FORMS},
}


def render_schemas(types: Iterable[ProviderType]) -> dict[str, str]:
    """The schemas for any project, by file name: every alias may have the kinds of every platform."""
    return _rendered(None, sorted(types, key=lambda type_: type_.name), {})


def render_project_schemas(
    aliases: Mapping[str, ProviderType], defaulted: Mapping[tuple[str, str], frozenset[str]] | None = None
) -> dict[str, str]:
    """The schemas for one project: its aliases only.

    ``defaulted`` names the attributes that have defaults there, by alias and kind: entries need not declare them.
    """
    types = sorted({type_.name: type_ for type_ in aliases.values()}.values(), key=lambda type_: type_.name)
    return _rendered(aliases, types, defaulted or {})


def _rendered(
    aliases: Mapping[str, ProviderType] | None,
    types: list[ProviderType],
    defaulted: Mapping[tuple[str, str], frozenset[str]],
) -> dict[str, str]:
    schemas = {MANIFEST_SCHEMA: _manifest(aliases, types, defaulted), PROJECT_SCHEMA: _project(aliases, types)}
    return {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in schemas.items()}


# Manifests

_ADDRESS: _Schema = {"type": "string", "pattern": r"^[^.]+\.[^.]+\..+$"}
_REMOVED: _Schema = {
    "description": "Objects that are to go: addresses of entries that are taken out; keep: only the state forgets it.",
    "type": ["array", "null"],
    "items": {
        "anyOf": [
            _ADDRESS,
            {
                "type": "object",
                "properties": {"address": _ADDRESS, "keep": {"type": "boolean"}},
                "required": ["address"],
                "additionalProperties": False,
            },
        ]
    },
}


def _manifest(
    aliases: Mapping[str, ProviderType] | None,
    types: list[ProviderType],
    defaulted: Mapping[tuple[str, str], frozenset[str]],
) -> _Schema:
    definitions = dict(_SHARED)
    schema: _Schema = {
        "$schema": _DRAFT,
        "title": "Manifest of reconcile",
        "description": "What should exist, by provider alias, kind and name.",
        "type": ["object", "null"],
    }
    removed = {"removed": _REMOVED}
    if aliases is None:
        schema["properties"] = removed
        arms = [_provider_kinds(type_.name, type_, definitions, None, {}) for type_ in types]
        schema["patternProperties"] = {_NAME_PATTERN: arms[0] if len(arms) == 1 else {"anyOf": arms}}
    else:
        schema["properties"] = removed | {
            alias: _provider_kinds(alias, type_, definitions, alias, defaulted) for alias, type_ in aliases.items()
        }
    return schema | {"additionalProperties": False, "definitions": definitions}


def _provider_kinds(
    prefix: str,
    type_: ProviderType,
    definitions: _Schema,
    alias: str | None,
    defaulted: Mapping[tuple[str, str], frozenset[str]],
) -> _Schema:
    properties: _Schema = {}
    for name, kind in sorted(type_.kinds.items()):
        key = f"{prefix}.{name}"
        optional = None if alias is None else defaulted.get((alias, name), frozenset())
        definitions[key] = _entry(kind, prefix, definitions, optional)
        entry = {"$ref": f"#/definitions/{key}"}
        properties[kind.plural] = entry if kind.singleton else _named(entry, f"The {kind.plural}, by name.")
    return {"type": ["object", "null"], "properties": properties, "additionalProperties": False}


def _named(entry: _Schema, description: str) -> _Schema:
    return {
        "description": description,
        "type": ["object", "null"],
        "patternProperties": {_NAME_PATTERN: entry},
        "additionalProperties": False,
    }


def _entry(kind: Kind, prefix: str, definitions: _Schema, optional: frozenset[str] | None) -> _Schema:
    """An entry: managed, or external and only looked up."""
    attributes = _attributes(kind.spec, prefix, definitions)
    key = [name for name in kind.natural_key if name != kind.spec.named]
    known = [name for name in attributes["properties"] if name not in shape_of(kind.spec).naming]
    # In any project, all but the natural key may come from its defaults.
    required = attributes.pop("required", [])
    needed = [name for name in required if (name in key if optional is None else name not in optional)]
    exclusions = attributes.pop("allOf", [])
    managed = ({"required": needed} if needed else {}) | ({"allOf": exclusions} if exclusions else {})
    external = {
        "required": key,
        "propertyNames": {"enum": [*key, "manage", "was", "allowDuplicate", "only", "overrides"]},
    }
    attributes["properties"] |= _meta(known)
    attributes["properties"] |= _by_environment([*attributes["properties"]])
    return attributes | {
        "if": {"properties": {"manage": {"const": "external"}}, "required": ["manage"]},
        "then": external,
        "else": managed,
    }


def _by_environment(properties: Collection[str]) -> _Schema:
    """For which environments an entry is, and what differs there: any of its members but ``was``, or null."""
    names = {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": _NAME_PATTERN}}
    # Their values are looked at by ``validate``: here each would stand a second time.
    layer = {"type": "object", "propertyNames": {"enum": [name for name in properties if name != "was"]}}
    return {
        "only": {"description": "The environments that have it; all of them if absent.", **names},
        "overrides": {
            "description": "What differs in an environment; null takes a member out.",
            "type": "object",
            "patternProperties": {_NAME_PATTERN: layer},
            "additionalProperties": False,
        },
    }


def _meta(attributes: list[str]) -> _Schema:
    ignored = {"anyOf": [{"enum": attributes}, {"$ref": "#/definitions/expression"}]}
    former = {"anyOf": [{"type": "string", "pattern": _NAME_PATTERN}, {"$ref": "#/definitions/expression"}]}
    return {
        "lifecycle": {
            "description": "How the object is looked after.",
            "type": "object",
            "properties": {
                "preventDestroy": _boolean("Whether deleting the object is refused."),
                "ignoreChanges": {
                    "description": "Attributes whose changes are left alone.",
                    "type": "array",
                    "items": ignored,
                },
            },
            "additionalProperties": False,
        },
        "was": {
            "description": "Former names of the entry: the state follows, nothing is written.",
            "type": "array",
            "items": former,
        },
        "manage": {
            "description": "external: looked up by its natural key, may be referred to, never changed.",
            "anyOf": [{"enum": ["external"]}, {"$ref": "#/definitions/expression"}],
        },
        "allowDuplicate": _boolean("Whether the object is made although one like it exists."),
        "build": {
            "description": "How the mail is built from its file; MJML and parts are built without it.",
            "type": "object",
            "properties": {
                "inline": _boolean("Whether style sheets are written into the elements."),
                "minify": _boolean("Whether runs of blanks become one."),
            },
            "additionalProperties": False,
        },
        "waive": {
            "description": "Findings that are accepted for this entry.",
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "check": {"type": "string", "description": "The check's id."},
                    "reason": {"type": "string", "description": "Why it is accepted."},
                    "until": {"type": "string", "description": "The last day on which it holds, such as 2026-12-31."},
                },
                "required": ["check", "reason"],
                "additionalProperties": False,
            },
        },
    }


def _boolean(description: str) -> _Schema:
    return {"description": description, "anyOf": [{"type": "boolean"}, {"$ref": "#/definitions/single"}]}


# Specs


def _attributes(spec: type[Spec], prefix: str, definitions: _Schema) -> _Schema:
    """A Spec as an object; the Specs within it are added to the definitions."""
    raw = spec.model_json_schema(ref_template=f"#/definitions/{prefix}.{{model}}")
    inner = raw.pop("$defs", {})
    models = {member.__name__: member for member in _inner_specs(spec)}
    for name, schema in inner.items():
        definitions.setdefault(f"{prefix}.{name}", _object(schema, models.get(name)))
    return _object(raw, spec)


def _inner_specs(spec: type[Spec]) -> list[type[Any]]:
    found: list[type[Any]] = []
    waiting = list(shape_of(spec).members.values())
    while waiting:
        shape = waiting.pop()
        if shape.spec is not None:
            found.append(shape.spec)
        waiting.extend(shape.members.values())
        waiting.extend(inner for inner in (shape.items, shape.values) if inner is not None)
    return found


def _object(raw: _Schema, spec: type[Any] | None) -> _Schema:
    schema: _Schema = {"type": "object"}
    if raw.get("description"):
        schema["description"] = _prose(raw["description"])
    schema["properties"] = {name: _value(member) for name, member in raw.get("properties", {}).items()}
    schema["additionalProperties"] = False
    if raw.get("required"):
        schema["required"] = raw["required"]
    naming = shape_of(spec).naming if spec is not None else {}  # type: ignore[arg-type]  # classes are hashable
    if naming:
        schema["allOf"] = [{"not": {"required": [target, name]}} for name, target in naming.items()]
    return schema


def _value(raw: _Schema) -> _Schema:
    """A value: the form that pydantic gives, or an expression for each scalar; no titles, no defaults."""
    kept = {"description": _prose(raw["description"])} if "description" in raw else {}
    rest = {name: value for name, value in raw.items() if name not in ("title", "default", "description")}
    if "$ref" in rest:
        # What stands beside a reference is not looked at in draft 7.
        return kept | {"allOf": [rest]} if kept else rest
    if rest.get("type") == "array":
        return kept | rest | {"items": _value(rest.get("items", {}))}
    if rest.get("type") == "object":
        return kept | _mapping(rest)
    arms = rest.get("anyOf", [rest])
    if arms == [{}]:
        return kept
    scalars = [arm for arm in arms if not _is_collection(arm)]
    others = [_value(arm) for arm in arms if _is_collection(arm)]
    forms = [*map(_scalar, scalars), *others]
    if any(_is_text(arm) for arm in scalars):
        free = any(form == {"$ref": "#/definitions/text"} for form in forms)
        forms += [] if free else [{"$ref": "#/definitions/expression"}]
    elif any(arm.get("type") != "null" for arm in scalars):
        forms.append({"$ref": "#/definitions/single"})
    if len(forms) == 1:
        return kept | {"allOf": forms} if kept else dict(forms[0])
    return kept | {"anyOf": forms}


def _prose(text: str) -> str:
    """A docstring as editors show it."""
    return " ".join(text.replace("``", "`").split())


def _is_collection(arm: _Schema) -> bool:
    return "$ref" in arm or arm.get("type") in ("array", "object")


def _is_text(arm: _Schema) -> bool:
    values = [arm["const"]] if "const" in arm else arm.get("enum", ())
    return arm.get("type") == "string" or any(isinstance(value, str) for value in values)


def _scalar(arm: _Schema) -> _Schema:
    arm = {name: value for name, value in arm.items() if name != "title"}
    if "const" in arm:
        return {"enum": [arm["const"]]}
    if arm == {"type": "string"}:
        return {"$ref": "#/definitions/text"}
    if arm.get("type") != "string" or "enum" in arm:
        return arm
    # Texts with rules of their own, as long as no expression stands in them.
    return {"allOf": [{"$ref": "#/definitions/text"}, arm]}


def _mapping(raw: _Schema) -> _Schema:
    schema: _Schema = {"type": "object"}
    if "patternProperties" in raw:
        schema["patternProperties"] = {key: _value(member) for key, member in raw["patternProperties"].items()}
        schema["additionalProperties"] = False
    elif isinstance(raw.get("additionalProperties"), dict):
        schema["additionalProperties"] = _value(raw["additionalProperties"])
    return schema


# The project file


def _project(aliases: Mapping[str, ProviderType] | None, types: list[ProviderType]) -> _Schema:
    definitions = dict(_SHARED)
    whole_spec, layer_spec = project_specs(target_plurals(type_.kinds.values() for type_ in types))
    project = _attributes(whole_spec, "project", definitions)
    environment = _attributes(layer_spec, "project", definitions)
    for whole, layer in ((True, project), (False, environment)):
        properties = layer["properties"]
        accounts = _accounts(aliases, types, definitions, whole=whole)
        properties["providers"] = {"description": properties["providers"]["description"]} | accounts
        variables = [
            {"$ref": "#/definitions/environmentText"},
            {"type": ["boolean", "number", "null", "array", "object"]},
        ]
        properties["variables"] = {
            "description": properties["variables"]["description"],
            "type": "object",
            "patternProperties": {VARIABLE_PATTERN: {"anyOf": variables}},
            "additionalProperties": False,
        }
        properties["defaults"] = {"description": properties["defaults"]["description"]} | _defaults(
            aliases, types, definitions
        )
    policy = environment["properties"]["policy"]
    for reference in policy.get("allOf", [policy]):
        of = definitions[reference["$ref"].rpartition("/")[2]]
        environment["properties"]["policy"] = of | {"properties": _or_null(of["properties"])}
    environment["properties"] = _or_null(environment["properties"])
    definitions["environment"] = environment | {"type": ["object", "null"]}
    project["properties"]["environments"] = {
        "description": project["properties"]["environments"]["description"],
        "type": "object",
        "patternProperties": {_NAME_PATTERN: {"$ref": "#/definitions/environment"}},
        "propertyNames": {"not": {"const": "default"}},
        "additionalProperties": False,
    }
    project["required"] = [*project.get("required", []), "providers"]
    return {
        "$schema": _DRAFT,
        "title": "Project file of reconcile",
        **project,
        "definitions": definitions,
    }


def _or_null(properties: _Schema) -> _Schema:
    """Members that may be null, which takes them out."""
    return {name: {"anyOf": [member, {"type": "null"}]} for name, member in properties.items()}


def _accounts(
    aliases: Mapping[str, ProviderType] | None, types: list[ProviderType], definitions: _Schema, *, whole: bool
) -> _Schema:
    """The accounts by alias; in an environment they are laid over those of the project, so nothing is needed."""
    refs: dict[str, _Schema] = {}
    for type_ in types:
        spec = type_.provider.settings
        key = type_.name if whole else f"{type_.name}.partial"
        schema = _attributes(spec, type_.name, definitions)
        if not whole:
            schema.pop("required", None)
            schema["properties"] = _or_null(schema["properties"])
        elif credentials := sorted(
            name for name, mark in credentials_of(spec).items() if mark.needed and not mark.unless
        ):
            schema["if"] = {"properties": {"url": {"type": "string", "pattern": "^https?://"}}, "required": ["url"]}
            schema["then"] = {"required": credentials}
        definitions[key] = schema
        refs[type_.name] = {"$ref": f"#/definitions/{key}"}
    arms = list(refs.values())
    any_of = arms[0] if len(arms) == 1 else {"anyOf": arms}
    if aliases is None or not whole:
        return {"type": "object", "patternProperties": {ALIAS_PATTERN: any_of}, "additionalProperties": False}
    # An alias that is new here is a mistake in a manifest, not in this file.
    own = {alias: refs[type_.name] for alias, type_ in aliases.items()}
    return {
        "type": "object",
        "properties": own,
        "patternProperties": {ALIAS_PATTERN: any_of},
        "additionalProperties": False,
    }


def _defaults(aliases: Mapping[str, ProviderType] | None, types: list[ProviderType], definitions: _Schema) -> _Schema:
    refs: dict[str, _Schema] = {}
    for type_ in types:
        kinds: _Schema = {}
        for name, kind in sorted(type_.kinds.items()):
            attributes = _attributes(kind.spec, type_.name, definitions)
            attributes.pop("required", None)
            for member in kind.natural_key:
                attributes["properties"].pop(member, None)
            definitions[f"{type_.name}.{name}.defaults"] = attributes | {"type": ["object", "null"]}
            kinds[name] = {"$ref": f"#/definitions/{type_.name}.{name}.defaults"}
        definitions[f"{type_.name}.defaults"] = {
            "type": ["object", "null"],
            "properties": kinds,
            "additionalProperties": False,
        }
        refs[type_.name] = {"$ref": f"#/definitions/{type_.name}.defaults"}
    if aliases is not None:
        own = {alias: refs[type_.name] for alias, type_ in aliases.items()}
        return {"type": "object", "properties": own, "additionalProperties": False}
    arms = list(refs.values())
    any_of = arms[0] if len(arms) == 1 else {"anyOf": arms}
    return {"type": "object", "patternProperties": {ALIAS_PATTERN: any_of}, "additionalProperties": False}
