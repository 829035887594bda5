"""What needs a person before anything is written: their word, for too much change at once, or their hands."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from reconcile.errors import Diagnostic
from reconcile.model.address import Address
from reconcile.model.generation import Begun, Generation
from reconcile.model.kind import Action, Circumstances, rules
from reconcile.model.policy import Policy
from reconcile.model.registry import Registry
from reconcile.model.resource import Applied
from reconcile.planner.plan import Cause, Meant, Requirement, Right, Step
from reconcile.planner.steps import Seen

# A percentage of a handful says nothing.
_PERCENT_FROM = 10
_MAY_EXIST = ("exists-already", "looks-alike")


def losses(steps: Mapping[Address, Step], registry: Registry) -> list[Step]:
    """The steps through which an object is lost for good: deleted, or made anew with more to it than a draft.

    A mere rename is not meant to lose anything, and is told as one.
    """
    return [
        step
        for step in steps.values()
        if (step.blocked is None or step.blocked.code != "renamed")
        and (step.action is Action.DELETE or (_is_made_anew(step) and not _is_draft(step, registry)))
    ]


def _is_made_anew(step: Step) -> bool:
    return step.action is Action.REPLACE and step.renews


def _is_draft(step: Step, registry: Registry) -> bool:
    """Whether an object is a mail that nobody was ever to get; all there is to it comes from the manifests."""
    kind = registry.kind(step.address)
    return kind.drafts and (step.send is None or step.send.before is None)


def delete_thresholds(
    steps: Mapping[Address, Step],
    applied: Mapping[Address, Applied],
    policy: Policy,
    registry: Registry,
    meant: Meant,
    lately: Mapping[str, int] = MappingProxyType({}),
) -> Iterator[Requirement]:
    """The rights to delete that the whole plan needs, whatever the action by which something is lost.

    ``lately`` is what earlier runs have lost and this one is judged by, too; see ``losses_by_kind``.
    """
    lost = [step for step in losses(steps, registry) if step.address not in meant.addresses]
    total = len(lost)
    earlier = sum(lately.values())
    if total and total + earlier > policy.max_delete_count:
        yield _too_many(
            f"The plan deletes {_counted(lost)}{_and_earlier(earlier)}; policy.maxDeleteCount is "
            f"{policy.max_delete_count}.",
            total,
        )
    drafts = [step for step in steps.values() if _is_made_anew(step) and _is_draft(step, registry)]
    if len(drafts) > policy.max_replace_count:
        yield _too_many(
            f"The plan makes {len(drafts)} drafts anew, and deletes as many; policy.maxReplaceCount is "
            f"{policy.max_replace_count}.",
            max(total, len(drafts)),
        )
    if lost and not meant.everything:
        yield from _nothing_left(steps, applied, lost, total, declares_nothing=meant.declares_nothing)
    yield from _another_project(steps, applied, total)
    for step in steps.values():
        yield from _people_thresholds(step, policy)
    managed = Counter((address.provider, address.kind) for address in applied)
    gone = Counter((step.address.provider, step.address.kind) for step in lost)
    for (provider, kind), count in sorted(gone.items()):
        before = lately.get(f"{provider}.{kind}", 0)
        there = managed[provider, kind] + before
        share = 100 * (count + before) / there
        if there >= _PERCENT_FROM and share > policy.max_delete_percent:
            yield _too_many(
                f"The plan deletes {count} of {managed[provider, kind]} ({share:.0f} %) {provider}.{kind}"
                f"{_and_earlier(before)}; policy.maxDeletePercent is {policy.max_delete_percent:g}.",
                total,
            )


def begun_by(step: Step, registry: Registry, now: float) -> Begun:
    """What is put on record before a step writes: by what approval, and whether it loses an object for good."""
    lost = bool(losses({step.address: step}, registry))
    return Begun(step.digest, step.goal, step.renews, now if lost else 0.0)


def lost_since(
    generations: Mapping[Address, Generation],
    since: float,
    applied: Mapping[Address, Applied],
    seen: Seen,
) -> dict[str, int]:
    """How many objects are lost for good since then by what the state has on record, by alias and kind.

    That tells of runs that were killed, too, which the history does not. What was begun counts once the object is gone.
    """
    found: Counter[str] = Counter()
    for address, generation in generations.items():
        begun = generation.begun.loses if generation.begun is not None else 0.0
        former = applied[address].deposed if address in applied else ()
        gone = address not in seen.live or (bool(former) and not seen.deposed.get(address))
        if generation.lost > since or (begun > since and gone):
            found[f"{address.provider}.{address.kind}"] += 1
    return dict(found)


def losses_by_kind(steps: Mapping[Address, Step], registry: Registry) -> dict[str, int]:
    """How many objects are lost for good, by alias and kind, joined by a dot."""
    lost = (step.address for step in losses(steps, registry))
    return dict(sorted(Counter(f"{address.provider}.{address.kind}" for address in lost).items()))


def _and_earlier(count: int) -> str:
    return f", after {count} that runs of the last 24 hours have deleted" if count else ""


def _counted(lost: Sequence[Step]) -> str:
    anew = sum(step.action is Action.REPLACE for step in lost)
    return f"{len(lost)} object{'s' if len(lost) > 1 else ''}" + (
        f" ({anew} of them to make them anew)" if anew else ""
    )


def _nothing_left(
    steps: Mapping[Address, Step],
    applied: Mapping[Address, Applied],
    lost: Sequence[Step],
    total: int,
    *,
    declares_nothing: bool,
) -> Iterator[Requirement]:
    """Manifests that declare nothing any more, or nothing of a kind: most likely they were moved or cut short."""
    deleted = {step.address for step in lost if step.action is Action.DELETE}
    listed = "`removed:` with their addresses in a manifest, which is reviewed with the change"
    if declares_nothing:
        if deleted:
            yield _too_many(
                f"There is no manifest that declares anything, and the state manages {len(applied)} objects, of which "
                f"the plan deletes {len(deleted)}. Were the manifests moved?",
                total,
                f"{listed}, reconcile destroy, or",
            )
        return
    managed: dict[tuple[str, str], set[Address]] = defaultdict(set)
    for address, kept in applied.items():
        if not kept.external:
            managed[address.provider, address.kind].add(address)
    for (provider, kind), addresses in sorted(managed.items()):
        if addresses <= deleted:
            yield _too_many(
                f"The plan deletes all that is managed of {provider}.{kind}: {_few(addresses)}.", total, f"{listed}, or"
            )


def _few(addresses: Collection[Address]) -> str:
    named = ", ".join(map(str, sorted(addresses)[:5]))
    return named if len(addresses) <= 5 else f"{named} and {len(addresses) - 5} more"


def _another_project(
    steps: Mapping[Address, Step], applied: Mapping[Address, Applied], total: int
) -> Iterator[Requirement]:
    """A plan that makes things and keeps nothing of what the state has: most likely the state is another project's."""
    kept = [step for address, step in steps.items() if address in applied and step.cause is not Cause.REMOVED]
    if total and not kept and len(steps) > len(applied):
        yield _too_many(
            f"The manifests declare nothing of what the state manages, and the plan deletes all {total} objects of it. "
            f"Is it the state of another project?",
            total,
        )


