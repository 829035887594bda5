"""Custom events: functions 33 to 35. What automations they would start is not told to anybody; they are recorded."""

import json
from typing import Any

from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.squalomail.arguments import Arguments
from reconcile.sandbox.squalomail.reply import Answer


def custom_event(account: Account, arguments: Arguments) -> Answer:
    """Function 33: an event of a name that an automation may wait for."""
    return _record(account, "event", {"customText": arguments.required_text("customText")})


def custom_order(account: Account, arguments: Arguments) -> Answer:
    """Function 34: an order of a shop."""
    return _record(
        account,
        "order",
        {
            "customText": arguments.required_text("customText"),
            "orderId": arguments.required_text("orderId"),
            "shopId": arguments.required_integer("shopId"),
        },
    )


def custom_abandoned_checkout(account: Account, arguments: Arguments) -> Answer:
    """Function 35: a cart that somebody left."""
    return _record(
        account,
        "abandoned-checkout",
        {
            "customText": arguments.required_text("customText"),
            "abandonedCheckoutId": arguments.required_text("abandonedCheckoutId"),
            "shopId": arguments.required_integer("shopId"),
        },
    )


def events(account: Account) -> list[dict[str, Any]]:
    """The events received, oldest first."""
    rows = account.all("SELECT * FROM event WHERE account = :account ORDER BY id")
    return [{"kind": row["kind"], "date": row["date"], **json.loads(row["arguments"])} for row in rows]


def _record(account: Account, kind: str, values: dict[str, Any]) -> Answer:
    account.insert("event", date=account.now, kind=kind, arguments=json.dumps(values, ensure_ascii=False))
    return {}
