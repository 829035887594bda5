"""The accounts of a project: what the project file says of each, checked and ready to be opened."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from reconcile.cli.project_file import LOCAL, ProjectFile, declares, members_of
from reconcile.errors import Diagnostic, InvalidInput, Location
from reconcile.manifests.environments import DEFAULT
from reconcile.manifests.interpolate import diagnose, evaluate
from reconcile.manifests.load import PROJECT_FILE
from reconcile.manifests.nodes import MappingNode, Node, ScalarNode
from reconcile.manifests.project import ProjectSpec
from reconcile.manifests.reading import BROKEN
from reconcile.manifests.wording import given
from reconcile.masks import LEAST as LEAST_SECRET
from reconcile.model.provider import Provider
from reconcile.model.registry import nearest
from reconcile.model.settings import (
    CONCURRENCY,
    REQUESTS_PER_SECOND,
    AccountSpec,
    ProviderSettings,
    Secret,
    credentials_of,
)
from reconcile.providers import is_known, names, provider_named


class Accounts:
    """Reads accounts; ``project`` is what a project file may say, ``chosen`` the layer of the environment in use."""

    def __init__(self, file: ProjectFile, project: type[ProjectSpec], base: MappingNode, chosen: MappingNode) -> None:
        self._file = file
        self._project_spec = project
        self._base = base
        self._chosen = chosen
        self.found: dict[str, list[Diagnostic]] = {}  # by alias, what was found about it

    def settings(self, effective: MappingNode) -> Iterator[tuple[str, ProviderSettings]]:
        """The accounts that can be used, by alias."""
        node = effective.members.get("providers")
        if node is None:
            detail = f"`providers` is missing in {PROJECT_FILE}: it says which accounts the manifests are about."
            self._file.find("missing-attribute", "an attribute is missing", detail, Location(PROJECT_FILE))
        for alias, member in members_of(node).items():
            assert isinstance(node, MappingNode)  # noqa: S101  # or there would be no members
            before = len(self._file.findings)
            with self._about(alias):
                provider = self._account(alias, member, node.keys[alias])
            if provider is not None and len(self._file.findings) == before:
                yield alias, provider

    def check_unused(self, layer: MappingNode, types: Mapping[str, str | None]) -> None:
        """Look at the accounts of a layer that is not in use; ``types`` are those that the project has by alias."""
        providers = layer.members.get("providers")
        for alias, node in members_of(providers).items():
            assert isinstance(providers, MappingNode)  # noqa: S101  # or there would be no members
            with self._about(alias):
                self._check_account(layer, types, alias, node, providers.keys[alias])

    def check_former_aliases(self, providers: Mapping[str, ProviderSettings], effective: MappingNode) -> None:
        """Former aliases that are still in use, or that two accounts claim."""
        declared = members_of(effective.members.get("providers"))
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
                self._file.find("former-alias-in-use", "a former alias is in use", detail, provider.location)

    @contextmanager
    def _about(self, alias: str) -> Iterator[None]:
        """What is found within is about an account."""
        before = len(self._file.findings)
        yield
        if found := self._file.findings[before:]:
            self.found.setdefault(alias, []).extend(found)

    def _account(self, alias: str, node: Node, mark: Any) -> ProviderSettings | None:
        if not isinstance(node, MappingNode):
            self._file.wrong_type(f"`{alias}` takes the settings of an account", node)
            return None
        own = members_of(self._base.members.get("providers"))
        if "type" not in node.members and alias not in own:  # an environment's only
            self._unknown(alias, own, mark)
            return None
        type_ = self._provider_type(alias, node, mark, lazy=False)
        return self._provider(alias, type_, node, mark) if type_ else None

    def _check_account(
        self, layer: MappingNode, types: Mapping[str, str | None], alias: str, node: Node, mark: Any
    ) -> None:
        if not isinstance(node, MappingNode):
            self._file.wrong_type(f"`{alias}` takes the settings of an account", node)
            return
        if "type" not in node.members and alias not in types and layer is not self._base:
            self._unknown(alias, types, mark)
            return
        # An account of the project has its type there.
        own = "type" in node.members or alias not in types
        type_ = self._provider_type(alias, node, mark, lazy=True) if own else types[alias]
        spec = self._file.spec(type_, mark) if is_known(type_) else None
        if spec is not None:
            reading = self._file.reading(node, spec, alias, mark, lazy=True)
            members = {name: member for name, member in node.members.items() if name != "type"}
            data = reading.plain_members(members, reading.shape, ())
            reading.validated(spec, data, incomplete=True)

    def _unknown(self, alias: str, known: Collection[str], mark: Any) -> None:
        close = nearest(alias, known)
        hint = f'Did you mean "{close}"?' if close else "An account of an environment alone needs a `type`."
        detail = f'The project has no provider "{alias}" whose settings could differ here.'
        self._file.find("unknown-provider", "an unknown provider", detail, self._file.document.at(mark), hint)

    def _provider_type(self, alias: str, node: MappingNode, mark: Any, *, lazy: bool) -> str | None:
        member = node.members.get("type")
        if member is None:
            detail = f"`type` is missing in `{alias}`: it says which platform this is, such as {names()[0]}."
            self._file.find("missing-attribute", "an attribute is missing", detail, self._file.document.at(mark))
            return None
        if not isinstance(member, ScalarNode) or not isinstance(member.value, str):
            self._file.wrong_type("`type` takes text", member)
            return None
        reading = self._file.reading(node, self._project_spec, alias, mark, lazy=lazy)
        value = reading.value(member, frozenset({str}), (alias, "type"))
        if value is BROKEN or (isinstance(value, str) and is_known(value)):
            return None if value is BROKEN else str(value)
        place = self._file.document.at(member.mark)
        close = nearest(member.raw, names()) if "${" not in member.raw else None
        hint = f'Did you mean "{close}"?' if close else f"Known platforms: {', '.join(names())}."
        detail = f"{given(member)} is no platform that this tool knows."
        self._file.find("unknown-provider-type", "an unknown platform", detail, place, hint)
        return None

    def _provider(self, alias: str, type_: str, node: MappingNode, mark: Any) -> ProviderSettings | None:
        spec = self._file.spec(type_, mark)
        if spec is None:
            return None
        reading = self._file.reading(node, spec, alias, mark, lazy=False)
        data = reading.plain_members(node.members, reading.shape, ())
        marks = credentials_of(spec)
        lazy = {name: data.pop(name) for name in marks.keys() & data.keys() if (name,) in reading.broken}
        model = reading.validated(spec, data)
        if model is None or reading.failed:
            self._check_rest(alias, spec, reading.sound(data), node, mark)
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
        extra = _extra(spec, plain)
        self._check_extra(spec, extra, node)
        if sandbox is None:
            shown = {name: secret for name, secret in credentials.items() if not marks[name].secret}
            self._check_hosts(provider_named(type_), node, {"url": url, **extra}, shown)
        return ProviderSettings(
            alias=alias,
            type=type_,
            url=url,
            location=self._file.document.at(mark),
            account=plain.get("account"),
            credentials=credentials,
            secrets=frozenset(name for name, mark in marks.items() if mark.secret),
            concurrency=limits.get("concurrency", CONCURRENCY),
            requests_per_second=limits.get("requestsPerSecond", REQUESTS_PER_SECOND),
            extra=extra,
            sandbox=sandbox,
            was=tuple(plain.get("was", ())),
        )

    def _check_rest(
        self, alias: str, spec: type[AccountSpec], sound: Mapping[str, Any], node: MappingNode, mark: Any
    ) -> None:
        """What else is wrong with an account that has findings already, so that one run tells all."""
        url = sound.get("url")
        if isinstance(url, str) and not url.startswith("sandbox:"):
            marks = credentials_of(spec)
            declared = {name: member for name, member in node.members.items() if name in marks}
            self._check_credentials(alias, declared, spec, mark)
        self._check_extra(spec, _extra(spec, sound), node)

    def _check_extra(self, spec: type[AccountSpec], extra: Mapping[str, Any], node: MappingNode) -> None:
        """What only the platform itself knows to be wrong with its settings."""
        for path, detail, hint in spec.faults(extra):
            place: Node = node
            mark: Any = node.mark
            for name in path:
                if isinstance(place, MappingNode) and name in place.members:
                    mark, place = place.keys[name], place.members[name]
            self._file.find("wrong-value", "a value that is not allowed", detail, self._file.document.at(mark), hint)

    def _check_hosts(
        self, provider: Provider, node: MappingNode, values: Mapping[str, Any], later: Mapping[str, Secret]
    ) -> None:
        """See that an account leads nowhere but where its credentials may go, whichever member says so."""
        from reconcile.hosts import Hosts, addresses

        hosts = Hosts.of(self._file.environ, provider.hosts)
        found = [(name, address) for name, value in values.items() for address in addresses(value)]
        for name, secret in later.items():
            with suppress(InvalidInput):  # not set: nothing can be contacted either
                found += ((name, address) for address in addresses(secret.reveal()))
        for name, address in found:
            if not hosts.allow(address):
                said = hosts.refusal(address).diagnostics[0]
                place = self._file.document.at(node.members[name].mark)
                self._file.find("host-not-allowed", "a host that may not be contacted", said.detail, place, said.hint)

    def _check_credentials(self, alias: str, declared: Mapping[str, Node], spec: type[AccountSpec], mark: Any) -> None:
        marks = credentials_of(spec)
        for name in sorted(name for name, credential in marks.items() if credential.needed):
            if marks[name].unless in declared:
                continue
            node = declared.get(name)
            if node is None:
                detail = f'`{name}` is missing in `{alias}`. Declare it as "${{env.NAME}}", or use the sandbox.'
                self._file.find("missing-attribute", "an attribute is missing", detail, self._file.document.at(mark))
            elif isinstance(node, ScalarNode) and "${" not in node.raw:
                detail = (
                    f"`{name}` of `{alias}` stands in the file itself, where everybody who has the project can read "
                    f'it. Put it into the environment, and write "${{env.NAME}}" here.'
                )
                place = self._file.document.at(node.mark)
                self._file.warn("literal-credential", "a credential in a file", detail, place)

    def _secret(self, alias: str, name: str, node: Node, least: int) -> Secret:
        scope, document = self._file.inside, self._file.document

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

    def _sandbox(self, alias: str, url: str) -> Path | None:
        """The file with the emulator's data; None for a real platform."""
        if not url.startswith("sandbox:"):
            return None
        path = url.removeprefix("sandbox:")
        if not path:
            return self._file.root / LOCAL / (self._file.environment or DEFAULT) / "sandbox.sqlite"
        return self._file.root / self._of_environment(path, ("providers", alias, "url"))

    def _of_environment(self, path: str, member: tuple[str, ...]) -> str:
        """A path as the chosen environment has it, so that environments never share a file by accident."""
        if self._file.environment is None or declares(self._chosen, member):
            return path
        pure = PurePosixPath(path)
        shared = (LOCAL, DEFAULT)
        if pure.parts[:2] == shared:
            return str(PurePosixPath(LOCAL, self._file.environment, *pure.parts[2:]))
        return str(pure.with_name(f"{pure.stem}.{self._file.environment}{pure.suffix}"))


def _extra(spec: type[AccountSpec], plain: Mapping[str, Any]) -> dict[str, Any]:
    """The members that only this platform has."""
    usual = {*AccountSpec.model_fields, "account", *credentials_of(spec)}
    return {name: value for name, value in plain.items() if name not in usual}


def _on_this_machine(url: str) -> bool:
    """Whether an account's address is this machine's own, where emulators take any key."""
    from urllib.parse import urlsplit

    from reconcile.network import is_loopback

    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False
