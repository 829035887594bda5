"""What is live against what was last applied, without manifests; and whom an environment is for."""

from dataclasses import replace
from typing import Any

import pytest

from reconcile.model.address import Address, parse_address
from reconcile.model.attributes import Attributes
from reconcile.model.kind import Circumstances
from reconcile.model.policy import Targets
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied, RemoteObject
from reconcile.planner.drift import Drift, Drifted, find_drift, unreadable
from reconcile.planner.plan import AttributeChange, Cause
from reconcile.planner.targets import breach
from tests.planner.casefiles import NOW, registry

LIST = parse_address("squalomail.list.news")
CAMPAIGN = parse_address("squalomail.campaign.spring")
FIELD = parse_address("squalomail.field.city")
GATOR = parse_address("gatormail.campaign.spring")
PEOPLE = parse_address("squalomail.audience.people")
LATER, DUE = "2027-02-01T08:00:00Z", "2027-01-20T08:00:00Z"
FACTS = {"published": 1, "sendDate": 0, "created": 1, "edited": 1234.0, "sent": False}


def drifted(
    address: Address,
    applied: Attributes,
    live: Attributes | None,
    facts: dict[str, Any] | None = None,
    reached: dict[Address, int] | None = None,
    **kept: Any,
) -> list[Drifted]:
    state = {LIST: Applied("5", {"name": "News"}), address: Applied("7", applied, **kept)}
    kind = registry().kind(address)
    there = {LIST: RemoteObject("5", {**registry().kind(LIST).defaults, "name": "News"}, {})}
    there.pop(address, None)
    if live is not None:
        there[address] = RemoteObject("7", {**kind.defaults, **live}, {**FACTS, **(facts or {})})
    around = Circumstances(NOW, 3600.0)
    return list(find_drift(state, there, registry(), around, reached or {}, 20.0))


def change(name: str, before: Any, after: Any) -> AttributeChange:
    return AttributeChange(name, before, after, Cause.OUTSIDE)


def test_what_reads_as_applied_has_not_drifted() -> None:
    assert drifted(LIST, {"name": "News"}, {"name": "News", "description": "not managed"}) == []
    campaign = {"subject": "Spring", "lists": (Reference(LIST),), "schedule": DUE}
    assert drifted(CAMPAIGN, campaign, {"subject": "Spring", "lists": ("5",), "schedule": DUE}) == []


def test_what_was_edited_or_deleted_outside_has() -> None:
    assert drifted(LIST, {"name": "News"}, None) == [Drifted(LIST, "7", gone=True)]
    found = drifted(LIST, {"name": "News", "color": "#111111"}, {"name": "Other", "color": "#111111"})
    assert found == [Drifted(LIST, "7", changes=(change("name", "News", "Other"),), edited=1234.0)]
    (entry,) = drifted(
        CAMPAIGN, {"subject": "Spring", "lists": (Reference(LIST),)}, {"lists": ("6",), "subject": "Spring"}
    )
    assert [each.name for each in entry.changes] == ["lists"]


def test_entries_come_by_address_and_people_of_audiences_are_no_drift() -> None:
    assert [entry.address for entry in drifted(CAMPAIGN, {}, None)] == [CAMPAIGN]
    assert drifted(PEOPLE, {"source": "people.csv"}, None) == []


def test_a_schedule_that_somebody_else_set_on_what_we_made_is_drift() -> None:
    live = {"subject": "Spring", "schedule": DUE}
    (entry,) = drifted(CAMPAIGN, {"subject": "Spring"}, live, created=True)
    assert entry.changes == (change("schedule", None, DUE),)
    assert drifted(CAMPAIGN, {"subject": "Spring"}, live, created=False) == []
    assert drifted(CAMPAIGN, {"subject": "Spring"}, {**live, "schedule": None}, created=True) == []
    # Where we have had a word on it, it is an attribute like others.
    (entry,) = drifted(CAMPAIGN, {"subject": "Spring", "schedule": LATER}, live)
    assert entry.changes == (change("schedule", LATER, DUE),)


def test_what_was_sent_is_final() -> None:
    live = {"subject": "Other", "schedule": DUE}
    (entry,) = drifted(CAMPAIGN, {"subject": "Spring", "schedule": DUE}, live, {"sent": True})
    assert entry.final
    (entry,) = drifted(CAMPAIGN, {"subject": "Spring", "schedule": DUE}, live, {"published": 2, "sendDate": NOW + 9e5})
    assert not entry.final


