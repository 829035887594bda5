"""A hostile machine: full disks, folders that can't be written, wrong clocks, mixed-up states, readers that leave.

A clear message each with the right exit code, nothing lost, never a traceback; and what was begun can be finished.
"""

import ctypes
import errno
import os
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconcile.sandbox import Sandbox
from reconcile.sandbox.server import Server
from tests.budget import CHAOS
from tests.cli.conftest import MANIFEST, PROJECT, Project, Result

ROOT = Path(__file__).parents[2]
YES = ("apply", "--auto-approve")
AUDIENCE = """\
  audiences:
    people: {source: people.csv, columns: {email: E-mail}, lists: [news]}
"""


@pytest.fixture
def remote(project: Project, server: Server, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project against a platform that has disks of its own."""
    monkeypatch.setenv("SQUALOMAIL_API_KEY", "any-key")
    _point(project, server)
    return project


def _point(project: Project, server: Server) -> None:
    text = PROJECT.replace('"sandbox:"', f"{server.url}/squalomail/v1")
    project.write("reconcile.yaml", f"{text}    limits: {{requestsPerSecond: 1000}}\n")


def told(result: Result, code: int, *words: str) -> None:
    assert result.code == code, result
    assert "error[internal]" not in result.err
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err, result.err


def objects(server: Server) -> Counter[str]:
    ask = {"apiKey": "any-key"}
    base = f"{server.url}/squalomail/v1"
    lists = httpx.post(f"{base}/get-lists-details", json=ask | {"page": 0, "pageSize": 100}).json()["lists"]
    mails = httpx.post(f"{base}/get-data", json=ask | {"entity": "Mail"}).json()
    return Counter([f"list {row['name']}" for row in lists] + [f"mail {row['subject']}" for row in mails])


def as_process(*arguments: str, **options: Any) -> Result:
    """A command in a process of its own."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "SQUALOMAIL_API_KEY": "any-key"}
    environ |= {"PYTHONDONTWRITEBYTECODE": "1"} | options.pop("env", {})
    ended = subprocess.run(
        [sys.executable, "-m", "reconcile", *arguments],
        env=environ,
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
        **options,
    )
    return Result(ended.returncode, (ended.stdout or b"").decode(), ended.stderr.decode())


# Full disks


@pytest.mark.parametrize("function", ["pwrite", "fsync", "replace"])
@pytest.mark.parametrize("kind", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_disk_that_is_full_from_some_moment_on(
    remote: Project, server: Server, monkeypatch: pytest.MonkeyPatch, function: str, kind: int
) -> None:
    real = getattr(os, function)
    hit = 0
    for first in range(1, 40, 1 if CHAOS or kind == errno.ENOSPC else 4):
        calls = 0

        def full(*arguments: Any, first: int = first, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls >= first:
                raise OSError(kind, os.strerror(kind))
            return real(*arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(os, function, full)
            result = remote.run(*YES)
        if calls < first:
            break
        hit += 1
        told(result, result.code, os.strerror(kind))
        assert result.code in (1, 6) or "no-history" in result.err, result
        told(remote.run(*YES), 0)
        assert objects(server) == {"list News": 1, "mail Hello": 1}, first
        assert remote.run("plan", "--detailed-exitcode").code == 0
        shutil.rmtree(remote.root / ".reconcile")
        httpx.post(f"{server.url}/_sandbox/reset").raise_for_status()
    assert hit >= 1


@pytest.mark.parametrize("size", [0, 100, 400, 900])
def test_files_that_may_not_grow(remote: Project, server: Server, size: int) -> None:
    """The kernel's own word for it, in a process of its own."""
    result = as_process(
        "-C",
        str(remote.root),
        *YES,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    told(result, result.code, "File too large")
    assert result.code in (1, 6)
    told(remote.run(*YES), 0)
    assert objects(server) == {"list News": 1, "mail Hello": 1}


def test_a_plan_that_can_not_be_saved(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    told(project.run("plan", "-o", "/dev/full"), 1, "No space left on device")
    told(project.run("plan", "-o", str(project.root)), 64, "directory")
    told(project.run("plan", "-o", str(project.root / "no" / "p.plan")), 1, "No such file")


# Folders and files


def _mortal() -> None:
    """For root as for anybody: file modes hold. Drops CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH for what is executed."""
    if os.getuid() == 0:
        for capability in (1, 2):
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)


@dataclass
class Owned(Project):
    """A project whose folders can be closed to its owner."""

    def mortal(self, *arguments: str, closed: dict[str, int] | None = None) -> Result:
        for path, mode in (closed or {}).items():
            (self.root / path).chmod(mode)
        try:
            return as_process("-C", str(self.root), *arguments, preexec_fn=_mortal)
        finally:
            for path in closed or {}:
                (self.root / path).chmod(0o755)


@pytest.fixture
def owned(remote: Project) -> Owned:
    return Owned(remote.root)


def test_a_project_that_can_not_be_written(owned: Owned, server: Server) -> None:
    told(owned.mortal("plan", closed={".": 0o555}), 0)
    told(owned.mortal(*YES, closed={".": 0o555}), 1, ".reconcile", "can't be created", "Permission denied")
    assert not objects(server)
    told(owned.mortal("plan", "-o", f"{owned.root}/p.plan", closed={".": 0o555}), 1, "p.plan", "Permission denied")
    told(owned.mortal("init", f"{owned.root}/new", closed={".": 0o555}), 1, "Permission denied")
    owned.write("people.csv", "E-mail\nada@example.com\n")
    owned.write("manifests/all.yaml", MANIFEST + AUDIENCE)
    told(owned.mortal("plan", closed={".": 0o555}), 1, "project key", "Permission denied")


def test_a_state_that_can_not_be_written(owned: Owned, server: Server) -> None:
    told(owned.mortal(*YES), 0)
    before = objects(server)
    owned.replace("manifests/all.yaml", "#336699", "#112233")
    folder = ".reconcile/default"
    told(owned.mortal("plan", closed={folder: 0o555}), 0)
    told(owned.mortal(*YES, closed={folder: 0o555}), 1, "Permission denied")
    told(owned.mortal("plan", closed={folder: 0o000}), 1, "can't be read", "Permission denied")
    told(owned.mortal("plan", closed={f"{folder}/state.json": 0o000}), 1, "state.json", "can't be read")
    told(owned.mortal("history", closed={f"{folder}/state.json.history": 0o000}), 1, "can't be read")
    assert objects(server) == before
    told(owned.mortal(*YES, closed={f"{folder}/state.json.history": 0o444}), 0, "warning[no-history]")
    told(owned.mortal("plan", "--detailed-exitcode"), 0)


@pytest.mark.parametrize("path", ["reconcile.yaml", "manifests/all.yaml", "manifests", "emails/hello.html"])
def test_sources_that_can_not_be_read(owned: Owned, path: str) -> None:
    for command in (("validate",), ("plan",), YES, ("fmt",)):
        if command != ("fmt",) or "manifests" in path:
            told(owned.mortal(*command, closed={path: 0o000}), 1, Path(path).name)


def test_things_of_the_wrong_sort(project: Project) -> None:
    (project.root / ".reconcile").write_text("a file")
    told(project.run("plan"), 1, ".reconcile")
    told(project.run(*YES), 1, ".reconcile")
    (project.root / ".reconcile").unlink()
    project.state.mkdir(parents=True)
    told(project.run("plan"), 1, "state.json", "Is a directory")
    told(project.run(*YES), 1, "state.json", "Is a directory")
    project.state.rmdir()
    (project.root / "reconcile.yaml").rename(project.root / "aside")
    (project.root / "reconcile.yaml").mkdir()
    told(project.run("plan"), 1, "reconcile.yaml", "This is a folder, not a file")
    told(project.run("plan", "-C", str(project.root / "aside")), 1, "aside")


# Clocks


def test_a_clock_that_was_set_back(remote: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    told(remote.run(*YES), 0)
    remote.replace("manifests/all.yaml", "#336699", "#112233")
    plan = str(remote.root / "p.plan")
    told(remote.run("plan", "-o", plan), 0)
    monkeypatch.setattr(time, "time", lambda: now - 3 * 86400)
    told(remote.run("apply", plan), 4, "clock was set back", "Plan again")
    told(remote.run("plan"), 0)
    told(remote.run("history"), 0)
    told(remote.run(*YES), 0)
    history = remote.run("history")
    told(history, 0)
    assert len(history.out.splitlines()) == 2
    monkeypatch.setattr(time, "time", lambda: now + 8 * 86400)
    told(remote.run("apply", plan), 4)
    told(remote.run("plan", "--detailed-exitcode"), 0)


def test_the_freeze_holds_whatever_the_clock_was_before(remote: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    now = int(time.time()) // 60 * 60
    due = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 7200))
    remote.replace("manifests/all.yaml", "lists: [news]", f'lists: [news]\n      schedule: "{due}"')
    told(remote.run(*YES, "--allow-send"), 0)
    remote.replace("manifests/all.yaml", "subject: Hello", "subject: Other")
    monkeypatch.setattr(time, "time", lambda: now + 5400)
    frozen = remote.run(*YES, "--allow-send")
    told(frozen, frozen.code, "freeze")
    assert frozen.code in (3, 6)


# States


def test_two_projects_with_one_state(remote: Project, server: Server, tmp_path: Path) -> None:
    told(remote.run(*YES), 0)
    before = objects(server)
    other = Project(tmp_path / "other")
    text = (remote.root / "reconcile.yaml").read_text()
    other.write("reconcile.yaml", text + f"state: file:{remote.state}\n")
    other.write("manifests/all.yaml", "squalomail:\n  lists:\n    mine: {name: Mine}\n")
    told(other.run("plan"), 0)
    told(other.run(*YES), 3, "another project", "--allow-delete 2")
    assert objects(server) == before
    told(remote.run("plan", "--detailed-exitcode"), 0)


def test_two_accounts_with_one_state(remote: Project, server: Server, tmp_path: Path) -> None:
    told(remote.run(*YES), 0)
    before = objects(server)
    with Sandbox(account="815") as sandbox, Server(sandbox, port=0) as elsewhere:
        other = Project(tmp_path / "other")
        _point(other, elsewhere)
        text = (other.root / "reconcile.yaml").read_text().replace('    account: "4711"\n', "")
        other.write("reconcile.yaml", text + f"state: file:{remote.state}\n")
        other.write("manifests/all.yaml", MANIFEST)
        other.write("emails/hello.html", "<p>Hello</p>\n")
        for command in (("plan",), YES, ("drift",), ("destroy", "--auto-approve")):
            told(other.run(*command), 7, "815", "4711")
        assert not objects(elsewhere)
    assert objects(server) == before


# Terminals and environments


def test_no_home_and_no_name(remote: Project) -> None:
    told(as_process("-C", str(remote.root), *YES), 0)
    remote.replace("manifests/all.yaml", "#336699", "#112233")
    told(as_process("-C", str(remote.root), *YES, env={"HOME": "", "PATH": ""}, cwd="/"), 0)


def test_a_reader_that_leaves(remote: Project, server: Server) -> None:
    """The run goes on without it: half an apply because of ``| head -1`` would be the worse surprise."""
    for arguments in (("plan",), ("plan", "--format", "json"), YES, ("history",), ("--help",), ("state", "pull")):
        read, write = os.pipe()
        os.close(read)
        try:
            result = as_process("-C", str(remote.root), *arguments, stdout=write)
        finally:
            os.close(write)
        told(result, 0)
        assert "BrokenPipe" not in result.err
    assert objects(server) == {"list News": 1, "mail Hello": 1}


def test_output_that_can_not_be_written(remote: Project) -> None:
    with Path("/dev/full").open("wb") as full:
        told(as_process("-C", str(remote.root), "plan", stdout=full), 1, "No space left on device")
    shell = f"{sys.executable} -m reconcile -C {remote.root} plan"
    for closing in (">&-", "2>&-", ">&- 2>&-", "<&-", "2>/dev/full"):
        ended = subprocess.run(
            f"{shell} {closing}",
            shell=True,
            cwd=ROOT,
            env=os.environ | {"SQUALOMAIL_API_KEY": "any-key"},
            capture_output=True,
            check=False,
        )
        assert ended.returncode == 0, (closing, ended)
        assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "environ",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"COLUMNS": "1", "LINES": "1"},
        {"COLUMNS": "nonsense", "TERM": "nonsense"},
        {"TZ": "Nowhere/At_All"},
    ],
    ids=str,
)
def test_strange_environments(remote: Project, environ: dict[str, str]) -> None:
    remote.replace("manifests/all.yaml", "{name: News", "{name: Novità žgočniki")
    every = (("plan",), ("plan", "--format", "markdown"), ("plan", "--help"), YES, ("history",), ("plannn",))
    # A process each; what one of them can print the others can, but for times and help, which are in some.
    some = (("plan", "--format", "markdown"), YES, ("history",) if "TZ" in environ else ("plan", "--help"))
    for arguments in every if CHAOS else some:
        result = as_process("-C", str(remote.root), *arguments, env=environ)
        told(result, 64 if arguments == ("plannn",) else 0)
    assert remote.run("plan", "--detailed-exitcode").code == 0


def test_a_manifest_is_never_half_written(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = project.write("manifests/all.yaml", MANIFEST.replace("{name: News,", "{name:    News,")).read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        told(project.run("fmt"), 1, "No space left on device")
    assert (project.root / "manifests" / "all.yaml").read_bytes() == before
    assert [path.name for path in (project.root / "manifests").iterdir()] == ["all.yaml"]
    told(project.run("fmt"), 0)
    assert (project.root / "manifests" / "all.yaml").read_bytes() != before
