"""``accept``."""

from datetime import UTC, date, datetime

import click

from reconcile.cli.history import remembered
from reconcile.cli.options import global_options, options
from reconcile.cli.output import print_json, progress, text_or_json
from reconcile.cli.workspace import project
from reconcile.errors import InvalidInput, Usage
from reconcile.model.address import Address, parse_address


@click.command(epilog="Example: reconcile accept shop.list.news.color --reason 'Christmas' --until 2027-01-06")
@click.argument("names", metavar="ADDR[.ATTRIBUTE]...", nargs=-1, required=True)
@click.option("--reason", metavar="TEXT", help="Why it stays as it is; shown in every plan.")
@click.option("--until", metavar="DATE", help="The last day on which it stays, such as 2027-01-06; for good if absent.")
@click.option("--over", is_flag=True, help="End that something is accepted.")
@global_options
def accept(names: tuple[str, ...], reason: str | None, until: str | None, over: bool) -> None:
    """Let an outside edit stay, without touching the manifests; every plan shows it until that is over.

    It is over after the last day, once the edit or the entry is another one, and with --over. Changes the state alone.
    """
    from reconcile.engine.accept import accept as take
    from reconcile.engine.accept import end
    from reconcile.state.lockinfo import new_owner

    if over == bool(reason and reason.strip()) or (over and until):
        raise Usage("accept takes --reason TEXT, and --until DATE where it is to end by itself; or --over alone.")
    as_json = text_or_json() == "json"
    last = _day(until) if until is not None else None
    wanted = [_named(name) for name in names]
    here = project()
    desired = here.manifests().resources
    with (
        here.store().lock(f"accept {' '.join(names)}", options().lock_timeout) as locked,
        here.workspace() as workspace,
        remembered(here, locked, "accept") as record,
    ):
        if over:
            done = end(locked, wanted)
        else:
            by = new_owner("accept", workspace.clock()).who
            done = take(workspace, locked, desired, wanted, " ".join((reason or "").split()), last, by)
        record.begin()
    if as_json:
        print_json({str(address): list(edited) for address, edited in done.items()})
        return
    what = "accepted no more" if over else f"accepted {f'until {last}' if last else 'for good'}"
    for address, edited in done.items():
        click.echo(f"{address}: {', '.join(edited)}: {what}")
    progress("Every plan shows it: reconcile plan")


def _named(text: str) -> tuple[Address, str | None]:
    """An address, and an attribute of it if one is named."""
    parts = text.split(".", 3)
    try:
        return parse_address(".".join(parts[:3])), parts[3] if len(parts) > 3 else None
    except ValueError as error:
        raise InvalidInput(
            f"{error}.", hint="An edit is named like shop.list.italia or shop.list.italia.color."
        ) from None


def _day(text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f'"{text}" is no day.', hint="Write it like 2027-01-06.") from None
    if day < datetime.now(UTC).date():
        raise InvalidInput(f"{day} is over already.", hint="Name a day that is to come, or leave --until out.")
    return day.isoformat()
