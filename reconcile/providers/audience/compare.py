"""How the two sides of an audience differ, as long tables that static SQL makes.

- ``person``: whoever deserves a closer look, the source's side and the live one in a row.
- ``change``: person and attribute; what the source says otherwise.
- ``joining``, ``leaving``: person and target.
- ``barred``: person and reason why not; about one target, or none (``target`` is null): then they are left alone.
- ``consent``, ``denied``: person and consent to be granted or taken back, or that they may have refused.
- ``excluding``: who is to be kept out of the target from now on.
- ``need``: in sum, one row for everybody who lacks something that a call can bring.
"""

from typing import Final

from reconcile.providers.audience.goal import Goal, Traits
from reconcile.providers.audience.memory import GONE
from reconcile.providers.audience.workspace_db import LATE, RECIPIENT, WorkspaceDb

OFF: Final = "off@"  # before a target's id: whom this audience took off it, with the time that the platform noted

# Why somebody is left alone.
OPTED_OUT: Final = "opted out"
TAKEN_OFF: Final = "taken off"
DELETED: Final = "deleted"
SEVERAL: Final = "several"
EXCLUDED: Final = "excluded"

# Where people are and where they were, as bit masks. With one target there is one row a person.
_STANDING: Final = """
CREATE OR REPLACE TEMP VIEW standing AS SELECT id, CASE WHEN here THEN 1 ELSE 0 END AS here,
    CASE WHEN here THEN 0 ELSE 1 END AS gone FROM member
"""
_STANDINGS: Final = """
CREATE OR REPLACE TEMP VIEW standing AS SELECT id, bit_or(CASE WHEN here THEN 1::BIGINT << target ELSE 0 END) AS here,
    bit_or(CASE WHEN here THEN 0 ELSE 1::BIGINT << target END) AS gone FROM member GROUP BY id
"""
_PERSON: Final = """
CREATE OR REPLACE TABLE person AS
SELECT w.key, coalesce(l.email, w.email) AS email, w.cells, l.id, l.cells AS live_cells, l.numbers, l.tags,
    coalesce(l.willing, true) AS willing, coalesce(l.able, true) AS able, l.given, l.deciding, l.since, l.mailed,
    coalesce(m.here, 0) AS here, coalesce(m.gone, 0) AS gone
FROM asked w LEFT JOIN live l ON l.key = w.key LEFT JOIN standing m ON m.id = l.id
WHERE l.id IS NULL OR NOT l.willing OR coalesce(m.here, 0) <> $everywhere OR w.cells IS DISTINCT FROM l.cells
    OR (len($tags::VARCHAR[]) > 0 AND NOT list_has_all(coalesce(l.tags, []), $tags::VARCHAR[]))
    OR (len($granted::VARCHAR[]) > 0 AND NOT list_has_all(l.given, $granted::VARCHAR[]))
    OR (len($revoked::VARCHAR[]) > 0 AND list_has_any(l.given, $revoked::VARCHAR[]))
"""
# An empty cell of the source says nothing about a person, so it differs from nothing.
_CHANGE: Final = """
CREATE OR REPLACE TABLE change AS SELECT key, number FROM (
    SELECT key, generate_subscripts(cells, 1) AS number, unnest(cells) AS wanted, unnest(live_cells) AS live,
        unnest(coalesce(numbers, [])) AS exact FROM person WHERE id IS NOT NULL AND cells IS DISTINCT FROM live_cells
) JOIN attribute USING (number)
WHERE wanted <> '' AND NOT coalesce(CASE how
    WHEN 'text' THEN wanted = coalesce(live, '')
    WHEN 'value' THEN coalesce(wanted = live, false) OR coalesce(TRY_CAST(wanted AS DOUBLE) = exact, false)
        OR (live IN ('true', 'false') AND lower(wanted) = live)
    WHEN 'flag' THEN says_yes(wanted) = (live = '1')
    ELSE true END, false)
"""
_SEVERAL: Final = f"""
INSERT INTO barred SELECT key, NULL, '{SEVERAL}' FROM live SEMI JOIN person USING (key)
GROUP BY key HAVING count(DISTINCT id) > 1
"""
_JOINING: Final = """
CREATE OR REPLACE TABLE joining AS SELECT p.key, p.id, t.number AS target FROM person p, target t
WHERE ((p.here >> t.number) & 1) = 0
"""
# Who reads exactly as after our own call that took them off.
_BROUGHT_BACK: Final = f"""
CREATE OR REPLACE TABLE brought_back AS SELECT m.id, m.target FROM member m
JOIN person p USING (id) JOIN target t ON t.number = m.target
WHERE NOT m.here AND m.until > 0 AND t.id IS NOT NULL
    AND (marked('{OFF}' || t.id, p.key), m.until) IN (SELECT (mark, since) FROM mark)
"""
_OPTED_OUT: Final = f"""
INSERT INTO barred SELECT p.key, t.number, '{OPTED_OUT}' FROM person p CROSS JOIN target t
LEFT JOIN brought_back b ON b.id = p.id AND b.target = t.number
WHERE p.id IS NOT NULL AND (NOT p.willing OR (((p.gone >> t.number) & 1) = 1 AND b.id IS NULL))
"""
# Who was brought in by this audience and is not there any more was removed by somebody: not again.
_DELETED: Final = f"""
INSERT INTO barred SELECT DISTINCT key, NULL::INTEGER, '{DELETED}' FROM (
    SELECT key, '{RECIPIENT}' AS what FROM person WHERE id IS NULL
    UNION ALL SELECT p.key, t.id FROM person p, target t WHERE p.id IS NULL AND t.id IS NOT NULL
) WHERE marked(what, key) IN (SELECT mark FROM mark)
"""
_TAKEN_OFF: Final = f"""
INSERT INTO barred SELECT key, target, '{TAKEN_OFF}' FROM joining JOIN target t ON t.number = target
WHERE t.id IS NOT NULL AND (marked(t.id, key) IN (SELECT mark FROM mark)
    OR '{GONE}' || marked(t.id, key) IN (SELECT mark FROM mark))
"""
_SPARE: Final = """
DELETE FROM joining WHERE key IN (SELECT key FROM barred WHERE target IS NULL)
    OR (key, target) IN (SELECT (key, target) FROM barred WHERE target IS NOT NULL)
"""
_WISHED: Final = """
CREATE OR REPLACE TABLE wished AS
SELECT p.key, p.id, p.email, w.title, p.since, p.mailed, p.deciding, list_contains(p.given, w.title) AS given,
    list_has_any(p.given, w.others) AS decided, CASE WHEN w.cell IS NULL THEN w.yes
        WHEN says_yes(p.cells[w.cell]) THEN true WHEN says_no(p.cells[w.cell]) THEN false END AS yes
FROM person p CROSS JOIN wish w ANTI JOIN (SELECT key FROM barred WHERE target IS NULL) b ON b.key = p.key
"""
_OWED: Final = f"""
CREATE OR REPLACE TABLE owed AS SELECT DISTINCT key, title FROM wished
JOIN (SELECT mark, max(since) AS noted FROM pending GROUP BY mark) n ON n.mark = marked(title, key)
WHERE wished.since <= n.noted + {LATE} AND NOT wished.mailed
"""
# Whether the platform still waits for a decision falls to no once both consents were decided. So where it waits and the
# other consent is given, this one was not decided. With neither given, one of them may have been refused: only who was
# brought in by this audience, is still owed the consent and never got a mail has not decided.
_DECIDED: Final = """
CREATE OR REPLACE TABLE decided AS SELECT w.*, w.id IS NULL OR (w.deciding AND (w.decided OR o.key IS NOT NULL)) AS open
FROM wished w LEFT JOIN owed o ON o.key = w.key AND o.title = w.title
"""
_CONSENT: Final = """
CREATE OR REPLACE TABLE consent AS SELECT key, id, email, title, yes AS granted FROM decided
WHERE (yes AND NOT coalesce(given, false) AND open) OR (NOT yes AND coalesce(given, false))
"""
_DENIED: Final = """
CREATE OR REPLACE TABLE denied AS SELECT key, title FROM decided WHERE yes AND NOT given AND NOT open
"""
# An import overwrites with what its row has, so it must have a value for what can't be read.
_NEED: Final = """
CREATE OR REPLACE TABLE need AS SELECT * FROM (
    SELECT p.key, p.email, p.id, p.cells, p.live_cells, p.id IS NULL AS is_new, c.key IS NOT NULL AS attributes,
        NOT list_has_all(coalesce(p.tags, []), list_concat($tags::VARCHAR[], labels(p.cells[$labels]))) AS tags,
        coalesce(j.lists, 0) AS lists,
        $importable AND p.willing AND p.able AND p.gone = 0 AND (p.id IS NULL
            OR len(list_filter(list_select(p.cells, $unread::BIGINT[]), lambda cell: cell = '')) = 0) AS importable
    FROM person p LEFT JOIN (SELECT DISTINCT key FROM change) c ON c.key = p.key
    LEFT JOIN (SELECT key, bit_or(1::BIGINT << target) AS lists FROM joining GROUP BY key) j ON j.key = p.key
    ANTI JOIN (SELECT key FROM barred WHERE target IS NULL) b ON b.key = p.key
) WHERE (is_new AND $whole) OR (attributes AND NOT is_new) OR tags OR lists <> 0
"""
_EXCLUDING: Final = f"""
CREATE OR REPLACE TABLE excluding AS SELECT key, email FROM unwanted
ANTI JOIN (SELECT key FROM kept_out WHERE reason = '{EXCLUDED}') USING (key) WHERE $bars
"""
_LEAVING: Final = f"""
CREATE OR REPLACE TABLE leaving AS SELECT m.id, m.target, m.since, l.key, l.willing FROM member m JOIN live l USING (id)
ANTI JOIN wanted w ON w.key = l.key ANTI JOIN (SELECT key FROM unwanted WHERE $bars) u ON u.key = l.key
ANTI JOIN (SELECT key FROM kept_out WHERE reason = '{EXCLUDED}') k ON k.key = l.key WHERE m.here AND $sync
"""
# SQL for a row of ``leaving`` or the like who was put there by this audience, and has not left and joined again since.
_OURS: Final = """
(marked(t.id, l.key) IN (SELECT mark FROM mark)
    AND (NOT $dated OR (marked(t.id, l.key), l.since) IN (SELECT (mark, since) FROM mark)))
"""


