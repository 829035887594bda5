"""What a step does to mail that is to go out: who gets it, when, and what it says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from reconcile.model.address import Address
from reconcile.model.attributes import Attributes, Value, condensed, fingerprint
from reconcile.model.kind import PLAIN, Action, Kind, rules
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied, RemoteObject
from reconcile.model.right_to_send import RightToSend
from reconcile.planner.diff import Surroundings, as_references, embedded
from reconcile.planner.plan import AttributeChange, Plan, Right, Send, SendChange, Step

_SENDERS = ("fromEmail", "fromAddress")


def send_of(
    address: Address,
    kind: Kind,
    live: RemoteObject | None,
    desired: Attributes,
    changes: Sequence[AttributeChange],
    reached: Mapping[Address, int],
    around: Surroundings,
    *,
    anew: bool = False,
) -> Send | None:
    """What the changes do to mail that is to go out, None where none is or nothing of it changes.

    ``reached`` is how many are behind each list. ``anew``: it is to go out at the same time as before, but is handed
    over for it anew.
    """
    was = live.attributes if live is not None else {}
    will = {**was, **desired}
    before, after = kind.due(was) if live is not None else None, kind.due(will)
    if before is None and after is None:
        return None
    to_before, others_before = targets_of(address, kind, was, around)
    to, others = targets_of(address, kind, will, around)
    launching = {name for name, rule in rules(kind.spec).items() if rule.launches or rule.instant}
    aimed = {name for name, _ in _aims(kind)}
    rest = [change for change in changes if change.name not in launching | aimed]
    found = {
        SendChange.NEW: before is None,
        SendChange.CANCELLED: after is None,
        SendChange.MOVED: None not in (before, after) and before != after,
        SendChange.WIDENED: before is not None and bool({*to, *others} - {*to_before, *others_before}),
        SendChange.NARROWED: before is not None and bool({*to_before, *others_before} - {*to, *others}),
        SendChange.CONTENT: before is not None and bool(rest),
    }
    what = tuple(change for change, holds in found.items() if holds)
    renewed = anew or any(change.replaces for change in changes)
    if not what and not renewed:
        return None
    reach = {target: reached[target] for target in to if target in reached}
    return Send(
        _seconds(before),
        _seconds(after),
        to,
        sum(reach.values()) if reach else None,
        what or (SendChange.AGAIN,),
        to_before,
        others,
        others_before,
        reach,
        _text(will.get("subject")),
        next((text for name in _SENDERS if (text := _text(will.get(name))) is not None), None),
        _content(kind, will, around),
    )


def gone_out(
    address: Address,
    kind: Kind,
    applied: Applied,
    live: RemoteObject,
    outside: Sequence[AttributeChange],
    reached: Mapping[Address, int],
    around: Surroundings,
) -> Send:
    """Mail that went out otherwise than was approved: ``outside`` are the changes that somebody else made to it."""
    launching = {name for name, rule in rules(kind.spec).items() if rule.launches or rule.instant}
    planned, went = _seconds(kind.due(applied.attributes)), _seconds(kind.due(live.attributes))
    early = planned is not None and went is not None and went < planned
    altered = any(change.name not in launching for change in outside) or not early
    what = (*((SendChange.EARLY,) if early else ()), *((SendChange.ALTERED,) if altered else ()))
    to, others = targets_of(address, kind, live.attributes, around)
    reach = {target: reached[target] for target in to if target in reached}
    people = sum(reach.values()) if reach else None
    over = "it has gone out"
    return Send(planned, went, to, people, what, others=others, reach=reach, allowed=False, decided_by=over)


def unscheduled(address: Address, kind: Kind, live: RemoteObject, around: Surroundings) -> Send | None:
    """What deleting an object does to mail that it was to send."""
    before = kind.due(live.attributes)
    if before is None:
        return None
    to, others = targets_of(address, kind, live.attributes, around)
    return Send(_seconds(before), None, changes=(SendChange.CANCELLED,), to_before=to, others_before=others)


def _aims(kind: Kind) -> Iterator[tuple[str, str]]:
    """The attributes that say who gets it, and the kind of entries that they name."""
    for name, rule in rules(kind.spec).items():
        if rule.refers is not None and not rule.embeds:
            yield name, rule.refers


def due_at(kind: Kind, attributes: Attributes) -> float | None:
    """When people get mail because of these attributes (UNIX seconds); None: they don't."""
    return _seconds(kind.due(attributes))


def targets_of(
    address: Address, kind: Kind, attributes: Attributes, around: Surroundings
) -> tuple[tuple[Address, ...], tuple[str, ...]]:
    """Who gets it: the entries, and the ids of what no entry stands for."""
    ours: set[Address] = set()
    others: set[str] = set()
    for name, refers in _aims(kind):
        value = as_references(address, refers, attributes.get(name), around.ids)
        for target in value if isinstance(value, tuple) else (value,):
            if isinstance(target, Reference):
                ours.add(target.address)
            elif target is not None:
                others.add(str(target))
    return tuple(sorted(ours)), tuple(sorted(others))


def _content(kind: Kind, attributes: Attributes, around: Surroundings) -> str:
    known = rules(kind.spec)
    said: dict[str, Value] = {}
    for name, value in attributes.items():
        rule = known.get(name, PLAIN)
        if rule.launches or rule.instant or (rule.refers is not None and not rule.embeds):
            continue
        copied = rule.embeds and isinstance(value, Reference)
        said[name] = embedded(value, around.contents) if copied else condensed(value) if rule.text else value
    return fingerprint(said)


def _text(value: Value) -> str | None:
    return value if isinstance(value, str) else None


def _seconds(instant: str | None) -> float | None:
    return None if instant is None else datetime.fromisoformat(instant).timestamp()


def with_right_to_send(plan: Plan, right: RightToSend) -> Plan:
    """The plan, its sends saying whether this run may make them.

    Where it may, nothing asks for the right any more; where it may not, the refusal names what would give it.
    """
    return replace(plan, steps={address: _told(step, right) for address, step in plan.steps.items()})


def _told(step: Step, right: RightToSend) -> Step:
    needs = any(need.right is Right.SEND for need in step.requires)
    if step.send is None and not needs:
        return step
    send = step.send
    if send is not None and step.action is Action.NO_OP:
        return step
    if send is not None and step.blocked is not None:
        send = replace(send, allowed=False, decided_by=step.blocked.summary)
    elif send is not None and needs:
        send = replace(send, allowed=not right.lacks(sends=True), decided_by=right.decided_by)
    elif send is not None:
        send = replace(send, allowed=True, decided_by="nobody gets mail that they would not get anyway")
    if not needs:
        return replace(step, send=send)
    requires = tuple(
        need
        if need.right is not Right.SEND
        else replace(need, diagnostic=replace(need.diagnostic, hint=_way_out(right)), denied=right.denied)
        for need in step.requires
        if need.right is not Right.SEND or right.lacks(sends=True)
    )
    return replace(step, send=send, requires=requires)


def _way_out(right: RightToSend) -> str:
    """What would give a step the right; a plan, other than a single call, can do without it."""
    return f"{right.way_out.removesuffix('.')}, or apply the rest with --without-sends."
