"""The digests of every kind of both platforms: two steps have the same exactly where they were declared alike.

Entries are declared at random, among others, in any order, at any hour, by any patch version; once where nothing is
there yet, and once where an apply has made the first form of each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.model.bulk import BulkKind
from reconcile.model.kind import Action
from reconcile.model.resource import Resource
from tests.budget import examples
from tests.crowd import COLUMNS, SENDS, Gathering
from tests.world import NOW, REGISTRY, declared, ref, resource

ONE, TWO = ref("list", "one"), ref("list", "two")
GROUP, OTHERS = ref("group", "one", "gatormail"), ref("group", "two", "gatormail")
CONTACTS = {"emailLogin": "E-mail", "firstName": "Nome"}
LETTER: dict[str, list[Any]] = {
    "subject": ["Hello", "Hello!", "hello"],
    "body": ["<p>Hi</p>", "<p>Hi!</p>", "<p>Hi </p>"],
    "altBody": ["Hi", "Hi!"],
    "fromEmail": ["a@example.com", "b@example.com"],
    "fromName": ["A", "B"],
    "replyToEmail": ["a@example.com", "b@example.com"],
    "replyToName": ["A", "B"],
    "language": ["it", "en"],
    "visible": [True, False],
}


def entity(type_: str = "string", name: str = "City", **more: Any) -> dict[str, Any]:
    return {"Contact": {"attributes": {"city": {"dataType": type_, "displayName": name}, **more}}}


def email(**members: Any) -> dict[str, Any]:
    return {"name": "Mail", "html": "<p>Hi</p>", "text": "Hi", "autoTrackLinks": False, **members}


# What each kind may declare: the first value of each attribute is the form that an apply has made.
VALUES: Mapping[tuple[str, str], Mapping[str, list[Any]]] = {
    ("squalomail", "list"): {
        "name": ["News", "news", "News "],
        "description": ["All", "Some", ""],
        "color": ["#336699", "#336698"],
        "ordering": [3, 4],
        "published": [True, False],
        "listTags": [["a", "b"], ["a"], ["ab"], []],
    },
    ("squalomail", "template"): LETTER,
    ("squalomail", "campaign"): {
        **LETTER,
        "lists": [(ONE,), (TWO,), (ONE, TWO)],
        "schedule": [None, "2027-01-20T09:00:00Z", "2027-01-20T09:00:01Z", "2027-01-21T09:00:00Z"],
        "addUtm": [False, True],
        "utmSource": ["x", "y"],
        "utmMedium": ["x", "y"],
        "utmCampaign": ["x", "y"],
    },
    ("squalomail", "audience"): {
        "source": ["people.csv", "more.csv"],
        "columns": [COLUMNS, {"email": "E-mail"}, {**COLUMNS, "surname": "Nome"}],
        "lists": [(ONE,), (TWO,), (ONE, TWO)],
        "tags": [["crm"], ["crm", "vip"]],
        "gdpr": [
            {"gdprCanSend": True, "language": "it"},
            {"gdprCanSend": False, "language": "it"},
            {"gdprCanSend": True, "language": "en"},
            {"gdprCanSend": True, "gdprCanTrack": False, "language": "it"},
        ],
        "exclude": ["no.csv", "nobody.csv"],
        "mode": ["add", "sync"],
    },
    ("gatormail", "group"): {"name": ["Buyers", "buyers", "Buyers 2"], "description": ["All", "Some", ""]},
    ("gatormail", "campaign"): {
        "name": ["Launch", "launch", "Launch 2"],
        "subject": ["Live", "Live!", "live"],
        "fromName": ["A", "B"],
        "fromAddress": ["a@example.com", "b@example.com"],
        "replyTo": ["a@example.com", "b@example.com"],
        "type": ["Static", "StaticRecurring"],
        "startDate": ["2027-01-20T09:00:00Z", "2027-01-20T09:01:00Z"],
        "group": [GROUP, OTHERS],
        "email": [
            email(),
            email(html="<p>Hi!</p>"),
            email(text="Hi!"),
            email(name="Other"),
            email(autoTrackLinks=True),
        ],
        "initiate": [False, True],
    },
    ("gatormail", "audience"): {
        "source": ["people.csv", "more.csv"],
        "columns": [CONTACTS, {"emailLogin": "E-mail"}],
        "group": [GROUP, OTHERS],
        "exclude": ["no.csv", "nobody.csv"],
    },
    ("gatormail", "schema"): {
        "entities": [
            entity(),
            entity("integer"),
            entity(name="Town"),
            entity(zip={"dataType": "string"}),
            {**entity(), "Lead": {"attributes": {"score": {"dataType": "integer"}}}},
        ]
    },
    ("gatormail", "datafeed"): {
        "batchSize": [60, 50],
        "feeds": [{"bounced": False}, {"bounced": True}, {"bounced": False, "emailOpened": False}],
    },
}
# What no call can say of something that is there is refused before, and one attribute alone is all there is to it.
KINDS = tuple(VALUES)


def name_of(kind: tuple[str, str]) -> str:
    return "main" if REGISTRY.providers[kind[0]].kinds[kind[1]].singleton else "it"


def entry(kind: tuple[str, str], chosen: Mapping[str, int], **options: Any) -> Resource:
    """An entry of a kind with the chosen of each attribute's values, the first where none is chosen."""
    members = {name: values[chosen.get(name, 0) % len(values)] for name, values in VALUES[kind].items()}
    return resource(kind[1], name_of(kind), members, provider=kind[0], **options)


