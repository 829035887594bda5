"""Project file + environment -> Settings: accounts, state, variables, policy. Nothing is contacted here."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, TypeVar

from reconcile.errors import Diagnostic, InvalidInput, Location, ReconcileError, Severity, Usage
from reconcile.manifests.environments import DEFAULT, Environments
from reconcile.manifests.find import not_regular, project_file_meant
from reconcile.manifests.interpolate import GivenText, Scope, Shaped, diagnose, evaluate
from reconcile.manifests.load import PROJECT_FILE, Defaults, Manifests, collapsed, load
from reconcile.manifests.names import ALLOW_ENV, Names, Naming, signing_in
from reconcile.manifests.nodes import Document, ListNode, MappingNode, Node, Scalar, ScalarNode, merged
from reconcile.manifests.parse import MAX_BYTES, parse_yaml
from reconcile.manifests.project import (
    ProjectSpec,
    project_specs,
    types_named,
)
from reconcile.manifests.reading import BROKEN, Reading, Source
from reconcile.manifests.reading import Path as NodePath
from reconcile.manifests.shape import shape_of
from reconcile.manifests.typography import explained
from reconcile.manifests.wording import given
from reconcile.masks import LEAST as LEAST_SECRET
from reconcile.model.kind import Spec
from reconcile.model.policy import Policy, RenderedSends, Sends, Targets
from reconcile.model.provider import Provider
from reconcile.model.registry import Registry, nearest, target_plurals
from reconcile.model.settings import (
    CONCURRENCY,
    REQUESTS_PER_SECOND,
    AccountSpec,
    ProviderSettings,
    Secret,
    credentials_of,
)
from reconcile.providers import built_in, is_known, names, provider_named, provider_type

if TYPE_CHECKING:
    from reconcile.model.call import Call, Encoded

Layer = TypeVar("Layer", bound=Spec)

DEFAULT_ENVIRONMENT: Final = DEFAULT
# What no policy may go below, in seconds.
LEAST: Final = {"freeze": 1800.0}
_LOCAL: Final = ".reconcile"
_STATE: Final = "state"
ALLOW_STATE: Final = "RECONCILE_ALLOW_STATE"


@dataclass(frozen=True, slots=True)
class Settings:
    """All that the project file and the environment say, for one environment of the project.

    ``folder`` is what this environment keeps below ``.reconcile``; ``state`` is the state file, or the URL of
    a state elsewhere. ``proposed`` are the rules that the project file has, where a run goes by others (``bounded``).
    """

    root: Path
    environment: str | None
    version: int
    providers: Mapping[str, ProviderSettings]
    folder: Path
    state: Path | str
    variables: Mapping[str, Shaped]
    environ: Mapping[str, str] = field(repr=False)
    names: Names = field(default_factory=Names, repr=False)
    defaults: Defaults | None = field(default=None, repr=False)
    policy: Policy = field(default_factory=Policy)
    checks: Mapping[str, str] = field(default_factory=dict)
    environments: tuple[str, ...] = ()
    samples: tuple[Mapping[str, str], ...] = ()
    ci: Mapping[str, Any] = field(default_factory=dict)
    proposed: Mapping[str, Any] | None = None
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def name(self) -> str:
        """What the environment is called; without one it has a name, too."""
        return self.environment or DEFAULT_ENVIRONMENT

    @property
    def scope(self) -> Scope:
        """What expressions in manifests may name."""
        return Scope(self.variables, self.environ, self.names)

    def manifests(
        self, registry: Registry, environments: Environments | None = None, *, linked: bool = True
    ) -> Manifests:
        """What the manifests on disk declare now, for this environment if no other is named; see ``load``.

        Raises:
            InvalidInput: with every finding.
        """
        return load(
            self.root,
            registry,
            scope=self.scope,
            defaults=self.defaults,
            environments=environments or self.environments_of_manifests(),
            linked=linked,
        )

    def environments_of_manifests(self) -> Environments:
        """Which environment manifests are read for, and which there are."""
        return Environments(self.name, self.environments)

    def encoders(self) -> "dict[str, Callable[[Call], Encoded]]":
        """What puts calls on the wire without a client, by alias, of the platforms that have such."""
        made = {alias: (provider_named(each.type).encoder, each.extra) for alias, each in self.providers.items()}
        return {alias: encoder(extra) for alias, (encoder, extra) in made.items() if encoder is not None}

    def keyless(self) -> Registry:
        """The registry without the project key, which only marks objects: nobody needs it who makes no marks."""
        return Registry({alias: provider_type(each.type, each.extra) for alias, each in self.providers.items()})

    def registry(self) -> Registry:
        """The project's aliases with the kinds behind them."""
        from reconcile.cli.key import project_key

        def key() -> bytes:
            return project_key(self.root, self.environ, self.never_hashed)

        return Registry(
            {alias: provider_type(provider.type, provider.extra, key) for alias, provider in self.providers.items()}
        )

    def never_hashed(self) -> bool:
        """Whether a project key may be made: the state is on this machine, and nothing of it needs another key."""
        from reconcile.state.open import open_store

        if not isinstance(self.state, Path):
            return False
        state = open_store(self.state, environ=self.environ).read()
        beside = self.state.parent / "audiences"  # where versions before this one kept what audiences remember
        return (state is None or not state.memories) and not beside.exists()


