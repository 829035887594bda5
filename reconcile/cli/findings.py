"""Findings in files that CI systems read, for the commands that find something."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import click

from reconcile.cli.options import options
from reconcile.cli.workspace import tool_version
from reconcile.errors import Diagnostic, InvalidInput
from reconcile.model.address import Address

_FILE = click.Path(dir_okay=False, path_type=Path)

findings_options = (
    click.option("--sarif", type=_FILE, metavar="FILE", help="Write the findings to FILE, as SARIF 2.1.0."),
    click.option("--junit", type=_FILE, metavar="FILE", help="Write the findings to FILE, as JUnit's XML."),
)


def write_findings(
    found: Sequence[Diagnostic], addresses: Iterable[Address], sarif: Path | None, junit: Path | None
) -> None:
    """The findings in the files that were asked for; ``addresses`` are the entries that were looked at.

    Raises:
        InvalidInput: one can't be written.
    """
    if sarif is None and junit is None:
        return
    import orjson

    from reconcile.report import findings as report

    contents: dict[Path | None, Callable[[], bytes]] = {
        sarif: lambda: orjson.dumps(report.sarif(found, version=tool_version()), option=orjson.OPT_INDENT_2),
        junit: lambda: report.junit(found, list(map(str, addresses))),
    }
    for path, content in contents.items():
        try:
            if path is not None:
                path.write_bytes(options().redacted(content().decode()).encode())
        except OSError as error:
            raise InvalidInput(f"{path} can't be written: {error.strerror}.") from None
