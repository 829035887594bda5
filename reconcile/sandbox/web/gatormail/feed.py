"""The data feed: its options, what waits in the queue, and a form for what a recipient did."""

import json

from reconcile.sandbox.gatormail import feed
from reconcile.sandbox.gatormail.instance import Instance
from reconcile.sandbox.gatormail.shapes import ENUMS, SHAPES
from reconcile.sandbox.web import forms
from reconcile.sandbox.web.gatormail import frame
from reconcile.sandbox.web.gatormail.frame import Section, Values, person
from reconcile.sandbox.web.html import Html, join, tag
from reconcile.sandbox.web.layout import PAGE_SIZE, table

_TEXTS = ("url", "linkName", "fileName", "bounceReason", "question", "answer", "eventName", "eventResponse")
_NUMBERS = ("unsubscribeId", "surveyId", "eventId")


def _page(instance: Instance) -> Html:
    here = frame.path(instance.name, "feed")
    options = feed.options(instance)
    edit = forms.form(
        f"{here}/options",
        forms.text("batchSize", "Rows in a batch", options["batchSize"], kind="number"),
        [forms.box(f"feed.{name}", kind, options["feeds"][name]) for kind, name in feed.FEEDS.items()],
        submit="Save",
    )
    return join(
        [
            tag("h2", "Options"),
            edit,
            tag("h2", f"Queue ({feed.waiting(instance)}, the oldest {PAGE_SIZE})"),
            _queue(instance),
            tag("h2", "New activity"),
            _activity_form(instance, here),
        ]
    )


def _queue(instance: Instance) -> Html:
    rows = instance.all(
        "SELECT gm_record.id, data, batch FROM gm_record LEFT JOIN gm_batch "
        "ON gm_batch.instance = gm_record.instance AND gm_batch.identifier = gm_record.batch "
        "WHERE gm_record.instance = :instance AND queued AND coalesce(gm_batch.state, 'open') = 'open' "
        "ORDER BY gm_record.id LIMIT :size",
        {"size": PAGE_SIZE},
    )
    lines = []
    for row in rows:
        data = json.loads(row["data"])
        shown = [data["activityType"], data["activityDate"], data["emailLogin"], data.get("campaignName") or ""]
        lines.append([row["id"], *shown, f"in batch {row['batch']}" if row["batch"] else "waits"])
    return table(["Id", "Activity", "Date", "Contact", "Campaign", "State"], lines)


def _activity_form(instance: Instance, here: str) -> Html:
    campaigns = instance.all("SELECT id, name FROM gm_campaign WHERE instance = :instance ORDER BY id DESC")
    named = [("0", "none"), *((str(row["id"]), row["name"]) for row in campaigns)]
    bounces = [("", "none"), *((each, each) for each in ENUMS["bounceType"])]
    more = [
        forms.choice("bounceType", "bounceType", bounces, ""),
        [forms.text(name, name) for name in _TEXTS],
        [forms.text(name, name, kind="number") for name in _NUMBERS],
    ]
    return forms.form(
        f"{here}/activity",
        forms.choice("activityType", "Activity", [(each, each) for each in ENUMS["activityType"]], "EmailOpened"),
        forms.text("contact", "E-mail of the contact", kind="email"),
        forms.choice("campaignId", "Campaign", named, "0"),
        forms.text("times", "Times", 1, kind="number"),
        tag("details", tag("summary", "Members of some activities"), more),
        submit="Add the activity",
    )


def _set_options(instance: Instance, values: Values) -> None:
    feeds = {name: values[f"feed.{name}"] == "1" for name in SHAPES["feeds"] if f"feed.{name}" in values}
    person(instance, "PUT", "ui/options", {"batchSize": frame.number(values, "batchSize"), "feeds": feeds})


def _add_activity(instance: Instance, values: Values) -> None:
    body: Values = {
        "activityType": frame.text(values, "activityType"),
        "contact": frame.required(values, "contact"),
        "times": frame.number(values, "times"),
        **{name: frame.text(values, name) for name in (*_TEXTS, "bounceType") if frame.text(values, name)},
        **{name: frame.number(values, name) for name in _NUMBERS if frame.text(values, name)},
    }
    campaign = frame.chosen(values, "campaignId")
    person(instance, "POST", "activity", body if campaign is None else {**body, "campaignId": campaign})


SECTION = Section(_page, {"options": _set_options, "activity": _add_activity})
