"""How an audience's source differs from the account: both sides read, the difference told in counts, calls picked."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from reconcile.errors import Diagnostic
from reconcile.model.address import Address
from reconcile.model.attributes import Attributes
from reconcile.model.bulk import Comparison, Task
from reconcile.model.call import Call
from reconcile.model.instant import as_text
from reconcile.model.reference import Reference
from reconcile.providers.audience.files import (
    empty_source,
    left_alone,
    load,
    one_digest,
    reading_notes,
    refuse_rejects,
    rejects_file,
)
from reconcile.providers.audience.memory import leave_out_forgotten, load_memory, new_to_people, too_many
from reconcile.providers.audience.source import Loaded
from reconcile.providers.personal import mask
from reconcile.providers.squalomail import ranges
from reconcile.providers.squalomail.cheapest import IMPORT_ROWS, Need, Treatment, cheapest, imports
from reconcile.providers.squalomail.newsletters import targeting
from reconcile.providers.squalomail.operations import OPERATIONS
from reconcile.providers.squalomail.recipients import CONSENTS, OURS, Goal, Workbench, workbench
from reconcile.providers.squalomail.source import CONSENT, FORM

_CONSENT_NAMES = {"gdprCanSend": "gdpr_can_send", "gdprCanTrack": "gdpr_can_track"}
_SAMPLES, _LOOKED_AT = 3, 50  # masked addresses shown, of how many looked at for different ones


@dataclass(frozen=True, slots=True)
class Difference:
    """A comparison that stands on a workbench: what is wanted, what the source gave, and who is treated how."""

    bench: Workbench
    goal: Goal
    loaded: Loaded
    groups: Mapping[Need, int]
    treatments: Mapping[Need, Treatment]
    unwanted: Loaded
    left_out: int = 0
    unknown: Diagnostic | None = None
    forgotten: int = 0
    blocked: Diagnostic | None = None

    @property
    def digest(self) -> str:
        """One digest for both files."""
        return one_digest(self.loaded, self.unwanted)


def compare(task: Task) -> Comparison:
    """How the source differs from the account, in counts."""
    with difference(task) as found:
        if found.blocked is not None:
            return Comparison(digest=found.digest, blocked=found.blocked)
        bench = found.bench
        removes = bench.number("SELECT count(DISTINCT subid) FROM leaving")
        return Comparison(
            digest=found.digest,
            counts=_counts(found, list_names(task.attributes)),
            calls=planned_calls(found, list_names(task.attributes)),
            reach=sum(found.groups.values()),
            mail="Who is put on a list, or changed, may get a welcome mail or an automation's",
            removes=removes,
            removable=_removable(bench) if removes else 0,
            notes=tuple(_notes(found, task)),
            dependencies=_field_entries(task),
            unknown=found.unknown,
            rows=found.loaded.rows,
            rows_before=task.memory.rows if task.memory is not None and found.unknown is None else 0,
        )


@contextmanager
def difference(task: Task) -> Iterator[Difference]:
    """Both sides read and compared, on a workbench that is gone afterwards."""
    with workbench(task.place.key()) as bench:
        loaded, unwanted = read_both(bench, task)
        refuse_rejects(task, loaded)
        refuse_rejects(task, unwanted, "exclude")
        goal = goal_of(task)
        blocked = empty_source(task, loaded) or too_many(task, loaded.rows) or _missing_fields(task, goal)
        if blocked is not None:
            yield Difference(bench, goal, loaded, {}, {}, unwanted, blocked=blocked)
            return
        left_out = bench.leave_out_unwanted()
        load_live(bench, task, goal)
        unknown = load_memory(bench, task) or new_to_people(task, bench.number("SELECT count(*) FROM member"))
        forgotten = leave_out_forgotten(bench)
        bench.promote(goal.lists)
        bench.compare(goal)
        if loaded.rejects:
            # Somebody whose row can't be used may still be wanted.
            bench.db.execute("DELETE FROM leaving")
        groups = bench.groups(goal)
        yield Difference(bench, goal, loaded, groups, cheapest(groups), unwanted, left_out, unknown, forgotten)


def read_both(bench: Workbench, task: Task) -> tuple[Loaded, Loaded]:
    """Fill ``wanted`` and ``unwanted`` from the files.

    Raises:
        InvalidInput: one can't be read.
    """
    columns = dict(task.attributes["columns"])
    for name, title in _CONSENT_NAMES.items():
        value = task.attributes.get("gdpr", {}).get(name)
        if isinstance(value, Mapping):
            columns[f"{CONSENT}{title}"] = value["column"]
    loaded = load(bench, task, FORM, columns)
    bench.nobody_unwanted()
    if "exclude" not in task.attributes:
        return loaded, Loaded("", 0)
    column = {"email": task.attributes["columns"]["email"]}
    return loaded, load(bench, task, replace(FORM, table="unwanted"), column, "exclude")


def goal_of(task: Task) -> Goal:
    """What the entry declares, as the workbench wants it."""
    declared = task.attributes
    ids = (task.ids.get(reference.address) for reference in _references(declared))
    consents = {
        title: None if isinstance(value, Mapping) else value
        for name, title in _CONSENT_NAMES.items()
        if (value := declared.get("gdpr", {}).get(name)) is not None
    }
    return Goal(
        columns=tuple(name for name in declared["columns"] if name != "email"),
        lists=tuple(int(id_) if id_ else None for id_ in ids),
        tags=tuple(declared.get("tags", ())),
        consents=consents,
        sync=declared.get("mode") == "sync",
    )


def list_names(declared: Attributes) -> tuple[str, ...]:
    """The entries of the lists, in the order of the goal's."""
    return tuple(reference.address.name for reference in _references(declared))


