"""Accounts with people in them, and audiences from files; shared by tests."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from reconcile.engine.intents import Patience
from reconcile.engine.run import Event, Rights
from reconcile.model.address import Address
from reconcile.model.bulk import Place
from reconcile.model.resource import Resource
from reconcile.planner.plan import Plan, Right
from tests.world import BASE, World, ref, resource

# Accounts of tests are full of people whom nobody has seen before.
SENDS = Rights(frozenset([Right.SEND, Right.ACCEPT_UNKNOWN]))
COLUMNS = {"email": "E-mail", "name": "Nome"}


@dataclass
class Gathering(World):
    """A world whose runs may send and have a project folder; waiting moves its clock."""

    may_send: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.told: list[str] = []
        self.place = Place(
            self.home, self.home / "private", self.home, lambda: b"a project key", segments=self.store.segments
        )
        self.workspace = replace(
            self.workspace,
            place=self.place,
            patience=Patience((0.0,), self._sleep),
            tell=lambda address, text: self.told.append(text),
        )

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def skip_invalid(self) -> None:
        self.workspace = replace(self.workspace, place=replace(self.place, skip_invalid=True))

    def source(
        self, rows: Iterable[Sequence[str]], header: Sequence[str] = ("E-mail", "Nome"), name: str = "people.csv"
    ) -> Path:
        path = self.home / name
        path.write_text("".join(",".join(row) + "\n" for row in (header, *rows)), encoding="utf-8")
        return path

    def run(self, desired: Mapping[Address, Resource], rights: Rights = SENDS) -> tuple[int, list[Event], Plan]:
        """A fresh plan applied, its calls alone in the log."""
        self.clear_log()
        return self.apply(desired, rights)

    def carry_out(
        self, desired: Mapping[Address, Resource], saved: Plan, rights: Rights = SENDS
    ) -> tuple[int, list[Event]]:
        """Apply what a saved plan approves of."""
        self.clear_log()
        return self.apply_saved(desired, saved, rights=rights)

    def settled(self, desired: Mapping[Address, Resource]) -> bool:
        """Whether there is nothing left to do."""
        return not self.plan(desired).has_changes


@dataclass
class Crowd(Gathering):
    """A gathering on SqualoMail."""

    def make_field(self, key: str) -> None:
        """What a person does in the web interface."""
        page = httpx.Client(transport=httpx.MockTransport(self.sandbox.handle))
        answer = page.post(
            f"{BASE}/_sandbox/squalomail/{self.account}/fields",
            json={"namekey": key, "fieldname": key, "type": "text", "published": True},
        )
        assert answer.status_code < 300, answer.text

    def people(self) -> dict[str, dict[str, Any]]:
        return {row["email"]: row for row in self.rows("Recipient")}

    def on_list(self, listid: int) -> set[str]:
        """Addresses subscribed to a list."""
        subids = {row["subid"] for row in self.rows("ListSub", f"listid=={listid}") if row["status"] == 1}
        return {row["email"] for row in self.rows("Recipient") if row["subid"] in subids}

    def person(self, email: str, **members: Any) -> int:
        """Somebody whom others have brought in."""
        made: int = self.api("create-recipient", email=email, **members)["recipient"]["id"]
        return made


def news() -> Resource:
    return resource("list", "news", {"name": "News"})


def audience(**members: Any) -> Resource:
    """The audience ``people`` on the list ``news``."""
    declared = {"source": "people.csv", "columns": COLUMNS, "lists": [ref("list", "news")]} | members
    return resource("audience", "people", {name: value for name, value in declared.items() if value is not None})
