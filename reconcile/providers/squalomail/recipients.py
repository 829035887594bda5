"""Both sides of an audience as columns: who is wanted, who is there, and who differs how. All in duckdb.

Tables: ``wanted`` (one row a person of the source), ``live`` and ``member`` (what the platform has), ``mark`` and
``pending`` (keyed digests of what this audience did, or began), ``need`` (one row a person who lacks something),
``leaving`` (whom a sync takes off a list). Nothing of it outlives the run; what duckdb spills goes to a private folder.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from reconcile.providers.audience.bench import Bench, json_lines, live_key, opened
from reconcile.providers.audience.source import literal
from reconcile.providers.squalomail.cheapest import Need
from reconcile.providers.squalomail.source import CONSENT, says

BUILT_IN: Final = ("name", "surname", "phone", "ip")
_NEVER_IMPORTED: Final = ("ip", "html")  # no column of an import is known for them
CONSENTS: Final = ("gdpr_can_send", "gdpr_can_track")
_LATE: Final = 6 * 3600  # seconds after which what was begun does not come any more
# SQL for a member whom this audience put there, and who has not left and joined again since.
OURS: Final = "(marked(CAST(listid AS VARCHAR), key), subdate) IN (SELECT (mark, since) FROM mark)"

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
OFF: Final = (
    "off@"  # before a list's id in marks: whom this audience took off it, with the time that the platform noted
)


@dataclass(frozen=True, slots=True)
class Goal:
    """What an audience wants of everybody in its source.

    ``columns`` are the attributes that the source has, without the address. ``lists`` are the ids, None for a list
    that does not exist yet. ``consents`` has the wanted value of each consent that is declared; None: a column says it.
    """

    columns: tuple[str, ...]
    lists: tuple[int | None, ...]
    tags: tuple[str, ...] = ()
    consents: Mapping[str, bool | None] = field(default_factory=dict)
    sync: bool = False

    @property
    def compared(self) -> tuple[str, ...]:
        """The attributes that can be compared: a recipient's gender is read as a number whose meaning nobody tells."""
        return tuple(name for name in self.columns if name != "gender")

    @property
    def custom(self) -> tuple[str, ...]:
        """Those that are custom fields."""
        return tuple(name for name in self.compared if name not in (*BUILT_IN, "html"))


def workbench(key: bytes) -> AbstractContextManager["Workbench"]:
    """A workbench of its own; all that was on it is gone afterwards."""
    return opened(Workbench, key)


