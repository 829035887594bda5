"""Dependency order: what is made before what, and what is removed after what."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter

from reconcile.model.address import Address
from reconcile.model.bulk import BulkKind
from reconcile.model.registry import Registry
from reconcile.planner.plan import Plan, Step


class Phase(StrEnum):
    """The parts of a step: its stops, its calls, and its removals once nothing refers to the object any more."""

    STOP = "stop"
    APPLY = "apply"
    REMOVE = "remove"


Node = tuple[Address, Phase]
Graph = dict[Node, set[Node]]


def in_order(dependencies: Mapping[Address, tuple[Address, ...]]) -> list[Address]:
    """The addresses, each after those it depends on; dependencies on others are ignored.

    Raises:
        graphlib.CycleError: there is none such order.
    """
    sorter = TopologicalSorter(
        {address: [on for on in ons if on in dependencies] for address, ons in dependencies.items()}
    )
    return list(sorter.static_order())


def people_first(steps: Mapping[Address, Step], registry: Registry) -> dict[Address, Step]:
    """The steps, those that hand mail over for sending coming after those that bring the people it goes to.

    Nobody is to be left out because the mail was handed over before them; and a platform may refuse to send to nobody.
    """
    bringing: dict[Address, list[Address]] = defaultdict(list)
    for address, step in steps.items():
        if step.writes and isinstance(registry.kind(address), BulkKind):
            for target in step.dependencies:
                bringing[target].append(address)
    return {
        address: replace(step, dependencies=tuple(sorted({*step.dependencies, *waits_for})))
        if any(call.due is not None for call in step.calls)
        and (waits_for := [on for target in step.dependencies for on in bringing.get(target, ())])
        else step
        for address, step in steps.items()
    }


def graph(plan: Plan) -> Graph:
    """For each part of each step with something to do, the parts that come before it.

    A stop waits for nothing, and stands first. What a resource refers to is made before it; an object is removed after
    all that refer to it, or did, have been re-pointed, and after those that did have been removed. A replacement's
    former object is removed last of its step.
    """
    steps = plan.steps
    nodes: Graph = {(address, Phase.STOP): set() for address, step in steps.items() if step.stops}
    for address, step in steps.items():
        nodes[address, Phase.APPLY] = {(on, Phase.APPLY) for on in step.dependencies if on in steps}
        if step.stops:
            nodes[address, Phase.APPLY].add((address, Phase.STOP))
        if step.removals:
            nodes[address, Phase.REMOVE] = {(address, Phase.APPLY)}
    removal_order = _removal_order(steps)
    for address, step in steps.items():
        for on in {*step.dependencies, *step.former_dependencies}:
            if (on, Phase.REMOVE) in nodes and on != address:
                nodes[on, Phase.REMOVE].add((address, Phase.APPLY))
        for on in removal_order.get(address, ()):
            nodes[on, Phase.REMOVE].add((address, Phase.REMOVE))
    return nodes


def _removal_order(steps: Mapping[Address, Step]) -> dict[Address, set[Address]]:
    """For each removed address, the removed ones that it formerly depended on and that go after it."""
    removed = {address for address, step in steps.items() if step.removals}
    order: dict[Address, set[Address]] = defaultdict(set)
    for address in removed:
        order[address] = {on for on in steps[address].former_dependencies if on in removed and on != address}
    try:
        TopologicalSorter(order).prepare()
    except CycleError:
        # Partial applies can leave references that go round in the state; any order is as good as another then.
        return {}
    return order
