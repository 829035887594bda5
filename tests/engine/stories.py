"""Changes of an account to disturb: each one has what is declared before it and after it, and the writes it is made of.

An undisturbed apply says what must come of a disturbed one: the same inventory, and the same mails to the same people.
"""

import functools
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from reconcile.engine.run import Rights
from reconcile.model.address import Address
from reconcile.model.resource import Resource
from reconcile.planner.plan import Right
from reconcile.sandbox.store import digest
from tests.crowd import Gathering
from tests.engine.test_schedule import ALL, DAY, SEND, instant
from tests.world import BASE, HOMES, INSTANCE, NOW, declared, failures, gator, ref, resource

CONTINUES = Rights(frozenset([Right.SEND, Right.ACCEPT_UNKNOWN]))

Desired = dict[Address, Resource]

EXCLUDED = "out@example.com"
EMAIL = {"name": "Mail", "html": "<p>1</p>", "text": "1", "autoTrackLinks": True}
# Whom the files bring: few enough for a short test, enough for an import and for two pieces.
RECIPIENTS = [(f"r{number:02}@example.com", "R") for number in range(20)]
CONTACTS = [(f"p{number:03}@example.com", "P") for number in range(105)]


@dataclass
class Account(Gathering):
    """A world in a folder, which another process may go on with: its clock, too, stands where it was left."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._hands = self.home / "clock"
        if self._hands.exists():
            self.now = float(self._hands.read_text().split("\n")[-2])

    def _sleep(self, seconds: float) -> None:
        super()._sleep(seconds)
        if seconds:
            with self._hands.open("a") as hands:
                hands.write(f"{self.now}\n")

    def squalomail(self, path: str) -> list[dict[str, Any]]:
        """What SqualoMail's web interface shows."""
        control = httpx.Client(transport=httpx.MockTransport(self.sandbox.handle))
        found: list[dict[str, Any]] = control.get(f"{BASE}/_sandbox/squalomail/{self.account}/{path}").json()
        return found

    def gatormail_rows(self, path: str) -> list[dict[str, Any]]:
        """What GatorMail's API gives to its own web interface, past faults and the log of calls."""
        found: list[dict[str, Any]] = self.person(f"api/{path}", method="GET")
        return found

    def id_of(self, address: Address) -> int:
        """The id that an entry is bound to, whatever its form."""
        state = self.store.read()
        assert state is not None
        return int(state.resources[address].id.rpartition("-")[2])


def nothing(account: Account) -> None:
    """Nobody else does anything."""


@dataclass(frozen=True)
class Setting:
    """What a story begins with: something declared, and what others then do to the account."""

    declared: Callable[[], Desired] = dict
    outside: Callable[[Account], None] = nothing


@dataclass(frozen=True)
class Story:
    """In its setting, ``before`` is applied, and then ``after``, by ``writes`` among others."""

    setting: Setting
    before: Callable[[], Desired]
    after: Callable[[], Desired]
    writes: frozenset[str]


@dataclass(frozen=True)
class Whole:
    """What an undisturbed run of a story comes to; ``start`` is the folder of the account before it."""

    start: Path
    inventory: Counter[str]
    mails: Counter[tuple[str, str]]
    calls: int
    writes: frozenset[int]
    deletes: int


# SqualoMail


def squalo_first() -> Desired:
    return declared(
        resource("list", "a", {"name": "A", "color": "#111111"}),
        resource("list", "gone", {"name": "Gone"}),
        resource("template", "t", {"subject": "T", "body": "<p>{{x}}</p>"}),
        resource(
            "campaign",
            "made",
            {
                "subject": "Made",
                "template": ref("template", "t"),
                "templateCustomAttributes": {"texts": {"x": {"value": "1"}}},
                "lists": (ref("list", "a"),),
            },
        ),
        resource("campaign", "own", {"subject": "Own", "body": "<p>own</p>", "lists": (ref("list", "gone"),)}),
        # Two with one subject and one body: a lost reply must not be taken for the other's.
        resource("campaign", "twin-1", {"subject": "Twin", "body": "<p>twin</p>"}, allow_duplicate=True),
        resource("campaign", "twin-2", {"subject": "Twin", "body": "<p>twin</p>"}, allow_duplicate=True),
    )


