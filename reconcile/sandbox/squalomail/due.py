"""What time brings: sendings and imports are carried out in the order in which they came due."""

import dataclasses

from reconcile.sandbox.squalomail import imports, sending
from reconcile.sandbox.squalomail.account import Account


def settle(account: Account) -> None:
    """Carry out everything of the account that is due by now, each as of its own moment.

    One read of the clock may cover hours: an import that was due before a sending is then done first, so that the
    newsletter reaches the people it brought.
    """
    lead = account.switches.number("queue_lead_seconds")
    due = [
        *(
            (row["senddate"] - lead, "mail", row["mailid"])
            for row in account.all("SELECT senddate, mailid FROM mail WHERE account = :account AND published = 2")
        ),
        *(
            (row["due"], "job", row["id"])
            for row in account.all("SELECT due, id FROM job WHERE account = :account AND done IS NULL")
        ),
    ]
    for moment, kind, number in sorted(due):
        if moment > account.now:
            return
        then = dataclasses.replace(account, now=moment)
        if kind == "job":
            imports.carry_out(then, number)
        else:
            sending.deliver(then, number)
