"""Which calls bring about what people lack at SqualoMail, and what mails they get by it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from reconcile.model.bulk import Task
from reconcile.model.call import Call
from reconcile.model.instant import as_text
from reconcile.providers.audience.audience_diff import Outline
from reconcile.providers.audience.goal import Goal
from reconcile.providers.audience.workspace_db import WorkspaceDb
from reconcile.providers.squalomail.cheapest import IMPORT_ROWS, Need, Treatment, cheapest, imports
from reconcile.providers.squalomail.newsletters import targeting
from reconcile.providers.squalomail.operations import OPERATIONS


@dataclass(frozen=True, slots=True)
class ListOutline(Outline):
    """With how many people there are of each sort, and how they are treated."""

    groups: Mapping[Need, int] = field(default_factory=dict)
    treatments: Mapping[Need, Treatment] = field(default_factory=dict)


def make_outline(work: WorkspaceDb, task: Task, goal: Goal) -> ListOutline:
    """The cheapest calls for what stands in ``need``, ``leaving`` and ``consent``."""
    found = work.rows("SELECT is_new, attributes, tags, lists, importable, count(*) FROM need GROUP BY ALL")
    groups = {Need(*sort): count for *sort, count in found}
    treatments = cheapest(groups)
    calls = tuple(_calls(work, goal, groups, treatments))
    return ListOutline(calls, sum(groups.values()), tuple(_gained(work, task, goal)), groups, treatments)


def sort(need: Need) -> str:
    """SQL for the people of one sort."""
    return (
        f"(is_new = {need.new} AND attributes = {need.attributes} AND tags = {need.tags} "
        f"AND importable = {need.importable} AND lists = {need.lists})"
    )


def _calls(work: WorkspaceDb, goal: Goal, groups: Mapping[Need, int], made: Mapping[Need, Treatment]) -> Iterator[Call]:
    """The writes in the order in which they are made; what takes somebody off comes first."""

    def plan(operation: str, times: int, **arguments: object) -> list[Call]:
        return [Call(operation, {"recipients": 1, **arguments}, sends=OPERATIONS[operation].sends)] * times

    def consents(title: str, condition: str) -> int:
        return work.number(f"SELECT count(*) FROM consent WHERE title = ? AND {condition}", [title])

    def names(lists: int) -> tuple[str, ...]:
        return tuple(target.name for index, target in enumerate(goal.targets) if lists >> index & 1)

    for title in goal.titles:
        yield from plan("revoke-gdpr-consent", consents(title, "NOT granted"), consentTitle=title)
    yield from plan("unsubscribe-recipient", work.number("SELECT count(DISTINCT id) FROM leaving"))
    yield from plan("update-recipient", sum(count for need, count in groups.items() if made[need].update))
    yield from plan("create-recipient", sum(count for need, count in groups.items() if made[need].create))
    for lists in sorted({treatment.subscribe for treatment in made.values() if treatment.subscribe}):
        count = sum(count for need, count in groups.items() if made[need].subscribe == lists)
        yield from plan("subscribe-recipient", count, lists=names(lists))
    for lists, parts in imports(groups, made):
        rows = sum(count for need, count in groups.items() if lists in made[need].imports)
        for part in range(parts):
            size = min(IMPORT_ROWS, rows - part * IMPORT_ROWS)
            yield from plan("import-recipients-async", 1, recipients=size, lists=names(lists))
    for title in goal.titles:
        known, new = consents(title, "granted AND id IS NOT NULL"), consents(title, "granted AND id IS NULL")
        yield from plan("grant-gdpr-consent", known, consentTitle=title)
        yield from plan("grant-gdpr-consent-by-email", new, consentTitle=title)


def _gained(work: WorkspaceDb, task: Task, goal: Goal) -> Iterator[str]:
    """Sentences on the scheduled mails that people get by joining a list."""
    counted = dict(work.rows("SELECT target, count(*) FROM joining GROUP BY target"))
    joining = {
        target.id: (target.name, counted[number])
        for number, target in enumerate(goal.targets)
        if target.id is not None and number in counted
    }
    mails = targeting(task.client, frozenset(joining)) if joining else {}
    for listid, (name, count) in joining.items():
        for mail in mails.get(listid, ()):
            if mail["published"] == 2:
                people = "1 person joins" if count == 1 else f"{count:,} people join"
                yield f'{people} {name} and so get "{mail["subject"]}", scheduled for {as_text(mail["sendDate"])}.'
