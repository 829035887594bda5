"""What reconcile.yaml says of a GatorMail instance: its contract, its zone, how to sign in; and the client for it."""

import hashlib
import ipaddress
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
from pydantic import Field

from reconcile.disk import failing, make_folder, sync_folder
from reconcile.errors import InvalidInput
from reconcile.model.call import Call, Encoded
from reconcile.model.kind import ABSENT
from reconcile.model.provider import Connection
from reconcile.model.settings import NAME_PATTERN, URL_PATTERN, AccountSpec, Credential, Fault, ProviderSettings
from reconcile.model.traits import Traits
from reconcile.providers.gatormail import contract as table
from reconcile.providers.gatormail.auth import Identity, PasswordGrant
from reconcile.providers.gatormail.client import GatorMail
from reconcile.providers.gatormail.contract import Contract, zone_of
from reconcile.providers.gatormail.encoding import Encoding

_ZONE = "c.date.zone"
_USER = ("username", "password")
_LOGIN = ("clientId", "clientSecret", *_USER)
_REFUSAL = (
    "Check the credentials, that they are for this instance, and the client's scope. The platform may also refuse an "
    "address that it does not know (IP authentication)."
)


class GatorMailSettings(AccountSpec):
    """A GatorMail instance."""

    type: Literal["gatormail"] = Field(description="The platform.")
    url: str = Field(
        pattern=URL_PATTERN,
        description='"sandbox:" for the embedded emulator, or the API: https://api.communigator.co.uk/mail.',
    )
    tokenUrl: Annotated[str, Credential(secret=False, needed=False)] = Field(
        ABSENT, description="The token service; https://oauth.communigator.co.uk/core/connect/token where absent."
    )
    instance: str = Field(pattern=NAME_PATTERN, description="The instance (landing zone), such as acme_lz.")
    timezone: str = Field(
        ABSENT, min_length=1, description="The instance's zone, such as Europe/London; needed to initiate campaigns."
    )
    clientId: Annotated[str, Credential(secret=False)] = Field(
        ABSENT, description="The API client's id, as ${env.NAME}; needed unless it is a sandbox."
    )
    clientSecret: Annotated[str, Credential()] = Field(ABSENT, description="The API client's secret, as ${env.NAME}.")
    username: Annotated[str, Credential(secret=False, unless="refreshToken")] = Field(
        ABSENT, description="The user, as ${env.NAME}."
    )
    password: Annotated[str, Credential(unless="refreshToken")] = Field(
        ABSENT, description="The user's password, as ${env.NAME}."
    )
    refreshToken: Annotated[str, Credential(needed=False)] = Field(
        ABSENT, description="For a client of the APP kind, in place of username and password, as ${env.NAME}."
    )
    contract: dict[str, str | bool | list[str]] = Field(
        ABSENT, description="Rows of the contract table that are otherwise for this account: routes, names, values."
    )

    @classmethod
    def faults(cls, extra: Mapping[str, Any]) -> Iterator[Fault]:
        return faults(extra)

    @classmethod
    def traits(cls, extra: Mapping[str, Any], key: Callable[[], bytes] | None) -> Traits:
        return Traits(Contract(extra.get("contract", {})).capabilities(), _is_zoned(extra), key)


def open_client(settings: ProviderSettings, connection: Connection) -> GatorMail:
    """The client of an instance; accounts of one identity share the token."""
    grant = _grant(settings, connection)
    there = contract(settings.extra)
    base = there.text("c.api.base")
    url = connection.url
    if not settings.is_sandbox and base != table.CONVENTIONS["c.api.base"]:
        url = base.partition("/{instance}")[0]
    return GatorMail(url, settings.extra["instance"], there, connection.transport(auth=grant, refusal=_REFUSAL))


def _grant(settings: ProviderSettings, connection: Connection) -> PasswordGrant:
    there = contract(settings.extra)
    if settings.is_sandbox:
        url, login = connection.url.replace("/gatormail", "/oauth/core/connect/token"), ["sandbox"] * len(_LOGIN)
        renewing = ""
    else:
        given = settings.credentials.get("tokenUrl")
        url = token_url(given.reveal() if given is not None else None, there)
        renews = "refreshToken" in settings.credentials
        renewing = settings.credentials["refreshToken"].reveal() if renews else ""
        # Who signs in by a refresh token has no use for a password.
        login = [settings.credentials[name].reveal() if not (renews and name in _USER) else "" for name in _LOGIN]
    identity = Identity(url, login[0], login[1], login[2], login[3], there.text("c.auth.scope"), renewing)
    # Emulators on two files are two services.
    key = (identity, settings.sandbox)
    if key not in connection.shared:
        connection.shared[key] = PasswordGrant(
            identity, transport=connection.way, store=_Kept(connection.folder, settings.alias, renewing)
        )
    grant: PasswordGrant = connection.shared[key]
    return grant


class _Kept:
    """The refresh token that took the place of the one that was given, in a file that only its owner may read.

    Beside it stands a digest of the one that was given, so that another one given later counts.
    """

    def __init__(self, folder: Path, alias: str, given: str) -> None:
        self._file = folder / f"{alias}.refresh-token"
        self._given = hashlib.sha256(given.encode()).hexdigest()

    def read(self) -> str | None:
        with failing(self._file, "read"):
            if not self._file.exists():
                return None
            given, _, token = self._file.read_text(encoding="utf-8").partition("\n")
        return token if given == self._given and token else None

    def write(self, token: str) -> None:
        new = self._file.with_name(f".{self._file.name}.new")
        with failing(self._file, "written"):
            make_folder(self._file.parent)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                os.write(descriptor, f"{self._given}\n{token}".encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            new.replace(self._file)
            sync_folder(self._file.parent)


def contract(extra: Mapping[str, Any]) -> Contract:
    """The contract table with the account's overrides, and its zone."""
    overrides = extra.get("contract", {})
    zone = zone_of(extra.get("timezone") or overrides.get(_ZONE) or table.CONVENTIONS[_ZONE])
    return Contract(overrides, zone, zoned=_is_zoned(extra))


def encoder(extra: Mapping[str, Any]) -> Callable[[Call], Encoded]:
    """What puts calls on the wire as the account's contract and zone have it."""
    return Encoding(contract(extra)).encode


def faults(extra: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with them: where, a sentence, and perhaps a hint."""
    for key, sentence, hint in table.faults(extra.get("contract", {})):
        yield ("contract", key), sentence, hint
    for path, name in ((("timezone",), extra.get("timezone")), (("contract", _ZONE), _override(extra, _ZONE))):
        try:
            zone_of(name or "GMT")
        except InvalidInput as error:
            yield path, str(error), error.diagnostics[0].hint


def token_url(given: str | None, contract: Contract) -> str:
    """Where to sign in: as given, else as the contract says; over TLS but for this very machine.

    The vendor's documents print plain http, over which no password may go (reference, section 3).
    """
    url = given or contract.text("c.auth.tokenUrl")
    if url == table.CONVENTIONS["c.auth.tokenUrl"]:
        url = contract.text("op.auth.token").partition(" ")[2]
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme == "http" and not _is_loopback(parsed.host):
        parsed = parsed.copy_with(scheme="https")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise InvalidInput(f'tokenUrl "{url}" is no address.', hint="It begins with https://.")
    return str(parsed)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_zoned(extra: Mapping[str, Any]) -> bool:
    return "timezone" in extra or _ZONE in extra.get("contract", {})


def _override(extra: Mapping[str, Any], key: str) -> str | None:
    value = extra.get("contract", {}).get(key)
    return value if isinstance(value, str) else None
