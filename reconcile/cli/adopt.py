"""``import`` and ``adopt``: bind what exists to the addresses of the manifests."""

from typing import Final, TextIO

import click

from reconcile.cli.history import remembered
from reconcile.cli.options import global_options, options
from reconcile.cli.output import print_json, show_diagnostics, text_or_json
from reconcile.cli.plan import requested
from reconcile.cli.unmanaged import read_bindings
from reconcile.cli.workspace import project
from reconcile.errors import Usage

_FROM: Final = "A file with ADDR ID on each line, or a JSON object; all are bound, or none. - is stdin."


@click.command(name="import", epilog="Example: reconcile import shop.campaign.spring 31")
@click.argument("binding", metavar="[ADDR ID]", nargs=-1)
@click.option("--from", "file", metavar="FILE", type=click.File("r", encoding="utf-8"), help=_FROM)
@global_options
def import_(binding: tuple[str, ...], file: TextIO | None) -> None:
    """Bind the existing object with an ID to the entry at ADDR, or many at once; changes the state alone."""
    from reconcile.engine.adopt import import_objects

    if (file is None and len(binding) != 2) or (file is not None and binding):
        raise Usage("import takes an address and an id, or --from FILE with a line for each.")
    here = project()
    desired = here.manifests().resources
    given = read_bindings(file.read(), file.name) if file is not None else None
    addresses = [str(address) for address in given] if given is not None else [binding[0]]
    targets = requested(here, addresses, [], known=list(desired)).targets
    ids = given if given is not None else {targets[0]: binding[1]}
    with (
        here.store().lock(f"import {addresses[0]}" if given is None else "import", options().lock_timeout) as locked,
        here.workspace() as workspace,
        remembered(here, locked, "import") as record,
    ):
        import_objects(workspace, locked, {target: (desired[target], ids[target]) for target in targets})
        record.begin()
    for target in targets:
        click.echo(f"{target} is bound to id {ids[target]}. See what apply would change: reconcile plan")


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
