"""An answer spoiled after its call was carried out, at every call of every story: nothing is lost, made or sent twice.

``make chaos`` spoils every answer in every way; the tests spoil the answer to each write once or twice. A request that
was delivered twice is reported, and never repaired by a delete.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.budget import CHAOS
from tests.engine.proxy import WAYS, Proxy
from tests.engine.stories import STORIES, Account, account_in, converges, copied, inventory, mailed, whole
from tests.engine.test_faults import apply_story
from tests.engine.test_schedule import SEND

# The ways of one story at a time: all of them one by one, or those of the sample together.
_PARTS = WAYS if CHAOS else ("sample",)
_MAKES = re.compile("create-|gatormail_add")


def _in_turn(account: Account) -> Account:
    """The account, whose applies make one change at a time, so that calls have their numbers each time."""
    account.workspace = replace(account.workspace, parallelism=1)
    return account


@functools.cache
def _writes(story: str) -> Mapping[int, str]:
    """What a story calls to write, by the numbers of the calls."""
    account = _in_turn(account_in(copied(whole(story).start, whole(story).start.with_name("in turn"))))
    account.clear_log()
    assert apply_story(account, story) == 0
    log = account.log()
    account.close()
    return {at: entry["function"] for at, entry in enumerate(log, 1) if entry["write"]}


def _spoiled(story: str, part: str) -> Iterator[tuple[int, str]]:
    """The calls whose answers are spoiled, counted from 1, and the ways.

    In the sample that is every write once, in ways that take turns, and every answer that names what was made once more
    with another's id in it.
    """
    if CHAOS:
        yield from ((call, part) for call in range(1, whole(story).calls + 1))
        return
    offset = 4 * list(STORIES).index(story)
    for turn, (call, name) in enumerate(_writes(story).items(), offset):
        yield call, WAYS[turn % len(WAYS)]
        if _MAKES.match(name):
            yield call, "another"


@pytest.mark.parametrize("part", _PARTS)
@pytest.mark.parametrize("story", STORIES)
def test_every_spoiled_answer_at_every_call(story: str, part: str, tmp_path: Path) -> None:
    for number, (at, way) in enumerate(_spoiled(story, part)):
        account = account_in(copied(whole(story).start, tmp_path / str(number)))
        _spoil_one(account if CHAOS else _in_turn(account), story, way, at)


def test_the_sample_has_every_way_and_every_write_of_every_story() -> None:
    ways = set()
    for story in STORIES:
        taken = [spoiled for part in _PARTS for spoiled in _spoiled(story, part)]
        assert _writes(story), story
        assert {call for call, _ in taken} >= set(_writes(story)), story
        ways.update(way for _, way in taken)
    assert ways == set(WAYS)


def _spoil_one(account: Account, story: str, way: str, at: int) -> None:
    account.clear_log()
    proxy = Proxy(account.sandbox, lambda: account.now, way, at)
    account.proxy = proxy.handle
    code = apply_story(account, story)
    account.proxy = None
    what = f"{story}, {way} at call {at} ({proxy.hit}), exit {code}"
    assert proxy.hit is not None, what
    assert CHAOS or account.log()[at - 1]["write"], what
    deletes = [name for name in account.writes() if "delete" in name.lower()]
    account.close()
    account = account_in(account.home)  # another process: a refused login is not tried twice by one
    if proxy.made_two:
        _is_reported(account, story, code, deletes, what)
    else:
        converges(account, story, what)
    account.close()


def _is_reported(account: Account, story: str, code: int, deletes: list[str], what: str) -> None:
    """What was made twice is there twice, is told, and takes nothing along; nobody gets a mail twice."""
    expected = whole(story)
    assert code == (0 if "import" in story else 6), what  # people are known by their addresses: nothing is doubled
    assert account.apply(STORIES[story].after(), SEND)[0] == 0, what
    assert not [step for step in account.plan(STORIES[story].after()).changes if step.writes], what
    found = inventory(account)
    assert not expected.inventory - found, what
    assert (found - expected.inventory).total() == 1, what
    assert len(deletes) <= expected.deletes, what
    assert mailed(account) == expected.mails, what


def test_a_twin_is_told_with_both_ids(tmp_path: Path) -> None:
    account = account_in(tmp_path)
    proxy = Proxy(account.sandbox, lambda: account.now, "twice", operation="create-list")
    account.proxy = proxy.handle
    code, events, _ = account.apply(STORIES["squalomail schedule"].before())
    told = [found for event in events for found in event.diagnostics]
    assert (code, [found.code for found in told]) == (6, ["made-twice"])
    assert {row["id"] for row in account.lists()} == {1, 2}
    assert "(id 2)" in told[0].detail
    assert "(id 1)" in told[0].detail
    account.close()


@pytest.mark.parametrize(
    ("story", "operation"),
    [
        ("squalomail create", "create-list"),
        ("squalomail create", "create-newsletter"),
        ("gatormail create", "POST /group"),
        ("gatormail create", "POST /campaign"),
    ],
)
def test_what_was_made_is_found_where_the_answer_names_nobody(story: str, operation: str, tmp_path: Path) -> None:
    account = account_in(tmp_path)
    proxy = Proxy(account.sandbox, lambda: account.now, "nobody's id", operation=operation)
    account.proxy = proxy.handle
    code, events, _ = account.apply(STORIES[story].after(), SEND)
    assert proxy.hit is not None
    account.proxy = None
    assert code == 6, [found for event in events for found in event.diagnostics]
    converges(account, story, f"{story}, {operation}")
    account.close()
