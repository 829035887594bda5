"""Plan -> Markdown for a comment on a pull request or the summary of a job.

User data stands in code spans and fences, where neither HTML nor mentions nor tables are seen, or is escaped. What
can't be taken back comes first, each item of it where there is room; the rest fills the room that the place has, and
what is left out is named.
"""

import html
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial

from reconcile.errors import Diagnostic
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
_SIGNS = 1_000  # and for what says that the table and the diffs are cut
_TABLE = 0.5  # the share of the room that the table may take
_ATTRIBUTES = 8  # shown of one entry
_ALWAYS_SHOWN = 3  # places of a text from which on they are folded away
_MARKUP = re.compile(r"([\\`*_{}\[\]|~$^]|:(?=//|[a-z_+-][\w+-]*:))")


def render(plan: Plan, *, now: float, zone: tzinfo, room: int | None = COMMENT, sandboxes: Collection[str] = ()) -> str:
    """The plan in at most ``room`` characters, None: whole.

    Sends, deletes, refusals and conflicts are whole while there is room for them, and told together beyond.
    """
    summary = summarise(plan, now=now, zone=zone, sandboxes=sandboxes)
    makers: list[_Maker] = [
        lambda cut: f"### {_prose(summary.headline)}",
        lambda cut: _block("Rules changed", summary.rules, (), cut) if summary.rules else "",
        lambda cut: _block(summary.sends_title, summary.sends, summary.sends_in_short, cut),
        lambda cut: (
            _block(summary.losses_title, summary.losses, summary.losses_in_short, cut) if summary.losses else ""
        ),
        lambda cut: _refusals(summary.refusals, cut),
        lambda cut: _block("Conflicts", summary.conflicts, (), cut) if summary.conflicts else "",
        lambda cut: _warnings(summary.warnings, cut),
        lambda cut: "\n".join(f"- {_code(note.label)}: {_prose(cut.text(note.text))}" for note in summary.notes),
        lambda cut: "\n".join(f"{_prose(cut.text(fact))}  " for fact in summary.facts),
    ]
    blocks = _fitted(makers, None if room is None else room - _SPARE - _SIGNS)
    left = None if room is None else room - _SPARE - sum(len(block) + 2 for block in blocks)
    return _joined([*blocks[:-2], *_middle(summary.entries, left), *blocks[-2:]])


def render_entries(
    headline: str, entries: tuple[Entry, ...], facts: tuple[str, ...], *, room: int | None = COMMENT
) -> str:
    """Entries that are no plan: a heading, a table, the changed places of long texts, the facts."""
    first, last = f"### {_prose(headline)}", "\n".join(f"{_prose(fact)}  " for fact in facts)
    left = None if room is None else room - _SPARE - len(first) - len(last)
    return _joined([first, *_middle(entries, left), last])


@dataclass(frozen=True, slots=True)
class _Cut:
    """How much of a block is shown: each item or what they come to together; of how many names, lines and letters."""

    together: bool = False
    names: int | None = None
    lines: int | None = None
    letters: int | None = None

    def text(self, text: str) -> str:
        """A text, with how much of it is left out."""
        if self.letters is None or len(text) <= self.letters:
            return text
        return f"{text[: self.letters].rstrip()}… ({counted(len(text) - self.letters, 'more character')})"

    def named(self, addresses: Sequence[str]) -> str:
        """Addresses, with how many are left out."""
        return self.text(listed(addresses, self.names))


_CUTS = (
    _Cut(),
    _Cut(together=True),
    _Cut(together=True, names=400),
    _Cut(together=True, names=100, lines=100, letters=4_000),
    _Cut(together=True, names=30, lines=40, letters=2_000),
    _Cut(together=True, names=10, lines=15, letters=1_000),
    _Cut(together=True, names=3, lines=5, letters=300),
)
_Maker = Callable[[_Cut], str]
_SHORTER = (300, 100, 30, 10, 3)  # addresses that are named where not all of them fit


def _fitted(makers: Sequence[_Maker], room: int | None) -> list[str]:
    """The blocks, the longest of them told in fewer words until all fit."""
    blocks, cuts = [make(_CUTS[0]) for make in makers], [0] * len(makers)
    while room is not None and sum(len(block) + 2 for block in blocks) > room:
        longest = max(
            (index for index, cut in enumerate(cuts) if cut + 1 < len(_CUTS)),
            key=lambda index: len(blocks[index]),
            default=None,
        )
        if longest is None:
            break
        cuts[longest] += 1
        blocks[longest] = makers[longest](_CUTS[cuts[longest]])
    return blocks


def _joined(blocks: Iterable[str]) -> str:
    return inert("\n\n".join(block for block in blocks if block) + "\n")


def _middle(entries: tuple[Entry, ...], room: int | None) -> Iterator[str]:
    table = _table(entries, None if room is None else int(room * _TABLE))
    yield table
    yield from _diffs(entries, None if room is None else room - len(table))


def _block(title: str, remarks: tuple[Remark, ...], in_short: tuple[Remark, ...], cut: _Cut) -> str:
    lines = [f"**{title}**"]
    if not remarks:
        return lines[0]
    together = cut.together and bool(in_short)
    told = in_short if together else remarks
    lines += ["", *(_told(remark, cut, together=together) for remark in told[: cut.lines])]
    if rest := told[len(lines) - 2 :]:
        about = sum(len(remark.addresses) or 1 for remark in rest)
        lines.append(f"- and {about:,} more")
    if cut.together:
        lines.append(f"- {_SHORT_OF_ROOM}")
    return "\n".join(lines)


_SHORT_OF_ROOM = "There is no room for more here: `--full` or the page shows each."


