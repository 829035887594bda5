"""policy.targets: what is for other lists, or for too many people, is refused; everything else goes on."""

from dataclasses import replace
from typing import Any

import pytest

from reconcile.engine.run import Rights
from reconcile.model.address import Address
from reconcile.model.policy import Policy, Targets
from reconcile.model.resource import Resource
from reconcile.planner.plan import Right
from tests.buyers import Buyers, buyers
from tests.buyers import audience as gator_audience
from tests.crowd import Crowd, audience
from tests.outside import edit, id_of, operator
from tests.world import NOW, World, declared, failures, gator, ref, resource

SEND = Rights(frozenset([Right.SEND, Right.OVERWRITE_DRIFT]), deletes=9)
ALL = Rights(frozenset(Right), deletes=9)
TEST_ONLY = Policy(targets=Targets({"lists": ("test",)}))
SMALL = Policy(targets=Targets(max_audience=2))


def desired(to: str = "all", *, schedule: str | None = None, body: str = "<p>1</p>") -> dict[Address, Resource]:
    members = {"subject": "S", "body": body, "lists": (ref("list", to),)}
    if schedule is not None:
        members["schedule"] = schedule
    return declared(
        resource("list", "test", {"name": "Test"}),
        resource("list", "all", {"name": "All"}),
        resource("campaign", "c", members),
    )


def world(policy: Policy) -> World:
    """An account with three people on the list all, and one on the list test."""
    made = World(may_send=True)
    lists = declared(resource("list", "test", {"name": "Test"}), resource("list", "all", {"name": "All"}))
    assert made.apply(lists)[0] == 0
    ids = {row["name"]: row["id"] for row in made.lists()}
    for name in ("ada", "bea", "cleo"):
        on = [ids["All"], ids["Test"]] if name == "ada" else [ids["All"]]
        made.api("create-recipient", email=f"{name}@example.com", listIds=on)
    made.workspace = replace(made.workspace, policy=policy)
    made.clear_log()
    return made


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (TEST_ONLY, ("squalomail.list.all", "policy.targets.lists", "test")),
        (SMALL, ("3 people", "policy.targets.maxAudience", "2")),
    ],
)
def test_what_is_for_others_is_refused(policy: Policy, words: tuple[str, ...]) -> None:
    made = world(policy)
    code, events, shown = made.apply(desired(), SEND)
    assert code == 3
    blocked = shown.steps[Address("squalomail", "campaign", "c")].blocked
    assert blocked is not None
    assert all(word in f"{blocked.detail} {blocked.hint}" for word in words)
    assert not made.writes()
    assert made.apply(desired("test"), SEND)[0] == 0
    code, events, _ = made.apply(desired("all"), SEND)
    assert code == 3, failures(events)


def test_a_draft_without_lists_is_for_nobody() -> None:
    made = world(Policy(targets=Targets({"lists": ()}, max_audience=0)))
    plain = declared(
        *(found for found in desired().values() if found.address.kind == "list"),
        resource("campaign", "c", {"subject": "S", "body": "b"}),
    )
    assert made.apply(plain, SEND)[0] == 0


def test_lists_that_are_not_managed_count_as_they_are() -> None:
    """A campaign whose lists somebody chose in the web interface; a list that no manifest has is not allowed."""
    made = world(Policy())
    assert made.apply(desired(), SEND)[0] == 0
    plain = {address: found for address, found in desired(body="<p>2</p>").items() if address.kind == "list"}
    plain |= declared(resource("campaign", "c", {"subject": "S", "body": "<p>2</p>"}))
    for policy in (TEST_ONLY, SMALL):
        made.workspace = replace(made.workspace, policy=policy)
        assert made.apply(plain, SEND)[0] == 3
    made.workspace = replace(made.workspace, policy=Policy(targets=Targets({"lists": ("all",)}, 3)))
    assert made.apply(plain, SEND)[0] == 0


def test_lists_do_not_bound_groups_nor_groups_lists() -> None:
    made = world(Policy(targets=Targets({"groups": ()})))
    assert made.apply(desired("all"), SEND)[0] == 0


GROUPS = (gator("group", "test", {"name": "Test"}), gator("group", "all", {"name": "All"}))
WHOLE = {"name": "C", "subject": "S", "fromAddress": "a@example.com", "email": {"html": "<p>1</p>"}}
C = Address("gatormail", "campaign", "c")


def launch(to: str | None = "all", **members: object) -> dict[Address, Resource]:
    group = {"group": ref("group", to, "gatormail")} if to is not None else {}
    return declared(*GROUPS, gator("campaign", "c", {**WHOLE, **group, **members}))


