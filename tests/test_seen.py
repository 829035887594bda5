"""What once went wrong in a run, and the tests that hold each of these down; none may go unless another comes."""

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SEEN = {
    "a signal did not stop the run": [
        "cli/test_stopping.py::test_no_call_leaves_after_the_signal",
        "cli/test_stopping.py::test_a_second_signal_ends_it_within_a_second",
        "cli/test_stopping.py::test_no_lock_stays_behind_with_a_server",
    ],
    "a slow clock sent a mail at once": [
        "engine/test_gate.py::test_no_mail_is_handed_over_by_clocks_that_differ",
        "engine/test_gate.py::test_no_mail_is_handed_over_where_nobody_tells_the_time",
        "engine/test_gate.py::test_a_few_seconds_do_no_harm",
    ],
    "checks came once a step, not once a call": [
        "engine/test_gate.py::test_what_is_edited_between_two_calls_is_not_overwritten",
        "engine/test_gate.py::test_what_is_edited_while_it_is_scheduled_is_taken_back",
        "engine/test_colleague.py::test_nothing_that_a_read_has_shown_is_undone",
    ],
    "there were several ways to a write": [
        "engine/test_gate.py::test_a_write_without_a_ticket_is_a_slip",
        "engine/test_gate.py::test_after_a_sleep_the_lock_is_asked_for_at_its_server",
        "engine/test_safeguards.py::test_who_lost_the_lock_writes_nothing",
    ],
    "a header was taken for proof": [
        "engine/test_gate.py::test_try_again_later_is_no_proof_that_nothing_was_made",
        "engine/test_proxy.py::test_every_spoiled_answer_at_every_call",
    ],
    "an id was taken for proof": [
        "engine/test_gate.py::test_an_id_that_was_bound_before_is_not_believed",
        "engine/test_proxy.py::test_what_was_made_is_found_where_the_answer_names_nobody",
    ],
    "what the platform rewrites was not recognised": [
        "engine/test_likeness.py::test_a_name_that_the_platform_rewrites_is_nobodys_edit",
        "engine/test_likeness.py::test_what_is_made_of_a_name_is_looked_for_after_a_lost_reply",
        "engine/test_likeness.py::test_what_looks_alike_is_not_made_again_without_a_state",
        "engine/test_likeness.py::test_groups_and_campaigns_that_look_alike_are_not_made_again",
    ],
    "guards asked about deletes alone": [
        "planner/test_guards.py::test_prevent_destroy",
        "planner/test_guards.py::test_people_that_would_be_lost",
        "planner/test_guards.py::test_bounds",
        "cli/test_removed.py::test_moved_manifests_delete_nothing",
    ],
    "objects were told apart by alias": [
        "engine/test_identity.py::test_two_aliases_of_one_account_make_each_object_once",
        "engine/test_identity.py::test_taking_out_one_of_two_entries_of_an_object_deletes_nothing",
        "engine/test_identity.py::test_eight_aliases_of_one_account_race_and_make_each_object_once",
        "cli/test_one_account.py::test_the_first_environment_creates_and_the_others_refuse",
    ],
    "a rename made a twin": [
        "engine/test_identity.py::test_a_rename_without_was_makes_and_deletes_nothing",
        "engine/test_identity.py::test_two_entries_of_one_thing_make_it_once",
        "engine/test_identity.py::test_what_is_managed_here_is_nobody_else_s",
        "engine/test_identity.py::test_a_sent_mail_that_is_added_again_is_not_sent_again",
    ],
    "a stop waited for things that it does not need": [
        "engine/test_stops.py::test_a_stop_is_made_before_anything_else",
        "engine/test_stops.py::test_it_is_made_within_the_freeze_whatever_else_changed",
        "engine/test_stops.py::test_it_is_made_though_a_colleague_edited_the_mail",
        "engine/test_stops.py::test_it_is_tried_again",
        "cli/test_stops.py::test_a_malformed_row_in_another_entry_s_file_holds_nothing_back",
        "cli/test_stops.py::test_reads_that_it_does_not_need_may_fail",
        "cli/test_stops.py::test_an_import_that_never_began_is_not_waited_for",
    ],
    "destroy with a scheduled mail took two runs": [
        "engine/test_losses.py::test_destroy_with_scheduled_mail_takes_one_run"
    ],
    "a damaged state passed for another one": [
        "state/test_damage.py::test_5000_damages_are_refused_or_change_nothing",
        "state/test_statefile.py::test_a_last_line_that_was_written_whole_and_damaged_is_an_error",
    ],
    "a replacement lost what the API can't carry": [
        "engine/test_losses.py::test_a_group_whose_rules_find_people_is_not_made_anew",
        "engine/test_losses.py::test_a_list_with_people_is_not_made_anew_unasked",
    ],
    "a finished campaign pinned its group, a 403 was believed": [
        "engine/test_losses.py::test_a_finished_campaign_frees_its_group",
        "engine/test_losses.py::test_what_was_sent_is_not_made_anew_and_that_is_told",
        "engine/test_gate.py::test_what_is_made_and_then_refused_is_looked_for",
    ],
    "what nobody could read was taken for true": [
        "engine/test_gate.py::test_a_template_edited_while_a_mail_is_made_from_it_schedules_nothing",
        "engine/test_gate.py::test_a_template_edited_since_the_plan_schedules_nothing",
        "engine/test_gatormail_unreadable.py",
    ],
}


@cache
def named(path: Path) -> frozenset[str]:
    """The tests of a file."""
    return frozenset(node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("what", SEEN)
def test_what_was_seen_has_its_tests(what: str) -> None:
    for test in SEEN[what]:
        file, _, name = test.partition("::")
        assert (TESTS / file).is_file(), test
        assert not name or name in named(TESTS / file), test
