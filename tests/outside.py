"""What a colleague does in the platform's web interface, by the emulator's control calls; shared by tests."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from reconcile.model.address import Address
from reconcile.model.reference import Reference
from reconcile.sandbox import Sandbox
from tests.world import BASE, World

_PLURALS = {"list": "lists", "field": "fields", "template": "newsletters", "campaign": "newsletters"}


class Colleague:
    """Somebody who edits an account by hand; members are named as in manifests."""

    def __init__(self, sandbox: Sandbox, account: str = "4711") -> None:
        self._http = httpx.Client(transport=httpx.MockTransport(sandbox.handle))
        self._base = f"{BASE}/_sandbox/squalomail/{account}"

    def make(self, kind: str, /, **members: Any) -> str:
        """Make an object; gives its id."""
        answer = self._ask("POST", _PLURALS[kind], members)
        return str(next(answer[name] for name in ("listid", "mailid", "fieldid") if name in answer))

    def edit(self, kind: str, id_: str, /, **members: Any) -> None:
        """Change these members of an object, and no others."""
        path = f"{_PLURALS[kind]}/{id_}"
        if "schedule" in members:
            self._schedule(path, members.pop("schedule"))
        if members:
            self._ask("POST", path, members)

    def delete(self, kind: str, id_: str) -> None:
        self._ask("DELETE", f"{_PLURALS[kind]}/{id_}", {})

    def _schedule(self, path: str, instant: str | None) -> None:
        if instant is None:
            self._ask("POST", f"{path}/cancel", {})
        else:
            self._ask("POST", f"{path}/schedule", {"sendDate": int(datetime.fromisoformat(instant).timestamp())})

    def _ask(self, method: str, path: str, members: Mapping[str, Any]) -> Any:
        answer = self._http.request(method, f"{self._base}/{path}", json=dict(members))
        assert answer.status_code < 300, answer.text
        return answer.json()


def colleague(world: World) -> Colleague:
    return Colleague(world.sandbox, world.account)


def typed(world: World, name: str, value: Any) -> dict[str, Any]:
    """An attribute as the colleague enters it: lists by their ids."""
    if name != "lists":
        return {name: list(value) if isinstance(value, tuple) else value}
    return {"listIds": [int(id_of(world, item.address)) for item in value if isinstance(item, Reference)]}


def id_of(world: World, address: Address) -> str:
    state = world.store.read()
    assert state is not None
    return state.resources[address].id
