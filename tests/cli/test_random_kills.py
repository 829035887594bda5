"""A real ``reconcile apply`` killed at a random instant: one more converges, each object is there once, each mail goes
out once, and to nobody who is excluded.

Both platforms are emulated in a process of its own, so that calls are under way when the killed process dies. The tests
take some instants; ``make chaos`` takes 1,000, and prints what came of them.
"""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconcile.engine.intents import Patience
from reconcile.sandbox.store import digest
from tests.cli.conftest import PROJECT, Project

RECORDS = 40 if os.environ.get("CHAOS") else 2  # kills of a run that carries a saved plan out
KILLS = int(os.environ.get("CHAOS_KILLS", "1000" if os.environ.get("CHAOS") else "4"))
SEED = int(os.environ.get("CHAOS_SEED", "20261122"))
ROOT = Path(__file__).parents[2]
DAY = 86400
BETWEEN = 0.03  # seconds after a call within which the kill comes: before the next one, in it, or after it
RIGHTS = ("--allow-send", "--allow-delete", "9", "--overwrite-drift", "--accept-unknown")
ALL = ("apply", "--auto-approve", *RIGHTS)
CREDENTIALS = (
    "SQUALOMAIL_API_KEY",
    "GATOR_CLIENT_ID",
    "GATOR_CLIENT_SECRET",
    "GATOR_USERNAME",
    "GATOR_PASSWORD",
)
INSTANCE = "example_testlz"
EMULATOR = """
import sys
from reconcile.sandbox import Sandbox
from reconcile.sandbox.server import Server
switches = {"import_delay_seconds": 0}
with (
    Sandbox(sys.argv[1], account="4711", latency_ms=5, switches=switches) as sandbox,
    Server(sandbox, port=0) as server,
):
    print(server.url, flush=True)
    sys.stdin.read()
"""
GATORMAIL = """\
  gatormail:
    type: gatormail
    url: {url}/gatormail
    tokenUrl: {url}/oauth/core/connect/token
    instance: {instance}
    timezone: UTC
    clientId: "${{env.GATOR_CLIENT_ID}}"
    clientSecret: "${{env.GATOR_CLIENT_SECRET}}"
    username: "${{env.GATOR_USERNAME}}"
    password: "${{env.GATOR_PASSWORD}}"
    limits: {{requestsPerSecond: 1000}}
policy: {{importWait: 1s}}  # an import that was never sent never arrives
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
      schedule: "{tomorrow}"
    own: {{subject: Own, bodyFile: emails/own.html, lists: [readers], schedule: "{moved}"}}
    draft: {{subject: Draft, bodyFile: emails/own.html, lists: [news]}}
  audiences:
    people: {{source: people.csv, columns: {{email: mail, name: first}}, lists: [news]}}
gatormail:
  groups:
    readers: {{name: Readers, manage: external}}
    buyers: {{name: "Buyers {word}"}}
  campaigns:
    stays:
      name: Stays
      subject: Stays
      fromAddress: hello@example.com
      group: readers
      startDate: "{tomorrow}"
      email: {{name: Stays, html: "<p>{word}</p>"}}
      initiate: true
    moves:
      name: Moves
      subject: Moves
      fromAddress: hello@example.com
      group: buyers
      startDate: "{moved}"
      email: {{name: Moves, html: "<p>moves</p>"}}
      initiate: true
  audiences:
    people:
      source: buyers.csv
      exclude: no.csv
      columns: {{emailLogin: mail, firstName: first}}
      group: buyers
"""
EXCLUDED = ("out@example.com", "no@example.com")
# How many people the files bring, of whom no@example.com is one; so many that an import is the way to bring them.
PEOPLE = {"1": (20, 3), "2": (40, 5)}


