"""Plan -> Markdown for a comment on a pull request or the summary of a job.

User data stands in code spans and fences, where neither HTML nor mentions nor tables are seen, or is escaped. What
can't be taken back comes first and is never cut; the rest fills the room that the place has, and what is left out is
named.
"""

import html
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import tzinfo

from reconcile.mail.change import Change, Part
from reconcile.planner.plan import Plan
from reconcile.report import diagnostics
from reconcile.report.summary import summarise
from reconcile.report.text import also, counted, inert, listed, one_line
from reconcile.report.to_terminal import change_title
from reconcile.report.values import Entry, Mail, Refusal, Remark, Row
from reconcile.report.words import Comparison
from reconcile.report.words import Part as Side

COMMENT, STEP_SUMMARY = 65_536, 1_000_000  # characters that GitHub takes in a comment, and in the summary of a job
_SPARE = 1_500  # left for whoever puts a heading, a marker or a link around it
_TABLE = 0.5  # the share of the room that the table may take
_ATTRIBUTES = 8  # shown of one entry
_ALWAYS_SHOWN = 3  # places of a text from which on they are folded away
_MARKUP = re.compile(r"([\\`*_{}\[\]|~$^]|:(?=//|[a-z_+-][\w+-]*:))")


def render(plan: Plan, *, now: float, zone: tzinfo, room: int | None = COMMENT, sandboxes: Collection[str] = ()) -> str:
    """The plan in at most ``room`` characters, None: whole. Sends, deletes, refusals and conflicts are always whole."""
    summary = summarise(plan, now=now, zone=zone, sandboxes=sandboxes)
    first = [
        f"### {_prose(summary.headline)}",
        _block("Rules changed", summary.rules) if summary.rules else "",
        _block(summary.sends_title, summary.sends),
        _block(summary.losses_title, summary.losses) if summary.losses else "",
        "\n".join(map(_refusal, summary.refusals)),
        _block("Conflicts", summary.conflicts) if summary.conflicts else "",
        "\n".join(_fence("\n".join(diagnostics.lines(warning, color=False))) for warning in summary.warnings),
    ]
    last = [
        "\n".join(f"- {_code(note.label)}: {_prose(note.text)}" for note in summary.notes),
        "\n".join(f"{_prose(fact)}  " for fact in summary.facts),
    ]
    left = None if room is None else room - _SPARE - sum(map(len, (*first, *last)))
    return _joined([*first, *_middle(summary.entries, left), *last])


def render_entries(
    headline: str, entries: tuple[Entry, ...], facts: tuple[str, ...], *, room: int | None = COMMENT
) -> str:
    """Entries that are no plan: a heading, a table, the changed places of long texts, the facts."""
    first, last = f"### {_prose(headline)}", "\n".join(f"{_prose(fact)}  " for fact in facts)
    left = None if room is None else room - _SPARE - len(first) - len(last)
    return _joined([first, *_middle(entries, left), last])


def _joined(blocks: Iterable[str]) -> str:
    return inert("\n\n".join(block for block in blocks if block) + "\n")


def _middle(entries: tuple[Entry, ...], room: int | None) -> Iterator[str]:
    table = _table(entries, None if room is None else int(room * _TABLE))
    yield table
    yield from _diffs(entries, None if room is None else room - len(table))


def _block(title: str, remarks: tuple[Remark, ...]) -> str:
    lines = [f"**{title}**"]
    if remarks:
        lines += ["", *(f"- {_code(remark.label)}: {_text(remark)}" for remark in remarks)]
    return "\n".join(lines)


def _refusal(refusal: Refusal) -> str:
    label = f"**{_prose(refusal.label)}**"
    if len(refusal.addresses) > 1:
        label += f" ({len(refusal.addresses):,})"
    about = f" {_code(listed(refusal.addresses))}" if refusal.addresses else ""
    told = " ".join(_prose(text) for text in (*refusal.details, refusal.hint or "") if text)
    return f"- {label}{about}: {told}"


def _table(entries: tuple[Entry, ...], room: int | None) -> str:
    if not entries:
        return ""
    lines = ["| | address | what | changes |", "| --- | --- | --- | --- |"]
    rows = list(_within(room, map(_table_row, entries)))
    if len(rows) < len(entries):
        left = Counter(entry.look.counted for entry in entries[len(rows) :] for _ in entry.addresses)
        named = ", ".join(f"{count:,} {what}" for what, count in left.items())
        rows.append(f"| | and {left.total():,} more: {named} | `--full` or the page shows them | |")
    return "\n".join(lines + rows)


def _table_row(entry: Entry) -> str:
    what = _prose(entry.title) + (f"<br>({_prose(entry.cause)})" if entry.cause else "")
    details = "<br>".join([*_changes(entry), *map(_remark, entry.remarks)])
    count = f"{len(entry.addresses):,} objects:<br>" if len(entry.addresses) > 1 else ""
    return f"| {_code(entry.look.symbol)} | {count}{_code(listed(entry.addresses))} | {what} | {details} |"


def _within(room: int | None, texts: Iterable[str]) -> Iterator[str]:
    """The first of the texts, as long as there is room."""
    for text in texts:
        if room is not None:
            room -= len(text) + 2
            if room < 0:
                return
        yield text


