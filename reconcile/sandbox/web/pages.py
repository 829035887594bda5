"""SqualoMail's pages: an account's lists, newsletters, fields and recipients, each as a table and a page per object."""

import json
import sqlite3
from collections.abc import Sequence
from urllib.parse import quote

from reconcile.sandbox.squalomail import fields, lists, memberships, newsletters, recipients, sending
from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.web import forms
from reconcile.sandbox.web.html import Child, Html, join, tag
from reconcile.sandbox.web.layout import PAGE_SIZE, Link, clock, date, delete, dot, table, yes

_KINDS = (("lists", "Lists"), ("newsletters", "Newsletters"), ("recipients", "Recipients"), ("fields", "Custom fields"))
_TYPES = ("text", "textarea", "checkbox", "radio")
_UTM = ("utmSource", "utmMedium", "utmCampaign", "utmId", "utmTerm", "utmContent")


def links(app_id: str, kind: str) -> list[Link]:
    """The navigation of an account, of which ``kind`` is shown."""
    kinds = [Link(shown, path(app_id, name), name == kind) for name, shown in _KINDS]
    return [Link(f"Account {app_id}", path(app_id), not kind), *kinds]


def path(app_id: str, *parts: object) -> str:
    """The address of a page of an account."""
    return "/".join(["/web", quote(app_id, safe=""), *(quote(str(part), safe="") for part in parts)])


def overview(account: Account) -> Html:
    """What an account holds, and the clock."""
    counted = {"lists": "list", "newsletters": "mail", "recipients": "recipient", "fields": "field"}
    rows = []
    for kind, shown in _KINDS:
        found = account.one(f"SELECT count(*) FROM {counted[kind]} WHERE account = :account")  # noqa: S608 - names from above
        rows.append([tag("a", shown, href=path(account.app_id, kind)), found[0] if found else 0])
    return join([table(["", "Number"], rows), clock(path(account.app_id, "clock"), account.now)])


def lists_page(account: Account) -> Html:
    """All lists, and a form for another."""
    rows = [
        [
            dot(row["color"], row["color"]),
            tag("a", row["name"], href=path(account.app_id, "lists", row["listid"])),
            row["listid"],
            row["ordering"],
            yes(row["published"]),
            yes(row["visible"]),
            ", ".join(json.loads(row["tags"])),
        ]
        for row in account.all("SELECT * FROM list WHERE account = :account ORDER BY ordering, listid")
    ]
    head = ["Colour", "Name", "Id", "Position", "Published", "Visible", "Tags"]
    add = forms.form(path(account.app_id, "lists"), forms.text("name", "Name"), submit="Add the list")
    return join([table(head, rows), tag("h2", "New list"), add])


def list_page(account: Account, listid: int) -> Html:
    """One list to edit."""
    row = lists.find(account, listid)
    here = path(account.app_id, "lists", listid)
    edit = forms.form(
        here,
        forms.text("name", "Name", row["name"]),
        forms.text("description", "Description", row["description"] or ""),
        forms.text("color", "Colour", row["color"], hint="Hexadecimal, such as #ff6600."),
        forms.text("ordering", "Position", row["ordering"], kind="number"),
        forms.text("listTags,", "Tags", ", ".join(json.loads(row["tags"])), hint="With commas between them."),
        forms.box("published", "Published", row["published"]),
        forms.box("visible", "Visible to recipients", row["visible"]),
        forms.text("alias", "Alias", row["alias"]),
        forms.choice("welcomeMailId", "Welcome mail", _mail_options(account), str(row["welmailid"])),
        submit="Save",
    )
    members = account.all(
        "SELECT recipient.subid, recipient.email, listsub.status, listsub.subdate FROM listsub JOIN recipient "
        "USING (account, subid) WHERE account = :account AND listid = :listid ORDER BY subid LIMIT :size",
        {"listid": listid, "size": PAGE_SIZE},
    )
    shown = table(
        ["Recipient", "State", "Since"],
        [
            [
                tag("a", member["email"], href=path(account.app_id, "recipients", member["subid"])),
                "subscribed" if member["status"] == 1 else "unsubscribed",
                date(member["subdate"]),
            ]
            for member in members
        ],
    )
    return join([edit, tag("h2", f"Recipients (the first {PAGE_SIZE})"), shown, delete(here, "list")])


def newsletters_page(account: Account) -> Html:
    """All newsletters, and a form for another."""
    rows = [
        [
            tag("a", row["subject"], href=path(account.app_id, "newsletters", row["mailid"])),
            row["mailid"],
            _state(account, row),
            date(row["senddate"]),
            ", ".join(_list_names(account, row["mailid"])),
        ]
        for row in account.all(
            "SELECT mailid, subject, published, senddate FROM mail WHERE account = :account ORDER BY mailid DESC"
        )
    ]
    add = forms.form(path(account.app_id, "newsletters"), forms.text("subject", "Subject"), submit="Add the newsletter")
    return join([table(["Subject", "Id", "State", "Date", "Lists"], rows), tag("h2", "New newsletter"), add])


