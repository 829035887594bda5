"""The sandbox as an httpx transport, for the emulators of providers."""

from pathlib import Path
from typing import Any

import httpx

from reconcile.errors import InvalidInput
from reconcile.sandbox import DataError, Sandbox


class Emulated(httpx.MockTransport):
    """Answers from a sandbox with its data at a path, which is closed with it; ``setup`` are arguments of its class.

    Raises:
        InvalidInput: the file can't be used.
    """

    def __init__(self, path: Path | str, **setup: Any) -> None:
        try:
            self.sandbox = Sandbox(path, **setup)
        except DataError as error:
            raise InvalidInput(f"{str(error)[0].upper()}{str(error)[1:]}.") from None
        super().__init__(self.sandbox.handle)

    def close(self) -> None:
        """Close the sandbox."""
        self.sandbox.close()
