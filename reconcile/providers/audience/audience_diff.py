"""How an audience's source differs from the account: both sides read and compared, and what is told of it in counts."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from reconcile.errors import Diagnostic
from reconcile.model.address import Address
from reconcile.model.bulk import Comparison, Task
from reconcile.model.call import Call
from reconcile.providers.audience.compare import compare, number_ours, part, promote
from reconcile.providers.audience.files import (
    empty_source,
    load,
    one_digest,
    reading_notes,
    refuse_rejects,
    rejects_file,
)
from reconcile.providers.audience.goal import Goal, Traits
from reconcile.providers.audience.memory import leave_out_forgotten, load_memory, new_to_people, too_many
from reconcile.providers.audience.source import Form, Loaded
from reconcile.providers.audience.workspace_db import WorkspaceDb, opened
from reconcile.providers.personal import mask

_SAMPLES, _LOOKED_AT = 3, 50  # masked addresses shown, of how many looked at for different ones
DENIED: Final = "denied"  # why somebody is left alone: they may have refused a consent


@dataclass(frozen=True, slots=True)
class Outline:
    """The writes that a platform makes of a comparison.

    ``calls`` are in order, their arguments counts and names; ``reach`` is how many people those concern that may send,
    and ``gained`` are sentences on the scheduled mails that people get by it.
    """

    calls: tuple[Call, ...] = ()
    reach: int = 0
    gained: tuple[str, ...] = ()


class Platform(ABC):
    """What the engine has to know of a platform: how its side is loaded, which calls are made, and a few words.

    Attributes:
        form: what it takes of a file.
        traits: what it can tell and do.
        people: what people are called there; also the argument of a call that counts them.
        mail: why people may get mail.
        taken: how it is called when somebody leaves a target.
        consents: the consents it knows, by the names of manifests.
        reasons: why people are left alone, in words.
    """

    form: ClassVar[Form]
    traits: ClassVar[Traits]
    people: ClassVar[str]
    mail: ClassVar[str]
    taken: ClassVar[str]
    consents: ClassVar[Mapping[str, str]] = {}
    reasons: ClassVar[Mapping[str, str]]

    @abstractmethod
    def goal(self, task: Task) -> Goal:
        """What the entry declares."""

    @abstractmethod
    def load(self, work: WorkspaceDb, task: Task, goal: Goal) -> None:
        """Fill ``live``, ``member`` and ``kept_out``."""

    @abstractmethod
    def outline(self, work: WorkspaceDb, task: Task, goal: Goal) -> Outline:
        """Which calls bring about what is needed."""

    def columns(self, task: Task) -> Mapping[str, str]:
        """Which column of the source holds which attribute, the address among them; in the order of the cells."""
        columns: Mapping[str, str] = task.attributes["columns"]
        return columns

    def missing(self, task: Task, goal: Goal) -> Diagnostic | None:
        """Why nothing can be done: the account lacks what is to be filled."""
        return None

    def complete(self, task: Task) -> bool:
        """Whether all people of the targets are known, not only those who are wanted."""
        return True

    def dependencies(self, task: Task) -> tuple[Address, ...]:
        """Addresses beyond the attributes' references that must be done before."""
        return ()

    def notes(self, task: Task, goal: Goal) -> Iterator[str]:
        """Further sentences for the reader."""
        return iter(())


@dataclass(frozen=True, slots=True)
class Difference:
    """A comparison that stands in a database: what is wanted, what the files gave, and which calls come of it."""

    work: WorkspaceDb
    platform: Platform
    goal: Goal
    loaded: Loaded
    unwanted: Loaded
    outline: Outline = Outline()
    left_out: int = 0
    forgotten: int = 0
    unknown: Diagnostic | None = None
    blocked: Diagnostic | None = None

    @property
    def digest(self) -> str:
        """One digest for both files."""
        return one_digest(self.loaded, self.unwanted)


def compare_audience(platform: Platform, task: Task) -> Comparison:
    """How the source differs from the account, in counts."""
    with difference(platform, task) as found:
        if found.blocked is not None:
            return Comparison(digest=found.digest, blocked=found.blocked)
        removes = found.work.number("SELECT count(DISTINCT id) FROM leaving")
        before = task.memory if found.unknown is None else None
        still = before if "exclude" in task.attributes and not platform.traits.bars else None
        return Comparison(
            digest=found.digest,
            counts=_counts(found),
            calls=found.outline.calls,
            reach=found.outline.reach,
            mail=platform.mail,
            removes=removes,
            removable=number_ours(found.work, platform.traits) if removes else 0,
            notes=tuple(_notes(found, task)),
            dependencies=platform.dependencies(task),
            unknown=found.unknown,
            rows=found.loaded.rows,
            rows_before=before.rows if before else 0,
            excluded=found.unwanted.rows if still else 0,
            excluded_before=still.excluded if still else 0,
        )


