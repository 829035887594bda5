"""An answer spoiled after its call was carried out, at every call of every story: nothing is lost, made or sent twice.

``make chaos`` spoils every answer in every way; the tests take a fixed sample. A request that was delivered twice is
reported, and never repaired by a delete.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.budget import CHAOS
from tests.engine.proxy import WAYS, Proxy
from tests.engine.stories import STORIES, Account, account_in, converges, copied, inventory, mailed, whole
from tests.engine.test_faults import apply_story
from tests.engine.test_schedule import SEND

# What the tests leave out of every call and way: prime, so that each story and way has its share.
_SHARE = 131


def _spoiled(story: str, way: str) -> Iterator[int]:
    """The calls whose answers are spoiled, counted from 1."""
    calls = range(1, whole(story).calls + 1)
    if CHAOS:
        return iter(calls)
    offset = list(STORIES).index(story) * len(WAYS) + WAYS.index(way)
    return (call for call in calls if (call + offset) % _SHARE == 0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("story", STORIES)
def test_every_spoiled_answer_at_every_call(story: str, way: str, tmp_path: Path) -> None:
    for at in _spoiled(story, way):
        account = account_in(copied(whole(story).start, tmp_path / str(at)))
        _spoil_one(account, story, way, at)


def _spoil_one(account: Account, story: str, way: str, at: int) -> None:
    account.clear_log()
    proxy = Proxy(account.sandbox, lambda: account.now, way, at)
    account.proxy = proxy.handle
    code = apply_story(account, story)
    account.proxy = None
    what = f"{story}, {way} at call {at} ({proxy.hit}), exit {code}"
    assert proxy.hit is not None, what
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
