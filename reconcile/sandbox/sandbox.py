"""The sandbox: emulated providers, faults, a log of calls, and control paths, behind one ``handle``."""

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from reconcile.sandbox import faults as fault_kinds
from reconcile.sandbox.clock import Clock, Dates
from reconcile.sandbox.control import Control
from reconcile.sandbox.faults import Fault, Faults
from reconcile.sandbox.gatormail.service import GatorMail, GatorMailSetup
from reconcile.sandbox.mounted import Mounted
from reconcile.sandbox.provider import Call, Provider
from reconcile.sandbox.squalomail.service import SqualoMail
from reconcile.sandbox.store import DataError, Store
from reconcile.sandbox.switches import Switches

CONTROL = "/_sandbox/"
_LOGGED = 10_000  # requests that are remembered
_SECRETS = re.compile(
    r"(?i)((?:^|[?&;])(?:amp;)?(?:[^=&]*key|[^=&]*token|[^=&]*secret|[^=&]*password|[^=&]*user|username|value)=)[^&]*"
)
_HTML_ERROR = b"<!DOCTYPE html><html><head><title>Server Error</title></head><body><h1>Server Error</h1></body></html>"


class Sandbox:
    """The emulators over one SQLite database; in-process it stands behind ``httpx.MockTransport(sandbox.handle)``.

    ``data`` is a file or ``:memory:``. Without ``accounts`` every non-empty key opens the one account ``account``;
    with them each key opens the application that it maps to. ``now`` is the clock's source (Unix seconds),
    ``switches`` positions by name (see ``switches.yaml``), ``faults`` specs as in ``faults``, ``seed`` makes random
    choices repeatable, and ``latency_ms`` is added to every API call. ``gatormail`` sets GatorMail up, its own switches
    and contract included. Wrong switches, faults and contract rows are a ``ValueError``.
    """

    def __init__(
        self,
        data: str | Path = ":memory:",
        *,
        accounts: Mapping[str, str] | None = None,
        account: str = "1000",
        now: Callable[[], float] | None = None,
        switches: Mapping[str, Any] | None = None,
        faults: Sequence[str] = (),
        seed: int = 0,
        latency_ms: int = 0,
        gatormail: GatorMailSetup | None = None,
    ) -> None:
        self.clock = Clock(now)
        self.switches = Switches(switches)
        self.faults = Faults(faults, seed)
        self._latency_ms = latency_ms
        self._log: deque[dict[str, Any]] = deque(maxlen=_LOGGED)
        self._count = 0
        self._lock = threading.Lock()
        self.store = Store(data)
        self.squalomail = SqualoMail(
            self.store, self.clock, self.switches, accounts=accounts, account=account, seed=seed
        )
        self.gatormail = GatorMail(self.store, self.clock, gatormail or GatorMailSetup())
        self.providers: tuple[Provider, ...] = (self.squalomail, self.gatormail)
        self._control = Control(self)
        self._dates = Dates(self.clock, self.switches)

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def mount(self, name: str, transport: httpx.BaseTransport) -> None:
        """Serve another emulator below ``/name/``."""
        self.providers += (Mounted(name, transport),)

    def close(self) -> None:
        """Close the database."""
        self.squalomail.forget_copies()
        self.store.close()

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, from any thread. Faults that break the connection raise an ``httpx.TransportError``."""
        response = self._respond(request)
        response.headers.update(self._dates.headers())
        return response

    def _respond(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.lower()
        if path.startswith(CONTROL):
            return self._control.handle(request)
        for provider in self.providers:
            if provider.claims(path):
                return self._call(request, provider.read(request))
        return httpx.Response(404, json={"message": f"Nothing is at {request.url.path}."})

    def requests(self) -> list[dict[str, Any]]:
        """The API calls received, oldest first, as ``GET /_sandbox/requests`` lists them."""
        with self._lock:
            return [dict(entry) for entry in self._log]

    def clear_requests(self) -> None:
        """Forget the calls received."""
        with self._lock:
            self._log.clear()

    def sends(self) -> list[dict[str, Any]]:
        """Every mail that went or would go out, as ``GET /_sandbox/sends`` lists them."""
        self.settle()
        return [row for provider in self.providers for row in provider.sends()]

    def set_clock(self, moment: float | None) -> None:
        """Set the clock, or let it run again with ``None``, and carry out what comes due thereby."""
        self.clock.set(moment)
        self.settle()

    def settle(self) -> None:
        """Carry out what has come due."""
        for provider in self.providers:
            provider.settle()

    def reset(self) -> None:
        """Forget all data, sends and calls; clock, switches and faults stay as they are."""
        self.store.clear()
        self.squalomail.forget_copies()
        self.clear_requests()

    def _call(self, request: httpx.Request, call: Call) -> httpx.Response:
        hit = self.faults.hitting(call.operation)
        entry = self._entry(request, call)
        before = next((fault for fault in hit if fault.kind in fault_kinds.BEFORE), None)
        try:
            if before:
                entry["fault"], entry["performed"] = before.spec, False
                response = _instead(before, request, call)
            else:
                response = _performed(call)
            for fault in hit:
                if fault.kind in fault_kinds.AFTER:
                    entry["fault"] = fault.spec
                    response = _performed(call) if fault.kind == "twice" else _spoiled(fault, request, response)
            _delay(self._latency_ms, request)
            entry["status"] = response.status_code
        finally:
            self._remember(entry)
        return response

    def _entry(self, request: httpx.Request, call: Call) -> dict[str, Any]:
        return {
            "number": 0,
            "time": self.clock.now(),
            "method": request.method,
            "path": request.url.path,
            "query": _SECRETS.sub(r"\1***", request.url.query.decode("ascii", "replace")),
            "function": call.operation,
            "account": call.account,
            "arguments": list(call.arguments),
            "write": call.write,
            "performed": True,
            "fault": None,
            # Stays null when the answer never reached the client.
            "status": None,
        }

    def _remember(self, entry: dict[str, Any]) -> None:
        with self._lock:
            self._count += 1
            entry["number"] = self._count
            self._log.append(entry)


def _performed(call: Call) -> httpx.Response:
    """The answer to a call that is carried out; a file that can't be used is told as what it is."""
    try:
        return call.perform()
    except DataError as error:
        return call.refused(507, f"{str(error)[0].upper()}{str(error)[1:]}.")


