"""A project whose one account is an instance of GatorMail's emulator over HTTP, with one login."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconcile.sandbox import Sandbox
from reconcile.sandbox.gatormail.service import GatorMailSetup
from reconcile.sandbox.gatormail.tokens import Login
from reconcile.sandbox.server import Server
from tests.cli.conftest import Project, Result

INSTANCE = "example_testlz"
HOUR = 3600
SECRETS = {"GATOR_CLIENT_SECRET": "the-clients-secret", "GATOR_PASSWORD": "the-users-password"}
LOGIN = {"GATOR_CLIENT_ID": "client", "GATOR_USERNAME": "user@example.com", **SECRETS}
FILE = """\
version: 1
providers:
  gatormail:
    type: gatormail
    url: {url}/gatormail
    tokenUrl: {url}/oauth/core/connect/token
    instance: {instance}
    timezone: Europe/London
    clientId: "${{env.GATOR_CLIENT_ID}}"
    clientSecret: "${{env.GATOR_CLIENT_SECRET}}"
    username: "${{env.GATOR_USERNAME}}"
    password: "${{env.GATOR_PASSWORD}}"
    limits: {{requestsPerSecond: 1000}}
    contract: {rows}
"""


class Gator:
    """The project and the instance behind it."""

    def __init__(self, root: Path, server: Server, rows: str) -> None:
        self.project = Project(root)
        self.server = server
        self._control = httpx.Client(base_url=f"{server.url}/_sandbox/")
        self.project.write("reconcile.yaml", FILE.format(url=server.url, instance=INSTANCE, rows=rows))

    def api(self, operation: str, *arguments: str) -> Result:
        """One call by hand."""
        return self.project.run("api", "gatormail", f"gatormail_{operation}", *arguments)

    def called(self, operation: str, *arguments: str) -> Any:
        """The answer of a call that succeeds."""
        result = self.api(operation, *arguments, "--auto-approve", "--allow-send")
        assert result.code == 0, result.err
        for secret in SECRETS.values():
            assert secret not in result.out + result.err
        return json.loads(result.out)

    def another(self, method: str, path: str, body: Any = None) -> Any:
        """What another program does, or a person in the web interface."""
        return self.control(method, f"gatormail/{INSTANCE}/api{path}", body)

    def person(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """What a person does in the web interface, see the control paths of the emulator."""
        return self.control(method, f"gatormail/{INSTANCE}/{path}", body)

    def publish(self, *mappings: tuple[str, str, str]) -> None:
        """A person maps attributes to contact fields, and publishes that."""
        rows = [
            {"entityName": entity, "attributeName": attribute, "contactAttribute": field, "dataCleanse": False}
            for entity, attribute, field in mappings
        ]
        self.person("ui/mappings", {"mappings": rows}, "PUT")
        self.person("ui/publish")

    def requested(self) -> set[str]:
        """What people are waiting for."""
        return {light["type"] for light in self.person("state", method="GET")["requests"] if light["requested"]}

    def schema(self) -> dict[str, dict[str, str]]:
        """Entity -> attribute -> type."""
        found = self.person("api/schema", method="GET")
        return {
            entity["name"]: {row["name"]: row["dataType"] for row in entity["attributes"]}
            for entity in found["entities"]
        }

    def control(self, method: str, path: str, body: Any = None) -> Any:
        return self._control.request(method, path, json=body or {}).raise_for_status().json()

    def calls(self) -> list[dict[str, Any]]:
        """The calls that the emulator received."""
        return list(self._control.get("requests").raise_for_status().json())

    def operations(self, *, keep: bool = False) -> list[str]:
        """The operations called since the last time, signing in aside."""
        found = [call["function"] for call in self.calls() if call["function"] != "oauth_token"]
        if not keep:
            self.control("DELETE", "requests")
        return found

    def asked(self, operation: str) -> int:
        return sum(call["function"] == operation for call in self.calls())

    def writes(self) -> list[str]:
        return [call["function"] for call in self.calls() if call["write"]]

    def close(self) -> None:
        self._control.close()


@contextmanager
def gator(root: Path, patch: pytest.MonkeyPatch, *, rows: str = "{}", **setup: Any) -> Iterator[Gator]:
    """A project in a folder; ``rows`` is its contract as the file has it, ``setup`` that of the emulator."""
    for name, value in LOGIN.items():
        patch.setenv(name, value)
    login = Login("client", SECRETS["GATOR_CLIENT_SECRET"], "user@example.com", SECRETS["GATOR_PASSWORD"], [INSTANCE])
    known = GatorMailSetup((INSTANCE, "other_lz"), **{"logins": [login], **setup})
    with Sandbox(gatormail=known) as sandbox, Server(sandbox, port=0) as server:
        found = Gator(root, server, rows)
        yield found
        found.close()


def own_instance(root: Path, patch: pytest.MonkeyPatch, **switches: Any) -> Iterator[Gator]:
    """The same with an instance in London, for a fixture; ``switches`` are those of its emulator."""
    root.joinpath("project").mkdir()
    with gator(root / "project", patch, contract={"c.date.zone": "Europe/London"}, switches=switches) as found:
        yield found


def refused(result: Result, code: int, *words: str) -> None:
    """It ended so, with these words, without a result, a trace or a secret."""
    assert result.code == code, result
    assert not result.out
    assert "Traceback" not in result.err
    assert "error[internal]" not in result.err
    for word in words:
        assert word in result.err, result.err
    for secret in SECRETS.values():
        assert secret not in result.err


def at(seconds: float) -> str:
    """So many seconds from now, in UTC."""
    return datetime.fromtimestamp(time.time() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def wall(seconds: float) -> str:
    """The same as the emulator's people write it: its zone is GMT."""
    return at(seconds)[:-1]


def group(live: Gator, *names: str, excluded: tuple[str, ...] = ()) -> int:
    number: int = live.another("POST", "/group", {"name": "Buyers"})["id"]
    for list_, people in (("included", names), ("excluded", excluded)):
        contacts = [{"emailLogin": f"{name}@example.test"} for name in people]
        if contacts:
            live.another("POST", f"/group/{number}/{list_}/contact", {"items": contacts})
    return number


def campaign(live: Gator, group_id: int | None, start: float | None = 5 * HOUR, **members: Any) -> int:
    """A campaign in setup."""
    body = {
        "name": "Launch",
        "type": "Static",
        "fromAddress": "news@example.test",
        "subject": "We are live",
        "startDate": None if start is None else wall(start),
        "endDate": wall(200 * HOUR),
        "group": None if group_id is None else {"id": group_id},
        "email": {"name": "Launch mail", "html": "<p>Hello</p>"},
        **members,
    }
    number: int = live.another("POST", "/campaign", body)["id"]
    return number


def queued(live: Gator, group_id: int | None, start: float = 5 * HOUR, **members: Any) -> int:
    number = campaign(live, group_id, start, **members)
    assert live.another("POST", f"/campaign/{number}/initiate")["campaignInitiated"]
    return number


def until(live: Gator, seconds: float) -> None:
    """Time passes for the platform."""
    live.control("POST", "clock", {"now": time.time() + seconds})


def live_campaign(live: Gator, number: int) -> dict[str, Any]:
    found: dict[str, Any] = live.another("GET", f"/campaign/{number}")
    return found
