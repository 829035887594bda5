"""Safeguards that were once taken out by hand without any test noticing; the rest of them are cases of the planner."""

from typing import Any

import pytest

from reconcile.engine.run import Outcome
from reconcile.engine.workflow import apply, check_record, plan
from reconcile.errors import LockHeld, PlanStale, ReconcileError
from reconcile.model.call import Call
from reconcile.providers.squalomail.reading import PAGE_SIZE, list_pages
from tests.world import FREELY, NO_RIGHTS, World, declared, failures, resource

NEWS = declared(resource("list", "news", {"name": "News", "color": "#111111"}))


def test_a_plan_serves_until_it_expires_and_no_longer() -> None:
    world = World()
    saved = world.plan(NEWS)
    check_record(saved, "default", saved.expires)
    with pytest.raises(PlanStale, match="expired"):
        check_record(saved, "default", saved.expires + 1)


@pytest.mark.parametrize("count", [PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 2 * PAGE_SIZE + 1])
def test_lists_are_read_to_the_last_page(count: int) -> None:
    world = World()
    for number in range(count):
        world.api("create-list", name=f"L{number}", published=False)
    assert len(list(list_pages(world.client))) == count


def test_who_lost_the_lock_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    with world.store.lock("test") as locked:
        shown = plan(world.workspace, NEWS, locked.state)
        asked: list[str] = []

        def lost() -> None:
            asked.append("confirm")
            raise LockHeld("Somebody else holds it now.")

        monkeypatch.setattr(type(locked), "confirm", lambda self, **asked: lost())
        with pytest.raises(ReconcileError, match="Somebody else"):
            list(apply(world.workspace, locked, shown, NO_RIGHTS))
    assert asked
    assert not world.writes()


def test_what_the_read_back_finds_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform, or a person, that changes what was written before it is read back."""
    world = World()
    send = world.client.send

    def sent_and_changed(call: Call, *ticket: Any) -> Any:
        answer = send(call, *ticket)
        if call.operation == "create-list":
            made = answer["list"]["id"]
            send(Call("update-list", {"id": made, "name": "News", "published": False, "color": "#222222"}), FREELY)
        return answer

    monkeypatch.setattr(world.client, "send", sent_and_changed)
    code, events, _ = world.apply(NEWS)
    assert code == 6
    assert events[-1].outcome is Outcome.FAILED
    assert any("color" in line for line in failures(events))
