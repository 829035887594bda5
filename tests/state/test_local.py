"""The state on the local disk: what is written when, what is refused, and what survives a failure."""

import errno
import itertools
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from reconcile.errors import Interrupted, LockHeld, Refused, StateError
from reconcile.model.address import Address
from reconcile.model.resource import Applied, Former
from reconcile.state.local import LocalStore
from reconcile.state.state import Intent, State
from reconcile.state.store import LockedState

ONE, TWO, THREE, FOUR = (Address("squalomail", "list", name) for name in ("one", "two", "three", "four"))
APPLIED = Applied("5", {"name": "Italia"})
REBUILD = "Bind the manifests to the live objects anew with `reconcile state rebuild`; it shows the bindings and asks."


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".reconcile" / "default" / "state.json"


@pytest.fixture
def store(path: Path) -> LocalStore:
    return LocalStore(path, clock=lambda: 1764547200.0, who="anna")


def put(store: LocalStore, *addresses: Address) -> None:
    with store.lock("apply") as state:
        for address in addresses:
            state.put(address, APPLIED)


def run(store: LocalStore, *addresses: Address, then: Callable[[pytest.MonkeyPatch], None]) -> None:
    """A run that records these; what ``then`` patches holds until the run has ended."""
    with pytest.MonkeyPatch.context() as patch, store.lock("apply") as state:
        for address in addresses:
            state.put(address, APPLIED)
        then(patch)


def failing(error: BaseException) -> Callable[[pytest.MonkeyPatch], None]:
    def fail(patch: pytest.MonkeyPatch) -> None:
        raise error

    return fail


def addresses(store: LocalStore) -> set[Address]:
    state = store.read()
    assert state is not None
    return set(state.resources)


def files(path: Path) -> set[str]:
    return {found.name for found in path.parent.iterdir()}


def beside(path: Path, extension: str) -> Path:
    return path.with_name(f"{path.name}.{extension}")


def die(path: Path, *records: Address) -> bytes:
    """Leave the journal of a run that was killed after these records; its bytes."""
    journal, backup, store = beside(path, "journal"), beside(path, "backup"), LocalStore(path)
    saved, former = (file.read_bytes() if file.exists() else None for file in (path, backup))
    with store.lock("apply") as state:
        for address in records:
            state.put(address, APPLIED)
        left = journal.read_bytes()
    for file, data in ((path, saved), (backup, former), (journal, left)):
        if data is None:
            file.unlink(missing_ok=True)
        else:
            file.write_bytes(data)
    return left


# What is written when.


def test_there_is_no_state_before_the_first_write(store: LocalStore, path: Path) -> None:
    assert store.read() is None
    with store.lock("apply") as state:
        assert state.state.resources == {}
        assert store.read() is None
    assert store.read() is None
    assert files(path) == {"state.json.lock"}


def test_what_was_recorded_is_there_afterwards(store: LocalStore, path: Path) -> None:
    put(store, ONE)
    first = store.read()
    put(store, TWO)
    second = store.read()
    assert first is not None
    assert second is not None
    assert first == State(first.lineage, 1, resources={ONE: APPLIED})
    assert second == State(first.lineage, 2, resources={ONE: APPLIED, TWO: APPLIED})
    assert files(path) == {"state.json", "state.json.backup", "state.json.lock"}


def test_each_new_state_has_a_lineage_of_its_own(tmp_path: Path) -> None:
    lineages = set()
    for name in "ab":
        store = LocalStore(tmp_path / name / "state.json")
        put(store, ONE)
        state = store.read()
        assert state is not None
        lineages.add(state.lineage)
    assert len(lineages) == 2


def test_the_backup_is_the_state_file_before(store: LocalStore, path: Path) -> None:
    put(store, ONE)
    assert not beside(path, "backup").exists()
    former = path.read_bytes()
    put(store, TWO)
    assert beside(path, "backup").read_bytes() == former


