"""Triggers of follow-up campaigns (reference OpenAPI document, tag trigger): one message to one contact."""

import json
import sqlite3
from typing import Any

from reconcile.sandbox.gatormail import contacts, lifecycle
from reconcile.sandbox.gatormail.instance import Instance
from reconcile.sandbox.gatormail.reply import conflict, invalid, not_found

_MERGE_FIELDS = frozenset(f"mergefield{number}" for number in range(1, 11))


def trigger(instance: Instance, number: int, values: dict[str, Any]) -> dict[str, Any]:
    """Operation gatormail_postCampaignTrigger: the contact is stored first; only while the campaign is active."""
    campaign = instance.find("campaign", number)
    if campaign["type"] != "Followup" or campaign["status"] != "Active":
        raise conflict("Only a follow-up campaign that is active can be triggered.")
    merge = values.get("mergeFields", {})
    for name in merge:
        if name.lower() not in _MERGE_FIELDS:
            raise invalid(f"trigger.mergeFields.{name}", "There are mergeField1 to mergeField10")
    key = values.get("triggerKey") or None
    if key and instance.positions.text("trigger_key_again") == "conflict" and _latest(instance, key):
        raise conflict("The trigger key is in use.")
    contact, _ = contacts.store(instance, values["contact"], "trigger.contact")
    due = instance.moment(values["sendDate"]) if values.get("sendDate") else instance.now
    made = instance.next_id("trigger")
    instance.insert(
        "gm_trigger",
        id=made,
        key=key,
        campaignid=number,
        contactid=contact["id"],
        merge=json.dumps(merge, ensure_ascii=False),
        due=due,
        state="Pending",
    )
    if due <= instance.now:
        lifecycle.send_trigger(instance, made)
    row = instance.one("SELECT * FROM gm_trigger WHERE instance = :instance AND id = :id", {"id": made})
    assert row is not None  # noqa: S101 - just inserted
    return _shown(row)


def get(instance: Instance, key: str) -> dict[str, Any]:
    """Operation gatormail_getTrigger; of several with one key the latest."""
    return _shown(_find(instance, key))


def cancel(instance: Instance, key: str) -> None:
    """Operation gatormail_deleteTrigger: until the message has left."""
    row = _find(instance, key)
    if row["state"] == "Sent":
        raise conflict("The message has left.")
    instance.update("gm_trigger", row["id"], state="Cancelled")


def _find(instance: Instance, key: str) -> sqlite3.Row:
    row = _latest(instance, key)
    if row is None:
        raise not_found("trigger", key)
    return row


def _latest(instance: Instance, key: str) -> sqlite3.Row | None:
    sql = "SELECT * FROM gm_trigger WHERE instance = :instance AND key = :key ORDER BY id DESC"
    return instance.one(sql, {"key": key})


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "triggerKey": row["key"],
        "campaignId": row["campaignid"],
        "contactId": row["contactid"],
        "triggerState": row["state"],
    }
