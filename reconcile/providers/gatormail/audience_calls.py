"""GatorMail's calls for an audience, piece by piece.

Right before each piece it is read again who is excluded from the group, also where a piece is repeated because its
reply was lost: whoever opted out meanwhile is left out of it.
"""

from collections.abc import Mapping, Sequence, Set
from typing import Any, Final, cast

from reconcile.errors import ApiError, PlanStale, UnknownOutcome
from reconcile.model.bulk import Conduct, Task
from reconcile.providers.audience.audience_apply import FATAL, Writer, pieces
from reconcile.providers.audience.audience_diff import Difference
from reconcile.providers.audience.texts import key_of
from reconcile.providers.gatormail import members
from reconcile.providers.gatormail.audience_load import (
    ADDRESS,
    BUILT_IN,
    EXCLUDE,
    INCLUDE,
    REMOVE,
    GroupOutline,
    add_excluded,
    excluded,
    readable,
)
from reconcile.providers.gatormail.campaigns import of
from reconcile.providers.gatormail.mailings import mailings
from reconcile.providers.shapes import Misfit
from reconcile.providers.transport import OutsideBounds, RateLimited

_ATTEMPTS: Final = 3
_WAIT: Final = 1.0  # seconds before a call whose reply was lost is made again


class GroupWriter(Writer):
    """Everything that one step of an audience does."""

    most_failures = 3

    def __init__(self, task: Task, found: Difference, conduct: Conduct) -> None:
        super().__init__(task, found, conduct)
        outline = cast(GroupOutline, found.outline)
        self._client = of(task.client)
        self._group = found.goal.targets[0].id or ""
        self._piece = outline.piece
        self._planned = {mailing.id for mailing in outline.mailings}

    def write(self) -> None:
        """Make the calls; what takes somebody out comes first.

        Raises:
            PlanStale: a campaign has come up through which people would get mail.
        """
        self._exclude()
        self._remove()
        self._include()

    def _exclude(self) -> None:
        for piece in pieces(self.work.rows("SELECT key, email FROM excluding ORDER BY key"), self._piece):
            contacts = [{ADDRESS: email} for _, email in piece]
            try:
                answer = self.send(EXCLUDE, groupId=self._group, contacts=contacts)
            except FATAL:
                raise
            except ApiError as error:
                self.failed(error)
            else:
                add_excluded(self.work, contacts)
                self.work.unmark("mark", [(self._group, key) for key, _ in piece])
                self._tell_silence(EXCLUDE, "excluded", len({key for key, _ in piece} - _said(answer, included=False)))
            self.progress.add(len(piece))

    def _remove(self) -> None:
        for piece in pieces(self.work.rows("SELECT id, key FROM leaving ORDER BY key"), self._piece):
            self._read_exclusions(())
            out = excluded(self.work, [key for _, key in piece])
            gone = [key for id_, key in piece if key not in out and self._take_out(id_)]
            self.work.unmark("mark", [(self._group, key) for key in gone])
            self.keeper.save()  # a run that is killed before leaves these alone for good
            self.progress.add(len(piece))

    def _take_out(self, contactid: str) -> bool:
        """Take one inclusion back; what is gone already is an error to the platform and success to us."""
        try:
            self.send(REMOVE, groupId=self._group, contactId=contactid)
        except FATAL:
            raise
        except ApiError as error:
            if members.is_in(self._client, self._group, contactid):
                self.failed(error)
                return False
        return True

    def _include(self) -> None:
        people = self.work.rows("SELECT key, email, cells, lists <> 0 FROM planned ORDER BY lists <> 0 DESC, key")
        for piece in pieces(people, self._piece):
            self._include_piece(piece, frozenset(key for key, _, _, joins in piece if joins))
            self.progress.add(len(piece))

    def _include_piece(self, piece: Sequence[tuple[Any, ...]], joiners: frozenset[str]) -> None:
        """One call; if its reply is lost, it is made again for whoever the platform does not show in the group."""
        for attempt in range(1, _ATTEMPTS + 1):
            willing = self._willing(piece)
            if not willing:
                return
            if joiners:
                self._refuse_new_mailings()
            contacts = [
                _contact(email, dict(zip(self.goal.columns, values, strict=True))) for _, email, values, _ in willing
            ]
            sends = bool(joiners and self._planned)
            try:
                answer = self.send(INCLUDE, sends=sends, groupId=self._group, contacts=contacts)
            except UnknownOutcome as error:
                # What can't be understood would be answered the same way again: the next run reads what became of it.
                if attempt == _ATTEMPTS or isinstance(error, Misfit | OutsideBounds):
                    raise
                wait = error.wait if isinstance(error, RateLimited) else None
                self.conduct.wait(_WAIT if wait is None else wait)
                piece = self._still_out(piece, joiners)
                continue
            except FATAL:
                raise
            except ApiError as error:
                self.failed(error)
                return
            self._keep({key for key, *_ in willing}, joiners, answer)
            return

    def _still_out(self, piece: Sequence[tuple[Any, ...]], joiners: frozenset[str]) -> list[tuple[Any, ...]]:
        """Those of the piece whom the call whose reply was lost has not brought in, as the platform shows it."""
        waiting = {key: email for key, email, *_ in piece if key in joiners}
        if not waiting:
            return list(piece)
        if readable(self.task):
            there = {key_of(row[ADDRESS]) for row in members.inclusions(self._client, self._group)}
        else:
            there = {
                key for key, email in waiting.items() if members.standing(self._client, self._group, email).included
            }
        done = waiting.keys() & there
        self._note(done)
        return [person for person in piece if person[0] not in done]

    def _willing(self, piece: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Those of the piece who are not excluded at this very moment."""
        self._read_exclusions([email for _, email, *_ in piece])
        out = excluded(self.work, [key for key, *_ in piece])
        return [person for person in piece if person[0] not in out]

    def _read_exclusions(self, emails: Sequence[str]) -> None:
        if readable(self.task):
            add_excluded(self.work, members.exclusions(self._client, self._group, settled=True))
            return
        for email in emails:
            standing = members.standing(self._client, self._group, email)
            if standing.excluded:
                add_excluded(self.work, standing.contacts)

    def _refuse_new_mailings(self) -> None:
        """Stop where somebody has queued a campaign for the group that the plan did not show."""
        new = mailings(self._client, self._group, but=self._planned)
        if new:
            raise PlanStale(
                f"Since the plan was made, the group has come to be used by {', '.join(map(str, new))}, so whoever "
                f"joins may get mail.",
                hint="Plan again to see whom it reaches.",
            )

    def _keep(self, asked: set[str], joiners: frozenset[str], answer: Sequence[Mapping[str, Any]]) -> None:
        """Mark whom the platform says to have put in the group; whoever else comes to be there did so without us."""
        refused = _said(answer, included=False)
        joined = (asked & joiners & _said(answer, included=True)) - refused
        self._note(joined)
        self.work.unmark("pending", [(self._group, key) for key in sorted((asked & joiners) - joined)])
        self._tell_silence(INCLUDE, "included", len(asked - _said(answer, included=True) - refused))

    def _note(self, joined: Set[str]) -> None:
        self.work.note("mark", self._group, sorted(joined), int(self.conduct.now()))
        self.work.unmark("pending", [(self._group, key) for key in sorted(joined)])

    def _tell_silence(self, operation: str, what: str, people: int) -> None:
        """Keep as a failure that an answer says nothing of some whom the call was about."""
        if people:
            self.failed(
                ApiError(
                    f"{operation}: the answer does not say that {people:,} of those in the call are {what} "
                    "(f.membership.emailLogin, f.membership.included)."
                )
            )


def _said(answer: Sequence[Mapping[str, Any]], *, included: bool) -> set[str]:
    """Of whom an answer says that they are in the group, or excluded from it."""
    return {key_of(row[ADDRESS]) for row in answer if row["included"] is included and row.get(ADDRESS)}


def _contact(email: str, values: Mapping[str, str]) -> dict[str, Any]:
    """A contact as it is sent: what the source says; members that are left out keep their value."""
    own = {name: value for name, value in values.items() if value and name not in BUILT_IN}
    contact: dict[str, Any] = {ADDRESS: email}
    contact |= {name: value for name, value in values.items() if value and name in BUILT_IN}
    return contact | ({"fields": own} if own else {})