def test_a_run_that_records_nothing_writes_nothing(store: LocalStore, path: Path) -> None:
    put(store, ONE)
    before = {name: (path.parent / name).stat() for name in files(path)}
    put(store)
    after = {name: (path.parent / name).stat() for name in files(path)}
    assert before.keys() == after.keys() == {"state.json", "state.json.lock"}
    assert before["state.json"].st_mtime_ns == after["state.json"].st_mtime_ns
    assert before["state.json"].st_ino == after["state.json"].st_ino


def test_others_read_each_record_at_once(store: LocalStore, path: Path) -> None:
    other = LocalStore(path)
    with store.lock("apply") as state:
        for done, address in enumerate((ONE, TWO, THREE), 1):
            state.put(address, APPLIED)
            assert len(addresses(other)) == done
        state.remove(TWO)
        assert addresses(other) == {ONE, THREE}
        assert other.read() == state.state


def test_a_record_costs_one_line_however_large_the_state_is(store: LocalStore, path: Path) -> None:
    put(store, *(Address("squalomail", "list", f"n{number}") for number in range(300)))
    saved = path.stat()
    journal = beside(path, "journal")
    sizes = [0]
    with store.lock("apply") as state:
        for _ in range(20):
            state.put(ONE, APPLIED)
            sizes.append(journal.stat().st_size)
        assert path.stat().st_mtime_ns == saved.st_mtime_ns
        assert journal.read_bytes().count(b"\n") == 21
    growth = {after - before for before, after in itertools.pairwise(sizes[1:])}
    assert len(growth) == 1
    assert growth.pop() < 200