def newsletter_page(account: Account, mailid: int) -> Html:
    """One newsletter: to edit, look at and send, and once sent, to open and click as a recipient."""
    row = newsletters.find(account, mailid)
    here = path(account.app_id, "newsletters", mailid)
    preview = tag("iframe", src=f"{here}/preview", sandbox="", title="Preview of the newsletter", loading="lazy")
    return join(
        [
            tag("p", f"{_state(account, row).capitalize()}. ", f"Date: {date(row['senddate'])}."),
            _sending_forms(account, row, here),
            tag("h2", "Preview"),
            preview,
            tag("h2", "Content"),
            _content_form(account, row, here),
            _readers(account, row, here),
            delete(here, "newsletter"),
        ]
    )


def fields_page(account: Account) -> Html:
    """All custom fields, and a form for another."""
    rows = [
        [
            tag("a", row["namekey"], href=path(account.app_id, "fields", row["fieldid"])),
            row["fieldname"],
            row["fieldid"],
            row["type"],
            row["ordering"],
            yes(row["published"]),
        ]
        for row in fields.everything(account)
    ]
    add = forms.form(
        path(account.app_id, "fields"),
        forms.text("namekey", "Key", hint="Letters, digits and _, without blanks."),
        forms.text("fieldname", "Label"),
        forms.choice("type", "Type", [(each, each) for each in _TYPES], "text"),
        submit="Add the field",
    )
    return join([table(["Key", "Label", "Id", "Type", "Position", "Published"], rows), tag("h2", "New field"), add])


def field_page(account: Account, fieldid: int) -> Html:
    """One custom field to edit."""
    row = fields.find(account, fieldid)
    here = path(account.app_id, "fields", fieldid)
    types = list(dict.fromkeys([*_TYPES, row["type"]]))
    edit = forms.form(
        here,
        forms.text("namekey", "Key", row["namekey"]),
        forms.text("fieldname", "Label", row["fieldname"]),
        forms.choice("type", "Type", [(each, each) for each in types], row["type"]),
        forms.text("value", "Default value", row["value"]),
        forms.text("ordering", "Position", row["ordering"], kind="number"),
        forms.box("published", "Published", row["published"]),
        submit="Save",
    )
    return join([edit, delete(here, "field")])


def recipients_page(account: Account, sought: str, page: int) -> Html:
    """Recipients whose address has ``sought`` in it, fifty to a page, and a form for another."""
    here = path(account.app_id, "recipients")
    found = account.all(
        "SELECT * FROM recipient WHERE account = :account AND instr(lower(email), lower(:sought)) "
        "ORDER BY subid LIMIT :size OFFSET :start",
        {"sought": sought, "size": PAGE_SIZE + 1, "start": page * PAGE_SIZE},
    )
    rows = [
        [
            tag("a", row["email"], href=path(account.app_id, "recipients", row["subid"])),
            f"{row['name']} {row['surname']}",
            row["subid"],
            yes(row["enabled"]),
            yes(row["accept"]),
        ]
        for row in found[:PAGE_SIZE]
    ]
    search = tag(
        "form", forms.text("q", "Search for an address", sought), tag("button", "Search"), method="get", action=here
    )
    more = f"{here}?q={quote(sought, safe='')}&page={page + 1}"
    following = tag("p", tag("a", "Next page", href=more)) if len(found) > PAGE_SIZE else None
    add = forms.form(here, forms.text("email", "E-mail", kind="email"), submit="Add the recipient")
    shown = table(["E-mail", "Name", "Id", "Enabled", "Accepts mail"], rows)
    return join([search, shown, following, tag("h2", "New recipient"), add])


def recipient_page(account: Account, subid: int) -> Html:
    """One recipient to edit, with lists and custom fields."""
    row = recipients.find(account, subid)
    here = path(account.app_id, "recipients", subid)
    values = fields.values_of(account, [subid], all_fields=True).get(subid, {})
    flags = (
        ("html", "Wants HTML", "html"),
        ("confirmed", "Confirmed", "confirmed"),
        ("enabled", "Enabled", "enabled"),
        ("accept", "Accepts mail", "accept"),
        ("gdprCanSend", "Consents to mail", "gdpr_can_send"),
        ("gdprCanTrack", "Consents to profiling", "gdpr_can_track"),
    )
    own = {str(listid) for listid in memberships.subscriptions(account, subid)}
    edit = forms.form(
        here,
        forms.text("email", "E-mail", row["email"], kind="email"),
        forms.text("name", "Name", row["name"]),
        forms.text("surname", "Surname", row["surname"]),
        forms.text("phone", "Phone", row["phone"] or ""),
        forms.choice(
            "gender", "Gender", [("", "not given"), *((each, each) for each in recipients.GENDERS)], row["gender"]
        ),
        [forms.box(name, label, row[column]) for name, label, column in flags],
        forms.text("tags,", "Tags", ", ".join(json.loads(row["tags"])), hint="With commas between them."),
        [forms.text(f"attribute:{key}", f"Custom field {key}", value) for key, value in values.items()],
        forms.boxes("listIds", "Subscribed to", _list_options(account), own),
        submit="Save",
    )
    return join([edit, delete(here, "recipient")])


