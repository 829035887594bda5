"""``state list`` and ``state show``."""

import click

from reconcile.cli.options import global_options
from reconcile.cli.output import print_json, text_or_json
from reconcile.cli.plan import requested
from reconcile.cli.workspace import project
from reconcile.errors import InvalidInput
from reconcile.model.attributes import Digest, to_json


@click.group(epilog="Example: reconcile state list")
@global_options
def state() -> None:
    """Look at what was last applied."""


@state.command("list", epilog="Example: reconcile state list --format json")
@global_options
def list_() -> None:
    """The addresses in the state, with the ids of their objects."""
    as_json = text_or_json() == "json"
    known = project().store().read()
    resources = sorted(known.resources.items()) if known else []
    if as_json:
        print_json({str(address): kept.id for address, kept in resources})
        return
    for address, kept in resources:
        click.echo(f"{address}  {kept.id}{'  (external)' if kept.external else ''}")


@state.command(epilog="Example: reconcile state show squalomail.list.italia")
@click.argument("address", metavar="ADDR")
@global_options
def show(address: str) -> None:
    """What was last applied to one address; long texts as digests."""
    as_json = text_or_json() == "json"
    here = project()
    known = here.store().read()
    resources = known.resources if known else {}
    if not resources:
        raise InvalidInput("The state is empty: nothing was applied yet.")
    kept = resources[requested(here, [address], [], known=list(resources)).targets[0]]
    if as_json:
        print_json({"id": kept.id, "attributes": to_json(kept.attributes), "preventDestroy": kept.prevent_destroy})
        return
    click.echo(f"{address}  id {kept.id}")
    for name, value in kept.attributes.items():
        shown = f"{value.length:,} characters, sha256 {value.sha256}" if isinstance(value, Digest) else _plain(value)
        click.echo(f"  {name}: {shown}")
    if kept.prevent_destroy:
        click.echo("  protected from being destroyed")


def _plain(value: object) -> str:
    import orjson

    return orjson.dumps(to_json(value)).decode()
