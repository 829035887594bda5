"""What time brings: campaigns start, send and finish, triggers come due (reference, sections Types and Life cycle).

Each event is carried out as of its own moment, in the order of the moments, however far the clock has jumped. Rows of
``gm_send`` are only ever added to, one per mail and person, so that a mail sent twice can be seen.
"""

import dataclasses
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from reconcile.sandbox.gatormail import feed
from reconcile.sandbox.gatormail.groups import EFFECTIVE
from reconcile.sandbox.gatormail.instance import Instance
from reconcile.sandbox.store import digest

_REACHABLE = """
  NOT gm_contact.hard AND gm_contact.soft < 3 AND NOT EXISTS (
    SELECT 1 FROM gm_optout WHERE gm_optout.instance = gm_contact.instance AND gm_optout.contactid = gm_contact.id
    AND gm_optout.unsubscribeid IN (0, :unsubscribe))
"""
_MEMBERS = f"""
  SELECT gm_contact.id, gm_contact.email FROM gm_member
  JOIN gm_contact ON gm_contact.instance = gm_member.instance AND gm_contact.id = gm_member.contactid
  WHERE gm_member.instance = :instance AND gm_member.groupid = :groupid AND {EFFECTIVE}
"""  # noqa: S608 - our own texts
_FROZEN = f"""
  SELECT DISTINCT gm_contact.id, gm_contact.email FROM gm_send
  JOIN gm_contact ON gm_contact.instance = gm_send.instance AND gm_contact.id = gm_send.contactid
  WHERE gm_send.instance = :instance AND gm_send.campaignid = :id AND gm_send.reason = 'campaign' AND {_REACHABLE}
"""  # noqa: S608 - our own texts
_LATE = """
  AND NOT EXISTS (SELECT 1 FROM gm_send INDEXED BY gm_send_campaign
  WHERE gm_send.instance = gm_member.instance AND gm_send.campaignid = :id
  AND gm_send.contactid = gm_contact.id AND gm_send.reason = 'campaign')
"""
REFRESHING = ("RefreshRecurring", "RefreshNonRecurring")
_RECURRING = ("RefreshRecurring", "StaticRecurring")

_Event = tuple[int, int, Callable[[Instance], None]]


def settle(instance: Instance) -> None:
    """Carry out everything of the instance that is due by now."""
    while True:
        due = min(_events(instance), key=lambda event: event[:2], default=None)
        if due is None or due[0] > instance.now:
            break
        due[2](dataclasses.replace(instance, now=due[0]))
    for row in _running(instance):
        if row["status"] == "Active" and row["type"] == "RefreshNonRecurring":
            deliver(instance, row, receivers(instance, row, late=True))


def receivers(instance: Instance, campaign: sqlite3.Row, *, late: bool = False) -> list[sqlite3.Row]:
    """Who would get the campaign now: ``id`` and ``email``; with ``late`` only those who have not got it yet."""
    sql = f"{_MEMBERS} AND {_REACHABLE} {_LATE if late else ''} ORDER BY gm_contact.id"
    values = {key: campaign[key] for key in ("id", "groupid")} | {"unsubscribe": campaign["unsubscribeid"] or 0}
    return instance.all(sql, values)


def reachable(instance: Instance, campaign: sqlite3.Row, contact: int) -> bool:
    """Whether the campaign sends to a contact, group aside."""
    sql = f"SELECT 1 FROM gm_contact WHERE instance = :instance AND id = :id AND {_REACHABLE}"  # noqa: S608
    return instance.one(sql, {"id": contact, "unsubscribe": campaign["unsubscribeid"] or 0}) is not None


def audience(instance: Instance, campaign: sqlite3.Row) -> dict[str, int]:
    """Counts of the campaign's audience; whoever is undeliverable is not counted as unsubscribed too."""
    total = _count(instance, _MEMBERS, campaign)
    deliverable = _count(instance, f"{_MEMBERS} AND NOT gm_contact.hard AND gm_contact.soft < 3", campaign)
    final = _count(instance, f"{_MEMBERS} AND {_REACHABLE}", campaign)
    return {
        "total": total,
        "undeliverable": total - deliverable,
        "unsubscribed": deliverable - final,
        "duplicates": 0,
        "final": final,
    }


def deliver(instance: Instance, campaign: sqlite3.Row, people: Sequence[sqlite3.Row], reason: str = "campaign") -> None:
    """Send the campaign's e-mail to people, and queue that for the data feed."""
    rows = [
        {
            "id": instance.next_id("history"),
            "campaignid": campaign["id"],
            "emailid": campaign["emailid"],
            "contactid": person["id"],
            "subject": campaign["subject"],
            "recipient": digest(person["email"]),
            "date": instance.now,
            "reason": reason,
        }
        for person in people
    ]
    instance.insert_all("gm_send", rows)
    histories = {row["contactid"]: row["id"] for row in rows}
    feed.record(
        instance,
        "EmailSent",
        [activity(campaign, person["id"], person["email"], histories[person["id"]]) for person in people],
    )


