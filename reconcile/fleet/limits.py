"""Limits that accounts share: within this process, or through PostgreSQL by all processes of the fleet."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconcile.fleet.database import connected, make_tables
from reconcile.providers.limiter import Limiter
from reconcile.providers.transport import Limit

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from psycopg import Connection

    from reconcile.fleet.settings import SharedLimit

_TABLE = """
CREATE TABLE IF NOT EXISTS reconcile_fleet_limit (name text PRIMARY KEY, free timestamptz NOT NULL)
"""
# One row is one queue: each call moves the time at which the next may go out, and goes out at the former one.
_TURN = """
INSERT INTO reconcile_fleet_limit AS known (name, free)
VALUES (%(name)s, clock_timestamp() + %(span)s * interval '1 second')
ON CONFLICT (name) DO UPDATE
SET free = greatest(known.free, clock_timestamp()) + %(span)s * interval '1 second'
RETURNING extract(epoch FROM free - clock_timestamp())::float8 - %(span)s AS wait
"""


class Database:
    """A connection that turns of several limits are taken over; opened anew after it broke."""

    def __init__(self, url: str) -> None:
        """``url`` is the database's."""
        self._url = url
        self._guard = threading.Lock()
        self._opened: AbstractContextManager[Connection[dict[str, Any]]] | None = None
        self._connection: Connection[dict[str, Any]] | None = None

    def turn(self, name: str, span: float) -> float:
        """The seconds to the next turn of a limit.

        Raises:
            StateError: the database can't be asked. No call goes out without a turn.
        """
        with self._guard:
            try:
                return self._turn(name, span)
            except BaseException:
                self.close()
                raise

    def _turn(self, name: str, span: float) -> float:
        if self._connection is None:
            self._opened = connected(self._url)
            self._connection = self._opened.__enter__()
            make_tables(self._connection, _TABLE)
        row = self._connection.execute(_TURN, {"name": name, "span": span}).fetchone()
        return max(0.0, float(row["wait"])) if row is not None else span

    def close(self) -> None:
        """Close the connection; it is opened again when needed."""
        if self._connection is not None:
            self._connection.close()
        self._opened = self._connection = None


@dataclass(frozen=True)
class Shared:
    """Limit that all processes take of one row."""

    database: Database
    name: str
    span: float

    def reserve(self) -> float:
        """Take the next turn: how many seconds it is away."""
        return self.database.turn(self.name, self.span)


@dataclass(frozen=True)
class Strictest:
    """Several limits at once: the furthest turn counts."""

    of: tuple[Limit, ...]

    def reserve(self) -> float:
        """Take a turn of each: how many seconds the last one is away."""
        return max(limit.reserve() for limit in self.of)


@dataclass(frozen=True)
class Heard:
    """A limit, or none, of whose turns somebody hears."""

    heard: Callable[[], None]
    limit: Limit | None

    def reserve(self) -> float:
        """Take the next turn: how many seconds it is away."""
        self.heard()
        return self.limit.reserve() if self.limit is not None else 0.0


class Limits:
    """The limits of a fleet in this process; without a database each of ``processes`` has its share."""

    def __init__(self, limits: "Iterable[SharedLimit]", database: str | None, processes: int = 1) -> None:
        """``database`` is the URL through which processes share them."""
        self._limits = tuple(limits)
        shared = Database(database) if database and self._limits else None
        self._turns: dict[str, Limit] = {}
        for limit in self._limits:
            self._turns[limit.name] = (
                Shared(shared, limit.name, 1 / limit.requests_per_second)
                if shared
                else Limiter(limit.requests_per_second / processes)
            )

    def of(self, account: str, alias: str) -> Limit | None:
        """What a provider of an account is under."""
        found = tuple(self._turns[limit.name] for limit in self._limits if limit.binds(account, alias))
        return Strictest(found) if found else None
