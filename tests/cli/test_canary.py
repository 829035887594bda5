"""Secrets and people are planted everywhere; whatever the commands do, none of them turns up in the clear.

Over HTTP, with faults, and with a platform that repeats in its error messages all that it was told. Searched are every
file of the project but its sources, stdout and stderr of each command, exception texts and the processes' command
lines. What a person asks ``api`` to read is the one exception, on stdout only; the key is none.
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from reconcile.cli.workspace import Project as Opened
from reconcile.engine.intents import Patience
from reconcile.providers.personal import without_people
from reconcile.providers.transport import Pace
from reconcile.sandbox import Sandbox
from reconcile.sandbox.server import Server
from tests.cli.conftest import Project, Result

KEY = "canary-key-Zq81xv-77310"
PROJECT_KEY = "canary-project-Vb44ds-90127"
STATE_KEY = "canary-state-Hj62wl-55409"
SECRETS = (KEY, PROJECT_KEY, STATE_KEY)
# Address, name, surname, phone, city: each a word that stands nowhere else.
PEOPLE = tuple(
    (f"quokka{n}x@zorilla{n}.example", f"Wombatta{n}", f"Numbatini{n}", f"+39 0481 77{n}31", f"Bilbyburg{n}")
    for n in range(1, 8)
)
STRANGER = ("dugong9x@okapi9.example", "Tapirella9", "Kinkajou9", "+39 0481 99431", "Margayville9")
PERSONAL = tuple(word for person in (*PEOPLE, STRANGER) for word in person)

PROJECT = """\
version: 1
providers:
  squalomail:
    type: squalomail
    url: URL/squalomail/v1
    apiKey: "${env.SQUALOMAIL_API_KEY}"
    account: "4711"
    limits: {requestsPerSecond: 1000}
policy: {importWait: 1s}
"""
MANIFEST = """\
squalomail:
  lists:
    news: {name: News, color: "#336699"}
    other: {name: Other}
  fields:
    city: {fieldname: City, type: text}
  campaigns:
    hello: {subject: Hello, bodyFile: emails/hello.html, lists: [news]}
  audiences:
    people:
      source: audiences/people.csv
      columns: {email: E-mail, name: Nome, surname: Cognome, phone: Telefono, city: Città}
      lists: [news]
      tags: [crm]
      gdpr: {gdprCanSend: true, language: it}
      mode: sync
