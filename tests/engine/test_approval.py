"""A plan is an approval: what was seen is what is done, and nothing else; on both platforms."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest

from reconcile.engine.drift import drift
from reconcile.engine.run import Rights
from reconcile.engine.workflow import apply, check_origin, check_record, plan, settle
from reconcile.errors import PlanStale, WrongAccount
from reconcile.model.address import Address
from reconcile.model.resource import Resource
from reconcile.planner.approval import judge
from reconcile.planner.make import Request
from reconcile.planner.plan import Plan, Right, SendChange
from reconcile.planner.planfile import dumps, loads
from reconcile.state.history import Run, line_after
from tests.world import NOW, World, address, declared, failures, gator, ref, resource, shape

DAY = 86400.0
SCHEDULE = "2027-01-20T09:00:00Z"
SENDS = Rights(frozenset([Right.SEND]))
ALL = Rights(frozenset([Right.SEND, Right.OVERWRITE_DRIFT]), deletes=100)
ONE, TWO, BASE, MAIL = (
    address("list", "one"),
    address("list", "two"),
    address("template", "base"),
    address("campaign", "mail"),
)
GROUP, LAUNCH = address("group", "buyers", "gatormail"), address("campaign", "launch", "gatormail")


def lists(one: str = "One", two: str = "Two") -> list[Resource]:
    return [resource("list", "one", {"name": one, "color": "#111111"}), resource("list", "two", {"name": two})]


def mail(**attributes: Any) -> Resource:
    whole = {"subject": "Hello", "fromEmail": "a@example.com", "fromName": "A", "lists": (ref("list", "one"),)}
    return resource("campaign", "mail", {**whole, "body": "<p>Hi</p>", **attributes})


def buyers() -> list[Resource]:
    launch = {
        "name": "Launch",
        "subject": "Live",
        "fromName": "A",
        "fromAddress": "a@example.com",
        "replyTo": "a@example.com",
        "type": "Static",
        "startDate": "2027-01-20T09:00:00Z",
        "group": ref("group", "buyers", "gatormail"),
        "email": {"name": "Mail", "html": "<p>Hi</p>", "text": "Hi"},
        "initiate": True,
    }
    return [gator("group", "buyers", {"name": "Buyers", "description": ""}), gator("campaign", "launch", launch)]


def with_a_buyer(world: World) -> World:
    """The group is there, with somebody in it: the platform queues no mail to nobody."""
    world.apply(declared(buyers()[0]))
    people = [{"emailLogin": "ada@example.com"}]
    world.call("gatormail_groupIncludedContactpost", groupId=number(world, GROUP), contacts=people)
    return world


def number(world: World, where: Address) -> int:
    """The id of an entry's object."""
    found = world.store.read()
    assert found is not None
    return int(found.resources[where].id)


def edit(world: World, where: Address, **members: Any) -> None:
    """What a colleague does to a list."""
    whole = {"name": "One", "description": "", "ordering": 1, "published": True, "listTags": []}
    world.api("update-list", **{**whole, "id": number(world, where), **members})


def saved(made: Plan) -> Plan:
    """The plan as a file has it."""
    return loads(dumps(made), "test.plan")


def reasons(world: World, desired: Mapping[Address, Resource], *records: Plan) -> dict[str, tuple[str, ...]]:
    state = world.store.read()
    found = judge(world.plan(desired), records, state.generations if state else {}, 20).differences
    return {str(where): difference.reasons for where, difference in found.items()}


@pytest.mark.parametrize("entries", [[*lists(), mail(schedule=SCHEDULE)], buyers()], ids=["squalomail", "gatormail"])
def test_what_was_approved_is_done_and_its_approval_serves_once(entries: list[Resource]) -> None:
    world = with_a_buyer(World(may_send=True))
    desired = declared(*entries, buyers()[0])
    record = saved(world.plan(desired))
    code, events = world.apply_saved(desired, record, rights=SENDS)
    assert (code, failures(events)) == (0, [])
    assert not world.plan(desired).has_changes
    assert world.apply_saved(desired, record)[0] == 0, "nothing is left to do"
    world.clear_log()
    renamed = replace(entries[-1], attributes={**entries[-1].attributes, "subject": "Other"})
    other = {**desired, **declared(renamed)}
    assert world.apply(other, SENDS)[0] == 0
    back = saved(world.plan(desired))
    assert world.apply_saved(desired, back, rights=SENDS)[0] == 0
    assert world.apply(other, SENDS)[0] == 0
    world.clear_log()
    assert world.apply_saved(desired, back, rights=SENDS)[0] == 4, "the same change again is another approval's"
    assert world.writes() == []


