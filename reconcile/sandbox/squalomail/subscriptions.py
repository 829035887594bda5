"""Subscriptions: functions 18 to 23."""

import sqlite3

from reconcile.sandbox.squalomail import memberships, recipients
from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.squalomail.arguments import Arguments
from reconcile.sandbox.squalomail.reply import Answer, missing


def get_subscribed_recipients(account: Account, arguments: Arguments) -> Answer:
    """Function 18: everybody subscribed to a list, disabled ones included."""
    return {"recipientList": recipients.as_results(account, _members(account, arguments, "status = 1"))}


def get_unsubscribed_recipients(account: Account, arguments: Arguments) -> Answer:
    """Function 19: everybody who left a list, disabled ones included; not those who never were on it."""
    return recipients.found(account, _members(account, arguments, "status = -1"))


def subscribe_recipient(account: Account, arguments: Arguments, named: recipients.Named) -> Answer:
    """Functions 20 and 21; nobody is created."""
    recipient = named(account, arguments)
    listids = _lists(account, arguments)
    # Accept first: a welcome mail goes only to those who accept mail.
    _set_accept(account, recipient, arguments.boolean("accept"))
    memberships.join(account, recipient["subid"], listids)
    return {}


def unsubscribe_recipient(account: Account, arguments: Arguments, named: recipients.Named) -> Answer:
    """Functions 22 and 23; leaving a list that one is not on is no error."""
    recipient = named(account, arguments)
    memberships.leave(account, recipient["subid"], _lists(account, arguments))
    everything = account.switches.number("unsubscribe_scope") == 3
    _set_accept(account, recipient, False if everything else arguments.boolean("accept"))
    return {}


def _lists(account: Account, arguments: Arguments) -> list[int]:
    listids = arguments.integers("listIds")
    if not listids:
        raise missing("listIds")
    return memberships.checked_lists(account, listids)


def _members(account: Account, arguments: Arguments, condition: str) -> list[sqlite3.Row]:
    listid = arguments.required_integer("listId")
    account.find("list", listid)
    return account.all(
        "SELECT recipient.* FROM listsub JOIN recipient USING (account, subid) "  # noqa: S608 - conditions from above
        f"WHERE account = :account AND listid = :listid AND {condition} ORDER BY subid",
        {"listid": listid},
    )


def _set_accept(account: Account, recipient: sqlite3.Row, accept: bool | None) -> None:
    if accept is not None:
        account.run(
            "UPDATE recipient SET accept = :accept WHERE account = :account AND subid = :subid",
            {"accept": accept, "subid": recipient["subid"]},
        )
