"""``completion``: the script that completes commands and options in a shell."""

import click
from click.shell_completion import get_completion_class

from reconcile.cli.options import global_options


@click.command(epilog='Example: eval "$(reconcile completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@global_options
def completion(shell: str) -> None:
    """Print the script that completes reconcile's commands in a SHELL."""
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"No completion for {shell}.")
    root = click.get_current_context().find_root().command
    click.echo(found(root, {}, "reconcile", "_RECONCILE_COMPLETE").source())