def test_a_plan_of_one_branch_stands_where_another_was_applied() -> None:
    world = World()
    world.apply(declared(*lists()))
    one, two = declared(*lists(one="Uno")), declared(*lists(two="Due"))
    both = declared(*lists(one="Uno", two="Due"))
    first, second = saved(world.plan(one)), saved(world.plan(two))
    code, events = world.apply_saved(both, second)
    assert code == 6, "what nobody approved of is not done, and told"
    assert [event.step.address for event in events if event.exit_code == 4] == [ONE]
    assert world.apply_saved(both, first)[0] == 0
    assert not world.plan(both).has_changes


def test_several_records_approve_of_what_any_of_them_has() -> None:
    world = World()
    world.apply(declared(*lists()))
    first, second = saved(world.plan(declared(*lists(one="Uno")))), saved(world.plan(declared(*lists(two="Due"))))
    assert world.apply_saved(declared(*lists(one="Uno", two="Due")), first, second)[0] == 0


def test_reverted_by_a_person_and_replayed_is_not_done_again() -> None:
    world = World()
    world.apply(declared(*lists()))
    desired = declared(*lists(one="Uno"))
    record = saved(world.plan(desired))
    assert world.apply_saved(desired, record)[0] == 0
    edit(world, ONE, color="#111111")
    code, _ = world.apply_saved(desired, record, rights=ALL)
    assert code == 4
    assert "it was applied since" in reasons(world, desired, record)[str(ONE)]


def test_a_template_edited_after_the_plan_stops_what_is_made_from_it() -> None:
    world = World(may_send=True)
    base = resource("template", "base", {"subject": "Base", "body": "<p>Base</p>"})
    world.apply(declared(*lists(), base))
    made_from = replace(mail(), attributes={"subject": "Hello", "template": ref("template", "base")})
    made_from = replace(made_from, attributes={**made_from.attributes, "lists": (ref("list", "one"),)})
    made_from = replace(made_from, attributes={**made_from.attributes, "schedule": SCHEDULE})
    desired = declared(*lists(), base, made_from)
    record = saved(world.plan(desired))
    world.api("update-newsletter", id=number(world, BASE), subject="Base", body="<p>Evil</p>")
    world.clear_log()
    code, _ = world.apply_saved(desired, record, rights=ALL)
    assert code == 4
    assert world.writes() == []


def grown(world: World, count: int) -> None:
    have = len(world.rows("Recipient"))
    for each in range(have, have + count):
        world.api("create-recipient", email=f"p{each}@example.com", name="P", listIds=[number(world, ONE)])


@pytest.mark.parametrize(("before", "more", "code"), [(6, 10, 0), (6, 50, 4), (60, 12, 0), (60, 13, 4), (0, 3, 4)])
def test_the_people_of_a_send_are_bounded_by_what_was_shown(before: int, more: int, code: int) -> None:
    world = World(may_send=True)
    world.apply(declared(*lists()))
    grown(world, before)
    desired = declared(*lists(), mail(schedule=SCHEDULE))
    record = saved(world.plan(desired))
    grown(world, more)
    world.clear_log()
    assert world.apply_saved(desired, record, rights=SENDS)[0] == code
    assert bool(world.writes()) is (code == 0)


def test_more_subscriptions_than_shown_are_not_deleted() -> None:
    world = World(may_send=True)
    world.apply(declared(*lists()))
    grown(world, 2)
    desired = declared(lists()[1])
    record = saved(world.plan(desired))
    grown(world, 30)
    assert world.apply_saved(desired, record, rights=ALL)[0] == 4
    assert len(world.lists()) == 2


