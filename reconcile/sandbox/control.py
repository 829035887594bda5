"""The control paths under ``/_sandbox/``: looking into the sandbox and turning its knobs. They are not logged as calls.

GET    requests                the API calls received
DELETE requests                forget them
GET    sends                   every mail that went or would go out
POST   reset                   forget all data, sends and calls
GET    clock, POST clock       {"now": Unix seconds or null}; what comes due by it is carried out
GET    switches, POST switches {name: value}; null puts a switch to its default
GET    faults, POST faults     {"faults": [spec, ...]}
*      squalomail/{app id}/... what a person does in the web interface, see squalomail.backoffice
*      gatormail/...           the same, GatorMail's tokens and its switches, see gatormail.service and its backoffice
"""

import json
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import unquote

import httpx

from reconcile.sandbox.clock import Clock
from reconcile.sandbox.faults import Faults
from reconcile.sandbox.provider import ControlError, Provider
from reconcile.sandbox.store import DataError
from reconcile.sandbox.switches import Switches

_Action = Callable[[dict[str, Any]], Any]


class Controlled(Protocol):
    """What the control paths turn; the sandbox is one."""

    clock: Clock
    switches: Switches
    faults: Faults
    providers: tuple[Provider, ...]

    def requests(self) -> list[dict[str, Any]]:
        """The API calls received."""

    def clear_requests(self) -> None:
        """Forget the calls received."""

    def sends(self) -> list[dict[str, Any]]:
        """Every mail that went or would go out."""

    def set_clock(self, moment: float | None) -> None:
        """Set the clock."""

    def reset(self) -> None:
        """Forget all data."""


class Control:
    """Answers control calls for one sandbox; errors are ``{"message": ...}`` with a status of 400 to 409."""

    def __init__(self, sandbox: Controlled) -> None:
        self._sandbox = sandbox
        self._actions: dict[tuple[str, str], _Action] = {
            ("GET", "requests"): lambda body: sandbox.requests(),
            ("DELETE", "requests"): lambda body: sandbox.clear_requests(),
            ("GET", "sends"): lambda body: sandbox.sends(),
            ("POST", "reset"): lambda body: sandbox.reset(),
            ("GET", "clock"): lambda body: self._clock(),
            ("POST", "clock"): self._set_clock,
            ("GET", "switches"): lambda body: list(sandbox.switches.rows()),
            ("POST", "switches"): self._set_switches,
            ("GET", "faults"): lambda body: sandbox.faults.specs,
            ("POST", "faults"): self._set_faults,
        }

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer one control call in JSON."""
        try:
            answer = self._answer(request)
            return httpx.Response(200, json={} if answer is None else answer)
        except ControlError as error:
            return httpx.Response(error.status, json={"message": str(error)})
        except DataError as error:
            return httpx.Response(507, json={"message": f"{error}."})
        except ValueError as error:
            return httpx.Response(400, json={"message": str(error)})

    def _answer(self, request: httpx.Request) -> Any:
        parts = [unquote(part) for part in request.url.raw_path.decode("ascii").partition("?")[0].split("/")[2:]]
        name, body = parts[0].lower(), _body(request)
        for provider in self._sandbox.providers:
            if name == provider.name:
                provider.settle()
                return provider.control(request.method, [part for part in parts[1:] if part], body)
        action = self._actions.get((request.method, "/".join(parts).lower()))
        if action is None:
            raise ControlError(404, f"There is no control {request.method} {request.url.path}.")
        return action(body)

    def _clock(self) -> dict[str, Any]:
        clock = self._sandbox.clock
        return {"now": clock.now(), "set": clock.moment is not None}

    def _set_clock(self, body: dict[str, Any]) -> dict[str, Any]:
        moment = body.get("now")
        if isinstance(moment, bool) or not isinstance(moment, int | float | None):
            raise ControlError(400, "now should be Unix seconds, or null for the real time.")
        self._sandbox.set_clock(moment)
        return self._clock()

    def _set_switches(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        self._sandbox.switches.set(body)
        return list(self._sandbox.switches.rows())

    def _set_faults(self, body: dict[str, Any]) -> list[str]:
        specs = body.get("faults")
        if not isinstance(specs, list) or not all(isinstance(spec, str) for spec in specs):
            raise ControlError(400, "faults should be an array of texts.")
        self._sandbox.faults.set(specs)
        return self._sandbox.faults.specs


def _body(request: httpx.Request) -> dict[str, Any]:
    content = request.read()
    try:
        body = json.loads(content) if content.strip() else {}
    except RecursionError:
        raise ControlError(400, "The body is nested too deep.") from None
    if not isinstance(body, dict):
        raise ControlError(400, "The body should be a JSON object.")
    return body
