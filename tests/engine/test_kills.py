"""An apply killed at any boundary: one more apply converges; nothing is lost, made twice or mailed twice.

Each case forks a process that kills itself, with SIGKILL, at the n-th boundary: before and after each call of either
platform, and before and after each fsync and rename, those of the state and of what is kept of audiences. ``make
chaos`` goes through all of them and prints how many there were; the tests take some.
"""

import os
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from reconcile.engine.run import Rights
from reconcile.planner.plan import Right
from tests.engine.stories import (
    STORIES,
    Desired,
    account_in,
    buyers,
    converges,
    copied,
    launch,
    queued,
    readers,
    rendered,
    whole,
)
from tests.engine.test_schedule import ALL, DAY
from tests.world import NOW, failures

CHAOS = bool(os.environ.get("CHAOS"))
AT_THE_DISK = ("fsync", "replace", "rename")
SAMPLES = 5  # boundaries of each story that the tests take


def killed(folder: Path, story: str, at: Callable[[int, str], bool]) -> str | None:
    """Apply in a process of its own that kills itself at a boundary, and say at which; None if it ended before that.

    ``at`` is asked with each boundary's number and name: "after send-newsletter", "before fsync", "after replace".
    """
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _apply_until(folder, story, at, writes)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(writes)
    with os.fdopen(reads) as pipe:
        what = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return what
    assert os.WEXITSTATUS(status) == 0, "the apply must succeed where nothing kills it"
    return None


def _apply_until(folder: Path, story: str, at: Callable[[int, str], bool], pipe: int) -> None:
    passed = count(1)

    def guarded(function: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            _boundary(f"before {name(*arguments)}")
            result = function(*arguments, **options)
            _boundary(f"after {name(*arguments)}")
            return result

        return call

    def _boundary(what: str) -> None:
        if at(next(passed), what):
            os.write(pipe, what.encode())
            os.kill(os.getpid(), signal.SIGKILL)

    account = account_in(folder)
    account.client.send = guarded(account.client.send, lambda call, *ticket: call.operation)  # type: ignore[method-assign]
    account.gator.send = guarded(account.gator.send, lambda call, *ticket: call.operation)  # type: ignore[method-assign]
    for name in AT_THE_DISK:
        setattr(os, name, guarded(getattr(os, name), lambda *_, name=name: name))
    code, events, _ = account.apply(STORIES[story].after(), ALL)
    assert code == 0, failures(events)


def _numbers(story: str) -> Iterator[int]:
    """The boundaries to kill at; in the tests, a few that lie evenly from the first to the last one."""
    if CHAOS:
        yield from count(1)
        return
    # There are about three boundaries to a call; an odd step meets those before and those after.
    yield from count(1, 3 * whole(story).calls // SAMPLES | 1)


@pytest.mark.parametrize("story", STORIES)
def test_killed_at_any_boundary(story: str, tmp_path: Path) -> None:
    start = whole(story).start
    ends: Counter[str] = Counter()
    for number in _numbers(story):
        folder = copied(start, tmp_path / str(number))
        what = killed(folder, story, lambda passed, _, number=number: passed == number)
        if what is None:
            break
        when, _, where = what.partition(" ")
        ends[f"{when} {where if where in AT_THE_DISK else 'a call'}"] += 1
        account = account_in(folder)
        converges(account, story, f"{story}, killed at boundary {number}, {what}")
        account.close()
    counts = ", ".join(f"{number} {what}" for what, number in sorted(ends.items()))
    print(f"{story}: {ends.total()} kills ({counts}); 0 lost, 0 made twice, 0 mailed twice")
    assert ends.total() >= 3


@pytest.mark.parametrize(
    ("story", "operation", "other", "left"),
    [
        ("squalomail schedule", "send-newsletter", lambda: rendered(NOW + 2 * DAY), 1),
        ("squalomail schedule", "send-newsletter", readers, 0),
        ("gatormail initiate", "gatormail_initiateCampaign", lambda: launch(subject="Other"), 1),
        ("gatormail initiate", "gatormail_initiateCampaign", lambda: launch(initiate=False), 0),
        ("gatormail initiate", "gatormail_initiateCampaign", buyers, 0),
    ],
)
def test_what_a_killed_run_launched_is_ours_to_change(
    story: str, operation: str, other: Callable[[], Desired], left: int, tmp_path: Path
) -> None:
    folder = copied(whole(story).start, tmp_path / "killed")
    assert killed(folder, story, lambda _, what: what == f"after {operation}")
    account = account_in(folder)
    assert queued(account).total() == 1
    code, events, _ = account.apply(other(), Rights(frozenset([Right.SEND]), deletes=100))
    assert code == 0, failures(events)
    assert not account.plan(other()).has_changes
    assert queued(account).total() == left
    account.close()


@pytest.mark.parametrize(
    ("story", "operation"),
    [("squalomail move", "cancel-sending-newsletter"), ("gatormail move", "gatormail_uninitiateCampaign")],
)
def test_what_a_killed_run_took_back_is_no_outside_edit(story: str, operation: str, tmp_path: Path) -> None:
    folder = copied(whole(story).start, tmp_path / "killed")
    assert killed(folder, story, lambda _, what: what == f"after {operation}")
    account = account_in(folder)
    assert not queued(account).total()
    converges(account, story, "taken back, and killed")
    account.close()
