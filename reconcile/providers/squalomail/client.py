"""The SqualoMail client: envelopes, credentials, the account behind a key (System API page; JSON only)."""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from reconcile.errors import ApiError
from reconcile.model.account import Account
from reconcile.model.assumption import Answer
from reconcile.model.attributes import to_json
from reconcile.model.call import Call, Encoded
from reconcile.model.ticket import Ticket
from reconcile.providers.personal import texts
from reconcile.providers.shapes import Misfit
from reconcile.providers.squalomail.answers import app_id, assumed, checked
from reconcile.providers.squalomail.operations import OPERATIONS
from reconcile.providers.transport import Transport

ASK = "To ask the account itself: reconcile doctor"
_IDS = frozenset({"id", "listId", "listIds", "newsletterId", "templateId"})


class SqualoMail:
    """Sends calls; success is HTTP 2xx with ``errorCode`` 0 or, for ``get-data``, a bare array."""

    def __init__(self, url: str, key: str, transport: Transport) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._transport = transport
        self.time = transport.time
        self.reads = 0

    def send(self, call: Call, ticket: Ticket | None = None) -> Any:
        """Carry the call out and give its answer; see ``Transport.request`` for what is raised."""
        operation = OPERATIONS[call.operation]
        encoded = self.encode(call)
        if not operation.write:
            self.reads += 1
        key = {"apiKey": self._key}
        try:
            return self._transport.request(
                operation,
                f"{self._url}{encoded.path}",
                params={**key, **encoded.query} if encoded.verb == "GET" else None,
                body={**key, **encoded.body} if encoded.verb == "POST" else None,
                sends=call.sends,
                decode=lambda answer: checked(call, answer, ASK),
                private=lambda: _about_people(call),
                ticket=ticket,
            )
        except Misfit as error:
            if error.twice is not None:
                error.point_to(assumed(call, error.twice, ASK))
            raise

    def look(self, call: Call, *, verb: str | None = None, ticket: Ticket | None = None) -> Answer:
        """What a call answers, as it came: see ``Transport.look``; ``verb`` is the operation's unless given."""
        operation = OPERATIONS[call.operation]
        verb = verb or operation.verb
        arguments = {"apiKey": self._key, **_numbered(to_json(call.arguments))}
        return self._transport.look(
            operation,
            f"{self._url}/{call.operation}",
            verb=verb,
            params=arguments if verb == "GET" else None,
            body=arguments if verb == "POST" else None,
            ticket=ticket,
        )

    def encode(self, call: Call) -> Encoded:
        """The call as it stands on the wire, the key apart."""
        verb, arguments = OPERATIONS[call.operation].verb, _numbered(to_json(call.arguments))
        query, body = (arguments, None) if verb == "GET" else ({}, arguments)
        return Encoded(verb, f"/{call.operation}", query, body)

    def account(self) -> Account:
        """The account that the key opens; the page doesn't say how the answer names the app id."""
        call = Call("get-app-id", {})
        return Account("squalomail", httpx.URL(self._url).host, app_id(self.send(call), assumed(call, (), ASK)))

    def rest(self, attempt: int, error: ApiError) -> None:
        """Wait before another attempt."""
        self._transport.rest(attempt, error)

    def record(self, watch: Callable[[str, str, bytes, int, Mapping[str, str], bytes], None]) -> None:
        """Let somebody see every call: see ``Transport.watch``."""
        self._transport.watch = watch

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def _numbered(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with ids, which are texts here, as the whole numbers that they are on the wire."""
    return {name: _number(value) if name in _IDS else value for name, value in arguments.items()}


def _number(value: Any) -> Any:
    if isinstance(value, list):
        return [_number(each) for each in value]
    return int(value) if isinstance(value, str) and re.fullmatch(r"[1-9][0-9]{0,17}", value) else value


def _about_people(call: Call) -> Iterator[str]:
    """The texts by which a call says something of people, one by one."""
    arguments = to_json(call.arguments)
    if call.operation == "get-data":
        yield from re.findall(r'"([^"]*)"', str(arguments.get("filter", "")))
    elif re.search("recipient|gdpr|event", call.operation):
        yield from texts(arguments)
        yield from _cells(arguments.get("base64EncodedFile"))


def _cells(file: Any) -> list[str]:
    try:
        text = base64.b64decode(file or "").decode("utf-8", "replace")
    except (TypeError, ValueError):  # given by hand
        return []
    return re.split(r"[\r\n,;\t\"]+", text)
