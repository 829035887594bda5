"""What a person approves of: each part of a step is in its digest, by a name; counts are not, and have bounds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconcile.errors import Diagnostic, InvalidInput
from reconcile.model.account import Account
from reconcile.model.address import Address, parse_address
from reconcile.model.attributes import to_json
from reconcile.model.call import Call, Encoded
from reconcile.model.generation import Begun, Generation
from reconcile.model.kind import Action
from reconcile.model.reference import Reference
from reconcile.model.registry import Registry
from reconcile.model.traits import Traits
from reconcile.planner.approval import is_lone_stop, judge
from reconcile.planner.changes import digest_of, renewed, with_digests
from reconcile.planner.plan import AttributeChange, Cause, Plan, Right, Step
from reconcile.planner.rules import RuleChange
from reconcile.providers import provider_type
from tests.planner.casefiles import plan_of, registry

CASES = Path(__file__).parent / "cases"
ACCOUNT = Account("squalomail", "api.example.com", "1")


def encode(alias: str, call: Call) -> Encoded:
    return Encoded("POST", f"/{call.operation}", {"of": alias}, to_json(call.arguments))


def planned(case: str, **members: Any) -> Plan:
    """The plan of a case with its digests."""
    made = replace(plan_of(CASES / case), accounts={"squalomail": ACCOUNT}, **members)
    return with_digests(made, registry(), encode, {})


def only(plan: Plan, *, audience: bool = False) -> Step:
    """The step that the tests are about: the one that sends, or the audience's."""
    (step,) = [
        each
        for each in plan.steps.values()
        if each.action not in (Action.NO_OP, Action.MANUAL) and ((each.source_digest is not None) == audience)
    ]
    return step


def with_step(plan: Plan, step: Step) -> Plan:
    """The plan with another step, whose digest is what it would be."""
    changed = replace(plan, steps={**plan.steps, step.address: step})
    digest = digest_of(step, changed, renewed(changed))
    return replace(changed, steps={**changed.steps, step.address: replace(step, digest=digest)})


def reasons(
    fresh: Plan, record: Plan, address: Address, growth: float = 20.0, known: Generation | None = None
) -> tuple[str, ...]:
    generations = {address: known} if known is not None else {}
    found = judge(fresh, [record], generations, growth).differences.get(address)
    return found.reasons if found is not None else ()


def send(step: Step, **members: Any) -> Step:
    assert step.send is not None
    return replace(step, send=replace(step.send, **members))


def change(step: Step, **members: Any) -> Step:
    return replace(step, changes=(replace(step.changes[0], **members), *step.changes[1:]))


def applied(step: Step, **members: Any) -> Step:
    assert step.applied is not None
    return replace(step, applied=replace(step.applied, **members))


