"""Objects of the natural keys that a run makes objects with: those before it, and those nobody has after it."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from reconcile.engine.intents import bound_ids
from reconcile.engine.refresh import Clients, find
from reconcile.errors import Diagnostic
from reconcile.model.address import Address
from reconcile.model.call import Retry
from reconcile.model.kind import Kind, Wanted
from reconcile.model.registry import Registry
from reconcile.model.resource import RemoteObject
from reconcile.planner.plan import Plan, Step
from reconcile.state.state import State
from reconcile.state.store import LockedState


def matches_before(plan: Plan, state: State, registry: Registry, clients: Clients) -> dict[Address, tuple[str, ...]]:
    """For steps that make something, the unbound objects that have its natural key already, in few reads."""
    return {
        step.address: tuple(found.id for found in there)
        for step, _, there in _unbound(plan, plan.steps.keys(), state, registry, clients)
    }


@dataclass(frozen=True, slots=True)
class Twins:
    """What is to be told of objects that came up beside those made, and which of them were bound in their place."""

    told: Mapping[Address, Diagnostic]
    bound: frozenset[Address]


def settle_twins(
    plan: Plan,
    written: Collection[Address],
    before: Mapping[Address, tuple[str, ...]],
    locked: LockedState,
    registry: Registry,
    clients: Clients,
    vanished: Collection[Address] = (),
) -> Twins:
    """For objects that were made, those of the same key and content that came up meanwhile and that nobody has.

    A request that was delivered twice makes two. Which one is to stay, and whether the other is somebody else's, is for
    a person to say. Where the one that an answer named is not there (``vanished``) and one other is, the answer was
    another's, and the other is what was made: it is put on record, so that the next run does not make it again.
    """
    state = locked.state
    findings: dict[Address, Diagnostic] = {}
    bound: set[Address] = set()
    for step, kind, there in _unbound(plan, written, state, registry, clients):
        kept = state.resources.get(step.address)
        new = [found.id for found in there if found.id not in before.get(step.address, ())]
        twins = [found.id for found in there if found.id in new and kept and kind.matches(kept.attributes, found)]
        if kept is not None and len(twins) == 1 and step.address in vanished:
            locked.put(step.address, replace(kept, id=twins[0]), done=True)
            bound.add(step.address)
            findings[step.address] = _named_another(step.address, kept.id, twins[0])
        elif kept is not None and twins:
            findings[step.address] = _made_twice(step.address, kept.id, twins)
    return Twins(findings, frozenset(bound))


def _unbound(
    plan: Plan, addresses: Collection[Address], state: State, registry: Registry, clients: Clients
) -> Iterator[tuple[Step, Kind, list[RemoteObject]]]:
    """Steps that make something, and the objects of its natural key that no address is bound to."""
    wanted: dict[tuple[str, str], list[Step]] = defaultdict(list)
    for address in addresses:
        step, operations = plan.steps[address], registry.operations(address.provider)
        if registry.kind(address).singleton:
            continue  # always there, so never made
        if step.key is not None and any(operations[call.operation].retry is Retry.LOOKUP for call in step.calls):
            wanted[address.provider, address.kind].append(step)
    for (provider, _), steps in wanted.items():
        kind = registry.kind(steps[0].address)
        bound = bound_ids(steps[0].address, state, registry)
        keys = frozenset(step.key for step in steps if step.key is not None)
        there: dict[object, list[RemoteObject]] = defaultdict(list)
        for id_, found in find(kind, clients[provider], Wanted(keys=keys)).items():
            if id_ not in bound:
                there[kind.key(found.attributes)].append(found)
        for step in steps:
            yield step, kind, there[step.key]


def _named_another(address: Address, named: str, made: str) -> Diagnostic:
    return Diagnostic(
        "named-another",
        "an answer named another object",
        f"The platform named id {named} for what it made, and there is no such object. What was made has the id {made} "
        "by its name and content; that is on record now.",
        address=str(address),
        hint="Plan again to see whether all is as declared.",
    )


def _made_twice(address: Address, ours: str, twins: Collection[str]) -> Diagnostic:
    named = ", ".join(twins)
    return Diagnostic(
        "made-twice",
        "there are two",
        f"While it was made (id {ours}), another one like it came up (id {named}): the request was delivered twice, or "
        "somebody else made it. It is left as it is.",
        address=str(address),
        hint=f"Look at both in the web interface, and delete the one too many (most likely id {named}).",
    )
