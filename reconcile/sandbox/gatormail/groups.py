"""Groups and their included and excluded contacts (reference OpenAPI document, tag group).

A contact has one explicit state per group; whoever a rule finds belongs to it as well. An exclusion wins over both.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

from reconcile.sandbox.gatormail import contacts
from reconcile.sandbox.gatormail.instance import Instance
from reconcile.sandbox.gatormail.reply import ApiError, conflict, not_found

EFFECTIVE = "gm_member.state != 'excluded' AND (gm_member.state = 'included' OR gm_member.rule)"


def shown(row: sqlite3.Row) -> dict[str, Any]:
    """A group as answers have it."""
    return {name: row[name] for name in ("id", "name", "description", "created")}


def page(instance: Instance, limit: int, offset: int) -> list[dict[str, Any]]:
    """Operation gatormail_groupList."""
    return [shown(row) for row in instance.page("group", limit, offset)]


def get(instance: Instance, number: int) -> dict[str, Any]:
    """Operation gatormail_getGroup."""
    return shown(instance.find("group", number))


def create(instance: Instance, values: dict[str, Any]) -> dict[str, Any]:
    """Operation gatormail_addGroup."""
    refuse_id("group", values)
    require_unique(instance, "gm_group", values["name"])
    number = instance.next_id("group")
    instance.insert(
        "gm_group", id=number, name=values["name"], description=values.get("description", ""), created=instance.wall()
    )
    return get(instance, number)


def update(instance: Instance, number: int, values: dict[str, Any]) -> dict[str, Any]:
    """Operation gatormail_updateGroup."""
    row = instance.find("group", number)
    require_unique(instance, "gm_group", values["name"], number)
    merge = instance.positions.text("put_semantics") == "merge"
    description = values.get("description", row["description"] if merge else "")
    instance.update("gm_group", number, name=values["name"], description=description)
    return get(instance, number)


def delete(instance: Instance, number: int) -> None:
    """Operation gatormail_deleteGroup: not while a campaign that may still send refers to the group."""
    instance.find("group", number)
    used = instance.one(
        "SELECT id FROM gm_campaign WHERE instance = :instance AND groupid = :id AND status != 'Finished'",
        {"id": number},
    )
    if used:
        raise conflict(f"The campaign {used['id']} uses the group.")
    instance.delete("gm_member", groupid=number)
    instance.delete("gm_group", id=number)
    instance.run("UPDATE gm_campaign SET groupid = NULL WHERE instance = :instance AND groupid = :id", {"id": number})


def count(instance: Instance, number: int) -> dict[str, Any]:
    """Operation gatormail_getGroupCount: the effective size."""
    instance.find("group", number)
    sql = f"SELECT count(*) FROM gm_member WHERE instance = :instance AND groupid = :id AND {EFFECTIVE}"  # noqa: S608
    return {"count": instance.number(sql, {"id": number})}


def clear_down(instance: Instance, number: int) -> None:
    """Operation gatormail_postGroupCleardown: all explicit states are forgotten, opt-outs among them."""
    instance.find("group", number)
    instance.run("UPDATE gm_member SET state = '' WHERE instance = :instance AND groupid = :id", {"id": number})
    _tidy(instance, number)


def members(state: str, instance: Instance, number: int, limit: int, offset: int) -> list[dict[str, Any]]:
    """Operations gatormail_groupIncludedContactget and ...Excluded...: the contacts with an explicit state."""
    instance.find("group", number)
    rows = instance.all(
        "SELECT gm_contact.* FROM (SELECT contactid FROM gm_member WHERE instance = :instance AND groupid = :id "
        "AND state = :state ORDER BY contactid LIMIT :limit OFFSET :offset) AS piece "
        "JOIN gm_contact ON gm_contact.instance = :instance AND gm_contact.id = piece.contactid ORDER BY gm_contact.id",
        {"id": number, "state": state, "limit": limit, "offset": offset},
    )
    return [contacts.shown(row) for row in rows]


def add(state: str, instance: Instance, number: int, people: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Operations gatormail_groupIncludedContactpost and ...Excluded...: contacts are inserted or updated first."""
    instance.find("group", number)
    if len(people) > instance.positions.number("largest_piece"):
        raise ApiError(413, "There are too many contacts in one call.")
    return [_add(instance, number, state, values, f"[{at}]") for at, values in enumerate(people)]


def remove(state: str, instance: Instance, number: int, contact: int) -> None:
    """Operations gatormail_groupIncludedContactdelete and ...Excluded...: one explicit state is taken back."""
    instance.find("group", number)
    changed = instance.run(
        "UPDATE gm_member SET state = '' WHERE instance = :instance AND groupid = :id AND contactid = :contact "
        "AND state = :state",
        {"id": number, "contact": contact, "state": state},
    )
    if not changed:
        raise not_found("such membership of contact", contact)
    _tidy(instance, number)


def set_state(instance: Instance, number: int, contact: int, state: str) -> None:
    """Give a contact its one explicit state in a group."""
    instance.run(
        "INSERT INTO gm_member VALUES (:instance, :id, :contact, :state, 0) ON CONFLICT DO UPDATE SET state = :state",
        {"id": number, "contact": contact, "state": state},
    )


def set_rule(instance: Instance, number: int, people: Sequence[int]) -> None:
    """Say whom the group's rules find."""
    instance.find("group", number)
    instance.run("UPDATE gm_member SET rule = 0 WHERE instance = :instance AND groupid = :id", {"id": number})
    for contact in people:
        instance.run(
            "INSERT INTO gm_member VALUES (:instance, :id, :contact, '', 1) ON CONFLICT DO UPDATE SET rule = 1",
            {"id": number, "contact": contact},
        )
    _tidy(instance, number)


def require_unique(instance: Instance, table: str, name: str, but: int = 0) -> None:
    """Refuse a name that another object has, where names are unique."""
    if not instance.positions.flag("unique_names"):
        return
    sql = f"SELECT 1 FROM {table} WHERE instance = :instance AND fold(name) = fold(:name) AND id != :but"  # noqa: S608
    if instance.one(sql, {"name": name, "but": but}):
        raise conflict("The name is in use.")


def refuse_id(shape: str, values: dict[str, Any], number: int | None = None) -> None:
    """The server gives ids: on create there is none, on update it is the path's."""
    if values.get("id") not in (None, number):
        raise ApiError(400, "The request is invalid", {f"{shape}.id": ["Is given by the server"]})


def _add(instance: Instance, number: int, state: str, values: dict[str, Any], where: str) -> dict[str, Any]:
    row, contact_state = contacts.resolve(instance, values, where)
    keep = state == "included" and not instance.positions.flag("include_flips_exclusion")
    excluded = keep and instance.one(
        "SELECT 1 FROM gm_member WHERE instance = :instance AND groupid = :id AND contactid = :contact "
        "AND state = 'excluded'",
        {"id": number, "contact": row["id"]},
    )
    if not excluded:
        set_state(instance, number, row["id"], state)
    return {
        "contactId": row["id"],
        "emailLogin": row["email"],
        "included": state == "included" and not excluded,
        "contactState": contact_state,
    }


def _tidy(instance: Instance, number: int) -> None:
    instance.run(
        "DELETE FROM gm_member WHERE instance = :instance AND groupid = :id AND state = '' AND NOT rule", {"id": number}
    )
