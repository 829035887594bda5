"""The command ``sandbox`` as a process of its own: what its options set up, and what it says."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from reconcile.cli.main import cli
from reconcile.sandbox.faults import KINDS
from tests.cli.conftest import Project

LOGIN = {"grant_type": "password", "username": "u", "password": "p", "scope": "openid GatorMailApi"}
PROJECT = """\
version: 1
providers:
  it: {type: squalomail, url: "sandbox:", account: "4711", apiKey: "${env.IT_KEY}"}
  fr: {type: squalomail, url: "sandbox:", account: "4712", apiKey: "${env.FR_KEY}"}
  uk: {type: gatormail, url: "sandbox:", instance: acme_lz}
  us: {type: gatormail, url: "sandbox:", instance: acme_us, contract: {op.schema.get: GET /fields}}
"""


@dataclass
class Running:
    """The command while it serves: the lines that it has printed, and a client."""

    process: subprocess.Popen[str]
    lines: list[str]
    client: httpx.Client

    def list_names(self, key: str) -> Any:
        answer = self.client.get("/squalomail/v1/get-lists", params={"apiKey": key})
        return [row["name"] for row in answer.json()["lists"]] if answer.status_code == 200 else answer.status_code

    def sign_in(self, client: str = "c", secret: str = "s", **form: str) -> httpx.Response:
        return self.client.post("/oauth/core/connect/token", data={**LOGIN, **form}, auth=(client, secret))

    def get(self, instance: str, path: str, **sign_in: str) -> httpx.Response:
        token = self.sign_in(**sign_in).json()["access_token"]
        return self.client.get(f"/gatormail/{instance}{path}", headers={"Authorization": f"Bearer {token}"})

    def end(self, number: int = signal.SIGINT) -> str:
        """Ctrl-C, or another signal; what was said on stderr."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=30)
        assert self.process.returncode == 0
        return err


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def _serve(*options: str, folder: Path = tmp_path, **environ: str) -> Running:
        command = [sys.executable, "-m", "reconcile", "-C", str(folder), "sandbox", "--port", "0", *options]
        own = {name: value for name, value in os.environ.items() if not name.startswith("RECONCILE_")}
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**own, **environ}
        )
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.endswith("GatorMail's tokens\n"):
                break
        assert lines, process.communicate()[1]
        made.append(Running(process, lines, httpx.Client(base_url=lines[0].split()[0])))
        return made[-1]

    yield _serve
    for each in made:
        each.client.close()
        each.process.kill()
        each.process.communicate()


def test_it_names_every_address_and_ends_by_an_interrupt(serving: Callable[..., Running]) -> None:
    running = serving()
    url = str(running.client.base_url).rstrip("/")
    assert running.lines[:4] == [  # then those of installed packages
        f"{url}/  web page",
        f"{url}/squalomail/v1  SqualoMail's API, account 1000",
        f"{url}/gatormail/example_testlz  GatorMail's API",
        f"{url}/oauth/core/connect/token  GatorMail's tokens",
    ]
    assert running.list_names("any") == []
    assert running.get("example_testlz", "/group/1/9").json() == []
    assert "Instance example_testlz" in running.client.get("/").text
    assert "Data in memory only." in running.end()


def test_it_ends_cleanly_by_sigterm_and_its_file_is_private(serving: Callable[..., Running], tmp_path: Path) -> None:
    file = tmp_path / "x" / "sandbox.sqlite"
    running = serving("--data", str(file))
    assert running.list_names("any") == []
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert running.end(signal.SIGTERM).endswith("Ended.\n")
    assert [each.name for each in file.parent.iterdir()] == [file.name]  # no journal is left


def test_a_damaged_file_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "bad.sqlite").write_text("no database")
    result = Project(tmp_path).run("sandbox", "--data", str(tmp_path / "bad.sqlite"))
    assert result.code == 1
    assert "bad.sqlite can't be used" in result.err
    assert "remove it, or name another file" in result.err


