"""Which files of a project are its manifests, and what lies beside them and is not read."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from reconcile.errors import Diagnostic, InvalidInput, Location, Severity

MANIFESTS: Final = "manifests"
_READ: Final = (".yaml", ".yml")
# What tools leave behind in any folder; nobody takes it for a manifest.
_NOISE: Final = frozenset({".gitkeep", ".gitignore", ".gitattributes", ".editorconfig", ".ds_store", "thumbs.db"})
_DOCUMENTS: Final = (".md", ".txt", ".rst")


def find_manifests(root: Path) -> list[str]:
    """The project-relative paths of all manifests, sorted; hidden files and folders are none.

    Raises:
        InvalidInput: a folder can't be read, or is a link. What is in it must not be taken for removed.
    """
    return sorted(path for path in _files(root) if _is_manifest(path))


def unread(root: Path) -> list[Diagnostic]:
    """What lies among the manifests and is not read; an error where it may well declare something."""
    return [_unread(path) for path in sorted(_files(root)) if not _is_manifest(path) and not _is_noise(path)]


def not_regular(path: Path) -> str | None:
    """What a path is that can't be read as a file, as a sentence; None for a file, and for what is not there."""
    try:
        mode = path.stat().st_mode
    except OSError:
        if path.is_symlink():
            return "The link leads to nothing. Correct it, or delete it."
        return None
    if stat.S_ISREG(mode):
        return None
    return "This is a folder, not a file." if stat.S_ISDIR(mode) else "This is no file but a pipe, socket or device."


def _files(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root / MANIFESTS, onerror=_unreadable_folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in folders:
            _refuse_link(Path(folder, name))
        inside = Path(folder).relative_to(root)
        yield from ((inside / name).as_posix() for name in files)


def _is_manifest(path: str) -> bool:
    return path.endswith(_READ) and not _is_hidden(path)


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _is_noise(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return name in _NOISE or name.endswith(_DOCUMENTS)


def _unread(path: str) -> Diagnostic:
    name = path.rpartition("/")[2]
    summary = "a file is not read"
    if _is_hidden(path):
        detail = "The file is hidden, so it is not read, and what it declares counts as removed."
        hint = "If it should be read, take the dot off its name, or off its folder's."
        return Diagnostic("unread-file", summary, detail, None, Location(path), hint, Severity.WARNING)
    if name.lower().endswith((*_READ, ".json", ".jsonc", ".json5")):
        detail = f'Manifests are files that end in ".yaml" or ".yml"; "{name}" does not, and must not count as removed.'
        hint = "Rename it, or move it out of `manifests/`."
        return Diagnostic("unread-file", summary, detail, None, Location(path), hint)
    detail = 'The file is not read: manifests end in ".yaml" or ".yml".'
    return Diagnostic("unread-file", summary, detail, None, Location(path), None, Severity.WARNING)


def _refuse_link(folder: Path) -> None:
    if folder.is_symlink():
        raise InvalidInput(
            f"The folder {folder} is a symbolic link. It is not followed, and what is in it must not count as removed.",
            hint="Put the folder itself there, or take the link away.",
        )


def _unreadable_folder(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise InvalidInput(f"The folder {error.filename} can't be read: {error.strerror}. Check its permissions.")
