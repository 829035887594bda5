"""``ci plan``, ``ci apply`` and ``ci drift``: one entry for the jobs of GitHub and GitLab."""

from pathlib import Path

import click

from reconcile.ci import apply as applying
from reconcile.ci import drift as drifting
from reconcile.ci import plan as planning
from reconcile.ci.job import job
from reconcile.cli.options import global_options

_folder = click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where record, page and Markdown are [default: .reconcile/ci/ENV].",
)


@click.group(epilog="Example: reconcile ci plan")
@global_options
def ci() -> None:
    """What the jobs of GitHub and GitLab call: plan on changes, apply on the protected branch, drift on a schedule."""


@ci.command("plan", epilog="Example: reconcile --env production ci plan")
@_folder
@global_options
def plan(results: Path | None) -> int:
    """Plan: advice in a comment on a change, on the protected branch a record that can be approved."""
    with job(_absolute(results)) as here:
        return planning.plan(here)


@ci.command("apply", epilog='Example: reconcile ci apply --approved "$DIGEST"')
@click.option("--approved", required=True, metavar="DIGEST", help="The digest that the plan's job gave out.")
@click.option("--allow-send", is_flag=True, help="Allow calls through which people get mail.")
@click.option("--allow-delete", type=click.IntRange(0), default=0, metavar="N", help="Allow that many deletes.")
@click.option("--accept-unknown", is_flag=True, help="Accept that settings which can't be read may be reset.")
@_folder
@global_options
def apply(approved: str, allow_send: bool, allow_delete: int, accept_unknown: bool, results: Path | None) -> int:
    """Carry out what was approved; without --allow-send, all but what sends, which is no failure."""
    more = (("--allow-delete", str(allow_delete)) if allow_delete else ()) + ("--accept-unknown",) * accept_unknown
    with job(_absolute(results)) as here:
        return applying.apply(here, approved, more, allow_send=allow_send)


@ci.command("drift", epilog="Example: reconcile ci drift")
@_folder
@global_options
def drift(results: Path | None) -> int:
    """Look for drift: an issue is open while something differs, and the snapshot is kept fresh."""
    with job(_absolute(results)) as here:
        return drifting.drift(here)


def _absolute(folder: Path | None) -> Path | None:
    return folder.absolute() if folder is not None else None
