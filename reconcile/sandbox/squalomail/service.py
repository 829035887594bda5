"""SqualoMail as a provider: requests in, answers out.

A call passes these gates in order: is there such a function, does it answer this verb, does the client take JSON, can
the arguments be read, has somebody this key. Then the function runs in one transaction.
"""

import sqlite3
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import httpx

from reconcile.sandbox.clock import Clock
from reconcile.sandbox.distortions import Distortions
from reconcile.sandbox.provider import Call, ControlError
from reconcile.sandbox.squalomail import backoffice, due, sending
from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.squalomail.arguments import Arguments
from reconcile.sandbox.squalomail.distorted import distorted
from reconcile.sandbox.squalomail.functions import FUNCTIONS, Function
from reconcile.sandbox.squalomail.reply import ApiError, encode, encode_error, refused, unauthorised
from reconcile.sandbox.store import Store
from reconcile.sandbox.switches import Switches

_PREFIX = "/squalomail/v1/"


class SqualoMail:
    """The service under ``/squalomail/v1/``; ``accounts`` maps keys to application ids, ``None`` takes any key."""

    name = "squalomail"

    def __init__(
        self,
        store: Store,
        clock: Clock,
        switches: Switches,
        *,
        accounts: Mapping[str, str] | None,
        account: str,
        seed: int,
    ) -> None:
        self._store = store
        store.add_tables("list", Path(__file__).with_name("tables.sql"))
        self._clock = clock
        self._switches = switches
        self._distortions = Distortions(switches)
        self._accounts = None if accounts is None else dict(accounts)
        self._account = account
        self._random = Random(seed)  # noqa: S311 - list colours, no secrets
        self._copies: deque[tuple[float, sqlite3.Connection]] = deque()

    @property
    def app_ids(self) -> list[str]:
        """The application ids of all accounts."""
        return [self._account] if self._accounts is None else list(dict.fromkeys(self._accounts.values()))

    def claims(self, path: str) -> bool:
        """Whether the path is below ``/squalomail/v1/``."""
        return path.startswith(_PREFIX)

    def read(self, request: httpx.Request) -> Call:
        """Understand a request; one that fails before its function runs fails when performed."""
        request = self._distortions.received(request)
        call = self._understood(request)
        return replace(call, perform=lambda: self._distortions.instead(call.operation) or self._distorted(call))

    def _distorted(self, call: Call) -> httpx.Response:
        """The answer, distorted where switches say so."""
        answer = call.perform()
        if self._distortions.active:
            answer = distorted(self._distortions, call.operation, self._distortions.answered(answer))
        return answer

    def _understood(self, request: httpx.Request) -> Call:
        operation = request.url.path.lower().removeprefix(_PREFIX).rstrip("/")
        function = FUNCTIONS.get(operation)
        arguments, app_id = Arguments({}, self._switches), None
        try:
            function = self._permitted(function, operation, request)
            arguments = Arguments.of(request, self._switches)
            app_id = self._authorised(arguments.key)
        except ApiError as error:
            failed = encode_error(error, self._switches.text("error_status"))
            if error.status == 405 and function:
                failed.headers["Allow"] = ", ".join(sorted(self._verbs(function)))
            return Call(operation, bool(function and function.write), arguments.names, app_id, lambda: failed, refused)
        return Call(
            operation,
            function.write,
            arguments.names,
            app_id,
            lambda: self._perform(function, app_id, arguments),
            refused,
        )

    def account(self, app_id: str, db: sqlite3.Connection) -> Account:
        """An account at this moment, inside a transaction of the caller's."""
        return Account(app_id, db, self._clock.now(), self._switches, self._random)

    def settle(self) -> None:
        """Carry out sendings and imports that have come due, of all accounts in the store."""
        until = self._clock.now() + self._switches.number("queue_lead_seconds")
        with self._store.transaction(write=False) as db:
            waiting = db.execute(
                "SELECT account FROM mail WHERE published = 2 AND senddate <= ? "
                "UNION SELECT account FROM job WHERE done IS NULL AND due <= ?",
                (until, self._clock.now()),
            ).fetchall()
        for (app_id,) in waiting:
            with self._store.transaction(write=True) as db:
                due.settle(self.account(app_id, db))

    def sends(self) -> list[dict[str, Any]]:
        """Every mail of all accounts that went out or would go out."""
        with self._store.transaction(write=False) as db:
            return [row for app_id in self.app_ids for row in sending.sends(self.account(app_id, db))]

    def control(self, method: str, path: Sequence[str], body: dict[str, Any]) -> Any:
        """Do what a person does in the web interface of an account; see ``backoffice`` for the paths."""
        if not path or path[0] not in self.app_ids:
            raise ControlError(404, f"There is no account of that name, only {', '.join(self.app_ids)}.")
        try:
            with self._store.transaction(write=True) as db:
                arguments = Arguments(body, self._switches)
                return backoffice.control(self.account(path[0], db), method, path[1:], arguments)
        except ApiError as error:
            raise ControlError(error.status, error.message) from None

    def forget_copies(self) -> None:
        """Close the copies that delayed reads see."""
        while self._copies:
            self._copies.pop()[1].close()

    def _permitted(self, function: Function | None, operation: str, request: httpx.Request) -> Function:
        if function is None:
            raise ApiError(7, 404, f"There is no function {operation}.", http=404)
        if request.method not in self._verbs(function):
            raise ApiError(7, 405, f"The function {operation} is not called by {request.method}.", http=405)
        _refuse_xml(request, self._switches)
        return function

    def _verbs(self, function: Function) -> frozenset[str]:
        return function.documented if self._switches.flag("strict_verbs") else function.accepted

    def _authorised(self, key: str) -> str:
        """The application that a key opens."""
        app_id = self._account if self._accounts is None else self._accounts.get(key)
        if not key or app_id is None:
            raise unauthorised()
        return app_id

    def _perform(self, function: Function, app_id: str, arguments: Arguments) -> httpx.Response:
        self.settle()
        try:
            if function.write:
                return self._write(function, app_id, arguments)
            return self._read(function, app_id, arguments)
        except ApiError as error:
            return encode_error(error, self._switches.text("error_status"))

    def _write(self, function: Function, app_id: str, arguments: Arguments) -> httpx.Response:
        if self._switches.number("read_delay_seconds") and not self._copies:
            self._copies.append((0.0, self._store.snapshot()))
        with self._store.transaction(write=True) as db:
            answer = function.handler(self.account(app_id, db), arguments)
        if self._switches.number("read_delay_seconds"):
            self._copies.append((self._clock.exact(), self._store.snapshot()))
        return encode(answer)

    def _read(self, function: Function, app_id: str, arguments: Arguments) -> httpx.Response:
        delay = self._switches.number("read_delay_seconds")
        if delay and self._copies:
            db = self._copy_before(self._clock.exact() - delay)
            return encode(function.handler(self.account(app_id, db), arguments))
        with self._store.transaction(write=False) as db:
            return encode(function.handler(self.account(app_id, db), arguments))

    def _copy_before(self, moment: float) -> sqlite3.Connection:
        """The account as it was at a moment: what a delayed read sees. Older copies are not needed any more."""
        while len(self._copies) > 1 and self._copies[1][0] <= moment:
            self._copies.popleft()[1].close()
        return self._copies[0][1]


def _refuse_xml(request: httpx.Request, switches: Switches) -> None:
    """JSON is answered to everybody who takes it or names nothing; XML is not offered."""
    accepted = request.headers.get("Accept", "*/*").lower()
    if switches.text("xml") == "refuse" and not any(kind in accepted for kind in ("json", "*/*", "application/*")):
        raise ApiError(2, 406, "Only JSON is offered.", http=406)
    if "xml" in request.headers.get("Content-Type", "").lower():
        raise ApiError(2, 415, "Only JSON is understood.", http=415)
