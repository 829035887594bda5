"""A proxy between us and the platform, which lets every call through and then spoils one answer.

What was asked for has been done by then: only the answer lies, is late, or never comes.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx

from reconcile.sandbox.sandbox import Sandbox

PAGE = "<html><body><h1>Sorry</h1></body></html>"
STATUSES = (429, 500, 502, 503)
# What makes something anew each time; an import is one, too, though it finds everybody there.
_MAKES = re.compile(r"POST .*/(create-[a-z-]+|import-recipients-async|campaign|group)$")


@dataclass
class Proxy:
    """Spoils the answer to the ``at``-th call to a platform, counted from 1, in one ``way``.

    Or that to the first call whose path ends in ``operation``, which may begin with a verb. ``made_two``: something was
    made twice by it.
    """

    sandbox: Sandbox
    now: Callable[[], float]
    way: str = ""
    at: int = 0
    operation: str = ""
    made_two: bool = False
    calls: int = 0
    hit: str | None = None
    _answers: dict[str, httpx.Response] = field(default_factory=dict)
    _last: httpx.Response | None = None

    def handle(self, request: httpx.Request) -> httpx.Response:
        """What the client gets."""
        self.calls += 1
        operation = _operation(request)
        spoil = self.hit is None and (self._is_meant(operation))
        if spoil:
            self.hit = operation
        if spoil and self.way == "twice":
            first = self.sandbox.handle(_again(request))
        answer = self.sandbox.handle(request)
        if spoil and self.way == "twice":
            self.made_two = _MAKES.search(operation) is not None and first.is_success and answer.is_success
        # The answer to an earlier call of the operation, if there was one, is what deceives most.
        other = self._answers.get(operation, self._last)
        self._answers[operation] = self._last = answer
        return self._spoiled(request, answer, other) if spoil else answer

    def _is_meant(self, operation: str) -> bool:
        if not self.operation:
            return self.calls == self.at
        verb, _, path = self.operation.rpartition(" ")
        return operation.endswith(path) and operation.startswith(verb)

    def _spoiled(self, request: httpx.Request, answer: httpx.Response, other: httpx.Response | None) -> httpx.Response:
        match self.way.split():
            case ["drop"]:
                raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
            case ["late"]:
                raise httpx.ReadTimeout("The read operation timed out", request=request)
            case ["cut"]:
                return _of(answer, answer.content[: len(answer.content) // 2])
            case ["nothing"]:
                return _of(answer, b"")
            case ["html"]:
                return httpx.Response(200, html=PAGE, headers=_date(answer))
            case ["twice"]:
                return answer
            case ["nobody's", "id"]:
                return _of(
                    answer, re.sub(rb'("id[a-zA-Z]*"|"[a-zA-Z]*[iI]d") ?: ?[0-9]+', rb"\1: 424242", answer.content)
                )
            case ["another"]:
                return _of(other, other.content) if other is not None else answer
            case [status]:
                return httpx.Response(int(status), html=PAGE, headers=_date(answer))
            case [status, "number"]:
                return httpx.Response(int(status), json={}, headers={"Retry-After": "2", **_date(answer)})
            case [status, "date"]:
                due = format_datetime(datetime.fromtimestamp(self.now() + 2, UTC), usegmt=True)
                return httpx.Response(int(status), json={}, headers={"Retry-After": due, **_date(answer)})
        return answer


WAYS = (
    *("drop", "late", "cut", "nothing", "html", "another", "twice"),
    *(f"{status}{after}" for status in STATUSES for after in ("", " number", " date")),
)


def _operation(request: httpx.Request) -> str:
    """What is called, but for the ids in it."""
    parts = (part for part in request.url.path.split("/") if not part.isdigit())
    return f"{request.method} {'/'.join(parts)}"


def _again(request: httpx.Request) -> httpx.Request:
    return httpx.Request(request.method, request.url, headers=request.headers, content=request.read())


def _of(answer: httpx.Response, content: bytes) -> httpx.Response:
    headers = {name: value for name, value in answer.headers.items() if name.lower() in ("content-type", "date")}
    return httpx.Response(answer.status_code, content=content, headers=headers)


def _date(answer: httpx.Response) -> Mapping[str, str]:
    return {"Date": answer.headers["date"]} if "date" in answer.headers else {}
