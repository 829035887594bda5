"""Custom fields of recipients: their definitions, which only the web interface changes, and their values."""

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from reconcile.sandbox.squalomail import objects
from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.squalomail.arguments import Arguments
from reconcile.sandbox.squalomail.reply import conflict, invalid, malformed, missing

_KEY = re.compile(r"[A-Za-z0-9_-]{1,50}")
_RESERVED = ("name", "email", "html")


def insert(account: Account, arguments: Arguments) -> int:
    """Make a field out of ``namekey``, ``fieldname``, ``type``, ``value``, ``published`` and ``ordering``; its id."""
    values = _read(arguments)
    if "namekey" not in values:
        raise missing("namekey")
    highest = account.number("SELECT max(ordering) FROM field WHERE account = :account")
    row = {
        "fieldname": values["namekey"], "type": "text", "value": "", "published": True,
        "ordering": (highest or 3) + 1, **values, "fieldid": account.next_id("field"),
    }  # fmt: skip
    _refuse_duplicate(account, row)
    account.insert("field", **row)
    return int(row["fieldid"])


def change(account: Account, fieldid: int, arguments: Arguments) -> None:
    """Set what was sent; recipients' values stay with the field, also under a new ``namekey``."""
    row = {**dict(account.find("field", fieldid)), **_read(arguments)}
    _refuse_duplicate(account, row)
    account.update("field", fieldid, **row)


def remove(account: Account, fieldid: int) -> None:
    """Delete a field with all its values."""
    account.find("field", fieldid)
    account.delete("fieldvalue", fieldid=fieldid)
    account.delete("field", fieldid=fieldid)


def everything(account: Account) -> list[sqlite3.Row]:
    """All custom fields in their order."""
    return account.all("SELECT * FROM field WHERE account = :account ORDER BY ordering, fieldid")


def ids_by_key(account: Account) -> dict[str, int]:
    """Field ids by lower-case ``namekey``."""
    return {row["namekey"].lower(): row["fieldid"] for row in everything(account)}


def read_attributes(account: Account, attributes: Sequence[Mapping[str, Any]], arguments: Arguments) -> dict[int, str]:
    """``customAttributes`` as texts by field id; what has no field is dropped or an error, by switch."""
    known = ids_by_key(account)
    values: dict[int, str] = {}
    for attribute in attributes:
        name, value = attribute.get("name"), attribute.get("value")
        if not isinstance(name, str) or isinstance(value, bool | list | dict):
            raise malformed("customAttributes should have a name and a value, both of them texts.")
        fieldid = known.get(name.lower())
        if fieldid is not None:
            values[fieldid] = "" if value is None else arguments.clean(str(value), name)
        elif account.switches.text("unknown_custom_attribute") == "error":
            raise invalid(f"There is no custom field {name}.")
    return values


def write_values(account: Account, subid: int, values: Mapping[int, str]) -> None:
    """Set a recipient's values by field id, leave the others."""
    if values:
        account.run_many(
            "INSERT INTO fieldvalue (account, subid, fieldid, value) VALUES (:account, :subid, :fieldid, :value) "
            "ON CONFLICT DO UPDATE SET value = :value",
            [{"subid": subid, "fieldid": fieldid, "value": value} for fieldid, value in values.items()],
        )


def forget_values(account: Account, subid: int) -> None:
    """Remove all of a recipient's values."""
    account.delete("fieldvalue", subid=subid)


def values_of(account: Account, subids: Sequence[int], *, all_fields: bool = False) -> dict[int, dict[str, str]]:
    """Values by recipient and ``namekey``: those ever written, or with ``all_fields`` empty ones for the rest."""
    empty = {row["namekey"]: "" for row in everything(account)} if all_fields else {}
    values = {subid: dict(empty) for subid in subids} if empty else {}
    for row in account.all(
        "SELECT subid, namekey, fieldvalue.value FROM fieldvalue JOIN field USING (account, fieldid) "
        "WHERE account = :account AND subid IN (SELECT value FROM json_each(:subids)) ORDER BY ordering, fieldid",
        {"subids": json.dumps(list(subids))},
    ):
        values.setdefault(row["subid"], {})[row["namekey"]] = row["value"]
    return values


def _read(arguments: Arguments) -> dict[str, Any]:
    values = objects.sent("field", arguments)
    if not _KEY.fullmatch(values.get("namekey", "-")):
        raise invalid("namekey should have up to 50 letters, digits and _, and no blanks.")
    return values


def _refuse_duplicate(account: Account, row: Mapping[str, Any]) -> None:
    if row["namekey"].lower() in _RESERVED or account.one(
        "SELECT 1 FROM field WHERE account = :account AND namekey = :namekey AND fieldid <> :fieldid",
        {"namekey": row["namekey"], "fieldid": row["fieldid"]},
    ):
        raise conflict(f"There is a field {row['namekey']}.")
