"""The calls for an audience's difference, made one by one, and the waiting for imports.

Whom a run is about to put somewhere is noted as keyed digests before the first call (``pending``), and what the
platform then shows is kept (``mark``): so a run that was killed leaves no doubt about who was put there by us. What is
done is decided on the whole comparison; right before a single call its person is read again, so that whoever opted out
meanwhile is left alone.
"""

import base64
import csv
import io
import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Final

from reconcile.errors import ApiError, InvalidInput, PlanStale, Refused, Unauthorised, UnknownOutcome, Unreachable
from reconcile.model.bulk import Conduct, Task
from reconcile.model.call import Call
from reconcile.providers.audience.files import one_digest
from reconcile.providers.audience.memory import Keeper, leave_out_forgotten, load_memory
from reconcile.providers.audience.texts import key_of
from reconcile.providers.squalomail.cheapest import IMPORT_ROWS, Need, imports
from reconcile.providers.squalomail.difference import (
    Difference,
    difference,
    goal_of,
    list_names,
    load_live,
    planned_calls,
    read_both,
)
from reconcile.providers.squalomail.filters import equals
from reconcile.providers.squalomail.reading import entity_rows
from reconcile.providers.squalomail.recipients import BUILT_IN, CONSENTS, OFF, Goal, Workbench, mask_of, workbench
from reconcile.providers.squalomail.source import is_yes

_BATCH: Final = 200  # people read again at once before their calls
_FRESH: Final = 10.0  # seconds after which what was read of people is read again before their calls
_FAILURES: Final = 10  # calls failing in a row after which the rest is not tried
# Seconds between looks at an import; the last one again and again.
_WAITS: Final = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0)
_PROBES: Final = 20
_OVERWRITE: Final = 1  # overwriteData: all members that the file has
# Actions of a recipient's history that are no decision of theirs (System API page, entity History; an open list).
_COMING: Final = frozenset({"created", "subscribed", "confirmed"})
_MAIL_ADDRESS: Final = re.compile(r"[^\s\"'<>()]+@[^\s\"'<>()]+")


class ImportIncomplete(ApiError):
    """The platform took an import, and not all of it has arrived."""

    code = "import-incomplete"


def carry_out(task: Task, digest: str, calls: Sequence[Call], conduct: Conduct) -> None:
    """Compare anew, and make the planned calls if they are still the ones to make."""
    conduct.tell("reading the recipients")
    with difference(task) as found:
        if found.blocked is not None:
            raise Refused.of([found.blocked])
        if found.digest != digest:
            raise PlanStale("The source file has changed since the plan was made.", hint="Plan again.")
        now = Counter(call.operation for call in planned_calls(found, list_names(task.attributes)))
        if now != Counter(call.operation for call in calls):
            raise PlanStale(
                "The recipients have changed since the plan was made, so that other calls would be needed.",
                hint="Plan again to see them.",
            )
        conduct.tell(f"{found.loaded.rows:,} people of the source are compared")
        Enrolment(task, found, conduct).run()


def await_outcome(task: Task, digest: str, started: float, conduct: Conduct) -> None:
    """Wait for the imports that an earlier run began, and put on record what came of them."""
    with workbench(task.place.key()) as bench:
        goal = goal_of(task)
        if load_memory(bench, task) is not None:
            conduct.tell("what it began is not known any more")
            return
        same = False
        with suppress(InvalidInput):
            loaded, unwanted = read_both(bench, task)
            bench.leave_out_unwanted()
            leave_out_forgotten(bench)
            same = one_digest(loaded, unwanted) == digest
        settle_earlier(bench, task, goal, conduct, Keeper(bench, task, conduct), same=same)


