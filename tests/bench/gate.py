"""What the gate costs: 1,000 schedules at five calls a second, and the calls that they take for its sake alone."""

import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from reconcile.engine import gate
from reconcile.engine.run import Rights
from reconcile.planner.plan import Right
from tests.world import HOMES, NOW, World, declared, failures, ref, resource

COUNT = 1_000
PACE = 5.0  # calls a second
GOAL = 1.6
ALL = Rights(frozenset(Right), deletes=9)


def main() -> int:
    """Print the figures; 1 where the goal is missed."""
    with tempfile.TemporaryDirectory() as folder:
        HOMES["folder"] = Path(folder)
        world = World(may_send=True)
        world.workspace = replace(world.workspace, paces={"squalomail": PACE})
        _apply(world, None)
        counted = _Counted(world)
        _apply(world, datetime.fromtimestamp(NOW + 2 * 86_400, UTC).isoformat())
        world.close()
    without = counted.calls - counted.of_the_gate
    share = counted.calls / without
    print(
        f"{COUNT:,} schedules at {PACE:g} calls a second: {counted.calls:,} calls ({counted.writes:,} writes), of "
        f"which the gate reads {counted.of_the_gate:,}; {share:.2f} times the calls without it; "
        f"{counted.calls / PACE / 60:.0f} minutes"
    )
    return int(share > GOAL)


def _apply(world: World, schedule: str | None) -> None:
    lists = (ref("list", "a"),)
    campaigns = (
        resource(
            "campaign",
            f"c{number}",
            {"subject": f"Mail {number}", "body": f"<p>{number}</p>", "lists": lists, "schedule": schedule},
        )
        for number in range(COUNT)
    )
    code, events, _ = world.apply(declared(resource("list", "a", {"name": "A"}), *campaigns), ALL)
    if code:
        raise SystemExit(f"the apply ended with {code}: {failures(events)[:3]}")


class _Counted:
    """Counts calls, and those made while a ticket is shown; each takes its turn at the pace, by a clock of ours."""

    def __init__(self, world: World) -> None:
        self.calls = self.writes = self.of_the_gate = 0
        self._inside = False
        handle, show = world.sandbox.handle, gate._Ticket.show

        def counted(request: httpx.Request) -> httpx.Response:
            world.now += 1 / PACE
            self.calls += 1
            self.of_the_gate += self._inside
            self.writes += "get-" not in request.url.path
            return handle(request)

        def shown(ticket: Any) -> None:
            self._inside = True
            try:
                show(ticket)
            finally:
                self._inside = False

        world.proxy = counted
        gate._Ticket.show = shown  # type: ignore[method-assign]
        world.workspace = replace(world.workspace, parallelism=1)


if __name__ == "__main__":
    raise SystemExit(main())
