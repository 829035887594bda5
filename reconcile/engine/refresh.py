"""Read the live objects behind a set of addresses, changing nothing remote."""

from collections import defaultdict
from collections.abc import Collection as AnyCollection
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from reconcile.engine.kept import KeptRow, claims
from reconcile.engine.kept import rows as rows_of
from reconcile.model.address import Address
from reconcile.model.attributes import Value, same
from reconcile.model.bulk import BulkKind
from reconcile.model.kind import Client, Collection, Kind, Row, Wanted, rules
from reconcile.model.likeness import Keys
from reconcile.model.registry import Registry
from reconcile.model.resource import Applied, RemoteObject, Resource
from reconcile.planner.steps import Seen

Clients = Mapping[str, Client]


@dataclass(slots=True)
class _Question:
    """What is wanted of one collection of one provider, and by whom."""

    collection: Collection
    ids: set[str] = field(default_factory=set)
    keys: set[tuple[Value, ...]] = field(default_factory=set)
    doomed: set[str] = field(default_factory=set)
    edited: set[str] = field(default_factory=set)


def refresh(
    desired: Mapping[Address, Resource],
    applied: Mapping[Address, Applied],
    registry: Registry,
    clients: Clients,
    replaced: AnyCollection[Address] = (),
    *,
    removes: bool = True,
    newer: bool = False,
) -> Seen:
    """The live objects of managed addresses, and those that unmanaged ones may be; collections are read together.

    ``replaced`` are those that are to be made anew whatever they are like. ``removes``: what nobody declares is to go,
    so that what stands in the way of that is read, too. ``newer``: what is nobody's is to be seen as far as can be.
    """
    rows = _read(_questions(desired, applied, registry, replaced, removes=removes), clients, newer=newer)
    for where, question in _drifted(desired, applied, rows, registry).items():
        found = {row.id: row for row in rows_of(question.collection, clients[where[0]], _wanted(question))}
        rows[where] |= {id_: found[id_] for id_ in question.ids & found.keys()}
    gone = [address for address in desired if address in applied and not _is_there(address, applied, rows, registry)]
    if gone:
        # They will be made anew, so what has their natural key now is asked for too.
        again = _questions({address: desired[address] for address in gone}, {}, registry)
        for where, found in _read(again, clients).items():
            rows[where] |= found
    live: dict[Address, RemoteObject] = {}
    deposed: dict[Address, tuple[RemoteObject, ...]] = {}
    for address, kept in applied.items():
        kind = registry.kind(address)
        found = rows.get((address.provider, kind.collection.name), {})
        if kept.id in found:
            live[address] = decoded(kind, found[kept.id])
        leftover = tuple(decoded(kind, found[id_]) for id_ in kept.deposed if id_ in found)
        if leftover:
            deposed[address] = leftover
    bound = managed_ids(applied, registry)
    candidates = _candidates(desired, live, bound, rows, registry)
    lookalikes = _lookalikes(desired, live, candidates, bound, rows, registry)
    reached = {address: registry.kind(address).reach(found) for address, found in live.items()}
    reached |= {
        address: registry.kind(address).reach(found[0])
        for address, found in candidates.items()
        if desired[address].external and len(found) == 1
    }
    people = {address: count for address, count in reached.items() if count is not None}
    others = _others(candidates, bound, rows, registry, newer=newer)
    return Seen(live, candidates, deposed, people, lookalikes=lookalikes, others=others)


def managed_ids(applied: Mapping[Address, Applied], registry: Registry) -> dict[tuple[str, str], set[str]]:
    """The ids of the objects that addresses are bound to, by alias and collection."""
    bound: dict[tuple[str, str], set[str]] = defaultdict(set)
    for address, kept in applied.items():
        bound[address.provider, registry.kind(address).collection.name] |= {kept.id, *kept.deposed}
    return dict(bound)


def find(kind: Kind, client: Client, wanted: Wanted) -> dict[str, RemoteObject]:
    """The objects of one kind with the wanted ids, or with natural keys that are alike wanted ones, by id."""
    rows = rows_of(kind.collection, client, wanted)
    objects = {row.id: decoded(kind, row) for row in rows}
    keys = Keys(wanted.keys)
    return {
        id_: found
        for id_, found in objects.items()
        if id_ in wanted.ids
        or ((key := kind.key(found.attributes)) is not None and (key in wanted.keys or keys.like(key)))
    }


