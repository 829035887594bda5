"""``datafeed pull``: GatorMail's activity into a file, each record exactly once."""

import threading
from pathlib import Path

from reconcile.errors import Interrupted, UnknownOutcome, Unreachable
from reconcile.model.command import Context
from reconcile.model.kind import Client
from reconcile.providers.gatormail.contract import members
from reconcile.providers.gatormail.feed import Tally
from reconcile.providers.gatormail.feed import pull as take
from reconcile.providers.gatormail.feed_store import Sink, open_sink
from reconcile.providers.shapes import Misfit

_QUESTION = (
    "{alias} has one queue of activity, and what is taken out of it is gone for everybody else, such as a vendor's CRM "
    "connector."
)


def run(context: Context) -> None:
    """Store what is queued, and go on with ``follow``."""
    file: Path = context.values["to"]
    interval = context.values["interval"] if context.values["follow"] else None
    tally = Tally()
    queue = context.folder / f"{context.alias}.datafeed"
    with (
        context.alone(queue, f"The data feed of {context.alias} is being read"),
        context.opened() as (client, account),
    ):
        context.agree("datafeed", _QUESTION.format(alias=context.alias))
        with (
            open_sink(file, str(account), tuple(members("record")), context.patience) as sink,
            context.stopping() as stop,
        ):
            _pull(context, client, sink, tally, interval, stop)
            interrupted = stop.is_set()
    context.result({"file": str(file), "stored": tally.stored, "known": tally.known, "batches": tally.batches})
    again = f", {tally.known:,} were there already" if tally.known else ""
    context.tell(f"{tally.stored:,} records stored in {file}{again}; {tally.batches:,} batches marked as processed.")
    if interrupted:
        raise Interrupted("Interrupted; what was fetched is stored.", hint="Run again to go on.")


def _pull(
    context: Context, client: Client, sink: Sink, tally: Tally, interval: float | None, stop: threading.Event
) -> None:
    while True:
        try:
            take(client, sink, tally, tell=context.progress, stop=stop, interval=interval)
        except Misfit:
            raise  # it would be the same the next time
        except (Unreachable, UnknownOutcome) as error:
            if interval is None:
                raise
            # Whoever follows the feed waits for a platform that is away.
            context.warn(error.diagnostics)
            if stop.wait(interval):
                return
        else:
            return
