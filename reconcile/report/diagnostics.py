"""Diagnostics -> text for people and JSON for programs."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from reconcile.errors import Diagnostic, Location, Severity
from reconcile.report.text import Style, harmless, inert, listed, one_line, painted

Sources = Callable[[str], str | None]

_STYLES = {Severity.ERROR: Style.ALARM, Severity.WARNING: Style.WARNING}
_OWN = "\0"  # stands for the address that a finding is about while findings are compared
_SECRET = re.compile(r"(?i)(key|secret|password|token|authorization)[\w-]*[\"']?\s*[:=]")


def render(diagnostics: Iterable[Diagnostic], *, color: bool, sources: Sources | None = None) -> str:
    """The findings by file and line, those without a place last, and after them what was so before.

    ``sources`` gives the text of a file, or None, so that the line at fault can be shown; a line that looks as if it
    held a credential is not.
    """
    findings = together(sorted(dict.fromkeys(diagnostics), key=_order))
    blocks = (lines(finding, color=color, sources=sources) for finding in findings)
    return inert("\n".join("".join(f"{line}\n" for line in block) for block in blocks))


def lines(finding: Diagnostic, *, color: bool, sources: Sources | None = None) -> list[str]:
    """One finding as lines: its head, then indented detail, source line, hint and further places."""
    label = painted(f"{finding.severity}[{one_line(finding.code)}]", _STYLES[finding.severity], color=color)
    place = _place(finding)
    body = [*harmless(finding.detail or finding.summary).split("\n")]
    if finding.location is not None and sources is not None:
        body += _excerpt(finding.location, sources, color=color)
    if finding.hint:
        body += harmless(finding.hint).split("\n")
    body += [f"also at {_location(other)}" for other in finding.others]
    standing = " (it was so before)" if finding.standing else ""
    head = f"{label} {painted(place, Style.STRONG, color=color)}".rstrip() + standing
    return [head, *(f"  {line}".rstrip() for line in body)]


def to_json(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """The findings in plain JSON types, in the order of ``render``."""
    return [
        {
            "severity": finding.severity.value,
            "code": finding.code,
            "summary": finding.summary,
            "detail": finding.detail,
            "address": finding.address,
            "location": _location_json(finding.location) if finding.location else None,
            "hint": finding.hint,
            "others": [_location_json(other) for other in finding.others],
            "standing": finding.standing,
        }
        for finding in sorted(dict.fromkeys(diagnostics), key=_order)
    ]


def together(findings: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The findings, those of one kind, one wording and one place, or none, as one, whose detail names all addresses."""
    groups: dict[object, list[Diagnostic]] = {}
    for number, finding in enumerate(findings):
        if finding.address:
            told = _own(finding.detail or finding.summary, finding.address), _own(finding.hint or "", finding.address)
            key = finding.severity, finding.code, finding.location, finding.standing, *told
            groups.setdefault(key, []).append(finding)
        else:
            groups[number] = [finding]
    return [_all_of(group) for group in groups.values()]


def _all_of(group: list[Diagnostic]) -> Diagnostic:
    finding = group[0]
    addresses = list(dict.fromkeys(each.address for each in group if each.address))
    if len(addresses) < 2 or finding.address is None:
        return finding
    detail = _own(finding.detail or finding.summary, finding.address).replace(_OWN, "each of them")
    hint = _own(finding.hint, finding.address).replace(_OWN, "ADDRESS") if finding.hint else None
    where = f"{len(addresses):,} objects: {listed(addresses)}"
    return replace(finding, address=None, detail=f"{detail}\n{where}", hint=hint)


def _own(text: str, address: str) -> str:
    return text.replace(address, _OWN) if address else text


def _order(finding: Diagnostic) -> tuple[bool, bool, Location]:
    return finding.standing, finding.location is None, finding.location or Location("")


def _place(finding: Diagnostic) -> str:
    address = one_line(finding.address or "")
    if finding.location is None:
        return address
    mentioned = not address or address in finding.detail
    return _location(finding.location) + ("" if mentioned else f" ({address})")


def _location(location: Location) -> str:
    return one_line(str(location))


def _excerpt(location: Location, sources: Sources, *, color: bool) -> list[str]:
    """The line of the file with a caret under the column; nothing if there is none or it may hold a secret."""
    text = (sources(location.file) or "").split("\n")
    line = text[location.line - 1].rstrip() if 0 < location.line <= len(text) else ""
    if not line or _SECRET.search(line) or location.column > 200:
        return []
    number = f"{location.line:>5} | "
    shown = one_line(line[:200]) + ("…" if len(line) > 200 else "")
    caret = " " * (len(number) + len(one_line(line[: location.column - 1]))) + "^"
    return [f"{painted(number, Style.FAINT, color=color)}{shown}", painted(caret, Style.ALARM, color=color)]


def _location_json(location: Location) -> dict[str, Any]:
    return {"file": location.file, "line": location.line, "column": location.column}
