"""Newsletters: functions 5, 6, 8, 24, 25 and 32, and the operations behind them."""

import json
import re
import sqlite3
from collections.abc import Mapping
from typing import Any

from reconcile.sandbox.rendering import parse_attributes, render_body, render_text
from reconcile.sandbox.squalomail import lists, objects, sending
from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.squalomail.arguments import Arguments
from reconcile.sandbox.squalomail.reply import Answer, Bare, conflict, invalid, malformed, missing, not_found

LANGUAGES = ("de", "en", "es", "fr", "hr", "it", "sl")
_UTM = ("utmMedium", "utmSource", "utmCampaign", "utmId", "utmTerm", "utmContent")
# An empty sender means the account's own; the language is Slovenian unless given, says the page.
_DEFAULTS: Mapping[str, Any] = {
    "body": "", "altbody": "", "fromemail": "", "fromname": "", "replyemail": "", "replyname": "", "language": "sl",
    "visible": False, "utm": {}, "listids": [],
}  # fmt: skip
_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+")


def create_newsletter(account: Account, arguments: Arguments) -> Answer:
    """Function 5: a draft; the answer has it as ``newsletter``. Nothing is sent."""
    values = read_values(account, arguments)
    for name in ("subject", "body"):
        if not values.get(name):
            raise missing(name)
    return {"newsletter": as_result(account, account.find("mail", insert(account, values)))}


def create_newsletter_from_template(account: Account, arguments: Arguments) -> Answer:
    """Function 6: a draft from any existing newsletter, which stays as it is; the sender is not taken over."""
    values = read_values(account, arguments)
    if not values.get("subject"):
        raise missing("subject")
    base = account.find("mail", arguments.required_integer("templateId"))
    try:
        attributes = parse_attributes(arguments.raw("templateCustomAttributes"))
    except ValueError as error:
        raise malformed(f"{error}.") from None
    values["body"] = render_body(base["body"], attributes)
    values["altbody"] = render_text(base["altbody"], attributes)
    values["templateid"] = base["mailid"]
    return _echo(account, insert(account, values))


def update_newsletter(account: Account, arguments: Arguments) -> Answer:
    """Function 25: by default, what is left out goes back to its default, target lists included."""
    mailid = arguments.required_integer("id")
    row = account.find("mail", mailid)
    values = read_values(account, arguments)
    _refuse_state(account, row, "update")
    if account.switches.text("update_newsletter_omitted") == "reset":
        if not values.get("subject"):
            raise missing("subject")
        values = {**_DEFAULTS, **values}
    elif "utm" in values:
        values["utm"] = json.loads(row["utm"]) | values["utm"]
    change(account, mailid, values)
    return _echo(account, mailid)


def delete_newsletter(account: Account, arguments: Arguments) -> Answer:
    """Function 8: the newsletter, its targets and its schedule go; its statistics stay."""
    mailid = arguments.required_integer("newsletterId")
    row = account.row("mail", mailid)
    if row is None and account.switches.text("delete_missing") == "ok":
        return {}
    _refuse_state(account, account.find("mail", mailid), "delete")
    remove(account, mailid)
    return {}


def send_newsletter(account: Account, arguments: Arguments) -> Answer:
    """Function 24: schedules the sending; a date in the past means now, by default."""
    row = account.find("mail", arguments.required_integer("newsletterId"))
    date = arguments.integer("sendDate", minimum=-(2**31))
    if date is None and account.switches.text("missing_send_date") == "error":
        raise missing("sendDate")
    date = account.now if date is None else date
    if date < account.now and account.switches.text("past_send_date") == "error":
        raise invalid("sendDate lies in the past.")
    schedule(account, row["mailid"], max(date, account.now))
    return {}


def cancel_sending_newsletter(account: Account, arguments: Arguments) -> Answer:
    """Function 32: a scheduled newsletter is a draft again."""
    mailid = arguments.required_integer("newsletterId")
    if account.find("mail", mailid)["published"] != 2 and account.switches.text("cancel_unscheduled") == "ok":
        return {}
    cancel(account, mailid)
    return {}


def insert(account: Account, values: Mapping[str, Any]) -> int:
    """Make a draft out of columns (``listids`` and ``utm`` decoded) and return its id."""
    _refuse_duplicate(account, values["subject"])
    published = account.switches.number("initial_published")
    row = {
        "type": "news", "templateid": None, **_DEFAULTS, "published": published, **values,
        "mailid": account.next_id("mail"),
    }  # fmt: skip
    listids = row.pop("listids")
    account.insert("mail", **_encoded(account, row), senddate=0, created=account.now, lastupdate=account.now)
    _target(account, row["mailid"], listids)
    return int(row["mailid"])


def change(account: Account, mailid: int, values: Mapping[str, Any]) -> None:
    """Set the columns given, leave the others; the state stays."""
    before = account.find("mail", mailid)
    columns = {name: value for name, value in values.items() if name != "listids"}
    row = {**dict(before), "utm": json.loads(before["utm"]), **columns}
    encoded = _encoded(account, row) if "body" in values else {**row, "utm": json.dumps(row["utm"], ensure_ascii=False)}
    account.update("mail", mailid, **{**encoded, "lastupdate": account.now})
    if "listids" in values:
        _target(account, mailid, values["listids"])


