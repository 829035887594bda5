"""What a person does in the web interface, or as a recipient, and the API has no operation for.

Control calls come in as ``/_sandbox/gatormail/{instance}/...``:

    POST   ui/get-schema              the user presses Get Schema
    PUT    ui/mappings                {"mappings": [{entityName, attributeName, contactAttribute, dataCleanse}]}
    GET    ui/mappings                the draft that was put
    POST   ui/mapping                 one row more in the draft;    DELETE ui/mapping takes one out
    POST   ui/publish                 the draft is published
    PUT    ui/group/ID/rule           {"contacts": [id or address, ...]}: whom the group's rules find
    PUT    ui/options                 the data feed's options, as on the General tab
    POST   ui/field                   {"name": ...}: a contact field
    POST   ui/unsubscribe-definition  {"name": ...}: answers its id
    POST   ui/unsubscribe             {"contact": id or address}: opts out; with campaignId it is in the feed, with
                                      groupId an exclusion from that group, with unsubscribeId of that definition
    POST   activity                   {"activityType", "contact", "campaignId", ...}: opens, clicks, bounces and so on,
                                      with the members of a record; "times" repeats it
    *      api/...                    any operation of the API, as a person, without token and without a trace in the
                                      log; an array is sent as {"items": [...]}
    GET    state                      counts, drafts and lights
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reconcile.sandbox.gatormail import campaigns, contacts, feed, groups, lifecycle, mappings
from reconcile.sandbox.gatormail.document import ENUMS, SHAPES
from reconcile.sandbox.gatormail.instance import Instance
from reconcile.sandbox.gatormail.reply import ApiError, invalid

_Deed = Callable[[Instance, dict[str, Any]], Any]
_DETAILS = (
    "url", "linkName", "fileName", "bounceType", "bounceReason", "unsubscribeId", "surveyId", "question", "answer",
    "eventId", "eventName", "eventResponse",
)  # fmt: skip


def control(instance: Instance, method: str, path: Sequence[str], body: dict[str, Any]) -> Any:
    """Do one thing of the list above; may raise ``ApiError``."""
    if method == "PUT" and len(path) == 4 and path[:2] == ["ui", "group"] and path[2].isdecimal() and path[3] == "rule":
        people = [contact_of(instance, each)["id"] for each in _array(body, "contacts")]
        groups.set_rule(instance, int(path[2]), people)
        return groups.count(instance, int(path[2]))
    done = method, "/".join(path)
    if done in _SHOWN:
        deed, shown = _SHOWN[done]
        deed(instance, body)
        return shown(instance)
    if done not in _DEEDS:
        raise ApiError(404, "There is no such thing to do.")
    return _DEEDS[done](instance, body)


def contact_of(instance: Instance, key: Any) -> sqlite3.Row:
    """A contact by its id or address."""
    if isinstance(key, int):
        return instance.find("contact", key)
    row = contacts.by_email(instance, str(key))
    if row is None:
        raise ApiError(404, f"There is no contact {key}.")
    return row


def _array(body: dict[str, Any], name: str) -> list[Any]:
    value = body.get(name)
    if not isinstance(value, list):
        raise invalid(name, "Should be an array")
    return value


def _draft(instance: Instance, body: dict[str, Any]) -> None:
    rows = _array(body, "mappings")
    mappings.draft(instance, [row if isinstance(row, dict) else {} for row in rows])


def _options(instance: Instance, body: dict[str, Any]) -> Any:
    """People change one tick at a time, so what is left out stays."""
    before, feeds = feed.options(instance), body.get("feeds", {})
    if not isinstance(feeds, dict) or not feeds.keys() <= SHAPES["feeds"].keys():
        raise invalid("feeds", "Unknown feed")
    size = body.get("batchSize", before["batchSize"])
    if not isinstance(size, int):
        raise invalid("batchSize", "Should be a number")
    chosen = {name: value is True for name, value in feeds.items()}
    return feed.set_options(instance, {"batchSize": size, "feeds": before["feeds"] | chosen})


def _definition(instance: Instance, body: dict[str, Any]) -> Any:
    return {"id": campaigns.add_unsubscribe(instance, _name(body))}


def _name(body: dict[str, Any]) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name.strip():
        raise invalid("name", "Is required")
    return name


def _unsubscribe(instance: Instance, body: dict[str, Any]) -> Any:
    contact = contact_of(instance, body.get("contact"))
    definition = body.get("unsubscribeId")
    if "groupId" in body:
        instance.find("group", body["groupId"])
        groups.set_state(instance, body["groupId"], contact["id"], "excluded")
    else:
        values = {"contact": contact["id"], "definition": definition or 0}
        instance.run("INSERT OR IGNORE INTO gm_optout VALUES (:instance, :contact, :definition)", values)
    if "campaignId" in body:
        _note(instance, "Unsubscribed", contact, body)
    return {}


def _activity(instance: Instance, body: dict[str, Any]) -> Any:
    """Something that a recipient did, or that became of a mail; bounces also count against the contact."""
    kind = body.get("activityType")
    if kind not in ENUMS["activityType"]:
        raise invalid("activityType", "Unknown value")
    if (kind == "Bounced" or "bounceType" in body) and body.get("bounceType") not in ENUMS["bounceType"]:
        raise invalid("bounceType", "Unknown value")
    contact = contact_of(instance, body.get("contact"))
    for _ in range(int(body.get("times", 1))):
        _note(instance, kind, contact, body)
    if kind == "Bounced":
        hard, soft = body["bounceType"] == "Hard", body["bounceType"] == "Soft"
        instance.update("gm_contact", contact["id"], hard=int(contact["hard"] or hard), soft=contact["soft"] + soft)
    return {"waiting": feed.waiting(instance)}


def _note(instance: Instance, kind: str, contact: sqlite3.Row, body: dict[str, Any]) -> None:
    values: dict[str, Any] = {"contactId": contact["id"], "emailLogin": contact["email"]}
    if body.get("campaignId") is not None:
        campaign = instance.find("campaign", body["campaignId"])
        history = instance.number(
            "SELECT max(id) FROM gm_send WHERE instance = :instance AND campaignid = :id AND contactid = :contact",
            {"id": campaign["id"], "contact": contact["id"]},
        )
        values = lifecycle.activity(campaign, contact["id"], contact["email"], history or None)
    feed.record(instance, kind, [values | {name: body[name] for name in _DETAILS if name in body}])


def _state(instance: Instance, body: dict[str, Any]) -> Any:
    tables = ("campaign", "email", "group", "contact", "send", "record")
    counts = {
        table: instance.number(f"SELECT count(*) FROM gm_{table} WHERE instance = :instance")  # noqa: S608 - our names
        for table in tables
    }
    return {
        "counts": counts,
        "waiting": feed.waiting(instance),
        "mappings": mappings.drafts(instance),
        "requests": mappings.requests(instance),
        "unsubscribes": {str(number): name for number, name in campaigns.unsubscribes(instance).items()},
    }


_DEEDS: Mapping[tuple[str, str], _Deed] = {
    ("GET", "ui/mappings"): lambda instance, body: mappings.drafts(instance),
    ("PUT", "ui/options"): _options,
    ("POST", "ui/unsubscribe-definition"): _definition,
    ("POST", "ui/unsubscribe"): _unsubscribe,
    ("POST", "activity"): _activity,
    ("GET", "state"): _state,
}
# Deeds that are answered by what is there afterwards.
_SHOWN: Mapping[tuple[str, str], tuple[_Deed, Callable[[Instance], Any]]] = {
    ("POST", "ui/get-schema"): (lambda instance, body: mappings.press_get_schema(instance), mappings.requests),
    ("PUT", "ui/mappings"): (_draft, mappings.drafts),
    ("POST", "ui/mapping"): (mappings.map_attribute, mappings.drafts),
    ("DELETE", "ui/mapping"): (mappings.unmap_attribute, mappings.drafts),
    ("POST", "ui/publish"): (lambda instance, body: mappings.publish(instance), mappings.get),
    ("POST", "ui/field"): (lambda instance, body: contacts.add_field(instance, _name(body)), contacts.fields),
}
