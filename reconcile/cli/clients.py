"""The clients of a project's accounts: over the network, or to the emulators embedded in this process."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconcile.cli.settings import Settings
from reconcile.errors import Diagnostic, InvalidInput
from reconcile.model.provider import Provider
from reconcile.model.right_to_send import RightToSend
from reconcile.model.settings import ProviderSettings
from reconcile.providers import provider_named

if TYPE_CHECKING:
    import httpx

    from reconcile.hosts import Hosts
    from reconcile.model.kind import Client
    from reconcile.providers.transport import Limit, Transport

# Where the emulators are, in-process as over HTTP, so that a state made with one serves the other.
SANDBOX_URL = "http://127.0.0.1:8025"


@dataclass(frozen=True, slots=True)
class _Connection:
    """What a provider opens a client with: see ``reconcile.model.provider.Connection``."""

    settings: ProviderSettings
    url: str
    right: RightToSend
    shared: dict[Any, Any]
    folder: Path
    sandbox: "httpx.BaseTransport | None"
    stop: threading.Event
    limit: "Limit | None" = None
    hosts: "Hosts | None" = None

    @property
    def way(self) -> "httpx.BaseTransport":
        return self.sandbox or self._network()

    def _network(self, limits: "httpx.Limits | None" = None) -> "httpx.BaseTransport":
        from reconcile.network import Network

        assert self.hosts is not None  # noqa: S101  # only a sandbox has none
        return Network(limits, check=self.hosts.check)

    def transport(self, **options: Any) -> "Transport":
        from reconcile.providers.transport import Pace, Transport, limits

        settings = self.settings
        options["stop"] = self.stop
        if self.sandbox is not None:
            # In the same process there is nobody to pace calls for.
            pace = Pace(concurrency=settings.concurrency, wait=0.0, longest_wait=0.01)
            return Transport(pace=pace, right=self.right, transport=self.sandbox, **options)
        pace = Pace(
            concurrency=settings.concurrency, requests_per_second=settings.requests_per_second, shared=self.limit
        )
        secrets = tuple(found.reveal() for name, found in settings.credentials.items() if name in settings.secrets)
        return Transport(pace=pace, right=self.right, secrets=secrets, transport=self._network(limits(pace)), **options)


def emulated_file(provider: Provider, path: Path) -> Path:
    """Where a platform's emulator has its data: the sandbox's file, or one of its own beside it."""
    return path if provider.hosting is not None else path.with_name(f"{path.stem}.{provider.name}{path.suffix}")


def _unset(settings: ProviderSettings) -> Iterator[Diagnostic]:
    """What is wrong with an account's credentials, all of them, so that one run tells every variable to set."""
    for secret in settings.credentials.values() if settings.sandbox is None else ():
        try:
            secret.reveal()
        except InvalidInput as error:
            yield from error.diagnostics


class Clients(dict[str, "Client"]):
    """Clients by alias, opened when first used: a command that needs no account asks for no credentials."""

    def __init__(
        self,
        settings: Settings,
        right: RightToSend,
        stack: ExitStack,
        stop: threading.Event,
        limits: "Callable[[ProviderSettings], Limit | None]" = lambda settings: None,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._right = right
        self._stack = stack
        self._stop = stop
        self._limits = limits
        self._emulators: dict[tuple[str, Path], httpx.BaseTransport] = {}
        self._shared: dict[str, dict[Any, Any]] = {}

    def __missing__(self, alias: str) -> "Client":
        settings = self._settings.providers[alias]
        try:
            client = provider_named(settings.type).open(settings, self._connection(settings))
        except InvalidInput as error:
            raise InvalidInput.of(dict.fromkeys([*error.diagnostics, *_unset(settings)])) from None
        self._stack.callback(client.close)
        self[alias] = client
        return client

    def _connection(self, settings: ProviderSettings) -> _Connection:
        shared = self._shared.setdefault(settings.type, {})
        if settings.sandbox is None:
            from reconcile.hosts import Hosts

            return _Connection(
                settings,
                settings.url,
                self._right,
                shared,
                self._settings.folder,
                None,
                self._stop,
                self._limits(settings),
                Hosts.of(self._settings.environ, provider_named(settings.type).hosts),
            )
        import httpx

        # Clients close their way to the emulator, which others may still use.
        way = httpx.MockTransport(self._emulator(settings.type, settings.sandbox).handle_request)
        return _Connection(
            settings, f"{SANDBOX_URL}/{settings.type}", self._right, shared, self._settings.folder, way, self._stop
        )

    def _emulator(self, type_: str, path: Path) -> "httpx.BaseTransport":
        """A platform on this machine with its data in a file, which all its accounts there share."""
        key = (type_, path)
        if key not in self._emulators:
            provider = provider_named(type_)
            if provider.emulator is None:
                raise InvalidInput(f"{type_} has no sandbox.", hint="Give the address of its API as `url`.")
            everybody = self._settings.providers.values()
            here = [each for each in everybody if each.sandbox == path and each.type == type_]
            self._emulators[key] = emulator = provider.emulator(here, emulated_file(provider, path), time.time)
            self._stack.callback(emulator.close)
        return self._emulators[key]
