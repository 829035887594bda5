"""A project to run commands in, and the commands."""

import io
import shutil
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest

from reconcile.cli.main import cli, run
from reconcile.sandbox import Sandbox
from reconcile.sandbox.server import Server

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart"

# All commands outside a project: the providers' own among them.
COMMANDS = tuple(cli.list_commands(click.Context(cli)))  # type: ignore[attr-defined]

PROJECT = """\
version: 1
providers:
  squalomail:
    type: squalomail
    url: "sandbox:"
    apiKey: "${env.SQUALOMAIL_API_KEY}"
    account: "4711"
"""
MANIFEST = """\
squalomail:
  lists:
    news: {name: News, color: "#336699"}
  campaigns:
    hello:
      subject: Hello
      bodyFile: emails/hello.html
      lists: [news]
"""


@dataclass(frozen=True)
class Result:
    """What a command came to."""

    code: int
    out: str
    err: str


@dataclass
class Project:
    """A project in a folder of its own."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str) -> Result:
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            code = run(["-C", str(self.root), *arguments])
        return Result(code, out.getvalue(), err.getvalue())

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def replace(self, name: str, before: str, after: str) -> None:
        path = self.root / name
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after, 1))

    @property
    def state(self) -> Path:
        return self.root / ".reconcile" / "default" / "state.json"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RECONCILE_ENV", "SQUALOMAIL_API_KEY", "RECONCILE_VAR_SUFFIX"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """One list and one campaign on the embedded sandbox."""
    made = Project(tmp_path / "project")
    made.write("reconcile.yaml", PROJECT)
    made.write("manifests/all.yaml", MANIFEST)
    made.write("emails/hello.html", "<p>Hello</p>\n")
    return made


@pytest.fixture
def quickstart(tmp_path: Path) -> Project:
    """A copy of the quickstart example."""
    shutil.copytree(QUICKSTART, tmp_path / "quickstart", ignore=shutil.ignore_patterns(".reconcile"))
    return Project(tmp_path / "quickstart")


@pytest.fixture
def server() -> Iterator[Server]:
    """The emulator over HTTP on a port of its own; any key opens the account 4711."""
    with Sandbox(account="4711") as sandbox, Server(sandbox, port=0) as running:
        yield running


@pytest.fixture
def over_http(quickstart: Project, server: Server, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The quickstart against the emulator over HTTP."""
    monkeypatch.setenv("SQUALOMAIL_API_KEY", "a-very-secret-key")
    quickstart.replace("reconcile.yaml", 'url: "sandbox:"', f"url: {server.url}/squalomail/v1")
    quickstart.replace("reconcile.yaml", "requestsPerSecond: 5", "requestsPerSecond: 1000")
    return quickstart
