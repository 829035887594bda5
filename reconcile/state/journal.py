"""What a run records in the state, entry by entry, and what the entries make of it.

Nothing here knows where entries are kept: every store replays and records with these, and adds its own way of making
an entry durable.
"""

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Generic, TypeAlias, TypeVar

from reconcile.errors import ReconcileError, StateError
from reconcile.model.account import Account
from reconcile.model.address import Address
from reconcile.model.attributes import Value, references
from reconcile.model.generation import Begun, Generation
from reconcile.model.memory import Memory
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied, Former, PullRecord
from reconcile.state.state import LONGEST_HISTORY, Intent, State
from reconcile.state.store import LockedState

_LONGEST_FORMER = 20  # addresses remembered of one object

_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True)
class Put:
    """What was applied to an address; its intent, if any, is settled by it; ``done``: its step ends with this."""

    address: Address
    applied: Applied
    done: bool = False


@dataclass(frozen=True, slots=True)
class Remove:
    """An address is forgotten, and its intent."""

    address: Address


@dataclass(frozen=True, slots=True)
class Move:
    """An object has another address, by this commit; whoever refers to it follows."""

    source: Address
    target: Address
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Intend:
    """A write that must not happen twice is about to be made."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class Settle:
    """The write that was intended did not happen."""

    address: Address


@dataclass(frozen=True, slots=True)
class Begin:
    """A step is about to make its first write."""

    address: Address
    begun: Begun


@dataclass(frozen=True, slots=True)
class Remember:
    """What an audience remembers of people is this now."""

    address: Address
    memory: Memory


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts behind these aliases; what is known of other aliases stays."""

    accounts: Mapping[str, Account]


