"""A fleet on this machine: looked at, planned, approved, applied, told; one account never silences another."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from reconcile.cli.main import run as reconcile
from reconcile.errors import InvalidInput
from reconcile.fleet.approval import Approval, NotApproved, check, new_key, public_text, sign
from reconcile.fleet.limits import Limits
from reconcile.fleet.results import results_of
from reconcile.fleet.settings import Account, Approver, SharedLimit, load_fleet
from reconcile.masks import MASK
from tests.fleet.conftest import FleetOf

SOUND = "version: 1\naccounts: {folders: 'clients/*'}\n"
ROOT = Path(__file__).parents[2]


def key_of(fleet: FleetOf, *, may: str = "[apply, send]", accounts: str = '["*"]', more: str = "") -> Path:
    """A private key whose public half is Ann's."""
    path = fleet.root / "ann.pem"
    public = fleet.run("key", str(path)).out.strip()
    fleet.fleet_file(f'approvers:\n  ann: {{key: "{public}", may: {may}, accounts: {accounts}}}\n{more}')
    return path


def approve(fleet: FleetOf, name: str, key: Path, *more: str) -> tuple[int, str]:
    digest = fleet.standing(name)["waiting"]["digest"]
    result = fleet.run("approve", name, "--key", str(key), "--digest", digest, *more)
    return result.code, result.out + result.err


def writes(fleet: FleetOf) -> list[str]:
    return [
        entry["function"] for entry in fleet.requests() if entry["method"] != "GET" and "token" not in entry["path"]
    ]


def test_looked_at_planned_approved_and_applied(fleet: FleetOf) -> None:
    key = key_of(fleet)
    assert fleet.run("status").code == 0
    assert fleet.run("run").code == 0
    planned = fleet.run("run", "plan")
    assert planned.code == 2
    assert "Fleet: 6 waiting for approval." in planned.out
    for name in fleet.names[:3]:
        assert approve(fleet, name, key)[0] == 0
    applied = fleet.run("run", "apply")
    assert applied.code == 2, applied.err
    assert "3 more wait" in applied.err
    assert "Fleet: 3 in sync." in applied.out
    assert fleet.run("status", "--account", "client00[0-2]").code == 0
    assert fleet.run("status").code == 2
    assert fleet.run("run", "drift", "--account", fleet.names[0]).code == 0


def test_the_same_plan_goes_on_waiting_under_its_digest(fleet: FleetOf) -> None:
    assert fleet.run("run", "plan").code == 2
    first = fleet.standing("client000")["waiting"]
    assert fleet.run("run", "plan").code == 2
    assert fleet.standing("client000")["waiting"] == first
    fleet.project("client000").replace("manifests/all.yaml", "News of", "All of")
    assert fleet.run("run", "plan").code == 2
    assert fleet.standing("client000")["waiting"]["digest"] != first["digest"]


def test_without_an_approval_nothing_is_written(fleet: FleetOf) -> None:
    nothing = fleet.run("run", "apply", "--account", "client000")
    assert (nothing.code, "Nothing waits for approval" in nothing.err) == (3, True)
    assert "failing" not in fleet.run("status").out, "that nothing waits is no fault of the account"
    assert fleet.run("run", "plan").code == 2
    result = fleet.run("run", "apply", "--account", "client000")
    assert result.code == 3
    assert "Nobody has approved" in result.err
    assert not [name for name in writes(fleet) if name.startswith("create")]
    assert fleet.standing("client000")["failure"] is None


@pytest.mark.parametrize(("account", "environment"), [("other", "default"), ("acme", "test"), ("acme", "*")])
def test_an_approval_is_for_one_account_in_one_environment(account: str, environment: str, tmp_path: Path) -> None:
    key = new_key()
    approver = Approver("ann", public_text(key), frozenset({"apply", "send"}), ("*",), ("*",))
    digest, known = "ab" * 32, Account("acme", tmp_path)
    good = sign(Approval("ann", "acme", "default", digest, 100, True), key)
    assert check(good, {"ann": approver}, known, digest, 50.0) == approver
    given = sign(replace(good, account=account, environment=environment), key)
    with pytest.raises(NotApproved, match=r"^The approval is for "):
        check(given, {"ann": approver}, known, digest, 50.0)


