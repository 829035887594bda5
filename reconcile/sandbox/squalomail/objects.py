"""The members of lists, newsletters, recipients and fields, which ``objects.yaml`` lists: as arguments, as answers."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconcile.sandbox.documents import read_yaml
from reconcile.sandbox.squalomail.arguments import Arguments

_OBJECTS: Mapping[str, Any] = read_yaml(Path(__file__).with_name("objects.yaml"))


def sent(kind: str, arguments: Arguments) -> dict[str, Any]:
    """What was sent of an object, by column."""
    members = _OBJECTS[kind]
    values = {name: arguments.text(name, limit=limit) for name, limit in members["texts"].items()}
    values |= {name: arguments.integer(name) for name in members.get("numbers", ())}
    values |= {name: arguments.boolean(name) for name in members["flags"]}
    values |= {name: arguments.texts(name) for name in members.get("arrays", ())}
    return {_column(kind, name): value for name, value in values.items() if value is not None}


def answered(kind: str, row: sqlite3.Row, **others: Any) -> dict[str, Any]:
    """An object as the functions answer it, with other members than those of the table; all in ordinal order."""
    members = _OBJECTS[kind]
    stored = {name: row[_column(kind, name)] for name in members["answers"]}
    flags = {name: bool(stored[name]) for name in members["flags"] if name in stored}
    return dict(sorted({**stored, **flags, **others}.items()))


def _column(kind: str, name: str) -> str:
    column: str = _OBJECTS[kind].get("columns", {}).get(name, name.lower())
    return column
