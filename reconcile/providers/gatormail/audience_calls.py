"""GatorMail's calls for an audience, piece by piece.

Right before each piece it is read again who is excluded from the group, also where a piece is repeated because its
reply was lost: whoever opted out meanwhile is left out of it.
"""

from collections.abc import Mapping, Sequence
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
from reconcile.providers.transport import RateLimited

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
            if self.attempt(EXCLUDE, groupId=self._group, contacts=contacts):
                add_excluded(self.work, contacts)
                self.work.unmark("mark", [(self._group, key) for key, _ in piece])
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
        """One call, made again if its reply is lost: it puts nobody anywhere twice."""
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
                if attempt == _ATTEMPTS:
                    raise
                wait = error.wait if isinstance(error, RateLimited) else None
                self.conduct.wait(_WAIT if wait is None else wait)
                continue
            except FATAL:
                raise
            except ApiError as error:
                self.failed(error)
                return
            self._keep({key for key, *_ in willing} & joiners, answer)
            return

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

    def _keep(self, keys: set[str], answer: Sequence[Mapping[str, Any]]) -> None:
        """Mark who was put in the group, as far as the platform does not say otherwise."""
        left_out = {key_of(str(row.get(ADDRESS))) for row in answer if row.get("included") is False}
        done = sorted(keys - left_out)
        self.work.note("mark", self._group, done, int(self.conduct.now()))
        self.work.unmark("pending", [(self._group, key) for key in done])


def _contact(email: str, values: Mapping[str, str]) -> dict[str, Any]:
    """A contact as it is sent: what the source says; members that are left out keep their value."""
    own = {name: value for name, value in values.items() if value and name not in BUILT_IN}
    contact: dict[str, Any] = {ADDRESS: email}
    contact |= {name: value for name, value in values.items() if value and name in BUILT_IN}
    return contact | ({"fields": own} if own else {})
