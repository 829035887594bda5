"""Plan -> text for a person at a terminal."""

from collections.abc import Collection, Iterator
from datetime import tzinfo

from reconcile.mail.change import Change, Part, Piece
from reconcile.planner.plan import Plan
from reconcile.report import diagnostics, words
from reconcile.report.rows import detail_told
from reconcile.report.summary import summarise
from reconcile.report.text import Style, also, harmless, inert, listed, one_line, padded, painted, width, wrapped
from reconcile.report.values import Entry, Mail, Refusal, Remark, Row, Summary

_NAME, _VALUE = 24, 44  # columns up to which names and values before are aligned
_CHANGES = 12  # changes shown of one mail, unless all are asked for,
_DETAILS = 6  # and things shown of one change


def render(
    plan: Plan,
    *,
    color: bool,
    now: float,
    zone: tzinfo,
    verbose: bool = False,
    full: bool = False,
    columns: int | None = None,
    sandboxes: Collection[str] = (),
) -> str:
    """The plan: what is sent, deleted and refused, each step, what it comes to.

    ``now`` (UNIX seconds) and ``zone`` are for the moments shown; ``verbose`` adds the arguments of the writes,
    ``full`` what is otherwise too much of a mail; ``columns`` is the width that long lines are wrapped at, if at all;
    ``sandboxes`` the aliases of accounts that are emulated.
    """
    summary = summarise(plan, now=now, zone=zone, verbose=verbose, sandboxes=sandboxes)
    full = full or verbose
    footer = [*summary.facts, *(summary.more if verbose else ())]
    blocks = [
        _block("Rules changed", summary.rules, color=color, style=Style.ALARM) if summary.rules else [],
        _block(summary.sends_title, summary.sends, color=color, style=Style.WARNING),
        _block(summary.losses_title, summary.losses, color=color, style=Style.ALARM) if summary.losses else [],
        *(_refusal(refusal, color=color) for refusal in summary.refusals),
        _conflicts(summary, color=color),
        *(diagnostics.lines(warning, color=color) for warning in summary.warnings),
        *(list(entry_lines(entry, color=color, full=full)) for entry in summary.entries),
        [f"= {note.label}: {note.text}" for note in summary.notes],
        [painted(summary.headline, Style.STRONG, color=color), *footer],
    ]
    text = "\n\n".join("\n".join(block) for block in blocks if block) + "\n"
    return inert(wrapped(text, columns) if columns else text)


def entry_lines(entry: Entry, *, color: bool, full: bool = False) -> Iterator[str]:
    """One step: its head, then its attributes and what else there is to say, indented."""
    symbol = painted(f"{entry.look.symbol:>3}", entry.look.style, color=color)
    cause = f" ({entry.cause})" if entry.cause else ""
    if len(entry.addresses) == 1:
        yield f"{symbol} {painted(entry.address, Style.STRONG, color=color)} {entry.title}{cause}"
    else:
        count = painted(f"{len(entry.addresses):,} objects", Style.STRONG, color=color)
        yield f"{symbol} {count} {entry.title}{cause}"
        yield f"      {listed(entry.addresses)}"
    rows = row_lines(entry.rows, color=color, full=full)
    for line in (*rows, *(_remark(remark, color=color) for remark in entry.remarks)):
        yield from (f"      {part}".rstrip() for part in line.split("\n"))
    yield from (f"        {call}" for call in entry.writes)


def row_lines(rows: tuple[Row, ...], *, color: bool, full: bool = False) -> Iterator[str]:
    """Attributes with their values, names and arrows aligned."""
    names = _columns((row.name for row in rows), _NAME)
    befores = _columns((row.before for row in rows if row.before is not None and row.after is not None), _VALUE)
    for row in rows:
        marks = painted(f"  # {', '.join(row.noted())}", Style.FAINT, color=color) if row.noted() else ""
        name = padded(f"{row.name}:", names + 1)
        if row.before is not None and row.after is not None:
            before = padded(row.before, befores) if width(row.before) <= befores else row.before
            yield f"{name} {before} -> {row.after}{marks}"
        else:
            value = row.before if row.after is None else row.after
            yield f"{name} {value}{marks}" if value is not None else f"{name} {', '.join(row.noted())}"
        yield from (f"  {fact}" for fact in row.facts)
        if row.comparison is not None:
            yield from (f"  {line}" for line in words.render(row.comparison, color=color))
        if row.mail is not None:
            yield from (f"  {line}" for line in _mail(row.mail, color=color, full=full))


def change_title(change: Change) -> str:
    """``3. words, link, under “Our wines”``."""
    kinds = ", ".join(kind.value for kind in change.kinds)
    return f"{change.number}. {kinds}" + (f", under “{one_line(change.heading)}”" if change.heading else "")


def _mail(mail: Mail, *, color: bool, full: bool) -> Iterator[str]:
    shown = mail.told if full else mail.told[:_CHANGES]
    for index, told in enumerate(shown):
        title = painted(f"{change_title(told.change)}:", Style.FAINT, color=color)
        yield " ".join([title, *(_piece(piece, color=color) for piece in told.change.pieces)])
        details = told.change.details if full else told.change.details[:_DETAILS]
        yield from (f"   {detail_told(detail)}" for detail in details)
        if len(details) < len(told.change.details):
            yield f"   and {len(told.change.details) - len(details):,} more; --full shows them"
        last = index + 1 == len(shown) or shown[index + 1].also != told.also
        if told.also and last:
            yield f"   ({also(told.also)})"
    if len(shown) < len(mail.told):
        yield f"and {len(mail.told) - len(shown):,} more changes; --full shows them"
    for address, count in mail.elsewhere:
        yield f"{count:,} {'change' if count == 1 else 'changes'} as in {address}"
    if mail.unseen:
        yield painted(mail.unseen, Style.FAINT, color=color)


def _piece(piece: Piece, *, color: bool) -> str:
    text = harmless(piece.text)
    if piece.part is Part.REMOVED:
        return painted(f"[-{text}-]", Style.REMOVED, color=color)
    return painted(f"{{+{text}+}}", Style.ADDED, color=color) if piece.part is Part.ADDED else text


def _block(title: str, remarks: tuple[Remark, ...], *, color: bool, style: Style) -> list[str]:
    if not remarks:
        return [title]
    lines = [painted(title, style, color=color)]
    for remark in remarks:
        lines.append(f"  {painted(remark.label, Style.STRONG, color=color)}: {remark.text}")
        lines += [f"    {line}" for line in (remark.hint or "").split("\n") if line]
    return lines


def _refusal(refusal: Refusal, *, color: bool) -> list[str]:
    label = painted(refusal.label, refusal.style, color=color)
    if len(refusal.addresses) > 1:
        head = f"{label} ({len(refusal.addresses):,}): {listed(refusal.addresses)}"
    else:
        head = f"{label}: {''.join(refusal.addresses)}".removesuffix(": ")
    told = [line for text in (*refusal.details, refusal.hint or "") for line in text.split("\n") if line]
    return [head, *(f"  {line}" for line in told)]


def _conflicts(summary: Summary, *, color: bool) -> list[str]:
    return _block("Conflicts", summary.conflicts, color=color, style=Style.ALARM) if summary.conflicts else []


def _remark(remark: Remark, *, color: bool) -> str:
    lines = f"{remark.text}\n{remark.hint}" if remark.hint else remark.text
    return f"{painted(remark.label, remark.style, color=color)}: " + lines.replace("\n", "\n  ")


def _columns(texts: Iterator[str], limit: int) -> int:
    return max((columns for columns in map(width, texts) if columns <= limit), default=0)
