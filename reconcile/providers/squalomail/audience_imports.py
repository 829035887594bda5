"""SqualoMail's imports: many people in one call, which the platform carries out some time later, without a job id.

So whoever was imported is looked for until all are there as they should be, or the longest wait is over.
"""

import base64
import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from reconcile.errors import ApiError, InvalidInput, Refused, UnknownOutcome
from reconcile.model.bulk import Conduct, Task
from reconcile.model.call import Call
from reconcile.providers.audience.audience_apply import duration, strike_begun
from reconcile.providers.audience.audience_diff import Platform, read_both
from reconcile.providers.audience.compare import compare, promote
from reconcile.providers.audience.files import one_digest
from reconcile.providers.audience.goal import Goal
from reconcile.providers.audience.memory import Keeper, leave_out_forgotten, load_memory
from reconcile.providers.audience.workspace_db import WorkspaceDb, opened
from reconcile.providers.squalomail.audience_load import reload
from reconcile.providers.squalomail.audience_outline import ListOutline, sort
from reconcile.providers.squalomail.cheapest import IMPORT_ROWS, imports

if TYPE_CHECKING:
    from reconcile.providers.squalomail.audience_calls import ListWriter

# Seconds between looks at an import; the last one again and again.
_WAITS: Final = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0)
_PROBES: Final = 20
_OVERWRITE: Final = 1  # overwriteData: all members that the file has

# People whom an import has not reached: what it was to bring is marked in ``pending``.
_NOT_ARRIVED: Final = """
SELECT key, email FROM need WHERE (is_new OR attributes) AND marked('import', key) IN (SELECT mark FROM pending)
UNION SELECT j.key, n.email FROM joining j JOIN need n USING (key) JOIN target t ON t.number = j.target
WHERE t.id IS NOT NULL AND marked('import@' || t.id, j.key) IN (SELECT mark FROM pending)
"""


class ImportIncomplete(ApiError):
    """The platform took an import, and not all of it has arrived."""

    code = "import-incomplete"


class Imports:
    """The imports of one step."""

    def __init__(self, writer: "ListWriter", outline: ListOutline) -> None:
        self._writer = writer
        self._outline = outline
        self._wanted = list(imports(outline.groups, outline.treatments))

    def noted(self) -> Iterator[tuple[str, list[object]]]:
        """Queries of who is imported, and to which lists; rows of what, and the person's key."""
        for lists, _ in self._wanted:
            for what in ("import", *(f"import@{listid}" for listid in self._writer.list_ids(lists))):
                yield f"SELECT ? AS what, key FROM ({self._imported(lists, 'need')})", [what]

    def send(self) -> bool:
        """Send all files and wait until what they bring has arrived; false if there is nothing to import.

        Raises:
            ImportIncomplete: it has not.
        """
        if not self._wanted:
            return False
        writer, first = self._writer, True
        for lists, _ in self._wanted:
            for count, rows in self._files(lists):
                self._send(lists, rows, first=first)
                writer.progress.add(count)
                first = False
        writer.record()
        writer.conduct.tell("the imports are sent; waiting until they have arrived")
        platform = writer.found.platform
        await_imports(writer.work, writer.task, platform, writer.goal, writer.conduct, writer.keeper, same=True)
        writer.conduct.settle()
        return True

    def _send(self, lists: int, rows: str, *, first: bool) -> None:
        call = Call(
            "import-recipients-async",
            {
                "autogenerateNames": False,
                "listIdsToAdd": self._writer.list_ids(lists),
                "overwriteData": _OVERWRITE,
                "clearPreviousListIds": False,
                "importAsDisabled": False,
                "base64EncodedFile": rows,
            },
        )
        conduct = self._writer.conduct
        conduct.check()
        conduct.intend(call, self._writer.found.digest)
        try:
            conduct.send(call)
        except UnknownOutcome:
            raise
        except (ApiError, Refused):
            if first:
                conduct.settle()
            raise

    def _imported(self, lists: int, table: str) -> str:
        """SQL for the people who go into the import with these lists."""
        sorts = [sort(need) for need, made in self._outline.treatments.items() if lists in made.imports]
        return f"SELECT * FROM {table} WHERE {' OR '.join(sorts)}"

    def _files(self, lists: int) -> Iterator[tuple[int, str]]:
        """The import's files, base64: what the source says of each person, and what is live where it says nothing."""
        goal = self._writer.goal
        width = len(goal.columns)
        found = self._writer.work.rows(
            f"SELECT email, cells, live_cells FROM ({self._imported(lists, 'planned')}) ORDER BY key"
        )
        for start in range(0, len(found), IMPORT_ROWS):
            text = io.StringIO(newline="")
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(["email", *goal.columns])
            for email, cells, live in found[start : start + IMPORT_ROWS]:
                writer.writerow([email, *_filled(cells[:width], live)])
            yield min(IMPORT_ROWS, len(found) - start), base64.b64encode(text.getvalue().encode()).decode()


