"""Sends and losses by the hundred, told by day and by what is lost, with their addresses: for where room is short."""

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo

from reconcile.model.kind import Action
from reconcile.planner.plan import Send, Step
from reconcile.report.text import counted, one_line
from reconcile.report.values import Remark


def losses_in_short(steps: Sequence[Step]) -> tuple[Remark, ...]:
    """What is lost, deletes first; how many people the objects reach as a range."""
    groups: dict[str, list[Step]] = {}
    for step in steps:
        groups.setdefault(lost(step) + (", but blocked" if step.blocked is not None else ""), []).append(step)
    return tuple(_loss(what, group) for what, group in groups.items())


def lost(step: Step) -> str:
    """What is lost by a step, without numbers."""
    if step.action is Action.DELETE:
        return "deleted"
    return "made anew; the former object is deleted" if step.action is Action.REPLACE else "takes people off"


def _loss(what: str, group: Sequence[Step]) -> Remark:
    off = [step.people_removed for step in group if step.people_removed]
    parts = [
        f"{what}{f' ({sum(off):,})' if off else ''}",
        between("reaching", [step.reach for step in group if step.reach]),
    ]
    return _remark(group, parts)


def sends_in_short(steps: Sequence[Step], *, zone: tzinfo) -> tuple[Remark, ...]:
    """What goes out on which day, between which times, and to how many; what is not allowed comes first."""
    groups: dict[tuple[bool, str, str], list[Step]] = {}
    for step in steps:
        groups.setdefault(_sending(step, zone), []).append(step)
    return tuple(_sent(key, groups[key], zone) for key in sorted(groups))


def _sending(step: Step, zone: tzinfo) -> tuple[bool, str, str]:
    send = step.send
    if send is None:
        return True, "", ", ".join(dict.fromkeys(one_line(call.operation) for call in step.writes if call.sends))
    at = send.after if send.after is not None else send.before
    day = f"{datetime.fromtimestamp(at, zone):%Y-%m-%d, %a}" if at is not None else ""
    parts = ["cancelled"] if send.after is None else [change.value for change in send.changes]
    if send.allowed is not None:
        parts.append(f"{'allowed' if send.allowed else 'NOT ALLOWED'}: {one_line(send.decided_by)}")
    return send.allowed is not False, day, ", ".join(parts)


def _sent(key: tuple[bool, str, str], group: Sequence[Step], zone: tzinfo) -> Remark:
    _, day, standing = key
    sends: list[Send] = [step.send for step in group if step.send is not None]
    times = sorted(send.after if send.after is not None else send.before or 0 for send in sends)
    if day:
        first, last = (datetime.fromtimestamp(time, zone) for time in (times[0], times[-1]))
        day += f" {first:%H:%M}" + (f" to {last:%H:%M}" if first != last else "") + f" {last.tzname()}"
    people = [step.send.people if step.send is not None else step.reach for step in group]
    return _remark(group, [day, between("to", [count for count in people if count is not None]), standing])


def between(what: str, numbers: Sequence[int]) -> str:
    """``reaching 3 to 900 people each``."""
    if not numbers:
        return ""
    low, high = min(numbers), max(numbers)
    if low == high:
        return f"{what} {counted(high, 'person', 'people')}{' each' if len(numbers) > 1 else ''}"
    return f"{what} {low:,} to {high:,} people each"


def _remark(group: Sequence[Step], parts: Sequence[str]) -> Remark:
    addresses = tuple(str(step.address) for step in group)
    return Remark(addresses[0], ", ".join(part for part in parts if part), addresses=addresses)


def by_loss(steps: Iterator[Step]) -> list[Step]:
    """What is deleted for good before what loses people, and that before what is made anew."""
    order = {Action.DELETE: 0, Action.REPLACE: 2}
    return sorted(steps, key=lambda step: (order.get(step.action, 1), step.address))
