"""Drift of thousands of small accounts: on this machine, and on a Temporal server with two workers; and their report.

All accounts are copies of one, whose answers were recorded from the emulator and are given after a latency, so that the
figures are the fleet's and not the emulator's. The lower bound is the latency of all calls over the concurrency: what a
fleet that costs nothing would take. FLEET_ACCOUNTS, FLEET_LATENCY (seconds a call) and FLEET_CONCURRENCY choose others.
"""

import asyncio
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from email.utils import formatdate
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx

from reconcile.sandbox import Sandbox
from reconcile.sandbox.server import Server
from tests.bench.figures import Cost, Figure, keep, reconcile, run
from tests.fleet.servers import temporal, workers
from tests.state.servers import free_ports

ACCOUNTS = int(os.environ.get("FLEET_ACCOUNTS", "5000"))
LATENCY = float(os.environ.get("FLEET_LATENCY", "0.2"))  # seconds a call, as a real API over the Internet has
CONCURRENCY = int(os.environ.get("FLEET_CONCURRENCY", "32"))  # the default of a fleet's file
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
            calls = ACCOUNTS * len(answers)
            bound = Cost(calls * LATENCY / CONCURRENCY, 0, 0)
            print(f"{ACCOUNTS:,} accounts, {calls:,} calls of {LATENCY:.1f} s each, {CONCURRENCY} at once", flush=True)
            here = _figure("drift on this machine", _here(root), bound)
            found = [here, _figure("drift on Temporal", _on_temporal(root), bound)]
            keep("fleets", [*found, *_report(root)])
        finally:
            server.terminate()
    return int((here.times or 0) > GOAL)


def _figure(what: str, cost: Cost, bound: Cost) -> Figure:
    rate, each = ACCOUNTS / cost.seconds * 60, 1000 * cost.cpu / ACCOUNTS
    return Figure(what, ACCOUNTS, cost, bound, f"{rate:,.0f} accounts a minute, {each:.1f} ms CPU an account")


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


def _here(root: Path) -> Cost:
    """What a run of this machine took, all its processes together; memory is the largest one's."""
    _fleet(root)
    return run(reconcile("-C", str(root), "-q", "fleet", "run", "drift"), {"KEY": "any-key"})


def _on_temporal(root: Path) -> Cost:
    """The same by two workers; CPU is that of the workers and of whoever asks, the server's aside."""
    shutil.rmtree(root / "results")
    folder = root / "temporal"
    folder.mkdir()
    with temporal(folder) as server, workers(root, {"KEY": "any-key"}) as running:
        _fleet(root, f"temporal: {{address: '{server.address}'}}\n")
        for _ in range(2):
            running.start(CONCURRENCY // 2)
        asked = run(reconcile("-C", str(root), "-q", "fleet", "run", "drift"), {"KEY": "any-key"})
        used = [_of_process(each.pid) for each in running.processes]
    return Cost(asked.seconds, asked.cpu + sum(each.cpu for each in used), max(each.memory for each in used))


def _of_process(number: int) -> Cost:
    """The CPU and the most memory that a process has had so far."""
    times = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    (peak,) = re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{number}/status").read_text())
    return Cost(0, (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK"), int(peak) / 1024)


def _report(root: Path) -> Iterator[Figure]:
    """The report of all accounts: written, and opened in Chromium beside an empty page."""
    folder = root / "report"
    yield Figure(
        "report written", ACCOUNTS, run(reconcile("-C", str(root), "-q", "fleet", "report", "-o", str(folder)))
    )
    program = shutil.which("chromium")
    if program is None:
        return
    from playwright.sync_api import sync_playwright

    (root / "empty.html").write_text("<!doctype html><title>Empty</title>")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()

        def opened(path: Path) -> Cost:
            start = time.perf_counter()
            page.goto(path.as_uri())
            page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)))")  # it was painted
            return Cost(time.perf_counter() - start, 0, 0)

        opened(root / "empty.html")
        empty, whole = opened(root / "empty.html"), opened(folder / "index.html")
        size = (folder / "index.html").stat().st_size / 1024
        yield Figure("report opened in Chromium", ACCOUNTS, whole, empty, f"{size:,.0f} KB, beside an empty page")
        browser.close()
