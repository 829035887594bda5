"""get-data, function 14: eleven entities as rows, narrowed by a filter.

The members are those that the vendor's page documents, and those that were seen in answers; values are in the manner
of the underlying tables: 0 and 1 for booleans, lower-case names. Where page and tables spell a member differently,
both are answered.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconcile.sandbox import filters
from reconcile.sandbox.documents import read_yaml
from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.squalomail.arguments import Arguments
from reconcile.sandbox.squalomail.reply import Answer, Bare, invalid

_MODELS = "#SqualoMail.Data.ApplicationDatabase.Models"


@dataclass(frozen=True, slots=True)
class Entity:
    """One kind of row: its members in the order written, how SQL reads them, and which ones filters may name."""

    type: str
    table: str
    order: str
    members: tuple[str, ...]
    selected: Mapping[str, str]
    filterable: Mapping[str, filters.Column]


def get_data(account: Account, arguments: Arguments) -> Answer:
    """Function 14: a bare array of the entity's rows, by ascending id; a failure is an envelope instead."""
    name = arguments.required_text("entity")
    entity = ENTITIES.get(name.strip().lower())
    if entity is None:
        raise invalid("entity should be one of the eleven that are documented.")
    return Bare(read(account, entity, arguments.text("filter") or ""))


def read(account: Account, entity: Entity, source: str = "") -> list[dict[str, Any]]:
    """The rows of an entity that a filter matches; ``ApiError`` when the filter is wrong."""
    try:
        rows = _select(account, entity, *_condition(account, entity, source))
    except (filters.FilterError, sqlite3.OperationalError) as error:
        # SQLite too has its limits on how long a condition may be.
        raise invalid(f"{error}.") from None
    if entity is ENTITIES["recipient"]:
        _add_custom_values(account, rows)
    return rows


def read_recipients(account: Account, subids: list[int]) -> list[dict[str, Any]]:
    """The recipients with these ids, as rows."""
    return read(account, ENTITIES["recipient"], "||".join(f"subid=={subid}" for subid in subids)) if subids else []


def _condition(account: Account, entity: Entity, source: str) -> tuple[str, list[object]]:
    start = " AND NOT core" if entity is ENTITIES["field"] and not account.switches.flag("core_fields") else ""
    node = filters.parse(source, tolerant=account.switches.text("filter_forms") == "tolerant")
    if node is None:
        return start, []
    sensitive = account.switches.text("filter_case") == "sensitive"
    sql, parameters = filters.to_sql(node, entity.filterable, sensitive=sensitive)
    return f"{start} AND {sql}", parameters


def _select(account: Account, entity: Entity, condition: str, parameters: list[object]) -> list[dict[str, Any]]:
    cap = account.switches.number("get_data_rows")
    fixed = {"__type": f"{entity.type}:{_MODELS}"} | dict.fromkeys(entity.members)
    statement = (
        f"SELECT {', '.join(entity.selected.values())} FROM {entity.table} "  # noqa: S608 - names from the table below,
        f"WHERE account = ?1{condition} ORDER BY {entity.order} LIMIT ?"  # and values as parameters
    )
    rows = account.db.execute(_with_gender(account, statement), [account.app_id, *parameters, cap or -1])
    names = tuple(entity.selected)
    return [{**fixed, **dict(zip(names, row, strict=True))} for row in rows]


def _with_gender(account: Account, statement: str) -> str:
    for name, number in zip(("male", "female", "other", "none"), _genders(account), strict=True):
        statement = statement.replace(f":{name}:", number)
    return statement


def _genders(account: Account) -> list[str]:
    return account.switches.text("gender_codes").split(",")


def _add_custom_values(account: Account, rows: list[dict[str, Any]]) -> None:
    """Every custom field appears in every recipient, empty where nothing was ever written."""
    keys = {row["fieldid"]: row["namekey"] for row in account.all(_FIELD_KEYS)}
    values: dict[int, dict[int, str]] = {}
    few = json.dumps([row["subid"] for row in rows]) if len(rows) < 20_000 else None
    for value in account.all(_FIELD_VALUES, {"few": few}):
        values.setdefault(value["subid"], {})[value["fieldid"]] = value["value"]
    for row in rows:
        row["tags"] = json.loads(row["tags"])
        own = values.get(row["subid"], {})
        row["user_defined_fields"] = [{"Key": key, "Value": own.get(fieldid, "")} for fieldid, key in keys.items()]


_FIELD_KEYS = "SELECT fieldid, namekey FROM field WHERE account = :account ORDER BY ordering, fieldid"
_FIELD_VALUES = (
    "SELECT subid, fieldid, value FROM fieldvalue WHERE account = :account "
    "AND (:few IS NULL OR subid IN (SELECT value FROM json_each(:few)))"
)


def _entity(row: Mapping[str, Any]) -> Entity:
    texts, nullable, sql = row.get("texts", ()), row.get("nullable", ()), row.get("sql", {})
    named = [*row["numbers"], *texts]
    selected = {name: sql.get(name, name) for name in [*named, *row.get("plain", ())]}
    selected |= dict.fromkeys(row.get("empty", ()), "NULL")
    filterable = {name: filters.Column(selected[name], name in texts, name in nullable) for name in named}
    return Entity(row["type"], row["table"], row["order"], tuple(sorted(selected)), selected, filterable)


ENTITIES: Mapping[str, Entity] = {
    name: _entity(row) for name, row in read_yaml(Path(__file__).with_name("entities.yaml")).items()
}
