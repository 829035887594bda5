"""SqualoMail's side of an audience: everybody in the account, who is on the lists, and which calls come cheapest."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from reconcile.errors import Diagnostic
from reconcile.model.address import Address
from reconcile.model.bulk import Task
from reconcile.model.call import Call
from reconcile.providers.audience.audience_diff import DENIED, Outline, Platform
from reconcile.providers.audience.compare import DELETED, OPTED_OUT, SEVERAL, TAKEN_OFF
from reconcile.providers.audience.goal import CONSENT, TAGS, Attribute, Goal, How, Target, Traits
from reconcile.providers.audience.source import literal
from reconcile.providers.audience.workspace_db import WorkspaceDb, json_lines
from reconcile.providers.squalomail import ranges
from reconcile.providers.squalomail.audience_outline import make_outline
from reconcile.providers.squalomail.filters import equals
from reconcile.providers.squalomail.reading import entity_rows
from reconcile.providers.squalomail.source import FORM

BUILT_IN: Final = ("name", "surname", "phone", "ip")
CONSENTS: Final = {"gdprCanSend": "gdpr_can_send", "gdprCanTrack": "gdpr_can_track"}
_HOW: Final[Mapping[str, How]] = {"gender": "unread", "html": "flag", TAGS: "tags"}
_NEVER_IMPORTED: Final = ("ip", "html")  # no column of an import is known for them
_REASONS: Final = {
    OPTED_OUT: "opted out",
    TAKEN_OFF: "taken off a list by somebody else",
    DELETED: "deleted by somebody else",
    SEVERAL: "with an address that several recipients have",
    DENIED: "without a consent that they may have refused",
}

# What of a recipient's row is compared, and its type in duckdb (System API page, entity Recipient).
LIVE: Final = {
    "subid": "BIGINT",
    "email": "VARCHAR",
    "name": "VARCHAR",
    "surname": "VARCHAR",
    "phone": "VARCHAR",
    "accept": "INTEGER",
    "enabled": "INTEGER",
    "html": "INTEGER",
    "ip": "VARCHAR",
    "gdpr_can_send": "INTEGER",
    "gdpr_can_track": "INTEGER",
    "needs_gdpr_consent": "INTEGER",
    "created": "BIGINT",
    "lastsent_date": "BIGINT",
    "tags": "VARCHAR[]",
    "user_defined_fields": "STRUCT(Key VARCHAR, Value VARCHAR)[]",
}

MEMBER: Final = {
    "listid": "BIGINT",
    "subid": "BIGINT",
    "status": "INTEGER",
    "subdate": "BIGINT",
    "unsubdate": "BIGINT",
}


class SqualoMailPlatform(Platform):
    """Recipients of the account, on lists."""

    form = FORM
    traits = Traits()
    people = "recipients"
    mail = "Who is put on a list, or changed, may get a welcome mail or an automation's"
    taken = "taken off a list"
    consents = CONSENTS
    reasons = _REASONS

    def goal(self, task: Task) -> Goal:
        declared = task.attributes
        columns = [name for name in self.columns(task) if name != "email"]
        attributes = [Attribute(name, "consent" if name.startswith(CONSENT) else _how(name)) for name in columns]
        consents = {
            title: None if isinstance(value, Mapping) else value
            for name, title in CONSENTS.items()
            if (value := declared.get("gdpr", {}).get(name)) is not None
        }
        return Goal(
            attributes=tuple(attributes),
            targets=tuple(
                Target(reference.address.name, task.ids.get(reference.address))
                for reference in declared.get("lists", ())
            ),
            tags=tuple(declared.get("tags", ())),
            consents=consents,
            titles=tuple(CONSENTS.values()),
            sync=declared.get("mode") == "sync",
            # Names in the header of an import are in lower case.
            importable=all(
                each.how in ("consent", "tags") or (each.name == each.name.lower() and each.name not in _NEVER_IMPORTED)
                for each in attributes
            ),
        )

    def columns(self, task: Task) -> Mapping[str, str]:
        columns = dict(task.attributes["columns"])
        labels = columns.pop(TAGS, None)  # what no import brings comes last
        for name, title in CONSENTS.items():
            value = task.attributes.get("gdpr", {}).get(name)
            if isinstance(value, Mapping):
                columns[f"{CONSENT}{title}"] = value["column"]
        return columns if labels is None else columns | {TAGS: labels}

    def load(self, work: WorkspaceDb, task: Task, goal: Goal) -> None:
        add_recipients(work, ranges.all_recipients(task.client), goal)
        for listid in goal.known_targets:
            add_members(work, ranges.all_members(task.client, int(listid)))

    def outline(self, work: WorkspaceDb, task: Task, goal: Goal) -> Outline:
        return make_outline(work, task, goal)

    def missing(self, task: Task, goal: Goal) -> Diagnostic | None:
        """The platform drops values of fields that it has not, without a word (undocumented)."""
        custom = _custom(goal)
        if not custom:
            return None
        known = {row["namekey"] for row in task.client.send(Call("get-data", {"entity": "Field"}))}
        missing = [name for name in custom if name not in known]
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

    def dependencies(self, task: Task) -> tuple[Address, ...]:
        entries = (Address(task.address.provider, "field", name) for name in task.attributes["columns"])
        return tuple(sorted(entry for entry in entries if entry in task.declared))


def _how(name: str) -> How:
    return _HOW.get(name, "text")


def _custom(goal: Goal) -> list[str]:
    """The attributes that are custom fields."""
    return [each.name for each in goal.attributes if each.how == "text" and each.name not in BUILT_IN]


# Loading


def add_recipients(work: WorkspaceDb, rows: Iterable[Mapping[str, Any]], goal: Goal) -> None:
    """Take in rows of the entity Recipient."""
    for file in work.batches(rows):
        add_recipient_file(work, file, goal)
    work.settle_keys("live")


def add_recipient_file(work: WorkspaceDb, file: Path, goal: Goal) -> None:
    """Take in a file of JSON lines, each a row of the entity Recipient."""
    spare = _spare(goal)
    needed = {name: type_ for name, type_ in LIVE.items() if name not in spare}
    unread = "".join(f", NULL::{LIVE[name]} AS {name}" for name in sorted(spare))
    given = "NULL"
    if goal.consents:
        given = ", ".join(f"CASE WHEN {title} = 1 THEN '{title}' END" for title in CONSENTS.values())
        given = f"list_filter([{given}], lambda title: title IS NOT NULL)"
    work.db.execute(
        f"INSERT INTO live BY NAME SELECT lower(email) AS key, email, subid AS id, "
        f"[{', '.join(map(_cell, goal.attributes))}]::VARCHAR[] AS cells, tags, coalesce(accept, 1) = 1 AS willing, "
        f"coalesce(enabled, 1) = 1 AS able, {given} AS given, coalesce(needs_gdpr_consent, 0) = 1 AS deciding, "
        f"created AS since, coalesce(lastsent_date, 0) <> 0 AS mailed "
        f"FROM (SELECT *{unread} FROM {json_lines(needed)})",
        [str(file)],
    )


def _spare(goal: Goal) -> set[str]:
    """What of a recipient's row is not compared; it is not taken out of the answers, since that takes time."""
    names = {each.name for each in goal.attributes}
    spare = {name for name in (*BUILT_IN, "html") if name not in names}
    if not _custom(goal):
        spare.add("user_defined_fields")
    if not goal.tags and TAGS not in names:
        spare.add("tags")
    if not goal.consents:
        spare |= {*CONSENTS.values(), "needs_gdpr_consent", "lastsent_date"}
    return spare