class Workbench(Bench):
    """One comparison, and what is needed to carry it out."""

    # Both sides

    def nobody_unwanted(self) -> None:
        """Fill ``unwanted`` with nobody."""
        self.db.execute("CREATE OR REPLACE TEMP TABLE unwanted (key VARCHAR, email VARCHAR)")

    def leave_out_unwanted(self) -> int:
        """Take who is to be left out from those who are wanted; how many they are."""
        left_out = self.number("SELECT count(*) FROM wanted SEMI JOIN unwanted USING (key)")
        if left_out:
            self.db.execute("DELETE FROM wanted WHERE key IN (SELECT key FROM unwanted)")
        return left_out

    def clear_live(self, custom: Sequence[str]) -> None:
        """Forget what the platform has; ``custom`` are the fields that will be compared."""
        columns = [f"{name} {type_}" for name, type_ in LIVE.items() if name not in ("email", "user_defined_fields")]
        columns += [f"{_name('f', name)} VARCHAR" for name in custom]
        self.db.execute(f"CREATE OR REPLACE TABLE live (key VARCHAR, {', '.join(columns)})")
        self.db.execute(
            "CREATE OR REPLACE TABLE member AS SELECT * FROM (SELECT NULL::BIGINT AS listid, NULL::BIGINT AS subid, "
            "NULL::INTEGER AS status, NULL::BIGINT AS subdate, NULL::BIGINT AS unsubdate) WHERE false"
        )

    def add_recipients(self, rows: Iterable[Mapping[str, Any]], custom: Sequence[str]) -> None:
        """Take in rows of the entity Recipient."""
        for file in self.batches(rows):
            self.add_recipient_file(file, custom)

    def add_recipient_file(self, file: Path, custom: Sequence[str]) -> None:
        """Take in a file of JSON lines, each a row of the entity Recipient."""
        plain = [name for name in LIVE if name not in ("email", "user_defined_fields")]
        fields = [
            f'list_filter(user_defined_fields, lambda x: x."Key" = {literal(name)})[1]."Value"' for name in custom
        ]
        selected = ", ".join([live_key("email"), *plain, *fields])
        needed = LIVE if custom else {name: type_ for name, type_ in LIVE.items() if name != "user_defined_fields"}
        self.db.execute(f"INSERT INTO live SELECT {selected} FROM {json_lines(needed)}", [str(file)])
        self.settle_keys("live")

    def add_members(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in rows of the entity ListSub."""
        for file in self.batches(rows):
            self.add_member_file(file)

    def add_member_file(self, file: Path) -> None:
        """Take in a file of JSON lines, each a row of the entity ListSub."""
        self.db.execute(
            f"INSERT INTO member SELECT listid, subid, status, coalesce(subdate, 0), coalesce(unsubdate, 0) "
            f"FROM {json_lines(MEMBER)}",
            [str(file)],
        )

    def forget(self, subids: Iterable[int]) -> None:
        """Drop some recipients and their memberships, so that they can be taken in again."""
        known = list(subids)
        for table in ("live", "member"):
            self.db.execute(f"DELETE FROM {table} WHERE subid IN (SELECT unnest(?::BIGINT[]))", [known])

    # Marks

    def promote(self, lists: Sequence[int | None]) -> None:
        """Turn what was begun into what was done, as far as the live side shows it; the rest stays in ``pending``.

        Who joined long after it was begun came by themselves.
        """
        if not self.number("SELECT count(*) FROM pending"):
            return
        known = ", ".join(str(listid) for listid in lists if listid is not None)
        shown = "SELECT marked('recipient', key) AS mark, created AS since FROM live"
        if known:
            shown += (
                " UNION ALL SELECT marked(CAST(listid AS VARCHAR), key), subdate FROM member JOIN live USING (subid) "
                f"WHERE status = 1 AND listid IN ({known})"
            )
        self.db.execute(
            f"CREATE OR REPLACE TEMP TABLE shown AS SELECT mark, max(shown.since) AS since FROM ({shown}) shown "
            f"JOIN pending USING (mark) WHERE shown.since <= pending.since + {_LATE} GROUP BY mark"
        )
        self.db.execute("DELETE FROM mark WHERE mark IN (SELECT mark FROM shown)")
        self.db.execute("INSERT INTO mark SELECT mark, since FROM shown")
        self.db.execute("DELETE FROM pending WHERE mark IN (SELECT mark FROM shown)")

    # The difference

    def compare(self, goal: Goal, wanted: str = "wanted") -> None:
        """Fill ``need``, and ``leaving`` for a sync, from what is on the bench."""
        owing = self.number("SELECT count(*) FROM pending") > 0
        self._find_taken_off(goal)
        self.db.execute(_need(goal, wanted, owing=owing))
        self._spare_the_removed(goal)
        self._leave(goal)

    def _find_taken_off(self, goal: Goal) -> None:
        """Fill ``ours_off``: who reads exactly as after our own call that took them off a list."""
        known = ", ".join(str(listid) for listid in goal.lists if listid is not None)
        where = f"status <> 1 AND listid IN ({known}) AND unsubdate > 0" if known else "false"
        self.db.execute(
            "CREATE OR REPLACE TABLE ours_off AS SELECT DISTINCT subid, listid FROM "
            f"(SELECT subid, listid, unsubdate, key FROM member JOIN live USING (subid) WHERE {where}) "
            f"WHERE (marked('{OFF}' || CAST(listid AS VARCHAR), key), unsubdate) IN (SELECT (mark, since) FROM mark)"
        )

    def _spare_the_removed(self, goal: Goal) -> None:
        """Who was put somewhere by this audience and is not there any more was removed by somebody: not again."""
        if not self.number("SELECT count(*) FROM mark"):
            return
        places = ["recipient", *(str(listid) for listid in goal.lists if listid is not None)]
        for place in places:
            self.db.execute(
                "UPDATE need SET deleted = true WHERE is_new AND marked(?, key) IN (SELECT mark FROM mark)", [place]
            )
        for index, listid in enumerate(goal.lists):
            if listid is not None:
                self.db.execute(
                    f"UPDATE need SET s_{index} = false, taken_off = true WHERE s_{index} AND NOT deleted "
                    "AND marked(?, key) IN (SELECT mark FROM mark)",
                    [str(listid)],
                )

    def _leave(self, goal: Goal) -> None:
        known = ", ".join(str(listid) for listid in goal.lists if listid is not None)
        where = f"status = 1 AND listid IN ({known})" if goal.sync and known else "false"
        self.db.execute(
            "CREATE OR REPLACE TABLE leaving AS SELECT subid, listid, key, accept FROM member JOIN live USING (subid) "
            f"ANTI JOIN wanted USING (key) WHERE {where} "
            f"AND {OURS}"
        )

    def groups(self, goal: Goal) -> dict[Need, int]:
        """How many people there are of each sort that lacks attributes, tags or lists."""
        masks = mask_of(goal)
        found = self.rows(
            f"SELECT is_new, attributes, tags, {masks}, importable, count(*) FROM need WHERE NOT deleted GROUP BY ALL"
        )
        return {
            Need(new, attributes, tags, lists, importable): count
            for new, attributes, tags, lists, importable, count in found
            if new or attributes or tags or lists
        }


def mask_of(goal: Goal) -> str:
    """SQL for the lists to join as a bit mask."""
    return " + ".join(
        ["0", *(f"(CASE WHEN s_{index} THEN {1 << index} ELSE 0 END)" for index in range(len(goal.lists)))]
    )


def _need(goal: Goal, wanted: str, *, owing: bool) -> str:
    """One row for everybody who lacks anything, or is denied something; ``importable`` and the rest as in Need."""
    joins, statuses, was_there = "", [], ["false"]
    for index, listid in enumerate(goal.lists):
        if listid is not None:
            joins += f" LEFT JOIN member m{index} ON m{index}.subid = l.subid AND m{index}.listid = {listid}"
            joins += f" LEFT JOIN ours_off o{index} ON o{index}.subid = l.subid AND o{index}.listid = {listid}"
            # Whom we took off is as good as never there; an import would not bring them back, a call does.
            statuses.append(f"CASE WHEN o{index}.subid IS NULL THEN m{index}.status END")
            was_there.append(f"m{index}.status <> 1")
        else:
            statuses.append("NULL")
    here = "l.subid IS NOT NULL"
    willing = "coalesce(l.accept, 1) = 1"
    left = " OR ".join(["false", *(f"coalesce({status}, 1) <> 1" for status in statuses)])
    selected = [
        "w.*",
        "l.subid AS subid",
        f"NOT ({here}) AS is_new",
        f"{here} AND ({_differs(goal)}) AS attributes",
        f"({_lacks_tags(goal)}) AS tags",
        *(f"({status} IS NULL AND {willing}) AS s_{index}" for index, status in enumerate(statuses)),
        f"({willing} AND coalesce(l.enabled, 1) = 1 AND NOT coalesce({' OR '.join(was_there)}, false) "
        f"AND {_fits_import(goal)}) AS importable",
        f"({here} AND (NOT {willing} OR {left})) AS opted_out",
        *(f"{_grant(goal, title, owing=owing)} AS grant_{title}" for title in CONSENTS),
        *(f"{_denied(goal, title, owing=owing)} AS denied_{title}" for title in CONSENTS),
        *(f"{_revoke(goal, title)} AS revoke_{title}" for title in CONSENTS),
        "false AS deleted",
        "false AS taken_off",
        *(f"l.{_live(name)} AS {_name('l', name)}" for name in goal.compared),
    ]
    lacking = ["is_new", "attributes", "tags", *(f"s_{index}" for index in range(len(statuses)))]
    lacking += [f"{what}_{title}" for what in ("grant", "denied", "revoke") for title in CONSENTS]
    if goal.lists:
        lacking.append("opted_out")
    return (
        f"CREATE OR REPLACE TABLE need AS SELECT * FROM (SELECT {', '.join(selected)} FROM {wanted} w "
        f"LEFT JOIN live l ON l.key = w.key{joins}) WHERE {' OR '.join(lacking)}"
    )


def _differs(goal: Goal) -> str:
    """An empty cell of the source says nothing about a person, so it differs from nothing."""
    return " OR ".join(["false", *(_differs_in(name) for name in goal.compared)])


def _differs_in(name: str) -> str:
    wanted = f"w.{_name('w', name)}"
    if name == "html":
        return f"({wanted} <> '' AND {says(wanted, yes=True)} <> (coalesce(l.html, 1) = 1))"
    return f"({wanted} <> '' AND {wanted} <> coalesce(l.{_live(name)}, ''))"


def _lacks_tags(goal: Goal) -> str:
    if not goal.tags:
        return "false"
    tags = ", ".join(literal(tag) for tag in goal.tags)
    return f"NOT list_has_all(coalesce(l.tags, []), [{tags}])"


def _fits_import(goal: Goal) -> str:
    """An import overwrites with what its row has, and a live gender can't be read; header names are in lower case."""
    if any(name != name.lower() or name in _NEVER_IMPORTED for name in goal.columns):
        return "false"
    return "(l.subid IS NULL OR w.w_gender <> '')" if "gender" in goal.columns else "true"


def _says(goal: Goal, title: str, *, yes: bool) -> str:
    """SQL for whether the entry, or a person's row, says that a consent is given, or that it is refused."""
    if title not in goal.consents:
        return "false"
    declared = goal.consents[title]
    if declared is None:
        return says(f"w.{_name('w', CONSENT + title)}", yes=yes)
    return "true" if declared is yes else "false"


def _grant(goal: Goal, title: str, *, owing: bool) -> str:
    wanted = _says(goal, title, yes=True)
    return f"({wanted} AND (l.subid IS NULL OR (l.{title} = 0 AND {_undecided(title, owing=owing)})))"


def _denied(goal: Goal, title: str, *, owing: bool) -> str:
    """Who has not the wanted consent, and may have refused it."""
    wanted = _says(goal, title, yes=True)
    return f"({wanted} AND l.subid IS NOT NULL AND l.{title} = 0 AND NOT {_undecided(title, owing=owing)})"


def _undecided(title: str, *, owing: bool) -> str:
    """Whether nobody can have refused the consent; in doubt they may have.

    ``needs_gdpr_consent`` falls to 0 once both consents were decided. So where it is 1 and the other consent is given,
    this one was not decided. With neither given, one of them may have been refused: only who was brought in by this
    audience, is still owed the consent and never got a mail has not decided.
    """
    other = next(name for name in CONSENTS if name != title)
    owed = "false"
    if owing:
        noted = f"(SELECT max(since) FROM pending WHERE pending.mark = marked('{title}', w.key))"
        owed = f"(l.created <= {noted} + {_LATE} AND coalesce(l.lastsent_date, 0) = 0)"
    return f"(coalesce(l.needs_gdpr_consent, 0) = 1 AND (l.{other} = 1 OR {owed}))"


def _revoke(goal: Goal, title: str) -> str:
    return f"({_says(goal, title, yes=False)} AND coalesce(l.{title}, 0) = 1)"


def _live(name: str) -> str:
    return name if name in (*BUILT_IN, "html") else _name("f", name)


def _name(prefix: str, name: str) -> str:
    return '"' + f"{prefix}_{name}".replace('"', '""') + '"'
