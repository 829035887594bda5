"""How many people are approved of behind what mail goes to, as a plan puts it on record, and whether there are more."""

from dataclasses import replace
from typing import Any

import pytest

from reconcile.errors import Diagnostic
from reconcile.model.address import Address, parse_address
from reconcile.model.kind import Action, Circumstances
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied, RemoteObject
from reconcile.planner.diff import Surroundings
from reconcile.planner.plan import AttributeChange, Cause, Growth, Plan, Send, SendChange, Step
from reconcile.planner.reach import as_approved, audiences_of, joining, most, outgrown, with_reach, without_joining
from reconcile.planner.steps import Seen
from tests.planner.casefiles import NOW, registry

NEWS, MORE = parse_address("squalomail.list.news"), parse_address("squalomail.list.more")
MAIL, PEOPLE = parse_address("squalomail.campaign.spring"), parse_address("squalomail.audience.people")
DUE = "2027-02-01T08:00:00Z"
SCHEDULED: dict[str, Any] = {"published": 2, "sendDate": 1801468800, "created": 1, "edited": None, "sent": False}
AROUND = Circumstances(NOW, 3600.0)
GROWTH = 20.0


def live(due: str | None = DUE, *lists: Address, **facts: Any) -> RemoteObject:
    aims = tuple(Reference(each) for each in lists or (NEWS,))
    return RemoteObject("7", {"subject": "S", "schedule": due, "lists": aims}, {**SCHEDULED, **facts})


def kept(**reach: int) -> Applied:
    people = {NEWS: reach["news"]} if "news" in reach else {}
    people |= {MORE: reach["more"]} if "more" in reach else {}
    return Applied("7", {"subject": "S", "schedule": DUE, "lists": (Reference(NEWS),)}, reach=people)


def audience(target: Address = NEWS, count: Any = 5, **members: Any) -> Step:
    change = AttributeChange(f"joining {target.name}", 0, count, Cause.MANIFEST)
    whole = {"changes": (change,), "dependencies": (target,), "source_digest": "x", **members}
    return Step(PEOPLE, Action.UPDATE, **whole)


@pytest.mark.parametrize(
    ("shown", "growth", "limit"), [(0, 20.0, 0), (1, 20.0, 11), (50, 20.0, 60), (100, 20.0, 120), (100, 0.0, 110)]
)
def test_the_most_that_there_may_be(shown: int, growth: float, limit: float) -> None:
    assert most(shown, growth) == limit


def test_those_whom_audiences_add_are_counted_once_each() -> None:
    blocked = audience(blocked=Diagnostic("x", "x", "x"))
    steps = {PEOPLE: audience(), MAIL: Step(MAIL, Action.UPDATE), NEWS: blocked}
    assert audiences_of(steps) == [steps[PEOPLE]]
    both = [audience(count=5), audience(count=3), audience(MORE, 9)]
    assert (joining(both, NEWS), joining(both, MORE)) == (8, 9)
    assert joining([audience(count=None), audience(count="5"), audience(count=True)], NEWS) == 0
    assert joining([replace(audience(), dependencies=())], NEWS) == 0
    other = AttributeChange("leaving news", 0, 5, Cause.MANIFEST)
    assert joining([replace(audience(), changes=(other,))], NEWS) == 0


def grown(there: RemoteObject | None, reached: dict[Address, int], **reach: int) -> tuple[Growth, ...]:
    return outgrown(registry().kind(MAIL), kept(**reach), there, reached, AROUND, GROWTH)


def test_more_people_than_were_approved_are_told_by_target() -> None:
    assert grown(live(), {NEWS: 16}, news=6) == ()
    assert grown(live(), {NEWS: 17, MORE: 99}, news=6) == (Growth(NEWS, 6, 17),)
    assert grown(live(), {NEWS: 17, MORE: 1}, news=6, more=0) == (Growth(MORE, 0, 1), Growth(NEWS, 6, 17))
    assert grown(live(), {}, news=6) == (), "whoever can't be counted counts as nobody"


def test_only_mail_that_is_still_to_go_out_can_be_outgrown() -> None:
    assert grown(None, {NEWS: 99}, news=6) == ()
    assert grown(live(), {NEWS: 99}) == ()
    assert grown(live(None), {NEWS: 99}, news=6) == ()
    assert grown(live(sent=True), {NEWS: 99}, news=6) == ()


def planned(
    step: Step, was: Applied | None, there: RemoteObject | None, reached: dict[Address, int], *others: Step
) -> Step:
    steps = {step.address: step, **{other.address: other for other in others}}
    applied = {MAIL: was} if was is not None else {}
    seen = Seen({MAIL: there} if there is not None else {}, {}, {}, reached)
    around = Surroundings({("squalomail", "list", "5"): NEWS, ("squalomail", "list", "6"): MORE})
    return with_reach(steps, applied, seen, registry(), AROUND, around, GROWTH)[step.address]


def sending(*to: Address, after: float | None = 1.0) -> Step:
    whole = Applied("7", {"subject": "S"})
    send = Send(None, after, to or (NEWS,), None, (SendChange.NEW,))
    return Step(MAIL, Action.UPDATE, send=send, applied=whole)


def reach_of(step: Step) -> dict[Address, int]:
    assert step.applied is not None
    return dict(step.applied.reach)