def test_a_record_is_on_disk_when_it_returns(store: LocalStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: dict[tuple[int, int], int] = {}

    def fsync(descriptor: int) -> None:
        found = os.fstat(descriptor)
        synced[found.st_dev, found.st_ino] = found.st_size

    def on_disk(file: Path) -> bool:
        found = file.stat()
        return synced.get((found.st_dev, found.st_ino)) == found.st_size

    with store.lock("apply") as state:
        monkeypatch.setattr(os, "fsync", fsync)
        state.put(ONE, APPLIED)
        assert on_disk(beside(path, "journal"))
        assert on_disk(path.parent)
        state.put(TWO, APPLIED)
        assert on_disk(beside(path, "journal"))
        synced.clear()
    assert on_disk(path)
    assert path.parent.stat().st_ino in {inode for _, inode in synced}


def test_the_files_are_their_owners_alone(store: LocalStore, path: Path) -> None:
    put(store, ONE)
    with store.lock("apply") as state:
        state.put(TWO, APPLIED)
        modes = {name: stat.S_IMODE((path.parent / name).stat().st_mode) for name in files(path)}
    assert modes.keys() == {"state.json", "state.json.journal", "state.json.lock", "state.json.lock.info"}
    modes["state.json.backup"] = stat.S_IMODE(beside(path, "backup").stat().st_mode)
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


def test_threads_record_side_by_side(store: LocalStore, path: Path) -> None:
    with store.lock("apply") as state:

        def work(worker: int) -> None:
            for number in range(200):
                state.put(Address("squalomail", "list", f"n{worker}-{number}"), APPLIED)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        assert beside(path, "journal").read_bytes().count(b"\n") == 1601
        assert addresses(LocalStore(path)) == set(state.state.resources)
    assert len(addresses(store)) == 1600


def test_nothing_can_be_recorded_once_the_lock_is_left(store: LocalStore) -> None:
    with store.lock("apply") as state:
        state.put(ONE, APPLIED)
    with pytest.raises(StateError, match="The lock on the state has been left"):
        state.put(TWO, APPLIED)
    assert addresses(store) == {ONE}


# Runs that were cut short.


@pytest.mark.parametrize("first_run", [True, False])
def test_a_killed_run_loses_nothing(store: LocalStore, path: Path, first_run: bool) -> None:
    if not first_run:
        put(store, ONE, TWO)
    left = die(path, THREE, FOUR)
    expected = {THREE, FOUR} if first_run else {ONE, TWO, THREE, FOUR}
    assert addresses(store) == expected
    assert beside(path, "journal").read_bytes() == left  # reading clears nothing away

    with store.lock("apply") as state:
        assert set(state.state.resources) == expected
        assert not beside(path, "journal").exists()
        assert orjson.loads(path.read_bytes())["serial"] == state.state.serial == (1 if first_run else 2)
    assert addresses(store) == expected
    assert files(path) == {"state.json", "state.json.lock"} | (set() if first_run else {"state.json.backup"})


def test_the_next_run_goes_on_where_a_killed_one_ended(store: LocalStore, path: Path) -> None:
    put(store, ONE)
    die(path, TWO)
    put(store, THREE)
    state = store.read()
    assert state is not None
    assert (state.serial, set(state.resources)) == (3, {ONE, TWO, THREE})


@pytest.mark.parametrize("first_run", [True, False])
def test_a_journal_torn_at_any_byte_has_all_that_was_acknowledged(
    store: LocalStore, path: Path, first_run: bool
) -> None:
    before = [] if first_run else [ONE]
    if before:
        put(store, *before)
    left = die(path, TWO, THREE, FOUR)
    for length in range(len(left) + 1):
        beside(path, "journal").write_bytes(left[:length])
        acknowledged = {*before, *[TWO, THREE, FOUR][: max(0, left[:length].count(b"\n") - 1)]}
        state = store.read()
        if state is None:
            assert first_run
            assert b"\n" not in left[:length]
        else:
            assert set(state.resources) == acknowledged


@pytest.mark.parametrize("cut", [0, 20, -1])
def test_the_next_run_clears_a_torn_line_away(store: LocalStore, path: Path, cut: int) -> None:
    put(store, ONE)
    left = die(path, TWO, THREE)
    beside(path, "journal").write_bytes(left[:cut])
    put(store, FOUR)
    assert addresses(store) == ({ONE, FOUR} if cut >= 0 else {ONE, TWO, FOUR})
    assert not beside(path, "journal").exists()


def test_a_journal_that_is_folded_in_already_is_ignored_and_cleared_away(store: LocalStore, path: Path) -> None:
    put(store, ONE)
    left = die(path, TWO)
    with store.lock("apply") as state:
        state.remove(TWO)
    beside(path, "journal").write_bytes(left)
    assert addresses(store) == {ONE}
    put(store)
    assert addresses(store) == {ONE}
    assert not beside(path, "journal").exists()


def test_a_folded_in_journal_may_even_be_damaged(store: LocalStore, path: Path) -> None:
    put(store, ONE)
    left = die(path, TWO, THREE)
    put(store)
    beside(path, "journal").write_bytes(left.replace(b'"put"', b'"put', 1))
    assert addresses(store) == {ONE, TWO, THREE}


def test_left_over_temporary_files_are_swept(store: LocalStore, path: Path) -> None:
    put(store, ONE)
    for name in ("state.json.tmp-abc", "state.json.backup.tmp-abc", "state.json.lock.info.tmp-abc", "mine.tmp-abc"):
        (path.parent / name).write_bytes(b"half")
    put(store)
    assert files(path) == {"state.json", "state.json.lock", "mine.tmp-abc"}


class Kill(BaseException):
    """What a test raises where the process would die."""


def killing(function: Callable[..., Any], when: int, *, before: bool) -> Callable[..., Any]:
    """The function, but the ``when``-th call dies before or after it has happened; so do all after it."""
    calls = [0]

    def call(*arguments: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] > when or (calls[0] == when and before):
            raise Kill
        result = function(*arguments, **named)
        if calls[0] == when:
            raise Kill
        return result

    return call


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    ("function", "when"), [("replace", 1), ("replace", 2), ("unlink", 1), ("fsync", 1), ("fsync", 3)]
)
@pytest.mark.parametrize("first_run", [True, False])
def test_a_death_between_any_two_steps_of_folding_loses_nothing(
    store: LocalStore, path: Path, first_run: bool, function: str, when: int, before: bool
) -> None:
    if not first_run:
        put(store, ONE, TWO)
    died = False
    with pytest.MonkeyPatch.context() as patch:
        try:
            with store.lock("apply") as state:
                state.put(THREE, APPLIED)
                state.put(FOUR, APPLIED)
                if not first_run:
                    state.remove(TWO)
                lineage = state.state.lineage
                patch.setattr(os, function, killing(getattr(os, function), when, before=before))
        except Kill:
            died = True
    assert died or (first_run and (function, when) in {("replace", 2), ("fsync", 3)})
    expected = {THREE, FOUR} | (set() if first_run else {ONE})
    assert addresses(store) == expected
    put(store)
    state_after = store.read()
    assert state_after is not None
    assert set(state_after.resources) == expected
    assert state_after.lineage == lineage
    assert state_after.serial == (1 if first_run else 2)
    assert not beside(path, "journal").exists()


