"""A real ``reconcile apply`` killed at a random instant: one more converges, each object is there once, each mail goes
out once.

The platform is an emulator in a process of its own, so that calls are under way when the killed process dies. The tests
take some instants; ``make chaos`` takes 1,000, and prints what came of them.
"""

import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconcile.engine.intents import Patience
from tests.cli.conftest import PROJECT, Project

KILLS = int(os.environ.get("CHAOS_KILLS", "1000" if os.environ.get("CHAOS") else "12"))
SEED = int(os.environ.get("CHAOS_SEED", "20261122"))
ROOT = Path(__file__).parents[2]
DAY = 86400
ALL = ("apply", "--auto-approve", "--allow-send", "--allow-delete", "9", "--overwrite-drift", "--accept-unknown")
EMULATOR = """
import sys
from reconcile.sandbox import Sandbox
from reconcile.sandbox.server import Server
with Sandbox(account="4711", latency_ms=5) as sandbox, Server(sandbox, port=0) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""
MANIFEST = """\
squalomail:
  lists:
    readers: {{name: Readers, manage: external}}
    news: {{name: News, color: "#{color}"}}
    {extra}: {{name: {extra}}}
  templates:
    base: {{subject: Base, bodyFile: emails/base.html}}
  campaigns:
    made:
      subject: Made
      template: base
      templateCustomAttributes: {{texts: {{x: {{value: "{word}"}}}}}}
      lists: [readers]
      schedule: "{first}"
    own: {{subject: Own, bodyFile: emails/own.html, lists: [readers], schedule: "{second}"}}
    draft: {{subject: Draft, bodyFile: emails/own.html, lists: [news]}}
