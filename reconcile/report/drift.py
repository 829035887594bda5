"""Drift -> text, Markdown and JSON: what is live beside what was last applied."""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any

from reconcile.model.attributes import references, to_json
from reconcile.model.kind import Action
from reconcile.planner.accepted import by_whom, until
from reconcile.planner.drift import Drift, Drifted
from reconcile.planner.plan import Cause, Step
from reconcile.report import to_markdown, to_terminal
from reconcile.report.rows import rows_of
from reconcile.report.text import Style, counted, inert, moment, one_line, painted, unmanaged
from reconcile.report.values import LOOKS, Entry, Remark


def render(drift: Drift, *, color: bool, now: float, zone: tzinfo) -> str:
    """The drift as text for a terminal; ``now`` (UNIX seconds) and ``zone`` are for the moments shown."""
    entries = [list(to_terminal.entry_lines(entry, color=color)) for entry in _entries(drift, now=now, zone=zone)]
    blocks = [*entries, [painted(_headline(drift), Style.STRONG, color=color), *_facts(drift)]]
    return inert("\n\n".join("\n".join(block) for block in blocks) + "\n")


def render_markdown(drift: Drift, *, now: float, zone: tzinfo) -> str:
    """The drift in short, for a comment or a step summary."""
    return to_markdown.render_entries(
        _headline(drift), tuple(_entries(drift, now=now, zone=zone)), tuple(_facts(drift))
    )


def drift_json(drift: Drift, *, strict: bool = False) -> dict[str, Any]:
    """The drift in plain JSON types; ``drift`` says whether the command ends with exit code 2."""
    return {
        "drift": drift.counts(strict=strict),
        "environment": drift.environment,
        "serial": drift.serial,
        "checked": drift.checked,
        "settled": [str(address) for address in drift.settled],
        "unchecked": dict(drift.unchecked),
        "accepted": [
            {"address": str(address), "name": each.name, "reason": each.reason, "until": each.until, "by": each.by}
            for address, each in drift.accepted
        ],
        "unmanaged": dict(drift.unmanaged),
        "entries": [_entry_json(entry) for entry in drift.entries],
    }


def _entry_json(entry: Drifted) -> dict[str, Any]:
    edited = None if entry.edited is None else datetime.fromtimestamp(entry.edited, UTC).isoformat()
    return {
        "address": str(entry.address),
        "id": entry.id,
        "verdict": _verdict(entry),
        "manual": entry.manual,
        "final": entry.final,
        "last_changed": edited,
        "attributes": [
            {"name": change.name, "applied": to_json(change.before), "live": to_json(change.after)}
            for change in entry.changes
        ],
        "outgrown": [
            {"target": str(grown.target), "approved": grown.approved, "now": grown.now} for grown in entry.outgrown
        ],
    }


def _verdict(entry: Drifted) -> str:
    if entry.gone:
        return "deleted outside"
    return "edited outside" if entry.changes else "more people than were approved"


def _entries(drift: Drift, *, now: float, zone: tzinfo) -> Iterator[Entry]:
    for entry in drift.entries:
        action = Action.DELETE if entry.gone else Action.UPDATE
        # Rows are those of a step from what was applied to what is live.
        step = Step(entry.address, Action.UPDATE, Cause.OUTSIDE, entry.changes)
        # Both sides exist, so no id is left to be known after an apply.
        known = {target for change in entry.changes for target in references((change.before, change.after))}
        title = f"was deleted outside, id {one_line(entry.id)}" if entry.gone else "was edited outside"
        if not entry.gone and not entry.changes:
            title = "would go to more people than were approved"
        remarks = tuple(_remarks(entry, now=now, zone=zone))
        yield Entry((str(entry.address),), LOOKS[action], title, "", rows_of(entry.changes, step, known), remarks, ())


def _remarks(entry: Drifted, *, now: float, zone: tzinfo) -> Iterator[Remark]:
    if entry.edited is not None:
        yield Remark("last changed", moment(entry.edited, now=now, zone=zone))
    if entry.manual:
        yield Remark("note", "only a person can change it; it counts as drift with --strict")
    for grown in entry.outgrown:
        people = f"{counted(grown.now, 'person', 'people')} now, {grown.approved:,} when it was approved"
        yield Remark("reaches", f"{grown.target}: {people}")
    if entry.outgrown:
        yield Remark("note", f"if that is right, put it on record: reconcile pull {entry.address}")
    if entry.final:
        yield Remark(
            "note",
            f"it has gone out like this and stays so; take that into the manifest: reconcile pull {entry.address}",
        )


def _headline(drift: Drift) -> str:
    if not drift.checked:
        return "No drift: nothing was applied yet."
    gone = sum(entry.gone for entry in drift.entries)
    more = sum(not entry.gone and not entry.changes for entry in drift.entries)
    edited = len(drift.entries) - gone - more
    if not drift.entries:
        return f"No drift. {counted(drift.checked, 'object')} as last applied."
    parts = [
        f"{edited:,} edited outside" if edited else "",
        f"{gone:,} deleted outside" if gone else "",
        f"{more:,} for more people than were approved" if more else "",
    ]
    return f"Drift: {', '.join(part for part in parts if part)}, of {counted(drift.checked, 'object')}."


def _facts(drift: Drift) -> Iterator[str]:
    if drift.settled:
        yield (
            f"Edited outside to what the manifests here say, which the next apply puts on record: "
            f"{', '.join(str(address) for address in drift.settled)}"
        )
    for address, each in drift.accepted:
        yield f"Accepted {until(each)}: {address} {one_line(each.name)}. {by_whom(each)}: {one_line(each.reason)}"
    if drift.unchecked:
        names = ", ".join(f"{one_line(name)} ({count:,})" for name, count in drift.unchecked.items())
        yield f"Not checked, as it can't be read back: {names}"
    if drift.unmanaged:
        yield unmanaged(drift.unmanaged)
    if drift.checked:
        yield f"API reads made: {drift.reads:,}"
    for alias, account in sorted(drift.accounts.items()):
        yield f"Account of {one_line(alias)}: {one_line(str(account))}"
    if drift.environment != "default":
        yield f"Environment: {one_line(drift.environment)}"
