"""GatorMail on this machine: the sandbox, set up for a project's instances."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from reconcile.model.settings import ProviderSettings
from reconcile.providers.emulated import Emulated
from reconcile.sandbox.gatormail.service import GatorMailSetup


def emulate(settings: Sequence[ProviderSettings], path: Path | str, clock: Callable[[], float]) -> httpx.BaseTransport:
    """The instances on one file; every login opens them."""
    return Emulated(path, gatormail=set_up(settings), now=clock)


def set_up(settings: Sequence[ProviderSettings]) -> GatorMailSetup:
    """The instances of a project, with the contract of the first."""
    if not settings:
        return GatorMailSetup()
    instances = tuple(dict.fromkeys(each.extra["instance"] for each in settings))
    return GatorMailSetup(instances=instances, contract=emulated_contract(settings[0].extra))


def emulated_contract(extra: Mapping[str, Any]) -> dict[str, Any]:
    """The contract of an emulated instance: the account's, which also says what zone its dates are in."""
    zone = {"c.date.zone": extra["timezone"]} if "timezone" in extra else {}
    return {**(extra.get("contract") or {}), **zone}
