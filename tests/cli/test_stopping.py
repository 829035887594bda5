"""SIGINT and SIGTERM at five calls a second with 2,000 steps to make: no call leaves after the signal."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from reconcile.sandbox import Sandbox
from reconcile.sandbox.server import Server
from tests.cli.conftest import Project
from tests.state.servers import StateServer

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
STEPS = 2_000
IN_FLIGHT = 0.6  # seconds that the emulator takes over a call
SLACK = 4.0  # seconds for a busy machine: writing down what was done, ending the process
HEARD = 0.25  # seconds within which a signal is heard of, and a call that had left has arrived


@dataclass
class Platform(Sandbox):
    """The emulator, which notes when each call came, and takes its time."""

    arrivals: list[tuple[float, str]] = field(default_factory=list)
    seconds: float = 0.0
    held: threading.Event = field(default_factory=threading.Event)

    def __init__(self) -> None:
        super().__init__(account="4711")
        self.arrivals, self.seconds, self.held = [], 0.0, threading.Event()

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.arrivals.append((time.monotonic(), request.url.path.rpartition("/")[2]))
        self.held.wait(self.seconds)
        return super().handle(request)

    def creates(self) -> int:
        return sum(name.startswith("create") for _, name in self.arrivals)


@pytest.fixture
def platform() -> Iterator[Platform]:
    with Platform() as sandbox:
        yield sandbox
        sandbox.held.set()


@pytest.fixture
def applying(project: Project, platform: Platform) -> Iterator["subprocess.Popen[str]"]:
    """An apply of 2,000 lists at the pace that is the default, five calls a second."""
    lists = "".join(f"    n{number}: {{name: News {number}}}\n" for number in range(STEPS))
    project.write("manifests/all.yaml", f"squalomail:\n  lists:\n{lists}")
    with Server(platform, port=0) as server:
        project.replace("reconcile.yaml", '"sandbox:"', f"{server.url}/squalomail/v1")
        command = [sys.executable, "-m", "reconcile", "-C", str(project.root), "apply", "--auto-approve"]
        environ = {**os.environ, "SQUALOMAIL_API_KEY": "key", "PYTHONPATH": str(ROOT)}
        # Into a file: a plan of so many steps is more than a pipe holds.
        with (project.root / "said").open("w") as said:
            run = subprocess.Popen(command, env=environ, stdout=said, stderr=subprocess.STDOUT, text=True)
            yield run
            run.kill()
            run.wait()
            platform.held.set()


@pytest.fixture(autouse=True)
def _hangups_are_heard() -> Iterator[None]:
    """Under nohup they are ignored, by children too, as they should be."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def until(platform: Platform, calls: int, creates: int = 0) -> None:
    deadline = time.monotonic() + 60
    while len(platform.arrivals) < calls or platform.creates() < creates:
        assert time.monotonic() < deadline, platform.arrivals
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("creates", [0, 7], ids=["before the first write", "amid the writes"])
def test_no_call_leaves_after_the_signal(
    applying: "subprocess.Popen[str]", platform: Platform, project: Project, number: signal.Signals, creates: int
) -> None:
    platform.seconds = IN_FLIGHT
    until(platform, calls=1, creates=creates)
    applying.send_signal(number)
    sent = time.monotonic()
    applying.wait(timeout=60)
    took = time.monotonic() - sent
    said = (project.root / "said").read_text()
    assert applying.returncode == 130, said
    assert took < IN_FLIGHT + SLACK, f"{took:.1f} s; {said[-500:]}"
    late = [name for at, name in platform.arrivals if at > sent + HEARD]
    assert not late, late
    made = platform.creates()
    assert made >= creates
    assert made < STEPS // 10
    # What had left is on record, and no lock is left.
    platform.seconds = 0.0
    state = project.run("state", "list")
    assert state.code == 0, state.err
    assert len(state.out.splitlines()) == made


@pytest.mark.parametrize(
    ("command", "number"),
    [(("adopt",), signal.SIGHUP), (("destroy", "--auto-approve"), signal.SIGTERM), (("pull",), signal.SIGINT)],
    ids=["adopt", "destroy", "pull"],
)
def test_no_lock_stays_behind_with_a_server(
    project: Project, platform: Platform, command: tuple[str, ...], number: signal.Signals, tmp_path: Path
) -> None:
    """A lock that is kept by a server stays until its id frees it; the signal comes while the platform is read."""
    with Server(platform, port=0) as server, StateServer() as states:
        project.replace("reconcile.yaml", '"sandbox:"', f"{server.url}/squalomail/v1")
        settings = (project.root / "reconcile.yaml").read_text()
        project.write(
            "reconcile.yaml", f"{settings}    limits: {{requestsPerSecond: 1000}}\nstate: {states.url}/shop\n"
        )
        environ = {**os.environ, "SQUALOMAIL_API_KEY": "key", "PYTHONPATH": str(ROOT)}
        ours = [sys.executable, "-m", "reconcile", "-C", str(project.root)]
        subprocess.run([*ours, "apply", "--auto-approve"], env=environ, capture_output=True, check=True)
        platform.arrivals.clear()
        platform.seconds = 5 * IN_FLIGHT  # the signal is to come before the last answer, on a busy machine too
        with (
            (tmp_path / "said").open("w") as said,
            subprocess.Popen([*ours, *command], env=environ, stdout=said, stderr=subprocess.STDOUT) as run,
        ):
            until(platform, calls=2)
            assert states.locks
            run.send_signal(number)
            run.wait(timeout=60)
        assert run.returncode == 130, (tmp_path / "said").read_text()
        assert not states.locks


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_second_signal_ends_it_within_a_second(
    applying: "subprocess.Popen[str]", platform: Platform, number: signal.Signals
) -> None:
    until(platform, calls=1, creates=3)
    platform.seconds = 60.0  # nobody answers any more
    until(platform, calls=1, creates=platform.creates() + 1)
    applying.send_signal(number)
    time.sleep(1.0)
    assert applying.poll() is None, "the first one waits for what has left"
    applying.send_signal(number)
    sent = time.monotonic()
    applying.wait(timeout=30)
    assert time.monotonic() - sent < 1.0 + HEARD
    assert applying.returncode == 130
