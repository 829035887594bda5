"""``fmt``."""

from pathlib import Path

import click

from reconcile.cli.options import global_options, options
from reconcile.cli.output import rewrite, show_diagnostics
from reconcile.errors import Diagnostic, InvalidInput, ReconcileError


@click.command(epilog="Example: reconcile fmt --check")
@click.option("--check", is_flag=True, help="Change nothing; exit 1 where a file is not in canonical layout.")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@global_options
def fmt(check: bool, files: tuple[Path, ...]) -> int:
    """Bring manifests and the project file into canonical layout, comments kept; FILES or all of the project's."""
    from reconcile.manifests.find import find_manifests
    from reconcile.manifests.write import format_file

    root = options().directory
    paths = files or tuple(
        path for name in ("reconcile.yaml", *find_manifests(root)) if (path := root / name).is_file()
    )
    findings: list[Diagnostic] = []
    notices: list[Diagnostic] = []
    differing = 0
    for path in paths:
        try:
            text = path.read_bytes().decode()
            formatted, left = format_file(text, str(path))
        except UnicodeDecodeError:
            findings.append(Diagnostic("not-utf-8", "not UTF-8", f"{path} is not UTF-8, so it is left as it is."))
            continue
        except ReconcileError as error:
            findings += error.diagnostics
            continue
        notices += left
        if formatted != text:
            differing += 1
            click.echo(path)
            if not check:
                rewrite(path, formatted.encode())
    show_diagnostics([*findings, *notices])
    if findings:
        return InvalidInput.exit_code
    return 1 if check and differing else 0
