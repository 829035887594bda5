"""Which steps of a fresh plan somebody has approved, and how the others differ from what was approved.

A record of a plan is compared with the plan as it is made now; nothing in it is carried out or believed. A step may be
made where a record has its digest, and where it carries on what, by the state, a step of a record began. Counts of
people and of what is lost are no part of a digest: what was shown bounds them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconcile.model.address import Address
from reconcile.model.generation import Generation
from reconcile.model.kind import Action
from reconcile.planner.changes import digest_of, parts_of, renewed
from reconcile.planner.plan import Cause, Plan, Right, Step
from reconcile.planner.reach import as_approved, audiences_of, joining, most


@dataclass(frozen=True, slots=True)
class Difference:
    """A step that nobody approved of as it would be made now.

    ``approved`` is the step of a record for the same address, if there is one; ``reasons`` say in what they differ.
    """

    address: Address
    now: Step
    approved: Step | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What records say of a fresh plan: the steps that are not approved, and the plan as far as it is.

    The plan puts no more people on record as approved of than the records do, and no rules that none of them showed.
    """

    plan: Plan
    differences: Mapping[Address, Difference] = field(default_factory=dict)


def judge(
    fresh: Plan, records: Sequence[Plan], generations: Mapping[Address, Generation], reach_growth: float
) -> Judgement:
    """Compare a fresh plan with the records of what was approved; ``reach_growth`` is the policy's, in percent."""
    judges = [_Judge(fresh, record, generations, reach_growth) for record in records]
    differences: dict[Address, Difference] = {}
    for address, step in fresh.steps.items():
        if step.action in (Action.NO_OP, Action.MANUAL) or is_lone_stop(step):
            continue
        found = [judge.difference(step) for judge in judges]
        if None in found:
            continue
        told = [each for each in found if each is not None]
        # The record that knows the address says most.
        differences[address] = (
            next((each for each in told if each.approved is not None), told[0])
            if told
            else (Difference(address, step, None, ("nothing was approved",)))
        )
    approved = as_approved(fresh, records)
    return Judgement(approved if _rules_shown(fresh, records) else replace(approved, rules={}), differences)


def _rules_shown(fresh: Plan, records: Sequence[Plan]) -> bool:
    """Whether a record told of all that lets more through than at the last apply: only then it is settled."""
    told = {(change.rule, change.after) for record in records for change in record.rules_changed}
    return all((change.rule, change.after) in told for change in fresh.rules_changed)


def is_lone_stop(step: Step) -> bool:
    """Whether a step does nothing but stop mail: that is made whoever approved of what."""
    return bool(step.stops) and not step.calls and not step.removals


class _Judge:
    """One record against a fresh plan."""

    def __init__(
        self, fresh: Plan, record: Plan, generations: Mapping[Address, Generation], reach_growth: float
    ) -> None:
        self._fresh = fresh
        self._record = record
        self._generations = generations
        self._growth = reach_growth
        self._audiences = audiences_of(record.steps)
        self._approved = {step.digest for step in record.steps.values() if step.digest}
        # What a step of this record made meanwhile counts as still to be made by it.
        self._made = renewed(fresh) | {
            address for address, found in generations.items() if found.maker() in self._approved
        }

    def difference(self, step: Step) -> Difference | None:
        """In what a step is not as approved; None where it is."""
        shown = self._record.steps.get(step.address)
        if shown is None or not shown.digest:
            return Difference(step.address, step, None, ("it is not in what was approved",))
        reasons: tuple[str, ...] = ()
        if digest_of(step, self._fresh, self._made) != shown.digest and not self._carries_on(step):
            reasons = tuple(self._reasons(step, shown)) or ("it is another one",)
        reasons = reasons or tuple(self._beyond(step, shown))
        return Difference(step.address, step, shown, reasons) if reasons else None

    def _carries_on(self, step: Step) -> bool:
        """Whether the step finishes what a step of the record began, and nobody else has been at the object since."""
        begun = self._generations.get(step.address, Generation()).begun
        if begun is None or begun.step not in self._approved or begun.goal != step.goal or step.blocked is not None:
            return False
        outside = {Cause.OUTSIDE, Cause.BOTH, Cause.GONE}
        causes = {step.cause, *(change.cause for change in step.changes)}
        overwrites = any(need.right is Right.OVERWRITE_DRIFT for need in step.requires)
        return not causes & outside and not overwrites

    def _reasons(self, step: Step, shown: Step) -> Iterator[str]:
        now = parts_of(step, self._fresh, self._made)
        then = parts_of(shown, self._record, renewed(self._record))
        for name in dict.fromkeys((*now, *then)):
            if now.get(name) != then.get(name):
                yield _WORDS.get(name, f"the {name} differs")

    # The bounds: how many people, and how much is lost.

    def _beyond(self, step: Step, shown: Step) -> Iterator[str]:
        if step.send is not None and step.send.after is not None:
            yield from self._more_people(step, shown)
        if step.lost > self._grown(shown.lost):
            yield f"it would lose {step.lost:,} now, and {shown.lost:,} when it was approved"
        if step.source_digest is not None:
            known = {change.name: _count(change.after) for change in shown.changes}
            for change in step.changes:
                count, most = _count(change.after), known.get(change.name, 0)
                if count > self._grown(most):
                    yield f"{change.name}: {count:,} now, and {most:,} when it was approved"
            if (step.reach or 0) > self._grown(shown.reach or 0):
                yield f"{step.reach:,} people may get mail now, and {shown.reach or 0:,} when it was approved"

    def _more_people(self, step: Step, shown: Step) -> Iterator[str]:
        now = step.send.reach if step.send is not None else {}
        then = shown.send.reach if shown.send is not None else {}
        for target, people in now.items():
            most = then.get(target)
            if most is not None and people > self._most(target, most):
                yield f"{target} has {people:,} people now, and had {most:,} when it was approved"
        for target in then.keys() - now.keys():
            yield f"nobody can tell any more how many people {target} has"

    def _most(self, target: Address, shown: int) -> float:
        return self._grown(shown + joining(self._audiences, target))

    def _grown(self, shown: int) -> float:
        return most(shown, self._growth)


def _count(value: object) -> int:
    """A count of people; whatever is none counts as nobody."""
    return value if type(value) is int else 0


_WORDS: Mapping[str, str] = {
    "generation": "it was applied since",
    "action": "another action would be taken",
    "account": "it is in another account",
    "object": "it is about another object",
    "references": "it refers to other objects",
    "declaration": "the entry declares something else",
    "dependencies": "it depends on other entries",
    "refusal": "a rule stands in its way now, or no longer does",
    "flags": "it was planned with other flags",
    "capabilities": "the account can do other things than was assumed",
    "files": "the file has other content",
    "cause": "it has another cause",
    "live object": "what is live has changed since",
    "attributes": "other attributes would change",
    "mail as it was made": "the platform's mail is another one than was looked at",
    "record": "the state would hold something else of it",
    "calls": "other calls would be made",
    "send": "other people would get it, or at another time, or something else",
}