OTHER = parse_address("squalomail.list.other")
REFUSED = Diagnostic("frozen", "about to be sent", "It is.")
SENT = "other people would get it, or at another time, or something else"
# What differs in a step -> what is said of it.
PARTS: dict[str, tuple[Callable[[Step], Step], str]] = {
    "generation": (lambda step: replace(step, generation=3), "it was applied since"),
    "action": (lambda step: replace(step, action=Action.DELETE), "another action would be taken"),
    "former address": (lambda step: replace(step, previous_address=OTHER), "the former address differs"),
    "id": (lambda step: replace(step, id="999"), "it is about another object"),
    "deposed": (lambda step: replace(step, deposed=("999",)), "it is about another object"),
    "twins": (lambda step: replace(step, twins=("999",)), "it is about another object"),
    "goal": (lambda step: replace(step, goal="other"), "the entry declares something else"),
    "dependencies": (lambda step: replace(step, dependencies=(OTHER,)), "it depends on other entries"),
    "former dependencies": (lambda step: replace(step, former_dependencies=(OTHER,)), "it depends on other entries"),
    "refusal": (lambda step: replace(step, blocked=REFUSED), "a rule stands in its way now, or no longer does"),
    "cause": (lambda step: replace(step, cause=Cause.OUTSIDE), "it has another cause"),
    "cause of a change": (lambda step: change(step, cause=Cause.BOTH), "it has another cause"),
    "live object": (lambda step: replace(step, live_fingerprint="other"), "what is live has changed since"),
    "before": (lambda step: change(step, before="other"), "other attributes would change"),
    "after": (lambda step: change(step, after="other"), "other attributes would change"),
    "replaces": (lambda step: change(step, replaces=True), "other attributes would change"),
    "record": (lambda step: applied(step, attributes={}), "the state would hold something else of it"),
    "protection": (lambda step: applied(step, prevent_destroy=True), "the state would hold something else of it"),
    "external": (lambda step: applied(step, external=True), "the state would hold something else of it"),
    "no record": (lambda step: replace(step, applied=None), "the state would hold something else of it"),
    "calls": (lambda step: replace(step, requests="other"), "other calls would be made"),
    "no send": (lambda step: replace(step, send=None), SENT),
    "sent before": (lambda step: send(step, before=1.0), SENT),
    "sent after": (lambda step: send(step, after=1.0), SENT),
    "sent to": (lambda step: send(step, to=(OTHER,)), SENT),
    "sent to an id": (lambda step: send(step, others=("999",)), SENT),
    "was for": (lambda step: send(step, to_before=(OTHER,)), SENT),
    "was for an id": (lambda step: send(step, others_before=("999",)), SENT),
    "what of the send": (lambda step: send(step, changes=()), SENT),
    "content": (lambda step: send(step, content="other"), SENT),
    "sender": (lambda step: send(step, sender="other@example.com"), SENT),
}


@pytest.mark.parametrize("part", PARTS)
def test_each_part_of_a_step_is_approved_of(part: str) -> None:
    fresh = planned("schedule-moves")
    step = only(fresh)
    other, said = PARTS[part]
    assert reasons(fresh, fresh, step.address) == ()
    found = reasons(fresh, with_step(fresh, other(step)), step.address)
    assert said in found
    assert len(found) == 1


WORDING: dict[str, Callable[[Step], Step]] = {
    "note": lambda step: replace(step, note="said otherwise"),
    "edited": lambda step: replace(step, edited=1.0),
    "order of dependencies": lambda step: replace(step, dependencies=tuple(reversed(step.dependencies))),
    "subject": lambda step: send(step, subject="Told otherwise"),
    "right": lambda step: send(step, allowed=True, decided_by="a flag"),
    "text": lambda step: replace(step, instructions=("by hand",)),
}


@pytest.mark.parametrize("part", WORDING)
def test_wording_is_not_approved_of(part: str) -> None:
    planned_first = planned("schedule-moves")
    step = replace(only(planned_first), dependencies=(*only(planned_first).dependencies, OTHER))
    other = WORDING[part](step)
    assert other != step
    fresh = with_step(planned_first, step)
    assert reasons(fresh, with_step(fresh, other), step.address) == ()


def test_what_is_around_a_step_is_approved_of() -> None:
    fresh = planned("schedule-moves")
    where = only(fresh).address
    elsewhere = planned("schedule-moves")
    elsewhere = replace(elsewhere, accounts={"squalomail": replace(ACCOUNT, id="2")})
    assert reasons(fresh, with_step(elsewhere, only(elsewhere)), where) == ("it is in another account",)
    flagged = with_step(replace(fresh, flags=("--skip-invalid",)), only(fresh))
    assert reasons(fresh, flagged, where) == ("it was planned with other flags",)
    able = with_step(replace(fresh, capabilities={"squalomail": ("more",)}), only(fresh))
    assert reasons(fresh, able, where) == ("the account can do other things than was assumed",)


