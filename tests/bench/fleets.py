"""Drift of thousands of small accounts: on this machine, and on a Temporal server with two workers.

All accounts are copies of one, whose answers were recorded from the emulator and are given after a latency, so that the
figures are the fleet's and not the emulator's. The lower bound is all latency over the concurrency.
"""

import asyncio
import json
import multiprocessing
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC
from email.utils import formatdate
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx

from reconcile.fleet.report import render
from reconcile.fleet.results import Folder
from reconcile.sandbox import Sandbox
from reconcile.sandbox.server import Server
from tests.fleet.servers import temporal, workers
from tests.state.servers import free_ports

ACCOUNTS = int(os.environ.get("FLEET_ACCOUNTS", "5000"))
LATENCY = 0.3  # seconds a call
CONCURRENCY = 128
GOAL = 1.3
SETTINGS = """\
version: 1
providers:
  mail: {{type: squalomail, url: {url}/squalomail/v1, apiKey: "${{env.MAIL_KEY}}", limits: {{requestsPerSecond: 1000}}}}
"""
ENTRIES = """\
mail:
  lists:
    news: {name: News, color: "#336699"}
  campaigns:
    hello: {subject: Hello, bodyFile: emails/hello.html, lists: [news]}
"""


def main() -> int:
    """Print the figures; 1 where the goal is missed."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (port,) = free_ports(1)
        answers = _record(root, port)
        _copy(root)
        server = multiprocessing.get_context("spawn").Process(target=_serve, args=(port, answers), daemon=True)
        server.start()
        try:
            bound = ACCOUNTS * len(answers) * LATENCY / CONCURRENCY
            print(f"{ACCOUNTS:,} accounts, {len(answers)} calls of {LATENCY:.1f} s each, {CONCURRENCY} at once")
            here = _here(root)
            _tell("on this machine", here, bound)
            _tell("on Temporal, two workers", _on_temporal(root), bound)
            _report(root)
        finally:
            server.terminate()
    return int(here[0] > GOAL * bound)


def _tell(what: str, found: tuple[float, float, int], bound: float) -> None:
    seconds, cpu, memory = found
    print(
        f"{what}: {seconds:.1f} s, {ACCOUNTS / seconds * 60:,.0f} accounts a minute, "
        f"{1000 * cpu / ACCOUNTS:.1f} ms CPU an account, {memory} MB; "
        f"{seconds / bound:.2f} times the bound of {bound:.1f} s",
        flush=True,
    )


class _Recorder(Sandbox):
    """The emulator, which keeps what it answered by path and query, the key aside."""

    answers: dict[str, str]

    def handle(self, request: httpx.Request) -> httpx.Response:
        response = super().handle(request)
        self.answers[_asked(request.url.raw_path.decode(), request.content)] = response.text
        return response


def _asked(target: str, body: bytes) -> str:
    """What is asked for, whoever asks."""
    parts = urlsplit(target)
    asked = {**dict(parse_qsl(parts.query)), **(json.loads(body) if body else {})}
    asked.pop("apiKey", None)
    return f"{parts.path} {json.dumps(asked, sort_keys=True)}"


def _record(root: Path, port: int) -> dict[str, str]:
    """Make one account with the emulator; gives what its drift asks, with the answers."""
    with _Recorder(account="4711") as sandbox, Server(sandbox, port=port) as running:
        sandbox.answers = {}
        project = root / "clients" / "one"
        for name, text in {
            "reconcile.yaml": SETTINGS.format(url=running.url),
            "manifests/all.yaml": ENTRIES,
            "emails/hello.html": "<p>Hello</p>\n",
        }.items():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(text)
        _command(project, "apply", "--auto-approve", "--allow-send")
        sandbox.answers.clear()
        _command(project, "drift")
        return dict(sandbox.answers)


def _command(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "reconcile", "-C", str(folder), *arguments]
    environ = {**os.environ, "MAIL_KEY": "any-key", "KEY": "any-key"}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout


def _copy(root: Path) -> None:
    """The accounts: copies of the one, with a state each."""
    one = root / "clients" / "one"
    for number in range(ACCOUNTS - 1):
        shutil.copytree(one, root / "clients" / f"client{number:05}")


def _serve(port: int, answers: dict[str, str]) -> None:
    """Give the answers, each after the latency, over connections that stay open."""

    async def serve() -> None:
        server = await asyncio.start_server(partial(_answer, answers), "127.0.0.1", port, backlog=1024)
        await server.serve_forever()

    with suppress(KeyboardInterrupt):
        asyncio.run(serve())


async def _answer(answers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.IncompleteReadError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"(?i)content-length: ([0-9]+)", head)
            body = await reader.readexactly(int(length[1]) if length else 0)
            await asyncio.sleep(LATENCY)
            found = answers[_asked(head.split(" ", 2)[1], body)].encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: "
                + formatdate(usegmt=True).encode()
                + f"\r\nContent-Length: {len(found)}\r\n\r\n".encode()
                + found
            )
            await writer.drain()


def _fleet(root: Path, more: str = "") -> None:
    (root / "fleet.yaml").write_text(
        f"version: 1\nparallelism: {CONCURRENCY}\n"
        f"accounts: {{folders: 'clients/*', environ: {{MAIL_KEY: KEY}}}}\n{more}"
    )


def _here(root: Path) -> tuple[float, float, int]:
    """Seconds, seconds of CPU, and the largest process in MB."""
    _fleet(root)
    before, start = _cpu(), time.perf_counter()
    _command(root, "-q", "fleet", "run", "drift")
    return time.perf_counter() - start, _cpu() - before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024


def _on_temporal(root: Path) -> tuple[float, float, int]:
    shutil.rmtree(root / "results")
    folder = root / "temporal"
    folder.mkdir()
    before = _cpu()
    with temporal(folder) as server, workers(root, {"KEY": "any-key"}) as running:
        _fleet(root, f"temporal: {{address: '{server.address}'}}\n")
        for _ in range(2):
            running.start(CONCURRENCY // 2)
        start = time.perf_counter()
        _command(root, "-q", "fleet", "run", "drift")
        seconds = time.perf_counter() - start
    return seconds, _cpu() - before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024


def _report(root: Path) -> None:
    """The report of all accounts: how long it takes, how large it is."""
    standings = list(Folder(root / "results").standings())
    start = time.perf_counter()
    page = render(standings, now=time.time(), zone=UTC)
    print(f"report of {len(standings):,} accounts: {time.perf_counter() - start:.2f} s, {len(page) / 1024:.0f} KB")


def _cpu() -> float:
    found = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found.ru_utime + found.ru_stime
