"""GatorMail over real HTTP: the emulator, and a client whose every request and answer is held against its document."""

import copy
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import httpx
from jsonschema import Draft202012Validator

from reconcile.model.call import Call
from reconcile.model.right_to_send import RightToSend
from reconcile.providers.gatormail.auth import Identity, PasswordGrant
from reconcile.providers.gatormail.client import GatorMail
from reconcile.providers.gatormail.contract import Contract
from reconcile.providers.gatormail.settings import contract
from reconcile.providers.transport import Pace, Transport
from reconcile.sandbox.server import Server
from tests.sandbox.gatormail.conftest import INSTANCE, check, document, operations
from tests.world import FREELY

NOW = 1_800_000_000  # 2027-01-15T08:00:00Z
SECRET, PASSWORD = "the-clients-secret", "the-users-password"
CAPABILITIES = {
    "cap.email.read": True, "cap.group.update": True, "cap.membership.remove": True, "cap.trigger": True,
}  # fmt: skip


def validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    """A validator for a schema of the document."""
    return Draft202012Validator({**copy.deepcopy(dict(schema)), "components": document()["components"]})


class Checked(httpx.BaseTransport):
    """Real HTTP; ``seen`` are the operations that requests turned out to be for, by the document alone."""

    def __init__(self) -> None:
        self._http = httpx.HTTPTransport()
        self.seen: list[tuple[str, int]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        name = self._check_request(request)
        response = self._http.handle_request(request)
        response.read()
        if name != "oauth_token" or response.status_code in (200, 400):  # the document has no others there
            check(name, response)
        self.seen.append((name, response.status_code))
        return response

    def close(self) -> None:
        self._http.close()

    def _check_request(self, request: httpx.Request) -> str:
        path = request.url.raw_path.decode("ascii").partition("?")[0]
        if path.startswith("/oauth/"):
            name, variables = "oauth_token", {}
        else:
            name, variables = _found(request.method, path.removeprefix(f"/gatormail/{INSTANCE}"))
        written = operations()[name][2]
        for parameter in written.get("parameters", ()):
            _check_parameter(parameter, request, variables)
        known = {_resolved(each)["name"] for each in written.get("parameters", ()) if _resolved(each)["in"] == "query"}
        assert set(request.url.params) <= known
        if "requestBody" not in written:
            assert request.content == b""
            return name
        (kind, content), *_ = written["requestBody"]["content"].items()
        assert request.headers["Content-Type"].startswith(kind)
        sent = dict(parse_qsl(request.content.decode())) if "form" in kind else _json(request)
        validator(content["schema"]).validate(sent)
        return name


def _json(request: httpx.Request) -> Any:
    import json

    return json.loads(request.content)


def _found(verb: str, path: str) -> tuple[str, dict[str, str]]:
    """The operation at a path; one with fewer variables goes first."""
    fits: list[tuple[int, str, dict[str, str]]] = []
    for name, (there, template, _) in operations().items():
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
        if there == verb and (match := re.fullmatch(pattern, path)) is not None:
            fits.append((template.count("{"), name, match.groupdict()))
    assert fits, f"the document has no {verb} {path}"
    _, name, variables = min(fits)
    return name, variables


def _resolved(parameter: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in parameter:
        return parameter
    found: Mapping[str, Any] = document()["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
    return found


def _check_parameter(parameter: Mapping[str, Any], request: httpx.Request, variables: Mapping[str, str]) -> None:
    found = _resolved(parameter)
    places: Mapping[str, Mapping[str, str]] = {
        "path": variables, "query": request.url.params, "header": request.headers
    }  # fmt: skip
    value: Any = places[found["in"]].get(found["name"])
    if value is None:
        assert not found.get("required"), f"{found['name']} is missing"
        return
    if found["schema"].get("type") == "integer":
        value = int(value)
    validator(found["schema"]).validate(value)


def identity(server: Server, **changed: str) -> Identity:
    """The login that the emulator knows."""
    members = {
        "url": f"{server.url}/oauth/core/connect/token",
        "client_id": "client",
        "client_secret": SECRET,
        "username": "user@example.com",
        "password": PASSWORD,
        "scope": "openid GatorMailApi",
    }
    return Identity(**{**members, **changed})


def client(
    server: Server,
    grant: PasswordGrant,
    *,
    may_send: bool = True,
    wire: httpx.BaseTransport | None = None,
    table: Contract | None = None,
    instance: str = INSTANCE,
) -> GatorMail:
    """A client of the emulator with every capability, whose pauses are none."""
    pace = Pace(concurrency=8, wait=0.0, longest_wait=0.001, attempts=3)
    transport = Transport(
        pace=pace, right=RightToSend(held=may_send), auth=grant, transport=wire, refusal="Check them."
    )
    known = table or contract({"contract": CAPABILITIES, "timezone": "Europe/London"})
    return GatorMail(f"{server.url}/gatormail", instance, known, transport)


class Account:
    """The emulator over HTTP and its clients: one with all rights, one without the right to send."""

    def __init__(self, server: Server) -> None:
        self.wire = Checked()
        self._control = httpx.Client(base_url=f"{server.url}/_sandbox/")
        self._grant = PasswordGrant(identity(server), transport=self.wire)
        self.client = client(server, self._grant, wire=self.wire)
        self.harmless = client(server, self._grant, may_send=False, wire=self.wire)

    def close(self) -> None:
        for each in (self.client, self.harmless, self._control):
            each.close()

    def send(self, operation: str, **arguments: Any) -> Any:
        return self.client.send(Call(f"gatormail_{operation}", arguments), FREELY)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        return self._control.request(method, path, json=body).raise_for_status().json()

    def person(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """What a person does in the web interface."""
        return self.control(method, f"gatormail/{INSTANCE}/{path}", body or {})

    def calls(self, operation: str) -> list[dict[str, Any]]:
        return [entry for entry in self.control("GET", "requests") if entry["function"] == operation]
