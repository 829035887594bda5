"""What bad input gets: one clear message, its place, the exit code of the contract, never a traceback."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from reconcile.providers import transport
from tests.cli.conftest import MANIFEST, Project

LIST = "squalomail:\n  lists:\n    news: {name: News}\n"
CYCLE = """\
squalomail:
  templates:
    one: {subject: One, template: two}
    two: {subject: Two, template: one}
"""

# manifest text -> code, place, a part of the message
MANIFESTS: dict[str, tuple[str | bytes, str, str, str]] = {
    "not UTF-8": (b"squalomail:\n  lists: {n: {name: \xe9t\xe9}}\n", "not-utf8", "manifests/all.yaml:2:", "UTF-8"),
    "not YAML": ("squalomail: [\n", "yaml-syntax", "manifests/all.yaml:", ""),
    "a list at the top": ("- one\n- two\n", "", "manifests/all.yaml:1:1", "mapping"),
    "an unknown kind": (
        "squalomail:\n  lsits: {}\n",
        "unknown-kind",
        "manifests/all.yaml:2:3",
        'Did you mean "lists"?',
    ),
    "an unknown field": (
        "squalomail:\n  lists:\n    news: {name: News, colour: red}\n",
        "unknown-attribute",
        "manifests/all.yaml:3:24",
        'Did you mean "color"?',
    ),
    "a wrong type": ("squalomail:\n  lists:\n    news:\n      name: 2026\n", "", "manifests/all.yaml:4:13", '"2026"'),
    "a missing body file": (
        MANIFEST.replace("hello.html", "helo.html"),
        "",
        "manifests/all.yaml:7:17",
        "emails/helo.html",
    ),
    "a path out of the project": (
        MANIFEST.replace("emails/hello.html", "../x.html"),
        "",
        "manifests/all.yaml:7:17",
        "",
    ),
    "a dangling reference": (
        MANIFEST.replace("[news]", "[nesw]"),
        "",
        "manifests/all.yaml:8:15",
        'Did you mean "news"?',
    ),
    "a circular reference": (CYCLE, "", "manifests/all.yaml:3:", "squalomail.template.two"),
    "an unset variable": (LIST.replace("News", '"${env.NOT_SET}"'), "", "manifests/all.yaml:3:19", "NOT_SET"),
    "a duplicate key": (
        "squalomail:\n  lists:\n    news: {name: A}\n    news: {name: B}\n",
        "",
        "manifests/all.yaml:4:5",
        "manifests/all.yaml:3:5",
    ),
    "a null": ("squalomail:\n  lists:\n    news: {name: News, color: null}\n", "", "manifests/all.yaml:3:31", ""),
}


@pytest.mark.parametrize("what", MANIFESTS)
def test_manifests(project: Project, what: str) -> None:
    text, code, place, message = MANIFESTS[what]
    project.write("manifests/all.yaml", text)
    for command in (["validate"], ["plan"], ["apply", "--auto-approve"]):
        result = project.run(*command)
        assert result.code == 1
        assert place in result.err, result.err
        assert message in result.err, result.err
        assert f"error[{code}" in result.err, result.err
        assert "Traceback" not in result.err
        assert not project.state.exists()


def test_the_same_entry_in_two_files_names_both_places(project: Project) -> None:
    project.write("manifests/more.yaml", LIST)
    result = project.run("validate")
    assert result.code == 1
    assert "manifests/all.yaml:3:5" in result.err
    assert "manifests/more.yaml:3:5" in result.err


def test_all_findings_come_in_one_run(project: Project) -> None:
    project.write("manifests/one.yaml", MANIFESTS["an unknown field"][0])
    project.write("manifests/two.yaml", MANIFESTS["an unknown kind"][0])
    project.write("manifests/all.yaml", MANIFESTS["a missing body file"][0])
    result = project.run("validate", "--format", "json")
    findings = json.loads(result.out)["diagnostics"]
    assert result.code == 1
    assert {"manifests/one.yaml", "manifests/two.yaml", "manifests/all.yaml"} <= {
        finding["location"]["file"] for finding in findings
    }


def test_findings_of_the_project_file_hide_none_of_the_manifests(project: Project) -> None:
    project.replace("reconcile.yaml", "account:", "acount:")
    project.replace("manifests/all.yaml", "name: News", "nam: News")
    result = project.run("plan")
    assert result.code == 1
    assert "reconcile.yaml:7" in result.err
    assert "manifests/all.yaml:3" in result.err
    # Without its variables, nobody can say what is wrong with what uses them.
    project.write("reconcile.yaml", project.root.joinpath("reconcile.yaml").read_text() + "variables: []\n")
    assert "manifests/all.yaml" not in project.run("plan").err


def test_a_linked_folder_of_manifests_is_not_passed_over(project: Project) -> None:
    project.run("apply", "--auto-approve")
    elsewhere = project.root.parent / "elsewhere"
    elsewhere.mkdir()
    (project.root / "manifests/all.yaml").rename(elsewhere / "all.yaml")
    (project.root / "manifests/linked").symlink_to(elsewhere)
    result = project.run("plan")
    assert result.code == 1
    assert "manifests/linked" in result.err


def test_a_project_file_that_is_not_there(project: Project) -> None:
    (project.root / "reconcile.yaml").unlink()
    result = project.run("plan")
    assert result.code == 1
    assert "reconcile init" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plann"], 'Did you mean "plan"?'),
        (["plan", "--nonsense"], "--nonsense"),
        (["plan", "--format", "xml"], "xml"),
        (["plan", "--var", "novalue"], "NAME=VALUE"),
        (["show"], "FILE"),
    ],
)
def test_wrong_usage_is_64(project: Project, arguments: list[str], message: str) -> None:
    result = project.run(*arguments)
    assert result.code == 64
    assert message in result.err


def test_an_address_that_nothing_has(project: Project) -> None:
    result = project.run("plan", "--target", "squalomail.list.nws")
    assert result.code == 1
    assert 'Did you mean "squalomail.list.news"?' in result.err


def _cut(text: str) -> str:
    return text[: len(text) // 2]


def _newer(text: str) -> str:
    return json.dumps(json.loads(text) | {"version": 99})


STATES: dict[str, tuple[Callable[[str], str], str]] = {
    "empty": (lambda _: "", "empty"),
    "truncated": (_cut, "damaged"),
    "of a newer version": (_newer, "99"),
    "no state at all": (lambda _: '{"hello": 1}', ""),
}


@pytest.mark.parametrize("what", STATES)
def test_states_that_can_not_be_used(project: Project, what: str) -> None:
    assert project.run("apply", "--auto-approve").code == 0
    project.replace("manifests/all.yaml", "#336699", "#336698")
    change, message = STATES[what]
    project.state.write_text(change(project.state.read_text()))
    before = project.state.read_bytes()
    for command in (["plan"], ["apply", "--auto-approve"], ["state", "list"]):
        result = project.run(*command)
        assert result.code == 1, result
        assert str(project.state) in result.err
        assert message in result.err
    assert project.state.read_bytes() == before


def test_a_plan_of_another_lineage(project: Project) -> None:
    project.run("apply", "--auto-approve")
    project.replace("manifests/all.yaml", "#336699", "#336698")
    saved = str(project.root / "saved.plan")
    project.run("plan", "-o", saved)
    state = json.loads(project.state.read_text())
    state.pop("checksum")  # another project's, not a damaged one
    project.state.write_text(json.dumps(state | {"lineage": "11111111-2222-3333-4444-555555555555"}))
    result = project.run("apply", saved)
    assert result.code == 4
    assert "plan-stale" in result.err


def test_a_state_of_another_account(project: Project) -> None:
    project.run("apply", "--auto-approve")
    project.replace("reconcile.yaml", '"4711"', '"4712"')
    for command in (["plan"], ["apply", "--auto-approve"]):
        result = project.run(*command)
        assert result.code == 7
        assert "4711" in result.err


HOLDER = """
import sys, time
from pathlib import Path
from reconcile.state.local import LocalStore
with LocalStore(Path(sys.argv[1])).lock("a long apply"):
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(project: Project) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the state's lock."""
    project.run("apply", "--auto-approve")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(project.state)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def test_a_lock_held_by_a_live_process(project: Project, holder: subprocess.Popen[str]) -> None:
    project.replace("manifests/all.yaml", "#336699", "#336698")
    result = project.run("apply", "--auto-approve")
    assert result.code == 5
    assert "a long apply" in result.err
    assert str(holder.pid) in result.err
    assert project.run("plan").code == 0, "planning takes no lock"


