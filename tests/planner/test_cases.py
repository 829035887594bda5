"""Each folder of ``cases``: what is declared, applied and live, and the whole plan that comes of it."""

from pathlib import Path

import pytest

from reconcile.model.kind import Action
from reconcile.planner.plan import Cause, Right
from tests.planner.casefiles import plan_of, rendered

CASES = sorted(path for path in Path(__file__).parent.glob("cases/*") if path.is_dir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Path, update_cases: bool) -> None:
    made = rendered(plan_of(case))
    expected = case / "plan.json"
    if update_cases:
        expected.write_text(made, encoding="utf-8")
    assert made == expected.read_text(encoding="utf-8")


def test_the_cases_know_every_action_cause_and_right() -> None:
    plans = [plan_of(case) for case in CASES]
    steps = [step for plan in plans for step in plan.steps.values()]
    assert {step.action for step in steps} == set(Action) - {Action.ADOPT}  # adopting is a command of its own
    assert {step.cause for step in steps} - {None} == set(Cause)
    # What a checkout may do that is older than what was applied: test_standing.
    assert {need.right for step in steps for need in step.requires} == set(Right) - {Right.STALE}
