"""Objects under new addresses, as ``was`` declares: which one is meant, and what the state is like afterwards."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconcile.errors import Diagnostic
from reconcile.model.address import Address
from reconcile.model.attributes import Value
from reconcile.model.checkout import short
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied, Former, Resource
from reconcile.planner.pulled import with_pulled


def moves(desired: Mapping[Address, Resource], applied: Mapping[Address, Applied]) -> dict[Address, Address]:
    """Which state entries get another address: former -> new, as ``was`` declares.

    Two branches may give one entry different names, each rightly: a name in ``was`` also stands for the object that had
    it before, so long as no entry has that object's present one.
    """
    found = {
        source: resource.address
        for resource in desired.values()
        for source in resource.was
        if source in applied and source not in desired and resource.address not in applied
    }
    for resource, address, _ in _by_former_names(desired, applied):
        if address not in found and address not in desired and resource.address not in found.values():
            found[address] = resource.address
    return found


def claimed_twice(
    desired: Mapping[Address, Resource], applied: Mapping[Address, Applied], commit: str = ""
) -> Iterator[Diagnostic]:
    """Entries that say that they are what another entry is already, under a name that it got by another commit.

    ``commit`` is the one of these manifests.
    """
    for resource, address, former in _by_former_names(desired, applied):
        if address not in desired:
            continue
        here = f", these manifests are at {short(commit)}" if commit else ""
        there = f" by commit {short(former.commit)}" if former.commit else ""
        yield Diagnostic(
            "claimed-twice",
            "two entries claim one object",
            f"{resource.address} says that it was {former.address}, but that object is {address} since it was "
            f"renamed{there}{here}. One object has one entry.",
            address=str(resource.address),
            location=resource.locations.get("was", resource.location),
            hint=f"Keep one of the two names, and take the other entry out; or leave {former.address} out of `was`, if "
            f"{resource.address} is to be another object.",
            others=(desired[address].location,),
        )


def _by_former_names(
    desired: Mapping[Address, Resource], applied: Mapping[Address, Applied]
) -> Iterator[tuple[Resource, Address, Former]]:
    """Entries without an object that were what an object was once: the entry, the object's address, its former one."""
    owners: dict[Address, tuple[Address, Former]] = {}
    for address, formers in sorted((address, kept.former) for address, kept in applied.items() if kept.former):
        owners |= {former.address: (address, former) for former in formers}
    for resource in desired.values() if owners else ():
        if resource.address in applied or any(source in applied for source in resource.was):
            continue
        for source in reversed(resource.was):
            if source in owners:
                yield resource, *owners[source]
                break


def moved(desired: Mapping[Address, Resource], applied: Mapping[Address, Applied]) -> dict[Address, Applied]:
    """The applied mapping after its moves, references included, with what was pulled into these manifests."""
    to = moves(desired, applied)
    if not to:
        return with_pulled(desired, applied)
    renamed = {
        to.get(address, address): replace(
            kept,
            attributes=_renamed(kept.attributes, to),
            dependencies=tuple(sorted(to.get(on, on) for on in kept.dependencies)),
            reach={to.get(on, on): people for on, people in kept.reach.items()},
            pulled=replace(kept.pulled, attributes=_renamed(kept.pulled.attributes, to)) if kept.pulled else None,
        )
        for address, kept in applied.items()
    }
    return with_pulled(desired, renamed)


def _renamed(value: Value, to: Mapping[Address, Address]) -> Value:
    if isinstance(value, Reference):
        return Reference(to.get(value.address, value.address))
    if isinstance(value, Mapping):
        return {key: _renamed(member, to) for key, member in value.items()}
    if isinstance(value, tuple):
        renamed = tuple(_renamed(member, to) for member in value)
        return tuple(sorted(renamed, key=str)) if any(isinstance(member, Reference) for member in renamed) else renamed
    return value
