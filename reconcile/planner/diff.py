"""Compare attributes three ways: desired, applied, live."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from reconcile.model.address import Address
from reconcile.model.attributes import Attributes, Digest, Value, condensed, references, same
from reconcile.model.kind import PLAIN, Kind, Rule, rules
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied, RemoteObject
from reconcile.planner.plan import AttributeChange, Cause, MemberChange


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What of other resources a comparison needs.

    ``ids``: whose id is whose, by kind and id, for references as the API gives them; ``former``: those of them that
    were replaced and are still there; ``renewed``: the addresses that get a new object in this plan; ``contents``: the
    fingerprint of what embedding each address copies.
    """

    ids: Mapping[tuple[str, str, str], Address] = field(default_factory=dict)
    renewed: Collection[Address] = frozenset()
    contents: Mapping[Address, str] = field(default_factory=dict)
    former: Collection[tuple[str, str, str]] = frozenset()


def embedded(reference: Reference, contents: Mapping[Address, str]) -> Value:
    """What the state keeps of a reference whose content was copied: which, and the content's fingerprint."""
    return {"of": reference, "content": contents.get(reference.address)}


def as_references(address: Address, kind: str, value: Value, ids: Mapping[tuple[str, str, str], Address]) -> Value:
    """Ids of a kind, as live values have them, turned into References where they are ours."""
    if isinstance(value, tuple):
        named = (as_references(address, kind, member, ids) for member in value)
        return tuple(sorted(named, key=str))
    owner = ids.get((address.provider, kind, value)) if isinstance(value, str) else None
    return Reference(owner) if owner is not None else value


def diff(
    address: Address,
    rules: Mapping[str, Rule],
    desired: Attributes,
    applied: Applied,
    live: RemoteObject,
    around: Surroundings,
    since: RemoteObject | None = None,
) -> Iterator[AttributeChange]:
    """The declared attributes that differ, each with the side that changed it.

    ``since`` is the live object as it is compared with what was last applied, where that is another part of it.
    """
    for name, value in desired.items():
        rule = rules.get(name, PLAIN)
        if rule.embeds:
            change = _embedded_change(name, rule, value, applied, around)
        elif rule.readable and name in live.attributes:
            change = _readable_change(address, name, rule, value, applied, live, around, since or live)
        else:
            change = _unreadable_change(name, rule, value, applied)
        if change is not None:
            yield change


def diff_computed(names: Collection[str], applied: Applied, live: RemoteObject) -> Iterator[AttributeChange]:
    """Texts that the platform made and that are no longer as they were read right after the write."""
    for name in names:
        before, after = live.attributes.get(name), applied.observed.get(name)
        if before is not None and after is not None and not same(before, after):
            yield AttributeChange(name, before, after, Cause.OUTSIDE, replaces=True, text=True)


def outside_edits(
    address: Address, rules: Mapping[str, Rule], applied: Applied, live: RemoteObject, around: Surroundings
) -> Iterator[AttributeChange]:
    """What of a live object differs from what was last applied, as far as it can be read; texts by their digests."""
    for name in sorted({*applied.attributes, *applied.observed} & live.attributes.keys()):
        rule = rules.get(name, PLAIN)
        value = live.attributes[name]
        if rule.refers is not None:
            value = as_references(address, rule.refers, value, around.ids)
        if rule.readable and not _as_applied(name, value, applied):
            before = applied.observed.get(name, applied.attributes.get(name))
            after = condensed(value) if rule.text else value
            yield AttributeChange(name, before, after, Cause.OUTSIDE, text=rule.text, members=_members(before, after))


def scheduled_outside(kind: Kind, kept: Applied, found: RemoteObject) -> Iterator[AttributeChange]:
    """That somebody else has mail sent through what we made and never scheduled."""
    if not kept.created or kind.due(found.attributes) is None:
        return
    for name, rule in rules(kind.spec).items():
        if rule.launches and name not in kept.attributes and found.attributes.get(name):
            yield AttributeChange(name, None, found.attributes[name], Cause.OUTSIDE)


def edited_outside(
    address: Address, rules: Mapping[str, Rule], applied: Applied, live: RemoteObject, around: Surroundings
) -> bool:
    """Whether a live object differs from what was last applied, as far as it can be read."""
    return any(True for _ in outside_edits(address, rules, applied, live, around))


