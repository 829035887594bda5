"""How ``reconcile sandbox`` takes in a platform's emulator: what it asks, and what it is told."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconcile.model.command import Parameter
from reconcile.model.settings import ProviderSettings


@dataclass(frozen=True, slots=True)
class Asked:
    """What ``reconcile sandbox`` asks of a platform: its accounts here, its options, its switches.

    ``account`` and ``contract`` are what a calibration knows of a real account, "" and empty without one.
    """

    settings: Sequence[ProviderSettings]
    values: Mapping[str, Any]
    switches: Mapping[str, Any]
    account: str = ""
    contract: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hosted:
    """The answer: arguments for the sandbox, and lines for whoever starts it."""

    arguments: Mapping[str, Any]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hosting:
    """How ``reconcile sandbox`` takes in an emulator that is part of the sandbox: one file, clock and web page for all.

    Attributes:
        options: options of the command that are about this platform.
        switches: gives the names of its switches.
        prefix: what they begin with on the command line.
        set_up: what the sandbox is made with.
        told: gives the lines that say where the API is, from the sandbox and its URL.
    """

    options: tuple[Parameter, ...]
    switches: Callable[[], tuple[str, ...]]
    set_up: Callable[[Asked], Hosted]
    told: Callable[[Any, str], Iterable[str]]
    prefix: str = ""
