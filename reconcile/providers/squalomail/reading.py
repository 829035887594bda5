"""Reads that several kinds share: pages of lists, and rows of a ``get-data`` entity by filters of bounded length."""

from collections.abc import Iterable, Iterator
from typing import Any

from reconcile.model.call import Call
from reconcile.model.kind import Client
from reconcile.providers import paging
from reconcile.providers.squalomail.filters import any_of

PAGE_SIZE = 100


def list_pages(api: Client) -> Iterator[dict[str, Any]]:
    """All lists with tags and counts; no total is documented. See ``paging.rows``."""

    def read(page: int, size: int) -> list[dict[str, Any]]:
        answer = api.send(Call("get-lists-details", {"page": page, "pageSize": size}))
        found: list[dict[str, Any]] = answer["lists"] or []
        return found

    remedy = "What is assumed there is `page_cap` and `ignore_page`. To ask the account itself: reconcile doctor -v"
    return paging.rows(read, first=0, size=PAGE_SIZE, operation="get-lists-details", remedy=remedy)


def entity_rows(api: Client, entity: str, conditions: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The rows of an entity for which any of the conditions holds; no conditions, no call, no rows."""
    for filter_ in any_of(conditions):
        yield from api.send(Call("get-data", {"entity": entity, "filter": filter_}))
