"""GatorMail's side of an audience: who is in the group, who is excluded from it, and who may send to those who join."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reconcile.errors import Diagnostic
from reconcile.model.bulk import Task
from reconcile.model.call import Call
from reconcile.model.registry import nearest
from reconcile.providers.audience.audience_diff import Outline, Platform
from reconcile.providers.audience.compare import EXCLUDED, SEVERAL, TAKEN_OFF
from reconcile.providers.audience.goal import Attribute, Goal, Target, Traits
from reconcile.providers.audience.source import Form
from reconcile.providers.audience.texts import key_of
from reconcile.providers.audience.workspace_db import WorkspaceDb, json_lines
from reconcile.providers.gatormail import members
from reconcile.providers.gatormail.campaigns import of
from reconcile.providers.gatormail.mailings import Mailing, mailings

ADDRESS: Final = "emailLogin"
BUILT_IN: Final = ("firstName", "lastName", "title", "positionInCompany", "companyName")
INCLUDE: Final = "gatormail_groupIncludedContactpost"
EXCLUDE: Final = "gatormail_groupExcludedContactpost"
REMOVE: Final = "gatormail_groupIncludedContactdelete"
FORM: Final = Form(ADDRESS, 254)
PIECE: Final = 100  # contacts in one call
_LOOKED_UP_PIECE: Final = 20  # the same where each contact is looked up right before, so that no look is old by then
# The exclusions are read again before each piece. Where that takes long, pieces are as large as can be.
_LARGEST_PIECE, _MANY_EXCLUSIONS = 1000, 1000
_EXACT: Final = 2**53  # whole numbers beyond it are compared as texts
_LIVE: Final = {"email": "VARCHAR", "id": "VARCHAR", "cells": "VARCHAR[]", "numbers": "DOUBLE[]"}
_REASONS: Final = {
    EXCLUDED: "excluded from the group",
    TAKEN_OFF: "taken out of the group by somebody else",
    SEVERAL: "with an address that several contacts have",
}


@dataclass(frozen=True, slots=True)
class GroupOutline(Outline):
    """With the campaigns that may send to those who join, and how many contacts one call has."""

    mailings: tuple[Mailing, ...] = ()
    piece: int = PIECE


class GatorMailPlatform(Platform):
    """Contacts in a group."""

    form = FORM
    traits = Traits(id_type="VARCHAR", whole=False, dated=False, bars=True)
    people = "contacts"
    mail = "Whoever joins a group gets the mail of a campaign that uses it"
    taken = "taken out of the group"
    reasons = _REASONS

    def goal(self, task: Task) -> Goal:
        declared = task.attributes
        group = declared["group"].address
        return Goal(
            attributes=tuple(Attribute(name, "value") for name in declared["columns"] if name != ADDRESS),
            targets=(Target(group.name, task.ids.get(group)),),
            sync=declared.get("mode") == "sync",
        )

    def complete(self, task: Task) -> bool:
        return readable(task)

    def load(self, work: WorkspaceDb, task: Task, goal: Goal) -> None:
        (groupid,) = goal.known_targets or (None,)
        if groupid is None:
            return
        client = of(task.client)
        if readable(task):
            add_included(work, members.inclusions(client, groupid), goal)
            # Last, since it matters most.
            add_excluded(work, members.exclusions(client, groupid))
            return
        emails = work.rows("SELECT email FROM wanted UNION SELECT email FROM unwanted ORDER BY email")
        included: list[Mapping[str, Any]] = []
        for (email,) in emails:
            standing = members.standing(client, groupid, email)
            if len(standing.contacts) > 1:
                work.db.execute("INSERT INTO kept_out VALUES (?, ?)", [key_of(email), SEVERAL])
            if standing.excluded:
                add_excluded(work, standing.contacts)
            elif standing.included:
                included += standing.contacts
        add_included(work, included, goal)

    def outline(self, work: WorkspaceDb, task: Task, goal: Goal) -> GroupOutline:
        target, joining = goal.targets[0], work.number("SELECT count(*) FROM joining")
        sending = mailings(of(task.client), target.id) if joining and target.id is not None else ()
        many = work.number(f"SELECT count(*) FROM kept_out WHERE reason = '{EXCLUDED}'") > _MANY_EXCLUSIONS
        piece = _LARGEST_PIECE if many else PIECE
        if not readable(task):
            piece = _LOOKED_UP_PIECE
        gained: tuple[str, ...] = ()
        if sending:
            people = "1 person joins" if joining == 1 else f"{joining:,} people join"
            gained = (f"{people} and may get mail for it: the group is used by {', '.join(map(str, sending))}.",)
        calls = _calls(work, target.name, piece, joining if sending else 0)
        return GroupOutline(calls, joining if sending else 0, gained, sending, piece)

    def missing(self, task: Task, goal: Goal) -> Diagnostic | None:
        """Whether the instance lacks a contact field, as far as it tells which ones it has."""
        client, custom = of(task.client), [name for name in goal.columns if name not in BUILT_IN]
        if not custom or "contact.fields" not in client.contract.capabilities():
            return None
        names = [str(row.get("name")) for row in client.send(Call("gatormail_contactFieldList", {}))]
        known = {name.lower() for name in names}
        missing = [name for name in custom if name.lower() not in known]
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

    def notes(self, task: Task, goal: Goal) -> Iterator[str]:
        if goal.known_targets and not readable(task):
            yield "The instance can't list a group's people (cap.membership.read), so each address is looked up."


def readable(task: Task) -> bool:
    """Whether a group's people can be listed; else each is looked up."""
    return "membership.read" in of(task.client).contract.capabilities()