def squalo_second() -> Desired:
    """An update of each kind, a replacement, a deletion, a new object."""
    return declared(
        resource("list", "a", {"name": "A", "color": "#222222"}),
        resource("list", "new", {"name": "New"}),
        resource("template", "t", {"subject": "T", "body": "<b>{{x}}</b>"}),
        resource(
            "campaign",
            "made",
            {
                "subject": "Made",
                "template": ref("template", "t"),
                "templateCustomAttributes": {"texts": {"x": {"value": "2"}}},
                "lists": (ref("list", "a"), ref("list", "new")),
            },
        ),
        resource("campaign", "own", {"subject": "Own", "body": "<p>changed</p>", "lists": (ref("list", "new"),)}),
        resource("campaign", "twin-1", {"subject": "Twin", "body": "<p>twin</p>"}, allow_duplicate=True),
    )


def readers() -> Desired:
    return declared(resource("list", "a", {"name": "A"}))


def rendered(schedule: float = NOW + DAY, word: str = "1") -> Desired:
    """A campaign made from a template: another word makes it anew."""
    attributes = {
        "subject": "Spring",
        "template": ref("template", "t"),
        "templateCustomAttributes": {"texts": {"x": {"value": word}}},
        "lists": (ref("list", "a"),),
        "schedule": instant(schedule),
    }
    template = resource("template", "t", {"subject": "T", "body": "<p>{{x}}</p>"})
    return readers() | declared(template, resource("campaign", "c", attributes))


def recipients() -> Desired:
    """Twenty people for the list of a campaign that goes out tomorrow."""
    people = {"source": "people.csv", "columns": {"email": "E-mail", "name": "Nome"}, "lists": [ref("list", "a")]}
    return rendered() | declared(resource("audience", "people", people))


def with_reader(account: Account) -> None:
    """Somebody is on the list, and the file is there."""
    account.api(
        "create-recipient", email="ada@example.com", listIds=[account.id_of(Address("squalomail", "list", "a"))]
    )
    account.source(RECIPIENTS)


# GatorMail

_BUYERS = Address("gatormail", "group", "buyers")


def buyers(name: str = "Buyers") -> Desired:
    return declared(gator("group", "buyers", {"name": name}))


def launch(start: float = NOW + DAY, group: str = "Buyers", **members: Any) -> Desired:
    attributes: Mapping[str, Any] = {
        "name": "Launch",
        "subject": "We are live",
        "fromAddress": "hello@example.com",
        "group": ref("group", "buyers", "gatormail"),
        "email": EMAIL,
        "startDate": instant(start),
        "initiate": True,
    }
    return buyers(group) | declared(gator("campaign", "launch", {**attributes, **members}))


def note(subject: str) -> Desired:
    """A campaign that stays in setup."""
    attributes = {"name": "Note", "subject": subject, "group": ref("group", "buyers", "gatormail"), "email": EMAIL}
    return declared(gator("campaign", "note", attributes))


def twins() -> Desired:
    """Two with one name and one content: a lost reply must not be taken for the other's."""
    twin = {"name": "Twin", "subject": "Twin", "email": EMAIL | {"html": "<p>twin</p>"}}
    return declared(
        gator("campaign", "twin-1", twin, allow_duplicate=True), gator("campaign", "twin-2", twin, allow_duplicate=True)
    )


def drafts() -> Desired:
    return buyers() | note("1") | twins()


def contacts(source: str = "people.csv", group: str = "Buyers") -> Desired:
    """People for the group of a campaign that goes out tomorrow, one of whom is excluded; and one more to exclude."""
    people = {
        "source": source,
        "exclude": "no.csv",
        "columns": {"emailLogin": "E-mail", "firstName": "Nome"},
        "group": ref("group", "buyers", "gatormail"),
    }
    return launch(group=group) | declared(gator("audience", "people", people))


