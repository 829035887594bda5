"""The filter language of get-data: text to a tree, and the tree to SQL.

The vendor's page documents comparisons, ``&&``, ``||``, a ``!`` before the field, and the functions Startwith and
Endswith on texts. Everything else that is understood here is tolerance, and can be switched off: parentheses, a single
``=``, other spellings and functions, ``null``, ``true`` and ``false``, curly quotes (the page itself prints them) and
quotes with a back-slash before them (a public client sends them).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Literal = int | float | str | bool | None

_DEPTH = 100
_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\n]+)
      | (?P<and>&&) | (?P<or>\|\|)
      | (?P<operator>==|!=|>=|<=|>|<|=)
      | (?P<not>!)
      | (?P<open>\() | (?P<close>\)) | (?P<dot>\.)
      | "(?P<double>[^"]*)" | '(?P<single>[^']*)'
      | (?P<odd>\\"(?P<slashed>.*?)\\" | \\'(?P<slashed1>.*?)\\'
          | [“”„](?P<curly>[^“”„"]*)[“”"] | [‘’‚](?P<curly1>[^‘’‚']*)[‘’'])
      | (?P<number>-?[0-9]+(?:\.[0-9]+)?)
      | (?P<name>[A-Za-z][A-Za-z0-9_]*)""",
    re.VERBOSE | re.DOTALL,
)
_STRINGS = ("double", "single", "slashed", "slashed1", "curly", "curly1")
_FUNCTIONS = {
    "startwith": "startwith",
    "startswith": "startwith",
    "endwith": "endswith",
    "endswith": "endswith",
    "equals": "equals",
    "contains": "contains",
}
_DOCUMENTED_FUNCTIONS = ("Startwith", "Endswith")
_WORDS: Mapping[str, Literal] = {"true": True, "false": False, "null": None}


