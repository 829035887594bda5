"""When mail goes out: the coming sends by day, those that clash, and those that are frozen."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from reconcile.model.address import Address
from reconcile.model.kind import Circumstances
from reconcile.planner.plan import Plan
from reconcile.review.letters import Context

_NEAR = 3600.0  # seconds within which two mails to one list are a clash
_WEEKS = 6  # shown as a calendar; what comes later is in the list


@dataclass(frozen=True, slots=True)
class Going:
    """A mail that goes out: when (UNIX seconds), and what is to be said of it."""

    address: Address
    at: float
    told: str
    hour: str
    day: date
    to: tuple[Address, ...]
    changed: bool
    frozen: bool
    clashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the calendar with what goes out."""

    day: date
    going: tuple[Going, ...]


def coming(plan: Plan, context: Context) -> list[Going]:
    """What goes out from now on, by time, once the plan is carried out."""
    times = dict(context.due)
    for address, step in plan.steps.items():
        if step.send is not None:
            times.pop(address, None)
            if step.send.after is not None and step.blocked is None:
                times[address] = step.send.after
    found = sorted((at, address) for address, at in times.items() if at >= context.now)
    going = [_going(address, at, plan, context) for at, address in found]
    return [_with_clashes(each, going) for each in going]


def weeks(going: Iterable[Going], context: Context) -> list[list[Day]]:
    """The calendar's weeks, from this one to that of the last mail that is near enough."""
    today = datetime.fromtimestamp(context.now, context.zone).date()
    monday = today - timedelta(days=today.weekday())
    mails = [each for each in going if each.day < monday + timedelta(weeks=_WEEKS)]
    if not mails:
        return []
    count = (max(each.day for each in mails) - monday).days // 7 + 1
    days = [monday + timedelta(days=number) for number in range(7 * count)]
    shown = [Day(day, tuple(each for each in mails if each.day == day)) for day in days]
    return [shown[start : start + 7] for start in range(0, len(shown), 7)]


def _going(address: Address, at: float, plan: Plan, context: Context) -> Going:
    step = plan.steps.get(address)
    local = datetime.fromtimestamp(at, context.zone)
    to: tuple[Address, ...] = ()
    if step is not None:
        to = step.send.to if step.send is not None else step.dependencies
    return Going(
        address,
        at,
        context.moment(at, address),
        f"{local:%H:%M}",
        local.date(),
        tuple(target for target in to if "template" not in target.kind),
        step is not None and step.send is not None,
        Circumstances(context.now, context.freeze).too_near(at),
    )


def _with_clashes(one: Going, going: Iterable[Going]) -> Going:
    others = [each for each in going if each.address != one.address]
    told = []
    for other in others:
        shared = sorted(target.name for target in set(one.to) & set(other.to))
        if shared and one.day == other.day:
            told.append(f"{', '.join(shared)} also gets {other.address.name} that day at {other.hour}")
        elif abs(one.at - other.at) < _NEAR:
            told.append(f"{other.address.name} goes out within an hour of it")
    return Going(one.address, one.at, one.told, one.hour, one.day, one.to, one.changed, one.frozen, tuple(told))