def _cell(attribute: Attribute) -> str:
    """SQL for the live value that a cell of the source is compared with."""
    match attribute:
        case Attribute(how="unread" | "consent" | "tags"):
            return "''"
        case Attribute(how="flag"):
            return f"CAST(coalesce({attribute.name}, 1) AS VARCHAR)"
        case Attribute(name=name) if name in BUILT_IN:
            return f"coalesce({name}, '')"
    key = literal(attribute.name)
    return f"""coalesce(list_filter(user_defined_fields, lambda x: x."Key" = {key})[1]."Value", '')"""


def add_members(work: WorkspaceDb, rows: Iterable[Mapping[str, Any]]) -> None:
    """Take in rows of the entity ListSub."""
    for file in work.batches(rows):
        add_member_file(work, file)


def add_member_file(work: WorkspaceDb, file: Path) -> None:
    """Take in a file of JSON lines, each a row of the entity ListSub; those of other lists are left out."""
    ids = [int(id_) if id_ else None for (id_,) in work.rows("SELECT id FROM target ORDER BY number")]
    work.db.execute(
        "INSERT INTO member SELECT subid, list_position($ids::BIGINT[], listid) - 1, status = 1, coalesce(subdate, 0), "
        f"coalesce(unsubdate, 0) FROM {json_lines(MEMBER).replace('?', '$file')} "
        "WHERE list_contains($ids::BIGINT[], listid)",
        {"ids": ids, "file": str(file)},
    )


def reload(work: WorkspaceDb, task: Task, goal: Goal, emails: Sequence[str]) -> None:
    """Read a few people, and where they are, once more."""
    rows = list(entity_rows(task.client, "Recipient", [equals("email", email) for email in emails]))
    subids = [row["subid"] for row in rows]
    for table in ("live", "member"):
        work.db.execute(f"DELETE FROM {table} WHERE id IN (SELECT unnest(?::BIGINT[]))", [subids])
    add_recipients(work, rows, goal)
    add_members(work, entity_rows(task.client, "ListSub", [equals("subid", subid) for subid in subids]))
