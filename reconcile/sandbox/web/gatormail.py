"""GatorMail's pages: campaigns, groups, e-mails, the schema with its mappings, and the data feed."""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from reconcile.sandbox.gatormail import backoffice, campaigns, contacts, emails, feed, groups, mappings
from reconcile.sandbox.gatormail.document import ENUMS
from reconcile.sandbox.gatormail.instance import Instance, parse_wall
from reconcile.sandbox.gatormail.reply import ApiError, conflict, invalid
from reconcile.sandbox.web.forms import FORMS, Values, WrongInputError, kept, read
from reconcile.sandbox.web.templates import PAGE_SIZE

KINDS = {"campaigns": "Campaigns", "groups": "Groups", "emails": "E-mails", "schema": "Schema", "feed": "Data feed"}
PREVIEWED = "emails"
OBJECTS = {"campaigns": "campaign", "groups": "group", "emails": "email"}
_COUNTED = {"campaigns": "gm_campaign", "groups": "gm_group", "emails": "gm_email", "schema": "gm_attribute"}
# State of a membership -> heading, and the buttons in its rows: deed and text.
_MEMBERSHIPS = {
    "included": ("Included", (("exclude", "Exclude"), ("remove", "Take out"), ("unsubscribe", "Unsubscribe"))),
    "excluded": ("Excluded", (("include", "Include"), ("remove", "Take back"))),
    "": ("Found by rules", (("exclude", "Exclude"), ("lost", "No longer found"), ("unsubscribe", "Unsubscribe"))),
}
_MEMBERS = """
  SELECT gm_contact.*, count(*) OVER () AS total, EXISTS (
    SELECT 1 FROM gm_optout WHERE gm_optout.instance = gm_contact.instance AND gm_optout.contactid = gm_contact.id
    AND unsubscribeid = 0) AS gone
  FROM gm_member JOIN gm_contact ON gm_contact.instance = gm_member.instance AND gm_contact.id = contactid
  WHERE gm_member.instance = :instance AND groupid = :id AND state = :state AND (state <> '' OR rule)
  ORDER BY gm_contact.id LIMIT :size
"""
_READERS = """
  SELECT gm_contact.id AS contact, email, count(*) AS mails FROM gm_send JOIN gm_contact
  ON gm_contact.instance = gm_send.instance AND gm_contact.id = contactid
  WHERE gm_send.instance = :instance AND campaignid = :id GROUP BY gm_contact.id ORDER BY gm_contact.id LIMIT :size
"""
_CAMPAIGNS = """
  SELECT gm_campaign.*, gm_group.name AS groupname FROM gm_campaign LEFT JOIN gm_group
  ON gm_group.instance = gm_campaign.instance AND gm_group.id = groupid
  WHERE gm_campaign.instance = :instance ORDER BY gm_campaign.id DESC
"""
_QUEUE = """
  SELECT gm_record.id, data, batch FROM gm_record LEFT JOIN gm_batch
  ON gm_batch.instance = gm_record.instance AND gm_batch.identifier = gm_record.batch
  WHERE gm_record.instance = :instance AND queued AND coalesce(gm_batch.state, 'open') = 'open'
  ORDER BY gm_record.id LIMIT :size
"""
_Page = tuple[str, Values]
_Options = list[tuple[str, str]]


def overview(instance: Instance) -> _Page:
    """What an instance holds, the lights of the integration, and the clock."""
    counts = [
        (kind, shown, feed.waiting(instance) if kind == "feed" else instance.count(_COUNTED[kind]))
        for kind, shown in KINDS.items()
    ]
    counts.append(("", "Contacts", instance.count("gm_contact")))
    values = {"counts": counts, "requests": mappings.requests(instance), "now": instance.now}
    return "gatormail/overview.html", values


def whole(instance: Instance, kind: str, query: Mapping[str, Sequence[str]]) -> _Page:
    """All objects of a kind, and a form for another; of the schema and the feed, all that there is."""
    return f"gatormail/{kind}.html", _WHOLES[kind](instance)


def one(instance: Instance, kind: str, number: int) -> _Page:
    """One object to look at and edit."""
    return f"gatormail/{OBJECTS[kind]}.html", _ONES[kind](instance, number)


def preview(instance: Instance, number: int) -> str:
    """The HTML of an e-mail as it was stored."""
    return str(instance.find("email", number)["html"])


