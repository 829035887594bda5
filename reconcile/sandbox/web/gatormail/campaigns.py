"""Campaigns: to edit while in setup, to initiate and take back, and once sent, to open and click as a recipient."""

import sqlite3
from functools import partial

from reconcile.sandbox.gatormail import campaigns, emails
from reconcile.sandbox.gatormail.instance import Instance
from reconcile.sandbox.gatormail.reply import conflict, invalid
from reconcile.sandbox.gatormail.shapes import ENUMS
from reconcile.sandbox.web import forms
from reconcile.sandbox.web.gatormail import frame
from reconcile.sandbox.web.gatormail.emails import frame_of
from reconcile.sandbox.web.gatormail.frame import Section, Values, person
from reconcile.sandbox.web.html import Child, Html, join, tag
from reconcile.sandbox.web.layout import PAGE_SIZE, delete, table

_TEXTS = (
    ("subject", "Subject"), ("fromName", "Sender's name"), ("fromAddress", "Sender's address"),
    ("replyTo", "Address for replies"),
)  # fmt: skip


def _page(instance: Instance) -> Html:
    rows = [
        [
            tag("a", row["name"], href=frame.path(instance.name, "campaigns", row["id"])),
            row["id"],
            row["type"],
            row["status"],
            row["startdate"] or "none",
            row["groupname"] or "none",
        ]
        for row in instance.all(
            "SELECT gm_campaign.*, gm_group.name AS groupname FROM gm_campaign LEFT JOIN gm_group "
            "ON gm_group.instance = gm_campaign.instance AND gm_group.id = groupid "
            "WHERE gm_campaign.instance = :instance ORDER BY gm_campaign.id DESC"
        )
    ]
    here = frame.path(instance.name, "campaigns")
    add = forms.form(
        here,
        forms.text("name", "Name"),
        forms.choice("type", "Type", [(each, each) for each in ENUMS["campaignType"]], "Static"),
        submit="Add the campaign",
    )
    known: list[list[Child]] = [[name, number] for number, name in campaigns.unsubscribes(instance).items()]
    define = forms.form(f"{here}/unsubscribe", forms.text("definition", "Name"), submit="Add the definition")
    return join(
        [
            table(["Name", "Id", "Type", "Status", "Start", "Group"], rows),
            tag("h2", "New campaign"),
            add,
            tag("h2", "Unsubscribe definitions"),
            table(["Name", "Id"], known),
            define,
        ]
    )


def _one(instance: Instance, number: int) -> Html:
    row = campaigns.find(instance, number)
    here = frame.path(instance.name, "campaigns", number)
    preview = None if row["emailid"] is None else [tag("h2", "Preview"), frame_of(instance, row["emailid"])]
    return join(
        [
            tag("p", f"{row['type']}, {row['status']}. Start: {row['startdate'] or 'none'}, end: ",
                f"{row['enddate'] or 'none'} ({frame.zone_name(instance)})."),
            _sending(row, here),
            preview,
            tag("h2", "Settings"),
            _edit(instance, row, here) if row["status"] == "InSetup" else _settings(instance, row),
            _numbers(instance, number),
            _readers(instance, row, here),
            delete(here, "campaign"),
        ]
    )  # fmt: skip


def _sending(row: sqlite3.Row, here: str) -> Child:
    made = []
    if row["status"] == "InSetup":
        made.append(forms.form(f"{here}/initiate", submit="Initiate"))
    if row["status"] == "Queued":
        made.append(forms.form(f"{here}/uninitiate", submit="Un-initiate"))
    if row["emailid"] is not None:
        address = forms.text("address", "Send a test to", kind="email")
        made.append(forms.form(f"{here}/test", address, submit="Send the test"))
    return made


def _edit(instance: Instance, row: sqlite3.Row, here: str) -> Html:
    zone = f"{frame.zone_name(instance)}; empty for none."
    known = [(str(number), name) for number, name in campaigns.unsubscribes(instance).items()]
    return forms.form(
        here,
        forms.text("name", "Name", row["name"]),
        forms.text("crmId", "Id in the other system", row["crmid"] or ""),
        [forms.text(name, label, row[name.lower()]) for name, label in _TEXTS],
        forms.wall("startDate", "Start", row["startdate"], hint=zone),
        forms.wall("endDate", "End", row["enddate"], hint=zone),
        forms.choice("group", "Group", _options(instance, "gm_group"), str(row["groupid"] or 0)),
        forms.choice("email", "E-mail", _options(instance, "gm_email"), str(row["emailid"] or 0)),
        forms.choice("unsubscribe", "Unsubscribe definition", [("0", "none"), *known], str(row["unsubscribeid"] or 0)),
        submit="Save",
    )


def _settings(instance: Instance, row: sqlite3.Row) -> Html:
    """The settings of a campaign that can't be edited any more."""
    named = {
        "Group": _name(instance, "gm_group", row["groupid"]),
        "E-mail": _name(instance, "gm_email", row["emailid"]),
        "Unsubscribe definition": campaigns.unsubscribes(instance).get(row["unsubscribeid"] or 0, "none"),
    }
    texts = [[label, row[name.lower()]] for name, label in _TEXTS]
    rows = [["Name", row["name"]], ["Id in the other system", row["crmid"] or "none"], *texts, *named.items()]
    hint = tag("p", "Only a campaign in setup can be edited.", class_="hint")
    return join([hint, table(["Setting", "Value"], rows)])


def _numbers(instance: Instance, number: int) -> list[Html]:
    audience, stats = campaigns.audience(instance, number), campaigns.stats(instance, number)
    return [
        tag("h2", "Audience"),
        table([name.capitalize() for name in audience], [list(audience.values())]),
        tag("h2", "Results"),
        table([_words(name) for name in stats], [list(stats.values())]),
    ]