def decoded(kind: Kind, row: Row) -> RemoteObject:
    """The object that a row describes, its attributes in canonical form."""
    if isinstance(row, KeptRow):
        return row.objects[kind.kind]
    found = kind.decode(row)
    known = rules(kind.spec)
    attributes = {
        name: known[name].canonical(value) if name in known else value for name, value in found.attributes.items()
    }
    return RemoteObject(found.id, attributes, found.facts)


def _read(
    questions: Mapping[tuple[str, str], _Question], clients: Clients, *, newer: bool = False
) -> dict[tuple[str, str], dict[str, Row]]:
    rows: dict[tuple[str, str], dict[str, Row]] = {}
    for where, question in questions.items():
        wanted = replace(_wanted(question), newer=newer)
        rows[where] = {row.id: row for row in rows_of(question.collection, clients[where[0]], wanted)}
    return rows


def _others(
    candidates: Mapping[Address, Sequence[RemoteObject]],
    bound: Mapping[tuple[str, str], AnyCollection[str]],
    rows: Mapping[tuple[str, str], Mapping[str, Row]],
    registry: Registry,
    *,
    newer: bool,
) -> dict[tuple[str, str], tuple[RemoteObject, ...]]:
    """What was read along and is neither bound nor may be what an entry is about."""
    known: dict[tuple[str, str], set[str]] = defaultdict(set, {where: set(ids) for where, ids in bound.items()})
    for address, found in candidates.items():
        known[address.provider, registry.kind(address).collection.name] |= {one.id for one in found}
    others: dict[tuple[str, str], tuple[RemoteObject, ...]] = {}
    for alias, type_ in registry.providers.items():
        for name, kind in type_.kinds.items():
            where = (alias, kind.collection.name)
            if isinstance(kind, BulkKind) or kind.singleton or where not in rows:
                continue
            if not kind.collection.in_part or newer:
                strangers = [row for id_, row in rows[where].items() if id_ not in known[where] and claims(kind, row)]
                others[alias, name] = tuple(decoded(kind, row) for row in strangers)
    return others


def _is_there(
    address: Address,
    applied: Mapping[Address, Applied],
    rows: Mapping[tuple[str, str], Mapping[str, Row]],
    registry: Registry,
) -> bool:
    return applied[address].id in rows[address.provider, registry.kind(address).collection.name]


def _wanted(question: _Question) -> Wanted:
    return Wanted(
        frozenset(question.ids), frozenset(question.keys), frozenset(question.doomed), frozenset(question.edited)
    )


def _drifted(
    desired: Mapping[Address, Resource],
    applied: Mapping[Address, Applied],
    rows: Mapping[tuple[str, str], Mapping[str, Row]],
    registry: Registry,
) -> dict[tuple[str, str], _Question]:
    """What was edited outside and in no manifest, where more has to be known of it before it is put back."""
    questions: dict[tuple[str, str], _Question] = {}
    for address in desired.keys() & applied.keys():
        kind, kept = registry.kind(address), applied[address]
        where = (address.provider, kind.collection.name)
        row = rows[where].get(kept.id) if kind.collection.studies else None
        if row is None or kept.external or _edited(desired[address], kept):
            continue
        live = decoded(kind, row).attributes
        if any(name in live and not same(value, live[name]) for name, value in desired[address].attributes.items()):
            question = questions.setdefault(where, _Question(kind.collection))
            question.ids.add(kept.id)
            question.edited.add(kept.id)
    return questions


def _questions(
    desired: Mapping[Address, Resource],
    applied: Mapping[Address, Applied],
    registry: Registry,
    replaced: AnyCollection[Address] = (),
    *,
    removes: bool = True,
) -> dict[tuple[str, str], _Question]:
    questions: dict[tuple[str, str], _Question] = {}

    def about(address: Address) -> _Question:
        collection = registry.kind(address).collection
        return questions.setdefault((address.provider, collection.name), _Question(collection))

    for address, kept in applied.items():
        question = about(address)
        question.ids |= {kept.id, *kept.deposed}
        question.doomed.update(kept.deposed)
        if address not in desired and removes and not kept.external:
            question.doomed.add(kept.id)
        elif address in desired and (address in replaced or _edited(desired[address], kept)):
            question.edited.add(kept.id)
    for address, resource in desired.items():
        question = about(address)
        if address not in applied:
            key = registry.kind(address).key(resource.attributes)
            if key is not None:
                question.keys.add(key)
    return questions