def test_an_interrupted_record_leaves_the_journal_for_the_next_start(
    store: LocalStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, ONE)

    def interrupt(state: LockedState) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", killing(os.fsync, 1, before=False))
            state.put(THREE, APPLIED)

    def record() -> None:
        with store.lock("apply") as state:
            state.put(TWO, APPLIED)
            interrupt(state)

    with pytest.raises(Kill):
        record()
    assert beside(path, "journal").exists()
    assert addresses(store) >= {ONE, TWO}
    put(store, FOUR)
    assert addresses(store) >= {ONE, TWO, FOUR}


# Failures of the disk.


def full(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_record_that_does_not_fit_is_not_there_and_can_be_tried_again(store: LocalStore, path: Path) -> None:
    put(store, ONE)
    real = os.pwrite

    def half(descriptor: int, data: bytes, offset: int) -> int:
        if len(data) > 5:
            return real(descriptor, data[:5], offset)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with store.lock("apply") as state:
        for address in (TWO, THREE):
            before = beside(path, "journal").read_bytes() if beside(path, "journal").exists() else None
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(os, "pwrite", half)
                with pytest.raises(StateError) as caught:
                    state.put(address, APPLIED)
            assert str(caught.value) == f"{path}.journal can't be written: No space left on device."
            assert caught.value.exit_code == 1
            assert address not in state.state.resources
            assert before == (beside(path, "journal").read_bytes() if beside(path, "journal").exists() else None)
            state.put(address, APPLIED)
    assert addresses(store) == {ONE, TWO, THREE}


def test_a_journal_whose_name_is_not_safe_is_begun_again(store: LocalStore, path: Path) -> None:
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            full()
        real(descriptor)

    with store.lock("apply") as state:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            with pytest.raises(StateError):
                state.put(ONE, APPLIED)
        assert not beside(path, "journal").exists()
        state.put(TWO, APPLIED)
        assert addresses(LocalStore(path)) == {TWO}
    assert addresses(store) == {TWO}


def test_a_torn_line_that_can_not_be_cut_off_is_written_over(store: LocalStore, path: Path) -> None:
    with store.lock("apply") as state:
        state.put(ONE, APPLIED)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", full)
            patch.setattr(os, "ftruncate", full)
            with pytest.raises(StateError):
                state.put(TWO, Applied("5", {"name": "x" * 500}))
        state.put(THREE, APPLIED)
        assert addresses(LocalStore(path)) == {ONE, THREE}
        state.put(FOUR, APPLIED)
        assert addresses(LocalStore(path)) == {ONE, THREE, FOUR}


def test_a_state_file_that_can_not_be_replaced_leaves_all_in_the_journal(
    store: LocalStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, ONE)
    with pytest.raises(StateError) as caught:
        run(store, TWO, then=lambda patch: patch.setattr(os, "replace", full))
    assert str(caught.value) == (
        f"{path} can't be written: No space left on device. Nothing is lost: what was done is kept in {path}.journal."
    )
    assert caught.value.exit_code == 1
    assert addresses(store) == {ONE, TWO}
    assert not [name for name in files(path) if ".tmp-" in name]
    put(store, THREE)
    assert addresses(store) == {ONE, TWO, THREE}


def test_a_run_that_fails_keeps_what_it_did(store: LocalStore, path: Path) -> None:
    for number, error in enumerate((Refused("no"), Interrupted("stop"), KeyboardInterrupt(), ZeroDivisionError()), 1):
        with pytest.raises(type(error)) as caught:
            run(store, Address("squalomail", "list", f"n{number}"), then=failing(error))
        assert caught.value is error
        assert len(addresses(store)) == number
        assert not beside(path, "journal").exists()


def test_a_run_that_fails_and_can_not_be_folded_ends_with_its_own_error(store: LocalStore) -> None:
    def fill_the_disk_and(error: BaseException) -> Callable[[pytest.MonkeyPatch], None]:
        def then(patch: pytest.MonkeyPatch) -> None:
            patch.setattr(os, "replace", full)
            raise error

        return then

    with pytest.raises(Refused) as caught:
        run(store, ONE, then=fill_the_disk_and(Refused("no")))
    assert caught.value.exit_code == 3
    own, folding = caught.value.diagnostics
    assert own.detail == "no"
    assert "Nothing is lost" in folding.detail
    with pytest.raises(ZeroDivisionError) as other:
        run(store, TWO, then=fill_the_disk_and(ZeroDivisionError()))
    assert "Nothing is lost" in other.value.__notes__[0]
    assert addresses(store) == {ONE, TWO}


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("mkdir", "{folder} can't be created: No space left on device."),
        ("open", "{folder}/state.json.lock can't be locked: No space left on device."),
    ],
)
def test_a_folder_that_can_not_be_written_is_an_error_of_ours(
    store: LocalStore, path: Path, monkeypatch: pytest.MonkeyPatch, function: str, message: str
) -> None:
    if function == "open":
        path.parent.mkdir(parents=True)
    monkeypatch.setattr(os, function, full)
    with pytest.raises(StateError) as caught:
        put(store, ONE)
    assert str(caught.value) == message.format(folder=path.parent)
    assert caught.value.diagnostics[0].hint is not None


