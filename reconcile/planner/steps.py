"""Which action an address needs, and why."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconcile.errors import Diagnostic
from reconcile.model.address import Address
from reconcile.model.attributes import Attributes, Digest, Value, condensed, digest_text, fingerprint, references, same
from reconcile.model.bulk import BulkKind, Comparison
from reconcile.model.call import Call
from reconcile.model.instant import as_seconds
from reconcile.model.kind import PLAIN, Action, Change, Circumstances, Kind, Rule, rules
from reconcile.model.likeness import spelled
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied, RemoteObject, Resource
from reconcile.planner.bulk import bulk_removal, bulk_step
from reconcile.planner.diff import Surroundings, as_references, diff, diff_computed, recorded, scheduled_outside
from reconcile.planner.plan import AttributeChange, Cause, Step
from reconcile.planner.requirements import (
    deletion_requirements,
    drift_requirements,
    gone_requirements,
    loss_requirements,
    protected,
    protected_as_it_is,
    schedule_requirements,
    send_requirements,
    toll_requirements,
    unfinished,
    unknown_requirements,
)
from reconcile.planner.sends import gone_out, send_of, unscheduled


@dataclass(frozen=True, slots=True)
class Seen:
    """What a refresh found.

    ``live``: the objects behind addresses in the state or marked external, missing where there is none any more;
    ``candidates``: for addresses not in the state, the objects with their natural key that are bound to no address;
    ``deposed``: replaced objects that still exist; ``reached``: how many people are behind an object; ``comparisons``:
    how bulk entries differ; ``lookalikes``: objects like ``candidates`` whose natural key is not equal, but may be what
    somebody, or the platform, has made of it; ``others``: what was read along and is nobody's, by alias and kind.
    """

    live: Mapping[Address, RemoteObject] = field(default_factory=dict)
    candidates: Mapping[Address, Sequence[RemoteObject]] = field(default_factory=dict)
    deposed: Mapping[Address, tuple[RemoteObject, ...]] = field(default_factory=dict)
    reached: Mapping[Address, int] = field(default_factory=dict)
    comparisons: Mapping[Address, Comparison] = field(default_factory=dict)
    lookalikes: Mapping[Address, Sequence[RemoteObject]] = field(default_factory=dict)
    others: Mapping[tuple[str, str], Sequence[RemoteObject]] = field(default_factory=dict)


def live_fingerprint(live: RemoteObject, without: Collection[str] = ()) -> str:
    """A fingerprint of what a person would have seen of an object when a plan was shown."""
    return fingerprint({name: condensed(value) for name, value in live.attributes.items() if name not in without})


def seen_fingerprint(step: Step, kind: Kind, live: RemoteObject) -> str:
    """The fingerprint that a step's object must still have; what its stops change is left out of it."""
    return live_fingerprint(live, launching(kind) if step.stops else ())


