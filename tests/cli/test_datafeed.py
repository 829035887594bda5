"""``datafeed pull`` over real HTTP: questions, locks, what is printed, and processes that are killed."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile.cli.options import Options
from reconcile.disk import one_at_a_time
from tests.cli.gator import Gator, own_instance
from tests.cli.test_schema_requests import answer

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("CHAOS_KILLS", "100" if os.environ.get("CHAOS") else "4"))
SEED = int(os.environ.get("CHAOS_SEED", "20261122"))
ANN = "ann@example.test"


def fed(made: Gator, size: int = 2) -> Gator:
    made.person("api/contact", {"emailLogin": ANN})
    made.person("ui/options", {"batchSize": size}, "PUT")
    return made


@pytest.fixture
def gator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gator]:
    for made in own_instance(tmp_path, monkeypatch):
        yield fed(made)


def happen(gator: Gator, times: int) -> None:
    gator.person("activity", {"activityType": "EmailOpened", "contact": ANN, "times": times})


def ids(file: Path) -> list[int]:
    if file.suffix == ".jsonl":
        return [json.loads(line)["id"] for line in file.read_text().splitlines()]
    database = sqlite3.connect(file)
    try:
        return [row[0] for row in database.execute("SELECT id FROM activity ORDER BY id")]
    finally:
        database.close()


def test_the_queue_goes_into_a_file(gator: Gator, tmp_path: Path) -> None:
    happen(gator, 5)
    file = tmp_path / "feed.jsonl"
    result = gator.project.run("datafeed", "pull", "--to", str(file), "--auto-approve")
    assert result.code == 0, result.err
    assert result.out == f"5 records stored in {file}; 3 batches marked as processed.\n"
    assert "3 records stored" not in result.err, "told after each batch"
    assert "4 records stored, 0 were there already, 2 batches marked" in result.err
    assert len(set(ids(file))) == 5
    assert ANN in file.read_text()
    assert ANN not in result.out + result.err
    again = gator.project.run("datafeed", "pull", "gatormail", "--to", str(file), "--auto-approve", "--format", "json")
    assert json.loads(again.out) == {"file": str(file), "stored": 0, "known": 0, "batches": 0}
    history = gator.project.root / ".reconcile"
    assert not [path for path in history.rglob("*") if path.is_file() and ANN.encode() in path.read_bytes()]


def test_the_first_use_asks_and_remembers(gator: Gator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    happen(gator, 1)
    command = ("datafeed", "pull", "--to", str(tmp_path / "feed.sqlite"))
    refused = gator.project.run(*command)
    assert (refused.code, "--auto-approve" in refused.err) == (3, True)
    assert "gatormail_getDatafeed" not in gator.operations()
    assert not (tmp_path / "feed.sqlite").exists()
    answer(monkeypatch, "y\n")
    assert gator.project.run(*command).code == 0
    happen(gator, 1)
    monkeypatch.setattr(Options, "may_ask", lambda _: False)
    assert gator.project.run(*command).code == 0, "the answer is remembered"
    assert len(ids(tmp_path / "feed.sqlite")) == 2


def test_one_consumer_at_a_time(gator: Gator, tmp_path: Path) -> None:
    file = tmp_path / "feed.sqlite"
    with one_at_a_time(file, "It is read"):
        held = gator.project.run("datafeed", "pull", "--to", str(file), "--auto-approve")
    assert (held.code, "by another process" in held.err) == (5, True)
    with one_at_a_time(gator.project.root / ".reconcile/default/gatormail.datafeed", "It is read"):
        other = gator.project.run("datafeed", "pull", "--to", str(tmp_path / "other.db"), "--auto-approve")
    assert other.code == 5, "another file is another consumer of the same queue"


@pytest.mark.parametrize("name", ["feed.csv", "feed"])
def test_a_suffix_that_says_nothing(gator: Gator, tmp_path: Path, name: str) -> None:
    happen(gator, 1)
    result = gator.project.run("datafeed", "pull", "--to", str(tmp_path / name), "--auto-approve")
    assert (result.code, ".jsonl" in result.err) == (1, True)
    assert gator.person("state", method="GET")["waiting"] == 1


def test_another_instance_s_file(gator: Gator, tmp_path: Path) -> None:
    file = tmp_path / "feed.sqlite"
    happen(gator, 1)
    assert gator.project.run("datafeed", "pull", "--to", str(file), "--auto-approve").code == 0
    database = sqlite3.connect(file)
    database.execute("UPDATE source SET name = 'gatormail account other_lz at example.com'")
    database.commit()
    database.close()
    happen(gator, 1)
    result = gator.project.run("datafeed", "pull", "--to", str(file), "--auto-approve")
    assert (result.code, "holds the records of gatormail account other_lz" in result.err) == (1, True)
    assert gator.person("state", method="GET")["waiting"] == 1


@pytest.mark.parametrize("mode", ["same_batch", "new_batch"])
@pytest.mark.parametrize("name", ["feed.sqlite", "feed.jsonl"])
def test_killed_processes(name: str, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real processes ended with SIGKILL when the platform has answered their n-th call, or right before."""
    chance = random.Random(f"{SEED} {name} {mode}")
    file = tmp_path / name
    command = [sys.executable, "-m", "reconcile", "datafeed", "pull", "--to", str(file), "--auto-approve"]
    for gator in own_instance(tmp_path, monkeypatch, feed_redelivery=mode):
        fed(gator, 1)
        made = killed = 0
        for _ in range(KILLS):
            happen(gator, times := chance.randint(1, 3))
            made += times
            gator.operations()
            target = chance.randint(1, 2 * times + 1)
            with subprocess.Popen(
                [*command, "-C", str(gator.project.root)],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as child:
                while child.poll() is None and len(gator.operations(keep=True)) <= target:
                    time.sleep(0.002)  # asking without a pause would take the emulator's time
                child.kill()
            killed += child.returncode == -signal.SIGKILL
        result = gator.project.run("datafeed", "pull", "--to", str(file), "--auto-approve")
        assert result.code == 0, result.err
        found = ids(file)
        assert (len(found), len(set(found))) == (made, made), f"seed {SEED}"
        assert gator.person("state", method="GET")["waiting"] == 0
        assert killed, "the kills miss the work"


def _await_empty(gator: Gator, child: "subprocess.Popen[str]") -> None:
    """Until the queue is empty; a child that does not get on fails the test instead of holding it for ever."""
    ends = time.monotonic() + 60
    while gator.person("state", method="GET")["waiting"]:
        assert child.poll() is None
        if time.monotonic() > ends:
            child.kill()
            raise AssertionError("the queue is not emptied")


def test_following_ends_with_a_signal(gator: Gator, tmp_path: Path) -> None:
    file = tmp_path / "feed.jsonl"
    happen(gator, 3)
    command = [sys.executable, "-m", "reconcile", "datafeed", "pull", "--to", str(file), "--auto-approve", "--follow"]
    child = subprocess.Popen(
        [*command, "--interval", "0.1", "-C", str(gator.project.root)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with child:
        _await_empty(gator, child)
        happen(gator, 2)
        _await_empty(gator, child)
        child.send_signal(signal.SIGINT)
        try:
            out, _ = child.communicate(timeout=60)
        finally:
            child.kill()  # one that does not heed the signal must not hold the test for ever
    assert (child.returncode, out.startswith("5 records stored")) == (130, True), out
    assert len(ids(file)) == 5