def test_a_lock_held_by_a_dead_process(project: Project, holder: subprocess.Popen[str]) -> None:
    project.replace("manifests/all.yaml", "#336699", "#336698")
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert project.run("apply", "--auto-approve").code == 0


class Answer(BaseHTTPRequestHandler):
    """A server that answers everything in one way."""

    status = 200
    content = b""
    kind = "application/json"
    delay = 0.0

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        time.sleep(self.delay)
        self.send_response(self.status)
        self.send_header("content-type", self.kind)
        self.send_header("content-length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing."""


SERVERS: dict[str, tuple[dict[str, object], int, str]] = {
    "refuses the key": ({"status": 401, "content": b'{"errorCode":1,"errorMessage":"no"}'}, 7, "unauthorised"),
    "refuses the key in HTML": (
        {"status": 401, "content": b"<h1>Unauthorized</h1>", "kind": "text/html"},
        7,
        "unauthorised",
    ),
    "stands behind a proxy's block page": (
        {"status": 403, "content": b"<h1>Forbidden</h1>", "kind": "text/html"},
        1,
        "such as a proxy",
    ),
    "answers HTML": ({"content": b"<html>maintenance</html>", "kind": "text/html"}, 1, "HTML instead of JSON"),
    "cuts the answer short": ({"content": b'{"appId": 47'}, 1, "cut short"),
    "answers nothing": ({}, 1, "empty answer"),
    "fails": ({"status": 500, "content": b"<h1>Error</h1>"}, 1, "HTTP 500"),
    "times out": ({"content": b"{}", "delay": 1.0}, 1, "did not answer within"),
    "answers something else": ({"content": b'{"hello": "world"}'}, 1, "no app id"),
}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short waits between retries, and a short timeout."""
    real = transport.Pace

    def pace(**settings: object) -> transport.Pace:
        return real(**(settings | {"wait": 0.001, "longest_wait": 0.002, "attempts": 2, "timeout": 0.3}))  # type: ignore[arg-type]

    monkeypatch.setattr(transport, "Pace", pace)


@pytest.mark.parametrize("what", SERVERS)
def test_servers_that_misbehave(project: Project, quick: None, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    answers, code, message = SERVERS[what]
    project.run("apply", "--auto-approve")
    before = project.state.read_bytes()
    project.replace("manifests/all.yaml", "#336699", "#336698")
    with HTTPServer(("127.0.0.1", 0), type("Handler", (Answer,), answers)) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        project.replace("reconcile.yaml", '"sandbox:"', f"http://127.0.0.1:{server.server_port}/v1")
        monkeypatch.setenv("SQUALOMAIL_API_KEY", "the-secret-key")
        result = project.run("apply", "--auto-approve")
        server.shutdown()
    assert result.code == code, result
    assert message in result.err, result.err
    assert "the-secret-key" not in result.err + result.out
    assert project.state.read_bytes() == before


def test_a_server_that_is_not_there(project: Project, quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    project.replace("reconcile.yaml", '"sandbox:"', f"http://127.0.0.1:{port}/v1")
    monkeypatch.setenv("SQUALOMAIL_API_KEY", "the-secret-key")
    result = project.run("plan")
    assert result.code == 1
    assert "can't be reached" in result.err


def test_a_key_that_is_not_set(project: Project) -> None:
    project.replace("reconcile.yaml", '"sandbox:"', "https://api.squalomail.com/v1")
    assert project.run("validate").code == 0, "validating needs no credentials"
    result = project.run("plan")
    assert result.code == 1
    assert "SQUALOMAIL_API_KEY" in result.err


_CONFLICT = """\
squalomail:
  lists:
<<<<<<< HEAD
    news: {name: News}
=======
    news: {name: Newsletter}
>>>>>>> theirs
    other: {name: Other}
<<<<<<< HEAD
    one: {name: One
=======
    two: {name: Two}
>>>>>>> theirs
"""


def test_an_unfinished_merge_is_one_finding_wherever_it_is(project: Project) -> None:
    project.write("manifests/all.yaml", _CONFLICT)
    for command in (("validate",), ("plan",), ("fmt",), ("pull",)):
        told = project.run(*command)
        assert told.code == 1
        assert told.err.count("error[") == 1
        assert "error[unfinished-merge] " in told.err
        assert "manifests/all.yaml:3:1" in told.err
        assert '("<<<<<<< HEAD", and 1 more)' in told.err
        assert "Decide for one of the versions at each place" in told.err
    settings = (project.root / "reconcile.yaml").read_text()
    project.write("reconcile.yaml", settings + "<<<<<<< HEAD\nvariables: {a: 1}\n=======\n>>>>>>> 0123456 (theirs)\n")
    assert "error[unfinished-merge] reconcile.yaml:8:1" in project.run("plan").err


def test_what_only_looks_like_a_mark_is_text(project: Project) -> None:
    project.write(
        "manifests/all.yaml", "squalomail:\n  lists:\n    news:\n      name: N\n      description: '<<<<<<< x'\n"
    )
    assert project.run("validate").code == 0