def instance(policy: Policy, **options: Any) -> World:
    """An instance with two people in the group test, and three in the group all."""
    made = World(may_send=True, **options)
    assert made.apply(declared(*GROUPS))[0] == 0
    for name, people in (("test", 2), ("all", 3)):
        contacts = [{"emailLogin": f"{number}@example.com"} for number in range(people)]
        group = int(id_of(made, Address("gatormail", "group", name)))
        made.call("gatormail_groupIncludedContactpost", groupId=group, contacts=contacts)
    made.workspace = replace(made.workspace, policy=policy)
    made.clear_log()
    return made


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (Policy(targets=Targets({"groups": ("test",)})), ("gatormail.group.all", "policy.targets.groups", "test")),
        (SMALL, ("3 people", "policy.targets.maxAudience", "2")),
    ],
)
def test_campaigns_for_other_groups_are_refused(policy: Policy, words: tuple[str, ...]) -> None:
    made = instance(policy)
    start = {"startDate": "2027-03-01T09:00:00Z", "initiate": True}
    code, _, shown = made.apply(launch(**start), SEND)
    assert code == 3
    blocked = shown.steps[C].blocked
    assert blocked is not None
    assert all(word in f"{blocked.detail} {blocked.hint}" for word in words)
    assert not made.writes()
    assert made.apply(launch("test", **start), SEND)[0] == 0
    assert made.apply(launch("all", **start), SEND)[0] == 3
    made.workspace = replace(made.workspace, policy=Policy())
    assert made.apply(launch("all", **start), SEND)[0] == 0
    made.workspace = replace(made.workspace, policy=policy)
    assert made.apply(launch("all", **{**start, "initiate": False}), SEND)[0] == 0  # stopping is always allowed


def test_a_group_that_is_not_managed_or_cant_be_read_is_not_allowed() -> None:
    policy = Policy(targets=Targets({"groups": ("test", "all")}))
    made = instance(policy)
    assert made.apply(launch(None), SEND)[0] == 0
    edit(made, C, {"group": operator(made).make("group", {"name": "Stranger"})})
    code, events, _ = made.apply(launch(None, subject="Other"), SEND)
    assert code == 3
    assert "the group with the id" in failures(events)[0]
    blind = instance(policy, gatormail={"campaign_read": False}, contract={"cap.campaign.read": False})
    assert blind.apply(launch(None), SEND)[0] == 0
    code, events, _ = blind.apply(launch(None, subject="Other"), ALL)
    assert code == 3
    assert "a group that can't be read" in failures(events)[0]
    assert blind.apply(launch("test", subject="Other"), ALL)[0] == 0


def test_audiences_of_groups() -> None:
    made = Buyers(policy=Policy(targets=Targets({"groups": ("buyers",)}, max_audience=2)))
    made.found()
    made.source([("ada@example.com", "Ada"), ("bea@example.com", "Bea")])
    assert made.run(declared(buyers(), gator_audience()))[0] == 0
    made.source([("ada@example.com", "Ada"), ("bea@example.com", "Bea"), ("cleo@example.com", "Cleo")])
    code, events, _ = made.run(declared(buyers(), gator_audience()))
    assert code == 3
    assert "3 people" in failures(events)[0]
    assert len(made.included()) == 2
    made.workspace = replace(made.workspace, policy=Policy(targets=Targets({"groups": ()})))
    code, events, _ = made.run(declared(buyers(), gator_audience()))
    assert code == 3
    assert "policy.targets.groups" in failures(events)[0]


def test_stopping_is_always_allowed() -> None:
    made = world(Policy())
    due = "2027-03-01T09:00:00Z"
    assert made.now == NOW
    assert made.apply(desired(schedule=due), SEND)[0] == 0
    made.workspace = replace(made.workspace, policy=TEST_ONLY)
    assert made.apply(desired(schedule=due, body="<p>2</p>"), SEND)[0] == 3
    gone = {address: found for address, found in desired().items() if address.kind == "list"}
    code, events, _ = made.apply(gone, SEND)
    assert code == 0, failures(events)
    assert not made.rows("Mail")


def test_audiences() -> None:
    made = Crowd(policy=Policy(targets=Targets({"lists": ("news",)}, max_audience=2)))
    made.source([("ada@example.com", "Ada"), ("bea@example.com", "Bea")])
    news = resource("list", "news", {"name": "News"})
    assert made.run(declared(news, audience()))[0] == 0
    made.source([("ada@example.com", "Ada"), ("bea@example.com", "Bea"), ("cleo@example.com", "Cleo")])
    code, events, _ = made.run(declared(news, audience()))
    assert code == 3
    assert "3 people" in failures(events)[0]
    assert not made.writes()
    other = resource("list", "other", {"name": "Other"})
    code, events, _ = made.run(declared(news, other, audience(lists=[ref("list", "other")])))
    assert code == 6  # the list was made
    assert "squalomail.list.other" in failures(events)[0]
    assert len(made.people()) == 2
