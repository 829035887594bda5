"""SqualoMail on this machine: the sandbox, set up for a project's accounts."""

from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from reconcile.model.settings import ProviderSettings
from reconcile.providers.emulated import Emulated

ACCOUNT = "1000"  # the app id where none is pinned


def emulate(settings: Sequence[ProviderSettings], path: Path | str, clock: Callable[[], float]) -> httpx.BaseTransport:
    """The accounts on one file, each with its alias as key."""
    accounts = {each.alias: each.account or ACCOUNT for each in settings}
    return Emulated(path, accounts=accounts or None, now=clock)
