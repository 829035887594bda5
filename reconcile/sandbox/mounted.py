"""An emulator that is none of the sandbox's, such as an installed package brings one: served below its name."""

from collections.abc import Sequence
from typing import Any

import httpx

from reconcile.sandbox.provider import Call, ControlError


class Mounted:
    """Hands requests below ``/name/`` on to a transport."""

    def __init__(self, name: str, transport: httpx.BaseTransport) -> None:
        self.name = name
        self._transport = transport

    def claims(self, path: str) -> bool:
        """Whether the path is below the name."""
        return path.startswith(f"/{self.name}/") or path == f"/{self.name}"

    def read(self, request: httpx.Request) -> Call:
        """A call that is known by its verb and path only."""
        path = request.url.path.removeprefix(f"/{self.name}/")
        return Call(
            f"{request.method} {path}",
            request.method != "GET",
            (),
            None,
            lambda: self._transport.handle_request(request),
            lambda status, _: httpx.Response(status, json={"message": "Refused."}),
        )

    def settle(self) -> None:
        """Nothing comes due here: the emulator reads the clock itself."""

    def sends(self) -> list[dict[str, Any]]:
        """What went out is the emulator's own business."""
        return []

    def control(self, method: str, path: Sequence[str], body: dict[str, Any]) -> Any:
        """There is nothing to control."""
        raise ControlError(404, f"{self.name} has no control calls.")
