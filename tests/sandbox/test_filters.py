import contextlib
import sqlite3
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.sandbox import filters
from reconcile.sandbox.filters import Call, Column, Comparison, FilterError, Group, Not, parse
from reconcile.sandbox.store import _connect

COLUMNS = {
    "id": Column("id", text=False),
    "date": Column("date", text=False, nullable=True),
    "email": Column("email", text=True),
    "phone": Column("phone", text=True, nullable=True),
}
WORDS = ["", "a", "A", "ab", "b", "5", "Città", "CITTÀ", "a@e.test", "test", "%", "_", "😀"]


@pytest.mark.parametrize(
    ("source", "tree"),
    [
        ('email=="test@gmail.com"', Comparison("email", "==", "test@gmail.com")),
        ("created>1451606400", Comparison("created", ">", 1451606400)),
        (
            "created>1451606400&&created<1454284800",
            Group(True, (Comparison("created", ">", 1451606400), Comparison("created", "<", 1454284800))),
        ),
        ('email.Endswith("gmail.com")', Call("email", "endswith", "gmail.com")),
        ("!email.Endswith('gmail.com')", Not(Call("email", "endswith", "gmail.com"))),
        ("name.Startwith(“str”)", Call("name", "startwith", "str")),
    ],
)
def test_the_examples_of_the_vendor_page(source: str, tree: Any) -> None:
    assert parse(source) == tree


@pytest.mark.parametrize(
    ("source", "tree"),
    [
        ("subId=65", Comparison("subId", "==", 65)),
        (r"email==\"a@e.test\"", Comparison("email", "==", "a@e.test")),
        (" id == 1 ", Comparison("id", "==", 1)),
        ("(id==1)", Comparison("id", "==", 1)),
        ("!!id==1", Comparison("id", "==", 1)),
        ("unsubdate==null", Comparison("unsubdate", "==", None)),
        ("accept==true", Comparison("accept", "==", True)),
        ('name.STARTSWITH("x")', Call("name", "startwith", "x")),
        ("name.contains('x')", Call("name", "contains", "x")),
        ("price==-1.5", Comparison("price", "==", -1.5)),
        ("name=='say \"hi\"'", Comparison("name", "==", 'say "hi"')),
        ('name=="say “hi”"', Comparison("name", "==", "say “hi”")),
        (
            "id==1||id==2&&id==3",
            Group(
                False,
                (
                    Comparison("id", "==", 1),
                    Group(True, (Comparison("id", "==", 2), Comparison("id", "==", 3))),
                ),
            ),
        ),
    ],
)
def test_tolerance_and_precedence(source: str, tree: Any) -> None:
    assert parse(source) == tree


@pytest.mark.parametrize(
    "source",
    ["subId=65", r"email==\"x\"", "(id==1)", "id==null", "id==true", 'name.Contains("x")', "name.Startwith(“x”)"],
)
def test_documented_forms_only(source: str) -> None:
    parse(source)
    with pytest.raises(FilterError):
        parse(source, tolerant=False)


@pytest.mark.parametrize("source", ['email.Endswith("x")', "!email.Startwith('x')", "id==1&&id!=2||id>=3"])
def test_documented_forms_suffice(source: str) -> None:
    assert parse(source, tolerant=False) == parse(source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("id==", "filter: it ends too early"),
        ("id", "filter: it ends too early"),
        ("==1", "filter: unexpected '==' at position 0"),
        ("id==1 id==2", "filter: unexpected 'id' at position 6"),
        ("id==1&id==2", "filter: unexpected '&' at position 5"),
        ("email==abc", "filter: 'abc' at position 7 should be a number or in quotes"),
        ('email=="abc', "filter: unexpected '\"' at position 7"),
        ('email.Matches("x")', "filter: unknown function 'Matches' at position 6"),
        ("email.Endswith(5)", "filter: unexpected '5' at position 15"),
        ("(id==1", "filter: it ends too early"),
        ("(" * 101 + "id==1" + ")" * 101, "filter: more than 100 parentheses inside one another"),
    ],
)
def test_errors_say_where(source: str, message: str) -> None:
    with pytest.raises(FilterError) as error:
        parse(source)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("colour==1", "filter: there is no field 'colour' to filter by"),
        ('id.Endswith("5")', "filter: endswith needs a text, and 'id' is a number"),
        ('id=="five"', "filter: 'id' is a number and can't be compared with 'five'"),
    ],
)
def test_filters_that_do_not_fit_the_entity(source: str, message: str) -> None:
    node = parse(source)
    assert node is not None
    with pytest.raises(FilterError) as error:
        filters.to_sql(node, COLUMNS)
    assert str(error.value) == message


def test_an_empty_filter_is_none() -> None:
    assert parse("  ") is None


@pytest.mark.parametrize("term", ["id=={}", "id!={}", "email=='u{}'", "!email.Endswith('u{}')"])
@pytest.mark.parametrize("word", ["||", "&&"])
def test_a_thousand_terms(table: sqlite3.Connection, term: str, word: str) -> None:
    selected(table, word.join(term.format(number) for number in range(1000)), [])