def _readable_change(
    address: Address,
    name: str,
    rule: Rule,
    desired: Value,
    applied: Applied,
    live: RemoteObject,
    around: Surroundings,
    since: RemoteObject,
) -> AttributeChange | None:
    before = live.attributes[name]
    stale = False
    if rule.refers is not None:
        ids = before if isinstance(before, tuple) else (before,)
        stale = any((address.provider, rule.refers, id_) in around.former for id_ in ids)
        before = as_references(address, rule.refers, before, around.ids)
    # An earlier run replaced what it refers to, and was cut short before this was re-pointed.
    follows = stale or (bool(around.renewed) and any(target in around.renewed for target in references(desired)))
    equal = same(desired, before)
    if equal and not follows:
        return None
    wanted_before = name in applied.attributes and same(desired, applied.attributes[name])
    untouched = _untouched(address, name, rule, applied, since, around)
    # A text may read otherwise than it was sent; then what was read after the write is what counts.
    if not follows and wanted_before and untouched:
        return None
    if equal:
        cause = Cause.FOLLOWS
    elif name not in applied.attributes or untouched:
        cause = Cause.MANIFEST
    else:
        cause = Cause.OUTSIDE if wanted_before else Cause.BOTH
    return AttributeChange(
        name, before, desired, cause, rule.replaces, text=rule.text, members=_members(before, desired)
    )


def _untouched(
    address: Address, name: str, rule: Rule, applied: Applied, live: RemoteObject, around: Surroundings
) -> bool:
    """Whether an attribute is as it was last applied."""
    if name not in applied.attributes:
        return False
    now = live.attributes[name]
    if rule.refers is not None:
        now = as_references(address, rule.refers, now, around.ids)
    return _as_applied(name, now, applied)


def _unreadable_change(name: str, rule: Rule, desired: Value, applied: Applied) -> AttributeChange | None:
    known = name in applied.attributes
    adopted_as = applied.observed.get(name)
    if not known and not applied.created and (not rule.text or same(desired, adopted_as)):
        return None  # unknown since it was adopted: never a reason to write, unless somebody has declared another text
    last = applied.attributes.get(name)
    if known and same(desired, last):
        return None
    members = _members(last, desired)
    return AttributeChange(name, last, desired, Cause.MANIFEST, rule.replaces, False, rule.text, members)


def _embedded_change(
    name: str, rule: Rule, desired: Reference, applied: Applied, around: Surroundings
) -> AttributeChange | None:
    last = applied.attributes.get(name)
    if last is None and not applied.created:
        return None
    if last is not None and last["content"] == embedded(desired, around.contents)["content"]:
        return None  # another object perhaps, but the same content
    before = last["of"] if last is not None else None
    cause = Cause.FOLLOWS if before == desired else Cause.MANIFEST
    return AttributeChange(name, before, desired, cause, rule.replaces, readable=False)


def _as_applied(name: str, live: Value, applied: Applied) -> bool:
    if name in applied.observed:
        return same(live, applied.observed[name])
    return same(_in_order(live), _in_order(applied.attributes[name]))


def _in_order(value: Value) -> Value:
    """The value; references to several have no order of their own, and a state may have them in another."""
    if isinstance(value, tuple) and any(isinstance(member, Reference) for member in value):
        return tuple(sorted(value, key=str))
    return value


def _members(before: Value, after: Value) -> tuple[MemberChange, ...]:
    """Where two nested values differ."""
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return ()
    from deepdiff import DeepDiff  # a quarter of a second to import, and seldom needed

    found = DeepDiff(dict(before), dict(after), view="tree", threshold_to_diff_deeper=0)
    changes = []
    for group in found.values():
        for level in group:
            path = ".".join(str(part) for part in level.path(output_format="list"))
            changes += [
                MemberChange(f"{path}{suffix}", was, becomes)
                for suffix, was, becomes in _leaves(_present(level.t1), _present(level.t2))
            ]
    return tuple(sorted(changes, key=lambda change: change.path))


def _present(value: Value) -> Value:
    """DeepDiff marks what is not there by an object of its own."""
    return value if isinstance(value, str | int | float | bool | Mapping | tuple | list | Digest | Reference) else None


def _leaves(before: Value, after: Value) -> Iterator[tuple[str, Value, Value]]:
    """The scalars within two values that differ, by path."""
    if isinstance(before, Mapping) or isinstance(after, Mapping):
        left = before if isinstance(before, Mapping) else {}
        right = after if isinstance(after, Mapping) else {}
        for key in sorted({*left, *right}):
            for suffix, was, becomes in _leaves(left.get(key), right.get(key)):
                yield f".{key}{suffix}", was, becomes
    elif before != after:
        yield "", before, after


def recorded(rules: Mapping[str, Rule], desired: Attributes, contents: Mapping[Address, str]) -> dict[str, Value]:
    """Declared attributes as the state keeps them: texts as digests, embedded references with their content."""
    kept: dict[str, Value] = {}
    for name, value in desired.items():
        rule = rules.get(name, PLAIN)
        kept[name] = condensed(value) if rule.text else embedded(value, contents) if rule.embeds else value
    return kept