def _told(remark: Remark, cut: _Cut, *, together: bool) -> str:
    label = cut.named(remark.addresses) if remark.addresses else cut.text(remark.label)
    count = f"{len(remark.addresses):,}: " if together and len(remark.addresses) > 1 else ""
    text = _prose(cut.text(f"{remark.text} {remark.hint}" if remark.hint else remark.text))
    return f"- {count}{text}: {_code(label)}" if together else f"- {_code(label)}: {text}"


def _refusals(refusals: tuple[Refusal, ...], cut: _Cut) -> str:
    lines = [_refusal(refusal, cut) for refusal in refusals[: cut.lines]]
    if rest := refusals[len(lines) :]:
        lines.append(f"- and {len(rest):,} more kinds of refusal")
    if cut.together and refusals:
        lines.append(f"- {_SHORT_OF_ROOM}")
    return "\n".join(lines)


def _warnings(warnings: Sequence[Diagnostic], cut: _Cut) -> str:
    shown = [fence(cut.text("\n".join(diagnostics.lines(each, color=False)))) for each in warnings[: cut.lines]]
    if rest := warnings[len(shown) :]:
        kinds = ", ".join(f"{code} {count:,}" for code, count in Counter(each.code for each in rest).items())
        shown.append(f"And {counted(len(rest), 'more warning')} ({_prose(cut.text(kinds))}): {_SHORT_OF_ROOM}")
    elif cut.together and warnings:
        shown.append(_SHORT_OF_ROOM)
    return "\n".join(shown)


def _refusal(refusal: Refusal, cut: _Cut) -> str:
    label = f"**{_prose(refusal.label)}**"
    if len(refusal.addresses) > 1:
        label += f" ({len(refusal.addresses):,})"
    about = f" {_code(cut.named(refusal.addresses))}" if refusal.addresses else ""
    details = [_prose(cut.text(text)) for text in refusal.details[: cut.lines] if text]
    if rest := refusal.details[cut.lines :] if cut.lines is not None else ():
        details.append(f"(and {len(rest):,} more)")
    told = " ".join([*details, *([_prose(cut.text(refusal.hint))] if refusal.hint else [])])
    return f"- {label}{about}: {told}"


def _table(entries: tuple[Entry, ...], room: int | None) -> str:
    if not entries:
        return ""
    lines = ["| | address | what | changes |", "| --- | --- | --- | --- |"]
    rows = list(_within(room, [partial(_table_row, entry) for entry in entries]))
    if len(rows) < len(entries):
        left = Counter(entry.look.counted for entry in entries[len(rows) :] for _ in entry.addresses)
        named = ", ".join(f"{count:,} {what}" for what, count in left.items())
        rows.append(f"| | and {left.total():,} more: {named} | `--full` or the page shows them | |")
    return "\n".join(lines + rows)


def _table_row(entry: Entry, most: int | None = None) -> str:
    what = _prose(entry.title) + (f"<br>({_prose(entry.cause)})" if entry.cause else "")
    details = "<br>".join([*_changes(entry, most), *map(_remark, entry.remarks)])
    count = f"{len(entry.addresses):,} objects:<br>" if len(entry.addresses) > 1 else ""
    return f"| {_code(entry.look.symbol)} | {count}{_code(listed(entry.addresses, most))} | {what} | {details} |"


def _within(room: int | None, makers: Iterable[Callable[[int | None], str]]) -> Iterator[str]:
    """The first of the texts, as long as there is room; one that doesn't fit, with fewer addresses, in half of it."""
    for make in makers:
        text = make(None)
        if room is not None and len(text) + 2 > room:
            shorter = (make(most) for most in _SHORTER)
            text = next((each for each in shorter if len(each) + 2 <= room // 2), "")
            if not text:
                return
        if room is not None:
            room -= len(text) + 2
        yield text


def _changes(entry: Entry, most: int | None) -> Iterator[str]:
    for row in entry.rows[:_ATTRIBUTES]:
        yield _row(row, most)
    if len(entry.rows) > _ATTRIBUTES:
        yield f"and {len(entry.rows) - _ATTRIBUTES:,} more"


def _row(row: Row, most: int | None) -> str:
    values = " → ".join(_code(value) for value in (row.before, row.after) if value is not None)
    marks = _prose(", ".join(row.noted(most)))
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
    texts: list[Callable[[int | None], str]] = [
        partial(_mail, entry, row.name, row.mail) for entry, row in found if row.mail and row.mail.told
    ]
    texts += [
        partial(_folded, e, row.name, row.comparison) for e, row in found if row.comparison and row.comparison.places
    ]
    shown = list(_within(None if room is None else room - 60, texts))
    yield from shown
    if len(shown) < len(texts):
        yield f"And the changes of {counted(len(texts) - len(shown), 'more text')}: `--full` or the page shows them."


def _mail(entry: Entry, name: str, mail: Mail, most: int | None = None) -> str:
    lines: list[str] = []
    for index, told in enumerate(mail.told):
        lines += _change(told.change)
        if told.also and (index + 1 == len(mail.told) or mail.told[index + 1].also != told.also):
            lines.append(f"  ({also(told.also, most)})")
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


def _folded(entry: Entry, name: str, comparison: Comparison, _: int | None = None) -> str:
    folded = comparison.total >= _ALWAYS_SHOWN
    return _titled(entry, name, list(_diff(comparison)), f"{comparison.total:,} places", folded=folded)


def _titled(entry: Entry, name: str, lines: Sequence[str], count: str, *, folded: bool) -> str:
    """A diff below the entry's address and the attribute's name; where it is long, folded away."""
    fenced = fence("\n".join(lines), "diff")
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


def fence(text: str, language: str = "") -> str:
    """A text as a block in which nothing is markup."""
    ticks = "`" * max(3, max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"
