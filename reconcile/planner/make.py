"""make_plan: three mappings in, one Plan out."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from reconcile.errors import Diagnostic, Severity
from reconcile.model.address import Address
from reconcile.model.attributes import Value, references
from reconcile.model.kind import Action, Circumstances, Kind, rules
from reconcile.model.policy import Policy
from reconcile.model.registry import Registry
from reconcile.model.resource import Applied, Resource
from reconcile.planner import accepted
from reconcile.planner.builds import as_applied, built_otherwise, on_record, writes_unknown
from reconcile.planner.changes import goal_of
from reconcile.planner.diff import Surroundings, recorded
from reconcile.planner.guard import delete_thresholds, held_back, nothing_known, still_needed, with_amounts
from reconcile.planner.identity import Identity
from reconcile.planner.moves import moved, moves
from reconcile.planner.order import in_order, people_first
from reconcile.planner.plan import Cause, Meant, Plan, Step
from reconcile.planner.pulled import not_made_anew, waiting
from reconcile.planner.reach import with_reach
from reconcile.planner.rendered import is_looked_at, to_be_scheduled, unscheduled, with_look
from reconcile.planner.steps import Seen, launching, removal_step, scheduled_by_others, step_for
from reconcile.planner.targets import Guard

Faults = Callable[[Address], Diagnostic | None]


@dataclass(frozen=True, slots=True)
class Request:
    """What a plan was asked for beside what is declared.

    Only ``targets``; ``replace`` these whatever they are like; ``destroy``: nothing is declared because all is to go;
    ``rebuild``: take what another builder makes of mails whose sources did not change; ``removed`` are those of which
    the manifests say that they are to go, and whether the object is to be kept. ``lately`` is what runs of the last day
    have deleted, by provider and kind, and counts where only some targets are planned: they may be parts of a whole.
    """

    targets: tuple[Address, ...] = ()
    replace: tuple[Address, ...] = ()
    destroy: bool = False
    rebuild: bool = False
    removed: Mapping[Address, bool] = field(default_factory=dict)
    lately: Mapping[str, int] = field(default_factory=dict)


def make_plan(
    desired: Mapping[Address, Resource],
    applied: Mapping[Address, Applied],
    seen: Seen,
    registry: Registry,
    circumstances: Circumstances,
    policy: Policy,
    request: Request = Request(),
    accounts: Mapping[str, object] = MappingProxyType({}),
    faults: Faults = lambda address: None,
) -> Plan:
    """The plan; ``seen`` must come from the same desired and (moved) applied mappings, see ``moves`` and ``moved``.

    ``accounts`` says which account an alias opens: two aliases may open one. ``faults`` gives what in the content of an
    entry stands against writing it, if anything does; it is asked about what is to be written alone.
    """
    sources = {target: source for source, target in moves(desired, applied).items()}
    applied = moved(desired, applied)
    bindings = live_ids(desired, applied, seen, registry)
    former = {
        (address.provider, address.kind, old.id): address for address, gone in seen.deposed.items() for old in gone
    }
    ids = former | {(address.provider, address.kind, id_): address for address, id_ in bindings.items()}
    contents: dict[Address, str] = {}
    renewed: set[Address] = set()
    steps: dict[Address, Step] = {}
    holding: dict[Address, Collection[str]] = {}
    day = accepted.today(circumstances.now)
    around = Surroundings(ids, renewed, contents, former.keys())
    for address in in_order({address: _refers_to(resource) for address, resource in desired.items()}):
        kind, before = registry.kind(address), applied.get(address)
        replacing = address in request.replace
        names = (
            accepted.in_force(desired[address], before, seen.live.get(address), day) if not replacing else frozenset()
        )
        declared = accepted.without(desired[address], names)
        resource = declared
        if not request.rebuild and not replacing:
            resource = as_applied(declared, kind, before, seen.live.get(address))
        step = step_for(resource, kind, before, seen, around, circumstances, replacing=replacing)
        if resource is not declared and writes_unknown(step, declared, resource):
            resource = declared
            step = step_for(resource, kind, before, seen, around, circumstances)
        if names and step.renews:
            # What is made anew has nothing of what was accepted, so that it is an edit like any other.
            names, declared = frozenset(), desired[address]
            resource = declared
            step = step_for(resource, kind, before, seen, around, circumstances)
        looked_at = is_looked_at(resource, kind, policy)
        if looked_at and step.renews:
            resource = declared = unscheduled(resource, kind)
            step = to_be_scheduled(step_for(resource, kind, before, seen, around, circumstances, replacing=replacing))
        elif looked_at:
            step = with_look(step, resource, kind, seen.live.get(address))
        holding[address] = names
        step = accepted.kept_on_record(on_record(step, declared, resource, before), before, names)
        if step.renews and step.blocked is None:
            renewed.add(address)
        content = kind.content(_content_attributes(resource, kind, seen, circumstances), contents)
        if content is not None:
            contents[address] = content
        step = not_made_anew(step, before)
        if step.writes:
            step = replace(step, goal=goal_of(resource, recorded(rules(kind.spec), resource.attributes, contents)))
        steps[address] = _as_move(_without_fault(step, faults), sources.get(address))
    gone = frozenset(request.removed)
    identity = Identity(desired, applied, seen.live, registry, accounts, gone)
    shared = identity.shared()
    for address in _users_first(applied.keys() - desired.keys(), registry):
        then = replace(circumstances, freed=_freed(address, steps))
        stays = bool(request.removed.get(address)) or address in shared
        step = removal_step(address, registry.kind(address), applied[address], seen, around, then, stays=stays)
        steps[address] = replace(step, note=f"It is {shared[address]}, too, and stays.") if address in shared else step
    steps = people_first(identity.held_back(steps), registry)
    steps = still_needed(steps, seen, registry, circumstances)
    steps = Guard(policy.targets, desired, seen, registry, around).held_back(held_back(steps))
    steps = with_reach(steps, applied, seen, registry, circumstances, around, policy.reach_growth)
    steps = with_amounts(_targeted(steps, request.targets), registry)
    meant = _meant(request, desired)
    return Plan(
        steps={address: steps[address] for address in sorted(steps)},
        bindings=bindings,
        targets=request.targets,
        replaced=request.replace,
        meant=meant,
        blocked=tuple(nothing_known(steps, applied)),
        requires=tuple(delete_thresholds(steps, applied, policy, registry, meant, request.lately)),
        lately=request.lately,
        rebuild=request.rebuild,
        unmanaged=counted_others(seen, registry, circumstances),
        warnings=(
            *_warnings(steps),
            *built_otherwise(desired, steps),
            *waiting(applied, steps),
            *accepted.told(applied, holding, steps),
            *_going_out(desired, applied, seen, registry, circumstances),
        ),
    )


def counted_others(seen: Seen, registry: Registry, circumstances: Circumstances) -> dict[str, int]:
    """How many objects no entry is bound to, by alias and plural, as far as they were read; those sent apart."""
    counts = {}
    for (alias, name), found in sorted(seen.others.items()):
        kind = registry.providers[alias].kinds[name]
        if count := sum(not kind.immutable(one, circumstances) for one in found):
            counts[f"{alias}.{kind.plural}"] = count
    return counts


def narrowed(
    plan: Plan, left: Collection[Address], applied: Mapping[Address, Applied], policy: Policy, registry: Registry
) -> Plan:
    """The plan, the rights that it needs being those of the steps that are not ``left`` undone."""
    if not left:
        return plan
    done = with_amounts({address: step for address, step in plan.steps.items() if address not in left}, registry)
    needs = delete_thresholds(done, moved_to(plan, applied), policy, registry, plan.meant, plan.lately)
    return replace(plan, steps={**plan.steps, **done}, requires=tuple(needs))


def moved_to(plan: Plan, applied: Mapping[Address, Applied]) -> dict[Address, Applied]:
    """What was applied, by the addresses that it has once the plan's moves are made."""
    to = {step.previous_address: address for address, step in plan.steps.items() if step.previous_address is not None}
    return {to.get(address, address): kept for address, kept in applied.items()}