@dataclass(frozen=True, slots=True)
class Stand:
    """A run of this git commit is about to apply these addresses; ``whole``: it plans all there is."""

    commit: str
    addresses: tuple[Address, ...] = ()
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """A line of the history."""

    line: str


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that an apply was made under, in place of those before."""

    rules: Mapping[str, Value]


Entry: TypeAlias = Put | Remove | Move | Intend | Settle | Begin | Remember | Accounts | Stand | Note | Rules


def replay(state: State, entries: Iterable[Entry]) -> State:
    """The state after these entries; its serial is still that of the state they began from.

    Raises:
        ValueError: an entry is impossible, such as the move of an address that is not there.
    """
    draft = Draft(state)
    for entry in entries:
        draft.apply(entry)
    return draft.state


Renamed = Mapping[str, tuple[str, ...]]
"""Aliases of accounts, each with those that it had before."""


def entries_of(state: State, renamed: Renamed) -> list[Accounts | Move]:
    """What has to be recorded so that the entries of former aliases are those of the present ones."""
    found: list[Accounts | Move] = []
    for alias, formers in renamed.items():
        for former in formers:
            known = sorted(address for address in {*state.resources, *state.intents} if address.provider == former)
            if known and former in state.accounts and alias not in state.accounts:
                found.append(Accounts({alias: state.accounts[former]}))
            found += [Move(address, replace(address, provider=alias)) for address in known]
    return found


def followed(state: State, renamed: Renamed) -> State:
    """The state by the aliases that its accounts have now.

    Raises:
        StateError: an entry of a former alias is one of the present alias, too.
    """
    entries = entries_of(state, renamed)
    if not entries:
        return state
    draft = Draft(state)
    _follow(draft, entries)
    return draft.state


def _follow(draft: "Draft", entries: Iterable[Accounts | Move]) -> None:
    following: dict[Address, Address] = {}
    for entry in entries:
        if obstacle := draft.obstacle(entry):
            raise StateError(
                f"{obstacle}.",
                hint="The state has entries of both aliases. Take `was` out, give one of the two another name with "
                "`reconcile state mv`, and put it in again.",
            )
        draft.apply(entry)
        if isinstance(entry, Move):
            following[entry.target] = entry.source
    draft.following = following


class Draft:
    """A state in the making. Neither an entry nor a look at the state costs more the more resources there are."""

    def __init__(self, state: State) -> None:
        self._base = state
        self._changed = False
        self._accounts = _Table(state.accounts)
        self._resources = _Table(state.resources)
        self._intents = _Table(state.intents)
        self._generations = _Table(state.generations)
        self._history = state.history
        self._commit = state.commit
        self._rules = state.rules
        self.following = state.following
        self._memories = _Table(state.memories)
        # Built at the first move: for each address, who refers to it. It may also name some that no longer do.
        self._users: dict[Address, set[Address]] | None = None

    @property
    def state(self) -> State:
        """The state as it is now, or the one it began with if that is the same; later entries don't change it."""
        if not self._changed:
            return self._base
        return replace(
            self._base,
            accounts=self._accounts.snapshot(),
            resources=self._resources.snapshot(),
            intents=self._intents.snapshot(),
            generations=self._generations.snapshot(),
            history=self._history,
            commit=self._commit,
            rules=self._rules,
            memories=self._memories.snapshot(),
            following=self.following,
        )

    def resource(self, address: Address) -> Applied | None:
        """What is applied to an address."""
        return self._resources.rows.get(address)

    def is_intended(self, address: Address) -> bool:
        """Whether an address has an open intent."""
        return address in self._intents.rows

    def is_begun(self, address: Address) -> bool:
        """Whether a step of an address was begun and not ended."""
        generation = self._generations.rows.get(address)
        return generation is not None and generation.begun is not None

    def obstacle(self, entry: Entry) -> str | None:
        """Why an entry is impossible here; None if it is possible."""
        if not isinstance(entry, Move):
            return None
        source, target = entry.source, entry.target
        resources, intents = self._resources.rows, self._intents.rows
        if source not in resources and source not in intents:
            return f"{source} can't be moved to {target}, since it is not in the state"
        if target in resources or target in intents:
            return f"{source} can't be moved to {target}, since that address is in the state already"
        return None

    def apply(self, entry: Entry) -> None:
        """Carry the entry out.

        Raises:
            ValueError: it is impossible; nothing has changed.
        """
        if obstacle := self.obstacle(entry):
            raise ValueError(obstacle)
        self._changed = True
        match entry:
            case Put(address, applied, done):
                self._put(address, applied)
                self._intents.change().pop(address, None)
                if done:
                    self._end(address)
            case Remove(address) if address not in self._resources.rows and address not in self._generations.rows:
                self._intents.change().pop(address, None)
            case Remove(address):
                self._resources.change().pop(address, None)
                self._intents.change().pop(address, None)
                self._end(address)
            case Move(source, target, commit):
                self._move(source, target, commit)
            case Intend(intent):
                self._intents.change()[intent.address] = intent
            case Settle(address):
                self._intents.change().pop(address, None)
            case Note(line):
                self._history = (*self._history, line)[-LONGEST_HISTORY:]
            case Begin(address, begun):
                generation = self._generations.rows.get(address, Generation())
                self._generations.change()[address] = replace(generation, begun=begun)
            case Remember(address, memory):
                self._memories.change()[address] = memory
            case Accounts(accounts):
                self._accounts.change().update(accounts)
            case Stand(commit, addresses, whole):
                generations = self._generations.change()
                for address in addresses:
                    generations[address] = replace(generations.get(address, Generation()), commit=commit)
                self._commit = commit if whole else self._commit
            case Rules(rules):
                self._rules = rules

    def _end(self, address: Address) -> None:
        generation = self._generations.rows.get(address, Generation())
        self._generations.change()[address] = generation.ended()

    def _put(self, address: Address, applied: Applied) -> None:
        self._resources.change()[address] = applied
        if self._users is not None:
            _note_users(self._users, address, applied)

    def _move(self, source: Address, target: Address, commit: str) -> None:
        resources, intents = self._resources.change(), self._intents.change()
        if self._users is None:
            self._users = {}
            for address, applied in resources.items():
                _note_users(self._users, address, applied)
        if source in resources:
            kept = resources.pop(source)
            earlier = [former for former in kept.former if former.address not in (source, target)]
            self._put(target, replace(kept, former=(*earlier, Former(source, commit))[-_LONGEST_FORMER:]))
        for user in self._users.pop(source, set()) & resources.keys():
            self._put(user, _applied_with(resources[user], source, target))
        if source in intents:
            intents[target] = replace(intents.pop(source), address=target)
        for address, intent in intents.items():
            intents[address] = _intent_with(intent, source, target)
        memories = self._memories.change()
        if source in memories:
            memories[target] = memories.pop(source)
        # What was begun at the former address goes on at the new one; neither may serve an approval of before.
        generations = self._generations.change()
        there, here = (generations.get(address, Generation()) for address in (source, target))
        generations[target] = replace(there, number=max(there.number, here.number) + 1)
        generations[source] = replace(there.ended(), begun=None, lost=0.0)


