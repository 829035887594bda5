"""What ``doctor`` found, as a table that a person can act on."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reconcile.model.assumption import Finding, Verdict


def render(
    alias: str,
    checks: Iterable[tuple[str, bool, str, str]],
    findings: Sequence[Finding],
    current: Mapping[str, Any],
    rows: Sequence[tuple[str, Any]],
    *,
    verbose: bool = False,
) -> str:
    """The report on one account.

    ``checks`` are name, whether all is well, what was seen and what to do; ``rows`` are rows of the contract to paste.
    ``verbose`` lists what holds and what nobody asks, too.
    """
    lines = [f"{alias}", ""]
    for name, fine, seen, remedy in checks:
        lines.append(f"  {'ok    ' if fine else 'WRONG '} {name}: {seen}")
        if not fine and remedy:
            lines.append(f"         {remedy}")
    lines.append("")
    for finding in findings:
        if finding.verdict is Verdict.DIFFERS:
            lines += _difference(finding, current)
    undecided = [finding.assumption.id for finding in findings if finding.verdict is Verdict.UNDECIDED]
    if undecided:
        lines.append(f"  undecided  {_listed(undecided, verbose=verbose)}")
        lines.append("         The account has nothing that would tell, or gave no answer that can be read.")
    if verbose:
        for verdict in (Verdict.HOLDS, Verdict.NOT_PROBED):
            for finding in findings:
                if finding.verdict is verdict:
                    lines.append(f"  {verdict.value:<11}{finding.assumption.id}: {_why(finding)}")
    counts = ", ".join(
        f"{sum(finding.verdict is verdict for finding in findings)} {verdict.value}" for verdict in Verdict
    )
    lines.append(f"  {counts}")
    if waiting := sum(finding.verdict is Verdict.NOT_PROBED and not finding.assumption.reason for finding in findings):
        lines.append(f"  {waiting} of these only writes tell, to drafts of our own: reconcile doctor {alias} --scratch")
    if rows:
        lines += ["", f"  Into reconcile.yaml, under providers.{alias}:", "    contract:"]
        lines += [f"      {key}: {_scalar(value)}" for key, value in rows]
    return "".join(f"{line}\n" for line in lines)


def _difference(finding: Finding, current: Mapping[str, Any]) -> list[str]:
    assumed = current.get(finding.assumption.id, finding.assumption.assumed)
    seen = _shown(finding.seen) if finding.seen != "" else "nothing of the kind"
    # Of words the unknown ones are told, of which none is assumed.
    told = f"not known is {seen}" if finding.assumption.id.startswith("v.") else None
    return [
        f"  differs    {finding.assumption.id}: {told or f'assumed is {_shown(assumed)}, seen was {seen}'}",
        f"         {finding.assumption.breaks}",
    ]


def _why(finding: Finding) -> str:
    if finding.verdict is Verdict.NOT_PROBED and not finding.assumption.reason:
        return "Only a write tells: doctor --scratch asks."
    return finding.assumption.reason or (_shown(finding.seen) if finding.seen not in (None, "") else "as assumed")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if value not in (None, "") else "nothing"


def _listed(names: Sequence[str], *, verbose: bool) -> str:
    shown = names if verbose else names[:8]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more (-v)" if len(names) > len(shown) else "")


def _scalar(value: Any) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else f'"{value}"'


def to_json(
    provider: str | None,
    checks: Iterable[tuple[str, bool, str, str]],
    findings: Iterable[Finding],
    rows: Iterable[tuple[str, Any]],
) -> dict[str, Any]:
    """The same as values."""
    return {
        "provider": provider,
        "checks": [
            {"id": name, "ok": fine, "seen": seen, "remedy": remedy or None} for name, fine, seen, remedy in checks
        ],
        "findings": [
            {
                "id": finding.assumption.id,
                "verdict": finding.verdict.value,
                "assumed": finding.assumption.assumed,
                "seen": finding.seen,
                "breaks": finding.assumption.breaks,
                "reason": finding.assumption.reason or None,
            }
            for finding in findings
        ],
        "contract": dict(rows),
    }