def test_an_embedded_file_that_is_damaged_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "reconcile.yaml").write_text(PROJECT)
    (tmp_path / ".reconcile" / "default").mkdir(parents=True)
    (tmp_path / ".reconcile" / "default" / "sandbox.sqlite").write_text("no database")
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "a.yaml").write_text("it: {lists: {a: {name: A}}}\n")
    result = Project(tmp_path).run("plan")
    assert result.code == 1
    assert "sandbox.sqlite can't be used" in result.err
    assert "internal" not in result.err


def test_it_behaves_as_a_calibrated_account(serving: Callable[..., Running], tmp_path: Path) -> None:
    common = {"version": 1, "date": "2026-11-29", "contract": "sha256:0", "level": 1, "verdicts": {}}
    ours = {**common, "provider": "squalomail", "account": {"host": "h", "id": "4711"},
            "switches": {"app_id_member": "id", "list_color": "fixed"}}  # fmt: skip
    theirs = {**common, "provider": "gatormail", "account": {"host": "h", "id": "acme_lz"},
              "switches": {"list_envelope": "items"}, "contract_rows": {"f.group.name": "title"}}  # fmt: skip
    (tmp_path / "ours.json").write_text(json.dumps(ours))
    (tmp_path / "theirs.json").write_text(json.dumps(theirs))
    files = ["--calibration", str(tmp_path / "ours.json"), "--calibration", str(tmp_path / "theirs.json")]
    running = serving(*files, "--switch", "list_color=random")
    assert running.client.get("/squalomail/v1/get-app-id?apiKey=K").json()["id"] == 4711
    made = running.client.post("/squalomail/v1/create-list", json={"apiKey": "K", "name": "A"}).json()
    assert made["list"]["color"] != "#3366cc"
    assert running.get("acme_lz", "/group/1/9").json() == {"items": []}
    instance = "/_sandbox/gatormail/acme_lz/api/group"
    assert running.client.post(instance, json={"title": "A"}).json()["title"] == "A"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "bad.json is no JSON"),
        ("[]", "bad.json is no calibration of version 1: write one with `reconcile doctor`"),
        ('{"version": 2}', "bad.json is no calibration of version 1"),
        (
            '{"version": 1, "provider": "acme"}',
            "bad.json is of the provider 'acme', which the sandbox does not emulate",
        ),
        ('{"version": 1, "provider": "gatormail", "account": 1}', "bad.json: account should be an object"),
        ('{"version": 1, "provider": "gatormail", "account": {"id": 1}}', "bad.json: account.id should be a text"),
        ('{"version": 1, "provider": "squalomail", "contract_rows": {"a": 1}}', "bad.json: squalomail has no contract"),
        ('{"version": 1, "provider": "squalomail", "switches": {"nix": 1}}', "there is no switch 'nix'"),
        ('{"version": 1, "provider": "gatormail", "contract_rows": {"nix": 1}}', "the contract has no key 'nix'"),
        ("[" * 100_000, "bad.json is no JSON"),
        (" " * 1_000_001, "bad.json is no calibration"),
    ],
)
def test_what_is_no_calibration_is_told_as_such(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    result = Project(tmp_path).run("sandbox", "--calibration", str(tmp_path / "bad.json"))
    assert result.code in (1, 64)
    assert message in " ".join(result.err.split())


def test_one_sandbox_behaves_as_one_account(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"version": 1, "provider": "squalomail", "account": {"id": "4711"}}')
    twice = ["--calibration", str(tmp_path / "a.json")] * 2
    result = Project(tmp_path).run("sandbox", *twice)
    assert result.code == 64
    assert "Two files are calibrations of squalomail" in result.err


def test_logins_open_their_instances(serving: Callable[..., Running]) -> None:
    logins = ["--gatormail-login", "c:s:u:p:x=one", "--gatormail-login", "c2:s:u:a=b="]
    running = serving("--gatormail-instance", "one", "--gatormail-instance", "two", *logins)
    assert [line.split()[0].rpartition("/")[2] for line in running.lines[2:4]] == ["one", "two"]
    assert running.get("one", "/schema", password="p:x").status_code == 200
    assert running.get("two", "/schema", password="p:x").status_code == 403
    assert running.get("two", "/schema", client="c2", password="a=b").status_code == 200
    assert running.sign_in(password="wrong").status_code == 400
    assert running.sign_in(client="other").json()["error"] == "invalid_client"


def test_contract_switches_and_faults(serving: Callable[..., Running], tmp_path: Path) -> None:
    contract = tmp_path / "contract.yaml"
    contract.write_text("op.group.list: GET /groups/{page}/{pageSize}\ncap.email.read: on\nc.list.itemsPath: data\n")
    running = serving(
        "--contract", str(contract), "--switch", "gatormail.bad_client_status=401", "--switch", "list_published=true",
        "--fault", "503:oauth_token:n=1:after=4",
    )  # fmt: skip
    refused = running.sign_in()
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "4")
    assert running.get("example_testlz", "/groups/1/9").json() == {"data": []}
    assert running.get("example_testlz", "/email/1/9").status_code == 200
    assert running.client.post("/oauth/core/connect/token", data=LOGIN).status_code == 401
    body = {"apiKey": "K", "name": "A"}
    assert running.client.post("/squalomail/v1/create-list", json=body).json()["list"]["published"] is True


