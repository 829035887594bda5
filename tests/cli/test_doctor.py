"""The command ``doctor``, and what ``plan`` says of an account that was never asked."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Project

PROJECT = """version: 1
providers:
  squalomail: {type: squalomail, url: "sandbox:"}
  gatormail: {type: gatormail, url: "sandbox:", instance: acme_lz, timezone: Europe/London}
"""


@pytest.fixture
def here(tmp_path: Path) -> Project:
    found = Project(tmp_path)
    found.write("reconcile.yaml", PROJECT)
    found.write("manifests/all.yaml", "squalomail: {lists: {news: {name: News}}}\n")
    return found


def test_it_tells_what_holds_and_keeps_it(here: Project) -> None:
    assert here.run("apply", "--auto-approve").code == 0
    found = here.run("doctor", "squalomail")
    assert found.code == 0, found
    assert "ok     sign-in: the credentials open the account 1000" in found.out
    assert "0 differs" in found.out
    kept = json.loads((here.root / "calibration" / "default-squalomail.json").read_text())
    assert kept["provider"] == "squalomail"
    assert kept["switches"]["app_id_member"] == "appId"
    everything = here.run("doctor", "--format", "json")
    told = json.loads(everything.out)
    assert set(told) == {"squalomail", "gatormail"}
    assert {row["verdict"] for row in told["gatormail"]["findings"]} <= {"holds", "undecided", "not probed"}


def test_it_names_what_is_wrong_before_it_asks(here: Project) -> None:
    real = PROJECT.replace('"sandbox:"}', '"http://127.0.0.1:9", apiKey: "${env.NOWHERE_KEY}"}')
    here.write("reconcile.yaml", real)
    found = here.run("doctor", "squalomail")
    assert found.code == 1
    assert "WRONG  credentials" in found.out
    assert "NOWHERE_KEY" in found.out
    assert not (here.root / "calibration").exists()


def test_an_account_that_can_not_be_reached_is_told(here: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "a-key-of-ours")
    here.write("reconcile.yaml", PROJECT.replace('"sandbox:"}', '"http://127.0.0.1:9", apiKey: "${env.SOME_KEY}"}'))
    found = here.run("doctor", "squalomail")
    assert found.code == 1
    assert "WRONG  sign-in" in found.out
    assert "a-key-of-ours" not in found.out + found.err
    planned = here.run("plan")
    assert "[account-not-asked]" in planned.err
    assert "reconcile doctor squalomail" in planned.err


def test_an_alias_that_is_not_there(here: Project) -> None:
    found = here.run("doctor", "squalomial")
    assert found.code == 64
    assert 'Did you mean "squalomail"?' in found.err