def _people_thresholds(step: Step, policy: Policy) -> Iterator[Requirement]:
    """People taken off lists count like deletes: a file that is cut short must not empty a list."""
    yield from _exclusions(step, policy)
    removed, ours = step.people_removed, step.people_ours
    share = 100 * removed / ours if ours else 0
    if removed > policy.max_delete_count:
        reason = f"policy.maxDeleteCount is {policy.max_delete_count}"
    elif ours >= _PERCENT_FROM and share > policy.max_delete_percent:
        reason = f"that is {share:.0f} %, and policy.maxDeletePercent is {policy.max_delete_percent:g}"
    elif removed == ours > 1:
        reason = "nobody would be left whom it had put there"
    elif removed and step.rows_lost > policy.max_delete_percent:
        reason = (
            f"its source has {step.rows_lost:.0f} % fewer people than at the last apply, and "
            f"policy.maxDeletePercent is {policy.max_delete_percent:g}"
        )
    else:
        return
    yield _too_many(f"{step.address} takes {removed:,} of {ours:,} people off their lists; {reason}.", removed)


def _exclusions(step: Step, policy: Policy) -> Iterator[Requirement]:
    """A file of those to exclude that is cut short must not bring in who asked to be left out."""
    before, fewer = step.excluded_before, step.excluded_fewer
    if step.calls and fewer > before * policy.max_delete_percent / 100:
        yield _too_many(
            f"The file of those whom {step.address} excludes has {before - fewer:,} people, and had {before:,} at the "
            f"last apply, and policy.maxDeletePercent is {policy.max_delete_percent:g}. Who is missing there may be "
            "brought in.",
            fewer,
        )


