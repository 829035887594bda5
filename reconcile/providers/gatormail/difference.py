"""How an audience's source differs from its group: both sides read, the difference told in counts, calls picked."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from reconcile.errors import Diagnostic
from reconcile.model.bulk import Comparison, Task
from reconcile.model.call import Call
from reconcile.model.registry import nearest
from reconcile.providers.audience.files import (
    empty_source,
    left_alone,
    one_digest,
    read_file,
    reading_notes,
    rejects_file,
)
from reconcile.providers.audience.memory import leave_out_forgotten, load_memory, new_to_people, too_many
from reconcile.providers.audience.source import Loaded
from reconcile.providers.gatormail import members
from reconcile.providers.gatormail.campaigns import of
from reconcile.providers.gatormail.mailings import Mailing, mailings
from reconcile.providers.gatormail.recipients import ADDRESS, FORM, Goal, Workbench, workbench
from reconcile.providers.personal import mask

INCLUDE: Final = "gatormail_groupIncludedContactpost"
EXCLUDE: Final = "gatormail_groupExcludedContactpost"
REMOVE: Final = "gatormail_groupIncludedContactdelete"
PIECE: Final = 100  # contacts in one call
# The exclusions are read again before each piece. Where that takes long, pieces are as large as can be.
_LARGEST_PIECE, _MANY_EXCLUSIONS = 1000, 1000
_SAMPLES, _LOOKED_AT = 3, 50  # masked addresses shown, of how many looked at for different ones


@dataclass(frozen=True, slots=True)
class Difference:
    """A comparison that stands on a workbench: what is wanted, what the files gave, who may send to those who join."""

    bench: Workbench
    goal: Goal
    digest: str
    loaded: Loaded
    unwanted: Loaded
    mailings: tuple[Mailing, ...] = ()
    piece: int = PIECE
    unknown: Diagnostic | None = None
    forgotten: int = 0
    blocked: Diagnostic | None = None


def compare(task: Task) -> Comparison:
    """How the source differs from the group, in counts."""
    with difference(task) as found:
        if found.blocked is not None:
            return Comparison(digest=found.digest, blocked=found.blocked)
        bench = found.bench
        removes = bench.number("SELECT count(*) FROM leaving")
        joining = bench.number("SELECT count(*) FROM need WHERE joining")
        return Comparison(
            digest=found.digest,
            counts=_counts(found, group_name(task)),
            calls=planned_calls(found, group_name(task)),
            reach=joining if found.mailings else 0,
            mail="Whoever joins a group gets the mail of a campaign that uses it",
            removes=removes,
            removable=bench.number_ours(found.goal) if removes else 0,
            notes=tuple(_notes(found, task)),
            unknown=found.unknown,
            rows=found.loaded.rows,
            rows_before=task.memory.rows if task.memory is not None and found.unknown is None else 0,
        )


@contextmanager
def difference(task: Task) -> Iterator[Difference]:
    """Both sides read and compared, on a workbench that is gone afterwards."""
    with workbench(task.place.key()) as bench:
        declared = task.attributes
        loaded = read_file(bench, task, FORM, declared["columns"])
        unwanted = Loaded("", 0)
        bench.nobody_unwanted()
        if "exclude" in declared:
            column = {ADDRESS: declared["columns"][ADDRESS]}
            unwanted = read_file(bench, task, replace(FORM, table="unwanted"), column, "exclude")
        goal, digest = goal_of(task), one_digest(loaded, unwanted)
        blocked = empty_source(task, loaded) or too_many(task, loaded.rows) or _missing_fields(task, goal)
        if blocked is not None:
            yield Difference(bench, goal, digest, loaded, unwanted, blocked=blocked)
            return
        bench.clear_live(goal)
        if goal.group is not None:
            load_live(bench, task, goal)
        unknown = load_memory(bench, task) or new_to_people(task, bench.number("SELECT count(*) FROM live"))
        forgotten = leave_out_forgotten(bench)
        bench.promote(goal)
        bench.part(goal, complete=readable(task))
        bench.compare(goal, complete=not (loaded.rejects or unwanted.rejects))
        joining = goal.group is not None and bench.number("SELECT count(*) FROM need WHERE joining") > 0
        sending = mailings(of(task.client), goal.group) if joining and goal.group is not None else ()
        piece = _LARGEST_PIECE if bench.number_excluded() > _MANY_EXCLUSIONS else PIECE
        yield Difference(bench, goal, digest, loaded, unwanted, sending, piece, unknown, forgotten)


def goal_of(task: Task) -> Goal:
    """What the entry declares, as the workbench wants it."""
    declared = task.attributes
    return Goal(
        columns=tuple(name for name in declared["columns"] if name != ADDRESS),
        group=task.ids.get(declared["group"].address),
        sync=declared.get("mode") == "sync",
    )


def group_name(task: Task) -> str:
    """The entry of the group."""
    name: str = task.attributes["group"].address.name
    return name


def readable(task: Task) -> bool:
    """Whether a group's people can be listed; else each is looked up."""
    return "membership.read" in of(task.client).contract.capabilities()