class Enrolment:
    """Everything that one step of an audience does."""

    def __init__(self, task: Task, found: Difference, conduct: Conduct) -> None:
        self._task = task
        self._bench = found.bench
        self._goal = found.goal
        self._found = found
        self._conduct = conduct
        self._keeper = Keeper(found.bench, task, conduct)
        self._failures: list[ApiError] = []
        self._in_a_row = 0
        language = task.attributes.get("gdpr", {}).get("language", "")
        self._language = str(language).lower()

    def run(self) -> None:
        """Make the calls; what was done is on record however it ends.

        Raises:
            ImportIncomplete: not all rows of an import were seen before the wait was over.
            ApiError: some calls failed; the others were made.
        """
        # Waiting compares anew, and what was planned must still be known then.
        self._bench.db.execute("CREATE OR REPLACE TABLE before AS SELECT * FROM need WHERE NOT deleted")
        self._note_pending()
        try:
            self._revoke()
            self._unsubscribe()
            self._update()
            self._create()
            self._subscribe()
            self._import()
            self._grant()
            self._read_back()
            if not self._failures:
                self._bench.db.execute("DELETE FROM pending WHERE NOT (mark LIKE 'gdpr%')")
        finally:
            self._record()
        if self._failures:
            first = _MAIL_ADDRESS.sub("***", self._failures[0].diagnostics[0].detail)
            raise ApiError(
                f"{len(self._failures):,} call(s) for single people failed, the first one like this: {first}",
                hint="Run again: what was done is not done a second time.",
            )

    def _record(self) -> None:
        self._keeper.save()

    def _note_pending(self) -> None:
        db, goal, now = self._bench.db, self._goal, int(self._conduct.now())
        db.execute("INSERT INTO pending SELECT marked('recipient', key), ? FROM before WHERE is_new", [now])
        for index, listid in enumerate(goal.lists):
            db.execute(
                f"INSERT INTO pending SELECT marked(?, key), ? FROM before WHERE s_{index}",
                [str(listid), now],
            )
        for title in CONSENTS:
            db.execute(
                f"INSERT INTO pending SELECT marked('{title}', key), ? FROM before WHERE grant_{title} AND is_new",
                [now],
            )
        for lists, _ in imports(self._found.groups, self._found.treatments):
            for what in ("import", *(f"import@{listid}" for listid in self._listids(lists))):
                db.execute(f"INSERT INTO pending SELECT marked(?, key), ? FROM ({self._imported(lists)})", [what, now])
        self._keeper.save(self._found.loaded.rows)

    # Single calls

    def _revoke(self) -> None:
        for title in CONSENTS:
            people = self._people(f"revoke_{title}")
            for subid, row, _ in self._afresh(people):
                if row[title]:
                    self._consent("revoke-gdpr-consent", title, recipientId=subid)

    def _unsubscribe(self) -> None:
        gone: list[tuple[str, str]] = []
        people = self._bench.rows("SELECT subid, list(listid) FROM leaving GROUP BY subid ORDER BY subid")
        done: dict[int, set[int]] = {}
        for subid, row, (listids,) in self._afresh(people):
            # False is sent as false. True never: it may have become false this very moment.
            refused: dict[str, Any] = {} if row["accept"] else {"accept": 0}
            if self._send("unsubscribe-recipient", recipientId=subid, listIds=listids, **refused):
                gone += [(str(listid), key_of(row["email"])) for listid in listids]
                done[subid] = set(listids)
        self._bench.unmark("mark", gone)
        self._note_taken_off(done)

    def _note_taken_off(self, done: Mapping[int, set[int]]) -> None:
        """Keep how whom we took off reads now, to tell it from what people do themselves."""
        for batch in _batches([(subid,) for subid in done]):
            conditions = [equals("subid", subid) for (subid,) in batch]
            emails = {row["subid"]: row["email"] for row in entity_rows(self._task.client, "Recipient", conditions)}
            for member in entity_rows(self._task.client, "ListSub", conditions):
                subid, listid = member["subid"], member["listid"]
                if subid in emails and listid in done[subid] and member["status"] != 1 and member["unsubdate"]:
                    self._bench.note("mark", f"{OFF}{listid}", [key_of(emails[subid])], member["unsubdate"])

    def _update(self) -> None:
        names = [f'"w_{name}"' for name in self._goal.columns]
        people = self._treated("update", ["subid", *names], "NOT is_new")
        for subid, row, values in self._afresh(people):
            wanted = dict(zip(self._goal.columns, values, strict=True))
            self._send("update-recipient", id=subid, **_changed(row, wanted, self._goal.tags))

    def _create(self) -> None:
        names = [f'"w_{name}"' for name in self._goal.columns]
        people = self._treated("create", ["email", mask_of(self._goal), *names])
        for email, lists, *values in people:
            arguments = _described(dict(zip(self._goal.columns, values, strict=True)))
            listids = self._listids(lists)
            arguments |= {"email": email, "listIds": listids} | (
                {"tags": list(self._goal.tags)} if self._goal.tags else {}
            )
            self._make(email, arguments)

    def _subscribe(self) -> None:
        for need, made in self._found.treatments.items():
            if not made.subscribe or made.imports:
                continue
            query = f"SELECT subid, key FROM before WHERE {_of(need, self._goal)} ORDER BY subid"
            self._join(self._bench.rows(query), self._listids(made.subscribe))

    def _join(self, people: Sequence[tuple[Any, ...]], listids: list[int]) -> None:
        for subid, row, _ in self._afresh(people, memberships=True):
            # Whoever left meanwhile, or was there before, is left alone; but for whom we took off ourselves.
            joining = [listid for listid in listids if self._may_join(subid, listid, row["_lists"])]
            if row["accept"] and joining:
                self._send("subscribe-recipient", recipientId=subid, listIds=joining)

    def _may_join(self, subid: int, listid: int, memberships: Mapping[int, Mapping[str, Any]]) -> bool:
        there = memberships.get(listid)
        if there is None:
            return True
        known = self._bench.rows(
            "SELECT unsubdate FROM member SEMI JOIN ours_off USING (subid, listid) WHERE subid = ? AND listid = ?",
            [subid, listid],
        )
        return there["status"] != 1 and (there["unsubdate"],) in known

    def _grant(self) -> None:
        for title in CONSENTS:
            known = self._bench.rows(f"SELECT subid, key FROM before WHERE NOT is_new AND grant_{title} ORDER BY subid")
            for batch in _batches(known):
                self._owe_no_more(title, [key for _, key in batch])
                meddled = self._meddled([subid for subid, _ in batch])
                for subid, row, _ in self._afresh(batch):
                    undecided = any(row[other] for other in CONSENTS) or subid not in meddled
                    if not row[title] and row["needs_gdpr_consent"] and undecided:
                        self._consent("grant-gdpr-consent", title, recipientId=subid)
            new = self._bench.rows(f"SELECT email, key FROM before WHERE is_new AND grant_{title} ORDER BY key")
            for batch in _batches(new):
                self._owe_no_more(title, [key for _, key in batch])
                for email, _ in batch:
                    self._consent("grant-gdpr-consent-by-email", title, email=email)

    def _meddled(self, subids: Sequence[int]) -> set[int]:
        """People in whose history there is more than their coming: a refusal may be among it."""
        rows = entity_rows(self._task.client, "History", [equals("subid", subid) for subid in subids])
        return {row["subid"] for row in rows if row["action"] not in _COMING}

    def _consent(self, operation: str, title: str, **person: Any) -> None:
        self._send(operation, **person, consentTitle=title, language=self._language)

    def _owe_no_more(self, title: str, keys: Sequence[str]) -> None:
        """Before consents are granted, not after: who revokes one later must not seem to be still owed it."""
        self._bench.unmark("pending", [(title, key) for key in keys])
        self._keeper.save()

    def _read_back(self) -> None:
        """Read those who were put somewhere by single calls, to know since when they are there."""
        joined = " OR ".join(["is_new", *(f"s_{index}" for index in range(len(self._goal.lists)))])
        people = self._bench.rows(f"SELECT email FROM before WHERE {joined} ORDER BY key") if self._put_singly() else []
        for batch in _batches(people):
            reload(self._bench, self._task, self._goal, [email for (email,) in batch])
        self._bench.promote(self._goal.lists)

    def _put_singly(self) -> bool:
        return any(made.create or made.subscribe for made in self._found.treatments.values())

    def _people(self, condition: str) -> list[tuple[Any, ...]]:
        query = f"SELECT subid FROM before WHERE NOT is_new AND {condition} ORDER BY subid"
        return self._bench.rows(query)

    def _treated(self, how: str, columns: Sequence[str], condition: str = "true") -> list[tuple[Any, ...]]:
        """The people whose treatment has a certain single call."""
        sorts = [_of(need, self._goal) for need, made in self._found.treatments.items() if getattr(made, how)]
        if not sorts:
            return []
        return self._bench.rows(
            f"SELECT {', '.join(columns)} FROM before WHERE ({' OR '.join(sorts)}) AND {condition} ORDER BY key"
        )

    def _afresh(
        self, people: Sequence[tuple[Any, ...]], *, memberships: bool = False
    ) -> Iterator[tuple[int, dict[str, Any], list[Any]]]:
        """People with their rows as they are right now; who is gone is left out."""
        remaining = deque(people)
        while remaining:
            batch = list(islice(remaining, _BATCH))
            rows, read = self._rows_of(batch, memberships=memberships), self._conduct.now()
            for place, (subid, *rest) in enumerate(batch):
                if place and self._conduct.now() - read > _FRESH:
                    break
                remaining.popleft()
                if subid in rows:
                    yield subid, rows[subid], rest

    def _rows_of(self, batch: Sequence[tuple[Any, ...]], *, memberships: bool) -> dict[int, dict[str, Any]]:
        client = self._task.client
        conditions = [equals("subid", subid) for subid, *_ in batch]
        rows = {row["subid"]: row for row in entity_rows(client, "Recipient", conditions)}
        if memberships:
            for row in rows.values():
                row["_lists"] = {}
            for member in entity_rows(client, "ListSub", conditions):
                if member["subid"] in rows:
                    rows[member["subid"]]["_lists"][member["listid"]] = member
        return rows

    def _make(self, email: str, arguments: dict[str, Any]) -> None:
        """Create somebody; where the reply is lost, it is looked whether they are there."""
        try:
            self._send("create-recipient", raising=True, **arguments)
        except UnknownOutcome as error:
            found = entity_rows(self._task.client, "Recipient", [equals("email", email)])
            if not any(key_of(row["email"]) == key_of(email) for row in found):
                self._failed(error)

    def _send(self, operation: str, *, raising: bool = False, **arguments: Any) -> bool:
        """One call; false if the platform refuses it for this person."""
        self._conduct.check()
        try:
            self._conduct.send(Call(operation, arguments))
        except (Refused, Unauthorised, Unreachable):
            raise
        except ApiError as error:
            if raising and isinstance(error, UnknownOutcome):
                raise
            self._failed(error)
            return False
        self._in_a_row = 0
        return True

    def _failed(self, error: ApiError) -> None:
        self._failures.append(error)
        self._in_a_row += 1
        if self._in_a_row == _FAILURES:
            raise ApiError(
                f"{_FAILURES} calls in a row failed, so the rest is not tried; the last one: "
                f"{_MAIL_ADDRESS.sub('***', error.diagnostics[0].detail)}"
            )

    def _listids(self, lists: int) -> list[int]:
        return [listid for index, listid in enumerate(self._goal.lists) if lists >> index & 1 and listid is not None]

    # Imports

    def _imported(self, lists: int) -> str:
        """SQL for the people who go into the import with these lists."""
        sorts = [_of(need, self._goal) for need, made in self._found.treatments.items() if lists in made.imports]
        return f"SELECT * FROM before WHERE {' OR '.join(sorts)}"

    def _import(self) -> None:
        wanted = list(imports(self._found.groups, self._found.treatments))
        if not wanted:
            return
        first = True
        for lists, _ in wanted:
            for rows in self._files(lists):
                call = Call(
                    "import-recipients-async",
                    {
                        "autogenerateNames": False,
                        "listIdsToAdd": self._listids(lists),
                        "overwriteData": _OVERWRITE,
                        "clearPreviousListIds": False,
                        "importAsDisabled": False,
                        "base64EncodedFile": rows,
                    },
                )
                self._conduct.check()
                self._conduct.intend(call, self._found.digest)
                try:
                    self._conduct.send(call)
                except UnknownOutcome:
                    raise
                except (ApiError, Refused):
                    if first:
                        self._conduct.settle()
                    raise
                first = False
        later = [
            (need, made.subscribe) for need, made in self._found.treatments.items() if made.imports and made.subscribe
        ]
        self._record()
        self._conduct.tell("the imports are sent; waiting until they have arrived")
        await_imports(self._bench, self._task, self._goal, self._conduct, self._keeper, same=True)
        self._conduct.settle()
        self._after_imports(later)

    def _after_imports(self, later: Sequence[tuple[Need, int]]) -> None:
        """What imports can't do for those whom they brought in."""
        for need, lists in later:
            sort = f"(SELECT key FROM before WHERE {_of(need, self._goal)})"
            query = f"SELECT live.subid, key FROM {sort} JOIN live USING (key) ORDER BY key"
            self._join(self._bench.rows(query), self._listids(lists))

    def _files(self, lists: int) -> Iterator[str]:
        """The import's files, base64: what the source says of each person, and what is live where it says nothing."""
        columns = ["email"]
        for name in self._goal.columns:
            live = f'"l_{name}"' if name in self._goal.compared else "''"
            columns.append(f"CASE WHEN \"w_{name}\" <> '' THEN \"w_{name}\" ELSE coalesce({live}, '') END")
        rows = self._bench.db.execute(f"SELECT {', '.join(columns)} FROM ({self._imported(lists)}) ORDER BY key")
        files = []
        while batch := rows.fetchmany(IMPORT_ROWS):
            text = io.StringIO(newline="")
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(["email", *self._goal.columns])
            writer.writerows(batch)
            files.append(base64.b64encode(text.getvalue().encode()).decode())
        yield from files


