"""What happens when a newsletter goes out: who gets it, and what is recorded.

Receivers are taken at sending time from the target lists: subscribed, enabled, accepting, each once. The rows of
``send`` are only ever added to, one per mail and person, so that a mail sent twice can be seen.
"""

import html
import json
import re
import sqlite3
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.store import digest

_LINK = re.compile(r"<a\s[^>]*?href\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_RECEIVERS = """
  SELECT DISTINCT recipient.subid, recipient.email, recipient.html FROM listmail
  JOIN listsub ON listsub.account = listmail.account AND listsub.listid = listmail.listid AND listsub.status = 1
  JOIN recipient ON recipient.account = listsub.account AND recipient.subid = listsub.subid
  WHERE listmail.account = :account AND listmail.mailid = :mailid AND recipient.enabled AND recipient.accept
  AND (recipient.confirmed OR NOT :confirmed_only)
"""
_RECORD = """
  INSERT INTO send (account, mailid, subject, subid, recipient, senddate, reason)
  VALUES (:account, :mailid, :subject, :subid, :recipient, :senddate, :reason)
"""


def deliver(account: Account, mailid: int) -> None:
    """Send a scheduled newsletter to everybody who is to get it; afterwards it is published and has statistics."""
    mail = account.row("mail", mailid)
    if mail is None or mail["published"] != 2:
        return
    people = receivers(account, mailid)
    account.update("mail", mailid, published=1)
    _record(account, mail, people, mail["senddate"], "newsletter")


def is_sent(account: Account, mailid: int) -> bool:
    """Whether the newsletter went out: it has a row of statistics."""
    sql = "SELECT 1 FROM stats WHERE account = :account AND mailid = :mailid"
    return account.one(sql, {"mailid": mailid}) is not None


def receivers(account: Account, mailid: int) -> list[sqlite3.Row]:
    """Who would get the newsletter now: ``subid``, ``email`` and ``html``."""
    confirmed_only = account.switches.flag("confirmed_only")
    return account.all(_RECEIVERS + "ORDER BY recipient.subid", {"mailid": mailid, "confirmed_only": confirmed_only})


def send_single(account: Account, mail: sqlite3.Row, recipient: sqlite3.Row, reason: str) -> None:
    """Send one mail to one recipient outside of any schedule, such as a list's welcome mail."""
    _record(account, mail, [recipient], account.now, reason)


def sends(account: Account) -> Iterator[dict[str, Any]]:
    """Mails that went out in their order, then those that are scheduled, to whom they would go now."""
    for row in account.all("SELECT * FROM send WHERE account = :account ORDER BY id"):
        yield _shown(account, row, row["recipient"], "sent") | {"reason": row["reason"]}
    for mail in account.all("SELECT * FROM mail WHERE account = :account AND published = 2 ORDER BY senddate, mailid"):
        for recipient in receivers(account, mail["mailid"]):
            yield _shown(account, mail, digest(recipient["email"]), "scheduled") | {"reason": "newsletter"}


def _shown(account: Account, row: sqlite3.Row, recipient: str, state: str) -> dict[str, Any]:
    return {
        "account": account.app_id,
        "mailid": row["mailid"],
        "subject": row["subject"],
        "recipient": recipient,
        "sendDate": row["senddate"],
        "state": state,
    }


def _record(account: Account, mail: sqlite3.Row, people: list[sqlite3.Row], date: int, reason: str) -> None:
    mailid = mail["mailid"]
    rows = [
        {
            "mailid": mailid,
            "subject": mail["subject"],
            "subid": person["subid"],
            "recipient": digest(person["email"]),
            "html": person["html"],
            "senddate": date,
            "reason": reason,
        }
        for person in people
    ]
    account.run_many(_RECORD, rows)
    account.run_many(
        "INSERT INTO userstats (account, mailid, subid, html, sent, senddate, open, opendate, bounce, fail) "
        "VALUES (:account, :mailid, :subid, :html, 1, :senddate, 0, 0, 0, 0) "
        "ON CONFLICT DO UPDATE SET sent = sent + 1, senddate = :senddate",
        rows,
    )
    account.run_many("UPDATE recipient SET lastsent_date = :senddate WHERE account = :account AND subid = :subid", rows)
    as_html = sum(bool(person["html"]) for person in people)
    account.run(
        "INSERT INTO stats VALUES (:account, :mailid, :html, :text, :date, 0, 0, 0, 0, 0, 0, 0, 0) "
        "ON CONFLICT DO UPDATE SET senthtml = senthtml + :html, senttext = senttext + :text, senddate = :date",
        {"mailid": mailid, "html": as_html, "text": len(people) - as_html, "date": date},
    )
    _record_links(account, mail)


def _record_links(account: Account, mail: sqlite3.Row) -> None:
    """Each link of each newsletter is a row of its own, even if several lead to one place."""
    if account.one("SELECT 1 FROM url WHERE account = :account AND mailid = :mailid", {"mailid": mail["mailid"]}):
        return
    utm = json.loads(mail["utm"])
    account.insert_all(
        "url",
        [
            {"urlid": account.next_id("url"), "mailid": mail["mailid"], "name": link, "url": _with_utm(link, utm)}
            for link in _links(mail["body"])
        ],
    )


def _links(body: str) -> list[str]:
    found = (html.unescape(double or single) for double, single in _LINK.findall(body))
    return [link for link in found if link.lower().startswith(("http://", "https://"))]


def _with_utm(link: str, utm: dict[str, Any]) -> str:
    """The link with utm_source=... and so on, when the newsletter asks for them."""
    if not utm.get("addUtm"):
        return link
    pairs = [f"utm_{name[3:].lower()}={quote(str(value))}" for name, value in utm.items() if name != "addUtm" and value]
    page, mark, fragment = link.partition("#")
    return page + ("&" if "?" in page else "?") + "&".join(pairs) + mark + fragment if pairs else link
