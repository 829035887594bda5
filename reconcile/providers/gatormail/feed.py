"""Take activity out of a platform's queue: fetch a batch, store it durably, then mark it processed; never otherwise.

A batch that is not marked is handed out again, under the same identifier or, with newer rows, under another one; the
sink passes over what it has. So whenever a run dies, nothing is lost and nothing is there twice.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconcile.errors import ApiError, Unauthorised, UnknownOutcome
from reconcile.model.call import Call
from reconcile.model.kind import Client
from reconcile.providers.gatormail.feed_store import Sink

# A batch that comes again although it was marked, or whose marking is refused, is tried so often.
_TRIES = 3


@dataclass(slots=True)
class Tally:
    """What a pull has come to: records stored, records that were there already, batches marked."""

    stored: int = 0
    known: int = 0
    batches: int = 0


def pull(
    client: Client,
    sink: Sink,
    tally: Tally,
    *,
    tell: Callable[[str], None] = lambda text: None,
    stop: threading.Event | None = None,
    interval: float | None = None,
) -> None:
    """Store all that is queued, counting in ``tally``; with an ``interval`` (seconds) look again until ``stop`` is set.

    Raises:
        ApiError: the platform fails, or hands out the same batch for ever. StateError: the sink can't be written.
    """
    stop = stop or threading.Event()
    vain, last = 0, None  # batches that brought nothing on, in a row
    while not stop.is_set():
        batch = client.send(Call("gatormail_getDatafeed", {}))
        records, identifier = batch["records"], batch["batchIdentifier"]
        if identifier is None:
            if records:
                raise ApiError(
                    "The platform gave records without a batch identifier, so they can't be marked.",
                    hint="See f.batch.batchIdentifier under the provider's contract.",
                )
            if interval is None:
                return
            stop.wait(interval)
            continue
        _each_of_its_own(records)
        new = sink.put(records)
        tally.stored += new
        tally.known += len(records) - new
        refusal = _mark(client, str(identifier))
        tally.batches += refusal is None
        vain = 0 if records and refusal is None and identifier != last else vain + 1
        last = identifier
        if vain >= _TRIES:
            raise refusal or ApiError(
                "The platform hands out a batch again and again although it was marked as processed.",
                hint="All its records are stored. Is another program taking records from this queue?",
            )
        tell(f"{tally.stored:,} records stored, {tally.known:,} were there already, {tally.batches:,} batches marked")


def _each_of_its_own(records: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a batch in which one id stands for two records: taken for one, the other would be lost.

    Raises:
        ApiError: it does; nothing is stored or marked.
    """
    if len({str(record["id"]) for record in records}) < len(records):
        raise ApiError(
            "gatormail_getDatafeed: two records of the batch have the same id, so it is neither stored nor marked.",
            hint="See f.record.id under the provider's contract: it must name what tells records apart.",
        )


def _mark(client: Client, identifier: str) -> ApiError | None:
    """Mark a batch whose records are stored; a refusal is no loss, since they will be handed out again."""
    try:
        answer = client.send(Call("gatormail_getDatafeedBatchIdentifier", {"batchIdentifier": identifier}))
    except (UnknownOutcome, Unauthorised):
        raise
    except ApiError as error:
        # Most likely withdrawn meanwhile: the platform hands its records out under another identifier.
        return error
    if answer["processed"] is not True:
        return ApiError("gatormail_getDatafeedBatchIdentifier: the platform has not marked the batch as processed.")
    return None
