"""What is live in a file: the objects and the state, without people; and a plan's clients that read from it.

Whoever has the file needs no credentials, and nothing of it can be written to.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from reconcile.engine.kept import KeptClient, KeptRow
from reconcile.engine.refresh import decoded, managed_ids
from reconcile.engine.workflow import NEVER_APPLIED, Workspace, check_accounts
from reconcile.errors import InvalidInput, ReconcileError
from reconcile.model.account import Account
from reconcile.model.address import Address
from reconcile.model.attributes import from_json, to_json
from reconcile.model.bulk import BulkKind
from reconcile.model.call import Call, Encoded
from reconcile.model.kind import Kind, Row, Wanted
from reconcile.model.registry import Registry
from reconcile.model.resource import RemoteObject, Resource
from reconcile.state.state import State
from reconcile.state.statefile import parse_state, render_state

FORMAT = "1.0"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was live at ``made`` (UNIX seconds): rows by alias and collection, and the state then (None: never any)."""

    environment: str
    made: float
    accounts: Mapping[str, Account]
    rows: Mapping[str, Mapping[str, tuple[KeptRow, ...]]]
    state: State | None


def take(workspace: Workspace, state: State | None) -> Snapshot:
    """Read all that the project's accounts hold; nothing remote changes."""
    known = state or NEVER_APPLIED
    accounts = check_accounts(workspace, known, workspace.registry.providers.keys())
    rows = {alias: _rows(workspace, alias, known) for alias in accounts}
    return Snapshot(workspace.environment, workspace.clock(), accounts, rows, state and _without_people(state))


def _rows(workspace: Workspace, alias: str, state: State) -> dict[str, tuple[KeptRow, ...]]:
    registry = workspace.registry
    kinds: dict[str, list[Kind]] = {}
    for kind in registry.providers[alias].kinds.values():
        if not isinstance(kind, BulkKind):
            kinds.setdefault(kind.collection.name, []).append(kind)
    found: dict[str, tuple[KeptRow, ...]] = {}
    bound = managed_ids(state.resources, registry)
    for name, group in kinds.items():
        ids = frozenset(bound.get((alias, name), ()))
        # Whatever a manifest may come to declare: all that a plan could ask of what is managed is read.
        wanted = Wanted(ids, doomed=ids, edited=ids, everything=True)
        read = {row.id: row for row in group[0].collection.read(workspace.clients[alias], wanted)}
        found[name] = tuple(_kept(row, group) for _, row in sorted(read.items()))
    return found


def _kept(row: Row, kinds: Sequence[Kind]) -> KeptRow:
    claimed = frozenset(kind.kind for kind in kinds if kind.claims(row))
    return KeptRow(row.id, {}, {kind.kind: decoded(kind, row) for kind in kinds}, claimed)


def _without_people(state: State) -> State:
    """The state but for what is about people, and who applied it."""
    return replace(state, memories={}, history=())


def dumps(snapshot: Snapshot) -> bytes:
    """The file; the same account in the same state gives the same text but for the time."""
    document = {
        "format_version": FORMAT,
        "environment": snapshot.environment,
        "made": snapshot.made,
        "accounts": {alias: [each.type, each.host, each.id] for alias, each in sorted(snapshot.accounts.items())},
        "state": render_state(snapshot.state).decode() if snapshot.state is not None else None,
        "live": {
            alias: {
                name: {
                    row.id: {
                        kind: {
                            "attributes": to_json(live.attributes),
                            "facts": to_json(live.facts),
                            "claimed": kind in row.claimed,
                        }
                        for kind, live in sorted(row.objects.items())
                    }
                    for row in rows
                }
                for name, rows in sorted(collections.items())
            }
            for alias, collections in sorted(snapshot.rows.items())
        },
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def loads(data: bytes, name: str) -> Snapshot:
    """The snapshot of a file.

    Raises:
        InvalidInput: it is none. StateError: the state in it is damaged.
    """
    try:
        document = orjson.loads(data)
        version = document["format_version"]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        raise _no_snapshot(name) from None
    if version != FORMAT:
        raise InvalidInput(f"{name} is a snapshot of the format {version!r}, and this is {FORMAT}.", hint=_AGAIN)
    try:
        return Snapshot(
            environment=str(document["environment"]),
            made=float(document["made"]),
            accounts={alias: Account(*map(str, each)) for alias, each in document["accounts"].items()},
            rows={
                alias: {
                    collection: tuple(_row(id_, objects) for id_, objects in rows.items())
                    for collection, rows in collections.items()
                }
                for alias, collections in document["live"].items()
            },
            state=None if document["state"] is None else parse_state(document["state"].encode(), name),
        )
    except ReconcileError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _no_snapshot(name) from None


_AGAIN = "Take another one: reconcile snapshot -o FILE"


def _no_snapshot(name: str) -> InvalidInput:
    return InvalidInput(f"{name} is no snapshot of what is live, or a damaged one.", hint=_AGAIN)


def _row(id_: str, objects: Mapping[str, Any]) -> KeptRow:
    found = {
        kind: RemoteObject(id_, from_json(each["attributes"]), from_json(each["facts"]))
        for kind, each in objects.items()
    }
    return KeptRow(id_, {}, found, frozenset(kind for kind, each in objects.items() if each["claimed"]))


def clients_of(
    snapshot: Snapshot, aliases: Collection[str], encoders: Mapping[str, Callable[[Call], Encoded]]
) -> dict[str, KeptClient]:
    """A client for each alias.

    Raises:
        InvalidInput: the snapshot has no such account: it is newer in the project than the snapshot.
    """
    missing = sorted(set(aliases) - snapshot.accounts.keys())
    if missing:
        raise InvalidInput(
            f"The snapshot has no account for {', '.join(missing)}, so what is live there can't be told.",
            hint="It is in snapshots that are taken once the project has it. " + _AGAIN,
        )
    return {
        alias: KeptClient(alias, snapshot.accounts[alias], snapshot.rows.get(alias, {}), encoders[alias])
        for alias in aliases
    }


def without_bulk(
    desired: Mapping[Address, Resource], state: State | None, registry: Registry
) -> tuple[dict[Address, Resource], State | None, tuple[Address, ...]]:
    """What can be planned without people: the entries and the state but for bulk ones, and which those are."""
    left = sorted(
        address
        for address in {*desired, *(state.resources if state is not None else ())}
        if address.provider in registry.providers
        and address.kind in registry.providers[address.provider].kinds
        and isinstance(registry.kind(address), BulkKind)
    )
    if state is not None:
        kept = {address: each for address, each in state.resources.items() if address not in left}
        intents = {address: each for address, each in state.intents.items() if address not in left}
        state = replace(state, resources=kept, intents=intents)
    return {address: each for address, each in desired.items() if address not in left}, state, tuple(left)
