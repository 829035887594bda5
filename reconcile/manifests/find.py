"""Which files of a project are its manifests, and what lies beside them and is not read."""

import os
import re
import stat
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Final

from reconcile.errors import Diagnostic, InvalidInput, Location, Severity

MANIFESTS: Final = "manifests"
PROJECT_FILE: Final = "reconcile.yaml"
_READ: Final = (".yaml", ".yml")
# What tools leave behind in any folder; nobody takes it for a manifest.
_NOISE: Final = frozenset({".gitkeep", ".gitignore", ".gitattributes", ".editorconfig", ".ds_store", "thumbs.db"})
_DOCUMENTS: Final = (".md", ".txt", ".rst")
# A manifest's extension in capitals, mistyped, or with what Windows, a browser or a slip of the hand puts after it.
_MEANT: Final = re.compile(r"\.(?:ya?m[l1]|y[ma]{2}l|yal?m|jsonc?|json5)(?:\.txt|[\s._]*)", re.IGNORECASE)
# Two names as alike as this are taken for one that was mistyped.
_NEAR: Final = 0.85


def find_manifests(root: Path) -> list[str]:
    """The project-relative paths of all manifests, sorted; hidden files and folders are none.

    Raises:
        InvalidInput: a folder can't be read, or is a link. What is in it must not be taken for removed.
    """
    return sorted(path for path in _files(root) if _is_manifest(path))


def unread(root: Path) -> list[Diagnostic]:
    """What lies among the manifests, or near them, and is not read; an error where it may well declare something."""
    files = sorted(_files(root))
    found = [_unread(path) for path in files if not _is_manifest(path) and not _is_noise(path)]
    return [*found, *_beside(root, empty=not any(map(_is_manifest, files)))]


def project_file_meant(root: Path) -> str | None:
    """The name of a file in a folder that was meant for the project file, if there is one."""
    try:
        names = sorted(path.name for path in root.iterdir() if path.is_file())
    except OSError:
        return None
    others = ("reconcile.yml", "reconcile.json", "reconcile.toml")
    return next((name for name in names if _alike(name, PROJECT_FILE) or name.lower() in others), None)


class Unreadable(Exception):  # it is no fault of ours, and goes into a finding
    """A file can't be read; the message is the reason, as a sentence."""


class Missing(Unreadable):
    """There is no such file."""


def first_bytes(path: Path, most: int) -> bytes:
    """What a file begins with, at most so many bytes; nothing but a file is opened, since a pipe may be waited for.

    Raises:
        Missing: there is none. Unreadable: it is no file, or it can't be read.
    """
    if (reason := _not_regular(path)) is not None:
        raise Unreadable(reason)
    try:
        with path.open("rb") as stream:
            return stream.read(most)
    except FileNotFoundError:
        raise Missing("The file is not there any more.") from None
    except OSError as error:
        raise Unreadable(f"The file can't be read: {error.strerror}. Check its permissions.") from None


def _not_regular(path: Path) -> str | None:
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


def _beside(root: Path, *, empty: bool) -> Iterator[Diagnostic]:
    """Folders that are called nearly as ours; and files that lie beside ours while there is no manifest in it."""
    try:
        beside = sorted(root.iterdir())
    except OSError:
        return
    for path in beside:
        if path.is_dir() and _alike(path.name, MANIFESTS) and any(path.rglob("*.y*ml")):
            detail = f"Manifests are read from `{MANIFESTS}/` alone; those in `{path.name}/` must not count as removed."
            hint = f"Move them to `{MANIFESTS}/`, or call this folder otherwise."
            severity = Severity.ERROR if empty or path.name.lower() == MANIFESTS else Severity.WARNING
            yield Diagnostic("unread-file", "a folder is not read", detail, None, Location(path.name), hint, severity)
        elif path.name != PROJECT_FILE and path.name.lower() in (PROJECT_FILE, "reconcile.yml") and path.is_file():
            detail = f"The file is not read: the project's settings are in {PROJECT_FILE}."
            hint = "Move what is in it there, and delete it."
            yield Diagnostic(
                "unread-file", "a file is not read", detail, None, Location(path.name), hint, Severity.WARNING
            )
        elif empty and path.suffix in _READ and not path.name.startswith((".", "reconcile.")) and path.is_file():
            detail = f"The file is not read: manifests stand in `{MANIFESTS}/`, and there is none."
            hint = f"Move it to `{MANIFESTS}/` if it is one."
            yield Diagnostic(
                "unread-file", "a file is not read", detail, None, Location(path.name), hint, Severity.WARNING
            )


def _alike(name: str, wanted: str) -> bool:
    """Whether a file's or folder's name is another than the wanted one, and may well be meant for it."""
    bare = name.lower().strip(" ._~")
    near = bare == wanted or bare in (f"{wanted}.txt", f"{wanted}.bak", wanted.rpartition(".")[0])
    return name != wanted and (near or SequenceMatcher(None, bare, wanted).ratio() >= _NEAR)


def _is_manifest(path: str) -> bool:
    return path.endswith(_READ) and not _is_hidden(path)


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _is_noise(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return name in _NOISE or (name.endswith(_DOCUMENTS) and not _is_meant(name))


def _is_meant(name: str) -> bool:
    """Whether a name was surely meant for a manifest's, and is none."""
    end = name.find(".", 1)
    return end > 0 and any(_MEANT.fullmatch(name, at) for at in range(end, len(name)) if name[at] == ".")


def _unread(path: str) -> Diagnostic:
    name = path.rpartition("/")[2]
    summary = "a file is not read"
    if _is_hidden(path):
        detail = "The file is hidden, so it is not read, and what it declares counts as removed."
        hint = "If it should be read, take the dot off its name, or off its folder's."
        return Diagnostic("unread-file", summary, detail, None, Location(path), hint, Severity.WARNING)
    if _is_meant(name):
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
    if isinstance(error, NotADirectoryError):
        raise InvalidInput(f"{error.filename} is a file, and the manifests stand in a folder of this name. Rename it.")
    if not isinstance(error, FileNotFoundError):
        raise InvalidInput(f"The folder {error.filename} can't be read: {error.strerror}. Check its permissions.")