def _references(declared: Attributes) -> tuple[Reference, ...]:
    return tuple(declared.get("lists", ()))


def load_live(bench: Workbench, task: Task, goal: Goal) -> None:
    """Read everybody that the account has, and who is on the lists or has left them."""
    bench.clear_live(goal.custom)
    bench.add_recipients(ranges.all_recipients(task.client), goal.custom)
    for listid in goal.lists:
        if listid is not None:
            bench.add_members(ranges.all_members(task.client, listid))


def _missing_fields(task: Task, goal: Goal) -> Diagnostic | None:
    """The platform drops values of fields that it has not, without a word (answers to unknown names: undocumented)."""
    if not goal.custom:
        return None
    known = {row["namekey"] for row in task.client.send(Call("get-data", {"entity": "Field"}))}
    missing = [name for name in goal.custom if name not in known]
    if not missing:
        return None
    return Diagnostic(
        "field-missing",
        "the account lacks a custom field",
        f"The account has no custom field {', '.join(missing)}, so nothing could be kept there.",
        address=str(task.address),
        location=task.location,
        hint="Make it in the web interface (declare it under `fields` to be told how), or correct the name.",
    )


def _field_entries(task: Task) -> tuple[Address, ...]:
    entries = (Address(task.address.provider, "field", name) for name in task.attributes["columns"])
    return tuple(sorted(entry for entry in entries if entry in task.declared))


# What is told and planned


def planned_calls(found: Difference, names: Sequence[str]) -> tuple[Call, ...]:
    """The writes in the order in which they are made; what takes somebody off comes first."""
    bench, made = found.bench, found.treatments
    calls: list[Call] = []

    def plan(operation: str, times: int, **arguments: object) -> None:
        call = Call(operation, {"recipients": 1, **arguments}, sends=OPERATIONS[operation].sends)
        calls.extend([call] * times)

    for title in CONSENTS:
        plan("revoke-gdpr-consent", _count(bench, f"revoke_{title}"), consentTitle=title)
    plan("unsubscribe-recipient", bench.number("SELECT count(DISTINCT subid) FROM leaving"))
    plan("update-recipient", sum(count for need, count in found.groups.items() if made[need].update))
    plan("create-recipient", sum(count for need, count in found.groups.items() if made[need].create))
    for lists in sorted({treatment.subscribe for treatment in made.values() if treatment.subscribe}):
        count = sum(count for need, count in found.groups.items() if made[need].subscribe == lists)
        plan("subscribe-recipient", count, lists=_names(lists, names))
    for lists, parts in imports(found.groups, made):
        rows = sum(count for need, count in found.groups.items() if lists in made[need].imports)
        for part in range(parts):
            size = min(IMPORT_ROWS, rows - part * IMPORT_ROWS)
            plan("import-recipients-async", 1, recipients=size, lists=_names(lists, names))
    for title in CONSENTS:
        plan("grant-gdpr-consent", _count(bench, f"grant_{title} AND NOT is_new"), consentTitle=title)
        plan("grant-gdpr-consent-by-email", _count(bench, f"grant_{title} AND is_new"), consentTitle=title)
    return tuple(calls)