def _changes(entry: Entry) -> Iterator[str]:
    for row in entry.rows[:_ATTRIBUTES]:
        yield _row(row)
    if len(entry.rows) > _ATTRIBUTES:
        yield f"and {len(entry.rows) - _ATTRIBUTES:,} more"


def _row(row: Row) -> str:
    values = " → ".join(_code(value) for value in (row.before, row.after) if value is not None)
    marks = _prose(", ".join(row.marks))
    if marks and values:
        marks = f"({marks})"
    below = f"{counted(row.comparison.total, 'place')}, see below" if row.comparison and row.comparison.total else ""
    note = _prose(row.comparison.note) if row.comparison and row.comparison.note else ""
    parts = [f"{values} {marks}".strip(), below, note, *(_mail_parts(row.mail) if row.mail else ())]
    return f"{_code(row.name)}: " + ", ".join([*(part for part in parts if part), *map(_prose, row.facts)])


def _mail_parts(mail: Mail) -> Iterator[str]:
    if mail.told:
        yield f"{counted(len(mail.told), 'change')}, see below"
    for address, count in mail.elsewhere:
        yield f"{counted(count, 'change')} as in {_code(address)}"
    if mail.unseen:
        yield _prose(mail.unseen)


def _diffs(entries: tuple[Entry, ...], room: int | None) -> Iterator[str]:
    found = [(entry, row) for entry in entries for row in entry.rows]
    texts = [_mail(entry, row.name, row.mail) for entry, row in found if row.mail and row.mail.told]
    texts += [_folded(e, row.name, row.comparison) for e, row in found if row.comparison and row.comparison.places]
    shown = list(_within(None if room is None else room - 60, texts))
    yield from shown
    if len(shown) < len(texts):
        yield f"And the changes of {counted(len(texts) - len(shown), 'more text')}: `--full` or the page shows them."


def _mail(entry: Entry, name: str, mail: Mail) -> str:
    lines: list[str] = []
    for index, told in enumerate(mail.told):
        lines += _change(told.change)
        if told.also and (index + 1 == len(mail.told) or mail.told[index + 1].also != told.also):
            lines.append(f"  ({also(told.also)})")
    return _titled(entry, name, lines, counted(len(mail.told), "change"), folded=len(mail.told) >= _ALWAYS_SHOWN)


def _change(change: Change) -> Iterator[str]:
    yield f"@@ {change_title(change)} @@"
    for sign, part in (("-", Part.REMOVED), ("+", Part.ADDED)):
        if any(piece.part is part for piece in change.pieces):
            yield f"{sign} {' '.join(one_line(p.text) for p in change.pieces if p.part in (Part.SAME, part))}"
    if all(piece.part is Part.SAME for piece in change.pieces):
        yield from (f"  {one_line(piece.text)}" for piece in change.pieces)
    for detail in change.details:
        if detail.before is not None:
            yield f"- {one_line(detail.name)}: {one_line(detail.before)}"
        if detail.after is not None:
            yield f"+ {one_line(detail.name)}: {one_line(detail.after)}"


def _folded(entry: Entry, name: str, comparison: Comparison) -> str:
    folded = comparison.total >= _ALWAYS_SHOWN
    return _titled(entry, name, list(_diff(comparison)), f"{comparison.total:,} places", folded=folded)


def _titled(entry: Entry, name: str, lines: Sequence[str], count: str, *, folded: bool) -> str:
    """A diff below the entry's address and the attribute's name; where it is long, folded away."""
    fenced = _fence("\n".join(lines), "diff")
    more = f" and {len(entry.addresses) - 1:,} more" if len(entry.addresses) > 1 else ""
    if not folded:
        return f"{_code(entry.address)}{more}: {_code(name)}\n\n{fenced}"
    # Within a block of HTML there is no Markdown.
    title = f"<code>{_escaped(entry.address)}</code>{more}: <code>{_escaped(name)}</code>"
    return f"<details><summary>{title}, {count}</summary>\n\n{fenced}\n\n</details>"


def _diff(comparison: Comparison) -> Iterator[str]:
    for place in comparison.places:
        yield f"@@ {place.label} @@"
        for sign, part in (("-", Side.REMOVED), ("+", Side.ADDED)):
            yield from (f"{sign} {line}" for line in place.side(part).rstrip("\n").split("\n"))
    if comparison.rest:
        yield comparison.rest


def _remark(remark: Remark) -> str:
    label = f"**{_prose(remark.label)}**" if remark.style else _prose(remark.label)
    return f"{label}: {_text(remark)}"


def _text(remark: Remark) -> str:
    return _prose(f"{remark.text} {remark.hint}" if remark.hint else remark.text)


def _prose(text: str) -> str:
    """Plain text on one line, in which nothing is markup, a link, or a mention of somebody."""
    escaped = _MARKUP.sub(r"\\\1", _escaped(" ".join(text.split())))
    # Escaping does not stop mentions and references to issues: they are looked for in what is rendered.
    return re.sub(r"([@#])(?=\w)", "\\1\u200b", escaped)


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)


def _code(text: str) -> str:
    """A code span, also within a table; longer runs of backticks around it than there are in it."""
    ticks = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    space = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{ticks}{space}{text}{space}{ticks}".replace("|", "\\|")


def _fence(text: str, language: str = "") -> str:
    ticks = "`" * max(3, max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"
