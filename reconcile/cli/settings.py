"""Project file + environment -> Settings: accounts, state, variables, policy. Nothing is contacted here."""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, TypeVar

from reconcile.cli.accounts import Accounts
from reconcile.cli.policies import policy_of, targets_of
from reconcile.cli.project_file import (
    LOCAL,
    STATE,
    TOP,
    ProjectFile,
    declares,
    members_of,
    outline,
    text_of,
    texts_of,
    type_of,
)
from reconcile.cli.variables import Variables
from reconcile.errors import Diagnostic, InvalidInput, ReconcileError, Usage
from reconcile.manifests.environments import DEFAULT, Environments
from reconcile.manifests.interpolate import Scope, Shaped
from reconcile.manifests.load import PROJECT_FILE, Defaults, Manifests, collapsed, load
from reconcile.manifests.names import ALLOW_ENV, Names, Naming, signing_in
from reconcile.manifests.nodes import MappingNode, ScalarNode, merged
from reconcile.manifests.project import (
    ProjectSpec,
    project_specs,
)
from reconcile.model.kind import Spec
from reconcile.model.policy import Policy
from reconcile.model.registry import Registry, nearest
from reconcile.model.settings import (
    AccountSpec,
    ProviderSettings,
    credentials_of,
)
from reconcile.providers import is_known, provider_named, provider_type

if TYPE_CHECKING:
    from reconcile.model.call import Call, Encoded

Layer = TypeVar("Layer", bound=Spec)

DEFAULT_ENVIRONMENT: Final = DEFAULT
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


