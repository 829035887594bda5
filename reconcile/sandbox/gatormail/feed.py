"""The data feed (reference OpenAPI document, tag datafeed): activity is queued, fetched in batches, marked processed.

One queue per instance, oldest first. A batch stays open until it is marked; how an open one is handed out again is the
switch ``feed_redelivery``. Switching a feed off stops queueing; rows already queued are still delivered.
"""

import json
import sqlite3
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from reconcile.sandbox.gatormail.document import ENUMS, SHAPES
from reconcile.sandbox.gatormail.instance import Instance
from reconcile.sandbox.gatormail.reply import invalid, not_found

_LARGEST_BATCH = 1000
# The options' member for each activity type: EmailSent is emailSent.
FEEDS = {name: name[0].lower() + name[1:] for name in ENUMS["activityType"]}


def options(instance: Instance) -> dict[str, Any]:
    """Operation gatormail_getDatafeedOptions."""
    kept = instance.setting("options", {})
    return {
        "batchSize": kept.get("batchSize", 100),
        "feeds": dict.fromkeys(SHAPES["feeds"], True) | kept.get("feeds", {}),
    }


def set_options(instance: Instance, values: dict[str, Any]) -> dict[str, Any]:
    """Operation gatormail_postDatafeedOptions; what is left out falls back or stays as for other updates."""
    merge = instance.positions.text("put_semantics") == "merge"
    before = options(instance) if merge else {"batchSize": 100, "feeds": dict.fromkeys(SHAPES["feeds"], False)}
    size = values.get("batchSize", before["batchSize"])
    if not 1 <= size <= _LARGEST_BATCH:
        raise invalid("options.batchSize", f"Should be from 1 to {_LARGEST_BATCH}")
    instance.keep("options", {"batchSize": size, "feeds": before["feeds"] | values.get("feeds", {})})
    return options(instance)


def record(instance: Instance, kind: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Note activity of one kind, and queue it if its feed is on; rows have the members of a record."""
    queued = bool(options(instance)["feeds"][FEEDS[kind]])
    date = instance.wall()
    instance.insert_all(
        "gm_record",
        [
            {
                "id": instance.next_id("record"),
                "type": kind,
                "campaignid": row.get("campaignId"),
                "contactid": row["contactId"],
                "data": json.dumps({"activityType": kind, "activityDate": date, **row}, ensure_ascii=False),
                "queued": queued,
            }
            for row in rows
        ],
    )


def fetch(instance: Instance) -> dict[str, Any]:
    """Operation gatormail_getDatafeed: the open batch again, or the next rows as a new one."""
    open_batch = instance.one("SELECT identifier FROM gm_batch WHERE instance = :instance AND state = 'open'")
    if open_batch and instance.positions.text("feed_redelivery") == "same_batch":
        return _batch(instance, open_batch["identifier"])
    if open_batch:
        _take_back(instance, open_batch["identifier"])
    sql = "SELECT id FROM gm_record WHERE instance = :instance AND queued AND batch IS NULL ORDER BY id LIMIT :size"
    rows = instance.all(sql, {"size": options(instance)["batchSize"]})
    if not rows:
        return {"batchIdentifier": None, "records": []}
    identifier = str(uuid.uuid4())
    instance.insert("gm_batch", identifier=identifier, state="open")
    instance.run(
        "UPDATE gm_record SET batch = :identifier WHERE instance = :instance AND queued AND batch IS NULL "
        "AND id <= :last",
        {"identifier": identifier, "last": rows[-1]["id"]},
    )
    return _batch(instance, identifier)


def mark(instance: Instance, identifier: str) -> dict[str, Any]:
    """Operation gatormail_getDatafeedBatchIdentifier: marking twice is fine, an unknown identifier is not."""
    known = instance.run(
        "UPDATE gm_batch SET state = 'processed' WHERE instance = :instance AND identifier = :identifier "
        "AND state IN ('open', 'processed')",
        {"identifier": identifier},
    )
    if not known:
        raise not_found("batch", identifier)
    return {"batchIdentifier": identifier, "processed": True}


def waiting(instance: Instance) -> int:
    """How many rows are queued and not marked."""
    return instance.number(
        "SELECT count(*) FROM gm_record LEFT JOIN gm_batch ON gm_batch.instance = gm_record.instance "
        "AND gm_batch.identifier = gm_record.batch "
        "WHERE gm_record.instance = :instance AND queued AND coalesce(gm_batch.state, 'open') = 'open'"
    )


def _take_back(instance: Instance, identifier: str) -> None:
    values = {"identifier": identifier}
    instance.run(
        "UPDATE gm_batch SET state = 'withdrawn' WHERE instance = :instance AND identifier = :identifier", values
    )
    instance.run("UPDATE gm_record SET batch = NULL WHERE instance = :instance AND batch = :identifier", values)


def _batch(instance: Instance, identifier: str) -> dict[str, Any]:
    rows = instance.all(
        "SELECT id, data FROM gm_record WHERE instance = :instance AND batch = :identifier ORDER BY id",
        {"identifier": identifier},
    )
    return {"batchIdentifier": identifier, "records": [_shown(row) for row in rows]}


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    return {"id": row["id"], **json.loads(row["data"])}