def step_for(
    resource: Resource,
    kind: Kind,
    applied: Applied | None,
    seen: Seen,
    around: Surroundings,
    circumstances: Circumstances,
    *,
    replacing: bool = False,
) -> Step:
    """The step for a declared resource."""
    address = resource.address
    live = seen.live.get(address)
    if resource.external:
        found = seen.candidates.get(address, ()), seen.lookalikes.get(address, ())
        return _external(resource, kind, applied, live, *found)
    if kind.manual:
        return _manual(resource, kind, applied, seen, around)
    if kind.singleton and applied is None and seen.candidates.get(address):
        live = seen.candidates[address][0]
        applied = Applied(live.id, {})
    if address in seen.comparisons:
        return bulk_step(resource, seen.comparisons[address], applied)
    if applied is None or live is None:
        return _create(resource, kind, applied, seen, around, circumstances)
    if kind.immutable(live, circumstances):
        return _immutable(resource, kind, applied, live, seen, around, replacing=replacing)
    wanted = kind.wanted(resource.attributes, applied)
    resource = resource if wanted is resource.attributes else replace(resource, attributes=wanted)
    applied = kind.remembered(applied)
    changes = list(_changes(resource, kind, applied, live, around))
    ours = _ours(changes, kind)
    anew = replacing or any(change.replaces for change in ours) or kind.must_replace({c.name for c in ours})
    stops = stops_of(address, kind, applied, live, circumstances) if _ends(_managed(resource), kind, anew=anew) else ()
    by_hand = tuple(kind.instructions(Change(Action.UPDATE, address, _managed(resource), applied, live, live.id)))
    if anew:
        action = Action.REPLACE
    elif ours:
        action = Action.UPDATE
    else:
        action = Action.MANUAL if by_hand else Action.NO_OP
    step = Step(
        address,
        action,
        cause=_cause(ours or changes) or (Cause.ASKED if replacing else None),
        changes=tuple(changes),
        stops=stops,
        id=live.id,
        instructions=by_hand,
        dependencies=_dependencies(resource.attributes),
        former_dependencies=_former_dependencies(address, kind, applied, live, seen, around),
        unchecked=_unchecked(rules(kind.spec), resource.attributes, applied, live),
        reach=kind.reach(live),
        key=kind.key(resource.attributes),
        edited=live.edited if any(change.cause in (Cause.OUTSIDE, Cause.BOTH) for change in changes) else None,
    )
    step = _with_calls(step, resource, kind, applied, live, seen, around, circumstances)
    if step.calls or step.removals:
        # What they have looked at and scheduled is not written unasked.
        theirs = schedule_requirements(address, scheduled_by_others(resource, kind, applied, live))
        step = replace(step, requires=(*step.requires, *theirs))
    return replace(
        step,
        live_fingerprint=seen_fingerprint(step, kind, live),
        applied=_next_applied(step, resource, kind, applied, live, around),
    )


def scheduled_by_others(resource: Resource, kind: Kind, applied: Applied, live: RemoteObject) -> list[AttributeChange]:
    """That somebody has scheduled a draft of ours outside, where the manifest leaves it unsaid."""
    unsaid = kind.spec.model_fields.keys() - resource.attributes.keys() - resource.ignore_changes
    return [change for change in scheduled_outside(kind, applied, live) if change.name in unsaid]


def removal_step(
    address: Address,
    kind: Kind,
    applied: Applied,
    seen: Seen,
    around: Surroundings,
    circumstances: Circumstances,
    *,
    stays: bool = False,
) -> Step:
    """The step for an address that is in the state and in no manifest; ``stays``: its object is to be left there."""
    if isinstance(kind, BulkKind):
        return bulk_removal(address, applied)
    live = seen.live.get(address)
    leftover = tuple(old.id for old in seen.deposed.get(address, ()))
    released = tuple(kind.releases(seen.deposed.get(address, ()), None))
    step = Step(
        address,
        Action.FORGET,
        Cause.REMOVED,
        stops=released if launching(kind) else (),
        calls=() if launching(kind) else released,
        id=applied.id,
        former_dependencies=_former_dependencies(address, kind, applied, None, seen, around),
        deposed=leftover,
    )
    removals = tuple(call for id_ in leftover for call in _deletion(address, kind, id_))
    if kind.manual and live is not None:
        return replace(step, note="It stays in the account: only a person can remove it, in the web interface.")
    if kind.singleton:
        blocked = unfinished(address) if kind.wanted({}, applied) else None
        return replace(step, note="It stays in the account as it is.", blocked=blocked)
    if stays or applied.external or live is None:
        note = None if stays or applied.external else "It is gone from the account already."
        return replace(step, removals=removals, note=note)
    if kind.immutable(live, circumstances):
        return replace(step, removals=removals, note="It was sent, so it stays in the account as it is.")
    stops = stops_of(address, kind, applied, live, circumstances)
    then, since = _after(stops, kind, applied, live)
    change = Change(
        Action.DELETE, address, applied=since, live=_with_references(address, kind, then, around), id=live.id
    )
    *before, deletion = kind.writes(change)
    return replace(
        step,
        action=Action.DELETE,
        stops=(*step.stops, *stops),
        calls=(*step.calls, *before),
        removals=(deletion, *removals),
        note=_said_of_deleted(kind, live, kind.note(change)),
        send=unscheduled(address, kind, live, around),
        lost=(kind.toll(live) or (0, ""))[0],
        former_dependencies=_former_dependencies(address, kind, applied, live, seen, around),
        reach=kind.reach(live),
        live_fingerprint=live_fingerprint(live, launching(kind) if stops or step.stops else ()),
        blocked=protected(address, applied) or kind.refusal(change, circumstances),
        requires=tuple(deletion_requirements(address, kind, applied, live, around)),
    )


