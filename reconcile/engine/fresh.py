"""Objects as they are right now: read right before a write, one read serving the writes that follow within seconds."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconcile.engine.gate import LASTING, Moment
from reconcile.engine.refresh import Clients, decoded
from reconcile.model.address import Address
from reconcile.model.attributes import Value
from reconcile.model.kind import Kind, Row, Wanted
from reconcile.model.registry import Registry
from reconcile.model.resource import RemoteObject

# How many objects one request asks for at most.
_TOGETHER = 250
_Key = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Glance:
    """What a read showed, and when: objects by id (missing: gone), and those of one natural key."""

    objects: Mapping[str, RemoteObject]
    alike: Mapping[str, RemoteObject]
    moment: Moment


@dataclass(slots=True)
class _Shelf:
    """What is known of one collection of one account, and what will be asked for."""

    guard: threading.Lock = field(default_factory=threading.Lock)
    rows: dict[str, tuple[Row | None, Moment]] = field(default_factory=dict)
    keys: dict[tuple[str, _Key], tuple[frozenset[str], Moment]] = field(default_factory=dict)
    coming: dict[str, None] = field(default_factory=dict)
    coming_keys: dict[tuple[str, _Key], None] = field(default_factory=dict)


class Reader:
    """Reads what writes are about. ``paces`` are calls a second by alias (0: any), which say how many leave in time."""

    def __init__(
        self, registry: Registry, clients: Clients, paces: Mapping[str, float], moment: Callable[[], Moment]
    ) -> None:
        self._registry = registry
        self._clients = clients
        self._paces = paces
        self._moment = moment
        self._shelves: dict[tuple[str, str], _Shelf] = defaultdict(_Shelf)

    def announce(self, address: Address, ids: Iterable[str], key: _Key | None = None) -> None:
        """Say that a write about these objects, or a create with this natural key, will come."""
        shelf = self._shelf(address)
        shelf.coming |= dict.fromkeys(ids)
        if key is not None:
            shelf.coming_keys[address.kind, key] = None

    def touched(self, address: Address, id_: str | None = None, key: _Key | None = None) -> None:
        """Forget what was read of an object, or of those of a natural key: we have just written there."""
        shelf = self._shelf(address)
        with shelf.guard:
            if id_ is not None:
                shelf.rows.pop(id_, None)
                shelf.coming.pop(id_, None)
            if key is not None:
                shelf.keys.pop((address.kind, key), None)

    def together(self, address: Address, ids: Iterable[str]) -> Glance:
        """Objects as of at most ten seconds ago, read together with others that will be asked for soon."""
        kind, shelf, wanted = self._registry.kind(address), self._shelf(address), set(ids)
        with shelf.guard:
            now = self._moment()
            if not all(id_ in shelf.rows and shelf.rows[id_][1].serves(now) for id_ in wanted):
                self._read(
                    address, kind, shelf, self._more(address, kind, wanted, shelf.coming, shelf.rows, now), frozenset()
                )
            found = {id_: shelf.rows[id_] for id_ in wanted}
        objects = {id_: decoded(kind, row) for id_, (row, _) in found.items() if row is not None}
        return Glance(objects, {}, min((moment for _, moment in found.values()), key=lambda at: at.monotonic))

    def of_key(self, address: Address, key: _Key) -> Glance:
        """The objects of a natural key as of at most ten seconds ago."""
        kind, shelf, mine = self._registry.kind(address), self._shelf(address), (address.kind, key)
        with shelf.guard:
            now = self._moment()
            if mine not in shelf.keys or not shelf.keys[mine][1].serves(now):
                keys = (
                    {mine}
                    if kind.collection.one_by_one
                    else self._more(address, kind, {mine}, shelf.coming_keys, shelf.keys, now)
                )
                own = frozenset(key for of, key in keys if of == address.kind)
                self._read(address, kind, shelf, set(), own)
            shelf.coming_keys.pop(mine, None)
            ids, moment = shelf.keys[mine]
            rows = {id_: shelf.rows[id_][0] for id_ in ids if id_ in shelf.rows}
        return Glance({}, {id_: decoded(kind, row) for id_, row in rows.items() if row is not None}, moment)

    def alone(
        self, address: Address, ids: Iterable[str], key: _Key | None = None, doomed: frozenset[str] = frozenset()
    ) -> Glance:
        """Objects as they are now, and those of a natural key, by a read for this alone."""
        kind, wanted = self._registry.kind(address), frozenset(ids)
        keys = frozenset([key]) if key is not None else frozenset()
        rows = kind.collection.read(self._clients[address.provider], Wanted(wanted, keys, doomed))
        objects = {row.id: decoded(kind, row) for row in rows}
        alike = {id_: each for id_, each in objects.items() if key is not None and kind.key(each.attributes) == key}
        return Glance({id_: each for id_, each in objects.items() if id_ in wanted}, alike, self._moment())

    def _shelf(self, address: Address) -> _Shelf:
        return self._shelves[address.provider, self._registry.kind(address).collection.name]

    def _more(
        self,
        address: Address,
        kind: Kind,
        wanted: set[Any],
        coming: Iterable[Any],
        read: Mapping[Any, Any],
        now: Moment,
    ) -> set[Any]:
        """What is wanted, and of what is to come and was not just read as much as leaves before the read is too old."""
        if kind.collection.one_by_one:
            return wanted
        pace = self._paces.get(address.provider, 0.0)
        size = min(_TOGETHER, max(1, int(pace * LASTING))) if pace else _TOGETHER
        more = set(wanted)
        for each in coming:
            if len(more) >= size:
                break
            if each not in read or not read[each][1].serves(now):
                more.add(each)
        return more

    def _read(self, address: Address, kind: Kind, shelf: _Shelf, ids: set[str], keys: frozenset[_Key]) -> None:
        rows = {
            row.id: row for row in kind.collection.read(self._clients[address.provider], Wanted(frozenset(ids), keys))
        }
        moment = self._moment()
        for id_ in ids:
            shelf.rows[id_] = rows.get(id_), moment
        found: dict[_Key, set[str]] = {key: set() for key in keys}
        for row in rows.values() if keys else ():
            key = kind.key(decoded(kind, row).attributes)
            if key in found:
                found[key].add(row.id)
                shelf.rows[row.id] = row, moment
        for key, those in found.items():
            shelf.keys[address.kind, key] = frozenset(those), moment
