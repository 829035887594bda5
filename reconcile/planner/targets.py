"""policy.targets: whom an environment's campaigns and audiences may be for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reconcile.errors import Diagnostic
from reconcile.model.address import Address
from reconcile.model.attributes import Value
from reconcile.model.bulk import BulkKind
from reconcile.model.kind import Action, Kind, rules
from reconcile.model.policy import Targets
from reconcile.model.reference import Reference
from reconcile.model.registry import ProviderType, Registry, target_kinds
from reconcile.model.resource import Resource
from reconcile.planner.diff import Surroundings, as_references
from reconcile.planner.plan import Step
from reconcile.planner.steps import Seen

# The kind of what something goes to, and which one: a Reference, the id of one that is not ours, None if unknown.
Target = tuple[str, Value]

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
        targets = list(self._targets(step))
        counts = [self._people(target, steps) for _, target in targets]
        joining = _joining(step, self.registry.kind(step.address))
        platform = self.registry.providers[step.address.provider]
        found = breach(self.allowed, platform, targets, counts, joining)
        return self._refusal(step, *found) if found is not None else None

    def _targets(self, step: Step) -> Iterator[Target]:
        """What it goes to: as declared; where that is not managed, as it is, ids standing for lists of others."""
        kind = self.registry.kind(step.address)
        live = self.seen.live.get(step.address)
        for name, rule in rules(kind.spec).items():
            if rule.refers is None or rule.embeds:
                continue
            value = self.desired[step.address].attributes.get(name)
            if value is None and live is not None and rule.readable and name not in live.attributes:
                yield rule.refers, None
            elif value is None and live is not None:
                value = as_references(step.address, rule.refers, live.attributes.get(name), self.around.ids)
            values = value if isinstance(value, tuple) else () if value is None else (value,)
            yield from ((rule.refers, each) for each in values)

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


def breach(
    allowed: Targets,
    platform: ProviderType,
    targets: Sequence[Target],
    counts: Sequence[int | None],
    joining: int = 0,
) -> tuple[str, str] | None:
    """Why something may not be for these targets, and the way out; ``counts`` are the people behind each of them.

    A kind that the policy doesn't name is for nobody where it names another kind of the platform that campaigns go to.
    """
    plurals = {name: platform.kinds[name].plural if name in platform.kinds else f"{name}s" for name, _ in targets}
    known = [platform.kinds[name].plural for name in target_kinds(platform.kinds.values()) if name in platform.kinds]
    bounded = any(plural in allowed.entries for plural in known)
    for kind, plural in plurals.items():
        names = allowed.entries.get(plural, () if bounded else None)
        others = [value for of, value in targets if of == kind and not _is_among(value, names)]
        if names is not None and others:
            has = f"has: {', '.join(names) or 'none'}" if plural in allowed.entries else "does not name any"
            return (
                f"It is for {', '.join(_named(kind, other) for other in others)}, and policy.targets.{plural} of this "
                f"environment {has}.",
                f"Let it be for one of these, or add the {kind} to policy.targets.{plural}."
                if plural in allowed.entries
                else f"Let it be for what policy.targets names, or name the {kind} in policy.targets.{plural}.",
            )
    most = allowed.max_audience
    total = sum(count for count in counts if count is not None) + joining
    if most is None or (None not in counts and total <= most):
        return None
    people = f"{total:,} people" if None not in counts else "nobody knows how many people"
    return (
        f"The {' and '.join(plurals.values())} that it is for have {people}, and policy.targets.maxAudience of this "
        f"environment is {most:,}.",
        "Let it be for fewer people, or raise policy.targets.maxAudience.",
    )


def _is_among(value: Value, names: Sequence[str] | None) -> bool:
    return names is None or (isinstance(value, Reference) and value.address.name in names)


def _named(kind: str, value: Value) -> str:
    if isinstance(value, Reference):
        return str(value.address)
    return f"a {kind} that can't be read" if value is None else f"the {kind} with the id {value}"


def _joining(step: Step, kind: Kind) -> int:
    """How many people an audience would put on its lists, those on several counted for each."""
    if not isinstance(kind, BulkKind):
        return 0
    return sum(int(change.after) for change in step.changes if change.name.startswith("joining "))
