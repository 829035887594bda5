"""What a plan says of mail: what went out otherwise than was approved, and whether this run may send."""

from dataclasses import replace
from typing import Any

import pytest

from reconcile.errors import Diagnostic
from reconcile.model.address import parse_address
from reconcile.model.kind import Action
from reconcile.model.policy import Sends
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied, RemoteObject
from reconcile.model.right_to_send import right_to_send
from reconcile.planner.diff import Surroundings
from reconcile.planner.plan import AttributeChange, Cause, Plan, Requirement, Right, Send, SendChange, Step
from reconcile.planner.sends import gone_out, with_right_to_send
from tests.planner.casefiles import registry

NEWS, MORE = parse_address("squalomail.list.news"), parse_address("squalomail.list.more")
MAIL = parse_address("squalomail.campaign.spring")
EARLY, DUE = "2027-01-20T08:00:00Z", "2027-02-01T08:00:00Z"


def went(planned: str | None, at: str | None, *outside: str, lists: tuple[Any, ...] = (Reference(NEWS),)) -> Send:
    was = Applied("7", {"schedule": planned})
    there = RemoteObject("7", {"schedule": at, "lists": lists}, {})
    changes = [AttributeChange(name, "a", "b", Cause.OUTSIDE) for name in outside]
    around = Surroundings({("squalomail", "list", "5"): NEWS, ("squalomail", "list", "6"): MORE})
    return gone_out(MAIL, registry().kind(MAIL), was, there, changes, {NEWS: 7, MORE: 4}, around)


@pytest.mark.parametrize(
    ("send", "told"),
    [
        (went(DUE, EARLY), (SendChange.EARLY,)),
        (went(DUE, EARLY, "schedule"), (SendChange.EARLY,)),
        (went(DUE, EARLY, "schedule", "subject"), (SendChange.EARLY, SendChange.ALTERED)),
        (went(DUE, DUE, "subject"), (SendChange.ALTERED,)),
        (went(EARLY, DUE, "schedule"), (SendChange.ALTERED,)),
        (went(None, DUE, "schedule"), (SendChange.ALTERED,)),
    ],
    ids=["early", "early alone", "early and altered", "altered", "late", "never planned"],
)
def test_mail_that_went_out_otherwise(send: Send, told: tuple[SendChange, ...]) -> None:
    assert send.changes == told


def test_it_says_to_whom_it_went_and_that_nobody_can_send_it_any_more() -> None:
    send = went(DUE, EARLY, lists=("5", Reference(MORE), "99"))
    assert (send.before, send.after) == (1801468800.0, 1800432000.0)
    assert (send.to, send.others, send.people) == ((MORE, NEWS), ("99",), 11)
    assert send.reach == {NEWS: 7, MORE: 4}
    assert (send.allowed, send.decided_by) == (False, "it has gone out")
    assert went(DUE, EARLY, lists=("99",)).people is None


SEND = Send(None, 1.0, (NEWS,), 3, (SendChange.NEW,))
NEED = Requirement(Right.SEND, Diagnostic("send", "sends", "It sends.", hint="none"))
OTHER = Requirement(Right.DELETE, Diagnostic("delete", "deletes", "It deletes.", hint="none"))
ASK, GIVEN = right_to_send(Sends.ASK, allow_send=False), right_to_send(Sends.ASK, allow_send=True)
DENY = right_to_send(Sends.DENY, allow_send=True, environment="staging")


def told(step: Step, right: Any) -> Step:
    return with_right_to_send(Plan({step.address: step}), right).steps[step.address]


def step(**members: Any) -> Step:
    return Step(MAIL, **{"action": Action.UPDATE, "send": SEND, "requires": (OTHER, NEED), **members})


def test_a_send_says_whether_this_run_may_make_it() -> None:
    found = told(step(), ASK).send
    assert found is not None
    assert (found.allowed, found.decided_by) == (False, "policy.sends is ask, so it takes --allow-send")
    given = told(step(), GIVEN)
    assert given.send is not None
    assert (given.send.allowed, given.send.decided_by) == (True, "--allow-send was given")
    assert given.requires == (OTHER,), "nothing asks for it any more"
    denied = told(step(), DENY).send
    assert denied is not None
    assert denied.decided_by == "policy.sends is deny in the environment staging"


def test_a_refusal_names_what_would_give_the_right() -> None:
    asked, denied = told(step(), ASK).requires, told(step(), DENY).requires
    assert asked[0] == denied[0] == OTHER
    hint = "Give the right with --allow-send, or apply the rest with --without-sends."
    assert (asked[1].diagnostic.hint, asked[1].denied) == (hint, False)
    assert (denied[1].diagnostic.hint or "").startswith("No flag gives it: policy.sends is deny")
    assert denied[1].denied
    alone = told(step(send=None), ASK)
    assert alone.send is None
    assert alone.requires[1].diagnostic.hint == hint


def test_what_needs_no_right_is_told_too() -> None:
    found = told(step(requires=(OTHER,)), ASK).send
    assert found is not None
    assert (found.allowed, found.decided_by) == (True, "nobody gets mail that they would not get anyway")
    assert told(step(requires=(OTHER,)), ASK).requires == (OTHER,)


def test_a_step_that_is_blocked_sends_nothing() -> None:
    blocked = told(step(blocked=Diagnostic("frozen", "about to be sent", "It is.")), GIVEN).send
    assert blocked is not None
    assert (blocked.allowed, blocked.decided_by) == (False, "about to be sent")


def test_what_nothing_is_done_to_and_what_sends_nothing_stays_as_it_is() -> None:
    idle = step(action=Action.NO_OP)
    assert told(idle, ASK) is idle
    plain = step(send=None, requires=(OTHER,))
    assert told(plain, ASK) is plain
    over = replace(SEND, allowed=False, decided_by="it has gone out")
    assert told(step(action=Action.NO_OP, send=over), GIVEN).send is over