def test_a_folder_that_can_not_be_entered_is_an_error_of_ours(
    store: LocalStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: Any, **__: Any) -> Any:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "is_symlink", denied)
    with pytest.raises(StateError) as caught:
        store.read()
    assert str(caught.value) == f"{path} can't be read: Permission denied."


def test_a_state_that_is_a_folder_can_not_be_read(store: LocalStore, path: Path) -> None:
    path.mkdir(parents=True)
    for use in (store.read, lambda: put(store, ONE)):
        with pytest.raises(StateError) as caught:
            use()
        assert str(caught.value) == f"{path} can't be read: Is a directory."


# Files that don't belong together.


def refusals(store: LocalStore) -> StateError:
    """What both reading and locking refuse with."""
    with pytest.raises(StateError) as reading:
        store.read()
    with pytest.raises(StateError) as locking:
        put(store, FOUR)
    assert str(reading.value) == str(locking.value)
    assert reading.value.exit_code == 1
    return reading.value


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"version": 9}'])
def test_a_damaged_state_is_refused_and_left_as_it_is(store: LocalStore, path: Path, data: bytes) -> None:
    put(store, ONE)
    path.write_bytes(data)
    assert str(path) in str(refusals(store))
    assert path.read_bytes() == data


def test_the_way_out_of_a_damaged_state_is_its_backup_or_a_rebuild(store: LocalStore, path: Path) -> None:
    put(store, ONE)
    path.write_bytes(b"")
    assert refusals(store).diagnostics[0].hint == REBUILD
    path.unlink()
    put(store, ONE)
    put(store, TWO)
    path.write_bytes(b"")
    hint = refusals(store).diagnostics[0].hint
    assert hint == (
        "Go back to the state before the last run, which does not know what that run did, with"
        f" `cp {path}.backup {path}`. Or: {REBUILD}"
    )
    path.write_bytes(beside(path, "backup").read_bytes())
    assert addresses(store) == {ONE}


