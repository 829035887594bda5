"""The project file as a document: where its parts stand, how they are read, and what is found wrong with them."""

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from reconcile.errors import Diagnostic, InvalidInput, Location, Severity
from reconcile.manifests.find import Missing, Unreadable, first_bytes, project_file_meant
from reconcile.manifests.interpolate import Scope
from reconcile.manifests.load import PROJECT_FILE, collapsed
from reconcile.manifests.names import Names
from reconcile.manifests.nodes import Document, MappingNode, Node, ScalarNode
from reconcile.manifests.parse import MAX_BYTES, parse_yaml
from reconcile.manifests.reading import Path as NodePath
from reconcile.manifests.reading import Reading, Source
from reconcile.manifests.shape import shape_of
from reconcile.manifests.typography import explained
from reconcile.manifests.wording import given
from reconcile.model.kind import Spec
from reconcile.model.settings import AccountSpec, credentials_of
from reconcile.providers import provider_named

LOCAL: Final = ".reconcile"
STATE: Final = "state"


class LayerReading(Reading):
    """A part of the project file; credentials, or in a layer that is not in use everything, are left unevaluated."""

    lazy = False
    credentials: Collection[str] = ()
    inside: Scope = Scope()  # what those may name with which we sign in

    def is_lazy(self, path: NodePath) -> bool:
        """Whether an expression here is looked at, and not evaluated."""
        return self.lazy or (bool(path) and path[-1] in self.credentials)

    def forgives(self, node: Node, problem: str) -> bool:
        """Whether a problem is none in this layer."""
        # Null takes out what the project has, if it has it; a name that there can't be is a mistake all the same.
        return self.lazy and is_null(node) and problem != "extra_forbidden"

    def scope_at(self, path: NodePath) -> Scope:
        """What an expression here may name."""
        return self.inside if len(path) == 1 and (path[0] in self.credentials or path[0] == STATE) else self.scope


class ProjectFile:
    """The project file of a folder, for one environment; the parts of a run of ``load_settings`` share it.

    ``scope`` is what its expressions may name, ``inside`` what those may with which we sign in.
    """

    def __init__(self, root: Path, environment: str | None, environ: Mapping[str, str]) -> None:
        self.root = root
        self.environment = environment
        self.environ = environ
        self.findings: list[Diagnostic] = []
        self._text = ""
        self.warnings: list[Diagnostic] = []
        self.names = Names()
        self.scope = self.inside = Scope({}, environ)
        self.document = self._read()

    def _read(self) -> Document:
        path = self.root / PROJECT_FILE
        if not self.root.is_dir() and (self.root.exists() or self.root.is_symlink()):
            what = "a file" if self.root.exists() else "a link that leads to nothing"
            raise InvalidInput(
                f"{self.root} is {what}, and a project is a folder.", hint="Name the folder with -C DIR."
            )
        try:
            data = first_bytes(path, MAX_BYTES + 1)
        except Missing:
            raise InvalidInput(
                f"There is no {PROJECT_FILE} in {self.root}, so this is not the folder of a project.",
                hint=self._way_to_project(),
            ) from None
        except Unreadable as error:
            place = Location(PROJECT_FILE)
            raise InvalidInput.of(
                [Diagnostic("unreadable-file", "a file can't be read", str(error), location=place)]
            ) from None
        document = parse_yaml(data, PROJECT_FILE, self.findings)
        self._text = document.text
        if document.root is None and self.findings:
            self.raise_findings()
        return document

    def _way_to_project(self) -> str:
        """What to do where there is no project file: correct its name, go to where it is, or begin a project."""
        root = self.root.absolute()
        other = project_file_meant(root)
        if other is not None:
            return f'There is "{other}": rename it to {PROJECT_FILE}.'
        above = next((folder for folder in root.parents if (folder / PROJECT_FILE).is_file()), None)
        if above is not None:
            return f"The project is in {above}: run there, or with `-C {os.path.relpath(above)}`."
        return "Begin one with `reconcile init`, or name the project's folder with -C DIR."

    def reading(self, node: MappingNode, spec: type[Spec], name: str, mark: Any, *, lazy: bool) -> LayerReading:
        """A part of the file, to be read by what a Spec says."""
        source = Source(self.document, node, mark)
        reading = LayerReading(source, shape_of(spec), self.scope, self.findings, name=name)
        reading.lazy, reading.inside = lazy, self.inside
        reading.credentials = credentials_of(spec) if issubclass(spec, AccountSpec) else ()
        return reading

    def spec(self, type_: str | None, mark: Any) -> type[AccountSpec] | None:
        """What may be said of accounts of a type; where its package can't be used, that is a finding."""
        try:
            return provider_named(str(type_)).settings
        except InvalidInput as error:
            found = error.diagnostics[0]
            self.find(
                "unusable-provider", "a provider that can't be used", found.detail, self.document.at(mark), found.hint
            )
            return None

    def wrong_type(self, takes: str, node: Node) -> None:
        """Note that something else should stand here."""
        detail = f"{takes}; here stands {given(node)}."
        self.find("wrong-type", "a value of the wrong type", detail, self.document.at(node.mark))

    def find(self, code: str, summary: str, detail: str, location: Location | None, hint: str | None = None) -> None:
        """Note a finding."""
        self.findings.append(Diagnostic(code, summary, detail, None, location, hint))

    def warn(self, code: str, summary: str, detail: str, location: Location) -> None:
        """Note what is no reason to refuse the file."""
        self.warnings.append(Diagnostic(code, summary, detail, location=location, severity=Severity.WARNING))

    def told(self) -> list[Diagnostic]:
        """The findings as they are told: alike ones once, each with what explains it."""
        return collapsed(explained(self.findings, {PROJECT_FILE: self._text}))

    def raise_findings(self) -> None:
        """Stop if there are findings."""
        if self.findings:
            raise InvalidInput.of(self.told())


class _Top:
    """The mark of a file's beginning."""

    line = column = index = 0


TOP: Final = _Top()


def members_of(node: Node | None) -> Mapping[str, Node]:
    """What a mapping has; other nodes have none."""
    return node.members if isinstance(node, MappingNode) else {}


def is_null(node: Node) -> bool:
    """Whether a null stands here."""
    return isinstance(node, ScalarNode) and node.value is None


def texts_of(node: Node) -> Iterator[str]:
    """All texts of a value."""
    for inner in members_of(node).values() if isinstance(node, MappingNode) else getattr(node, "items", ()):
        yield from texts_of(inner)
    yield text_of(node)


def text_of(node: Node | None) -> str:
    """A text as it is written; empty for what is none."""
    return node.value if isinstance(node, ScalarNode) and isinstance(node.value, str) else ""


def type_of(node: Node) -> str | None:
    """The platform that an account names."""
    type_ = members_of(node).get("type")
    return type_.value if isinstance(type_, ScalarNode) and isinstance(type_.value, str) else None


def outline(node: Node, *, keep: bool) -> Any:
    """A mapping's keys with nothing behind them (or with the scalars that are there); other nodes as they are."""
    if isinstance(node, MappingNode):
        return {key: outline(member, keep=False) if keep else None for key, member in node.members.items()}
    return node.value if isinstance(node, ScalarNode) else []


def declares(layer: MappingNode, member: tuple[str, ...]) -> bool:
    """Whether a layer has a member, however deep."""
    node: Node = layer
    for name in member:
        if not isinstance(node, MappingNode) or name not in node.members:
            return False
        node = node.members[name]
    return True