"""


@dataclass
class Platform:
    """The emulator, and what it holds."""

    url: str
    http: httpx.Client

    def control(self, method: str, path: str, **body: Any) -> Any:
        answer = self.http.request(method, f"{self.url}/_sandbox/{path}", json=body if method == "POST" else None)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def begin(self) -> None:
        """An account with a list that two people are on."""
        self.control("POST", "reset")
        self.control("POST", "squalomail/4711/lists", name="Readers")
        for name in ("ada", "bea"):
            self.control("POST", "squalomail/4711/recipients", email=f"{name}@example.com", listIds=[1])

    def writes(self) -> bool:
        """Whether anything was written since the requests were forgotten."""
        return any(entry["write"] for entry in self.control("GET", "requests"))

    def objects(self) -> Counter[str]:
        ask = {"apiKey": "k"}
        base = f"{self.url}/squalomail/v1"
        lists = self.http.post(f"{base}/get-lists-details", json=ask | {"page": 0, "pageSize": 100}).json()["lists"]
        mails = self.http.post(f"{base}/get-data", json=ask | {"entity": "Mail"}).json()
        found = Counter(f"list {row['name']} {row['color']}" for row in lists)
        found.update(f"mail {row['subject']} {row['body']} {row['senddate']} {row['published']}" for row in mails)
        return found

    def mails(self) -> Counter[tuple[str, str]]:
        """How often everybody got, or would get, each mail."""
        return Counter((row["subject"], str(row.get("recipient", row))) for row in self.control("GET", "sends"))


@pytest.fixture
def platform() -> Iterator[Platform]:
    command = [sys.executable, "-c", EMULATOR]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as emulator:
        assert emulator.stdout is not None
        try:
            with httpx.Client() as http:
                yield Platform(emulator.stdout.readline().strip(), http)
        finally:
            emulator.kill()


def instant(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _make(folder: Path, platform: Platform) -> tuple[Project, str, str]:
    """A project, its first manifest and a later one, which updates, replaces, moves, deletes and creates."""
    made = Project(folder)
    text = PROJECT.replace('"sandbox:"', f"{platform.url}/squalomail/v1")
    made.write("reconcile.yaml", f"{text}    limits: {{requestsPerSecond: 1000}}\n")
    made.write("emails/base.html", "<p>{{x}}</p>\n")
    made.write("emails/own.html", "<p>own</p>\n")
    now = time.time() // 60 * 60
    first = MANIFEST.format(color="111111", extra="gone", word="1", first=instant(now + DAY), second=instant(now + DAY))
    second = MANIFEST.format(
        color="222222", extra="new", word="2", first=instant(now + DAY), second=instant(now + 2 * DAY)
    )
    return made, first, second


def _apply(project: Project) -> None:
    result = project.run(*ALL)
    assert result.code == 0, result
    assert project.run("plan", "--detailed-exitcode").code == 0


def _process(project: Project) -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, "-m", "reconcile", "-C", str(project.root), *ALL], stdout=quiet, stderr=quiet, cwd=ROOT
    )


def test_killed_at_random_instants(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUALOMAIL_API_KEY", "k")
    monkeypatch.setattr(Patience.__init__, "__defaults__", ((0.0, 0.0), time.sleep))
    chance = random.Random(SEED)
    work = _measured(tmp_path, platform)
    ends: Counter[str] = Counter()
    number = 0
    while number - ends["done before"] < KILLS:
        number += 1
        assert number < 3 * KILLS, "the instants miss the work"
        change = bool(number % 2)
        project, first, second = _make(tmp_path / "killed", platform)
        platform.begin()
        if change:
            project.write("manifests/all.yaml", first)
            _apply(project)
        project.write("manifests/all.yaml", second)
        platform.control("DELETE", "requests")
        moment = chance.uniform(0.0, work[change])
        what = f"seed {SEED}, kill {number}, {moment:.3f} s after its first call"
        with _process(project) as child:
            while child.poll() is None and not platform.control("GET", "requests"):
                time.sleep(0.005)
            try:
                child.wait(moment)
            except subprocess.TimeoutExpired:
                child.kill()
        ends[_end(child.returncode, platform)] += 1
        mails = platform.mails()
        assert all(times == 1 for times in mails.values()), (what, mails)
        _apply(project)
        _check(platform, what)
        shutil.rmtree(project.root)
        if number % 50 == 0:
            print(f"{number} runs: {dict(ends)}", flush=True)
    assert ends["killed at work, a write made"] >= KILLS // 4, ends
    print(f"random kills over HTTP (seed {SEED}): {dict(ends)}; 0 lost, 0 made twice, 0 mailed twice")


def _measured(folder: Path, platform: Platform) -> list[float]:
    """How long the two applies take from their first call to their last, undisturbed."""
    project, first, second = _make(folder / "measured", platform)
    platform.begin()
    spans = []
    for manifest in (first, second):
        project.write("manifests/all.yaml", manifest)
        platform.control("DELETE", "requests")
        called: dict[int, float] = {}
        with _process(project) as child:
            while child.poll() is None:
                called.setdefault(len(platform.control("GET", "requests")), time.time())
                time.sleep(0.005)
        assert child.returncode == 0
        spans.append(max(called.values()) - called[min(number for number in called if number)])
    return spans


def _end(code: int, platform: Platform) -> str:
    if code == 0:
        return "done before"
    return "killed at work, a write made" if platform.writes() else "killed at work, no write made"


def _check(platform: Platform, what: str) -> None:
    found = platform.objects()
    assert all(times == 1 for times in found.values()), (what, found)
    names = Counter(" ".join(text.split()[:2]) for text in found)
    assert names == {
        "list Readers": 1,
        "list News": 1,
        "list new": 1,
        "mail Base": 1,
        "mail Made": 1,
        "mail Own": 1,
        "mail Draft": 1,
    }, what
    platform.control("POST", "clock", now=int(time.time()) + 3 * DAY)
    mails = platform.mails()
    platform.control("POST", "clock", now=None)
    assert Counter(subject for subject, _ in mails) == {"Made": 2, "Own": 2}, (what, mails)
    assert all(times == 1 for times in mails.values()), (what, mails)
