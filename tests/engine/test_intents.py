"""Open intents: what was made is bound once, what was not is made by the next apply."""

import pytest

from reconcile.engine.intents import Ambiguous, settled
from reconcile.state.state import Intent, State
from tests.world import NOW, World, address

CONTENT = {"subject": "Twin", "body": "<p>twin</p>"}


def state_of(*names: str) -> State:
    """A state in which as many creates of one natural key have an unknown outcome."""
    intents = {
        address("campaign", name): Intent(
            address("campaign", name), "create-newsletter", key=("Twin",), attributes=CONTENT, started=NOW
        )
        for name in names
    }
    return State("lineage", intents=intents)


def outcomes(world: World, *names: str) -> list[str | None]:
    workspace = world.workspace
    found = settled(state_of(*names), workspace.registry, workspace.clients, workspace.patience)
    return [made.id if made is not None else None for made in found.values()]


def make(world: World) -> str:
    return str(world.api("create-newsletter", **CONTENT, language="IT")["newsletter"]["id"])


def test_one_object_is_one_intents_only() -> None:
    world = World()
    made = make(world)
    assert outcomes(world, "one", "two") == [made, None]


def test_nothing_made_is_nothing_bound() -> None:
    assert outcomes(World(), "one") == [None]


def test_several_that_may_be_it_are_nobodys() -> None:
    world = World()
    made = {make(world), make(world)}
    with pytest.raises(Ambiguous) as caught:
        outcomes(world, "one")
    assert all(id_ in str(caught.value) for id_ in made)