def test_a_state_that_is_gone_while_its_backup_is_there_is_no_new_project(store: LocalStore, path: Path) -> None:
    put(store, ONE)
    put(store, TWO)
    path.unlink()
    error = refusals(store)
    assert str(error) == f"{path} is missing, but there is {path}.backup: this is no new project."
    assert f"cp {path}.backup {path}" in str(error.diagnostics[0].hint)


def test_a_state_that_is_gone_while_its_journal_is_there_is_no_new_project(store: LocalStore, path: Path) -> None:
    put(store, ONE)
    die(path, TWO)
    path.unlink()
    error = refusals(store)
    assert str(error) == f"{path} is missing, but there is {path}.journal: this is no new project."
    assert error.diagnostics[0].hint == REBUILD


def test_a_first_journal_beside_a_backup_does_not_begin_a_project(store: LocalStore, path: Path) -> None:
    die(path, ONE)
    beside(path, "backup").write_bytes(b"{}")
    assert "this is no new project" in str(refusals(store))


def test_a_journal_of_another_lineage_is_refused(store: LocalStore, path: Path, tmp_path: Path) -> None:
    put(store, ONE)
    other = LocalStore(tmp_path / "other" / "state.json")
    put(other, ONE)
    beside(path, "journal").write_bytes(die(tmp_path / "other" / "state.json", TWO))
    state = orjson.loads(path.read_bytes())
    error = refusals(store)
    assert str(error).startswith(f"{path}.journal belongs to another state than {path}: it has the lineage ")
    assert str(error).endswith(f", and the state {state['lineage']}.")
    assert "move the journal out of the folder" in str(error.diagnostics[0].hint)
    assert beside(path, "journal").exists()


def test_a_journal_that_goes_on_from_a_newer_state_is_refused(store: LocalStore, path: Path) -> None:
    put(store, ONE)
    older = path.read_bytes()
    put(store, TWO)
    die(path, THREE)
    path.write_bytes(older)
    error = refusals(store)
    assert str(error) == (
        f"{path} is older than its journal: it has the serial 1, and {path}.journal goes on from serial 2."
    )
    assert "Put back the state file with serial 2." in str(error.diagnostics[0].hint)
    assert beside(path, "journal").exists()


def test_a_damaged_line_in_the_middle_is_refused_with_its_number(store: LocalStore, path: Path) -> None:
    put(store, ONE)
    left = die(path, TWO, THREE)
    lines = left.split(b"\n")
    beside(path, "journal").write_bytes(b"\n".join([lines[0], lines[1][:-9], *lines[2:]]))
    error = refusals(store)
    assert str(error).startswith(f"{path}.journal is damaged in line 2: ")
    assert "`reconcile state rebuild`" in str(error.diagnostics[0].hint)


def test_a_journal_with_an_impossible_entry_is_refused(store: LocalStore, path: Path) -> None:
    put(store, ONE)
    left = die(path, TWO)
    move = orjson.dumps({"op": "move", "source": str(THREE), "target": str(FOUR)}) + b"\n"
    beside(path, "journal").write_bytes(left + move)
    assert str(refusals(store)) == (
        f"{path}.journal does not fit {path}: {THREE} can't be moved to {FOUR}, since it is not in the state."
    )


@pytest.mark.parametrize("dangling", [True, False])
def test_a_symbolic_link_is_refused(store: LocalStore, path: Path, tmp_path: Path, dangling: bool) -> None:
    put(store, ONE)
    target = path.rename(tmp_path / "elsewhere.json")
    if dangling:
        target.unlink()
    path.symlink_to(target)
    assert str(refusals(store)) == f"{path} is a symbolic link, and the first write would put a file in its place."


