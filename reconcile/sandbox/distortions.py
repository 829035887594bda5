"""Distortions: answers that differ from all that is said of them, so that a client meets what it does not expect.

They are switches, each platform with positions of its own, and lie on this side only: the contract table that a client
shares with the emulator does not know of them. What was sent is understood as ever, ids in their other form included.
"""

import html
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import httpx

from reconcile.sandbox.switches import DISTORTIONS, Switches

_GUID = re.compile(r"6f1c0de0-0000-4000-8000-0*([0-9]{1,12})")
_ID = re.compile(r"(?:.*[a-z])?Ids?|[a-z]*ids?")
_TEXTS = frozenset({"body", "altbody", "html", "text"})
_NAMES = frozenset({"name", "surname", "subject", "description", "fromname", "replytoname", "displayname"})
_BEYOND_THREE_BYTES = re.compile("[\U00010000-\U0010ffff]")
_CUT = 20
NAMES = frozenset(name for name, _ in DISTORTIONS["squalomail"])
_RETYPED: Mapping[str, Callable[[Any], Any]] = {
    "text": lambda value: value if isinstance(value, str) else json.dumps(value),
    "number": lambda value: int(value) if str(value).isdecimal() else len(str(value)),
    "bool": bool,
    "list": lambda value: [value],
    "null": lambda value: None,
    "object": lambda value: {"value": value},
}
_FORMS: Mapping[str, Callable[[int], Any]] = {
    "number": lambda number: number,
    "text": str,
    "guid": lambda number: f"6f1c0de0-0000-4000-8000-{number:012}",
    "object": lambda number: {"value": number},
}
_REWRITTEN: Mapping[str, Callable[[str, bool], str]] = {
    "cut": lambda text, named: text[:_CUT] if named else text,
    "emoji": lambda text, named: _BEYOND_THREE_BYTES.sub("?", text),
    "entities": lambda text, named: html.escape(text) if named else text,
    "blanks": lambda text, named: " ".join(text.split()) if named else text,
}


class Distortions:
    """What one platform's switches make of its answers, and of the texts that are sent to it."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches

    @property
    def active(self) -> bool:
        """Whether any of them is on."""
        return any(self._switches.is_moved(name) for name in NAMES)

    def received(self, request: httpx.Request) -> httpx.Request:
        """The request as the service takes it: texts rewritten, ids in their other form turned back."""
        rewritten = _REWRITTEN.get(self._switches.text("rewrite_texts"))
        guids = self._switches.text("id_form") == "guid"
        if not guids and rewritten is None:
            return request
        content = request.read()
        with suppress(ValueError, RecursionError):  # no JSON, and the service says so itself
            content = json.dumps(_walked(json.loads(content), "", rewritten, guids), ensure_ascii=False).encode()
        url = _GUID.sub(r"\1", str(request.url)) if guids else request.url
        headers = {**request.headers, "Content-Length": str(len(content))}
        return httpx.Request(request.method, url, headers=headers, content=content, extensions=request.extensions)

    def instead(self, operation: str) -> httpx.Response | None:
        """The body of an error under 200, for the operations that answer so."""
        pattern = self._switches.text("error_under_200")
        if not pattern or not fnmatchcase(operation, pattern):
            return None
        return httpx.Response(200, json={"message": "The service is not available."})

    def answered(self, response: httpx.Response) -> httpx.Response:
        """The answer with the status that errors have."""
        if response.status_code >= 400 and self._switches.flag("errors_as_200"):
            response.status_code = 200
        return response

    def page(self, first: int, page: int, size: int) -> tuple[int, int]:
        """The page and the number of rows that the service makes of those asked for."""
        cap = self._switches.number("page_cap")
        return first if self._switches.flag("ignore_page") else page, min(size, cap) if cap else size

    def word(self, value: Any) -> Any:
        """A word, or a number, that says in which state something is."""
        other = _pairs(self._switches.text("status_words")).get(str(value))
        if other is None:
            return value
        return int(other) if isinstance(value, int) and other.isdecimal() else other

    def made(self, number: int) -> int:
        """The id that the answer to a create names."""
        return number - 1 if self._switches.text("create_id") == "another" else number

    def member(self, shape: str, name: str, wire: str, value: Any) -> dict[str, Any]:
        """A member as it is answered: under another name, of another type, or not at all."""
        keys = [_key(f"{kind}.{each}") for kind in (shape, "*") for each in (name, wire)]
        kinds = _members(self._switches.text("distort_types"))
        names = _members(self._switches.text("distort_members"))
        kind = next((kinds[key] for key in keys if key in kinds), None)
        value = self._id(name, value) if kind is None else _RETYPED[kind](value)
        other = next((names[key] for key in keys if key in names), wire)
        return {other: value} if other else {}

    def row(self, shape: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """All members of an object whose names are those on the wire."""
        found: dict[str, Any] = {}
        for name, value in row.items():
            found |= self.member(shape, name, name, value)
        return found

    def _id(self, name: str, value: Any) -> Any:
        shown = _FORMS[self._switches.text("id_form")]
        if _ID.fullmatch(name) is None:
            return value
        if isinstance(value, list):
            return [shown(each) if type(each) is int else each for each in value]
        return shown(value) if type(value) is int else value


@cache
def _pairs(text: str) -> Mapping[str, str]:
    """``A=B,C=D`` as a mapping."""
    return dict(part.split("=", 1) for part in text.split(",")) if text else {}


@cache
def _members(text: str) -> Mapping[str, str]:
    return {_key(member): other for member, other in _pairs(text).items()}


@cache
def _key(member: str) -> str:
    """Case counts for the first letter only: List is a row of get-data, list an object that a function answers."""
    return member[:1] + member[1:].lower()


def _walked(value: Any, name: str, rewritten: Callable[[str, bool], str] | None, guids: bool) -> Any:
    """A body as the service takes it, whatever its depth."""
    if isinstance(value, dict):
        return {key: _walked(each, str(key).lower(), rewritten, guids) for key, each in value.items()}
    if isinstance(value, list):
        return [_walked(each, name, rewritten, guids) for each in value]
    if not isinstance(value, str):
        return value
    if guids and (found := _GUID.fullmatch(value)):
        return int(found[1])
    if rewritten is not None and name in _NAMES | _TEXTS:
        value = rewritten(value, name in _NAMES)
    return _GUID.sub(r"\1", value) if guids else value
