"""For whoever keeps files: folders that survive a crash, one process at a time, and what is said where a disk fails."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from reconcile.errors import LockHeld, StateError


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


@contextmanager
def one_at_a_time(path: Path, doing: str, timeout: float = 0.0) -> Iterator[None]:
    """A lock beside a file, which ends with its process; ``doing`` says what its holder does.

    Raises:
        LockHeld: another process has it.
    """
    beside = path.with_name(f".{path.name}.lock")
    with failing(beside.parent, "created"):
        make_folder(beside.parent)
    lock = FileLock(beside, mode=0o600, thread_local=False, fallback_to_soft=False)
    with failing(beside, "locked"):
        try:
            lock.acquire(timeout=max(0.0, timeout))
        except Timeout:
            raise LockHeld(
                f"{doing} by another process.",
                hint="Wait until it has ended, or wait for it with --lock-timeout S (seconds).",
            ) from None
    try:
        yield
    finally:
        lock.release()