def do(instance: Instance, parts: list[str], values: Values) -> str:
    """What a form asks for; ``parts`` follow the instance's name, and the answer says what was done."""
    kind, number, deed = parts[0], 0, "/".join(parts[1:])
    if len(parts) > 1 and parts[1].isdecimal() and kind in OBJECTS:
        kind, number, deed = OBJECTS[kind], int(parts[1]), "/".join(parts[2:])
    form, carry_out = _form(instance, kind, deed), _DEEDS.get((kind, deed))
    if form is None or carry_out is None:
        raise ApiError(404, "There is no such thing to do.")
    try:
        body = read(form, values, lambda text: parse_wall(text, instance.zone, zoned=False))
    except WrongInputError as error:
        field, _, text = str(error).partition(": ")
        raise invalid(field, text) from None
    carry_out(instance, number, body)
    if deed:
        return "deleted" if deed == "delete" else "done"
    return "saved" if number else "added"


def _form(instance: Instance, kind: str, deed: str) -> Mapping[str, Any] | None:
    form: Mapping[str, Any] | None = FORMS["gatormail"].get(kind, {}).get(deed)
    if (kind, deed) == ("feed", "options") and form:
        boxes = [
            {"name": f"feed.{name}", "label": kind, "kind": "box", "value": name} for kind, name in feed.FEEDS.items()
        ]
        return {**form, "fields": [*form["fields"], *boxes]}
    return form


def _campaigns(instance: Instance) -> Values:
    definitions = [(name, number) for number, name in campaigns.unsubscribes(instance).items()]
    return {"rows": instance.all(_CAMPAIGNS), "definitions": definitions, "options": _enums()}


def _campaign(instance: Instance, number: int) -> Values:
    row = instance.find("campaign", number)
    readers = instance.all(_READERS, {"id": number, "size": PAGE_SIZE})
    html = instance.find("email", row["emailid"])["html"] if readers and row["emailid"] is not None else ""
    definitions = [("0", "none"), *((str(each), name) for each, name in campaigns.unsubscribes(instance).items())]
    options = {
        **_enums(),
        "groups": _options(instance, "gm_group"),
        "emails": _options(instance, "gm_email"),
        "unsubscribes": definitions,
        "links": [(link, link) for link in dict.fromkeys(emails.links(html))],
    }
    settings = [
        (field["label"], _setting(row, field, options)) for field in FORMS["gatormail"]["campaign"][""]["fields"]
    ]
    return {
        "values": {**dict(row), **{name: row[name] or "" for name in ("startdate", "enddate")}},
        "zone": _zone(instance),
        "settings": settings,
        "options": options,
        "audience": campaigns.audience(instance, number),
        "stats": campaigns.stats(instance, number),
        "readers": readers,
    }


def _setting(row: sqlite3.Row, field: Mapping[str, Any], options: Mapping[str, _Options]) -> str:
    value = row[field.get("value", field["name"].lower())]
    return dict(options[field["options"]]).get(str(value), "none") if "options" in field else value or "none"


def _groups(instance: Instance) -> Values:
    rows = instance.all("SELECT * FROM gm_group WHERE instance = :instance ORDER BY id DESC")
    return {"rows": [{**dict(row), "people": groups.count(instance, row["id"])["count"]} for row in rows]}


def _group(instance: Instance, number: int) -> Values:
    members = []
    for state, (heading, buttons) in _MEMBERSHIPS.items():
        people = instance.all(_MEMBERS, {"id": number, "state": state, "size": PAGE_SIZE})
        members.append((heading, state, people[0]["total"] if people else 0, buttons, people))
    return {"values": instance.find("group", number), "members": members}


def _emails(instance: Instance) -> Values:
    return {"rows": instance.all("SELECT id, name, track FROM gm_email WHERE instance = :instance ORDER BY id DESC")}


def _schema(instance: Instance) -> Values:
    """The schema that the integration has posted, and the Mappings tab: draft, publish, Get Schema."""
    found = mappings.get(instance)
    empty = {"name": "", "displayName": "", "dataType": "", "mappings": []}
    rows = [
        (entity["name"], each["name"], each["displayName"] or "", each["dataType"], _mapped(each["mappings"]))
        for entity in found["entities"]
        for each in entity["attributes"] or [empty]
    ]
    attributes = [
        (json.dumps([entity["name"], each["name"]]), f"{entity['name']}: {each['name']}")
        for entity in found["entities"]
        for each in entity["attributes"]
    ]
    return {
        "requests": mappings.requests(instance),
        "attributes": rows,
        "published": found["publishedAt"],
        "zone": _zone(instance),
        "drafts": mappings.drafts(instance),
        "options": {"attributes": attributes, "fields": [(each, each) for each in contacts.field_names(instance)]},
    }


