"""The project key, with which recipients' addresses are hashed: RECONCILE_KEY, else .reconcile/key."""

import secrets
from collections.abc import Mapping
from pathlib import Path

from reconcile.cli.output import write_private
from reconcile.errors import InvalidInput

VARIABLE = "RECONCILE_KEY"


def project_key(root: Path, environ: Mapping[str, str]) -> bytes:
    """The key of the project in a folder; made where there is none yet.

    Raises:
        InvalidInput: its file can't be read or written, or is empty.
    """
    given = environ.get(VARIABLE, "").strip()
    if given:
        return given.encode()
    path = key_file(root)
    try:
        make_key(path)
        key = path.read_bytes().strip()
    except OSError as error:
        raise InvalidInput(f"The project key {path} can't be used: {error.strerror}.") from None
    if not key:
        raise InvalidInput(f"The project key {path} is empty.", hint=f"Bring it back, or set {VARIABLE}.")
    return key


def key_file(root: Path) -> Path:
    """Where a project keeps its key."""
    return root / ".reconcile" / "key"


def make_key(path: Path) -> None:
    """Make a key, readable by its owner only and never committed; one that is there stays."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(path, secrets.token_hex(32).encode() + b"\n")
