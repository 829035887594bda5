"""GatorMail as a provider: requests in, answers out.

A call passes these gates in order: token, scope and instance, is there such a route, does it answer this verb, is the
version known, is there a length, does the instance have the capability, can the body be read. Then the operation runs
in one transaction.

Control calls for all instances: ``POST tokens/expire``, ``GET switches`` and ``POST switches``; those of one instance
are in ``backoffice``.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx

from reconcile.sandbox.clock import Clock
from reconcile.sandbox.distortions import Distortions
from reconcile.sandbox.gatormail import backoffice, lifecycle, tokens
from reconcile.sandbox.gatormail.contract import Contract, Route
from reconcile.sandbox.gatormail.document import OPERATIONS, Described
from reconcile.sandbox.gatormail.instance import Instance, zone_of
from reconcile.sandbox.gatormail.operations import ACKNOWLEDGING, NEEDS, Arguments, carry_out
from reconcile.sandbox.gatormail.reply import ApiError, OAuthError, refused, sign_on_refused, switched_off
from reconcile.sandbox.gatormail.tokens import Login
from reconcile.sandbox.gatormail.wire import Reader, Writer
from reconcile.sandbox.provider import Call, ControlError
from reconcile.sandbox.store import Store
from reconcile.sandbox.switches import CAPABILITIES, GATORMAIL, Switches

_PREFIX = "/gatormail/"
_TOKEN = "/oauth/core/connect/token"  # noqa: S105 - a path


@dataclass(frozen=True, slots=True)
class GatorMailSetup:
    """How GatorMail is set up.

    ``logins`` are the clients and users there are; without them every non-empty one opens every instance. ``contract``
    overrides rows of the contract table, ``cap.*`` keys and their values on and off among them; ``switches`` moves
    switches of GatorMail; ``fields`` are the contact fields that each instance has of its own.
    """

    instances: Sequence[str] = ("example_testlz",)
    logins: Sequence[Login] | None = None
    contract: Mapping[str, Any] | None = None
    switches: Mapping[str, Any] | None = None
    fields: Sequence[str] = ("Region", "CustomerNumber")


@dataclass(frozen=True, slots=True)
class _Found:
    """What a request turned out to ask for."""

    operation: Described
    route: Route
    variables: Mapping[str, str]


class GatorMail:
    """The service under ``/gatormail/{instance}/`` and its sign-on under ``/oauth/core/connect/token``."""

    name = "gatormail"

    def __init__(self, store: Store, clock: Clock, setup: GatorMailSetup) -> None:
        overrides = dict(setup.contract or {})
        positions = {CAPABILITIES[key]: _on(key, overrides.pop(key)) for key in list(overrides) if key in CAPABILITIES}
        self.positions = Switches({**positions, **(setup.switches or {})}, GATORMAIL)
        self.contract = Contract(overrides)
        self._distortions = Distortions(self.positions)
        self._writer = Writer(self.contract, self._distortions)
        self._setup = setup
        self._zone = zone_of(self.contract.text("c.date.zone"))
        self._store = store
        self._clock = clock
        store.add_tables("gm_token", Path(__file__).with_name("tables.sql"))

    @property
    def instances(self) -> list[str]:
        """The names of all instances."""
        return list(self._setup.instances)

    def claims(self, path: str) -> bool:
        """Whether the path is below ``/gatormail/`` or the sign-on's."""
        return path.startswith(_PREFIX) or path.rstrip("/") == _TOKEN

    def read(self, request: httpx.Request) -> Call:
        """Understand a request; what is wrong with it is answered when it is performed."""
        request = self._distortions.received(request)
        call = self._understood(request)
        return replace(call, perform=lambda: self._distortions.instead(call.operation) or call.perform())

    def _understood(self, request: httpx.Request) -> Call:
        if request.url.path.lower().rstrip("/") == _TOKEN:
            names = list(tokens.form_of(request))
            return Call(
                "oauth_token",
                False,
                names,
                None,
                lambda: self._sign_in(request),
                lambda status, message: self._sign_on_failed(sign_on_refused(status, message)),
            )
        instance, parts = _parts(request)
        found = self._find(request.method, parts)
        named = found if isinstance(found, _Found) else None
        return Call(
            named.operation.name if named else "unknown",
            bool(named and named.operation.write),
            _names(request),
            instance,
            lambda: self._answer(request, instance, found),
            lambda status, message: self._failed(refused(status, message)),
        )

    def instance(self, name: str, db: sqlite3.Connection) -> Instance:
        """An instance at this moment, inside a transaction of the caller's."""
        fields = tuple(self._setup.fields)
        return Instance(name, db, self._clock.now(), self.positions, self.contract, self._zone, fields)

    def settle(self) -> None:
        """Carry out what has come due, in all instances."""
        with self._store.transaction(write=False) as db:
            waiting = db.execute(
                "SELECT instance FROM gm_campaign WHERE status IN ('Queued', 'Active') "
                "UNION SELECT instance FROM gm_trigger WHERE state = 'Pending'"
            ).fetchall()
        for (name,) in waiting:
            with self._store.transaction(write=True) as db:
                lifecycle.settle(self.instance(name, db))

    def sends(self) -> list[dict[str, Any]]:
        """Every mail of all instances that went out or would go out."""
        with self._store.transaction(write=False) as db:
            return [row for name in self.instances for row in lifecycle.sends(self.instance(name, db))]

    def control(self, method: str, path: Sequence[str], body: dict[str, Any]) -> Any:
        """Do what a person does in the web interface; see ``backoffice`` for the paths."""
        match (method, *path):
            case ("POST", "tokens", "expire"):
                with self._store.transaction(write=True) as db:
                    tokens.expire(db)
                return {}
            case ("GET", "switches"):
                return list(self.positions.rows())
            case ("POST", "switches"):
                self.positions.set(body)
                return list(self.positions.rows())
        if not path or path[0] not in self.instances:
            raise ControlError(404, f"There is no instance of that name, only {', '.join(self.instances)}.")
        try:
            return self._as_person(path[0], method, list(path[1:]), body)
        except ApiError as error:
            raise ControlError(error.status, error.sentence) from None
        finally:
            self.settle()

    def _as_person(self, name: str, method: str, path: list[str], body: dict[str, Any]) -> Any:
        if path[:2] == ["tokens", "expire"] and method == "POST":
            return self.control(method, path, body)
        if path[:1] != ["api"]:
            with self._store.transaction(write=True) as db:
                return backoffice.control(self.instance(name, db), method, path, body)
        found = self._find(method, path[1:])
        if isinstance(found, ApiError):
            raise found
        _, answer = self._run(found, name, {}, body.get("items", body))
        return {} if answer is None else answer

    def _find(self, method: str, parts: Sequence[str]) -> "_Found | ApiError":
        """The operation at a path, or the error that there is none or none for this verb."""
        routes = self.contract.routes(parts)
        for route, variables in routes:
            posted = route.key in ACKNOWLEDGING and self.positions.flag("acknowledge_by_post")
            if method in ((route.verb, "POST") if posted else (route.verb,)):
                return _Found(OPERATIONS[route.key], route, variables)
        if routes:
            return ApiError(405, "The requested resource does not support this method.")
        return ApiError(404, "No resource was found that matches the request.")

    def _sign_in(self, request: httpx.Request) -> httpx.Response:
        try:
            with self._store.transaction(write=True) as db:
                logins, instances = self._setup.logins, self._setup.instances
                answer = tokens.issue(db, request, self._clock.now(), logins, instances, self.positions)
            return _json(200, self._writer.write("token", answer), {"Cache-Control": "no-store"})
        except OAuthError as error:
            return self._sign_on_failed(error)

    def _answer(self, request: httpx.Request, name: str, found: "_Found | ApiError") -> httpx.Response:
        self.settle()
        try:
            with self._store.transaction(write=False) as db:
                tokens.authorise(db, request, name, self.contract.text("c.auth.scope"), self._clock.now())
            if isinstance(found, ApiError):
                raise found
            self._check(request, name)
            status, answer = self._run(found, name, _query(request), _body(request, found.operation))
        except ApiError as error:
            return self._failed(error)
        self.settle()
        return httpx.Response(status) if answer is None else _json(status, answer)

    def _check(self, request: httpx.Request, name: str) -> None:
        if name not in self.instances:
            raise ApiError(404, f"There is no instance {name}.")
        version = request.headers.get(self.contract.text("c.api.versionHeader"))
        needed = version is None and self.positions.flag("require_api_version")
        if needed or version not in (None, self.contract.text("c.api.version")):
            raise ApiError(400, "The api-version is unknown or missing.")
        if request.method in ("POST", "PUT", "PATCH") and not {"content-length", "transfer-encoding"} & {
            header.lower() for header in request.headers
        }:
            raise ApiError(411, "A length is required.")

    def _run(self, found: _Found, name: str, query: Mapping[str, str], raw: Any) -> tuple[int, Any]:
        """Carry an operation out and write its answer, ``None`` when it has none."""
        operation = found.operation
        needed = NEEDS.get(found.route.key)
        if needed is not None and not self.positions.flag(needed):
            raise switched_off(needed.replace("_", " "))
        with self._store.transaction(write=True) as db:
            instance = self.instance(name, db)
            arguments = Arguments(found.variables, query, self._read(operation, raw), self._distortions)
            answer = carry_out(found.route.key, instance, arguments)
        if not operation.answers:
            return operation.status, None
        writer, shape = self._writer, operation.answers.strip("[]")
        if operation.status == 201 and isinstance(answer.get("id"), int):
            answer = {**answer, "id": self._distortions.made(answer["id"])}
        if operation.answers == shape:
            return operation.status, writer.write(shape, answer)
        return operation.status, self._enveloped([writer.write(shape, each) for each in answer])

    def _read(self, operation: Described, raw: Any) -> Any:
        shape = operation.takes.strip("[]")
        if not shape:
            return None
        reader = Reader(self.contract, self._zone, zoned_dates=not self.positions.flag("reject_zoned_dates"))
        if operation.takes != shape:
            return reader.read_all(shape, raw)
        if operation.name == "gatormail_updateContact":
            # The path names the contact, so that the body needs neither id nor address.
            return reader.read_part(shape, raw)
        return reader.read(shape, raw)

    def _enveloped(self, rows: list[Any]) -> Any:
        path = self.contract.text("c.list.itemsPath")
        if not path and self.positions.text("list_envelope") == "items":
            path = "items"
        answer: Any = rows
        for name in reversed(path.split(".") if path else []):
            answer = {name: answer}
        return answer

    def _sign_on_failed(self, error: OAuthError) -> httpx.Response:
        members = {"error": error.error, "errorDescription": error.description}
        return _json(error.status, self._writer.write("oauthError", members), {"Cache-Control": "no-store"})

    def _failed(self, error: ApiError) -> httpx.Response:
        value: dict[str, Any] = {"message": error.message}
        if error.model_state:
            value["modelState"] = error.model_state
        headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
        return self._distortions.answered(_json(error.status, self._writer.write("error", value), headers))


