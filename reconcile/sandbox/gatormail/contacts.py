"""Contacts and their fields (reference OpenAPI document, tag contact).

The unique identifier is ``emailLogin``, compared without regard to case. Members that are not sent keep their value,
null clears.
"""

import json
import sqlite3
from typing import Any

from reconcile.sandbox.gatormail.instance import Instance
from reconcile.sandbox.gatormail.reply import ApiError, invalid

COLUMNS = {
    "firstName": "firstname",
    "lastName": "lastname",
    "title": "title",
    "positionInCompany": "position",
    "companyName": "company",
}
_BUILT_IN = ("EmailLogin", "FirstName", "LastName", "Title", "PositionInCompany", "CompanyName")


def by_email(instance: Instance, email: str) -> sqlite3.Row | None:
    """The contact with an address, if there is one."""
    sql = "SELECT * FROM gm_contact WHERE instance = :instance AND fold(email) = fold(:email)"
    return instance.one(sql, {"email": email})


def shown(row: sqlite3.Row) -> dict[str, Any]:
    """A contact as answers have it."""
    values = {name: row[column] for name, column in COLUMNS.items()}
    return {"id": row["id"], "emailLogin": row["email"], **values, "fields": json.loads(row["fields"])}


def page(instance: Instance, limit: int, offset: int) -> list[dict[str, Any]]:
    """Operation gatormail_contactList."""
    return [shown(row) for row in instance.page("contact", limit, offset)]


def get(instance: Instance, number: int) -> dict[str, Any]:
    """Operation gatormail_getContact."""
    return shown(instance.find("contact", number))


def match(instance: Instance, field: str | None, value: str | None) -> list[dict[str, Any]]:
    """Operation gatormail_contactMatch: all contacts that have a value in a field, without regard to case."""
    if not value:
        raise invalid(instance.contract.text("p.contact.match.value"), "Is required")
    wanted = (field or "emailLogin").lower()
    known = {instance.contract.member("contact", name).lower(): column for name, column in COLUMNS.items()}
    known |= {name.lower(): column for name, column in COLUMNS.items()}
    known |= {instance.contract.member("contact", "emailLogin").lower(): "email", "emaillogin": "email", "id": "id"}
    values: dict[str, Any] = {"value": value}
    if wanted in known:
        expression = known[wanted]
    elif name := _custom(instance).get(wanted):
        expression, values["path"] = "json_extract(fields, :path)", f"$.{json.dumps(name)}"
    else:
        raise invalid("field", "Unknown contact field")
    sql = (
        "SELECT * FROM gm_contact WHERE instance = :instance "  # noqa: S608 - our own names
        f"AND fold(CAST({expression} AS TEXT)) = fold(:value) ORDER BY id LIMIT 1000"
    )
    return [shown(row) for row in instance.all(sql, values)]


def upsert(instance: Instance, values: dict[str, Any]) -> dict[str, Any]:
    """Operation gatormail_addContact: insert or update, and say which in ``contactState``."""
    row, state = store(instance, values, "contact")
    return {**shown(row), "contactState": state}


def update(instance: Instance, number: int, values: dict[str, Any]) -> dict[str, Any]:
    """Operation gatormail_updateContact: only the members that are sent change."""
    row, state = _change(instance, instance.find("contact", number), values, "contact")
    return {**shown(row), "contactState": state}


def resolve(instance: Instance, values: dict[str, Any], where: str) -> tuple[sqlite3.Row, str]:
    """A contact that a call names: with an id a reference, else it is inserted or updated."""
    if values.get("id") is None:
        return store(instance, values, where)
    row = instance.row("gm_contact", values["id"])
    if row is None:
        raise invalid(f"{where}.id", "There is no such contact")
    return row, "Unchanged"