def with_members(account: Account) -> None:
    """Two people are in the group, one is excluded from it, and the files are there."""
    group = f"api/group/{account.id_of(_BUYERS)}"
    account.person(f"{group}/included/contact", {"items": [{"emailLogin": f"{who}@example.com"} for who in ("a", "b")]})
    account.person(f"{group}/excluded/contact", {"items": [{"emailLogin": EXCLUDED}]})
    account.source([*CONTACTS, (EXCLUDED, "Out")])
    account.source([*CONTACTS[:3], (EXCLUDED, "Out")], name="few.csv")
    account.source([("never@example.com",)], header=("E-mail",), name="no.csv")


EMPTY = Setting()
READERS = Setting(readers, with_reader)
BUYERS = Setting(buyers, with_members)


def _calls(*names: str, of: str = "") -> frozenset[str]:
    return frozenset(f"{of}{name}" for name in names)


def _gator(*names: str) -> frozenset[str]:
    return _calls(*names, of="gatormail_")


def _again(*names: str) -> frozenset[str]:
    """Writes by which a queued campaign is changed."""
    return _gator("uninitiateCampaign", *names, "initiateCampaign")


STORIES: Mapping[str, Story] = {
    "squalomail create": Story(
        EMPTY, dict, squalo_first, _calls("create-list", "create-newsletter", "create-newsletter-from-template")
    ),
    "squalomail change": Story(
        EMPTY,
        squalo_first,
        squalo_second,
        _calls("update-list", "update-newsletter", "delete-list", "create-newsletter-from-template"),
    ),
    "squalomail delete": Story(EMPTY, squalo_first, dict, _calls("delete-list", "delete-newsletter")),
    "squalomail schedule": Story(READERS, readers, rendered, _calls("send-newsletter")),
    "squalomail move": Story(
        READERS, rendered, lambda: rendered(NOW + 2 * DAY), _calls("cancel-sending-newsletter", "send-newsletter")
    ),
    "squalomail replace": Story(
        READERS,
        rendered,
        lambda: rendered(NOW + 2 * DAY, "2"),
        _calls("cancel-sending-newsletter", "create-newsletter-from-template", "send-newsletter", "delete-newsletter"),
    ),
    "squalomail cancel": Story(READERS, rendered, readers, _calls("cancel-sending-newsletter", "delete-newsletter")),
    "squalomail import": Story(READERS, rendered, recipients, _calls("import-recipients-async")),
    "gatormail create": Story(EMPTY, dict, drafts, _gator("addGroup", "addCampaign")),
    "gatormail change": Story(
        BUYERS,
        lambda: launch() | note("1"),
        lambda: launch(email=EMAIL | {"html": "<p>2</p>"}) | note("2"),
        _again("updateEmail", "updateCampaign"),
    ),
    "gatormail delete": Story(BUYERS, launch, dict, _gator("uninitiateCampaign", "deleteCampaign", "deleteGroup")),
    "gatormail initiate": Story(BUYERS, buyers, launch, _gator("addCampaign", "initiateCampaign")),
    "gatormail move": Story(BUYERS, launch, lambda: launch(NOW + 2 * DAY), _again("updateCampaign")),
    "gatormail replace": Story(
        BUYERS, launch, lambda: launch(type="RefreshNonRecurring"), _again("addCampaign", "deleteCampaign")
    ),
    "gatormail regroup": Story(
        BUYERS,
        lambda: contacts("few.csv"),
        lambda: contacts("few.csv", "Buyers 2027"),
        _again("addGroup", "groupExcludedContactpost", "groupIncludedContactpost", "updateCampaign", "deleteGroup"),
    ),
    "gatormail cancel": Story(BUYERS, launch, lambda: launch(initiate=False), _gator("uninitiateCampaign")),
    "gatormail import": Story(BUYERS, launch, contacts, _gator("groupIncludedContactpost", "groupExcludedContactpost")),
}


def account_in(folder: Path) -> Account:
    return Account(folder=folder, switches={"import_delay_seconds": 60})