@dataclass
class Platform:
    """The emulator, and what it holds."""

    url: str
    http: httpx.Client
    data: Path

    def control(self, method: str, path: str, **body: Any) -> Any:
        answer = self.http.request(method, f"{self.url}/_sandbox/{path}", json=body if method == "POST" else None)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def begin(self) -> None:
        """A list that two people are on, and a group that two are in and one is excluded from."""
        self.control("POST", "reset")
        self.control("POST", "squalomail/4711/lists", name="Readers")
        group = self.gator("POST", "group", name="Readers")["id"]
        for name in ("ada", "bea"):
            self.control("POST", "squalomail/4711/recipients", email=f"{name}@example.com", listIds=[1])
            self.gator("POST", f"group/{group}/included/contact", items=[{"emailLogin": f"{name}@example.com"}])
        self.gator("POST", f"group/{group}/excluded/contact", items=[{"emailLogin": EXCLUDED[0]}])

    def gator(self, method: str, path: str, **body: Any) -> Any:
        """What a person does in GatorMail's web interface, or sees there."""
        return self.control(method, f"gatormail/{INSTANCE}/api/{path}", **body)

    def calls(self) -> int:
        """How many calls were made since the requests were forgotten."""
        return len(self.control("GET", "requests"))

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
        found.update(f"group {row['name']}" for row in self.gator("GET", "group/1/100"))
        found.update(f"campaign {row['name']}" for row in self.gator("GET", "campaign/1/100"))
        return found

    def contents(self) -> dict[str, str]:
        """What is in each campaign's e-mail: no call tells."""
        with closing(sqlite3.connect(self.data)) as db:
            sql = "SELECT c.name, html FROM gm_campaign c JOIN gm_email e ON e.instance = c.instance AND e.id = emailid"
            return dict(db.execute(sql).fetchall())

    def excluded(self) -> dict[str, set[str]]:
        """Who is excluded, by group."""
        return {
            row["name"]: {
                person["emailLogin"] for person in self.gator("GET", f"group/{row['id']}/excluded/contact/1/100")
            }
            for row in self.gator("GET", "group/1/100")
        }

    def mails(self) -> Counter[tuple[str, str]]:
        """How often everybody got, or would get, each mail."""
        return Counter((row["subject"], row["recipient"]) for row in self.control("GET", "sends"))


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    data = tmp_path / "sandbox.sqlite"
    command = [sys.executable, "-c", EMULATOR, str(data)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as emulator:
        assert emulator.stdout is not None
        try:
            with httpx.Client() as http:
                yield Platform(emulator.stdout.readline().strip(), http, data)
        finally:
            emulator.kill()


def instant(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _make(folder: Path, platform: Platform) -> tuple[Project, str, str]:
    """A project, its first manifest and a later one, which updates, replaces, moves, renames, deletes and creates."""
    made = Project(folder)
    text = PROJECT.replace('"sandbox:"', f"{platform.url}/squalomail/v1") + "    limits: {requestsPerSecond: 1000}\n"
    made.write("reconcile.yaml", text + GATORMAIL.format(url=platform.url, instance=INSTANCE))
    made.write("emails/base.html", "<p>{{x}}</p>\n")
    made.write("emails/own.html", "<p>own</p>\n")
    made.write("no.csv", f"mail\n{EXCLUDED[1]}\n")
    now = time.time() // 60 * 60
    day, later = instant(now + DAY), instant(now + 2 * DAY)
    first = MANIFEST.format(color="111111", extra="gone", word="1", tomorrow=day, moved=day)
    second = MANIFEST.format(color="222222", extra="new", word="2", tomorrow=day, moved=later)
    return made, first, second


def _declare(project: Project, manifest: str, word: str) -> None:
    """Put a manifest into the project, and the people that go with it."""
    recipients, contacts = PEOPLE[word]
    project.write("manifests/all.yaml", manifest)
    rows = "".join(f"r{number}@example.com,R\n" for number in range(recipients))
    project.write("people.csv", f"mail,first\n{rows}")
    rows = "".join(f"p{number}@example.com,P\n" for number in range(1, contacts))
    project.write("buyers.csv", f"mail,first\n{EXCLUDED[1]},N\n{rows}")


def _apply(project: Project, what: str = "") -> None:
    result = project.run(*ALL)
    assert result.code == 0, f"{what}: {result.code}\n{result.out}\n{result.err}"
    assert project.run("plan", "--detailed-exitcode").code == 0


def _process(project: Project, command: Sequence[str] = ALL) -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, "-m", "reconcile", "-C", str(project.root), *command], stdout=quiet, stderr=quiet, cwd=ROOT
    )


