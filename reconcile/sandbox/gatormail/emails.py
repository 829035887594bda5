"""E-mails (reference OpenAPI document, tag email). Contents are kept byte for byte; names are fixed once given."""

import re
import sqlite3
from typing import Any

from reconcile.sandbox.gatormail.groups import refuse_id, require_unique
from reconcile.sandbox.gatormail.instance import Instance

_LINK = re.compile(r"(href\s*=\s*)([\"'])(https?://[^\"'#{}]*)\2", re.IGNORECASE)
# Pages of the system itself, whose links are never rewritten (reference, section E-mails).
_SYSTEM = ("lz.aspx", "preference.aspx", "sendtoafriend.aspx")


def reference(row: sqlite3.Row) -> dict[str, Any]:
    """An e-mail without its content."""
    return {"id": row["id"], "name": row["name"], "autoTrackLinks": bool(row["track"])}


def shown(instance: Instance, row: sqlite3.Row) -> dict[str, Any]:
    """An e-mail with its content, whose links may have become counted ones."""
    tracked = row["track"] and instance.positions.flag("rewrite_tracked_links")
    html = _counted(instance, row) if tracked else row["html"]
    return {**reference(row), "html": html, "text": row["text"]}


def page(instance: Instance, limit: int, offset: int) -> list[dict[str, Any]]:
    """Operation gatormail_emailList: rows carry neither html nor text."""
    return [reference(row) for row in instance.page("email", limit, offset)]


def get(instance: Instance, number: int) -> dict[str, Any]:
    """Operation gatormail_getEmail."""
    return shown(instance, instance.find("email", number))


def create(instance: Instance, values: dict[str, Any]) -> dict[str, Any]:
    """Operation gatormail_addEmail."""
    refuse_id("email", values)
    return _answer(instance, insert(instance, values))


def insert(instance: Instance, values: dict[str, Any]) -> int:
    """Store a new e-mail and return its id."""
    require_unique(instance, "gm_email", values["name"])
    number = instance.next_id("email")
    html, text = values.get("html", ""), values.get("text", "")
    track = int(values.get("autoTrackLinks", False))
    instance.insert("gm_email", id=number, name=values["name"], html=html, text=text, track=track)
    return number


def update(instance: Instance, number: int, values: dict[str, Any]) -> dict[str, Any]:
    """Operation gatormail_updateEmail: html and text only; a name or flag that is sent is not looked at."""
    row = instance.find("email", number)
    refuse_id("email", values, number)
    merge = instance.positions.text("put_semantics") == "merge"
    html = values.get("html", row["html"] if merge else "")
    instance.update("gm_email", number, html=html, text=values.get("text", row["text"] if merge else ""))
    return _answer(instance, number)


def links(html: str) -> list[str]:
    """The absolute links that are counted, in their order."""
    return [found[3] for found in _LINK.finditer(html) if not _is_system(found[3])]


def _answer(instance: Instance, number: int) -> dict[str, Any]:
    """What a write answers: the content only where e-mails can be read."""
    row = instance.find("email", number)
    return shown(instance, row) if instance.positions.flag("email_read") else reference(row)


def _counted(instance: Instance, row: sqlite3.Row) -> str:
    numbers = iter(range(1, 1_000_000))

    def _replaced(found: re.Match[str]) -> str:
        if _is_system(found[3]):
            return found[0]
        target = f"https://click.sandbox.test/{instance.name}/{row['id']}/{next(numbers)}"
        return f"{found[1]}{found[2]}{target}{found[2]}"

    return _LINK.sub(_replaced, row["html"])


def _is_system(link: str) -> bool:
    return any(page in link.lower() for page in _SYSTEM)
