"""``validate``."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconcile.cli.options import global_options
from reconcile.cli.output import print_json, show_diagnostics, text_or_json
from reconcile.cli.workspace import project, tool_version
from reconcile.errors import Diagnostic, InvalidInput, Severity

if TYPE_CHECKING:
    from reconcile.manifests.load import Manifests

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(epilog="Example: reconcile validate --format json")
@click.option("--sarif", type=_FILE, metavar="FILE", help="Write the findings to FILE, as SARIF 2.1.0.")
@click.option("--junit", type=_FILE, metavar="FILE", help="Write the findings to FILE, as JUnit's XML.")
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
        if any(one.severity is Severity.ERROR for one in found):
            raise InvalidInput.of(found)
    except InvalidInput as error:
        _write(error.diagnostics, manifests, sarif, junit)
        if as_json:
            print_json({"valid": False, "diagnostics": to_json(error.diagnostics)})
        else:
            show_diagnostics(error.diagnostics)
            click.echo(counted(sum(one.severity is Severity.ERROR for one in error.diagnostics), "finding") + ".")
        return error.exit_code
    _write([*manifests.warnings, *found], manifests, sarif, junit)
    if as_json:
        print_json(
            {"valid": True, "diagnostics": to_json([*manifests.warnings, *found]), "entries": len(manifests.resources)}
        )
    else:
        show_diagnostics(found)
        click.echo(f"Valid: {counted(len(manifests.resources), 'entry', 'entries')}.")
    return 0


def _write(found: Sequence[Diagnostic], manifests: "Manifests | None", sarif: Path | None, junit: Path | None) -> None:
    """The findings in the files that were asked for.

    Raises:
        InvalidInput: one can't be written.
    """
    if sarif is None and junit is None:
        return
    import orjson

    from reconcile.report import findings as report

    addresses = [str(address) for address in manifests.resources] if manifests is not None else []
    contents: dict[Path | None, Callable[[], bytes]] = {
        sarif: lambda: orjson.dumps(report.sarif(found, version=tool_version()), option=orjson.OPT_INDENT_2),
        junit: lambda: report.junit(found, addresses),
    }
    for path, content in contents.items():
        try:
            if path is not None:
                path.write_bytes(content())
        except OSError as error:
            raise InvalidInput(f"{path} can't be written: {error.strerror}.") from None
