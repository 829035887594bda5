"""The data feed's options: one object, compared member by member, always sent whole."""

from typing import Any

import pytest

from reconcile.engine.run import Rights
from reconcile.model.address import Address
from reconcile.model.resource import Resource
from reconcile.planner.plan import Right
from tests.world import World, address, declared, failures, gator, shape

ADDRESS = address("datafeed", "main", "gatormail")
ON = dict.fromkeys(
    ("emailSent", "emailOpened", "linkClicked", "landingZoneHit", "fileDownloaded", "unsubscribed", "surveyAnswered",
     "bounced", "eventInvite"),
    True,
)  # fmt: skip


def datafeed(**attributes: Any) -> dict[Address, Resource]:
    return declared(gator("datafeed", "main", attributes))


def options(world: World) -> Any:
    return world.call("gatormail_getDatafeedOptions")


@pytest.mark.parametrize("semantics", ["replace", "merge"])
def test_what_is_not_declared_stays(semantics: str) -> None:
    world = World(gatormail={"put_semantics": semantics})
    world.person("ui/options", {"batchSize": 7, "feeds": {"bounced": False}}, "PUT")
    desired = datafeed(feeds={"emailOpened": False, "linkClicked": True})
    made = world.plan(desired)
    assert shape(made) == {str(ADDRESS): "update"}
    assert [change.name for change in made.steps[ADDRESS].changes] == ["feeds.emailOpened"]
    code, events, _ = world.apply(desired)
    assert code == 0, failures(events)
    assert options(world) == {"batchSize": 7, "feeds": ON | {"bounced": False, "emailOpened": False}}
    assert not shape(world.plan(desired))
    assert world.writes() == ["gatormail_postDatafeedOptions"]


def test_an_outside_edit_is_drift_of_one_feed() -> None:
    world = World()
    desired = datafeed(batchSize=50, feeds={"emailOpened": False, "bounced": True})
    assert world.apply(desired)[0] == 0
    world.person("ui/options", {"feeds": {"bounced": False, "eventInvite": False}}, "PUT")
    step = world.plan(desired).steps[ADDRESS]
    assert [(change.name, change.cause.value) for change in step.changes] == [("feeds.bounced", "edited outside")]
    assert [need.right for need in step.requires] == [Right.OVERWRITE_DRIFT]
    assert world.apply(desired)[0] == 3
    assert world.apply(desired, Rights(frozenset([Right.OVERWRITE_DRIFT])))[0] == 0
    assert options(world) == {"batchSize": 50, "feeds": ON | {"emailOpened": False, "eventInvite": False}}


def test_what_people_change_while_a_plan_waits_is_not_overwritten() -> None:
    world = World()
    made = world.plan(datafeed(batchSize=50))
    world.person("ui/options", {"feeds": {"bounced": False}}, "PUT")
    events = world.apply_saved(datafeed(batchSize=50), made)[1]
    assert events[-1].exit_code == 4
    assert options(world)["feeds"]["bounced"] is False


def test_removing_the_entry_forgets_it() -> None:
    world = World()
    world.apply(datafeed(batchSize=50))
    assert shape(world.plan({})) == {str(ADDRESS): "forget"}
    assert world.apply({})[0] == 0
    assert options(world)["batchSize"] == 50
    assert not world.plan({}).steps


@pytest.mark.parametrize("fault", ["drop-after", "drop-before", "500", "truncate"])
def test_a_lost_reply(fault: str) -> None:
    world = World(faults=(f"{fault}:gatormail_postDatafeedOptions:n=1",))
    assert world.apply(datafeed(batchSize=50))[0] == 0
    assert options(world)["batchSize"] == 50
