"""Reads that several kinds share: pages of lists, and rows of a ``get-data`` entity by filters of bounded length."""

from collections.abc import Iterable, Iterator
from typing import Any

from reconcile.model.call import Call
from reconcile.model.kind import Client
from reconcile.providers.squalomail.filters import any_of

PAGE_SIZE = 100


def list_pages(api: Client) -> Iterator[dict[str, Any]]:
    """All lists with tags and counts. No total is documented: a page that is not full is the last."""
    page = 0
    while True:
        rows = api.send(Call("get-lists-details", {"page": page, "pageSize": PAGE_SIZE}))["lists"] or []
        yield from rows
        if len(rows) < PAGE_SIZE:
            return
        page += 1


def entity_rows(api: Client, entity: str, conditions: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The rows of an entity for which any of the conditions holds; no conditions, no call, no rows."""
    for filter_ in any_of(conditions):
        yield from api.send(Call("get-data", {"entity": entity, "filter": filter_}))
