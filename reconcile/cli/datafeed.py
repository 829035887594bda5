"""``datafeed pull``: GatorMail's activity into a file, each record exactly once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconcile.cli.apply import stopping
from reconcile.cli.consent import Answers, agree
from reconcile.cli.options import global_options, options
from reconcile.cli.output import print_json, progress, show_diagnostics, text_or_json
from reconcile.cli.schema_requests import one_of_type
from reconcile.cli.workspace import Project, project
from reconcile.errors import Interrupted, UnknownOutcome, Unreachable

if TYPE_CHECKING:
    import threading

    from reconcile.model.kind import Client
    from reconcile.providers.gatormail.feed import Tally
    from reconcile.providers.gatormail.feed_store import Sink

_QUESTION = (
    "{alias} has one queue of activity, and what is taken out of it is gone for everybody else, such as a vendor's CRM "
    "connector."
)


@click.group(epilog="Example: reconcile datafeed pull --to activity.sqlite")
@global_options
def datafeed() -> None:
    """GatorMail's queue of opens, clicks, bounces and the like. Its options are the manifests' entry `datafeed`."""


@datafeed.command(epilog="Example: reconcile datafeed pull --to activity.jsonl --follow --auto-approve")
@click.argument("alias", required=False)
@click.option(
    "--to",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Where the records go: .sqlite or .db, .jsonl or .ndjson.",
)
@click.option("--follow", is_flag=True, help="Go on when the queue is empty, until Ctrl-C.")
@click.option("--interval", type=click.FloatRange(min=0.1), default=60.0, show_default=True, help="Seconds, for that.")
@click.option("--auto-approve", is_flag=True, help="Don't ask.")
@global_options
def pull(alias: str | None, file: Path, follow: bool, interval: float, auto_approve: bool) -> None:
    """Store all activity that is queued in FILE, then take it out of the queue.

    Each batch is stored durably before it is marked as processed, and a record that is stored already is passed over;
    so FILE has each record once, whenever a run ends. FILE is readable by its owner only, since records are about
    people.
    """
    from reconcile.disk import one_at_a_time
    from reconcile.providers.gatormail.feed import Tally

    as_json = text_or_json() == "json"
    here = project()
    name = one_of_type(here, alias, "gatormail")
    tally = Tally()
    queue = here.settings.folder / f"{name}.datafeed"
    patience = options().lock_timeout
    with (
        one_at_a_time(queue, f"The data feed of {name} is being read", patience),
        _opened(here, name, file, auto_approve=auto_approve) as (client, sink),
        stopping() as stop,
    ):
        _pull(client, sink, tally, interval if follow else None, stop)
        interrupted = stop.is_set()
    if as_json:
        told = {"file": str(file), "stored": tally.stored, "known": tally.known, "batches": tally.batches}
        print_json(told)
    else:
        again = f", {tally.known:,} were there already" if tally.known else ""
        click.echo(f"{tally.stored:,} records stored in {file}{again}; {tally.batches:,} batches marked as processed.")
    if interrupted:
        raise Interrupted("Interrupted; what was fetched is stored.", hint="Run again to go on.")


@contextmanager
def _opened(here: Project, alias: str, file: Path, *, auto_approve: bool) -> "Iterator[tuple[Client, Sink]]":
    """The account's client and the sink, once the account is the right one and the queue ours to take from."""
    from reconcile.engine.workflow import NEVER_APPLIED, check_accounts
    from reconcile.providers.gatormail.contract import members
    from reconcile.providers.gatormail.feed_store import open_sink

    with here.workspace() as workspace:
        account = check_accounts(workspace, here.store().read() or NEVER_APPLIED, [alias])[alias]
        agree(Answers(here, alias), "datafeed", _QUESTION.format(alias=alias), given=auto_approve)
        with open_sink(file, str(account), tuple(members("record")), options().lock_timeout) as sink:
            yield workspace.clients[alias], sink


def _pull(client: "Client", sink: "Sink", tally: "Tally", interval: float | None, stop: "threading.Event") -> None:
    from reconcile.providers.gatormail.feed import pull as take

    while True:
        try:
            take(client, sink, tally, tell=progress, stop=stop, interval=interval)
        except (Unreachable, UnknownOutcome) as error:
            if interval is None:
                raise
            # Whoever follows the feed waits for a platform that is away.
            show_diagnostics(error.diagnostics)
            stop.wait(interval)
        else:
            return
