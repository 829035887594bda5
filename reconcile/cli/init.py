"""``init``: a project that applies to the sandbox as it stands."""

from collections.abc import Mapping
from pathlib import Path

import click

from reconcile.cli.key import key_file, make_key
from reconcile.cli.options import global_options, options
from reconcile.errors import InvalidInput
from reconcile.providers import built_in, provider_named

_IGNORED = ".reconcile/\n*.plan\n"


@click.command(epilog="Example: reconcile init my-marketing && reconcile -C my-marketing apply")
@click.argument("folder", metavar="[DIRECTORY]", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--provider", "type_", metavar="TYPE", help="The platform [default: the first with a starter].")
@global_options
def init(folder: Path | None, type_: str | None) -> None:
    """Scaffold a project in DIRECTORY (default: here) that applies to the sandbox as it stands.

    In a project that is there already, it makes the project key, if that is missing.
    """
    root = folder or options().directory
    if (root / "reconcile.yaml").exists() and not key_file(root).exists():
        make_key(key_file(root))
        click.echo(
            f"Made the project key {key_file(root)}. Whoever runs the project needs the same one: see RECONCILE_KEY"
        )
        return
    files = {**_starter(type_), ".gitignore": _IGNORED}
    there = [name for name in files if (root / name).exists() and name != ".gitignore"]
    if there:
        raise InvalidInput(
            f"{root} already has {', '.join(there)}, and nothing is overwritten.", hint="Choose an empty folder."
        )
    try:
        for name, text in files.items():
            path = root / name
            if path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        make_key(key_file(root))
    except OSError as error:
        raise InvalidInput(f"The project can't be written to {root}: {error.strerror}.") from None
    where = "" if root == Path() else f"-C {root} "
    click.echo(f"Made a project in {root}. Next: reconcile {where}plan, then reconcile {where}apply")


def _starter(type_: str | None) -> Mapping[str, str]:
    """The files of a platform's first project."""
    chosen = [provider_named(type_)] if type_ is not None else list(built_in().values())
    for provider in chosen:
        if provider.starter is not None:
            return provider.starter
    raise InvalidInput(f"{type_} has no starter.", hint="Write reconcile.yaml by hand: see the platform's docs.")
