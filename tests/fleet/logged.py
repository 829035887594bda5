"""The command line, with each time that a state's lock is held written to the file LOCKS: start, end, process, state.

What is not ended was held until its process died.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconcile.cli.main import main
from reconcile.cli.stopping import Heeding


def note(what: str, name: str) -> None:
    with Path(os.environ["LOCKS"]).open("ab", buffering=0) as file:
        file.write(f"{time.monotonic():.6f}\t{what}\t{os.getpid()}\t{name}\n".encode())


acquired = Heeding._acquired


@contextmanager
def logged(self: Heeding, why: str, timeout: float = 0.0) -> Iterator[object]:
    with acquired(self, why, timeout) as locked:
        note("begin", self.name)
        try:
            yield locked
        finally:
            note("end", self.name)


if __name__ == "__main__":
    Heeding._acquired = logged  # type: ignore[method-assign, assignment]
    main(sys.argv[1:])