def _said_of_deleted(kind: Kind, live: RemoteObject, note: str | None) -> str | None:
    """What is to be said of an object that goes: of a mail its subject, by which people know it."""
    subject = live.attributes.get(kind.mail.subject) if kind.mail is not None and kind.mail.subject else None
    told = f'Its subject: "{subject}".' if isinstance(subject, str) and subject else None
    return " ".join(part for part in (told, note) if part) or None


def _external(
    resource: Resource,
    kind: Kind,
    applied: Applied | None,
    live: RemoteObject | None,
    candidates: Sequence[RemoteObject],
    lookalikes: Sequence[RemoteObject],
) -> Step:
    step = Step(resource.address, Action.NO_OP, key=kind.key(resource.attributes))
    if applied is not None and live is not None:
        return replace(step, id=live.id, applied=replace(applied, external=True), reach=kind.reach(live))
    if len(candidates) == 1:
        # On record, so that what refers to it can be told from ids without the manifests.
        found = Applied(candidates[0].id, dict(resource.attributes), external=True, created=False)
        return replace(step, id=found.id, applied=found, reach=kind.reach(candidates[0]))
    key = " / ".join(str(part) for part in step.key or ())
    if candidates:
        finding = _ambiguous(resource, kind, candidates)
    else:
        finding = Diagnostic(
            "external-missing",
            "no object matches",
            f'The account has no {kind.kind} "{key}", and reconcile does not make what is managed elsewhere.',
            address=str(resource.address),
            location=resource.location,
            hint=_did_you_mean(kind, lookalikes)
            or "Make it in the web interface, correct the name, or take out manage: external.",
        )
    return replace(step, blocked=finding)


def _ambiguous(resource: Resource, kind: Kind, candidates: Sequence[RemoteObject]) -> Diagnostic:
    key = " / ".join(str(part) for part in kind.key(resource.attributes) or ())
    ids = ", ".join(candidate.id for candidate in candidates)
    return Diagnostic(
        "external-ambiguous" if resource.external else "match-ambiguous",
        "several objects match",
        f'{len(candidates)} objects match "{key}": ids {ids}. Say which one is meant.',
        address=str(resource.address),
        location=resource.location,
        hint=f"reconcile import {resource.address} ID",
    )


def _manual(resource: Resource, kind: Kind, applied: Applied | None, seen: Seen, around: Surroundings) -> Step:
    """The step for what only a person can change: what to do; once that is done, a no-op that puts it on record."""
    address, names = resource.address, rules(kind.spec)
    candidates = seen.candidates.get(address, ())
    live = seen.live.get(address) or (candidates[0] if len(candidates) == 1 else None)
    step = Step(
        address,
        Action.MANUAL,
        dependencies=_dependencies(resource.attributes),
        former_dependencies=applied.dependencies if applied else (),
        key=kind.key(resource.attributes),
    )
    if live is None:
        cause = Cause.NEW if applied is None else Cause.GONE
        change = Change(Action.CREATE, address, _managed(resource), applied)
        return replace(
            step,
            cause=cause,
            changes=_all_new(resource, names),
            instructions=tuple(kind.instructions(change)),
            blocked=_ambiguous(resource, kind, candidates) if candidates else None,
        )
    known = applied if applied is not None and applied.id == live.id else Applied(live.id, {}, created=False)
    changes = tuple(_changes(resource, kind, known, live, around))
    if changes:
        change = Change(Action.UPDATE, address, _managed(resource), known, live, live.id)
        instructions = tuple(kind.instructions(change))
        return replace(step, id=live.id, cause=_cause(changes), changes=changes, instructions=instructions)
    done = Applied(
        live.id,
        recorded(names, _managed(resource), around.contents),
        dependencies=step.dependencies,
        prevent_destroy=resource.prevent_destroy,
        created=known.created,
        former=known.former,
    )
    return replace(step, action=Action.NO_OP, id=live.id, applied=done, reach=kind.reach(live))