def test_a_project_has_its_accounts_instances_and_contract(serving: Callable[..., Running], tmp_path: Path) -> None:
    Project(tmp_path).write("reconcile.yaml", PROJECT)
    running = serving(IT_KEY="it-secret-key")
    url = str(running.client.base_url).rstrip("/")
    assert running.lines[1:4] == [
        f"{url}/squalomail/v1  SqualoMail's API, account 4711, 4712",
        f"{url}/gatormail/acme_lz  GatorMail's API",
        f"{url}/gatormail/acme_us  GatorMail's API",
    ]
    running.client.post("/squalomail/v1/create-list", json={"apiKey": "it-secret-key", "name": "Italia"})
    assert [running.list_names(key) for key in ("it", "it-secret-key", "fr", "other")] == [
        ["Italia"],
        ["Italia"],
        [],
        401,
    ]
    assert running.get("acme_lz", "/fields").json()["entities"] == []
    page = running.client.get("/").text
    assert re.findall(r">(Account \w+|Instance \w+)<", page) == [
        "Account 4711", "Account 4712", "Instance acme_lz", "Instance acme_us",
    ]  # fmt: skip
    said = running.end()
    assert "The key fr opens the account 4712." in said
    assert f"Data in {tmp_path / '.reconcile/default/sandbox.sqlite'}." in said
    assert "secret" not in said
    again = serving("--gatormail-instance", "acme_lz")
    assert again.list_names("it") == ["Italia"]
    assert not any("acme_us" in line for line in again.lines)


def test_one_account_opens_with_any_key(serving: Callable[..., Running], tmp_path: Path) -> None:
    Project(tmp_path).write("reconcile.yaml", "".join(PROJECT.splitlines(keepends=True)[:3]))
    running = serving()
    assert running.lines[1].endswith("account 4711")
    assert running.list_names("any") == []


def test_data_elsewhere_are_served_apart(serving: Callable[..., Running], tmp_path: Path) -> None:
    text = PROJECT.replace('"sandbox:", account: "4712"', '"sandbox:fr.sqlite", account: "4712"')
    Project(tmp_path).write("reconcile.yaml", text)
    running = serving()
    assert running.lines[1].endswith("account 4711")
    said = running.end()
    assert f"fr has its data in {tmp_path / 'fr.sqlite'}: serve it with --data." in said
    running = serving("--data", str(tmp_path / "fr.sqlite"))
    assert running.lines[1].endswith("account 4711, 4712")
    assert f"Data in {tmp_path / 'fr.sqlite'}." in running.end()


