"""Nodes and a pydantic model -> plain values, or every finding at the node that it is about."""

from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from reconcile.errors import Diagnostic, Location
from reconcile.mail.build import BuildError
from reconcile.manifests.content import ProjectFiles, Unreadable
from reconcile.manifests.interpolate import (
    GivenText,
    Scope,
    check_syntax,
    converted,
    diagnose,
    evaluate,
    from_outside,
    has_expression,
)
from reconcile.manifests.mailing import NOT_BUILT, built_file, place_of
from reconcile.manifests.nodes import Document, ListNode, MappingNode, Node, Scalar, ScalarNode
from reconcile.manifests.shape import ANY, Shape
from reconcile.manifests.wording import Complaint, explain, given, shortened
from reconcile.model.attributes import Value
from reconcile.model.registry import nearest
from reconcile.model.resource import Build

Path: TypeAlias = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


def below(node: Node, path: Path) -> Node:
    """The node at a path that is known to be there."""
    for part in path:
        if isinstance(node, MappingNode) and str(part) in node.members:
            node = node.members[str(part)]
        elif isinstance(node, ListNode) and isinstance(part, int):
            node = node.items[part]
    return node


def _sound(data: Mapping[str, Any], path: Path, complaints: Collection[Path]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in data.items():
        inner = [each for each in complaints if each[: len(path) + 1] == (*path, name)]
        if not inner:
            kept[name] = value
        elif isinstance(value, Mapping) and (*path, name) not in inner:
            kept[name] = _sound(value, (*path, name), inner)
    return kept


class Broken:
    """Stands in for a value about which there is a finding already, or none to be made."""


BROKEN: Final = Broken()


@dataclass(frozen=True, slots=True)
class Source:
    """Where values stand: a mapping of a file, and where its own name stands."""

    document: Document
    node: MappingNode
    mark: Any


class Reading:
    """One mapping on its way to a model; ``failed`` if there are findings, ``faulty`` are the members concerned."""

    def __init__(
        self,
        source: Source,
        shape: Shape,
        scope: Scope,
        findings: list[Diagnostic],
        *,
        name: str = "",
        address: str | None = None,
        files: ProjectFiles | None = None,
    ) -> None:
        self.source = source
        self.shape = shape
        self.scope = scope
        self.findings = findings
        self.name = name
        self.address = address
        self.failed = False
        self.faulty: set[str] = set()
        self.complaints: list[Path] = []  # what there are findings about
        self.broken: list[Path] = []  # values that are None in place of a value
        self.content: dict[str, str] = {}  # attribute -> path of the file that holds it
        self.naming: dict[str, str] = {}  # attribute -> the member that names this file
        self.built: frozenset[str] = frozenset()  # attributes whose files are sources, to be built
        self.building = NOT_BUILT
        self.given: set[Path] = set()  # where the environment has a say
        self.builds: dict[str, Build] = {}  # attribute -> how it was made from its file
        self._files = files

    def source_of(self, path: Path) -> Source:
        """Where the value at a path stands."""
        return self.source

    def is_lazy(self, path: Path) -> bool:
        """Whether the expressions of a value are only looked at, not evaluated."""
        return False

    def forgives(self, node: Node, problem: str) -> bool:
        """Whether a problem with the value of a node is none here."""
        return False

    def scope_at(self, path: Path) -> Scope:
        """What the expressions of a value may name."""
        return self.scope

    def extra_names(self) -> Collection[str]:
        """Names that may stand beside the model's own."""
        return ()

    def find(
        self,
        code: str,
        summary: str,
        detail: str,
        location: Location,
        hint: str | None = None,
        others: tuple[Location, ...] = (),
    ) -> None:
        """Note a finding."""
        self.failed = True
        self.findings.append(Diagnostic(code, summary, detail, self.address, location, hint, others=others))

    # Nodes to plain values

    def plain_members(self, members: Mapping[str, Node], shape: Shape, path: Path) -> dict[str, Value]:
        """The values of a mapping's members, expressions evaluated and files read."""
        data: dict[str, Value] = {}
        shapes, others, naming = shape.members, shape.values or ANY, shape.naming
        for name, node in members.items():
            member = shapes.get(name, others)
            if type(node) is ScalarNode:
                value: Value = node.value
                kind = type(value)
                if (kind is str and "${" in value) or kind is float:
                    value = self._scalar(node, member, (*path, name))
            else:
                value = self.plain(node, member, (*path, name))
            if name in naming and isinstance(value, str):
                self._read_file(value, name, naming[name], members, path, data)
            else:
                data[name] = None if value is BROKEN else value
        return data

    def plain(self, node: Node, shape: Shape, path: Path) -> Value:
        """The value of a node."""
        if isinstance(node, ScalarNode):
            value = self._scalar(node, shape, path)
            return None if value is BROKEN else value
        if isinstance(node, ListNode):
            item = shape.items or ANY
            return [self.plain(member, item, (*path, index)) for index, member in enumerate(node.items)]
        return self.plain_members(node.members, shape, path)

    def scalar(
        self, node: ScalarNode, wanted: frozenset[type], document: Document, scope: Scope | None = None
    ) -> Scalar | Broken:
        """The value of a scalar where one of these types is wanted; BROKEN with findings."""
        value: Any = node.value
        if isinstance(value, str) and "${" in value:
            value, faults = evaluate(value, scope or self.scope)
            if faults:
                self.findings.extend(diagnose(faults, node, document, self.address))
                self.failed = True
                return BROKEN
            if isinstance(value, GivenText):
                value = converted(value, wanted)
        if isinstance(value, float) and float not in wanted and int in wanted and value.is_integer():
            return int(value)
        found: Scalar | Broken = value
        return found

    def value(self, node: ScalarNode, wanted: frozenset[type], path: Path) -> Scalar | Broken:
        """The value of a scalar at a path; BROKEN with findings, or if it is not evaluated."""
        document = self.source_of(path).document
        if isinstance(node.value, str) and self.is_lazy(path) and has_expression(node.value):
            faults = check_syntax(node.value, self.scope_at(path))
            self.findings.extend(diagnose(faults, node, document, self.address))
            self.failed = self.failed or bool(faults)
            return BROKEN
        return self.scalar(node, wanted, document, self.scope_at(path))

    def _scalar(self, node: ScalarNode, shape: Shape, path: Path) -> Scalar | Broken:
        if not shape.scalars:
            shaped: Scalar | Broken = self._shaped(node, shape, path)
            return shaped
        value = self.value(node, shape.scalars, path)
        if value is BROKEN:
            self.broken.append(path)
        elif isinstance(node.value, str) and from_outside(node.value, self.scope_at(path)):
            self.given.add(path)
        return value

    def _shaped(self, node: ScalarNode, shape: Shape, path: Path) -> Any:
        """The list or mapping that a variable has, where it is all that stands there; else the text that does."""
        scope = self.scope_at(path)
        known = {name for name, value in scope.variables.items() if isinstance(value, list | dict)}
        if not isinstance(node.value, str) or node.value not in {f"${{var.{name}}}" for name in known}:
            return node.value
        value = self.value(node, shape.scalars, path)
        if value is BROKEN:
            self.broken.append(path)
        elif isinstance(value, dict) and (names := sorted(value.keys() & shape.naming.keys())):
            document = self.source_of(path).document
            detail = f"`{names[0]}` names a file, which the entry itself says, and no variable."
            self.find("wrong-expression", "a wrong expression", detail, document.at(node.mark))
            self._complain(path)
        return deepcopy(value)

    def _read_file(
        self, file: str, name: str, target: str, members: Mapping[str, Node], path: Path, data: dict[str, Value]
    ) -> None:
        """Put a file's text in the place of the member that names the file."""
        place = self._place((*path, name))
        if target in members:
            self._complain((*path, name))
            detail = f"`{target}` and `{name}` are two ways to declare the same. Leave one of them out."
            others = (self._place((*path, target)),)
            self.find("both-declared", "the same is declared twice", detail, place, others=others)
            return
        if self._files is None:
            return
        dotted = ".".join(map(str, (*path, target)))
        try:
            if dotted in self.built:
                data[target], made = built_file(self._files, file, self.building)
                self.builds |= {dotted: made} if made is not None else {}
            else:
                data[target] = self._files.text(file)
        except BuildError as error:
            self._complain((*path, name))
            self.find("not-built", "a mail that can't be built", error.detail, place_of(error), error.hint, (place,))
            return
        except Unreadable as reason:
            self._complain((*path, name))
            node = members[name]
            detail = f"`{name}` names {given(node)}. {reason.detail}"
            location = self.source_of((*path, name)).document.at(node.mark)
            self.find(reason.code, reason.summary, detail, location, reason.hint)
            return
        self.content[dotted] = file
        self.naming[dotted] = ".".join(map(str, (*path, name)))

    def _place(self, path: Path) -> Location:
        """Where the name of a member stands."""
        source = self.source_of(path)
        owner = below(source.node, path[:-1])
        assert isinstance(owner, MappingNode)  # noqa: S101  # only members of mappings have names
        return source.document.at(owner.keys[str(path[-1])])

    def _complain(self, path: Path) -> None:
        self.faulty.add(str(path[0]) if path else "")
        self.complaints.append(path)

    def sound(self, data: Mapping[str, Value]) -> dict[str, Value]:
        """The values about which there is no finding, so that the others can be looked at further."""
        return _sound(data, (), self.complaints)

    # Plain values through the model

    def validated(self, spec: type[Model], data: dict[str, Value], *, incomplete: bool = False) -> Model | None:
        """The model of the values; None with findings. What is missing is none if the mapping may be ``incomplete``."""
        for path in self.broken:
            self._complain(path)
        try:
            return spec.model_validate(data)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=True, include_input=False)
        seen: set[tuple[Any, ...]] = set()
        for problem in problems:
            loc: Path = tuple(problem["loc"])
            if incomplete and problem["type"] == "missing":
                continue
            known = problem["type"] != "extra_forbidden"  # a wrong name counts, whatever stands behind it
            if known and any(loc[: len(path)] == path for path in self.broken):
                continue
            if self.forgives(below(self.source.node, loc), str(problem["type"])):
                continue
            finding = self._explained(loc, problem)
            self._complain(loc)
            # The arms of a union complain one by one; one finding says it all.
            if (key := (finding.location, finding.code, finding.detail)) not in seen:
                seen.add(key)
                self.failed = True
                self.findings.append(finding)
        return None

    def _explained(self, loc: Path, problem: Mapping[str, Any]) -> Diagnostic:
        dotted = ".".join(map(str, loc))
        if dotted in self.naming:
            loc = tuple(self.naming[dotted].split("."))
        source = self.source_of(loc)
        node: Node = source.node
        shape, owner = self.shape, self.shape
        mark, name, depth = source.mark, self.name, 0
        for part in loc:
            if isinstance(node, MappingNode) and str(part) in node.members:
                mark, name = node.keys[str(part)], str(part)
                node, owner = node.members[name], shape
                shape = shape.members.get(name) or shape.values or ANY
            elif isinstance(node, ListNode) and isinstance(part, int) and part < len(node.items):
                node = node.items[part]
                mark, owner = node.mark, shape
                shape = shape.items or ANY
            else:
                if isinstance(node, ScalarNode) and problem["type"] == "extra_forbidden":
                    # A member of what a variable has.
                    for inside in loc[depth:-1]:
                        shape = shape.members.get(str(inside)) or shape.values or shape.items or ANY
                    name, owner = str(loc[-1]), shape
                break
            depth += 1
        names = [*owner.members, *(self.extra_names() if depth == 1 else ())]
        complaint = Complaint(
            str(problem["type"]),
            problem.get("ctx") or {},
            str(problem["msg"]),
            name,
            loc[depth:],
            node,
            shape,
            source.document.at(mark),
            source.document.at(node.mark),
            names,
            source.document.line(node.mark),
        )
        return explain(complaint, self.address)

    def unknown(self, node: MappingNode, known: Collection[str], of: str, document: Document) -> None:
        """Note the members of a mapping that are not known."""
        for name in node.members:
            if name not in known:
                close = nearest(name, known)
                hint = f'Did you mean "{close}"?' if close else f"Known are: {', '.join(known)}."
                detail = f'{of} has no member "{name}".'
                self.find("unknown-attribute", "an unknown attribute", detail, document.at(node.keys[name]), hint)

    def wrong_type(self, name: str, wanted: str, node: Node, document: Document) -> None:
        """Note that a value has the wrong type."""
        detail = f"`{name}` takes {wanted}; here stands {given(node)}."
        hint = None
        if wanted == "a list" and isinstance(node, ScalarNode) and isinstance(node.value, str) and "${" not in node.raw:
            hint = f"Write it as a list: [{shortened(node.raw)}]."
        self.find("wrong-type", "a value of the wrong type", detail, document.at(node.mark), hint)
