"""Shared by the API clients: httpx set-up, retries by class, pacing, redaction, and httpx's errors made ours.

Certificates are always verified; redirects are never followed, since a followed GET may act twice or elsewhere.
"""

import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx

from reconcile.errors import ApiError, InvalidInput, Refused, Unauthorised, UnknownOutcome, Unreachable
from reconcile.model.assumption import Answer
from reconcile.model.call import Operation, Retry
from reconcile.network import Network
from reconcile.providers.bounds import ENCODINGS, Bounds, OutOfBounds, exchange
from reconcile.providers.personal import without_people
from reconcile.providers.shapes import Misfit, parse

# httpx logs whole addresses at INFO, and a GET carries its key there.
logging.getLogger("httpx").setLevel(logging.WARNING)

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


class Rejected(ApiError):
    """The platform answered with an error."""

    def __init__(self, detail: str, status: int, *, hint: str | None = None) -> None:
        super().__init__(detail, hint=hint)
        self.status = status


@dataclass(frozen=True, slots=True)
class Pace:
    """How a client goes about its calls; times in seconds.

    ``attempts`` counts the first one; waits grow from ``wait`` to ``longest_wait``, with as much again of jitter.
    """

    concurrency: int = 4
    requests_per_second: float | None = None
    timeout: float = 60.0
    attempts: int = 5
    wait: float = 0.5
    longest_wait: float = 20.0


class Auth(httpx.Auth):
    """Signs requests; ``secrets`` gives what no message may repeat."""

    def secrets(self) -> tuple[str, ...]:
        """The credentials, and what was got for them."""
        return ()


class Transport:
    """Sends requests for the operations of one provider; safe to use from several threads.

    ``may_send`` is the run's right to calls through which somebody gets mail; without it they are refused here.
    ``secrets`` are replaced in every message. ``auth`` signs requests, ``refusal`` says what to do when the platform
    refuses the credentials.
    """

    def __init__(
        self,
        *,
        pace: Pace,
        may_send: bool,
        secrets: tuple[str, ...] = (),
        transport: httpx.BaseTransport | None = None,
        auth: "Auth | None" = None,
        bounds: Bounds | None = None,
        refusal: str = "Check the provider's key and that its environment variable is set to the right account's.",
    ) -> None:
        limits = httpx.Limits(max_connections=min(pace.concurrency, 16), max_keepalive_connections=16)
        self._http = httpx.Client(
            transport=transport or Network(limits),
            timeout=pace.timeout,
            headers={"Accept": "application/json", "Accept-Encoding": ENCODINGS},
            auth=auth,
        )
        self._auth = auth
        self._bounds = bounds
        self._refusal = refusal
        self._pace = pace
        self._may_send = may_send
        self._secrets = tuple(secret for secret in secrets if secret)
        self._slots = threading.BoundedSemaphore(pace.concurrency)
        self._limiter = _limiter(pace.requests_per_second)

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
    ) -> Any:
        """The decoded JSON answer, after the retries that the operation's class allows.

        ``verb`` is the operation's unless given; an ``empty`` answer is None. ``private`` gives what the call says of
        people, which no message repeats; it is asked for only after an error.

        Raises:
            Refused: the call sends mail and the run may not.
            Unreachable: never sent. UnknownOutcome: maybe carried out. Unauthorised: refused credentials.
            Rejected: any other answer that is no success, with its status. ApiError: raised by ``decode``.
        """
        if (operation.sends or sends) and not self._may_send:
            raise Refused(
                f"{operation.name} may make people get mail, and this run has not the right to send.",
                hint="Give it with --allow-send, or set policy.sends to allow.",
            )
        import stamina

        for attempt in stamina.retry_context(
            on=lambda error: _again(error, operation.retry),
            attempts=1 if operation.retry is Retry.NEVER else self._pace.attempts,
            timeout=None,
            wait_initial=self._pace.wait,
            wait_max=self._pace.longest_wait,
            wait_jitter=self._pace.wait,
        ):
            with attempt:
                request = self._built(verb or operation.verb, url, params=params, json=body, headers=headers)
                return self._once(operation, request, None if empty else decode, private)
        raise AssertionError("stamina gives at least one attempt")

    def look(
        self,
        operation: Operation,
        url: str,
        *,
        verb: str | None = None,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """What a read answers, whatever that is and once only: nothing is checked, and an error is an answer, too.

        Raises:
            Unauthorised: refused credentials. ApiError: nothing came, or nothing that could be read.
        """
        assert not operation.write, "a write has to be understood"  # noqa: S101  # a slip in our own code
        request = self._built(verb or operation.verb, url, params=params, json=body, headers=headers)
        if self._limiter is not None:
            self._limiter()
        with self._slots, self._translated(operation, request.url.host):
            answer = self._received(request)
        if answer.status_code in (401, 403) and not _is_page(answer):
            self._decoded(operation, answer)
        try:
            content = parse(answer.content) if answer.content else None
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
    ) -> Any:
        if self._limiter is not None:
            self._limiter()
        with self._slots, self._translated(operation, request.url.host):
            answer = self._received(request)
        try:
            if decode is None and answer.is_success and not _is_page(answer):
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
        return exchange(self._http, request, self._bounds)

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
            raise OutsideBounds(
                f"{operation.name}: {host} {error}, so it was not read.",
                hint="Check the provider's url; if it is right, the platform or a proxy has a problem.",
            ) from None
        except httpx.HTTPError as error:
            raise UnknownOutcome(
                f"{operation.name}: the connection to {host} broke ({self._redacted(_reason(error))})."
            ) from None

    def _decoded(self, operation: Operation, answer: httpx.Response) -> Any:
        status = answer.status_code
        if status in (401, 403):
            raise Unauthorised(
                f"{operation.name}: the platform refuses the credentials (HTTP {status}).", hint=self._refusal
            )
        if status == 429 or (status == 503 and "retry-after" in answer.headers):
            # Both say that the call was not carried out.
            what = "asked too often" if status == 429 else "the platform is not available for now"
            raise RateLimited(f"{operation.name}: {what} (HTTP {status}).", _retry_after(answer))
        if status >= 500:
            raise UnknownOutcome(f"{operation.name}: the platform failed (HTTP {status}).")
        try:
            content = parse(answer.content)
        except ValueError:
            raise self._unreadable(operation, answer) from None
        if status >= 300:
            message = _message(content)
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
        hint = "Check the provider's url; if it is right, the platform or a proxy has a problem: run again later."
        status = answer.status_code
        return UnknownOutcome(detail, hint=hint) if status < 300 else Rejected(detail, status, hint=hint)

    def _redacted(self, text: str) -> str:
        for secret in (*self._secrets, *(self._auth.secrets() if self._auth is not None else ())):
            text = text.replace(secret, "***")
        return text


