"""A fleet of small accounts of both platforms on the emulators over HTTP."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconcile.sandbox import Sandbox
from reconcile.sandbox.gatormail.service import GatorMailSetup
from reconcile.sandbox.server import Server
from tests.cli.conftest import Project, Result

SQUALOMAIL = """\
version: 1
providers:
  mail: {{type: squalomail, url: {url}/squalomail/v1, apiKey: "${{env.MAIL_KEY}}", limits: {{requestsPerSecond: 1000}}}}
"""
SQUALOMAIL_ENTRIES = """\
mail:
  lists:
    news: {{name: News of {name}, color: "#336699"}}
  campaigns:
    hello: {{subject: Hello from {name}, bodyFile: emails/hello.html, lists: [news]}}
"""
GATORMAIL = """\
version: 1
providers:
  mail:
    type: gatormail
    url: {url}/gatormail
    tokenUrl: {url}/oauth/core/connect/token
    instance: {instance}_lz
    timezone: Europe/London
    clientId: "${{env.GATOR_ID}}"
    clientSecret: "${{env.GATOR_SECRET}}"
    username: "${{env.GATOR_USER}}"
    password: "${{env.GATOR_PASSWORD}}"
    limits: {{requestsPerSecond: 1000}}
"""
GATORMAIL_ENTRIES = """\
mail:
  groups:
    news: {{name: News of {name}}}
"""
FLEET = """\
version: 1
accounts:
  folders: clients/*
  environ:
    MAIL_KEY: KEY_{NAME}
    GATOR_ID: ID_{NAME}
    GATOR_SECRET: SECRET_{NAME}
    GATOR_USER: USER_{NAME}
    GATOR_PASSWORD: PASSWORD_{NAME}
"""


@dataclass
class FleetOf:
    """A fleet in a folder of its own, and the emulators that its accounts are on."""

    root: Path
    server: Server
    names: list[str] = field(default_factory=list)

    @property
    def command(self) -> Project:
        return Project(self.root)

    def run(self, *arguments: str) -> Result:
        return self.command.run("fleet", *arguments)

    def project(self, name: str) -> Project:
        return Project(self.root / "clients" / name)

    def add(self, count: int, *, gatormail: Callable[[int], bool] = lambda number: number % 2 == 1) -> None:
        """Accounts with a list and a draft each, or with a group."""
        for number in range(len(self.names), len(self.names) + count):
            name, place = f"client{number:03}", {"url": self.server.url}
            project = self.project(name)
            settings, entries = (
                (GATORMAIL, GATORMAIL_ENTRIES) if gatormail(number) else (SQUALOMAIL, SQUALOMAIL_ENTRIES)
            )
            project.write("reconcile.yaml", settings.format(instance=name, **place))
            project.write("manifests/all.yaml", entries.format(name=name))
            project.write("emails/hello.html", "<p>Hello</p>\n")
            project.write(".reconcile/key", "0" * 64)
            (project.root / ".reconcile" / "key").chmod(0o600)
            self.names.append(name)

    def fleet_file(self, more: str = "") -> None:
        (self.root / "fleet.yaml").write_text(FLEET + more)

    def environ(self) -> dict[str, str]:
        """What its accounts take their credentials from."""
        found: dict[str, str] = {}
        for name in self.names:
            upper = name.upper()
            found |= {f"KEY_{upper}": f"key-of-{name}"}
            found |= {f"{part}_{upper}": f"{part.lower()}-of-{name}" for part in ("ID", "SECRET", "USER", "PASSWORD")}
        return found

    def requests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(f"{self.server.url}/_sandbox/requests").json()
        return found

    def sends(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(f"{self.server.url}/_sandbox/sends").json()
        return found

    def standing(self, name: str, environment: str = "default") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / "results" / f"{name}@{environment}.json").read_text())
        return found


ACCOUNTS = {f"key-of-client{number:03}": str(4000 + number) for number in range(250)}


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetOf]:
    """Six accounts of both platforms, with nothing applied yet."""
    for name in list(os.environ):
        if name.startswith(("RECONCILE_", "SQUALOMAIL_")):
            monkeypatch.delenv(name)
    setup = GatorMailSetup(instances=[f"client{number:03}_lz" for number in range(250)])
    with Sandbox(accounts=ACCOUNTS, gatormail=setup) as sandbox, Server(sandbox, port=0) as running:
        made = FleetOf(tmp_path / "fleet", running)
        made.root.mkdir()
        made.add(6)
        made.fleet_file()
        for name, value in made.environ().items():
            monkeypatch.setenv(name, value)
        yield made