class FilterError(ValueError):
    """The filter can't be understood, or does not fit the entity; the message says what and where."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """``field operator literal``; the operator is one of == != > >= < <=."""

    field: str
    operator: str
    literal: Literal


@dataclass(frozen=True, slots=True)
class Call:
    """``field.function("text")``; the function is startwith, endswith, equals or contains."""

    field: str
    function: str
    text: str


@dataclass(frozen=True, slots=True)
class Not:
    """``!operand``."""

    operand: "Node"


@dataclass(frozen=True, slots=True)
class Group:
    """Two or more operands joined by ``&&`` (``every``) or by ``||``."""

    every: bool
    operands: tuple["Node", ...]


Node = Comparison | Call | Not | Group


@dataclass(frozen=True, slots=True)
class Column:
    """A field that filters may name: its SQL expression, and whether it holds text and may be null."""

    sql: str
    text: bool
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


def parse(source: str, *, tolerant: bool = True) -> Node | None:
    """The tree of a filter, ``None`` for an empty one; a ``FilterError`` says where it went wrong."""
    tokens = _tokens(source, tolerant)
    if len(tokens) == 1:
        return None
    parser = _Parser(tokens, tolerant)
    node = parser.any_of(0)
    parser.expect("end")
    return node


def to_sql(node: Node, columns: Mapping[str, Column], *, sensitive: bool = False) -> tuple[str, list[object]]:
    """A condition in SQL and its parameters; ``columns`` are keyed by the lower-case field name.

    The condition is never null: a comparison with a field that is null is false, and ``!=`` true.
    """
    return _Compiler(columns, sensitive).node(node)


def _tokens(source: str, tolerant: bool) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            raise FilterError(f"filter: unexpected {source[position]!r} at position {position}")
        kind, position = match.lastgroup or "", match.end()
        if kind == "blank":
            continue
        text = match.group()
        if match["odd"] is not None and not tolerant:
            raise FilterError(f"filter: unexpected {text[0]!r} at position {match.start()}")
        for name in _STRINGS:
            if match[name] is not None:
                kind, text = "string", match[name]
        tokens.append(_Token(kind, text, match.start()))
    tokens.append(_Token("end", "the end", position))
    return tokens


class _Parser:
    """Recursive only for parentheses, and those are counted; long chains are loops."""

    def __init__(self, tokens: Sequence[_Token], tolerant: bool) -> None:
        self._tokens = tokens
        self._tolerant = tolerant
        self._at = 0

    def any_of(self, depth: int) -> Node:
        operands = [self._every_of(depth)]
        while self._take("or"):
            operands.append(self._every_of(depth))
        return operands[0] if len(operands) == 1 else Group(False, tuple(operands))

    def expect(self, kind: str) -> _Token:
        token = self._take(kind)
        if token is None:
            raise self._unexpected()
        return token

    def _every_of(self, depth: int) -> Node:
        operands = [self._unary(depth)]
        while self._take("and"):
            operands.append(self._unary(depth))
        return operands[0] if len(operands) == 1 else Group(True, tuple(operands))

    def _unary(self, depth: int) -> Node:
        negated = False
        while self._take("not"):
            negated = not negated
        node = self._primary(depth)
        return Not(node) if negated else node

    def _primary(self, depth: int) -> Node:
        if self._tolerant and self._take("open"):
            if depth == _DEPTH:
                raise FilterError(f"filter: more than {_DEPTH} parentheses inside one another")
            node = self.any_of(depth + 1)
            self.expect("close")
            return node
        field = self.expect("name").text
        if self._take("dot"):
            return self._call(field)
        operator = self.expect("operator")
        if operator.text == "=" and not self._tolerant:
            raise FilterError(f"filter: unexpected '=' at position {operator.position}, it should be '=='")
        return Comparison(field, "==" if operator.text == "=" else operator.text, self._literal())

    def _call(self, field: str) -> Call:
        name = self.expect("name")
        function = _FUNCTIONS.get(name.text.lower())
        if function is None or not (self._tolerant or name.text in _DOCUMENTED_FUNCTIONS):
            raise FilterError(f"filter: unknown function {name.text!r} at position {name.position}")
        self.expect("open")
        text = self.expect("string").text
        self.expect("close")
        return Call(field, function, text)

    def _literal(self) -> Literal:
        if string := self._take("string"):
            return string.text
        if number := self._take("number"):
            return _number(number.text)
        word = self.expect("name")
        if not self._tolerant or word.text.lower() not in _WORDS:
            raise FilterError(f"filter: {word.text!r} at position {word.position} should be a number or in quotes")
        return _WORDS[word.text.lower()]

    def _take(self, kind: str) -> _Token | None:
        token = self._tokens[self._at]
        if token.kind != kind:
            return None
        self._at += 1
        return token

    def _unexpected(self) -> FilterError:
        token = self._tokens[self._at]
        if token.kind == "end":
            return FilterError("filter: it ends too early")
        return FilterError(f"filter: unexpected {token.text!r} at position {token.position}")


def _number(text: str) -> int | float:
    if "." in text or len(text) > 18:  # beyond 18 digits SQLite's integers end
        return float(text)
    return int(text)


@dataclass(frozen=True, slots=True)
class _OneOf:
    """``field`` equal to one of several values: what the compiler makes of a chain of equalities."""

    field: str
    literals: list[Literal]


class _Compiler:
    def __init__(self, columns: Mapping[str, Column], sensitive: bool) -> None:
        self._columns = columns
        self._sensitive = sensitive

    def node(self, node: Node | _OneOf) -> tuple[str, list[object]]:
        match node:
            case _OneOf():
                return self._one_of(node)
            case Comparison():
                return self._comparison(node)
            case Call():
                return self._call(node)
            case Not(operand):
                sql, parameters = self.node(operand)
                return f"NOT {sql}", parameters
            case Group(every, operands):
                parts = [self.node(part) for part in (operands if every else self._merged(operands))]
                return _balanced(parts, "AND" if every else "OR")

    def _merged(self, operands: Sequence[Node]) -> list[Node | _OneOf]:
        """Equalities of one field as one lookup: hundreds of ids then cost no more than a few."""
        merged: list[Node | _OneOf] = []
        sets: dict[str, list[Literal]] = {}
        for node in operands:
            if not isinstance(node, Comparison) or node.operator != "==" or not _mergeable(node):
                merged.append(node)
            elif node.field.lower() in sets:
                sets[node.field.lower()].append(node.literal)
            else:
                values = sets[node.field.lower()] = [node.literal]
                merged.append(_OneOf(node.field, values))
        return merged

    def _one_of(self, node: _OneOf) -> tuple[str, list[object]]:
        column = self._column(node.field)
        values = [_fitted(value, column, node.field) for value in node.literals]
        sql = f"{column.sql}{self._collate(column)} IN (SELECT value FROM json_each(?))"  # noqa: S608 - our own names
        return _never_null(sql, column, "0"), [json.dumps(values)]

    def _column(self, field: str) -> Column:
        column = self._columns.get(field.lower())
        if column is None:
            raise FilterError(f"filter: there is no field {field!r} to filter by")
        return column

    def _comparison(self, node: Comparison) -> tuple[str, list[object]]:
        column = self._column(node.field)
        if node.literal is None:
            return _null_test(node.operator, column)
        operator = {"==": "=", "!=": "<>"}.get(node.operator, node.operator)
        left, value = self._comparable(column, _fitted(node.literal, column, node.field))
        sql = f"{left} {operator} ?{self._collate(column)}"
        return _never_null(sql, column, "1" if operator == "<>" else "0"), [value]

    def _call(self, node: Call) -> tuple[str, list[object]]:
        column = self._column(node.field)
        if not column.text:
            raise FilterError(f"filter: {node.function} needs a text, and {node.field!r} is a number")
        if node.function == "equals":
            return self._comparison(Comparison(node.field, "==", node.text))
        left, text = self._comparable(column, node.text)
        if node.function == "contains":
            return self._contains(column, str(left), str(text))
        if not node.text:
            return (f"({column.sql} IS NOT NULL)", [])
        start = "1, ?" if node.function == "startwith" else "-?"
        sql = f"substr({left}, {start}) = ?{self._collate(column)}"
        return _never_null(sql, column, "0"), [len(str(text)), text]

    def _contains(self, column: Column, left: str, text: str) -> tuple[str, list[object]]:
        if not self._sensitive and text.isascii():
            left, text = f"lower({left})", text.lower()
        return _never_null(f"instr({left}, ?) > 0", column, "0"), [text]

    def _comparable(self, column: Column, value: object) -> tuple[str, object]:
        """SQLite compares ASCII letters without case by itself (and by index); other letters need our function."""
        if not column.text or self._sensitive or str(value).isascii():
            return column.sql, value
        return f"fold({column.sql})", str(value).lower()

    def _collate(self, column: Column) -> str:
        if not column.text:
            return ""
        return " COLLATE BINARY" if self._sensitive else " COLLATE NOCASE"


def _mergeable(node: Comparison) -> bool:
    return node.literal is not None and str(node.literal).isascii()


def _balanced(parts: list[tuple[str, list[object]]], word: str) -> tuple[str, list[object]]:
    """Join conditions pairwise: SQLite refuses expressions that are nested a thousand deep, and a chain would be."""
    while len(parts) > 1:
        pairs = [parts[at : at + 2] for at in range(0, len(parts), 2)]
        parts = [
            (f"({pair[0][0]} {word} {pair[1][0]})", pair[0][1] + pair[1][1]) if len(pair) == 2 else pair[0]
            for pair in pairs
        ]
    return parts[0]


def _fitted(value: Literal, column: Column, field: str) -> int | float | str:
    """The literal in the type of the field: ``listid=="5"`` is meant as a number."""
    if isinstance(value, bool):
        return str(value).lower() if column.text else int(value)
    if column.text:
        return str(value)
    if isinstance(value, str):
        if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):
            raise FilterError(f"filter: {field!r} is a number and can't be compared with {value!r}")
        return _number(value)
    return 0 if value is None else value


def _null_test(operator: str, column: Column) -> tuple[str, list[object]]:
    if operator == "==":
        return f"({column.sql} IS NULL)", []
    if operator == "!=":
        return f"({column.sql} IS NOT NULL)", []
    return "(0)", []


def _never_null(sql: str, column: Column, when_null: str) -> str:
    """Null would make a negation null as well; columns that are never null keep the form that can use an index."""
    return f"coalesce({sql}, {when_null})" if column.nullable else f"({sql})"
