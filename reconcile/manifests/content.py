"""Files that manifests point at: read once, inside the project only."""

import errno
import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from reconcile.model.registry import nearest

MAX_CONTENT: Final = 2 * 1024 * 1024
_PRIVATE: Final = frozenset({".reconcile", ".git"})
# What tells that there is no such file; all else tells that it can't be looked at.
_NOT_THERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP})


# What other files begin with.
_STARTS: Final = (
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
    (b"\0GITCRYPT", "encrypted with git-crypt (`git-crypt unlock` decrypts a checkout)"),
    (b"age-encryption.org/", "encrypted with age"),
    (b"Salted__", "encrypted with OpenSSL"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"PK\x03\x04", "a ZIP archive, or a document of an office suite"),
    (b"%PDF-", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\xd0\xcf\x11\xe0", "a message or a document of Outlook or an office suite"),
    (b"bplist", "a property list of Apple's"),
)


class Unreadable(Exception):
    """Why a file can't be used: a code, a summary and a sentence, and perhaps a hint."""

    def __init__(self, code: str, summary: str, detail: str, hint: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.summary = summary
        self.detail = detail
        self.hint = hint


@dataclass(slots=True)
class ProjectFiles:
    """The files of one project as a run reads them; ``digest`` covers every one that was read."""

    root: Path
    _texts: dict[str, str | Unreadable] = field(default_factory=dict)
    _hashes: dict[str, bytes] = field(default_factory=dict)
    _inside: dict[str, bool] = field(default_factory=dict)
    _real_root: str = ""

    def text(self, path: str) -> str:
        """The text of a file that a manifest points at, by its project-relative path.

        Raises:
            Unreadable: it is none, or not inside the project.
        """
        known = self._texts.get(path)
        if known is None:
            try:
                known = self._read(path)
            except Unreadable as reason:
                known = reason
            self._texts[path] = known
        if isinstance(known, Unreadable):
            raise known
        return known

    def note(self, path: str, data: bytes) -> None:
        """Count a file that was read elsewhere in the digest."""
        self._hashes[path] = hashlib.sha256(data).digest()

    def digest(self) -> str:
        """SHA-256 over the paths and contents of all files read so far."""
        whole = hashlib.sha256()
        for path, content in sorted(self._hashes.items()):
            whole.update(path.encode("utf-8", "surrogateescape") + b"\0" + content)
        return whole.hexdigest()

    def contains(self, path: str) -> bool:
        """Whether a file, all symbolic links followed, is inside the project; ``path`` is relative to it."""
        full = os.path.join(self.root, path)  # noqa: PTH118  # ten thousand Paths would take half a second
        folder = os.path.dirname(full)  # noqa: PTH120
        if os.path.islink(full):  # noqa: PTH114
            return self._is_inside(os.path.realpath(full))
        inside = self._inside.get(folder)
        if inside is None:
            inside = self._inside[folder] = self._is_inside(os.path.realpath(folder))
        return inside

    def _is_inside(self, real: str) -> bool:
        self._real_root = self._real_root or os.path.realpath(self.root)
        if real != self._real_root and not real.startswith(self._real_root.rstrip(os.sep) + os.sep):
            return False
        return _PRIVATE.isdisjoint(Path(real).relative_to(self._real_root).parts)

    def located(self, path: str) -> Path:
        """Where a file is that a manifest points at; it is not read.

        Raises:
            Unreadable: there is none, or not inside the project.
        """
        return Path(self._found(path))

    def _found(self, path: str) -> str:
        # Texts, and not Paths: ten thousand of them would take half a second.
        if not path or path.startswith("/") or "\\" in path or "\0" in path or os.path.isabs(path):  # noqa: PTH117
            detail = "A file is named by its path relative to the project's folder, with / between the parts."
            raise Unreadable("wrong-path", "a path that can't be used", detail)
        if ".." in path.split("/") or not self.contains(path):
            detail = (
                "The path leads out of the project's folder (or into .reconcile or .git), and only files of the "
                "project are read. Copy the file into the project."
            )
            raise Unreadable("path-outside-project", "a path leads out of the project", detail)
        full = os.path.join(self.root, path.rstrip("/"))  # noqa: PTH118
        try:
            there = stat.S_ISREG(os.stat(full).st_mode)  # noqa: PTH116
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise _closed(error) from None
            there = False
        except ValueError:  # a name that no file can have
            there = False
        if not there:
            raise self._missing(path, Path(full))
        return full

    def _read(self, path: str) -> str:
        try:
            with Path(self._found(path)).open("rb") as stream:
                data = stream.read(MAX_CONTENT + 1)
        except (OSError, ValueError) as error:
            raise _closed(error) from None
        if len(data) > MAX_CONTENT:
            detail = f"The file has more than {MAX_CONTENT:,} bytes, too much for a mail. Make it smaller."
            raise Unreadable("file-too-large", "a file is too large", detail)
        self.note(path, data)
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            detail = f"The file is not UTF-8: line {line} has the byte 0x{data[error.start]:02x}. Save it as UTF-8."
            found = next((what for start, what in _STARTS if data.startswith(start)), None)
            detail = f"The file is {found}, and a mail is a text in UTF-8." if found is not None else detail
            raise Unreadable("not-utf8", "a file is not UTF-8", detail) from None

    def _missing(self, path: str, full: Path) -> Unreadable:
        if full.is_dir():
            return Unreadable("missing-file", "a file does not exist", "This is a folder, and a file is wanted.")
        folder = full.parent
        siblings = [entry.name for entry in folder.iterdir() if entry.is_file()] if folder.is_dir() else []
        close = nearest(full.name, siblings)
        hint = f'Did you mean "{(PurePosixPath(path).parent / close).as_posix()}"?' if close else None
        detail = "There is no such file in the project. Paths are relative to the project's folder."
        return Unreadable("missing-file", "a file does not exist", detail, hint)


def _closed(error: OSError | ValueError) -> Unreadable:
    reason = getattr(error, "strerror", None) or "the path is not valid"
    detail = f"The file can't be read: {reason}. Check its path and its permissions."
    return Unreadable("unreadable-file", "a file can't be read", detail)
