"""The StateStore protocol: read, lock, and write under the lock."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reconcile.model.account import Account
from reconcile.model.address import Address
from reconcile.model.attributes import Value
from reconcile.model.generation import Begun
from reconcile.model.memory import Memory, Segments
from reconcile.model.resource import Applied
from reconcile.state.state import Intent, State


@dataclass(frozen=True, slots=True)
class LockInfo:
    """Who holds the lock, on which host and process, why, and since when (UNIX seconds)."""

    id: str
    who: str
    host: str
    pid: int
    why: str
    since: float


class LockedState(Protocol):
    """The state under the lock; each method is durable when it returns, and safe to call from several threads."""

    @property
    def state(self) -> State:
        """The state as it is now; for a single row of it, those below cost less while others record."""

    def kept(self, address: Address) -> Applied | None:
        """What was applied to an address."""

    def is_intended(self, address: Address) -> bool:
        """Whether a write of the address's is on record whose outcome is not."""

    def is_begun(self, address: Address) -> bool:
        """Whether a step of the address's was begun and not ended."""

    def put(self, address: Address, applied: Applied, *, done: bool = False) -> None:
        """Record what was applied; the address's intent, if any, is settled by it.

        ``done``: the step that wrote it ends with this, which raises the address's generation.
        """

    def begin(self, address: Address, begun: Begun) -> None:
        """Record that a step is about to make its first write."""

    def note(self, line: str) -> None:
        """Record a line of the history; the oldest ones make room for it."""

    def remove(self, address: Address) -> None:
        """Forget an address, and its intent; its generation is raised and stays."""

    def move(self, source: Address, target: Address, commit: str = "") -> None:
        """Give an object another address; the former one is remembered, with the commit by which it was given up."""

    def follow(self, renamed: Mapping[str, tuple[str, ...]]) -> None:
        """Have the entries of accounts' former aliases be those of the present ones.

        That is recorded with whatever is recorded next, and ``State.following`` tells of it until then.

        Raises:
            StateError: an entry of a former alias is one of the present alias, too.
        """

    def intend(self, intent: Intent) -> None:
        """Record a write that must not happen twice, before it is made."""

    def settle(self, address: Address) -> None:
        """Drop an intent whose write did not happen."""

    def remember(self, address: Address, memory: Memory) -> None:
        """Record what an audience remembers of people; its segments must be durable already."""

    def account(self, accounts: Mapping[str, Account]) -> None:
        """Record the accounts behind the provider aliases."""

    def stand(self, commit: str, addresses: tuple[Address, ...], *, whole: bool) -> None:
        """Record which git commit these addresses are about to be applied from; ``whole``: the run plans all there is.

        So it stays known of addresses that are removed, too.
        """

    def rule(self, rules: Mapping[str, Value]) -> None:
        """Record the rules that an apply was made under, in place of those before."""

    def confirm(self, *, at_server: bool = False) -> None:
        """Make sure that the lock is still ours: for a look before each API write.

        ``at_server``: ask whoever keeps the lock, whatever is known of it here, as after a sleep of the machine.

        Raises:
            LockHeld: it is gone; nothing can be recorded any more.
            StateError: that can't be found out.
        """

    def server_time(self) -> tuple[float, float] | None:
        """By how many seconds the clock of the server that keeps the state is ahead of ours: at least and at most.

        None: no server keeps it, or it doesn't say.

        Raises:
            StateError: it can't be reached.
        """


class StateStore(Protocol):
    """Where the state of one environment lives; messages call it ``name``, which has no credentials in it."""

    @property
    def name(self) -> str:
        """Where the state is, for people."""

    @property
    def segments(self) -> Segments | None:
        """Where segments of what audiences remember are kept; None if only in the state itself."""

    def read(self) -> State | None:
        """The state, without a lock; None if there has never been one.

        Raises:
            StateError: empty, damaged, of a newer format or of another lineage; never taken for a new project.
        """

    def lock(self, why: str, timeout: float = 0.0) -> AbstractContextManager[LockedState]:
        """The state for writing, created at the first write if there is none; waits at most ``timeout`` seconds.

        Raises:
            LockHeld: somebody else has it; the message says who, when and why.
            StateError: as ``read``.
        """

    def replace(self, why: str, make: Callable[[State | None], State], timeout: float = 0.0) -> State:
        """Write a whole state in place of what there is, which ``make`` is given under the lock; what was written.

        Whatever ``make`` gives, or raises, its serial is only a lower bound: what is written is newer than both.

        Raises:
            LockHeld: somebody else has the lock.
            StateError: as ``read``, or it can't be written.
        """

    def holder(self) -> LockInfo | None:
        """Who has the lock; None if nobody has it, or nobody that says who.

        Raises:
            StateError: that can't be found out.
        """

    def unlock(self, id_: str) -> LockInfo:
        """Take the lock with this id from its holder, who can't write any more then; who that was.

        Raises:
            StateError: nobody has it, its id is another one, or this store's locks end with their holders.
        """

    def set_aside(self, why: str, timeout: float = 0.0) -> Sequence[Path | str]:
        """Rename the state and its journal, usable or not, so that a new state can begin; their new names.

        Raises:
            LockHeld: somebody else has the lock.
            StateError: one can't be renamed, or this store has no way to.
        """
