"""Every action times every guard: what a guard protects is protected whatever the action by which it would be lost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from reconcile.errors import Diagnostic, Location
from reconcile.model.address import Address
from reconcile.model.kind import Action, Change, Circumstances
from reconcile.model.policy import Policy
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied, RemoteObject, Resource
from reconcile.planner.guard import with_amounts
from reconcile.planner.make import Request, make_plan
from reconcile.planner.plan import Plan, Requirement, Right, Step
from reconcile.planner.steps import Seen
from tests.planner.casefiles import NOW, registry

LIST = Address("squalomail", "list", "news")
GROUP = Address("gatormail", "group", "news")
MAIL = Address("squalomail", "campaign", "mail")
LAUNCH = Address("gatormail", "campaign", "mail")
KEPT = {address: Address(address.provider, address.kind, "kept") for address in (LIST, GROUP, MAIL, LAUNCH)}
DUE, DUES = "2027-02-01T09:00:00Z", 1_801_472_400
SOON, SOONS = "2027-01-15T08:30:00Z", 1_800_001_800


@dataclass(frozen=True)
class Thing:
    """One object of a kind: what is declared of it, what is live, and which attribute's change replaces it."""

    address: Address
    declared: Mapping[str, Any]
    facts: Mapping[str, Any]
    more: Mapping[str, Any]


def squalo_mail(schedule: str | None, seconds: int) -> Thing:
    facts = {"published": 2 if seconds else 1, "sendDate": seconds, "created": 1, "edited": None, "sent": False}
    declared = {"subject": "S", "body": "b", "lists": (Reference(KEPT[LIST]),), "schedule": schedule}
    more = {"lists": ("9",), "language": "it", "altBody": "", "fromEmail": "", "fromName": "", "visible": False}
    return Thing(MAIL, declared, facts, more)


def gator_mail(status: str, start: str = DUE) -> Thing:
    facts = {"status": status, "emailId": 7, "sharing": (), "crmId": None}
    declared = {"name": "C", "startDate": start, "group": Reference(KEPT[GROUP]), "initiate": status == "Queued"}
    return Thing(LAUNCH, declared, facts, {"group": "9", "type": "Static", "endDate": None})


_LIST_FACTS = {"subscribed": 3, "unsubscribed": 1, "disabled": 0, "total": 4, "targetedBy": ()}
_GROUP_FACTS = {"count": 3, "usedBy": (), "excluded": 1, "included": 4, "found": 0}
NEWS = Thing(LIST, {"name": "News"}, _LIST_FACTS, {"description": "", "listTags": ()})
READERS = Thing(GROUP, {"name": "News"}, _GROUP_FACTS, {"description": ""})
THINGS = {
    "list": NEWS,
    "group": READERS,
    "draft": squalo_mail(None, 0),
    "scheduled": squalo_mail(DUE, DUES),
    "setup": gator_mail("InSetup"),
    "queued": gator_mail("Queued"),
}


def planned(
    thing: Thing,
    action: Action,
    *,
    protect: bool = False,
    facts: Mapping[str, Any] | None = None,
    live: Mapping[str, Any] | None = None,
    count: int = 1,
    policy: Policy | None = None,
    request: Request | None = None,
) -> Plan:
    """A plan in which ``count`` objects like a thing undergo an action, beside one of each kind that stays."""
    places = [
        Address(thing.address.provider, thing.address.kind, f"{thing.address.name}{n or ''}") for n in range(count)
    ]
    policy, request = policy or Policy(), request or Request()
    desired: dict[Address, Resource] = {}
    applied: dict[Address, Applied] = {}
    there: dict[Address, RemoteObject] = {}

    def exists(address: Address, id_: str, base: Thing, *, stays: bool) -> None:
        attributes = {**base.declared, "name": f"N{id_}"} if "name" in base.declared else dict(base.declared)
        attributes |= {"subject": f"S{id_}"} if "subject" in base.declared else {}
        applied[address] = Applied(id_, attributes, prevent_destroy=protect and not stays)
        own = {**registry().kind(address).defaults, **base.more, **attributes, **base.more}
        own |= {} if stays else dict(live or {})
        there[address] = RemoteObject(id_, own, {**base.facts, **({} if stays else facts or {})})
        if stays or action not in (Action.DELETE, Action.FORGET):
            changed = {"description": "changed"} if action is Action.UPDATE and base in (NEWS,) and not stays else {}
            changed |= (
                {"subject": f"T{id_}"} if action is Action.UPDATE and "subject" in base.declared and not stays else {}
            )
            changed |= {"name": f"M{id_}"} if action is Action.UPDATE and base.address == LAUNCH and not stays else {}
            desired[address] = Resource(address, {**attributes, **changed}, Location("m.yaml", 1, 1))

    for base in (NEWS, READERS, squalo_mail(None, 0), gator_mail("InSetup")):
        exists(KEPT[base.address], "9", base, stays=True)
    for number, address in enumerate(places):
        exists(address, str(100 + number), thing, stays=False)
    if action is Action.REPLACE:
        request = replace(request, replace=tuple(places))
    ids = frozenset(str(100 + n) for n in range(count)) | {"9"}
    managed = {("squalomail", "newsletters"): ids, ("gatormail", "campaigns"): ids}
    around = Circumstances(NOW, policy.freeze, managed)
    return make_plan(desired, applied, Seen(there), registry(), around, policy, request)