def _mapped(found: list[Values]) -> str:
    return ", ".join(f"{each['contactAttribute']}{' (cleansed)' if each['dataCleanse'] else ''}" for each in found)


def _feed(instance: Instance) -> Values:
    options = feed.options(instance)
    rows = []
    for row in instance.all(_QUEUE, {"size": PAGE_SIZE}):
        data = json.loads(row["data"])
        shown = [data["activityType"], data["activityDate"], data["emailLogin"], data.get("campaignName") or ""]
        rows.append([row["id"], *shown, f"in batch {row['batch']}" if row["batch"] else "waits"])
    enums = _enums()
    return {
        "settings": _form(instance, "feed", "options"),
        "values": {"batchSize": options["batchSize"], **options["feeds"]},
        "waiting": feed.waiting(instance),
        "rows": rows,
        "options": {
            **enums,
            "bounceType": [("", "none"), *enums["bounceType"]],
            "campaigns": _options(instance, "gm_campaign"),
        },
    }


_WHOLES: Mapping[str, Callable[[Instance], Values]] = {
    "campaigns": _campaigns, "groups": _groups, "emails": _emails, "schema": _schema, "feed": _feed,
}  # fmt: skip
_ONES: Mapping[str, Callable[[Instance, int], Values]] = {
    "campaigns": _campaign,
    "groups": _group,
    "emails": lambda instance, number: {"values": instance.find("email", number)},
}


def _enums() -> dict[str, _Options]:
    return {name: [(each, each) for each in values] for name, values in ENUMS.items()}


def _options(instance: Instance, table: str) -> _Options:
    rows = instance.all(f"SELECT id, name FROM {table} WHERE instance = :instance ORDER BY id")  # noqa: S608 - our names
    return [("0", "none"), *((str(row["id"]), row["name"]) for row in rows)]


def _zone(instance: Instance) -> str:
    return instance.contract.text("c.date.zone")


def _person(method: str, place: str, instance: Instance, number: int, body: Values) -> None:
    """Do what the control call of this place does."""
    backoffice.control(instance, method, place.split("/"), body)


def _make_campaign(instance: Instance, number: int, body: Values) -> None:
    if body.get("type") not in ENUMS["campaignType"]:
        raise invalid("type", "Unknown value")
    campaigns.create(instance, body)


def _save_campaign(instance: Instance, number: int, body: Values) -> None:
    """What the form has; the group and e-mail are referred to, not changed."""
    row = instance.find("campaign", number)
    definition = body.pop("unsubscribe", None)
    body = {name: kept(row[name.lower()], value) if isinstance(value, str) else value for name, value in body.items()}
    for name in ("group", "email"):
        body[name] = None if body.get(name) is None else {"id": body[name], "rest": {}}
    campaigns.update(instance, number, body)
    if definition is None:
        instance.update("gm_campaign", number, unsubscribeid=None)
    else:
        campaigns.set_unsubscribe(instance, number, definition)


def _queue(deed: Callable[[Instance, int], Values], done: str, instance: Instance, number: int, body: Values) -> None:
    """Initiate or take back; a refusal is an error here."""
    answer = deed(instance, number)
    if not answer[done]:
        raise conflict(f"{answer['message']}.")


def _read(kind: str, instance: Instance, number: int, body: Values) -> None:
    """A recipient opens, clicks, or the mail comes back."""
    _person("POST", "activity", instance, number, {"activityType": kind, "campaignId": number, **body})


def _leave(instance: Instance, number: int, body: Values) -> None:
    """A recipient follows the unsubscribe link, which is of the campaign's definition if it has one."""
    definition = instance.find("campaign", number)["unsubscribeid"]
    named = {} if definition is None else {"unsubscribeId": definition}
    _person("POST", "ui/unsubscribe", instance, number, {**body, "campaignId": number, **named})


def _save_group(instance: Instance, number: int, body: Values) -> None:
    row = instance.find("group", number)
    groups.update(instance, number, {name: kept(row[name], value) for name, value in body.items()})


