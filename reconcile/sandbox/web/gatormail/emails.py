"""E-mails: their contents; the name is fixed once given."""

from reconcile.sandbox.gatormail import emails
from reconcile.sandbox.gatormail.instance import Instance
from reconcile.sandbox.web import forms
from reconcile.sandbox.web.gatormail import frame
from reconcile.sandbox.web.gatormail.frame import Section, Values
from reconcile.sandbox.web.html import Html, join, tag
from reconcile.sandbox.web.layout import table, yes


def html_of(instance: Instance, number: int) -> str:
    """The HTML of an e-mail as it was stored."""
    return str(emails.find(instance, number)["html"])


def frame_of(instance: Instance, number: int) -> Html:
    """An e-mail in a frame in which nothing runs."""
    source = frame.path(instance.name, "emails", number, "preview")
    return tag("iframe", src=source, sandbox="", title="Preview of the e-mail", loading="lazy")


def _page(instance: Instance) -> Html:
    rows = [
        [tag("a", row["name"], href=frame.path(instance.name, "emails", row["id"])), row["id"], yes(row["track"])]
        for row in instance.all("SELECT id, name, track FROM gm_email WHERE instance = :instance ORDER BY id DESC")
    ]
    add = forms.form(
        frame.path(instance.name, "emails"),
        forms.text("name", "Name", hint="It can't be changed later."),
        forms.box("autoTrackLinks", "Count clicks on links", ticked=True),
        submit="Add the e-mail",
    )
    return join([table(["Name", "Id", "Counts clicks"], rows), tag("h2", "New e-mail"), add])


def _one(instance: Instance, number: int) -> Html:
    row = emails.find(instance, number)
    counted = "are counted" if row["track"] else "are not counted"
    edit = forms.form(
        frame.path(instance.name, "emails", number),
        forms.area("html", "HTML", row["html"], rows=14),
        forms.area("text", "Text", row["text"]),
        submit="Save",
    )
    about = tag("p", f"{row['name']}. Clicks on its links {counted}.")
    return join([about, tag("h2", "Preview"), frame_of(instance, number), tag("h2", "Content"), edit])


def _make(instance: Instance, values: Values) -> None:
    track = frame.text(values, "autoTrackLinks") == "1"
    emails.create(instance, {"name": frame.required(values, "name"), "autoTrackLinks": track})


def _save(instance: Instance, number: int, values: Values) -> None:
    row = emails.find(instance, number)
    content = {name: frame.kept(row[name], values, name) for name in ("html", "text") if name in values}
    emails.update(instance, number, {"html": row["html"], "text": row["text"]} | content)


SECTION = Section(_page, {"": _make}, _one, {"": _save})
