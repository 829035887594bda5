"""An apply killed at any boundary: one more apply converges; nothing is lost, made twice or scheduled twice.

Each case forks a process that kills itself, with SIGKILL, at the n-th boundary: before and after each call, and before
and after each fsync and rename of the state. ``make chaos`` goes through all of them and prints how many there were;
the tests take some.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from reconcile.model.address import Address
from reconcile.model.resource import Resource
from tests.engine import test_faults as faults
from tests.engine import test_schedule as schedules
from tests.engine.test_schedule import ALL, DAY
from tests.world import NOW, World, declared, failures, resource

EVERY = 1 if os.environ.get("CHAOS") else 7

Desired = Callable[[], dict[Address, Resource]]
STORIES: dict[str, tuple[Desired | None, Desired]] = {
    "create": (None, faults.first),
    "change": (faults.first, faults.second),
    "delete": (faults.first, dict),
    "schedule": (None, lambda: schedules.rendered(NOW + DAY, "1")),
    "move": (lambda: schedules.rendered(NOW + DAY, "1"), lambda: schedules.rendered(NOW + 2 * DAY, "1")),
    "replace": (lambda: schedules.rendered(NOW + DAY, "1"), lambda: schedules.rendered(NOW + 2 * DAY, "2")),
    "cancel": (
        lambda: schedules.campaign(NOW + DAY),
        lambda: declared(resource("list", "a", {"name": "A"})),
    ),
}


def apply(folder: Path, desired: Desired) -> None:
    world = World(folder=folder, may_send=True)
    code, events, _ = world.apply(desired(), ALL)
    assert code == 0, failures(events)
    assert not world.plan(desired()).has_changes
    world.close()


def killed_at(folder: Path, desired: Desired, number: int) -> bool:
    """Apply in a process of its own that kills itself at a boundary; False if it ended before that."""
    child = os.fork()
    if child == 0:
        try:
            _apply_until(folder, desired, number)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _apply_until(folder: Path, desired: Desired, number: int) -> None:
    passed = count(1)

    def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            _boundary()
            result = function(*arguments, **options)
            _boundary()
            return result

        return call

    def _boundary() -> None:
        if next(passed) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    world = World(folder=folder, may_send=True)
    world.client.send = guarded(world.client.send)  # type: ignore[method-assign]
    os.fsync = guarded(os.fsync)
    os.replace = guarded(os.replace)
    world.apply(desired(), ALL)


def planned_sends(world: World) -> int:
    return len(world.rows("Mail", "published==2"))


@pytest.mark.parametrize("story", STORIES)
def test_killed_at_any_boundary(story: str, tmp_path: Path) -> None:
    before, after = STORIES[story]
    expected = _expected(tmp_path / "whole", before, after)
    killed = 0
    for number in range(1, 1000, EVERY):
        folder = tmp_path / str(number)
        folder.mkdir()
        if before is not None:
            apply(folder, before)
        if not killed_at(folder, after, number):
            break
        killed += 1
        world = World(folder=folder, may_send=True)
        assert planned_sends(world) <= 1, f"boundary {number}"
        code, events, _ = world.apply(after(), ALL)
        assert code == 0, f"boundary {number}: {failures(events)}"
        assert not world.plan(after()).has_changes
        assert _inventory(world) == expected, f"boundary {number}"
        world.close()
    print(f"{story}: killed at {killed} boundaries; 0 lost, 0 made twice, 0 scheduled twice")
    assert killed >= 3


def _expected(folder: Path, before: Desired | None, after: Desired) -> Counter[str]:
    folder.mkdir()
    for desired in (before, after):
        if desired is not None:
            apply(folder, desired)
    world = World(folder=folder)
    found = _inventory(world)
    world.close()
    return found


def _inventory(world: World) -> Counter[str]:
    """What the account holds, by name, subject and send time."""
    found = Counter(f"list {row['name']}" for row in world.lists())
    found.update(f"mail {row['subject']} {row['body']} {row['senddate']}" for row in world.rows("Mail"))
    return found