def step(made: Plan, thing: Thing) -> Step:
    return made.steps[thing.address]


def codes(found: Step) -> set[str]:
    own = {found.blocked.code} if found.blocked is not None else set()
    return own | {need.diagnostic.code for need in found.requires}


def whole(made: Plan) -> set[str]:
    return {need.diagnostic.code for need in made.requires}


LOSING = (Action.DELETE, Action.REPLACE)
HARMLESS = (Action.UPDATE, Action.NO_OP)
ALL_THINGS = pytest.mark.parametrize("name", THINGS)


@ALL_THINGS
@pytest.mark.parametrize("action", [*LOSING, *HARMLESS])
def test_prevent_destroy(name: str, action: Action) -> None:
    thing = THINGS[name]
    if action is Action.UPDATE and name == "group":
        pytest.skip("a group can't change in place")
    made = planned(thing, action, protect=True)
    assert step(made, thing).action is action
    assert ("protected" in codes(step(made, thing))) is (action in LOSING)


def test_prevent_destroy_of_a_group_whose_name_changes() -> None:
    made = planned(READERS, Action.NO_OP, protect=True, live={"name": "Somebody's"})
    assert step(made, READERS).action is Action.REPLACE
    assert "protected" in codes(step(made, READERS))


@pytest.mark.parametrize(
    ("action", "name", "asks"),
    [
        (Action.DELETE, "list", True),
        (Action.REPLACE, "list", True),
        (Action.UPDATE, "list", False),
        (Action.NO_OP, "list", False),
        (Action.DELETE, "group", True),
        (Action.REPLACE, "group", False),  # it takes its members along
        (Action.NO_OP, "group", False),
    ],
)
def test_people_that_would_be_lost(action: Action, name: str, asks: bool) -> None:
    made = planned(THINGS[name], action)
    assert ("delete-loses-people" in codes(step(made, THINGS[name]))) is asks


@pytest.mark.parametrize(("action", "stands"), [(Action.REPLACE, True), (Action.DELETE, False), (Action.NO_OP, False)])
def test_people_whom_only_rules_find(action: Action, stands: bool) -> None:
    made = planned(READERS, action, facts={"found": 2, "count": 6})
    assert ("rules-would-be-lost" in codes(step(made, READERS))) is stands


_TARGETED = {"targetedBy": ({"id": "77", "subject": "Theirs", "published": 1, "sendDate": 0, "sent": False},)}
_USED = {"usedBy": ({"id": "77", "name": "Theirs"},)}


@pytest.mark.parametrize(
    ("name", "facts", "code"), [("list", _TARGETED, "list-in-use"), ("group", _USED, "group-in-use")]
)
@pytest.mark.parametrize("action", [*LOSING, Action.NO_OP])
def test_what_mail_of_others_goes_to(name: str, facts: Mapping[str, Any], code: str, action: Action) -> None:
    made = planned(THINGS[name], action, facts=facts)
    assert (code in codes(step(made, THINGS[name]))) is (action in LOSING)


@ALL_THINGS
@pytest.mark.parametrize("action", [*LOSING, *HARMLESS])
@pytest.mark.parametrize(("count", "percent"), [(11, 100.0), (10, 30.0), (10, 100.0)])
def test_bounds(name: str, action: Action, count: int, percent: float) -> None:
    thing = THINGS[name]
    if action is Action.UPDATE and name == "group":
        pytest.skip("a group can't change in place")
    made = planned(thing, action, count=count, policy=Policy(max_delete_percent=percent))
    draft = name in ("draft", "setup") and action is Action.REPLACE
    asks = action in LOSING and not draft and (count > 10 or percent < 90)
    assert whole(made) == ({"too-many-deletes"} if asks else set())
    assert all(need.amount == count for need in made.requires)


@pytest.mark.parametrize("action", LOSING)
@pytest.mark.parametrize(
    ("lately", "asks"),
    [
        ({"squalomail.list": 9}, False),
        ({"squalomail.list": 10}, True),
        ({"squalomail.list": 4, "gatormail.group": 6}, True),
        ({}, False),
    ],
)
def test_what_was_deleted_lately_counts_towards_the_bound(
    action: Action, lately: Mapping[str, int], asks: bool
) -> None:
    made = planned(NEWS, action, policy=Policy(max_delete_percent=100.0), request=Request(lately=lately))
    assert whole(made) == ({"too-many-deletes"} if asks else set())
    assert all(need.amount == 1 for need in made.requires)