@pytest.mark.parametrize(
    ("may", "accounts", "given", "said"),
    [
        ("[send]", '["*"]', (), "may not approve of changes"),
        ("[apply]", '["other*"]', (), "may not approve of changes"),
        ("[apply]", '["*"]', ("--allow-send",), "may not approve of sends"),
        ("[apply]", '["*"]', ("--digest", "0" * 64), "of another plan"),
        ("[apply]", '["*"]', ("--as", "bob"), "is no approver"),
        ("[apply]", '["*"]', ("--until", "0s"), "is over"),
        ("[apply]", '["*"]', ("--until", "soon"), "takes a duration"),
        ("[apply]", '["*"]', ("--until", "\u00b2d"), "takes a duration"),
        ("[apply]", '["*"]', ("--env", "production"), "NAME@ENVIRONMENT"),
    ],
)
def test_who_may_not_approve_is_told(
    fleet: FleetOf, may: str, accounts: str, given: tuple[str, ...], said: str
) -> None:
    key = key_of(fleet, may=may, accounts=accounts)
    assert fleet.run("run", "plan").code == 2
    code, told = approve(fleet, "client000", key, *given)
    assert code in (3, 64)
    assert said in told


def test_an_approval_sends_what_it_allows_and_no_more(fleet: FleetOf) -> None:
    key = key_of(fleet)
    due = datetime.fromtimestamp(int(time.time()) + 30 * 86400, UTC).isoformat()
    fleet.project("client000").replace("manifests/all.yaml", "lists: [news]", f"lists: [news], schedule: '{due}'")

    def carried_out(*given: str) -> set[str]:
        assert fleet.run("run", "plan", "--account", "client000").code == 2
        assert fleet.standing("client000")["waiting"]["sends"] == 1
        assert approve(fleet, "client000", key, *given)[0] == 0
        fleet.run("run", "apply", "--account", "client000")
        called = {entry["function"] for entry in fleet.requests()}  # that of a send is a GET
        return {name for name in called if not name.startswith("get-")}

    assert carried_out() == {"create-list"}
    assert not fleet.sends()
    assert carried_out("--allow-send") == {"create-list", "create-newsletter", "send-newsletter"}
    assert fleet.standing("client000")["failure"] is None


def told(text: str, key: Path) -> list[list[str]]:
    """The commands that a message tells to run, with a person's own file in the place of FILE."""
    found = re.findall(r"reconcile fleet ((?:[a-z]+)(?: (?!names)[\w@.*-]+)*)", text)
    return [command.replace("FILE", str(key)).split() for command in found]


def follow(fleet: FleetOf, said: str, key: Path) -> None:
    """Run what was told; without a terminal the digest is told in turn."""
    commands = told(said, key)
    assert commands, said
    for command in commands:
        result = fleet.run(*command)
        if result.code == 64 and "--digest" in result.err:
            follow(fleet, result.err, key)
        else:
            assert result.code in (0, 2), (command, result.err)


def test_what_a_message_tells_to_run_works(fleet: FleetOf) -> None:
    missing = fleet.root / "none.pem"
    missing.write_text("no key")
    key = key_of(fleet)
    assert fleet.run("run", "drift").code == 0
    follow(fleet, fleet.run("approve", "client000", "--key", str(key)).err, key)  # nothing waits: plan first
    follow(fleet, fleet.run("run", "apply", "--account", "client000").err, key)  # nobody has approved
    follow(fleet, fleet.run("run", "apply", "--account", "client001").err, key)  # nothing waits
    approved = fleet.run("approve", "client001", "--key", str(key), "--digest", waits(fleet, "client001"))
    follow(fleet, approved.err, key)  # carry it out
    assert fleet.standing("client001")["applied"] is not None
    follow(fleet, fleet.run("run", "drift", "--account", "nobody").err, key)
    follow(
        fleet, fleet.run("approve", "client000", "--key", str(missing), "--digest", "0" * 64).err, fleet.root / "b.pem"
    )
    (fleet.root / "results" / "records" / f"{waits(fleet, 'client000')}.plan").unlink()
    result = fleet.run("run", "apply", "--account", "client000")
    assert result.code == 4
    follow(fleet, result.err, key)