def around() -> list[Resource]:
    targets = [resource("list", name, {"name": name}) for name in ("one", "two")]
    return targets + [resource("group", name, {"name": name}, provider="gatormail") for name in ("one", "two")]


@dataclass
class Told:
    """A world, and which digests it gave to what was declared: each to one thing alone."""

    world: Gathering
    known: dict[Any, str] = field(default_factory=dict)
    meant: dict[str, Any] = field(default_factory=dict)

    def digest(self, entries: list[Resource], about: Resource) -> str:
        return self.world.plan(declared(*entries)).steps[about.address].digest


def world() -> Gathering:
    made = Gathering(gatormail={"group_update": True}, contract={"cap.group.update": True})
    for name, people in (("people", 3), ("more", 4), ("no", 0), ("nobody", 1)):
        made.source([(f"p{number}@example.com", f"P{number}") for number in range(people)], name=f"{name}.csv")
    return made


def at_work() -> Gathering:
    made = world()
    code, events = made.apply(declared(*around(), *(entry(kind, {}) for kind in KINDS)), SENDS)[:2]
    assert code == 0, [found for event in events for found in event.diagnostics]
    return made


WORLDS: dict[str, Told] = {}


def told(which: str) -> Told:
    """Each world once; it is never written to again."""
    if which not in WORLDS:
        WORLDS[which] = Told(world() if which == "new" else at_work())
    return WORLDS[which]


choices = st.dictionaries(
    st.sampled_from(sorted({name for values in VALUES.values() for name in values})), st.integers(0, 4), max_size=4
)


@pytest.mark.parametrize("which", ["new", "made"])
@pytest.mark.parametrize("kind", KINDS, ids=".".join)
@settings(max_examples=examples(5, 300), deadline=None)
@given(data=st.data())
def test_digests_are_equal_exactly_where_entries_were_declared_alike(
    kind: tuple[str, str], which: str, data: st.DataObject
) -> None:
    here = told(which)
    chosen = data.draw(choices)
    protected = data.draw(st.booleans())
    it = entry(kind, chosen, prevent_destroy=protected)
    others = [entry(other, data.draw(choices)) for other in data.draw(st.lists(st.sampled_from(KINDS), unique=True))]
    entries = data.draw(st.permutations([*around(), it, *(other for other in others if other.address != it.address)]))
    workspace = here.world.workspace
    try:
        here.world.now = NOW + data.draw(st.integers(0, 3 * 86400))
        here.world.workspace = replace(workspace, tool_version=data.draw(st.sampled_from(["0.2.0", "0.2.1"])))
        digest = here.digest(entries, it)
    finally:
        here.world.now, here.world.workspace = NOW, workspace
    assert here.digest([*around(), it], it) == digest, "what is around it, the hour and the version say nothing"
    said = (kind, repr(sorted(it.attributes.items())), protected)
    if not digest:
        assert which == "made" or name_of(kind) == "main", "whatever is new is a change"
        return
    assert here.known.setdefault(said, digest) == digest
    assert here.meant.setdefault(digest, said) == said


@pytest.mark.parametrize("which", ["new", "made"])
@pytest.mark.parametrize("kind", KINDS, ids=".".join)
def test_each_other_value_is_another_change(kind: tuple[str, str], which: str) -> None:
    here = told(which)
    found: dict[str, str] = {}
    for name, values in VALUES[kind].items():
        for number in range(len(values)):
            it = entry(kind, {name: number})
            step = here.world.plan(declared(*around(), it)).steps[it.address]
            if number or which == "new":
                found["as it is" if number == 0 else f"{name}: {values[number]}"] = step.digest
            if step.action is Action.NO_OP:
                assert number == 0 or issubclass(type(here.world.workspace.registry.kind(it.address)), BulkKind)
                found.pop(f"{name}: {values[number]}", None)
    assert len(set(found.values())) == len(found), found


@pytest.mark.parametrize("kind", KINDS, ids=".".join)
def test_a_removal_is_another_change_and_so_is_what_is_removed(kind: tuple[str, str]) -> None:
    """Nobody has approved of deleting what somebody has edited since, nor what is in its place."""
    if name_of(kind) == "main" or kind[1] == "audience":
        return  # forgotten, whatever they are like
    here = at_work()
    it = entry(kind, {})
    there = [*around(), *(entry(other, {}) for other in KINDS)]
    rest = [other for other in there if other.address != it.address]
    before = here.plan(declared(*rest)).steps[it.address]
    assert before.action is Action.DELETE
    assert here.plan(declared(*rest)).steps[it.address].digest == before.digest
    other = entry(kind, {"subject": 1, "description": 1})
    assert here.apply(declared(*rest, other), SENDS)[0] == 0
    after = here.plan(declared(*rest)).steps[it.address]
    assert after.digest != before.digest
    assert here.plan(declared(*rest, it)).steps[it.address].digest not in (before.digest, after.digest)


def test_every_kind_that_writes_is_looked_at() -> None:
    there = {(alias, name) for alias, platform in REGISTRY.providers.items() for name in platform.kinds}
    assert there - set(KINDS) == {("squalomail", "field")}, "a field is made by a person: there is nothing to approve"