def test_what_nobody_approved_of_is_said() -> None:
    fresh = planned("schedule-moves")
    where = only(fresh).address
    assert judge(fresh, [], {}, 20.0).differences[where].reasons == ("nothing was approved",)
    missing = replace(fresh, steps={})
    assert reasons(fresh, missing, where) == ("it is not in what was approved",)
    without = replace(fresh, steps={where: replace(only(fresh), digest="")})
    assert reasons(fresh, without, where) == ("it is not in what was approved",)
    forged = replace(fresh, steps={where: replace(only(fresh), digest="f" * 64)})
    assert reasons(fresh, forged, where) == ("it is another one",)


def test_one_of_several_records_is_enough_and_the_one_that_knows_says_most() -> None:
    fresh = planned("schedule-moves")
    where = only(fresh).address
    missing = replace(fresh, steps={})
    other = with_step(fresh, replace(only(fresh), id="999"))
    assert not judge(fresh, [missing, fresh], {}, 20.0).differences
    found = judge(fresh, [missing, other], {}, 20.0).differences[where]
    assert found.approved is not None
    assert found.reasons == ("it is about another object",)


@pytest.mark.parametrize(
    ("approved", "now", "growth", "goes"),
    [
        (100, 100, 20.0, True),
        (100, 120, 20.0, True),
        (100, 121, 20.0, False),
        (100, 111, 0.0, False),
        (3, 13, 0.0, True),  # a handful may have come
        (3, 14, 0.0, False),
        (0, 1, 20.0, False),  # where nobody was, nobody may be
    ],
)
def test_so_many_more_people_may_get_it(approved: int, now: int, growth: float, goes: bool) -> None:
    fresh = planned("schedule-moves")
    step = only(fresh)
    assert step.send is not None
    (target,) = step.send.to
    grown = with_step(fresh, send(step, reach={target: now}))
    found = reasons(grown, with_step(fresh, send(step, reach={target: approved})), step.address, growth)
    said = f"{target} has {now:,} people now, and had {approved:,} when it was approved"
    assert found == (() if goes else (said,))
    lost = with_step(fresh, replace(step, lost=now))
    found = reasons(lost, with_step(fresh, replace(step, lost=approved)), step.address, growth)
    assert found == (() if goes else (f"it would lose {now:,} now, and {approved:,} when it was approved",))


def test_people_who_can_not_be_counted_any_more_are_no_approved_ones() -> None:
    fresh = planned("schedule-moves")
    step = only(fresh)
    assert step.send is not None
    (target,) = step.send.to
    unknown, known = (with_step(fresh, send(step, reach=reach)) for reach in ({}, {target: 5}))
    told = f"nobody can tell any more how many people {target} has"
    assert reasons(unknown, known, step.address) == (told,)
    assert reasons(known, unknown, step.address) == ()
    stopped = with_step(fresh, send(step, after=None, reach={}))
    assert reasons(stopped, with_step(fresh, send(step, after=None, reach={target: 5})), step.address) == ()


def test_the_people_of_an_audience_are_bound() -> None:
    fresh = planned("audience-mails-people")
    step = only(fresh, audience=True)
    assert reasons(fresh, with_step(fresh, replace(step, source_digest="other")), step.address) == (
        "the file has other content",
    )
    # Its calls and what is live are not in it: the file says who is meant.
    assert reasons(fresh, with_step(fresh, replace(step, live_fingerprint="other", requests="x")), step.address) == ()
    counts = [AttributeChange("joining news", 0, count, Cause.MANIFEST) for count in (100, 121)]
    before, after = (with_step(fresh, replace(step, changes=(each,), reach=7)) for each in counts)
    assert reasons(after, before, step.address) == ("joining news: 121 now, and 100 when it was approved",)
    assert reasons(before, after, step.address) == ()
    more = with_step(fresh, replace(step, changes=(counts[0],), reach=18))
    assert reasons(more, before, step.address) == ("18 people may get mail now, and 7 when it was approved",)