def _users_first(addresses: Collection[Address], registry: Registry) -> list[Address]:
    """The addresses, those that mail goes out from before what it goes to: so each is judged as it will be then."""
    return sorted(addresses, key=lambda address: (not launching(registry.kind(address)), address))


def _freed(address: Address, steps: Mapping[Address, Step]) -> frozenset[str]:
    """The ids of objects that won't go out through an object any more, once the plan is carried out."""
    return frozenset(
        step.id
        for step in steps.values()
        if step.id is not None
        and step.address.provider == address.provider
        and step.blocked is None
        and (step.stops or step.action is Action.DELETE or _leaves(step, address))
    )


def _leaves(step: Step, address: Address) -> bool:
    return bool(step.calls) and address in step.former_dependencies and address not in step.dependencies


def _meant(request: Request, desired: Mapping[Address, Resource]) -> Meant:
    return Meant(tuple(sorted(request.removed)), request.destroy, declares_nothing=not desired)


def _without_fault(step: Step, faults: Faults) -> Step:
    """The step, blocked where something in the entry's content stands against writing it."""
    if not step.writes or step.blocked is not None:
        return step
    fault = faults(step.address)
    return replace(step, blocked=fault) if fault is not None else step


def _as_move(step: Step, source: Address | None) -> Step:
    if source is None:
        return step
    action = Action.MOVE if step.action is Action.NO_OP else step.action
    return replace(step, action=action, previous_address=source)


