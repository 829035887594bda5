"""The only code that knows the two APIs: finds each platform's kinds, opens its clients."""

import importlib
import inspect
import pkgutil
from functools import cache
from types import ModuleType
from typing import Any

from reconcile.model.kind import Kind
from reconcile.model.registry import ProviderType

TYPES = ("squalomail",)


@cache
def provider_type(name: str) -> ProviderType:
    """The platform of that name, one of TYPES, with a kind for each module in its ``kinds`` folder."""
    package = importlib.import_module(f"reconcile.providers.{name}.kinds")
    operations: Any = importlib.import_module(f"reconcile.providers.{name}.operations")
    found: dict[str, Kind] = {}
    for module in pkgutil.iter_modules(package.__path__):
        members = vars(importlib.import_module(f"{package.__name__}.{module.name}")).values()
        kinds = (member for member in members if inspect.isclass(member) and issubclass(member, Kind))
        found |= {kind.kind: kind() for kind in kinds if kind.__module__ == f"{package.__name__}.{module.name}"}
    return ProviderType(name, found, operations.OPERATIONS)


def by_hand(name: str) -> ModuleType:
    """What a platform knows of single calls: ``outlook`` before one is made, ``aftermath`` once it was."""
    return importlib.import_module(f"reconcile.providers.{name}.outlook")