def with_amounts(steps: Mapping[Address, Step], registry: Registry) -> dict[Address, Step]:
    """The steps with ``--allow-delete N`` asked for the plan's number of deletes, where it is not for a step's own."""
    total = len(losses(steps, registry))
    return {
        address: replace(
            step,
            requires=tuple(
                replace(need, amount=total) if need.right is Right.DELETE and not need.own else need
                for need in step.requires
            ),
        )
        if step.requires
        else step
        for address, step in steps.items()
    }


def held_back(steps: Mapping[Address, Step]) -> dict[Address, Step]:
    """The steps, those that write and need what a person has yet to do being blocked."""
    return {
        address: replace(step, blocked=_waits(address, waits_for))
        if step.writes and step.blocked is None and (waits_for := _left_to_people(step, steps))
        else step
        for address, step in steps.items()
    }


def still_needed(
    steps: Mapping[Address, Step], seen: Seen, registry: Registry, circumstances: Circumstances
) -> dict[Address, Step]:
    """The steps, those being blocked that remove what other objects will go on referring to.

    What can't change any more, such as a finished campaign, refers to it for ever and needs it no more.
    """
    doomed = {
        (address.provider, address.kind, id_): address
        for address, step in steps.items()
        if step.removals and step.blocked is None and registry.kind(address).needed
        for id_ in (*step.deposed, *((step.id,) if step.action is Action.DELETE else ()))
    }
    users: dict[Address, list[Address]] = defaultdict(list)
    for address, step in steps.items() if doomed else ():
        if address not in seen.live or step.action in (Action.DELETE, Action.FORGET):
            continue
        if registry.kind(address).immutable(seen.live[address], circumstances):
            continue
        changed = {change.name for change in step.changes}
        for name, rule in rules(registry.kind(address).spec).items():
            value = seen.live[address].attributes.get(name)
            for id_ in (value if isinstance(value, tuple) else (value,)) if name not in changed else ():
                if rule.refers is not None and (address.provider, rule.refers, id_) in doomed:
                    users[doomed[address.provider, rule.refers, id_]].append(address)
    return {
        address: replace(step, blocked=_needed(address, users[address])) if address in users else step
        for address, step in steps.items()
    }


def _needed(address: Address, users: Sequence[Address]) -> Diagnostic:
    named = ", ".join(map(str, users))
    return Diagnostic(
        "still-needed",
        "others still refer to it",
        f"It can't be deleted, or made anew, while {named} refers to it without saying so in the manifest.",
        address=str(address),
        hint="Declare there what it is to refer to, or take that entry out, too.",
    )


def _left_to_people(step: Step, steps: Mapping[Address, Step]) -> list[Address]:
    return [on for on in step.dependencies if on in steps and steps[on].action is Action.MANUAL]


def _waits(address: Address, waits_for: Sequence[Address]) -> Diagnostic:
    named = ", ".join(map(str, waits_for))
    return Diagnostic(
        "waits-for-person",
        "it waits for a manual step",
        f"It needs {named}, which only a person can change in the web interface.",
        address=str(address),
        hint="Do what the manual step says, and run again.",
    )


def nothing_known(steps: Mapping[Address, Step], applied: Mapping[Address, Applied]) -> Iterator[Diagnostic]:
    """A project without any state, in an account that has what it declares: the state is most likely missing."""
    existing = [step for step in steps.values() if step.blocked is not None and step.blocked.code in _MAY_EXIST]
    if existing and not applied:
        yield Diagnostic(
            "state-missing",
            "no state, but the objects exist",
            f"There is no state, and {len(existing)} of the declared objects exist in the account already, so nothing "
            f"is written. Most likely the state of an earlier apply is elsewhere.",
            hint='Bring the state back, or bind what exists with "reconcile adopt" (all that match) or '
            '"reconcile import ADDRESS ID"; "allowDuplicate: true" on an entry makes a second object.',
        )


def _too_many(detail: str, total: int, otherwise: str = "") -> Requirement:
    return Requirement(
        Right.DELETE,
        Diagnostic(
            "too-many-deletes",
            "more deletes than the policy allows unasked",
            detail,
            hint=f"If that is meant: {otherwise} --allow-delete {total}.".replace(":  ", ": "),
        ),
        total,
    )
