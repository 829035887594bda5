"""Bind an existing object to an address; nothing remote changes."""

from collections import defaultdict
from collections.abc import Collection as AnyCollection
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconcile.engine.refresh import decoded, refresh
from reconcile.engine.workflow import Workspace, check_accounts
from reconcile.errors import Diagnostic, InvalidInput
from reconcile.model.address import Address
from reconcile.model.attributes import condensed, digest_text, references
from reconcile.model.kind import Collection, Kind, Row, Wanted, rules
from reconcile.model.registry import Registry
from reconcile.model.resource import Applied, RemoteObject, Resource
from reconcile.planner.diff import as_references
from reconcile.state.store import LockedState

# Where an object is: alias, collection, id.
_Place = tuple[str, str, str]


@dataclass(slots=True)
class Adoption:
    """What adopt found: the objects bound by address, addresses without a match, and what could not be decided."""

    bound: dict[Address, str] = field(default_factory=dict)
    unmatched: list[Address] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)


def import_objects(workspace: Workspace, locked: LockedState, wanted: Mapping[Address, tuple[Resource, str]]) -> None:
    """Bind objects, by their ids, to declared resources: all of them, or none.

    Raises:
        InvalidInput: an address or an object is bound already, or there is no such object; with every finding.
    """
    state, registry = locked.state, workspace.registry
    accounts = check_accounts(
        workspace, state, {*(at.provider for at in wanted), *state.accounts} & workspace.clients.keys()
    )
    former = {address: state.resources[address].id for address in wanted if address in state.resources}
    there = _there(workspace, [*((at, id_) for at, (_, id_) in wanted.items()), *former.items()])
    owners = {_place(registry, at, kept.id): at for at, kept in state.resources.items() if at.provider in accounts}
    findings: list[Diagnostic] = []
    for address, (_, id_) in wanted.items():
        finding = _unfit(registry, there, owners, address, former.get(address), id_)
        findings += [finding] if finding is not None else []
        owners.setdefault(_place(registry, address, id_), address)
    if findings:
        raise InvalidInput.of(findings)
    locked.account({**state.accounts, **accounts})
    bound = _ids(locked)
    # What others refer to comes first, so that references can be told from ids.
    for address in sorted(wanted, key=lambda address: (bool(_refers(wanted[address][0])), address)):
        resource, id_ = wanted[address]
        kind = registry.kind(address)
        live = decoded(kind, there[_place(registry, address, id_)])
        bound[address.provider, address.kind, id_] = address
        locked.put(address, adopted(resource, kind, live, bound))


def _there(workspace: Workspace, wanted: Iterable[tuple[Address, str]]) -> dict[_Place, Row]:
    """The rows of ids, by account and collection; each collection is read once."""
    asked: dict[tuple[str, Collection], set[str]] = defaultdict(set)
    for address, id_ in wanted:
        kind = workspace.registry.kind(address)
        if id_.isdigit() or kind.singleton:
            asked[address.provider, kind.collection].add(id_)
    return {
        (alias, collection.name, row.id): row
        for (alias, collection), ids in asked.items()
        for row in collection.read(workspace.clients[alias], Wanted(frozenset(ids)))
        if row.id in ids
    }


def _unfit(
    registry: Registry,
    there: AnyCollection[_Place],
    owners: Mapping[_Place, Address],
    address: Address,
    former: str | None,
    id_: str,
) -> Diagnostic | None:
    """Why an object can't be bound to an address, which is bound to the ``former`` one."""
    kind, place = registry.kind(address), _place(registry, address, id_)
    if former is not None:
        gone = not kind.singleton and former != "" and _place(registry, address, former) not in there
        if former == id_ or not gone:
            hint = f"If another object is meant: reconcile state rm {address}, then reconcile import {address} {id_}"
            return _bound_already(f"{address} is bound already, to id {former}.", address, hint)
    if place in owners:
        detail = f"The object with the id {id_} is bound to {owners[place]} already."
        return _bound_already(detail, address, 'To give it another address, declare "was" on the new entry.')
    if place not in there:
        return Diagnostic(
            "no-such-object",
            "no such object",
            f"The account has no {kind.kind} with the id {id_}.",
            str(address),
            hint="The id is in the web interface's address line.",
        )
    return None


def _place(registry: Registry, address: Address, id_: str) -> _Place:
    return address.provider, registry.kind(address).collection.name, id_


def _bound_already(detail: str, address: Address, hint: str) -> Diagnostic:
    return Diagnostic("bound-already", "bound already", detail, str(address), hint=hint)


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
    taken: set[_Place] = set()
    bound = _ids(locked)
    for address in sorted(unbound, key=lambda address: _turn(workspace, unbound[address], candidates.get(address, ()))):
        kind = workspace.registry.kind(address)
        matching = [
            found for found in candidates.get(address, ()) if _place(workspace.registry, address, found.id) not in taken
        ]
        chosen = _chosen(unbound[address], kind, matching)
        if chosen is not None:
            bound[address.provider, address.kind, chosen.id] = address
            locked.put(address, adopted(unbound[address], kind, chosen, bound))
            adoption.bound[address] = chosen.id
            taken.add(_place(workspace.registry, address, chosen.id))
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


def _refers(resource: Resource) -> tuple[Address, ...]:
    return tuple(sorted(set(references(resource.attributes))))


def _ids(locked: LockedState) -> dict[tuple[str, str, str], Address]:
    return {(address.provider, address.kind, kept.id): address for address, kept in locked.state.resources.items()}


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