class _Snapshot(Mapping[_K, _V]):
    """A table's rows at one moment."""

    __slots__ = ("__weakref__", "_rows")

    def __init__(self, rows: Mapping[_K, _V]) -> None:
        self._rows = rows

    def __getitem__(self, key: _K) -> _V:
        return self._rows[key]

    def __iter__(self) -> Iterator[_K]:
        yield from self._rows  # unlike the rows' own iterator, this one keeps the snapshot, and so the rows as they are

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return repr(self._rows)


class _Table(Generic[_K, _V]):
    """Rows that are copied only where they change while somebody still holds a snapshot of them.

    An apply looks at the state at every step, mostly for one row; a copy each time would make it quadratic.
    """

    def __init__(self, rows: Mapping[_K, _V]) -> None:
        self.rows = dict(rows)
        self._shared: weakref.ref[_Snapshot[_K, _V]] | None = None

    def snapshot(self) -> Mapping[_K, _V]:
        """The rows as they are now."""
        snapshot = self._shared() if self._shared else None
        if snapshot is None:
            snapshot = _Snapshot(self.rows)
            self._shared = weakref.ref(snapshot)
        return snapshot

    def change(self) -> dict[_K, _V]:
        """The rows, for a change."""
        if self._shared is not None:
            if self._shared() is not None:
                self.rows = dict(self.rows)
            self._shared = None
        return self.rows


def _note_users(users: dict[Address, set[Address]], address: Address, applied: Applied) -> None:
    pulled = applied.pulled.attributes if applied.pulled is not None else None
    for used in (*applied.dependencies, *references((applied.attributes, pulled)), *applied.reach):
        users.setdefault(used, set()).add(address)


def _applied_with(applied: Applied, source: Address, target: Address) -> Applied:
    return replace(
        applied,
        attributes=_value_with(applied.attributes, source, target),
        dependencies=tuple(target if address == source else address for address in applied.dependencies),
        reach={target if address == source else address: people for address, people in applied.reach.items()},
        pulled=_pulled_with(applied.pulled, source, target),
    )


def _pulled_with(pulled: PullRecord | None, source: Address, target: Address) -> PullRecord | None:
    if pulled is None:
        return None
    return replace(pulled, attributes=_value_with(pulled.attributes, source, target))


def _intent_with(intent: Intent, source: Address, target: Address) -> Intent:
    return replace(
        intent,
        key=_value_with(intent.key, source, target),
        attributes=_value_with(intent.attributes, source, target),
    )


def _value_with(value: Value, source: Address, target: Address) -> Value:
    """The value with references to ``source`` turned into references to ``target``."""
    if isinstance(value, Reference):
        return Reference(target) if value.address == source else value
    if isinstance(value, Mapping):
        return {key: _value_with(member, source, target) for key, member in value.items()}
    if isinstance(value, tuple | list):
        members = tuple(_value_with(member, source, target) for member in value)
        # References have no order of their own: they stand as they are read.
        return tuple(sorted(members, key=str)) if any(isinstance(one, Reference) for one in members) else members
    return value