"""
HEADER = "E-mail,Nome,Cognome,Telefono,Città\n"


# The same as ever, but for the waits between attempts.
_HASTY = tuple(getattr(Pace(attempts=2, wait=0.0, longest_wait=0.001), field.name) for field in fields(Pace))


class Gossip(Sandbox):
    """An emulator that, where ``repeats`` says so, refuses a function and repeats all that it was told."""

    repeats: tuple[str, ...] = ()
    status = 200

    def handle(self, request: httpx.Request) -> httpx.Response:
        function = request.url.path.rpartition("/v1/")[2]
        if function not in self.repeats:
            return super().handle(request)
        told = request.content.decode() + str(request.url)
        for file in _files(told):
            told += f" First row: {base64.b64decode(file).decode()}"
        return httpx.Response(self.status, json={"errorCode": 9, "errorMessage": f"Not with {told} please."})


def _files(told: str) -> Iterator[str]:
    if told.startswith("{"):
        file = json.JSONDecoder().raw_decode(told)[0].get("base64EncodedFile")
        if file:
            yield file


class Watch:
    """The project, its platform, and all that was said so far."""

    def __init__(self, project: Project, platform: Gossip, server: Server) -> None:
        self.project, self.platform, self.server = project, platform, server
        self.commands: list[str] = []
        self.person = f"{server.url}/_sandbox/squalomail/4711"

    def run(self, *arguments: str, codes: tuple[int, ...] = (0,), asked: bool = False) -> Result:
        """A command under -v, whose words are searched; ``asked``: the result is what a person wanted to read."""
        result = self.project.run(*arguments, "-v")
        what = " ".join(arguments)
        self.commands.append(what)
        assert result.code in codes, (what, result)
        assert_clean(result.err, f"stderr of {what}")
        assert_clean(result.out, f"stdout of {what}", words=SECRETS if asked else (*SECRETS, *PERSONAL))
        assert "Traceback" not in result.err
        self.search()
        return result

    def search(self) -> None:
        sources = ("manifests", "emails", "audiences", "reconcile.yaml")
        for path in self.project.root.rglob("*"):
            if path.is_file() and path.relative_to(self.project.root).parts[0] not in sources:
                assert_clean(path.read_bytes().decode("utf-8", "replace"), str(path))
                assert_clean(path.name, "a file's name")

    def repeat(self, *functions: str, status: int = 200) -> None:
        self.platform.repeats, self.platform.status = functions, status

    def rows(self, *rows: tuple[str, ...], rest: str = "") -> None:
        text = HEADER + "".join(",".join(row) + "\n" for row in rows) + rest
        self.project.write("audiences/people.csv", text)

    def post(self, path: str, **members: Any) -> None:
        httpx.post(f"{self.person}/{path}", json=members).raise_for_status()


def assert_clean(text: str, where: str, words: tuple[str, ...] = (*SECRETS, *PERSONAL)) -> None:
    folded = text.lower()
    for word in words:
        for form in _forms(word):
            assert form not in folded, f"{word} as {form} in {where}: {text[:2000]}"


def _forms(word: str) -> Iterator[str]:
    """The word itself, as an address bar has it, and the digests that anybody could make of it."""
    lower = word.lower()
    yield lower
    yield quote(lower, safe="")
    yield base64.b64encode(word.encode()).decode().rstrip("=")[:-1].lower()
    for digest in (hashlib.sha256, hashlib.md5):
        yield digest(lower.encode()).hexdigest()


@pytest.fixture
def watch(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Watch]:
    monkeypatch.setattr(Pace.__init__, "__defaults__", _HASTY)
    monkeypatch.setattr(Patience.__init__, "__defaults__", ((0.0, 0.0), time.sleep))
    temporary = tmp_path / "project" / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setenv("SQUALOMAIL_API_KEY", KEY)
    monkeypatch.setenv("RECONCILE_KEY", PROJECT_KEY)
    with Gossip(accounts={KEY: "4711"}) as platform, Server(platform, port=0) as server:
        project.write("reconcile.yaml", PROJECT.replace("URL", server.url))
        project.write("manifests/all.yaml", MANIFEST)
        found = Watch(project, platform, server)
        found.rows(*PEOPLE)
        found.post("lists", name="Somebody's")
        found.post("fields", namekey="city", fieldname="City", type="text", published=True)
        for person in (STRANGER, PEOPLE[0]):
            found.post("recipients", email=person[0], name=person[1], surname=person[2], phone=person[3], listIds=[1])
        yield found


def test_the_life_of_a_project(watch: Watch) -> None:
    plan = str(watch.project.root / "p.plan")
    watch.run("validate")
    watch.run("plan", "-o", plan)
    for shape in ("text", "json", "markdown", "html"):
        watch.run("plan", "--format", shape)
        watch.run("show", plan, "--format", shape)
    watch.run("apply", "--auto-approve", codes=(3,))
    watch.run("apply", plan, "--allow-send")
    watch.run("plan", "--detailed-exitcode")
    for command in (["state", "list"], ["state", "pull"], ["history"], ["history", "--format", "json"], ["graph"]):
        watch.run(*command)
    watch.run("state", "show", "squalomail.audience.people")
    watch.post("lists/1", name="Edited")
    watch.run("drift", codes=(0, 2))
    watch.rows(*PEOPLE[:3], (PEOPLE[3][0], STRANGER[1], STRANGER[2], "", STRANGER[4]))
    watch.run("plan")
    watch.run("apply", "--auto-approve", "--allow-send", "--allow-delete", "9")
    watch.run("export", str(watch.project.root / "tmp" / "export"))
    watch.run("destroy", "--auto-approve", codes=(3, 6))
    watch.run("destroy", "--auto-approve", "--allow-delete", "9", "--overwrite-drift")
    watch.run("history")


WRITES = ("create-recipient", "update-recipient", "import-recipients-async", "grant-gdpr-consent", "create-list")


@pytest.mark.parametrize(("status", "people"), [(200, 2), (200, 7), (400, 2), (400, 7), (401, 7), (500, 2)])
def test_a_platform_that_repeats_what_it_was_told(watch: Watch, status: int, people: int) -> None:
    watch.rows(*PEOPLE[:people])
    watch.repeat(*WRITES, status=status)
    told = watch.run("apply", "--auto-approve", "--allow-send", codes=(1, 6, 7))
    assert "create-list" in told.err
    watch.repeat(*WRITES[:-1], status=status)
    watch.run("apply", "--auto-approve", "--allow-send", "--format", "json", codes=(1, 6, 7))
    watch.repeat("get-data", "get-recipients-with-custom-fields", "get-lists-details", status=status)
    watch.run("plan", codes=(1, 7))
    watch.run("drift", codes=(1, 7))
    watch.repeat()
    watch.run("apply", "--auto-approve", "--allow-send")


@pytest.mark.parametrize("kind", ["drop-after", "drop-before", "truncate", "empty", "html", "500", "429:after=0"])
def test_faults(watch: Watch, kind: str) -> None:
    kind, _, settings = kind.partition(":")
    watch.platform.faults.set([f"{kind}:{name}{settings and ':'}{settings}" for name in WRITES[:4]])
    watch.run("apply", "--auto-approve", "--allow-send", codes=(1, 6))
    watch.platform.faults.set([])
    watch.run("apply", "--auto-approve", "--allow-send", codes=(0, 1, 6))


def test_rows_that_can_not_be_used(watch: Watch) -> None:
    email, name, surname, *_ = STRANGER
    broken = f"{email.replace('@', ' at ')},{name},{surname},,\n{email},{name}\n{email},{name},{'x' * 9000},,\n"
    watch.rows(*PEOPLE[:3], PEOPLE[1], rest=broken)
    refused = watch.run("plan", codes=(1,))
    assert "row(s) that can't be used" in refused.err
    assert list(watch.project.root.rglob("rejects/*.csv"))
    watch.run("apply", "--auto-approve", "--allow-send", codes=(1,))
    watch.run("apply", "--auto-approve", "--allow-send", "--skip-invalid")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_file_without_its_first_line(watch: Watch, delimiter: str) -> None:
    rows = "".join(delimiter.join(person) + "\n" for person in PEOPLE)
    watch.project.write("audiences/people.csv", rows)
    watch.run("plan", codes=(1,))
    # The same where the address is in another file: names alone.
    names = "".join(delimiter.join(person[1:]) + "\n" for person in PEOPLE)
    watch.project.write("audiences/people.csv", names)
    watch.run("plan", codes=(1,))


def test_single_calls(watch: Watch) -> None:
    email = STRANGER[0]
    api = ("api", "squalomail")
    read = watch.run(*api, "get-data", "entity=Recipient", f'filter=email=="{email}"', asked=True)
    assert email in read.out  # what was asked for
    watch.run(*api, "get-app-id")
    watch.run(*api, "create-recipient", f"email={email}", codes=(3,))
    yes = ("--auto-approve", "--allow-send")
    watch.repeat("get-data", "create-recipient", "custom-event", "delete-recipient-by-email", "get-app-id")
    for status in (200, 400, 500, 403):
        watch.platform.status = status
        watch.run(*api, "get-data", "entity=Recipient", f'filter=email=="{email}"', codes=(1, 7))
        watch.run(*api, "create-recipient", f"email={email}", f"name={STRANGER[1]}", *yes, codes=(1, 7))
        watch.run(*api, "delete-recipient-by-email", f"email={email}", *yes, codes=(1, 7))
        watch.run("event", "squalomail", STRANGER[1], *yes, codes=(1, 7))
        watch.run(*api, "get-app-id", codes=(1, 7))
    watch.repeat("create-recipient", "custom-event")
    watch.run(*api, "create-recipient", f"email={email}", f"name={STRANGER[1]}", *yes, codes=(1, 7))
    watch.run("event", "squalomail", STRANGER[1], *yes, codes=(1, 7))
    watch.repeat()
    watch.run("event", "squalomail", STRANGER[1], *yes)
    watch.run(*api, "create-recipient", f"email={email}", "nonsense", *yes, codes=(64,))
    watch.run(*api, "create-recipient", f"email={email}", f"apiKey={email}", *yes, codes=(64,))
    watch.run(*api, "get-data", "entity=Recipient", f'filter=email="{email}', codes=(0, 1))


def test_keys_in_the_wrong_place(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (watch.project.root / "reconcile.yaml").read_text()
    monkeypatch.setenv("SQUALOMAIL_API_KEY", KEY + "-of-another")
    watch.run("plan", codes=(7,))
    monkeypatch.setenv("SQUALOMAIL_API_KEY", KEY)
    expression = '"${env.SQUALOMAIL_API_KEY}"'
    for before, after in (
        ('"4711"', expression),
        ("{requestsPerSecond: 1000}", f"{{requestsPerSecond: {expression}}}"),
        (f"{watch.server.url}/squalomail/v1", expression),
        (f"{watch.server.url}/squalomail/v1", '"http://127.0.0.1:1/${env.SQUALOMAIL_API_KEY}"'),
        ("importWait: 1s", f"importWait: {expression}"),
        ("importWait: 1s", f"sends: {expression}"),
        ("policy:", f"state: {expression}\npolicy:"),
        ("type: squalomail", f"type: {expression}"),
        (expression, KEY),
        ("apiKey", "apiKee"),
    ):
        watch.project.write("reconcile.yaml", text.replace(before, after, 1))
        for command in ("validate", "plan"):
            watch.run(command, codes=(0, 1, 7))
    watch.project.write("reconcile.yaml", text)
    watch.project.replace("manifests/all.yaml", '"#336699"', expression)
    watch.run("plan", codes=(1,))


def test_nobody_answers(watch: Watch) -> None:
    watch.server.close()
    watch.project.replace("reconcile.yaml", "limits:", "limits:")
    start = time.monotonic()
    watch.run("plan", codes=(1,))
    assert time.monotonic() - start < 30


def test_an_encrypted_state(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILE_STATE_KEY", STATE_KEY)
    watch.run("apply", "--auto-approve", "--allow-send")
    watch.run("state", "pull")
    monkeypatch.setenv("RECONCILE_STATE_KEY", f"{STATE_KEY}-no-more")
    watch.run("plan", codes=(1,))
    monkeypatch.delenv("RECONCILE_STATE_KEY")
    watch.run("plan", codes=(1,))


@pytest.mark.parametrize("flag", ["-v", "-vv"])
def test_an_error_that_nobody_foresaw(watch: Watch, monkeypatch: pytest.MonkeyPatch, flag: str) -> None:
    def fails(*_: object, **__: object) -> None:
        raise KeyError(f"{KEY} {STRANGER[0]}")

    watch.run("plan")
    monkeypatch.setattr("reconcile.engine.workflow.plan", fails)
    result = watch.project.run("plan", flag)
    assert result.code == 1
    assert "error[internal] KeyError" in result.err
    assert ("cli/plan.py" in result.err) is (flag == "-vv")
    assert_clean(result.err, "stderr")


def test_the_exceptions_themselves(watch: Watch) -> None:
    """Not only what is shown of them: a program that uses the engine logs ``str`` and ``repr``."""
    from reconcile.cli.settings import load_settings

    settings = load_settings(watch.project.root, environment=None, variables={}, environ=dict(os.environ))
    assert_clean(repr(settings) + str(settings.providers), "the settings")
    assert_clean(repr(Opened(settings, settings.registry())), "the project")


def test_what_a_killed_run_leaves_is_swept(watch: Watch) -> None:
    """While it works, people are in a temporary folder that only we may read; the next run clears up after the dead."""
    with subprocess.Popen(["true"]) as dead:
        pass
    folder = watch.project.root / "tmp" / f"reconcile-{os.getuid()}-{dead.pid}-abc"
    folder.mkdir(mode=0o700)
    (folder / "answer.json").write_text(STRANGER[0])
    alive = folder.with_name(f"reconcile-{os.getuid()}-{os.getpid()}-abc")
    alive.mkdir(mode=0o700)
    watch.run("plan")
    assert not folder.exists()
    assert alive.exists()


def test_command_lines(watch: Watch) -> None:
    """What ``ps`` shows of our processes and those that they start."""
    command = [sys.executable, "-m", "reconcile", "-C", str(watch.project.root), "-v"]
    seen: set[str] = set()
    for arguments in (["plan"], ["apply", "--auto-approve", "--allow-send"]):
        with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
            while child.poll() is None:
                seen |= _command_lines()
            assert child.stdout is not None
            assert_clean(child.stdout.read().decode(), "its output")
            assert child.returncode == 0
    assert any("reconcile" in line for line in seen)
    for line in seen:
        assert_clean(line, "a command line")
    watch.search()


def _command_lines() -> set[str]:
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.add((process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return found


def test_masking() -> None:
    told = without_people("No <Ada.Rossi@example.com>, ada%40x.it; Bo lives in Bologna. Bea!", ["Bo", "bea", "", "x"])
    assert told == "No <A***@e***.com>, a***@x***.it; *** lives in Bologna. ***!"
