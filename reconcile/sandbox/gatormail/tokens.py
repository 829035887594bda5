"""Signing in (reference OpenAPI document, operation oauth_token): the password grant with Basic client credentials.

Tokens live 3600 seconds on the sandbox's clock and are kept as digests only. Which logins there are is the set-up's
business; without any, every non-empty client, secret, user and password opens every instance.
"""

import base64
import hashlib
import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import httpx

from reconcile.sandbox.gatormail.reply import ApiError, OAuthError, refused
from reconcile.sandbox.switches import Switches

LIFETIME = 3600
_REFRESH_LIFETIME = 180 * 86_400  # about six months (reference, Authentication: the APP kind)


@dataclass(frozen=True, slots=True)
class Login:
    """A client of the sign-on portal, the user that it signs in, and the instances that this opens."""

    client_id: str
    client_secret: str
    username: str
    password: str
    instances: Sequence[str]


def form_of(request: httpx.Request) -> dict[str, str]:
    """The members of a form body; one that is none is empty."""
    return dict(parse_qsl(request.read().decode("utf-8", "replace"), keep_blank_values=True))


def issue(
    db: sqlite3.Connection,
    request: httpx.Request,
    now: int,
    logins: Sequence[Login] | None,
    instances: Sequence[str],
    positions: Switches,
) -> dict[str, Any]:
    """Answer a token request, or raise ``OAuthError``."""
    form = form_of(request)
    client = _client(request, logins, positions)
    grant = form.get("grant_type", "")
    if grant == "refresh_token" and positions.flag("refresh_tokens"):
        opened = _reopened(db, form.get("refresh_token", ""), client[0], now, instances if logins is None else ())
        if positions.flag("refresh_token_ends"):
            _spend(db, form["refresh_token"], client[0], now)
    elif grant == "password":
        opened = _opened(form, client, logins, instances)
    else:
        raise OAuthError("unsupported_grant_type", "The grant type is not offered to this client.")
    scope = form.get("scope", "")
    if not scope.strip():
        raise OAuthError("invalid_scope", "A scope is required.")
    return _answer(db, client[0], opened, scope, now, refresh=positions.flag("refresh_tokens"))


def authorise(db: sqlite3.Connection, request: httpx.Request, instance: str, scope: str, now: int) -> None:
    """Let a call through whose bearer token is alive, has the scope and opens the instance, else ``ApiError``."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    row = _known(db, token.strip(), "access", now) if kind.lower() == "bearer" else None
    if row is None:
        raise refused(401)
    # The first words of the scope string, such as openid, are the sign-on service's own.
    if scope.split()[-1] not in row["scope"].split():
        raise ApiError(403, "The token lacks the scope of this API.")
    if instance not in json.loads(row["instances"]):
        raise ApiError(403, "The token is not for this instance.")


def expire(db: sqlite3.Connection) -> None:
    """All access tokens become invalid at once."""
    db.execute("DELETE FROM gm_token WHERE kind = 'access'")


def _client(request: httpx.Request, logins: Sequence[Login] | None, positions: Switches) -> tuple[str, str]:
    """The client's id and secret from the Basic header."""
    kind, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        decoded = base64.b64decode(encoded, validate=True).decode() if kind.lower() == "basic" else ""
    except ValueError:
        decoded = ""
    raw_id, colon, raw_secret = decoded.partition(":")
    client = (raw_id, raw_secret)
    known = all(client) if logins is None else any(_same(client, login) for login in logins)
    if not colon or not known:
        raise OAuthError("invalid_client", "The client or its secret is wrong.", positions.number("bad_client_status"))
    return client


def _same(client: tuple[str, str], login: Login) -> bool:
    """Whether these are the login's credentials, as such or URL-encoded, which OAuth asks for."""
    wanted = (login.client_id, login.client_secret)
    return client == wanted or tuple(unquote_plus(part) for part in client) == wanted


def _opened(
    form: Mapping[str, str], client: tuple[str, str], logins: Sequence[Login] | None, instances: Sequence[str]
) -> list[str]:
    """The instances that user and password open for the client."""
    username, password = form.get("username", ""), form.get("password", "")
    if logins is None:
        found = list(instances) if username and password else []
    else:
        own = [
            each for each in logins if _same(client, each) and (each.username, each.password) == (username, password)
        ]
        found = [name for login in own for name in login.instances]
    if not found:
        raise OAuthError("invalid_grant", "The user name or password is wrong.")
    return found


def _reopened(db: sqlite3.Connection, token: str, client: str, now: int, every: Sequence[str]) -> list[str]:
    """The instances that a refresh token opens for the client.

    One that was never issued here came from the vendor's support, as clients of the APP kind have it; where any login
    opens ``every`` instance, so does that.
    """
    row = db.execute("SELECT * FROM gm_token WHERE digest = ?", (_digest(token),)).fetchone()
    if row is None and token:
        found = list(every)
    else:
        alive = row is not None and row["kind"] == "refresh" and row["expires"] > now and row["identity"] == client
        found = json.loads(row["instances"]) if alive else []
    if not found:
        raise OAuthError("invalid_grant", "The refresh token is unknown or has expired.")
    return found


def _spend(db: sqlite3.Connection, token: str, client: str, now: int) -> None:
    """A refresh token that was used is not taken again."""
    row = (_digest(token), "spent", "[]", "", client, now + _REFRESH_LIFETIME)
    db.execute("INSERT OR REPLACE INTO gm_token VALUES (?, ?, ?, ?, ?, ?)", row)


def _answer(
    db: sqlite3.Connection, client: str, instances: Sequence[str], scope: str, now: int, *, refresh: bool
) -> dict[str, Any]:
    db.execute("DELETE FROM gm_token WHERE expires <= ? AND kind = 'access'", (now,))
    answer: dict[str, Any] = {"expiresIn": LIFETIME, "tokenType": "Bearer"}
    answer["accessToken"] = _keep(db, "access", client, instances, scope, now + LIFETIME)
    if refresh:
        answer["refreshToken"] = _keep(db, "refresh", client, instances, scope, now + _REFRESH_LIFETIME)
    return answer


def _keep(db: sqlite3.Connection, kind: str, client: str, instances: Sequence[str], scope: str, expires: int) -> str:
    token = secrets.token_urlsafe(32)
    row = (_digest(token), kind, json.dumps(list(instances)), scope, client, expires)
    db.execute("INSERT INTO gm_token VALUES (?, ?, ?, ?, ?, ?)", row)
    return token


def _known(db: sqlite3.Connection, token: str, kind: str, now: int) -> sqlite3.Row | None:
    sql = "SELECT * FROM gm_token WHERE digest = ? AND kind = ? AND expires > ?"
    row: sqlite3.Row | None = db.execute(sql, (_digest(token), kind, now)).fetchone()
    return row


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
