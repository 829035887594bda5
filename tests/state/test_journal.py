"""What entries make of a state, and how a run records them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from reconcile.errors import StateError
from reconcile.model.account import Account
from reconcile.model.address import Address
from reconcile.model.attributes import Value, references
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied, Former
from reconcile.state import journal
from reconcile.state.journal import Accounts, Draft, Entry, Intend, Move, Put, Recording, Remove, Settle, replay
from reconcile.state.state import Intent, State

LIST = Address("squalomail", "list", "italia")
OTHER = Address("squalomail", "list", "france")
SPRING = Address("squalomail", "campaign", "spring")
EMPTY = State("birth", 3)


def test_put_replaces_what_was_applied_and_settles_the_intent() -> None:
    state = replay(
        EMPTY, [Put(LIST, Applied("1", {})), Intend(Intent(LIST, "create-list")), Put(LIST, Applied("2", {}))]
    )
    assert state == State("birth", 3, resources={LIST: Applied("2", {})})


def test_an_intent_stands_until_its_outcome_is_recorded() -> None:
    intent = Intent(LIST, "create-list", ("Italia",), before=("7",))
    state = replay(EMPTY, [Intend(intent), Put(OTHER, Applied("1", {}))])
    assert state.intents == {LIST: intent}
    assert replay(state, [Settle(LIST)]).intents == {}
    assert replay(state, [Remove(LIST)]).intents == {}
    assert replay(state, [Put(LIST, Applied("8", {}))]).intents == {}


def test_settling_leaves_what_was_applied() -> None:
    state = replay(EMPTY, [Put(LIST, Applied("1", {})), Intend(Intent(LIST, "update-list")), Settle(LIST)])
    assert state == State("birth", 3, resources={LIST: Applied("1", {})})


def test_removing_and_settling_what_is_not_there_changes_nothing() -> None:
    assert replay(EMPTY, [Remove(LIST), Settle(LIST)]) == EMPTY


def test_accounts_of_other_aliases_stay() -> None:
    first, second, third = (Account("squalomail", "host", number) for number in "123")
    state = replay(EMPTY, [Accounts({"a": first, "b": second}), Accounts({"b": third})])
    assert state.accounts == {"a": first, "b": third}


def test_a_move_takes_along_whoever_refers_to_the_object() -> None:
    nested = {"lists": (Reference(LIST), Reference(OTHER)), "deep": {"in": ({"list": Reference(LIST)},)}}
    moved = {"lists": (Reference(SPRING), Reference(OTHER)), "deep": {"in": ({"list": Reference(SPRING)},)}}
    summer = Address("squalomail", "campaign", "summer")
    state = replay(
        EMPTY,
        [
            Put(LIST, Applied("1", {"name": "Italia"})),
            Put(summer, Applied("2", nested, dependencies=(LIST, OTHER))),
            Intend(Intent(OTHER, "create", (Reference(LIST),), attributes=nested)),
            Move(LIST, SPRING),
        ],
    )
    assert state.resources == {
        SPRING: Applied("1", {"name": "Italia"}, former=(Former(LIST),)),
        summer: Applied("2", moved, dependencies=(SPRING, OTHER)),
    }
    assert state.intents == {OTHER: Intent(OTHER, "create", (Reference(SPRING),), attributes=moved)}


def test_a_chain_of_moves_is_followed_also_by_what_is_put_in_between() -> None:
    draft = Draft(replay(EMPTY, [Put(LIST, Applied("1", {})), Put(SPRING, Applied("2", {}, dependencies=(LIST,)))]))
    second, third = Address("a", "list", "second"), Address("a", "list", "third")
    draft.apply(Move(LIST, second))
    draft.apply(Put(OTHER, Applied("3", {"list": Reference(second)})))
    draft.apply(Move(SPRING, Address("a", "campaign", "spring")))
    draft.apply(Move(second, third))
    assert draft.state.resources == {
        third: Applied("1", {}, former=(Former(LIST), Former(second))),
        Address("a", "campaign", "spring"): Applied("2", {}, dependencies=(third,), former=(Former(SPRING),)),
        OTHER: Applied("3", {"list": Reference(third)}),
    }


def test_moving_everything_looks_at_each_resource_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Value] = []

    def counted(value: Value) -> Iterator[Address]:
        looks.append(value)
        return references(value)

    monkeypatch.setattr(journal, "references", counted)
    everything = [Address("a", "list", f"n{number}") for number in range(100)]
    draft = Draft(replay(EMPTY, [Put(address, Applied("1", {"list": Reference(LIST)})) for address in everything]))
    for address in everything:
        draft.apply(Move(address, Address("b", "list", address.name)))
    assert len(looks) <= 300


def test_a_move_takes_the_intent_along() -> None:
    state = replay(EMPTY, [Put(LIST, Applied("1", {})), Intend(Intent(LIST, "update-list")), Move(LIST, OTHER)])
    assert state.resources == {OTHER: Applied("1", {}, former=(Former(LIST),))}
    assert state.intents == {OTHER: Intent(OTHER, "update-list")}
    assert {address: found.number for address, found in state.generations.items()} == {LIST: 1, OTHER: 1}


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([], "squalomail.list.italia can't be moved to squalomail.list.france, since it is not in the state"),
        (
            [Put(LIST, Applied("1", {})), Put(OTHER, Applied("2", {}))],
            "squalomail.list.italia can't be moved to squalomail.list.france,"
            " since that address is in the state already",
        ),
        (
            [Put(LIST, Applied("1", {})), Intend(Intent(OTHER, "create-list"))],
            "squalomail.list.italia can't be moved to squalomail.list.france,"
            " since that address is in the state already",
        ),
    ],
)
def test_an_impossible_move_is_refused_and_changes_nothing(entries: list[Entry], problem: str) -> None:
    before = replay(EMPTY, entries)
    draft = Draft(before)
    with pytest.raises(ValueError, match=problem):
        draft.apply(Move(LIST, OTHER))
    assert draft.state == before

    kept: list[Entry] = []
    recording = Recording(before, kept.append)
    with pytest.raises(StateError) as caught:
        recording.move(LIST, OTHER)
    assert str(caught.value) == f"{problem}."
    assert not kept
    assert recording.state == before


def test_a_snapshot_never_changes() -> None:
    recording = Recording(EMPTY, lambda entry: None)
    recording.put(LIST, Applied("1", {}))
    snapshot = recording.state
    recording.put(OTHER, Applied("2", {}))
    recording.remove(LIST)
    assert snapshot.resources == {LIST: Applied("1", {})}
    assert recording.state.resources == {OTHER: Applied("2", {})}
    with pytest.raises(TypeError):
        snapshot.resources[OTHER] = Applied("3", {})  # type: ignore[index]


def test_the_state_can_be_walked_through_while_it_changes() -> None:
    recording = Recording(EMPTY, lambda entry: None)
    recording.put(LIST, Applied("1", {}))
    recording.put(OTHER, Applied("2", {}))
    for address in recording.state.resources:
        recording.put(Address("a", "list", address.name), Applied("3", {}))
    for address, applied in recording.state.resources.items():
        recording.remove(address)
        assert applied.id in ("1", "2", "3")
    assert recording.state.resources == {}


def test_a_look_at_the_state_copies_it_only_where_it_is_held_on_to() -> None:
    draft = Draft(EMPTY)
    rows = draft._resources.rows
    for number in range(5):
        draft.apply(Put(Address("a", "list", f"n{number}"), Applied("1", {})))
        assert len(draft.state.resources) == number + 1
    assert draft._resources.rows is rows
    held = draft.state.resources
    draft.apply(Put(LIST, Applied("1", {})))
    copied = draft._resources.rows
    draft.apply(Put(OTHER, Applied("1", {})))
    assert draft._resources.rows is copied
    assert copied is not rows
    assert (len(held), len(draft.state.resources)) == (5, 7)


def test_every_record_is_kept_before_it_shows_and_replays_to_the_same_state() -> None:
    kept: list[Entry] = []
    recording = Recording(EMPTY, kept.append)
    recording.account({"squalomail": Account("squalomail", "host", "1")})
    recording.intend(Intent(LIST, "create-list"))
    recording.put(LIST, Applied("1", {}))
    recording.intend(Intent(OTHER, "create-list"))
    recording.settle(OTHER)
    recording.put(SPRING, Applied("2", {}, dependencies=(LIST,)))
    recording.move(LIST, OTHER)
    recording.remove(SPRING)
    assert len(kept) == 8
    assert replay(EMPTY, kept) == recording.state
    assert recording.state.resources == {OTHER: Applied("1", {}, former=(Former(LIST),))}


def test_what_could_not_be_kept_is_not_in_the_state_and_may_be_recorded_again() -> None:
    full = [True]

    def keep(entry: Entry) -> None:
        if full:
            raise StateError("No space left on device.")

    recording = Recording(EMPTY, keep)
    with pytest.raises(StateError):
        recording.put(LIST, Applied("1", {}))
    assert recording.state == EMPTY
    assert not recording.interrupted
    full.clear()
    recording.put(LIST, Applied("1", {}))
    assert recording.state.resources == {LIST: Applied("1", {})}


def test_an_interruption_while_keeping_is_remembered() -> None:
    def keep(entry: Entry) -> None:
        raise KeyboardInterrupt

    recording = Recording(EMPTY, keep)
    with pytest.raises(KeyboardInterrupt):
        recording.put(LIST, Applied("1", {}))
    assert recording.interrupted


def test_nothing_can_be_recorded_after_the_end() -> None:
    kept: list[Entry] = []
    recording = Recording(EMPTY, kept.append)
    recording.put(LIST, Applied("1", {}))
    assert recording.close() == recording.state
    with pytest.raises(StateError, match="The lock on the state has been left"):
        recording.put(OTHER, Applied("1", {}))
    assert len(kept) == 1


def test_threads_never_keep_at_the_same_time() -> None:
    kept: list[Entry] = []
    busy: list[Entry] = []

    def keep(entry: Entry) -> None:
        busy.append(entry)
        assert len(busy) == 1
        kept.append(entry)
        busy.clear()

    recording = Recording(EMPTY, keep)

    def work(worker: int) -> None:
        for number in range(200):
            recording.put(Address("a", "list", f"n{worker}-{number}"), Applied(str(number), {}))
            assert len(recording.state.resources) <= len(kept) + 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(kept) == len(recording.state.resources) == 1600
    assert replay(EMPTY, kept) == recording.state
