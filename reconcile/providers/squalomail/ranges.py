"""Whole tables through ``get-data``, which has no pages: read by ranges of ids, so that no answer is silently cut off.

The platform documents no bound on an answer. A range is small, and where an answer ends before its range does, what
comes after its last id is asked for once more.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from reconcile.model.call import Call
from reconcile.model.kind import Client

WIDTH = 1000  # ids in one range

Rows: TypeAlias = list[dict[str, Any]]


def all_recipients(api: Client) -> Iterator[dict[str, Any]]:
    """Every row of the entity Recipient."""
    return _in_ranges(lambda low, high: _read(api, "Recipient", _between(low, high)))


def all_members(api: Client, listid: int) -> Iterator[dict[str, Any]]:
    """Every row of the entity ListSub about one list, whatever its status."""
    return _in_ranges(lambda low, high: _read(api, "ListSub", f"listid=={listid}&&{_between(low, high)}"))


def _in_ranges(read: Callable[[int, int | None], Rows]) -> Iterator[dict[str, Any]]:
    low = 0
    while True:
        found = False
        for rows in _whole(read, low, low + WIDTH):
            found = found or bool(rows)
            yield from rows
        low += WIDTH
        if not found:
            # A gap between the ids, or the end.
            beyond = read(low, None)
            if not beyond:
                return
            low = min(row["subid"] for row in beyond) - 1


def _whole(read: Callable[[int, int | None], Rows], low: int, high: int) -> Iterator[Rows]:
    while low < high:
        rows = read(low, high)
        yield rows
        if not rows:
            return
        low = max(row["subid"] for row in rows)


def _between(low: int, high: int | None) -> str:
    return f"subid>{low}" if high is None else f"subid>{low}&&subid<={high}"


def _read(api: Client, entity: str, filter_: str) -> Rows:
    rows: Rows = api.send(Call("get-data", {"entity": entity, "filter": filter_}))
    return rows
