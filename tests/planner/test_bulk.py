"""The step of an entry that is compared in bulk, and what it needs before people may get mail."""

import pytest

from reconcile.errors import Diagnostic, Location
from reconcile.model.address import parse_address
from reconcile.model.bulk import Comparison
from reconcile.model.call import Call
from reconcile.model.kind import Action
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied, Resource
from reconcile.planner.bulk import bulk_removal, bulk_step
from reconcile.planner.plan import AttributeChange, Cause, Right

PEOPLE, NEWS = parse_address("squalomail.audience.people"), parse_address("squalomail.list.news")
BASE = parse_address("squalomail.field.city")
ENTRY = Resource(PEOPLE, {"lists": (Reference(NEWS),)}, Location("m.yaml", 1, 1), prevent_destroy=True)
WAS = Applied("", {}, dependencies=(BASE,))
MAILS, QUIET = Call("import", {}, True), Call("import", {})
UNKNOWN = Diagnostic("unknown", "not known", "Who was there before is not known.")


def test_what_changes_is_told_in_counts() -> None:
    comparison = Comparison("d", {"joining news": 3}, (QUIET,), 0, "", 2, 5, ("One.", "Two."), (BASE,))
    step = bulk_step(ENTRY, comparison, None)
    assert (step.action, step.cause) == (Action.CREATE, Cause.NEW)
    assert step.changes == (AttributeChange("joining news", 0, 3, Cause.NEW),)
    assert (step.calls, step.dependencies, step.former_dependencies) == ((QUIET,), (BASE, NEWS), ())
    assert step.applied == Applied("", ENTRY.attributes, dependencies=(BASE, NEWS), prevent_destroy=True)
    assert (step.source_digest, step.note, step.reach) == ("d", "One. Two.", None)
    assert (step.people_removed, step.people_ours, step.rows_lost) == (2, 5, 0.0)
    again = bulk_step(ENTRY, comparison, WAS)
    assert (again.action, again.cause, again.former_dependencies) == (Action.UPDATE, Cause.MANIFEST, (BASE,))
    assert again.changes[0].cause is Cause.MANIFEST


def test_nothing_to_do_is_no_change_and_what_stands_in_the_way_is_one() -> None:
    idle = bulk_step(ENTRY, Comparison("d", {"left alone": 1}), WAS)
    assert (idle.action, idle.cause, idle.note, idle.requires) == (Action.NO_OP, None, None, ())
    assert idle.changes == (AttributeChange("left alone", 0, 1, Cause.NEW),)
    blocked = bulk_step(ENTRY, Comparison("d", blocked=UNKNOWN), WAS)
    assert (blocked.action, blocked.blocked) == (Action.UPDATE, UNKNOWN)


@pytest.mark.parametrize(("before", "now", "lost"), [(200, 150, 25.0), (200, 200, 0.0), (0, 5, 0.0), (10, 20, -100.0)])
def test_how_much_of_its_source_is_gone(before: int, now: int, lost: float) -> None:
    assert bulk_step(ENTRY, Comparison(rows=now, rows_before=before), WAS).rows_lost == lost


def test_what_may_mail_people_needs_the_right() -> None:
    (need,) = bulk_step(ENTRY, Comparison(calls=(QUIET, MAILS), reach=7), None).requires
    assert (need.right, need.diagnostic.code, need.diagnostic.address) == (Right.SEND, "send-not-allowed", str(PEOPLE))
    assert need.diagnostic.summary == "people may get mail"
    assert need.diagnostic.detail == "People may get mail, and this run may not send."
    assert need.diagnostic.hint == "Give the right with --allow-send, or apply the rest with --without-sends."
    (said,) = bulk_step(ENTRY, Comparison(calls=(MAILS,), mail="7 get a welcome mail"), None).requires
    assert said.diagnostic.detail == "7 get a welcome mail, and this run may not send."
    assert bulk_step(ENTRY, Comparison(calls=(QUIET,), reach=7), None).requires == ()
    assert bulk_step(ENTRY, Comparison(calls=(MAILS,), reach=7), None).reach == 7


def test_what_is_not_known_of_the_past_wants_somebody_s_word() -> None:
    (need,) = bulk_step(ENTRY, Comparison(calls=(QUIET,), unknown=UNKNOWN), WAS).requires
    assert (need.right, need.diagnostic) == (Right.ACCEPT_UNKNOWN, UNKNOWN)
    assert bulk_step(ENTRY, Comparison(unknown=UNKNOWN), WAS).requires == ()


def test_an_entry_that_is_taken_out_leaves_everybody_where_they_are() -> None:
    step = bulk_removal(PEOPLE, WAS)
    assert (step.address, step.action, step.cause) == (PEOPLE, Action.FORGET, Cause.REMOVED)
    assert (step.former_dependencies, step.writes) == ((BASE,), ())
    assert step.note == "The people stay as they are, and where they are."
