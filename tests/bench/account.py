"""A project of many campaigns with 10 KB bodies, and the account it is about, on the emulator in another process."""

import json
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from reconcile.sandbox import Sandbox
from reconcile.sandbox.server import Server

LISTS = 10
ENVIRON = {"MAIL_KEY": "any-key"}
ALL = "/_sandbox/bench"


class _Noting(Sandbox):
    """The emulator, which keeps what it was asked; the answer to ``ALL`` is that, and it begins anew."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.noted: list[tuple[float, str, str, str]] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        if path == ALL:
            noted, self.noted = self.noted, []
            return httpx.Response(200, json=noted)
        self.noted.append((time.monotonic(), request.method, path, request.content.decode()))
        return super().handle(request)


class Account:
    """The emulator's address, that of the platform's API on it, and what was asked of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.api = f"{url}/squalomail/v1"

    def asked(self) -> list[tuple[float, str, str, str]]:
        """The calls since this was asked last: when, verb, path and body of each."""
        return [tuple(one) for one in httpx.get(f"{self.url}{ALL}", timeout=60).json()]


@contextmanager
def account(latency: int = 0) -> Iterator[Account]:
    """An account with nothing in it; every call takes ``latency`` milliseconds longer."""
    spawned = multiprocessing.get_context("spawn")
    told, tells = spawned.Pipe(duplex=False)
    process = spawned.Process(target=_serve, args=(latency, tells), daemon=True)
    process.start()
    try:
        if not told.poll(60):
            raise SystemExit("the emulator did not start")
        yield Account(told.recv())
    finally:
        process.terminate()
        process.join()


def _serve(latency: int, tells: Any) -> None:
    # Any free port: one that was found free before may be another process's by now.
    with _Noting(account="4711", latency_ms=latency) as sandbox, Server(sandbox, port=0) as server:
        tells.send(server.url)
        server.wait()


def project(root: Path, url: str, count: int) -> None:
    """Campaigns on a few lists, a body file each, a hundred to a manifest; ``url`` is the account's."""
    limits = "{concurrency: 10, requestsPerSecond: 1000}"
    root.mkdir(parents=True)
    (root / "reconcile.yaml").write_text(
        "version: 1\nproviders:\n  squalomail: {type: squalomail, "
        f'url: "{url}", apiKey: "${{env.MAIL_KEY}}", account: "4711", limits: {limits}}}\n'
    )
    (root / "emails").mkdir()
    (root / "manifests").mkdir()
    lists = "".join(f"    list-{number}: {{name: List {number}}}\n" for number in range(LISTS))
    (root / "manifests" / "lists.yaml").write_text(f"squalomail:\n  lists:\n{lists}")
    for start in range(0, count, 100):
        campaigns = "".join(_campaign(root, number) for number in range(start, min(start + 100, count)))
        (root / "manifests" / f"campaigns-{start:05}.yaml").write_text(f"squalomail:\n  campaigns:\n{campaigns}")


def change(root: Path, count: int, word: str) -> None:
    """Give one campaign in a hundred another subject."""
    for path in (root / "manifests").glob("campaigns-*.yaml"):
        lines = path.read_text().splitlines(keepends=True)
        number = next(at for at, line in enumerate(lines) if line.startswith("      subject:"))
        lines[number] = f"      subject: {word} of {path.stem}\n"
        path.write_text("".join(lines))


def _campaign(root: Path, number: int) -> str:
    words = "<p>A paragraph of a mail, as mails go.</p>\n" * 240
    body = f"<html><body>{number}{words}{{unsubscribe}}no more{{/unsubscribe}}</body></html>"
    (root / "emails" / f"{number}.html").write_text(body)
    members = {
        "subject": f"Campaign number {number}",
        "bodyFile": f"emails/{number}.html",
        "altBody": f"Text of {number}",
        "fromEmail": "news@example.com",
        "fromName": "Example",
        "replyToEmail": "reply@example.com",
        "replyToName": "Example",
        "language": "en",
        "lists": f"[list-{number % LISTS}]",
        "visible": "true",
        "addUtm": "true",
        "utmSource": "newsletter",
        "utmMedium": "email",
        "utmCampaign": f"campaign-{number}",
    }
    return f"    campaign-{number}:\n" + "".join(f"      {name}: {value}\n" for name, value in members.items())


def write_calls(path: Path, calls: list[tuple[float, str, str, str]]) -> Path:
    """The calls in a file, for ``tests.bench.bound``."""
    path.write_text(json.dumps([(verb, target, body) for _, verb, target, body in calls]))
    return path
