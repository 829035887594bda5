"""What a colleague does in the platforms' web interfaces, by the emulator's control calls; shared by tests."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import httpx

from reconcile.model.address import Address
from reconcile.model.reference import Reference
from reconcile.providers.gatormail.contract import Contract
from reconcile.sandbox import Sandbox
from tests.world import BASE, INSTANCE, World

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


_SENDER = ("replyTo", "fromName", "fromAddress", "subject")
_MEMBERS = ("name", "crmId", "startDate", "endDate", *_SENDER)


class Operator:
    """Somebody who edits a GatorMail instance by hand, and sees all of it; attributes are named as in manifests."""

    def __init__(self, sandbox: Sandbox, contract: Contract, instance: str = INSTANCE) -> None:
        self._http = httpx.Client(transport=httpx.MockTransport(sandbox.handle))
        self._store = sandbox.store
        self._contract = contract
        self._base = f"{BASE}/_sandbox/gatormail"
        self._instance = instance

    def edit(self, kind: str, id_: str, /, members: Mapping[str, Any]) -> None:
        """Change these attributes of an object, and no others; a queued campaign is taken back for it and queued."""
        edits = {"group": self._group, "campaign": self._campaign, "schema": self._schema, "datafeed": self._datafeed}
        with self._seeing_all():
            edits[kind](id_, dict(members))

    def make(self, kind: str, members: Mapping[str, Any]) -> str:
        """Make a group or a campaign; members as the API has them."""
        return str(self._api("POST", kind, self._contract.write(kind, members))["id"])

    def delete(self, kind: str, id_: str) -> None:
        """Delete a group or a campaign; a queued one is taken back first."""
        if kind == "campaign" and self.campaign(id_)["status"] == "Queued":
            self._api("POST", f"campaign/{id_}/uninitiate")
        self._api("DELETE", f"{kind}/{id_}")

    def campaign(self, id_: str) -> dict[str, Any]:
        """A campaign with all that there is of it, dates in UTC."""
        with self._seeing_all():
            found: dict[str, Any] = self._contract.read("campaign", self._api("GET", f"campaign/{id_}"))
        return found

    def campaigns(self) -> list[dict[str, Any]]:
        return [self.campaign(row["id"]) for row in self._api("GET", "campaign/1/1000")]

    def groups(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._api("GET", "group/1/1000")
        return found

    def people(self, *addresses: str) -> None:
        """Put somebody into every group."""
        items = [{"emailLogin": address} for address in addresses or ("ada@example.com",)]
        for row in self.groups():
            self._api("POST", f"group/{row['id']}/included/contact", {"items": items})

    @contextmanager
    def _seeing_all(self) -> Iterator[None]:
        """The web interface shows and does what the API may not."""
        url = f"{self._base}/switches"
        wanted = {"group_update": True, "campaign_read": True, "campaign_status": True, "email_read": True}
        wanted["rewrite_tracked_links"] = False
        before = {row["name"]: row["value"] for row in self._http.get(url).json()}
        self._http.post(url, json=wanted).raise_for_status()
        try:
            yield
        finally:
            self._http.post(url, json={name: before[name] for name in wanted}).raise_for_status()

    def _group(self, id_: str, members: dict[str, Any]) -> None:
        row = self._contract.read("group", self._api("GET", f"group/{id_}"))
        whole = {"name": row["name"], "description": row["description"], **members}
        self._api("PUT", f"group/{id_}", self._contract.write("group", whole))

    def _campaign(self, id_: str, members: dict[str, Any]) -> None:
        row = self._contract.read("campaign", self._api("GET", f"campaign/{id_}"))
        queued = row["status"] == "Queued"
        initiate = members.pop("initiate", queued)
        if queued and (members or not initiate):
            self._api("POST", f"campaign/{id_}/uninitiate")
            queued = False
        if "type" in members:  # no call of the API changes it
            values = {"type": members.pop("type"), "id": int(id_)}
            with self._store.transaction(write=True) as database:
                database.execute("UPDATE gm_campaign SET type = :type WHERE id = :id", values)
            row = self._contract.read("campaign", self._api("GET", f"campaign/{id_}"))
        if members:
            self._rewrite(id_, row, members)
        if initiate and not queued:
            answer = self._api("POST", f"campaign/{id_}/initiate")
            assert answer["campaignInitiated"], answer

    def _rewrite(self, id_: str, row: dict[str, Any], members: dict[str, Any]) -> None:
        own = {name: row[name] for name in _MEMBERS} | {"type": row["type"]}
        email, group = row["email"], row["group"]
        content = {name.partition(".")[2]: value for name, value in members.items() if name.startswith("email.")}
        if content.keys() <= {"html", "text"} and content:
            self._api("PUT", f"email/{email['id']}", {**email, **content})
        elif content:  # another one in its place
            kept = {name: email[name] for name in ("name", "html", "text", "autoTrackLinks")} if email else {}
            email = {**kept, **content}
        body = own | {name: value for name, value in members.items() if not name.startswith("email.")}
        if body.setdefault("group", group and group["id"]) is not None:
            body["group"] = {"id": int(body["group"])}
        body["email"] = {"id": email["id"]} if email and "id" in email else email
        if "email" in members:
            body["email"] = members["email"]
        self._api("PUT", f"campaign/{id_}", self._contract.write("campaign", body))

    def _schema(self, id_: str, members: dict[str, Any]) -> None:
        """Another program posts the entities anew, people publish the mappings."""
        if "entities" in members:
            self._api("DELETE", "schema")
        for name, entity in members.get("entities", {}).items():
            own = {key: value for key, value in entity.items() if key != "attributes"}
            self._api("POST", "schema/entity", {"name": name, **own})
            for attribute, each in entity.get("attributes", {}).items():
                self._api("POST", "schema/attribute", {"entityName": name, "name": attribute, **each})
        rows = [
            {
                "entityName": name.partition(".")[0],
                "attributeName": name.partition(".")[2],
                "contactAttribute": field,
                "dataCleanse": False,
            }
            for name, fields in members.get("mappings", {}).items()
            for field in ([fields] if isinstance(fields, str) else fields)
        ]
        if "mappings" in members:
            self._ask("PUT", "ui/mappings", {"mappings": rows})
            self._ask("POST", "ui/publish", {})

    def _datafeed(self, id_: str, members: dict[str, Any]) -> None:
        feeds = {name.partition(".")[2]: value for name, value in members.items() if name.startswith("feeds.")}
        size = {"batchSize": members["batchSize"]} if "batchSize" in members else {}
        self._ask("PUT", "ui/options", {**size, "feeds": feeds})

    def _api(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self._ask(method, f"api/{path}", body or {})

    def _ask(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        answer = self._http.request(method, f"{self._base}/{self._instance}/{path}", json=dict(body))
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None


def colleague(world: World) -> Colleague:
    return Colleague(world.sandbox, world.account)


def operator(world: World) -> Operator:
    return Operator(world.sandbox, world.gator.contract)


def edit(world: World, where: Address, /, members: Mapping[str, Any]) -> None:
    """Change attributes of a managed object in the web interface of its platform."""
    if where.provider == "gatormail":
        ids = {name: id_of(world, value.address) for name, value in members.items() if isinstance(value, Reference)}
        operator(world).edit(where.kind, id_of(world, where), {**members, **ids})
        return
    entered = {key: each for name, value in members.items() for key, each in typed(world, name, value).items()}
    colleague(world).edit(where.kind, id_of(world, where), **entered)


def typed(world: World, name: str, value: Any) -> dict[str, Any]:
    """An attribute as the colleague enters it: lists by their ids."""
    if name != "lists":
        return {name: list(value) if isinstance(value, tuple) else value}
    return {"listIds": [int(id_of(world, item.address)) for item in value if isinstance(item, Reference)]}


def id_of(world: World, address: Address) -> str:
    state = world.store.read()
    assert state is not None
    return state.resources[address].id
