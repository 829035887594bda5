"""What the sandbox asks of an emulated provider, so that a second one can stand beside the first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import httpx


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a provider, understood but not carried out yet.

    ``arguments`` are the names that were sent, without values, since values may be personal or secret; ``perform``
    carries the call out and returns the answer. ``refused`` is what the service answers instead when it refuses the
    call with one of the statuses 401, 403, 429 and 503, or with 507 and a message of the sandbox's.
    """

    operation: str
    write: bool
    arguments: Sequence[str]
    account: str | None
    perform: Callable[[], httpx.Response]
    refused: Callable[[int, str | None], httpx.Response]


class ControlError(Exception):
    """A control call that can't be answered: an HTTP status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Provider(Protocol):
    """An emulated service under its own paths."""

    name: str

    def claims(self, path: str) -> bool:
        """Whether the path (lower case) is one of this provider's."""

    def read(self, request: httpx.Request) -> Call:
        """Understand a request; bad ones become calls whose ``perform`` returns the error's answer."""

    def settle(self) -> None:
        """Carry out what has come due by the clock."""

    def sends(self) -> list[dict[str, Any]]:
        """Every mail that went out or would go out."""

    def control(self, method: str, path: Sequence[str], body: dict[str, Any]) -> Any:
        """What a person does in the web interface; ``path`` follows ``/_sandbox/{name}/``. May raise ControlError."""