# Someone else writes in spite of the lock.


def put_back(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def overtake(path: Path) -> None:
    """As if the lock file had been deleted, and another run had gone through."""
    beside(path, "lock").unlink()
    put(LocalStore(path), FOUR)


def test_a_holder_whose_lock_is_gone_can_not_write(store: LocalStore, path: Path) -> None:
    put(store, ONE)
    with store.lock("apply") as state:
        overtake(path)
        with pytest.raises(StateError) as caught:
            state.put(TWO, APPLIED)
        assert f"{path} was changed by something else while this run had the lock" in str(caught.value)
        assert not beside(path, "journal").exists()
    assert addresses(store) == {ONE, FOUR}


def test_a_journal_that_was_deleted_takes_no_more_records_and_loses_none(store: LocalStore, path: Path) -> None:
    with store.lock("apply") as state:
        state.put(ONE, APPLIED)
        beside(path, "journal").unlink()
        with pytest.raises(StateError, match="was changed by something else"):
            state.put(TWO, APPLIED)
    assert addresses(store) == {ONE}


def test_what_it_wrote_before_is_taken_up_by_the_other(store: LocalStore, path: Path) -> None:
    put(store, ONE)
    with pytest.raises(StateError) as caught:
        run(store, TWO, then=lambda _: overtake(path))
    assert f"{path} was changed by something else" in str(caught.value)
    assert addresses(store) == {ONE, TWO, FOUR}


def test_a_state_file_that_was_exchanged_during_a_run_does_not_swallow_its_record(
    store: LocalStore, path: Path
) -> None:
    put(store, ONE)
    document = orjson.loads(path.read_bytes())
    del document["checksum"]
    exchanged = orjson.dumps(document | {"serial": 8})
    with pytest.raises(StateError) as caught:
        run(store, TWO, then=lambda _: put_back(path, exchanged))
    (record,) = [found for found in path.parent.iterdir() if found.name.startswith("state.json.journal")]
    assert str(record) in str(caught.value)
    assert str(TWO).encode() in record.read_bytes()
    put(store, THREE)
    assert addresses(store) == {ONE, THREE}
    assert record.exists()


# Starting over.


@pytest.mark.parametrize("damage", [b"", b"{", b'{"version": 9}'])
def test_setting_aside_makes_room_for_a_new_state(store: LocalStore, path: Path, damage: bytes) -> None:
    put(store, ONE)
    put(store, TWO)
    die(path, THREE)
    path.write_bytes(damage)
    moved = store.set_aside("state rebuild")
    assert sorted(file.name.split(".set-aside-20251201T000000Z-")[0] for file in moved) == [
        "state.json",
        "state.json.backup",
        "state.json.journal",
    ]
    assert all(file.exists() for file in moved)
    assert store.read() is None
    put(store, FOUR)
    assert addresses(store) == {FOUR}
    assert all(file.exists() for file in moved)


def test_setting_aside_takes_the_lock(store: LocalStore, path: Path) -> None:
    with store.lock("apply"), pytest.raises(LockHeld):
        LocalStore(path).set_aside("state rebuild")


def test_setting_aside_nothing_is_nothing(store: LocalStore) -> None:
    assert store.set_aside("state rebuild") == ()


def test_intents_and_moves_survive_as_well(store: LocalStore) -> None:
    def record(state: LockedState) -> None:
        state.put(ONE, APPLIED)
        state.intend(Intent(TWO, "create-list", ("Due",), started=5.0))
        state.intend(Intent(THREE, "create-list"))
        state.settle(THREE)
        state.move(ONE, FOUR)

    with store.lock("apply") as state:
        record(state)
        during = store.read()
    after = store.read()
    assert during is not None
    assert after is not None
    assert during.resources == after.resources == {FOUR: replace(APPLIED, former=(Former(ONE),))}
    assert during.intents == after.intents == {TWO: Intent(TWO, "create-list", ("Due",), started=5.0)}