def test_killed_at_random_instants(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CREDENTIALS:
        monkeypatch.setenv(name, "k")
    monkeypatch.setattr(Patience.__init__, "__defaults__", ((0.0, 0.0), time.sleep))
    chance = random.Random(SEED)
    calls = _measured(tmp_path, platform)
    ends: Counter[str] = Counter()
    number = 0
    while number - ends["done before"] < KILLS:
        number += 1
        assert number < 3 * KILLS, "the instants miss the work"
        change = bool(number % 2)
        project, first, second = _make(tmp_path / "killed", platform)
        platform.begin()
        if change:
            _declare(project, first, "1")
            _apply(project)
        _declare(project, second, "2")
        platform.control("DELETE", "requests")
        moment = chance.uniform(0.0, calls[change])
        what = f"seed {SEED}, kill {number}, at call {moment:.2f}"
        with _process(project) as child:
            while child.poll() is None and platform.calls() < moment:
                time.sleep(0.002)
            try:
                child.wait(moment % 1 * BETWEEN)
            except subprocess.TimeoutExpired:
                child.kill()
        ends[_end(child.returncode, platform)] += 1
        mails = platform.mails()
        assert all(times == 1 for times in mails.values()), (what, mails)
        _apply(project, what)
        _check(platform, what, imports=2 if change else 1)
        shutil.rmtree(project.root)
        if number % 50 == 0:
            print(f"{number} runs: {dict(ends)}", flush=True)
    assert ends["killed at work, a write made"] >= KILLS // 4, ends
    print(f"random kills over HTTP (seed {SEED}): {dict(ends)}; 0 lost, 0 made twice, 0 mailed twice")


def test_a_record_is_finished_by_itself_after_a_kill(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody approved once: what was left by a killed run is done with the same record, and once."""
    for name in CREDENTIALS:
        monkeypatch.setenv(name, "k")
    monkeypatch.setattr(Patience.__init__, "__defaults__", ((0.0, 0.0), time.sleep))
    chance = random.Random(SEED)
    span, half_way, number = None, 0, 0
    while half_way < RECORDS:
        number += 1
        assert number < 4 * RECORDS + 4, "the instants miss the work"
        project, first, second = _make(tmp_path / "killed", platform)
        platform.begin()
        _declare(project, first, "1")
        _apply(project)
        _declare(project, second, "2")
        command = _approved(project)
        platform.control("DELETE", "requests")
        moment = chance.randint(*span) if span is not None else None
        what = f"seed {SEED}, record {number}, at call {moment}"
        with _process(project, command) as child:
            while child.poll() is None and (moment is None or platform.calls() < moment):
                time.sleep(0.002)
            child.kill()
        if span is None:
            assert child.returncode == 0
            span = _span(platform)
        half_way += child.returncode != 0 and platform.writes()
        again = project.run(*command)
        assert again.code == 0, f"{what}: {again.code}\n{again.out}\n{again.err}"
        assert "Not approved" not in again.out
        _check(platform, what, imports=2)
        assert project.run("plan", "--detailed-exitcode").code == 0, what
        platform.control("DELETE", "requests")
        assert project.run(*command).code == 0
        assert not platform.writes(), f"{what}: an approval serves once"
        shutil.rmtree(project.root)


def _approved(project: Project) -> list[str]:
    """The command that carries out what somebody has seen and approved of."""
    file = str(project.root / "seen.plan")
    saved = project.run("plan", "-o", file)
    assert saved.code == 0, saved.err
    return ["apply", file, "--approved", saved.err.split("--approved ")[1].split()[0], *RIGHTS]


def _span(platform: Platform) -> tuple[int, int]:
    """The first and the last of the calls that write, by their numbers."""
    writes = [number for number, entry in enumerate(platform.control("GET", "requests"), 1) if entry["write"]]
    return writes[0], writes[-1]


def _measured(folder: Path, platform: Platform) -> list[int]:
    """How many calls the two applies make, undisturbed: measured in them, instants are the same on a slow machine."""
    project, first, second = _make(folder / "measured", platform)
    platform.begin()
    made = []
    for manifest, word in ((first, "1"), (second, "2")):
        _declare(project, manifest, word)
        platform.control("DELETE", "requests")
        with _process(project) as child:
            assert child.wait() == 0
        made.append(platform.calls())
    return made


def _end(code: int, platform: Platform) -> str:
    if code == 0:
        return "done before"
    return "killed at work, a write made" if platform.writes() else "killed at work, no write made"


def _check(platform: Platform, what: str, imports: int) -> None:
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
        "group Readers": 1,
        "group Buyers": 1,
        "campaign Stays": 1,
        "campaign Moves": 1,
    }, what
    assert platform.contents() == {"Stays": "<p>2</p>", "Moves": "<p>moves</p>"}, what
    assert platform.excluded() == {"Readers": {EXCLUDED[0]}, "Buyers 2": {EXCLUDED[1]}}, what
    assert len(platform.control("GET", "squalomail/4711/imports")) == imports, what
    platform.control("POST", "clock", now=int(time.time()) + 3 * DAY)
    mails = platform.mails()
    platform.control("POST", "clock", now=None)
    assert Counter(subject for subject, _ in mails) == {"Made": 2, "Own": 2, "Stays": 2, "Moves": 4}, (what, mails)
    assert all(times == 1 for times in mails.values()), (what, mails)
    assert not {digest(address) for address in EXCLUDED} & {person for _, person in mails}, what
