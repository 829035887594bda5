"""What a kind is tried with: as its suite says, else made from its Spec."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from annotated_types import Ge, Le, MaxLen
from pydantic.fields import FieldInfo

from reconcile.model.attributes import Value
from reconcile.model.kind import Kind, rules


@dataclass(frozen=True, slots=True)
class Sample:
    """An entry of a kind, as a manifest has it.

    ``attributes`` are all that it declares; the name of an entry that it refers to is "sample", and that kind has a
    sample, too. ``changes`` gives each attribute that can change another value.
    """

    attributes: Mapping[str, Value]
    changes: Mapping[str, Value] = field(default_factory=dict)


def made_up(kind: type[Kind]) -> Sample:
    """A sample from the Spec: texts without a form of their own, numbers, and what is true or false."""
    known = rules(kind.spec)
    attributes: dict[str, Value] = {}
    changes: dict[str, Value] = {}
    for name, member in kind.spec.model_fields.items():
        rule = known.get(name)
        if rule is None or rule.file_of or rule.refers or rule.instant or rule.opened or rule.manual:
            continue
        values = _values(name, member)
        if values is not None:
            attributes[name], changes[name] = (rule.canonical(value) for value in values)
    return Sample(attributes, changes)


def _values(name: str, member: FieldInfo) -> tuple[Value, Value] | None:
    if any(getattr(mark, "pattern", None) is not None for mark in member.metadata):
        return None
    if member.annotation is bool:
        return True, False
    if member.annotation is int:
        least = next((mark.ge for mark in member.metadata if isinstance(mark, Ge)), 0)
        most: Any = next((mark.le for mark in member.metadata if isinstance(mark, Le)), 10)
        low = int(str(least)) + 1
        return low, min(low + 1, int(str(most)))
    if member.annotation is str:
        longest = next((mark.max_length for mark in member.metadata if isinstance(mark, MaxLen)), 100)
        return f"Sample {name}"[:longest], f"Another {name}"[:longest]
    return None
