"""How what a file says of a contact is compared with what the platform has."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.providers.audience.compare import compare
from reconcile.providers.audience.goal import Attribute, Goal, Target
from reconcile.providers.audience.source import Loaded, load
from reconcile.providers.audience.workspace_db import WorkspaceDb, opened
from reconcile.providers.gatormail.audience_load import (
    FORM,
    GatorMailPlatform,
    add_excluded,
    add_included,
    excluded,
)
from tests.budget import examples

COLUMNS = {"emailLogin": "email", "firstName": "first", "Size": "size"}
GOAL = Goal((Attribute("firstName", "value"), Attribute("Size", "value")), (Target("group", "4"),))
TRAITS = GatorMailPlatform.traits
ADDRESS = "ada@example.com"
words = st.sampled_from(["Ada", "ada", "1", "1.0", "01", "true", "True", "", "9007199254740993", "x'y", 'a"b'])
values = words | st.sampled_from([None, True, False, 1, 1.0, 0, 2.5, 2**53 + 2])


def differs(folder: Path, source: tuple[str, str], live: tuple[Any, Any], field: str = "Size") -> bool:
    cells = ["" if not cell else '"' + cell.replace('"', '""') + '"' for cell in source]
    file = folder / "people.csv"
    file.write_text(f"email,first,size\n{ADDRESS},{cells[0]},{cells[1]}\n")
    with opened(b"key") as work:
        prepare(work, folder, COLUMNS, GOAL)
        contact = {"id": 1, "emailLogin": "ADA@example.com", "firstName": live[0], "fields": {field: live[1]}}
        add_included(work, [contact], GOAL)
        compare(work, GOAL, TRAITS)
        found = work.rows("SELECT key, is_new FROM need")
    assert found in ([], [(ADDRESS, False)])
    return bool(found)


def same(wanted: str, live: Any) -> bool:
    """The rule in plain words: an empty cell says nothing; numbers are compared as such, if they are exact."""
    if wanted == "" or wanted == live:
        return True
    if live is None:
        return False
    if isinstance(live, bool) or live in ("true", "false"):
        return wanted.lower() == str(live).lower()
    if isinstance(live, str):
        return False
    try:
        return wanted == str(live) or (abs(live) < 2**53 and float(wanted) == live)
    except ValueError:
        return False


@settings(max_examples=examples(15, 1500), deadline=None)
@given(source=st.tuples(words, words), first=words | st.none(), size=values)
def test_values(tmp_path_factory: pytest.TempPathFactory, source: tuple[str, str], first: Any, size: Any) -> None:
    folder = tmp_path_factory.mktemp("people")
    expected = not (same(source[0], first) and same(source[1], size))
    assert differs(folder, source, (first, size)) == expected
    assert differs(folder, source, (first, size), field="SIZE") == expected


def prepare(work: WorkspaceDb, folder: Path, columns: dict[str, str], goal: Goal) -> Loaded:
    loaded = load(work.db, folder, "people.csv", columns, work.scratch, FORM)
    work.want(goal)
    work.clear_live(TRAITS)
    return loaded


def test_an_address_has_one_case_and_is_seen_once(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("email\nAda@Example.com\nADA@example.com\nbea@example.com\n")
    with opened(b"key") as work:
        goal = Goal((), (Target("group", "4"),))
        loaded = prepare(work, tmp_path, {"emailLogin": "email"}, goal)
        add_excluded(work, [{"emailLogin": " ADA@EXAMPLE.COM "}] * 2)
        add_excluded(work, [{"emailLogin": "ada@example.com"}])
        assert work.number("SELECT count(*) FROM kept_out") == 1
        assert excluded(work, ["ada@example.com", "bea@example.com"]) == {"ada@example.com"}
        compare(work, goal, TRAITS)
        assert work.rows("SELECT key FROM need") == [("bea@example.com",)]
    assert (loaded.rejects, loaded.repeats) == ((), 1)
