"""The StateStore protocol: read, lock, and write under the lock."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from reconcile.model.account import Account
from reconcile.model.address import Address
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
        """The state as it is now."""

    def put(self, address: Address, applied: Applied) -> None:
        """Record what was applied; the address's intent, if any, is settled by it."""

    def remove(self, address: Address) -> None:
        """Forget an address, and its intent."""

    def move(self, source: Address, target: Address) -> None:
        """Give an object another address."""

    def intend(self, intent: Intent) -> None:
        """Record a write that must not happen twice, before it is made."""

    def settle(self, address: Address) -> None:
        """Drop an intent whose write did not happen."""

    def account(self, accounts: Mapping[str, Account]) -> None:
        """Record the accounts behind the provider aliases."""


class StateStore(Protocol):
    """Where the state of one environment lives."""

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
