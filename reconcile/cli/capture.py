"""What commands print in threads: each thread's own, while many accounts are worked on in one process."""

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class _Own(threading.local):
    out: io.StringIO | None = None
    err: io.StringIO | None = None


_own = _Own()


class _PerThread(io.TextIOBase):
    """Passes on to the thread's own stream; where it has none, to the process's."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, name: str, others: TextIO) -> None:
        super().__init__()
        self._name = name
        self._others = others

    def write(self, text: str, /) -> int:
        return (getattr(_own, self._name) or self._others).write(text)

    def flush(self) -> None:
        (getattr(_own, self._name) or self._others).flush()

    def isatty(self) -> bool:
        return getattr(_own, self._name) is None and self._others.isatty()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._others.fileno()


@contextmanager
def apart() -> Iterator[None]:
    """While this lasts, what a thread prints under ``captured`` is its own."""
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _PerThread("out", out), _PerThread("err", err)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err


@contextmanager
def captured() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    """What this thread prints to standard output and error, while the process is under ``apart``."""
    before = _own.out, _own.err
    _own.out, _own.err = io.StringIO(), io.StringIO()
    try:
        yield _own.out, _own.err
    finally:
        _own.out, _own.err = before


def is_captured() -> bool:
    """Whether what this thread prints is its own."""
    return _own.out is not None