def _names(lists: int, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for index, name in enumerate(names) if lists >> index & 1)


def _count(bench: Workbench, condition: str) -> int:
    return bench.number(f"SELECT count(*) FROM need WHERE NOT deleted AND {condition}")


def _counts(found: Difference, names: Sequence[str]) -> dict[str, int]:
    bench = found.bench
    counts = {
        "new recipients": _count(bench, "is_new"),
        "changed recipients": _count(bench, "attributes"),
        "recipients to tag": _count(bench, "tags AND NOT is_new"),
    }
    for index, name in enumerate(names):
        counts[f"joining {name}"] = _count(bench, f"s_{index}")
    for name, listid in zip(names, found.goal.lists, strict=True):
        counts[f"leaving {name}"] = bench.number("SELECT count(*) FROM leaving WHERE listid = ?", [listid])
    for name, title in _CONSENT_NAMES.items():
        counts[f"{name} granted"] = _count(bench, f"grant_{title}")
        counts[f"{name} revoked"] = _count(bench, f"revoke_{title}")
    return {what: count for what, count in counts.items() if count}


def _removable(bench: Workbench) -> int:
    """How many people are where this audience put them."""
    return bench.number(f"SELECT count(DISTINCT subid) FROM member JOIN live USING (subid) WHERE status = 1 AND {OURS}")


def _gained(found: Difference, task: Task) -> Iterator[str]:
    """Sentences on the scheduled mails that people get by joining a list."""
    joining = {
        listid: (name, count)
        for index, (name, listid) in enumerate(zip(list_names(task.attributes), found.goal.lists, strict=True))
        if listid is not None and (count := _count(found.bench, f"s_{index}"))
    }
    mails = targeting(task.client, {str(listid) for listid in joining}) if joining else {}
    for listid, (name, count) in joining.items():
        for mail in mails.get(str(listid), ()):
            if mail["published"] == 2:
                people = "1 person joins" if count == 1 else f"{count:,} people join"
                yield f'{people} {name} and so get "{mail["subject"]}", scheduled for {as_text(mail["sendDate"])}.'


def _notes(found: Difference, task: Task) -> Iterator[str]:
    bench = found.bench
    yield from _gained(found, task)
    if task.unfinished:
        yield "An earlier import may still be on its way; apply waits for it first."
    yield from reading_notes(found.loaded, task.attributes["source"])
    if found.unwanted.digest:
        yield from reading_notes(found.unwanted, task.attributes["exclude"])
    lacking = " OR ".join(["is_new", "attributes", "tags", *(f"s_{index}" for index in range(len(found.goal.lists)))])
    rows = bench.rows(f"SELECT email FROM need WHERE NOT deleted AND ({lacking}) ORDER BY key LIMIT {_LOOKED_AT}")
    if rows:
        samples = list(dict.fromkeys(mask(email) for (email,) in rows))[:_SAMPLES]
        yield f"For example {', '.join(samples)}."
    reasons = {
        "forgotten on request": found.forgotten,
        "in the file of those to exclude": found.left_out,
        "opted out": _count(bench, "opted_out"),
        "taken off a list by somebody else": _count(bench, "taken_off"),
        "deleted by somebody else": bench.number("SELECT count(*) FROM need WHERE deleted"),
        "without a consent that they may have refused": _count(
            bench, " OR ".join(f"denied_{title}" for title in CONSENTS)
        ),
    }
    if left := left_alone(reasons):
        yield left
    if found.loaded.rejects:
        kept = " Nobody is taken off a list in such a run." if found.goal.sync else ""
        yield f"{len(found.loaded.rejects):,} malformed row(s) are left out, see {rejects_file(task)}.{kept}"