def live_ids(
    desired: Mapping[Address, Resource], applied: Mapping[Address, Applied], seen: Seen, registry: Registry
) -> dict[Address, str]:
    """Whose id is whose: what the state says and still exists, and what others make, found by its natural key."""
    bound = {address: kept.id for address, kept in applied.items() if address in seen.live}
    for address, resource in desired.items():
        candidates = seen.candidates.get(address, ())
        others_make_it = resource.external or registry.kind(address).manual
        if others_make_it and address not in bound and len(candidates) == 1:
            bound[address] = candidates[0].id
    return bound


def _content_attributes(resource: Resource, kind: Kind, seen: Seen, circumstances: Circumstances) -> dict[str, Value]:
    """What the object will be like: live, then what is declared and not ignored, unless it can't change any more."""
    candidates = seen.candidates.get(resource.address, ()) if resource.external else ()
    live = seen.live.get(resource.address) or (candidates[0] if candidates else None)
    if live is None:
        return dict(resource.attributes)
    if kind.immutable(live, circumstances):
        return dict(live.attributes)
    declared = {name: value for name, value in resource.attributes.items() if name not in resource.ignore_changes}
    return {**live.attributes, **declared}


def _refers_to(resource: Resource) -> tuple[Address, ...]:
    return tuple(references(resource.attributes))


def _targeted(steps: dict[Address, Step], targets: Collection[Address]) -> dict[Address, Step]:
    """The targets' steps, those they depend on, and those that must be re-pointed before something is removed."""
    if not targets:
        return steps
    kept: set[Address] = set()
    queue = [address for address in targets if address in steps]
    dependents: dict[Address, set[Address]] = {}
    for address, step in steps.items():
        for on in {*step.dependencies, *step.former_dependencies}:
            dependents.setdefault(on, set()).add(address)
    while queue:
        address = queue.pop()
        if address in kept:
            continue
        kept.add(address)
        queue += [on for on in steps[address].dependencies if on in steps]
        if steps[address].removals:
            queue += dependents.get(address, ())
    return {address: step for address, step in steps.items() if address in kept}


def _going_out(
    desired: Mapping[Address, Resource],
    applied: Mapping[Address, Applied],
    seen: Seen,
    registry: Registry,
    circumstances: Circumstances,
) -> Iterator[Diagnostic]:
    """A word on drafts of ours that somebody else has scheduled, of which the manifests say nothing."""
    for address, live in sorted(seen.live.items()):
        kind = registry.kind(address)
        if (
            address not in desired
            or address not in applied
            or not launching(kind)
            or kind.immutable(live, circumstances)
        ):
            continue
        for change in scheduled_by_others(desired[address], kind, applied[address], live):
            yield Diagnostic(
                "scheduled-outside",
                "somebody else has scheduled it",
                f"It was scheduled outside ({change.name}: {change.after}), and its entry does not say so. It goes out "
                f"as it stands, and an unattended apply does not rewrite it.",
                address=str(address),
                location=desired[address].location,
                hint=f"If that is right, declare `{change.name}` on the entry. If not, cancel it in the web interface.",
                severity=Severity.WARNING,
            )


def _warnings(steps: Mapping[Address, Step]) -> Iterator[Diagnostic]:
    for step in steps.values():
        if step.cause is Cause.GONE and step.action is Action.CREATE:
            yield Diagnostic(
                "gone",
                "deleted outside",
                "It was deleted outside and will be made anew, with a new id.",
                address=str(step.address),
            )