@contextmanager
def difference(platform: Platform, task: Task) -> Iterator[Difference]:
    """Both sides read and compared, in a database that is gone afterwards."""
    with opened(task.place.key()) as work:
        loaded, unwanted = read_both(platform, work, task)
        refuse_rejects(task, loaded)
        refuse_rejects(task, unwanted, "exclude")
        goal = platform.goal(task)
        left_out = work.leave_out_unwanted()
        blocked = empty_source(task, loaded.rows, left_out) or too_many(task, loaded.rows)
        blocked = blocked or platform.missing(task, goal)
        if blocked is not None:
            yield Difference(work, platform, goal, loaded, unwanted, blocked=blocked)
            return
        work.want(goal)
        work.clear_live(platform.traits)
        platform.load(work, task, goal)
        unknown = load_memory(work, task) or new_to_people(task, _there(work, platform, goal))
        forgotten = leave_out_forgotten(work)
        promote(work, platform.traits)
        if not platform.traits.dated:
            part(work, goal, complete=platform.complete(task))
        # Somebody whose row can't be used may still be wanted.
        compare(work, goal, platform.traits, complete=not loaded.rejects)
        outline = platform.outline(work, task, goal)
        yield Difference(work, platform, goal, loaded, unwanted, outline, left_out, forgotten, unknown)


def _there(work: WorkspaceDb, platform: Platform, goal: Goal) -> int:
    """How many people are, or were, where the entry puts people; without a target, how many of its own there are."""
    if not goal.targets:
        return work.number("SELECT count(*) FROM wanted SEMI JOIN live USING (key)")
    return work.number("SELECT count(*) FROM member WHERE here OR $whole", {"whole": platform.traits.whole})


def read_both(platform: Platform, work: WorkspaceDb, task: Task) -> tuple[Loaded, Loaded]:
    """Fill ``wanted`` and ``unwanted`` from the files.

    Raises:
        InvalidInput: one can't be read.
    """
    loaded = load(work, task, platform.form, platform.columns(task))
    if "exclude" not in task.attributes:
        return loaded, Loaded("", 0)
    column = {platform.form.address: task.attributes["columns"][platform.form.address]}
    return loaded, load(work, task, replace(platform.form, table="unwanted"), column, "exclude")


# What is told


def _counts(found: Difference) -> dict[str, int]:
    people, work = found.platform.people, found.work

    def needing(condition: str) -> int:
        return work.number(f"SELECT count(*) FROM need WHERE {condition}")

    counts = {f"new {people}": needing("is_new")} if found.platform.traits.whole else {}
    counts |= {f"changed {people}": needing("attributes"), f"{people} to tag": needing("tags AND NOT is_new")}
    for table, what in (("joining", "joining"), ("leaving", "leaving")):
        for number, target in enumerate(found.goal.targets):
            counts[f"{what} {target.name}"] = work.number(f"SELECT count(*) FROM {table} WHERE target = ?", [number])
    for target in found.goal.targets[:1]:
        counts[f"excluded from {target.name}"] = work.number("SELECT count(*) FROM excluding")
    for name, title in found.platform.consents.items():
        for granted, what in ((True, "granted"), (False, "revoked")):
            query = "SELECT count(*) FROM consent WHERE title = ? AND granted = ?"
            counts[f"{name} {what}"] = work.number(query, [title, granted])
    return {what: count for what, count in counts.items() if count}


def _notes(found: Difference, task: Task) -> Iterator[str]:
    yield from found.outline.gained
    if task.unfinished:
        yield "An earlier import may still be on its way; apply waits for it first."
    yield from reading_notes(found.loaded, task.attributes["source"])
    if found.unwanted.digest:
        yield from reading_notes(found.unwanted, task.attributes["exclude"])
    if samples := _samples(found.work, f"SELECT email FROM need ORDER BY key LIMIT {_LOOKED_AT}"):
        yield f"For example {', '.join(samples)}."
    if left := list(_left_alone(found)):
        yield f"Left alone: {', '.join(left)}."
    yield from found.platform.notes(task, found.goal)
    if found.loaded.rejects:
        kept = f" Nobody is {found.platform.taken} in such a run." if found.goal.sync else ""
        yield f"{len(found.loaded.rejects):,} malformed row(s) are left out, see {rejects_file(task)}.{kept}"


def _left_alone(found: Difference) -> Iterator[str]:
    """How many people are left alone and why, with samples of those whose addresses may be shown."""
    if found.forgotten:
        yield f"{found.forgotten:,} forgotten on request"
    if found.left_out:
        yield f"{found.left_out:,} in the file of those to exclude"
    reasons = found.platform.reasons
    for reason, words in reasons.items():
        why = ["SELECT key FROM barred WHERE reason = ?", [reason]]
        if reason == DENIED:
            why = ["SELECT key FROM denied", []]
        query = f"FROM wanted SEMI JOIN ({why[0]}) USING (key)"
        if count := found.work.number(f"SELECT count(*) {query}", why[1]):
            samples = _samples(found.work, f"SELECT email {query} ORDER BY key LIMIT {_LOOKED_AT}", why[1])
            yield f"{count:,} {words} ({', '.join(samples)})"


def _samples(work: WorkspaceDb, query: str, parameters: object = ()) -> list[str]:
    return list(dict.fromkeys(mask(email) for (email,) in work.rows(query, parameters)))[:_SAMPLES]
