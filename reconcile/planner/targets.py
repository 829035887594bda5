"""policy.targets: whom an environment's campaigns and audiences may be for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from reconcile.errors import Diagnostic
from reconcile.model.address import Address
from reconcile.model.attributes import Value
from reconcile.model.bulk import BulkKind
from reconcile.model.kind import Action, Kind, rules
from reconcile.model.policy import Targets
from reconcile.model.reference import Reference
from reconcile.model.registry import Registry
from reconcile.model.resource import Resource
from reconcile.planner.diff import Surroundings, as_references
from reconcile.planner.plan import Step
from reconcile.planner.steps import Seen

_WRITES = (Action.CREATE, Action.UPDATE, Action.REPLACE)


@dataclass(frozen=True, slots=True)
class Guard:
    """The rule, and what it is judged by."""

    allowed: Targets
    desired: Mapping[Address, Resource]
    seen: Seen
    registry: Registry
    around: Surroundings

    def held_back(self, steps: Mapping[Address, Step]) -> dict[Address, Step]:
        """The steps, those blocked that write something for somebody whom the environment is not for."""
        if self.allowed == Targets():
            return dict(steps)
        return {
            address: replace(step, blocked=finding)
            if step.blocked is None and (finding := self._finding(step, steps)) is not None
            else step
            for address, step in steps.items()
        }

    def _finding(self, step: Step, steps: Mapping[Address, Step]) -> Diagnostic | None:
        if step.action not in _WRITES or not step.calls or step.address not in self.desired:
            return None
        if step.send is not None and step.send.after is None and step.send.before is not None:
            return None  # stopping is always allowed
        targets = list(self._targets(step))
        return self._not_listed(step, targets) or self._too_many(step, targets, steps)

    def _targets(self, step: Step) -> Iterator[Value]:
        """What it goes to: as declared; where that is not managed, as it is, ids standing for lists of others."""
        kind = self.registry.kind(step.address)
        live = self.seen.live.get(step.address)
        for name, rule in rules(kind.spec).items():
            if rule.refers is None or rule.embeds:
                continue
            value = self.desired[step.address].attributes.get(name)
            if value is None and live is not None:
                value = as_references(step.address, rule.refers, live.attributes.get(name), self.around.ids)
            yield from value if isinstance(value, tuple) else () if value is None else (value,)

    def _not_listed(self, step: Step, targets: list[Value]) -> Diagnostic | None:
        lists = self.allowed.lists
        if lists is None:
            return None
        others = [target for target in targets if not isinstance(target, Reference) or target.address.name not in lists]
        if not others:
            return None
        named = ", ".join(str(o.address) if isinstance(o, Reference) else f"the list with the id {o}" for o in others)
        return self._refusal(
            step,
            f"It is for {named}, and policy.targets.lists of this environment has: {', '.join(lists) or 'none'}.",
            "Let it be for one of these, or add the list to policy.targets.lists.",
        )

    def _too_many(self, step: Step, targets: list[Value], steps: Mapping[Address, Step]) -> Diagnostic | None:
        most = self.allowed.max_audience
        if most is None:
            return None
        counts = [self._people(target, steps) for target in targets]
        total = sum(count for count in counts if count is not None) + _joining(step, self.registry.kind(step.address))
        if None not in counts and total <= most:
            return None
        people = f"{total:,} people" if None not in counts else "nobody knows how many people"
        return self._refusal(
            step,
            f"Its lists have {people}, and policy.targets.maxAudience of this environment is {most:,}.",
            "Let it be for a smaller list, or raise policy.targets.maxAudience.",
        )

    def _people(self, target: Value, steps: Mapping[Address, Step]) -> int | None:
        if not isinstance(target, Reference):
            return None
        step = steps.get(target.address)
        if step is not None and step.action is Action.CREATE:
            return 0
        return self.seen.reached.get(target.address)

    def _refusal(self, step: Step, detail: str, hint: str) -> Diagnostic:
        return Diagnostic(
            "target-not-allowed",
            "not for this environment",
            detail,
            address=str(step.address),
            location=self.desired[step.address].location,
            hint=hint,
        )


def _joining(step: Step, kind: Kind) -> int:
    """How many people an audience would put on its lists, those on several counted for each."""
    if not isinstance(kind, BulkKind):
        return 0
    return sum(int(change.after) for change in step.changes if change.name.startswith("joining "))