def _all_new(resource: Resource, names: Mapping[str, Rule]) -> tuple[AttributeChange, ...]:
    """Every declared attribute of what does not exist yet."""
    return tuple(
        AttributeChange(name, None, value, Cause.NEW, readable=names[name].readable, text=names[name].text)
        for name, value in resource.attributes.items()
    )


def _create(
    resource: Resource,
    kind: Kind,
    applied: Applied | None,
    seen: Seen,
    around: Surroundings,
    circumstances: Circumstances,
) -> Step:
    address = resource.address
    change = Change(Action.CREATE, address, resource.attributes, applied)
    names = rules(kind.spec)
    leftover = seen.deposed.get(address, ())
    calls = (*kind.releases(leftover, None), *kind.writes(change))
    changes = _all_new(resource, names)
    return Step(
        address,
        Action.CREATE,
        cause=Cause.NEW if applied is None else Cause.GONE,
        changes=changes,
        calls=calls,
        removals=tuple(call for old in leftover for call in _deletion(address, kind, old.id)),
        deposed=tuple(old.id for old in leftover),
        send=send_of(address, kind, None, resource.attributes, changes, seen.reached, around),
        applied=Applied(
            "",
            recorded(names, _remembered(resource, names), around.contents),
            dependencies=_dependencies(resource.attributes),
            prevent_destroy=resource.prevent_destroy,
            former=applied.former if applied is not None else (),
        ),
        dependencies=_dependencies(resource.attributes),
        former_dependencies=_former_dependencies(address, kind, applied, None, seen, around),
        blocked=kind.refusal(change, circumstances)
        or _may_have_gone_out(resource, kind, applied, circumstances)
        or _duplicate(resource, kind, seen.candidates.get(address, ()))
        or _lookalike(resource, kind, seen.lookalikes.get(address, ())),
        requires=(*send_requirements(address, calls), *(gone_requirements(address) if applied is not None else ())),
        key=kind.key(resource.attributes),
        twins=tuple(found.id for found in (*seen.candidates.get(address, ()), *seen.lookalikes.get(address, ()))),
    )


def _may_have_gone_out(
    resource: Resource, kind: Kind, applied: Applied | None, circumstances: Circumstances
) -> Diagnostic | None:
    """What was due and was deleted outside since is not mailed again: nobody can read whether people got it."""
    due = kind.due(applied.attributes) if applied is not None else None
    again = kind.due(resource.attributes)
    if due is None or again is None or resource.allow_duplicate or not circumstances.too_near(as_seconds(due)):
        return None
    return Diagnostic(
        "may-have-gone-out",
        "it may have gone out already",
        f"It was to go out at {due} and has been deleted outside. Whether people got it can't be read any more, so it"
        " is not mailed again.",
        address=str(resource.address),
        hint="To mail it once more all the same, write `allowDuplicate: true` on the entry. Else take the entry out.",
    )


def _duplicate(resource: Resource, kind: Kind, candidates: Sequence[RemoteObject]) -> Diagnostic | None:
    mark = kind.mark(resource.address) if candidates else None
    ours = [candidate.id for candidate in candidates if mark is not None and kind.marked(candidate) == mark]
    twins = ours or [candidate.id for candidate in candidates if kind.matches(resource.attributes, candidate)]
    if not twins or resource.allow_duplicate:
        return None
    key = " / ".join(str(part) for part in kind.key(resource.attributes) or ())
    ids = ", ".join(twins)
    return Diagnostic(
        "exists-already",
        "it exists already, but not in the state",
        f'The account already has "{key}" (id {ids}), which the state does not know, so it is not made a second time.',
        address=str(resource.address),
        location=resource.location,
        hint=f'If it is this entry\'s: "reconcile import {resource.address} {twins[0]}", or "reconcile adopt" for all '
        f'that match by name. If a second one is wanted: "allowDuplicate: true" on the entry.',
    )