def activity(campaign: sqlite3.Row, contact: int, email: str, history: int | None) -> dict[str, Any]:
    """The members that all records of a campaign have."""
    return {
        "historyId": history,
        "campaignId": campaign["id"],
        "campaignName": campaign["name"],
        "campaignCrmId": campaign["crmid"],
        "emailId": campaign["emailid"],
        "contactId": contact,
        "emailLogin": email,
        "contactCrmId": email,
    }


def sends(instance: Instance) -> Iterator[dict[str, Any]]:
    """Mails that went out in their order, then those of queued campaigns and triggers, to whom they would go now."""
    for row in instance.all("SELECT * FROM gm_send WHERE instance = :instance ORDER BY id"):
        yield _shown(instance, row["campaignid"], row, row["date"], "sent", row["reason"])
    for campaign in _running(instance):
        if campaign["status"] == "Queued":
            for person in receivers(instance, campaign) if campaign["type"] != "Followup" else []:
                there = {"subject": campaign["subject"], "recipient": digest(person["email"])}
                date = instance.moment(campaign["startdate"])
                yield _shown(instance, campaign["id"], there, date, "scheduled", "campaign")
    for row in instance.all(
        "SELECT gm_trigger.due, campaignid, subject, digest(email) AS recipient FROM gm_trigger "
        "JOIN gm_campaign ON gm_campaign.instance = gm_trigger.instance AND gm_campaign.id = campaignid "
        "JOIN gm_contact ON gm_contact.instance = gm_trigger.instance AND gm_contact.id = contactid "
        "WHERE gm_trigger.instance = :instance AND state = 'Pending' ORDER BY due, gm_trigger.id"
    ):
        yield _shown(instance, row["campaignid"], row, row["due"], "scheduled", "trigger")


def send_trigger(instance: Instance, number: int) -> None:
    """A trigger comes due: one message, unless the campaign has ended or the contact is not to be mailed."""
    trigger = instance.row("gm_trigger", number)
    assert trigger is not None  # noqa: S101 - callers have just read it
    campaign = instance.one(
        "SELECT * FROM gm_campaign WHERE instance = :instance AND id = :id AND status = 'Active'",
        {"id": trigger["campaignid"]},
    )
    sent = campaign is not None and reachable(instance, campaign, trigger["contactid"])
    if campaign is not None and sent:
        sql = "SELECT id, email FROM gm_contact WHERE instance = :instance AND id = :id"
        deliver(instance, campaign, instance.all(sql, {"id": trigger["contactid"]}), "trigger")
    instance.update("gm_trigger", number, state="Sent" if sent else "Cancelled")


def _running(instance: Instance) -> list[sqlite3.Row]:
    return instance.all(
        "SELECT * FROM gm_campaign WHERE instance = :instance AND status IN ('Queued', 'Active') ORDER BY id"
    )


def _events(instance: Instance) -> Iterator[_Event]:
    """The next event of each campaign and trigger: when, in which order at one moment, and what happens."""
    for row in _running(instance):
        if row["status"] == "Queued":
            yield instance.moment(row["startdate"]), 0, partial(_start, campaign=row)
            continue
        end = instance.moment(row["enddate"])
        if row["type"] == "Static":
            end = row["begun"] + instance.positions.number("sending_seconds")
        if row["type"] in _RECURRING:
            again = row["round"] + instance.positions.number("refresh_seconds")
            if again < end:
                yield again, 1, partial(_repeat, campaign=row)
                continue
        yield end, 3, partial(_finish, campaign=row)
    for row in instance.all("SELECT id, due FROM gm_trigger WHERE instance = :instance AND state = 'Pending'"):
        yield row["due"], 2, partial(send_trigger, number=row["id"])


def _start(then: Instance, campaign: sqlite3.Row) -> None:
    then.update("gm_campaign", campaign["id"], status="Active", begun=then.now, round=then.now)
    if campaign["type"] != "Followup":
        deliver(then, campaign, receivers(then, campaign))


def _finish(then: Instance, campaign: sqlite3.Row) -> None:
    then.update("gm_campaign", campaign["id"], status="Finished")


def _repeat(then: Instance, campaign: sqlite3.Row) -> None:
    then.update("gm_campaign", campaign["id"], round=then.now)
    if campaign["type"] == "StaticRecurring":
        values = {"id": campaign["id"], "unsubscribe": campaign["unsubscribeid"] or 0}
        people = then.all(f"{_FROZEN} ORDER BY gm_contact.id", values)
    else:
        people = receivers(then, campaign)
    deliver(then, campaign, people)


def _count(instance: Instance, sql: str, campaign: sqlite3.Row) -> int:
    values = {"groupid": campaign["groupid"], "unsubscribe": campaign["unsubscribeid"] or 0}
    return instance.number(f"SELECT count(*) FROM ({sql})", values)  # noqa: S608 - our own texts


def _shown(instance: Instance, campaign: int, row: Any, date: int, state: str, reason: str) -> dict[str, Any]:
    return {
        "provider": "gatormail",
        "account": instance.name,
        "mailid": campaign,
        "subject": row["subject"],
        "recipient": row["recipient"],
        "sendDate": date,
        "state": state,
        "reason": reason,
    }
