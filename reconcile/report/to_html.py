"""Plan -> one static page: everything escaped, no scripts, nothing loaded, light and dark."""

import html
from datetime import tzinfo

from reconcile.errors import Diagnostic
from reconcile.planner.plan import Plan
from reconcile.report import diagnostics
from reconcile.report.summary import summarise
from reconcile.report.text import Style, counted, harmless, listed
from reconcile.report.to_terminal import change_title
from reconcile.report.values import Entry, Refusal, Remark, Row
from reconcile.report.words import Comparison, Part, Piece, Place

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --red: #c22; --green: #182; --amber: #a60 }
@media (prefers-color-scheme: dark) { :root { --red: #f77; --green: #6d8; --amber: #fb4 } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
section { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem 1rem; margin: 1rem 0 }
h2 { font-size: 1rem; margin: .3rem 0 } code, pre, td { font: 13px/1.5 ui-monospace, monospace }
td { padding: .1rem 1rem .1rem 0; vertical-align: top; overflow-wrap: anywhere }
td:first-child { white-space: nowrap } small { opacity: .7 }
pre { background: var(--soft); padding: .5rem; white-space: pre-wrap; overflow-wrap: anywhere; margin: .2rem 0 }
del { color: var(--red); background: #f002 } ins { color: var(--green); background: #0a02; text-decoration: none }
.alarm { color: var(--red) } .warning { color: var(--amber) } ul { padding-left: 1.2rem; margin: .3rem 0 }
"""
_CLASSES = {Style.ALARM: "alarm", Style.WARNING: "warning"}


def render(plan: Plan, *, now: float, zone: tzinfo) -> str:
    """The plan as an HTML document."""
    summary = summarise(plan, now=now, zone=zone)
    sends = [f"<li><code>{_text(send.label)}</code>: {_sentences(send)}</li>" for send in summary.sends]
    notes = [f"<li><code>{_text(note.label)}</code>: {_text(note.text)}</li>" for note in summary.notes]
    parts = [
        f"<h1>{_text(summary.headline)}</h1>",
        f'<p><strong class="{"warning" if sends else "calm"}">{_text(summary.sends_title)}</strong></p>',
        _list(sends),
        _list(list(map(_refusal, summary.refusals))),
        *map(_warning, summary.warnings),
        *map(_entry, summary.entries),
        _list(notes),
        _list([f"<li>{_text(fact)}</li>" for fact in summary.facts]),
    ]
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Plan</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body>\n</html>\n"
    )


def _refusal(refusal: Refusal) -> str:
    details = " ".join((*refusal.details, refusal.hint or ""))
    return f"<li>{_text(refusal.label)}: <code>{_text(listed(refusal.addresses))}</code> {_text(details)}</li>"


def _entry(entry: Entry) -> str:
    cause = f" <small>({_text(entry.cause)})</small>" if entry.cause else ""
    head = f"<code>{_text(entry.look.symbol)} {_text(listed(entry.addresses))}</code> {_text(entry.title)}{cause}"
    rows = "\n".join(map(_row, entry.rows))
    table = f"<table>\n{rows}\n</table>\n" if rows else ""
    return f"<section>\n<h2>{head}</h2>\n{table}{_list(list(map(_remark, entry.remarks)))}</section>"


def _row(row: Row) -> str:
    before = f"<del>{_text(row.before)}</del>" if row.before is not None else ""
    after = f"<ins>{_text(row.after)}</ins>" if row.after is not None else ""
    arrow = " → " if before and after else ""
    marks = f" <small>{_text(', '.join(row.marks))}</small>" if row.marks else ""
    places = _comparison(row.comparison) if row.comparison else ""
    for told in row.mail.told if row.mail else ():
        pieces = " ".join(f"{piece.part}: {piece.text}" for piece in told.change.pieces)
        places += f"<p>{_text(change_title(told.change))}: {_text(pieces)}</p>"
    return f"<tr><td>{_text(row.name)}</td><td>{before}{arrow}{after}{marks}{places}</td></tr>"


def _comparison(comparison: Comparison) -> str:
    notes = "".join(f"<p>{_text(note)}</p>" for note in (comparison.note, comparison.rest) if note)
    return "".join(map(_place, comparison.places)) + notes


def _place(place: Place) -> str:
    start, end = "…" if place.after.column > 1 else "", "…" if place.continues else ""
    pieces = "".join(map(_piece, place.pieces))
    return f"<div><small>{_text(place.label)}</small><pre>{start}{pieces}{end}</pre></div>"


def _piece(piece: Piece) -> str:
    text = _text(piece.text)
    if piece.omitted:
        text += f"… ({counted(piece.omitted, 'more character')})"
    return {Part.SAME: text, Part.REMOVED: f"<del>{text}</del>", Part.ADDED: f"<ins>{text}</ins>"}[piece.part]


def _warning(warning: Diagnostic) -> str:
    return f'<pre class="warning">{_text(chr(10).join(diagnostics.lines(warning, color=False)))}</pre>'


def _remark(remark: Remark) -> str:
    kind = _CLASSES.get(remark.style) if remark.style else None
    label = f'<strong class="{kind}">{_text(remark.label)}</strong>' if kind else _text(remark.label)
    return f"<li>{label}: {_sentences(remark)}</li>"


def _sentences(remark: Remark) -> str:
    return _text(remark.text) + (f" {_text(remark.hint)}" if remark.hint else "")


def _list(items: list[str]) -> str:
    return "<ul>\n" + "\n".join(items) + "\n</ul>\n" if items else ""


def _text(text: str) -> str:
    return html.escape(harmless(text))
