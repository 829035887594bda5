"""What every store has to do: the same tests for the local disk, object storage, PostgreSQL and HTTP."""

import hashlib
import os
import signal
import threading
import time
from dataclasses import replace
from datetime import datetime

import pytest

from reconcile.errors import LockHeld, Refused, StateError
from reconcile.model.account import Account
from reconcile.model.address import Address
from reconcile.model.memory import Memory, Segment
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied, Former
from reconcile.state.open import open_store
from reconcile.state.state import Intent, State
from reconcile.state.store import StateStore
from tests.state.conftest import LEASE, Backend
from tests.state.racers import Racers, line, process, tell

ONE, TWO, THREE = (Address("squalomail", "list", name) for name in ("one", "two", "three"))
APPLIED = Applied("5", {"name": "Italia è \u2603 \0"})
PATIENCE = 30.0
MEMORY = Memory("k" * 16, 7, (Segment("a" * 64, 3), Segment("b" * 64, 1, "eA==")), 9)


def put(store: StateStore, *addresses: Address) -> State:
    with store.lock("apply") as state:
        for address in addresses:
            state.put(address, APPLIED)
    return read(store)


def put_and_fail(store: StateStore) -> None:
    with store.lock("apply") as state:
        state.put(ONE, APPLIED)
        raise Refused("a rule")


def read(store: StateStore) -> State:
    state = store.read()
    assert state is not None
    return state


# Reading and writing.


def test_there_is_no_state_before_the_first_write(backend: Backend) -> None:
    store = backend.store()
    assert store.read() is None
    for _ in range(2):
        with store.lock("apply") as state:
            assert state.state.resources == {}
            assert state.state.serial == 0
            assert store.read() is None
        assert store.read() is None


def test_what_was_recorded_is_there_afterwards(backend: Backend) -> None:
    first = put(backend.store(), ONE)
    second = put(backend.store(), TWO)
    assert first.resources == {ONE: APPLIED}
    assert second.resources == {ONE: APPLIED, TWO: APPLIED}
    assert first.lineage == second.lineage
    assert 0 < first.serial < second.serial


@pytest.mark.parametrize("behind", [0.0, 100.0])
def test_a_server_tells_the_time(backend: Backend, behind: float) -> None:
    """Whoever keeps the state tells by how much its clock is ahead of ours; a file has none but ours."""
    store = open_store(backend.url, environ={}, who="berta", clock=lambda: time.time() - behind)
    with store.lock("apply") as state:
        state.put(ONE, APPLIED)
        offset = state.server_time()
        state.confirm(at_server=True)
    if backend.kind == "local":
        assert offset is None
    else:
        assert offset is not None
        assert offset[0] <= behind <= offset[1]


def test_segments_are_kept_beside_the_state(backend: Backend) -> None:
    data = bytes(range(256)) * 100
    name = hashlib.sha256(data).hexdigest()
    segments = backend.store().segments
    if segments is None:
        return  # HTTP has one document
    assert segments.read(name) is None
    segments.write(name, data)
    segments.write(name, data)
    again = backend.store().segments
    assert again.read(name) == data
    put(backend.store(), ONE)
    assert read(backend.store()).resources == {ONE: APPLIED}
    again.delete(name)
    again.delete(name)
    assert segments.read(name) is None


def test_what_an_audience_remembers_goes_where_it_goes(backend: Backend) -> None:
    store = backend.store()
    with store.lock("apply") as state:
        state.put(ONE, APPLIED)
        state.remember(ONE, MEMORY)
        state.move(ONE, TWO)
    assert read(store).memories == {TWO: MEMORY}


def test_every_kind_of_entry_is_kept(backend: Backend) -> None:
    store = backend.store()
    account = Account("squalomail", "api.example", "4711")
    user = replace(APPLIED, attributes={"lists": (Reference(ONE),)}, dependencies=(ONE,))
    intent = Intent(ONE, "create-list", key=("Italia",), before=("1",), attributes={"name": "Italia"}, started=7.5)
    with store.lock("apply") as state:
        state.account({"squalomail": account})
        state.intend(intent)
        assert read(store).intents == {ONE: intent}
        state.put(ONE, APPLIED)
        state.put(TWO, user)
        state.move(ONE, THREE)
        state.intend(replace(intent, address=ONE))
        state.settle(ONE)
        state.put(ONE, APPLIED)
        state.remove(ONE)
        state.remember(ONE, MEMORY)
        state.remember(TWO, MEMORY)
        during = read(store)
        assert (during.resources, during.intents) == (state.state.resources, state.state.intents)
    after = read(store)
    assert after.memories == {ONE: MEMORY, TWO: MEMORY}
    assert after.accounts == {"squalomail": account}
    assert after.intents == {}
    moved = replace(user, attributes={"lists": (Reference(THREE),)}, dependencies=(THREE,))
    assert after.resources == {THREE: replace(APPLIED, former=(Former(ONE),)), TWO: moved}


