"""What the settings of an account say of the platform behind it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Traits:
    """What the settings of an account say of the platform behind it, for its kinds to plan by.

    ``capabilities`` are what it can do, ``zoned`` whether the zone of its dates is known. ``key`` gives the project
    key, with which objects are marked as ours; it is asked for only where a mark is made, and None makes none.
    """

    capabilities: frozenset[str] = frozenset()
    zoned: bool = True
    key: Callable[[], bytes] | None = None


NO_TRAITS: Final = Traits()
