"""What stands in a run's way, each kind of it told once with the addresses that it is about."""

from collections.abc import Iterable, Sequence

from reconcile.errors import Diagnostic
from reconcile.planner.plan import Plan, Requirement, Right, Step
from reconcile.report.text import Style, harmless, one_line
from reconcile.report.values import Refusal

_OWN = "\0"  # stands for the address that a finding is about while findings are compared


def refusals_of(plan: Plan, steps: Sequence[Step]) -> tuple[Refusal, ...]:
    """What refuses the whole run, then what blocks steps, then the rights that steps need."""
    found = [_blocked(finding, "") for finding in plan.blocked]
    found += [_required(need, "") for need in plan.requires]
    found += [_blocked(step.blocked, str(step.address)) for step in steps if step.blocked is not None]
    found += [_required(need, str(step.address)) for step in steps for need in step.requires]
    return tuple(_joined(found))


def label_of(need: Requirement) -> str:
    """The flag that a requirement asks for; where the policy denies sends, none gives the right."""
    if need.right is Right.SEND and need.denied:
        return "sends are denied"
    return f"needs {need.right}{f' {need.amount}' if need.right is Right.DELETE else ''}"


def _blocked(finding: Diagnostic, address: str) -> Refusal:
    return _refusal(f"blocked [{one_line(finding.code)}]", finding, address, Style.ALARM)


def _required(need: Requirement, address: str) -> Refusal:
    return _refusal(label_of(need), need.diagnostic, address, Style.WARNING)


def _refusal(label: str, finding: Diagnostic, address: str, style: Style) -> Refusal:
    detail, hint = harmless(finding.detail or finding.summary), harmless(finding.hint or "")
    about = (address,) if address else ()
    return Refusal(label, about, (_own(detail, address),), _own(hint, address) or None, style)


def _own(text: str, address: str) -> str:
    return text.replace(address, _OWN) if address else text


def _joined(found: Sequence[Refusal]) -> Iterable[Refusal]:
    groups: dict[tuple[str, str | None], list[Refusal]] = {}
    for each in found:
        groups.setdefault((each.label, each.hint), []).append(each)
    for (label, hint), group in groups.items():
        addresses = tuple(address for each in group for address in each.addresses)
        details = dict.fromkeys(detail for each in group for detail in each.details)
        if len(addresses) <= 1:
            told = [detail.replace(_OWN, "".join(addresses)) for detail in details]
            advice = hint.replace(_OWN, "".join(addresses)) if hint else None
        elif len(details) == 1:
            told = [detail.replace(_OWN, "each of them") for detail in details]
            advice = hint.replace(_OWN, "ADDRESS") if hint else None
        else:
            told = [_apart(each) for each in group]
            advice = hint.replace(_OWN, "ADDRESS") if hint else None
        yield Refusal(label, addresses, tuple(told), advice, group[0].style)


def _apart(refusal: Refusal) -> str:
    """A detail that is an address's own, with the address before it where it doesn't name it."""
    (detail,), address = refusal.details, "".join(refusal.addresses)
    return detail.replace(_OWN, address) if _OWN in detail or not address else f"{address}: {detail}"