def _lookalike(resource: Resource, kind: Kind, found: Sequence[RemoteObject]) -> Diagnostic | None:
    """Why something is not made although no object has its natural key: one of them has a key that looks like it."""
    found = [one for one in found if _has_its_content(resource, kind, one)]
    if not found or resource.allow_duplicate:
        return None
    key, address = _spelled(kind.key(resource.attributes)), resource.address
    others = ", ".join(f'"{_spelled(kind.key(one.attributes))}" (id {one.id})' for one in found[:5])
    return Diagnostic(
        "looks-alike",
        "something that looks like it exists, but is not in the state",
        f'The account has {others}, which looks like "{key}" and which the state does not know, so it is not made a '
        f"second time.",
        address=str(address),
        location=resource.location,
        hint=f'If it is this entry\'s: "reconcile import {address} {found[0].id}". If another one is wanted: '
        f'"allowDuplicate: true" on the entry.',
    )


def _has_its_content(resource: Resource, kind: Kind, live: RemoteObject) -> bool:
    """Whether an object would be taken for the declared one if its natural key were equal."""
    key = {name: live.attributes.get(name) for name in kind.natural_key}
    return kind.matches({**resource.attributes, **key}, live)


def _did_you_mean(kind: Kind, found: Sequence[RemoteObject]) -> str | None:
    if not found:
        return None
    return f'Did you mean "{_spelled(kind.key(found[0].attributes))}" (id {found[0].id})?'


def _spelled(key: tuple[Value, ...] | None) -> str:
    return " / ".join(spelled(part) if isinstance(part, str) else str(part) for part in key or ())


def _immutable(
    resource: Resource,
    kind: Kind,
    applied: Applied,
    live: RemoteObject,
    seen: Seen,
    around: Surroundings,
    *,
    replacing: bool,
) -> Step:
    """A sent campaign: quietly in sync for ever after, but for a word on declared changes that can't be made.

    What was changed outside before it went out stays on the step until the manifest says so, too.
    """
    changes = tuple(_changes(resource, kind, applied, live, around))
    declared = [change.name for change in changes if change.cause is Cause.MANIFEST]
    outside = tuple(change for change in changes if change.cause in (Cause.OUTSIDE, Cause.BOTH))
    notes = [f"It was sent and can't change any more; not applied: {', '.join(declared)}."] if declared else []
    if outside:
        names = ", ".join(change.name for change in outside)
        notes.append(
            f"It went out otherwise than was approved: {names}. Take that into the manifest with "
            f"reconcile pull {resource.address}."
        )
    step = Step(
        resource.address,
        Action.NO_OP,
        changes=outside,
        id=live.id,
        applied=replace(applied, prevent_destroy=resource.prevent_destroy),
        note=" ".join(notes) or None,
        key=kind.key(resource.attributes),
        send=gone_out(resource.address, kind, applied, live, outside, seen.reached, around) if outside else None,
    )
    if not replacing:
        return step
    finding = Diagnostic(
        "sent-already",
        "it was sent",
        "It was sent, so it is not made anew: people would get it a second time.",
        address=str(resource.address),
        location=resource.location,
        hint="Leave out --replace. To send it once more, declare it as another entry.",
    )
    return replace(step, blocked=finding)


def _changes(
    resource: Resource, kind: Kind, applied: Applied, live: RemoteObject, around: Surroundings
) -> Iterator[AttributeChange]:
    desired = _managed(resource)
    names = rules(kind.spec)
    since = kind.beside(applied.attributes, live)
    yield from diff(resource.address, names, desired, applied, kind.beside(desired, live), around, since)
    computed = [name for name in kind.computed(desired) if name not in resource.ignore_changes]
    yield from diff_computed(computed, applied, live)


def _ours(changes: Sequence[AttributeChange], kind: Kind) -> list[AttributeChange]:
    """The changes that the API can make; the others are left to a person."""
    names = rules(kind.spec)
    return [change for change in changes if not names.get(change.name, PLAIN).manual]


def _managed(resource: Resource) -> Attributes:
    """What is declared and not ignored."""
    return {name: value for name, value in resource.attributes.items() if name not in resource.ignore_changes}


def _remembered(resource: Resource, names: Mapping[str, Rule]) -> Attributes:
    """What the state keeps of what is declared: not what is ignored, unless it can't be read back."""
    managed = _managed(resource)
    return {name: value for name, value in resource.attributes.items() if name in managed or not names[name].readable}