def test_a_step_that_was_cut_short_is_carried_on_unless_somebody_came_between() -> None:
    fresh = planned("schedule-moves")
    step = only(fresh)
    record = with_step(fresh, replace(step, id="999"))
    approved = record.steps[step.address].digest
    begun = Generation(0, begun=Begun(approved, step.goal))
    assert reasons(fresh, record, step.address, known=begun) == ()
    for other in (Begun("another", step.goal), Begun(approved, "another")):
        assert reasons(fresh, record, step.address, known=replace(begun, begun=other)) != ()
    (edited,) = plan_of(CASES / "update-edited-outside").steps.values()
    overwriting = replace(step, requires=edited.requires)
    assert any(need.right is Right.OVERWRITE_DRIFT for need in overwriting.requires)
    for between in (
        replace(step, blocked=REFUSED),
        replace(step, cause=Cause.GONE),
        change(step, cause=Cause.OUTSIDE),
        change(step, cause=Cause.BOTH),
        overwriting,
    ):
        assert reasons(with_step(fresh, between), record, step.address, known=begun) != ()


def test_who_stops_mail_needs_nobody_s_approval() -> None:
    fresh = planned("schedule-is-cancelled")
    step = only(fresh)
    alone = replace(step, stops=(Call("cancel-sending-newsletter", {}),), calls=(), removals=())
    assert is_lone_stop(alone)
    assert not judge(with_step(fresh, alone), [], {}, 20.0).differences
    for more in (replace(alone, calls=alone.stops), replace(alone, removals=alone.stops), replace(alone, stops=())):
        assert not is_lone_stop(more)


def test_a_call_that_can_not_be_put_on_the_wire_blocks_its_step() -> None:
    def failing(alias: str, call: Call) -> Encoded:
        raise InvalidInput("There is no room for it.")

    made = with_digests(plan_of(CASES / "create-list"), registry(), failing, {})
    (step,) = made.steps.values()
    assert step.blocked is not None
    assert "no room" in step.blocked.detail
    assert step.blocked.address == str(step.address)
    assert step.requests == ""


def test_line_ends_of_a_checkout_make_no_other_change() -> None:
    fresh = planned("schedule-moves")
    step = only(fresh)
    lines = [replace(step.changes[0], before="a", after=text, text=True) for text in ("a\nb", "a\r\nb", "a\nc")]
    plans = [with_step(fresh, replace(step, changes=(each,))) for each in lines]
    assert reasons(plans[0], plans[1], step.address) == ()
    assert reasons(plans[0], plans[2], step.address) == ("other attributes would change",)


def test_ids_of_other_objects_count_where_a_step_names_them() -> None:
    fresh = planned("schedule-moves")
    step = only(fresh)
    (other,) = step.dependencies
    naming = replace(step, changes=(AttributeChange("lists", (), (Reference(other),), Cause.MANIFEST),))
    elsewhere = replace(fresh, bindings={**fresh.bindings, other: "999"})
    assert reasons(fresh, with_step(elsewhere, step), step.address) == ()
    said = ("it refers to other objects",)
    assert reasons(with_step(fresh, naming), with_step(elsewhere, naming), step.address) == said


def test_generations_are_in_the_digest_by_their_number() -> None:
    made = plan_of(CASES / "create-list")
    (address,) = made.steps
    first, again, third = (with_digests(made, registry(), encode, {address: number}) for number in (0, 0, 1))
    assert first.steps[address].digest == again.steps[address].digest != third.steps[address].digest
    assert third.steps[address].generation == 1


