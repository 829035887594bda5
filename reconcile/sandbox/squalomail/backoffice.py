"""What a person does in the web interface, or as a recipient, and the API has no function for.

Control calls come in as ``/_sandbox/squalomail/{app id}/...``; the web page uses the same operations. Members are named
as in the API's functions, and some more:

    POST   lists                       as create-list, also visible, alias, welcomeMailId, unsubscribeMailId
    POST   lists/ID                    changes what is sent;    DELETE lists/ID
    POST   newsletters                 as create-newsletter, also type; without a body, texts: [tag, ...] and
                                       images: ["0", ...] make one as the drag-and-drop editor would
    POST   newsletters/ID              changes what is sent, in any state;    DELETE newsletters/ID
    POST   newsletters/ID/schedule     {"sendDate": Unix seconds};    POST newsletters/ID/cancel
    POST   newsletters/ID/open         {"email": ...}: the recipient opens the mail; userAgent, ip as wanted
    POST   newsletters/ID/click        the same, and clicks on the link "url" (the first one by default)
    POST   newsletters/ID/bounce       the mail comes back; "hard": true also disables the recipient
    POST   newsletters/ID/unsubscribe  the recipient follows the unsubscribe link;    .../forward
    POST   recipients                  as create-recipient;    POST, DELETE recipients/ID
    POST   fields                      namekey, fieldname, type, value, published, ordering;    POST, DELETE fields/ID
    GET    events, imports, consents   what custom events, imports and consent calls have left
"""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reconcile.sandbox.rendering import placeholder_body
from reconcile.sandbox.squalomail import (
    data,
    events,
    fields,
    imports,
    lists,
    memberships,
    newsletters,
    objects,
    recipients,
)
from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.squalomail.arguments import Arguments
from reconcile.sandbox.squalomail.reply import ApiError, conflict, missing, not_found

_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
_IP = "127.0.0.1"

_Deed = Callable[[Account, int, Arguments], object]


def control(account: Account, method: str, path: Sequence[str], arguments: Arguments) -> Any:
    """Do one thing of the list above; what was made or changed is answered as get-data would. May raise ApiError."""
    if method == "GET" and len(path) == 1 and path[0] in _LOGS:
        return _LOGS[path[0]](account)
    kind = path[0] if path else ""
    if method == "POST" and len(path) == 1 and kind in _MAKERS:
        return _row(account, kind, _MAKERS[kind](account, arguments))
    if len(path) in (2, 3) and kind in _MAKERS and path[1].isdecimal():
        number = int(path[1])
        deed = _DEEDS.get((method, kind, *path[2:]))
        if deed is not None:
            deed(account, number, arguments)
            return {} if method == "DELETE" else _row(account, kind, number)
    raise ApiError(7, 404, "There is no such thing to do.")


def make_list(account: Account, arguments: Arguments) -> int:
    """A list, with what only the web interface can set."""
    values = lists.read_values(arguments) | _list_extras(account, arguments)
    if "name" not in values:
        raise missing("name")
    return lists.insert(account, values)


def change_list(account: Account, listid: int, arguments: Arguments) -> None:
    """Set what was sent of a list."""
    lists.change(account, listid, lists.read_values(arguments) | _list_extras(account, arguments))


def make_newsletter(account: Account, arguments: Arguments) -> int:
    """A newsletter; its body may be made of tags and placeholder pictures."""
    values = newsletters.read_values(account, arguments)
    if not values.get("subject"):
        raise missing("subject")
    if not values.get("body"):
        values["body"] = placeholder_body(arguments.texts("texts") or [], arguments.texts("images") or [])
    return newsletters.insert(account, {**values, "type": arguments.text("type") or "news"})


def change_newsletter(account: Account, mailid: int, arguments: Arguments) -> None:
    """Set what was sent of a newsletter; people can do that in any state."""
    values = newsletters.read_values(account, arguments)
    if "utm" in values:
        values["utm"] = json.loads(account.find("mail", mailid)["utm"]) | values["utm"]
    newsletters.change(account, mailid, values)


def schedule(account: Account, mailid: int, arguments: Arguments) -> None:
    """Plan the sending, or send now when the date has passed."""
    newsletters.schedule(account, mailid, max(arguments.required_integer("sendDate"), account.now))


