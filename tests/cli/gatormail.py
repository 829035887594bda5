"""A GatorMail project against the emulator over HTTP, and what people do in its web interface; shared by tests."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconcile.sandbox import Sandbox
from reconcile.sandbox.gatormail.service import GatorMailSetup
from reconcile.sandbox.server import Server
from tests.cli.conftest import Project

INSTANCE = "example_testlz"
SETTINGS = """\
version: 1
providers:
  gatormail:
    type: gatormail
    url: "{url}/gatormail"
    tokenUrl: "{url}/oauth/core/connect/token"
    instance: example_testlz
    timezone: Europe/London
    clientId: "${{env.GATOR_CLIENT_ID}}"
    clientSecret: "${{env.GATOR_CLIENT_SECRET}}"
    username: "${{env.GATOR_USERNAME}}"
    password: "${{env.GATOR_PASSWORD}}"
    limits: {{requestsPerSecond: 1000}}
"""
CREDENTIALS = {
    "GATOR_CLIENT_ID": "the-client",
    "GATOR_CLIENT_SECRET": "the-client-secret",
    "GATOR_USERNAME": "the-user",
    "GATOR_PASSWORD": "the-password",
}


@dataclass
class Instance:
    """An instance of the emulator, seen from its web interface, and the project that manages it."""

    project: Project
    server: Server
    http: httpx.Client

    def person(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """What a person does; see the control paths of the emulator."""
        answer = self.http.request(method, f"{self.server.url}/_sandbox/gatormail/{INSTANCE}/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def publish(self, *mappings: tuple[str, str, str]) -> None:
        rows = [
            {"entityName": entity, "attributeName": attribute, "contactAttribute": field, "dataCleanse": False}
            for entity, attribute, field in mappings
        ]
        self.person("ui/mappings", {"mappings": rows}, "PUT")
        self.person("ui/publish")

    def requested(self) -> set[str]:
        return {light["type"] for light in self.person("state", method="GET")["requests"] if light["requested"]}

    def schema(self) -> dict[str, dict[str, str]]:
        """Entity -> attribute -> type."""
        found = self.person("api/schema", method="GET")
        return {
            entity["name"]: {row["name"]: row["dataType"] for row in entity["attributes"]}
            for entity in found["entities"]
        }

    def calls(self, *, anew: bool = True) -> list[str]:
        """The operations called since the last time, signing in aside."""
        found = self.http.get(f"{self.server.url}/_sandbox/requests").json()
        if anew:
            self.http.delete(f"{self.server.url}/_sandbox/requests")
        return [entry["function"] for entry in found if entry["function"] != "oauth_token"]


def instance(folder: Path, monkeypatch: pytest.MonkeyPatch, **switches: Any) -> Iterator[Instance]:
    """An empty project, and an emulator of its own on a port of its own."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    setup = GatorMailSetup((INSTANCE,), contract={"c.date.zone": "Europe/London"}, switches=switches)
    with Sandbox(gatormail=setup) as sandbox, Server(sandbox, port=0) as server, httpx.Client() as http:
        project = Project(folder / "project")
        project.write("reconcile.yaml", SETTINGS.format(url=server.url))
        yield Instance(project, server, http)
