"""The data feed into a file: each record exactly once, whenever the run that takes it dies."""

import json
import os
import random
import re
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from reconcile.disk import one_at_a_time
from reconcile.errors import ApiError, InvalidInput, LockHeld, StateError
from reconcile.providers.gatormail import feed_store as sinks
from reconcile.providers.gatormail.contract import members
from reconcile.providers.gatormail.feed import Tally, pull
from reconcile.providers.gatormail.feed_store import open_sink
from tests.world import World

RUNS = int(os.environ.get("FEED_KILLS", "500"))
SEED = int(os.environ.get("CHAOS_SEED", "20261122"))
MODES = ("same_batch", "new_batch")
FILES = ("feed.sqlite", "feed.jsonl")
KINDS = ("EmailOpened", "LinkClicked", "FileDownloaded", "SurveyAnswered", "EventInvite")
PEOPLE = ("ann@example.test", "bea@example.test")


def ready(size: int = 3, **options: Any) -> World:
    """An instance with two contacts and small batches."""
    world = World(**options)
    for email in PEOPLE:
        world.call("gatormail_addContact", emailLogin=email)
    world.person("ui/options", {"batchSize": size}, "PUT")
    return world


def happen(world: World, times: int, kind: str = "LinkClicked", contact: str = PEOPLE[0]) -> None:
    body = {"activityType": kind, "contact": contact, "times": times, "url": "https://example.test/ü"}
    world.person("activity", body)


def take(world: World, file: Path, source: str = "here", **options: Any) -> Tally:
    tally = Tally()
    with open_sink(file, source, tuple(members("record"))) as sink:
        pull(world.workspace.gate(None).client("gatormail"), sink, tally, **options)
    return tally


def rows(file: Path) -> list[dict[str, Any]]:
    """The records in a sink, in the order of their ids."""
    if file.suffix == ".jsonl":
        found = [json.loads(line) for line in file.read_text().splitlines()]
    else:
        with sqlite3.connect(file) as database:
            database.row_factory = sqlite3.Row
            found = [dict(row) for row in database.execute("SELECT * FROM activity")]
        database.close()
    return sorted(found, key=lambda row: int(row["id"]))


def waiting(world: World) -> int:
    found: int = world.person("state", method="GET")["waiting"]
    return found


@pytest.mark.parametrize("name", FILES)
def test_all_that_is_queued_is_stored_and_marked(name: str, tmp_path: Path) -> None:
    world, file = ready(), tmp_path / "new" / name
    happen(world, 7)
    happen(world, 1, "Unsubscribed", PEOPLE[1])
    tally = take(world, file)
    assert (tally.stored, tally.known, tally.batches) == (8, 0, 3)
    assert waiting(world) == 0
    found = rows(file)
    assert len({row["id"] for row in found}) == 8
    assert [row["activityType"] for row in found] == ["LinkClicked"] * 7 + ["Unsubscribed"]
    assert (found[0]["emailLogin"], found[0]["url"]) == (PEOPLE[0], "https://example.test/ü")
    assert found[0]["activityDate"] == "2027-01-15T08:00:00Z"
    assert {path.stat().st_mode & 0o777 for path in file.parent.iterdir()} == {0o600}
    happen(world, 2)
    assert take(world, file).stored == 2
    assert len(rows(file)) == 10