@functools.cache
def whole(name: str) -> Whole:
    """Tell a story undisturbed, once in a process."""
    story = STORIES[name]
    folder = Path(tempfile.mkdtemp(dir=HOMES.get("folder")))
    start = folder / "start"
    start.mkdir()
    account = account_in(start)
    applied(account, story.setting.declared())
    story.setting.outside(account)
    applied(account, story.before())
    account.close()
    account = account_in(copied(start, folder / "whole"))
    account.clear_log()
    applied(account, story.after())
    log = account.log()
    made = {entry["function"] for entry in log if entry["write"]}
    assert story.writes <= made, (name, made)
    found = inventory(account)
    mails = mailed(account)
    assert set(mails.values()) <= {1}, mails
    assert not {digest(EXCLUDED), digest("never@example.com")} & {person for _, person in mails}
    account.close()
    deletes = [entry for entry in log if entry["write"] and "delete" in entry["function"].lower()]
    writes = frozenset(at for at, each in enumerate(log, 1) if each["write"])
    return Whole(start, found, mails, len(log), writes, len(deletes))


def copied(start: Path, folder: Path) -> Path:
    """A copy of an account's folder."""
    shutil.copytree(start, folder)
    return folder


def applied(account: Account, desired: Desired) -> None:
    """Apply; it must succeed, and the calls of the apply alone stay in the log."""
    code, events, _ = account.apply(desired, ALL)
    assert code == 0, failures(events)


def converges(account: Account, name: str, what: str) -> None:
    """One more apply, with no right to overwrite outside edits, brings everything to where an undisturbed run would."""
    story, expected = STORIES[name], whole(name)
    assert not [mail for mail in account.sends() if mail["state"] == "sent"], what
    assert max(queued(account).values(), default=0) <= 1, what
    # An import that was cut short leaves an audience that the state knows nothing of and people that are there.
    rights = CONTINUES if "import" in name else SEND
    code, events, _ = account.apply(story.after(), rights)
    assert code == 0, f"{what}: {failures(events)}"
    assert not account.plan(story.after()).has_changes, what
    assert inventory(account) == expected.inventory, what
    assert mailed(account) == expected.mails, what


def queued(account: Account) -> Counter[str]:
    """How many mails of one subject stand ready to go out."""
    found = Counter(row["subject"] for row in account.rows("Mail", "published==2"))
    for row in _campaigns(account):
        found[row["name"]] += row["status"] == "Queued"
    return found


def mailed(account: Account) -> Counter[tuple[str, str]]:
    """Who has got which mail how often, once everything has gone out; the addresses as digests."""
    account.now = max(account.now, NOW) + 4 * DAY
    return Counter((mail["subject"], mail["recipient"]) for mail in account.sends() if mail["state"] == "sent")


def inventory(account: Account) -> Counter[str]:
    """What the account holds, once per object, and how many imports were begun."""
    found = Counter(f"list {row['name']} {row['color']}" for row in account.lists())
    found.update(
        f"mail {row['subject']} {row['body']} {row['published']} {row['senddate']}" for row in account.rows("Mail")
    )
    found.update(f"recipient {row['email']} {row['name']}" for row in account.rows("Recipient"))
    found["imports"] = len(account.squalomail("imports"))
    found.update(_gatormail(account))
    return found


def _gatormail(account: Account) -> Iterator[str]:
    groups = account.gatormail_rows("group/1/100")
    names = {row["id"]: row["name"] for row in groups}
    for row in _campaigns(account):
        members = [row[name] for name in ("name", "type", "subject", "startDate", "status", "crmId")]
        goes_to = names[row["group"]["id"]] if row["group"] else None
        yield f"campaign {members} to {goes_to} with {_content(account, row['email']['id'])}"
    for row in groups:
        for how in ("included", "excluded"):
            people = account.gatormail_rows(f"group/{row['id']}/{how}/contact/1/1000")
            yield f"group {row['name']} {how} {sorted((who['emailLogin'], who['firstName']) for who in people)}"


def _campaigns(account: Account) -> list[dict[str, Any]]:
    rows = account.gatormail_rows("campaign/1/100")
    return [account.person(f"api/campaign/{row['id']}", method="GET") for row in rows]


def _content(account: Account, email: int) -> tuple[str, ...]:
    """What is in an e-mail: no call of the API tells."""
    with account.sandbox.store.transaction(write=False) as db:
        sql = "SELECT name, html, text FROM gm_email WHERE instance = ? AND id = ?"
        return tuple(db.execute(sql, (INSTANCE, email)).fetchone())
