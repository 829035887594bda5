"""What people do about one account of a fleet: withdraw, run a command by hand, follow what a failure tells."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from reconcile.fleet.words import for_account
from tests.fleet.conftest import FleetOf
from tests.fleet.test_commands import SOUND, approve, key_of, writes

ROOT = Path(__file__).parents[2]


def created(fleet: FleetOf) -> list[str]:
    return [name for name in writes(fleet) if name.startswith("create")]


def test_an_approval_is_withdrawn(fleet: FleetOf) -> None:
    key = key_of(fleet)
    assert fleet.run("approve", "client000", "--withdraw").code == 1
    assert fleet.run("run", "plan").code == 2
    assert approve(fleet, "client000", key)[0] == 0
    other = fleet.run("approve", "client000", "--withdraw", "--as", "bob")
    assert (other.code, "by bob is left to be done" in other.err) == (1, True)
    assert "1 approval of client000@default" in fleet.run("approve", "client000", "--withdraw").out
    result = fleet.run("run", "apply", "--account", "client000")
    assert result.code == 3
    assert "Nobody has approved" in result.err
    assert not created(fleet)
    assert fleet.run("approve", "client000").code == 64, "whoever approves signs"


def test_an_approval_serves_once_even_where_results_are_put_back(fleet: FleetOf, tmp_path: Path) -> None:
    """The state is gone, so are the objects, and somebody brings the results back from a copy."""
    key = key_of(fleet)
    assert fleet.run("run", "plan", "--account", "client000").code == 2
    assert approve(fleet, "client000", key)[0] == 0
    results = fleet.root / "results"
    shutil.copytree(results, tmp_path / "copy")
    assert fleet.run("run", "apply").code == 0
    assert created(fleet)
    httpx.post(f"{fleet.server.url}/_sandbox/reset").raise_for_status()
    fleet.project("client000").state.unlink()
    standing = results / "client000@default.json"
    shutil.copy(tmp_path / "copy" / standing.name, standing)
    result = fleet.run("run", "apply", "--account", "client000")
    assert (result.code, "Nobody has approved" in result.err) == (3, True)
    shutil.copytree(tmp_path / "copy", results, dirs_exist_ok=True)
    result = fleet.run("run", "apply", "--account", "client000")
    assert result.code == 4, result.err
    assert "It was carried out already" in result.err
    assert not created(fleet)


def test_a_command_is_run_by_hand_as_the_account(fleet: FleetOf) -> None:
    assert fleet.run("exec", "client000", "apply", "--auto-approve", "--allow-send").code == 0
    listed = fleet.run("exec", "client000", "state", "list")
    assert (listed.code, listed.out.split()[::2]) == (0, ["mail.campaign.hello", "mail.list.news"])
    assert fleet.run("exec", "client000", "fleet", "status").code == 64
    assert fleet.run("exec", "client009", "plan").code == 1
    assert fleet.run("exec", "client000", "plan", "--nonsense").code == 64
    assert json.loads(fleet.run("exec", "client000", "--format", "json", "drift").out)["entries"] == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("See: reconcile state unlock 7f.", "See: reconcile fleet exec a@b state unlock 7f."),
        ("Plan again: reconcile plan -o FILE.", "Plan again: reconcile fleet run plan --account a@b."),
        ("`reconcile drift` what is live", "`reconcile fleet run drift --account a@b` what is live"),
        ("Lift it with --allow-delete 3.", "Lift it with --allow-delete 3.\n  Flags are given by hand: "),
        ("reconcile plan --rebuild", "reconcile fleet run plan --account a@b --rebuild"),
        ("let nothing but reconcile write there", "let nothing but reconcile write there"),
        ("reconcile fleet run plan --account x", "reconcile fleet run plan --account x"),
        ("reconcile schema-requests gm", "reconcile fleet exec a@b schema-requests gm"),
    ],
)
def test_a_failure_names_the_commands_of_the_fleet(said: str, told: str) -> None:
    assert for_account(said, "a@b").startswith(told)


def test_what_a_failure_tells_to_run_works(fleet: FleetOf) -> None:
    """Somebody made the same list by hand, so that the account refuses to make a second one."""
    assert fleet.run("exec", "client000", "apply", "--auto-approve").code == 0
    project = fleet.project("client000")
    shutil.rmtree(project.state.parent)
    key = key_of(fleet)
    assert fleet.run("run", "plan", "--account", "client000").code == 2
    assert approve(fleet, "client000", key)[0] == 0
    assert fleet.run("run", "apply").code == 3
    said = fleet.standing("client000")["failure"]["said"]
    assert "reconcile fleet exec client000@default adopt" in said, said
    assert fleet.run("exec", "client000@default", "adopt").code in (0, 3, 6)


def test_names_that_would_share_a_credential_are_refused(fleet: FleetOf) -> None:
    shutil.copytree(fleet.root / "clients" / "client000", fleet.root / "clients" / "client-000")
    shutil.copytree(fleet.root / "clients" / "client000", fleet.root / "clients" / "client.000")
    result = fleet.run("run", "drift")
    assert result.code == 1
    assert "client-000 and client.000 are both CLIENT_000 in capitals" in result.err
    assert not fleet.requests()
    text = (fleet.root / "fleet.yaml").read_text().replace("{NAME}", "{name}")
    (fleet.root / "fleet.yaml").write_text(text)
    assert "in capitals" not in fleet.run("status").err


PATTERNS = f"""\
{SOUND}\
approvers:
  ann: {{key: "{"A" * 43}=", may: [apply], accounts: ["client*", "klient*"], environments: [default, production]}}
limits:
  key: {{requestsPerSecond: 5, accounts: [client00?, other], providers: [mail, mial]}}
"""


def test_patterns_that_match_nothing_are_told_at_their_place(fleet: FleetOf) -> None:
    (fleet.root / "fleet.yaml").write_text(PATTERNS)
    result = fleet.run("status")
    assert result.code == 0
    found = [line.split()[-1] for line in result.err.splitlines() if line.startswith("warning")]
    places = [
        f"fleet.yaml:{number}:{line.index(pattern) + 1}"
        for number, line in enumerate(PATTERNS.splitlines(), 1)
        for pattern in ('"klient*"', "production", "other", "mial")
        if pattern in line
    ]
    assert found == places, result.err
    for pattern in ("klient*", "production", "other", "mial"):
        assert f'"{pattern}" matches no ' in result.err
    assert result.err.count("matches no") == 4
    (fleet.root / "fleet.yaml").write_text(PATTERNS.replace('"klient*"', '"*"').replace(", mial", ""))
    assert fleet.run("status").err.count("matches no") == 2


def test_ctrl_c_while_modules_are_read_leaves_no_trace() -> None:
    """The signal comes with the first import of ours, when no command is there to hear of it."""
    code = (
        "import builtins, os, signal\n"
        "real = builtins.__import__\n"
        "def read(name, *rest):\n"
        "    if name == 'reconcile.cli.main':\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    return real(name, *rest)\n"
        "from reconcile.__main__ import main\n"
        "builtins.__import__ = read\n"
        "main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, "plan"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (ended.returncode, ended.stderr) == (130, "\nInterrupted.\n")
    ignored = subprocess.run(
        [sys.executable, "-c", f"import signal; signal.signal({int(signal.SIGINT)}, signal.SIG_IGN)\n{code}", "--help"],
        env={**os.environ},
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert ignored.returncode == 0, "as under nohup"
