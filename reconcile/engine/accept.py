"""Accept outside edits: the state holds that they stay, and the manifests are not touched."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconcile.engine.refresh import find
from reconcile.engine.workflow import Workspace, plan, settle
from reconcile.errors import Diagnostic, InvalidInput
from reconcile.model.address import Address
from reconcile.model.kind import Wanted
from reconcile.model.resource import Acceptance, Resource
from reconcile.planner.accepted import acceptance_of, refusal
from reconcile.planner.plan import Cause, Step
from reconcile.state.store import LockedState


def accept(
    workspace: Workspace,
    locked: LockedState,
    desired: Mapping[Address, Resource],
    wanted: Sequence[tuple[Address, str | None]],
    reason: str,
    until: str | None,
    by: str,
) -> dict[Address, tuple[str, ...]]:
    """Accept the edits of these attributes (None: all of an address); gives which they were.

    Raises:
        InvalidInput: with everything that can't be accepted; nothing is then.
    """
    settle(workspace, locked)
    steps = plan(workspace, desired, locked.state).steps
    findings: list[Diagnostic] = []
    names: dict[Address, tuple[str, ...]] = {}
    for address, name in wanted:
        step = steps.get(address)
        reason_not, edited = _edited(workspace, step, address, name, desired)
        if reason_not is not None:
            findings.append(reason_not)
        names[address] = tuple(dict.fromkeys((*names.get(address, ()), *edited)))
    if findings:
        raise InvalidInput.of(findings)
    now = workspace.clock()
    for address, accepted in names.items():
        kept, kind = locked.state.resources[address], workspace.registry.kind(address)
        found = find(kind, workspace.clients[address.provider], Wanted(frozenset([kept.id])))
        if kept.id not in found:
            raise InvalidInput(f"{address} was deleted outside a moment ago.", hint="Run again.")
        made = [
            replace(
                acceptance_of(steps[address], desired[address], found[kept.id], name, reason, until), by=by, when=now
            )
            for name in accepted
        ]
        locked.put(address, replace(kept, accepted=_with(kept.accepted, made)))
    return names


def end(locked: LockedState, wanted: Sequence[tuple[Address, str | None]]) -> dict[Address, tuple[str, ...]]:
    """Take acceptances back; gives which they were.

    Raises:
        InvalidInput: something was not accepted; all stays then.
    """
    ended: dict[Address, tuple[str, ...]] = {}
    for address, name in wanted:
        kept = locked.state.resources.get(address)
        names = tuple(each.name for each in kept.accepted if name in (None, each.name)) if kept is not None else ()
        if not names:
            what = f"{address}.{name}" if name is not None else str(address)
            raise InvalidInput(f"Nothing of {what} is accepted.", hint="`reconcile plan` shows what is.")
        ended[address] = (*ended.get(address, ()), *names)
    for address, names in ended.items():
        kept = locked.state.resources[address]
        locked.put(address, replace(kept, accepted=tuple(each for each in kept.accepted if each.name not in names)))
    return ended


def _with(former: Sequence[Acceptance], made: Sequence[Acceptance]) -> tuple[Acceptance, ...]:
    names = {each.name for each in made}
    return (*(each for each in former if each.name not in names), *made)


def _edited(
    workspace: Workspace, step: Step | None, address: Address, name: str | None, desired: Mapping[Address, Resource]
) -> tuple[Diagnostic | None, list[str]]:
    """The edited attributes that are meant, or why nothing can be accepted."""

    def no(detail: str, hint: str) -> tuple[Diagnostic, list[str]]:
        return Diagnostic("not-accepted", "it can't be accepted", detail, str(address), hint=hint), []

    if step is None or address not in desired or step.previous_address is not None:
        return no(f"No entry has {address} and an object.", "See what was edited outside: reconcile drift")
    if step.cause is Cause.GONE:
        return no(
            "It was deleted outside.", f"Take its entry out with `reconcile pull {address}`, or let apply make it."
        )
    outside = [change.name for change in step.changes if change.cause in (Cause.OUTSIDE, Cause.BOTH)]
    edited = [each for each in outside if name in (None, each)]
    if not edited:
        what = f"`{name}`" if name is not None else "It"
        others = f"Edited outside: {', '.join(outside)}." if outside else "See all: reconcile drift"
        return no(f"{what} was not edited outside since the last apply.", others)
    kind = workspace.registry.kind(address)
    for each in edited:
        if (why := refusal(kind, each)) is not None:
            return no(
                f"`{each}` was edited outside, but {why}.", f"Take it into the manifest: reconcile pull {address}"
            )
    return None, edited