@pytest.mark.parametrize("stop", range(1, 4))
def test_a_run_that_was_cut_short_is_finished_by_the_same_record(stop: int) -> None:
    """The n-th write is refused by the platform; the next run of the same record does the rest, and no more."""
    world = World(may_send=True, faults=(f"500:create-list|create-newsletter|send-newsletter:n={stop}",))
    desired = declared(*lists(), mail(schedule=SCHEDULE))
    record = saved(world.plan(desired))
    world.apply_saved(desired, record, rights=SENDS)
    code, events = world.apply_saved(desired, record, rights=SENDS)
    assert (code, failures(events)) == (0, [])
    assert not world.plan(desired).has_changes
    assert len(world.sends()) == 0 or {send["campaign"] for send in world.sends()}
    assert len(world.rows("Mail", 'subject=="Hello"')) == 1


def test_what_a_run_left_is_not_finished_for_another_manifest() -> None:
    world = World(may_send=True, faults=("500:send-newsletter:n=1",))
    desired = declared(*lists(), mail(schedule=SCHEDULE))
    record = saved(world.plan(desired))
    assert world.apply_saved(desired, record, rights=SENDS)[0] == 6
    other = declared(*lists(), mail(schedule="2027-02-20T09:00:00Z"))
    world.clear_log()
    assert world.apply_saved(other, record, rights=SENDS)[0] == 4
    assert world.writes() == []


def test_a_lone_cancel_is_made_whoever_approved_of_what() -> None:
    world = World(may_send=True)
    desired = declared(*lists(), mail(schedule=SCHEDULE))
    assert world.apply(desired, SENDS)[0] == 0
    nothing = saved(world.plan(desired))
    edit(world, TWO, name="Edited")
    cancelled = declared(*lists(), mail(schedule=None))
    code, events = world.apply_saved(cancelled, nothing, rights=ALL)
    assert code == 6
    assert [event.step.address for event in events if event.exit_code == 4] == [TWO]
    assert world.rows("Mail", 'subject=="Hello"')[0]["published"] != 2


def test_a_lone_uninitiate_is_made_whoever_approved_of_what() -> None:
    world = with_a_buyer(World(may_send=True))
    desired = declared(*buyers())
    assert world.apply(desired, SENDS)[0] == 0
    nothing = saved(world.plan(desired))
    group, launch = buyers()
    stopped = declared(group, replace(launch, attributes={**launch.attributes, "initiate": False}))
    assert world.apply_saved(stopped, nothing)[0] == 0
    assert not world.plan(stopped).has_changes


def test_a_record_of_another_environment_or_time_approves_of_nothing() -> None:
    world = World()
    record = saved(world.plan(declared(*lists())))
    with pytest.raises(PlanStale, match='environment "default"'):
        check_record(record, "staging", NOW)
    with pytest.raises(PlanStale, match="expired"):
        check_record(record, "default", NOW + 8 * DAY)
    with pytest.raises(PlanStale, match="clock"):
        check_record(record, "default", NOW - DAY)
    check_record(record, "default", NOW + 6 * DAY)
    with pytest.raises(PlanStale, match="expired"):
        check_record(replace(record, expires=NOW + 900 * DAY), "default", NOW + 8 * DAY, 7 * DAY)
    with pytest.raises(PlanStale, match="expired"):
        check_record(record, "default", NOW + 2 * DAY, DAY)


def test_a_record_of_another_account_or_lineage_approves_of_nothing() -> None:
    world, other = World(), World(account="4712")
    desired = declared(*lists())
    world.apply(desired)
    record = saved(world.plan(declared(*lists(one="Uno"))))
    other.apply(desired)
    with pytest.raises(PlanStale, match="another state"):
        other.apply_saved(declared(*lists(one="Uno")), record)
    with pytest.raises(WrongAccount):
        other.apply_saved(declared(*lists(one="Uno")), replace(record, lineage=""))


