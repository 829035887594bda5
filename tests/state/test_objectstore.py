"""Object storage: the self-test, the fence behind the lease, lost answers, folding, and what is refused."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import orjson
import pytest

from reconcile.errors import LockHeld, StateError
from reconcile.model.address import Address
from reconcile.model.resource import Applied
from reconcile.state import objectstore
from reconcile.state.lease import Terms
from reconcile.state.objects import Objects, open_bucket
from reconcile.state.objectstore import ObjectStore
from reconcile.state.open import open_store
from tests.state.servers import S3_ENVIRON, SmallS3

ONE, TWO, THREE = (Address("squalomail", "list", name) for name in ("one", "two", "three"))
APPLIED = Applied("5", {"name": "Italia"})
KEY = "/states/shop/state.json"
OPENED: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in S3_ENVIRON.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def server() -> Iterator[SmallS3]:
    with SmallS3() as server:
        yield server


class Clock:
    def __init__(self) -> None:
        self.now = 1764547200.0

    def __call__(self) -> float:
        return self.now


def store(server: SmallS3, clock: Clock | None = None, who: str = "anna", terms: Terms | None = None) -> ObjectStore:
    if server.url not in OPENED:  # opening one takes longer than all of its requests
        OPENED.clear()
        OPENED[server.url] = open_bucket("s3", "states", {"endpoint": server.url, "region": "us-east-1"})
    objects = Objects(OPENED[server.url], "s3://states")
    return ObjectStore(objects, "shop/state.json", clock=clock or Clock(), who=who, terms=terms)


def addresses(found: ObjectStore) -> set[Address]:
    state = found.read()
    assert state is not None
    return set(state.resources)


# The self-test.


def test_a_server_that_honours_conditions_passes(server: SmallS3) -> None:
    with store(server).lock("apply"):
        pass
    assert [key for key in server.objects if "selftest" in key] == []


@pytest.mark.parametrize(
    ("conditions", "why"),
    [
        ("ignores", "ignores conditions: creating an object that is there already was not refused"),
        ("refuses", "refuses replacing an object that nobody else has written, which is right"),
    ],
)
def test_a_server_that_does_not_honour_them_is_refused(conditions: str, why: str) -> None:
    with SmallS3(conditions) as server:
        with pytest.raises(StateError) as caught, store(server).lock("apply"):
            pass
        assert str(caught.value) == (
            f"The object storage behind s3://states {why}. Two runs at once could destroy each other's state there,"
            " so it is not used."
        )
        assert "PostgreSQL" in str(caught.value.diagnostics[0].hint)
        assert server.objects == {}


def test_the_test_is_made_at_first_use_only(server: SmallS3) -> None:
    with store(server).lock("apply"):
        pass
    first, server.requests = len(server.requests), []
    with store(server).lock("apply"):
        pass
    assert (first, len(server.requests)) == (12, 7)


def test_a_server_that_is_not_there_is_an_error() -> None:
    found = open_store("s3://states/shop/state.json?endpoint=http://127.0.0.1:9&region=us-east-1", environ={})
    with pytest.raises(StateError, match=r"s3://states/shop/state.json.journal can't be read"):
        found.read()


# The fence: what a former holder is stopped by even if its own clock tells it that all is well.


def test_a_holder_whose_lease_was_taken_by_another_clock_can_record_nothing(server: SmallS3) -> None:
    ahead = Clock()
    ahead.now += 3600
    with store(server).lock("apply") as former:
        former.put(ONE, APPLIED)
        with store(server, ahead, "berta").lock("apply") as state:
            former.confirm()  # as far as it can tell
            for use in (lambda: former.put(TWO, APPLIED), former.confirm, lambda: former.put(TWO, APPLIED)):
                with pytest.raises(LockHeld, match="is gone: it is locked by berta"):
                    use()
            state.put(THREE, APPLIED)
    assert addresses(store(server)) == {ONE, THREE}


def test_a_former_holder_that_had_recorded_nothing_can_record_nothing(server: SmallS3) -> None:
    ahead = Clock()
    ahead.now += 3600
    with store(server).lock("apply") as former:
        with store(server, ahead, "berta").lock("apply"):
            pass
        with pytest.raises(LockHeld, match="it was taken away, or nobody renewed it in time"):
            former.put(TWO, APPLIED)
    assert store(server).read() is None


def test_what_a_former_holder_has_recorded_is_folded_once(server: SmallS3) -> None:
    ahead = Clock()
    ahead.now += 3600
    with ExitStack() as stack:
        former = stack.enter_context(store(server).lock("apply"))
        former.put(ONE, APPLIED)
        with store(server, ahead, "berta").lock("apply") as state:
            assert state.state.resources.keys() == {ONE}
            assert state.state.serial == 1
        # Nothing is in doubt but the lock, and it says so.
        with pytest.raises(StateError):
            stack.close()
    with store(server).lock("apply") as state:
        assert (state.state.serial, set(state.state.resources)) == (1, {ONE})


def test_a_lease_that_is_not_over_is_left_alone(server: SmallS3) -> None:
    clock = Clock()
    with store(server, clock, terms=Terms(60, 10)).lock("apply"):
        clock.now += 69
        with pytest.raises(LockHeld, match="locked by anna"), store(server, clock, "berta").lock("apply"):
            pass


def test_a_lock_that_was_unlocked_is_lost(server: SmallS3) -> None:
    with store(server).lock("apply") as former:
        info = store(server).holder()
        assert info is not None
        with pytest.raises(StateError, match=r"does not have the id .other."):
            store(server).unlock("other")
        assert store(server).unlock(info.id).who == "anna"
        assert store(server).holder() is None
        with store(server, who="berta").lock("apply"):
            pass
        with pytest.raises(LockHeld, match="is gone"):
            former.put(ONE, APPLIED)


def test_a_damaged_lock_is_a_lock_and_can_be_taken_away(server: SmallS3) -> None:
    with store(server).lock("apply"):
        pass
    server.objects[f"{KEY}.lock"] = b"{"
    with pytest.raises(LockHeld, match="has not said who it is"), store(server).lock("apply"):
        pass
    store(server).unlock("any")
    with store(server).lock("apply"):
        pass


# Answers that are lost after the write.


def test_a_write_whose_answer_was_lost_is_no_conflict(server: SmallS3) -> None:
    server.lose = 1
    with store(server).lock("apply") as state:
        server.lose = 1
        state.put(ONE, APPLIED)
        state.put(TWO, APPLIED)
        server.lose = 1
    assert addresses(store(server)) == {ONE, TWO}
    assert server.lose == 0


# Folding, and states that don't fit.


def test_a_long_journal_is_folded_on_the_way(server: SmallS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objectstore, "_SMALL", 2000)
    names = [Address("squalomail", "list", f"n{number}") for number in range(100)]
    with store(server).lock("apply") as state:
        for number, address in enumerate(names):
            state.put(address, APPLIED)
            if number % 10 == 0:
                assert addresses(store(server)) == set(names[: number + 1])
    kept = orjson.loads(server.objects[KEY])
    assert len(kept["resources"]) == 100
    assert 4 < kept["serial"] < 25
    with store(server).lock("apply") as state:
        assert state.state.resources.keys() == set(names)


def test_a_run_that_died_between_state_and_journal_is_no_loss(server: SmallS3) -> None:
    with store(server).lock("apply") as state:
        state.put(ONE, APPLIED)
        journal = server.objects[f"{KEY}.journal"]
    server.objects[f"{KEY}.journal"] = journal
    assert addresses(store(server)) == {ONE}
    with store(server).lock("apply") as state:
        assert state.state.serial == 1
        state.put(TWO, APPLIED)
    assert addresses(store(server)) == {ONE, TWO}


def test_a_state_that_is_gone_is_no_new_project(server: SmallS3) -> None:
    with store(server).lock("apply") as state:
        state.put(ONE, APPLIED)
    former = server.objects.pop(KEY)
    for use in (store(server).read, lambda: store(server).lock("apply").__enter__()):
        with pytest.raises(StateError, match=r"is missing, but there is .* no new project"):
            use()
    server.objects[KEY] = former
    with store(server).lock("apply", timeout=5):
        pass


def test_a_state_older_than_its_journal_is_refused(server: SmallS3) -> None:
    with store(server).lock("apply") as state:
        state.put(ONE, APPLIED)
    former = server.objects[KEY]
    with store(server).lock("apply") as state:
        state.put(TWO, APPLIED)
    server.objects[KEY] = former
    with pytest.raises(StateError, match="is older than its journal: it has the serial 1"):
        store(server).read()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"version": 99}'])
@pytest.mark.parametrize("key", [KEY, f"{KEY}.journal"])
def test_what_is_damaged_is_refused(server: SmallS3, key: str, data: bytes) -> None:
    with store(server).lock("apply") as state:
        state.put(ONE, APPLIED)
    server.objects[key] = data
    with pytest.raises(StateError, match=r"s3://states/shop/state.json"):
        store(server).read()
    with pytest.raises(StateError), store(server).lock("apply"):
        pass
    assert server.objects[key] == data
    assert store(server).holder() is None


def test_a_state_that_something_else_wrote_is_not_overwritten(server: SmallS3) -> None:
    with ExitStack() as stack:
        stack.enter_context(store(server).lock("apply")).put(ONE, APPLIED)
        server.objects[KEY] = b'{"version": 1, "lineage": "x", "serial": 9, "resources": {}}'
        with pytest.raises(StateError, match="was changed by something else"):
            stack.close()
    assert b'"lineage": "x"' in server.objects[KEY]
    assert b"one" in server.objects[f"{KEY}.journal"]


def test_an_unusable_state_can_be_set_aside(server: SmallS3) -> None:
    with store(server).lock("apply") as state:
        state.put(ONE, APPLIED)
    server.objects[KEY] = b"{"
    names = store(server).set_aside("rebuild")
    assert sorted(name.removeprefix("s3:/").rpartition(".set-aside-")[0] for name in names) == [KEY, f"{KEY}.journal"]
    assert store(server).read() is None
    with store(server).lock("apply") as state:
        state.put(TWO, APPLIED)
    assert addresses(store(server)) == {TWO}


def test_a_state_put_there_by_hand_is_taken_up(server: SmallS3) -> None:
    server.objects[KEY] = b'{"version": 1, "lineage": "x", "serial": 9, "resources": {}}'
    with store(server).lock("apply") as state:
        assert (state.state.lineage, state.state.serial) == ("x", 9)
        state.put(ONE, APPLIED)
    found = store(server).read()
    assert found is not None
    assert replace(found, resources={}) == replace(state.state, serial=10, resources={})