def _with_calls(
    step: Step,
    resource: Resource,
    kind: Kind,
    applied: Applied,
    live: RemoteObject,
    seen: Seen,
    around: Surroundings,
    circumstances: Circumstances,
) -> Step:
    """The step with its API writes, and what stands in their way."""
    address = step.address
    leftover = seen.deposed.get(address, ())
    released = tuple(kind.releases(leftover, Reference(address)))
    then, since = _after(step.stops, kind, applied, live)
    removals = tuple(call for old in leftover for call in _deletion(address, kind, old.id))
    deposed = tuple(old.id for old in leftover)
    if deposed or removals or released:
        step = replace(step, deposed=deposed, removals=removals, calls=released)
    if step.action in (Action.NO_OP, Action.MANUAL):
        if not leftover:
            return step
        step = replace(step, action=Action.REPLACE, note="An earlier replacement was interrupted; this finishes it.")
        return replace(step, stops=released, calls=()) if launching(kind) else step
    known = _with_references(address, kind, then, around)
    changed = frozenset(change.name for change in step.changes)
    change = Change(step.action, address, _managed(resource), since, known, live.id, changed)
    if step.action is Action.REPLACE:
        step = replace(step, deposed=(live.id, *deposed), removals=(*_deletion(address, kind, live.id), *removals))
        calls = (*released, *kind.writes(replace(change, action=Action.CREATE)))
    else:
        calls = (*released, *kind.writes(change))
    if launching(kind) and not any(call.due for call in calls):
        step, calls = replace(step, stops=(*released, *step.stops)), calls[len(released) :]
    return replace(
        step,
        calls=calls,
        note=kind.note(change),
        send=send_of(
            address,
            kind,
            live,
            change.desired,
            step.changes,
            seen.reached,
            around,
            anew=any(call.due for call in calls),
        ),
        blocked=_not_anew(step, resource, applied) or kind.refusal(change, circumstances),
        requires=(
            *send_requirements(address, calls),
            *(toll_requirements(address, kind, live) if step.renews and not kind.carries else ()),
            *drift_requirements(address, _not_stopped(_ours(step.changes, kind), step, kind)),
            *loss_requirements(address, kind.loss(change)),
            *unknown_requirements(address, kind.unknown_on_write(change)),
        ),
    )


def _not_anew(step: Step, resource: Resource, applied: Applied) -> Diagnostic | None:
    return protected_as_it_is(resource, applied) if step.renews else None


def launching(kind: Kind) -> Attributes:
    """The attributes by which people get mail, each with the value at which they don't."""
    return {name: None if rule.instant else False for name, rule in rules(kind.spec).items() if rule.launches}


def stops_of(
    address: Address, kind: Kind, applied: Applied, live: RemoteObject, circumstances: Circumstances
) -> tuple[Call, ...]:
    """The calls that take back an object's mail and do nothing else; none where nothing waits, or it is not ours."""
    off = launching(kind)
    if not off or kind.immutable(live, circumstances):
        return ()
    change = Change(Action.UPDATE, address, off, applied, live, live.id, frozenset(off))
    return () if kind.refusal(change, circumstances) is not None else tuple(kind.writes(change))


def _ends(managed: Attributes, kind: Kind, *, anew: bool) -> bool:
    """Whether mail that waits is not to go out any more: so it is declared, or nothing is declared of what is new."""
    return any(not managed[name] if name in managed else anew for name in launching(kind))


def _after(stops: Sequence[Call], kind: Kind, applied: Applied, live: RemoteObject) -> tuple[RemoteObject, Applied]:
    """The live object and the record of it as they are once its stops are made."""
    if not stops:
        return live, applied
    off = {name: value for name, value in launching(kind).items() if name in applied.attributes}
    return kind.stopped(live), replace(applied, attributes={**applied.attributes, **off})


def _not_stopped(changes: Sequence[AttributeChange], step: Step, kind: Kind) -> list[AttributeChange]:
    """The changes, those left out that the stops make: they overwrite nobody's edit."""
    return [change for change in changes if not step.stops or change.name not in launching(kind)]


def _with_references(address: Address, kind: Kind, live: RemoteObject, around: Surroundings) -> RemoteObject:
    """The live object with References in place of the ids that are ours."""
    referring = {
        name: as_references(address, rule.refers, live.attributes[name], around.ids)
        for name, rule in rules(kind.spec).items()
        if rule.refers is not None and name in live.attributes
    }
    return replace(live, attributes={**live.attributes, **referring}) if referring else live


