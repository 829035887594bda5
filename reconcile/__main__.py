"""``reconcile`` and ``python -m reconcile``."""

import gc
import os
import signal
from types import FrameType


def main() -> None:
    """Run the command line. Ctrl-C while modules are still read ends it as later on: nothing is held by then."""
    # A run makes many objects and few circles: to look for those so often takes a twentieth of a plan's time.
    gc.set_threshold(50_000)
    former = signal.signal(signal.SIGINT, _end) if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN else None
    from reconcile.cli.main import main as run

    if former is not None:
        signal.signal(signal.SIGINT, former)
    run()


def _end(number: int, frame: FrameType | None) -> None:
    os.write(2, b"\nInterrupted.\n")
    os._exit(130)


if __name__ == "__main__":
    main()