class UnusableSettings(InvalidInput):
    """The project file has findings.

    ``types`` are those of its accounts by alias, ``scope`` and ``defaults`` as in Settings, where these parts are
    sound, so that the manifests can be checked all the same; None where they are not.
    """

    types: Mapping[str, str] | None = None
    scope: Scope = Scope()
    defaults: Defaults | None = None
    environments: Environments = Environments()
    # Where all findings are about accounts: the settings of the others, and the findings by alias.
    rest: Settings | None = None
    apart: Mapping[str, ReconcileError] = {}


def load_settings(
    root: Path, *, environment: str | None, variables: Mapping[str, str], environ: Mapping[str, str]
) -> Settings:
    """The settings of the project in a folder; ``variables`` are those of ``--var``.

    Raises:
        InvalidInput: with every finding about the project file.
    """
    return _Loading(root, environment, variables, environ).settings()


def bounded(settings: Settings, rules: Path) -> Settings:
    """The settings with policy and contracts as the project file of another folder has them; the usual ones without.

    Raises:
        InvalidInput: with every finding about that file.
    """
    from reconcile.planner.rules import rules_of

    policy, contracts = Policy(), dict[str, Any]()
    if (rules / PROJECT_FILE).exists():
        there = load_settings(rules, environment=None, variables={}, environ=settings.environ)
        if settings.environment in there.environments:
            there = load_settings(rules, environment=settings.environment, variables={}, environ=settings.environ)
        policy = there.policy
        contracts = {
            alias: each.extra["contract"] for alias, each in there.providers.items() if "contract" in each.extra
        }
    own = {alias: dict(each.extra.get("contract") or {}) for alias, each in settings.providers.items()}
    providers = dict(settings.providers)
    for alias, each in settings.providers.items():
        extra = {name: value for name, value in each.extra.items() if name != "contract"}
        if alias in contracts:
            extra["contract"] = contracts[alias]
        providers[alias] = replace(each, extra=extra)
    return replace(settings, policy=policy, providers=providers, proposed=rules_of(settings.policy, own))


def parse_duration(text: str) -> float:
    """The seconds that ``90s``, ``60m``, ``24h`` or ``2d`` mean."""
    return int(text[:-1]) * {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}[text[-1]]


class _LayerReading(Reading):
    """A part of the project file; credentials, or in a layer that is not in use everything, are left unevaluated."""

    lazy = False
    credentials: Collection[str] = ()
    inside: Scope = Scope()  # what those may name with which we sign in

    def is_lazy(self, path: NodePath) -> bool:
        return self.lazy or (bool(path) and path[-1] in self.credentials)

    def forgives(self, node: Node, problem: str) -> bool:
        # Null takes out what the project has, if it has it; a name that there can't be is a mistake all the same.
        return self.lazy and _is_null(node) and problem != "extra_forbidden"

    def scope_at(self, path: NodePath) -> Scope:
        return self.inside if len(path) == 1 and (path[0] in self.credentials or path[0] == _STATE) else self.scope


