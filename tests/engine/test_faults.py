"""Every fault at every call of an apply: one more apply converges, and each object is there once.

``make chaos`` has every kind of fault at every call; the tests have every write, and every other read, with one kind.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconcile.engine.run import Event, Outcome
from reconcile.engine.workflow import apply, outcome_code, plan, settle
from reconcile.errors import ReconcileError
from tests.budget import CHAOS
from tests.engine.stories import STORIES, Account, account_in, converges, copied, squalo_first, whole
from tests.engine.test_schedule import ALL
from tests.world import OVERWRITE, World

KINDS = (
    "refuse",
    "drop-before",
    "drop-after",
    "timeout",
    "truncate",
    "empty",
    "null",
    "html",
    "500",
    "401",
    "403",
    "429:after=0",
    "503:after=0",
)
REFUSED = 7


def _calls(kind: str, story: str) -> Iterator[int]:
    """The calls to disturb, counted from 1: each gets another kind than the one before it."""
    calls = range(1, whole(story).calls + 1)
    own = KINDS.index(kind)
    if CHAOS:
        return iter(calls)
    writes = whole(story).writes
    return (
        call for call in calls if call % len(KINDS) == own and (call in writes or call // len(KINDS) % 2 == own % 2)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("story", STORIES)
def test_every_fault_at_every_call(story: str, kind: str, tmp_path: Path) -> None:
    for call in _calls(kind, story):
        what = f"{story}, {kind} at call {call}"
        folder = copied(whole(story).start, tmp_path / str(call))
        account = account_in(folder)
        account.clear_log()
        account.sandbox.faults.set([f"{kind}:n={call}"])
        code = apply_story(account, story)
        log = account.log()
        hit = next((entry for entry in log if entry["fault"]), None)
        assert hit is not None, what
        if kind in ("401", "403"):
            assert code == _refused_code(kind, hit, log), (what, hit["function"])
        account.close()
        account = account_in(folder)  # another process: a refused login is not tried twice by one
        converges(account, story, what)
        account.close()


def apply_story(account: Account, story: str) -> int:
    """Apply, and give the exit code that the command would end with."""
    events: list[Event] = []
    try:
        with account.store.lock("test") as locked:
            settle(account.workspace, locked)
            made = plan(account.workspace, STORIES[story].after(), locked.state)
            for event in apply(account.workspace, locked, made, ALL):
                events.append(event)  # noqa: PERF402 - those before an error count
    except ReconcileError as error:
        return 6 if any(event.written for event in events) else error.exit_code
    return outcome_code(events)


def _refused_code(kind: str, hit: dict[str, Any], log: list[dict[str, Any]]) -> int:
    """How a run ends whose credentials are refused once."""
    if kind == "401" and hit["function"].startswith("gatormail_"):
        return 0  # the token may have ended: another one is got, and the call made with it
    wrote = any(entry["write"] and entry["performed"] for entry in log)
    return 6 if wrote else REFUSED


def test_a_persistent_fault_leaves_the_rest_done() -> None:
    world = World(faults=("500:create-list",))
    code, events, _ = world.apply(squalo_first(), OVERWRITE)
    ends = {event.step.address.name: event.outcome for event in events if event.outcome}
    assert code == 6
    assert ends == {
        "a": Outcome.FAILED,
        "gone": Outcome.FAILED,
        "t": Outcome.APPLIED,
        "made": Outcome.NOT_ATTEMPTED,
        "own": Outcome.NOT_ATTEMPTED,
        "twin-1": Outcome.APPLIED,
        "twin-2": Outcome.APPLIED,
    }
