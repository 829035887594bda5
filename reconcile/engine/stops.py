"""Stops on their own: what is to go out no more, found with no more reads and files than that takes.

For runs whose plan can't be made or may not be carried out: a platform that answers no other question, a malformed row
in some file, a right that is missing. The mail must not go out because of that.
"""

from collections.abc import Mapping
from dataclasses import replace

from reconcile.engine.refresh import find
from reconcile.engine.workflow import Workspace, check_accounts, circumstances_of, standing_of
from reconcile.errors import ApiError, Diagnostic
from reconcile.model.address import Address
from reconcile.model.kind import Action, Wanted
from reconcile.model.resource import Applied, Resource
from reconcile.planner.make import Request
from reconcile.planner.moves import moved
from reconcile.planner.plan import Cause, Meant, Plan, Step
from reconcile.planner.standing import with_standing
from reconcile.planner.steps import launching, live_fingerprint, stops_of
from reconcile.state.state import State


def plan_stops(
    workspace: Workspace,
    desired: Mapping[Address, Resource],
    state: State,
    request: Request,
    deletes: int,
    *,
    stale: bool = False,
) -> Plan:
    """A plan of nothing but stops; ``deletes`` is the N of ``--allow-delete N``.

    Entries that are gone are stopped only if so many may be gone: manifests that were moved stop no mail, and an older
    checkout only if it may (``stale``).
    """
    applied = moved(desired, state.resources)
    missing = [address for address, kept in applied.items() if address not in desired and not kept.external]
    gone_on_purpose = _is_meant(workspace, missing, applied, desired, request, deletes)
    wanted = {
        address: kept
        for address, kept in applied.items()
        if _is_to_go_out(workspace, address, kept)
        and (not request.targets or address in request.targets)
        and (_is_declared_off(workspace, desired[address]) if address in desired else gone_on_purpose)
        and not request.removed.get(address, False)
    }
    accounts = check_accounts(workspace, state, {address.provider for address in wanted})
    steps = {address: _step(workspace, address, kept, applied, desired) for address, kept in wanted.items()}
    made = {address: step for address, step in steps.items() if step is not None}
    meant = Meant(tuple(request.removed), request.destroy)
    plan = Plan(
        made, accounts=accounts, lineage=state.lineage, serial=state.serial, targets=request.targets, meant=meant
    )
    standing = standing_of(workspace, state)
    if standing is None or stale:
        return plan
    judged = with_standing(plan, standing).steps
    return replace(plan, steps={address: step for address, step in judged.items() if not step.requires})


def _step(
    workspace: Workspace,
    address: Address,
    kept: Applied,
    applied: Mapping[Address, Applied],
    desired: Mapping[Address, Resource],
) -> Step | None:
    kind = workspace.registry.kind(address)
    try:
        live = find(kind, workspace.clients[address.provider], Wanted(frozenset([kept.id]))).get(kept.id)
    except ApiError as error:
        return Step(address, Action.UPDATE, Cause.MANIFEST, id=kept.id, blocked=_unreadable(address, error))
    if live is None:
        return None
    now = circumstances_of(workspace, applied, workspace.clock())
    stops = stops_of(address, kind, kept, live, now)
    if not stops:
        return None
    return Step(
        address,
        Action.UPDATE,
        Cause.MANIFEST if address in desired else Cause.REMOVED,
        stops=stops,
        id=live.id,
        live_fingerprint=live_fingerprint(live, launching(kind)),
        note="Stopped on its own, as the rest of the run could not be carried out.",
    )


def _unreadable(address: Address, error: ApiError) -> Diagnostic:
    return Diagnostic(
        "not-stopped",
        "not stopped",
        f"NOT STOPPED: it can't be read whether the mail is still to go out ({error}).",
        address=str(address),
        hint="Apply again, or cancel it in the web interface.",
    )


def _is_to_go_out(workspace: Workspace, address: Address, kept: Applied) -> bool:
    """Whether our state says that we scheduled it."""
    return any(kept.attributes.get(name) for name in launching(workspace.registry.kind(address)))


def _is_declared_off(workspace: Workspace, resource: Resource) -> bool:
    attributes = resource.attributes
    names = launching(workspace.registry.kind(resource.address))
    return any(name in attributes and not attributes[name] and name not in resource.ignore_changes for name in names)


def _is_meant(
    workspace: Workspace,
    missing: list[Address],
    applied: Mapping[Address, Applied],
    desired: Mapping[Address, Resource],
    request: Request,
    deletes: int,
) -> bool:
    """Whether entries that are gone from the manifests were taken out on purpose, as far as the bounds tell."""
    left = [address for address in missing if address not in request.removed]
    if request.destroy or deletes >= len(left):
        return True
    kinds = {(address.provider, address.kind) for address in applied.keys() & desired.keys()}
    whole = any((address.provider, address.kind) not in kinds for address in left)
    return bool(desired) and not whole and len(left) <= workspace.policy.max_delete_count