def _next_applied(
    step: Step, resource: Resource, kind: Kind, applied: Applied, live: RemoteObject, around: Surroundings
) -> Applied:
    """What the state holds once the step is done."""
    names = rules(kind.spec)
    sent = recorded(names, _managed(resource), around.contents)
    if not step.writes:
        # What an adopted object has and can't be read stays unknown.
        sent = {name: value for name, value in sent.items() if names[name].readable or name in applied.attributes}
    lasting = {
        name: value
        for name, value in applied.attributes.items()
        if name not in sent and name in names and _lasts(names[name], value, name, live)
    }
    # What a person has yet to do stays as it was last seen done.
    left = {change.name for change in step.changes} - {change.name for change in _ours(step.changes, kind)}
    sent = {name: value for name, value in sent.items() if name not in left}
    lasting |= {name: applied.attributes[name] for name in left if name in applied.attributes}
    lasting |= kind.lasting(Change(step.action, step.address, _managed(resource), applied, live, live.id))
    return Applied(
        id="" if step.renews else live.id,
        attributes=lasting | sent,
        observed=_observed(step, kind, resource, applied, live),
        dependencies=_dependencies(resource.attributes),
        prevent_destroy=resource.prevent_destroy,
        created=applied.created or step.renews,
        deposed=step.deposed,
        pulled=None if step.writes else applied.pulled,
        former=applied.former,
    )


def _lasts(rule: Rule, value: Value, name: str, live: RemoteObject) -> bool:
    """Whether what was applied stays on record once it is no longer declared.

    What can't be read does, and what sends mail by our doing: who takes it back must know whose it is.
    """
    if not rule.readable or name not in live.attributes:
        return True
    return rule.launches and bool(value) and same(live.attributes[name], value)


def _observed(step: Step, kind: Kind, resource: Resource, applied: Applied, live: RemoteObject) -> Mapping[str, Digest]:
    """Digests of texts as read; a step that writes has them read again, and what was never seen counts as it is."""
    if step.writes:
        return {}
    unseen = [
        name
        for name in kind.computed(resource.attributes)
        if name not in applied.observed and isinstance(live.attributes.get(name), str)
    ]
    return {**applied.observed, **{name: digest_text(live.attributes[name]) for name in unseen}}


def _unchecked(names: Mapping[str, Rule], desired: Attributes, applied: Applied, live: RemoteObject) -> tuple[str, ...]:
    known = {*desired, *applied.attributes}
    unread = (name for name, rule in names.items() if not rule.readable or name not in live.attributes)
    return tuple(name for name in unread if name in known and not names[name].embeds)


def _dependencies(attributes: Attributes) -> tuple[Address, ...]:
    return tuple(sorted(set(references(attributes))))


def _former_dependencies(
    address: Address,
    kind: Kind,
    applied: Applied | None,
    live: RemoteObject | None,
    seen: Seen,
    around: Surroundings,
) -> tuple[Address, ...]:
    """What the object refers to so far: as last applied, and as it is, which may be more than anybody declared.

    Objects that are left over from an interrupted replacement go on referring to theirs until they are gone.
    """
    found = set(applied.dependencies if applied is not None else ())
    for there in (*((live,) if live is not None else ()), *seen.deposed.get(address, ())):
        for name, rule in rules(kind.spec).items():
            if rule.refers is not None and name in there.attributes:
                found |= set(references(as_references(address, rule.refers, there.attributes[name], around.ids)))
    return tuple(sorted(found))


def _deletion(address: Address, kind: Kind, id_: str) -> tuple[Call, ...]:
    return tuple(kind.writes(Change(Action.DELETE, address, id=id_)))


def _cause(changes: Sequence[AttributeChange]) -> Cause | None:
    """The cause of a step from those of its attributes."""
    causes = {change.cause for change in changes}
    if not causes:
        return None
    if len(causes) == 1:
        return next(iter(causes))
    outside = causes & {Cause.OUTSIDE, Cause.BOTH}
    ours = causes & {Cause.MANIFEST, Cause.BOTH, Cause.FOLLOWS}
    if outside and ours:
        return Cause.BOTH
    return Cause.MANIFEST
