"""One instance (the vendor says landing zone) inside a transaction: what every operation works on."""

import json
import sqlite3
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, ClassVar

from reconcile.sandbox.gatormail.contract import Contract
from reconcile.sandbox.gatormail.reply import not_found
from reconcile.sandbox.rows import Rows
from reconcile.sandbox.switches import Switches

_NAMES = {"email": "e-mail"}
_FORMAT = "%Y-%m-%dT%H:%M:%S"
# Kinds and instances start at different numbers, so that an id taken for another one's is noticed.
_FIRST = {
    "group": 501, "unsubscribe": 601, "entity": 701, "attribute": 801, "trigger": 4001, "contact": 9001,
    "campaign": 14_001, "email": 19_001, "record": 70_001, "history": 88_001,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Instance(Rows):
    """The rows of one instance, which is ``:instance`` in SQL.

    ``now`` is the time of the call in Unix seconds, ``fields`` its own contact fields.
    """

    _tenant: ClassVar[str] = "instance"
    _ids: ClassVar[Mapping[str, str]] = {}
    name: str
    db: sqlite3.Connection
    now: int
    positions: Switches
    contract: Contract
    zone: tzinfo
    fields: tuple[str, ...]

    @property
    def whose(self) -> str:
        """The instance's name."""
        return self.name

    def next_id(self, kind: str) -> int:
        """A number that no object of the kind has or had."""
        return self.next_number(f"gatormail.{kind}", self.first_id(kind))

    def find(self, kind: str, number: int) -> sqlite3.Row:
        """An object, ``ApiError`` when it is not there."""
        row = self.row(f"gm_{kind}", number)
        if row is None:
            raise not_found(_NAMES.get(kind, kind), number)
        return row

    def page(self, kind: str, limit: int, offset: int) -> list[sqlite3.Row]:
        """The objects of a kind by ascending id."""
        sql = f"SELECT * FROM gm_{kind} WHERE instance = :instance ORDER BY id LIMIT :limit OFFSET :offset"  # noqa: S608
        return self.all(sql, {"limit": limit, "offset": offset})

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