def _sending_forms(account: Account, row: sqlite3.Row, here: str) -> Child:
    if row["published"] == 2:
        return forms.form(f"{here}/cancel", submit="Cancel the sending")
    if sending.is_sent(account, row["mailid"]):
        return None
    when = forms.text("sendDate@", "Send on (UTC)", forms.local(account.now + 3600), kind="datetime-local")
    return forms.form(f"{here}/schedule", when, submit="Schedule")


def _content_form(account: Account, row: sqlite3.Row, here: str) -> Html:
    utm = json.loads(row["utm"])
    targets = {str(listid) for listid in newsletters.targets(account, row["mailid"])}
    return forms.form(
        here,
        forms.text("subject", "Subject", row["subject"]),
        forms.text("fromName", "Sender's name", row["fromname"]),
        forms.text("fromEmail", "Sender's address", row["fromemail"], hint="Empty for the account's own."),
        forms.text("replyToName", "Name for replies", row["replyname"]),
        forms.text("replyToEmail", "Address for replies", row["replyemail"]),
        forms.choice("language", "Language", [(each, each) for each in newsletters.LANGUAGES], row["language"]),
        forms.boxes("listIds", "Goes to", _list_options(account), targets),
        forms.box("visible", "Visible to recipients", row["visible"]),
        forms.area("body", "HTML body", row["body"], rows=14),
        forms.area("altBody", "Text body", row["altbody"]),
        forms.box("addUtm", "Add UTM parameters to links", bool(utm.get("addUtm"))),
        [forms.text(name, name, utm.get(name, "")) for name in _UTM],
        submit="Save",
    )


def _readers(account: Account, mail: sqlite3.Row, here: str) -> Child:
    """Those who got the newsletter, with what each of them could do next."""
    rows = account.all(
        "SELECT recipient.email, userstats.* FROM userstats JOIN recipient USING (account, subid) "
        "WHERE account = :account AND mailid = :mailid ORDER BY subid LIMIT :size",
        {"mailid": mail["mailid"], "size": PAGE_SIZE},
    )
    if not rows:
        return None
    links = account.all(
        "SELECT url FROM url WHERE account = :account AND mailid = :mailid ORDER BY urlid", {"mailid": mail["mailid"]}
    )
    people = [[row["email"], row["open"], yes(row["bounce"]), _reader_forms(row, links, here)] for row in rows]
    title = tag("h2", f"Sent to (the first {PAGE_SIZE})")
    return [title, table(["Recipient", "Opened", "Bounced", "As this recipient"], people)]


def _reader_forms(row: sqlite3.Row, links: Sequence[sqlite3.Row], here: str) -> list[Html]:
    email = tag("input", type="hidden", name="email", value=row["email"])
    made = [forms.form(f"{here}/open", email, submit="Open", class_="row")]
    if links:
        choice = forms.row_choice("url", row["subid"], "Link", [(link["url"], link["url"]) for link in links])
        made.append(forms.form(f"{here}/click", email, choice, submit="Click", class_="row"))
    made.append(forms.form(f"{here}/bounce", email, submit="Bounce", class_="row"))
    made.append(forms.form(f"{here}/unsubscribe", email, submit="Unsubscribe", class_="row"))
    return made


def _state(account: Account, row: sqlite3.Row) -> str:
    if row["published"] == 2:
        return "scheduled"
    if sending.is_sent(account, row["mailid"]):
        return "sent"
    return "published, not sent" if row["published"] else "draft"


def _list_options(account: Account) -> list[tuple[str, str]]:
    rows = account.all("SELECT listid, name FROM list WHERE account = :account ORDER BY ordering, listid")
    return [(str(row["listid"]), row["name"]) for row in rows]


def _mail_options(account: Account) -> list[tuple[str, str]]:
    rows = account.all("SELECT mailid, subject FROM mail WHERE account = :account ORDER BY mailid")
    return [("0", "none"), *((str(row["mailid"]), row["subject"]) for row in rows)]


def _list_names(account: Account, mailid: int) -> list[str]:
    rows = account.all(
        "SELECT list.name FROM listmail JOIN list USING (account, listid) "
        "WHERE account = :account AND mailid = :mailid ORDER BY listid",
        {"mailid": mailid},
    )
    return [row["name"] for row in rows]