def _instead(fault: Fault, request: httpx.Request, call: Call) -> httpx.Response:
    """What comes of a call that a fault keeps from being carried out."""
    html = {"Content-Type": "text/html; charset=utf-8"}
    if fault.kind in fault_kinds.REFUSALS:
        refusal = call.refused(int(fault.kind), None)
        if refusal.status_code in (429, 503):
            refusal.headers["Retry-After"] = str(fault.after)
        return refusal
    match fault.kind:
        case "refuse":
            raise httpx.ConnectError("sandbox fault: connection refused", request=request)
        case "drop-before":
            raise httpx.ReadError("sandbox fault: connection reset", request=request)
        case "500":
            return httpx.Response(500, content=_HTML_ERROR, headers=html)
        case _:
            return httpx.Response(200, content=_HTML_ERROR, headers=html)


def _spoiled(fault: Fault, request: httpx.Request, response: httpx.Response) -> httpx.Response:
    """What reaches the client of the answer to a call that was carried out."""
    match fault.kind:
        case "latency":
            _delay(fault.ms, request)
            return response
        case "timeout":
            raise httpx.ReadTimeout("sandbox fault: no answer in time", request=request)
        case "drop-after":
            raise httpx.ReadError("sandbox fault: connection reset", request=request)
    content = {"truncate": response.content[: len(response.content) // 2], "null": b"null"}.get(fault.kind, b"")
    # An answer without content has no type either.
    headers = {name: response.headers[name] for name in ("Content-Type",) if name in response.headers}
    return httpx.Response(response.status_code, content=content, headers=headers)


def _delay(milliseconds: int, request: httpx.Request) -> None:
    """Wait, but no longer than the client would: the in-process transport of httpx has no timeouts of its own."""
    if milliseconds <= 0:
        return
    patience = request.extensions.get("timeout", {}).get("read")
    if patience is not None and patience * 1000 < milliseconds:
        time.sleep(patience)
        raise httpx.ReadTimeout("sandbox latency: no answer in time", request=request)
    time.sleep(milliseconds / 1000)