class Recording(LockedState):
    """The locked state of any store: ``keep`` makes an entry durable, or raises StateError and has kept nothing.

    Calls of ``keep`` never overlap. An entry that could not be kept is not in the state either and may be recorded
    again. ``confirm`` raises if the lock is known to be gone; ``time`` is ``server_time``.
    """

    def __init__(
        self,
        state: State,
        keep: Callable[[Entry], None],
        confirm: Callable[[bool], None] = lambda at_server: None,
        time: Callable[[], tuple[float, float] | None] = lambda: None,
    ) -> None:
        self._draft = Draft(state)
        self._keep = keep
        self._confirm = confirm
        self._time = time
        self._guard = threading.Lock()
        self._closed = False
        self._following: list[Accounts | Move] = []
        self.interrupted = False
        """Whether an entry may have been kept without standing in ``state``: what was kept is then the truth."""

    @property
    def state(self) -> State:
        """The state as it is now; later records don't change it."""
        with self._guard:
            return self._draft.state

    def kept(self, address: Address) -> Applied | None:
        """What was applied to an address."""
        with self._guard:
            return self._draft.resource(address)

    def is_intended(self, address: Address) -> bool:
        """Whether a write of the address's is on record whose outcome is not."""
        with self._guard:
            return self._draft.is_intended(address)

    def is_begun(self, address: Address) -> bool:
        """Whether a step of the address's was begun and not ended."""
        with self._guard:
            return self._draft.is_begun(address)

    def put(self, address: Address, applied: Applied, *, done: bool = False) -> None:
        """Record what was applied; the address's intent, if any, is settled by it."""
        self._record(Put(address, applied, done))

    def begin(self, address: Address, begun: Begun) -> None:
        """Record that a step is about to make its first write."""
        self._record(Begin(address, begun))

    def note(self, line: str) -> None:
        """Record a line of the history."""
        self._record(Note(line))

    def remove(self, address: Address) -> None:
        """Forget an address, and its intent; its generation is raised and stays."""
        self._record(Remove(address))

    def move(self, source: Address, target: Address, commit: str = "") -> None:
        """Give an object another address; references to it, dependencies on it and its intent follow.

        The former one is remembered, with the commit by which it was given up.

        Raises:
            StateError: the source is not in the state, or the target is.
        """
        self._record(Move(source, target, commit))

    def follow(self, renamed: Renamed) -> None:
        """Have the entries of former aliases be those of the present ones; recorded with what is recorded next.

        Raises:
            StateError: an entry of a former alias is one of the present alias, too.
        """
        with self._guard:
            entries = entries_of(self._draft.state, renamed)
            if entries:
                _follow(self._draft, entries)
                self._following = entries

    def intend(self, intent: Intent) -> None:
        """Record a write that must not happen twice, before it is made."""
        self._record(Intend(intent))

    def settle(self, address: Address) -> None:
        """Drop an intent whose write did not happen."""
        self._record(Settle(address))

    def remember(self, address: Address, memory: Memory) -> None:
        """Record what an audience remembers of people; its segments are durable already."""
        self._record(Remember(address, memory))

    def account(self, accounts: Mapping[str, Account]) -> None:
        """Record the accounts behind these aliases; those of other aliases stay."""
        self._record(Accounts(dict(accounts)))

    def stand(self, commit: str, addresses: tuple[Address, ...], *, whole: bool) -> None:
        """Record which commit these addresses are about to be applied from; ``whole``: the run plans all there is."""
        self._record(Stand(commit, addresses, whole))

    def rule(self, rules: Mapping[str, Value]) -> None:
        """Record the rules that an apply was made under."""
        self._record(Rules(dict(rules)))

    def confirm(self, *, at_server: bool = False) -> None:
        """Make sure that the lock is still ours; ``at_server``: ask whoever keeps it."""
        if self._closed:
            raise _left()
        self._confirm(at_server)

    def server_time(self) -> tuple[float, float] | None:
        """By how many seconds the clock of the server that keeps the state is ahead of ours: at least and at most."""
        return self._time()

    def close(self) -> State:
        """The final state; waits for a record in progress and refuses any that comes later."""
        with self._guard:
            self._closed = True
            return self._draft.state

    def _record(self, entry: Entry) -> None:
        with self._guard:
            if self._closed:
                raise _left()
            if obstacle := self._draft.obstacle(entry):
                raise StateError(f"{obstacle}.", hint="See the addresses in the state with `reconcile state list`.")
            try:
                while self._following:
                    self._keep(self._following[0])
                    del self._following[0]
                    self._draft.following = {}
                self._keep(entry)
                self._draft.apply(entry)
            except StateError:
                raise
            except BaseException:
                self.interrupted = True
                raise


@contextmanager
def recorded(recording: Recording, finish: Callable[[], None]) -> Iterator[LockedState]:
    """Give out a recording; however the block is left, ``finish`` follows.

    What goes wrong in ``finish`` after an error of the block is added to that error, which is still the one raised.
    """
    try:
        yield recording
    except BaseException as error:
        try:
            finish()
        except StateError as failure:
            if isinstance(error, ReconcileError):
                error.diagnostics += failure.diagnostics
            else:
                error.add_note(str(failure))
        raise
    finish()


def _left() -> StateError:
    return StateError("The lock on the state has been left, so nothing can be recorded any more.")
