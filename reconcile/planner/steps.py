"""Which action an address needs, and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconcile.errors import Diagnostic
from reconcile.model.address import Address
from reconcile.model.attributes import Attributes, Digest, condensed, digest_text, fingerprint, references
from reconcile.model.call import Call
from reconcile.model.kind import Action, Change, Circumstances, Kind, Rule, rules
from reconcile.model.resource import Applied, RemoteObject, Resource
from reconcile.planner.diff import Surroundings, as_references, diff, diff_computed, edited_outside, recorded
from reconcile.planner.plan import AttributeChange, Cause, Requirement, Right, Step


@dataclass(frozen=True, slots=True)
class Seen:
    """What a refresh found.

    ``live``: the objects behind addresses in the state or marked external, missing where there is none any more;
    ``candidates``: for addresses not in the state, the objects with their natural key that are bound to no address;
    ``deposed``: the ids of replaced objects that still exist.
    """

    live: Mapping[Address, RemoteObject] = field(default_factory=dict)
    candidates: Mapping[Address, Sequence[RemoteObject]] = field(default_factory=dict)
    deposed: Mapping[Address, tuple[RemoteObject, ...]] = field(default_factory=dict)


def live_fingerprint(live: RemoteObject) -> str:
    """A fingerprint of what a person would have seen of an object when a plan was shown."""
    return fingerprint({name: condensed(value) for name, value in live.attributes.items()})


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
        return _external(resource, kind, applied, live, seen.candidates.get(address, ()))
    if applied is None or live is None:
        return _create(resource, kind, applied, seen, around, circumstances)
    if kind.immutable(live, circumstances):
        return _immutable(resource, kind, applied, live, around)
    changes = list(_changes(resource, kind, applied, live, around))
    if replacing or any(change.replaces for change in changes):
        action = Action.REPLACE
    else:
        action = Action.UPDATE if changes else Action.NO_OP
    step = Step(
        address,
        action,
        cause=_cause(changes) or (Cause.ASKED if replacing else None),
        changes=tuple(changes),
        id=live.id,
        dependencies=_dependencies(resource.attributes),
        former_dependencies=_former_dependencies(address, kind, applied, live, around),
        unchecked=_unchecked(rules(kind.spec), resource.attributes, applied),
        reach=kind.reach(live),
        live_fingerprint=live_fingerprint(live),
        key=kind.key(resource.attributes),
    )
    step = _with_calls(step, resource, kind, applied, live, seen, circumstances)
    return replace(step, applied=_next_applied(step, resource, kind, applied, live, around))


def removal_step(
    address: Address,
    kind: Kind,
    applied: Applied,
    seen: Seen,
    around: Surroundings,
    circumstances: Circumstances,
) -> Step:
    """The step for an address that is in the state and in no manifest."""
    live = seen.live.get(address)
    leftover = tuple(old.id for old in seen.deposed.get(address, ()))
    step = Step(
        address, Action.FORGET, Cause.REMOVED, id=applied.id, former_dependencies=applied.dependencies, deposed=leftover
    )
    removals = tuple(call for id_ in leftover for call in _deletion(address, kind, id_))
    if applied.external or live is None:
        note = None if applied.external else "It is gone from the account already."
        return replace(step, removals=removals, note=note)
    if kind.immutable(live, circumstances):
        return replace(step, removals=removals, note="It was sent, so it stays in the account as it is.")
    change = Change(Action.DELETE, address, applied=applied, live=live, id=live.id)
    return replace(
        step,
        action=Action.DELETE,
        removals=(*kind.writes(change), *removals),
        former_dependencies=_former_dependencies(address, kind, applied, live, around),
        reach=kind.reach(live),
        live_fingerprint=live_fingerprint(live),
        blocked=_protected(address, applied) or kind.refusal(change, circumstances),
        requires=tuple(_deletion_requirements(address, kind, applied, live, around)),
    )


def _external(
    resource: Resource,
    kind: Kind,
    applied: Applied | None,
    live: RemoteObject | None,
    candidates: Sequence[RemoteObject],
) -> Step:
    step = Step(resource.address, Action.NO_OP, key=kind.key(resource.attributes))
    if applied is not None and live is not None:
        return replace(step, id=live.id, applied=replace(applied, external=True), reach=kind.reach(live))
    if len(candidates) == 1:
        return replace(step, id=candidates[0].id, reach=kind.reach(candidates[0]))
    key = " / ".join(str(part) for part in step.key or ())
    if candidates:
        ids = ", ".join(candidate.id for candidate in candidates)
        finding = Diagnostic(
            "external-ambiguous",
            "several objects match",
            f'{len(candidates)} objects match "{key}": ids {ids}. Say which one is meant.',
            address=str(resource.address),
            location=resource.location,
            hint=f"reconcile import {resource.address} ID",
        )
    else:
        finding = Diagnostic(
            "external-missing",
            "no object matches",
            f'The account has no {kind.kind} "{key}", and reconcile does not make what is managed elsewhere.',
            address=str(resource.address),
            location=resource.location,
            hint="Make it in the web interface, correct the name, or take out manage: external.",
        )
    return replace(step, blocked=finding)


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
    changes = tuple(
        AttributeChange(name, None, value, Cause.NEW, readable=names[name].readable, text=names[name].text)
        for name, value in resource.attributes.items()
    )
    return Step(
        address,
        Action.CREATE,
        cause=Cause.NEW if applied is None else Cause.GONE,
        changes=changes,
        calls=(calls := tuple(kind.writes(change))),
        removals=tuple(call for old in seen.deposed.get(address, ()) for call in _deletion(address, kind, old.id)),
        deposed=tuple(old.id for old in seen.deposed.get(address, ())),
        applied=Applied(
            "",
            recorded(names, _remembered(resource, names), around.contents),
            dependencies=_dependencies(resource.attributes),
            prevent_destroy=resource.prevent_destroy,
        ),
        dependencies=_dependencies(resource.attributes),
        former_dependencies=applied.dependencies if applied else (),
        blocked=kind.refusal(change, circumstances) or _duplicate(resource, kind, seen.candidates.get(address, ())),
        requires=tuple(_send_requirements(address, calls)),
        key=kind.key(resource.attributes),
        twins=tuple(candidate.id for candidate in seen.candidates.get(address, ())),
    )


def _duplicate(resource: Resource, kind: Kind, candidates: Sequence[RemoteObject]) -> Diagnostic | None:
    twins = [candidate.id for candidate in candidates if kind.matches(resource.attributes, candidate)]
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


def _immutable(resource: Resource, kind: Kind, applied: Applied, live: RemoteObject, around: Surroundings) -> Step:
    """A sent campaign: quietly in sync for ever after, but for a word on declared changes that can't be made."""
    changed = [
        change.name for change in _changes(resource, kind, applied, live, around) if change.cause is Cause.MANIFEST
    ]
    note = f"It was sent and can't change any more; not applied: {', '.join(changed)}." if changed else None
    kept = replace(applied, prevent_destroy=resource.prevent_destroy)
    return Step(resource.address, Action.NO_OP, id=live.id, applied=kept, note=note, key=kind.key(resource.attributes))


