"""``validate``."""

import click

from reconcile.cli.options import global_options
from reconcile.cli.output import print_json, show_diagnostics, text_or_json
from reconcile.cli.workspace import project
from reconcile.errors import InvalidInput, Severity


@click.command(epilog="Example: reconcile validate --format json")
@global_options
def validate() -> int:
    """Check everything that can be checked offline; needs no credentials."""
    from reconcile.report.diagnostics import to_json
    from reconcile.report.text import counted

    as_json = text_or_json() == "json"
    here = project()
    try:
        manifests = here.manifests()
        found = [*here.unsendable(manifests.resources), *here.mail_findings(manifests.resources)]
        if any(one.severity is Severity.ERROR for one in found):
            raise InvalidInput.of(found)
    except InvalidInput as error:
        if as_json:
            print_json({"valid": False, "diagnostics": to_json(error.diagnostics)})
        else:
            show_diagnostics(error.diagnostics)
            click.echo(counted(sum(one.severity is Severity.ERROR for one in error.diagnostics), "finding") + ".")
        return error.exit_code
    if as_json:
        print_json(
            {"valid": True, "diagnostics": to_json([*manifests.warnings, *found]), "entries": len(manifests.resources)}
        )
    else:
        show_diagnostics(found)
        click.echo(f"Valid: {counted(len(manifests.resources), 'entry', 'entries')}.")
    return 0