class _Loading:
    """One run of ``load_settings``."""

    def __init__(
        self, root: Path, environment: str | None, variables: Mapping[str, str], environ: Mapping[str, str]
    ) -> None:
        self._root = root
        # "default" is what the project is without an environment.
        if environment == "":
            raise Usage(
                "The environment's name is empty, as where a variable of the CI job is not set.",
                hint=f"Name one with --env or RECONCILE_ENV; the project without one is `--env {DEFAULT_ENVIRONMENT}`.",
            )
        self._environment = None if environment in (None, DEFAULT_ENVIRONMENT) else environment
        self._given = variables
        self._environ = environ
        self._findings: list[Diagnostic] = []
        self._of_accounts: dict[str, list[Diagnostic]] = {}
        self._warnings: list[Diagnostic] = []
        self._text = ""
        self._names = Names()
        self._scope = self._inside = Scope({}, environ)

    def settings(self) -> Settings:
        self._document = document = self._read()
        base = document.root or MappingNode(_TOP)
        self._base = base
        self._project_spec, self._environment_spec = project_specs(_target_plurals(base))
        raw = self._environments(base)
        self._chosen = self._choose(raw)
        self._effective = effective = merged(base, self._chosen)
        self._declared = environments = {name: self._without_nulls(base, layer) for name, layer in raw.items()}
        self._names = self._gathered(base, environments)
        values = self._variables(effective)
        self._scope = Scope(values, self._environ, self._names)
        self._inside = Scope(values, self._environ, replace(self._names, hidden=False))
        sound = not self._findings and isinstance(effective.members.get("variables", base), MappingNode)
        self._check_layers(base, environments)
        project = self._layer(effective, self._project_spec, PROJECT_FILE, lazy=False)
        providers = dict(self._providers(effective))
        self._check_former_aliases(providers, effective)
        checks, policy = (self._checks(project), self._policy(project)) if project is not None else ({}, Policy())
        if self._findings:
            error = self._unusable(effective, self._defaults(base, environments), sound=sound)
            if project is not None and len(self._findings) == sum(map(len, self._of_accounts.values())):
                error.apart = {alias: InvalidInput.of(collapsed(found)) for alias, found in self._of_accounts.items()}
                self._findings.clear()
                with suppress(InvalidInput):  # what else is wrong is told once the accounts are mended
                    error.rest = self._made(project, providers, policy, checks)
            raise error
        assert project is not None  # noqa: S101  # it would have findings
        return self._made(project, providers, policy, checks)

    def _made(
        self,
        project: ProjectSpec,
        providers: Mapping[str, ProviderSettings],
        policy: Policy,
        checks: Mapping[str, str],
    ) -> Settings:
        folder = self._root / _LOCAL / self._name
        return Settings(
            root=self._root,
            environment=self._environment,
            version=project.version,
            providers=providers,
            folder=folder,
            state=self._state(project.state),
            variables=self._scope.variables,
            environ=self._environ,
            names=self._names,
            defaults=self._defaults(self._base, self._declared),
            policy=policy,
            checks=checks,
            environments=tuple(self._declared),
            samples=tuple(project.samples or ()),
            ci=project.ci.model_dump(exclude_unset=True) if project.ci is not None else {},
            warnings=tuple(self._warnings),
        )

    @property
    def _name(self) -> str:
        return self._environment or DEFAULT_ENVIRONMENT

    def _unusable(self, effective: MappingNode, defaults: Defaults | None, *, sound: bool) -> UnusableSettings:
        """The findings, with what of the project file the manifests can be checked by."""
        error = UnusableSettings.of(self._told())
        assert isinstance(error, UnusableSettings)  # noqa: S101  # its class's own constructor
        types = {alias: _type_of(node) for alias, node in _members(effective.members.get("providers")).items()}
        known = {alias: type_ for alias, type_ in types.items() if type_ is not None and is_known(type_)}
        if sound and types and known == types:
            error.types, error.scope, error.defaults = known, self._scope, defaults
            error.environments = Environments(self._name, tuple(self._declared))
        return error

    def _raise_findings(self) -> None:
        if self._findings:
            raise InvalidInput.of(self._told())

    def _told(self) -> list[Diagnostic]:
        return collapsed(explained(self._findings, {PROJECT_FILE: self._text}))

    def _read(self) -> Document:
        path = self._root / PROJECT_FILE
        if not self._root.is_dir() and (self._root.exists() or self._root.is_symlink()):
            what = "a file" if self._root.exists() else "a link that leads to nothing"
            raise InvalidInput(
                f"{self._root} is {what}, and a project is a folder.", hint="Name the folder with -C DIR."
            )
        if (reason := not_regular(path)) is not None:
            self._find("unreadable-file", "a file can't be read", reason, Location(PROJECT_FILE))
            self._raise_findings()
        try:
            with path.open("rb") as stream:
                data = stream.read(MAX_BYTES + 1)
        except FileNotFoundError:
            raise InvalidInput(
                f"There is no {PROJECT_FILE} in {self._root}, so this is not the folder of a project.",
                hint=self._way_to_project(),
            ) from None
        except OSError as error:
            raise InvalidInput(f"{path} can't be read: {error.strerror}. Check its permissions.") from None
        document = parse_yaml(data, PROJECT_FILE, self._findings)
        self._text = document.text
        if document.root is None and self._findings:
            self._raise_findings()
        return document

    def _way_to_project(self) -> str:
        """What to do where there is no project file: correct its name, go to where it is, or begin a project."""
        root = self._root.absolute()
        other = project_file_meant(root)
        if other is not None:
            return f'There is "{other}": rename it to {PROJECT_FILE}.'
        above = next((folder for folder in root.parents if (folder / PROJECT_FILE).is_file()), None)
        if above is not None:
            return f"The project is in {above}: run there, or with -C {os.path.relpath(above)}."
        return "Begin one with `reconcile init`, or name the project's folder with -C DIR."

    def _gathered(self, base: MappingNode, environments: Mapping[str, MappingNode]) -> Names:
        """What the environment's names are for, in this environment or another: what signs us in is not shown."""
        from reconcile.hosts import listed

        naming = Naming()
        types = {alias: _type_of(node) for alias, node in _members(base.members.get("providers")).items()}
        for layer in (base, *environments.values()):
            for alias, account in _members(layer.members.get("providers")).items():
                type_ = _type_of(account) or types.get(alias)
                spec = self._quietly(type_) if is_known(type_) else None
                marks: Collection[str] = credentials_of(spec) if spec is not None else _members(account).keys()
                naming.credentials += (_raw(node) for name, node in _members(account).items() if name in marks)
            naming.credentials.append(signing_in(_raw(layer.members.get(_STATE))))
            for name, node in _members(layer.members.get("variables")).items():
                naming.variables.setdefault(name, []).extend(_raws(node))
        return naming.names(listed(self._environ, ALLOW_ENV))

    def _quietly(self, type_: str | None) -> type[AccountSpec] | None:
        try:
            return provider_named(str(type_)).settings
        except InvalidInput:  # a finding of its own
            return None

    # Environments

    def _environments(self, base: MappingNode) -> dict[str, MappingNode]:
        node = base.members.get("environments")
        if node is None:
            return {}
        if not isinstance(node, MappingNode):
            return {}  # a finding of the project's own
        found: dict[str, MappingNode] = {}
        for name, layer in node.members.items():
            if name == DEFAULT_ENVIRONMENT:
                reason = "it is what the project is called without one"
                detail = f'"{name}" can\'t be the name of an environment: {reason}. Choose another.'
                self._find("wrong-name", "a name that can't be used", detail, self._document.at(node.keys[name]))
            if isinstance(layer, MappingNode):
                found[name] = layer
            elif isinstance(layer, ScalarNode) and layer.value is None:
                found[name] = MappingNode(layer.mark)
            else:
                self._wrong_type(f"`{name}` takes what differs in this environment", layer)
        return found

    def _choose(self, environments: Mapping[str, MappingNode]) -> MappingNode:
        if self._environment is None:
            return MappingNode(_TOP)
        layer = environments.get(self._environment)
        if layer is None:
            close = nearest(self._environment, environments)
            known = ", ".join(sorted(environments)) or "none"
            hint = f'Did you mean "{close}"?' if close else f"The project's environments are: {known}."
            detail = f'There is no environment "{self._environment}" under `environments` in {PROJECT_FILE}.'
            self._find("unknown-environment", "an unknown environment", detail, None, hint)
        return layer or MappingNode(_TOP)

    def _check_layers(self, base: MappingNode, environments: Mapping[str, MappingNode]) -> None:
        """Look at what is not in use: its names and types, but nothing that needs a value."""
        accounts = base.members.get("providers")
        types = {alias: _type_of(node) for alias, node in _members(accounts).items()}
        for name, layer in environments.items():
            self._check_variables(base, layer, name)
            self._layer(layer, self._environment_spec, name, lazy=True)
            if name != self._environment:
                self._check_accounts(layer, types)
        if self._environment is not None:
            self._layer(base, self._project_spec, PROJECT_FILE, lazy=True)
            self._check_accounts(base, {})

    def _check_variables(self, base: MappingNode, layer: MappingNode, environment: str) -> None:
        """An environment gives other values to variables of the project; one that the project lacks is a typo."""
        known = _members(base.members.get("variables"))
        overlay = layer.members.get("variables")
        for name in _members(overlay).keys() - known.keys():
            assert isinstance(overlay, MappingNode)  # noqa: S101  # or there would be no members
            close = nearest(name, known)
            hint = f'Did you mean "{close}"?' if close else f"Add `{name}: null` to the project's `variables`."
            detail = f'"{environment}" gives a value to the variable "{name}", which the project does not have.'
            place = self._document.at(overlay.keys[name])
            self._find("unknown-variable", "an unknown variable", detail, place, hint)

    def _check_accounts(self, layer: MappingNode, types: Mapping[str, str | None]) -> None:
        providers = layer.members.get("providers")
        for alias, node in _members(providers).items():
            assert isinstance(providers, MappingNode)  # noqa: S101  # or there would be no members
            with self._about(alias):
                self._check_account(layer, types, alias, node, providers.keys[alias])

    def _check_account(
        self, layer: MappingNode, types: Mapping[str, str | None], alias: str, node: Node, mark: Any
    ) -> None:
        if not isinstance(node, MappingNode):
            self._wrong_type(f"`{alias}` takes the settings of an account", node)
            return
        if "type" not in node.members and alias not in types and layer is not self._base:
            close = nearest(alias, types)
            hint = f'Did you mean "{close}"?' if close else "An account of an environment alone needs a `type`."
            detail = f'The project has no provider "{alias}" whose settings could differ here.'
            self._find("unknown-provider", "an unknown provider", detail, self._document.at(mark), hint)
            return
        # An account of the project has its type there.
        own = "type" in node.members or alias not in types
        type_ = self._provider_type(alias, node, mark, lazy=True) if own else types[alias]
        spec = self._spec(type_, mark) if is_known(type_) else None
        if spec is not None:
            reading = self._reading(node, spec, alias, mark, lazy=True)
            members = {name: member for name, member in node.members.items() if name != "type"}
            data = reading.plain_members(members, reading.shape, ())
            reading.validated(spec, data, incomplete=True)

    def _reading(self, node: MappingNode, spec: type[Spec], name: str, mark: Any, *, lazy: bool) -> _LayerReading:
        source = Source(self._document, node, mark)
        reading = _LayerReading(source, shape_of(spec), self._scope, self._findings, name=name)
        reading.lazy, reading.inside = lazy, self._inside
        reading.credentials = credentials_of(spec) if issubclass(spec, AccountSpec) else ()
        return reading

    def _spec(self, type_: str | None, mark: Any) -> type[AccountSpec] | None:
        """What may be said of accounts of a type; where its package can't be used, that is a finding."""
        try:
            return provider_named(str(type_)).settings
        except InvalidInput as error:
            found = error.diagnostics[0]
            self._find(
                "unusable-provider", "a provider that can't be used", found.detail, self._document.at(mark), found.hint
            )
            return None

    def _defaults(self, base: MappingNode, environments: Mapping[str, MappingNode]) -> Defaults | None:
        layers = [base, *environments.values()]
        unused = [layer.members["defaults"] for layer in layers if "defaults" in layer.members]
        used = self._effective.members.get("defaults", MappingNode(_TOP))
        others = tuple(node for node in unused if node is not used and isinstance(node, MappingNode))
        return Defaults(self._document, used, others) if isinstance(used, MappingNode) else None

    def _without_nulls(self, base: MappingNode, layer: MappingNode, path: tuple[str, ...] = ()) -> MappingNode:
        """What an environment says, but for what it takes out of the project; other nulls are looked at like values."""
        result = MappingNode(layer.mark)
        for name, member in layer.members.items():
            below = base.members.get(name)
            if isinstance(member, ScalarNode) and member.value is None and below is not None and path != _VARIABLES:
                continue
            result.keys[name] = layer.keys[name]
            result.members[name] = member
            if isinstance(member, MappingNode):
                inner = below if isinstance(below, MappingNode) else MappingNode(layer.mark)
                result.members[name] = self._without_nulls(inner, member, (*path, name))
        return result

    # Variables

    def _variables(self, effective: MappingNode) -> dict[str, Shaped]:
        node = effective.members.get("variables")
        declared: dict[str, Shaped] = {}
        if isinstance(node, MappingNode):
            declared = {name: self._variable(name, member) for name, member in node.members.items()}
        for name in self._given:
            if name not in declared:
                close = nearest(name, declared)
                known = ", ".join(declared) or "none"
                hint = f'Did you mean "{close}"?' if close else f"The project's variables are: {known}."
                detail = f'There is no variable "{name}" to give a value with --var.'
                self._find("unknown-variable", "an unknown variable", detail, None, hint)
        return declared

    def _variable(self, name: str, node: Node) -> Shaped:
        for given_value in (
            self._given.get(name),
            self._environ.get(f"RECONCILE_VAR_{name}"),
            self._environ.get(f"RECONCILE_VAR_{name.upper().replace('-', '_')}"),
        ):
            if given_value is not None:
                return GivenText(given_value)
        return self._value_of(name, node)

    def _value_of(self, name: str, node: Node) -> Shaped:
        """The value of a variable, or of a part of it."""
        if isinstance(node, MappingNode):
            return {key: self._value_of(name, member) for key, member in node.members.items()}
        if isinstance(node, ListNode):
            return [self._value_of(name, item) for item in node.items]
        if not isinstance(node.value, str) or "${" not in node.value:
            return node.value
        return self._evaluated(name, node, node.value, lazy=False)

    def _evaluated(self, name: str, node: ScalarNode, text: str, *, lazy: bool) -> Scalar:
        """A variable's own value, which may come from the environment but not from other variables."""
        value, faults = evaluate(text, Scope({}, self._environ, replace(self._names, hidden=False)))
        faults = [fault for fault in faults if not (lazy and fault.code == "unset-environment")]
        if any(fault.code == "unknown-variable" for fault in faults):
            detail = f'The variable "{name}" can\'t be made from other variables, only from ${{env.NAME}}.'
            self._find("wrong-expression", "a wrong expression", detail, self._document.at(node.mark))
            faults = [fault for fault in faults if fault.code != "unknown-variable"]
        self._findings.extend(diagnose(faults, node, self._document, None))
        return "" if faults else value

    # The project itself

    def _layer(self, layer: MappingNode, spec: type[Layer], name: str, *, lazy: bool) -> Layer | None:
        """The project or an environment; its accounts and defaults are only outlined, and read elsewhere."""
        reading = self._reading(layer, spec, name, layer.mark, lazy=lazy)
        apart = ("providers", "defaults", "variables", "environments")
        members = {key: node for key, node in layer.members.items() if key not in apart}
        data = reading.plain_members(members, reading.shape, ())
        for key in apart:
            if key in layer.members:
                data[key] = _outline(layer.members[key], keep=key == "variables")
        for name, node in _members(layer.members.get("variables")).items() if lazy else ():
            if isinstance(node, ScalarNode) and isinstance(node.value, str):
                self._evaluated(name, node, node.value, lazy=True)
        return reading.validated(spec, data, incomplete=lazy)

    def _providers(self, effective: MappingNode) -> Iterator[tuple[str, ProviderSettings]]:
        node = effective.members.get("providers")
        if node is None:
            detail = f"`providers` is missing in {PROJECT_FILE}: it says which accounts the manifests are about."
            self._find("missing-attribute", "an attribute is missing", detail, Location(PROJECT_FILE))
        for alias, member in _members(node).items():
            assert isinstance(node, MappingNode)  # noqa: S101  # or there would be no members
            before = len(self._findings)
            with self._about(alias):
                provider = self._account(alias, member, node.keys[alias])
            if provider is not None and len(self._findings) == before:
                yield alias, provider

    @contextmanager
    def _about(self, alias: str) -> Iterator[None]:
        """What is found within is about an account."""
        before = len(self._findings)
        yield
        if found := self._findings[before:]:
            self._of_accounts.setdefault(alias, []).extend(found)

    def _account(self, alias: str, node: Node, mark: Any) -> ProviderSettings | None:
        if not isinstance(node, MappingNode):
            self._wrong_type(f"`{alias}` takes the settings of an account", node)
            return None
        type_ = self._provider_type(alias, node, mark, lazy=False)
        return self._provider(alias, type_, node, mark) if type_ else None

    def _provider_type(self, alias: str, node: MappingNode, mark: Any, *, lazy: bool) -> str | None:
        member = node.members.get("type")
        if member is None:
            detail = f"`type` is missing in `{alias}`: it says which platform this is, such as {names()[0]}."
            self._find("missing-attribute", "an attribute is missing", detail, self._document.at(mark))
            return None
        if not isinstance(member, ScalarNode) or not isinstance(member.value, str):
            self._wrong_type("`type` takes text", member)
            return None
        reading = self._reading(node, self._project_spec, alias, mark, lazy=lazy)
        value = reading.value(member, frozenset({str}), (alias, "type"))
        if value is BROKEN or (isinstance(value, str) and is_known(value)):
            return None if value is BROKEN else str(value)
        place = self._document.at(member.mark)
        close = nearest(member.raw, names()) if "${" not in member.raw else None
        hint = f'Did you mean "{close}"?' if close else f"Known platforms: {', '.join(names())}."
        detail = f"{given(member)} is no platform that this tool knows."
        self._find("unknown-provider-type", "an unknown platform", detail, place, hint)
        return None

    def _provider(self, alias: str, type_: str, node: MappingNode, mark: Any) -> ProviderSettings | None:
        spec = self._spec(type_, mark)
        if spec is None:
            return None
        reading = self._reading(node, spec, alias, mark, lazy=False)
        data = reading.plain_members(node.members, reading.shape, ())
        marks = credentials_of(spec)
        lazy = {name: data.pop(name) for name in marks.keys() & data.keys() if (name,) in reading.broken}
        model = reading.validated(spec, data)
        if model is None or reading.failed:
            return None
        plain = model.model_dump(exclude_unset=True)
        url = str(plain.pop("url"))
        sandbox = self._sandbox(alias, url)
        declared = {name: node.members[name] for name in marks if name in lazy or name in plain}
        elsewhere = sandbox is None and not _on_this_machine(url)
        credentials = {
            name: self._secret(alias, name, member, LEAST_SECRET if elsewhere and marks[name].secret else 1)
            for name, member in declared.items()
        }
        if sandbox is None:
            self._check_credentials(alias, declared, spec, mark)
        limits = plain.pop("limits", {})
        extra = {name: value for name, value in plain.items() if name not in {"type", "account", "was", *marks}}
        self._check_extra(spec, extra, node)
        if sandbox is None:
            shown = {name: secret for name, secret in credentials.items() if not marks[name].secret}
            self._check_hosts(provider_named(type_), node, {"url": url, **extra}, shown)
        return ProviderSettings(
            alias=alias,
            type=type_,
            url=url,
            location=self._document.at(mark),
            account=plain.get("account"),
            credentials=credentials,
            secrets=frozenset(name for name, mark in marks.items() if mark.secret),
            concurrency=limits.get("concurrency", CONCURRENCY),
            requests_per_second=limits.get("requestsPerSecond", REQUESTS_PER_SECOND),
            extra=extra,
            sandbox=sandbox,
            was=tuple(plain.get("was", ())),
        )

    def _check_former_aliases(self, providers: Mapping[str, ProviderSettings], effective: MappingNode) -> None:
        """Former aliases that are still in use, or that two accounts claim."""
        declared = _members(effective.members.get("providers"))
        claimed: dict[str, str] = {}
        for alias, provider in providers.items():
            for former in provider.was:
                if former in declared:
                    what = "itself" if former == alias else f"{former}, which is still declared"
                    detail = f"`{alias}` says that it was {what}. Leave it out of `was`, or rename that one."
                elif former in claimed:
                    detail = (
                        f"`{claimed[former]}` and `{alias}` both say that they were {former}. Only one of them can be."
                    )
                else:
                    claimed[former] = alias
                    continue
                self._find("former-alias-in-use", "a former alias is in use", detail, provider.location)

    def _check_extra(self, spec: type[AccountSpec], extra: Mapping[str, Any], node: MappingNode) -> None:
        """What only the platform itself knows to be wrong with its settings."""
        for path, detail, hint in spec.faults(extra):
            place: Node = node
            mark: Any = node.mark
            for name in path:
                if isinstance(place, MappingNode) and name in place.members:
                    mark, place = place.keys[name], place.members[name]
            self._find("wrong-value", "a value that is not allowed", detail, self._document.at(mark), hint)

    def _check_hosts(
        self, provider: Provider, node: MappingNode, values: Mapping[str, Any], later: Mapping[str, Secret]
    ) -> None:
        """See that an account leads nowhere but where its credentials may go, whichever member says so."""
        from reconcile.hosts import Hosts, addresses

        hosts = Hosts.of(self._environ, provider.hosts)
        found = [(name, address) for name, value in values.items() for address in addresses(value)]
        for name, secret in later.items():
            with suppress(InvalidInput):  # not set: nothing can be contacted either
                found += ((name, address) for address in addresses(secret.reveal()))
        for name, address in found:
            if not hosts.allow(address):
                said = hosts.refusal(address).diagnostics[0]
                place = self._document.at(node.members[name].mark)
                self._find("host-not-allowed", "a host that may not be contacted", said.detail, place, said.hint)

    def _check_credentials(self, alias: str, declared: Mapping[str, Node], spec: type[AccountSpec], mark: Any) -> None:
        marks = credentials_of(spec)
        for name in sorted(name for name, credential in marks.items() if credential.needed):
            if marks[name].unless in declared:
                continue
            node = declared.get(name)
            if node is None:
                detail = f'`{name}` is missing in `{alias}`. Declare it as "${{env.NAME}}", or use the sandbox.'
                self._find("missing-attribute", "an attribute is missing", detail, self._document.at(mark))
            elif isinstance(node, ScalarNode) and "${" not in node.raw:
                detail = (
                    f"`{name}` of `{alias}` stands in the file itself, where everybody who has the project can read "
                    f'it. Put it into the environment, and write "${{env.NAME}}" here.'
                )
                place = self._document.at(node.mark)
                warning = Diagnostic("literal-credential", "a credential in a file", detail, None, place)
                self._warnings.append(_as_warning(warning))

    def _secret(self, alias: str, name: str, node: Node, least: int) -> Secret:
        scope, document = self._inside, self._document

        def resolve() -> str:
            assert isinstance(node, ScalarNode)  # noqa: S101  # the Spec has seen to it
            value, faults = evaluate(node.raw, scope)
            if faults:
                raise InvalidInput.of(diagnose(faults, node, document, None))
            if not value:
                detail = f"`{name}` of `{alias}` is empty. Set what it is read from."
                place = document.at(node.mark)
                raise InvalidInput.of([Diagnostic("empty-credential", "a credential is empty", detail, None, place)])
            if len(str(value)) < least:
                detail = (
                    f"`{name}` of `{alias}` has fewer than {least} characters. No platform's secret is as short, and "
                    "it could not be kept out of outputs. Set what it is read from."
                )
                place = document.at(node.mark)
                raise InvalidInput.of(
                    [Diagnostic("short-credential", "a credential is too short", detail, None, place)]
                )
            return str(value)

        return Secret(resolve)

    # Paths

    def _sandbox(self, alias: str, url: str) -> Path | None:
        """The file with the emulator's data; None for a real platform."""
        if not url.startswith("sandbox:"):
            return None
        path = url.removeprefix("sandbox:")
        if not path:
            return self._root / _LOCAL / self._name / "sandbox.sqlite"
        return self._root / self._of_environment(path, ("providers", alias, "url"))

    def _state(self, declared: str | None) -> Path | str:
        from reconcile.state.open import in_environment, local_path

        url = declared or f"file:{PurePosixPath(_LOCAL, self._name, 'state.json')}"
        if declared and self._environment is not None and not _declares(self._chosen, ("state",)):
            url = in_environment(url, self._environment)
        where = self._root / local_path(url) if url.startswith("file:") else url
        if ALLOW_STATE in self._environ:
            from reconcile.state.allowed import check

            check(where, self._environ, self._root)
        return where

    def _of_environment(self, path: str, member: tuple[str, ...]) -> str:
        """A path as the chosen environment has it, so that environments never share a file by accident."""
        if self._environment is None or _declares(self._chosen, member):
            return path
        pure = PurePosixPath(path)
        shared = (_LOCAL, DEFAULT_ENVIRONMENT)
        if pure.parts[:2] == shared:
            return str(PurePosixPath(_LOCAL, self._environment, *pure.parts[2:]))
        return str(pure.with_name(f"{pure.stem}.{self._environment}{pure.suffix}"))

    def _checks(self, project: ProjectSpec) -> dict[str, str]:
        declared: dict[str, str] = dict(project.checks or {})
        if declared:
            from reconcile.mail.checks import checks

            known = [check.id for check in checks()]
            section = self._effective.members["checks"]
            for name in declared.keys() - set(known):
                close = nearest(name, known)
                hint = f'Did you mean "{close}"?' if close else f"The checks are: {', '.join(sorted(known))}."
                mark = section.keys[name] if isinstance(section, MappingNode) else section.mark
                detail = f'There is no check "{name}".'
                self._find("unknown-check", "an unknown check", detail, self._document.at(mark), hint)
        return declared

    def _policy(self, project: ProjectSpec) -> Policy:
        declared = project.policy.model_dump(exclude_unset=True) if project.policy is not None else {}
        names: dict[str, tuple[str, Callable[[Any], Any]]] = {
            "freeze": ("freeze", parse_duration),
            "maxDeletePercent": ("max_delete_percent", float),
            "maxDeleteCount": ("max_delete_count", int),
            "maxReplaceCount": ("max_replace_count", int),
            "sends": ("sends", Sends),
            "renderedSends": ("rendered_sends", RenderedSends),
            "planExpiry": ("plan_expiry", parse_duration),
            "importWait": ("import_wait", parse_duration),
            "reachGrowth": ("reach_growth", float),
            "targets": ("targets", _targets),
        }
        values: dict[str, Any] = {names[name][0]: names[name][1](value) for name, value in declared.items()}
        policy = Policy(**values)
        if any(getattr(policy, name) < least for name, least in LEAST.items()):
            section = self._effective.members["policy"]
            place = self._document.at(section.members["freeze"].mark) if isinstance(section, MappingNode) else None
            detail = (
                "`freeze` is less than 30m. The platform begins to send up to 20 minutes early, and nothing may be "
                "written then. Raise it."
            )
            self._find("freeze-too-short", "a freeze that is too short", detail, place)
        return policy

    def _wrong_type(self, takes: str, node: Node) -> None:
        detail = f"{takes}; here stands {given(node)}."
        self._find("wrong-type", "a value of the wrong type", detail, self._document.at(node.mark))

    def _find(self, code: str, summary: str, detail: str, location: Location | None, hint: str | None = None) -> None:
        self._findings.append(Diagnostic(code, summary, detail, None, location, hint))


