"""What GatorMail's settings say of an instance: its contract, its zone, how to sign in."""

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from reconcile.errors import InvalidInput
from reconcile.model.kind import Traits
from reconcile.providers.gatormail import contract as table
from reconcile.providers.gatormail.contract import Contract, zone_of

_ZONE = "c.date.zone"


def traits(extra: Mapping[str, Any], key: Callable[[], bytes] | None) -> Traits:
    """What its kinds plan by."""
    overrides = extra.get("contract", {})
    return Traits(Contract(overrides).capabilities(), _is_zoned(extra), key)


def contract(extra: Mapping[str, Any]) -> Contract:
    """The contract table with the account's overrides, and its zone."""
    overrides = extra.get("contract", {})
    zone = zone_of(extra.get("timezone") or overrides.get(_ZONE) or table.CONVENTIONS[_ZONE])
    return Contract(overrides, zone, zoned=_is_zoned(extra))


def faults(extra: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str, str | None]]:
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
