"""The people behind mail that is to go out: more than were approved are drift, until somebody says it is right."""

from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest

from reconcile.engine.drift import drift
from reconcile.engine.run import Rights
from reconcile.errors import Refused
from reconcile.model.address import Address
from reconcile.model.resource import Resource
from reconcile.model.right_to_send import NOT_GIVEN
from reconcile.planner.drift import Drift
from reconcile.planner.plan import Right, SendChange
from reconcile.report.drift import drift_json, render
from tests.crowd import Crowd, audience, news
from tests.world import NO_RIGHTS, NOW, World, address, declared, failures, gator, ref, resource

SCHEDULE = "2027-01-20T09:00:00Z"
SENDS = Rights(frozenset([Right.SEND]))
PLATFORMS = ["squalomail", "gatormail"]


class Account:
    """One platform: a mail to one target, which a colleague fills with people."""

    def __init__(self, platform: str) -> None:
        self.world = World(may_send=True)
        self.platform = platform
        kind = "list" if platform == "squalomail" else "group"
        self.target = address(kind, "them", platform)
        self.mail = address("campaign", "mail", platform)
        self.people = 0

    def them(self) -> Resource:
        return resource(self.target.kind, "them", {"name": "Them"}, provider=self.platform)

    def campaign(self, *, due: bool = True, **members: Any) -> Resource:
        if self.platform == "squalomail":
            whole = {"subject": "Hello", "fromEmail": "a@example.com", "fromName": "A", "body": "<p>Hi</p>"}
            aimed = {"lists": (ref("list", "them"),), "schedule": SCHEDULE if due else None}
            return resource("campaign", "mail", {**whole, **aimed, **members})
        whole = {"name": "Mail", "subject": "Hello", "fromName": "A", "fromAddress": "a@example.com", "type": "Static"}
        aimed = {"startDate": SCHEDULE, "group": ref("group", "them", "gatormail"), "initiate": due}
        email = {"name": "Mail", "html": "<p>Hi</p>", "text": "Hi"}
        return gator("campaign", "mail", {**whole, **aimed, "email": email, "replyTo": "a@example.com", **members})

    def declared(self, **members: Any) -> dict[Address, Resource]:
        return declared(self.them(), self.campaign(**members))

    def join(self, count: int) -> None:
        id_ = int(self.world.store.read().resources[self.target].id)  # type: ignore[union-attr]
        emails = [f"p{each}@example.com" for each in range(self.people, self.people + count)]
        self.people += count
        if self.platform == "squalomail":
            for email in emails:
                self.world.api("create-recipient", email=email, name="P", listIds=[id_])
        elif emails:
            contacts = [{"emailLogin": email} for email in emails]
            self.world.call("gatormail_groupIncludedContactpost", groupId=id_, contacts=contacts)

    def scheduled(self, people: int) -> None:
        self.world.apply(declared(self.them()))
        self.join(people)
        code, events, _ = self.world.apply(self.declared(), SENDS)
        assert code == 0, failures(events)

    def drift(self) -> Drift:
        return drift(self.world.workspace, self.world.store.read())

    def approved(self) -> dict[Address, int]:
        state = self.world.store.read()
        assert state is not None
        return dict(state.resources[self.mail].reach)


@pytest.fixture(params=PLATFORMS)
def account(request: pytest.FixtureRequest) -> Account:
    return Account(request.param)


@pytest.mark.parametrize(("people", "more", "drifts"), [(6, 10, False), (6, 11, True), (60, 12, False), (60, 13, True)])
def test_more_people_than_were_approved_are_drift(account: Account, people: int, more: int, drifts: bool) -> None:
    account.scheduled(people)
    assert account.approved() == {account.target: people}
    assert not account.drift().counts()
    account.join(more)
    found = account.drift()
    assert found.counts() is drifts
    assert [entry.address for entry in found.entries] == [account.mail] * drifts
    assert account.world.apply(account.declared())[0] == 0
    assert account.drift().counts() is drifts, "an apply that does nothing approves of nobody"


def test_what_grew_is_told_with_its_numbers_and_its_way_out(account: Account) -> None:
    account.scheduled(6)
    account.join(50)
    found = account.drift()
    text = render(found, color=False, now=NOW, zone=UTC)
    assert f"{account.mail} would go to more people than were approved" in text
    assert f"{account.target}: 56 people now, 6 when it was approved" in text
    assert f"reconcile pull {account.mail}" in text
    (entry,) = drift_json(found)["entries"]
    assert entry["outgrown"] == [{"target": str(account.target), "approved": 6, "now": 56}]
    step = account.world.plan(account.declared()).steps[account.mail]
    assert step.send is not None
    assert (step.send.changes, step.send.people, step.send.approved) == ((SendChange.OUTGROWN,), 56, 6)