def store(instance: Instance, values: dict[str, Any], where: str) -> tuple[sqlite3.Row, str]:
    """Insert a contact, or update the one with its id or address; the row and a ContactState."""
    if values.get("id") is not None:
        found = instance.row("gm_contact", values["id"])
        if found is None:
            raise invalid(f"{where}.id", "There is no such contact")
        return _change(instance, found, values, where)
    _check_email(values["emailLogin"], where)
    row = by_email(instance, values["emailLogin"])
    if row is not None:
        # The address is how the contact was found, so that its spelling stays.
        return _change(instance, row, {**values, "emailLogin": row["email"]}, where)
    number = instance.next_id("contact")
    instance.insert(
        "gm_contact",
        id=number,
        email=values["emailLogin"],
        **{column: values.get(name) for name, column in COLUMNS.items()},
        fields=json.dumps(_fields(instance, {}, values, where), ensure_ascii=False),
        hard=0,
        soft=0,
    )
    return instance.find("contact", number), "Inserted"


def groups_of(instance: Instance, number: int) -> list[dict[str, Any]]:
    """Operation gatormail_contactGroupList: each group that the contact is in or excluded from."""
    instance.find("contact", number)
    rows = instance.all(
        "SELECT gm_group.id, gm_group.name, gm_member.state FROM gm_member JOIN gm_group "
        "ON gm_group.instance = gm_member.instance AND gm_group.id = gm_member.groupid "
        "WHERE gm_member.instance = :instance AND gm_member.contactid = :id ORDER BY gm_group.id",
        {"id": number},
    )
    return [{"groupId": row["id"], "name": row["name"], "included": row["state"] != "excluded"} for row in rows]


def fields(instance: Instance) -> list[dict[str, Any]]:
    """Operation gatormail_contactFieldList: the built-in contact fields and the instance's own."""
    own = list(_custom(instance).values())
    return [_field(name, "Contact") for name in _BUILT_IN] + [_field(name, "ContactExtension") for name in own]


def field_names(instance: Instance) -> list[str]:
    """The attribute names of all contact fields."""
    return [*_BUILT_IN, *_custom(instance).values()]


def add_field(instance: Instance, name: str) -> None:
    """A person defines a contact field."""
    if name.lower() not in (each.lower() for each in field_names(instance)):
        instance.keep("fields", [*instance.setting("fields", []), name])


def _field(name: str, table: str) -> dict[str, Any]:
    return {
        "name": name,
        "databaseName": name.lower(),
        "displayName": name,
        "table": table,
        "repeating": False,
        "dataType": "string",
    }


def _custom(instance: Instance) -> dict[str, str]:
    return {name.lower(): name for name in (*instance.fields, *instance.setting("fields", []))}


def _change(instance: Instance, row: sqlite3.Row, values: dict[str, Any], where: str) -> tuple[sqlite3.Row, str]:
    email = values.get("emailLogin", row["email"])
    _check_email(email, where)
    other = by_email(instance, email)
    if other is not None and other["id"] != row["id"]:
        raise invalid(f"{where}.emailLogin", "Another contact has it")
    wanted = {column: values.get(name, row[column]) for name, column in COLUMNS.items()}
    wanted["email"] = email
    wanted["fields"] = json.dumps(_fields(instance, json.loads(row["fields"]), values, where), ensure_ascii=False)
    if all(row[column] == value for column, value in wanted.items()):
        return row, "Unchanged"
    instance.update("gm_contact", row["id"], **wanted)
    return instance.find("contact", row["id"]), "Updated"


def _fields(instance: Instance, before: dict[str, Any], values: dict[str, Any], where: str) -> dict[str, Any]:
    """Values by attribute name; what is not sent stays, null clears."""
    after, known = dict(before), _custom(instance) if values.get("fields") else {}
    policy = instance.positions.text("unknown_contact_field")
    for sent, value in values.get("fields", {}).items():
        name = known.get(sent.lower(), sent if policy == "accept" else None)
        if name is None and policy == "error":
            raise invalid(f"{where}.fields.{sent}", "Unknown contact field")
        if name is not None:
            after[name] = value
    return {name: value for name, value in after.items() if value is not None}


def _check_email(email: Any, where: str) -> None:
    if not isinstance(email, str) or not 3 <= len(email.strip()) <= 254 or "@" not in email.strip()[1:-1]:
        raise ApiError(400, "The request is invalid", {f"{where}.emailLogin": ["Should be an e-mail address"]})
