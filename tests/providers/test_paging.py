"""Lists are read to their end, whatever the platform makes of pages; half a list is never taken for the whole."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.providers import paging
from reconcile.providers.paging import Incomplete
from tests.world import World


def read_all(read: paging.Read, size: int = 100, first: int = 1) -> list[int]:
    found = paging.rows(read, first=first, size=size, operation="list", remedy="See c.page.size.")
    return [row["id"] for row in found]


@given(
    total=st.integers(0, 300),
    cap=st.integers(1, 120),
    size=st.integers(1, 120),
    first=st.integers(0, 1),
    skips=st.booleans(),
)
def test_a_silent_cap_loses_nobody(total: int, cap: int, size: int, first: int, skips: bool) -> None:
    """Whether the next page goes on after what was given, or after what was asked for."""

    def read(page: int, asked: int) -> Sequence[dict[str, Any]]:
        start = (page - first) * (asked if skips else min(asked, cap))
        return [{"id": number} for number in range(start, min(start + min(asked, cap), total))]

    assert sorted(read_all(read, size, first)) == list(range(total))


def test_a_page_that_is_ignored_is_an_error_and_no_end() -> None:
    calls: list[int] = []

    def read(page: int, asked: int) -> Sequence[dict[str, Any]]:
        calls.append(page)
        return [{"id": number} for number in range(asked)]

    with pytest.raises(Incomplete, match="the same page") as error:
        read_all(read)
    assert calls == [1, 2]
    assert error.value.diagnostics[0].hint == "See c.page.size."


def test_a_list_without_an_end_has_one() -> None:
    calls: list[int] = []

    def read(page: int, asked: int) -> Sequence[dict[str, Any]]:
        calls.append(page)
        return [{"id": page}]

    with pytest.raises(Incomplete, match="no end"):
        read_all(read, size=1)
    assert len(calls) == paging.LARGEST


def test_rows_that_move_come_once() -> None:
    pages = {1: [1, 2], 2: [2, 3], 3: []}
    assert read_all(lambda page, _: [{"id": number} for number in pages[page]], size=2) == [1, 2, 3]


@pytest.mark.parametrize("cap", [1, 7, 50])
def test_a_capped_account_is_read_whole(cap: int) -> None:
    world = World(switches={"page_cap": cap}, gatormail={"page_cap": cap})
    group = world.call("gatormail_addGroup", name="Buyers")["id"]
    people = [{"emailLogin": f"p{number}@example.test"} for number in range(60)]
    world.call("gatormail_groupExcludedContactpost", groupId=group, contacts=people)
    found = world.gator.pages("gatormail_groupExcludedContactget", groupId=group)
    assert len({row["emailLogin"] for row in found}) == 60