def waits(fleet: FleetOf, name: str) -> str:
    digest: str = fleet.standing(name)["waiting"]["digest"]
    return digest


def test_a_key_of_nobody_is_told(fleet: FleetOf) -> None:
    key_of(fleet)
    other = fleet.root / "other.pem"
    fleet.run("key", str(other))
    assert fleet.run("run", "plan").code == 2
    code, told = approve(fleet, "client000", other)
    assert code == 1
    assert "No approver" in told
    assert other.stat().st_mode & 0o077 == 0
    assert fleet.run("key", str(other)).code == 1, "a key is never overwritten"


def test_an_approval_that_was_forged_in_the_results_is_refused(fleet: FleetOf) -> None:
    key_of(fleet)
    assert fleet.run("run", "plan").code == 2
    known = load_fleet(fleet.root / "fleet.yaml", os.environ)
    digest = fleet.standing("client000")["waiting"]["digest"]
    forged = Approval("ann", "client000", "default", digest, int(time.time()) + 60, True)
    results_of(known).approve(sign(forged, new_key()))
    result = fleet.run("run", "apply")
    assert result.code == 3
    assert "not signed with the key of ann" in result.err
    assert not [name for name in writes(fleet) if name.startswith("create")]


def test_a_record_that_was_edited_in_the_results_is_refused(fleet: FleetOf) -> None:
    key = key_of(fleet)
    assert fleet.run("run", "plan").code == 2
    assert approve(fleet, "client000", key)[0] == 0
    (record,) = (fleet.root / "results" / "records").glob(f"{fleet.standing('client000')['waiting']['digest']}*")
    other = fleet.root / "results" / "records" / f"{fleet.standing('client002')['waiting']['digest']}.plan"
    record.write_bytes(other.read_bytes())
    result = fleet.run("run", "apply")
    assert result.code == 4
    assert not [name for name in writes(fleet) if name.startswith("create")]


def test_errors_stand_beside_findings(fleet: FleetOf, monkeypatch: pytest.MonkeyPatch) -> None:
    key = key_of(fleet)
    assert fleet.run("run", "plan").code == 2
    assert approve(fleet, "client000", key)[0] == 0
    assert fleet.run("run", "apply").code == 2
    url, credentials = f"{fleet.server.url}/squalomail/v1", {"apiKey": "key-of-client000"}
    (found,) = httpx.get(f"{url}/get-lists", params=credentials).json()["lists"]
    assert httpx.post(f"{url}/update-list", json={**credentials, **found, "name": "Edited"}).is_success
    assert fleet.run("run", "drift", "--account", "client000").code == 2
    drifted = fleet.standing("client000")
    assert drifted["edits"][0]["address"] == "mail.list.news"
    monkeypatch.delenv("KEY_CLIENT000")
    monkeypatch.setenv("SECRET_CLIENT001", "")
    result = fleet.run("run", "drift")
    assert result.code == 6
    assert "KEY_CLIENT000, which is not set here" in result.err
    failing = fleet.standing("client000")
    assert failing["edits"] == drifted["edits"]
    assert failing["drifted"] == drifted["drifted"]
    assert failing["failure"]["code"] == 1
    assert all(fleet.standing(name)["looked"] is not None for name in fleet.names[2:])
    page = fleet.root / "report"
    assert fleet.run("report", "-o", str(page)).code == 0
    html = (page / "index.html").read_text()
    assert "mail.list.news" in html
    assert "which is not set here" in html
    content = json.loads((page / "report.json").read_text())
    assert len(content["accounts"]) == len(fleet.names)
    assert (page / "review" / "client002@default" / "index.html").read_text().startswith("<!doctype html>")