def compare(work: WorkspaceDb, goal: Goal, traits: Traits, *, complete: bool = True) -> None:
    """Fill the tables from both sides; not ``complete``: somebody who is wanted may be missing, so nobody leaves."""
    tags = list(goal.tags)
    work.db.execute(_STANDING if len(goal.targets) == 1 else _STANDINGS)
    work.db.execute(
        _PERSON,
        {
            "everywhere": (1 << len(goal.targets)) - 1,
            "tags": tags,
            "granted": [title for title, yes in goal.consents.items() if yes is True],
            "revoked": [title for title, yes in goal.consents.items() if yes is False],
        },
    )
    work.db.execute("CREATE OR REPLACE TABLE barred AS SELECT key, NULL::INTEGER AS target, reason FROM kept_out")
    for statement in (_CHANGE, _SEVERAL, _JOINING, _BROUGHT_BACK, _OPTED_OUT, _SPARE):
        work.db.execute(statement)
    if work.number("SELECT count(*) FROM mark"):
        if traits.whole:
            work.db.execute(_DELETED)
            work.db.execute(_SPARE)
        work.db.execute(_TAKEN_OFF)
        work.db.execute(_SPARE)
    for statement in (_WISHED, _OWED, _DECIDED, _CONSENT, _DENIED):
        work.db.execute(statement)
    need = {"tags": tags, "importable": goal.importable, "unread": goal.numbers("unread"), "whole": traits.whole}
    work.db.execute(_NEED, need | {"labels": next(iter(goal.numbers("tags")), 0)})
    work.db.execute(_EXCLUDING, {"bars": traits.bars})
    work.db.execute(_LEAVING, {"bars": traits.bars, "sync": goal.sync and complete})
    work.db.execute(
        "DELETE FROM leaving WHERE (id, target) NOT IN "
        f"(SELECT (l.id, l.target) FROM leaving l JOIN target t ON t.number = l.target WHERE {_OURS})",
        {"dated": traits.dated},
    )


