"""Bind an existing object to an address; nothing remote changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconcile.engine.refresh import find, refresh
from reconcile.engine.workflow import Workspace, check_accounts
from reconcile.errors import Diagnostic, InvalidInput
from reconcile.model.address import Address
from reconcile.model.attributes import condensed, digest_text, references
from reconcile.model.kind import Kind, Wanted, rules
from reconcile.model.resource import Applied, RemoteObject, Resource
from reconcile.planner.diff import as_references
from reconcile.state.store import LockedState


@dataclass(slots=True)
class Adoption:
    """What adopt found: the objects bound by address, addresses without a match, and what could not be decided."""

    bound: dict[Address, str] = field(default_factory=dict)
    unmatched: list[Address] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)


def import_object(workspace: Workspace, locked: LockedState, resource: Resource, id_: str) -> None:
    """Bind the object with an id to a declared resource.

    Raises:
        InvalidInput: the address or the object is bound already, or there is no such object.
    """
    address = resource.address
    state = locked.state
    kind = workspace.registry.kind(address)
    former = state.resources.get(address)
    if former is not None and (former.id == id_ or _is_there(workspace, address, former.id)):
        raise InvalidInput(
            f"{address} is bound already, to id {former.id}.",
            hint=f"If another object is meant: reconcile state rm {address}, then reconcile import {address} {id_}",
            address=str(address),
        )
    accounts = check_accounts(workspace, state, {address.provider, *state.accounts} & workspace.clients.keys())
    _refuse_if_bound(workspace, locked, kind, address, id_)
    live = None
    if id_.isdigit() or kind.singleton:
        live = find(kind, workspace.clients[address.provider], Wanted(frozenset([id_]))).get(id_)
    if live is None:
        raise InvalidInput(
            f"The account has no {kind.kind} with the id {id_}.",
            hint="The id is in the web interface's address line.",
            address=str(address),
        )
    locked.account({**state.accounts, **accounts})
    locked.put(address, adopted(resource, kind, live, _ids(locked)))


def adopt(workspace: Workspace, locked: LockedState, desired: Mapping[Address, Resource]) -> Adoption:
    """Bind each declared resource that is not in the state to the one object that matches its natural key."""
    state = locked.state
    adoption = Adoption()
    aliases = {address.provider for address in desired}
    if not aliases:
        return adoption
    accounts = {**state.accounts, **check_accounts(workspace, state, aliases)}
    seen = refresh(desired, state.resources, workspace.registry, workspace.clients)
    candidates = seen.candidates
    # What is bound to an object that is gone may be bound to the one that has taken its place.
    unbound = {
        address: resource
        for address, resource in desired.items()
        if address not in state.resources or (address not in seen.live and candidates.get(address))
    }
    if not unbound:
        return adoption
    if accounts != dict(state.accounts):
        locked.account(accounts)
    # References are told from ids once what they refer to is bound, so lists come before campaigns.
    taken: set[tuple[str, str, str]] = set()
    for address in sorted(unbound, key=lambda address: _turn(workspace, unbound[address], candidates.get(address, ()))):
        kind = workspace.registry.kind(address)
        matching = [
            found
            for found in candidates.get(address, ())
            if (address.provider, kind.collection.name, found.id) not in taken
        ]
        chosen = _chosen(unbound[address], kind, matching)
        if chosen is not None:
            locked.put(address, adopted(unbound[address], kind, chosen, _ids(locked)))
            adoption.bound[address] = chosen.id
            taken.add((address.provider, kind.collection.name, chosen.id))
        elif matching:
            adoption.findings.append(_ambiguous(unbound[address], kind, matching))
        else:
            adoption.unmatched.append(address)
    return adoption


def adopted(resource: Resource, kind: Kind, live: RemoteObject, ids: Mapping[tuple[str, str, str], Address]) -> Applied:
    """What the state holds for an adopted object: what is live of what is declared; the rest is unknown.

    Of a text that can't be read it holds, as if it had been seen, what was declared: another one is a change later on.
    """
    attributes = {}
    for name, rule in rules(kind.spec).items():
        if name not in resource.attributes or not rule.readable or name not in live.attributes:
            continue
        if name in resource.ignore_changes:
            continue
        value = live.attributes[name]
        if rule.refers is not None:
            value = as_references(resource.address, rule.refers, value, ids)
        attributes[name] = condensed(value) if rule.text else value
    return Applied(
        live.id,
        attributes,
        dependencies=_refers(resource),
        prevent_destroy=resource.prevent_destroy,
        external=resource.external,
        created=False,
        observed={
            name: digest_text(str(resource.attributes[name]))
            for name, rule in rules(kind.spec).items()
            if rule.text and not rule.readable and name in resource.attributes and name not in resource.ignore_changes
        },
    )


def _turn(workspace: Workspace, resource: Resource, candidates: Sequence[RemoteObject]) -> tuple[bool, bool, bool]:
    """When an entry is bound: after what it refers to, and those whose objects carry their mark before namesakes."""
    kind = workspace.registry.kind(resource.address)
    mark = kind.mark(resource.address) if candidates else None
    marked = mark is not None and any(kind.marked(found) == mark for found in candidates)
    refers = any(rule.refers is not None for rule in rules(kind.spec).values())
    return refers, not marked, bool(_refers(resource))


def _chosen(resource: Resource, kind: Kind, matching: list[RemoteObject]) -> RemoteObject | None:
    """The one object that matches; among several of one name, the one that also has the same content."""
    if len(matching) == 1:
        return matching[0]
    alike = [found for found in matching if kind.matches(resource.attributes, found)]
    return alike[0] if len(alike) == 1 else None


def _is_there(workspace: Workspace, address: Address, id_: str) -> bool:
    """Whether the object that an entry is bound to still exists."""
    kind = workspace.registry.kind(address)
    if kind.singleton or not id_:
        return True
    return id_ in find(kind, workspace.clients[address.provider], Wanted(frozenset([id_])))


def _refers(resource: Resource) -> tuple[Address, ...]:
    return tuple(sorted(set(references(resource.attributes))))


def _ids(locked: LockedState) -> dict[tuple[str, str, str], Address]:
    return {(address.provider, address.kind, kept.id): address for address, kept in locked.state.resources.items()}


def _refuse_if_bound(workspace: Workspace, locked: LockedState, kind: Kind, address: Address, id_: str) -> None:
    for other, kept in locked.state.resources.items():
        same_place = other.provider == address.provider
        if same_place and workspace.registry.kind(other).collection.name == kind.collection.name and kept.id == id_:
            raise InvalidInput(
                f"The object with the id {id_} is bound to {other} already.",
                hint='To give it another address, declare "was" on the new entry.',
                address=str(address),
            )


def _ambiguous(resource: Resource, kind: Kind, matching: list[RemoteObject]) -> Diagnostic:
    key = " / ".join(str(part) for part in kind.key(resource.attributes) or ())
    return Diagnostic(
        "match-ambiguous",
        "several objects match",
        f'{len(matching)} objects match "{key}": ids {", ".join(found.id for found in matching)}.',
        address=str(resource.address),
        location=resource.location,
        hint=f"Say which: reconcile import {resource.address} ID",
    )
