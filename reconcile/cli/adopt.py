"""``import`` and ``adopt``: bind what exists to the addresses of the manifests."""

import click

from reconcile.cli.history import remembered
from reconcile.cli.options import global_options, options
from reconcile.cli.output import print_json, show_diagnostics, text_or_json
from reconcile.cli.plan import requested
from reconcile.cli.workspace import project


@click.command(name="import", epilog="Example: reconcile import shop.campaign.spring 31")
@click.argument("address", metavar="ADDR")
@click.argument("id_", metavar="ID")
@global_options
def import_(address: str, id_: str) -> None:
    """Bind the existing object with an ID to the entry at ADDR; changes the state alone."""
    from reconcile.engine.adopt import import_object

    here = project()
    desired = here.manifests().resources
    target = requested(here, [address], [], known=list(desired)).targets[0]
    with (
        here.store().lock(f"import {address}", options().lock_timeout) as locked,
        here.workspace() as workspace,
        remembered(here, locked, "import") as record,
    ):
        import_object(workspace, locked, desired[target], id_)
        record.begin()
    click.echo(f"{target} is bound to id {id_}. See what apply would change: reconcile plan")


@click.command(epilog="Example: reconcile adopt && reconcile plan")
@global_options
def adopt() -> int:
    """Bind each entry that is not in the state to the object of the same name; changes the state alone."""
    from reconcile.engine.adopt import adopt as bind

    as_json = text_or_json() == "json"
    here = project()
    desired = here.manifests().resources
    with (
        here.store().lock("adopt", options().lock_timeout) as locked,
        here.workspace() as workspace,
        remembered(here, locked, "adopt") as record,
    ):
        adoption = bind(workspace, locked, desired)
        record.outcome = 1 if adoption.findings else 0
        record.begin()
    show_diagnostics(adoption.findings)
    if as_json:
        print_json(
            {
                "bound": {str(address): id_ for address, id_ in adoption.bound.items()},
                "unmatched": [str(address) for address in adoption.unmatched],
            }
        )
    else:
        for address, id_ in adoption.bound.items():
            click.echo(f"{address} is bound to id {id_}")
        click.echo(f"{len(adoption.bound)} bound, {len(adoption.unmatched)} without a match.")
    return 1 if adoption.findings else 0