def test_rules_are_settled_by_a_record_that_shows_them() -> None:
    looser = RuleChange("policy.freeze", "60m", "30m")
    fresh = replace(planned("schedule-moves"), rules={"policy.freeze": 1800.0}, rules_changed=(looser,))
    unaware = replace(fresh, rules_changed=())
    otherwise = replace(fresh, rules_changed=(replace(looser, after="45m"),))
    elsewhere = replace(fresh, rules_changed=(replace(looser, rule="policy.planExpiry"),))
    for records, settled in (
        ([fresh], True),
        ([unaware, fresh], True),
        ([unaware], False),
        ([otherwise], False),
        ([elsewhere], False),
        ([], False),
    ):
        assert bool(judge(fresh, records, {}, 20.0).plan.rules) is settled
    assert judge(unaware, [], {}, 20.0).plan.rules


def capable(*capabilities: str, zoned: bool = True) -> Registry:
    """A registry whose one account can do these things."""
    given = registry().providers["squalomail"]
    traits = Traits(capabilities=frozenset(capabilities), zoned=zoned)
    kinds = {name: type(kind)(traits) for name, kind in given.kinds.items()}
    return Registry({"squalomail": replace(given, kinds=kinds)})


def test_what_the_account_can_do_is_approved_of() -> None:
    made = plan_of(CASES / "create-list")
    (address,) = made.steps
    found = {
        abilities: with_digests(made, capable(*abilities, zoned=zoned), encode, {})
        for abilities, zoned in ((("a", "b"), True), ((), True), (("z",), False))
    }
    assert [plan.capabilities for plan in found.values()] == [
        {"squalomail": ("a", "b")},
        {"squalomail": ()},
        {"squalomail": ("z", "zone unknown")},
    ]
    assert len({plan.steps[address].digest for plan in found.values()}) == 3


def test_flags_are_in_the_digest_whatever_their_order() -> None:
    made = plan_of(CASES / "create-list")
    (address,) = made.steps
    one, other, none = (with_digests(made, registry(), encode, {}, flags) for flags in (["a", "b"], ["b", "a"], []))
    assert one.flags == other.flags == ("a", "b")
    assert one.steps[address].digest == other.steps[address].digest != none.steps[address].digest


def test_texts_are_the_same_whatever_their_line_ends_before_and_after_and_on_the_wire() -> None:
    fresh = planned("schedule-moves")
    step = only(fresh)
    before = [replace(step.changes[0], before=text, after="b", text=True) for text in ("a\nb", "a\r\nb", "a\nc")]
    plans = [with_step(fresh, replace(step, changes=(each,))) for each in before]
    assert reasons(plans[0], plans[1], step.address) == ()
    assert reasons(plans[0], plans[2], step.address) == ("other attributes would change",)
    short = [replace(step.changes[0], before=text, after="b", text=False) for text in ("a\nb", "a\r\nb")]
    plans = [with_step(fresh, replace(step, changes=(each,))) for each in short]
    assert reasons(plans[0], plans[1], step.address) == ("other attributes would change",), "that is no text of a file"
    calls = [Call("update-list", {"deep": [{"text": text}]}) for text in ("a\nb", "a\r\nb", "a\nc")]
    digests = []
    for call in calls:
        made = replace(fresh, steps={step.address: replace(step, calls=(call,))})
        digests.append(with_digests(made, registry(), encode, {}).steps[step.address].digest)
    assert digests[0] == digests[1] != digests[2]


def test_a_mark_made_with_the_project_key_is_no_part_of_the_calls() -> None:
    made = plan_of(CASES / "initiate-new")
    digests = set()
    for key in (b"one", b"two"):
        marking = provider_type("gatormail", {"timezone": "Europe/London"}, lambda key=key: key)
        step = next(step for step in made.steps.values() if step.address.kind == "campaign")
        mark = marking.kinds["campaign"].mark(step.address)
        assert mark
        call = Call("gatormail_addCampaign", {"crmId": mark, "deep": [mark]})
        creating = replace(made, steps={step.address: replace(step, calls=(call,))})
        known = Registry({**registry().providers, "gatormail": marking})
        digests.add(with_digests(creating, known, encode, {}).steps[step.address].digest)
    assert len(digests) == 1