class _Loading:
    """One run of ``load_settings``."""

    def __init__(
        self, root: Path, environment: str | None, variables: Mapping[str, str], environ: Mapping[str, str]
    ) -> None:
        # "default" is what the project is without an environment.
        if environment == "":
            raise Usage(
                "The environment's name is empty, as where a variable of the CI job is not set.",
                hint=f"Name one with --env or RECONCILE_ENV; the project without one is `--env {DEFAULT_ENVIRONMENT}`.",
            )
        self._file = ProjectFile(root, None if environment in (None, DEFAULT_ENVIRONMENT) else environment, environ)
        self._variables = Variables(self._file, variables)

    def settings(self) -> Settings:
        base = self._file.document.root or MappingNode(TOP)
        self._base = base
        self._project_spec, self._environment_spec = project_specs(targets_of(base))
        raw = self._environments(base)
        self._chosen = self._choose(raw)
        self._effective = effective = merged(base, self._chosen)
        self._declared = environments = {name: self._without_nulls(base, layer) for name, layer in raw.items()}
        self._file.names = self._gathered(base, environments)
        self._accounts = Accounts(self._file, self._project_spec, base, self._chosen)
        values = self._variables.values(effective)
        self._file.scope = Scope(values, self._file.environ, self._file.names)
        self._file.inside = Scope(values, self._file.environ, replace(self._file.names, hidden=False))
        sound = not self._file.findings and isinstance(effective.members.get("variables", base), MappingNode)
        self._check_layers(base, environments)
        project = self._layer(effective, self._project_spec, PROJECT_FILE, lazy=False)
        providers = dict(self._accounts.settings(effective))
        self._accounts.check_former_aliases(providers, effective)
        checks = self._checks(project)
        policy = policy_of(self._file, project, effective)
        if self._file.findings:
            error = self._unusable(effective, self._defaults(base, environments), sound=sound)
            of_accounts = self._accounts.found
            if project is not None and len(self._file.findings) == sum(map(len, of_accounts.values())):
                error.apart = {alias: InvalidInput.of(collapsed(found)) for alias, found in of_accounts.items()}
                self._file.findings.clear()
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
        folder = self._file.root / LOCAL / self._name
        return Settings(
            root=self._file.root,
            environment=self._file.environment,
            version=project.version,
            providers=providers,
            folder=folder,
            state=self._state(project.state),
            variables=self._file.scope.variables,
            environ=self._file.environ,
            names=self._file.names,
            defaults=self._defaults(self._base, self._declared),
            policy=policy,
            checks=checks,
            environments=tuple(self._declared),
            samples=tuple(project.samples or ()),
            ci=project.ci.model_dump(exclude_unset=True) if project.ci is not None else {},
            warnings=tuple(self._file.warnings),
        )

    @property
    def _name(self) -> str:
        return self._file.environment or DEFAULT_ENVIRONMENT

    def _unusable(self, effective: MappingNode, defaults: Defaults | None, *, sound: bool) -> UnusableSettings:
        """The findings, with what of the project file the manifests can be checked by."""
        error = UnusableSettings.of(self._file.told())
        assert isinstance(error, UnusableSettings)  # noqa: S101  # its class's own constructor
        types = {alias: type_of(node) for alias, node in members_of(effective.members.get("providers")).items()}
        own = members_of(self._base.members.get("providers"))
        # An environment's settings of an account that there is not: no manifest can be about it.
        types = {alias: type_ for alias, type_ in types.items() if type_ is not None or alias in own}
        known = {alias: type_ for alias, type_ in types.items() if type_ is not None and is_known(type_)}
        if sound and types and known == types:
            error.types, error.scope, error.defaults = known, self._file.scope, defaults
            error.environments = Environments(self._name, tuple(self._declared))
        return error

    def _gathered(self, base: MappingNode, environments: Mapping[str, MappingNode]) -> Names:
        """What the environment's names are for, in this environment or another: what signs us in is not shown."""
        from reconcile.hosts import listed

        naming = Naming()
        types = {alias: type_of(node) for alias, node in members_of(base.members.get("providers")).items()}
        for layer in (base, *environments.values()):
            for alias, account in members_of(layer.members.get("providers")).items():
                type_ = type_of(account) or types.get(alias)
                spec = self._quietly(type_) if is_known(type_) else None
                marks: Collection[str] = credentials_of(spec) if spec is not None else members_of(account).keys()
                naming.credentials += (text_of(node) for name, node in members_of(account).items() if name in marks)
            naming.credentials.append(signing_in(text_of(layer.members.get(STATE))))
            for name, node in members_of(layer.members.get("variables")).items():
                naming.variables.setdefault(name, []).extend(texts_of(node))
        return naming.names(listed(self._file.environ, ALLOW_ENV))

    def _quietly(self, type_: str | None) -> type[AccountSpec] | None:
        try:
            return provider_named(str(type_)).settings
        except InvalidInput:  # a finding of its own
            return None

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
                self._file.find(
                    "wrong-name", "a name that can't be used", detail, self._file.document.at(node.keys[name])
                )
            if isinstance(layer, MappingNode):
                found[name] = layer
            elif isinstance(layer, ScalarNode) and layer.value is None:
                found[name] = MappingNode(layer.mark)
            else:
                self._file.wrong_type(f"`{name}` takes what differs in this environment", layer)
        return found

    def _choose(self, environments: Mapping[str, MappingNode]) -> MappingNode:
        if self._file.environment is None:
            return MappingNode(TOP)
        layer = environments.get(self._file.environment)
        if layer is None:
            close = nearest(self._file.environment, environments)
            known = ", ".join(sorted(environments)) or "none"
            hint = f'Did you mean "{close}"?' if close else f"The project's environments are: {known}."
            detail = f'There is no environment "{self._file.environment}" under `environments` in {PROJECT_FILE}.'
            self._file.find("unknown-environment", "an unknown environment", detail, None, hint)
        return layer or MappingNode(TOP)

    def _check_layers(self, base: MappingNode, environments: Mapping[str, MappingNode]) -> None:
        """Look at what is not in use: its names and types, but nothing that needs a value."""
        accounts = base.members.get("providers")
        types = {alias: type_of(node) for alias, node in members_of(accounts).items()}
        for name, layer in environments.items():
            self._variables.check(base, layer, name)
            self._layer(layer, self._environment_spec, name, lazy=True)
            if name != self._file.environment:
                self._accounts.check_unused(layer, types)
        if self._file.environment is not None:
            self._layer(base, self._project_spec, PROJECT_FILE, lazy=True)
            self._accounts.check_unused(base, {})

    def _defaults(self, base: MappingNode, environments: Mapping[str, MappingNode]) -> Defaults | None:
        layers = [base, *environments.values()]
        unused = [layer.members["defaults"] for layer in layers if "defaults" in layer.members]
        used = self._effective.members.get("defaults", MappingNode(TOP))
        others = tuple(node for node in unused if node is not used and isinstance(node, MappingNode))
        return Defaults(self._file.document, used, others) if isinstance(used, MappingNode) else None

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

    def _layer(self, layer: MappingNode, spec: type[Layer], name: str, *, lazy: bool) -> Layer | None:
        """The project or an environment; its accounts and defaults are only outlined, and read elsewhere."""
        reading = self._file.reading(layer, spec, name, layer.mark, lazy=lazy)
        apart = ("providers", "defaults", "variables", "environments")
        members = {key: node for key, node in layer.members.items() if key not in apart}
        data = reading.plain_members(members, reading.shape, ())
        for key in apart:
            if key in layer.members:
                data[key] = outline(layer.members[key], keep=key == "variables")
        for name, node in members_of(layer.members.get("variables")).items() if lazy else ():
            if isinstance(node, ScalarNode) and isinstance(node.value, str):
                self._variables.evaluated(name, node, node.value, lazy=True)
        return reading.validated(spec, data, incomplete=lazy)

    def _state(self, declared: str | None) -> Path | str:
        from reconcile.state.open import in_environment, local_path

        url = declared or f"file:{PurePosixPath(LOCAL, self._name, 'state.json')}"
        if declared and self._file.environment is not None and not declares(self._chosen, ("state",)):
            url = in_environment(url, self._file.environment)
        where = self._file.root / local_path(url) if url.startswith("file:") else url
        if ALLOW_STATE in self._file.environ:
            from reconcile.state.allowed import check

            check(where, self._file.environ, self._file.root)
        return where

    def _checks(self, project: ProjectSpec | None) -> dict[str, str]:
        """How bad the findings of checks are; without a sound project file its names are looked at all the same."""
        declared: dict[str, str] = dict(project.checks or {}) if project is not None else {}
        section = self._effective.members.get("checks")
        if section is not None and (named := {**members_of(section), **declared}):
            from reconcile.mail.checks import checks

            known = [check.id for check in checks()]
            for name in named.keys() - set(known):
                close = nearest(name, known)
                hint = f'Did you mean "{close}"?' if close else f"The checks are: {', '.join(sorted(known))}."
                mark = section.keys[name] if isinstance(section, MappingNode) else section.mark
                detail = f'There is no check "{name}".'
                self._file.find("unknown-check", "an unknown check", detail, self._file.document.at(mark), hint)
        return declared


_VARIABLES: Final = ("variables",)
