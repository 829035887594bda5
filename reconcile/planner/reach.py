"""How many people were approved behind what mail goes to, and whether there are more of them by now."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from reconcile.model.address import Address
from reconcile.model.kind import Action, Circumstances, Kind
from reconcile.model.registry import Registry
from reconcile.model.resource import Applied, RemoteObject
from reconcile.planner.diff import Surroundings
from reconcile.planner.plan import Growth, Plan, Send, SendChange, Step
from reconcile.planner.sends import due_at, targets_of
from reconcile.planner.steps import Seen, launching

# Beyond what was shown, whatever the policy's percentage says of it: a list of three may have grown to ten.
_A_FEW = 10
_JOINING = "joining "


def most(shown: int, growth: float) -> float:
    """The most that there may be where so many were shown (``growth`` in percent); where nobody was, nobody."""
    return max(shown * (1 + growth / 100), shown + _A_FEW) if shown else 0


def audiences_of(steps: Mapping[Address, Step]) -> list[Step]:
    """The steps that add people and may be made."""
    return [step for step in steps.values() if step.source_digest is not None and step.blocked is None]


def joining(audiences: Iterable[Step], target: Address) -> int:
    """How many people audiences add to a target."""
    return sum(
        change.after
        for step in audiences
        if target in step.dependencies
        for change in step.changes
        if change.name == f"{_JOINING}{target.name}" and type(change.after) is int
    )


def outgrown(
    kind: Kind,
    kept: Applied,
    live: RemoteObject | None,
    reached: Mapping[Address, int],
    circumstances: Circumstances,
    growth: float,
) -> tuple[Growth, ...]:
    """Where there are more people behind mail that is to go out than were approved; ``reached`` are those of now."""
    if not kept.reach or live is None or kind.due(live.attributes) is None or kind.immutable(live, circumstances):
        return ()
    now = (Growth(target, approved, reached.get(target, 0)) for target, approved in sorted(kept.reach.items()))
    return tuple(grown for grown in now if grown.now > most(grown.approved, growth))


def with_reach(
    steps: Mapping[Address, Step],
    applied: Mapping[Address, Applied],
    seen: Seen,
    registry: Registry,
    circumstances: Circumstances,
    around: Surroundings,
    growth: float,
) -> dict[Address, Step]:
    """The steps, with the people that they approve of behind mail that is to go out, and word of those beyond."""
    found, audiences = dict(steps), audiences_of(steps)
    for address, step in steps.items():
        kind, kept, live = registry.kind(address), applied.get(address), seen.live.get(address)
        applies = step.applied
        if applies is None or not launching(kind):
            continue
        if step.send is not None and step.action is not Action.NO_OP:
            people = _shown(step.send, steps, audiences, seen.reached)
        elif kept is None or live is None or kind.immutable(live, circumstances):
            continue
        else:
            more = outgrown(kind, kept, live, seen.reached, circumstances, growth)
            step = _told(step, kind, live, more, seen.reached, around)
            beyond = {grown.target for grown in more}
            targets = targets_of(address, kind, live.attributes, around)[0] if kind.due(live.attributes) else ()
            people = {
                target: kept.reach[target] if target in beyond else _standing(kept, target, audiences, seen.reached)
                for target in targets
                if target in seen.reached
            }
        if people != applies.reach or step is not steps[address]:
            found[address] = replace(step, applied=replace(applies, reach=people))
    return found


def without_joining(plan: Plan, left: Collection[Address], applied: Mapping[Address, Applied]) -> Plan:
    """The plan, where audiences are ``left`` undone: nobody whom they add counts as approved of on scheduled mail."""
    audiences = [plan.steps[address] for address in left if plan.steps[address].source_digest is not None]
    aims = {target for step in audiences for target in step.dependencies}
    back = {
        address: replace(step, applied=replace(step.applied, reach=applied[address].reach))
        for address, step in plan.steps.items()
        if step.applied is not None and step.send is None and address in applied and aims & step.applied.reach.keys()
    }
    return replace(plan, steps={**plan.steps, **back}) if back else plan


def as_approved(plan: Plan, records: Sequence[Plan]) -> Plan:
    """The plan, approving of no more people behind its sends than what was shown did."""
    steps = dict(plan.steps)
    for address, step in plan.steps.items():
        shown = [found for record in records if (found := _reach(record.steps.get(address)))]
        if not shown or not _reach(step) or step.applied is None:
            continue
        people = {
            target: min(count, max((told[target] for told in shown if target in told), default=count))
            for target, count in step.applied.reach.items()
        }
        steps[address] = replace(step, applied=replace(step.applied, reach=people))
    return replace(plan, steps=steps)


def _reach(step: Step | None) -> Mapping[Address, int]:
    return step.applied.reach if step is not None and step.applied is not None else {}


def _shown(
    send: Send, steps: Mapping[Address, Step], audiences: Sequence[Step], reached: Mapping[Address, int]
) -> dict[Address, int]:
    """How many people a send is approved of for: those shown behind each target, and whom audiences add to it."""
    if send.after is None:
        return {}
    made = {target for target in send.to if target in steps and steps[target].action is Action.CREATE}
    return {
        target: reached.get(target, 0) + joining(audiences, target)
        for target in send.to
        if target in reached or target in made
    }


def _standing(kept: Applied, target: Address, audiences: Sequence[Step], reached: Mapping[Address, int]) -> int:
    """How many people are approved of behind what nothing is done to: as before, and whom audiences add now.

    Where nobody has put it on record yet, as for what was scheduled by others and adopted, those who are there.
    """
    if target not in kept.reach:
        return reached[target] + joining(audiences, target)
    more = joining(audiences, target)
    return max(kept.reach[target], reached[target] + more) if more else kept.reach[target]


def _told(
    step: Step,
    kind: Kind,
    live: RemoteObject,
    more: tuple[Growth, ...],
    reached: Mapping[Address, int],
    around: Surroundings,
) -> Step:
    if not more or step.action is not Action.NO_OP or step.send is not None:
        return replace(step, outgrown=more) if more else step
    to, others = targets_of(step.address, kind, live.attributes, around)
    reach = {target: reached[target] for target in to if target in reached}
    due = due_at(kind, live.attributes)
    send = Send(
        due,
        due,
        to,
        sum(reach.values()),
        (SendChange.OUTGROWN,),
        to,
        others,
        others,
        reach,
        approved=sum(grown.approved for grown in more) + sum(reach[t] for t in reach.keys() - {g.target for g in more}),
    )
    return replace(step, outgrown=more, send=send, note=" ".join(filter(None, (step.note, _way_out(step, more)))))


def _way_out(step: Step, more: tuple[Growth, ...]) -> str:
    people = ", ".join(f"{grown.target} has {grown.now:,}, and had {grown.approved:,}" for grown in more)
    return (
        f"More people would get it than were approved: {people}. If that is right, put it on record with "
        f"reconcile pull {step.address}; if not, take its schedule out or take the people off."
    )
