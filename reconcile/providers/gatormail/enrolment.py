"""The calls for an audience's difference, piece by piece.

Right before each piece it is read again who is excluded from the group, also where a piece is repeated because its
reply was lost: whoever opted out meanwhile is left out of it. Whom a run is about to put in the group is noted as keyed
digests before the first call (``pending``), and what was done is kept (``mark``), so a run that was killed goes on
where it was and leaves no doubt about who was put there by us.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

from reconcile.errors import ApiError, PlanStale, Refused, Unauthorised, UnknownOutcome, Unreachable
from reconcile.model.bulk import Conduct, Task
from reconcile.model.call import Call
from reconcile.providers.audience.memory import Keeper
from reconcile.providers.audience.texts import key_of
from reconcile.providers.gatormail import members
from reconcile.providers.gatormail.campaigns import of
from reconcile.providers.gatormail.difference import (
    EXCLUDE,
    INCLUDE,
    REMOVE,
    Difference,
    difference,
    group_name,
    planned_calls,
    readable,
)
from reconcile.providers.gatormail.mailings import mailings
from reconcile.providers.gatormail.recipients import ADDRESS, BUILT_IN
from reconcile.providers.personal import without_people
from reconcile.providers.transport import RateLimited

_ATTEMPTS: Final = 3
_WAIT: Final = 1.0  # seconds before a call whose reply was lost is made again
_FAILURES: Final = 3  # calls failing in a row after which the rest is not tried
_T = TypeVar("_T")


def carry_out(task: Task, digest: str, calls: Sequence[Call], conduct: Conduct) -> None:
    """Compare anew, and make the planned calls as far as they are still to be made; no others."""
    conduct.tell("reading the group")
    with difference(task) as found:
        if found.blocked is not None:
            raise Refused.of([found.blocked])
        if found.digest != digest:
            raise PlanStale("The source file has changed since the plan was made.", hint="Plan again.")
        now = planned_calls(found, group_name(task))
        # Fewer are no harm: a group that is made anew may have got the former one's people since.
        if not _names(now) <= _names(calls) or _reached(now) > _reached(calls):
            raise PlanStale(
                "The group, or the campaigns that use it, have changed since the plan was made, so that other calls "
                "would be needed, or more people would get mail.",
                hint="Plan again to see them.",
            )
        conduct.tell(f"{found.loaded.rows:,} people of the source are compared")
        Enrolment(task, found, conduct).run()


def _names(calls: Sequence[Call]) -> Counter[str]:
    return Counter(call.operation for call in calls)


def _reached(calls: Sequence[Call]) -> int:
    """How many people are in calls that send."""
    return sum(call.arguments["contacts"] for call in calls if call.sends)


class Enrolment:
    """Everything that one step of an audience does."""

    def __init__(self, task: Task, found: Difference, conduct: Conduct) -> None:
        self._task = task
        self._client = of(task.client)
        self._bench = found.bench
        self._goal = found.goal
        self._group = found.goal.group or ""
        self._found = found
        self._conduct = conduct
        self._planned = {mailing.id for mailing in found.mailings}
        self._keeper = Keeper(found.bench, task, conduct)
        self._failures: list[ApiError] = []
        self._in_a_row = 0

    def run(self) -> None:
        """Make the calls; what was done is on record however it ends.

        Raises:
            PlanStale: a campaign has come up through which people would get mail.
            ApiError: some calls failed; the others were made.
        """
        joining = [key for (key,) in self._bench.rows("SELECT key FROM need WHERE joining ORDER BY key")]
        self._bench.note("pending", self._group, joining, int(self._conduct.now()))
        self._keeper.save(self._found.loaded.rows)
        try:
            self._exclude()
            self._remove()
            self._include(len(joining))
            if not self._failures:
                self._bench.db.execute("DELETE FROM pending")
        finally:
            self._keeper.save()
        if self._failures:
            first = without_people(self._failures[0].diagnostics[0].detail)
            raise ApiError(
                f"{len(self._failures):,} call(s) failed, the first one like this: {first}",
                hint="Run again: what was done is not done a second time.",
            )

    def _exclude(self) -> None:
        for piece in _pieces(self._bench.rows("SELECT key, email FROM excluding ORDER BY key"), self._found.piece):
            contacts = [{ADDRESS: email} for _, email in piece]
            if self._send(EXCLUDE, groupId=self._group, contacts=contacts):
                self._bench.add_excluded(contacts)
                self._bench.unmark("mark", [(self._group, key) for key, _ in piece])

    def _remove(self) -> None:
        for piece in _pieces(self._bench.rows("SELECT id, key FROM leaving ORDER BY key"), self._found.piece):
            self._read_exclusions(())
            excluded = self._bench.are_excluded([key for _, key in piece])
            gone = [key for id_, key in piece if key not in excluded and self._take_out(id_)]
            self._bench.unmark("mark", [(self._group, key) for key in gone])

    def _take_out(self, contactid: str) -> bool:
        """Take one inclusion back; what is gone already is an error to the platform and success to us."""
        try:
            return self._send(REMOVE, raising=True, groupId=self._group, contactId=contactid)
        except ApiError as error:
            if not members.is_in(self._client, self._group, contactid):
                self._in_a_row = 0
                return True
            self._failed(error)
            return False

    def _include(self, joining: int) -> None:
        names = [f'"w_{name}"' for name in self._goal.columns]
        query = f"SELECT {', '.join(['key', 'email', *names])} FROM need ORDER BY joining DESC, key"
        people = self._bench.rows(query)
        done = 0
        for piece in _pieces(people, self._found.piece):
            joiners = frozenset(key for key, *_ in piece[: max(0, joining - done)])
            self._include_piece(piece, joiners)
            done += len(piece)
            if done < len(people):
                self._conduct.tell(f"{done:,} of {len(people):,} contacts are written")

    def _include_piece(self, piece: Sequence[tuple[Any, ...]], joiners: frozenset[str]) -> None:
        """One call, made again if its reply is lost: it puts nobody anywhere twice."""
        sends = bool(joiners and self._planned)
        for attempt in range(1, _ATTEMPTS + 1):
            willing = self._willing(piece)
            if not willing:
                return
            if joiners:
                self._refuse_new_mailings()
            contacts = [
                _contact(email, dict(zip(self._goal.columns, values, strict=True))) for _, email, *values in willing
            ]
            try:
                answer = self._send_once(Call(INCLUDE, {"groupId": self._group, "contacts": contacts}, sends=sends))
            except UnknownOutcome as error:
                if attempt == _ATTEMPTS:
                    raise
                wait = error.wait if isinstance(error, RateLimited) else None
                self._conduct.wait(_WAIT if wait is None else wait)
                continue
            except (Refused, Unauthorised, Unreachable):
                raise
            except ApiError as error:
                self._failed(error)
                return
            self._in_a_row = 0
            self._keep({key for key, *_ in willing} & joiners, answer)
            return

    def _willing(self, piece: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Those of the piece who are not excluded at this very moment."""
        self._read_exclusions([email for _, email, *_ in piece])
        excluded = self._bench.are_excluded([key for key, *_ in piece])
        return [person for person in piece if person[0] not in excluded]

    def _read_exclusions(self, emails: Sequence[str]) -> None:
        if readable(self._task):
            self._bench.add_excluded(members.exclusions(self._client, self._group))
            return
        for email in emails:
            standing = members.standing(self._client, self._group, email)
            if standing.excluded:
                self._bench.add_excluded(standing.contacts)

    def _refuse_new_mailings(self) -> None:
        """Stop where somebody has queued a campaign for the group that the plan did not show."""
        new = mailings(self._client, self._group, but=self._planned)
        if new:
            raise PlanStale(
                f"Since the plan was made, the group has come to be used by {', '.join(map(str, new))}, so whoever "
                f"joins may get mail.",
                hint="Plan again to see whom it reaches.",
            )

    def _keep(self, keys: set[str], answer: Sequence[Mapping[str, Any]]) -> None:
        """Mark who was put in the group, as far as the platform does not say otherwise."""
        left_out = {key_of(str(row.get(ADDRESS))) for row in answer if row.get("included") is False}
        done = sorted(keys - left_out)
        self._bench.note("mark", self._group, done, int(self._conduct.now()))
        self._bench.unmark("pending", [(self._group, key) for key in done])

    def _send(self, operation: str, *, raising: bool = False, **arguments: Any) -> bool:
        """One call; false if the platform refuses it."""
        try:
            self._send_once(Call(operation, arguments))
        except (Refused, Unauthorised, Unreachable):
            raise
        except ApiError as error:
            if raising:
                raise
            self._failed(error)
            return False
        self._in_a_row = 0
        return True

    def _send_once(self, call: Call) -> Any:
        self._conduct.check()
        return self._conduct.send(call)

    def _failed(self, error: ApiError) -> None:
        self._failures.append(error)
        self._in_a_row += 1
        if self._in_a_row == _FAILURES:
            raise ApiError(
                f"{_FAILURES} calls in a row failed, so the rest is not tried; the last one: "
                f"{without_people(error.diagnostics[0].detail)}"
            )


def _contact(email: str, values: Mapping[str, str]) -> dict[str, Any]:
    """A contact as it is sent: what the source says; members that are left out keep their value."""
    own = {name: value for name, value in values.items() if value and name not in BUILT_IN}
    contact: dict[str, Any] = {ADDRESS: email}
    contact |= {name: value for name, value in values.items() if value and name in BUILT_IN}
    return contact | ({"fields": own} if own else {})


def _pieces(people: Sequence[_T], size: int) -> Iterator[list[_T]]:
    remaining = iter(people)
    while piece := list(islice(remaining, size)):
        yield piece
