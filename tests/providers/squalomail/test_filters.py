"""Filters that the builder writes, read by the emulator's parser: the same rows as the condition says in Python."""

import operator
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.providers.squalomail.filters import (
    ENTITIES,
    MAX_TERMS,
    Comparison,
    Condition,
    Either,
    EndsWith,
    Every,
    Inexpressible,
    Not,
    StartsWith,
    any_of,
    equals,
    render,
)
from reconcile.sandbox.filters import Column, parse, to_sql
from reconcile.sandbox.squalomail import data
from tests.world import NOW, World

COLUMNS = {
    "id": Column("id", text=False),
    "date": Column("date", text=False, nullable=True),
    "email": Column("email", text=True),
    "ip": Column("ip", text=True, nullable=True),
}
TYPES = {"id": int, "date": int, "email": str, "ip": str}
WORDS = [
    "",
    "a",
    "A",
    "ab",
    "b",
    "5",
    "à",
    "À",
    "a@e.test",
    'say "a"',
    "it's a",
    "&&",
    "||",
    "!a",
    "%",
    "_",
    "😀",
    "\\",
]
ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}

_comparisons = st.one_of(
    st.builds(Comparison, st.sampled_from(["id", "date"]), st.sampled_from(["==", "!=", *ORDER]), st.integers(-2, 4)),
    st.builds(
        Comparison, st.sampled_from(["email", "ip"]), st.sampled_from(["==", "!=", *ORDER]), st.sampled_from(WORDS)
    ),
)
_calls = st.one_of(
    st.builds(call, st.sampled_from(["email", "ip"]), st.sampled_from(WORDS)) for call in (StartsWith, EndsWith)
)
_conditions: st.SearchStrategy[Condition] = st.recursive(
    st.one_of(_comparisons, _calls),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        *(st.builds(group, st.lists(inner, max_size=3).map(tuple)) for group in (Every, Either)),
    ),
    max_leaves=8,
)
_rows = st.lists(
    st.fixed_dictionaries(
        {
            "date": st.none() | st.integers(-2, 4),
            "email": st.sampled_from(WORDS),
            "ip": st.none() | st.sampled_from(WORDS),
        }
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def table() -> Iterator[sqlite3.Connection]:
    """An empty table with the emulator's function for comparing letters beyond ASCII."""
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    connection.create_function("fold", 1, lambda text: text if text is None else text.lower(), deterministic=True)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, date INTEGER, email TEXT NOT NULL, ip TEXT)")
    yield connection
    connection.close()


@given(condition=_conditions, values=_rows, sensitive=st.booleans())
def test_what_is_built_selects_what_it_says(
    table: sqlite3.Connection, condition: Condition, values: list[dict[str, Any]], sensitive: bool
) -> None:
    rows = [{"id": number, **row} for number, row in enumerate(values)]
    expected = [row["id"] for row in rows if holds(condition, row, sensitive, negated=False)]
    try:
        source = render(condition)
    except Inexpressible:
        assert not expected
        return
    table.execute("DELETE FROM t")
    table.executemany("INSERT INTO t VALUES (:id, :date, :email, :ip)", rows)
    # Documented forms only: the strict parser takes all that is built.
    node = parse(source, tolerant=False)
    sql, parameters = ("1", []) if node is None else to_sql(node, COLUMNS, sensitive=sensitive)
    assert [row["id"] for row in table.execute(f"SELECT id FROM t WHERE {sql} ORDER BY id", parameters)] == expected


def holds(condition: Condition, row: dict[str, Any], sensitive: bool, *, negated: bool) -> bool:
    """What a condition, or its negation, means, said again in Python."""
    match condition:
        case Not(operand):
            return holds(operand, row, sensitive, negated=not negated)
        case Every(operands) | Either(operands):
            all_of_them = isinstance(condition, Every) is not negated
            return (all if all_of_them else any)(holds(one, row, sensitive, negated=negated) for one in operands)
        case Comparison(field, sign, value):
            return compared(row[field], sign, value, sensitive, negated)
        case StartsWith(field, text):
            return negated is not (row[field] is not None and str.startswith(*folded(row[field], text, sensitive)))
        case EndsWith(field, text):
            return negated is not (row[field] is not None and str.endswith(*folded(row[field], text, sensitive)))


def compared(left: Any, sign: str, right: Any, sensitive: bool, negated: bool) -> bool:
    if left is None:  # differs from every value; has no place in any order, whether negated or not
        return (sign == "!=") is not negated if sign in ("==", "!=") else False
    if isinstance(left, str):
        left, right = (side.encode() for side in folded(left, right, sensitive))
    if sign in ("==", "!="):
        return ((left == right) is (sign == "==")) is not negated
    return ORDER[sign](left, right) is not negated


def folded(value: str, text: str, sensitive: bool) -> tuple[str, str]:
    """As the emulator compares: without case, that of letters beyond ASCII only where such are sought."""
    if sensitive:
        return value, text
    if text.isascii():
        return ascii_lower(value), ascii_lower(text)
    return value.lower(), text.lower()


def ascii_lower(text: str) -> str:
    return "".join(char.lower() if char.isascii() else char for char in text)


EXAMPLES: list[tuple[str, Condition, list[str]]] = [
    ('email=="test@gmail.com"', Comparison("email", "==", "test@gmail.com"), ["test@gmail.com"]),
    (
        "created>1451606400",
        Comparison("created", ">", 1451606400),
        ["test@gmail.com", "late@example.com"],
    ),
    (
        "created>1451606400&&created<1454284800",
        Every((Comparison("created", ">", 1451606400), Comparison("created", "<", 1454284800))),
        ["test@gmail.com"],
    ),
    ('email.Endswith("gmail.com")', EndsWith("email", "gmail.com"), ["old@gmail.com", "test@gmail.com"]),
    ("!email.Endswith('gmail.com')", Not(EndsWith("email", "gmail.com")), ["late@example.com"]),
]
JOINED = {"old@gmail.com": 1451606400, "test@gmail.com": 1452000000, "late@example.com": 1454284800}


@pytest.fixture
def january() -> World:
    """Three recipients, created just before, in and just after January 2016."""
    world = World(may_send=True)
    for email, moment in JOINED.items():
        world.now = float(moment)
        world.api("create-recipient", email=email)
    world.now = NOW
    return world


@pytest.mark.parametrize(("printed", "condition", "rows"), EXAMPLES, ids=[example[0] for example in EXAMPLES])
def test_the_examples_of_the_vendor_page(january: World, printed: str, condition: Condition, rows: list[str]) -> None:
    """Each as the page prints it, and as the builder writes it, gives the right rows."""
    built = render(condition, "Recipient")
    assert built.replace('"', "'") == printed.replace('"', "'")
    for source in (printed, built):
        assert [row["email"] for row in january.rows("Recipient", source)] == rows


@pytest.mark.parametrize(
    ("condition", "source"),
    [
        (Not(Every((Comparison("a", "==", 1), StartsWith("b", "x")))), 'a!=1||!b.Startwith("x")'),
        (
            Every((Comparison("a", "==", 1), Either((Comparison("b", "==", 2), Comparison("c", "==", -3))))),
            "a==1&&b==2||a==1&&c==-3",
        ),
        (Comparison("a", "!=", 'say "hi"'), "a!='say \"hi\"'"),
        (Not(Not(Comparison("a", "<", "it's"))), 'a<"it\'s"'),
        (Not(Comparison("a", "<", 5)), "a>=5"),
        (Every(()), ""),
        (Either((Every(()), Comparison("a", "==", 1))), ""),
    ],
)
def test_how_conditions_are_written(condition: Condition, source: str) -> None:
    assert render(condition) == source


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        (Comparison("subject", "==", '"it\'s"'), "both kinds of quotes"),
        (StartsWith("subject", "\"'"), "both kinds of quotes"),
        (Comparison("subject", "=", "x"), "no operator ="),
        (Comparison("subject", "==", 1), "subject is a text"),
        (Comparison("mailid", "==", "1"), "mailid is a number"),
        (Comparison("mailid", "==", True), "not with bool"),
        (Comparison("mailid", "==", 1.5), "not with float"),  # type: ignore[arg-type]
        (Comparison("mailid", "==", 10**18), "larger than any number"),
        (Comparison("surname", "==", "x"), "none of the documented fields"),
        (EndsWith("mailid", "1"), "mailid is a number"),
        (Comparison("mailid==1||mailid", "==", 1), "no name of a field"),
        (Either(()), "no row can meet"),
        (Not(Every(())), "no row can meet"),
        (Either(tuple(Comparison("mailid", "==", n) for n in range(MAX_TERMS + 1))), "more than 250 terms"),
        (
            Every(tuple(Either((Comparison("mailid", "==", n), Comparison("mailid", "==", -n))) for n in range(60))),
            "more than 250 terms",
        ),
        (StartsWith("subject", "x" * 16_000), "characters"),
    ],
)
def test_what_the_documented_language_cannot_say_is_refused(condition: Condition, why: str) -> None:
    with pytest.raises(Inexpressible, match=why):
        render(condition, "Mail")


def test_the_documented_fields_are_those_of_the_emulator() -> None:
    assert {entity.lower() for entity in ENTITIES} == set(data.ENTITIES)
    for entity, fields in ENTITIES.items():
        columns = data.ENTITIES[entity.lower()].filterable
        assert {name: columns[name].text for name in fields} == {name: kind is str for name, kind in fields.items()}


@given(st.sampled_from(WORDS) | st.text(alphabet="ab\"' ", max_size=6))
def test_equals_finds_at_least_what_is_equal(text: str) -> None:
    node = parse(equals("email", text), tolerant=False)
    assert node is not None
    sql, parameters = to_sql(node, COLUMNS)
    with sqlite3.connect(":memory:") as connection:
        connection.create_function("fold", 1, str.lower)
        (found,) = connection.execute(f"SELECT {sql} FROM (SELECT ? AS email)", [*parameters, text]).fetchone()
    connection.close()
    assert found


def test_any_of_keeps_filters_short() -> None:
    conditions = [equals("mailid", number) for number in range(600)]
    filters = list(any_of(conditions))
    assert [len(together) for together in filters] == [250, 250, 100]
    assert [condition for together in filters for condition in together] == conditions
    assert list(any_of([])) == []
