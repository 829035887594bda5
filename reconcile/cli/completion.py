"""``completion``: the script that completes in a shell; and what is completed beside commands and options."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final

import click
from click.shell_completion import CompletionItem, get_completion_class

from reconcile.cli.options import Options, global_options
from reconcile.errors import ReconcileError


@click.command(epilog='Example: eval "$(reconcile completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@global_options
def completion(shell: str) -> None:
    """Print the script that completes commands, addresses, environments and providers in a SHELL."""
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"No completion for {shell}.")
    root = click.get_current_context().find_root().command
    click.echo(found(root, {}, "reconcile", "_RECONCILE_COMPLETE").source())


def attach(command: click.Command) -> None:
    """Have a command, and all below it, complete what the project says; only while a shell asks."""
    for parameter in command.params:
        names = _of(parameter)
        if names is not None:
            parameter._custom_shell_complete = _completer(names)
    for each in getattr(command, "commands", {}).values():
        attach(each)


def _of(parameter: click.Parameter) -> "Callable[[Options], Iterable[str]] | None":
    if parameter.name == "environment":
        return _environments
    by_name = _BY_NAME.get(parameter.name or "")
    return by_name or _BY_METAVAR.get((parameter.metavar or "").strip("[].").upper())


def _completer(
    names: "Callable[[Options], Iterable[str]]",
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        given = ctx.find_root().obj
        if not isinstance(given, Options):
            return []
        # Whatever is wrong with the project is told by commands, not while somebody types.
        with suppress(ReconcileError, OSError):
            return [CompletionItem(name) for name in names(given) if name.startswith(incomplete)]
        return []

    return complete


def _environments(given: Options) -> Iterator[str]:
    from reconcile.cli.settings import DEFAULT_ENVIRONMENT, load_settings

    yield DEFAULT_ENVIRONMENT
    yield from load_settings(given.directory, environment=None, variables={}, environ=given.environ).environments


def _addresses(given: Options) -> list[str]:
    from reconcile.cli.settings import load_settings

    settings = load_settings(
        given.directory, environment=given.environment, variables=given.variables, environ=given.environ
    )
    return sorted(map(str, settings.manifests(settings.registry()).resources))


def _aliases(given: Options) -> list[str]:
    from reconcile.cli.settings import load_settings

    settings = load_settings(given.directory, environment=given.environment, variables={}, environ=given.environ)
    return sorted(settings.providers)


def _platforms(_: Options) -> list[str]:
    from reconcile.providers import names

    return list(names())


_BY_NAME: Final = {"provider": _aliases, "alias": _aliases}
_BY_METAVAR: Final = {"ADDR": _addresses, "ALIAS": _aliases, "TYPE": _platforms}
