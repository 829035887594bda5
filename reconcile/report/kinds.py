"""What manifests may declare, kind by kind -> the page of the docs about it."""

from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from reconcile.model.bulk import BulkKind
from reconcile.model.kind import PLAIN, Kind, Rule, field_rules
from reconcile.model.registry import ProviderType


def render(types: Iterable[ProviderType]) -> str:
    """The page in Markdown; it is written anew by ``pytest tests/test_docs.py --update-cases``."""
    lines = ["# What manifests may declare", "", "Written from the kinds themselves; don't edit it here.", ""]
    for type_ in sorted(types, key=lambda type_: type_.name):
        lines += [f"## `{type_.name}`", ""]
        for kind in sorted(type_.kinds.values(), key=lambda kind: kind.plural):
            lines += [*_kind(kind), ""]
    return "\n".join(lines)


def _kind(kind: Kind) -> Iterator[str]:
    yield f"### `{kind.plural}`"
    yield ""
    yield _prose(type(kind).__doc__)
    yield ""
    yield "| attribute | type | where absent | what it is | read back | a change |"
    yield "| --- | --- | --- | --- | --- | --- |"
    yield from _rows(kind, kind.spec, "", PLAIN)


def _rows(kind: Kind, spec: type[BaseModel], before: str, above: Rule) -> Iterator[str]:
    """A row for each member of a Spec, and below it those of what it holds, by dotted names."""
    known = field_rules(spec)
    for name, member in spec.model_fields.items():
        rule = above if known[name] is PLAIN else known[name]
        default = kind.defaults.get(f"{before}{name}")
        absent = "needed" if member.is_required() else f"`{default!r}`" if default is not None else ""
        about = _prose(member.description) + (f" An entry of `{rule.refers}`." if rule.refers is not None else "")
        about = " ".join([about, *(_prose(inner.__doc__) for inner, _ in _inside(member.annotation))]).strip()
        cells = (type_name(member.annotation), absent, about, _read_back(kind, rule), _change(kind, rule))
        yield f"| `{before}{name}` | {' | '.join(cells)} |"
        for inner, within in _inside(member.annotation):
            yield from _rows(kind, inner, f"{before}{name}{within}.", rule)


def _inside(annotation: Any, within: str = "") -> Iterator[tuple[type[BaseModel], str]]:
    """The Specs that a value holds, and how they are reached: ``[]`` in a list, ``.NAME`` in a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, within
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Annotated, list, tuple, set, frozenset):
        yield from _inside(inner[0], within if origin is Annotated else f"{within}[]")
    elif origin in (dict, Mapping):
        yield from _inside(inner[1], f"{within}.NAME")
    elif origin in (Union, UnionType):
        for each in inner:
            yield from _inside(each, within)


def _read_back(kind: Kind, rule: Rule) -> str:
    if isinstance(kind, BulkKind):
        return "no: the people are"
    if rule.file_of is not None:
        return f"as `{rule.file_of}`"
    return "yes" if rule.readable else "no: seen from what was last applied"


def _change(kind: Kind, rule: Rule) -> str:
    if kind.manual or rule.manual:
        return "is told to a person, who makes it"
    if isinstance(kind, BulkKind):
        return "counts when people are planned next"
    if rule.embeds:
        return "makes the object anew, and so does a change of what it names"
    if rule.replaces:
        return "makes the object anew"
    return "is made in place; people get mail by it" if rule.launches else "is made in place"


def type_name(annotation: Any) -> str:
    """A type in words: text, number, list of text."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_name(inner[0])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(type_name(each) for each in inner))
    if origin in (list, tuple, set, frozenset):
        return f"list of {type_name(inner[0])}"
    if origin in (dict, Mapping):
        return f"mapping to {type_name(inner[1])}"
    named = {str: "text", int: "whole number", float: "number", bool: "true or false", type(None): "null"}
    return named.get(annotation, "mapping" if isinstance(annotation, type) else "any value")


def _prose(text: str | None) -> str:
    return " ".join((text or "").replace("``", "`").split()).replace("|", "\\|")
