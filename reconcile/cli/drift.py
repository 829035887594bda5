"""``drift``."""

import time

import click

from reconcile.cli.options import global_options, options
from reconcile.cli.output import local_zone, print_json
from reconcile.cli.workspace import project
from reconcile.errors import InvalidInput, Usage


@click.command(epilog="Example: reconcile drift --format markdown")
@click.option("--strict", is_flag=True, help="Differences that only a person can settle count, too.")
@global_options
def drift(strict: bool) -> int:
    """Compare what is live with what was last applied; exit 2 on drift. Changes nothing.

    What is as the manifests here say is no drift; the next apply puts it on record.
    """
    return 2 if show_drift(strict=strict) else 0


def show_drift(*, strict: bool) -> bool:
    """Print what was changed outside; gives whether there is drift."""
    chosen = options()
    if chosen.format == "html":
        raise Usage("drift gives text, json or markdown, not html.")
    from reconcile.engine.drift import drift as find
    from reconcile.report.drift import drift_json, render, render_markdown

    here = project()
    state = here.store().read()
    try:
        desired = here.declared().resources
    except InvalidInput:  # what is live differs from what was applied whatever the manifests say
        desired = None
    with here.workspace() as workspace:
        found = find(workspace, state, desired)
    now, zone = time.time(), local_zone()
    if chosen.format == "json":
        print_json(drift_json(found, strict=strict))
    elif chosen.format == "markdown":
        click.echo(render_markdown(found, now=now, zone=zone), nl=False)
    else:
        click.echo(render(found, color=chosen.color, now=now, zone=zone), nl=False, color=chosen.color)
    return bool(found.counts(strict=strict))
