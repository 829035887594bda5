"""Reads that several kinds share: pages of lists, and rows of a ``get-data`` entity by filters of bounded length."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from reconcile.model.call import Call
from reconcile.model.kind import Client
from reconcile.providers import paging
from reconcile.providers.squalomail.filters import any_of
from reconcile.providers.transport import TooLarge

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
    """The rows of an entity for which any of the conditions holds; no conditions, no call, no rows.

    Where that is more than one answer may be, half of them are asked for at a time.
    """
    for together in any_of(conditions):
        yield from _rows(api, entity, together)


def _rows(api: Client, entity: str, conditions: Sequence[str]) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = api.send(Call("get-data", {"entity": entity, "filter": "||".join(conditions)}))
        return found
    except TooLarge:
        if len(conditions) == 1:
            raise
    half = len(conditions) // 2
    return [*_rows(api, entity, conditions[:half]), *_rows(api, entity, conditions[half:])]