def _filled(cells: Sequence[str], live: Sequence[str | None] | None) -> list[str]:
    return [cell or (live[number] if live else "") or "" for number, cell in enumerate(cells)]


# Waiting


def await_outcome(platform: Platform, task: Task, digest: str, conduct: Conduct) -> None:
    """Wait for the imports that an earlier run began, and put on record what came of them."""
    with opened(task.place.key()) as work:
        goal = platform.goal(task)
        work.want(goal)
        if load_memory(work, task) is not None:
            conduct.tell("what it began is not known any more")
            return
        same = False
        with suppress(InvalidInput):
            loaded, unwanted = read_both(platform, work, task)
            work.leave_out_unwanted()
            leave_out_forgotten(work)
            same = one_digest(loaded, unwanted) == digest
        keeper = Keeper(work, task, conduct)
        try:
            await_imports(work, task, platform, goal, conduct, keeper, same=same)
        except ImportIncomplete as error:
            conduct.tell(error.diagnostics[0].detail)
        # What has not arrived by now is begun anew, if at all; consents that are owed stay owed.
        strike_begun(work, goal)
        keeper.save()


def await_imports(
    work: WorkspaceDb, task: Task, platform: Platform, goal: Goal, conduct: Conduct, keeper: Keeper, *, same: bool
) -> None:
    """Look at the live side until all that was imported is there; ``same``: with the source as it is now.

    Raises:
        ImportIncomplete: it was not within the longest wait.
    """
    total = work.number("SELECT count(*) FROM pending WHERE mark LIKE 'import:%'")
    began = conduct.now()
    deadline = began + conduct.longest_wait
    waits = iter(_WAITS)
    missing: int | None = None
    while True:
        left = deadline - conduct.now()
        if missing is None or left <= 0 or _has_moved(work, task, platform, goal, same=same):
            work.clear_live(platform.traits)
            platform.load(work, task, goal)
            missing = _missing(work, platform, goal, same=same)
            if not missing:
                break
            conduct.tell(_arrived(total, missing, conduct.now() - began))
        if left <= 0:
            break
        conduct.wait(min(next(waits, _WAITS[-1]), left))
    promote(work, platform.traits)
    if missing:
        keeper.save()
        raise ImportIncomplete(
            f"{missing:,} of {total:,} recipients that were imported had not arrived after "
            f"{conduct.longest_wait / 60:g} minutes (policy.importWait).",
            hint="Run again: it waits again before anything is imported anew.",
        )
    work.db.execute("DELETE FROM pending WHERE mark LIKE 'import%'")


def _arrived(total: int, missing: int, waited: float) -> str:
    done = total - missing
    told = f"{done:,} of {total:,} imported recipients have arrived after {waited:.0f} s"
    return f"{told}, some {duration(waited * missing / done)} to go" if done and waited else told


def _missing(work: WorkspaceDb, platform: Platform, goal: Goal, *, same: bool) -> int:
    """How many imported people are not there yet as they should be."""
    if not same:
        return work.number(
            "SELECT count(*) FROM pending WHERE mark LIKE 'import:%' "
            "AND mark NOT IN (SELECT marked('import', key) FROM live)"
        )
    compare(work, goal, platform.traits)
    return work.number(f"SELECT count(*) FROM ({_NOT_ARRIVED})")


def _has_moved(work: WorkspaceDb, task: Task, platform: Platform, goal: Goal, *, same: bool) -> bool:
    """Whether some of the people who were missing are there now, by a look at a few of them."""
    if not same:
        return True
    work.db.execute(f"CREATE OR REPLACE TEMP TABLE probe AS SELECT * FROM ({_NOT_ARRIVED}) LIMIT {_PROBES}")
    probes = work.rows("SELECT email FROM probe")
    reload(work, task, goal, [email for (email,) in probes])
    work.db.execute("CREATE OR REPLACE TEMP VIEW asked AS SELECT * FROM wanted SEMI JOIN probe USING (key)")
    try:
        return _missing(work, platform, goal, same=True) < len(probes)
    finally:
        work.db.execute("CREATE OR REPLACE TEMP VIEW asked AS SELECT * FROM wanted")
