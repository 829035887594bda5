"""The calls for an audience's difference, made one by one.

Whom a run is about to put somewhere is noted as keyed digests before the first call (``pending``), and what was done is
kept (``mark``): so a run that was killed leaves no doubt about who was put there by us, and the next one goes on where
it was. What is done is decided on the whole comparison; the platforms' writers look again right before their calls, so
that whoever opted out meanwhile is left alone.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, ClassVar, Final, TypeVar

from reconcile.errors import ApiError, PlanStale, Refused, Unauthorised, Unreachable
from reconcile.model.bulk import Conduct, Task
from reconcile.model.call import Call
from reconcile.providers.audience.audience_diff import Difference, Platform, difference
from reconcile.providers.audience.goal import Goal
from reconcile.providers.audience.memory import Keeper
from reconcile.providers.audience.workspace_db import RECIPIENT, WorkspaceDb
from reconcile.providers.personal import without_people

FATAL: Final = (Refused, Unauthorised, Unreachable)  # there is no use in going on
_TOLD: Final = 5.0  # seconds between two words on how far it is
_T = TypeVar("_T")


def carry_out(
    platform: Platform, writer: "type[Writer]", task: Task, digest: str, calls: Sequence[Call], conduct: Conduct
) -> None:
    """Compare anew, and make the planned calls as far as they are still to be made; no others."""
    conduct.tell(f"reading the {platform.people}")
    with difference(platform, task) as found:
        if found.blocked is not None:
            raise Refused.of([found.blocked])
        if found.digest != digest:
            raise PlanStale("The source file has changed since the plan was made.", hint="Plan again.")
        now = found.outline.calls
        # Fewer are no harm: a target that is made anew may have got the former one's people since.
        if not _names(now) <= _names(calls) or _reached(platform, now) > _reached(platform, calls):
            raise PlanStale(
                f"The {platform.people}, or the campaigns that use the target, have changed since the plan was made, "
                "so that other calls would be needed, or more people would get mail.",
                hint="Plan again to see them.",
            )
        conduct.tell(f"{found.loaded.rows:,} people of the source are compared")
        writer(task, found, conduct).run()


def _names(calls: Sequence[Call]) -> Counter[str]:
    return Counter(call.operation for call in calls)


def _reached(platform: Platform, calls: Sequence[Call]) -> int:
    """How many people are in calls that send."""
    return sum(call.arguments[platform.people] for call in calls if call.sends)


class Writer(ABC):
    """Everything that one step of an audience does. ``most_failures``: so many in a row end it."""

    most_failures: ClassVar[int] = 10

    def __init__(self, task: Task, found: Difference, conduct: Conduct) -> None:
        self.task = task
        self.work = found.work
        self.goal = found.goal
        self.found = found
        self.conduct = conduct
        self.keeper = Keeper(found.work, task, conduct)
        self.progress = Progress(conduct, sum(call.arguments.get(found.platform.people, 1) for call in self.calls))
        self._failures: list[ApiError] = []
        self._in_a_row = 0

    @property
    def calls(self) -> Sequence[Call]:
        """The calls that are to be made, with counts for arguments."""
        return self.found.outline.calls

    @abstractmethod
    def write(self) -> None:
        """Make the calls."""

    def noted(self) -> Iterator[tuple[str, list[object]]]:
        """Further queries of what is begun with whom, with their parameters; rows of what, and the person's key."""
        return iter(())

    def run(self) -> None:
        """Make the calls; what was done is on record however it ends.

        Raises:
            ApiError: some calls failed; the others were made.
        """
        # Waiting compares anew, and what was planned must still be known then.
        self.work.db.execute("CREATE OR REPLACE TABLE planned AS SELECT * FROM need")
        self.work.db.execute("CREATE OR REPLACE TABLE planned_consent AS SELECT * FROM consent")
        self._note_pending()
        try:
            self.write()
            if not self._failures:
                strike_begun(self.work, self.goal)
        finally:
            self.record()
        if self._failures:
            first = without_people(self._failures[0].diagnostics[0].detail)
            raise ApiError(
                f"{len(self._failures):,} call(s) failed, the first one like this: {first}",
                hint="Run again: what was done is not done a second time.",
            )

    def record(self) -> None:
        """Put what was done on record."""
        self.keeper.save()

    def _note_pending(self) -> None:
        now = int(self.conduct.now())
        joining = "SELECT t.id AS what, key FROM joining JOIN target t ON t.number = target WHERE t.id IS NOT NULL"
        self.work.note_all("pending", joining, now)
        if self.found.platform.traits.whole:
            self.work.note_all("pending", f"SELECT '{RECIPIENT}' AS what, key FROM need WHERE is_new", now)
        self.work.note_all("pending", "SELECT title AS what, key FROM consent WHERE granted AND id IS NULL", now)
        for query, parameters in self.noted():
            self.work.note_all("pending", query, now, parameters)
        loaded = self.found.loaded
        self.keeper.read(loaded.rows, self.found.unwanted.rows, lower=self.goal.sync and not loaded.rejects)
        self.keeper.save()

    def send(self, operation: str, *, sends: bool = False, **arguments: Any) -> Any:
        """One call.

        Raises:
            ApiError: it failed, or nobody knows whether it did.
        """
        self.conduct.check()
        answer = self.conduct.send(Call(operation, arguments, sends=sends))
        self._in_a_row = 0
        return answer

    def attempt(self, operation: str, **arguments: Any) -> bool:
        """One call; false if the platform does not take it, which is told at the end."""
        try:
            self.send(operation, **arguments)
        except FATAL:
            raise
        except ApiError as error:
            self.failed(error)
            return False
        return True

    def failed(self, error: ApiError) -> None:
        """Keep a failure; too many in a row end the step.

        Raises:
            ApiError: these are too many.
        """
        self._failures.append(error)
        self._in_a_row += 1
        if self._in_a_row == self.most_failures:
            raise ApiError(
                f"{self.most_failures} calls in a row failed, so the rest is not tried; the last one: "
                f"{without_people(error.diagnostics[0].detail)}"
            )


def strike_begun(work: WorkspaceDb, goal: Goal) -> None:
    """Strike what was begun, but for consents: those stay owed until they are granted."""
    work.db.execute(
        "DELETE FROM pending WHERE split_part(mark, ':', 1) NOT IN (SELECT unnest(?::VARCHAR[]))", [list(goal.titles)]
    )


class Progress:
    """Tells from time to time how many people are written, and how long the rest may take."""

    def __init__(self, conduct: Conduct, total: int) -> None:
        self._conduct = conduct
        self._total = total
        self._done = 0
        self._began = self._told = conduct.now()

    def add(self, people: int) -> None:
        """So many more are written."""
        self._done += people
        now = self._conduct.now()
        if now - self._told >= _TOLD and self._done < self._total:
            self._told = now
            left = (now - self._began) * (self._total - self._done) / self._done
            self._conduct.tell(f"{self._done:,} of {self._total:,} are written, some {duration(left)} to go")


def duration(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def pieces(people: Sequence[_T], size: int) -> Iterator[list[_T]]:
    """So many people at a time."""
    remaining = iter(people)
    while piece := list(islice(remaining, size)):
        yield piece