@pytest.mark.parametrize(("lately", "asks"), [(4, False), (5, True)])
def test_what_was_deleted_lately_counts_towards_the_share_of_its_kind(lately: int, asks: bool) -> None:
    """Four of five are a handful; with five that went today there were ten, of which nine are gone then."""
    policy = Policy(max_delete_count=100, max_delete_percent=50.0)
    there = planned(NEWS, Action.DELETE, count=4, policy=policy, request=Request(lately={"gatormail.group": 50}))
    assert not there.requires, "another kind's"
    made = planned(NEWS, Action.DELETE, count=4, policy=policy, request=Request(lately={"squalomail.list": lately}))
    assert bool(made.requires) is asks


def test_the_right_to_delete_is_asked_for_the_whole_plan_but_where_it_is_a_step_s_own() -> None:
    """What an update takes with it is no number of deleted objects."""
    made = planned(NEWS, Action.DELETE, count=3)
    finding = Diagnostic("lost", "something would be lost", "Something would be lost.")
    needs = (Requirement(Right.DELETE, finding), Requirement(Right.DELETE, finding, 7, own=True))
    steps = {address: replace(step, requires=needs) for address, step in made.steps.items()}
    asked = with_amounts(steps, registry()).values()
    assert {tuple(need.amount for need in step.requires) for step in asked} == {(3, 7)}


@pytest.mark.parametrize("name", ["draft", "setup"])
@pytest.mark.parametrize(("bound", "asks"), [(4, True), (5, False)])
def test_drafts_have_a_bound_of_their_own(name: str, bound: int, asks: bool) -> None:
    made = planned(THINGS[name], Action.REPLACE, count=5, policy=Policy(max_delete_count=0, max_replace_count=bound))
    assert bool(made.requires) is asks


@pytest.mark.parametrize("name", ["scheduled", "queued"])
@pytest.mark.parametrize("action", [*LOSING, Action.UPDATE])
def test_the_freeze(name: str, action: Action) -> None:
    """Within it nothing is written but a stop: the removal stops the mail first, and is judged as it is then."""
    near = {"scheduled": squalo_mail(SOON, SOONS), "queued": gator_mail("Queued", SOON)}[name]
    made = step(planned(near, action), near)
    assert bool(made.stops) is (action is Action.DELETE)
    assert ("frozen" in codes(made)) is (action is not Action.DELETE)


@pytest.mark.parametrize("name", ["scheduled", "queued"])
@pytest.mark.parametrize("action", [*LOSING, Action.UPDATE])
def test_who_scheduled_it(name: str, action: Action) -> None:
    thing = THINGS[name]
    made = planned(thing, action)
    assert not codes(step(made, thing)) & {"not-our-schedule", "frozen"}
    theirs = {"scheduled": {"schedule": "2027-03-01T09:00:00Z"}, "queued": {}}[name]
    if name == "scheduled":
        found = step(planned(thing, action, live=theirs, facts={"sendDate": 1_803_891_600}), thing)
        assert not found.stops
        assert action is Action.UPDATE or codes(found) & {"not-our-schedule", "frozen"}


@ALL_THINGS
@pytest.mark.parametrize("action", [*LOSING, Action.UPDATE])
def test_what_somebody_edited(name: str, action: Action) -> None:
    thing = THINGS[name]
    if action is Action.UPDATE and name == "group":
        pytest.skip("a group can't change in place")
    edited = {"name": "Edited"} if "name" in thing.declared else {"subject": "Edited"}
    found = step(planned(thing, action, live=edited), thing)
    rights = {need.right for need in found.requires}
    assert Right.OVERWRITE_DRIFT in rights


_MEANT: Mapping[str, Callable[[Thing], Request]] = {
    "unsaid": lambda thing: Request(),
    "destroy": lambda thing: Request(destroy=True),
    "removed": lambda thing: Request(removed={thing.address: False}),
    "kept": lambda thing: Request(removed={thing.address: True}),
}


@ALL_THINGS
@pytest.mark.parametrize("how", _MEANT)
def test_the_ways_out_are_reviewed(name: str, how: str) -> None:
    """With all of a kind gone: only where it is said to be meant, and then without a flag."""
    thing = THINGS[name]
    only = Policy(max_delete_count=0)
    made = planned(thing, Action.DELETE, policy=only, request=_MEANT[how](thing))
    found = step(made, thing)
    assert found.action is (Action.FORGET if how == "kept" else Action.DELETE)
    assert bool(whole(made)) is (how in ("unsaid", "destroy"))
    assert bool(found.removals) is (how != "kept")
    if how == "kept":
        assert not found.stops


def test_ids_of_another_account_are_not_taken_for_ours() -> None:
    """Accounts count alike: a stranger's newsletter may have the id of one of ours elsewhere."""
    where = Address("squalomail", "list", "readers")
    mail = {"id": "7", "subject": "A stranger's", "published": 0, "sendDate": None, "sent": False}
    there = RemoteObject("1", {"name": "Readers"}, {"targetedBy": (mail,)})
    change = Change(Action.DELETE, where, live=there, id="1")
    kind = registry().kind(where)
    for alias, code in (("other", "list-in-use"), ("squalomail", None)):
        refusal = kind.refusal(change, Circumstances(NOW, 3600, {(alias, "newsletters"): frozenset(["7"])}))
        assert (refusal.code if refusal is not None else None) == code
