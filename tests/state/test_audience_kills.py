"""A run that is killed while it keeps what it did to people: whatever it had noted, nobody comes back who may not.

In each case a process kills itself, with SIGKILL, before or after a write to the platform, a segment that is
written or deleted, or a commit of the state. ``make chaos`` kills at every boundary, the tests at some.
"""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from reconcile.providers.audience import memory
from reconcile.state.journal import Recording
from reconcile.state.segments import Sealed
from tests.budget import CHAOS
from tests.crowd import Crowd
from tests.state.conftest import LEASE, Backend, Servers, make_backend
from tests.state.test_audience_memory import DESIRED, ROWS, applied, clone, number, there

LATER = [*ROWS[:7], ("p8@example.com", "P"), ("p9@example.com", "P")]  # p7 is taken off
EVERYBODY = [*ROWS, *LATER[-2:]]
# Of 46 boundaries: a segment is not named yet, former ones are not deleted, somebody is taken off, and that is kept.
SAMPLE = (2, 5, 22, 26, 31)


@pytest.mark.parametrize("kind", ["local", "s3", "postgresql"])
def test_what_is_remembered_survives_a_kill_at_any_boundary(kind: str, all_servers: Servers, tmp_path: Path) -> None:
    ends = Counter[str]()
    for at in count(1) if CHAOS else SAMPLE:
        folder = tmp_path / str(at)
        folder.mkdir()
        backend = make_backend(kind, all_servers, folder)
        _decided(folder, backend)
        passed = _killed(folder, backend, at)
        if passed is None:
            break
        what = passed[-1]
        ends[what] += 1
        world = Crowd(folder=folder)
        _released(world, backend)
        for rows in (LATER, EVERYBODY):
            clone(world, backend)
            assert applied(world, rows) == 0, what
        # Whether it was us who took somebody off is not known until it is kept: who may have left by themselves, stays.
        unsure = {"p7@example.com"} if _in_doubt(passed) else set()
        assert {email for email, _ in EVERYBODY[2:]} - there(world) <= unsure, what
        assert there(world) <= {email for email, _ in EVERYBODY[2:]}, what
        assert "p0@example.com" not in world.people(), what
        assert not world.people()["p2@example.com"]["gdpr_can_send"], what
        clone(world, backend)
        assert world.settled(DESIRED), what
        named = {segment.name for found in _memories(world) for segment in found.segments}
        assert named, what
        world.close()
    print(f"{kind}: {dict(ends)}")  # noqa: T201
    assert ends.total() >= len(SAMPLE)
    assert not CHAOS or ends.keys() >= {f"{when} {what}" for when in ("before", "after") for what in KEEPING}


def _in_doubt(passed: list[str]) -> bool:
    """Whether the run died after a call that took somebody off, and before that was kept."""
    if "before unsubscribe-recipient" not in passed:
        return False
    return "after state committed" not in passed[passed.index("before unsubscribe-recipient") :]


KEEPING = ("segment written", "segment deleted", "state committed")


def _memories(world: Crowd) -> list[Any]:
    state = world.store.read()
    assert state is not None
    return list(state.memories.values())


def _decided(folder: Path, backend: Backend) -> None:
    """People are brought in by several runs; then one is deleted, one leaves and one refuses."""
    world = Crowd(folder=folder)
    clone(world, backend)
    for rows in (ROWS[:4], ROWS[:6], ROWS):
        assert applied(world, rows) == 0
    news = int(world.lists()[0]["id"])
    world.api("delete-recipient", recipientId=number(world, "p0@example.com"))
    world.api("unsubscribe-recipient", recipientId=number(world, "p1@example.com"), listIds=[news], accept=0)
    refuses = number(world, "p2@example.com")
    world.api("revoke-gdpr-consent", recipientId=refuses, consentTitle="gdpr_can_send", language="it")
    world.close()


def _released(world: Crowd, backend: Backend) -> None:
    """Wait until the killed run's lock has ended."""
    with backend.store().lock("test", timeout=LEASE * 1.5 + 5.0):
        pass
    clone(world, backend)


class _Boundaries:
    """Kills this process at one of the boundaries that it passes."""

    def __init__(self, at: int) -> None:
        self._left = at

    def guarded(self, function: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self._passed(f"before {name(*arguments)}")
            result = function(*arguments, **options)
            self._passed(f"after {name(*arguments)}")
            return result

        return call

    def _passed(self, what: str) -> None:
        self._left -= 1
        os.write(1, f"{what}\n".encode())
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _killed(folder: Path, backend: Backend, at: int) -> list[str] | None:
    """Apply in a process of its own that kills itself at a boundary: those it passed; None if it ended before that."""
    program = "import sys; from tests.state.test_audience_kills import apply_until; apply_until(*sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", program, folder, backend.url, str(at)], stdout=subprocess.PIPE, check=False, text=True
    )
    if done.returncode == -signal.SIGKILL:
        return done.stdout.splitlines()
    assert done.returncode == 0, "the apply must succeed where nothing kills it"
    return None


def apply_until(folder: str, url: str, at: str) -> None:
    """The process that dies."""
    boundaries = _Boundaries(int(at))
    memory._MANY = 2  # type: ignore[misc]  # so that segments are written as one, and the former ones deleted
    for owner, name, what in (
        (Sealed, "write", "segment written"),
        (Sealed, "delete", "segment deleted"),
        (Recording, "remember", "state committed"),
    ):
        setattr(owner, name, boundaries.guarded(getattr(owner, name), lambda *_, what=what: what))
    world = Crowd(folder=Path(folder))
    clone(world, Backend("", url, True, lambda: b""))
    send = world.client.send
    writing = boundaries.guarded(send, lambda call, *_: call.operation)

    def sent(call: Any, *ticket: Any) -> Any:
        return (writing if ticket and ticket[0] is not None else send)(call, *ticket)

    world.client.send = sent  # type: ignore[method-assign]
    assert applied(world, LATER) == 0
    world.close()
