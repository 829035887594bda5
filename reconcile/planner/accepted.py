"""Outside edits that somebody has accepted: they stay as they are, and every plan shows them until that is over.

An acceptance is about one attribute, as it was live and as its entry said then. It is over after its last day, once
either says something else, and where the object is made anew. Then the attribute is compared as ever.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from reconcile.errors import Diagnostic, Severity
from reconcile.model.address import Address
from reconcile.model.attributes import condensed, same
from reconcile.model.kind import Kind, rules
from reconcile.model.resource import Acceptance, Applied, RemoteObject, Resource
from reconcile.planner.plan import Cause, Step


def today(now: float) -> str:
    """The day of a moment (UNIX seconds), as acceptances name their last one."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def live_as_accepted(acceptance: Acceptance, live: RemoteObject, day: str) -> bool:
    """Whether an acceptance has not ended, and its attribute still reads as it was accepted."""
    over = acceptance.until is not None and acceptance.until < day
    return not over and acceptance.name in live.attributes and same(live.attributes[acceptance.name], acceptance.live)


def in_force(resource: Resource, applied: Applied | None, live: RemoteObject | None, day: str) -> frozenset[str]:
    """The attributes of an entry whose live values are accepted."""
    if applied is None or live is None or not applied.accepted:
        return frozenset()
    return frozenset(
        acceptance.name
        for acceptance in applied.accepted
        if live_as_accepted(acceptance, live, day)
        and same(resource.attributes.get(acceptance.name), acceptance.declared)
    )


def without(resource: Resource, names: Collection[str]) -> Resource:
    """The entry, as if it said that these attributes are left as they are."""
    return replace(resource, ignore_changes=resource.ignore_changes | frozenset(names)) if names else resource


def kept_on_record(step: Step, applied: Applied | None, names: Collection[str]) -> Step:
    """The step, the state going on to hold what was last applied of accepted attributes, and what was accepted."""
    if step.applied is None or applied is None or not applied.accepted:
        return step
    differing = () if step.writes else {change.name for change in step.changes}
    accepted = tuple(each for each in applied.accepted if each.name in names or each.name in differing)
    attributes = {name: applied.attributes[name] for name in names if name in applied.attributes}
    observed = {name: applied.observed[name] for name in names if name in applied.observed}
    record = replace(
        step.applied,
        attributes={**step.applied.attributes, **attributes},
        observed={**step.applied.observed, **observed},
        accepted=accepted,
    )
    return replace(step, applied=record)


def told(
    applied: Mapping[Address, Applied], holding: Mapping[Address, Collection[str]], steps: Mapping[Address, Step]
) -> Iterator[Diagnostic]:
    """A word on each acceptance, and on those that are over where the attribute still differs."""
    for address, kept in sorted(applied.items()):
        step = steps.get(address)
        if step is None:
            continue
        for acceptance in kept.accepted:
            why = f"{by_whom(acceptance)}: {acceptance.reason}"
            if acceptance.name in holding.get(address, ()):
                yield Diagnostic(
                    "accepted-edit",
                    "an outside edit that is accepted",
                    f"{acceptance.name} was edited outside and stays as it is, {until(acceptance)}. {why}",
                    address=str(address),
                    hint=f"To end that now: reconcile accept {address}.{acceptance.name} --over",
                    severity=Severity.WARNING,
                )
            elif any(
                change.name == acceptance.name and change.cause in (Cause.OUTSIDE, Cause.BOTH)
                for change in step.changes
            ):
                yield Diagnostic(
                    "acceptance-over",
                    "it was accepted, and that is over",
                    f"{acceptance.name} was edited outside, which was accepted {until(acceptance)}; that is over, "
                    f"as the day has passed, or the edit or the entry is another one now. {why}",
                    address=str(address),
                    hint=f"Take it into the manifest (reconcile pull {address}), or accept it anew.",
                    severity=Severity.WARNING,
                )


def until(acceptance: Acceptance) -> str:
    """Until when, in words."""
    return f"until {acceptance.until}" if acceptance.until is not None else "for good"


def by_whom(acceptance: Acceptance) -> str:
    """Who accepted it when, in words."""
    when = datetime.fromtimestamp(acceptance.when, UTC)
    return f"Accepted by {acceptance.by or 'somebody'} on {when:%Y-%m-%d}"


def refusal(kind: Kind, name: str) -> str | None:
    """Why an edit of an attribute can't be accepted, as the end of a sentence; None if it can."""
    rule = rules(kind.spec).get(name)
    if rule is not None and rule.launches:
        return "it decides when people get mail, and that is approved in a plan"
    return None


def acceptance_of(
    step: Step, resource: Resource, live: RemoteObject, name: str, reason: str, until: str | None
) -> Acceptance:
    """The acceptance of one edit that a step shows; who and when is added by whoever records it."""
    change = next(change for change in step.changes if change.name == name)
    value, declared = live.attributes[name], resource.attributes.get(name)
    if change.text:
        value, declared = condensed(value), condensed(declared)
    return Acceptance(name, value, declared, reason, until)
