"""What another builder makes of the same sources: when it is left alone, and what the state keeps of it."""

from dataclasses import replace
from typing import Any

import pytest

from reconcile.errors import Location
from reconcile.model.address import Address, parse_address
from reconcile.model.attributes import digest_text
from reconcile.model.call import Call
from reconcile.model.kind import Action
from reconcile.model.resource import Applied, Build, BuildRecord, RemoteObject, Resource
from reconcile.planner.builds import as_applied, built_otherwise, on_record, writes_unknown
from reconcile.planner.plan import Step
from tests.planner.casefiles import registry

MAIL = parse_address("squalomail.campaign.spring")
LAUNCH = parse_address("gatormail.campaign.launch")
OLD, NEW = "<p>old</p>", "<p>new</p>"
BUILT = Build(("a.mjml",), "sources", "builder 2")
WAS = BuildRecord("sources", "builder 1")


def declared(where: Address = MAIL, name: str = "body", **members: Any) -> Resource:
    whole = {"builds": {name: BUILT}, **members}
    return Resource(where, {"subject": "S", name: NEW}, Location("m.yaml", 1, 1), **whole)


def applied(name: str = "body", **members: Any) -> Applied:
    whole = {"builds": {name: WAS}, **members}
    return Applied("7", {"subject": "S", name: digest_text(OLD)}, **whole)


def live(**attributes: Any) -> RemoteObject:
    return RemoteObject("7", {"subject": "S", **attributes}, {})


def kept(resource: Resource, was: Applied | None, there: RemoteObject | None) -> Resource:
    return as_applied(resource, registry().kind(resource.address), was, there)


def test_the_same_sources_stay_as_they_are_live() -> None:
    resource = declared()
    found = kept(resource, applied(), live(body=OLD))
    assert found.attributes == {"subject": "S", "body": OLD}
    assert found.address == MAIL


def test_what_the_platform_made_of_it_stays_too() -> None:
    rewritten = "<p>old </p>"
    was = applied(observed={"body": digest_text(rewritten)})
    assert kept(declared(), was, live(body=rewritten)).attributes["body"] == rewritten
    assert kept(declared(), was, live(body=OLD)).attributes["body"] == NEW, "that is an outside edit by now"


def test_what_can_not_be_read_stays_as_it_was_applied() -> None:
    resource = declared(LAUNCH, "email.html")
    found = kept(resource, applied("email.html"), live(**{"email.html": "anything"}))
    assert found.attributes["email.html"] == digest_text(OLD)
    assert kept(declared(), applied(), live()).attributes["body"] == digest_text(OLD)


@pytest.mark.parametrize(
    ("resource", "was", "there"),
    [
        (declared(), None, live(body=OLD)),
        (declared(), applied(), None),
        (declared(builds={}), applied(), live(body=OLD)),
        (declared(), applied(builds={}), live(body=OLD)),
        (declared(), applied(builds={"altBody": WAS}), live(body=OLD)),
        (declared(), applied(builds={"body": replace(WAS, source="other sources")}), live(body=OLD)),
        (declared(), applied(builds={"body": replace(WAS, builder="builder 2")}), live(body=OLD)),
        (declared(), replace(applied(), attributes={"subject": "S"}), live(body=OLD)),
        (declared(), replace(applied(), attributes={"body": digest_text(NEW)}), live(body=NEW)),
        (declared(), applied(), live(body="<p>edited</p>")),
    ],
    ids=[
        "never applied",
        "not there",
        "not built",
        "was not built",
        "another one was built",
        "other sources",
        "the same builder",
        "not on record",
        "it is the same",
        "edited outside",
    ],
)
def test_everything_else_is_compared_as_it_is_built_now(
    resource: Resource, was: Applied | None, there: RemoteObject | None
) -> None:
    assert kept(resource, was, there) is resource


def test_one_text_that_changes_holds_no_other_back() -> None:
    both = declared()
    both = replace(both, attributes={**both.attributes, "altBody": NEW}, builds={"altBody": BUILT, "body": BUILT})
    was = applied(builds={"altBody": replace(WAS, source="other"), "body": WAS})
    found = kept(both, was, live(body=OLD, altBody=OLD))
    assert found.attributes == {"subject": "S", "body": OLD, "altBody": NEW}
    same = applied(builds={"altBody": WAS, "body": WAS})
    same = replace(same, attributes={**same.attributes, "altBody": digest_text(NEW)})
    assert kept(both, same, live(body=OLD, altBody=NEW)).attributes["body"] == OLD


