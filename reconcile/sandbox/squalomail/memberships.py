"""Who is on which list: joining and leaving, and what comes with it."""

import json

from reconcile.sandbox.squalomail import lists, sending
from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.squalomail.reply import not_found


def join(account: Account, subid: int, listids: list[int]) -> None:
    """Subscribe somebody to lists that exist, with the list's welcome mail if it has one."""
    renew = account.switches.text("resubscribe_subdate") == "always"
    welcome = account.switches.text("welcome_mail")
    for listid in listids:
        key = {"listid": listid, "subid": subid}
        row = account.one(_MEMBERSHIP, key)
        new = row is None or row["status"] != 1
        if new or renew:
            account.run(_SUBSCRIBE, key)
        if new:
            account.record(subid, "subscribed", data=f"listid={listid}")
        if welcome == "always" or (new and welcome == "on_change"):
            _welcome(account, listid, subid)


def leave(account: Account, subid: int, listids: list[int], *, mailid: int = 0) -> None:
    """Unsubscribe somebody from lists; ``mailid`` is the newsletter through which it was done."""
    for listid in listids:
        if account.run(_UNSUBSCRIBE, {"listid": listid, "subid": subid}):
            account.record(subid, "unsubscribed", data=f"listid={listid}", mailid=mailid)


def replace(account: Account, subid: int, listids: list[int]) -> None:
    """Make these the only lists that somebody is subscribed to."""
    leave_others(account, subid, listids)
    join(account, subid, listids)


def leave_others(account: Account, subid: int, listids: list[int]) -> None:
    """End all subscriptions but those to these lists; what is left of them is up to the switch ``left_lists``."""
    others = [listid for listid in subscriptions(account, subid) if listid not in listids]
    if account.switches.text("left_lists") == "delete":
        account.run(
            "DELETE FROM listsub WHERE account = :account AND subid = :subid "
            "AND listid IN (SELECT value FROM json_each(:others))",
            {"subid": subid, "others": json.dumps(others)},
        )
    else:
        leave(account, subid, others)


def subscriptions(account: Account, subid: int) -> list[int]:
    """The ids of the lists that somebody is subscribed to."""
    rows = account.all(
        "SELECT listid FROM listsub WHERE account = :account AND subid = :subid AND status = 1 ORDER BY listid",
        {"subid": subid},
    )
    return [row["listid"] for row in rows]


def checked_lists(account: Account, listids: list[int]) -> list[int]:
    """The ids that lists have; whether others are an error is up to the switch ``subscribe_missing_list``."""
    known = lists.known_ids(account, listids)
    if len(known) < len(listids) and account.switches.text("subscribe_missing_list") == "not_found":
        raise not_found("list", next(listid for listid in listids if listid not in known))
    return known


_MEMBERSHIP = "SELECT status FROM listsub WHERE account = :account AND listid = :listid AND subid = :subid"
_SUBSCRIBE = (
    "INSERT INTO listsub (account, listid, subid, subdate, unsubdate, status) "
    "VALUES (:account, :listid, :subid, :now, NULL, 1) ON CONFLICT DO UPDATE SET subdate = :now, unsubdate = NULL, "
    "status = 1"
)
_UNSUBSCRIBE = (
    "UPDATE listsub SET status = -1, unsubdate = :now "
    "WHERE account = :account AND listid = :listid AND subid = :subid AND status <> -1"
)


def _welcome(account: Account, listid: int, subid: int) -> None:
    mail = account.one(
        "SELECT mail.* FROM list JOIN mail ON mail.account = list.account AND mail.mailid = list.welmailid "
        "WHERE list.account = :account AND list.listid = :listid",
        {"listid": listid},
    )
    recipient = account.one(
        "SELECT * FROM recipient WHERE account = :account AND subid = :subid AND enabled AND accept", {"subid": subid}
    )
    if mail and recipient:
        sending.send_single(account, mail, recipient, "welcome")
