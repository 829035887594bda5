"""SqualoMail's own command: ``event`` tells an account of something that its automations may wait for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reconcile.errors import Usage
from reconcile.model.command import AUTO_APPROVE, Command, Context, Parameter, Takes

if TYPE_CHECKING:
    from reconcile.model.call import Call


def tell_event(context: Context) -> None:
    """Make the call of the function for what the event is about."""
    call = _call(context.values)
    context.result(context.call(call))
    context.tell(f"{context.alias} has taken the event ({call.operation}). What comes of it can't be read.")


def _call(values: Mapping[str, Any]) -> "Call":
    """The call of the function for what the event is about.

    Raises:
        Usage: the options don't fit together.
    """
    from reconcile.model.call import Call

    text, order, checkout, shop = (values[name] for name in ("text", "order", "abandoned_checkout", "shop"))
    if not text.strip():
        raise Usage("TEXT is empty, and no automation waits for that.")
    if order is not None and checkout is not None:
        raise Usage("An event is about an order or about an abandoned checkout, not both.")
    about = order if order is not None else checkout
    if (about is None) is not (shop is None):
        raise Usage(
            "--shop goes with --order or --abandoned-checkout, and they with it.",
            hint="Such as --order A-1 --shop 123.",
        )
    if about is None:
        return Call("custom-event", {"customText": text})
    if not about.strip():
        raise Usage("The id of the order or checkout is empty.")
    if order is not None:
        return Call("custom-event/order", {"customText": text, "orderId": order, "shopId": shop})
    return Call(
        "custom-event/abandoned-checkout", {"customText": text, "abandonedCheckoutId": checkout, "shopId": shop}
    )


EVENT = Command(
    name="event",
    help="""Tell an account of an event: TEXT is what its automations wait for.

    It is told once: without an answer nobody knows whether it was heard, and it is never repeated.
    """,
    example="reconcile event squalomail thanks --order A-1 --shop 123 --allow-send",
    run=tell_event,
    parameters=(
        Parameter("text", argument=True),
        Parameter("order", "It is about this order, of the shop given with --shop.", metavar="ID"),
        Parameter("abandoned_checkout", "It is about this cart that somebody left.", metavar="ID"),
        Parameter("shop", "The id of the shop.", Takes.NUMBER, metavar="N", least=0, most=2**31 - 1),
        AUTO_APPROVE,
        Parameter("allow_send", "Allow it: automations may send mail because of the event.", Takes.FLAG),
    ),
    alias_needed=True,
)
