"""Postino's client: a bearer key, JSON objects, pages behind a cursor; and what reconcile.yaml says of an account."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import httpx
from pydantic import Field

from postino.operations import OPERATIONS, PATHS
from reconcile.errors import UnknownOutcome
from reconcile.model.account import Account
from reconcile.model.attributes import to_json
from reconcile.model.call import Call, Encoded
from reconcile.model.kind import ABSENT
from reconcile.model.provider import Connection
from reconcile.model.settings import AccountSpec, Credential, ProviderSettings
from reconcile.model.ticket import Ticket
from reconcile.providers.clock import ServerTime
from reconcile.providers.transport import Transport


class PostinoSettings(AccountSpec):
    """A Postino account."""

    type: Literal["postino"] = Field(description="The platform.")
    apiKey: Annotated[str, Credential()] = Field(ABSENT, description="The API key, as ${env.NAME}.")
    account: str = Field(ABSENT, min_length=1, description="The account that the key must belong to.")


def open_client(settings: ProviderSettings, connection: Connection) -> "Postino":
    """The client of an account; in the sandbox its key is its alias."""
    key = settings.alias if settings.is_sandbox else settings.credentials["apiKey"].reveal()
    return Postino(connection.url, key, connection.transport())


class Postino:
    """Sends calls to one account."""

    def __init__(self, url: str, key: str, transport: Transport) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"}
        self._transport = transport
        self.reads = 0

    @property
    def time(self) -> ServerTime:
        """What the platform's answers tell of its clock."""
        return self._transport.time

    def send(self, call: Call, ticket: Ticket | None = None) -> Any:
        """Carry the call out and give its answer; a write has a ticket."""
        operation, encoded = OPERATIONS[call.operation], self.encode(call)
        self.reads += not operation.write
        return self._transport.request(
            operation,
            f"{self._url}{encoded.path}",
            params=encoded.query or None,
            body=encoded.body,
            headers=self._headers,
            sends=call.sends,
            empty=operation.verb == "DELETE",
            decode=lambda answer: _checked(call.operation, answer),
            ticket=ticket,
        )

    def encode(self, call: Call) -> Encoded:
        """The call as it stands on the wire."""
        verb, path = OPERATIONS[call.operation].verb, PATHS[call.operation]
        arguments = to_json(call.arguments)
        if "{id}" in path:
            path = path.format(id=arguments.pop("id"))
        return Encoded(verb, path, arguments, None) if verb == "GET" else Encoded(verb, path, {}, arguments or None)

    def account(self) -> Account:
        """The account that the key opens; one read."""
        return Account("postino", httpx.URL(self._url).host, str(self.send(Call("getAccount", {}))["id"]))

    def everything(self, operation: str) -> Iterator[dict[str, Any]]:
        """The rows of all pages."""
        cursor = ""
        while cursor is not None:
            page = self.send(Call(operation, {"cursor": cursor} if cursor else {}))
            yield from page["rows"]
            cursor = page.get("next")

    def rest(self, attempt: int, error: Exception) -> None:
        """Wait before a call is made again."""
        self._transport.rest(attempt, error)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def _checked(operation: str, answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise UnknownOutcome(f"{operation}: the answer is no object.")
    return answer
