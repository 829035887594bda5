"""Plan -> JSON, as ``plan --format json`` prints it."""

from typing import Any

from reconcile.planner.plan import Plan
from reconcile.planner.planfile import document


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan in plain JSON types, in the shape of Terraform's ``show -json``; what a plan file holds."""
    return document(plan)
