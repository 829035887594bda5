"""One instance (the vendor says landing zone) inside a transaction: what every operation works on."""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from reconcile.sandbox.gatormail.contract import Contract
from reconcile.sandbox.switches import Switches

_FORMAT = "%Y-%m-%dT%H:%M:%S"
# Kinds and instances start at different numbers, so that an id taken for another one's is noticed.
_FIRST = {
    "group": 501, "unsubscribe": 601, "entity": 701, "attribute": 801, "trigger": 4001, "contact": 9001,
    "campaign": 14_001, "email": 19_001, "record": 70_001, "history": 88_001,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Instance:
    """The rows of one instance; ``now`` is the time of the call in Unix seconds, ``fields`` its own contact fields."""

    name: str
    db: sqlite3.Connection
    now: int
    positions: Switches
    contract: Contract
    zone: tzinfo
    fields: tuple[str, ...]

    def next_id(self, kind: str) -> int:
        """A number that no object of the kind has or had."""
        row = self.db.execute(
            "INSERT INTO counter (account, name, value) VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value",
            (self.name, f"gatormail.{kind}", self.first_id(kind)),
        ).fetchone()
        return int(row[0])

    def first_id(self, kind: str) -> int:
        """The number that the first object of a kind gets."""
        return _FIRST[kind] + zlib.crc32(self.name.encode()) % 90 * 100_000

    def wall(self, moment: int | None = None) -> str:
        """A moment, by default now, as the API writes it: wall time of the instance, without zone."""
        return datetime.fromtimestamp(self.now if moment is None else moment, self.zone).strftime(_FORMAT)

    def moment(self, wall: str) -> int:
        """The Unix seconds of a date that the API wrote."""
        return int(datetime.strptime(wall, _FORMAT).replace(tzinfo=self.zone).timestamp())

    def setting(self, name: str, default: Any) -> Any:
        """A value kept for the whole instance."""
        row = self.one("SELECT value FROM gm_setting WHERE instance = :instance AND name = :name", {"name": name})
        return default if row is None else json.loads(row["value"])

    def keep(self, name: str, value: Any) -> None:
        """Keep a value for the whole instance."""
        self.run(
            "INSERT INTO gm_setting VALUES (:instance, :name, :value) ON CONFLICT DO UPDATE SET value = :value",
            {"name": name, "value": json.dumps(value)},
        )

    def one(self, sql: str, values: Mapping[str, Any] | None = None) -> sqlite3.Row | None:
        """The first row; ``:instance`` is this instance."""
        row: sqlite3.Row | None = self.db.execute(sql, self._bound(values)).fetchone()
        return row

    def all(self, sql: str, values: Mapping[str, Any] | None = None) -> list[sqlite3.Row]:
        """All rows; ``:instance`` is this instance."""
        return self.db.execute(sql, self._bound(values)).fetchall()

    def number(self, sql: str, values: Mapping[str, Any] | None = None) -> int:
        """The one number that a query answers."""
        row = self.one(sql, values)
        return 0 if row is None or row[0] is None else int(row[0])

    def run(self, sql: str, values: Mapping[str, Any] | None = None) -> int:
        """Change rows and return how many; ``:instance`` is this instance."""
        return self.db.execute(sql, self._bound(values)).rowcount

    def insert(self, table: str, **values: Any) -> None:
        """Add a row of this instance."""
        self.insert_all(table, [values])

    def insert_all(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows of this instance, all with the same columns."""
        bound = [{**row, "instance": self.name} for row in rows]
        if bound:
            columns, places = ", ".join(bound[0]), ", ".join(f":{name}" for name in bound[0])
            self.db.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", bound)  # noqa: S608 - our own names

    def update(self, table: str, number: int, **values: Any) -> None:
        """Change columns of the row with this id."""
        columns = ", ".join(f"{name} = :{name}" for name in values)
        sql = f"UPDATE {table} SET {columns} WHERE instance = :instance AND id = :id"  # noqa: S608 - our own names
        self.run(sql, {**values, "id": number})

    def _bound(self, values: Mapping[str, Any] | None) -> dict[str, Any]:
        return {**(values or {}), "instance": self.name}


def parse_wall(text: str, zone: tzinfo, *, zoned: bool) -> str:
    """A date as sent; with ``zoned`` one that has a zone is converted. ``ValueError`` when it is none."""
    try:
        return datetime.strptime(text, _FORMAT).strftime(_FORMAT) if len(text) == 19 else _converted(text, zone, zoned)
    except (ValueError, OverflowError):
        raise ValueError("Should be YYYY-MM-DDTHH:MM:SS without a zone") from None


def _converted(text: str, zone: tzinfo, zoned: bool) -> str:
    moment = datetime.fromisoformat(text)
    if not zoned or moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(zone).strftime(_FORMAT)


def zone_of(name: str) -> tzinfo:
    """The zone that ``c.date.zone`` names, ``ValueError`` when there is none; GMT needs no database of zones."""
    if name.upper() in ("GMT", "UTC", "Z"):
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"c.date.zone should be a zone such as Europe/London, not {name!r}") from None
