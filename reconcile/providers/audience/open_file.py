"""Files of the project that hold people: opened once, as regular files within the project, and read from there.

What is checked is what is opened: the path is walked folder by folder without following a link that was put there
meanwhile, and both the digest and the rows come from the one descriptor. duckdb only ever sees a private copy.
"""

import gzip
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from reconcile.errors import InvalidInput

LARGEST: Final = 4 * 1024**3  # bytes of a file once it is unpacked
_PIECE: Final = 1 << 20
_PRIVATE: Final = ((".reconcile",), (".git",))


class Unreadable(InvalidInput):
    """Unreadable file."""

    code = "invalid-input"


@contextmanager
def opened(root: Path, path: str) -> Iterator[BinaryIO]:
    """A file by its path within the project.

    Raises:
        Unreadable: it is not within the project, or no regular file.
    """
    declared = PurePosixPath(path)
    if declared.is_absolute() or ".." in declared.parts:
        raise outside(path)
    top = root.resolve()
    place = (root / declared).resolve()  # links within the project may be followed, before the walk
    if not place.is_relative_to(top) or place.relative_to(top).parts[:1] in _PRIVATE:
        raise outside(path)
    try:
        descriptor = _walk(top, place.relative_to(top).parts)
    except FileNotFoundError:
        raise Unreadable(f"The source {path} does not exist. Paths are relative to the project's folder.") from None
    except OSError as error:
        raise Unreadable(f"The source {path} can't be opened: {error.strerror or 'unknown reason'}.") from None
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise Unreadable(f"The source {path} is no regular file.")
        yield stream


def outside(path: str) -> Unreadable:
    """The error for a path that leads out of the project."""
    return Unreadable(
        f"The source {path} leads out of the project, and only files of the project are read. Copy it there."
    )


def _walk(top: Path, parts: tuple[str, ...]) -> int:
    """Open a file below a folder, none of whose parts is a link."""
    if os.open not in os.supports_dir_fd or not parts:
        return os.open(top.joinpath(*parts), os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    folder = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        # Not to wait for a pipe that nobody writes to.
        return os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)


def read_pieces(stream: BinaryIO, name: str, take: Callable[[bytes], object]) -> None:
    """Hand a file's content over in pieces, unpacked if its name ends in .gz.

    Raises:
        Unreadable: it is damaged, or larger than can be.
    """
    content = gzip.GzipFile(fileobj=stream) if name.endswith(".gz") else stream
    size = 0
    try:
        while piece := content.read(_PIECE):
            size += len(piece)
            if size > LARGEST:
                raise Unreadable(f"The source {name} can't be read: it has more than {LARGEST // 1024**3} GiB.")
            take(piece)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise Unreadable(
            f"The source {name} can't be read: it is cut short or damaged after {size:,} bytes of its content."
        ) from None
    except OSError as error:
        raise Unreadable(f"The source {name} can't be read: {error.strerror or 'it is damaged'}.") from None