def remove(account: Account, mailid: int) -> None:
    """Delete a newsletter and its target lists."""
    account.find("mail", mailid)
    account.delete("listmail", mailid=mailid)
    account.delete("mail", mailid=mailid)


def schedule(account: Account, mailid: int, date: int) -> None:
    """Plan the sending for a date (Unix seconds), and carry it out at once when that has come."""
    row = account.find("mail", mailid)
    if sending.is_sent(account, mailid) and account.switches.text("send_sent") == "conflict":
        raise conflict(f"The newsletter {mailid} has been sent.")
    if row["published"] == 2 and account.switches.text("reschedule") == "conflict":
        raise conflict(f"The newsletter {mailid} is scheduled already.")
    if not targets(account, mailid) and account.switches.text("send_without_lists") == "error":
        raise invalid(f"The newsletter {mailid} has no lists to go to.")
    account.update("mail", mailid, published=2, senddate=date)
    if date - account.switches.number("queue_lead_seconds") <= account.now:
        sending.deliver(account, mailid)


def cancel(account: Account, mailid: int) -> None:
    """Make a scheduled newsletter a draft again, ``ApiError`` when it is not scheduled."""
    if account.find("mail", mailid)["published"] != 2:
        raise conflict(f"The newsletter {mailid} is not scheduled.")
    account.update("mail", mailid, published=0, senddate=0)


def targets(account: Account, mailid: int) -> list[int]:
    """The ids of the lists that a newsletter goes to."""
    rows = account.all(
        "SELECT listid FROM listmail WHERE account = :account AND mailid = :mailid ORDER BY listid", {"mailid": mailid}
    )
    return [row["listid"] for row in rows]


def read_values(account: Account, arguments: Arguments) -> dict[str, Any]:
    """What was sent of functions 5, 6 and 25, as columns; ``published``, ``name`` and others are not looked at."""
    values = objects.sent("newsletter", arguments)
    for name in ("fromemail", "replyemail"):
        if values.get(name):
            checked_address(values[name], name)
    language = arguments.text("language")
    others: dict[str, Any] = {
        "language": checked_language(language) if language else None,
        "utm": _read_utm(arguments),
        "listids": _read_targets(account, arguments),
    }
    return values | {name: value for name, value in others.items() if value is not None}


def as_result(account: Account, row: sqlite3.Row) -> dict[str, Any]:
    """A newsletter as functions 5, 6 and 25 answer it; clients have only ever been seen to use ``id``."""
    return objects.answered("newsletter", row, listIds=targets(account, row["mailid"]))


def checked_address(address: str, name: str) -> str:
    """The e-mail address if it looks like one, else ``ApiError``."""
    if not _ADDRESS.fullmatch(address):
        raise invalid(f"{name} is not an e-mail address.")
    return address


def checked_language(language: str) -> str:
    """One of the seven languages in lower case, else ``ApiError``."""
    if language.lower() not in LANGUAGES:
        raise invalid(f"language should be one of {', '.join(LANGUAGES).upper()}.")
    return language.lower()


def _read_utm(arguments: Arguments) -> dict[str, Any] | None:
    utm = {name: arguments.text(name) for name in _UTM} | {"addUtm": arguments.boolean("addUtm")}
    given = {name: value for name, value in utm.items() if value is not None}
    return given or None


def _read_targets(account: Account, arguments: Arguments) -> list[int] | None:
    listids = arguments.integers("listIds")
    if listids is None:
        return None
    known = lists.known_ids(account, listids)
    if len(known) < len(listids) and account.switches.text("newsletter_list") == "error":
        raise not_found("list", next(listid for listid in listids if listid not in known))
    return known


def _target(account: Account, mailid: int, listids: list[int]) -> None:
    account.delete("listmail", mailid=mailid)
    account.insert_all("listmail", [{"mailid": mailid, "listid": listid} for listid in listids])


def _encoded(account: Account, row: Mapping[str, Any]) -> dict[str, Any]:
    texts = {name: row[name] for name in ("body", "altbody")}
    if account.switches.text("rewrite_body") == "line_ends":
        for name, text in texts.items():
            lines = text.replace("\r\n", "\n").replace("\r", "\n")
            texts[name] = lines if not lines or lines.endswith("\n") else lines + "\n"
    return {**row, **texts, "utm": json.dumps(row["utm"], ensure_ascii=False)}


def _refuse_duplicate(account: Account, subject: str) -> None:
    if account.switches.text("duplicate_subject") == "conflict" and account.one(
        "SELECT 1 FROM mail WHERE account = :account AND subject = :subject", {"subject": subject}
    ):
        raise conflict("There is a newsletter with this subject.")


def _refuse_state(account: Account, row: sqlite3.Row, deed: str) -> None:
    """Whether a scheduled or sent newsletter may be updated or deleted is up to four switches."""
    if row["published"] == 2 and account.switches.text(f"{deed}_scheduled") == "conflict":
        raise conflict(f"The newsletter {row['mailid']} is scheduled.")
    if sending.is_sent(account, row["mailid"]) and account.switches.text(f"{deed}_sent") == "conflict":
        raise conflict(f"The newsletter {row['mailid']} has been sent.")


def _echo(account: Account, mailid: int) -> Answer:
    payload = account.switches.text("undocumented_payload")
    if payload == "none":
        return {}
    result = as_result(account, account.find("mail", mailid))
    return Bare(result) if payload == "bare" else {"newsletter": result}
