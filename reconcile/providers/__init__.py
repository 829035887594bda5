"""The only code that knows the two APIs: finds each platform's kinds, opens its clients."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import Any

from reconcile.model.kind import Kind, Traits
from reconcile.model.registry import ProviderType

TYPES = ("squalomail", "gatormail")


def provider_type(
    name: str, extra: Mapping[str, Any] | None = None, key: Callable[[], bytes] | None = None
) -> ProviderType:
    """The platform of that name, one of TYPES, with a kind for each module in its ``kinds`` folder.

    ``extra`` are the settings that only this platform has, in which ``faults`` finds nothing; ``key`` gives the project
    key.
    """
    operations: Any = importlib.import_module(f"reconcile.providers.{name}.operations")
    traits: Traits = _platform(name).traits(extra or {}, key)
    return ProviderType(name, {kind.kind: kind(traits) for kind in _kinds(name)}, operations.OPERATIONS)


@cache
def _kinds(name: str) -> tuple[type[Kind], ...]:
    package = importlib.import_module(f"reconcile.providers.{name}.kinds")
    found: list[type[Kind]] = []
    for module in pkgutil.iter_modules(package.__path__):
        members = vars(importlib.import_module(f"{package.__name__}.{module.name}")).values()
        kinds = (member for member in members if inspect.isclass(member) and issubclass(member, Kind))
        found += [kind for kind in kinds if kind.__module__ == f"{package.__name__}.{module.name}"]
    return tuple(found)


def faults(name: str, extra: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str, str | None]]:
    """What a platform finds wrong with its own settings: the member's path, a sentence, and perhaps a hint."""
    found: Iterator[tuple[tuple[str, ...], str, str | None]] = _platform(name).faults(extra)
    return found


def _platform(name: str) -> Any:
    return importlib.import_module(f"reconcile.providers.{name}.platform")


def by_hand(name: str) -> ModuleType:
    """What a platform knows of single calls: ``outlook`` before one is made, ``aftermath`` once it was."""
    return importlib.import_module(f"reconcile.providers.{name}.outlook")