def test_a_send_approves_of_those_behind_it_and_of_those_whom_audiences_add() -> None:
    assert reach_of(planned(sending(), None, None, {NEWS: 6, MORE: 9})) == {NEWS: 6}
    assert reach_of(planned(sending(), None, None, {NEWS: 6}, audience())) == {NEWS: 11}
    made = Step(NEWS, Action.CREATE)
    assert reach_of(planned(sending(), None, None, {}, audience(), made)) == {NEWS: 5}
    assert reach_of(planned(sending(), None, None, {}, replace(made, action=Action.UPDATE))) == {}
    assert reach_of(planned(sending(NEWS, MORE), None, None, {NEWS: 6}, made)) == {NEWS: 6}
    assert reach_of(planned(sending(after=None), kept(news=6), live(), {NEWS: 6})) == {}


def idle(**members: Any) -> Step:
    return Step(MAIL, **{"action": Action.NO_OP, "applied": Applied("7", {"subject": "S"}), **members})


def test_what_nothing_is_done_to_keeps_its_approval() -> None:
    assert reach_of(planned(idle(), kept(news=6), live(), {NEWS: 8})) == {NEWS: 6}
    assert reach_of(planned(idle(), kept(), live(), {NEWS: 8})) == {NEWS: 8}, "the first look"
    assert reach_of(planned(idle(), kept(), live(), {NEWS: 8}, audience())) == {NEWS: 13}
    assert reach_of(planned(idle(), kept(news=6), live(), {NEWS: 8}, audience())) == {NEWS: 13}
    assert reach_of(planned(idle(), kept(news=16), live(), {NEWS: 8}, audience())) == {NEWS: 16}
    assert reach_of(planned(idle(), kept(news=6), live(DUE, MORE), {MORE: 3})) == {MORE: 3}
    assert reach_of(planned(idle(), kept(news=6), live(None), {NEWS: 8})) == {}
    assert reach_of(planned(idle(), kept(news=6), live(), {})) == {}


@pytest.mark.parametrize(("was", "there"), [(None, live()), (kept(news=6), None), (kept(news=6), live(sent=True))])
def test_what_is_not_there_or_has_gone_out_is_left_alone(was: Applied | None, there: RemoteObject | None) -> None:
    step = idle()
    assert planned(step, was, there, {NEWS: 99}) is step
    assert planned(replace(step, applied=None), kept(news=6), live(), {NEWS: 99}).applied is None


def test_what_was_outgrown_stays_on_record_as_it_was_and_is_told() -> None:
    step = planned(idle(note="Before."), kept(news=6), live(DUE, NEWS, MORE), {NEWS: 56, MORE: 3}, audience())
    assert reach_of(step) == {NEWS: 6, MORE: 3}
    assert step.outgrown == (Growth(NEWS, 6, 56),)
    assert step.send is not None
    assert (step.send.before, step.send.after) == (1801468800.0, 1801468800.0)
    assert (step.send.to, step.send.to_before) == ((MORE, NEWS), (MORE, NEWS))
    assert step.send.reach == {MORE: 3, NEWS: 56}
    assert (step.send.people, step.send.approved, step.send.changes) == (59, 9, (SendChange.OUTGROWN,))
    assert step.note == (
        "Before. More people would get it than were approved: squalomail.list.news has 56, and had 6. If that is "
        "right, put it on record with reconcile pull squalomail.campaign.spring; if not, take its schedule out or take "
        "the people off."
    )
    changed = planned(idle(action=Action.UPDATE), kept(news=6), live(), {NEWS: 56})
    assert changed.outgrown == (Growth(NEWS, 6, 56),)
    assert changed.send is None


def test_an_audience_that_is_left_undone_approves_of_nobody() -> None:
    mail = replace(idle(), applied=replace(kept(news=11)))
    plan = Plan({MAIL: mail, PEOPLE: audience()})
    before = {MAIL: kept(news=6)}
    assert without_joining(plan, [], before) is plan
    back = without_joining(plan, [PEOPLE], before)
    assert reach_of(back.steps[MAIL]) == {NEWS: 6}
    assert back.steps[PEOPLE] == plan.steps[PEOPLE]
    assert without_joining(plan, [PEOPLE], {}) is plan
    for other in (replace(mail, send=sending().send), replace(mail, applied=None), replace(mail, applied=kept(more=3))):
        changed = replace(plan, steps={**plan.steps, MAIL: other})
        assert without_joining(changed, [PEOPLE], before) is changed
    plain = replace(plan, steps={MAIL: mail, PEOPLE: replace(audience(), source_digest=None)})
    assert without_joining(plain, [PEOPLE], before) is plain


def test_no_more_people_are_put_on_record_than_a_record_shows() -> None:
    def of(**reach: int) -> Plan:
        return Plan({MAIL: replace(idle(), applied=kept(**reach))})

    fresh = of(news=8, more=4)
    assert reach_of(as_approved(fresh, [of(news=6)]).steps[MAIL]) == {NEWS: 6, MORE: 4}
    assert reach_of(as_approved(fresh, [of(news=6), of(news=7, more=3)]).steps[MAIL]) == {NEWS: 7, MORE: 3}
    assert reach_of(as_approved(fresh, [of(news=99)]).steps[MAIL]) == {NEWS: 8, MORE: 4}
    for records in ([], [of()], [Plan({})], [Plan({MAIL: Step(MAIL, Action.NO_OP)})]):
        assert as_approved(fresh, records) == fresh
    unaware = Plan({MAIL: Step(MAIL, Action.NO_OP)})
    assert as_approved(unaware, [of(news=6)]) == unaware
