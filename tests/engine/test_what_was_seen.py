"""What was seen before plans were approvals, on both platforms: each ends right.

What is about the command line alone (a history in another place, a pull entry by entry, a broken file beside a plan) is
in ``tests/cli/test_what_was_seen.py``.
"""

from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest

from reconcile.engine.workflow import check_origin
from reconcile.errors import PlanStale, WrongAccount
from reconcile.model.call import Call
from reconcile.model.kind import Action
from reconcile.model.policy import Policy, Sends
from reconcile.model.right_to_send import right_to_send
from reconcile.planner.changes import digest_of, renewed
from reconcile.planner.plan import Cause, Plan, SendChange, Step
from reconcile.planner.planfile import dumps, loads
from reconcile.report import to_terminal
from tests.engine.test_reach import PLATFORMS, SENDS, Account
from tests.outside import edit
from tests.world import NOW, declared, failures, ref, resource

HOUR = 3600.0


@pytest.fixture(params=PLATFORMS)
def account(request: pytest.FixtureRequest) -> Account:
    return Account(request.param)


def saved(made: Plan) -> Plan:
    return loads(dumps(made), "test.plan")


def text_of(made: Plan) -> str:
    return to_terminal.render(made, color=False, now=NOW, zone=UTC)


def forged(record: Plan, *steps: Step, **members: Any) -> Plan:
    """The record with steps of somebody's own, every digest made to fit, written to a file and read from it."""
    whole = replace(record, steps={**record.steps, **{step.address: step for step in steps}}, **members)
    made = renewed(whole)
    fitting = {where: replace(step, digest=digest_of(step, whole, made)) for where, step in whole.steps.items()}
    return saved(replace(whole, steps=fitting))


def other(account: Account, name: str = "others", **options: Any) -> Any:
    kind = account.target.kind
    return resource(kind, name, {"name": name.title()}, provider=account.platform, **options)


# 1. A saved plan was trusted.


def test_calls_that_somebody_wrote_into_a_file_are_not_made(account: Account) -> None:
    """A delete of what is protected, of what is not in the state, an overwrite, and a wider send."""
    account.scheduled(6)
    world = account.world
    protected = other(account, "kept", prevent_destroy=True)
    desired = {**account.declared(), **declared(protected)}
    assert world.apply(desired)[0] == 0
    state = world.store.read()
    assert state is not None
    kept = state.resources[protected.address].id
    operation = "delete-list" if account.platform == "squalomail" else "gatormail_deleteGroupById"
    argument = "listId" if account.platform == "squalomail" else "groupId"
    removal = Step(
        protected.address,
        Action.DELETE,
        Cause.REMOVED,
        removals=(Call(operation, {argument: int(kept)}),),
        id=kept,
        deposed=(kept,),
    )
    stranger = replace(removal, address=replace(protected.address, name="stranger"), id="999", deposed=("999",))
    record = world.plan(desired)
    wide = replace(record.steps[account.mail], action=Action.UPDATE, cause=Cause.MANIFEST, calls=(removal.removals[0],))
    record = forged(record, removal, stranger, wide)
    world.clear_log()
    code, events = world.apply_saved(desired, record, rights=replace(SENDS, deletes=100))
    assert (code, events) == (0, []), "the fresh plan has nothing to do"
    assert world.writes() == []


def test_a_file_can_not_bring_a_target_or_a_replacement_that_the_rules_refuse(account: Account) -> None:
    world = account.world
    protected = replace(account.them(), prevent_destroy=True)
    assert world.apply(declared(protected))[0] == 0
    record = forged(world.plan(declared(protected)), replaced=(protected.address,), targets=(protected.address,))
    world.clear_log()
    world.apply_saved(declared(protected), record, rights=replace(SENDS, deletes=100))
    assert world.writes() == []


# 2. It covered only what it writes.


def test_people_who_came_after_the_plan_are_not_mailed(account: Account) -> None:
    world = account.world
    world.apply(declared(account.them()))
    account.join(6)
    record = saved(world.plan(account.declared()))
    account.join(50)
    world.clear_log()
    code, events = world.apply_saved(account.declared(), record, rights=SENDS)
    assert code == 4
    assert world.writes() == []
    assert "has 56 people now, and had 6" in events[0].diagnostics[0].detail


def test_what_somebody_edited_after_the_plan_is_not_overwritten(account: Account) -> None:
    world = account.world
    account.scheduled(6)
    desired = account.declared(subject="Ours")
    record = saved(world.plan(desired))
    edit(world, account.mail, {"subject": "Hers"})
    world.clear_log()
    assert world.apply_saved(desired, record, rights=SENDS)[0] == 4
    assert world.writes() == []


# 3. It was blunt.


def two_more(account: Account) -> tuple[Any, Any]:
    return other(account, "first"), other(account, "second")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_branches_are_merged_in_either_order(account: Account, order: tuple[int, int]) -> None:
    world, branches = account.world, two_more(account)
    world.apply(declared(account.them()))
    records = [saved(world.plan(declared(account.them(), branch))) for branch in branches]
    first, second = order
    assert world.apply_saved(declared(account.them(), branches[first]), records[first])[0] == 0
    merged = declared(account.them(), *branches)
    assert world.apply_saved(merged, records[second])[0] == 0
    assert not world.plan(merged).has_changes


def test_both_branches_are_applied_at_once_with_both_records(account: Account) -> None:
    world, branches = account.world, two_more(account)
    world.apply(declared(account.them()))
    records = [saved(world.plan(declared(account.them(), branch))) for branch in branches]
    merged = declared(account.them(), *branches)
    world.clear_log()
    assert world.apply_saved(merged, *records)[0] == 0
    assert len(world.writes()) == 2
    assert not world.plan(merged).has_changes


