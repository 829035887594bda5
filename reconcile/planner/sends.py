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
) -> Send | None:
    """What the changes do to the time at which people get mail; ``reached`` is how many are behind each list."""
    name = next((name for name, rule in rules(kind.spec).items() if rule.due), None)
    change = next((change for change in changes if change.name == name), None)
    if name is None:
        return None
    before = live.attributes.get(name) if live is not None else None
    after = desired.get(name, before)
    if change is None and (before is None or live is None or not any(changed.replaces for changed in changes)):
        return None
    if before is None and after is None:
        return None
    known = rules(kind.spec)
    to = [value for key, value in desired.items() if known[key].refers is not None and not known[key].embeds]
    targets = tuple(sorted(set(references(to))))
    counts = [reached[target] for target in targets if target in reached]
    people = sum(counts) if counts else None
    return Send(_seconds(before), _seconds(after), targets, people)


def unscheduled(kind: Kind, live: RemoteObject) -> Send | None:
    """What deleting an object does to mail that it was to send."""
    names = [name for name, rule in rules(kind.spec).items() if rule.due]
    before = live.attributes.get(names[0]) if names else None
    return Send(_seconds(before), None) if before is not None else None


def _seconds(instant: str | None) -> float | None:
    return None if instant is None else datetime.fromisoformat(instant).timestamp()
