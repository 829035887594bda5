"""The vendor's e-marketing example, step by step, by manifests alone, over HTTP against ``reconcile sandbox``.

Create the campaign; add a group; add contacts to it; give the campaign the group (page "RESTFUL API - GATORMAIL", 1 to
2.3).
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Project

ROOT = Path(__file__).parents[2]
CREDENTIALS = {"GATOR_ID": "id", "GATOR_SECRET": "secret", "GATOR_USER": "user", "GATOR_PASSWORD": "pass word"}
SETTINGS = """\
version: 1
providers:
  gatormail:
    type: gatormail
    url: "{url}/gatormail"
    tokenUrl: "{url}/oauth/core/connect/token"
    instance: example_testlz
    timezone: Europe/London
    clientId: "${{env.GATOR_ID}}"
    clientSecret: "${{env.GATOR_SECRET}}"
    username: "${{env.GATOR_USER}}"
    password: "${{env.GATOR_PASSWORD}}"
    limits: {{requestsPerSecond: 1000}}
"""
CAMPAIGN = """\
gatormail:
  campaigns:
    launch:
      name: Launch
      subject: We are live
      fromAddress: hello@acme.example
      email: {html: "<p>We are live</p>"}
"""
GROUP = "  groups: {buyers: {name: Buyers 2026}}\n"
CONTACTS = "  audiences: {buyers: {source: audiences/buyers.csv, columns: {emailLogin: email}, group: buyers}}\n"


@pytest.fixture
def url() -> Iterator[str]:
    command = [sys.executable, "-m", "reconcile", "sandbox", "--port", "0", "--gatormail-instance", "example_testlz"]
    environ = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT / "docs", env=environ) as emulator:
        assert emulator.stdout is not None
        try:
            line = emulator.stdout.readline()
            yield line.split()[0].rstrip("/")
        finally:
            emulator.kill()


def test_a_campaign_gets_its_group(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    project = Project(tmp_path)
    project.write("reconcile.yaml", SETTINGS.format(url=url))
    project.write("audiences/buyers.csv", "email\nada@example.com\nbea@example.com\n")
    steps = (
        (CAMPAIGN, "gatormail_addCampaign"),
        (CAMPAIGN + GROUP, "gatormail_addGroup"),
        (CAMPAIGN + GROUP + CONTACTS, "gatormail_groupIncludedContactpost"),
        (CAMPAIGN + "      group: buyers\n" + GROUP + CONTACTS, "gatormail_updateCampaign"),
    )
    for manifest, operation in steps:
        httpx.delete(f"{url}/_sandbox/requests").raise_for_status()
        project.write("manifests/all.yaml", manifest)
        applied = project.run("apply", "--auto-approve")
        assert applied.code == 0, applied.err
        log = httpx.get(f"{url}/_sandbox/requests").json()
        writes = [entry["function"] for entry in (log["requests"] if isinstance(log, dict) else log) if entry["write"]]
        assert writes == [operation]
        assert project.run("plan", "--detailed-exitcode").code == 0
    found = project.run("api", "gatormail", "gatormail_campaignList", "page=1", "pageSize=10")
    assert '"Launch"' in found.out
    everything = "".join(
        path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".csv"
    )
    assert not [value for value in (*CREDENTIALS.values(), "ada@example.com") if len(value) > 4 and value in everything]
    assert httpx.get(f"{url}/_sandbox/sends").json() in ([], {"sends": []})
