"""Both sides of an audience as columns: who is wanted, who is in the group, who is excluded from it. All in duckdb.

Tables beside those of ``providers.audience.bench``: ``unwanted`` (the file to exclude), ``live`` (who is included, with
the values that are compared), ``excluded`` (who is, or was seen to be), ``several`` (addresses that several contacts
have), ``need`` (one row a person who lacks something), ``excluding`` and ``leaving`` (whom a sync takes out).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

from reconcile.providers.audience.bench import Bench, json_lines, live_key, opened
from reconcile.providers.audience.memory import GONE
from reconcile.providers.audience.source import Form, quoted
from reconcile.providers.audience.texts import key_of

ADDRESS: Final = "emailLogin"
BUILT_IN: Final = ("firstName", "lastName", "title", "positionInCompany", "companyName")
FORM: Final = Form(ADDRESS, 254)
_EXACT: Final = 2**53  # whole numbers beyond it are compared as texts


@dataclass(frozen=True, slots=True)
class Goal:
    """What an audience wants: the attributes that its source has (without the address), in the group of that id.

    ``group`` is None while the group does not exist.
    """

    columns: tuple[str, ...]
    group: str | None
    sync: bool = False

    @property
    def custom(self) -> tuple[str, ...]:
        """Those that are contact fields of the instance."""
        return tuple(name for name in self.columns if name not in BUILT_IN)


def workbench(key: bytes) -> AbstractContextManager["Workbench"]:
    """A workbench of its own; all that was on it is gone afterwards."""
    return opened(Workbench, key)


class Workbench(Bench):
    """One comparison, and what is needed to carry it out."""

    # Both sides

    def nobody_unwanted(self) -> None:
        """Fill ``unwanted`` with nobody."""
        self.db.execute("CREATE OR REPLACE TEMP TABLE unwanted (key VARCHAR, email VARCHAR)")

    def clear_live(self, goal: Goal) -> None:
        """Forget what the platform has."""
        values = "".join(f", v{number} VARCHAR, n{number} DOUBLE" for number in range(len(goal.columns)))
        self.db.execute(f"CREATE OR REPLACE TABLE live (key VARCHAR, email VARCHAR, id VARCHAR{values})")
        self.db.execute("CREATE OR REPLACE TABLE excluded (key VARCHAR)")
        self.db.execute("CREATE OR REPLACE TABLE several (key VARCHAR)")

    def add_included(self, rows: Iterable[Mapping[str, Any]], goal: Goal) -> None:
        """Take in contacts that are in the group."""
        columns = {"email": "VARCHAR", "id": "VARCHAR"}
        for number in range(len(goal.columns)):
            columns |= {f"v{number}": "VARCHAR", f"n{number}": "DOUBLE"}
        others = [name for name in columns if name != "email"]
        for file in self.batches(_flat(rows, goal)):
            self.db.execute(
                f"INSERT INTO live SELECT {live_key('email')}, email, {', '.join(others)} FROM {json_lines(columns)}",
                [str(file)],
            )
            self.settle_keys("live")

    def add_excluded(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in contacts that are excluded. Nobody is ever taken out again: whoever was seen excluded stays out."""
        for file in self.batches({"email": row[ADDRESS]} for row in rows):
            self.db.execute(
                f"CREATE OR REPLACE TEMP TABLE met AS SELECT DISTINCT {live_key('email')} AS key "
                f"FROM {json_lines({'email': 'VARCHAR'})}",
                [str(file)],
            )
            self.settle_keys("met")
            self.db.execute("INSERT INTO excluded SELECT DISTINCT key FROM met ANTI JOIN excluded USING (key)")

    def add_several(self, addresses: Iterable[str]) -> None:
        """Take in addresses that several contacts have."""
        self.db.execute("INSERT INTO several SELECT unnest(?::VARCHAR[])", [[key_of(address) for address in addresses]])

    def number_excluded(self) -> int:
        """How many people are known to be excluded."""
        return self.number("SELECT count(*) FROM excluded")

    def are_excluded(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys whose person is known to be excluded."""
        query = "SELECT key FROM excluded WHERE key IN (SELECT unnest(?::VARCHAR[]))"
        return {key for (key,) in self.rows(query, [list(keys)])}

    # Marks

    def promote(self, goal: Goal) -> None:
        """Turn what was begun into what was done, as far as the group shows it; the rest stays in ``pending``."""
        if goal.group is None or not self.number("SELECT count(*) FROM pending"):
            return
        self.db.execute(
            "CREATE OR REPLACE TEMP TABLE shown AS SELECT DISTINCT marked(?, key) AS mark FROM live", [goal.group]
        )
        self.db.execute(
            "INSERT INTO mark SELECT mark, since FROM pending SEMI JOIN shown USING (mark) ANTI JOIN mark USING (mark)"
        )
        self.db.execute("DELETE FROM pending WHERE mark IN (SELECT mark FROM shown)")

    def part(self, goal: Goal, *, complete: bool) -> None:
        """Turn marks of who is not in the group any more into marks of who has gone, whom sync never takes out.

        Should they be there again, it was not us who put them there. Not ``complete``: only the wanted are known.
        """
        if goal.group is None or not self.number("SELECT count(*) FROM mark"):
            return
        known = "true" if complete else "mark IN (SELECT marked($1, key) FROM wanted)"
        self.db.execute(
            f"UPDATE mark SET mark = '{GONE}' || mark WHERE starts_with(mark, $1 || ':') AND {known} "
            "AND mark NOT IN (SELECT marked($1, key) FROM live)",
            [goal.group],
        )

    # The difference

    def compare(self, goal: Goal, *, complete: bool) -> None:
        """Fill ``need``, ``excluding`` and ``leaving``; not ``complete``: somebody who is wanted may be missing."""
        self.db.execute("INSERT INTO several SELECT key FROM live GROUP BY key HAVING count(DISTINCT id) > 1")
        differs = " OR ".join(["false", *(_differs(number, name) for number, name in enumerate(goal.columns))])
        # Who is there is written to under the address that they have there.
        written = "w.* REPLACE (coalesce(l.email, w.email) AS email)"
        lacking = f"SELECT {written}, l.key IS NULL AS joining FROM wanted w LEFT JOIN live l ON l.key = w.key"
        barred = " ".join(f"ANTI JOIN {table} ON {table}.key = c.key" for table in ("excluded", "unwanted", "several"))
        self.db.execute(
            f"CREATE OR REPLACE TABLE need AS SELECT c.* FROM ({lacking} WHERE l.key IS NULL OR {differs}) c {barred}"
        )
        self._spare_the_removed(goal)
        self.db.execute(
            "CREATE OR REPLACE TABLE excluding AS SELECT u.key, u.email, l.key IS NOT NULL AS here FROM unwanted u "
            "LEFT JOIN (SELECT DISTINCT key FROM live) l ON l.key = u.key ANTI JOIN excluded e ON e.key = u.key"
        )
        self._leave(goal, complete=complete)

    def _spare_the_removed(self, goal: Goal) -> None:
        """Whom this audience put in the group and who is not there any more was taken out by somebody: not again."""
        self.db.execute(
            "CREATE OR REPLACE TABLE spared AS SELECT key FROM need "
            f"WHERE joining AND '{GONE}' || marked(?, key) IN (SELECT mark FROM mark)",
            [goal.group],
        )
        self.db.execute("DELETE FROM need WHERE joining AND key IN (SELECT key FROM spared)")

    def _leave(self, goal: Goal, *, complete: bool) -> None:
        barred = " ".join(f"ANTI JOIN {table} ON {table}.key = l.key" for table in ("wanted", "unwanted", "excluded"))
        self.db.execute(
            f"CREATE OR REPLACE TABLE leaving AS SELECT l.id, l.key FROM live l {barred} "
            f"WHERE {goal.sync and complete} AND marked(?, l.key) IN (SELECT mark FROM mark)",
            [goal.group],
        )

    def number_ours(self, goal: Goal) -> int:
        """How many people are in the group because this audience put them there."""
        query = "SELECT count(DISTINCT key) FROM live WHERE marked(?, key) IN (SELECT mark FROM mark)"
        return self.number(query, [goal.group])


def _flat(rows: Iterable[Mapping[str, Any]], goal: Goal) -> Iterator[dict[str, Any]]:
    """Contacts with the compared values as texts (``v``), and as numbers (``n``) where they are some."""
    built_in = [(f"v{number}", name) for number, name in enumerate(goal.columns) if name in BUILT_IN]
    custom = [(number, name) for number, name in enumerate(goal.columns) if name not in BUILT_IN]
    for row in rows:
        flat: dict[str, Any] = {"email": row[ADDRESS], "id": str(row["id"])}
        for text, name in built_in:
            flat[text] = row.get(name)
        for number, name in custom:
            value = _field(row.get("fields") or {}, name)
            flat[f"v{number}"] = value if value is None or isinstance(value, str) else _text(value)
            if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _EXACT:
                flat[f"n{number}"] = value
        yield flat


def _field(fields: Mapping[str, Any], name: str) -> Any:
    """The value of a contact field; the platform does not mind case."""
    if name in fields:
        return fields[name]
    lower = name.lower()
    return next((value for found, value in fields.items() if found.lower() == lower), None)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _differs(number: int, name: str) -> str:
    """SQL; an empty cell of the source says nothing about a person, so it differs from nothing."""
    wanted, text = f"w.{quoted(f'w_{name}')}", f"l.v{number}"
    same = [
        f"{wanted} = {text}",
        f"TRY_CAST({wanted} AS DOUBLE) = l.n{number}",
        f"({text} IN ('true', 'false') AND lower({wanted}) = {text})",
    ]
    return f"({wanted} <> '' AND NOT ({' OR '.join(f'coalesce({each}, false)' for each in same)}))"
