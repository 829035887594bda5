"""SqualoMail's pages: an account's lists, newsletters, fields and recipients, each as a table and a page per object."""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from reconcile.sandbox.squalomail import (
    backoffice,
    fields,
    memberships,
    newsletters,
    recipients,
    sending,
)
from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.squalomail.arguments import Arguments
from reconcile.sandbox.web.forms import FORMS, Values
from reconcile.sandbox.web.templates import PAGE_SIZE

KINDS = {"lists": "Lists", "newsletters": "Newsletters", "recipients": "Recipients", "fields": "Custom fields"}
OBJECTS = {"lists": "list", "newsletters": "mail", "recipients": "recipient", "fields": "field"}
PREVIEWED = "newsletters"
_TYPES = ("text", "textarea", "checkbox", "radio")
_MEMBERS = (
    "SELECT recipient.subid, recipient.email, listsub.status, listsub.subdate FROM listsub JOIN recipient "
    "USING (account, subid) WHERE account = :account AND listid = :listid ORDER BY subid LIMIT :size"
)
_READERS = (
    "SELECT recipient.email, userstats.* FROM userstats JOIN recipient USING (account, subid) "
    "WHERE account = :account AND mailid = :mailid ORDER BY subid LIMIT :size"
)
_FOUND = (
    "SELECT * FROM recipient WHERE account = :account AND instr(lower(email), lower(:sought)) "
    "ORDER BY subid LIMIT :size OFFSET :start"
)
_Page = tuple[str, Values]
_Query = Mapping[str, Sequence[str]]


def overview(account: Account) -> _Page:
    """What an account holds, and the clock."""
    counts = [(kind, shown, account.count(OBJECTS[kind])) for kind, shown in KINDS.items()]
    return "squalomail/overview.html", {"counts": counts, "now": account.now}


def whole(account: Account, kind: str, query: _Query) -> _Page:
    """All objects of a kind, and a form for another."""
    return f"squalomail/{kind}.html", _WHOLES[kind](account, query)


def one(account: Account, kind: str, number: int) -> _Page:
    """One object to edit."""
    return f"squalomail/{kind[:-1]}.html", _ONES[kind](account, number)


def preview(account: Account, number: int) -> str:
    """A newsletter as it is."""
    return str(account.find("mail", number)["body"])


def do(account: Account, parts: list[str], values: Values) -> str:
    """What the matching control call does; ``parts`` follow the account's name, and the answer says what was done."""
    deed = parts[2] if len(parts) == 3 else ""
    if len(parts) == 2:
        _drop_untouched(account, parts[0], parts[1], values)
    arguments = Arguments(values, account.switches)
    if deed == "delete":
        backoffice.control(account, "DELETE", parts[:2], arguments)
    else:
        backoffice.control(account, "POST", parts, arguments)
    if deed:
        return "deleted" if deed == "delete" else "done"
    return "added" if len(parts) == 1 else "saved"


def _lists(account: Account, query: _Query) -> Values:
    return {"rows": account.all("SELECT * FROM list WHERE account = :account ORDER BY ordering, listid")}


def _list(account: Account, listid: int) -> Values:
    row = account.find("list", listid)
    members = account.all(_MEMBERS, {"listid": listid, "size": PAGE_SIZE})
    mails = account.all("SELECT mailid, subject FROM mail WHERE account = :account ORDER BY mailid")
    options = {"mails": [("0", "none"), *((str(mail["mailid"]), mail["subject"]) for mail in mails)]}
    return {"values": {**dict(row), "tags": ", ".join(json.loads(row["tags"]))}, "members": members, "options": options}


def _newsletters(account: Account, query: _Query) -> Values:
    names = {
        row["listid"]: row["name"] for row in account.all("SELECT listid, name FROM list WHERE account = :account")
    }
    rows = [
        {**dict(row), "state": _state(account, row), "lists": ", ".join(names[each] for each in _targets(account, row))}
        for row in account.all(
            "SELECT mailid, subject, published, senddate FROM mail WHERE account = :account ORDER BY mailid DESC"
        )
    ]
    return {"rows": rows}


