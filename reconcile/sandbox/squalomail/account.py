"""One account (the vendor says application) inside a transaction: what every function works on."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from reconcile.sandbox.switches import Switches

# Different kinds start at different numbers, so that an id taken for one of another kind is noticed.
_FIRST = {"list": 1, "mail": 101, "recipient": 1001, "field": 4, "url": 10_001}


@dataclass(frozen=True, slots=True)
class Account:
    """The rows of one account; ``now`` is the time of the call in Unix seconds."""

    app_id: str
    db: sqlite3.Connection
    now: int
    switches: Switches
    random: Random

    def next_id(self, kind: str) -> int:
        """A number that no object of the kind has or had."""
        row = self.db.execute(
            "INSERT INTO counter (account, name, value) VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value",
            (self.app_id, kind, _FIRST[kind]),
        ).fetchone()
        return int(row[0])

    def record(self, subid: int, action: str, *, mailid: int = 0, data: str = "", ip: str = "") -> None:
        """Add to what a recipient did, the entity History."""
        self.run(
            "INSERT INTO history (account, subid, date, action, ip, data, source, mailid) "
            "VALUES (:account, :subid, :now, :action, :ip, :data, '', :mailid)",
            {"subid": subid, "action": action, "mailid": mailid, "data": data, "ip": ip},
        )

    def one(self, sql: str, values: Mapping[str, Any] | None = None) -> sqlite3.Row | None:
        """The first row; ``:account`` is this account."""
        row: sqlite3.Row | None = self.db.execute(sql, self._bound(values)).fetchone()
        return row

    def all(self, sql: str, values: Mapping[str, Any] | None = None) -> list[sqlite3.Row]:
        """All rows; ``:account`` is this account."""
        return self.db.execute(sql, self._bound(values)).fetchall()

    def run(self, sql: str, values: Mapping[str, Any] | None = None) -> int:
        """Change rows and return how many; ``:account`` is this account."""
        return self.db.execute(sql, self._bound(values)).rowcount

    def run_many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """The same statement for many rows of values."""
        self.db.executemany(sql, [self._bound(row) for row in rows])

    def _bound(self, values: Mapping[str, Any] | None) -> dict[str, Any]:
        return {**(values or {}), "account": self.app_id, "now": self.now}
