"""``schema``."""

from pathlib import Path

import click

from reconcile.cli.options import global_options, options
from reconcile.cli.output import progress
from reconcile.cli.workspace import project
from reconcile.errors import InvalidInput


@click.command(epilog="Example: reconcile schema -o schemas")
@click.option("-o", "--out", type=click.Path(file_okay=False, path_type=Path), help="Write the files into this folder.")
@click.option("--for", "which", type=click.Choice(["manifest", "project"]), default="manifest", help="Which to print.")
@global_options
def schema(out: Path | None, which: str) -> None:
    """The JSON Schemas for editors: those of this project's providers, or outside a project the general ones."""
    from reconcile.manifests.schema import render_project_schemas, render_schemas
    from reconcile.providers import types

    if (options().directory / "reconcile.yaml").is_file():
        files = render_project_schemas(project().registry.providers)
    else:
        files = render_schemas(types())
    if out is None:
        click.echo(files[f"{which}.schema.json"], nl=False)
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (out / name).write_text(text, encoding="utf-8")
            progress(f"Wrote {out / name}")
    except OSError as error:
        raise InvalidInput(f"The schemas can't be written to {out}: {error.strerror}.") from None