def test_an_id_chain_uses_the_index(table: sqlite3.Connection) -> None:
    node = parse("||".join(f"id=={number}" for number in range(250)))
    assert node is not None
    sql, values = filters.to_sql(node, COLUMNS)
    plan = table.execute(f"EXPLAIN QUERY PLAN SELECT * FROM t WHERE {sql}", values).fetchall()
    assert any("USING INTEGER PRIMARY KEY" in row["detail"] for row in plan)


@pytest.fixture
def table() -> Any:
    connection = _connect(":memory:")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, date INTEGER, email TEXT NOT NULL, phone TEXT)")
    yield connection
    connection.close()


_numbers = st.sampled_from(["id", "date"])
_texts = st.sampled_from(["email", "phone"])
_operators = st.sampled_from(["==", "!=", ">", ">=", "<", "<="])
_leaves = st.one_of(
    st.builds(Comparison, _numbers, _operators, st.one_of(st.none(), st.booleans(), st.integers(-2, 4))),
    st.builds(Comparison, _texts, _operators, st.one_of(st.none(), st.sampled_from(WORDS))),
    st.builds(Call, _texts, st.sampled_from(["startwith", "endswith", "equals", "contains"]), st.sampled_from(WORDS)),
)
_trees = st.recursive(
    _leaves,
    lambda trees: st.one_of(
        st.builds(Not, trees),
        st.builds(Group, st.booleans(), st.lists(trees, min_size=2, max_size=5).map(tuple)),
    ),
    max_leaves=12,
)
_rows = st.lists(
    st.fixed_dictionaries(
        {
            "date": st.one_of(st.none(), st.integers(-2, 4)),
            "email": st.sampled_from(WORDS),
            "phone": st.one_of(st.none(), st.sampled_from(WORDS)),
        }
    ),
    max_size=6,
)


@given(tree=_trees, rows=_rows, sensitive=st.booleans())
@settings(max_examples=400, deadline=None)
def test_sql_agrees_with_an_oracle(tree: Any, rows: list[dict[str, Any]], sensitive: bool) -> None:
    rows = [{"id": number, **row} for number, row in enumerate(rows)]
    source = written(tree)
    parsed = parse(source)
    assert parsed is not None
    connection = _connect(":memory:")
    try:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, date INTEGER, email TEXT NOT NULL, phone TEXT)")
        connection.executemany("INSERT INTO t VALUES (:id, :date, :email, :phone)", rows)
        expected = [row["id"] for row in rows if holds(tree, row, sensitive)]
        assert selected(connection, source, [], sensitive=sensitive) == expected
    finally:
        connection.close()


@given(st.text(alphabet="ab=!&|()<>.\"'\\5 “”", max_size=30))
@settings(max_examples=300, deadline=None)
def test_any_text_parses_or_is_an_error(source: str) -> None:
    with contextlib.suppress(FilterError):
        parse(source)


def selected(connection: sqlite3.Connection, source: str, _: list[int], *, sensitive: bool = False) -> list[int]:
    node = parse(source)
    assert node is not None
    sql, values = filters.to_sql(node, COLUMNS, sensitive=sensitive)
    return [row["id"] for row in connection.execute(f"SELECT id FROM t WHERE {sql} ORDER BY id", values)]


def written(tree: Any) -> str:
    """The tree as a filter, with more parentheses than needed."""
    match tree:
        case Comparison(field, operator, literal):
            return f"{field}{operator}{shown(literal)}"
        case Call(field, function, text):
            return f"{field}.{function}('{text}')"
        case Not(operand):
            return f"!({written(operand)})"
        case Group(every, operands):
            return ("&&" if every else "||").join(f"({written(operand)})" for operand in operands)
    raise AssertionError(tree)


def shown(literal: Any) -> str:
    if isinstance(literal, str):
        return f'"{literal}"'
    return "null" if literal is None else str(literal).lower()


def holds(tree: Any, row: dict[str, Any], sensitive: bool) -> bool:
    """What a filter means, said again in Python."""
    match tree:
        case Not(operand):
            return not holds(operand, row, sensitive)
        case Group(every, operands):
            return (all if every else any)(holds(operand, row, sensitive) for operand in operands)
        case Call(field, function, text):
            value = row[field]
            if value is None:
                return False
            value, text = folded(value, text, sensitive)
            return {
                "startwith": value.startswith(text),
                "endswith": value.endswith(text),
                "equals": value == text,
                "contains": text in value,
            }[function]
        case Comparison(field, operator, literal):
            return compared(row[field], operator, literal, sensitive)
    raise AssertionError(tree)


def compared(value: Any, operator: str, literal: Any, sensitive: bool) -> bool:
    if literal is None or value is None:
        same = value is literal
        return {"==": same, "!=": not same}.get(operator, False)
    if isinstance(value, str):
        value, literal = folded(value, str(literal), sensitive)
        value, literal = value.encode(), literal.encode()
    return {
        "==": value == literal,
        "!=": value != literal,
        ">": value > literal,
        ">=": value >= literal,
        "<": value < literal,
        "<=": value <= literal,
    }[operator]


def folded(value: str, text: str, sensitive: bool) -> tuple[str, str]:
    if sensitive:
        return value, text
    return (ascii_lower(value), ascii_lower(text)) if text.isascii() else (value.lower(), text.lower())


def ascii_lower(text: str) -> str:
    return "".join(char.lower() if char.isascii() else char for char in text)
