"""Shared by the API clients: httpx set-up, retries of reads, pacing, redaction, and httpx's errors made ours.

A write takes a ticket, which is good for one attempt: whether it is made again is decided before the gate, never here.
Certificates are always verified; redirects are never followed, since a followed GET may act twice or elsewhere.
"""

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import httpx

from reconcile.errors import ApiError, Interrupted, InvalidInput, Unauthorised, UnknownOutcome, Unreachable
from reconcile.masks import masked, without
from reconcile.model.assumption import Answer
from reconcile.model.call import DONE, TOLD, Operation, Retry
from reconcile.model.right_to_send import RightToSend
from reconcile.model.ticket import Ticket
from reconcile.network import Network
from reconcile.providers.bounds import ENCODINGS, Bounds, OutOfBounds, TooMuch, exchange
from reconcile.providers.clock import ServerTime
from reconcile.providers.limiter import Limiter
from reconcile.providers.personal import without_people
from reconcile.providers.shapes import Excess, Misfit, Repeated, Unusable, ambiguous, parse, told

# httpx logs whole addresses at INFO, and a GET carries its key there.
logging.getLogger("httpx").setLevel(logging.WARNING)
# Tells of attempts that are made again; whoever runs it says where that is to be seen.
_CALLS = logging.getLogger("reconcile.calls")
_WORTH_TELLING = 0.4  # seconds of waiting

_GLANCE = 0.2  # seconds after which a wait for a free place looks whether the run is to stop
_LONGEST_ASKED = 300.0  # seconds that a platform is waited for at most, whatever it asks
_AMISS = "Check the provider's url; if it is right, the platform or a proxy has a problem: run again later."
# Never reached the platform, whatever the call was.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)


class RateLimited(UnknownOutcome):
    """The platform says that it is asked too often; ``wait`` is what it asks for, in seconds."""

    code = "rate-limited"

    def __init__(self, detail: str, wait: float | None) -> None:
        super().__init__(detail, hint="Lower requestsPerSecond or concurrency under the provider's limits.")
        self.wait = wait


class OutsideBounds(UnknownOutcome):
    """The call went beyond the bounds of one call."""

    code = "outside-bounds"


class TooLarge(OutsideBounds):
    """What came is more than one answer may be: a read that asks for less may get it."""


class Rejected(ApiError):
    """The platform answered with an error."""

    def __init__(self, detail: str, status: int, *, hint: str | None = None) -> None:
        super().__init__(detail, hint=hint)
        self.status = status


class Limit(Protocol):
    """Says when the next request may go out."""

    def reserve(self) -> float:
        """Take the next turn: how many seconds it is away."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How a client goes about its calls; times in seconds.

    ``attempts`` counts the first one; waits grow from ``wait`` to ``longest_wait``, with as much again of jitter.
    ``shared`` is a limit that other accounts, or other machines, are under, too.
    """

    concurrency: int = 4
    requests_per_second: float | None = None
    timeout: float = 60.0
    attempts: int = 5
    wait: float = 0.5
    longest_wait: float = 20.0
    shared: "Limit | None" = None

    def before_next(self, attempt: int, error: Exception) -> float:
        """The seconds to wait after an attempt, counted from 1: what the platform asks for, or longer each time."""
        asked = error.wait if isinstance(error, RateLimited) else None
        if asked is not None:
            return asked
        longer: float = self.wait * 2 ** (attempt - 1)
        return min(self.longest_wait, longer) + random.uniform(0, self.wait)  # noqa: S311


def limits(pace: Pace) -> httpx.Limits:
    """How many connections a client of this pace keeps."""
    return httpx.Limits(max_connections=min(pace.concurrency, 16), max_keepalive_connections=16)


class Auth(httpx.Auth):
    """Signs requests; ``secrets`` gives what no message may repeat."""

    def secrets(self) -> tuple[str, ...]:
        """The credentials, and what was got for them."""
        return ()


