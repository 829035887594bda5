"""What a plan's reader is told, in which words and order; the renderers only dress it.

What can't be taken back comes first: sends, deletes, refusals, conflicts. What is equal on many objects is told once,
with their addresses.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo

from reconcile.model.account import Account
from reconcile.model.address import Address
from reconcile.model.call import Call
from reconcile.model.kind import Action
from reconcile.planner.plan import AttributeChange, Cause, Plan, Right, Send, SendChange, Step
from reconcile.planner.planfile import known_ids, write_counts
from reconcile.report.diagnostics import together
from reconcile.report.in_short import by_loss, losses_in_short, lost, sends_in_short
from reconcile.report.refusals import label_of, refusals_of
from reconcile.report.rows import cause_told, rows_of, rows_of_rendered
from reconcile.report.text import Style, counted, harmless, key_name, listed, moment, one_line, quoted, shown, unmanaged
from reconcile.report.values import LOOKS, Entry, Mail, Remark, Row, Summary, Told

_NOTES = 10
_IDS = 20  # ids of removed objects shown beside their addresses
_CROWD = 100  # new objects, beyond which new mails are told by their sizes; with -v all are told


def summarise(
    plan: Plan, *, now: float, zone: tzinfo, verbose: bool = False, sandboxes: Collection[str] = ()
) -> Summary:
    """What there is to say about a plan at a time (UNIX seconds) in the reader's zone.

    ``sandboxes`` are the aliases of accounts that are known to be emulated.
    """
    known = known_ids(plan)
    steps = sorted(plan.steps.values(), key=lambda step: step.address)
    acting = sorted((step for step in steps if _acts(step)), key=_rank)
    sending = [step for step in steps if is_send(step)]
    losing = by_loss(s for s in steps if s.action in (Action.DELETE, Action.REPLACE) or s.people_removed)
    conflicts = [step for step in acting if any(change.cause is Cause.BOTH for change in step.changes)]
    crowd = not verbose and sum(step.action is Action.CREATE for step in acting) > _CROWD
    entries = [_entry(step, known, now=now, zone=zone, verbose=verbose, in_short=crowd) for step in acting]
    return Summary(
        rules=tuple(
            Remark(one_line(changed.rule), f"{one_line(changed.before)} -> {one_line(changed.after)}")
            for changed in plan.rules_changed
        ),
        sends=tuple(_together(_send(step, now=now, zone=zone) for step in sending)),
        sending=len(sending),
        losses=tuple(_losses(losing)),
        losing=len(losing),
        sends_in_short=sends_in_short(sending, zone=zone),
        losses_in_short=losses_in_short(losing),
        refusals=refusals_of(plan, acting),
        conflicts=tuple(_together(map(_conflict, conflicts))),
        warnings=tuple(together(plan.warnings)),
        entries=tuple(_grouped(_once(_grouped(entries)))),
        notes=_notes([step for step in steps if step.note and not _acts(step)], verbose=verbose),
        headline=_headline(acting),
        facts=tuple(_facts(plan, now=now, zone=zone, sandboxes=sandboxes)),
        more=tuple(_more_facts(plan, steps)),
    )


def is_send(step: Step) -> bool:
    """Whether the step has to do with who gets mail when; not if it is blocked, since then it makes no call."""
    asked = any(requirement.right is Right.SEND for requirement in step.requires)
    return step.blocked is None and (asked or step.send is not None or any(call.sends for call in step.writes))


def _acts(step: Step) -> bool:
    return step.action is not Action.NO_OP or step.blocked is not None or bool(step.requires or step.writes)


def _rank(step: Step) -> tuple[int, Address]:
    """Deletes, those of replaced objects last, then what is blocked, conflicts and sends, then all else."""
    if step.action in (Action.DELETE, Action.REPLACE) or step.people_removed:
        rank = 1 if step.action is Action.REPLACE else 0
    elif step.blocked is not None:
        rank = 2
    elif any(change.cause is Cause.BOTH for change in step.changes):
        rank = 3
    else:
        rank = 4 if is_send(step) else 5
    return rank, step.address


def _together(remarks: Iterable[Remark]) -> Iterator[Remark]:
    """Remarks that say the same of several addresses, as one."""
    groups: dict[tuple[str, str | None], list[Remark]] = {}
    for remark in remarks:
        groups.setdefault((remark.text, remark.hint), []).append(remark)
    for group in groups.values():
        labels = tuple(remark.label for remark in group)
        yield replace(group[0], label=listed(labels), addresses=labels)


def _losses(steps: Sequence[Step]) -> Iterator[Remark]:
    """What is deleted, made anew or taken off, by what is lost."""
    remarks = []
    for step in steps:
        if step.action in (Action.DELETE, Action.REPLACE):
            what = lost(step)
        else:
            off = counted(step.people_removed, "person", "people")
            what = f"takes {off} off, of {step.people_ours:,} that it put there"
        parts = [what]
        if step.action is Action.DELETE and step.id is not None and len(steps) <= _IDS:
            parts.append(f"id {one_line(step.id)}")
        if step.action is Action.DELETE and step.note:
            parts.append(one_line(step.note))
        if step.reach:
            parts.append(f"reaches {counted(step.reach, 'person', 'people')}")
        if step.blocked is not None:
            parts.append("but blocked")
        remarks.append(Remark(str(step.address), ", ".join(parts)))
    yield from _together(remarks)


def _conflict(step: Step) -> Remark:
    names = ", ".join(one_line(change.name) for change in step.changes if change.cause is Cause.BOTH)
    return Remark(str(step.address), f"{names} changed in the manifest and, differently, outside")


def _send(step: Step, *, now: float, zone: tzinfo) -> Remark:
    operations = [call.operation for call in step.writes if call.sends]
    needs = any(requirement.right is Right.SEND for requirement in step.requires)
    reached = f"reaches {counted(step.reach, 'person', 'people')}" if step.reach is not None else ""
    # What a call does is told best by its name.
    what = [", ".join(dict.fromkeys(map(one_line, operations))), reached]
    parts = _schedule(step.send, now=now, zone=zone) if step.send is not None else what
    if step.send is not None and step.send.allowed is not None:
        parts.append(f"{'allowed' if step.send.allowed else 'NOT ALLOWED'}: {one_line(step.send.decided_by)}")
    else:
        parts += [f"needs {Right.SEND}" if needs else ""]
    return Remark(str(step.address), f"{', '.join(part for part in parts if part)}.")


def reached(send: Send) -> str:
    """How many get it, in words: somebody on two of its lists gets it once, and is counted on each."""
    if send.people is None:
        return ""
    told = counted(send.people, "person", "people")
    return f"at most {told}" if send.people and len({*send.to, *send.others}) > 1 else told


def _schedule(send: Send, *, now: float, zone: tzinfo) -> list[str]:
    """When, in the reader's zone and in UTC, to whom, how many they are now, and what becomes of the former time."""
    former = moment(send.before, now=now, zone=zone) if send.before is not None else ""
    if send.after is None:
        return [f"cancelled: was to go out {former}"]
    words = {SendChange.MOVED: f"moved from {former}", SendChange.AGAIN: "made anew for the same time"}
    if send.approved is not None:
        words[SendChange.OUTGROWN] = f"more than the {send.approved:,} that were approved"
    standing = ", ".join(words.get(change, change.value) for change in send.changes)
    to = f"to {', '.join(one_line(str(target)) for target in send.to)}" if send.to else ""
    people = f"{reached(send)} now" if send.people is not None else ""
    subject = quoted(send.subject) if send.subject else ""
    return [moment(send.after, now=now, zone=zone), subject, to, people, standing]


