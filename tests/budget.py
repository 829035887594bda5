"""How much a search may take: ``make test`` takes a sample, ``make chaos`` all of it."""

import os
from collections.abc import Iterable

CHAOS = bool(os.environ.get("CHAOS"))


def examples(sample: int, whole: int) -> int:
    """How many examples a search tries."""
    return whole if CHAOS else sample


def every_fifth(start: int, end: int) -> Iterable[int]:
    """Numbers from 1 on: every fifth, beginning by ``start`` so that others are left to other kinds of trouble."""
    return range(1, end) if CHAOS else range(1 + start % 5, end, 5)
