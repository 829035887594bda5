"""A change of a manifest's text, as where it is and what comes in its place."""

from typing import Any, TypeAlias

Plain: TypeAlias = Any  # None, bool, int, float, str, or a list of texts
Change: TypeAlias = tuple[int, int, str]  # from where to where, and what comes in its place


class Unwritable(Exception):
    """Why a value can't be written where it stands, as the end of a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
