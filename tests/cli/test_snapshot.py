"""What is live in a file, and plans against it: the same as against the account, with nothing to sign in with."""

import json
import re
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from reconcile.sandbox import Sandbox
from tests.cli.conftest import Project
from tests.outside import Colleague

EXAMPLES = Path(__file__).parents[2] / "examples"


def changes(project: Project, *arguments: str) -> dict[str, Any]:
    told = project.run("plan", "--format", "json", *arguments)
    assert told.code == 0, told.err
    return {
        change["address"]: change["change"]
        for change in json.loads(told.out)["resource_changes"]
        if change["change"]["actions"] != ["no-op"] and ".audience." not in change["address"]
    }


@pytest.fixture(params=["quickstart", "agency"])
def example(tmp_path: Path, request: pytest.FixtureRequest) -> Project:
    """An example that was applied, but for what sends."""
    shutil.copytree(EXAMPLES / request.param, tmp_path / "p", ignore=shutil.ignore_patterns(".reconcile"))
    project = Project(tmp_path / "p")
    assert project.run("init").code == 0
    assert project.run("apply", "--auto-approve", "--without-sends").code == 0
    return project


@pytest.mark.slow
def test_a_plan_against_a_snapshot_is_the_plan_against_the_account(example: Project) -> None:
    for path in sorted((example.root / "manifests").rglob("*.yaml")):  # something of each kind changes or goes
        path.write_text(re.sub(r"""\b(name|subject): (["']?)(?=\w)""", r"\1: \2X", path.read_text()))
    assert example.run("snapshot", "-o", str(example.root / "live.json")).code == 0
    there = changes(example)
    assert there
    assert changes(example, "--live", str(example.root / "live.json")) == there


def test_it_needs_no_credentials_and_asks_nobody(project: Project) -> None:
    assert project.run("apply", "--auto-approve").code == 0
    file = project.root / "live.json"
    assert project.run("snapshot", "-o", str(file)).code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shutil.rmtree(project.root / ".reconcile")  # no state, no key, no sandbox
    project.replace("reconcile.yaml", 'url: "sandbox:"', "url: https://api.squalomail.com/v1")
    project.replace("manifests/all.yaml", "name: News", "name: Other")
    told = project.run("plan", "--live", str(file), "--detailed-exitcode")
    assert told.code == 2, told.err
    assert "squalomail.list.news will be updated" in told.out
    assert "squalomail.campaign.hello will be" not in told.out
    assert "made from a snapshot" not in told.out  # told in words
    assert "It compares with what was live at" in told.out


def test_an_edit_outside_is_seen_in_it(project: Project) -> None:
    assert project.run("apply", "--auto-approve").code == 0
    with Sandbox(project.root / ".reconcile/default/sandbox.sqlite", account="4711") as sandbox:
        Colleague(sandbox).edit("list", "1", color="#000000")
    file = str(project.root / "live.json")
    assert project.run("snapshot", "-o", file).code == 0
    told = project.run("plan", "--live", file)
    assert "edited outside" in told.out


def test_nobody_is_in_it(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "agency", tmp_path / "p", ignore=shutil.ignore_patterns(".reconcile"))
    project = Project(tmp_path / "p")
    assert project.run("init").code == 0
    assert project.run("apply", "--auto-approve", "--allow-send").code == 0
    file = project.root / "live.json"
    assert project.run("snapshot", "-o", str(file)).code == 0
    emails = set(re.findall(r"[\w.+-]+@[\w.-]+", (project.root / "audiences/pubs.csv").read_text().lower()))
    assert len(emails) > 2
    text = file.read_text().lower()
    assert not [email for email in emails if email in text]
    assert '"memories' not in text
    told = project.run("plan", "--live", str(file))
    assert told.code == 0, told.err
    assert "A snapshot has no people" in told.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no snapshot"),
        ("[]", "is no snapshot"),
        ('{"format_version": "9"}', "of the format '9'"),
        ('{"format_version": "1.0"}', "is no snapshot"),
        (
            '{"format_version": "1.0", "environment": "default", "made": 1, "accounts": {}, "live": {}, "state": "{}"}',
            "state",
        ),
        (
            '{"format_version": "1.0", "environment": "staging", "made": 1, "accounts": {}, "live": {}, "state": null}',
            'of the environment "staging"',
        ),
        (
            '{"format_version": "1.0", "environment": "default", "made": 1, "accounts": {}, "live": {}, "state": null}',
            "no account for squalomail",
        ),
    ],
)
def test_what_is_no_snapshot_is_told(project: Project, text: str, said: str) -> None:
    file = project.write("live.json", text)
    told = project.run("plan", "--live", str(file))
    assert told.code == 1, (told.out, told.err)
    assert said in told.err
    assert "Traceback" not in told.err


def test_such_a_plan_is_no_approval(project: Project) -> None:
    told = project.run("plan", "--live", "live.json", "-o", "a.plan")
    assert told.code == 64
    assert "advice" in told.err


def test_no_file_is_told(project: Project) -> None:
    told = project.run("plan", "--live", str(project.root / "none.json"))
    assert (told.code, "can't be read: No such file" in told.err) == (1, True)
    told = project.run("snapshot", "-o", str(project.root / "none" / "live.json"))
    assert (told.code, "can't be written" in told.err) == (1, True)
