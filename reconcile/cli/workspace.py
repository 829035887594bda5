"""Put a run's parts together: settings, registry, clients or the embedded sandbox, state store."""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconcile import __version__
from reconcile.cli.clients import Clients
from reconcile.cli.git import author_of, checkout_of
from reconcile.cli.options import Options, options, passwords
from reconcile.cli.output import show_diagnostics
from reconcile.cli.settings import Settings, UnusableSettings, bounded, load_settings
from reconcile.cli.stopping import Heeding
from reconcile.errors import Diagnostic, Interrupted, InvalidInput, ReconcileError
from reconcile.model.checkout import short
from reconcile.model.right_to_send import RightToSend, right_to_send

if TYPE_CHECKING:
    from reconcile.engine.mail_checks import MailRules
    from reconcile.engine.workflow import Workspace
    from reconcile.manifests.load import Manifests
    from reconcile.model.address import Address
    from reconcile.model.bulk import Place
    from reconcile.model.registry import Registry
    from reconcile.model.resource import Resource
    from reconcile.state.store import StateStore


@dataclass(frozen=True, slots=True)
class Project:
    """A project as a command sees it: its settings and the kinds of its providers; ``stop`` ends what it does.

    ``apart`` has by account what is wrong with its settings, where that did not stop the run; most are left out.
    """

    settings: Settings
    registry: "Registry"
    stop: threading.Event = field(default_factory=threading.Event, compare=False)
    apart: Mapping[str, ReconcileError] = field(default_factory=dict)

    def manifests(self) -> "Manifests":
        """What the manifests declare; warnings are shown.

        Raises:
            InvalidInput: with every finding.
        """
        loaded = self.declared()
        show_diagnostics(loaded.warnings)
        return loaded

    def declared(self) -> "Manifests":
        """What the manifests on disk declare now, without a word on it.

        Raises:
            InvalidInput: with every finding.
        """
        try:
            return self.settings.manifests(self.registry)
        except InvalidInput as error:
            error.diagnostics = tuple(_with_commits(self.settings.root, found) for found in error.diagnostics)
            raise

    def mail_findings(
        self,
        resources: "Mapping[Address, Resource]",
        of: "Collection[Address] | None" = None,
        *,
        warnings_only: bool = False,
    ) -> list[Diagnostic]:
        """What the checks find in the mails of these entries, in all where none are named."""
        from reconcile.engine.mail_checks import findings
        from reconcile.mail.checks import Severity

        severities = [Severity.WARNING] if warnings_only else [Severity.ERROR, Severity.WARNING]
        return findings(resources, self.registry, self.mail_rules(), of=of, severities=severities)

    def unsendable(self, resources: "Mapping[Address, Resource]") -> list[Diagnostic]:
        """What of these entries can't be put on the wire; no account is needed to tell, nor the project key."""
        from reconcile.planner.changes import off_the_wire

        return list(off_the_wire(resources, self.settings.keyless(), self.settings.encoders()))

    def mail_rules(self) -> "MailRules":
        """What the project says of the checks, and what its platforms fill in mails."""
        from reconcile.cli.written import written_by
        from reconcile.engine.mail_checks import MailRules
        from reconcile.mail.checks import Severity
        from reconcile.providers import provider_named

        settings = self.settings
        return MailRules(
            severities={name: Severity(severity) for name, severity in settings.checks.items()},
            tags={alias: provider_named(each.type).merge_tags for alias, each in settings.providers.items()},
            zones={
                alias: str(each.extra["timezone"])
                for alias, each in settings.providers.items()
                if "timezone" in each.extra
            },
            written=written_by(settings.root),
            today=datetime.now(UTC).date().isoformat(),
        )

    def store(self) -> "StateStore":
        """Where the environment's state lives.

        Raises:
            InvalidInput: the URL is of no known form. StateError: a package is missing, or the key can't be used.
        """
        from reconcile.state.open import open_store

        renamed = {alias: provider.was for alias, provider in self.settings.providers.items() if provider.was}
        return Heeding(open_store(self.settings.state, environ=self.settings.environ), self.stop, renamed)

    def right_to_send(self, *, allow_send: bool) -> RightToSend:
        """The run's right to send: ``allow_send`` is the flag, and the policy has a word too."""
        return right_to_send(self.settings.policy.sends, allow_send=allow_send, environment=self.settings.environment)

    @contextmanager
    def workspace(self, *, allow_send: bool = False, skip_invalid: bool = False) -> Iterator["Workspace"]:
        """The workspace, its clients closed afterwards; ``allow_send`` and ``skip_invalid`` are the flags."""
        from reconcile.engine.intents import WAITS, Patience
        from reconcile.engine.workflow import Workspace

        settings = self.settings
        right = self.right_to_send(allow_send=allow_send)
        if options().alone:
            from reconcile.cli.attempts import tell_of_attempts

            tell_of_attempts(options())
        sandboxed = all(provider.is_sandbox for provider in settings.providers.values())
        # In this process nobody waits for an answer; one step after the other, ids come in the plan's order.
        concurrency = 1 if sandboxed else max(each.concurrency for each in settings.providers.values())
        with ExitStack() as stack:
            clients = Clients(settings, right, stack, self.stop, options().limits)
            yield Workspace(
                registry=self.registry,
                clients=clients,
                policy=settings.policy,
                clock=time.time,
                right=right,
                environment=settings.name,
                tool_version=tool_version(),
                contracts={
                    alias: dict(provider.extra.get("contract") or {}) for alias, provider in settings.providers.items()
                },
                pins={
                    alias: provider.account
                    for alias, provider in settings.providers.items()
                    if provider.account is not None
                },
                paces={
                    alias: 0.0 if provider.is_sandbox else provider.requests_per_second
                    for alias, provider in settings.providers.items()
                },
                patience=Patience((0.0,) if sandboxed else WAITS, self._pause),
                parallelism=options().parallelism or concurrency,
                place=self._place(skip_invalid=skip_invalid),
                tell=_teller(quiet=options().quiet),
                mail_rules=self.mail_rules(),
                find_checkout=cache(partial(checkout_of, settings.root)),
            )

    def _pause(self, seconds: float) -> None:
        """Let time pass, but no longer than somebody asks the run to stop."""
        if self.stop.wait(seconds):
            raise Interrupted("Interrupted; what was done is on record.", hint="Run again to do the rest.")

    def _place(self, *, skip_invalid: bool) -> "Place":
        from reconcile.cli.key import project_key
        from reconcile.model.bulk import Place

        settings = self.settings
        return Place(
            root=settings.root,
            folder=settings.folder,
            beside=settings.state.parent if isinstance(settings.state, Path) else settings.folder,
            key=lambda: project_key(settings.root, settings.environ, settings.never_hashed),
            skip_invalid=skip_invalid,
            segments=self.store().segments,
        )


