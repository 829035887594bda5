"""Imports: function 27. The call only takes the file in; it is carried out later, and nothing tells when.

The page does not say what the file looks like. Here it is CSV in UTF-8, with commas or semicolons and a header that
names ``email``, ``name``, ``surname``, ``gender``, ``phone`` or custom fields by ``namekey``.
"""

import base64
import binascii
import csv
import io
import json
import re
from collections.abc import Mapping
from typing import Any

from reconcile.sandbox.squalomail import fields, memberships, recipients
from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.squalomail.arguments import Arguments
from reconcile.sandbox.squalomail.reply import Answer, ApiError, invalid, missing

_ALL, _EMPTY, _NEW = 1, 2, 3  # overwriteData: all members, only empty ones, only recipients that are new
_COLUMNS = ("name", "surname", "gender", "phone")
_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+")


def import_recipients_async(account: Account, arguments: Arguments) -> Answer:
    """Function 27: the import is due ``import_delay_seconds`` from now; the answer names no job."""
    encoded = arguments.required_text("base64EncodedFile")
    listids = arguments.integers("listIdsToAdd") or []
    mode = arguments.required_integer("overwriteData", minimum=_ALL, maximum=_NEW)
    text = _decoded(encoded)
    if "email" not in _table(text)[0]:
        raise invalid("The file has no column named email.")
    leaving = _read_leaving(arguments)
    job = {
        "text": text,
        "mode": mode,
        "listids": memberships.checked_lists(account, listids),
        "clear": leaving is True,
        "leave": leaving if isinstance(leaving, list) else [],
        "disabled": arguments.boolean("importAsDisabled") or False,
        "names": arguments.boolean("autogenerateNames") or False,
    }
    due = account.now + account.switches.number("import_delay_seconds")
    account.insert("job", due=due, arguments=json.dumps(job))
    return {}


def carry_out(account: Account, number: int) -> None:
    """Do an import that has come due."""
    row = account.row("job", number)
    if row is None or row["done"] is not None:
        return
    job = json.loads(row["arguments"])
    result = _import(account, job)
    # The addresses are in the recipients now; the file need not be kept.
    rest = json.dumps({**job, "text": ""})
    account.update("job", number, done=account.now, result=json.dumps(result), arguments=rest)


def jobs(account: Account) -> list[dict[str, Any]]:
    """The imports taken in, oldest first: when due, when done (null before), and what came of them."""
    rows = account.all("SELECT * FROM job WHERE account = :account ORDER BY id")
    return [
        {"due": row["due"], "done": row["done"], "result": json.loads(row["result"]) if row["result"] else None}
        for row in rows
    ]


def _import(account: Account, job: Mapping[str, Any]) -> dict[str, int]:
    header, *rows = _table(job["text"])
    keys = {name: fieldid for name, fieldid in fields.ids_by_key(account).items() if name in header}
    people: dict[str, dict[str, str]] = {}
    skipped = 0
    for row in rows:
        person = {name: value.strip() for name, value in zip(header, row, strict=False)}
        if _ADDRESS.fullmatch(person.get("email", "")) and len(person["email"]) <= 200:
            people[person["email"].lower()] = person
        elif any(person.values()):
            skipped += 1
    counts = {"created": 0, "updated": 0, "untouched": 0, "skipped": skipped}
    for person in people.values():
        values = _values(person, keys, job)
        counts[_merge(account, values, job)] += 1
    return counts


def _values(person: Mapping[str, str], keys: Mapping[str, int], job: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {name: person[name][:250] for name in _COLUMNS if name in person}
    if "gender" in values:
        gender = values["gender"].lower()
        values["gender"] = gender if gender in recipients.GENDERS else ""
    if job["names"] and not values.get("name") and not values.get("surname"):
        values |= _names(person["email"])
    attributes = {fieldid: person[name] for name, fieldid in keys.items() if name in person}
    return {**values, "email": person["email"], "attributes": attributes}


def _merge(account: Account, values: dict[str, Any], job: Mapping[str, Any]) -> str:
    """Bring one person in, and say which of the counts it belongs to."""
    existing = recipients.by_email(account, values["email"])
    if existing is None:
        if job["disabled"]:
            values["enabled"] = False
        recipients.insert(account, {**values, "listids": job["listids"]}, source="IMPORT")
        return "created"
    if job["mode"] == _NEW:
        return "untouched"
    subid = existing["subid"]
    if job["mode"] == _EMPTY:
        own = fields.values_of(account, [subid]).get(subid, {})
        filled = {fieldid for name, fieldid in fields.ids_by_key(account).items() if own.get(name)}
        values = {name: value for name, value in values.items() if name == "attributes" or not existing[name]}
        values["attributes"] = {key: value for key, value in values["attributes"].items() if key not in filled}
    elif job["disabled"]:
        values["enabled"] = False
    recipients.change(account, subid, {**values, "email": existing["email"]})
    _regroup(account, subid, job)
    return "updated"


def _regroup(account: Account, subid: int, job: Mapping[str, Any]) -> None:
    if job["clear"]:
        memberships.leave_others(account, subid, job["listids"])
    memberships.leave(account, subid, [listid for listid in job["leave"] if listid not in job["listids"]])
    memberships.join(account, subid, job["listids"])


def _decoded(encoded: str) -> str:
    try:
        return base64.b64decode("".join(encoded.split()), validate=True).decode("utf-8-sig")
    except (binascii.Error, UnicodeDecodeError):
        raise invalid("base64EncodedFile should be a CSV file in UTF-8, encoded in Base64.") from None


def _table(text: str) -> list[list[str]]:
    """The rows of a CSV file; the first one is the header, in lower case."""
    first = text.split("\n", 1)[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise invalid(f"The file can't be read: {error}.") from None
    if not rows:
        raise missing("base64EncodedFile")
    return [[name.strip().lower() for name in rows[0]], *rows[1:]]


def _read_leaving(arguments: Arguments) -> bool | list[int]:
    """``clearPreviousListIds``: the page's sample has a boolean, its text speaks of the ids of lists to leave."""
    try:
        return arguments.boolean("clearPreviousListIds") or False
    except ApiError:
        return arguments.integers("clearPreviousListIds") or []


def _names(email: str) -> dict[str, str]:
    """Name and surname as an address shows them: ada.lovelace@ gives Ada Lovelace."""
    words = [word.capitalize() for word in re.split(r"[._\-+0-9]+", email.partition("@")[0]) if word]
    return {"name": words[0] if words else "", "surname": " ".join(words[1:])}