def test_a_change_that_was_reverted_in_the_web_interface_is_not_replayed(account: Account) -> None:
    world = account.world
    account.scheduled(6)
    desired = account.declared(subject="Ours")
    record = saved(world.plan(desired))
    assert world.apply_saved(desired, record, rights=SENDS)[0] == 0
    edit(world, account.mail, {"subject": "Hello"})
    world.clear_log()
    code, events = world.apply_saved(desired, record, rights=SENDS)
    assert code == 4
    assert "it was applied since" in events[0].diagnostics[0].detail
    assert world.writes() == []


def test_a_lone_stop_goes_through_beside_unrelated_drift(account: Account) -> None:
    world = account.world
    account.scheduled(6)
    aside = other(account, "aside")
    assert world.apply({**account.declared(), **declared(aside)})[0] == 0
    record = saved(world.plan({**account.declared(), **declared(aside)}))
    edit(world, aside.address, {"name": "Hers"})
    stopped = {**account.declared(due=False), **declared(aside)}
    code, events = world.apply_saved(stopped, record)
    assert code == 6, failures(events)
    assert [event.step.address for event in events if event.exit_code == 4] == [aside.address]
    assert world.plan(stopped).steps[account.mail].action is Action.NO_OP
    live = world.rows("Mail", 'subject=="Hello"') if account.platform == "squalomail" else []
    assert all(row["published"] != 2 for row in live)
    world.now += 30 * 86400
    assert world.sends() == []


def test_a_record_of_another_state_or_account_approves_of_nothing(account: Account) -> None:
    world = account.world
    world.apply(declared(account.them()))
    record = saved(world.plan(account.declared()))
    with world.store.lock("test") as locked, pytest.raises(PlanStale, match="another state"):
        check_origin(world.workspace, replace(record, lineage="other"), locked.state)
    elsewhere = {alias: replace(found, id="999") for alias, found in record.accounts.items()}
    with world.store.lock("test") as locked, pytest.raises(WrongAccount, match="was made for"):
        check_origin(world.workspace, replace(record, accounts=elsewhere), locked.state)


# 4. A send was modelled as a time.


def test_a_changed_mail_names_its_date_and_its_people(account: Account) -> None:
    account.scheduled(6)
    made = account.world.plan(account.declared(subject="Other"))
    send = made.steps[account.mail].send
    assert send is not None
    assert SendChange.CONTENT in send.changes
    assert (send.before, send.after, send.people, send.to) == (NOW + 5 * 86400 + HOUR,) * 2 + (6, (account.target,))
    text = text_of(made)
    assert text.startswith("Sends (1)")
    assert "Nothing will be sent" not in text
    assert "2027-01-20" in text
    assert "6 people" in text


def test_a_wider_mail_says_when_it_goes_and_to_whom(account: Account) -> None:
    account.scheduled(6)
    more = other(account)
    account.world.apply({**account.declared(), **declared(more)})
    aim = {"lists": (ref("list", "them"), ref("list", "others"))}
    if account.platform == "gatormail":  # a campaign has one group: another one is other people
        aim = {"group": ref("group", "others", "gatormail")}
    made = account.world.plan({**account.declared(**aim), **declared(more)})
    send = made.steps[account.mail].send
    assert send is not None
    assert SendChange.WIDENED in send.changes
    assert send.to_before == (account.target,)
    assert more.address in send.to
    assert "widened" in text_of(made)
    assert "2027-01-20" in text_of(made)


# 5. "Can't change any more" counted as "is as declared".


def test_mail_that_went_out_early_and_altered_is_drift(account: Account) -> None:
    world = account.world
    account.scheduled(6)
    soon = "2027-01-15T12:00:00Z"
    when = "schedule" if account.platform == "squalomail" else "startDate"
    edit(world, account.mail, {"subject": "Hers", when: soon})
    world.now += 30 * HOUR
    assert world.sends(), "it went out"
    found = account.drift()
    assert found.counts()
    assert [(entry.address, entry.final) for entry in found.entries] == [(account.mail, True)]
    made = world.plan(account.declared())
    assert not made.has_changes
    send = made.steps[account.mail].send
    assert send is not None
    assert send.changes == (SendChange.EARLY, SendChange.ALTERED)
    assert "No changes" not in text_of(made).split("\n")[0]
    assert f"reconcile pull {account.mail}" in (made.steps[account.mail].note or "")


# 6. Flags were ignored in words.


@pytest.mark.parametrize(
    ("sends", "flag", "allowed", "said"),
    [
        (Sends.ASK, False, False, "policy.sends is ask, so it takes --allow-send"),
        (Sends.ASK, True, True, "--allow-send was given"),
        (Sends.ALLOW, False, True, "policy.sends is allow"),
        (Sends.DENY, True, False, "policy.sends is deny"),
    ],
)
def test_a_plan_says_whether_this_run_may_send_and_what_decides(
    account: Account, sends: Sends, flag: bool, allowed: bool, said: str
) -> None:
    world = account.world
    world.apply(declared(account.them()))
    account.join(6)
    right = right_to_send(sends, allow_send=flag)
    world.workspace = replace(world.workspace, right=right, policy=Policy(sends=sends))
    made = world.plan(account.declared())
    send = made.steps[account.mail].send
    assert send is not None
    assert (send.allowed, send.decided_by) == (allowed, right.decided_by)
    text = text_of(made)
    assert said in text
    assert ("may not send" in text) is not allowed
    needs = made.steps[account.mail].requires
    assert all("Give the right with --allow-send" not in (need.diagnostic.hint or "") for need in needs) or (
        sends is Sends.ASK
    )