def make_recipient(account: Account, arguments: Arguments) -> int:
    """A recipient."""
    values = recipients.read_values(account, arguments)
    if not values.get("email"):
        raise missing("email")
    if recipients.by_email(account, values["email"]):
        raise conflict("There is a recipient with this e-mail address.")
    return recipients.insert(account, values, source="BACKOFFICE")


def change_recipient(account: Account, subid: int, arguments: Arguments) -> None:
    """Set what was sent of a recipient."""
    recipients.change(account, subid, recipients.read_values(account, arguments))


def open_mail(account: Account, mailid: int, arguments: Arguments) -> None:
    """A recipient opens a mail that they got."""
    row = _receipt(account, mailid, arguments)
    agent = arguments.text("userAgent") or _AGENT
    ip = arguments.text("ip") or _IP
    mobile = next((name for name in ("Android", "iPhone", "iPad") if name in agent), "")
    values = {
        "mailid": mailid, "subid": row["subid"], "ip": ip, "agent": agent, "is_mobile": bool(mobile),
        "mobile_os": mobile or None, "browser": _browser(agent)[0], "version": _browser(agent)[1],
    }  # fmt: skip
    account.run(
        "UPDATE userstats SET open = open + 1, opendate = :now, ip = :ip, browser = :browser, browser_version = "
        ":version, is_mobile = :is_mobile, mobile_os = :mobile_os, user_agent = :agent "
        "WHERE account = :account AND mailid = :mailid AND subid = :subid",
        values,
    )
    account.add("stats", {"mailid": mailid}, opentotal=1, openunique=not row["open"])
    account.update("recipient", row["subid"], lastopen_date=account.now, lastopen_ip=ip)
    account.record(row["subid"], "open", mailid=mailid, ip=ip)


def click_link(account: Account, mailid: int, arguments: Arguments) -> None:
    """A recipient clicks on a link; who clicks without having opened the mail has opened it thereby."""
    row = _receipt(account, mailid, arguments)
    link = _link(account, mailid, arguments)
    if not row["open"]:
        open_mail(account, mailid, arguments)
    values = {"mailid": mailid, "subid": row["subid"], "urlid": link["urlid"], "ip": arguments.text("ip") or _IP}
    before = account.one(_CLICKED, values)
    account.run(
        "INSERT INTO urlclick (account, urlid, mailid, subid, click, date, ip) VALUES (:account, :urlid, :mailid, "
        ":subid, 1, :now, :ip) ON CONFLICT DO UPDATE SET click = click + 1, date = :now, ip = :ip",
        values,
    )
    account.add("stats", {"mailid": mailid}, clicktotal=1, clickunique=before is None)
    account.update("recipient", row["subid"], lastclick_date=account.now)
    account.record(row["subid"], "click", mailid=mailid, data=f"urlid={link['urlid']}", ip=values["ip"])


def bounce(account: Account, mailid: int, arguments: Arguments) -> None:
    """A mail comes back; a hard bounce disables the recipient."""
    row = _receipt(account, mailid, arguments)
    hard = arguments.boolean("hard") or False
    first = not row["bounce"]
    account.run(
        "UPDATE userstats SET bounce = 1, fail = max(fail, :hard) "
        "WHERE account = :account AND mailid = :mailid AND subid = :subid",
        {"mailid": mailid, "subid": row["subid"], "hard": hard},
    )
    account.add("stats", {"mailid": mailid}, bounceunique=first, fail=hard and first)
    if hard:
        account.update("recipient", row["subid"], enabled=False)
    account.record(row["subid"], "bounce", mailid=mailid)


def unsubscribe(account: Account, mailid: int, arguments: Arguments) -> None:
    """A recipient leaves the lists that the mail went to; how far that goes is the account's unsubscribe setting."""
    subid = _receipt(account, mailid, arguments)["subid"]
    scope = account.switches.number("unsubscribe_scope")
    own = memberships.subscriptions(account, subid)
    targets = newsletters.targets(account, mailid)
    memberships.leave(account, subid, own if scope > 1 else [each for each in own if each in targets], mailid=mailid)
    if scope == 3:
        account.update("recipient", subid, accept=False)
    account.add("stats", {"mailid": mailid}, unsub=1)


