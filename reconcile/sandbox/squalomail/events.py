"""Custom events: functions 33 to 35. What automations they would start is not told to anybody; they are recorded."""

import json
from typing import Any

from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.squalomail.arguments import Arguments
from reconcile.sandbox.squalomail.reply import Answer

# The texts that each kind of event needs; those of a shop name that, too.
_TEXTS = {
    "event": ("customText",),
    "order": ("customText", "orderId"),
    "abandoned-checkout": ("customText", "abandonedCheckoutId"),
}


def record(kind: str, account: Account, arguments: Arguments) -> Answer:
    """Functions 33 to 35: an event of a name that an automation may wait for, an order, a cart that somebody left."""
    values: dict[str, Any] = {name: arguments.required_text(name) for name in _TEXTS[kind]}
    if kind != "event":
        values["shopId"] = arguments.required_integer("shopId")
    account.insert("event", date=account.now, kind=kind, arguments=json.dumps(values, ensure_ascii=False))
    return {}


def events(account: Account) -> list[dict[str, Any]]:
    """The events received, oldest first."""
    rows = account.all("SELECT * FROM event WHERE account = :account ORDER BY id")
    return [{"kind": row["kind"], "date": row["date"], **json.loads(row["arguments"])} for row in rows]