def test_no_account_finds_what_else_is_in_the_environment(fleet: FleetOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEASON", "autumnal")
    for name in ("SEASON", "KEY_CLIENT002"):
        fleet.project("client000").write(
            "manifests/all.yaml", f'mail: {{lists: {{news: {{name: "${{env.{name}}}"}}}}}}'
        )
        result = fleet.run("run", "plan", "--account", "client000")
        assert result.code == 1
        failure = fleet.standing("client000")["failure"]["said"]
        assert "unset-environment" in failure
        assert name in failure
    for kept in (path for path in fleet.root.rglob("*") if path.is_file()):
        assert b"autumnal" not in kept.read_bytes(), kept
        assert b"key-of-client002" not in kept.read_bytes(), kept
    assert "autumnal" not in json.dumps(fleet.requests()) + result.out + result.err


def test_no_secret_is_in_what_a_run_said(fleet: FleetOf) -> None:
    encoded = base64.b64encode(b"key-of-client000").decode()

    class Echo(BaseHTTPRequestHandler):
        def answer(self) -> None:
            said = self.rfile.read(int(self.headers.get("content-length", 0))).decode() + self.path + " " + encoded
            content = json.dumps({"errorCode": 3, "errorMessage": f"no\n::error::{said}"}).encode()
            self.send_response(400)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    project = fleet.project("client000")
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        text = (project.root / "reconcile.yaml").read_text()
        project.write("reconcile.yaml", text.replace(fleet.server.url, f"http://127.0.0.1:{server.server_port}"))
        result = fleet.run("run", "plan", "--account", "client000")
        server.shutdown()
    assert result.code == 1
    everything = result.out + result.err + (fleet.root / "results" / "client000@default.json").read_text()
    assert "error::" in everything
    assert "key-of-client000" not in everything
    assert encoded[:12] not in everything
    assert MASK in everything
    assert not re.search(r"(?m)^\s*::", everything)


def test_no_secret_of_a_manifest_is_in_what_a_run_said(fleet: FleetOf) -> None:
    """What a finding quotes was in no answer, and is masked in whatever way it is written."""
    encoded = base64.b64encode(b"key-of-client000").decode()
    for text in ("key-of-client000", encoded):
        fleet.project("client000").write("manifests/all.yaml", f"mail: {{lists: {{{text}: {{color: '{text}'}}}}}}\n")
        assert fleet.run("run", "plan", "--account", "client000").code == 1
        said = (fleet.root / "results" / "client000@default.json").read_text()
        assert "error[" in said
        assert MASK in said
        assert text[:12] not in said


def test_several_processes_do_the_same(fleet: FleetOf) -> None:
    fleet.add(14)
    environ = {**os.environ, **fleet.environ(), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "reconcile", "-C", str(fleet.root), "fleet", "run", "plan", "--processes", "2"]
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 2, ended.stderr
    assert "Fleet: 20 waiting for approval." in ended.stdout
    assert all(fleet.standing(name)["waiting"] for name in fleet.names)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_signal_ends_it_in_good_order(fleet: FleetOf, processes: str) -> None:
    fleet.add(14)
    fleet.fleet_file("limits: {slow: {requestsPerSecond: 4}}\n")
    environ = {**os.environ, **fleet.environ(), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "reconcile", "-C", str(fleet.root), "--parallelism", "4"]
    command += ["fleet", "run", "plan", "--processes", processes]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not fleet.requests():
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "of 20 accounts are done" in said
    left = len(fleet.requests())
    time.sleep(0.5)
    assert len(fleet.requests()) == left


@pytest.mark.parametrize("killed", [1, 2])
def test_accounts_of_a_process_that_was_killed_have_failed(fleet: FleetOf, killed: int) -> None:
    fleet.add(14)
    fleet.fleet_file("limits: {slow: {requestsPerSecond: 8}}\n")
    environ = {**os.environ, **fleet.environ(), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "reconcile", "-C", str(fleet.root), "--parallelism", "4"]
    command += ["fleet", "run", "plan", "--processes", "2"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not fleet.requests():
            time.sleep(0.05)
        for child in workers_of(process.pid)[:killed]:
            os.kill(child, signal.SIGKILL)
        out, said = process.communicate(timeout=60)
    found = {path.stem: json.loads(path.read_text()) for path in (fleet.root / "results").glob("*@*.json")}
    lost = [name for name, each in found.items() if each["failure"] and "was killed" in each["failure"]["said"]]
    assert len(found) == 20, out + said
    if killed == 1:
        assert 1 <= len(lost) <= 2  # what it was at; the other process did the rest
        assert process.returncode == 6
    else:
        assert len(lost) >= 10
        assert process.returncode in (1, 6)
    assert f"{len(lost)} failing" in out


def workers_of(parent: int) -> list[int]:
    """The processes that were begun to do accounts, by Linux's list of a process's children."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(each) for each in children if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()]


@pytest.mark.parametrize("processes", ["1", "2"])
def test_what_is_wrong_with_one_account_leaves_the_others(
    fleet: FleetOf, processes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.add(14)
    for name, value in fleet.environ().items():
        monkeypatch.setenv(name, value)
    in_the_way = fleet.root / "results" / f"{fleet.names[0]}@default.json"
    in_the_way.mkdir(parents=True)
    loop = fleet.root / "loop"
    loop.symlink_to(loop)
    text = (fleet.root / "fleet.yaml").read_text()
    fleet.root.joinpath("fleet.yaml").write_text(
        text.replace("accounts:\n", "accounts:\n  list: [{name: lost, project: loop}]\n", 1)
    )
    result = fleet.run("run", "plan", "--processes", processes)
    assert result.code == 6, result.err
    assert "2 failing" in result.out
    assert "19 waiting" in result.out
    assert "Traceback" not in result.err


@pytest.mark.parametrize("account", ["{name: a, environment: ../../../up}", '{name: a, project: "a\\0b"}'])
def test_names_of_an_account_lead_nowhere(fleet: FleetOf, account: str) -> None:
    (fleet.root / "fleet.yaml").write_text(f"version: 1\naccounts: {{list: [{account}]}}\n")
    result = fleet.run("run", "plan")
    assert result.code == 1
    assert "fleet.yaml:2:" in result.err


def test_shared_limits_bind_all_accounts_together() -> None:
    limits = Limits([SharedLimit("key", 10, ("a*",), ("*",)), SharedLimit("all", 1000, ("*",), ("mail",))], None)
    first, second, other = limits.of("a1", "mail"), limits.of("a2", "mail"), limits.of("b", "mail")
    assert first is not None
    assert second is not None
    assert other is not None
    waits = [each.reserve() for _ in range(15) for each in (first, second)]  # at most ten in any second
    assert max(waits[:10]) == 0.0
    assert 0.9 < waits[10] <= 1.0
    assert 1.9 < waits[29] <= 2.0
    assert other.reserve() < 0.1
    assert limits.of("b", "else") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("version: 1\n", "accounts"),
        ("version: 1\naccounts: {lists: []}\n", "fleet.yaml:2:12"),
        ("version: 1\naccounts: {list: [{name: 'a b'}]}\n", "fleet.yaml:2:26"),
        ("version: 1\naccounts: {list: [{name: a}, {name: a}]}\n", "Two accounts are called a@default"),
        ("version: 1\naccounts: {folders: nowhere/*}\n", "No folder that nowhere/* matches"),
        (
            "version: 1\naccounts: {folders: 'clients/*'}\napprovers: {ann: {key: short, may: [apply]}}\n",
            "fleet.yaml:3:24",
        ),
        (SOUND + "approvers: {ann: {key: x, may: [all]}}\n", "fleet.yaml:3"),
        (SOUND + "drift: hourly\n", "fleet.yaml:3:8"),
        ("version: 1\naccounts: [\n", "fleet.yaml:3:1"),
        (SOUND + "temporal: {address: nonsense}\n", "fleet.yaml:3:21"),
        (SOUND + "results: ${env.NOT_SET}\n", "NOT_SET"),
    ],
)
def test_what_is_wrong_with_the_file_is_told_at_its_place(fleet: FleetOf, text: str, said: str) -> None:
    (fleet.root / "fleet.yaml").write_text(text)
    result = fleet.run("status")
    assert result.code == 1
    assert said in result.err
    assert "Traceback" not in result.err


def test_no_fleet_and_no_such_account_are_told(fleet: FleetOf, tmp_path: Path) -> None:
    result = fleet.run("run", "drift", "--account", "nobody")
    assert result.code == 1
    assert 'No account of the fleet is called "nobody"' in result.err
    assert fleet.run("approve", "clent000", "--key", "x").err.count('Did you mean "client000"?') == 1
    fleet.fleet_file("temporal: {address: '127.0.0.1:1'}\n")
    result = fleet.run("run", "drift")
    assert (result.code, "127.0.0.1:1 does not answer: Connection refused.\n" in result.err) == (1, True), result.err
    (fleet.root / "fleet.yaml").unlink()
    assert "fleet.yaml" in fleet.run("status").err


ONE = """\
version: 1
accounts:
  list:
    - {name: one, project: clients/client000, environ: {MAIL_KEY: "file:SECRET"}, variables: {greeting: A}}
    - name: one
      project: clients/client000
      environment: test
      environ: {MAIL_KEY: KEY_CLIENT000}
      variables: {greeting: B}
"""


def test_accounts_of_a_list_have_environments_and_variables(fleet: FleetOf) -> None:
    project = fleet.project("client000")
    more = "version: 1\nvariables: {greeting: null}\nenvironments: {test: {}}\n"
    project.replace("reconcile.yaml", "version: 1\n", more)
    project.replace("manifests/all.yaml", "Hello from client000", '"${var.greeting}"')
    secret = fleet.root / "secret"
    secret.write_text("key-of-client000\n")
    (fleet.root / "fleet.yaml").write_text(ONE.replace("SECRET", str(secret)))
    planned = fleet.run("run", "plan")
    assert planned.code == 2, planned.err
    known = load_fleet(fleet.root / "fleet.yaml", os.environ)
    assert [each.key for each in known.accounts()] == ["one@default", "one@test"]
    assert "is in several environments" in fleet.run("approve", "one", "--key", "x").err
    subjects = [
        json.loads((fleet.root / "results" / "records" / f"{standing['waiting']['digest']}.plan").read_text())
        for standing in (fleet.standing("one"), fleet.standing("one", "test"))
    ]
    assert ['"A"' in json.dumps(each) for each in subjects] == [True, False]


def test_the_command_line_imports_nothing_of_temporal() -> None:
    code = "import sys, reconcile.cli.main, reconcile.fleet.commands, reconcile.fleet.here; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "temporalio" not in found.stdout
    assert reconcile(["fleet", "--help"]) == 0


def test_what_is_shown_is_what_is_signed(fleet: FleetOf) -> None:
    """Whoever writes to the results puts a harmless plan in the place of the one that waits."""
    key = key_of(fleet)
    assert fleet.run("run", "plan").code == 2
    evil, harmless = waits(fleet, "client000"), waits(fleet, "client002")
    records = fleet.root / "results" / "records"
    kept = (records / f"{evil}.plan").read_bytes()
    (records / f"{evil}.plan").write_bytes((records / f"{harmless}.plan").read_bytes())
    refused = fleet.run("approve", "client000", "--key", str(key), "--digest", evil)
    assert refused.code == 4
    assert fleet.run("report", "-o", str(fleet.root / "report")).code == 0
    assert not (fleet.root / "report" / "review" / "client000@default").exists()
    assert (fleet.root / "report" / "review" / "client002@default").exists()
    (records / f"{evil}.plan").unlink()
    assert fleet.run("approve", "client000", "--key", str(key), "--digest", evil).code == 4
    (records / f"{evil}.plan").write_bytes(kept)
    assert fleet.run("run", "apply", "--account", "client000").code == 3


def test_what_is_written_into_the_results_stops_nothing_and_leads_nowhere(fleet: FleetOf) -> None:
    assert fleet.run("run", "plan").code == 2
    results = fleet.root / "results"
    state = fleet.project("client002").state
    state.parent.mkdir(parents=True, exist_ok=True)
    before = sorted(path for path in fleet.root.rglob("*") if "results" not in path.parts)
    place = results / "client000@default.json"
    sound = json.loads(place.read_text())
    (results / "x@y").mkdir()
    for members in (
        {"account": "x", "environment": "y/../../clients/client002/.reconcile/default/state"},
        {"account": "../clients/client002/x"},
        {"waiting": {**sound["waiting"], "digest": 5}},
        {"waiting": {**sound["waiting"], "until": 1e300}},
        {"waiting": {**sound["waiting"], "actions": []}},
        {"sends": [{"address": "a", "at": "soon"}]},
    ):
        place.write_text(json.dumps(sound | members))
        assert fleet.run("status").code in (0, 2)
        assert fleet.run("run", "drift", "--account", "client000").code in (0, 2)
        assert sorted(path for path in fleet.root.rglob("*") if "results" not in path.parts) == before
        assert not state.exists()
    place.write_text("[" * 100_000)
    assert fleet.run("status").code in (0, 2)
    place.unlink()
    os.mkfifo(place)
    assert fleet.run("status").code in (0, 2)
    approvals = results / "approvals"
    approvals.mkdir()
    (approvals / f"{waits(fleet, 'client002')}.x.json").write_text("{}")
    (approvals / f"{waits(fleet, 'client002')}.y.json").symlink_to(approvals / "nowhere")
    result = fleet.run("run", "apply", "--account", "client002")
    assert result.code == 3
    assert "Nobody has approved" in result.err


@pytest.mark.parametrize(
    ("state", "code", "said"),
    [
        ("file:../client002/.reconcile/default/state.json", 1, "The state may not be at file:../client002"),
        ("file:ROOT/clients/client002/.reconcile/default/state.json", 3, "outside of its project"),
        ("file:linked/state.json", 3, "outside of its project"),
        ("postgresql://127.0.0.1:1/x?sslmode=disable", 1, "The state may not be at postgresql://"),
        ("s3://b/k?endpoint=http://127.0.0.1:1", 1, "The state may not be at s3://b/k"),
    ],
)
def test_a_state_is_kept_to_the_project_or_where_the_fleet_allows(
    fleet: FleetOf, state: str, code: int, said: str
) -> None:
    project = fleet.project("client000")
    (project.root / "linked").symlink_to(fleet.project("client002").root)
    settings = (project.root / "reconcile.yaml").read_text()
    project.write("reconcile.yaml", f"{settings}state: {state.replace('ROOT', str(fleet.root))}\n")
    result = fleet.run("run", "drift", "--account", "client000")
    assert result.code == code
    assert said in fleet.standing("client000")["failure"]["said"]
    assert not fleet.requests()


@pytest.mark.parametrize(
    ("make", "told"),
    [(os.mkfifo, "a pipe"), (os.mkdir, "a folder"), (lambda path: path.symlink_to("gone"), "leads to nothing")],
    ids=["pipe", "folder", "link"],
)
def test_what_is_no_file_is_not_waited_for(make: Callable[[Path], object], told: str, tmp_path: Path) -> None:
    make(tmp_path / "fleet.yaml")
    with pytest.raises(InvalidInput) as caught:
        load_fleet(tmp_path / "fleet.yaml", {})
    (finding,) = caught.value.diagnostics
    assert finding.code == "unreadable-file"
    assert told in finding.detail