@pytest.mark.parametrize(("now", "grown"), [(120, False), (121, True)])
def test_more_people_than_were_approved_are_drift(now: int, grown: bool) -> None:
    applied = {"subject": "Spring", "lists": (Reference(LIST),), "schedule": DUE}
    live = {"subject": "Spring", "lists": ("5",), "schedule": DUE}
    facts = {"published": 2, "sendDate": NOW + 9e5}
    found = drifted(CAMPAIGN, applied, live, facts, {LIST: now}, reach={LIST: 100})
    assert [(each.target, each.approved, each.now) for entry in found for each in entry.outgrown] == (
        [(LIST, 100, now)] if grown else []
    )
    assert not any(entry.manual for entry in found)
    # Nobody gets it: no matter how many there are.
    assert (
        drifted(CAMPAIGN, {**applied, "schedule": None}, {**live, "schedule": None}, {}, {LIST: 999}, reach={LIST: 1})
        == []
    )


def test_what_only_a_person_can_change_counts_where_asked_for_strictly() -> None:
    (entry,) = drifted(FIELD, {"key": "city", "label": "City"}, {"key": "city", "label": "Town"})
    (gone,) = drifted(FIELD, {"key": "city"}, None)
    assert (entry.manual, gone.manual) == (True, True)
    assert not Drift((entry, gone)).counts()
    assert Drift((entry, gone)).counts(strict=True)
    assert Drift((entry, replace(gone, manual=False))).counts()
    assert not Drift(()).counts(strict=True)


def test_what_can_not_be_read_back_is_named() -> None:
    kind = registry().kind(GATOR)
    applied = Applied("7", {"name": "Spring", "email.html": "x", "subject": "S", "crmId": "1"})
    live = RemoteObject("7", {"name": "Spring", "subject": "S"}, {})
    assert list(unreadable(kind, applied, live)) == ["email.html", "crmId"]
    assert list(unreadable(kind, applied, None)) == ["email.html"]


# policy.targets

A, B = (Reference(parse_address(f"squalomail.list.{name}")) for name in "ab")


@pytest.mark.parametrize(
    ("allowed", "targets", "counts", "joining", "told"),
    [
        (Targets({"lists": ("a",)}), [("list", A)], [5], 0, None),
        (
            Targets({"lists": ("a",)}),
            [("list", A), ("list", B)],
            [5, 5],
            0,
            "squalomail.list.b, and policy.targets.lists",
        ),
        (Targets({"lists": ("a",)}), [("list", "77")], [None], 0, "the list with the id 77"),
        (Targets({"lists": ("a",)}), [("list", None)], [None], 0, "a list that can't be read"),
        (Targets({"lists": ()}), [("list", A)], [5], 0, "has: none"),
        (Targets({"lists": ("b", "c")}), [("list", A)], [5], 0, "has: b, c"),
        (
            Targets({"lists": ("a",)}),
            [("segment", A)],
            [5],
            0,
            "policy.targets.segments of this environment does not name",
        ),
        (Targets({"groups": ("a",)}), [("list", A)], [5], 0, None),  # another platform's
        (Targets({}, 10), [("list", A), ("list", B)], [5, 5], 0, None),
        (Targets({}, 10), [("list", A), ("list", B)], [5, 6], 0, "have 11 people"),
        (Targets({}, 10), [("list", A)], [5], 5, None),
        (Targets({}, 10), [("list", A)], [5], 6, "have 11 people"),
        (Targets({}, 10), [("list", A)], [None], 0, "nobody knows how many people"),
        (Targets({}, 0), [("list", A)], [1], 0, "maxAudience of this environment is 0"),
        (Targets({"lists": ("a",)}, 3), [("list", B)], [1], 0, "policy.targets.lists"),
    ],
)
def test_whom_an_environment_is_for(
    allowed: Targets, targets: list[Any], counts: list[int | None], joining: int, told: str | None
) -> None:
    found = breach(allowed, registry().providers["squalomail"], targets, counts, joining)
    assert (found is None) == (told is None)
    if found is not None and told is not None:
        assert told in found[0]
        assert "policy.targets" in found[1]