def test_a_real_account_is_not_emulated_beside_a_sandbox(serving: Callable[..., Running], tmp_path: Path) -> None:
    text = PROJECT.replace('"sandbox:", account: "4712"', 'https://api.squalomail.com/v1, account: "4712"')
    Project(tmp_path).write("reconcile.yaml", text)
    assert serving(FR_KEY="real-key").lines[1].endswith("account 4711")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--gatormail-login", "client:TOPSECRET:u"], "takes CLIENT_ID:SECRET:USER:PASSWORD"),
        (["--gatormail-login", "client::u:TOPSECRET"], "takes CLIENT_ID:SECRET:USER:PASSWORD"),
        (["--gatormail-login", "c:s:u:x=TOPSECRET"], "names an instance that there is not; there are: example_testlz"),
        (["--gatormail-instance", "a/b"], '"a/b" can\'t be an instance'),
        (["--gatormail-instance", ""], "can't be an instance"),
        (["--switch", "nothing"], '"nothing" is not of that form'),
        (["--switch", "put_semantics=merge"], 'Did you mean "gatormail.put_semantics"?'),
        (["--switch", "gatormail.put_semantics=often"], "put_semantics can't be 'often'"),
        (["--switch", "gatormail.largest_page=0"], "largest_page can't be 0"),
        (["--fault", "402"], "unknown kind '402'"),
        (["--contract", "nowhere.yaml"], "does not exist"),
    ],
)
def test_wrong_options_are_refused(tmp_path: Path, options: list[str], message: str) -> None:
    result = Project(tmp_path).run("sandbox", *options)
    assert result.code == 64
    assert message in result.err
    assert "TOPSECRET" not in result.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("op.nix: GET /x\n", "'op.nix'"),
        ("op.schema.get: schema\n", "op.schema.get should be a verb and a path"),
        ("f.email.id: 5\n", "f.email.id should be a text"),
        ("f.email.id: {a: b}\n", "f.email.id should be a text"),
        ('c.auth.scope: ""\n', "c.auth.scope should be a text"),
        ("v.campaignStatus: [a, b]\n", "v.campaignStatus should be 4 texts"),
        ("v.campaignStatus: [[a], b, c, d]\n", "v.campaignStatus should be 4 texts"),
        ("cap.trigger: maybe\n", "cap.trigger should be on or off"),
        ("cap.trigger: [on]\n", "cap.trigger should be on or off"),
        ("c.date.zone: Europe/Atlantis\n", "c.date.zone should be a zone"),
        ("c.date.zone: ../etc/passwd\n", "c.date.zone should be a zone"),
        ("- op.schema.get\n", "it takes a mapping"),
        ("op.schema.get: [\n", "contract.yaml:"),
    ],
)
def test_a_wrong_contract_is_refused_by_its_key(tmp_path: Path, text: str, message: str) -> None:
    project = Project(tmp_path)
    result = project.run("sandbox", "--contract", str(project.write("contract.yaml", text)))
    assert (result.code, message in result.err) == (64, True), result.err


def test_providers_that_differ_in_the_contract_need_a_word(serving: Callable[..., Running], tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("reconcile.yaml", PROJECT.replace("acme_lz}", "acme_lz, contract: {op.schema.get: GET /other}}"))
    result = project.run("sandbox")
    assert result.code == 64
    assert "uk and us differ in op.schema.get" in result.err
    contract = project.write("contract.yaml", "op.schema.get: GET /third\n")
    assert serving("--contract", str(contract)).get("acme_lz", "/third").status_code == 200


def test_the_help_names_every_kind_of_fault() -> None:
    text = CliRunner().invoke(cli, ["sandbox", "--help"]).output
    (about,) = re.findall(r"--fault SPEC(.*?)\n  -", text, re.DOTALL)
    assert set(KINDS) <= set(re.findall(r"[\w-]+", about))