def _newsletter(account: Account, mailid: int) -> Values:
    row = account.find("mail", mailid)
    links = account.all("SELECT url FROM url WHERE account = :account AND mailid = :mailid ORDER BY urlid", dict(row))
    options = {
        "languages": _same(newsletters.LANGUAGES),
        "lists": _list_options(account),
        "links": _same(link["url"] for link in links),
    }
    targets = {str(listid) for listid in _targets(account, row)}
    return {
        "values": {**dict(row), **json.loads(row["utm"]), "targets": targets},
        "state": _state(account, row),
        "now": account.now,
        "options": options,
        "readers": account.all(_READERS, {"mailid": mailid, "size": PAGE_SIZE}),
    }


def _fields(account: Account, query: _Query) -> Values:
    return {"rows": fields.everything(account), "options": {"types": _same(_TYPES)}}


def _field(account: Account, fieldid: int) -> Values:
    row = account.find("field", fieldid)
    return {"values": row, "options": {"types": _same(dict.fromkeys([*_TYPES, row["type"]]))}}


def _recipients(account: Account, query: _Query) -> Values:
    number, sought = query.get("page", ["0"])[-1], query.get("q", [""])[-1]
    page = int(number) if number.isdecimal() and len(number) < 9 else 0
    found = account.all(_FOUND, {"sought": sought, "size": PAGE_SIZE + 1, "start": page * PAGE_SIZE})
    following = f"?q={quote(sought, safe='')}&page={page + 1}" if len(found) > PAGE_SIZE else ""
    return {"rows": found[:PAGE_SIZE], "sought": sought, "following": following}


def _recipient(account: Account, subid: int) -> Values:
    row = account.find("recipient", subid)
    own = fields.values_of(account, [subid], all_fields=True).get(subid, {})
    extra = [{"name": f"attribute:{key}", "label": f"Custom field {key}", "value": f"attribute:{key}"} for key in own]
    table = FORMS["squalomail"]["recipients"]
    return {
        "table": {**table, "fields": [*table["fields"], *extra]},
        "values": {
            **dict(row),
            **{f"attribute:{key}": value for key, value in own.items()},
            "tags": ", ".join(json.loads(row["tags"])),
            "lists": {str(listid) for listid in memberships.subscriptions(account, subid)},
        },
        "options": {"genders": [("", "not given"), *_same(recipients.GENDERS)], "lists": _list_options(account)},
    }


_WHOLES: Mapping[str, Callable[[Account, _Query], Values]] = {
    "lists": _lists, "newsletters": _newsletters, "fields": _fields, "recipients": _recipients,
}  # fmt: skip
_ONES: Mapping[str, Callable[[Account, int], Values]] = {
    "lists": _list, "newsletters": _newsletter, "fields": _field, "recipients": _recipient,
}  # fmt: skip


def _drop_untouched(account: Account, kind: str, number: str, values: Values) -> None:
    """Leave alone what a form can't carry unchanged: other line ends than LF, and the difference of null and empty."""
    if kind not in ("lists", "newsletters", "recipients") or not number.isdecimal():
        return
    row = account.find(OBJECTS[kind], int(number))
    for name in ("body", "altBody", "description", "phone"):
        if name in values and values[name] == (row[name.lower()] or "").replace("\r\n", "\n"):
            del values[name]


def _state(account: Account, row: sqlite3.Row) -> str:
    if row["published"] == 2:
        return "scheduled"
    if sending.is_sent(account, row["mailid"]):
        return "sent"
    return "published, not sent" if row["published"] else "draft"


def _targets(account: Account, row: sqlite3.Row) -> list[int]:
    return newsletters.targets(account, row["mailid"])


def _list_options(account: Account) -> list[tuple[str, str]]:
    rows = account.all("SELECT listid, name FROM list WHERE account = :account ORDER BY ordering, listid")
    return [(str(row["listid"]), row["name"]) for row in rows]


def _same(values: Any) -> list[tuple[str, str]]:
    return [(value, value) for value in values]