def _on(key: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value not in ("on", "off"):
        raise ValueError(f"{key} should be on or off")
    return bool(value == "on")


def _parts(request: httpx.Request) -> tuple[str, list[str]]:
    """The instance and the path's segments behind it; a slash at the end makes no difference."""
    path = request.url.raw_path.decode("ascii").partition("?")[0]
    parts = [unquote(part) for part in path.split("/") if part]
    return (parts[1] if len(parts) > 1 else "", parts[2:])


def _query(request: httpx.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.url.params.multi_items()}


def _names(request: httpx.Request) -> list[str]:
    """The names that were sent, in the query and at the top of the body; values may be personal."""
    try:
        body = json.loads(request.read() or b"{}")
    except (ValueError, RecursionError):
        body = {}
    return [*request.url.params, *(body if isinstance(body, dict) else ())]


def _body(request: httpx.Request, operation: Described) -> Any:
    """The body as parsed; one that an operation does not take is not looked at."""
    if not operation.takes:
        return None
    try:
        return json.loads(request.read())
    except (ValueError, RecursionError):
        raise ApiError(400, "The request is invalid", {"body": ["Should be JSON"]}) from None


def _json(status: int, value: Any, headers: Mapping[str, str] | None = None) -> httpx.Response:
    content = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return httpx.Response(
        status, content=content, headers={"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    )
