"""get-data, function 14: eleven entities as rows, narrowed by a filter.

The members are those that the vendor's page documents, and those that were seen in answers; values are in the manner
of the underlying tables: 0 and 1 for booleans, lower-case names. Where page and tables spell a member differently,
both are answered.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconcile.sandbox import filters
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


def _entity(type_name: str, table: str, order: str, spec: str) -> Entity:
    """Read ``member:kind`` or ``member:kind=sql``.

    Kinds are i (number) and s (text), with ? where null occurs, j (not for filters), and n (always null).
    """
    selected: dict[str, str] = {}
    filterable: dict[str, filters.Column] = {}
    for part in spec.split(";"):
        member, _, rest = part.strip().partition(":")
        kind, _, sql = rest.partition("=")
        selected[member] = "NULL" if kind == "n" else sql or member
        if kind[0] in "is":
            filterable[member] = filters.Column(sql or member, text=kind[0] == "s", nullable=kind.endswith("?"))
    return Entity(type_name, table, order, tuple(sorted(selected)), selected, filterable)


_GENDER = "CASE gender WHEN 'male' THEN :male: WHEN 'female' THEN :female: WHEN 'other' THEN :other: ELSE :none: END"

_LIST = _entity(
    "AcymailingList",
    "list",
    "listid",
    "alias:s; category:s; color:s; created_on:i; description:s=coalesce(description, ''); listid:i; name:s; "
    "ordering:i; published:i; unsubmailid:i; visible:i; welmailid:i; access_manage:s='none'; access_sub:s='all'; "
    "languages:s='all'; startrule:s='0'; type:s='list'; userid:i=0; "
    # Clients got null for these here; the numbers and tags are in get-lists-details.
    "AllSubscribersCount:n; DisabledCount:n; ListTags:n; SubscribersCount:n; UnsubscribersCount:n",
)
_MAIL = _entity(
    "AcymailingMail",
    "mail",
    "mailid",
    "altbody:s; body:s; created:i; fromemail:s; fromname:s; language:s; lastupdate:i; mailid:i; published:i; "
    "replyemail:s; replyname:s; replytoemail:s=replyemail; replytoname:s=replyname; senddate:i; subject:s; type:s; "
    "visible:i",
)
_RECIPIENT = _entity(
    "AcymailingSubscriber",
    "recipient",
    "subid",
    "accept:i; accept_sms:i=1; confirmed:i; confirmed_date:i; confirmed_ip:s?; created:i; email:s; "
    "email_imported_value:s; enabled:i; gdpr_can_send:i; gdpr_can_track:i; "
    f"gender:i={_GENDER}; html:i; ip:s; is_inactive:i=0; key:s; lastclick_date:i; lastopen_date:i; lastopen_ip:s?; "
    "lastsent_date:i; name:s; name_imported_value:s; needs_gdpr_consent:i; phone:s?; quality_score:i=0; source:s; "
    "subid:i; surname:s; userid:i=0; tags:j; user_defined_fields:n",
)
_FIELD = _entity(
    "AcymailingField",
    "(SELECT *, 0 AS core FROM field"
    " UNION ALL VALUES (?1, 1, 'Name', 'name', 'text', '', 1, 1, 1), (?1, 2, 'E-mail', 'email', 'text', '', 1, 2, 1),"
    " (?1, 3, 'HTML', 'html', 'radio', '1', 1, 3, 1))",
    "fieldid",
    "core:i; fieldid:i; fieldname:s; namekey:s; ordering:i; published:i; type:s; value:s",
)

ENTITIES: Mapping[str, Entity] = {
    "field": _FIELD,
    "history": _entity(
        "AcymailingHistory",
        "history",
        "rowid",
        "action:s; data:s; date:i; ip:s; mailid:i; source:s; subid:i",
    ),
    "list": _LIST,
    "listmail": _entity("AcymailingListmail", "listmail", "listid, mailid", "listid:i; mailid:i"),
    "listsub": _entity(
        "AcymailingListsub", "listsub", "listid, subid", "listid:i; status:i; subdate:i; subid:i; unsubdate:i?"
    ),
    "mail": _MAIL,
    "recipient": _RECIPIENT,
    "stats": _entity(
        "AcymailingStats",
        "stats",
        "mailid",
        # The page prints cliclunique, the tables have clickunique.
        "bounceunique:i; cliclunique:i=clickunique; clicktotal:i; clickunique:i; fail:i; forward:i; mailid:i; "
        "openunique:i; opentotal:i; senddate:i; senthtml:i; senttext:i; unsub:i",
    ),
    "url": _entity("AcymailingUrl", "url", "urlid", "name:s; url:s; urlid:i"),
    "urlclick": _entity(
        "AcymailingUrlclick",
        "urlclick",
        "urlid, mailid, subid",
        "click:i; date:i; ip:s; mailid:i; subid:i; urlid:i",
    ),
    "userstats": _entity(
        "AcymailingUserstats",
        "userstats",
        "mailid, subid",
        "bounce:i; browser:s?; browser_version:i?; fail:i; html:i; ip:s?; is_mobile:i?; mailid:i; mobile_os:s?; "
        "open:i; opendate:i; senddate:i; sent:i; subid:i; user_agent:s?",
    ),
}
