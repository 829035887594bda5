"""What SqualoMail's settings say of the account: nothing that its kinds would plan by."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reconcile.model.kind import Traits


def traits(extra: Mapping[str, Any], key: Callable[[], bytes] | None) -> Traits:
    """All accounts are alike."""
    return Traits(key=key)


def faults(extra: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str, str | None]]:
    """There are no settings of its own."""
    return iter(())