def test_growth_bit_by_bit_is_measured_from_what_was_approved(account: Account) -> None:
    account.scheduled(6)
    for _ in range(2):
        account.join(8)
        account.world.apply(account.declared())
    assert account.drift().counts()


def test_another_approval_of_the_mail_approves_of_those_shown_with_it(account: Account) -> None:
    account.scheduled(6)
    account.join(50)
    code, events, made = account.world.apply(account.declared(subject="Other"), SENDS)
    assert code == 0, failures(events)
    assert made.steps[account.mail].send is not None
    assert account.approved() == {account.target: 56}
    assert not account.drift().counts()


def test_a_saved_plan_approves_of_those_it_showed(account: Account) -> None:
    """Within the bound more may get it than were shown, but from then on the bound is that of what was shown."""
    account.world.apply(declared(account.them()))
    account.join(6)
    record = account.world.plan(account.declared())
    account.join(9)
    code, events = account.world.apply_saved(account.declared(), record, rights=SENDS)
    assert code == 0, failures(events)
    assert account.approved() == {account.target: 6}
    account.join(2)
    assert account.drift().counts()


def test_a_draft_and_what_is_cancelled_have_nobody_to_outgrow(account: Account) -> None:
    account.scheduled(6)
    assert account.world.apply(account.declared(due=False))[0] == 0
    assert account.approved() == {}
    account.join(50)
    assert not account.drift().counts()


def test_what_has_gone_out_can_not_be_outgrown(account: Account) -> None:
    account.scheduled(6)
    account.world.now += 400 * 86400
    account.join(50)
    assert not account.drift().counts()


def test_what_no_apply_has_put_on_record_counts_from_the_first_look(account: Account) -> None:
    """A state of before, or something adopted, says nothing of people."""
    account.scheduled(6)
    with account.world.store.lock("test") as locked:
        kept = locked.state.resources[account.mail]
        locked.put(account.mail, replace(kept, reach={}))
    account.join(50)
    assert not account.drift().counts()
    assert account.world.apply(account.declared())[0] == 0
    assert account.approved() == {account.target: 56}


def test_the_number_follows_its_target_to_another_address(account: Account) -> None:
    account.scheduled(6)
    elsewhere = replace(account.target, name="others")
    moved = resource(account.target.kind, "others", {"name": "Them"}, provider=account.platform, was=(account.target,))
    aim = ref(account.target.kind, "others", account.platform)
    members = {"lists": (aim,)} if account.platform == "squalomail" else {"group": aim}
    assert account.world.apply(declared(moved, account.campaign(**members)))[0] == 0
    assert account.approved() == {elsewhere: 6}


def test_the_people_whom_an_approved_audience_adds_are_approved_of() -> None:
    crowd = Crowd(may_send=True)
    mail = {"subject": "Hello", "fromEmail": "a@example.com", "fromName": "A", "body": "<p>Hi</p>"}
    waiting = resource("campaign", "mail", {**mail, "lists": (ref("list", "news"),), "schedule": SCHEDULE})
    crowd.source([("p0@example.com", "P")])
    desired = declared(news(), audience(), waiting)
    assert crowd.run(desired, SENDS)[0] == 0

    def approved() -> dict[Address, int]:
        state = crowd.store.read()
        assert state is not None
        return dict(state.resources[waiting.address].reach)

    target = address("list", "news")
    assert approved() == {target: 1}
    crowd.source([(f"p{number}@example.com", "P") for number in range(40)])
    given = crowd.workspace
    crowd.workspace = replace(given, right=NOT_GIVEN)
    with pytest.raises(Refused):
        crowd.run(desired, NO_RIGHTS)
    crowd.run(desired, replace(NO_RIGHTS, without_sends=True))
    crowd.workspace = given
    assert approved() == {target: 1}, "what was left out approves of nobody"
    code, events, _ = crowd.run(desired, SENDS)
    assert code == 0, failures(events)
    assert approved() == {target: 40}
    assert not drift(crowd.workspace, crowd.store.read()).counts()
