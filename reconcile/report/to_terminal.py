"""Plan -> text for a person at a terminal."""

from collections.abc import Iterator
from datetime import tzinfo

from reconcile.planner.plan import Plan
from reconcile.report import diagnostics, words
from reconcile.report.summary import Entry, Remark, Row, Summary, summarise
from reconcile.report.text import Style, inert, padded, painted, width

_NAME, _VALUE = 24, 44  # columns up to which names and values before are aligned


def render(plan: Plan, *, color: bool, now: float, zone: tzinfo, verbose: bool = False) -> str:
    """The plan: what is sent, what refuses the run, each step, what it comes to.

    ``now`` (UNIX seconds) and ``zone`` are for the moments shown; ``verbose`` adds the arguments of the writes.
    """
    summary = summarise(plan, now=now, zone=zone, verbose=verbose)
    blocks = [
        _sends(summary, color=color),
        *([_remark(remark, color=color)] for remark in summary.refusals),
        *(diagnostics.lines(warning, color=color) for warning in summary.warnings),
        *(list(entry_lines(entry, color=color)) for entry in summary.entries),
        [f"= {note.label}: {note.text}" for note in summary.notes],
        [painted(summary.headline, Style.STRONG, color=color), *summary.facts],
    ]
    return inert("\n\n".join("\n".join(block) for block in blocks if block) + "\n")


def entry_lines(entry: Entry, *, color: bool) -> Iterator[str]:
    """One step: its head, then its attributes and what else there is to say, indented."""
    symbol = painted(f"{entry.look.symbol:>3}", entry.look.style, color=color)
    cause = f" ({entry.cause})" if entry.cause else ""
    yield f"{symbol} {painted(entry.address, Style.STRONG, color=color)} {entry.title}{cause}"
    for line in (*row_lines(entry.rows, color=color), *(_remark(remark, color=color) for remark in entry.remarks)):
        yield from (f"      {part}".rstrip() for part in line.split("\n"))
    yield from (f"        {call}" for call in entry.writes)


def row_lines(rows: tuple[Row, ...], *, color: bool) -> Iterator[str]:
    """Attributes with their values, names and arrows aligned."""
    names = _columns((row.name for row in rows), _NAME)
    befores = _columns((row.before for row in rows if row.before is not None and row.after is not None), _VALUE)
    for row in rows:
        marks = painted(f"  # {', '.join(row.marks)}", Style.FAINT, color=color) if row.marks else ""
        name = padded(f"{row.name}:", names + 1)
        if row.before is not None and row.after is not None:
            before = padded(row.before, befores) if width(row.before) <= befores else row.before
            yield f"{name} {before} -> {row.after}{marks}"
        else:
            value = row.before if row.after is None else row.after
            yield f"{name} {value}{marks}" if value is not None else f"{name} {', '.join(row.marks)}"
        if row.comparison is not None:
            yield from (f"  {line}" for line in words.render(row.comparison, color=color))


def _sends(summary: Summary, *, color: bool) -> list[str]:
    if not summary.sends:
        return [summary.sends_title]
    lines = [painted(summary.sends_title, Style.WARNING, color=color)]
    for send in summary.sends:
        lines.append(f"  {painted(send.label, Style.STRONG, color=color)}: {send.text}")
        lines += [f"    {line}" for line in (send.hint or "").split("\n") if line]
    return lines


def _remark(remark: Remark, *, color: bool) -> str:
    lines = f"{remark.text}\n{remark.hint}" if remark.hint else remark.text
    return f"{painted(remark.label, remark.style, color=color)}: " + lines.replace("\n", "\n  ")


def _columns(texts: Iterator[str], limit: int) -> int:
    return max((columns for columns in map(width, texts) if columns <= limit), default=0)
