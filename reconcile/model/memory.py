"""What an audience remembers of people: which segments of keyed digests there are, and by which key they were made."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Segment:
    """Some of what is remembered: its name is the SHA-256 of its content, ``count`` how many digests it has.

    ``data`` is the content itself, in base64, where the state's backend has no other place for it.
    """

    name: str
    count: int
    data: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """What an audience remembers: segments in the order in which they came, each going on from those before it.

    ``key`` is the fingerprint of the project key, ``rows`` how many people the source had at the last apply that could
    take somebody off, or more if it has had more since. ``excluded`` is how many the file of those to exclude had.
    """

    key: str
    rows: int = 0
    segments: tuple[Segment, ...] = ()
    excluded: int = 0


class Segments(Protocol):
    """Where a state's backend keeps segments, by their names; each method is durable when it returns."""

    def read(self, name: str) -> bytes | None:
        """A segment; None if there is none, or it can't be what was kept.

        Raises:
            StateError: it can't be read.
        """

    def write(self, name: str, data: bytes) -> None:
        """Keep a segment; one of that name has the same content.

        Raises:
            StateError: it can't be kept.
        """

    def delete(self, name: str) -> None:
        """Drop a segment, if it is there.

        Raises:
            StateError: it can't be dropped.
        """
