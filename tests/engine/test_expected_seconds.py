"""How long an apply is expected to take: from the plan's writes and reads, at the accounts' pace."""

from dataclasses import replace
from datetime import UTC

from reconcile.engine.workflow import expected_seconds, plan
from reconcile.report.to_terminal import render
from tests.world import NOW, World, declared, resource


def test_the_slowest_account_counts() -> None:
    world = World()
    desired = declared(*(resource("list", f"l{number}", {"name": f"L{number}"}) for number in range(20)))
    made = world.plan(desired)
    reads = {"squalomail": 5, "gatormail": 100}
    assert expected_seconds(made, reads, {"squalomail": 2.0, "gatormail": 1.0}) == (20 + 2 * 5) / 2
    assert expected_seconds(made, reads, {"squalomail": 0.0}) == 0.0
    assert expected_seconds(world.plan({}), reads, {"squalomail": 2.0}) == 0.0


def test_the_plan_says_it() -> None:
    world = World()
    desired = declared(*(resource("list", f"l{number}", {"name": f"L{number}"}) for number in range(20)))
    paced = replace(world.workspace, paces={"squalomail": 0.1})
    made = plan(paced, desired, None)
    assert made.seconds == (20 + 2 * made.reads) / 0.1
    minutes = round(made.seconds / 60)
    assert f"expected to take about {minutes} minutes" in render(made, color=False, now=NOW, zone=UTC)