def test_a_first_record_of_another_project_approves_of_nothing_in_this_one() -> None:
    """It knows no lineage, as the first plan of every project: this state was there before it was made."""
    world, other = World(), World()
    record = saved(other.plan(declared(*lists())))
    assert record.lineage == ""
    with world.store.lock("test") as locked:
        locked.note(line_after(None, Run(when=NOW - DAY, who="a", host="h", command="apply")))
        with pytest.raises(PlanStale, match="another project's"):
            check_origin(world.workspace, record, locked.state)
    late = World()
    with late.store.lock("test") as locked:  # two people planned, and the other one applied first
        locked.note(line_after(None, Run(when=NOW + DAY, who="a", host="h", command="apply")))
        check_origin(late.workspace, record, locked.state)


def test_what_was_asked_for_is_planned_again() -> None:
    world = World()
    world.apply(declared(*lists()))
    desired = declared(*lists(one="Uno", two="Due"))
    record = saved(world.plan(desired, Request(targets=(ONE,))))
    assert world.apply_saved(desired, record)[0] == 0, "the other entry is no business of this record"
    assert shape(world.plan(desired)) == {str(TWO): "update"}


def test_the_answer_at_a_terminal_is_for_what_was_shown() -> None:
    """Somebody edits while somebody else looks at the plan."""
    world = World()
    world.apply(declared(*lists()))
    desired = declared(*lists(one="Uno", two="Due"))
    with world.store.lock("test") as locked:
        settle(world.workspace, locked)
        shown = plan(world.workspace, desired, locked.state)
        edit(world, ONE, name="Hers")
        again = plan(world.workspace, desired, locked.state)
        left = judge(again, [shown], locked.state.generations, 20).differences
        events = list(apply(world.workspace, locked, again, Rights(approved=True), left=left))
    assert [event.step.address for event in events if event.exit_code == 4] == [ONE]
    assert {row["name"] for row in world.lists()} == {"Hers", "Due"}


def test_a_file_whose_steps_were_edited_is_refused() -> None:
    """Whoever edits a call and makes the file's digest fit still shows what its steps' digests don't approve of."""
    world = World()
    content = orjson.loads(dumps(world.plan(declared(*lists()))))
    content["reconcile"]["steps"][0]["calls"][0]["arguments"]["name"] = "Evil"
    content["reconcile"]["steps"][0]["changes"][0]["after"] = "Evil"
    content["reconcile"].pop("digest")
    import hashlib

    fitting = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
    content["reconcile"]["digest"] = fitting
    with pytest.raises(PlanStale, match="has another digest"):
        loads(orjson.dumps(content), "forged.plan")


def test_mail_that_went_out_early_and_altered_is_drift_until_it_is_pulled() -> None:
    world = World(may_send=True)
    desired = declared(*lists(), mail(schedule=SCHEDULE))
    world.apply(desired, SENDS)
    id_ = number(world, MAIL)
    world.api("cancel-sending-newsletter", newsletterId=id_)
    world.api("update-newsletter", id=id_, subject="Hers", body="<p>Hi</p>", listIds=[number(world, ONE)])
    world.api("send-newsletter", newsletterId=id_, sendDate=int(world.now) + 7200)
    world.now += 3 * 3600.0
    state = world.store.read()
    found = drift(world.workspace, state)
    assert found.counts()
    assert [(entry.address, entry.final) for entry in found.entries] == [(MAIL, True)]
    made = world.plan(desired)
    assert not made.has_changes
    sent = made.steps[MAIL].send
    assert sent is not None
    assert sent.changes == (SendChange.EARLY, SendChange.ALTERED)
    assert {change.name for change in made.steps[MAIL].changes} >= {"schedule", "subject"}
    assert f"reconcile pull {MAIL}" in (made.steps[MAIL].note or "")


def test_a_draft_of_ours_that_somebody_else_schedules_is_drift() -> None:
    world = World(may_send=True)
    world.apply(declared(*lists(), mail()))
    assert not drift(world.workspace, world.store.read()).counts()
    world.api("send-newsletter", newsletterId=number(world, MAIL), sendDate=int(world.now) + 86400)
    found = drift(world.workspace, world.store.read())
    assert found.counts()
    assert [change.name for change in found.entries[0].changes] == ["schedule"]