def number_ours(work: WorkspaceDb, traits: Traits) -> int:
    """How many people are somewhere because this audience put them there."""
    return work.number(
        "SELECT count(DISTINCT l.id) FROM (SELECT m.id, m.target, m.since, l.key FROM member m JOIN live l USING (id) "
        f"WHERE m.here) l JOIN target t ON t.number = l.target WHERE {_OURS}",
        {"dated": traits.dated},
    )


def promote(work: WorkspaceDb, traits: Traits) -> None:
    """Turn what was begun into what was done, as far as the live side shows it; the rest stays in ``pending``.

    Who joined long after it was begun came by themselves.
    """
    if not work.number("SELECT count(*) FROM pending"):
        return
    work.db.execute(
        "CREATE OR REPLACE TEMP TABLE shown AS SELECT mark, max(coalesce(s.since, p.since)) AS since FROM ("
        f"SELECT marked('{RECIPIENT}', key) AS mark, since FROM live WHERE $whole UNION ALL "
        "SELECT marked(t.id, l.key), m.since FROM member m JOIN live l USING (id) JOIN target t ON t.number = m.target "
        f"WHERE m.here AND t.id IS NOT NULL) s JOIN pending p USING (mark) "
        f"WHERE s.since IS NULL OR s.since <= p.since + {LATE} GROUP BY mark",
        {"whole": traits.whole},
    )
    work.db.execute("DELETE FROM mark WHERE mark IN (SELECT mark FROM shown)")
    work.db.execute("INSERT INTO mark SELECT mark, since FROM shown")
    work.db.execute("DELETE FROM pending WHERE mark IN (SELECT mark FROM shown)")


def part(work: WorkspaceDb, goal: Goal, *, complete: bool) -> None:
    """Where the platform tells no dates: turn marks of who is not there any more into marks of who has gone.

    Should they be there again, it was not us who put them there, and sync never takes them out. Not ``complete``: only
    how the wanted stand is known.
    """
    if not work.number("SELECT count(*) FROM mark"):
        return
    for target in goal.known_targets:
        known = "true" if complete else "mark IN (SELECT marked($1, key) FROM wanted)"
        work.db.execute(
            f"UPDATE mark SET mark = '{GONE}' || mark WHERE starts_with(mark, $1 || ':') AND {known} "
            "AND mark NOT IN (SELECT marked($1, key) FROM live)",
            [target],
        )
