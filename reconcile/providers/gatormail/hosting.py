"""GatorMail in ``reconcile sandbox``: its instances, who may sign in, their contract."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reconcile.errors import Usage
from reconcile.model.hosting import Asked, Hosted, Hosting
from reconcile.providers.gatormail.commands import SANDBOX_OPTIONS
from reconcile.providers.gatormail.emulator import emulated_contract
from reconcile.sandbox import Sandbox
from reconcile.sandbox.gatormail.service import GatorMailSetup
from reconcile.sandbox.gatormail.tokens import Login
from reconcile.sandbox.switches import GATORMAIL

_INSTANCE = re.compile(r"[\w.-]+")


def switches() -> tuple[str, ...]:
    """The names of the switches."""
    return tuple(switch.name for switch in GATORMAIL)


def set_up(asked: Asked) -> Hosted:
    """The instances, logins and contract that were given, else the project's."""
    instances = (
        asked.values["gatormail_instance"]
        or tuple(each.extra["instance"] for each in asked.settings)
        or tuple(filter(None, [asked.account]))
    )
    names = tuple(dict.fromkeys(map(_instance, instances)))
    contracts = {each.alias: emulated_contract(each.extra) for each in asked.settings}
    contract = _contract(contracts, {**asked.contract, **(asked.values["contract"] or {})})
    chosen: dict[str, Any] = {"instances": names} if names else {}
    setup = GatorMailSetup(contract=contract, switches=asked.switches, **chosen)
    if logins := asked.values["gatormail_login"]:
        known = [_login(text, setup.instances) for text in logins]
        setup = GatorMailSetup(setup.instances, known, setup.contract, setup.switches)
    return Hosted({"gatormail": setup})


def told(sandbox: Sandbox, url: str) -> Iterable[str]:
    """Where the API is, and where to sign in."""
    for name in sandbox.gatormail.instances:
        yield f"{url}/gatormail/{name}  GatorMail's API"
    yield f"{url}/oauth/core/connect/token  GatorMail's tokens"


def _instance(name: str) -> str:
    if not _INSTANCE.fullmatch(name):
        raise Usage(f'"{name}" can\'t be an instance of GatorMail: it takes letters, digits, _, . and -.')
    return name


def _login(text: str, instances: Sequence[str]) -> Login:
    """A login from the command line; what is wrong with it is said without it, since it is one."""
    credentials, equals, opened = text.rpartition("=") if "=" in text else (text, "", "")
    hint = "A login with = in it takes one more = at its end." if equals else None
    parts = credentials.split(":", 3)
    if len(parts) < 4 or not all(parts):
        raise Usage("--gatormail-login takes CLIENT_ID:SECRET:USER:PASSWORD[=INSTANCE,...].", hint=hint)
    names = [name for name in opened.split(",") if name]
    if not set(names) <= set(instances):
        known = ", ".join(instances)
        raise Usage(f"--gatormail-login names an instance that there is not; there are: {known}.", hint=hint)
    client_id, secret, username, password = parts
    return Login(client_id, secret, username, password, names or list(instances))


def _contract(contracts: Mapping[str, Mapping[str, Any]], given: Mapping[str, Any]) -> dict[str, Any]:
    """The overrides of a project's providers, by alias, with those that were given over them; there is one table.

    Raises:
        Usage: providers differ in a row that is not given.
    """
    rows: dict[str, Any] = {}
    first: dict[str, str] = {}
    for alias, contract in contracts.items():
        for key, value in contract.items():
            if key not in given and rows.setdefault(key, value) != value:
                raise Usage(
                    f"{first[key]} and {alias} differ in {key} of their contracts, and one sandbox has one contract.",
                    hint="Say which holds with --contract FILE.",
                )
            first.setdefault(key, alias)
    return {**rows, **given}


HOSTING = Hosting(
    options=SANDBOX_OPTIONS,
    switches=switches,
    set_up=set_up,
    told=told,
    prefix="gatormail.",
)
