"""Whose object is it: one object is bound once, whatever alias or entry speaks of it.

An entry that is to make something is held against all that the state has of the same account, and against the other
entries that are to make something. What would be made twice is not made: the entry was renamed without a word, two
entries declare one thing, or two aliases open one account.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from reconcile.errors import Diagnostic
from reconcile.model.address import Address
from reconcile.model.attributes import Attributes, Value, same
from reconcile.model.kind import Action, Kind, rules
from reconcile.model.likeness import Keys
from reconcile.model.registry import Registry
from reconcile.model.resource import Applied, RemoteObject, Resource
from reconcile.planner.plan import Step

_Key = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """What decides whose an object is; ``accounts`` says which account an alias opens, itself where that is unknown.

    ``gone`` are the addresses whose removal is meant as it is.
    """

    desired: Mapping[Address, Resource]
    applied: Mapping[Address, Applied]
    live: Mapping[Address, RemoteObject]
    registry: Registry
    accounts: Mapping[str, object] = field(default_factory=dict)
    gone: frozenset[Address] = frozenset()

    def account(self, address: Address) -> object:
        """The account that an address is about."""
        return self.accounts.get(address.provider, address.provider)

    def shared(self) -> dict[Address, Address]:
        """Addresses whose very object is bound to another address, too: that other one."""
        owners: dict[tuple[object, str, str], list[Address]] = defaultdict(list)
        for address, kept in self.applied.items():
            if kept.id:
                collection = self.registry.kind(address).collection.name
                owners[self.account(address), collection, kept.id].append(address)
        return {
            address: next(other for other in bound if other != address)
            for bound in owners.values()
            if len(bound) > 1
            for address in sorted(bound, key=lambda one: (one in self.desired, one))
        }

    def held_back(self, steps: Mapping[Address, Step]) -> dict[Address, Step]:
        """The steps, those being blocked that would make what is there already, or is made by another entry."""
        blocked: dict[Address, Diagnostic] = {}
        asking = {address: step for address, step in steps.items() if step.key is not None and _asks(step)}
        managed = self._managed() if asking else {}
        news: dict[tuple[object, str], dict[_Key, list[Address]]] = defaultdict(lambda: defaultdict(list))
        near: dict[tuple[object, str], Keys] = defaultdict(Keys)
        for address, step in asking.items():
            kind = self.registry.kind(address)
            is_missing = step.action is not Action.CREATE
            where, resource = (self.account(address), address.kind), self.desired[address]
            twin = self._twin(resource, kind, step.key or (), managed.get(where))
            if twin is not None and is_missing:
                blocked[address] = _managed_here(resource, twin)
            elif twin is not None and not resource.allow_duplicate:
                if twin in self.desired:
                    blocked[address] = _bound(resource, twin, other_alias=twin.provider != address.provider)
                elif twin not in self.gone:
                    blocked |= dict(_renamed(resource, twin, steps[twin]))
            elif step.action is Action.CREATE and step.blocked is None and step.key is not None:
                for key in near[where].like(step.key):
                    for other in news[where][key]:
                        if self._is_twin(kind, resource, self.desired[other]):
                            blocked[address] = _declared_twice(resource, self.desired[other])
                news[where][step.key].append(address)
                near[where].add(step.key)
        return {
            address: replace(step, blocked=blocked[address]) if address in blocked else step
            for address, step in steps.items()
        }

    def _managed(self) -> dict[tuple[object, str], tuple[Keys, dict[_Key, list[Address]]]]:
        """The natural keys of all that is bound, by account and kind, and the addresses behind them."""
        found: dict[tuple[object, str], dict[_Key, list[Address]]] = defaultdict(lambda: defaultdict(list))
        for address, live in self.live.items():
            key = self.registry.kind(address).key(live.attributes)
            if key and address in self.applied:
                found[self.account(address), address.kind][key].append(address)
        return {where: (Keys(by_key), by_key) for where, by_key in found.items()}

    def _twin(
        self, resource: Resource, kind: Kind, key: _Key, managed: tuple[Keys, dict[_Key, list[Address]]] | None
    ) -> Address | None:
        """The address whose object the declared one would be a second one of."""
        if managed is None:
            return None
        keys, by_key = managed
        for other in (address for like in keys.like(key) for address in by_key[like]):
            live = self.live[other]
            own_key = {name: live.attributes.get(name) for name in kind.natural_key}
            if resource.external or kind.matches({**resource.attributes, **own_key}, live):
                return other
        return None

    def _is_twin(self, kind: Kind, resource: Resource, other: Resource) -> bool:
        if resource.allow_duplicate or other.allow_duplicate:
            return False
        return all(same(left, right) for left, right in _content(kind, resource.attributes, other.attributes))


def _asks(step: Step) -> bool:
    """Whether a step is about an object that may be another entry's: one to be made, or one that is not found."""
    code = step.blocked.code if step.blocked is not None else None
    if step.action is Action.CREATE:
        return code in (None, "exists-already", "looks-alike")
    return code == "external-missing"


def _content(kind: Kind, left: Attributes, right: Attributes) -> Iterator[tuple[Value, Value]]:
    """The content of two declared objects, and whom they are for, pair by pair."""
    for name, rule in rules(kind.spec).items():
        if rule.text or rule.refers is not None:
            yield left.get(name), right.get(name)


def _renamed(resource: Resource, former: Address, removal: Step) -> Iterator[tuple[Address, Diagnostic]]:
    """An entry that was renamed, as far as anybody can tell: neither is a second object made nor the first removed."""
    section = f"`was: [{former.name}]`" if former.kind == resource.address.kind else f"`was` with {former}"
    finding = Diagnostic(
        "renamed",
        "an entry that seems to be renamed",
        f"{resource.address} is new and {former} is gone from the manifests, and what the one declares is what the "
        f"other has. Making a second object would leave the first one's people, statistics and opt-outs behind.",
        address=str(resource.address),
        location=resource.location,
        hint=f"Did you mean {section} on {resource.address}? If two different objects are meant: `removed: [{former}]` "
        f"in a manifest, or allowDuplicate: true on the entry.",
    )
    yield resource.address, finding
    if removal.action is Action.DELETE and removal.blocked is None:
        yield former, replace(finding, address=str(former))


def _bound(resource: Resource, other: Address, *, other_alias: bool) -> Diagnostic:
    why = f"{resource.address.provider} and {other.provider} open the same account, and " if other_alias else ""
    return Diagnostic(
        "bound-already",
        "the object is another entry's",
        f"{why}what it declares is managed as {other} already, so it is not made a second time.",
        address=str(resource.address),
        location=resource.location,
        hint=f"Refer to {other} and take this entry out; or, if a second object is wanted: allowDuplicate: true.",
    )


def _declared_twice(resource: Resource, other: Resource) -> Diagnostic:
    return Diagnostic(
        "declared-twice",
        "two entries declare one thing",
        f"{resource.address} and {other.address} declare the same, so only one of them is made.",
        address=str(resource.address),
        location=resource.location,
        hint="Take one of them out, or let them differ; if both are wanted: allowDuplicate: true.",
        others=(other.location,),
    )


def _managed_here(resource: Resource, other: Address) -> Diagnostic:
    return Diagnostic(
        "managed-here",
        "it is managed here",
        f"The account has it, but it is managed by this project, as {other}, so nobody else manages it.",
        address=str(resource.address),
        location=resource.location,
        hint=f"Refer to {other.name}, and take this entry out. To manage it no more: reconcile state rm {other}",
    )
