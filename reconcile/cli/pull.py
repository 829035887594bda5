"""``pull``."""

from typing import TYPE_CHECKING

import click

from reconcile.cli.history import remembered
from reconcile.cli.options import global_options, options
from reconcile.cli.output import print_json, progress, show_diagnostics, text_or_json
from reconcile.cli.plan import requested
from reconcile.cli.workspace import project
from reconcile.errors import Severity

if TYPE_CHECKING:
    from reconcile.engine.pull import Pull


@click.command(epilog="Example: reconcile pull shop.list.italia && git diff")
@click.argument("addresses", nargs=-1, metavar="[ADDR]...")
@click.option("--detach", is_flag=True, help="Write the edited body of a template's campaign to a file of its own.")
@global_options
def pull(addresses: tuple[str, ...], detach: bool) -> int:
    """Write what was edited outside back into the manifests, and nothing else.

    The entry of what was deleted outside is taken out; comments above it stay, and are told.
    It is settled where manifests that hold it are planned; before that change is merged, all others go on seeing an
    outside edit, which no unattended run overwrites.

    Exit 6 where some of it was written and some can't be, or where the manifests had been changed, too, and that change
    is gone; 1 where nothing can be written.
    """
    from reconcile.engine.pull import pull as take_over
    from reconcile.manifests.pulling import Drafts
    from reconcile.state.lockinfo import new_owner

    as_json = text_or_json() == "json"
    here = project()
    manifests = here.manifests()
    targets = requested(here, addresses, [], known=list(manifests.resources)).targets
    settings, environments = here.settings, here.settings.environments_of_manifests()
    others = tuple(name for name in environments.names if name != environments.chosen) if environments.known else ()
    scope = settings.scope
    drafts = Drafts(settings.root, scope, environments.chosen, others)
    with (
        here.store().lock("pull", options().lock_timeout) as locked,
        here.workspace() as workspace,
        remembered(here, locked, "pull") as record,
    ):
        by = new_owner("pull", workspace.clock()).who
        outcome = take_over(workspace, locked, manifests, drafts, here.declared, targets=targets, detach=detach, by=by)
        record.outcome = _code(outcome)
        record.begin()
    show_diagnostics(outcome.left)
    if others and outcome.written:
        progress(f"What entries say for all environments changes in {', '.join(others)}, too: see reconcile diff.")
    if as_json:
        print_json(_as_json(outcome))
    else:
        _tell(outcome)
    return _code(outcome)


def _code(outcome: "Pull") -> int:
    if any(pulled.conflict for pulled in outcome.written):
        return 6  # a change that somebody made in the manifests is gone, which a job must not take for done
    unwritten = any(finding.severity is Severity.ERROR for finding in outcome.left)
    return 0 if not unwritten else 6 if outcome.written or outcome.taken_out or outcome.reached else 1


def _tell(outcome: "Pull") -> None:
    from reconcile.model.attributes import references
    from reconcile.report.text import counted, one_line, shown

    for pulled in outcome.written:
        known = list(references((pulled.before, pulled.after)))
        if pulled.text:
            what = f"{len(pulled.after):,} characters"
        else:
            what = f"{shown(pulled.before, known)} -> {shown(pulled.after, known)}"
        conflict = "  # conflict: the manifest's own change is gone" if pulled.conflict else ""
        click.echo(f"{pulled.address} {pulled.attribute}: {what} ({pulled.file}){conflict}")
    for out in outcome.taken_out:
        click.echo(f"{out.address}: deleted outside, and its entry is taken out ({out.file})")
        for comment in out.comments:
            click.echo(f"  a comment above it stays: {one_line(comment)}")
        if out.files:
            click.echo(f"  no entry points at this any more: {', '.join(out.files)}")
    for address, more in outcome.reached.items():
        for grown in more:
            people = f"{grown.now:,} people are on record as approved, {grown.approved:,} before"
            click.echo(f"{address} to {grown.target}: {people}")
    if outcome.unchecked:
        names = ", ".join(f"{one_line(name)} ({count:,})" for name, count in sorted(outcome.unchecked.items()))
        progress(f"Not checked, as it can't be read back: {names}")
    if not outcome.written and (outcome.reached or outcome.taken_out):
        return
    if not outcome.written:
        click.echo("Nothing was written." if outcome.left else "Nothing to pull: no outside edits.")
        return
    if lost := sum(pulled.conflict for pulled in outcome.written):
        progress(
            f"{counted(lost, 'change')} of the manifests, not applied yet, made way: see git diff before you commit."
        )
    values = counted(len(outcome.written), "value")
    click.echo(f"Pulled {values} into {counted(len(outcome.files), 'file')}.")
    progress("See them with: git diff")


def _as_json(outcome: "Pull") -> dict[str, object]:
    from reconcile.model.attributes import condensed, to_json
    from reconcile.report.diagnostics import to_json as findings

    return {
        "written": [
            {
                "address": str(pulled.address),
                "attribute": pulled.attribute,
                "file": pulled.file,
                "before": to_json(condensed(pulled.before) if pulled.text else pulled.before),
                "after": to_json(condensed(pulled.after) if pulled.text else pulled.after),
                "conflict": pulled.conflict,
            }
            for pulled in outcome.written
        ],
        "taken_out": [
            {"address": str(out.address), "file": out.file, "comments": list(out.comments), "unused": list(out.files)}
            for out in outcome.taken_out
        ],
        "files": list(outcome.files),
        "reached": [
            {"address": str(address), "target": str(grown.target), "before": grown.approved, "after": grown.now}
            for address, more in outcome.reached.items()
            for grown in more
        ],
        "unchecked": dict(sorted(outcome.unchecked.items())),
        "left": findings(outcome.left),
    }