def _readers(instance: Instance, campaign: sqlite3.Row, here: str) -> Child:
    """Those who got the campaign, with what each of them could do next."""
    rows = instance.all(
        "SELECT gm_contact.id, email, count(*) AS mails FROM gm_send JOIN gm_contact "
        "ON gm_contact.instance = gm_send.instance AND gm_contact.id = contactid "
        "WHERE gm_send.instance = :instance AND campaignid = :id GROUP BY gm_contact.id ORDER BY gm_contact.id "
        "LIMIT :size",
        {"id": campaign["id"], "size": PAGE_SIZE},
    )
    if not rows:
        return None
    html = "" if campaign["emailid"] is None else emails.find(instance, campaign["emailid"])["html"]
    links = list(dict.fromkeys(emails.links(html)))
    people = [[row["email"], row["mails"], _reader_forms(row, links, here)] for row in rows]
    title = tag("h2", f"Sent to (the first {PAGE_SIZE})")
    return [title, table(["Contact", "Mails", "As this contact"], people)]


def _reader_forms(row: sqlite3.Row, links: list[str], here: str) -> list[Html]:
    contact = forms.hidden(contact=row["id"])
    made = [forms.form(f"{here}/open", contact, submit="Open", class_="row")]
    if links:
        link = forms.row_choice("url", row["id"], "Link", [(each, each) for each in links])
        made.append(forms.form(f"{here}/click", contact, link, submit="Click", class_="row"))
    kind = forms.row_choice("bounceType", row["id"], "How", [(each, each) for each in ENUMS["bounceType"]])
    made.append(forms.form(f"{here}/bounce", contact, kind, submit="Bounce", class_="row"))
    made.append(forms.form(f"{here}/unsubscribe", contact, submit="Unsubscribe", class_="row"))
    return made


def _options(instance: Instance, name: str) -> list[tuple[str, str]]:
    rows = instance.all(f"SELECT id, name FROM {name} WHERE instance = :instance ORDER BY id")  # noqa: S608 - our names
    return [("0", "none"), *((str(row["id"]), row["name"]) for row in rows)]


def _name(instance: Instance, name: str, number: int | None) -> str:
    return dict(_options(instance, name)).get(str(number), "none")


def _words(name: str) -> str:
    """``uniqueOpens`` as a person reads it."""
    return "".join(f" {each.lower()}" if each.isupper() else each for each in name).capitalize()


def _make(instance: Instance, values: Values) -> None:
    kind = frame.text(values, "type")
    if kind not in ENUMS["campaignType"]:
        raise invalid("type", "Unknown value")
    campaigns.create(instance, {"name": frame.required(values, "name"), "type": kind})


def _define(instance: Instance, values: Values) -> None:
    person(instance, "POST", "ui/unsubscribe-definition", {"name": frame.required(values, "definition")})


def _save(instance: Instance, number: int, values: Values) -> None:
    """What the form has; the group and e-mail are referred to, not changed."""
    row = campaigns.find(instance, number)
    definition = frame.chosen(values, "unsubscribe")
    frame.required(values, "name")
    wanted = {
        **{name: frame.kept(row[name.lower()], values, name) for name in ("name", "crmId", *dict(_TEXTS))},
        **{name: frame.wall(instance, values, name) for name in ("startDate", "endDate")},
        **{name: _reference(frame.chosen(values, name)) for name in ("group", "email")},
    }
    campaigns.update(instance, number, wanted)
    if definition is None:
        instance.update("gm_campaign", number, unsubscribeid=None)
    else:
        campaigns.set_unsubscribe(instance, number, definition)


def _reference(number: int | None) -> Values | None:
    return None if number is None else {"id": number, "rest": {}}


def _initiate(instance: Instance, number: int, values: Values) -> None:
    answer = campaigns.initiate(instance, number)
    if not answer["initiated"]:
        raise conflict(f"{answer['message']}.")


def _uninitiate(instance: Instance, number: int, values: Values) -> None:
    answer = campaigns.uninitiate(instance, number)
    if not answer["uninitiated"]:
        raise conflict(f"{answer['message']}.")


def _test(instance: Instance, number: int, values: Values) -> None:
    campaigns.test(instance, number, {"address": frame.required(values, "address")})


def _read(kind: str, instance: Instance, number: int, values: Values) -> None:
    """A recipient opens, clicks, or the mail comes back."""
    details = {name: frame.text(values, name) for name in ("url", "bounceType") if frame.text(values, name)}
    body = {"activityType": kind, "contact": frame.number(values, "contact"), "campaignId": number, **details}
    person(instance, "POST", "activity", body)


def _unsubscribe(instance: Instance, number: int, values: Values) -> None:
    """A recipient follows the unsubscribe link, which is of the campaign's definition if it has one."""
    definition = campaigns.find(instance, number)["unsubscribeid"]
    named = {} if definition is None else {"unsubscribeId": definition}
    contact = frame.number(values, "contact")
    person(instance, "POST", "ui/unsubscribe", {"contact": contact, "campaignId": number, **named})


SECTION = Section(
    _page,
    {"": _make, "unsubscribe": _define},
    _one,
    {
        "": _save,
        "initiate": _initiate,
        "uninitiate": _uninitiate,
        "test": _test,
        "open": partial(_read, "EmailOpened"),
        "click": partial(_read, "LinkClicked"),
        "bounce": partial(_read, "Bounced"),
        "unsubscribe": _unsubscribe,
        "delete": lambda instance, number, values: campaigns.delete(instance, number),
    },
)
