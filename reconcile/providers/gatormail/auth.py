"""Sign-in: OAuth2 by password or refresh token with Basic client credentials, one cached token, one replay on 401.

A 401 from the API means that the call was refused before it ran, so that one replay is safe for every operation. A 403
never causes a login, and a refused login is never repeated, since a wrong password too often may lock the account
(reference, section 3). Access tokens are kept in memory only; a refresh token that the
service renews is on disk before it is used.
"""

import base64
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol
from urllib.parse import quote, quote_plus

import httpx

from reconcile.errors import ApiError, Unauthorised, Unreachable
from reconcile.masks import masked
from reconcile.model.call import TOLD
from reconcile.network import Network
from reconcile.providers.bounds import ENCODINGS, OutOfBounds, exchange
from reconcile.providers.shapes import parse
from reconcile.providers.transport import Auth

_EARLY = 60.0  # seconds before a token's end at which it is renewed
_LIFETIME = 3600.0  # where the answer doesn't say
_LONGEST = 86_400.0  # for which a token is believed
_PASSING = ("temporarily_unavailable", "server_error", "slow_down")  # refusals that say nothing of the credentials
_WRONG_ADDRESS = "Check tokenUrl: it is the address of the token service, and ends with /connect/token by default."
_ADDRESSES = (
    "The sign-on service can also refuse an address that it does not know (IP authentication): confirm this machine "
    "there, or have its address allowed."
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signs in, and where; ``url`` is the token address."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    username: str
    password: str = field(repr=False)
    scope: str
    refresh_token: str = field(default="", repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may repeat: the credentials, also as they stand in a header and in a form."""
        pair = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode().rstrip("=")
        own = tuple(secret for secret in (self.client_secret, self.password, self.refresh_token) if secret)
        return (pair, *own, *(quote_plus(secret) for secret in own), *(quote(secret, safe="") for secret in own))


class TokenStore(Protocol):
    """Where a refresh token is kept that took the place of the one that was given."""

    def read(self) -> str | None: ...

    def write(self, token: str) -> None:
        """Keep it; it is on disk when this returns."""


class PasswordGrant(Auth):
    """Signs requests with one token for an identity, shared by all threads and clients that are given this object.

    An identity with a refresh token (a client of the APP kind) signs in by that, one without by its password.
    ``transport`` is the way to the token address where it is not the network; ``clock`` gives UNIX seconds.
    ``store`` keeps a refresh token that was renewed, before it is used.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.time,
        timeout: float = 60.0,
        store: TokenStore | None = None,
    ) -> None:
        self._identity = identity
        self._store = store
        self._renewed = ""
        self._transport = transport
        self._clock = clock
        self._timeout = timeout
        self._lock = threading.Lock()
        self._token: str | None = None
        self._tokens: list[str] = []  # all that were got: one that was replaced may still open the door
        self._ends = 0.0
        self._refusal: ApiError | None = None

    def secrets(self) -> tuple[str, ...]:
        """What no message may repeat: the credentials and the token."""
        return (*self._identity.secrets, *self._tokens, *((self._renewed,) if self._renewed else ()))

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign the request; after a 401 sign in anew and replay it once.

        Raises:
            Unauthorised: the login is refused. Unreachable: the token address can't be reached, or failed.
        """
        token = self._current()
        request.headers["Authorization"] = f"Bearer {token}"
        answer = yield request
        if answer.status_code == 401:
            request.headers["Authorization"] = f"Bearer {self._current(instead_of=token)}"
            yield request

    def _current(self, *, instead_of: str | None = None) -> str:
        """A token that is alive for a while; another one than ``instead_of``, which was refused."""
        with self._lock:
            if self._refusal is not None:
                raise self._refusal
            stale = self._token is None or self._token == instead_of or self._ends - self._clock() < _EARLY
            if stale:
                self._token = None
                self._log_in()
            assert self._token is not None  # noqa: S101  # or _log_in would have raised
            return self._token

    def _log_in(self) -> None:
        identity = self._identity
        host = httpx.URL(identity.url).host
        status, token = self._asked(host, self._form())
        said = token.get("error") if isinstance(token, dict) else None
        if said and status in (400, 401):
            more = token.get("error_description")
            reason = masked(f"{said}: {more}" if isinstance(more, str) and more else str(said), self.secrets())
            if said in _PASSING:
                raise Unreachable(f"Signing in: {host} has no time ({reason}).", hint="Run again later.")
            self._refuse(host, reason)
        if status >= 300 and (not isinstance(token, dict) or status >= 500 or status in (408, 429)):
            self._fail(host, status)
        self._keep(host, token)

    def _form(self) -> dict[str, str]:
        identity = self._identity
        if identity.refresh_token:
            kept = self._store.read() if self._store is not None else None
            self._renewed = kept or self._renewed
            grant = {"grant_type": "refresh_token", "refresh_token": kept or identity.refresh_token}
        else:
            grant = {"grant_type": "password", "username": identity.username, "password": identity.password}
        return {**grant, "scope": identity.scope}

    def _asked(self, host: str, form: Mapping[str, str]) -> tuple[int, Any]:
        """Status and JSON of the token address's answer; None where an error has none."""
        identity = self._identity
        pair = f"{identity.client_id}:{identity.client_secret}".encode()
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": ENCODINGS,
            "Authorization": f"Basic {base64.b64encode(pair).decode()}",
        }
        try:
            with httpx.Client(transport=self._transport or Network(), timeout=self._timeout) as http:
                answer = exchange(http, http.build_request("POST", identity.url, data=dict(form), headers=headers))
        except (httpx.HTTPError, OutOfBounds) as error:
            raise Unreachable(
                f"Signing in: {host} can't be reached ({str(error) or type(error).__name__}).",
                hint="Check tokenUrl and the network; run again.",
            ) from None
        try:
            content = parse(answer.content)
        except ValueError:
            content = None
        if answer.is_success and not (isinstance(content, dict) and answer.status_code in TOLD):
            raise ApiError(f"Signing in: {host} gave no JSON object.", hint=_WRONG_ADDRESS)
        return answer.status_code, content

    def _fail(self, host: str, status: int) -> NoReturn:
        """What an answer means that is an error and no JSON object."""
        if status in (401, 403):
            self._refuse(host, f"HTTP {status}")
        if status in (408, 429) or status >= 500:
            raise Unreachable(f"Signing in: {host} failed (HTTP {status}).", hint="Run again later.")
        self._refusal = ApiError(f"Signing in: {host} gave no token (HTTP {status}).", hint=_WRONG_ADDRESS)
        raise self._refusal

    def _keep(self, host: str, token: Any) -> None:
        value = token.get("access_token") if isinstance(token, dict) else None
        if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
            self._refusal = ApiError(f"Signing in: {host} gave no access_token.", hint=_WRONG_ADDRESS)
            raise self._refusal
        self._rotate(token.get("refresh_token"))
        lifetime = token.get("expires_in")
        timed = isinstance(lifetime, int | float) and not isinstance(lifetime, bool) and lifetime > 0
        self._tokens = [*self._tokens[-3:], value]
        self._token, self._ends = value, self._clock() + (min(float(lifetime), _LONGEST) if timed else _LIFETIME)

    def _rotate(self, renewed: Any) -> None:
        """Keep the refresh token that takes the place of the one just used, before anything else is done."""
        if self._identity.refresh_token and isinstance(renewed, str) and renewed and self._store is not None:
            self._store.write(renewed)
            self._renewed = renewed

    def _refuse(self, host: str, reason: str) -> NoReturn:
        self._refusal = Unauthorised(
            f"Signing in: {host} refuses the login ({reason}).",
            hint=f"Check tokenUrl, clientId, clientSecret and username and password, or refreshToken. {_ADDRESSES}",
        )
        raise self._refusal