def test_a_power_cut_can_not_undo_a_marked_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite deletes its journal at a commit; EXTRA has that on disk, too, before the batch is marked."""
    world, levels = ready(), []
    real = sinks._opened

    def opened(path: Path) -> sqlite3.Connection:
        database = real(path)
        levels.append(database.execute("PRAGMA synchronous").fetchone()[0])
        return database

    monkeypatch.setattr(sinks, "_opened", opened)
    happen(world, 2)
    assert take(world, tmp_path / "feed.sqlite").stored == 2
    assert levels == [3]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("mode", MODES)
def test_what_comes_again_is_stored_once(mode: str, name: str, tmp_path: Path) -> None:
    world, file = ready(gatormail={"feed_redelivery": mode}), tmp_path / name
    happen(world, 2)
    world.sandbox.faults.set(["drop-before:gatormail_getDatafeedBatchIdentifier"])
    with pytest.raises(ApiError):
        take(world, file)
    assert len(rows(file)) == 2
    world.sandbox.faults.set([])
    happen(world, 3)
    tally = take(world, file)
    assert (tally.stored, tally.known) == (3, 2)
    assert len(rows(file)) == 5


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fault", ["drop-after", "drop-before", "500", "truncate"])
@pytest.mark.parametrize("operation", ["gatormail_getDatafeed", "gatormail_getDatafeedBatchIdentifier"])
def test_lost_answers_lose_nothing(operation: str, fault: str, mode: str, tmp_path: Path) -> None:
    world, file = ready(gatormail={"feed_redelivery": mode}), tmp_path / "feed.jsonl"
    happen(world, 8)
    world.sandbox.faults.set([f"{fault}:{operation}:every=2"])
    take(world, file)
    assert len(rows(file)) == len({row["id"] for row in rows(file)}) == 8
    assert waiting(world) == 0


def test_a_sink_that_can_not_be_written_leaves_the_batch_in_the_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, file = ready(), tmp_path / "feed.jsonl"
    happen(world, 2)
    take(world, file)
    before = file.read_bytes()
    happen(world, 3)
    real = os.pwrite

    def full(descriptor: int, data: bytes, offset: int) -> int:
        if offset > len(before):
            raise OSError(28, "No space left on device")
        return real(descriptor, data[:20], offset)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StateError, match="No space left"):
        take(world, file)
    monkeypatch.undo()
    assert (file.read_bytes(), waiting(world)) == (before, 3)
    assert take(world, file).stored == 3


@pytest.mark.parametrize("index", ["kept", "lost", "damaged"])
@pytest.mark.parametrize("torn", [b'{"id": 99, "emailLo', b"\xff\xfe", b'{"id": 99}'])
def test_a_torn_last_line_is_mended(torn: bytes, index: str, tmp_path: Path) -> None:
    world, file = ready(), tmp_path / "feed.jsonl"
    happen(world, 4)
    take(world, file)
    whole = file.read_bytes()
    file.write_bytes(whole + torn)
    beside = tmp_path / ".feed.jsonl.index"
    if index == "lost":
        beside.unlink()
    elif index == "damaged":
        beside.write_bytes(b"nonsense" * 1000)
    with open_sink(file, "here", ()) as sink:
        complete = torn == b'{"id": 99}'
        assert file.read_bytes() == (whole + torn + b"\n" if complete else whole)
        assert sink.put([{"id": 99}, {"id": 100}, {"id": 100}]) == (1 if complete else 2)
        assert sink.put([*rows(file)]) == 0
    assert len(rows(file)) == 6


def test_the_index_follows_the_file(tmp_path: Path) -> None:
    file = tmp_path / "feed.ndjson"
    with open_sink(file, "here", ()) as sink:
        assert sink.put([{"id": number} for number in range(100)]) == 100
    first = file.read_bytes()
    # Somebody moves the file away, and another one comes in its place.
    file.write_bytes(b"".join(b'{"id":%d}\n' % number for number in range(500, 900)))
    with open_sink(file, "here", ()) as sink:
        assert sink.put([{"id": 5}, {"id": 500}, {"id": 899}]) == 1
    file.write_bytes(first)
    with open_sink(file, "here", ()) as sink:
        assert sink.put([{"id": 5}, {"id": 500}]) == 1
    file.unlink()
    with open_sink(file, "here", ()) as sink:
        assert sink.put([{"id": 5}]) == 1


def test_long_files_are_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "_CHUNK", 7)
    file = tmp_path / "feed.jsonl"
    file.write_bytes(b"".join(b'{"id":%d}\n' % number for number in range(50)) + b'{"id":50')
    with open_sink(file, "here", ()) as sink:
        assert sink.put([{"id": number} for number in range(60)]) == 10
    assert len(rows(file)) == 60


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("came", [True, False])
def test_one_id_has_one_content(came: bool, name: str, tmp_path: Path) -> None:
    def record(id_: Any, kind: str, **more: Any) -> dict[str, Any]:
        own = {"id": id_, "activityType": kind}
        return {**own, "asItCame": {"id": id_, "Kind": kind, **more}} if came else own

    file = tmp_path / name
    for _ in range(2):
        with open_sink(file, "here", tuple(members("record"))) as sink:
            sink.put([record(1, "Bounced"), record("g-2", "EmailOpened")])
            assert sink.put([record("1", "Bounced")] if not came else [record(1, "Bounced")]) == 0
            with pytest.raises(StateError, match="with another content"):
                sink.put([record(3, "EmailOpened"), record(1, "Unsubscribed")])
            if came:
                with pytest.raises(StateError, match="with another content"):
                    sink.put([record("g-2", "EmailOpened", unknown="x")])
            with pytest.raises(ValueError, match="without an id"):
                sink.put([record("", "EmailOpened")])
    assert [row["id"] for row in sorted(contents(file), key=lambda row: str(row["id"]))] == [1, "g-2"]
    if came:  # after another version of us has made the file
        kept = contents(file)[0]["asItCame"]
        assert (json.loads(kept) if isinstance(kept, str) else kept)["Kind"] == "Bounced"


def contents(file: Path) -> list[dict[str, Any]]:
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text().splitlines()]
    with sqlite3.connect(file) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("SELECT * FROM activity")]


def test_a_file_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "feed.jsonl"
    own = {"id": 1, "activityType": "Bounced"}
    file.write_text(json.dumps({**own, "url": None}) + "\n" + json.dumps({"activityType": "Bounced"}) + "\n")
    came = {**own, "asItCame": {"id": 1, "activityType": "Bounced", "more": True}}
    with open_sink(file, "here", tuple(members("record"))) as sink:
        assert sink.put([came]) == 0
        with pytest.raises(StateError, match="with another content"):
            sink.put([{**came, "activityType": "EmailOpened"}])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "change",
    [
        {"distort_members": "record.id=recordId"},
        {"distort_members": "record.id="},
        {"distort_members": "record.activityType=kind"},
        {"distort_members": "batch.records=rows"},
        {"distort_members": "batch.batchIdentifier=batch"},
        {"distort_types": "record.id=object"},
        {"distort_types": "record.activityDate=number"},
        {"distort_types": "batch.records=object"},
    ],
)
def test_what_is_not_understood_is_not_marked(change: dict[str, str], name: str, tmp_path: Path) -> None:
    world, file = ready(gatormail=change), tmp_path / name
    happen(world, 7)
    with pytest.raises(ApiError) as error:
        take(world, file)
    assert re.search("`?[fv]\\.(record|batch|activityType)", error.value.diagnostics[0].hint or "")
    assert waiting(world) == 7
    assert not rows(file)


def test_two_records_of_one_id_are_not_taken_for_one(tmp_path: Path) -> None:
    class Twice:
        marked = False

        def send(self, call: Any) -> Any:
            assert call.operation == "gatormail_getDatafeed"
            return {"batchIdentifier": "b", "records": [{"id": 1}, {"id": "1"}]}

    with open_sink(tmp_path / "feed.sqlite", "here", ("id",)) as sink, pytest.raises(ApiError, match="the same id"):
        pull(Twice(), sink, Tally())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_for_one_source_and_one_process(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    with open_sink(file, "here", ("id",)):
        with pytest.raises(LockHeld) as held, open_sink(file, "here", ("id",)):
            pass
        assert held.value.exit_code == 5
    with pytest.raises(InvalidInput, match="holds the records of here"), open_sink(file, "there", ("id",)):
        pass
    with open_sink(file, "here", ("id",)) as sink:
        assert sink.put([{"id": 1}]) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.sqlite", b"no database, but long enough to be one" * 50),
        ("a.jsonl", b"1\n"),
        ("a.jsonl", b"x\n"),
    ],
)
def test_other_files_are_left_alone(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput), open_sink(tmp_path / name, "here", ("id",)):
        pass
    assert (tmp_path / name).read_bytes() == content


def test_following_looks_again_until_it_is_stopped(tmp_path: Path) -> None:
    world, file = ready(), tmp_path / "feed.sqlite"
    happen(world, 1)
    stop = threading.Event()

    class Impatient(threading.Event):
        """Waits for nothing: the first empty queue brings more, the second one the end."""

        waits = 0

        def wait(self, timeout: float | None = None) -> bool:
            assert timeout == 5.0
            self.waits += 1
            if self.waits == 1:
                happen(world, 2)
            else:
                self.set()
            return True

    stop = Impatient()
    assert take(world, file, stop=stop, interval=5.0).stored == 3


def test_a_batch_that_never_ends_is_an_error(tmp_path: Path) -> None:
    class Endless:
        reads = 0

        def send(self, call: Any) -> Any:
            if call.operation == "gatormail_getDatafeed":
                return {"batchIdentifier": "b", "records": [{"id": 1}]}
            return {"processed": True}

    with open_sink(tmp_path / "feed.sqlite", "here", ("id",)) as sink, pytest.raises(ApiError, match="again and again"):
        pull(Endless(), sink, Tally())  # type: ignore[arg-type]


def test_the_lock_of_a_queue_ends_with_the_block(tmp_path: Path) -> None:
    queue = tmp_path / "queue"
    for _ in range(2):
        with (
            one_at_a_time(queue, "It is read"),
            pytest.raises(LockHeld, match="It is read by another process"),
            one_at_a_time(queue, "It is read"),
        ):
            raise AssertionError


# Killed.


def _boundaries(world: World, monkeypatch: pytest.MonkeyPatch, die: Callable[[], None], after: int) -> None:
    """Die at the n-th boundary: before and after each call and each write of the sink."""
    passed = count(1)

    def boundary() -> None:
        if next(passed) == after:
            die()

    def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            boundary()
            result = function(*arguments, **options)
            boundary()
            return result

        return call

    def torn(descriptor: int, data: bytes, offset: int) -> int:
        """A write that may be cut anywhere."""
        boundary()
        half = random.Random(offset).randrange(len(data)) if len(data) > 1 else len(data)
        written = real(descriptor, data[:half], offset) if half else 0
        boundary()
        return written + real(descriptor, data[half:], offset + written)

    real = os.pwrite
    monkeypatch.setattr(world.gator, "send", guarded(world.gator.send))
    monkeypatch.setattr(os, "pwrite", torn)
    monkeypatch.setattr(os, "fsync", guarded(os.fsync))
    monkeypatch.setattr(os, "open", guarded(os.open))
    monkeypatch.setattr(sinks, "_transaction", _guarded_transaction(boundary))


def _guarded_transaction(boundary: Callable[[], None]) -> Any:
    from contextlib import contextmanager

    real = sinks._transaction

    @contextmanager
    def transaction(database: sqlite3.Connection) -> Iterator[None]:
        boundary()
        with real(database):
            yield
            boundary()
        boundary()

    return transaction


def test_killed_at_any_boundary(tmp_path: Path) -> None:
    """500 runs in forked processes that end themselves with SIGKILL; people go on opening and clicking meanwhile."""
    chance = random.Random(SEED)
    number = runs = 0
    ends = {"killed": 0, "done": 0}
    while runs < RUNS:
        number += 1
        mode, name = MODES[number % 2], FILES[number // 2 % 2]
        folder = tmp_path / str(number)
        folder.mkdir()
        world = ready(chance.randint(1, 4), folder=folder, gatormail={"feed_redelivery": mode})
        world.close()
        file, made = folder / name, 0
        for _ in range(10):
            world = World(folder=folder, gatormail={"feed_redelivery": mode})
            times = chance.randint(0, 4)
            happen(world, times, chance.choice(KINDS), chance.choice(PEOPLE)) if times else None
            made += times
            world.close()
            ends["killed" if _killed(folder, mode, file, chance.randint(1, 40)) else "done"] += 1
            runs += 1
        world = World(folder=folder, gatormail={"feed_redelivery": mode})
        take(world, file)
        found = [row["id"] for row in rows(file)]
        assert (len(found), len(set(found))) == (made, made), f"seed {SEED}, round {number}, {mode}, {name}"
        assert waiting(world) == 0
        world.close()
    assert ends["killed"] > runs // 3, ends


def _killed(folder: Path, mode: str, file: Path, after: int) -> bool:
    child = os.fork()
    if child == 0:
        try:
            with pytest.MonkeyPatch.context() as patch:
                world = World(folder=folder, gatormail={"feed_redelivery": mode})
                _boundaries(world, patch, lambda: os.kill(os.getpid(), signal.SIGKILL), after)
                take(world, file)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)
