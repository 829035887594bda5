"""Eight environments on one account, in turn: the first creates, the others refuse, and nothing is there twice."""

from collections.abc import Iterator

import httpx
import pytest

from reconcile.sandbox import Sandbox
from reconcile.sandbox.gatormail.service import GatorMailSetup
from reconcile.sandbox.server import Server
from tests.cli.conftest import Project

ENVIRONMENTS = [f"e{number}" for number in range(8)]
GATORMAIL = """\
version: 1
providers:
  gatormail:
    type: gatormail
    url: URL/gatormail
    tokenUrl: URL/oauth/core/connect/token
    instance: acme_lz
    timezone: UTC
    clientId: id
    clientSecret: secret-of-ours
    username: user
    password: password-of-ours
    limits: {requestsPerSecond: 1000}
"""
GROUPS = "gatormail: {groups: {news: {name: News}}}\n"


@pytest.fixture
def url() -> Iterator[str]:
    """One account of each platform, which no environment has to itself."""
    setup = GatorMailSetup(("acme_lz",))
    with Sandbox(account="4711", gatormail=setup) as sandbox, Server(sandbox, port=0) as server:
        yield server.url


@pytest.mark.parametrize("platform", ["squalomail", "gatormail"])
def test_the_first_environment_creates_and_the_others_refuse(
    project: Project, platform: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUALOMAIL_API_KEY", "key")
    if platform == "gatormail":
        project.write("reconcile.yaml", GATORMAIL.replace("URL", url))
        project.write("manifests/all.yaml", GROUPS)
    else:
        project.replace("reconcile.yaml", '"sandbox:"', f"{url}/squalomail/v1")
    layers = "".join(f"  {name}: {{}}\n" for name in ENVIRONMENTS)
    project.write("reconcile.yaml", (project.root / "reconcile.yaml").read_text() + f"environments:\n{layers}")
    apply = ("apply", "--auto-approve", "--allow-send", "--overwrite-drift", "--accept-unknown", "--allow-delete", "9")
    first, *others = ENVIRONMENTS
    made = project.run(*apply, "--env", first)
    assert made.code == 0, made.err
    before = objects(url)
    for name in others:
        refused = project.run(*apply, "--env", name)
        assert refused.code == 3, refused.out + refused.err
        assert "reconcile adopt" in refused.out + refused.err, "the way out"
        assert "news" not in project.run("state", "list", "--env", name).out
    assert objects(url) == before
    assert project.run("plan", "--detailed-exitcode", "--env", first).code == 0


def objects(url: str) -> list[str]:
    """The writes that made something, whoever asked for them."""
    found = httpx.get(f"{url}/_sandbox/requests").json()
    return [entry["function"] for entry in found if entry["write"]]
