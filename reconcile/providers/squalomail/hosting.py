"""SqualoMail in ``reconcile sandbox``: the accounts that its keys open."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from reconcile.errors import InvalidInput, Usage
from reconcile.model.command import Parameter
from reconcile.model.hosting import Asked, Hosted, Hosting
from reconcile.model.settings import ProviderSettings
from reconcile.providers.squalomail.emulator import ACCOUNT
from reconcile.sandbox import Sandbox
from reconcile.sandbox.switches import SQUALOMAIL


def switches() -> tuple[str, ...]:
    """The names of the switches."""
    return tuple(switch.name for switch in SQUALOMAIL)


def set_up(asked: Asked) -> Hosted:
    """Each key opens the one account; where a project has several, aliases are keys, too."""
    aliases = {each.alias: each.account or ACCOUNT for each in asked.settings}
    own = next(iter(aliases.values()), ACCOUNT)
    several = {**aliases, **dict(_keys(asked.settings))} if len(set(aliases.values())) > 1 else None
    given = dict(_pair(key) for key in asked.values["api_key"])
    notes = () if given or several is None else aliases.items()
    arguments = {
        "accounts": given or several,
        # What the project pins comes before what a calibration knows: its clients would refuse another account.
        "account": (asked.account if own == ACCOUNT else "") or own,
        "switches": asked.switches,
    }
    return Hosted(arguments, tuple(f"The key {alias} opens the account {account}." for alias, account in notes))


def told(sandbox: Sandbox, url: str) -> Iterable[str]:
    """Where the API is."""
    yield f"{url}/squalomail/v1  SqualoMail's API, account {', '.join(sandbox.squalomail.app_ids)}"


def _pair(text: str) -> tuple[str, str]:
    key, equals, account = text.partition("=")
    if not equals or not key or not account:
        raise Usage("--api-key takes KEY=APPID.")
    return key, account


def _keys(providers: Sequence[ProviderSettings]) -> Iterator[tuple[str, str]]:
    """The API keys that are set, with the account that each opens."""
    for provider in providers:
        secret = provider.credentials.get("apiKey")
        if secret is not None:
            with suppress(InvalidInput):
                yield secret.reveal(), provider.account or ACCOUNT


HOSTING = Hosting(
    options=(Parameter("api_key", "A SqualoMail account for this key.", many=True, metavar="KEY=APPID"),),
    switches=switches,
    set_up=set_up,
    told=told,
)
