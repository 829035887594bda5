"""Lists: functions 1 to 4 and 12, and the operations behind them."""

import json
import re
import sqlite3
import unicodedata
from collections.abc import Mapping
from typing import Any

from reconcile.sandbox.distortions import Distortions
from reconcile.sandbox.squalomail import objects
from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.squalomail.arguments import Arguments
from reconcile.sandbox.squalomail.reply import Answer, Bare, conflict, invalid, missing, not_found

_COLOR = re.compile(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_PAGE_SIZES = (10, 100)  # by default, and at most


def create_list(account: Account, arguments: Arguments) -> Answer:
    """Function 1: a new list; the answer has it as ``list``."""
    values = read_values(arguments)
    if "name" not in values:
        raise missing("name")
    return {"list": as_result(account.find("list", insert(account, values)))}


def update_list(account: Account, arguments: Arguments) -> Answer:
    """Function 2. The page documents no identifier; the switch ``update_list_identity`` says what is one."""
    values = read_values(arguments)
    row = _identify(account, arguments)
    if row is None:
        return _echo(account, insert(account, values))
    if values.get("tags") == [] and account.switches.text("empty_list_tags") == "keep":
        values["tags"] = json.loads(row["tags"])
    if account.switches.text("update_list_omitted") == "reset":
        if "name" not in values:
            raise missing("name")
        values = {**_defaults(account, values), "description": None, "ordering": 0, "tags": [], **values}
    change(account, row["listid"], values)
    return _echo(account, row["listid"])


def get_lists(account: Account, arguments: Arguments) -> Answer:
    """Function 3: lists by ids, names and tags; an empty or missing restriction is none."""
    lists = [as_result(row) for row in _restricted(account, arguments)]
    return Bare(lists) if account.switches.text("undocumented_payload") == "bare" else {"lists": lists}


def get_lists_details(account: Account, arguments: Arguments) -> Answer:
    """Function 4: as function 3, page by page and with the numbers of recipients."""
    page = arguments.integer("page")
    size = arguments.integer("pageSize", minimum=1)
    size = min(_PAGE_SIZES[0] if size is None else size, _PAGE_SIZES[1])
    page, size = Distortions(account.switches).page(0, page or 0, size)
    rows = _restricted(account, arguments)[page * size :][:size]
    counts = _counts(account, [row["listid"] for row in rows])
    return {"lists": [dict(sorted((as_result(row) | counts[row["listid"]]).items())) for row in rows]}


def delete_list(account: Account, arguments: Arguments) -> Answer:
    """Function 12: the list and its memberships go, the recipients stay."""
    listid = arguments.required_integer("listId")
    if account.switches.text("delete_missing") == "ok" and account.row("list", listid) is None:
        return {}
    remove(account, listid)
    return {}


def insert(account: Account, values: Mapping[str, Any]) -> int:
    """Make a list out of columns (``tags`` as texts) and return its id; the service has defaults for the rest."""
    name = values["name"]
    _refuse_duplicate(account, name, 0)
    row = {
        "description": None, "visible": False, "alias": slug(name), "tags": [], "welmailid": 0, "unsubmailid": 0,
        **_defaults(account, values), **values, "listid": account.next_id("list"),
    }  # fmt: skip
    account.insert("list", **_encoded(row), created_on=account.now)
    return int(row["listid"])


def change(account: Account, listid: int, values: Mapping[str, Any]) -> None:
    """Set the columns given, leave the others; ``ApiError`` when there is no such list."""
    before = account.find("list", listid)
    row = {**dict(before), "tags": json.loads(before["tags"]), **values}
    _refuse_duplicate(account, row["name"], listid)
    if account.switches.text("alias_on_rename") == "follow" and row["name"] != before["name"]:
        row["alias"] = slug(row["name"])
    account.update("list", listid, **_encoded(row))


def remove(account: Account, listid: int) -> None:
    """Delete a list, its memberships and its place among newsletters' targets."""
    account.find("list", listid)
    key = {"listid": listid}
    if account.switches.text("delete_used_list") == "conflict" and account.one(
        "SELECT 1 FROM listmail JOIN mail USING (account, mailid) "
        "WHERE account = :account AND listid = :listid AND mail.published = 2",
        key,
    ):
        raise conflict(f"A scheduled newsletter goes to the list {listid}.")
    for table in ("listmail", "listsub", "list"):
        account.delete(table, **key)


def known_ids(account: Account, listids: list[int]) -> list[int]:
    """Those of the ids that lists have, in the order given."""
    rows = account.all(
        "SELECT listid FROM list WHERE account = :account AND listid IN (SELECT value FROM json_each(:listids))",
        {"listids": json.dumps(listids)},
    )
    known = {row["listid"] for row in rows}
    return [listid for listid in listids if listid in known]


def read_values(arguments: Arguments) -> dict[str, Any]:
    """The columns that were sent, in functions 1 and 2 as well as in the web interface."""
    values = objects.sent("list", arguments)
    if values.get("color"):
        checked_color(values["color"])
    if not values.get("name", "-").strip():
        raise missing("name")
    # An empty colour is no colour: the service picks one.
    return {name: value for name, value in values.items() if (name, value) != ("color", "")}


def as_result(row: sqlite3.Row) -> dict[str, Any]:
    """A list as functions 1 to 4 answer it; tags came back under either name in clients' samples, so under both."""
    tags = json.loads(row["tags"])
    return objects.answered(
        "list",
        row,
        listTags=tags,
        tags=tags,
        type="list",
        visible=bool(row["visible"]),
        welcomeMailId=row["welmailid"] or None,
        unsubscribeMailId=row["unsubmailid"] or None,
    )


def slug(name: str) -> str:
    """The alias of a name: ``Test list`` gives ``test-list``."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def checked_color(color: str) -> str:
    """The colour if it is hexadecimal, else ``ApiError``."""
    if not _COLOR.fullmatch(color):
        raise invalid("color should be hexadecimal, such as #ff6600.")
    return color


def _defaults(account: Account, values: Mapping[str, Any]) -> dict[str, Any]:
    """Colour, position and publication where they are not given."""
    made: dict[str, Any] = {"published": account.switches.flag("list_published")}
    if "color" not in values:
        fixed = account.switches.text("list_color") == "fixed"
        made["color"] = "#3366cc" if fixed else f"#{account.random.randrange(0x1000000):06x}"
    if "ordering" not in values:
        taken = account.number("SELECT max(ordering) FROM list WHERE account = :account")
        made["ordering"] = 0 if account.switches.text("list_ordering") == "zero" else min(taken + 1, 2**31 - 1)
    return made


def _encoded(row: Mapping[str, Any]) -> dict[str, Any]:
    tags = list(row["tags"])
    return {**row, "tags": json.dumps(tags, ensure_ascii=False), "category": tags[0] if tags else ""}


def _refuse_duplicate(account: Account, name: str, listid: int) -> None:
    if account.switches.text("duplicate_list_name") == "conflict" and account.one(
        "SELECT 1 FROM list WHERE account = :account AND name = :name AND listid <> :listid",
        {"name": name, "listid": listid},
    ):
        raise conflict("There is a list with this name.")


def _identify(account: Account, arguments: Arguments) -> sqlite3.Row | None:
    """The list that an update means; ``None`` when the update is to make one."""
    policy = account.switches.text("update_list_identity")
    listid = None
    if policy in ("id_or_name", "id"):
        listid = arguments.integer("id")
    if listid is None and policy in ("id_or_name", "list_id"):
        listid = arguments.integer("listId")
    if listid is not None:
        return account.find("list", listid)
    if policy in ("id", "list_id"):
        raise missing("id" if policy == "id" else "listId")
    name = arguments.required_text("name")
    rows = account.all("SELECT * FROM list WHERE account = :account AND name = :name", {"name": name})
    if len(rows) > 1:
        raise conflict(f"{len(rows)} lists have this name.")
    if not rows and policy != "name_or_create":
        raise not_found("list", "of this name")
    return rows[0] if rows else None


def _echo(account: Account, listid: int) -> Answer:
    payload = account.switches.text("undocumented_payload")
    if payload == "none":
        return {}
    result = as_result(account.find("list", listid))
    return Bare(result) if payload == "bare" else {"list": result}


def _restricted(account: Account, arguments: Arguments) -> list[sqlite3.Row]:
    """Lists that meet every restriction given, each with at least one of its values; a blank one means all lists."""
    restrictions = {
        "listids": arguments.integers("listIds", blank=True),
        "names": [name for name in arguments.texts("listNames") or [] if name.strip()],
        "tags": [tag for tag in arguments.texts("listTags") or [] if tag.strip()],
    }
    return account.all(
        "SELECT * FROM list WHERE account = :account "
        "AND (:listids = '[]' OR listid IN (SELECT value FROM json_each(:listids))) "
        "AND (:names = '[]' OR name IN (SELECT value FROM json_each(:names))) "
        "AND (:tags = '[]' OR EXISTS (SELECT 1 FROM json_each(list.tags) AS tag "
        "WHERE tag.value IN (SELECT value FROM json_each(:tags)))) ORDER BY listid",
        {name: json.dumps(values or [], ensure_ascii=False) for name, values in restrictions.items()},
    )


def _counts(account: Account, listids: list[int]) -> dict[int, dict[str, int]]:
    """Recipients per list; one that is disabled counts as that only, so the parts add up to the total."""
    rows = account.all(
        "SELECT listid, coalesce(sum(enabled AND status = 1), 0) AS subscribed, "
        "coalesce(sum(enabled AND status <> 1), 0) AS unsubscribed, coalesce(sum(NOT enabled), 0) AS disabled "
        "FROM listsub JOIN recipient USING (account, subid) WHERE account = :account "
        "AND listid IN (SELECT value FROM json_each(:listids)) GROUP BY listid",
        {"listids": json.dumps(listids)},
    )
    found = {row["listid"]: (row["subscribed"], row["unsubscribed"], row["disabled"]) for row in rows}
    return {
        listid: dict(
            zip(
                ("subscribersCount", "unsubscribersCount", "disabledCount", "totalCount"),
                (*found.get(listid, (0, 0, 0)), sum(found.get(listid, (0, 0, 0)))),
                strict=True,
            )
        )
        for listid in listids
    }
