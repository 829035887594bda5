"""Sign-in: the OAuth2 password grant with Basic client credentials, one cached token, one replay on 401.

A 401 from the API means that the call was refused before it ran, so that one replay is safe for every operation. A 403
never causes a login, and a refused login is never repeated, since a wrong password too often may lock the account
(reference, section 3). Tokens are kept in memory only.
"""

import base64
import threading
import time
import warnings
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus

import httpx

from reconcile.errors import ApiError, Unauthorised, Unreachable
from reconcile.network import Network
from reconcile.providers.transport import Auth

_EARLY = 60.0  # seconds before a token's end at which it is renewed
_LIFETIME = 3600.0  # where the answer doesn't say
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

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may repeat: the credentials, also as they stand in a header and in a form."""
        pair = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode().rstrip("=")
        own = (self.client_secret, self.password)
        return (pair, *own, *(quote_plus(secret) for secret in own), *(quote(secret, safe="") for secret in own))


class PasswordGrant(Auth):
    """Signs requests with one token for an identity, shared by all threads and clients that are given this object.

    ``transport`` is the way to the token address where it is not the network; ``clock`` gives UNIX seconds.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.time,
        timeout: float = 60.0,
    ) -> None:
        self._identity = identity
        self._transport = transport
        self._clock = clock
        self._timeout = timeout
        self._lock = threading.Lock()
        self._token: str | None = None
        self._ends = 0.0
        self._refusal: ApiError | None = None

    def secrets(self) -> tuple[str, ...]:
        """What no message may repeat: the credentials and the token."""
        return (*self._identity.secrets, *((self._token,) if self._token else ()))

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
        OAuth2Client, OAuthError = _authlib()  # noqa: N806  # classes
        identity = self._identity
        host = httpx.URL(identity.url).host
        try:
            with OAuth2Client(
                _octets(identity.client_id),
                _octets(identity.client_secret),
                scope=identity.scope,
                token_endpoint_auth_method="client_secret_basic",  # noqa: S106  # a method's name
                transport=self._transport or Network(),
                timeout=self._timeout,
            ) as client:
                token: Any = client.fetch_token(
                    identity.url, grant_type="password", username=identity.username, password=identity.password
                )
        except OAuthError as error:
            reason = f"{error.error}: {error.description}" if error.description else str(error.error)
            if error.error in _PASSING:
                raise Unreachable(f"Signing in: {host} has no time ({reason}).", hint="Run again later.") from None
            self._refuse(host, reason)
        except httpx.HTTPStatusError as error:
            self._fail(host, error.response.status_code)
        except httpx.HTTPError as error:
            raise Unreachable(
                f"Signing in: {host} can't be reached ({str(error) or type(error).__name__}).",
                hint="Check tokenUrl and the network; run again.",
            ) from None
        except (TypeError, ValueError):  # no JSON, or none that is an object
            raise ApiError(f"Signing in: {host} gave no JSON object.", hint=_WRONG_ADDRESS) from None
        self._keep(host, token)

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
        if not isinstance(value, str) or not value:
            self._refusal = ApiError(f"Signing in: {host} gave no access_token.", hint=_WRONG_ADDRESS)
            raise self._refusal
        lifetime = token.get("expires_in")
        seconds = float(lifetime) if isinstance(lifetime, int | float) and lifetime > 0 else _LIFETIME
        self._token, self._ends = value, self._clock() + seconds

    def _refuse(self, host: str, reason: str) -> NoReturn:
        for secret in self._identity.secrets:
            reason = reason.replace(secret, "***")
        self._refusal = Unauthorised(
            f"Signing in: {host} refuses the login ({reason}).",
            hint=f"Check tokenUrl, clientId, clientSecret, username and password. {_ADDRESSES}",
        )
        raise self._refusal


def _octets(text: str) -> str:
    """A text as Authlib takes it, which writes the Basic header in Latin-1: sent are the bytes of UTF-8."""
    return text.encode().decode("latin-1")


def _authlib() -> tuple[Any, Any]:
    """Authlib's client and its error. It says at import that it would rather be used with httpx's successor."""
    with warnings.catch_warnings():
        from authlib.deprecate import AuthlibDeprecationWarning  # which has itself always shown

        warnings.simplefilter("ignore", AuthlibDeprecationWarning)
        from authlib.integrations.base_client import OAuthError
        from authlib.integrations.httpx_client import OAuth2Client
    return OAuth2Client, OAuthError