class Transport:
    """Sends requests for the operations of one provider; safe to use from several threads.

    ``right`` is the run's right to calls through which somebody gets mail; without it they are refused here. Once
    ``stop`` is set no call leaves any more, and every wait ends. ``time`` learns the platform's time from its answers.
    ``secrets`` are replaced in every message. ``auth`` signs requests, ``refusal`` says what to do when the platform
    refuses the credentials.
    """

    def __init__(
        self,
        *,
        pace: Pace,
        right: RightToSend,
        secrets: tuple[str, ...] = (),
        transport: httpx.BaseTransport | None = None,
        auth: "Auth | None" = None,
        bounds: Bounds | None = None,
        refusal: str = "Check the provider's key and that its environment variable is set to the right account's.",
        stop: threading.Event | None = None,
        time: ServerTime | None = None,
    ) -> None:
        self._http = httpx.Client(
            transport=transport or Network(limits(pace)),
            timeout=pace.timeout,
            headers={"Accept": "application/json", "Accept-Encoding": ENCODINGS},
            auth=auth,
        )
        self._auth = auth
        self._bounds = bounds
        # Whoever records: verb, URL, what was sent, status, headers, what came.
        self.watch: Callable[[str, str, bytes, int, Mapping[str, str], bytes], None] | None = None
        self._refusal = refusal
        self._pace = pace
        self._right = right
        self._secrets = tuple(secret for secret in secrets if secret)
        self._slots = threading.BoundedSemaphore(pace.concurrency)
        self._stop = stop or threading.Event()
        own = Limiter(pace.requests_per_second) if pace.requests_per_second else None
        self._limits = tuple(limit for limit in (own, pace.shared) if limit is not None)
        self.time = time or ServerTime()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(
        self,
        operation: Operation,
        url: str,
        *,
        verb: str | None = None,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        sends: bool = False,
        empty: bool = False,
        decode: Callable[[Any], Any] = lambda answer: answer,
        private: Callable[[], Iterable[str]] = tuple,
        ticket: Ticket | None = None,
    ) -> Any:
        """The decoded JSON answer: for a read after as many attempts as it takes, for a write after its only one.

        ``verb`` is the operation's unless given; an ``empty`` answer is None. ``private`` gives what the call says of
        people, which no message repeats; it is asked for only after an error. A write has a ``ticket``.

        Raises:
            Refused: the call sends mail and the run may not. Whatever else the ticket says.
            Unreachable: never sent. UnknownOutcome: maybe carried out. Unauthorised: refused credentials.
            Rejected: any other answer that is no success, with its status. ApiError: raised by ``decode``.
            Interrupted: the run is to stop, so it was not sent.
        """
        self._right.check(operation.name, sends=operation.sends or sends)
        if operation.write and ticket is None:
            raise AssertionError(f"{operation.name} writes, and nothing has let it through")
        attempts = self._pace.attempts if operation.retry is not Retry.NEVER and not operation.write else 1
        attempt = 0
        while True:
            attempt += 1
            request = self._built(verb or operation.verb, url, params=params, json=body, headers=headers)
            try:
                return self._once(operation, request, None if empty else decode, private, ticket)
            except (Unreachable, UnknownOutcome) as error:
                if attempt >= attempts or isinstance(error, Misfit | OutsideBounds):
                    raise
                self.rest(attempt, error)

    def rest(self, attempt: int, error: Exception) -> None:
        """Wait after a failed attempt, counted from 1, before the next one; raises Interrupted."""
        seconds = self._pace.before_next(attempt, error)
        if seconds >= _WORTH_TELLING:
            said = self._redacted(str(error)).rstrip(".")
            _CALLS.info("%s, again in %.0f s, attempt %d of %d.", said, seconds, attempt + 1, self._pace.attempts)
        self.pause(seconds)

    def pause(self, seconds: float) -> None:
        """Let time pass; ends as soon as the run is to stop.

        Raises:
            Interrupted: it is.
        """
        if self._stop.wait(seconds) if seconds > 0 else self._stop.is_set():
            raise Interrupted("Interrupted: no further call goes out.", hint="Run again to do the rest.")

    @contextmanager
    def _turn(self, ticket: Ticket | None) -> Iterator[None]:
        """When a call may leave: its turn has come, nobody asked to stop, and a write has shown its ticket just now."""
        self.pause(max((limit.reserve() for limit in self._limits), default=0.0))
        while True:
            if ticket is not None:
                ticket.show()  # which may read, so no place is taken yet
            while not self._slots.acquire(timeout=_GLANCE):
                self.pause(0.0)
            try:
                self.pause(0.0)
                if ticket is None or ticket.fresh():
                    yield
                    return
            finally:
                self._slots.release()

    def look(
        self,
        operation: Operation,
        url: str,
        *,
        verb: str | None = None,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        ticket: Ticket | None = None,
    ) -> Answer:
        """What a call answers, whatever that is and once only: nothing is checked, and an error is an answer, too.

        A write has a ``ticket``; none that sends is made like this.

        Raises:
            Unauthorised: refused credentials. Misfit: the answer has a member twice.
            ApiError: nothing came, or nothing that could be read.
        """
        if operation.sends or operation.write is not (ticket is not None):
            raise AssertionError(f"{operation.name} is not to be looked at")
        request = self._built(verb or operation.verb, url, params=params, json=body, headers=headers)
        with self._turn(ticket), self._translated(operation, request.url.host):
            answer = self._received(request)
        if answer.status_code in (401, 403) and not _is_page(answer):
            self._decoded(operation, answer)
        try:
            content = self._parsed(answer.content) if answer.content else None
        except Repeated as error:
            raise ambiguous(operation.name, error.place) from None
        except ValueError:
            return Answer(None, None, dict(answer.headers))
        return Answer(answer.status_code, content, dict(answer.headers))

    def _built(self, verb: str, url: str, **parts: Any) -> httpx.Request:
        try:
            return self._http.build_request(verb, url, **parts)
        except httpx.InvalidURL as error:
            raise InvalidInput(
                f"The provider's url can't be used: {self._redacted(str(error))}.", hint="Correct it in reconcile.yaml."
            ) from None

    def _once(
        self,
        operation: Operation,
        request: httpx.Request,
        decode: Callable[[Any], Any] | None,
        private: Callable[[], Iterable[str]],
        ticket: Ticket | None,
    ) -> Any:
        with self._turn(ticket), self._translated(operation, request.url.host):
            began = self.time.now()
            answer = self._received(request)
            self.time.note(began, answer.headers)
        try:
            if decode is None and answer.status_code in DONE and not _is_page(answer):
                return None
            decoded = self._decoded(operation, answer)
            return decode(decoded) if decode is not None else None
        except ApiError as error:
            # What the platform says may repeat what it was sent, key and people included.
            texts = tuple(private())
            error.args = (without_people(self._redacted(str(error)), texts),)
            error.diagnostics = tuple(
                replace(found, detail=without_people(self._redacted(found.detail), texts))
                for found in error.diagnostics
            )
            raise

    def _received(self, request: httpx.Request) -> httpx.Response:
        """The whole answer, within the bounds of one call."""
        answer = exchange(self._http, request, self._bounds)
        if self.watch is not None:
            self.watch(
                request.method, str(request.url), request.content, answer.status_code, answer.headers, answer.content
            )
        return answer

    @contextmanager
    def _translated(self, operation: Operation, host: str) -> Iterator[None]:
        try:
            yield
        except (*_NOT_SENT, UnicodeError) as error:  # the latter: a name that can be no host's
            raise Unreachable(
                f"{operation.name}: {host} can't be reached ({self._redacted(_reason(error))}).",
                hint="Check the provider's url and the network; run again.",
            ) from None
        except httpx.TimeoutException:
            raise UnknownOutcome(
                f"{operation.name}: {host} did not answer within {self._pace.timeout:g} seconds."
            ) from None
        except OutOfBounds as error:
            raise (TooLarge if isinstance(error, TooMuch) else OutsideBounds)(
                f"{operation.name}: {host} {error}, so it was not read.",
                hint="Check the provider's url; if it is right, the platform or a proxy has a problem.",
            ) from None
        except httpx.HTTPError as error:
            raise UnknownOutcome(
                f"{operation.name}: the connection to {host} broke ({self._redacted(_reason(error))})."
            ) from None

    def _decoded(self, operation: Operation, answer: httpx.Response) -> Any:
        status = answer.status_code
        if status == 407 or (status == 403 and _is_page(answer)):
            raise Rejected(
                f"{operation.name}: something between here and the platform, such as a proxy, refuses the call "
                f"(HTTP {status}, {'a page instead of JSON' if _is_page(answer) else 'before the platform'}).",
                status,
                hint="The credentials were not judged. Let whoever runs the network open the way to the provider's "
                "url, or set HTTPS_PROXY and NO_PROXY; if there is no proxy, the platform shuts this address out.",
            )
        if status in (401, 403):
            raise Unauthorised(
                f"{operation.name}: the platform refuses the credentials (HTTP {status}).", hint=self._refusal
            )
        if status == 429 or (status == 503 and "retry-after" in answer.headers):
            # Both say that the call was not carried out, and neither proves it.
            what = "asked too often" if status == 429 else "the platform is not available for now"
            raise RateLimited(f"{operation.name}: {what} (HTTP {status}).", _retry_after(answer))
        if 300 <= status < 400 and "location" in answer.headers:
            raise Rejected(
                f"{operation.name}: the platform sends the call on to {_host(answer)} (HTTP {status}), which is never "
                "followed.",
                status,
                hint="Check the provider's url: its scheme, its host and its path.",
            )
        if status >= 500:
            raise Unusable(f"{operation.name}: the platform failed (HTTP {status}).")
        try:
            content = self._parsed(answer.content)
        except Excess as error:
            raise TooLarge(
                f"{operation.name}: the platform gave {error} (HTTP {status}), so it was not read.",
                hint="Check the provider's url; if it is right, the platform or a proxy has a problem.",
            ) from None
        except Repeated as error:
            if status >= 300:  # refused, whatever it says
                raise Rejected(f"{operation.name}: HTTP {status}.", status) from None
            raise ambiguous(operation.name, error.place) from None
        except ValueError:
            raise self._unreadable(operation, answer) from None
        if status < 300 and status not in (DONE if operation.write else TOLD):
            raise Unusable(f"{operation.name}: HTTP {status} is no whole answer.", hint=_AMISS)
        if status >= 300:
            message = told(content)
            raise Rejected(f"{operation.name}: HTTP {status}{f': {message}' if message else ''}.", status)
        return content

    def _unreadable(self, operation: Operation, answer: httpx.Response) -> ApiError:
        kind = answer.headers.get("content-type", "").split(";")[0] or "no content type"
        start = answer.content[:1]
        what = (
            "an empty answer"
            if not start
            else "HTML instead of JSON"
            if _is_page(answer)
            else f"an answer that is cut short or no JSON ({kind}, {len(answer.content)} bytes)"
        )
        detail = f"{operation.name}: the platform gave {what} (HTTP {answer.status_code})."
        status = answer.status_code
        return Unusable(detail, hint=_AMISS) if status < 300 else Rejected(detail, status, hint=_AMISS)

    def _parsed(self, content: bytes) -> Any:
        return without(parse(content), content, self._all_secrets())

    def _redacted(self, text: str) -> str:
        return masked(text, self._all_secrets())

    def _all_secrets(self) -> tuple[str, ...]:
        return (*self._secrets, *(self._auth.secrets() if self._auth is not None else ()))


def _is_page(answer: httpx.Response) -> bool:
    return answer.content.lstrip()[:1] == b"<"


def _host(answer: httpx.Response) -> str:
    """Where an answer sends on to; httpx has seen that it is a URL."""
    host = answer.request.url.join(answer.headers["location"]).host
    return host if re.fullmatch(r"[A-Za-z0-9.:-]{1,253}", host) else "another address"


def _retry_after(answer: httpx.Response) -> float | None:
    """The seconds that the platform asks to wait, if it says so in seconds or as a date; five minutes at the most."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _LONGEST_ASKED)
    try:
        # By the platform's own clock, if it tells the time.
        now = parsedate_to_datetime(answer.headers["date"]).timestamp() if "date" in answer.headers else time.time()
        return min(max(0.0, parsedate_to_datetime(text).timestamp() - now), _LONGEST_ASKED)
    except (ValueError, TypeError, OverflowError):
        return None


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
