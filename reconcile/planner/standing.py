"""Whether what is planned follows from an older checkout: "removed" and "not yet in this commit" look the same.

The state knows from which git commit each address was last applied. A checkout that does not have that commit says
nothing newer than what is there. What it would remove or take back is refused; whatever else it would undo is told, and
refused where it is nothing but older and nobody has looked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from reconcile.errors import Diagnostic, Severity
from reconcile.model.address import Address
from reconcile.model.checkout import Checkout, Relation, short
from reconcile.model.generation import Generation
from reconcile.model.kind import Action
from reconcile.model.resource import Applied
from reconcile.planner.plan import Cause, Plan, Requirement, Right, Step

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Standing:
    """How a checkout stands to what was applied: ``whole`` is the commit of the last run that planned all there is."""

    checkout: Checkout
    whole: str = ""
    generations: Mapping[Address, Generation] = field(default_factory=dict)

    def of(self, address: Address, former: Address | None = None) -> tuple[Relation, str]:
        """How it stands to the last apply of an address, and to which commit."""
        found = self.generations.get(address) or (self.generations.get(former) if former is not None else None)
        if found is None:
            return Relation.HAS, ""
        if self.whole and self.outdated:
            return Relation.BEHIND, self.whole
        return (self.checkout.relation(found.commit), found.commit) if found.commit else (Relation.HAS, "")

    @property
    def outdated(self) -> bool:
        """Whether it is nothing but an older state of what was applied last."""
        return bool(self.whole) and self.checkout.clean and self.checkout.relation(self.whole) is Relation.BEHIND


def with_standing(plan: Plan, standing: Standing) -> Plan:
    """The plan, those steps needing the right to it that follow from an older checkout."""
    steps, concerned = dict(plan.steps), dict[Address, tuple[Relation, str]]()
    if plan.meant.everything:
        return plan
    for address, step in plan.steps.items():
        if step.action in (Action.NO_OP, Action.MANUAL) and not step.stops:
            continue
        relation, commit = standing.of(address, step.previous_address)
        if relation is Relation.HAS:
            continue
        older = _is_older(relation, standing.checkout)
        said = older is False and (address in plan.meant.addresses or _is_declared_off(step))
        removes = _removes(step) and not said
        if removes or older:
            need = Requirement(Right.STALE, _stale(step, relation, commit, standing.checkout), conflict=removes)
            steps[address] = replace(step, requires=(*step.requires, need))
        concerned[address] = relation, commit
    return replace(plan, steps=steps, warnings=(*plan.warnings, *_told(standing, concerned)))


def to_be_recorded(
    plan: Plan, standing: Standing, made: Mapping[Address, Step], resources: Mapping[Address, Applied]
) -> tuple[tuple[Address, ...], bool]:
    """The addresses that are applied from this checkout from now on, and whether all there is stands by it.

    ``made`` are the steps that are about to be made, ``resources`` what the state has so far. What is as this checkout
    says, and was applied from a commit that nobody can find in it any more (a branch that was squashed), is as good as
    applied from it; so is an outside edit that it holds.
    """
    commit = standing.checkout.commit
    found = []
    for address, step in made.items():
        known = standing.generations.get(address)
        before = known.commit if known is not None else ""
        if step.action is Action.NO_OP:
            lost = before and standing.of(address)[0] in (Relation.APART, Relation.UNKNOWN)
            if step.applied is None or (before and not lost and step.applied == resources.get(address)):
                continue
        if before != commit and step.action is not Action.MANUAL:
            found.append(address)
    whole = not plan.targets and not standing.outdated and len(made) == len(plan.steps)
    return tuple(found), whole and standing.whole != commit


def _is_older(relation: Relation, checkout: Checkout) -> bool:
    """Whether a checkout has nothing to say that is newer, as far as can be known.

    A clone that was cut off has lost what it had, so that it does not know a commit says nothing.
    """
    lacks = relation is Relation.BEHIND or (relation is Relation.UNKNOWN and not checkout.shallow)
    return lacks and checkout.clean


def _removes(step: Step) -> bool:
    """Whether a step takes something away: an object, its record, or mail that is to go out."""
    return step.action in (Action.DELETE, Action.FORGET, Action.REPLACE) or bool(step.stops)


def _is_declared_off(step: Step) -> bool:
    """Whether the entry is there and says itself that its mail is not to go out."""
    return bool(step.stops) and step.action is Action.UPDATE and step.cause is not Cause.REMOVED


def _stale(step: Step, relation: Relation, commit: str, checkout: Checkout) -> Diagnostic:
    what = {
        Action.DELETE: "deletes it",
        Action.FORGET: "forgets it",
        Action.REPLACE: "makes it anew",
        Action.CREATE: "makes it again",
        Action.MOVE: "renames it",
    }.get(step.action, "takes back its mail" if step.stops else "changes it back")
    return Diagnostic(
        "stale-checkout",
        "this checkout does not have what was applied last",
        f"It was last applied from commit {short(commit)}, which this checkout ({short(checkout.commit)}) "
        f"{_WORDS[relation]}. So it may be newer work that the plan {what}.",
        address=str(step.address),
        hint=f"{_way_out(relation, checkout)} If it is meant all the same: --allow-stale.",
    )


_WORDS = {
    Relation.BEHIND: "is older than",
    Relation.APART: "does not have",
    Relation.UNKNOWN: "can't find in its history",
}


def _way_out(relation: Relation, checkout: Checkout) -> str:
    if relation is Relation.UNKNOWN and checkout.shallow:
        return "Fetch the whole history (git fetch --unshallow; in CI a checkout with fetch-depth: 0), and plan again."
    if relation is Relation.UNKNOWN:
        return "Fetch it (git fetch --all), merge what is newer (git pull), and plan again."
    return "Take what is newer (git pull), and plan again."


def _told(standing: Standing, concerned: Mapping[Address, tuple[Relation, str]]) -> Iterator[Diagnostic]:
    checkout, whole = standing.checkout, standing.whole
    last = checkout.relation(whole) if whole else Relation.HAS
    if concerned:
        relation, commit = next(iter(concerned.values()))
        named = sorted(map(str, concerned))
        more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        what = f" Newer than what is here: {', '.join(named[:_NAMED])}{more}."
    elif last in (Relation.BEHIND, Relation.APART):
        relation, commit, what = last, whole, ""
    else:
        return
    yield Diagnostic(
        "stale-checkout",
        "this checkout does not have what was applied last",
        f"The last apply was from commit {short(commit)}, which this checkout ({short(checkout.commit)}) "
        f"{_WORDS[relation]}.{what}",
        hint=_way_out(relation, checkout),
        severity=Severity.WARNING,
    )
