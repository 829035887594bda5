"""What a snapshot kept of an account: rows decoded already, and the client that gives them and nothing else."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from reconcile.errors import ApiError
from reconcile.model.account import Account
from reconcile.model.call import Call, Encoded
from reconcile.model.kind import Client, Collection, Kind, Row, Wanted
from reconcile.model.resource import RemoteObject
from reconcile.model.ticket import Ticket


@dataclass(frozen=True, slots=True)
class KeptRow(Row):
    """An object as each kind of its collection decoded it: of the answers nothing else is kept, so nobody's data.

    ``claimed`` are the kinds that take it for theirs where nobody says what it is.
    """

    objects: Mapping[str, RemoteObject] = field(default_factory=dict)
    claimed: frozenset[str] = frozenset()


class NoClock:
    """The clock of a platform that nobody asked."""

    def offset(self) -> None:
        """Nobody can tell."""


@dataclass
class KeptClient:
    """An account as a snapshot has it: it answers what collections ask, and carries nothing out."""

    alias: str
    its_account: Account
    rows: Mapping[str, tuple[KeptRow, ...]]
    encoder: Callable[[Call], Encoded]
    reads: int = 0
    time: NoClock = field(default_factory=NoClock)

    def account(self) -> Account:
        """The account that the snapshot was taken of."""
        return self.its_account

    def encode(self, call: Call) -> Encoded:
        """The call as it would stand on the wire."""
        return self.encoder(call)

    def send(self, call: Call, ticket: Ticket | None = None) -> NoReturn:
        """Refuse it: there is nobody to ask."""
        raise ApiError(
            f"{call.operation} can't be made: this run works on a snapshot, without any account.",
            hint="Run it without --live, with the account's credentials.",
        )

    def rest(self, attempt: int, error: ApiError) -> NoReturn:
        """Give up at once."""
        raise error

    def close(self) -> None:
        """Nothing is open."""


def rows(collection: Collection, client: Client, wanted: Wanted) -> Iterable[Row]:
    """What a collection reads of an account; of one that was kept, what there is."""
    if isinstance(client, KeptClient):
        return client.rows.get(collection.name, ())
    return collection.read(client, wanted)


def claims(kind: Kind, row: Row) -> bool:
    """Whether a kind takes an object for one of its own; see ``Kind.claims``."""
    return kind.kind in row.claimed if isinstance(row, KeptRow) else kind.claims(row)
