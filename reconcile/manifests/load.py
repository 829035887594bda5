"""Find and read manifests; all findings of a run are raised together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from reconcile.errors import Diagnostic, InvalidInput, Location, Severity
from reconcile.manifests.content import ProjectFiles
from reconcile.manifests.environments import Environments, here
from reconcile.manifests.find import PROJECT_FILE as PROJECT_FILE
from reconcile.manifests.find import Unreadable, find_manifests, first_bytes, unread
from reconcile.manifests.interpolate import Scope
from reconcile.manifests.nodes import Document, MappingNode, Node, ScalarNode
from reconcile.manifests.parse import MAX_BYTES, parse_yaml
from reconcile.manifests.reading import Source
from reconcile.manifests.removed import REMOVED, Removed, read_removed, still_declared
from reconcile.manifests.resolve import check_cycles, check_kinds, check_links, check_moves, check_sources
from reconcile.manifests.typography import explained
from reconcile.manifests.validate import DefaultValues, Entry, Validator
from reconcile.manifests.wording import given
from reconcile.model.address import NAME, Address
from reconcile.model.attributes import Value
from reconcile.model.collector import collector_paused
from reconcile.model.kind import Kind
from reconcile.model.registry import ProviderType, Registry, nearest
from reconcile.model.resource import Resource

SINGLETON: Final = "main"


@dataclass(frozen=True, slots=True)
class Defaults:
    """The ``defaults`` of a project file, as they stand there; ``unused`` are those of other environments."""

    document: Document
    node: MappingNode
    unused: tuple[MappingNode, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifests:
    """What all manifests of a project declare; ``digest`` covers every file that was read.

    ``removed`` are the addresses of which they say that their objects are to go; True: only out of the state.
    ``defaults`` are the values that the project has for every entry, by alias and kind.
    """

    resources: Mapping[Address, Resource]
    digest: str
    warnings: tuple[Diagnostic, ...] = field(default=())
    removed: Mapping[Address, bool] = field(default_factory=dict)
    defaults: Mapping[tuple[str, str], Mapping[str, Value]] = field(default_factory=dict)


def load(
    root: Path,
    registry: Registry,
    *,
    scope: Scope | None = None,
    defaults: Defaults | None = None,
    environments: Environments | None = None,
    linked: bool = True,
) -> Manifests:
    """All that the manifests under ``root`` declare for one of the environments.

    ``scope`` is what expressions may name. Unless ``linked``, references to nothing are let be.

    Raises:
        InvalidInput: with every finding about every file.
    """
    with collector_paused():
        return _Loading(root, registry, scope or Scope(), defaults, environments or Environments()).load(linked=linked)


class _Loading:
    """One run of ``load``."""

    def __init__(
        self, root: Path, registry: Registry, scope: Scope, defaults: Defaults | None, environments: Environments
    ) -> None:
        self._root = root
        self._environments = environments
        self._elsewhere: set[Address] = set()
        self._registry = registry
        self._defaults = defaults
        self._findings: list[Diagnostic] = []
        self._warnings: list[Diagnostic] = []
        self._texts: dict[str, str] = {}
        self._files = ProjectFiles(root)
        self._validator = Validator(self._files, scope, self._findings)
        self._entries: dict[Address, Entry] = {}
        self._removed: dict[Address, Removed] = {}

    def load(self, *, linked: bool) -> Manifests:
        self._note_project_file()
        whole = True
        for notice in unread(self._root):
            (self._findings if notice.severity is Severity.ERROR else self._warnings).append(notice)
        for path in find_manifests(self._root):
            if self._environments.is_elsewhere(path):
                continue
            document = self._read(path)
            if document is None:
                whole = False
            elif document.root is not None:
                self._collect(document, document.root)
        self._check_defaults()
        resources: dict[Address, Resource] = {}
        for address, entry in sorted(self._entries.items()):
            resource = self._validator.resource(entry)
            if resource is not None:
                resources[address] = resource
        self._resolve(resources, whole and linked)
        if self._findings:
            raise InvalidInput.of(collapsed(explained(self._findings, self._texts)))
        removed = {address: said.keep for address, said in self._removed.items()}
        defaults = {of: found.values for of, found in self._validator.defaults.items()}
        return Manifests(resources, self._files.digest(), tuple(self._warnings), removed, defaults)

    def _resolve(self, resources: Mapping[Address, Resource], whole: bool) -> None:
        declared = {address: entry.location for address, entry in self._entries.items()}
        links = self._validator.links
        if whole:
            # With a file missing, what stands in it would be missed everywhere.
            self._findings.extend(check_links(links, declared, self._elsewhere))
        self._findings.extend(check_cycles(links, declared))
        self._findings.extend(still_declared(self._removed, declared))
        self._findings.extend(check_moves(resources, declared.keys()))
        self._findings.extend(check_kinds(resources, self._registry))
        self._findings.extend(check_sources(resources, self._registry, self._files))

    def _note_project_file(self) -> None:
        path = self._root / PROJECT_FILE
        if path.is_file():
            self._files.note(PROJECT_FILE, path.read_bytes())

    def _read(self, path: str) -> Document | None:
        """The document in a manifest; None, with a finding, if it can't be read."""
        if not self._files.contains(path):
            detail = "The file is a link out of the project's folder, and only files of the project are read. Copy it."
            self._find("path-outside-project", "a path leads out of the project", detail, Location(path))
            return None
        try:
            data = first_bytes(self._root / path, MAX_BYTES + 1)
        except Unreadable as error:
            self._find("unreadable-file", "a file can't be read", str(error), Location(path))
            return None
        self._files.note(path, data)
        before = len(self._findings)
        document = parse_yaml(data, path, self._findings)
        if not document.text.isascii():
            self._texts[path] = document.text
        return document if document.root is not None or len(self._findings) == before else None

    # Grouping

    def _collect(self, document: Document, root: MappingNode) -> None:
        for alias, group in root.members.items():
            type_ = self._registry.providers.get(alias)
            if alias == REMOVED and type_ is None:
                self._removed |= read_removed(document, group, self._registry, self._findings)
            elif type_ is None:
                self._unknown_alias(document, alias, root.keys[alias])
            elif isinstance(group, MappingNode):
                self._collect_kinds(document, alias, type_, group)
            elif not _is_null(group):
                self._not_a_mapping(document, f"`{alias}` takes the kinds of its entries", group)

    def _collect_kinds(self, document: Document, alias: str, type_: ProviderType, group: MappingNode) -> None:
        for plural, entries in group.members.items():
            kind = type_.plurals.get(plural)
            if kind is None:
                self._unknown_kind(document, type_, plural, group.keys[plural])
            elif kind.singleton:
                self._add(Entry(Address(alias, kind.kind, SINGLETON), kind, document, entries, group.keys[plural]))
            elif isinstance(entries, MappingNode):
                for name, node in entries.members.items():
                    self._collect_entry(document, Address(alias, kind.kind, name), kind, node, entries.keys[name])
            elif not _is_null(entries):
                self._not_a_mapping(document, f"`{plural}` takes entries by their names", entries)

    def _collect_entry(self, document: Document, address: Address, kind: Kind, node: Node, mark: Any) -> None:
        if not NAME.fullmatch(address.name):
            detail = (
                f'"{address.name}" can\'t be the name of an entry: it takes letters A to Z, digits, - and _, and '
                f"begins with a letter or a digit. What people see is declared inside the entry."
            )
            self._find("wrong-name", "a name that can't be used", detail, document.at(mark))
            return
        self._add(Entry(address, kind, document, node, mark))

    def _add(self, written: Entry) -> None:
        entry = here(written, self._environments, self._findings)
        if entry is None:
            self._elsewhere.add(written.address)
            return
        first = self._entries.setdefault(entry.address, entry)
        if first is not entry:
            detail = f"{entry.address} is declared twice, in two files. Keep one of them."
            self._findings.append(
                Diagnostic(
                    "duplicate-entry",
                    "an entry is declared twice",
                    detail,
                    str(entry.address),
                    entry.location,
                    others=(first.location,),
                )
            )

    def _unknown_alias(self, document: Document, alias: str, mark: Any) -> None:
        close = nearest(alias, self._registry.providers)
        known = ", ".join(sorted(self._registry.providers)) or "none"
        hint = f'Did you mean "{close}"?' if close else f"The project's providers are: {known}."
        detail = f'There is no provider "{alias}": manifests begin with an alias from `providers` in {PROJECT_FILE}.'
        self._find("unknown-provider", "an unknown provider", detail, document.at(mark), hint)

    def _unknown_kind(self, document: Document, type_: ProviderType, plural: str, mark: Any) -> None:
        singular = type_.kinds.get(plural)
        close = singular.plural if singular is not None else nearest(plural, type_.plurals)
        hint = f'Did you mean "{close}"?' if close else f"Kinds are: {', '.join(sorted(type_.plurals))}."
        self._find("unknown-kind", "an unknown kind", f'{type_.name} has no "{plural}".', document.at(mark), hint)

    def _not_a_mapping(self, document: Document, takes: str, node: Node) -> None:
        detail = f"{takes}; here stands {given(node)}."
        self._find("wrong-type", "a value of the wrong type", detail, document.at(node.mark))

    # Defaults

    def _check_defaults(self) -> None:
        if self._defaults is None:
            return
        for root in self._defaults.unused:
            self._read_defaults(self._defaults.document, root, used=False)
        self._validator.defaults = self._read_defaults(self._defaults.document, self._defaults.node, used=True)

    def _read_defaults(
        self, document: Document, root: MappingNode, *, used: bool
    ) -> dict[tuple[str, str], DefaultValues]:
        checked: dict[tuple[str, str], DefaultValues] = {}
        for alias, kinds in root.members.items():
            type_ = self._registry.providers.get(alias)
            if type_ is None:
                self._unknown_alias(document, alias, root.keys[alias])
            elif isinstance(kinds, MappingNode):
                for name, values in kinds.members.items():
                    kind = type_.kinds.get(name)
                    if kind is None:
                        self._unknown_default(document, type_, name, kinds.keys[name])
                    elif isinstance(values, MappingNode):
                        source = Source(document, values, kinds.keys[name])
                        checked[alias, name] = self._validator.check_defaults(kind, source, used=used)
                    elif not _is_null(values):
                        self._not_a_mapping(document, f"`{name}` takes values by attribute", values)
            elif not _is_null(kinds):
                self._not_a_mapping(document, f"`{alias}` takes defaults by kind", kinds)
        return checked

    def _unknown_default(self, document: Document, type_: ProviderType, name: str, mark: Any) -> None:
        plural = type_.plurals.get(name)
        close = plural.kind if plural is not None else nearest(name, type_.kinds)
        hint = f'Did you mean "{close}"?' if close else f"Kinds are: {', '.join(sorted(type_.kinds))}."
        detail = f'{type_.name} has no kind "{name}"; defaults name kinds in the singular.'
        self._find("unknown-kind", "an unknown kind", detail, document.at(mark), hint)

    def _find(self, code: str, summary: str, detail: str, location: Location, hint: str | None = None) -> None:
        self._findings.append(Diagnostic(code, summary, detail, location=location, hint=hint))


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value is None


def collapsed(findings: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Findings by place, each once; a name without a value is told once, with all places that use it."""
    told: dict[tuple[str, ...], Diagnostic] = {}
    for finding in sorted(findings, key=_place):
        once = finding.code in ("unset-variable", "unset-environment")
        place = "" if once else str(finding.location)
        key = (finding.code, finding.detail, place)
        first = told.setdefault(key, finding)
        if once and finding.location is not None and finding.location not in (first.location, *first.others):
            told[key] = replace(first, others=(*first.others, finding.location))
    return list(told.values())


def _place(finding: Diagnostic) -> tuple[str, int, int, str]:
    location = finding.location or Location("")
    return location.file, location.line, location.column, finding.code
