"""The project key, with which recipients' addresses are hashed: RECONCILE_KEY, else .reconcile/key."""

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from reconcile.cli.output import write_private
from reconcile.errors import InvalidInput, Refused

VARIABLE = "RECONCILE_KEY"


def project_key(root: Path, environ: Mapping[str, str], may_make: Callable[[], bool] = lambda: False) -> bytes:
    """The key of the project in a folder; made only where ``may_make`` says that nothing was ever hashed with one.

    Raises:
        Refused: there is none.
        InvalidInput: its file can't be read or written, or is empty.
    """
    given = environ.get(VARIABLE, "").strip()
    if given:
        return given.encode()
    path = key_file(root)
    try:
        if not path.exists():
            if not may_make():
                raise Refused(
                    f"There is no project key, with which audiences hash people: neither {VARIABLE} nor {path}.",
                    hint=f"Set {VARIABLE} to the key that was used so far, or bring its file back. For a project that "
                    "never had one, `reconcile init` makes one; keep it where every run can read it.",
                )
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
