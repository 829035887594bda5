"""Files that survive a crash: replaced as a whole, or grown by lines that are on disk before anybody goes on.

Everything here raises OSError.
"""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from reconcile.disk import sync_folder


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
        self._torn = 0  # how far a write went that failed and could not be cut off

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
            self._length = self._torn = 0
            os.close(descriptor)
            with suppress(OSError):
                self._path.unlink()
            raise
        self._descriptor = descriptor

    def _write(self, descriptor: int, data: bytes) -> None:
        # At the end of what was acknowledged rather than of the file: if a failed write can't be cut off again, the
        # next one covers it, so that a torn line never stands before a good one. What of it is longer becomes zeros,
        # which nobody takes for a line that was damaged.
        length = len(data)
        data += bytes(max(0, self._torn - self._length - length))
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(descriptor, data[written:], self._length + written)
            os.fsync(descriptor)
        except BaseException:
            self._torn = max(self._torn, self._length + len(data))
            with suppress(OSError):
                os.ftruncate(descriptor, self._length)
                self._torn = 0
            raise
        self._length += length
        self._torn = 0

    def close(self) -> None:
        """Free the descriptor; nothing can be appended any more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
