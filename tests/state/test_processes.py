"""Real processes: killed while they record, and racing for the lock."""

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from reconcile.errors import LockHeld
from reconcile.model.address import Address, parse_address
from reconcile.model.resource import Applied
from reconcile.state.local import LocalStore
from tests.state.racers import line, output, process, tell

ONE = Address("squalomail", "list", "one")
APPLIED = Applied("5", {"name": "Italia"})

LOCAL = """
from pathlib import Path
from reconcile.state.local import LocalStore

store = LocalStore(Path(sys.argv[1]), who="anna")
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def kill(child: subprocess.Popen[str]) -> list[str]:
    """End it as the kernel would; what it still said before."""
    child.send_signal(signal.SIGKILL)
    rest = output(child).read()
    child.wait()
    return [said for said in rest.splitlines(keepends=True) if said.endswith("\n")]


# One long run, and many short ones: the latter die mostly while they fold.
RECORDING = (
    LOCAL
    + """
length, generation, number = int(sys.argv[2]), sys.argv[3], 0
while True:
    with store.lock("apply") as state:
        for _ in range(length):
            address = Address("squalomail", "list", f"n{generation}-{number}")
            state.put(address, Applied(str(number), {"name": "Italia" * 50}))
            say(address)
            number += 1
"""
)


@pytest.mark.parametrize("length", [1_000_000, 2])
def test_what_was_acknowledged_survives_every_kill(path: Path, length: int) -> None:
    acknowledged: set[Address] = set()
    moment = random.Random(length)
    store = LocalStore(path)
    lineages = set()
    for generation in range(15):
        with process(RECORDING, path, length, generation) as child:
            said = [line(child) for _ in range(moment.randint(1, 40))]
            said += kill(child)
        assert all(said)
        acknowledged |= {parse_address(name.strip()) for name in said}
        state = store.read()
        assert state is not None
        # At most one more: it was on disk when its process died, before it could say so.
        assert state.resources.keys() >= acknowledged
        assert len(state.resources) <= len(acknowledged) + 1
        acknowledged |= state.resources.keys()
        lineages.add(state.lineage)
    assert len(lineages) == 1
    with store.lock("apply"):
        pass
    assert {file.name for file in path.parent.iterdir()} <= {"state.json", "state.json.backup", "state.json.lock"}
    after = store.read()
    assert after is not None
    assert after.resources.keys() == acknowledged


HOLDING = (
    LOCAL
    + """
with store.lock("apply of spring") as state:
    state.put(Address("squalomail", "list", "one"), Applied("5", {"name": "Italia"}))
    say(os.getpid())
    sys.stdin.readline()
"""
)


def test_a_live_holder_is_named(path: Path) -> None:
    store = LocalStore(path)
    with process(HOLDING, path) as holder:
        pid = line(holder)
        with pytest.raises(LockHeld) as caught, store.lock("plan"):
            pass
        message, since = str(caught.value).rstrip(".").split(" since ")
        owner = f"anna on {os.uname().nodename} (process {pid})"
        assert message == f"The state {path} is locked by {owner} for apply of spring"
        assert abs(datetime.fromisoformat(since).timestamp() - time.time()) < 60
        assert caught.value.exit_code == 5
        assert "--lock-timeout S" in str(caught.value.diagnostics[0].hint)
        state = store.read()  # reading needs no lock
        assert state is not None
        assert state.resources == {ONE: APPLIED}


def test_a_dead_holder_blocks_nobody(path: Path) -> None:
    with process(HOLDING, path) as holder:
        line(holder)
        kill(holder)
    assert path.with_name("state.json.lock.info").exists()
    with LocalStore(path).lock("apply") as state:
        assert state.state.resources == {ONE: APPLIED}


def test_a_holder_without_a_name_is_a_holder(path: Path) -> None:
    store = LocalStore(path)
    for damage in (b"", b"{}", b'{"since": "noon"}', None):
        with store.lock("apply"):
            info = path.with_name("state.json.lock.info")
            if damage is None:
                info.unlink()
            else:
                info.write_bytes(damage)
            with pytest.raises(LockHeld) as caught, LocalStore(path).lock("plan"):
                pass
            assert str(caught.value) == f"The state {path} is locked, and its holder has not said who it is."


def test_waiting_succeeds_when_the_lock_is_released(path: Path) -> None:
    with process(HOLDING, path) as holder:
        line(holder)
        release = threading.Timer(0.3, tell, [holder])
        release.start()
        with LocalStore(path).lock("apply", timeout=30) as state:
            assert state.state.resources == {ONE: APPLIED}
        release.join()


def test_waiting_ends_when_the_time_is_over(path: Path) -> None:
    store = LocalStore(path)
    with store.lock("apply"), pytest.raises(LockHeld), LocalStore(path).lock("plan", timeout=0.1):
        pass


def test_a_negative_time_does_not_wait_for_ever(path: Path) -> None:
    with LocalStore(path).lock("apply"), pytest.raises(LockHeld), LocalStore(path).lock("plan", timeout=-1):
        pass


def test_a_failed_attempt_leaves_the_holder_alone(path: Path) -> None:
    store = LocalStore(path)
    with store.lock("apply") as state:
        state.put(ONE, APPLIED)
        before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
        with pytest.raises(LockHeld), LocalStore(path).lock("plan"):
            pass
        assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


RACING = (
    LOCAL
    + """
say("ready")
sys.stdin.readline()
try:
    with store.lock("apply"):
        say("won")
        sys.stdin.readline()
except LockHeld:
    say("lost")
"""
)

COUNTING = (
    LOCAL
    + """
for _ in range(20):
    with store.lock("apply", timeout=60) as state:
        one = state.state.resources.get(Address("squalomail", "list", "one"))
        state.put(Address("squalomail", "list", "one"), Applied(str(int(one.id) + 1 if one else 1), {}))
"""
)


@contextmanager
def processes(count: int, script: str, path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    if count == 0:
        yield []
        return
    with process(script, path) as child, processes(count - 1, script, path) as others:
        yield [child, *others]


def test_of_eight_that_race_one_wins(path: Path) -> None:
    for _ in range(2):
        with processes(8, RACING, path) as racers:
            assert [line(racer) for racer in racers] == ["ready"] * 8
            for racer in racers:
                tell(racer)
            assert sorted(line(racer) for racer in racers) == ["lost"] * 7 + ["won"]


def test_no_write_of_eight_that_take_turns_is_lost(path: Path) -> None:
    with processes(8, COUNTING, path) as writers:
        assert [writer.wait(60) for writer in writers] == [0] * 8
    state = LocalStore(path).read()
    assert state is not None
    assert state.resources[ONE].id == "160"
    assert state.serial == 160
