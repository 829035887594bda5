"""An entry of a manifest and the Spec of its kind -> a Resource, or every finding about it."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from pydantic import create_model

from reconcile.errors import Diagnostic, Location
from reconcile.mail.build import Options as BuildOptions
from reconcile.manifests.content import ProjectFiles
from reconcile.manifests.interpolate import Scope
from reconcile.manifests.locations import Locations
from reconcile.manifests.mailing import NOT_BUILT, read_build, read_waivers
from reconcile.manifests.nodes import Document, ListNode, MappingNode, Node, ScalarNode
from reconcile.manifests.reading import BROKEN, Path, Reading, Source, below
from reconcile.manifests.shape import ANY, Shape, shape_of
from reconcile.manifests.wording import given
from reconcile.model.address import NAME, Address
from reconcile.model.attributes import Value
from reconcile.model.kind import Kind, Rule, Spec, rules
from reconcile.model.members import flattened, path_of
from reconcile.model.reference import Reference
from reconcile.model.registry import nearest
from reconcile.model.resource import Resource, Waiver

META: Final = ("lifecycle", "was", "manage", "allowDuplicate", "build", "waive", "only", "overrides")
LIFECYCLE: Final = ("preventDestroy", "ignoreChanges")

_NUL: Final = re.compile("\0")
_LINE_END: Final = re.compile("[\0\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


def unwanted_in(value: Any, rule: Rule | None) -> str | None:
    """The first line end in a text of one line, or NUL in any; None if there is none. No platform shows them so.

    Bodies have checks of their own. Without a rule, as within a mapping, texts may have several lines.
    """
    if rule is not None and rule.text:
        return None
    if isinstance(value, str):
        match = (_NUL if rule is None or rule.lines else _LINE_END).search(value)
        return match[0] if match is not None else None
    if isinstance(value, Mapping):
        return next((found for member in value.values() if (found := unwanted_in(member, None)) is not None), None)
    if isinstance(value, list | tuple):
        return next((found for member in value if (found := unwanted_in(member, rule)) is not None), None)
    return None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it stands in a file: ``mark`` is where its name stands, ``only`` the environments it is for."""

    address: Address
    kind: Kind
    document: Document
    node: Node
    mark: Any
    only: tuple[str, ...] = ()

    @property
    def location(self) -> Location:
        """Where its name stands."""
        return self.document.at(self.mark)


@dataclass(frozen=True, slots=True)
class Link:
    """A reference as it was written: from which entry, to which, where, and the text that stands there."""

    owner: Address
    target: Address
    location: Location
    written: str


@dataclass(frozen=True, slots=True)
class DefaultValues:
    """The defaults of one kind, checked: where they stand, which can be used, and the values of these."""

    source: Source
    usable: tuple[str, ...]
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(slots=True)
class Validator:
    """Turns entries into Resources; findings and links are gathered along the way."""

    files: ProjectFiles
    scope: Scope
    findings: list[Diagnostic]
    defaults: Mapping[tuple[str, str], DefaultValues] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)

    def resource(self, entry: Entry) -> Resource | None:
        """The resource that an entry declares; None if it has findings."""
        if isinstance(entry.node, MappingNode):
            defaults = self.defaults.get((entry.address.provider, entry.address.kind))
            return _EntryReading(self, entry, Source(entry.document, entry.node, entry.mark), defaults).resource()
        detail = f'"{entry.address.name}" takes a mapping of its attributes; here stands {given(entry.node)}.'
        place = entry.document.at(entry.node.mark)
        self.findings.append(Diagnostic("wrong-type", "a value of the wrong type", detail, str(entry.address), place))
        return None

    def check_defaults(self, kind: Kind, source: Source, *, used: bool) -> DefaultValues:
        """The defaults of a kind, with findings about those that can't be used; no values, if it is not ``used``."""
        shape = shape_of(kind.spec)
        reading_type = Reading if used else _UnusedReading
        files = self.files if used else None
        reading = reading_type(source, shape, self.scope, self.findings, name=kind.kind, files=files)
        apart = (*META, *kind.natural_key)
        for name in source.node.members:
            if name == "build" and kind.mail is not None:
                continue
            if name in META:
                detail = f"Defaults are values of attributes; `{name}` is declared on the entry that it is for."
            elif name in kind.natural_key:
                detail = f"`{name}` tells one {kind.kind} from another, so it can't have a default."
            else:
                continue
            place = source.document.at(source.node.keys[name])
            reading.find("no-default", "not for defaults", detail, place)
        attributes = {name: member for name, member in source.node.members.items() if name not in apart}
        data = reading.plain_members(attributes, shape, ())
        reading.validated(kind.spec, data, incomplete=True)
        usable = tuple(name for name in attributes if name not in reading.faulty)
        names = {shape.naming.get(name, name) for name in usable}
        values = {name: _frozen(value) for name, value in data.items() if name in names}
        return DefaultValues(source, usable, flattened(kind.spec, values))


