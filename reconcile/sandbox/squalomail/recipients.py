"""Recipients: functions 7, 9 to 11, 17 and 26, and the operations behind them."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from reconcile.sandbox.squalomail import data, fields, lists, memberships, objects
from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.squalomail.arguments import Arguments
from reconcile.sandbox.squalomail.newsletters import checked_address
from reconcile.sandbox.squalomail.reply import Answer, ApiError, Bare, conflict, invalid, missing, not_found

Named = Callable[[Account, Arguments], sqlite3.Row]

GENDERS = ("male", "female", "other")
# As clients saw them after a create call with few members.
_DEFAULTS: Mapping[str, Any] = {
    "name": "", "surname": "", "gender": "", "phone": None, "html": True, "confirmed": True, "enabled": True,
    "accept": True, "gdpr_can_send": False, "gdpr_can_track": False, "ip": "",
}  # fmt: skip


def create_recipient(account: Account, arguments: Arguments) -> Answer:
    """Function 7: a recipient, on as many lists as are named; the answer has it as ``recipient``."""
    values = read_values(account, arguments)
    if not values.get("email"):
        raise missing("email")
    existing = by_email(account, values["email"])
    if existing is None:
        subid = insert(account, values)
    elif account.switches.text("existing_email") == "upsert":
        subid = existing["subid"]
        change(account, subid, values)
    else:
        raise conflict("There is a recipient with this e-mail address.")
    return {"recipient": as_results(account, [account.find("recipient", subid)])[0]}


def update_recipient(account: Account, arguments: Arguments) -> Answer:
    """Function 26, by ``id`` or by ``email``; with both, the address is a new one. ``listIds`` replaces all lists."""
    values = read_values(account, arguments)
    subid = arguments.integer("id")
    if subid is not None:
        row = account.find("recipient", subid)
    elif arguments.has("email"):
        row = named_by_email(account, arguments)
    else:
        raise missing("id")
    if account.switches.text("update_recipient_omitted") == "reset":
        values = {**_DEFAULTS, **values}
    if values.get("listids") == [] and account.switches.text("empty_list_ids") == "keep":
        del values["listids"]
    if "attributes" in values and account.switches.text("custom_attributes_update") == "replace":
        fields.forget_values(account, row["subid"])
    change(account, row["subid"], values)
    return {"recipient": as_results(account, [account.find("recipient", row["subid"])])[0]}


def delete_recipient(account: Account, arguments: Arguments, named: Named) -> Answer:
    """Functions 9 and 10: with the memberships all traces of opt-outs go."""
    try:
        row = named(account, arguments)
    except ApiError as error:
        if error.status == 404 and account.switches.text("delete_missing") == "ok":
            return {}
        raise
    remove(account, [row["subid"]])
    return {}


def delete_recipients_by_list(account: Account, arguments: Arguments) -> Answer:
    """Function 11: everybody subscribed to a list, unless also to others; with ``deleteList`` the list goes too."""
    listid = arguments.required_integer("listId")
    everybody = arguments.boolean("deleteIfOnMultipleLists") or False
    account.find("list", listid)
    rows = account.all(
        "SELECT subid FROM listsub AS own WHERE account = :account AND listid = :listid AND status = 1 AND (:everybody "
        "OR NOT EXISTS (SELECT 1 FROM listsub WHERE account = :account AND subid = own.subid AND status = 1 "
        "AND listid <> :listid))",
        {"listid": listid, "everybody": everybody},
    )
    remove(account, [row["subid"] for row in rows])
    if arguments.boolean("deleteList"):
        lists.remove(account, listid)
    return {}


def get_invalid_recipients(account: Account, arguments: Arguments) -> Answer:
    """Function 17: recipients that are not enabled, mostly because their address does not work."""
    sql = "SELECT * FROM recipient WHERE account = :account AND NOT enabled ORDER BY subid"
    return found(account, account.all(sql))


def insert(account: Account, values: Mapping[str, Any], *, source: str = "SYSTEM_API") -> int:
    """Make a recipient out of columns (``tags``, ``listids`` and ``attributes`` decoded) and return the id."""
    row = {"tags": [], **_DEFAULTS, **_columns(values), "source": source, "subid": account.next_id("recipient")}
    account.insert(
        "recipient",
        **_encoded(row),
        confirmed_date=account.now if row["confirmed"] else 0,
        created=account.now,
        decided="[]",
        needs_gdpr_consent=1,
        email_imported_value=row["email"],
        name_imported_value=row["name"],
        key=f"{account.random.getrandbits(32):08x}",
        **dict.fromkeys(("lastopen_date", "lastclick_date", "lastsent_date"), 0),
    )
    account.record(row["subid"], "created", ip=row["ip"])
    fields.write_values(account, row["subid"], values.get("attributes", {}))
    memberships.join(account, row["subid"], values.get("listids", []))
    return int(row["subid"])


def change(account: Account, subid: int, values: Mapping[str, Any]) -> None:
    """Set the columns given, leave the others; ``tags`` and ``listids`` replace, ``attributes`` are merged."""
    before = account.find("recipient", subid)
    row = {**dict(before), "tags": json.loads(before["tags"]), **_columns(values)}
    other = by_email(account, row["email"])
    if other is not None and other["subid"] != subid:
        raise conflict("Another recipient has this e-mail address.")
    if row["confirmed"] and not before["confirmed"]:
        row["confirmed_date"] = account.now
        account.record(subid, "confirmed")
    account.update("recipient", subid, **_encoded(row))
    account.record(subid, "modified")
    fields.write_values(account, subid, values.get("attributes", {}))
    if "listids" in values:
        memberships.replace(account, subid, values["listids"])


def remove(account: Account, subids: list[int]) -> None:
    """Delete recipients with their memberships, custom values, consents and history."""
    key = {"subids": json.dumps(subids)}
    for table in ("listsub", "fieldvalue", "consent", "history", "recipient"):
        account.run(
            f"DELETE FROM {table} WHERE account = :account AND subid IN (SELECT value FROM json_each(:subids))",  # noqa: S608 - table names from above
            key,
        )


def by_email(account: Account, email: str) -> sqlite3.Row | None:
    """The recipient with an address, in whatever case it is written."""
    return account.one(
        "SELECT * FROM recipient WHERE account = :account AND email = :email COLLATE NOCASE", {"email": email}
    )


def named_by_id(account: Account, arguments: Arguments) -> sqlite3.Row:
    """The recipient that ``recipientId`` names."""
    return account.find("recipient", arguments.required_integer("recipientId"))


def named_by_email(account: Account, arguments: Arguments) -> sqlite3.Row:
    """The recipient that ``email`` names."""
    row = by_email(account, arguments.required_text("email").strip())
    if row is None:
        raise not_found("recipient", "with this e-mail address")
    return row


def read_values(account: Account, arguments: Arguments) -> dict[str, Any]:
    """What was sent of functions 7 and 26, as columns, with ``tags``, ``listids`` and ``attributes`` (by field id)."""
    email = arguments.text("email", limit=200)
    listids = arguments.integers("listIds")
    attributes = arguments.objects("customAttributes")
    others: dict[str, Any] = {
        "email": checked_address(email.strip(), "email") if email else None,
        "gender": _read_gender(arguments),
        "listids": None if listids is None else memberships.checked_lists(account, listids),
        "attributes": None if attributes is None else fields.read_attributes(account, attributes, arguments),
    }
    return objects.sent("recipient", arguments) | {name: each for name, each in others.items() if each is not None}


def found(account: Account, rows: list[sqlite3.Row]) -> Answer:
    """The answer of a search: its form is documented for none of them, see the switch ``recipient_payload``."""
    payload = account.switches.text("recipient_payload")
    if payload == "entities":
        return Bare(data.read_recipients(account, [row["subid"] for row in rows]))
    results = as_results(account, rows)
    return Bare(results) if payload == "array" else {"recipientList": results}


def as_results(account: Account, rows: Iterable[sqlite3.Row], *, all_fields: bool = False) -> list[dict[str, Any]]:
    """Recipients as the functions answer them; custom attributes are those ever written, ``null`` if there are none."""
    rows = list(rows)
    values = fields.values_of(account, [row["subid"] for row in rows], all_fields=all_fields)
    return [_as_result(row, values.get(row["subid"])) for row in rows]


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in ("listids", "attributes")}


def _encoded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "tags": json.dumps(row["tags"], ensure_ascii=False)}


def _as_result(row: sqlite3.Row, attributes: Mapping[str, str] | None) -> dict[str, Any]:
    own = [{"name": name, "value": value} for name, value in (attributes or {}).items()]
    return objects.answered("recipient", row, customAttributes=own or None, tags=json.loads(row["tags"]), userId=0)


def _read_gender(arguments: Arguments) -> str | None:
    gender = arguments.text("gender")
    if gender is None:
        return None
    gender = gender.strip().lower()
    if gender in ("", "null"):  # the page's sample has null inside quotes
        return ""
    if gender not in GENDERS:
        raise invalid("gender should be male, female, other or null.")
    return gender
