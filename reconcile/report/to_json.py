"""Plan -> JSON, as ``plan --format json`` prints it."""

from collections.abc import Iterator
from typing import Any

from reconcile.mail.change import Change
from reconcile.mail.changes import changes
from reconcile.planner.plan import Plan, Step
from reconcile.planner.planfile import document
from reconcile.report.rows import is_html


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan in plain JSON types, in the shape of Terraform's ``show -json``: what a plan file holds.

    Beside it, what people would notice of each changed mail.
    """
    told = {str(step.address): texts for step in plan.steps.values() if (texts := dict(_mails(step)))}
    return document(plan) | ({"mail_changes": told} if told else {})


def _mails(step: Step) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for change in step.changes:
        if is_html(change.before) and is_html(change.after):
            yield change.name, [_change(each) for each in changes(change.before, change.after).items]


def _change(change: Change) -> dict[str, Any]:
    return {
        "kinds": [kind.value for kind in change.kinds],
        "heading": change.heading,
        "words": [{piece.part.value: piece.text} for piece in change.pieces],
        "details": [{"name": detail.name, "before": detail.before, "after": detail.after} for detail in change.details],
    }
