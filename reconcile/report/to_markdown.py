"""Plan -> Markdown for a comment on a pull request.

User data stands in code spans and fences, where neither HTML nor mentions nor tables are seen, or is escaped.
"""

import html
import re
from collections.abc import Iterable, Iterator
from datetime import tzinfo

from reconcile.planner.plan import Plan
from reconcile.report import diagnostics
from reconcile.report.summary import Entry, Remark, Row, Summary, summarise
from reconcile.report.text import counted, inert
from reconcile.report.words import Comparison, Part

_TABLE, _DIFFS = 40_000, 16_000  # characters, as a comment on GitHub holds 65,536
_ATTRIBUTES = 8  # shown of one entry
_ALWAYS_SHOWN = 3  # places of a text from which on they are folded away
_MARKUP = re.compile(r"([\\`*_{}\[\]|~$^]|:(?=//|[a-z_+-][\w+-]*:))")


def render(plan: Plan, *, now: float, zone: tzinfo) -> str:
    """The plan in short: sends and refusals, a table of the steps, the changed places of long texts, the counts."""
    summary = summarise(plan, now=now, zone=zone)
    blocks = [
        f"### {_prose(summary.headline)}",
        _sends(summary),
        "\n".join(f"- {_remark(remark)}" for remark in summary.refusals),
        "\n".join(_fence("\n".join(diagnostics.lines(warning, color=False))) for warning in summary.warnings),
        _table(summary.entries),
        *_diffs(summary.entries),
        "\n".join(f"- {_code(note.label)}: {_prose(note.text)}" for note in summary.notes),
        "\n".join(f"{_prose(fact)}  " for fact in summary.facts),
    ]
    return inert("\n\n".join(block for block in blocks if block) + "\n")


def render_entries(headline: str, entries: tuple[Entry, ...], facts: tuple[str, ...]) -> str:
    """Entries that are no plan: a heading, a table, the changed places of long texts, the facts."""
    blocks = [
        f"### {_prose(headline)}",
        _table(entries),
        *_diffs(entries),
        "\n".join(f"{_prose(fact)}  " for fact in facts),
    ]
    return inert("\n\n".join(block for block in blocks if block) + "\n")


def _sends(summary: Summary) -> str:
    lines = [f"**{summary.sends_title}**"]
    if summary.sends:
        lines += ["", *(f"- {_code(send.label)}: {_text(send)}" for send in summary.sends)]
    return "\n".join(lines)


def _table(entries: tuple[Entry, ...]) -> str:
    if not entries:
        return ""
    lines = ["| | address | what | changes |", "| --- | --- | --- | --- |"]
    rows = list(_within(_TABLE, map(_table_row, entries)))
    if len(rows) < len(entries):
        rows.append(f"| | and {len(entries) - len(rows):,} more | | |")
    return "\n".join(lines + rows)


def _table_row(entry: Entry) -> str:
    what = _prose(entry.title) + (f"<br>({_prose(entry.cause)})" if entry.cause else "")
    details = "<br>".join([*_changes(entry), *map(_remark, entry.remarks)])
    return f"| {_code(entry.look.symbol)} | {_code(entry.address)} | {what} | {details} |"


def _within(room: int, texts: Iterable[str]) -> Iterator[str]:
    """The first of the texts, as long as there is room."""
    for text in texts:
        room -= len(text)
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
    return f"{_code(row.name)}: " + ", ".join(part for part in (f"{values} {marks}".strip(), below, note) if part)


def _diffs(entries: tuple[Entry, ...]) -> Iterator[str]:
    found = [(entry.address, row.name, row.comparison) for entry in entries for row in entry.rows if row.comparison]
    found = [(address, name, comparison) for address, name, comparison in found if comparison.places]
    shown = list(_within(_DIFFS, (_folded(*each) for each in found)))
    yield from shown
    if len(shown) < len(found):
        yield f"And {counted(len(found) - len(shown), 'more text')}."


def _folded(address: str, name: str, comparison: Comparison) -> str:
    fenced = _fence("\n".join(_diff(comparison)), "diff")
    if comparison.total < _ALWAYS_SHOWN:
        return f"{_code(address)}: {_code(name)}\n\n{fenced}"
    # Within a block of HTML there is no Markdown.
    title = f"<code>{_escaped(address)}</code>: <code>{_escaped(name)}</code>"
    return f"<details><summary>{title}, {comparison.total:,} places</summary>\n\n{fenced}\n\n</details>"


def _diff(comparison: Comparison) -> Iterator[str]:
    for place in comparison.places:
        yield f"@@ {place.label} @@"
        for sign, part in (("-", Part.REMOVED), ("+", Part.ADDED)):
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