def _frozen(value: Value) -> Value:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


class _UnusedReading(Reading):
    """The reading of what is not in use, such as another environment's defaults: names and types only."""

    def is_lazy(self, path: Path) -> bool:
        return True


class _EntryReading(Reading):
    """The reading of one entry."""

    def __init__(self, validator: Validator, entry: Entry, source: Source, defaults: DefaultValues | None) -> None:
        super().__init__(
            source,
            shape_of(entry.kind.spec),
            validator.scope,
            validator.findings,
            name=entry.address.name,
            address=str(entry.address),
            files=validator.files,
        )
        self.entry = entry
        self._defaults = defaults
        self._inherited: set[str] = set()
        self._links = validator.links

    def resource(self) -> Resource | None:
        kind, node = self.entry.kind, self.source.node
        own: Mapping[str, Node] = node.members
        meta = _NO_META
        self.building = self._build(node)
        self.built = frozenset({kind.mail.html}) if kind.mail is not None else frozenset()
        if not own.keys().isdisjoint(META):
            meta = self._meta(node)
            own = {name: member for name, member in own.items() if name not in META}
        if meta.external:
            own = self._only_natural_key(own)
        elif self._defaults is not None:
            own = self._with_defaults(own, self._defaults)
        data = self.plain_members(own, self.shape, ())
        if self.shape.links:
            self._link(data, self.shape, ())
        model = self.validated(_external(kind) if meta.external else kind.spec, data)
        if model is None or self.failed:
            return None
        self._check_lines(data, rules(kind.spec), ())
        if self.failed:
            return None
        attributes = flattened(kind.spec, self._finished(model.model_dump(exclude_unset=True), self.shape))
        if kind.spec.named is not None:
            attributes = {kind.spec.named: self.entry.address.name, **attributes}
        sources = [self.source]
        if self._defaults is not None and self._inherited:
            sources.append(self._defaults.source)
        return Resource(
            self.entry.address,
            attributes,
            self.entry.location,
            Locations(sources, self.naming),
            self.content,
            meta.external,
            meta.prevent_destroy,
            meta.ignore_changes,
            meta.allow_duplicate,
            meta.was,
            self.builds,
            meta.waived,
            self._given_by_environment(attributes),
            self.entry.only,
        )

    def _given_by_environment(self, attributes: Mapping[str, Value]) -> frozenset[str]:
        """The attributes in which, or in something within which, the environment has a say."""
        given = [tuple(map(str, path)) for path in self.given]
        if not given:
            return frozenset()
        places = {name: path_of(self.entry.kind.spec, name) for name in attributes}
        return frozenset(name for name, place in places.items() if any(path[: len(place)] == place for path in given))

    def _check_lines(self, data: Mapping[str, Any], marks: Mapping[str, Rule], path: Path) -> None:
        """Find line ends in names and other texts of one line, and NULs anywhere: no platform shows them so."""
        for name, value in data.items():
            where = (*path, name)
            if isinstance(value, dict):
                self._check_lines(value, marks, where)
                continue
            found = unwanted_in(value, marks.get(".".join(map(str, where)) if path else name))
            if found is not None:
                what = "a NUL" if found == "\0" else f"a line end (U+{ord(found):04X})"
                detail = f"`{name}` has {what} in it. It takes text on one line: delete what can't be seen."
                self.find("several-lines", "a line end where one line is taken", detail, self._place(where))

    def source_of(self, path: Path) -> Source:
        if self._defaults is not None and path and path[0] in self._inherited:
            return self._defaults.source
        return self.source

    def extra_names(self) -> Collection[str]:
        return META

    def _only_natural_key(self, own: Mapping[str, Node]) -> dict[str, Node]:
        """The members that an external entry may have; findings about the others."""
        kind = self.entry.kind
        key = kind.natural_key
        by = " and ".join("its own name" if name == kind.spec.named else name for name in key)
        kept = {}
        for name, node in own.items():
            if name in self.shape.members and name not in key:
                detail = (
                    f"An external entry is only looked up, by {by}, and never changed: `{name}` can't "
                    f"be declared. Leave it out, or manage the entry."
                )
                place = self.source.document.at(self.source.node.keys[name])
                self.find("external-entry", "not for an external entry", detail, place)
            else:
                kept[name] = node
        return kept

    def _with_defaults(self, own: Mapping[str, Node], defaults: DefaultValues) -> dict[str, Node]:
        naming = self.shape.naming
        taken = {naming.get(name, name) for name in own}
        merged = dict(own)
        for name in defaults.usable:
            if naming.get(name, name) not in taken:
                merged[name] = defaults.source.node.members[name]
                self._inherited.add(name)
        return merged

    # Meta members

    def _build(self, node: MappingNode) -> BuildOptions:
        """How the entry's mail is built: as it says itself, else as the defaults of its kind say."""
        inherited = self._defaults.source if self._defaults is not None else None
        for source in (self.source, *((inherited,) if inherited is not None else ())):
            if "build" in source.node.members:
                return read_build(self, source)
        return NOT_BUILT

    def _meta(self, node: MappingNode) -> "_Meta":
        members = node.members
        external = False
        if "manage" in members:
            manage = self._meta_scalar(members["manage"], "manage", str)
            if manage is not BROKEN and manage != "external":
                detail = f"`manage` can only be external; here stands {given(members['manage'])}. Else leave it out."
                place = self.source.document.at(members["manage"].mark)
                self.find("wrong-value", "a value that is not allowed", detail, place)
            external = manage == "external"
        prevent, ignored = self._lifecycle(node, external)
        duplicate = "allowDuplicate" in members and self._meta_scalar(members["allowDuplicate"], "allowDuplicate", bool)
        return _Meta(
            tuple(read_waivers(self, members.get("waive"))),
            external,
            prevent,
            ignored,
            duplicate is True,
            self._was(members.get("was")),
        )

    def _lifecycle(self, node: MappingNode, external: bool) -> tuple[bool, frozenset[str]]:
        lifecycle = node.members.get("lifecycle")
        document = self.source.document
        if lifecycle is None:
            return False, frozenset()
        if external:
            detail = "An external entry is never changed or deleted, so there is no lifecycle to declare. Leave it out."
            self.find("external-entry", "not for an external entry", detail, document.at(node.keys["lifecycle"]))
        if not isinstance(lifecycle, MappingNode):
            self.wrong_type("lifecycle", "a mapping", lifecycle, document)
            return False, frozenset()
        self.unknown(lifecycle, LIFECYCLE, "`lifecycle`", document)
        prevent = lifecycle.members.get("preventDestroy")
        prevented = prevent is not None and self._meta_scalar(prevent, "preventDestroy", bool) is True
        ignored = self._texts(lifecycle.members.get("ignoreChanges"), "ignoreChanges")
        for name, item in ignored:
            self._check_ignored(name, item)
        return prevented, frozenset(name for name, _ in ignored)

    def _check_ignored(self, name: str, item: ScalarNode) -> None:
        naming = {given: rule.file_of for given, rule in rules(self.entry.kind.spec).items() if rule.file_of}
        known = [member for member in rules(self.entry.kind.spec) if member not in naming]
        if name in known and name != self.entry.kind.spec.named:
            return
        close = naming.get(name) or nearest(name, known)
        detail = f"`ignoreChanges` names {given(item)}, which is no attribute of a {self.entry.kind.kind}."
        hint = f'Did you mean "{close}"?' if close and "${" not in item.raw else None
        self.find("unknown-attribute", "an unknown attribute", detail, self.source.document.at(item.mark), hint)

    def _was(self, node: Node | None) -> tuple[Address, ...]:
        names = self._texts(node, "was")
        own = self.entry.address
        for name, item in names:
            if not NAME.fullmatch(name):
                detail = f"{given(item)} can't have been the name of an entry: those have letters, digits, - and _."
                self.find("wrong-name", "a name that can't be used", detail, self.source.document.at(item.mark))
        return tuple(Address(own.provider, own.kind, name) for name, _ in names)

    def _texts(self, node: Node | None, name: str) -> list[tuple[str, ScalarNode]]:
        if node is None:
            return []
        if not isinstance(node, ListNode):
            self.wrong_type(name, "a list", node, self.source.document)
            return []
        values = [(self._meta_scalar(item, name, str), item) for item in node.items]
        return [(value, item) for value, item in values if isinstance(value, str) and isinstance(item, ScalarNode)]

    def _meta_scalar(self, node: Node, name: str, wanted: type) -> Value:
        if isinstance(node, ScalarNode):
            value = self.scalar(node, frozenset({wanted}), self.source.document)
            if value is BROKEN or type(value) is wanted:
                return value
        self.wrong_type(name, Shape(frozenset({wanted})).describe(), node, self.source.document)
        return BROKEN

    # References

    def _link(self, data: Mapping[str, Value], shape: Shape, path: Path) -> None:
        """Note what a mapping refers to, also where something else is wrong with it."""
        for name in shape.links:
            value = data.get(name)
            if value is None:
                continue
            kind = shape.rules[name].refers
            if kind is not None:
                for index, item in enumerate(value) if isinstance(value, list) else ((None, value),):
                    if isinstance(item, str):
                        self._refer(item, kind, (*path, name) if index is None else (*path, name, index))
            elif isinstance(value, dict):
                inner = shape.members[name]
                if inner.values is not None:
                    for key, member in value.items():
                        if isinstance(member, dict):
                            self._link(member, inner.values, (*path, name, key))
                else:
                    self._link(value, inner, (*path, name))

    def _refer(self, name: str, kind: str, path: Path) -> None:
        source = self.source_of(path)
        node = below(source.node, path)
        target = Address(self.entry.address.provider, kind, name)
        self._links.append(Link(self.entry.address, target, source.document.at(node.mark), given(node)))

    # Canonical form

    def _finished(self, plain: Mapping[str, Value], shape: Shape) -> dict[str, Value]:
        """Declared values in canonical form, names of other entries as References."""
        rules, shapes = shape.rules, shape.members
        finished: dict[str, Value] = {}
        for name, value in plain.items():
            kind = type(value)
            if kind is dict or kind is list or kind is tuple:
                value = self._finished_value(value, shapes[name])
            rule = rules[name]
            value = rule.canonical(value)
            if rule.refers is not None:
                value = self._references(value, rule.refers)
            finished[name] = value
        return finished

    def _finished_value(self, value: Value, shape: Shape) -> Value:
        if isinstance(value, dict):
            if shape.spec is not None:
                return self._finished(value, shape)
            inner = shape.values or ANY
            return {name: self._finished_value(member, inner) for name, member in value.items()}
        if isinstance(value, list | tuple):
            inner = shape.items or ANY
            return tuple(self._finished_value(item, inner) for item in value)
        return value

    def _references(self, value: Value, kind: str) -> Value:
        if isinstance(value, tuple):
            return tuple(self._references(name, kind) for name in value)
        return Reference(Address(self.entry.address.provider, kind, value)) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class _Meta:
    waived: tuple[Waiver, ...] = ()
    external: bool = False
    prevent_destroy: bool = False
    ignore_changes: frozenset[str] = frozenset()
    allow_duplicate: bool = False
    was: tuple[Address, ...] = ()


_NO_META: Final = _Meta()


@cache
def _external(kind: Kind) -> type[Spec]:
    """The Spec of an entry that is only looked up: its natural key, all of it, and nothing else."""
    fields = {name: kind.spec.model_fields[name] for name in kind.natural_key if name != kind.spec.named}
    key = {name: (field_.annotation, field_) for name, field_ in fields.items()}
    return create_model(f"{kind.spec.__name__}External", __base__=Spec, **key)  # type: ignore[call-overload,no-any-return]