def load_live(bench: Workbench, task: Task, goal: Goal) -> None:
    """Read who is in the group, with the values that are compared, and who is excluded from it."""
    client, groupid = of(task.client), goal.group or ""
    if readable(task):
        bench.add_included(members.inclusions(client, groupid), goal)
        # Last, since it matters most.
        bench.add_excluded(members.exclusions(client, groupid))
        return
    emails = bench.rows("SELECT email FROM wanted UNION SELECT email FROM unwanted ORDER BY email")
    found = ((email, members.standing(client, groupid, email)) for (email,) in emails)
    included: list[Mapping[str, Any]] = []
    excluded: list[Mapping[str, Any]] = []
    several: list[str] = []
    for email, standing in found:
        if len(standing.contacts) > 1:
            several.append(email)
        if standing.excluded:
            excluded += standing.contacts
        elif standing.included:
            included += standing.contacts
    bench.add_included(included, goal)
    bench.add_excluded(excluded)
    bench.add_several(several)


def _missing_fields(task: Task, goal: Goal) -> Diagnostic | None:
    """Whether the instance lacks a contact field, as far as it tells which ones it has."""
    client = of(task.client)
    if not goal.custom or "contact.fields" not in client.contract.capabilities():
        return None
    names = [str(row.get("name")) for row in client.send(Call("gatormail_contactFieldList", {}))]
    known = {name.lower() for name in names}
    missing = [name for name in goal.custom if name.lower() not in known]
    if not missing:
        return None
    close = {name: nearest(name, names) for name in missing}
    meant = [f'"{near}" for "{name}"' for name, near in close.items() if near]
    return Diagnostic(
        "field-missing",
        "the instance lacks a contact field",
        f"The instance has no contact field {', '.join(missing)}, so nothing could be kept there.",
        address=str(task.address),
        location=task.location,
        hint=f"Did you mean {', '.join(meant)}?" if meant else "Make it in the web interface, or correct the name.",
    )


# What is told and planned


def planned_calls(found: Difference, group: str) -> tuple[Call, ...]:
    """The writes in the order in which they are made; what takes somebody out comes first."""
    bench = found.bench
    excluding = _pieces(bench.number("SELECT count(*) FROM excluding"), found.piece)
    calls = [Call(EXCLUDE, {"group": group, "contacts": size}) for size in excluding]
    leaving = bench.number("SELECT count(*) FROM leaving")
    calls += [Call(REMOVE, {"group": group, "contacts": 1})] * leaving
    joining = bench.number("SELECT count(*) FROM need WHERE joining")
    for index, size in enumerate(_pieces(bench.number("SELECT count(*) FROM need"), found.piece)):
        # Who joins comes first, so a piece beyond them all has only people who are in the group already.
        sends = bool(found.mailings) and index * found.piece < joining
        calls.append(Call(INCLUDE, {"group": group, "contacts": size}, sends=sends))
    return tuple(calls)


def _pieces(count: int, piece: int) -> Sequence[int]:
    return [min(piece, count - start) for start in range(0, count, piece)]


def _counts(found: Difference, group: str) -> dict[str, int]:
    bench = found.bench
    counts = {
        f"joining {group}": bench.number("SELECT count(*) FROM need WHERE joining"),
        "changed contacts": bench.number("SELECT count(*) FROM need WHERE NOT joining"),
        f"excluded from {group}": bench.number("SELECT count(*) FROM excluding"),
        f"leaving {group}": bench.number("SELECT count(*) FROM leaving"),
    }
    return {what: count for what, count in counts.items() if count}


def _notes(found: Difference, task: Task) -> Iterator[str]:
    bench = found.bench
    yield from reading_notes(found.loaded, task.attributes["source"])
    if found.unwanted.digest:
        yield from reading_notes(found.unwanted, task.attributes["exclude"])
    joining = bench.number("SELECT count(*) FROM need WHERE joining")
    if found.mailings and joining:
        campaigns = ", ".join(map(str, found.mailings))
        people = "1 person joins" if joining == 1 else f"{joining:,} people join"
        yield f"{people} and may get mail for it: the group is used by {campaigns}."
    rows = bench.rows(f"SELECT email FROM need ORDER BY key LIMIT {_LOOKED_AT}")
    if rows:
        samples = list(dict.fromkeys(mask(email) for (email,) in rows))[:_SAMPLES]
        yield f"For example {', '.join(samples)}."
    reasons = {
        "forgotten on request": found.forgotten,
        "excluded from the group": bench.number(
            "SELECT count(*) FROM wanted SEMI JOIN excluded USING (key) ANTI JOIN unwanted USING (key)"
        ),
        "in the file of those to exclude": bench.number("SELECT count(*) FROM wanted SEMI JOIN unwanted USING (key)"),
        "taken out of the group by somebody else": bench.number("SELECT count(*) FROM spared"),
        "with an address that several contacts have": bench.number(
            "SELECT count(*) FROM wanted SEMI JOIN several USING (key)"
        ),
    }
    if left := left_alone(reasons):
        yield left
    if found.goal.group is not None and not readable(task):
        yield "The instance can't list a group's people (cap.membership.read), so each address is looked up."
    for loaded, attribute in ((found.loaded, "source"), (found.unwanted, "exclude")):
        if loaded.rejects:
            kept = " Nobody is taken out of the group in such a run." if found.goal.sync else ""
            yield (f"{len(loaded.rejects):,} malformed row(s) are left out, see {rejects_file(task, attribute)}.{kept}")
