"""One account (the vendor says application) inside a transaction: what every function works on."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from reconcile.sandbox.rows import Rows
from reconcile.sandbox.squalomail.reply import not_found
from reconcile.sandbox.switches import Switches

# Different kinds start at different numbers, so that an id taken for one of another kind is noticed.
_NAMES = {"mail": "newsletter"}
_FIRST = {"list": 1, "mail": 101, "recipient": 1001, "field": 4, "url": 10_001}


@dataclass(frozen=True, slots=True)
class Account(Rows):
    """The rows of one account, which is ``:account`` in SQL; ``now`` is the time of the call in Unix seconds."""

    _tenant: ClassVar[str] = "account"
    _ids: ClassVar[Mapping[str, str]] = {"list": "listid", "mail": "mailid", "recipient": "subid", "field": "fieldid"}
    app_id: str
    db: sqlite3.Connection
    now: int
    switches: Switches
    random: Random

    @property
    def whose(self) -> str:
        """The application's id."""
        return self.app_id

    def next_id(self, kind: str) -> int:
        """A number that no object of the kind has or had."""
        return self.next_number(kind, _FIRST[kind])

    def find(self, table: str, number: int) -> sqlite3.Row:
        """An object, ``ApiError`` when it is not there."""
        row = self.row(table, number)
        if row is None:
            raise not_found(_NAMES.get(table, table), number)
        return row

    def record(self, subid: int, action: str, *, mailid: int = 0, data: str = "", ip: str = "") -> None:
        """Add to what a recipient did, the entity History."""
        values = {"subid": subid, "action": action, "mailid": mailid, "data": data, "ip": ip}
        self.insert("history", **values, date=self.now, source="")
