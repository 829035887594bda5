"""Standard output and error that never stop a run half-way: whoever reads them may leave."""

import io
import os
import sys
from typing import Any, TextIO


def steady() -> None:
    """Put such streams in the place of this process's own, closed ones included."""
    sys.stdout = _steady(sys.stdout, _Output)
    sys.stderr = _steady(sys.stderr, _Messages)


class _Output(io.FileIO):
    """Once its reader has left (``| head``), what is written is dropped; a full disk is an error."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            return len(data)


class _Messages(io.FileIO):
    """What can't be told is dropped: there is nobody to tell that to."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


def _steady(stream: TextIO | None, raw: type[io.FileIO]) -> TextIO:
    if stream is None:  # closed before we began
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123  # for as long as the process lives
    buffer = io.BufferedWriter(raw(stream.fileno(), "w", closefd=False))
    # What a program reads is UTF-8, whatever the locale. A terminal that can't show a letter gets an
    # escape, not an end.
    encoding = stream.encoding if stream.isatty() else "utf-8"
    return io.TextIOWrapper(
        buffer, encoding=encoding, errors="backslashreplace", line_buffering=stream.isatty() or raw is _Messages
    )
