"""Files that survive a crash: replaced as a whole, or grown by lines that are on disk before anybody goes on.

Everything here raises OSError, but for ``failing``, which turns it into the error that a user sees.
"""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reconcile.errors import StateError


@contextmanager
def failing(path: Path, done: str) -> Iterator[None]:
    """Turns an OSError into a StateError: the path can't be ``done``, and why."""
    try:
        yield
    except OSError as error:
        raise StateError(
            f"{path} can't be {done}: {reason(error)}.",
            hint=f"See that {path.parent} is a folder that you may read and write, with room on its disk.",
        ) from error


def reason(error: OSError) -> str:
    """What the operating system says, without its number."""
    return error.strerror or str(error)


def read_if_there(path: Path) -> bytes | None:
    """What the file holds; None if there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def write_whole(path: Path, data: bytes) -> None:
    """Replace the file, readable by its owner only: whatever happens, it is the former or the new one."""
    descriptor, temporary = tempfile.mkstemp(prefix=_temporary_prefix(path), dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
    sync_folder(path.parent)


def sweep(path: Path) -> None:
    """Delete what killed ``write_whole`` calls for this file left behind; for a moment when nobody writes it."""
    for temporary in path.parent.glob(f"{_temporary_prefix(path)}*"):
        temporary.unlink(missing_ok=True)


def _temporary_prefix(path: Path) -> str:
    return f"{path.name}.tmp-"


def make_folder(path: Path) -> None:
    """Make the folder and those above it, as far as they are missing, for their owner only."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def sync_folder(path: Path) -> None:
    """Make new, replaced and deleted names in a folder survive a crash of the machine."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def identity(path: Path) -> tuple[int, int, int] | None:
    """What changes whenever somebody replaces or edits the file; None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


class LineFile:
    """A file that doesn't exist until the first ``append``, which writes ``heading`` before it."""

    def __init__(self, path: Path, heading: bytes) -> None:
        self._path = path
        self._heading = heading
        self._descriptor: int | None = None
        self._length = 0

    @property
    def begun(self) -> bool:
        """Whether anything was appended."""
        return self._length > 0

    @property
    def undisturbed(self) -> bool:
        """Whether the path still leads to the file that this object has made, or to none if it has made none."""
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            return self._descriptor is None
        return self._descriptor is not None and os.path.samestat(os.fstat(self._descriptor), found)

    def append(self, line: bytes) -> None:
        """Add a line; when this returns, it is on disk. If it raises, the line is not in the file."""
        if self._descriptor is None:
            self._create(line)
        else:
            self._write(self._descriptor, line)

    def _create(self, line: bytes) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(self._path, flags, stat.S_IRUSR | stat.S_IWUSR)
        try:
            self._write(descriptor, self._heading + line)
            sync_folder(self._path.parent)
        except BaseException:
            self._length = 0
            os.close(descriptor)
            with suppress(OSError):
                self._path.unlink()
            raise
        self._descriptor = descriptor

    def _write(self, descriptor: int, data: bytes) -> None:
        # At the end of what was acknowledged rather than of the file: if a failed write can't be cut off again, the
        # next one covers it, so that a torn line never stands before a good one.
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(descriptor, data[written:], self._length + written)
            os.fsync(descriptor)
        except BaseException:
            with suppress(OSError):
                os.ftruncate(descriptor, self._length)
            raise
        self._length += len(data)

    def close(self) -> None:
        """Free the descriptor; nothing can be appended any more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
