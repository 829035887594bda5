"""As in ``test_canary``, on GatorMail: neither credentials nor tokens nor people turn up in the clear anywhere.

The platform repeats in its refusals all that it was told, headers included.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from reconcile.engine.intents import Patience
from reconcile.providers.transport import Pace
from reconcile.sandbox import Sandbox
from reconcile.sandbox.gatormail.service import GatorMailSetup
from reconcile.sandbox.gatormail.tokens import Login
from reconcile.sandbox.server import Server
from tests.cli import test_canary as canary
from tests.cli.conftest import Project, Result

CLIENT_SECRET = "canary-client-Rt63pa-41182"
PASSWORD = "canary-password-Ke27mo-80953"
SECRETS = (CLIENT_SECRET, PASSWORD, canary.PROJECT_KEY)
CREDENTIALS = {"GATOR_ID": "an-id", "GATOR_SECRET": CLIENT_SECRET, "GATOR_USER": "a-user", "GATOR_PASSWORD": PASSWORD}
PROJECT = """\
version: 1
providers:
  gatormail:
    type: gatormail
    url: URL/gatormail
    tokenUrl: URL/oauth/core/connect/token
    instance: example_testlz
    timezone: Europe/London
    clientId: "${env.GATOR_ID}"
    clientSecret: "${env.GATOR_SECRET}"
    username: "${env.GATOR_USER}"
    password: "${env.GATOR_PASSWORD}"
    limits: {requestsPerSecond: 1000}
"""
MANIFEST = """\
gatormail:
  groups:
    buyers: {name: Buyers}
  audiences:
    buyers:
      source: audiences/people.csv
      columns: {emailLogin: E-mail, firstName: Nome, lastName: Cognome, Region: Città}
      group: buyers
      exclude: audiences/out.csv
  campaigns:
    launch:
      name: Launch
      subject: We are live
      fromAddress: hello@example.com
      startDate: 2099-05-01T09:00:00+01:00
      group: buyers
      email: {html: "<p>1</p>"}
      initiate: true
"""


class Gossip(Sandbox):
    """An emulator that, where ``repeats`` says so, refuses a path and repeats all that it was told."""

    repeats: str | None = None
    status = 400

    def __init__(self, gatormail: GatorMailSetup) -> None:
        super().__init__(gatormail=gatormail)
        self.tokens: set[str] = set()

    def handle(self, request: httpx.Request) -> httpx.Response:
        authorization = request.headers.get("Authorization", "")
        if authorization.startswith("Bearer "):
            self.tokens.add(authorization.removeprefix("Bearer "))
        if self.repeats is None or self.repeats not in request.url.path:
            return super().handle(request)
        told = f"{request.content.decode()} {request.url} {authorization}"
        answer = {"message": f"Not with {told} please.", "modelState": {"contact": [told]}}
        if "token" in request.url.path:
            answer = {"error": "invalid_grant", "error_description": f"Not with {told}"}
        return httpx.Response(self.status, json=answer)


class Watch:
    """The project, its platform, and a search of all that was said."""

    def __init__(self, project: Project, platform: Gossip) -> None:
        self.project, self.platform = project, platform

    def run(self, *arguments: str, codes: tuple[int, ...] = (0,), asked: bool = False) -> Result:
        result = self.project.run(*arguments, "-v")
        what = " ".join(arguments)
        assert result.code in codes, (what, result)
        assert "Traceback" not in result.err
        secrets = (*SECRETS, *self.platform.tokens)
        canary.assert_clean(result.err, f"stderr of {what}", (*secrets, *canary.PERSONAL))
        words = secrets if asked else (*secrets, *canary.PERSONAL)
        canary.assert_clean(result.out, f"stdout of {what}", words)
        for path in self.project.root.rglob("*"):
            top = path.relative_to(self.project.root).parts[0]
            if path.is_file() and top not in ("manifests", "audiences", "reconcile.yaml", "sink"):
                canary.assert_clean(
                    path.read_bytes().decode("utf-8", "replace"), str(path), (*secrets, *canary.PERSONAL)
                )
        return result

    def repeat(self, path: str | None, status: int = 400) -> None:
        self.platform.repeats, self.platform.status = path, status


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    monkeypatch.setattr(Pace.__init__, "__defaults__", canary._HASTY)
    monkeypatch.setattr(Patience.__init__, "__defaults__", ((0.0, 0.0), time.sleep))
    for name, value in {**CREDENTIALS, "RECONCILE_KEY": canary.PROJECT_KEY}.items():
        monkeypatch.setenv(name, value)
    login = Login("an-id", CLIENT_SECRET, "a-user", PASSWORD, ("example_testlz",))
    with Gossip(gatormail=GatorMailSetup(logins=(login,))) as platform, Server(platform, port=0) as server:
        project = Project(tmp_path)
        project.write("reconcile.yaml", PROJECT.replace("URL", server.url))
        project.write("manifests/all.yaml", MANIFEST)
        people = [",".join(person) for person in canary.PEOPLE]
        project.write("audiences/people.csv", canary.HEADER + "\n".join(people) + "\n")
        project.write("audiences/out.csv", f"E-mail\n{canary.STRANGER[0]}\n")
        yield Watch(project, platform)


def test_the_life_of_a_project(watch: Watch) -> None:
    plan = str(watch.project.root / "p.plan")
    watch.run("plan", "-o", plan)
    for shape in ("text", "json", "markdown", "html"):
        watch.run("plan", "--format", shape)
        watch.run("show", plan, "--format", shape)
    watch.run("apply", plan, "--allow-send")
    watch.run("plan", "--detailed-exitcode")
    for command in (["state", "pull"], ["history", "--format", "json"], ["drift"], ["graph"]):
        watch.run(*command)
    watch.run(
        "api", "gatormail", "gatormail_contactMatch", "field=emailLogin", f"value={canary.PEOPLE[0][0]}", asked=True
    )
    (watch.project.root / "sink").mkdir()
    watch.run("datafeed", "pull", "--to", str(watch.project.root / "sink" / "feed.jsonl"), "--auto-approve")
    watch.run("export", str(watch.project.root / "exported"))
    watch.run("destroy", "--auto-approve", "--allow-delete", "99", "--overwrite-drift")


@pytest.mark.parametrize(
    "path", ["included/contact", "excluded/contact", "contact/field", "initiate", "campaign", "token"]
)
@pytest.mark.parametrize("status", [400, 401, 403, 409, 500])
def test_a_platform_that_repeats_what_it_was_told(watch: Watch, path: str, status: int) -> None:
    watch.repeat(path, status)
    watch.run("apply", "--auto-approve", "--allow-send", codes=(1, 3, 6, 7))
    call = ("api", "gatormail", "gatormail_addContact", f"emailLogin={canary.PEOPLE[0][0]}", "--auto-approve")
    watch.repeat("/contact", status)
    watch.run(*call, codes=(1, 7))
    watch.repeat(None)
    watch.run("apply", "--auto-approve", "--allow-send", "--overwrite-drift", codes=(0,))