def test_entries_follow_the_alias_of_their_account(backend: Backend) -> None:
    """On record with whatever is recorded next, and not before; what is open of a write goes along."""
    store, account = backend.store(), Account("squalomail", "host", "4711")
    renamed = {"mail": ("squalomail",)}
    new, two = (replace(at, provider="mail") for at in (ONE, TWO))
    with store.lock("apply") as state:
        state.account({"squalomail": account})
        state.put(ONE, APPLIED)
        state.intend(Intent(TWO, "create-list"))
    before = read(store)
    with store.lock("plan") as state:
        state.follow(renamed)
        assert state.state.following == {new: ONE, two: TWO}
        assert state.kept(new) is not None
        assert state.is_intended(two)
    assert read(store) == before
    with store.lock("apply") as state:
        state.follow(renamed)
        state.put(replace(THREE, provider="mail"), APPLIED)
        assert not state.state.following
        state.follow(renamed)
        assert not state.state.following, "it is on record"
    after = read(store)
    assert set(after.resources) == {new, replace(THREE, provider="mail")}
    assert set(after.intents) == {two}
    assert after.accounts["mail"] == account


def test_others_read_each_record_at_once(backend: Backend) -> None:
    other = backend.store()
    with backend.store().lock("apply") as state:
        for done, address in enumerate((ONE, TWO, THREE), 1):
            state.put(address, APPLIED)
            assert len(read(other).resources) == done
        state.remove(TWO)
        assert read(other).resources.keys() == {ONE, THREE}


def test_a_run_that_records_nothing_changes_nothing(backend: Backend) -> None:
    store = backend.store()
    before = put(store, ONE)
    with store.lock("apply"):
        pass
    assert read(store) == before


def test_what_was_recorded_before_an_error_is_kept(backend: Backend) -> None:
    store = backend.store()
    with pytest.raises(Refused, match="a rule"):
        put_and_fail(store)
    assert read(store).resources == {ONE: APPLIED}
    put(store, TWO)


def test_nothing_can_be_recorded_after_the_end(backend: Backend) -> None:
    store = backend.store()
    with store.lock("apply") as state:
        state.confirm()
    for record in (lambda: state.put(ONE, APPLIED), state.confirm):
        with pytest.raises(StateError, match="has been left"):
            record()
    assert store.read() is None


def test_several_threads_may_record(backend: Backend) -> None:
    addresses = [Address("squalomail", "list", f"n{number}") for number in range(12)]
    store = backend.store()
    with store.lock("apply") as state:
        threads = [threading.Thread(target=state.put, args=(address, APPLIED)) for address in addresses]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert read(store).resources.keys() == set(addresses)


def test_a_whole_state_takes_the_place_of_another(backend: Backend) -> None:
    store = backend.store()
    before = put(store, ONE)
    made = store.replace("push", lambda former: replace(former or before, resources={TWO: APPLIED}))
    assert made == read(store)
    assert (made.lineage, made.resources) == (before.lineage, {TWO: APPLIED})
    assert made.serial > before.serial
    foreign = store.replace("push", lambda _: State("another", 70, resources={THREE: APPLIED}))
    assert foreign == read(store)
    assert foreign.lineage == "another"
    assert foreign.serial > 70
    put(store, ONE)
    assert read(store).resources.keys() == {ONE, THREE}


def test_a_whole_state_may_be_the_first(backend: Backend) -> None:
    store = backend.store()

    def make(former: State | None) -> State:
        assert former is None
        return State("mine", 3, resources={TWO: APPLIED})

    assert store.replace("push", make).serial > 3
    assert put(store, ONE).lineage == "mine"


def test_what_refuses_a_replacement_leaves_all_as_it_was(backend: Backend) -> None:
    store = backend.store()
    before = put(store, ONE)

    def refuse(former: State | None) -> State:
        raise Refused("no")

    with pytest.raises(Refused):
        store.replace("push", refuse)
    assert read(store) == before
    put(store, TWO)


# The lock.


HOLDING = """
with store(sys.argv[1]).lock("apply of spring") as state:
    state.put(address("one"), Applied("5", {"name": "Italia"}))
    say(os.getpid())
    while name := hear():
        try:
            state.confirm()
            state.put(address(name), Applied("5", {"name": "Italia"}))
            say("kept")
        except StateError as error:
            say(f"{type(error).__name__} {error}")
"""