def _changes(
    resource: Resource, kind: Kind, applied: Applied, live: RemoteObject, around: Surroundings
) -> Iterator[AttributeChange]:
    desired = _managed(resource)
    yield from diff(resource.address, rules(kind.spec), desired, applied, live, around)
    computed = [name for name in kind.computed(desired) if name not in resource.ignore_changes]
    yield from diff_computed(computed, applied, live)


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
    circumstances: Circumstances,
) -> Step:
    """The step with its API writes, and what stands in their way."""
    address = step.address
    leftover = tuple(old.id for old in seen.deposed.get(address, ()))
    removals = tuple(call for id_ in leftover for call in _deletion(address, kind, id_))
    step = replace(step, deposed=leftover, removals=removals)
    if step.action is Action.NO_OP:
        if not leftover:
            return step
        return replace(step, action=Action.REPLACE, note="An earlier replacement was interrupted; this finishes it.")
    change = Change(step.action, address, _managed(resource), applied, live, live.id)
    if step.action is Action.REPLACE:
        step = replace(step, deposed=(live.id, *leftover), removals=(*_deletion(address, kind, live.id), *removals))
        calls = tuple(kind.writes(replace(change, action=Action.CREATE)))
    else:
        calls = tuple(kind.writes(change))
    return replace(
        step,
        calls=calls,
        blocked=kind.refusal(change, circumstances),
        requires=(
            *_send_requirements(address, calls),
            *_drift_requirements(address, step.changes),
            *_unknown_requirements(address, kind.unknown_on_write(change)),
        ),
    )


def _next_applied(
    step: Step, resource: Resource, kind: Kind, applied: Applied, live: RemoteObject, around: Surroundings
) -> Applied:
    """What the state holds once the step is done."""
    names = rules(kind.spec)
    sent = recorded(names, _managed(resource), around.contents)
    if not step.calls:
        # What an adopted object has and can't be read stays unknown.
        sent = {name: value for name, value in sent.items() if names[name].readable or name in applied.attributes}
    lasting = {
        name: value
        for name, value in applied.attributes.items()
        if name not in sent and name in names and not names[name].readable
    }
    return Applied(
        id="" if _renews(step) else live.id,
        attributes=lasting | sent,
        observed=_observed(step, kind, resource, applied, live),
        dependencies=_dependencies(resource.attributes),
        prevent_destroy=resource.prevent_destroy,
        created=applied.created or _renews(step),
        deposed=step.deposed,
    )


