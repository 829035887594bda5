"""Segments of what audiences remember, beside the state in its backend: the same key seals them, if there is one.

A segment is named by the SHA-256 of its content, and the state names the segments that count: so the state's one
compare-and-swap decides, and a segment that a killed run left behind is never read.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reconcile.disk import failing, make_folder
from reconcile.errors import StateError
from reconcile.model.memory import Segments
from reconcile.state.codec import Codec
from reconcile.state.disk import read_if_there, write_whole
from reconcile.state.objects import Conflict, Objects


@dataclass(frozen=True, slots=True)
class Sealed(Segments):
    """Segments of another place, encrypted and checked on the way."""

    place: Segments
    codec: Codec

    def read(self, name: str) -> bytes | None:
        """A segment; None if there is none, or its content is not what its name says."""
        data = self.place.read(name)
        if data is None:
            return None
        plain = self.codec.open_segment(data, name)
        return plain if hashlib.sha256(plain).hexdigest() == name else None

    def write(self, name: str, data: bytes) -> None:
        """Keep a segment."""
        self.place.write(name, self.codec.seal_segment(data, name))

    def delete(self, name: str) -> None:
        """Drop a segment, if it is there."""
        self.place.delete(name)


@dataclass(frozen=True, slots=True)
class FolderSegments(Segments):
    """Segments as files in a folder, readable by their owner only."""

    folder: Path

    def read(self, name: str) -> bytes | None:
        """A segment, if there is one."""
        with failing(self.folder / name, "read"):
            return read_if_there(self.folder / name)

    def write(self, name: str, data: bytes) -> None:
        """Keep a segment."""
        path = self.folder / name
        with failing(path, "written"):
            make_folder(self.folder)
            write_whole(path, data)

    def delete(self, name: str) -> None:
        """Drop a segment, if it is there."""
        with failing(self.folder / name, "deleted"):
            (self.folder / name).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class ObjectSegments(Segments):
    """Segments as objects of a bucket, below a key."""

    objects: Objects
    prefix: str

    def read(self, name: str) -> bytes | None:
        """A segment, if there is one."""
        found = self.objects.read(f"{self.prefix}/{name}")
        return found.data if found is not None else None

    def write(self, name: str, data: bytes) -> None:
        """Keep a segment."""
        key = f"{self.prefix}/{name}"
        for _ in range(3):
            found = self.objects.read(key)
            try:
                # Written over what is there: it may be what a server lost half of.
                self.objects.write(key, data, found.version if found is not None else None)
            except Conflict:
                continue
            return
        raise StateError(f"{self.objects.name}/{key} can't be written: others write it all the time.")

    def delete(self, name: str) -> None:
        """Drop a segment, if it is there."""
        self.objects.delete(f"{self.prefix}/{name}")


@dataclass(frozen=True, slots=True)
class CalledSegments(Segments):
    """Segments by functions of a store's own."""

    on_read: Callable[[str], bytes | None]
    on_write: Callable[[str, bytes], None]
    on_delete: Callable[[str], None]

    def read(self, name: str) -> bytes | None:
        """A segment, if there is one."""
        return self.on_read(name)

    def write(self, name: str, data: bytes) -> None:
        """Keep a segment."""
        self.on_write(name, data)

    def delete(self, name: str) -> None:
        """Drop a segment, if it is there."""
        self.on_delete(name)
