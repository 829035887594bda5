"""``validate``."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click

from reconcile.cli.findings import findings_options, write_findings
from reconcile.cli.git import changed_files
from reconcile.cli.options import global_options
from reconcile.cli.output import print_json, show_diagnostics, text_or_json
from reconcile.cli.workspace import project
from reconcile.errors import Diagnostic, InvalidInput, Severity


@click.command(epilog="Example: reconcile validate --format json")
@findings_options[0]
@findings_options[1]
@global_options
def validate(sarif: Path | None, junit: Path | None) -> int:
    """Check everything that can be checked offline; needs no credentials."""
    from reconcile.report.diagnostics import to_json
    from reconcile.report.text import counted

    as_json = text_or_json() == "json"
    here = project()
    manifests = None
    try:
        manifests = here.manifests()
        found = [*here.unsendable(manifests.resources), *here.mail_findings(manifests.resources)]
        found = _new_first(found, here.settings.root)
        if any(one.severity is Severity.ERROR for one in found):
            raise InvalidInput.of(found)
    except InvalidInput as error:
        write_findings(error.diagnostics, manifests.resources if manifests is not None else (), sarif, junit)
        if as_json:
            print_json({"valid": False, "diagnostics": to_json(error.diagnostics)})
        else:
            show_diagnostics(error.diagnostics)
            click.echo(counted(sum(one.severity is Severity.ERROR for one in error.diagnostics), "finding") + ".")
        return error.exit_code
    write_findings([*manifests.warnings, *found], manifests.resources, sarif, junit)
    if as_json:
        print_json(
            {"valid": True, "diagnostics": to_json([*manifests.warnings, *found]), "entries": len(manifests.resources)}
        )
    else:
        show_diagnostics(found)
        click.echo(f"Valid: {counted(len(manifests.resources), 'entry', 'entries')}.")
    return 0


def _new_first(found: Iterable[Diagnostic], root: Path) -> list[Diagnostic]:
    """The findings in files that differ from the commit, then those that stand in what is committed."""
    changed = changed_files(root)
    if not changed:
        return list(found)
    here = root.resolve()

    def is_changed(file: str) -> bool:
        path = Path(file).resolve()
        return file in changed or (path.is_relative_to(here) and path.relative_to(here).as_posix() in changed)

    told = [replace(one, standing=one.location is not None and not is_changed(one.location.file)) for one in found]
    return sorted(told, key=lambda one: one.standing)
