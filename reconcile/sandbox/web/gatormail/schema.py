"""The schema that the integration has posted, and the Mappings tab: draft, publish, Get Schema."""

import json

from reconcile.sandbox.gatormail import contacts, mappings
from reconcile.sandbox.gatormail.instance import Instance
from reconcile.sandbox.gatormail.reply import invalid
from reconcile.sandbox.web import forms
from reconcile.sandbox.web.gatormail import frame
from reconcile.sandbox.web.gatormail.frame import Section, Values, person
from reconcile.sandbox.web.gatormail.overview import lights
from reconcile.sandbox.web.html import Child, Html, join, tag
from reconcile.sandbox.web.layout import table, yes

_ROW = ("entityName", "attributeName", "contactAttribute")


def _page(instance: Instance) -> Html:
    here = frame.path(instance.name, "schema")
    found = mappings.get(instance)
    rows = [
        [
            entity["name"],
            attribute["name"],
            attribute["displayName"] or "",
            attribute["dataType"],
            ", ".join(_mapped(each) for each in attribute["mappings"]),
        ]
        for entity in found["entities"]
        for attribute in entity["attributes"] or [{"name": "", "displayName": "", "dataType": "", "mappings": []}]
    ]
    published = f"Published last: {found['publishedAt'] or 'never'} ({frame.zone_name(instance)})."
    field = forms.form(f"{here}/field", forms.text("field", "Name"), submit="Add the contact field")
    return join(
        [
            forms.form(f"{here}/get-schema", submit="Get Schema"),
            lights(instance),
            tag("h2", "Schema"),
            table(["Entity", "Attribute", "Shown as", "Type", "Mapped to (published)"], rows),
            tag("h2", "Mappings"),
            tag("p", published),
            _draft(instance, here),
            forms.form(f"{here}/publish", submit="Publish"),
            _editor(instance, found["entities"], here),
            tag("h2", "New contact field"),
            field,
        ]
    )


def _mapped(mapping: Values) -> str:
    return f"{mapping['contactAttribute']}{' (cleansed)' if mapping['dataCleanse'] else ''}"


def _draft(instance: Instance, here: str) -> Html:
    """The rows of the draft, each with a button that takes it out."""
    rows = [
        [
            row["entityName"],
            row["attributeName"],
            row["contactAttribute"],
            yes(row["dataCleanse"]),
            forms.form(
                f"{here}/unmap", forms.hidden(**{name: row[name] for name in _ROW}), submit="Take out", class_="row"
            ),
        ]
        for row in mappings.drafts(instance)
    ]
    return table(["Entity", "Attribute", "Contact field", "Cleansed", ""], rows)


def _editor(instance: Instance, entities: list[Values], here: str) -> Child:
    options = [
        (json.dumps([entity["name"], attribute["name"]]), f"{entity['name']}: {attribute['name']}")
        for entity in entities
        for attribute in entity["attributes"]
    ]
    if not options:
        return tag("p", "Attributes can be mapped once the integration has posted them.", class_="hint")
    names = contacts.field_names(instance)
    return forms.form(
        f"{here}/map",
        forms.choice("attribute", "Attribute", options, options[0][0]),
        forms.choice("contactAttribute", "Contact field", [(each, each) for each in names], names[0]),
        forms.box("dataCleanse", "Cleanse the values", ticked=False),
        submit="Map",
    )


def _map(instance: Instance, values: Values) -> None:
    try:
        entity, attribute = json.loads(frame.text(values, "attribute"))
    except (ValueError, TypeError):
        raise invalid("attribute", "Is none of the schema") from None
    names = {"entityName": entity, "attributeName": attribute}
    cleanse = frame.text(values, "dataCleanse") == "1"
    row = {**names, "contactAttribute": frame.text(values, "contactAttribute"), "dataCleanse": cleanse}
    person(instance, "POST", "ui/mapping", row)


def _unmap(instance: Instance, values: Values) -> None:
    person(instance, "DELETE", "ui/mapping", {name: frame.text(values, name) for name in _ROW})


SECTION = Section(
    _page,
    {
        "get-schema": lambda instance, values: person(instance, "POST", "ui/get-schema", {}),
        "map": _map,
        "unmap": _unmap,
        "publish": lambda instance, values: person(instance, "POST", "ui/publish", {}),
        "field": lambda instance, values: person(
            instance, "POST", "ui/field", {"name": frame.required(values, "field")}
        ),
    },
)
