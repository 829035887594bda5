"""Outside edits that somebody has accepted: exactly those stay, and exactly as long as somebody said."""

from dataclasses import replace
from typing import Any

import pytest

from reconcile.errors import Location
from reconcile.model.address import parse_address
from reconcile.model.attributes import digest_text
from reconcile.model.call import Call
from reconcile.model.kind import Action
from reconcile.model.resource import Acceptance, Applied, RemoteObject, Resource
from reconcile.planner.accepted import in_force, kept_on_record, told, without
from reconcile.planner.plan import AttributeChange, Cause, Step

LIST = parse_address("squalomail.list.news")
DAY = "2027-01-15"
COLOUR = Acceptance("color", "#000000", "#111111", "Her wish", "2027-01-15", "Ada", 1_800_000_000.0)


def declared(**attributes: Any) -> Resource:
    return Resource(LIST, {"name": "News", "color": "#111111", **attributes}, Location("m.yaml", 1, 1))


def applied(*accepted: Acceptance, **attributes: Any) -> Applied:
    whole = {"name": "News", "color": "#111111", **attributes}
    return Applied("5", whole, observed={"color": digest_text("x"), "name": digest_text("y")}, accepted=accepted)


def live(**attributes: Any) -> RemoteObject:
    return RemoteObject("5", {"name": "News", "color": "#000000", **attributes}, {})


def test_it_holds_while_neither_side_says_something_else_and_its_day_is_not_over() -> None:
    assert in_force(declared(), applied(COLOUR), live(), DAY) == {"color"}
    assert in_force(declared(), applied(replace(COLOUR, until=None)), live(), "2099-01-01") == {"color"}
    assert in_force(declared(), applied(COLOUR), live(), "2027-01-16") == frozenset()
    assert in_force(declared(), applied(COLOUR), live(color="#222222"), DAY) == frozenset()
    assert in_force(declared(color="#222222"), applied(COLOUR), live(), DAY) == frozenset()
    assert in_force(declared(), applied(COLOUR), RemoteObject("5", {}, {}), DAY) == frozenset()
    assert in_force(declared(), None, live(), DAY) == frozenset()
    assert in_force(declared(), applied(COLOUR), None, DAY) == frozenset()
    assert in_force(declared(), applied(), live(), DAY) == frozenset()


def test_what_is_accepted_is_left_as_it_is() -> None:
    one = replace(declared(), ignore_changes=frozenset(["name"]))
    assert without(one, ["color"]).ignore_changes == {"name", "color"}
    assert without(one, []) is one


def kept(step: Step, was: Applied | None, *names: str) -> Applied | None:
    return kept_on_record(step, was, names).applied


def test_the_state_goes_on_to_hold_what_was_applied_and_what_was_accepted() -> None:
    planned = Applied("5", {"name": "New", "color": "#000000"}, observed={"name": digest_text("z")})
    step = Step(LIST, Action.NO_OP, applied=planned)
    found = kept(step, applied(COLOUR), "color", "ordering")
    assert found is not None
    assert found.attributes == {"name": "New", "color": "#111111"}
    assert found.observed == {"name": digest_text("z"), "color": digest_text("x")}
    assert found.accepted == (COLOUR,)


def test_what_is_over_is_dropped_once_it_is_settled() -> None:
    planned = Applied("5", {"name": "News"})
    differs = AttributeChange("color", "#000000", "#111111", Cause.OUTSIDE)
    shown = Step(LIST, Action.UPDATE, applied=planned, changes=(differs,))
    left = kept(shown, applied(COLOUR))
    assert left is not None
    assert left.accepted == (COLOUR,), "nothing is written, so it differs still"
    for settled in (replace(shown, calls=(Call("update-list", {}),)), replace(shown, changes=())):
        found = kept(settled, applied(COLOUR))
        assert found is not None
        assert found.accepted == ()
    bare = Step(LIST, Action.NO_OP)
    assert kept_on_record(bare, applied(COLOUR), ["color"]) is bare
    assert kept_on_record(shown, None, ["color"]) is shown
    assert kept_on_record(shown, applied(), ["color"]) is shown


def word(step: Step, acceptance: Acceptance = COLOUR, *holding: str) -> Any:
    found = list(told({LIST: applied(acceptance)}, {LIST: holding}, {LIST: step}))
    assert len(found) <= 1
    return found[0] if found else None


def test_each_plan_names_it_and_who_accepted_it() -> None:
    found = word(Step(LIST, Action.NO_OP), COLOUR, "color")
    assert (found.code, found.address, found.severity.value) == ("accepted-edit", str(LIST), "warning")
    assert found.summary == "an outside edit that is accepted"
    assert found.detail == (
        "color was edited outside and stays as it is, until 2027-01-15. Accepted by Ada on 2027-01-15: Her wish"
    )
    assert found.hint == "To end that now: reconcile accept squalomail.list.news.color --over"
    endless = word(Step(LIST, Action.NO_OP), replace(COLOUR, until=None, by=""), "color")
    assert "stays as it is, for good. Accepted by somebody on" in endless.detail


@pytest.mark.parametrize("cause", list(Cause))
def test_and_says_when_it_is_over_where_the_edit_is_still_there(cause: Cause) -> None:
    differs = AttributeChange("color", "#000000", "#111111", cause)
    found = word(Step(LIST, Action.UPDATE, changes=(AttributeChange("name", "a", "b", Cause.OUTSIDE), differs)))
    if cause not in (Cause.OUTSIDE, Cause.BOTH):
        assert found is None
        return
    assert (found.code, found.address, found.severity.value) == ("acceptance-over", str(LIST), "warning")
    assert found.detail == (
        "color was edited outside, which was accepted until 2027-01-15; that is over, as the day has passed, or the "
        "edit or the entry is another one now. Accepted by Ada on 2027-01-15: Her wish"
    )
    assert found.hint == "Take it into the manifest (reconcile pull squalomail.list.news), or accept it anew."


def test_nothing_is_said_of_what_is_not_planned() -> None:
    assert not list(told({LIST: applied(COLOUR)}, {LIST: ["color"]}, {}))
