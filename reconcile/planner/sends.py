"""What a step does to the time at which people get mail."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from reconcile.model.address import Address
from reconcile.model.attributes import Attributes, references
from reconcile.model.kind import Kind, rules
from reconcile.model.resource import RemoteObject
from reconcile.planner.plan import AttributeChange, Send


def send_of(
    kind: Kind,
    live: RemoteObject | None,
    desired: Attributes,
    changes: Sequence[AttributeChange],
    reached: Mapping[Address, int],
    *,
    anew: bool = False,
) -> Send | None:
    """What the changes do to the time at which people get mail; ``reached`` is how many are behind each list.

    ``anew``: it is to go out at the same time as before, but is handed over for it anew.
    """
    before = kind.due(live.attributes) if live is not None else None
    after = kind.due({**(live.attributes if live is not None else {}), **desired})
    renewed = anew or any(changed.replaces for changed in changes)
    if before == after and (before is None or not renewed):
        return None
    known = rules(kind.spec)
    to = [value for key, value in desired.items() if known[key].refers is not None and not known[key].embeds]
    targets = tuple(sorted(set(references(to))))
    counts = [reached[target] for target in targets if target in reached]
    people = sum(counts) if counts else None
    return Send(_seconds(before), _seconds(after), targets, people)


def unscheduled(kind: Kind, live: RemoteObject) -> Send | None:
    """What deleting an object does to mail that it was to send."""
    before = kind.due(live.attributes)
    return Send(_seconds(before), None) if before is not None else None


def _seconds(instant: str | None) -> float | None:
    return None if instant is None else datetime.fromisoformat(instant).timestamp()
