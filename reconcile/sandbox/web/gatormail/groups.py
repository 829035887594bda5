"""Groups: who is included, excluded, or found by a rule, and how people come and go."""

import sqlite3

from reconcile.sandbox.gatormail import backoffice, groups
from reconcile.sandbox.gatormail.instance import Instance
from reconcile.sandbox.web import forms
from reconcile.sandbox.web.gatormail import frame
from reconcile.sandbox.web.gatormail.frame import Section, Values, person
from reconcile.sandbox.web.html import Child, Html, join, tag
from reconcile.sandbox.web.layout import PAGE_SIZE, delete, table

# State of a membership -> heading, and the buttons in its rows: deed and text.
_LISTS = {
    "included": ("Included", (("exclude", "Exclude"), ("remove", "Take out"), ("unsubscribe", "Unsubscribe"))),
    "excluded": ("Excluded", (("include", "Include"), ("remove", "Take back"))),
    "": ("Found by rules", (("exclude", "Exclude"), ("lost", "No longer found"), ("unsubscribe", "Unsubscribe"))),
}

_MEMBERS = """
  SELECT gm_contact.*, EXISTS (
    SELECT 1 FROM gm_optout WHERE gm_optout.instance = gm_contact.instance AND gm_optout.contactid = gm_contact.id
    AND unsubscribeid = 0) AS gone
  FROM gm_member JOIN gm_contact ON gm_contact.instance = gm_member.instance AND gm_contact.id = contactid
  WHERE gm_member.instance = :instance AND groupid = :id
"""


def _page(instance: Instance) -> Html:
    rows = [
        [
            tag("a", row["name"], href=frame.path(instance.name, "groups", row["id"])),
            row["id"],
            row["description"],
            groups.count(instance, row["id"])["count"],
            row["created"],
        ]
        for row in instance.all("SELECT * FROM gm_group WHERE instance = :instance ORDER BY id DESC")
    ]
    add = forms.form(
        frame.path(instance.name, "groups"),
        forms.text("name", "Name"),
        forms.text("description", "Description"),
        submit="Add the group",
    )
    return join([table(["Name", "Id", "Description", "People", "Made"], rows), tag("h2", "New group"), add])


def _one(instance: Instance, number: int) -> Html:
    row = groups.find(instance, number)
    here = frame.path(instance.name, "groups", number)
    edit = forms.form(
        here,
        forms.text("name", "Name", row["name"]),
        forms.text("description", "Description", row["description"]),
        submit="Save",
    )
    add = forms.form(f"{here}/add", forms.text("email", "Add by e-mail", kind="email"), submit="Add")
    exclude = forms.form(f"{here}/exclude", forms.text("excluded", "Exclude by e-mail", kind="email"), submit="Exclude")
    found = forms.form(f"{here}/found", forms.text("found", "Found by a rule", kind="email"), submit="Let rules find")
    members = [_members(instance, number, state, here) for state in _LISTS]
    return join([edit, members, tag("h2", "More people"), add, exclude, found, delete(here, "group")])


def _members(instance: Instance, number: int, state: str, here: str) -> list[Html]:
    heading, buttons = _LISTS[state]
    where = "state = :state" if state else "state = '' AND rule"
    values = {"id": number, "state": state, "size": PAGE_SIZE}
    rows = instance.all(f"{_MEMBERS} AND {where} ORDER BY gm_contact.id LIMIT :size", values)
    sql = f"SELECT count(*) FROM gm_member WHERE instance = :instance AND groupid = :id AND {where}"  # noqa: S608
    total = instance.number(sql, values)
    first = f", the first {PAGE_SIZE}" if total > PAGE_SIZE else ""
    lines = [[row["email"], _names(row), row["id"], _reach(row), _buttons(row, state, buttons, here)] for row in rows]
    shown = table(["E-mail", "Name", "Id", "Gets mail", ""], lines)
    return [tag("h2", f"{heading} ({total}{first})"), shown]


def _names(row: sqlite3.Row) -> str:
    return " ".join(row[name] for name in ("firstname", "lastname") if row[name])


def _reach(row: sqlite3.Row) -> str:
    if row["gone"]:
        return "no: unsubscribed"
    return "no: mails came back" if row["hard"] or row["soft"] >= 3 else "yes"


def _buttons(row: sqlite3.Row, state: str, buttons: tuple[tuple[str, str], ...], here: str) -> Child:
    inputs = forms.hidden(contact=row["id"], state=state)
    return [forms.form(f"{here}/{deed}", inputs, submit=label, class_="row") for deed, label in buttons]


def _make(instance: Instance, values: Values) -> None:
    groups.create(instance, {"name": frame.required(values, "name"), "description": frame.text(values, "description")})


def _save(instance: Instance, number: int, values: Values) -> None:
    row = groups.find(instance, number)
    frame.required(values, "name")
    groups.update(instance, number, {name: frame.kept(row[name], values, name) for name in ("name", "description")})


def _add(instance: Instance, number: int, values: Values) -> None:
    groups.add(instance, number, "included", [{"emailLogin": frame.required(values, "email")}])


def _exclude(instance: Instance, number: int, values: Values) -> None:
    """Somebody of the group who unsubscribes from it, or anybody by their address."""
    if "contact" in values:
        person(instance, "POST", "ui/unsubscribe", {"contact": frame.number(values, "contact"), "groupId": number})
    else:
        groups.add(instance, number, "excluded", [{"emailLogin": frame.required(values, "excluded")}])


def _include(instance: Instance, number: int, values: Values) -> None:
    groups.find(instance, number)
    contact = backoffice.contact_of(instance, frame.number(values, "contact"))
    groups.set_state(instance, number, contact["id"], "included")


def _remove(instance: Instance, number: int, values: Values) -> None:
    """Somebody's explicit state is taken back."""
    state = "excluded" if frame.text(values, "state") == "excluded" else "included"
    groups.remove(instance, number, state, frame.number(values, "contact"))


def _unsubscribe(instance: Instance, number: int, values: Values) -> None:
    """Somebody wants no mail at all any more."""
    person(instance, "POST", "ui/unsubscribe", {"contact": frame.number(values, "contact")})


def _found(instance: Instance, number: int, values: Values) -> None:
    one = backoffice.contact_of(instance, frame.required(values, "found"))
    groups.set_rule(instance, number, [*_ruled(instance, number), one["id"]])


def _lost(instance: Instance, number: int, values: Values) -> None:
    gone = frame.number(values, "contact")
    groups.set_rule(instance, number, [each for each in _ruled(instance, number) if each != gone])


def _ruled(instance: Instance, number: int) -> list[int]:
    sql = "SELECT contactid FROM gm_member WHERE instance = :instance AND groupid = :id AND rule ORDER BY contactid"
    return [row["contactid"] for row in instance.all(sql, {"id": number})]


SECTION = Section(
    _page,
    {"": _make},
    _one,
    {
        "": _save,
        "add": _add,
        "exclude": _exclude,
        "include": _include,
        "remove": _remove,
        "unsubscribe": _unsubscribe,
        "found": _found,
        "lost": _lost,
        "delete": lambda instance, number, values: groups.delete(instance, number),
    },
)