def _edited(resource: Resource, kept: Applied) -> bool:
    """Whether an entry declares something else than was last applied."""
    last = kept.attributes
    return any(name not in last or not same(value, last[name]) for name, value in resource.attributes.items())


def _candidates(
    desired: Mapping[Address, Resource],
    live: Mapping[Address, RemoteObject],
    bound: Mapping[tuple[str, str], AnyCollection[str]],
    rows: Mapping[tuple[str, str], Mapping[str, Row]],
    registry: Registry,
) -> dict[Address, tuple[RemoteObject, ...]]:
    """For addresses without a live object, the objects of their natural key that no address is bound to."""
    by_key: dict[tuple[str, str], dict[tuple[Value, ...] | None, list[RemoteObject]]] = {}
    by_mark: dict[tuple[str, str], dict[str, list[RemoteObject]]] = {}
    candidates: dict[Address, tuple[RemoteObject, ...]] = {}
    for address, resource in desired.items():
        if address in live:
            continue
        kind = registry.kind(address)
        where = (address.provider, kind.collection.name)
        if (address.provider, kind.kind) not in by_key:
            keyed = _keyed(kind, rows.get(where, {}).values(), bound.get(where, ()))
            by_key[address.provider, kind.kind] = keyed
            by_mark[address.provider, kind.kind] = _marked(kind, chain.from_iterable(keyed.values()))
        marked = by_mark[address.provider, kind.kind]
        # What carries our mark is ours, whatever it is called by now.
        found = marked.get(kind.mark(address) or "") if marked else None
        found = found or by_key[address.provider, kind.kind].get(kind.key(resource.attributes))
        if found:
            candidates[address] = tuple(found)
    return candidates


def _lookalikes(
    desired: Mapping[Address, Resource],
    live: Mapping[Address, RemoteObject],
    candidates: Mapping[Address, tuple[RemoteObject, ...]],
    bound: Mapping[tuple[str, str], AnyCollection[str]],
    rows: Mapping[tuple[str, str], Mapping[str, Row]],
    registry: Registry,
) -> dict[Address, tuple[RemoteObject, ...]]:
    """For addresses without a live object, the objects that no address is bound to and whose keys are merely alike."""
    missing: dict[tuple[str, str], dict[tuple[Value, ...], list[Address]]] = defaultdict(lambda: defaultdict(list))
    for address, resource in desired.items():
        kind = registry.kind(address)
        if address not in live and not kind.manual and (key := kind.key(resource.attributes)):
            missing[address.provider, address.kind][key].append(address)
    found: dict[Address, list[RemoteObject]] = defaultdict(list)
    for (provider, _), by_key in missing.items():
        kind = registry.kind(next(iter(by_key.values()))[0])
        keys, where = Keys(by_key), (provider, kind.collection.name)
        for row in rows.get(where, {}).values():
            if row.id in bound.get(where, ()):
                continue
            there = decoded(kind, row)
            key = kind.key(there.attributes)
            for address in (address for other in keys.like(key) if other != key for address in by_key[other]):
                if row.id not in {one.id for one in candidates.get(address, ())}:
                    found[address].append(there)
    return {address: tuple(objects) for address, objects in found.items()}


def _marked(kind: Kind, objects: Iterable[RemoteObject]) -> dict[str, list[RemoteObject]]:
    by_mark: dict[str, list[RemoteObject]] = defaultdict(list)
    for found in objects:
        if (mark := kind.marked(found)) is not None:
            by_mark[mark].append(found)
    return by_mark


def _keyed(
    kind: Kind, rows: Iterable[Row], bound: AnyCollection[str]
) -> dict[tuple[Value, ...] | None, list[RemoteObject]]:
    keyed: dict[tuple[Value, ...] | None, list[RemoteObject]] = defaultdict(list)
    for row in rows:
        if row.id not in bound:
            found = decoded(kind, row)
            keyed[kind.key(found.attributes)].append(found)
    return keyed
