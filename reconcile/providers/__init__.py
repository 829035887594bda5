"""The only code that knows the platforms: finds each provider's value ``PROVIDER``, ours and those of other packages.

A provider of ours is a package in this folder. Another package brings one by an entry point of the group
``reconcile.providers``, named as the type; it is imported only when a project names the type.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from reconcile.errors import InvalidInput
from reconcile.model.provider import Provider

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from reconcile.model.registry import ProviderType

GROUP = "reconcile.providers"


@cache
def built_in() -> Mapping[str, Provider]:
    """Our own providers by name."""
    packages = (module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    modules = (importlib.import_module(f"{__name__}.{name}") for name in packages)
    found = (getattr(module, "PROVIDER", None) for module in modules)
    return {provider.name: provider for provider in found if isinstance(provider, Provider)}


@cache
def _installed() -> "Mapping[str, EntryPoint]":
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=GROUP)}


def names() -> tuple[str, ...]:
    """The types of provider that there are; none is loaded for it that is not ours."""
    return tuple(dict.fromkeys([*built_in(), *_installed()]))


def is_known(name: object) -> bool:
    """Whether there is a provider of that name; other packages are asked only about what is none of ours."""
    return name in built_in() or name in _installed()


@cache
def provider_named(name: str) -> Provider:
    """The provider of that name; ours come first.

    Raises:
        InvalidInput: there is none, or its package can't be used.
    """
    if name in built_in():
        return built_in()[name]
    point = _installed().get(name)
    if point is None:
        from reconcile.model.registry import nearest

        close = nearest(name, names())
        hint = f'Did you mean "{close}"?' if close else f"Known: {', '.join(names())}."
        raise InvalidInput(f'"{name}" is no platform that this tool knows.', hint=hint)
    package = point.dist.name if point.dist is not None else point.value
    try:
        found = point.load()
    except Exception as error:
        raise InvalidInput(
            f"The provider {name} of the package {package} can't be loaded: {type(error).__name__}: {error}.",
            hint=f"Install a version of {package} for this version of reconcile.",
        ) from error
    if not isinstance(found, Provider) or found.name != name:
        raise InvalidInput(
            f"{point.value} of the package {package} is no provider named {name}.",
            hint=f"Its entry point in the group {GROUP} has to lead to a Provider of that name.",
        )
    return found


def provider_type(
    name: str, extra: Mapping[str, Any] | None = None, key: Callable[[], bytes] | None = None
) -> "ProviderType":
    """The platform of that name with its kinds, as an account's settings have it.

    ``extra`` are the settings that only this platform has, in which its ``faults`` finds nothing; ``key`` gives the
    project key.
    """
    from reconcile.model.registry import ProviderType

    found = provider_named(name)
    traits = found.settings.traits(extra or {}, key)
    return ProviderType(found, {kind.kind: kind(traits) for kind in found.kinds})


def types() -> "Iterator[ProviderType]":
    """Our own providers, as an account without settings of its own has them."""
    return map(provider_type, built_in())


def by_hand(name: str) -> ModuleType:
    """What a platform knows of single calls: ``review`` before one is made, ``aftermath`` once it was."""
    module = f"{name}.call_review" if name in built_in() else "unforeseen_call"
    return importlib.import_module(f"{__name__}.{module}")