def add_included(work: WorkspaceDb, rows: Iterable[Mapping[str, Any]], goal: Goal) -> None:
    """Take in contacts that are in the group."""
    for file in work.batches(_flat(rows, goal)):
        work.db.execute(
            "INSERT INTO live BY NAME SELECT lower(email) AS key, email, id, cells, numbers, true AS willing, "
            f"true AS able FROM {json_lines(_LIVE)}",
            [str(file)],
        )
    work.settle_keys("live")
    work.db.execute("INSERT INTO member SELECT DISTINCT id, 0, true, NULL, NULL FROM live")


def add_excluded(work: WorkspaceDb, rows: Iterable[Mapping[str, Any]]) -> None:
    """Take in contacts that are excluded. Nobody is ever taken out again: whoever was seen excluded stays out."""
    for file in work.batches({"email": row[ADDRESS]} for row in rows):
        work.db.execute(
            "CREATE OR REPLACE TEMP TABLE met AS SELECT DISTINCT lower(email) AS key, email "
            f"FROM {json_lines({'email': 'VARCHAR'})}",
            [str(file)],
        )
        work.settle_keys("met")
        work.db.execute(
            f"INSERT INTO kept_out SELECT DISTINCT key, '{EXCLUDED}' FROM met "
            f"ANTI JOIN (SELECT key FROM kept_out WHERE reason = '{EXCLUDED}') USING (key)"
        )


def excluded(work: WorkspaceDb, keys: Sequence[str]) -> set[str]:
    """Those of the keys whose person is known to be excluded."""
    query = f"SELECT key FROM kept_out WHERE reason = '{EXCLUDED}' AND key IN (SELECT unnest(?::VARCHAR[]))"
    return {key for (key,) in work.rows(query, [list(keys)])}


def _calls(work: WorkspaceDb, group: str, piece: int, senders: int) -> tuple[Call, ...]:
    """The writes in the order in which they are made; what takes somebody out comes first.

    ``senders`` is how many people get mail by joining.
    """
    sizes = _sizes(work.number("SELECT count(*) FROM excluding"), piece)
    calls = [Call(EXCLUDE, {"group": group, "contacts": size}) for size in sizes]
    leaving = work.number("SELECT count(*) FROM leaving")
    calls += [Call(REMOVE, {"group": group, "contacts": 1})] * leaving
    for index, size in enumerate(_sizes(work.number("SELECT count(*) FROM need"), piece)):
        # Who joins comes first, so a piece beyond them all has only people who are in the group already.
        calls.append(Call(INCLUDE, {"group": group, "contacts": size}, sends=index * piece < senders))
    return tuple(calls)


def _sizes(count: int, piece: int) -> Sequence[int]:
    return [min(piece, count - start) for start in range(0, count, piece)]


def _flat(rows: Iterable[Mapping[str, Any]], goal: Goal) -> Iterator[dict[str, Any]]:
    """Contacts with the compared values as texts, and as numbers where they are some."""
    for row in rows:
        values = [row.get(name) if name in BUILT_IN else _field(row.get("fields") or {}, name) for name in goal.columns]
        yield {
            "email": row[ADDRESS],
            "id": str(row["id"]),
            "cells": [value if isinstance(value, str) else _text(value) for value in values],
            "numbers": [value if _is_exact(value) else None for value in values],
        }


def _field(fields: Mapping[str, Any], name: str) -> Any:
    """The value of a contact field; the platform does not mind case."""
    if name in fields:
        return fields[name]
    lower = name.lower()
    return next((value for found, value in fields.items() if found.lower() == lower), None)


def _is_exact(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _EXACT


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
