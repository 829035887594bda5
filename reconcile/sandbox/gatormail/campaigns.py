"""Campaigns (reference OpenAPI document, tag campaign; reference, section Campaigns)."""

import sqlite3
from typing import Any

from reconcile.sandbox.gatormail import emails, groups, lifecycle
from reconcile.sandbox.gatormail.instance import Instance
from reconcile.sandbox.gatormail.reply import conflict, invalid, not_found
from reconcile.sandbox.store import digest

_WEEK = 7 * 86_400  # an end that is not given lies so long after the start
_TEXTS = {"replyTo": "replyto", "fromName": "fromname", "fromAddress": "fromaddress", "subject": "subject"}
_DATES = {"startDate": "startdate", "endDate": "enddate"}
_COLUMNS = ("id", "name", "crmId", "type", "status", "startDate", "endDate", "created")


def shown(instance: Instance, row: sqlite3.Row) -> dict[str, Any]:
    """A campaign as answers have it, with its group and e-mail."""
    found: dict[str, Any] = {
        "id": row["id"],
        "name": row["name"],
        "crmId": row["crmid"],
        "type": row["type"],
        "status": row["status"],
        **{name: row[column] for name, column in (_DATES | {"created": "created"} | _TEXTS).items()},
        "group": None if row["groupid"] is None else groups.get(instance, row["groupid"]),
        "email": None if row["emailid"] is None else _email(instance, row["emailid"]),
        "unsubscribeId": row["unsubscribeid"],
    }
    if not instance.positions.flag("campaign_status"):
        del found["status"]
    return found


def page(instance: Instance, limit: int, offset: int) -> list[dict[str, Any]]:
    """Operation gatormail_campaignList."""
    rows = [shown(instance, row) for row in instance.page("campaign", limit, offset)]
    whole = instance.positions.text("campaign_list") == "full" and instance.positions.flag("campaign_read")
    return rows if whole else [_columns(row) for row in rows]


def get(instance: Instance, number: int) -> dict[str, Any]:
    """Operation gatormail_getCampaign."""
    found = shown(instance, instance.find("campaign", number))
    return found if instance.positions.flag("campaign_read") else _columns(found)


def create(instance: Instance, values: dict[str, Any]) -> dict[str, Any]:
    """Operation gatormail_addCampaign: with its e-mail, if that comes along."""
    groups.refuse_id("campaign", values)
    groups.require_unique(instance, "gm_campaign", values["name"])
    number = instance.next_id("campaign")
    wanted = _wanted(instance, values)
    kind = values.get("type", "Static")
    instance.insert("gm_campaign", id=number, type=kind, status="InSetup", created=instance.wall(), **wanted)
    return shown(instance, instance.find("campaign", number))


def update(instance: Instance, number: int, values: dict[str, Any]) -> dict[str, Any]:
    """Operation gatormail_updateCampaign: the whole object, only in setup; the type is fixed after creation."""
    row = instance.find("campaign", number)
    _require_setup(row)
    groups.refuse_id("campaign", values, number)
    if values.get("type", row["type"]) != row["type"]:
        raise invalid("campaign.type", "Is fixed after creation")
    groups.require_unique(instance, "gm_campaign", values["name"], number)
    merged = _merged(row, values) if instance.positions.text("put_semantics") == "merge" else values
    instance.update("gm_campaign", number, **_wanted(instance, merged))
    return shown(instance, instance.find("campaign", number))


def delete(instance: Instance, number: int) -> None:
    """Operation gatormail_deleteCampaign: in setup or finished; the e-mail stays behind."""
    row = instance.find("campaign", number)
    if row["status"] not in ("InSetup", "Finished"):
        raise conflict(f"The campaign is {row['status']}.")
    instance.delete("gm_campaign", id=number)


def initiate(instance: Instance, number: int) -> dict[str, Any]:
    """Operation gatormail_initiateCampaign: a refusal has a success status too."""
    row = instance.find("campaign", number)
    again = instance.positions.text("initiate_again") == "requeue"
    if row["status"] != "InSetup" and not again:
        return {"initiated": False, "message": f"The campaign is {row['status']}"}
    start = row["startdate"] or instance.wall()
    end = row["enddate"] or instance.wall(instance.moment(start) + _WEEK)
    if stop := _stop(instance, row, start, end):
        return {"initiated": False, "message": stop}
    instance.update("gm_campaign", number, status="Queued", startdate=start, enddate=end)
    return {"initiated": True, "message": None}


def uninitiate(instance: Instance, number: int) -> dict[str, Any]:
    """Operation gatormail_uninitiateCampaign: until the first message has left."""
    row = instance.find("campaign", number)
    if row["status"] != "Queued":
        return {"uninitiated": False, "message": f"The campaign is {row['status']}"}
    instance.update("gm_campaign", number, status="InSetup")
    return {"uninitiated": True, "message": None}


def audience(instance: Instance, number: int) -> dict[str, Any]:
    """Operation gatormail_getCampaignAudience."""
    return dict(lifecycle.audience(instance, instance.find("campaign", number)))


def stats(instance: Instance, number: int) -> dict[str, Any]:
    """Operation gatormail_getCampaignStats; test messages are not counted."""
    instance.find("campaign", number)
    sent = instance.number(
        "SELECT count(*) FROM gm_send WHERE instance = :instance AND campaignid = :id AND reason != 'test'",
        {"id": number},
    )
    opens, unique_opens = _activity(instance, number, "EmailOpened")
    clicks, unique_clicks = _activity(instance, number, "LinkClicked")
    bounces = _activity(instance, number, "Bounced")[1]
    return {
        "sent": sent,
        "delivered": max(sent - bounces, 0),
        "opens": opens,
        "uniqueOpens": unique_opens,
        "clicks": clicks,
        "uniqueClicks": unique_clicks,
        "bounces": bounces,
        "unsubscribes": _activity(instance, number, "Unsubscribed")[1],
    }