def _changed(row: Mapping[str, Any], wanted: Mapping[str, str], tags: Sequence[str]) -> dict[str, Any]:
    """The members of an update: what is live, then what is wanted.

    Whether the platform keeps members that are left out is not documented; it may reset them to what a new recipient
    has. So what is false is sent as false. What is true is left out: it may have become false this very moment.
    """
    known = {name: row.get(name) or "" for name in BUILT_IN if row.get(name)}
    known |= {name: value for name, value in wanted.items() if value and name in BUILT_IN}
    if wanted.get("gender"):
        known["gender"] = wanted["gender"].lower()
    own = {pair["Key"]: pair["Value"] for pair in row.get("user_defined_fields") or () if pair["Value"]}
    own |= {name: value for name, value in wanted.items() if value and name not in (*BUILT_IN, "gender", "html")}
    members: dict[str, Any] = dict(known)
    members |= {name: False for name in ("accept", "enabled", "html", "confirmed") if row.get(name) == 0}
    if wanted.get("html"):
        members["html"] = is_yes(wanted["html"])
    if own:
        members["customAttributes"] = [{"name": name, "value": value} for name, value in own.items()]
    live = list(row.get("tags") or ())
    if set(tags) - set(live):
        members["tags"] = [*live, *(tag for tag in tags if tag not in live)]
    return members