def _is_page(answer: httpx.Response) -> bool:
    return answer.content.lstrip()[:1] == b"<"


def _message(content: Any) -> str | None:
    """What a refusal says, whatever the member is called; with what it says of single members (``modelState``)."""
    if not isinstance(content, Mapping):
        return None
    lower = {str(name).lower(): value for name, value in content.items()}
    inner = lower.get("error")
    found = (
        lower.get("errormessage")
        or lower.get("message")
        or (inner.get("message") if isinstance(inner, Mapping) else lower.get("error_description") or inner)
    )
    fields = lower.get("modelstate")
    if isinstance(fields, Mapping) and fields:
        found = f"{found} ({'; '.join(f'{name}: {_joined(texts)}' for name, texts in fields.items())})"
    return str(found)[:500].rstrip(".") if found else None


def _joined(texts: Any) -> str:
    return ", ".join(map(str, texts)) if isinstance(texts, list | tuple) else str(texts)


def _again(error: Exception, retry: Retry) -> bool | float:
    """Whether, or after how many seconds, to try again after an error: stamina's back-off hook."""
    if retry is Retry.NEVER:
        return False
    if isinstance(error, Unreachable):
        return True
    if isinstance(error, Misfit | OutsideBounds):
        return False  # it would be the same again
    if isinstance(error, RateLimited) and error.wait is not None:
        # Not carried out, so that the call may be repeated unseen.
        return error.wait
    return retry is not Retry.LOOKUP and isinstance(error, UnknownOutcome)


def _retry_after(answer: httpx.Response) -> float | None:
    """The seconds that the platform asks to wait, if it says so in seconds."""
    text = answer.headers.get("retry-after", "")
    return min(float(text), 300.0) if re.fullmatch(r"[0-9]{1,9}", text) else None


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _limiter(requests_per_second: float | None) -> Callable[[], object] | None:
    """Blocks until the next request may go out: at most so many in any second."""
    if not requests_per_second:
        return None
    from pyrate_limiter import Limiter, Rate

    # A bucket of whole requests: 0.5 a second is one in two.
    rate = Rate(max(1, int(requests_per_second)), round(1000 * max(1, 1 / requests_per_second)))
    limiter = Limiter(rate)
    return lambda: limiter.try_acquire("requests")