def set_unsubscribe(instance: Instance, number: int, unsubscribe: int) -> dict[str, Any]:
    """Operation gatormail_putCampaignUnsubscribe: attach a definition that exists."""
    row = instance.find("campaign", number)
    if unsubscribe not in unsubscribes(instance):
        raise not_found("unsubscribe definition", unsubscribe)
    _require_setup(row)
    instance.update("gm_campaign", number, unsubscribeid=unsubscribe)
    return shown(instance, instance.find("campaign", number))


def test(instance: Instance, number: int, values: dict[str, Any]) -> None:
    """Operation gatormail_postCampaignTest: a real message to one address."""
    row = instance.find("campaign", number)
    if row["emailid"] is None:
        raise conflict("The campaign has no e-mail.")
    if "@" not in values["address"]:
        raise invalid("emailAddress", "Should be an e-mail address")
    instance.insert(
        "gm_send",
        id=instance.next_id("history"),
        campaignid=number,
        emailid=row["emailid"],
        subject=row["subject"],
        recipient=digest(values["address"]),
        date=instance.now,
        reason="test",
    )


def unsubscribes(instance: Instance) -> dict[int, str]:
    """The unsubscribe definitions; each instance starts with one."""
    more = {int(number): name for number, name in instance.setting("unsubscribes", {}).items()}
    return {instance.first_id("unsubscribe"): "Default"} | more


def add_unsubscribe(instance: Instance, name: str) -> int:
    """A person makes an unsubscribe definition."""
    more = instance.setting("unsubscribes", {})
    number = instance.first_id("unsubscribe") + len(more) + 1
    instance.keep("unsubscribes", {**more, str(number): name})
    return number


def _columns(found: dict[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in _COLUMNS if name in found}


def _email(instance: Instance, number: int) -> dict[str, Any]:
    row = instance.find("email", number)
    return emails.shown(instance, row) if instance.positions.flag("email_read") else emails.reference(row)


def _require_setup(row: sqlite3.Row) -> None:
    if row["status"] != "InSetup":
        raise conflict(f"The campaign is {row['status']}, only one in setup can be changed.")


def _merged(row: sqlite3.Row, values: dict[str, Any]) -> dict[str, Any]:
    """What was sent over what is there."""
    there = {name: row[column] for name, column in (_TEXTS | _DATES).items()}
    there |= {"crmId": row["crmid"]}
    for name in ("group", "email"):
        there[name] = None if row[f"{name}id"] is None else {"id": row[f"{name}id"], "rest": {}}
    return there | values


def _wanted(instance: Instance, values: dict[str, Any]) -> dict[str, Any]:
    """The columns of a campaign from what was sent; what is missing becomes empty."""
    return {
        "name": values["name"],
        "crmid": values.get("crmId") or None,
        **{column: values.get(name, "") for name, column in _TEXTS.items()},
        **{column: values.get(name) for name, column in _DATES.items()},
        "groupid": _group(instance, values.get("group")),
        "emailid": _attached(instance, values.get("email")),
    }


def _group(instance: Instance, reference: dict[str, Any] | None) -> int | None:
    if reference is None:
        return None
    number = int(reference["id"])
    if not instance.row("gm_group", number):
        raise invalid("campaign.group.id", "There is no such group")
    if instance.positions.text("nested_group") == "update":
        sent = {str(name).lower(): value for name, value in reference["rest"].items()}
        names = {name: sent.get(instance.contract.member("group", name).lower()) for name in ("name", "description")}
        texts = {name: value for name, value in names.items() if isinstance(value, str) and value}
        if texts:
            instance.update("gm_group", number, **texts)
    return number


def _attached(instance: Instance, reference: dict[str, Any] | None) -> int | None:
    """A referenced e-mail has to be there; one without id is made."""
    if reference is None:
        return None
    number = reference.get("id")
    if number is None:
        return emails.insert(instance, reference)
    if not instance.row("gm_email", number):
        raise invalid("campaign.email.id", "There is no such e-mail")
    return int(number)


def _stop(instance: Instance, row: sqlite3.Row, start: str, end: str) -> str | None:
    """What keeps a campaign from being initiated (reference, section Checks at initiation)."""
    kind = row["type"]
    checks = (
        (row["emailid"] is None, "The campaign has no e-mail"),
        (not row["subject"].strip(), "The subject is empty"),
        (not row["fromaddress"].strip(), "The sender address is empty"),
        (row["groupid"] is None and kind != "Followup", "The campaign has no group"),
        (start > end, "The start date is after the end date"),
        (instance.moment(end) <= instance.now, "The end date is in the past"),
    )
    stop = next((text for failed, text in checks if failed), None)
    if stop is None and kind not in ("Followup", *lifecycle.REFRESHING):
        stop = None if lifecycle.audience(instance, row)["final"] else "The final audience is empty"
    return stop


def _activity(instance: Instance, number: int, kind: str) -> tuple[int, int]:
    """How often something happened, and to how many contacts."""
    row = instance.one(
        "SELECT count(*) AS every, count(DISTINCT contactid) AS people FROM gm_record "
        "WHERE instance = :instance AND campaignid = :id AND type = :kind",
        {"id": number, "kind": kind},
    )
    return (0, 0) if row is None else (row["every"], row["people"])