def _entry(step: Step, known: Collection[Address], *, now: float, zone: tzinfo, verbose: bool, in_short: bool) -> Entry:
    # What can't be made needs no list of what it would be like.
    changes = () if step.blocked and step.action is Action.CREATE and not verbose else _changes(step)
    rows = (*rows_of(changes, step, known, verbose=verbose, in_short=in_short), *rows_of_rendered(step))
    calls = tuple(_call(call, known) for call in step.writes) if verbose else ()
    plain = step.action is Action.CREATE and step.cause is Cause.NEW
    cause = cause_told(step.cause) if step.cause is not None and not plain else ""
    remarks = (*_last_changed(step, now=now, zone=zone), *_remarks(step))
    return Entry((str(step.address),), LOOKS[step.action], _title(step), cause, rows, remarks, calls)


def _grouped(entries: Iterable[Entry]) -> list[Entry]:
    """Entries that say the same of several addresses, as one."""
    groups: dict[Entry, list[str]] = {}
    for entry in entries:
        groups.setdefault(replace(entry, addresses=()), []).extend(entry.addresses)
    return [replace(entry, addresses=tuple(addresses)) for entry, addresses in groups.items()]


def _once(entries: list[Entry]) -> Iterator[Entry]:
    """The entries, each change of a long text shown in the first of them that has it."""
    where: dict[object, list[int]] = {}
    headings: dict[object, set[str]] = {}
    for index, entry in enumerate(entries):
        for row in entry.rows:
            for key in _keys(row):
                where.setdefault(key, []).append(index)
            for told in row.mail.told if row.mail is not None else ():
                headings.setdefault(told.change.told, set()).add(told.change.heading)
    apart = {key for key, found in headings.items() if len(found) > 1}
    for index, entry in enumerate(entries):
        yield replace(entry, rows=tuple(_row_once(row, index, entries, where, apart) for row in entry.rows))


def _keys(row: Row) -> Iterator[object]:
    if row.mail is not None:
        yield from (told.change.told for told in row.mail.told)
    if row.comparison is not None and row.comparison.places:
        yield row.name, tuple(place.pieces for place in row.comparison.places)


