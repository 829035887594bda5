"""``event``: tell the platform of something that its automations may wait for."""

import click

from reconcile.cli.api import make_by_hand, operation_of
from reconcile.cli.options import global_options
from reconcile.cli.output import print_json, text_or_json
from reconcile.cli.workspace import project
from reconcile.errors import Usage
from reconcile.model.call import Call


@click.command(epilog="Example: reconcile event squalomail thanks --order A-1 --shop 123 --allow-send")
@click.argument("provider")
@click.argument("text")
@click.option("--order", metavar="ID", help="It is about this order, of the shop given with --shop.")
@click.option("--abandoned-checkout", "checkout", metavar="ID", help="It is about this cart that somebody left.")
@click.option("--shop", type=click.IntRange(0, 2**31 - 1), metavar="N", help="The id of the shop.")
@click.option("--auto-approve", is_flag=True, help="Don't ask.")
@click.option("--allow-send", is_flag=True, help="Allow it: automations may send mail because of the event.")
@global_options
def event(
    provider: str,
    text: str,
    order: str | None,
    checkout: str | None,
    shop: int | None,
    auto_approve: bool,
    allow_send: bool,
) -> None:
    """Tell PROVIDER of an event: TEXT is what its automations wait for.

    It is told once: without an answer nobody knows whether it was heard, and it is never repeated.
    """
    as_json = text_or_json() == "json"
    call = _call(text, order, checkout, shop)
    here = project()
    operation_of(here, provider, call.operation)
    answer = make_by_hand(here, provider, call, auto_approve=auto_approve, allow_send=allow_send)
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{provider} has taken the event ({call.operation}). What comes of it can't be read.")


def _call(text: str, order: str | None, checkout: str | None, shop: int | None) -> Call:
    """The call of the function for what the event is about.

    Raises:
        Usage: the options don't fit together.
    """
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
