"""policy.targets for single calls made by hand: whom a call has mail sent to is judged as in a plan."""

from collections.abc import Sequence

from reconcile.engine.refresh import find
from reconcile.engine.workflow import Workspace
from reconcile.errors import Diagnostic, Refused
from reconcile.model.kind import Wanted
from reconcile.model.policy import Targets
from reconcile.model.reference import Reference
from reconcile.planner.targets import breach
from reconcile.state.state import State


def refuse_strangers(
    workspace: Workspace, state: State | None, alias: str, targets: Sequence[tuple[str, str | None]]
) -> None:
    """See that the environment is for all that a call has mail sent to: kinds and ids, as an Outlook tells them.

    Raises:
        Refused: it is not.
    """
    allowed = workspace.policy.targets
    if allowed == Targets() or not targets:
        return
    entries = {
        (address.kind, kept.id): Reference(address)
        for address, kept in (state.resources if state is not None else {}).items()
        if address.provider == alias
    }
    named = [(kind, entries.get((kind, id_), id_) if id_ is not None else None) for kind, id_ in targets]
    counts = [None if id_ is None else _people(workspace, alias, kind, id_) for kind, id_ in targets]
    found = breach(allowed, workspace.registry.providers[alias], named, counts)
    if found is not None:
        detail, hint = found
        raise Refused.of([Diagnostic("target-not-allowed", "not for this environment", detail, hint=hint)])


def _people(workspace: Workspace, alias: str, kind: str, id_: str) -> int | None:
    """How many people are behind an object; None where nobody can tell."""
    of = workspace.registry.providers[alias].kinds[kind]
    live = find(of, workspace.clients[alias], Wanted(frozenset([id_]))).get(id_)
    return of.reach(live) if live is not None else None
