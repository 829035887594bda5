"""The rows of one tenant of a platform, inside a transaction: how every operation reads and writes them."""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar


class Rows:
    """SQL with the tenant bound to the parameter of its column; tables and columns are named by our own code only."""

    __slots__ = ()
    _tenant: ClassVar[str]  # the column that says whose a row is
    _ids: ClassVar[Mapping[str, str]]  # the column with an object's id, by table
    db: sqlite3.Connection
    now: int

    @property
    def whose(self) -> str:
        """What stands in the tenant's column."""
        raise NotImplementedError

    def next_number(self, counter: str, first: int) -> int:
        """A number that the counter has not given out before; it starts with ``first``."""
        row = self.db.execute(
            "INSERT INTO counter (account, name, value) VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value",
            (self.whose, counter, first),
        ).fetchone()
        return int(row[0])

    def one(self, sql: str, values: Mapping[str, Any] | None = None) -> sqlite3.Row | None:
        """The first row."""
        row: sqlite3.Row | None = self.db.execute(sql, self._bound(values)).fetchone()
        return row

    def all(self, sql: str, values: Mapping[str, Any] | None = None) -> list[sqlite3.Row]:
        """All rows."""
        return self.db.execute(sql, self._bound(values)).fetchall()

    def number(self, sql: str, values: Mapping[str, Any] | None = None) -> int:
        """The one number that a query answers; none is 0."""
        row = self.one(sql, values)
        return 0 if row is None or row[0] is None else int(row[0])

    def run(self, sql: str, values: Mapping[str, Any] | None = None) -> int:
        """Change rows and return how many."""
        return self.db.execute(sql, self._bound(values)).rowcount

    def run_many(self, sql: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """The same statement for many rows of values."""
        self.db.executemany(sql, [self._bound(row) for row in rows])

    def row(self, table: str, number: int) -> sqlite3.Row | None:
        """The row of the object with this id."""
        return self.one(f"SELECT * FROM {table} WHERE {self._own} AND {self._id(table)} = :id", {"id": number})  # noqa: S608

    def count(self, table: str) -> int:
        """How many rows the tenant has in a table."""
        return self.number(f"SELECT count(*) FROM {table} WHERE {self._own}")  # noqa: S608

    def insert(self, table: str, **values: Any) -> None:
        """Add a row."""
        self.insert_all(table, [values])

    def insert_all(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows, all with the same columns."""
        bound = [{**row, self._tenant: self.whose} for row in rows]
        if bound:
            columns, places = ", ".join(bound[0]), ", ".join(f":{name}" for name in bound[0])
            self.db.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", bound)  # noqa: S608

    def update(self, table: str, number: int, **values: Any) -> None:
        """Change columns of the row with this id."""
        columns = ", ".join(f"{name} = :{name}" for name in values)
        where = f"{self._own} AND {self._id(table)} = :row_id"
        self.run(f"UPDATE {table} SET {columns} WHERE {where}", {**values, "row_id": number})  # noqa: S608

    def add(self, table: str, where: Mapping[str, Any], **counts: int) -> None:
        """Raise counters of the rows with these values."""
        raised = ", ".join(f"{name} = {name} + :{name}" for name in counts)
        self.run(f"UPDATE {table} SET {raised} WHERE {self._like(where)}", {**where, **counts})  # noqa: S608

    def delete(self, table: str, **where: Any) -> int:
        """Remove the rows with these values, and return how many."""
        return self.run(f"DELETE FROM {table} WHERE {self._like(where)}", where)  # noqa: S608

    def _like(self, where: Mapping[str, Any]) -> str:
        return " AND ".join([self._own, *(f"{name} = :{name}" for name in where)])

    @property
    def _own(self) -> str:
        return f"{self._tenant} = :{self._tenant}"

    def _id(self, table: str) -> str:
        return self._ids.get(table, "id")

    def _bound(self, values: Mapping[str, Any] | None) -> dict[str, Any]:
        return {**(values or {}), self._tenant: self.whose, "now": self.now}