def _on_this_machine(url: str) -> bool:
    """Whether an account's address is this machine's own, where emulators take any key."""
    from urllib.parse import urlsplit

    from reconcile.network import is_loopback

    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def _target_plurals(base: MappingNode) -> tuple[str, ...]:
    """The kinds that campaigns may go to, of our own platforms and of those that the project names.

    Without `policy.targets` nobody asks, and no platform's kinds are imported for it.
    """
    layers = [base, *_members(base.members.get("environments")).values()]
    if not any("targets" in _members(_members(layer).get("policy")) for layer in layers):
        return ()
    platforms = dict(built_in())
    for name in types_named(base):
        with suppress(InvalidInput):  # an unknown or unusable type is a finding of its own
            platforms[name] = provider_named(name)
    return target_plurals(platform.kinds for platform in platforms.values())


def _targets(declared: Mapping[str, Any]) -> Targets:
    entries = {name: tuple(names) for name, names in declared.items() if name != "maxAudience"}
    return Targets(entries, declared.get("maxAudience"))


class _Top:
    """The mark of a file's beginning."""

    line = column = index = 0


_TOP: Final = _Top()
_VARIABLES: Final = ("variables",)


def _members(node: Node | None) -> Mapping[str, Node]:
    return node.members if isinstance(node, MappingNode) else {}


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value is None