def test_a_live_holder_is_named(backend: Backend) -> None:
    store = backend.store()
    assert store.holder() is None
    with process(HOLDING, backend.url) as holder:
        pid = line(holder)
        with pytest.raises(LockHeld) as caught, store.lock("plan"):
            pass
        message, since = str(caught.value).rstrip(".").split(" since ")
        owner = f"anna on {os.uname().nodename} (process {pid})"
        assert message == f"The state {store.name} is locked by {owner} for apply of spring"
        assert abs(datetime.fromisoformat(since).timestamp() - time.time()) < 60
        assert caught.value.exit_code == 5
        info = store.holder()
        assert info is not None
        assert (info.who, info.why, info.pid) == ("anna", "apply of spring", int(pid))
        assert read(store).resources.keys() == {ONE}  # reading needs no lock
        tell(holder, "two")
        assert line(holder) == "kept"


def test_waiting_succeeds_when_the_lock_is_released(backend: Backend) -> None:
    with process(HOLDING, backend.url) as holder:
        line(holder)
        release = threading.Timer(0.3, tell, [holder, ""])
        release.start()
        with backend.store().lock("apply", timeout=PATIENCE) as state:
            assert state.state.resources.keys() == {ONE}
        release.join()


def test_waiting_ends_when_the_time_is_over(backend: Backend) -> None:
    with backend.store().lock("apply") as state:
        for timeout in (0.2, -1):
            with pytest.raises(LockHeld), backend.store("carla").lock("plan", timeout):
                pass
        state.put(ONE, APPLIED)


def test_the_lock_of_a_killed_holder_goes_to_the_next(backend: Backend) -> None:
    store = backend.store()
    with process(HOLDING, backend.url) as holder:
        line(holder)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    began = time.monotonic()
    if not backend.ends:
        info = store.holder()
        assert info is not None
        with pytest.raises(StateError, match="does not have the id"):
            store.unlock("another")
        assert store.unlock(info.id) == info
        assert store.holder() is None
    with store.lock("apply", timeout=PATIENCE) as state:
        assert state.state.resources.keys() == {ONE}
        state.put(TWO, APPLIED)
    assert read(store).resources.keys() == {ONE, TWO}
    # A lease, the margin for clocks, and the last pause between two looks.
    assert time.monotonic() - began < (LEASE * 1.5 + 2.0 if backend.lease else 2.0)


def test_a_suspended_holder_that_lost_its_lock_writes_nothing(backend: Backend) -> None:
    if backend.kind == "local":
        pytest.skip("local: the kernel takes no lock from a process that lives")
    store = backend.store()
    with process(HOLDING, backend.url) as holder:
        line(holder)
        info = store.holder()
        assert info is not None
        holder.send_signal(signal.SIGSTOP)
        try:
            if not backend.lease:
                store.unlock(info.id)
            with store.lock("apply", timeout=PATIENCE) as state:
                # Nothing is written yet, and the former holder must fail all the same.
                holder.send_signal(signal.SIGCONT)
                tell(holder, "two")
                assert line(holder).startswith("LockHeld The lock on the state")
                state.put(THREE, APPLIED)
        finally:
            holder.send_signal(signal.SIGCONT)
        tell(holder, "two")
        assert "Held" in line(holder)
        tell(holder, "")
        assert holder.wait() == 0 if backend.kind == "http" else holder.wait() != 0
    assert read(store).resources.keys() == {ONE, THREE}
    put(store, TWO)


def test_a_lock_that_nobody_has_cannot_be_taken_away(backend: Backend) -> None:
    store = backend.store()
    with pytest.raises(StateError, match="is not locked"):
        store.unlock("any")
    put(store, ONE)
    with pytest.raises(StateError, match="is not locked"):
        store.unlock("any")


def test_of_sixteen_that_race_one_wins(backend: Backend, racers: Racers) -> None:
    for _ in range({"seaweed": 1, "s3": 2, "azure": 2, "http": 3}.get(backend.kind, 5)):
        assert sorted(racers.race(backend.url)) == ["lost"] * 15 + ["won"]


def test_no_write_of_sixteen_that_take_turns_is_lost(backend: Backend, racers: Racers) -> None:
    turns = 1 if backend.kind in ("s3", "seaweed", "azure", "http") else 5
    assert racers.count(backend.url, turns) == ["counted"] * 16
    assert read(backend.store()).resources[Address("squalomail", "list", "counter")].id == str(16 * turns)


# Encryption, on each of them.


def test_an_encrypted_state_shows_nothing(backend: Backend) -> None:
    key = {"RECONCILE_STATE_KEY": "5b" * 32}
    put(backend.store(), ONE)
    assert b"Italia" in backend.raw()
    store = backend.store(**key)
    with store.lock("apply") as state:
        state.put(TWO, APPLIED)
        with pytest.raises(StateError, match="no key is given"):
            backend.store().read()
        assert read(store).resources.keys() == {ONE, TWO}
    before = backend.raw()
    if backend.kind != "local":  # there the backup is the plain state of before
        assert b"Italia" not in before
    with pytest.raises(StateError, match="no key is given"):
        backend.store().read()
    assert put(backend.store(**key), THREE).resources.keys() == {ONE, TWO, THREE}