def _row_once(
    row: Row, index: int, entries: Sequence[Entry], where: Mapping[object, list[int]], apart: Collection[object]
) -> Row:
    """A row with what is told of it; ``apart`` are the changes that stand under a heading of its own in each mail."""
    if row.comparison is not None and row.comparison.places:
        (key,) = _keys(replace(row, mail=None))
        others = _others(where[key], index, entries)
        if where[key][0] != index:
            row = replace(row, comparison=None, marks=(*row.marks, f"as in {entries[where[key][0]].address}"))
        elif others:
            row = replace(row, also=others)
    if row.mail is None:
        return row
    told, elsewhere = [], Counter[str]()
    for each in row.mail.told:
        found = where[each.change.told]
        if found[0] == index:
            others = _others(found, index, entries)
            hidden = bool(others) and each.change.told in apart
            told.append(Told(replace(each.change, heading="") if hidden else each.change, others))
        else:
            elsewhere[entries[found[0]].address] += 1
    return replace(row, mail=Mail(tuple(told), tuple(elsewhere.items()), row.mail.unseen))


def _others(found: Sequence[int], index: int, entries: Sequence[Entry]) -> tuple[str, ...]:
    return tuple(address for other in dict.fromkeys(found) if other != index for address in entries[other].addresses)


def _title(step: Step) -> str:
    title = LOOKS[step.action].title
    if step.previous_address is not None and step.action is Action.MOVE:
        title += f" here from {step.previous_address}" + ("" if step.writes else ", without an API call")
    if step.id is not None and step.action is Action.ADOPT:
        title += f", id {one_line(step.id)}"
    return title.replace("will", "would", 1) if step.blocked else title


def _changes(step: Step) -> Iterable[AttributeChange]:
    """The step's changes; for a new object that lists none, what will be applied."""
    if step.changes or step.action is not Action.CREATE or step.applied is None:
        return step.changes
    attributes = step.applied.attributes.items()
    return [AttributeChange(name, None, value, step.cause or Cause.NEW) for name, value in attributes]


def _last_changed(step: Step, *, now: float, zone: tzinfo) -> Iterator[Remark]:
    if step.edited is not None:
        yield Remark("last changed", moment(step.edited, now=now, zone=zone))


def _remarks(step: Step) -> Iterator[Remark]:
    if step.blocked is not None:
        yield Remark(f"blocked [{one_line(step.blocked.code)}]", "see above", style=Style.ALARM)
    for need in step.requires:
        yield Remark(label_of(need), "see above", style=Style.WARNING)
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


def _operations(step: Step) -> str:
    parts = []
    if step.stops:
        parts.append("first " + _counts(Counter(one_line(call.operation) for call in step.stops)))
    if step.calls:
        parts.append(_counts(Counter(one_line(call.operation) for call in step.calls)))
    if step.removals:
        later = "later " if parts else ""
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


def _facts(plan: Plan, *, now: float, zone: tzinfo, sandboxes: Collection[str]) -> Iterator[str]:
    writes = len(plan.writes)
    if writes:
        lasting = f", expected to take about {_span(plan.seconds)}" if plan.seconds >= 1 else ""
        yield f"{counted(writes, 'API write')} to make{lasting}."
    if plan.targets:
        yield f"Only {', '.join(map(str, plan.targets))} and what it depends on; all else is left out."
    for alias, account in sorted(plan.accounts.items()):
        yield f"Account of {one_line(alias)}: {one_line(str(account))}{_sandbox(alias, account, sandboxes)}"
    if plan.environment != "default":
        yield f"Environment: {one_line(plan.environment)}"
    if plan.unmanaged:
        yield unmanaged(plan.unmanaged)
    if plan.expires:
        expired = "EXPIRED" if plan.expires <= now else "Valid until"
        yield f"{expired} {moment(plan.expires, now=now, zone=zone)}"


def _sandbox(alias: str, account: Account, sandboxes: Collection[str]) -> str:
    if alias in sandboxes or account.host == "sandbox":
        return ", a sandbox: nobody gets mail from it"
    host = account.host if account.host.startswith("[") else account.host.rsplit(":", 1)[0]
    local = host in ("localhost", "127.0.0.1", "[::1]")
    return ", on this machine: most likely a sandbox" if local else ""


def _more_facts(plan: Plan, steps: list[Step]) -> Iterator[str]:
    counts = write_counts(plan)
    if counts:
        by_operation = ", ".join(f"{one_line(operation)} {count:,}" for operation, count in counts.items())
        yield f"API writes ({sum(counts.values()):,}): {by_operation}"
    yield f"API reads made: {plan.reads:,}"
    if counts and plan.seconds >= 1:
        yield "The time is at the accounts' pace; it takes longer where a platform is slow"
    unchecked = Counter(name for step in steps if step.action is Action.NO_OP for name in step.unchecked)
    if unchecked:
        names = ", ".join(f"{one_line(name)} ({count:,})" for name, count in sorted(unchecked.items()))
        yield f"Not checked in what is unchanged, as it can't be read back: {names}"