def _renews(step: Step) -> bool:
    return step.action is Action.REPLACE and bool(step.calls)


def _observed(step: Step, kind: Kind, resource: Resource, applied: Applied, live: RemoteObject) -> Mapping[str, Digest]:
    """Digests of texts as read; a step that writes has them read again, and what was never seen counts as it is."""
    if step.calls:
        return {}
    unseen = [
        name
        for name in kind.computed(resource.attributes)
        if name not in applied.observed and isinstance(live.attributes.get(name), str)
    ]
    return {**applied.observed, **{name: digest_text(live.attributes[name]) for name in unseen}}


def _unchecked(names: Mapping[str, Rule], desired: Attributes, applied: Applied) -> tuple[str, ...]:
    known = {*desired, *applied.attributes}
    return tuple(name for name, rule in names.items() if name in known and not rule.readable and not rule.embeds)


def _dependencies(attributes: Attributes) -> tuple[Address, ...]:
    return tuple(sorted(set(references(attributes))))


def _former_dependencies(
    address: Address, kind: Kind, applied: Applied, live: RemoteObject, around: Surroundings
) -> tuple[Address, ...]:
    """What the object refers to so far: as last applied, and as it is, which may be more than anybody declared."""
    found = set(applied.dependencies)
    for name, rule in rules(kind.spec).items():
        if rule.refers is not None and name in live.attributes:
            found |= set(references(as_references(address, rule.refers, live.attributes[name], around.ids)))
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


def _protected(address: Address, applied: Applied) -> Diagnostic | None:
    if not applied.prevent_destroy:
        return None
    return Diagnostic(
        "protected",
        "protected from being destroyed",
        "The entry had lifecycle.preventDestroy when it was last applied, and taking it out of the manifests does not "
        "take the protection away.",
        address=str(address),
        hint="To delete it after all: put the entry back without preventDestroy, apply, then take it out again.",
    )


def _send_requirements(address: Address, calls: Sequence[Call]) -> Iterator[Requirement]:
    if any(call.sends for call in calls):
        yield Requirement(
            Right.SEND,
            Diagnostic(
                "send-not-allowed",
                "people would get mail",
                "Through this change people get mail that they otherwise would not, and this run may not send.",
                address=str(address),
                hint="Give the right with --allow-send, or apply the rest with --without-sends.",
            ),
        )


def _drift_requirements(address: Address, changes: Sequence[AttributeChange]) -> Iterator[Requirement]:
    names = [change.name for change in changes if change.cause in (Cause.OUTSIDE, Cause.BOTH)]
    if names:
        yield _overwrites(address, f"Somebody changed {', '.join(names)} outside since the last apply")


def _deletion_requirements(
    address: Address, kind: Kind, applied: Applied, live: RemoteObject, around: Surroundings
) -> Iterator[Requirement]:
    if edited_outside(address, rules(kind.spec), applied, live, around):
        yield _overwrites(address, "Somebody changed it outside since the last apply")
    toll = kind.toll(live)
    if toll is not None and toll[0]:
        yield Requirement(
            Right.DELETE,
            Diagnostic(
                "delete-loses-people",
                "deleting it loses more than itself",
                f"Deleting it also loses {toll[0]:,} {toll[1]}, opt-outs among them.",
                address=str(address),
                hint="If that is meant: --allow-delete N, N being the number of deletes in the plan.",
            ),
        )


def _overwrites(address: Address, what: str) -> Requirement:
    return Requirement(
        Right.OVERWRITE_DRIFT,
        Diagnostic(
            "outside-edit",
            "an outside edit would be overwritten",
            f"{what}, and an unattended apply overwrites no outside edit unasked.",
            address=str(address),
            hint="Write the edit into the manifest, apply a saved plan that somebody has seen, or --overwrite-drift.",
        ),
    )


def _unknown_requirements(address: Address, names: Sequence[str]) -> Iterator[Requirement]:
    if names:
        yield Requirement(
            Right.ACCEPT_UNKNOWN,
            Diagnostic(
                "unknown-reset",
                "a setting that can't be read may be reset",
                f"The write may reset {', '.join(names)}: the platform can't tell what they are, and reconcile never "
                f"set them.",
                address=str(address),
                hint="Declare them as they should be, or accept the loss with --accept-unknown.",
            ),
        )
