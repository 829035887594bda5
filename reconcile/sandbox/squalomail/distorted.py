"""SqualoMail's answers as the distortions have them: which objects stand where in an answer."""

import json
from typing import Any

import httpx

from reconcile.sandbox.distortions import Distortions
from reconcile.sandbox.squalomail.data import ENTITIES

_TYPES = {entity.type: name.capitalize() for name, entity in ENTITIES.items()}
_OBJECTS = {
    "list": "list",
    "lists": "list",
    "newsletter": "newsletter",
    "recipient": "recipient",
    "recipientList": "recipient",
}


def distorted(distortions: Distortions, operation: str, response: httpx.Response) -> httpx.Response:
    """The answer to a call, its objects taken apart, distorted, and put together again."""
    answer = response.json()
    if isinstance(answer, list):
        answer = [_row(distortions, each) for each in answer]
    elif isinstance(answer, dict):
        made = operation.startswith("create-")
        answer = distortions.row(
            "envelope", {name: _member(distortions, name, value, made) for name, value in answer.items()}
        )
    content = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return httpx.Response(response.status_code, content=content, headers=headers)


def _member(distortions: Distortions, name: str, value: Any, made: bool) -> Any:
    """One member of the envelope, which may be an object or several."""
    if name not in _OBJECTS:
        return value
    if isinstance(value, list):
        return [distortions.row(_OBJECTS[name], each) for each in value]
    if isinstance(value, dict):
        if made:
            value = {**value, "id": distortions.made(value["id"])}
        return distortions.row(_OBJECTS[name], _stated(distortions, _OBJECTS[name], value))
    return value


def _row(distortions: Distortions, row: Any) -> Any:
    """A row of get-data, which says itself what it is, or a result without envelope."""
    if not isinstance(row, dict):
        return row
    shape = _TYPES.get(str(row.get("__type", "")).partition(":")[0], "*")
    return distortions.row(shape, _stated(distortions, shape, row))


def _stated(distortions: Distortions, shape: str, row: dict[str, Any]) -> dict[str, Any]:
    """The row with the number that says in which state it is as the switch has it."""
    name = {"Mail": "published", "newsletter": "published", "Listsub": "status"}.get(shape)
    return {**row, name: distortions.word(row[name])} if name in row else row
