"""What manifests may declare, kind by kind -> the page of the docs about it."""

from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from reconcile.model.kind import Kind, rules
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
    yield "| attribute | type | where absent | what it is | how it behaves |"
    yield "| --- | --- | --- | --- | --- |"
    known = rules(kind.spec)
    for name, member in kind.spec.model_fields.items():
        rule = known.get(name)
        habits = (
            []
            if rule is None
            else [
                word
                for word, holds in (
                    ("names an entry", rule.refers is not None),
                    ("can't change in place", rule.replaces),
                    ("can't be read back", not rule.readable),
                    ("in any order", rule.unordered),
                    ("people get mail by it", rule.launches),
                    ("a person sets it", rule.manual),
                )
                if holds
            ]
        )
        needed = ["needed"] if member.is_required() else []
        absent = f"`{kind.defaults[name]!r}`" if name in kind.defaults and not needed else ""
        cells = (type_name(member.annotation), absent, _prose(member.description), ", ".join([*needed, *habits]))
        yield f"| `{name}` | {' | '.join(cells)} |"


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