def forward(account: Account, mailid: int, arguments: Arguments) -> None:
    """A recipient passes a mail on."""
    row = _receipt(account, mailid, arguments)
    account.add("stats", {"mailid": mailid}, forward=1)
    account.record(row["subid"], "forward", mailid=mailid)


def consents(account: Account) -> list[dict[str, Any]]:
    """The consents granted and revoked, oldest first."""
    rows = account.all("SELECT * FROM consent WHERE account = :account ORDER BY id")
    return [
        {**{name: row[name] for name in ("subid", "title", "language", "date")}, "granted": bool(row["granted"])}
        for row in rows
    ]


_CLICKED = "SELECT 1 FROM urlclick WHERE account = :account AND urlid = :urlid AND mailid = :mailid AND subid = :subid"
_LOGS: Mapping[str, Callable[[Account], Any]] = {"events": events.events, "imports": imports.jobs, "consents": consents}
_MAKERS: Mapping[str, Callable[[Account, Arguments], int]] = {
    "lists": make_list,
    "newsletters": make_newsletter,
    "recipients": make_recipient,
    "fields": fields.insert,
}
_DEEDS: Mapping[tuple[str, ...], _Deed] = {
    ("POST", "lists"): change_list,
    ("POST", "newsletters"): change_newsletter,
    ("POST", "recipients"): change_recipient,
    ("POST", "fields"): fields.change,
    ("DELETE", "lists"): lambda account, number, _: lists.remove(account, number),
    ("DELETE", "newsletters"): lambda account, number, _: newsletters.remove(account, number),
    ("DELETE", "recipients"): lambda account, number, _: recipients.remove(
        account, [account.find("recipient", number)[1]]
    ),
    ("DELETE", "fields"): lambda account, number, _: fields.remove(account, number),
    ("POST", "newsletters", "schedule"): schedule,
    ("POST", "newsletters", "cancel"): lambda account, number, _: newsletters.cancel(account, number),
    ("POST", "newsletters", "open"): open_mail,
    ("POST", "newsletters", "click"): click_link,
    ("POST", "newsletters", "bounce"): bounce,
    ("POST", "newsletters", "unsubscribe"): unsubscribe,
    ("POST", "newsletters", "forward"): forward,
}
_ENTITIES = {
    "lists": ("list", "listid"),
    "newsletters": ("mail", "mailid"),
    "recipients": ("recipient", "subid"),
    "fields": ("field", "fieldid"),
}


def _row(account: Account, kind: str, number: int) -> dict[str, Any]:
    entity, key = _ENTITIES[kind]
    rows = data.read(account, data.ENTITIES[entity], f"{key}=={number}")
    return rows[0] if rows else {}


def _list_extras(account: Account, arguments: Arguments) -> dict[str, Any]:
    values = objects.sent("list-in-web", arguments)
    for name in ("welmailid", "unsubmailid"):
        if values.get(name):
            account.find("mail", values[name])
    return values


def _receipt(account: Account, mailid: int, arguments: Arguments) -> sqlite3.Row:
    """The statistics of a recipient who got the mail, ``ApiError`` when they did not."""
    recipient = recipients.named_by_email(account, arguments)
    row = account.one(
        "SELECT * FROM userstats WHERE account = :account AND mailid = :mailid AND subid = :subid",
        {"mailid": mailid, "subid": recipient["subid"]},
    )
    if row is None:
        raise conflict(f"This recipient did not get the newsletter {mailid}.")
    return row


def _link(account: Account, mailid: int, arguments: Arguments) -> sqlite3.Row:
    url = arguments.text("url")
    row = account.one(
        "SELECT * FROM url WHERE account = :account AND mailid = :mailid "
        "AND (:url IS NULL OR url = :url OR name = :url) ORDER BY urlid",
        {"mailid": mailid, "url": url},
    )
    if row is None:
        raise not_found("link", url or "in this newsletter")
    return row


def _browser(agent: str) -> tuple[str, int]:
    """Name and major version of the browser, as far as the usual suspects go."""
    for mark, name in (("Firefox/", "firefox"), ("Chrome/", "chrome"), ("MSIE ", "msie"), ("Version/", "safari")):
        if mark in agent:
            digits = agent.partition(mark)[2].partition(".")[0]
            return name, int(digits) if digits.isdecimal() else 0
    return "unknown", 0