def _add(state: str, name: str, instance: Instance, number: int, body: Values) -> None:
    """Somebody of the group who unsubscribes from it, or anybody by their address."""
    if "contact" in body:
        _person("POST", "ui/unsubscribe", instance, number, {"contact": body["contact"], "groupId": number})
    elif not body.get(name):
        raise invalid(name, "Is required")
    else:
        groups.add(state, instance, number, [{"emailLogin": body[name]}])


def _include(instance: Instance, number: int, body: Values) -> None:
    instance.find("group", number)
    groups.set_state(instance, number, backoffice.contact_of(instance, body["contact"])["id"], "included")


def _remove(instance: Instance, number: int, body: Values) -> None:
    """Somebody's explicit state is taken back."""
    state = "excluded" if body.get("state") == "excluded" else "included"
    groups.remove(state, instance, number, body["contact"])


def _rule(instance: Instance, number: int, body: Values) -> None:
    """Somebody is found by the group's rules from now on, or no longer."""
    sql = "SELECT contactid FROM gm_member WHERE instance = :instance AND groupid = :id AND rule ORDER BY contactid"
    people = [row["contactid"] for row in instance.all(sql, {"id": number}) if row["contactid"] != body.get("contact")]
    if "found" in body:
        people.append(backoffice.contact_of(instance, body["found"])["id"])
    groups.set_rule(instance, number, people)


def _save_email(instance: Instance, number: int, body: Values) -> None:
    row = instance.find("email", number)
    content = {name: kept(row[name], value) for name, value in body.items()}
    emails.update(instance, number, {"html": row["html"], "text": row["text"]} | content)


def _map(instance: Instance, number: int, body: Values) -> None:
    try:
        entity, attribute = json.loads(body["attribute"])
    except (ValueError, TypeError):
        raise invalid("attribute", "Is none of the schema") from None
    row = {"entityName": entity, "attributeName": attribute, **body}
    _person("POST", "ui/mapping", instance, number, row)


def _set_options(instance: Instance, number: int, body: Values) -> None:
    feeds = {name.removeprefix("feed."): value for name, value in body.items() if name.startswith("feed.")}
    _person("PUT", "ui/options", instance, number, {"batchSize": body["batchSize"], "feeds": feeds})


def _add_activity(instance: Instance, number: int, body: Values) -> None:
    given = {name: value for name, value in body.items() if value is not None}
    _person("POST", "activity", instance, number, given)


_DEEDS: Mapping[tuple[str, str], Callable[[Instance, int, Values], object]] = {
    ("campaigns", ""): _make_campaign,
    ("campaigns", "unsubscribe"): lambda instance, number, body: _person(
        "POST", "ui/unsubscribe-definition", instance, number, {"name": body["definition"]}
    ),
    ("campaign", ""): _save_campaign,
    ("campaign", "initiate"): partial(_queue, campaigns.initiate, "initiated"),
    ("campaign", "uninitiate"): partial(_queue, campaigns.uninitiate, "uninitiated"),
    ("campaign", "test"): lambda instance, number, body: campaigns.test(instance, number, body),
    ("campaign", "open"): partial(_read, "EmailOpened"),
    ("campaign", "click"): partial(_read, "LinkClicked"),
    ("campaign", "bounce"): partial(_read, "Bounced"),
    ("campaign", "unsubscribe"): _leave,
    ("campaign", "delete"): lambda instance, number, body: campaigns.delete(instance, number),
    ("groups", ""): lambda instance, number, body: groups.create(instance, body),
    ("group", ""): _save_group,
    ("group", "add"): partial(_add, "included", "email"),
    ("group", "exclude"): partial(_add, "excluded", "excluded"),
    ("group", "include"): _include,
    ("group", "remove"): _remove,
    ("group", "unsubscribe"): partial(_person, "POST", "ui/unsubscribe"),
    ("group", "found"): _rule,
    ("group", "lost"): _rule,
    ("group", "delete"): lambda instance, number, body: groups.delete(instance, number),
    ("emails", ""): lambda instance, number, body: emails.create(instance, body),
    ("email", ""): _save_email,
    ("schema", "get-schema"): partial(_person, "POST", "ui/get-schema"),
    ("schema", "publish"): partial(_person, "POST", "ui/publish"),
    ("schema", "map"): _map,
    ("schema", "unmap"): partial(_person, "DELETE", "ui/mapping"),
    ("schema", "field"): lambda instance, number, body: _person(
        "POST", "ui/field", instance, number, {"name": body["field"]}
    ),
    ("feed", "options"): _set_options,
    ("feed", "activity"): _add_activity,
}
