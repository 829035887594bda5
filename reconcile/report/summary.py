"""What a plan's reader is told, in which words and order; the renderers only dress it."""

import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo

from reconcile.errors import Diagnostic
from reconcile.model.address import Address
from reconcile.model.attributes import Digest, Value, same
from reconcile.model.call import Call
from reconcile.model.kind import Action
from reconcile.planner.plan import AttributeChange, Cause, Plan, Requirement, Right, Send, Step
from reconcile.planner.planfile import known_ids, write_counts
from reconcile.report.text import Style, counted, harmless, key_name, moment, one_line, quoted, shown
from reconcile.report.words import Comparison, compare

_PLACES, _ALL_PLACES = 10, 100
_LONG = 120  # characters of a text from which on it is compared word by word
_NOTES = 10


@dataclass(frozen=True, slots=True)
class Look:
    """How an action is shown: its symbol, its colour, what is said of an address, and of how many."""

    symbol: str
    style: Style | None
    title: str
    counted: str


LOOKS: Mapping[Action, Look] = {
    Action.CREATE: Look("+", Style.ADDED, "will be created", "to create"),
    Action.UPDATE: Look("~", Style.CHANGED, "will be updated", "to update"),
    Action.REPLACE: Look("-/+", Style.REPLACED, "will be replaced: created anew, re-pointed, deleted", "to replace"),
    Action.DELETE: Look("-", Style.REMOVED, "will be deleted", "to delete"),
    Action.ADOPT: Look("<=", Style.STATED, "will be adopted", "to adopt"),
    Action.MOVE: Look("->", Style.STATED, "will be moved", "to move"),
    Action.FORGET: Look("x", Style.STATED, "will be forgotten: the object stays, unmanaged", "to forget"),
    Action.MANUAL: Look("!", Style.CHANGED, "has to be changed by hand", "by hand"),
    Action.NO_OP: Look("=", None, "stays as it is", "unchanged"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One attribute: a value before, one after (both, for a change), what is to be said of it, or changed places."""

    name: str
    before: str | None = None
    after: str | None = None
    marks: tuple[str, ...] = ()
    comparison: Comparison | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence about a step or the run; the label says what kind of sentence, ``style`` how loud it is."""

    label: str
    text: str
    hint: str | None = None
    style: Style | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One step as it is shown; ``writes`` are its calls with their arguments, if asked for."""

    address: str
    look: Look
    title: str
    cause: str
    rows: tuple[Row, ...]
    remarks: tuple[Remark, ...]
    writes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole plan as it is shown.

    ``sends`` has an address as each label. ``refusals`` stop the whole run. ``notes`` are about what stays as it is.
    ``facts`` are the lines of the footer.
    """

    sends: tuple[Remark, ...]
    refusals: tuple[Remark, ...]
    warnings: tuple[Diagnostic, ...]
    entries: tuple[Entry, ...]
    notes: tuple[Remark, ...]
    headline: str
    facts: tuple[str, ...]

    @property
    def sends_title(self) -> str:
        """``Sends (2)``, or that there are none."""
        return f"Sends ({len(self.sends):,})" if self.sends else "Nothing will be sent."


def summarise(plan: Plan, *, now: float, zone: tzinfo, verbose: bool = False) -> Summary:
    """What there is to say about a plan at a time (UNIX seconds) in the reader's zone."""
    known = known_ids(plan)
    steps = sorted(plan.steps.values(), key=lambda step: step.address)
    acting = [step for step in steps if _acts(step)]
    return Summary(
        sends=tuple(_send(step, now=now, zone=zone) for step in steps if is_send(step)),
        refusals=(*(_blocked(finding) for finding in plan.blocked), *map(_required, plan.requires)),
        warnings=plan.warnings,
        entries=tuple(_entry(step, known, now=now, zone=zone, verbose=verbose) for step in acting),
        notes=_notes([step for step in steps if step.note and not _acts(step)], verbose=verbose),
        headline=_headline(acting),
        facts=tuple(_facts(plan, steps, now=now, zone=zone)),
    )


def is_send(step: Step) -> bool:
    """Whether the step has to do with who gets mail when; not if it is blocked, since then it makes no call."""
    asked = any(requirement.right is Right.SEND for requirement in step.requires)
    return step.blocked is None and (asked or step.send is not None or any(call.sends for call in step.writes))


def _acts(step: Step) -> bool:
    return step.action is not Action.NO_OP or step.blocked is not None or bool(step.requires or step.writes)


def _send(step: Step, *, now: float, zone: tzinfo) -> Remark:
    operations = [call.operation for call in step.writes if call.sends]
    needs = [requirement for requirement in step.requires if requirement.right is Right.SEND]
    reached = f"reaches {counted(step.reach, 'person', 'people')}" if step.reach is not None else ""
    # What a call does is told best by its name; the requirement only repeats that it sends.
    what = [", ".join(dict.fromkeys(map(one_line, operations))), reached]
    parts = _schedule(step.send, now=now, zone=zone) if step.send is not None else what
    parts += [f"needs {Right.SEND}" if needs else ""]
    told = operations or step.send is not None
    reasons = "" if told else " ".join(harmless(requirement.diagnostic.detail) for requirement in needs)
    return Remark(str(step.address), f"{', '.join(part for part in parts if part)}.", reasons or None)


def _schedule(send: Send, *, now: float, zone: tzinfo) -> list[str]:
    """When, in the reader's zone and in UTC, to whom, how many they are now, and what becomes of the former time."""
    former = moment(send.before, now=now, zone=zone) if send.before is not None else ""
    if send.after is None:
        return [f"cancelled: was to go out {former}"]
    if send.before is None:
        standing = "new"
    else:
        standing = "made anew for the same time" if send.before == send.after else f"moved from {former}"
    to = f"to {', '.join(one_line(str(target)) for target in send.to)}" if send.to else ""
    people = f"{counted(send.people, 'person', 'people')} now" if send.people is not None else ""
    return [moment(send.after, now=now, zone=zone), to, people, standing]


def _entry(step: Step, known: Collection[Address], *, now: float, zone: tzinfo, verbose: bool) -> Entry:
    # What can't be made needs no list of what it would be like.
    changes = () if step.blocked and step.action is Action.CREATE and not verbose else _changes(step)
    rows = rows_of(changes, step, known, verbose=verbose)
    calls = tuple(_call(call, known) for call in step.writes) if verbose else ()
    plain = step.action is Action.CREATE and step.cause is Cause.NEW
    cause = _cause(step.cause) if step.cause is not None and not plain else ""
    remarks = (*_last_changed(step, now=now, zone=zone), *_remarks(step))
    return Entry(str(step.address), LOOKS[step.action], _title(step), cause, rows, remarks, calls)


def rows_of(
    changes: Iterable[AttributeChange], step: Step, known: Collection[Address] = (), *, verbose: bool = False
) -> tuple[Row, ...]:
    """Changes of a step's attributes as they are shown; ``known`` are the addresses whose ids are."""
    return tuple(row for change in changes for row in _rows(change, step, known, verbose=verbose))


def _cause(cause: Cause) -> str:
    return f"{Cause.MANIFEST} and {Cause.OUTSIDE}" if cause is Cause.BOTH else cause.value


def _title(step: Step) -> str:
    title = LOOKS[step.action].title
    if step.previous_address is not None and step.action is Action.MOVE:
        title += f" here from {step.previous_address}" + ("" if step.writes else ", without an API call")
    if step.id is not None and step.action in (Action.ADOPT, Action.DELETE):
        title += f", id {one_line(step.id)}"
    return title.replace("will", "would", 1) if step.blocked else title


def _changes(step: Step) -> Iterable[AttributeChange]:
    """The step's changes; for a new object that lists none, what will be applied."""
    if step.changes or step.action is not Action.CREATE or step.applied is None:
        return step.changes
    attributes = step.applied.attributes.items()
    return [AttributeChange(name, None, value, step.cause or Cause.NEW) for name, value in attributes]


def _rows(change: AttributeChange, step: Step, known: Collection[Address], *, verbose: bool) -> Iterator[Row]:
    settled = step.action in (Action.CREATE, Action.DELETE, Action.ADOPT)
    marks = ["forces replacement"] if change.replaces and not settled else []
    if change.cause is Cause.BOTH and not settled:
        marks.append("conflict: changed in the manifest and, differently, outside")
    elif change.cause != step.cause and not settled:
        marks.append(_cause(change.cause))
    if not change.readable and not settled:
        marks.append("before as last applied" if change.before is not None else "before unknown")
    whole = one_line(change.name)
    if step.action is Action.CREATE and isinstance(change.after, Mapping) and not verbose:
        # What is new is looked at in the mail itself; here it would be a page of texts.
        yield Row(whole, None, _extent(change.after), tuple(marks))
        return
    members = [(f"{whole}.{one_line(part.path)}", part.before, part.after) for part in change.members]
    for name, before, after in members or _members(whole, change.before, change.after):
        yield _row(name, before, after, tuple(marks), step.action, known, _ALL_PLACES if verbose else _PLACES)


def _members(name: str, before: Value, after: Value) -> Iterator[tuple[str, Value, Value]]:
    """The members of mappings that differ, by dotted names, for a change that doesn't list them; else the value."""
    sides = [side for side in (before, after) if side is not None]
    if not sides or not all(isinstance(side, Mapping) and side for side in sides):
        yield name, before, after
        return
    before, after = before or {}, after or {}
    for key in dict.fromkeys([*before, *after]):
        if not same(before.get(key), after.get(key)):
            yield from _members(f"{name}.{key_name(key)}", before.get(key), after.get(key))


def _row(
    name: str,
    before: Value,
    after: Value,
    marks: tuple[str, ...],
    action: Action,
    known: Collection[Address],
    places: int,
) -> Row:
    if action is Action.CREATE or (action is Action.ADOPT and before is None):
        return Row(name, None, _brief(after, known), marks)
    if action is Action.DELETE:
        return Row(name, _brief(before, known), None, marks)
    texts = isinstance(before, str) and isinstance(after, str)
    if texts and (max(len(before), len(after)) > _LONG or "\n" in before + after):
        return Row(name, marks=(_sizes(before, after), *marks), comparison=compare(before, after, limit=places))
    if isinstance(before, str | Digest) and isinstance(after, str | Digest) and not texts:
        return Row(name, marks=(f"content changed {_before_and_after(before, after)}", *marks))
    if isinstance(before, tuple) and isinstance(after, tuple) and len(before) + len(after) > 8:
        return _elements(name, before, after, marks, known)
    sides = _brief(before, known), _brief(after, known)
    if sides[0] != sides[1]:
        return Row(name, *sides, marks)
    if before == after:  # only what it refers to has changed
        return Row(name, None, sides[1], marks)
    whole = [shown(side, known, limit=sys.maxsize) for side in (before, after)]
    return Row(name, marks=marks, comparison=compare(*whole, limit=places))


def _extent(value: Mapping[str, Value]) -> str:
    """How much a mapping holds: "36 texts, 5 images"."""
    parts = [f"{len(part):,} {one_line(key)}" for key, part in value.items() if isinstance(part, Mapping)]
    return ", ".join(parts) if len(parts) == len(value) else counted(len(value), "member")


def _brief(value: Value, known: Collection[Address]) -> str:
    if isinstance(value, str) and (len(value) > _LONG or "\n" in value):
        start = quoted(" ".join(value[:200].split())[:40])
        return f"{counted(len(value), 'character')}, {counted(value.count(chr(10)) + 1, 'line')}: {start}…"
    return shown(value, known)


def _sizes(before: str, after: str) -> str:
    if len(before) == len(after):
        return counted(len(after), "character")
    return f"{len(before):,} -> {counted(len(after), 'character')}"


def _before_and_after(before: Value, after: Value) -> str:
    sides = [
        shown(side)[1:-1] if isinstance(side, Digest) else counted(len(side), "character") for side in (before, after)
    ]
    return f"({sides[0]} before, {sides[1]} after)"


def _elements(
    name: str, before: tuple[Value, ...], after: tuple[Value, ...], marks: tuple[str, ...], known: Collection[Address]
) -> Row:
    """A change of a long list: only what is gone and what is new."""
    gone = tuple(element for element in before if element not in after)
    new = tuple(element for element in after if element not in before)
    if not gone and not new:
        return Row(name, marks=("the same values in another order or number", *marks))
    parts = [f"{word} {shown(elements, known)}" for word, elements in (("less", gone), ("plus", new)) if elements]
    return Row(name, None, ", ".join(parts), (f"{len(before):,} -> {counted(len(after), 'value')}", *marks))


def _last_changed(step: Step, *, now: float, zone: tzinfo) -> Iterator[Remark]:
    if step.edited is not None:
        yield Remark("last changed", moment(step.edited, now=now, zone=zone))


def _remarks(step: Step) -> Iterator[Remark]:
    if step.blocked is not None:
        yield _blocked(step.blocked)
    yield from map(_required, step.requires)
    for instruction in step.instructions:
        yield Remark("by hand", harmless(instruction), style=Style.STRONG)
    if step.note:
        yield Remark("note", harmless(step.note))
    if step.previous_address is not None and step.action is not Action.MOVE:
        yield Remark("moved", f"here from {step.previous_address}")
    if step.unchecked:
        yield Remark("not checked", f"{', '.join(map(one_line, step.unchecked))} (can't be read back)")
    if step.reach:
        yield Remark("reaches", counted(step.reach, "person", "people"))
    if step.deposed and step.action is not Action.DELETE:
        ids = ", ".join(map(one_line, step.deposed))
        yield Remark("deletes", f"the former object (id {ids}), once nothing refers to it any more")
    if step.writes and step.blocked is None:
        yield Remark("API writes", _operations(step))


def _blocked(finding: Diagnostic) -> Remark:
    return Remark(f"blocked [{one_line(finding.code)}]", _detail(finding), _hint(finding), Style.ALARM)


def _required(requirement: Requirement) -> Remark:
    amount = f" {requirement.amount}" if requirement.right is Right.DELETE else ""
    finding = requirement.diagnostic
    return Remark(f"needs {requirement.right}{amount}", _detail(finding), _hint(finding), Style.WARNING)


def _detail(finding: Diagnostic) -> str:
    return harmless(finding.detail or finding.summary)


def _hint(finding: Diagnostic) -> str | None:
    return harmless(finding.hint) if finding.hint else None


def _operations(step: Step) -> str:
    parts = []
    if step.calls:
        parts.append(_counts(Counter(one_line(call.operation) for call in step.calls)))
    if step.removals:
        later = "later " if step.calls else ""
        parts.append(later + _counts(Counter(one_line(call.operation) for call in step.removals)))
    return ", ".join(parts)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(operation if count == 1 else f"{operation} {count:,}" for operation, count in counts.items())


def _call(call: Call, known: Collection[Address]) -> str:
    arguments = ", ".join(
        f"{key_name(name)}: {shown(value, known, limit=60)}" for name, value in call.arguments.items()
    )
    return f"{one_line(call.operation)} {{{arguments}}}" + (" (sends)" if call.sends else "")


def _notes(steps: list[Step], *, verbose: bool) -> tuple[Remark, ...]:
    limit = len(steps) if verbose else _NOTES
    notes = [Remark(str(step.address), harmless(step.note or "")) for step in steps[:limit]]
    rest = len(steps) - len(notes)
    return (*notes, Remark("others", f"{counted(rest, 'more note')}; -v shows them")) if rest else tuple(notes)


def _headline(steps: list[Step]) -> str:
    if not steps:
        return "No changes. The account is as the manifests say."
    counts = Counter(LOOKS[step.action].counted for step in steps if step.blocked is None)
    blocked = sum(step.blocked is not None for step in steps)
    parts = [f"{counts[look.counted]:,} {look.counted}" for look in LOOKS.values() if counts[look.counted]]
    return f"Plan: {', '.join(parts + ([f'{blocked:,} blocked'] if blocked else []))}."


def _span(seconds: float) -> str:
    return counted(round(seconds), "second") if seconds < 120 else counted(round(seconds / 60), "minute")


def _facts(plan: Plan, steps: list[Step], *, now: float, zone: tzinfo) -> Iterator[str]:
    counts = write_counts(plan)
    if counts:
        by_operation = ", ".join(f"{one_line(operation)} {count:,}" for operation, count in counts.items())
        yield f"API writes ({sum(counts.values()):,}): {by_operation}"
    yield f"API reads made: {plan.reads:,}"
    if counts and plan.seconds >= 1:
        yield f"Expected to take about {_span(plan.seconds)} at the accounts' pace, longer where a platform is slow"
    unchecked = Counter(name for step in steps if step.action is Action.NO_OP for name in step.unchecked)
    if unchecked:
        names = ", ".join(f"{one_line(name)} ({count:,})" for name, count in sorted(unchecked.items()))
        yield f"Not checked in what is unchanged, as it can't be read back: {names}"
    if plan.targets:
        yield f"Only {', '.join(map(str, plan.targets))} and what it depends on; all else is left out."
    for alias, account in sorted(plan.accounts.items()):
        yield f"Account of {one_line(alias)}: {one_line(str(account))}"
    if plan.environment != "default":
        yield f"Environment: {one_line(plan.environment)}"
    if plan.expires:
        expired = "EXPIRED" if plan.expires <= now else "Valid until"
        yield f"{expired} {moment(plan.expires, now=now, zone=zone)}"