CALL = Call("update-newsletter", {})


def step(**members: Any) -> Step:
    return Step(MAIL, **{"action": Action.UPDATE, **members})


def test_a_text_known_by_its_digest_alone_can_not_be_written() -> None:
    resource = declared()
    of_old = kept(resource, applied(), live())
    by_digest = replace(resource, attributes={**resource.attributes, "body": digest_text(OLD)})
    assert of_old.attributes == by_digest.attributes
    assert writes_unknown(step(calls=(CALL,)), resource, of_old)
    assert not writes_unknown(step(), resource, of_old), "nothing is written"
    assert not writes_unknown(step(calls=(CALL,)), resource, kept(resource, applied(), live(body=OLD)))
    assert not writes_unknown(step(calls=(CALL,)), resource, resource)
    assert writes_unknown(step(action=Action.CREATE), resource, resource), "it is made anew, of what is built now"


def recorded(resource: Resource, shown: Resource, was: Applied | None, **attributes: Any) -> Applied:
    planned = Applied("7", {"subject": "S", "body": digest_text(NEW), **attributes})
    found = on_record(step(applied=planned), resource, shown, was).applied
    assert found is not None
    return found


def test_the_state_keeps_by_whom_each_text_was_built() -> None:
    resource = declared()
    assert recorded(resource, resource, None).builds == {"body": BUILT.record}
    assert recorded(resource, resource, applied()).builds == {"body": BUILT.record}
    left = recorded(resource, kept(resource, applied(), live(body=OLD)), applied())
    assert left.builds == {"body": WAS}
    assert left.attributes == {"subject": "S", "body": digest_text(OLD)}


def test_what_is_no_longer_built_keeps_its_record_while_it_is_the_same() -> None:
    plain = declared(builds={})
    was = applied()
    assert recorded(plain, plain, was, body=digest_text(OLD)).builds == {"body": WAS}
    assert recorded(plain, plain, was).builds == {}
    assert recorded(plain, plain, applied(builds={"altBody": WAS}), body=digest_text(OLD)).builds == {}


def test_nothing_is_kept_where_nothing_is_to_be() -> None:
    resource = declared()
    untouched = step()
    assert on_record(untouched, resource, resource, None) is untouched
    with_record = step(applied=Applied("7", {"body": digest_text(NEW)}))
    for one in (replace(resource, external=True), declared(builds={})):
        assert on_record(with_record, one, one, None) is with_record
        assert on_record(with_record, one, one, applied(builds={})) is with_record
    outside = replace(resource, external=True)
    assert on_record(with_record, outside, outside, applied()) is with_record


def test_a_word_on_mails_of_an_earlier_builder_names_five() -> None:
    many = [replace(MAIL, name=f"m{number}") for number in range(7)]
    desired = {where: declared(where) for where in many}
    steps = {where: Step(where, Action.NO_OP, applied=applied()) for where in many}
    (told,) = built_otherwise(desired, steps)
    assert told.detail == (
        "squalomail.campaign.m0, squalomail.campaign.m1, squalomail.campaign.m2, squalomail.campaign.m3, "
        "squalomail.campaign.m4 and 2 more: built by builder 1; builder 2 would make something else of the same "
        "sources. Nothing changes for that alone."
    )
    assert (told.code, told.severity.value) == ("built-before", "warning")
    assert told.summary == "built by an earlier builder"
    assert told.hint == "To take what is built now: reconcile plan --rebuild"
    (few,) = built_otherwise(desired, dict(list(steps.items())[:5]))
    assert "more" not in few.detail
    for other in (replace(WAS, source="other"), replace(WAS, builder="builder 2")):
        assert not list(
            built_otherwise(
                desired,
                {MAIL: Step(MAIL, Action.NO_OP, applied=applied(builds={"body": other}))}
                | {many[0]: Step(many[0], Action.NO_OP, applied=applied(builds={"body": other}))},
            )
        )
    assert not list(built_otherwise({}, steps))
    assert not list(built_otherwise(desired, {many[0]: Step(many[0], Action.NO_OP)}))
    older = Step(many[1], Action.NO_OP, applied=applied(builds={"body": replace(WAS, builder="builder 0")}))
    found = list(built_otherwise(desired, {many[0]: steps[many[0]], many[1]: older}))
    assert [one.detail.split(":")[0] for one in found] == ["squalomail.campaign.m1", "squalomail.campaign.m0"]
