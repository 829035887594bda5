"""Drift: what is live against what was last applied. It needs no manifests, and says nothing of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from reconcile.model.account import Account
from reconcile.model.address import Address
from reconcile.model.attributes import same
from reconcile.model.bulk import BulkKind
from reconcile.model.kind import PLAIN, Circumstances, Kind, rules
from reconcile.model.registry import Registry
from reconcile.model.resource import Acceptance, Applied, RemoteObject, Resource
from reconcile.planner.accepted import live_as_accepted, today
from reconcile.planner.diff import Surroundings, outside_edits, scheduled_outside
from reconcile.planner.moves import moved, moves
from reconcile.planner.plan import AttributeChange, Growth
from reconcile.planner.reach import outgrown


@dataclass(frozen=True, slots=True)
class Drifted:
    """One object that is no longer as it was applied.

    Attributes:
        id: the object's id; ``gone`` tells that it was deleted outside.
        changes: from what was last applied to what is live; long texts as digests.
        edited: when it was last changed, by whomever (UNIX seconds); None where the API doesn't tell.
        manual: only a person can change this, so the difference is for a person to settle, too.
        final: it can't change any more (it was sent), so no plan will ever touch it.
        outgrown: where more people are behind what it is to be sent to than were approved.
    """

    address: Address
    id: str
    gone: bool = False
    changes: tuple[AttributeChange, ...] = ()
    edited: float | None = None
    manual: bool = False
    final: bool = False
    outgrown: tuple[Growth, ...] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """All that has drifted, by address; ``checked`` objects were compared, at this ``serial`` of the state.

    ``settled`` has drifted to what the manifests say, which the next apply puts on record. ``unchecked`` counts, by
    attribute, what can't be read back; ``accepted`` are the edits that somebody lets stay; ``unmanaged`` counts what no
    entry is bound to, by alias and plural, as far as it was read along; ``reads`` how many API reads it took.
    """

    entries: tuple[Drifted, ...]
    checked: int = 0
    settled: tuple[Address, ...] = ()
    unchecked: Mapping[str, int] = field(default_factory=dict)
    accepted: tuple[tuple[Address, Acceptance], ...] = ()
    unmanaged: Mapping[str, int] = field(default_factory=dict)
    accounts: Mapping[str, Account] = field(default_factory=dict)
    environment: str = "default"
    serial: int = 0
    reads: int = 0

    def counts(self, *, strict: bool = False) -> bool:
        """Whether there is drift: what only a person can change does not count unless ``strict``.

        What is final counts: mail that went out otherwise than was approved is nothing to pass over in silence.
        """
        return any(strict or not entry.manual for entry in self.entries)


def find_drift(
    applied: Mapping[Address, Applied],
    live: Mapping[Address, RemoteObject],
    registry: Registry,
    circumstances: Circumstances,
    reached: Mapping[Address, int],
    growth: float,
) -> Iterator[Drifted]:
    """What of the state's objects is not as it was applied, by address.

    ``reached`` are the people behind each, which may have grown by ``growth`` percent.
    """
    ids = {
        (address.provider, address.kind, id_): address
        for address, kept in applied.items()
        for id_ in (kept.id, *kept.deposed)
    }
    around = Surroundings(ids)
    day = today(circumstances.now)
    for address, kept in sorted(applied.items()):
        kind = registry.kind(address)
        if isinstance(kind, BulkKind):
            continue  # people come and go by themselves: that is no drift
        found = live.get(address)
        if found is None:
            yield Drifted(address, kept.id, gone=True, manual=kind.manual)
            continue
        beside = kind.beside(kept.attributes, found)
        known = rules(kind.spec)
        taken = {each.name for each in kept.accepted if live_as_accepted(each, found, day)}
        edits = (*outside_edits(address, known, kept, beside, around), *scheduled_outside(kind, kept, found))
        changes = tuple(change for change in edits if change.name not in taken)
        more = outgrown(kind, kept, found, reached, circumstances, growth)
        if changes or more:
            yield Drifted(
                address,
                kept.id,
                changes=changes,
                edited=found.edited,
                manual=kind.manual or (not more and all(known.get(change.name, PLAIN).manual for change in changes)),
                final=kind.immutable(found, circumstances),
                outgrown=more,
            )


def unsettled(
    entries: Iterable[Drifted], applied: Mapping[Address, Applied], desired: Mapping[Address, Resource]
) -> Iterator[Drifted]:
    """What of the drift is not as the manifests say; of what was pulled, only where these manifests hold it all."""
    to = moves(desired, applied)
    held = moved(desired, applied)
    for entry in entries:
        resource = desired.get(to.get(entry.address, entry.address))
        if resource is None or resource.external:
            if not entry.gone:
                yield entry
            continue
        kept = held.get(resource.address)
        removed = set(applied[entry.address].attributes) - set(kept.attributes if kept is not None else ())
        changes = tuple(
            change for change in entry.changes if not _says(resource, change) and change.name not in removed
        )
        if changes or entry.gone or entry.outgrown:
            yield replace(entry, changes=changes)


def _says(resource: Resource, change: AttributeChange) -> bool:
    return change.name in resource.attributes and same(resource.attributes[change.name], change.after)


def unreadable(kind: Kind, applied: Applied, live: RemoteObject | None) -> Iterator[str]:
    """The applied attributes that can't be read back, so that an edit of theirs goes unseen."""
    names = rules(kind.spec)
    for name in applied.attributes:
        if name in names and (not names[name].readable or (live is not None and name not in live.attributes)):
            yield name
