"""The clients of a project's accounts: over the network, or to the emulators embedded in this process."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconcile.cli.settings import ProviderSettings, Settings
from reconcile.errors import InvalidInput

if TYPE_CHECKING:
    from reconcile.model.kind import Client
    from reconcile.providers.gatormail.auth import PasswordGrant
    from reconcile.providers.transport import Auth, Transport
    from reconcile.sandbox import Sandbox

# Where the emulators are, in-process as over HTTP, so that a state made with one serves the other.
SANDBOX_URL = "http://127.0.0.1:8025"
SANDBOX_ACCOUNT = "1000"
_CREDENTIALS = ("clientId", "clientSecret", "username", "password")
_REFUSAL = (
    "Check the credentials, that they are for this instance, and the client's scope. The platform may also refuse an "
    "address that it does not know (IP authentication)."
)


class Clients(dict[str, "Client"]):
    """Clients by alias, opened when first used: a command that needs no account asks for no credentials."""

    def __init__(self, settings: Settings, may_send: bool, stack: ExitStack) -> None:
        super().__init__()
        self._settings = settings
        self._may_send = may_send
        self._stack = stack
        self._sandboxes: dict[Path, Sandbox] = {}
        self._grants: dict[Any, PasswordGrant] = {}

    def __missing__(self, alias: str) -> "Client":
        settings = self._settings.providers[alias]
        client = self._gatormail(settings) if settings.type == "gatormail" else self._squalomail(settings)
        self._stack.callback(client.close)
        self[alias] = client
        return client

    def _squalomail(self, settings: ProviderSettings) -> "Client":
        from reconcile.providers.squalomail.client import SqualoMail

        if settings.sandbox is not None:
            # The key of an account in a sandbox is its alias.
            return SqualoMail(f"{SANDBOX_URL}/squalomail/v1", settings.alias, self._transport(settings))
        key = settings.credentials["apiKey"].reveal()
        return SqualoMail(settings.url, key, self._transport(settings, secrets=(key,)))

    def _gatormail(self, settings: ProviderSettings) -> "Client":
        from reconcile.providers.gatormail.client import GatorMail
        from reconcile.providers.gatormail.contract import CONVENTIONS
        from reconcile.providers.gatormail.platform import contract

        table = contract(settings.extra)
        transport = self._transport(settings, auth=self._grant(settings), refusal=_REFUSAL)
        base = table.text("c.api.base")
        if settings.sandbox is not None:
            url = f"{SANDBOX_URL}/gatormail"
        else:
            url = settings.url if base == CONVENTIONS["c.api.base"] else base.partition("/{instance}")[0]
        return GatorMail(url, settings.extra["instance"], table, transport)

    def _grant(self, settings: ProviderSettings) -> "PasswordGrant":
        """How to sign in; accounts of one identity share the token."""
        import httpx

        from reconcile.providers.gatormail.auth import Identity, PasswordGrant
        from reconcile.providers.gatormail.platform import contract, token_url

        table = contract(settings.extra)
        transport = None
        if settings.sandbox is not None:
            url, own = f"{SANDBOX_URL}/oauth/core/connect/token", ["sandbox"] * len(_CREDENTIALS)
            transport = httpx.MockTransport(self._sandbox(settings.sandbox).handle)
        else:
            given = settings.credentials.get("tokenUrl")
            url = token_url(given.reveal() if given is not None else None, table)
            own = [settings.credentials[name].reveal() for name in _CREDENTIALS]
        identity = Identity(url, own[0], own[1], own[2], own[3], table.text("c.auth.scope"))
        if identity not in self._grants:
            self._grants[identity] = PasswordGrant(identity, transport=transport)
        return self._grants[identity]

    def _transport(
        self, settings: ProviderSettings, *, secrets: tuple[str, ...] = (), auth: "Auth | None" = None, **options: Any
    ) -> "Transport":
        import httpx

        from reconcile.providers.transport import Pace, Transport

        if settings.sandbox is None:
            pace = Pace(concurrency=settings.concurrency, requests_per_second=settings.requests_per_second)
            return Transport(pace=pace, may_send=self._may_send, secrets=secrets, auth=auth, **options)
        # In the same process there is nobody to pace calls for.
        pace = Pace(concurrency=settings.concurrency, wait=0.0, longest_wait=0.01)
        transport = httpx.MockTransport(self._sandbox(settings.sandbox).handle)
        return Transport(pace=pace, may_send=self._may_send, transport=transport, auth=auth, **options)

    def _sandbox(self, path: Path) -> "Sandbox":
        """The emulators with their data in a file, which all accounts there share."""
        if path not in self._sandboxes:
            from reconcile.sandbox import DataError, Sandbox

            here = [provider for provider in self._settings.providers.values() if provider.sandbox == path]
            try:
                self._sandboxes[path] = self._stack.enter_context(Sandbox(path, **sandbox_accounts(here)))
            except DataError as error:
                raise InvalidInput(f"{str(error)[0].upper()}{str(error)[1:]}.") from None
        return self._sandboxes[path]


def sandbox_accounts(providers: list[ProviderSettings]) -> dict[str, Any]:
    """How a sandbox is set up for a project's accounts: the arguments of its class."""
    from reconcile.sandbox.gatormail.service import GatorMailSetup

    squalomail = {each.alias: each.account or SANDBOX_ACCOUNT for each in providers if each.type == "squalomail"}
    gatormail = [each.extra for each in providers if each.type == "gatormail"]
    setup: dict[str, Any] = {"accounts": squalomail or None}
    if gatormail:
        instances = tuple(dict.fromkeys(extra["instance"] for extra in gatormail))
        setup["gatormail"] = GatorMailSetup(instances=instances, contract=emulated_contract(gatormail[0]))
    return setup


def emulated_contract(extra: Mapping[str, Any]) -> dict[str, Any]:
    """The contract of an emulated instance: the account's, which also says what zone its dates are in."""
    zone = {"c.date.zone": extra["timezone"]} if "timezone" in extra else {}
    return {**(extra.get("contract") or {}), **zone}
