"""Writes whose outcome is not known: look whether they happened, before anything else is done.

A create whose reply was lost is recognised by what has its natural key now, did not before, is bound to no address, and
has the same content. One such object is the one; none after the read-back delay means that it was not made.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from reconcile.engine.refresh import Clients, find
from reconcile.errors import ApiError
from reconcile.model.account import Account
from reconcile.model.address import Address
from reconcile.model.attributes import references
from reconcile.model.bulk import BulkKind
from reconcile.model.kind import Kind, Wanted
from reconcile.model.registry import Registry
from reconcile.model.resource import Applied, RemoteObject
from reconcile.state.state import Intent, State

WAITS = (0.0, 1.0, 3.0)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and after which waits (seconds) to look for something just written; the platform promises no delay."""

    waits: Sequence[float] = WAITS
    sleep: Callable[[float], None] = time.sleep


class Ambiguous(ApiError):
    """Several objects may be the one that was made."""

    code = "outcome-ambiguous"


def account_of(address: Address, state: State) -> Account | str:
    """Whose objects an address's are: several aliases may open one account."""
    return state.accounts.get(address.provider, address.provider)


def bound_ids(address: Address, state: State, registry: Registry) -> set[str]:
    """The ids in the state that an object of the address's kind can't have: those of objects read with its kind."""
    collection, account = registry.kind(address).collection.name, account_of(address, state)
    return {
        id_
        for other, kept in state.resources.items()
        if account_of(other, state) == account and registry.kind(other).collection.name == collection
        for id_ in (kept.id, *kept.deposed)
    }


def look_up(
    intent: Intent, bound: Collection[str], registry: Registry, clients: Clients, patience: Patience
) -> str | None:
    """The id of the object that the intended create made; None if it made none.

    ``bound`` are the ids in the state, which are not it.

    Raises:
        Ambiguous: several match.
    """
    kind = registry.kind(intent.address)
    wanted = Wanted(keys=frozenset([intent.key]) if intent.key is not None else frozenset())
    for wait in patience.waits:
        patience.sleep(wait)
        objects = find(kind, clients[intent.address.provider], wanted)
        new = [found for found in objects.values() if found.id not in intent.before and found.id not in bound]
        made = [found.id for found in new if kind.matches(intent.attributes, found)]
        if len(made) > 1 and (mark := kind.mark(intent.address)) is not None:
            made = [id_ for id_ in made if kind.marked(objects[id_]) == mark] or made
        if len(made) > 1:
            raise Ambiguous(
                f"{intent.operation} was interrupted, and {len(made)} objects may be what it made: ids "
                f"{', '.join(made)}. Nothing is done to this entry until that is settled.",
                hint=f"Delete the ones too many in the web interface, or bind the right one: "
                f"reconcile import {intent.address} ID",
                address=str(intent.address),
            )
        if made:
            return made[0]
        if alike := [found for found in new if kind.key(found.attributes) != intent.key]:
            raise _lookalikes(intent, kind, alike)
    return None


def _lookalikes(intent: Intent, kind: Kind, found: Sequence[RemoteObject]) -> Ambiguous:
    """Something new that merely looks like what was to be made: the platform may have rewritten the text."""
    wanted = " / ".join(map(str, intent.key or ()))
    named = ", ".join(f'"{" / ".join(map(str, kind.key(one.attributes) or ()))}" (id {one.id})' for one in found)
    return Ambiguous(
        f"{intent.operation} was interrupted, and {named} is new and looks like what it was to make "
        f'("{wanted}"). Nothing is done to this entry until that is settled.',
        hint=f"If it is this entry's: reconcile import {intent.address} {found[0].id}. If it is not, delete it, or "
        f"rename it, in the web interface.",
        address=str(intent.address),
    )


def settled(state: State, registry: Registry, clients: Clients, patience: Patience) -> dict[Address, Applied | None]:
    """What the open intents came to: the object made or written, bound to its address; None where nothing was done."""
    outcome: dict[Address, Applied | None] = {}
    taken: dict[tuple[str, str], set[str]] = defaultdict(set)
    for address, intent in state.intents.items():
        if isinstance(registry.kind(address), BulkKind):
            continue  # waited for under the lock, see ``engine.bulk``
        if registry.operations(address.provider)[intent.operation].returns is None:
            outcome[address] = _as_done(intent, state.resources.get(address), registry, clients)
            continue
        place = (address.provider, registry.kind(address).collection.name)
        bound = bound_ids(address, state, registry) | taken[place]
        made = look_up(intent, bound, registry, clients, patience)
        outcome[address] = None if made is None else as_applied(intent, made, state.resources.get(address))
        if made is not None:
            taken[place].add(made)  # by this one, so by no other
    return outcome


def _as_done(intent: Intent, kept: Applied | None, registry: Registry, clients: Clients) -> Applied | None:
    """What the state holds once a write about an existing object is seen to have been made; None if it is not seen.

    It was this project that launched the object, or took it back; what is still to be done is decided by the plan.
    """
    if kept is None or intent.id != kept.id or not intent.attributes:
        return None
    kind = registry.kind(intent.address)
    live = find(kind, clients[intent.address.provider], Wanted(frozenset([kept.id]))).get(kept.id)
    if live is None or not kind.holds(live, intent.attributes):
        return None
    return replace(kept, attributes={**kept.attributes, **intent.attributes})


def with_settled(state: State, outcome: Mapping[Address, Applied | None]) -> State:
    """The state as it is once the outcomes are recorded."""
    resources = {**state.resources, **{address: made for address, made in outcome.items() if made is not None}}
    left = {address: intent for address, intent in state.intents.items() if address not in outcome}
    return replace(state, resources=resources, intents=left)


def as_applied(intent: Intent, id_: str, former: Applied | None) -> Applied:
    """What the state holds for an object found to be an intent's; the former one, if any, is still to be deleted."""
    made = Applied(id_, intent.attributes, dependencies=tuple(sorted(set(references(intent.attributes)))))
    if former is None:
        return made
    deposed = tuple(dict.fromkeys((former.id, *former.deposed))) if intent.id is not None else former.deposed
    return replace(made, prevent_destroy=former.prevent_destroy, deposed=deposed)
