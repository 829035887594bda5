"""What a Spec's annotations say about the form of values: which scalars, lists of what, members of what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from reconcile.model.kind import Rule, field_rules

_NAMES = {str: "text", bool: "true or false", int: "a whole number", float: "a number", NoneType: "null"}


@dataclass(frozen=True, slots=True)
class Shape:
    """The form of one value: scalar types, the form of a list's items or a mapping's values, a Spec's members."""

    scalars: frozenset[type] = frozenset()
    choices: tuple[Any, ...] = ()
    items: "Shape | None" = None
    values: "Shape | None" = None
    spec: type[BaseModel] | None = None
    members: Mapping[str, "Shape"] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)
    naming: Mapping[str, str] = field(default_factory=dict)  # member that names a file -> what the file holds
    pattern: str | None = None
    links: tuple[str, ...] = ()  # members that refer to other entries, themselves or within

    def describe(self) -> str:
        """What is wanted, in words."""
        wanted = [name for type_, name in _NAMES.items() if type_ in self.scalars and type_ is not NoneType]
        if int in self.scalars and float in self.scalars:
            wanted.remove("a whole number")
        if self.choices:
            wanted = [" or ".join(f'"{choice}"' if isinstance(choice, str) else str(choice) for choice in self.choices)]
        if self.items is not None:
            wanted.append("a list")
        if self.values is not None or self.spec is not None:
            wanted.append("a mapping")
        if NoneType in self.scalars:
            wanted.append("null")
        return f"{', '.join(wanted[:-1])} or {wanted[-1]}" if len(wanted) > 1 else "".join(wanted) or "a value"


ANY = Shape(frozenset({str, bool, int, float, NoneType}))


@cache
def shape_of(spec: type[BaseModel]) -> Shape:
    """The form that a Spec describes."""
    spec.model_rebuild()
    members = {name: _field(field_) for name, field_ in spec.model_fields.items()}
    marks = field_rules(spec)
    naming = {name: rule.file_of for name, rule in marks.items() if rule.file_of is not None}
    links = tuple(name for name, member in members.items() if marks[name].refers or _links(member))
    return Shape(spec=spec, members=members, rules=marks, naming=naming, links=links)


def _links(shape: Shape) -> bool:
    return bool(shape.links) or (shape.values is not None and bool(shape.values.links))


def _field(field_: FieldInfo) -> Shape:
    shape = _shape(field_.annotation)
    patterns = [mark.pattern for mark in field_.metadata if isinstance(getattr(mark, "pattern", None), str)]
    return replace(shape, pattern=patterns[0]) if patterns else shape


def _shape(annotation: Any) -> Shape:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _shape(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return _merged([_shape(member) for member in get_args(annotation)])
    if origin is Literal:
        choices = get_args(annotation)
        return Shape(frozenset(type(choice) for choice in choices), tuple(c for c in choices if c is not None))
    if annotation in (str, bool, int, float, NoneType) or annotation is None:
        return Shape(frozenset({annotation or NoneType}))
    arguments = get_args(annotation)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return Shape(values=_shape(arguments[1]))
    if isinstance(origin, type) and issubclass(origin, (Sequence, set, frozenset)):
        return Shape(items=_shape(arguments[0]))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return shape_of(annotation)
    return ANY


def _merged(shapes: list[Shape]) -> Shape:
    one = Shape()
    for shape in shapes:
        one = Shape(
            one.scalars | shape.scalars,
            one.choices + shape.choices,
            one.items or shape.items,
            one.values or shape.values,
            one.spec or shape.spec,
            one.members or shape.members,
            one.rules or shape.rules,
            one.naming or shape.naming,
            one.pattern or shape.pattern,
            one.links or shape.links,
        )
    return one
