"""Compare what is live with what was last applied: reads only, and no manifests."""

from collections import Counter
from collections.abc import Mapping

from reconcile.engine.intents import settled, with_settled
from reconcile.engine.refresh import refresh
from reconcile.engine.workflow import Workspace, aliases, check_accounts, circumstances_of
from reconcile.model.address import Address
from reconcile.model.bulk import BulkKind
from reconcile.model.resource import Resource
from reconcile.planner.accepted import live_as_accepted, today
from reconcile.planner.drift import Drift, find_drift, unreadable, unsettled
from reconcile.planner.make import counted_others
from reconcile.state.state import State


def drift(workspace: Workspace, state: State | None, desired: Mapping[Address, Resource] | None = None) -> Drift:
    """What has drifted from a state; without one there is nothing to compare, and nothing is read.

    What is as ``desired`` says is no drift: the next apply puts it on record.

    Raises:
        WrongAccount: a key opens another account than the state's.
    """
    if state is None or not (state.resources or state.intents):
        return Drift((), environment=workspace.environment, serial=state.serial if state else 0)
    registry, clients = workspace.registry, workspace.clients
    reads_before = sum(client.reads for client in clients.values())
    accounts = check_accounts(workspace, state, aliases(workspace, {}, state))
    state = with_settled(state, settled(state, registry, clients, workspace.patience))
    seen = refresh({}, state.resources, registry, clients, removes=False, newer=True)
    live = seen.live
    around = circumstances_of(workspace, state.resources, workspace.clock())
    unchecked = Counter(
        name
        for address, kept in state.resources.items()
        for name in unreadable(registry.kind(address), kept, live.get(address))
    )
    found = tuple(find_drift(state.resources, live, registry, around, seen.reached, workspace.policy.reach_growth))
    entries = tuple(unsettled(found, state.resources, desired)) if desired is not None else found
    return Drift(
        entries,
        settled=tuple(sorted({entry.address for entry in found} - {entry.address for entry in entries})),
        checked=sum(not isinstance(registry.kind(address), BulkKind) for address in state.resources),
        unchecked=dict(sorted(unchecked.items())),
        accepted=tuple(
            (address, each)
            for address, kept in sorted(state.resources.items())
            for each in kept.accepted
            if address in live and live_as_accepted(each, live[address], today(around.now))
        ),
        unmanaged=counted_others(seen, registry, around),
        accounts=accounts,
        environment=workspace.environment,
        serial=state.serial,
        reads=sum(client.reads for client in clients.values()) - reads_before,
    )