def _with_commits(root: Path, found: Diagnostic) -> Diagnostic:
    """The finding, with the commits that two claims to one object are from: two branches, each rightly, made them."""
    if found.code != "former-name-twice" or found.location is None:
        return found
    commits = [author_of(root, place.file, place.line) for place in (*found.others, found.location)]
    named = [short(commit) for commit in commits if commit is not None]
    if len(named) < len(commits):
        return found
    return replace(found, detail=f"{found.detail} The one is from commit {', the other from '.join(named)}.")


def _teller(*, quiet: bool) -> Callable[["Address", str], None]:
    """Tells progress from whatever thread; click knows its context in the main one only."""

    def tell(address: "Address", text: str) -> None:
        from reconcile.cli.progress import waits

        if not waits(address, text) and not quiet:
            click.echo(f"{address}: {text}", err=True)

    return tell


def project(environment: str | None = None, *, quiet: bool = False, partly: bool = False) -> Project:
    """The project that the global options point at; in an environment other than theirs, if one is named.

    ``quiet``: warnings about its file are not shown. ``partly``: accounts whose settings have findings are left out.

    Raises:
        InvalidInput: with every finding about the project file.
    """
    chosen = options()
    named = environment if environment is not None else chosen.environment
    given = chosen.settings if environment is None else None
    apart: Mapping[str, ReconcileError] = {}
    try:
        settings = given or load_settings(
            chosen.directory, environment=named, variables=chosen.variables, environ=chosen.environ
        )
    except UnusableSettings as error:
        if not partly or error.rest is None:
            error.diagnostics += tuple(_findings_of_manifests(chosen, error))
            raise
        settings, apart = error.rest, error.apart
    if chosen.rules is not None:
        settings = bounded(settings, chosen.rules)
    chosen.secrets += _secrets(settings)
    show_diagnostics(() if quiet else settings.warnings)
    return Project(settings, settings.registry(), chosen.stop, apart)


def _findings_of_manifests(chosen: "Options", error: UnusableSettings) -> Iterator[Diagnostic]:
    """What is wrong with the manifests beside the project file, so that one run tells it all."""
    from reconcile.manifests.load import load
    from reconcile.model.registry import Registry
    from reconcile.providers import provider_type

    if error.types is None:
        return
    try:
        registry = Registry({alias: provider_type(type_) for alias, type_ in error.types.items()})
    except InvalidInput:  # a provider that can't be used is among the findings already
        return
    try:
        load(
            chosen.directory,
            registry,
            scope=error.scope,
            defaults=error.defaults,
            environments=error.environments,
        )
    except InvalidInput as more:
        yield from (found for found in more.diagnostics if found not in error.diagnostics)


def _secrets(settings: Settings) -> Iterator[str]:
    """The secret credentials that are set, of accounts that are no sandbox."""
    for provider in settings.providers.values():
        for name in () if provider.is_sandbox else provider.secrets & provider.credentials.keys():
            with suppress(InvalidInput):  # whoever needs it will say so
                yield provider.credentials[name].reveal()
    if isinstance(settings.state, str):
        yield from passwords(settings.state)


def tool_version() -> str:
    """The version of this package."""
    return __version__
