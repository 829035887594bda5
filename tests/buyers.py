"""A GatorMail instance with people in it, and audiences from files; shared by tests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Any

from reconcile.model.call import Call
from reconcile.model.resource import Resource
from reconcile.planner.plan import Plan
from tests.crowd import Gathering
from tests.world import address, declared, gator, ref

PEOPLE = address("audience", "people", "gatormail")
INCLUDE, EXCLUDE = "gatormail_groupIncludedContactpost", "gatormail_groupExcludedContactpost"
REMOVE = "gatormail_groupIncludedContactdelete"
CAN_REMOVE: dict[str, Any] = {"contract": {"cap.membership.remove": True}}
# Neither the client nor the platform knows a way to list a group's people.
UNREADABLE: dict[str, Any] = {"contract": {"cap.membership.read": False}}
COLUMNS = {"emailLogin": "E-mail", "firstName": "Nome"}


@dataclass
class Buyers(Gathering):
    """A gathering on GatorMail; ``group`` is the one that the audience is for, once ``found`` was called."""

    group: int = 0
    meanwhile: Callable[[], object] | None = None  # what happens at the next wait

    def found(self) -> int:
        """Make the group."""
        code, _, _ = self.apply(declared(buyers()))
        assert code == 0
        self.group = next(row["id"] for row in self.there("group/1/100") if row["name"] == "Buyers")
        self.clear_log()
        return self.group

    def there(self, path: str) -> list[dict[str, Any]]:
        """A page of rows as the emulator has them, past capabilities of the client and faults."""
        rows: list[dict[str, Any]] = self.person(f"api/{path}", method="GET")
        return rows

    def included(self) -> dict[str, dict[str, Any]]:
        return self._standing(True)

    def excluded(self) -> set[str]:
        return set(self._standing(False))

    def _standing(self, included: bool) -> dict[str, dict[str, Any]]:
        """Contacts by how they stand with the group, told by each of them: a group's own list may be switched off."""
        wanted = (self.group, included)
        return {
            name: row
            for name, row in self.people().items()
            if wanted in ((each["groupId"], each["included"]) for each in self.there(f"contact/{row['id']}/group"))
        }

    def people(self) -> dict[str, dict[str, Any]]:
        pages = takewhile(bool, (self.there(f"contact/{page}/1000") for page in count(1)))
        return {row["emailLogin"]: row for rows in pages for row in rows}

    def include(self, *addresses: str, **members: Any) -> None:
        """What a person does in the web interface; members of all these contacts."""
        items = [{"emailLogin": address, **members} for address in addresses]
        self.person(f"api/group/{self.group}/included/contact", {"items": items})

    def exclude(self, *addresses: str) -> None:
        items = [{"emailLogin": address} for address in addresses]
        self.person(f"api/group/{self.group}/excluded/contact", {"items": items})

    def opt_out(self, address: str) -> None:
        """A recipient leaves this one group."""
        self.person("ui/unsubscribe", {"contact": address, "groupId": self.group})

    def campaign(self, type_: str = "Static", start: str = "2027-01-16T09:00:00", *, initiate: bool = True) -> int:
        """A campaign for the group that a person made, queued if wanted; the clock stands at 2027-01-15T08:00Z."""
        body = {
            "name": f"A {type_} one",
            "type": type_,
            "subject": "Hello",
            "fromAddress": "a@example.org",
            "startDate": start,
            "endDate": "2027-02-16T09:00:00",
            "group": {"id": self.group},
            "email": {"name": "Mail", "html": "<p>Hello</p>", "text": "Hello"},
        }
        number: int = self.person("api/campaign", body)["id"]
        if initiate:
            assert self.person(f"api/campaign/{number}/initiate")["campaignInitiated"]
        return number

    def before(self, operation: str, nth: int, deed: Callable[[], object]) -> None:
        """Have something happen right before the nth call of an operation from now on."""
        send, left = self.gator.send, nth

        def meddled(call: Call, *ticket: Any) -> Any:
            nonlocal left
            left -= call.operation == operation
            if left == 0:
                left = -1
                deed()
            return send(call, *ticket)

        self.gator.send = meddled  # type: ignore[method-assign]

    def answers(self, changed: Callable[[Call, Any], Any]) -> None:
        """Have answers be others than the emulator's."""
        send = self.gator.send
        self.gator.send = lambda call, *ticket: changed(call, send(call, *ticket))  # type: ignore[method-assign]

    def _sleep(self, seconds: float) -> None:
        super()._sleep(seconds)
        deed, self.meanwhile = self.meanwhile, None
        if deed is not None:
            deed()


def buyers() -> Resource:
    return gator("group", "buyers", {"name": "Buyers"})


def audience(**members: Any) -> Resource:
    """The audience ``people`` for the group ``buyers``."""
    known: Mapping[str, Any] = {
        "source": "people.csv",
        "columns": COLUMNS,
        "group": ref("group", "buyers", "gatormail"),
    }
    return gator("audience", "people", {name: value for name, value in (known | members).items() if value is not None})


def planned(made: Plan) -> list[tuple[str, int]]:
    """The audience's calls: operation and how many contacts are in it."""
    return [(call.operation, call.arguments["contacts"]) for call in made.steps[PEOPLE].calls]


def note(made: Plan) -> str:
    return made.steps[PEOPLE].note or ""


def many(count: int) -> list[tuple[str, str]]:
    return [(f"p{number:03}@example.com", "P") for number in range(count)]
