"""The members of an entry and the attributes that they stand for, where a Spec opens a mapping."""

from collections.abc import Mapping
from functools import cache

from reconcile.model.attributes import Attributes, Value
from reconcile.model.kind import Spec, field_rules


@cache
def opened(spec: type[Spec]) -> frozenset[str]:
    """The fields of a Spec whose members are attributes of their own."""
    return frozenset(name for name, rule in field_rules(spec).items() if rule.opened)


def path_of(spec: type[Spec], name: str) -> tuple[str, ...]:
    """Where an attribute stands in an entry: its members from the outside in."""
    head, dot, rest = name.partition(".")
    return (head, rest) if dot and head in opened(spec) else (name,)


def flattened(spec: type[Spec], members: Attributes) -> dict[str, Value]:
    """Declared members as attributes: those of opened fields by their dotted names."""
    flat: dict[str, Value] = {}
    for name, value in members.items():
        if name in opened(spec) and isinstance(value, Mapping):
            flat |= {f"{name}.{member}": each for member, each in value.items()}
        else:
            flat[name] = value
    return flat


def nested(spec: type[Spec], attributes: Attributes) -> dict[str, Value]:
    """Attributes as an entry declares them: what ``flattened`` was given."""
    members: dict[str, Value] = {}
    for name, value in attributes.items():
        head, *rest = path_of(spec, name)
        if rest:
            members.setdefault(head, {})[rest[0]] = value
        else:
            members[name] = value
    return members