def _raws(node: Node) -> Iterator[str]:
    """All texts of a value."""
    for inner in _members(node).values() if isinstance(node, MappingNode) else getattr(node, "items", ()):
        yield from _raws(inner)
    yield _raw(node)


def _raw(node: Node | None) -> str:
    return node.value if isinstance(node, ScalarNode) and isinstance(node.value, str) else ""


def _type_of(node: Node) -> str | None:
    type_ = _members(node).get("type")
    return type_.value if isinstance(type_, ScalarNode) and isinstance(type_.value, str) else None


def _outline(node: Node, *, keep: bool) -> Any:
    """A mapping's keys with nothing behind them (or with the scalars that are there); other nodes as they are."""
    if isinstance(node, MappingNode):
        return {key: _outline(member, keep=False) if keep else None for key, member in node.members.items()}
    return node.value if isinstance(node, ScalarNode) else []


def _declares(layer: MappingNode, member: tuple[str, ...]) -> bool:
    node: Node = layer
    for name in member:
        if not isinstance(node, MappingNode) or name not in node.members:
            return False
        node = node.members[name]
    return True


def _as_warning(finding: Diagnostic) -> Diagnostic:
    return Diagnostic(
        finding.code, finding.summary, finding.detail, location=finding.location, severity=Severity.WARNING
    )