def _batches(people: Sequence[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    remaining = iter(people)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


def _described(wanted: Mapping[str, str]) -> dict[str, Any]:
    """The members of a new recipient."""
    return _changed({}, wanted, ())


def _of(need: Need, goal: Goal) -> str:
    """SQL for the people of one sort."""
    return (
        f"(is_new = {need.new} AND attributes = {need.attributes} AND tags = {need.tags} "
        f"AND importable = {need.importable} AND ({mask_of(goal)}) = {need.lists})"
    )


# Waiting


def settle_earlier(bench: Workbench, task: Task, goal: Goal, conduct: Conduct, keeper: Keeper, *, same: bool) -> None:
    """Wait for imports that an earlier run began; ``same``: with the source as it is now."""
    try:
        await_imports(bench, task, goal, conduct, keeper, same=same)
    except ImportIncomplete as error:
        conduct.tell(error.diagnostics[0].detail)
    # What has not arrived by now is begun anew, if at all; consents that are owed stay owed.
    bench.db.execute("DELETE FROM pending WHERE NOT (mark LIKE 'gdpr%')")
    keeper.save()


def await_imports(bench: Workbench, task: Task, goal: Goal, conduct: Conduct, keeper: Keeper, *, same: bool) -> None:
    """Look at the live side until all that was imported is there.

    Raises:
        ImportIncomplete: it was not within the longest wait.
    """
    total = bench.number("SELECT count(*) FROM pending WHERE mark LIKE 'import:%'")
    deadline = conduct.now() + conduct.longest_wait
    waits = iter(_WAITS)
    missing: int | None = None
    while True:
        left = deadline - conduct.now()
        if missing is None or left <= 0 or _has_moved(bench, task, goal, same=same):
            load_live(bench, task, goal)
            missing = _missing(bench, goal, same=same)
            if not missing:
                break
            waited = conduct.now() - deadline + conduct.longest_wait
            conduct.tell(f"{total - missing:,} of {total:,} imported recipients have arrived after {waited:.0f} s")
        if left <= 0:
            break
        conduct.wait(min(next(waits, _WAITS[-1]), left))
    bench.promote(goal.lists)
    if missing:
        keeper.save()
        raise ImportIncomplete(
            f"{missing:,} of {total:,} recipients that were imported had not arrived after "
            f"{conduct.longest_wait / 60:g} minutes (policy.importWait).",
            hint="Run again: it waits again before anything is imported anew.",
        )
    bench.db.execute("DELETE FROM pending WHERE mark LIKE 'import%'")


def _missing(bench: Workbench, goal: Goal, *, same: bool, wanted: str = "wanted") -> int:
    """How many imported people are not there yet as they should be."""
    absent = (
        "SELECT count(*) FROM pending WHERE mark LIKE 'import:%' "
        "AND mark NOT IN (SELECT marked('import', key) FROM live)"
    )
    if not same:
        return bench.number(absent)
    bench.compare(goal, wanted)
    return bench.number(f"SELECT count(*) FROM need WHERE {_not_arrived(goal)}")


def _not_arrived(goal: Goal) -> str:
    """SQL for people whom an import has not reached: what it was to bring is marked in ``pending``."""
    lacks = {"import": "(is_new OR attributes)"}
    lacks |= {f"import@{listid}": f"s_{index}" for index, listid in enumerate(goal.lists) if listid is not None}
    return " OR ".join(
        f"({lacking} AND marked('{what}', key) IN (SELECT mark FROM pending))" for what, lacking in lacks.items()
    )


def _has_moved(bench: Workbench, task: Task, goal: Goal, *, same: bool) -> bool:
    """Whether some of the people who were missing are there now, by a look at a few of them."""
    if not same:
        return True
    probes = bench.rows(f"SELECT key, email FROM need WHERE {_not_arrived(goal)} LIMIT {_PROBES}")
    reload(bench, task, goal, [email for _, email in probes])
    keys = ", ".join("'" + key.replace("'", "''") + "'" for key, _ in probes)
    few = f"(SELECT * FROM wanted WHERE key IN ({keys or 'NULL'}))"
    left = _missing(bench, goal, same=True, wanted=few)
    return left < len(probes)


def reload(bench: Workbench, task: Task, goal: Goal, emails: Sequence[str]) -> None:
    """Read a few people, and where they are, once more."""
    rows = list(entity_rows(task.client, "Recipient", [equals("email", email) for email in emails]))
    subids = [row["subid"] for row in rows]
    bench.forget(subids)
    bench.add_recipients(rows, goal.custom)
    bench.add_members(entity_rows(task.client, "ListSub", [equals("subid", subid) for subid in subids]))
