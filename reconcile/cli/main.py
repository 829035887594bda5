"""The click group: commands loaded when they are called, errors turned into messages and exit codes."""

import importlib
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from reconcile.cli.habits import check as check_habits
from reconcile.cli.habits import hint_for, hint_for_command
from reconcile.cli.options import Options, global_options, new_options
from reconcile.cli.streams import steady
from reconcile.errors import ReconcileError, Usage

# Command -> module that holds it under the same name; groups hold their own commands. Providers have commands, too.
COMMANDS = {
    "init": "init",
    "validate": "validate",
    "fmt": "fmt",
    "plan": "plan",
    "show": "plan",
    "apply": "apply",
    "destroy": "apply",
    "drift": "drift",
    "pull": "pull",
    "export": "export",
    "history": "history",
    "import": "adopt",
    "adopt": "adopt",
    "state": "state",
    "audience": "audience",
    "graph": "graph",
    "schema": "schema",
    "api": "api",
    "preview": "preview",
    "render": "render",
    "doctor": "doctor",
    "sandbox": "sandbox",
    "demo": "demo",
    "completion": "completion",
    "fleet": "reconcile.fleet.commands",
}


class _Commands(click.Group):
    """Loads a command's module when the command is called, so that each starts with what it needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *_of_providers(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return _of_providers(ctx).get(cmd_name)
        where = COMMANDS[cmd_name]
        module = importlib.import_module(where if "." in where else f"reconcile.cli.{where}")
        name = "import_" if cmd_name == "import" else cmd_name.replace("-", "_")
        command: click.Command = getattr(module, name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known_here = self.list_commands(ctx) if args and args[0] not in COMMANDS else ()
        if args and not args[0].startswith("-") and args[0] not in COMMANDS and args[0] not in known_here:
            from reconcile.model.registry import nearest

            near = nearest(args[0], known_here)
            known = hint_for_command(args[0].lower())
            hint = known or (f'Did you mean "{near}"?' if near else "See reconcile --help.")
            raise Usage(f'There is no command "{args[0]}".', hint=hint)
        return super().resolve_command(ctx, args)


def _of_providers(ctx: click.Context) -> Mapping[str, click.Command]:
    from reconcile.cli.commands import provider_commands

    given = ctx.find_root().obj
    return provider_commands(given.directory if isinstance(given, Options) else Path())


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: reconcile -C examples/quickstart plan",
)
@click.version_option(None, "--version", package_name="reconcile", message="%(version)s")
@global_options
def cli() -> None:
    """Keep an e-mail marketing setup in git: plan and apply accounts of e-mail platforms from YAML.

    Exit codes: 0 done, 1 error, 2 there are changes (plan --detailed-exitcode) or drift (drift), 3 refused by a safety
    rule, 4 the plan no longer matches, 5 locked by someone else, 6 applied in part, 7 wrong credentials or account,
    64 wrong usage, 130 interrupted.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code of what happened."""
    steady()
    code = run(arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        click.echo(f"error[output] The output can't be written: {error.strerror}.", err=True)
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  # or Python would complain once more at exit
        code = code or 1
    sys.exit(code)


class _Told(logging.Handler):
    """Shows a line of the log as progress, unless the run is quiet."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self._options = options

    def emit(self, record: logging.LogRecord) -> None:
        from reconcile.report.text import inert

        if not self._options.quiet:
            click.echo(inert(self._options.redacted(record.getMessage())), err=True)


def _tell_of_attempts(options: Options) -> None:
    """Have calls that are tried again told in words."""
    log = logging.getLogger("reconcile.calls")
    log.handlers = [_Told(options)]
    log.setLevel(logging.INFO)
    log.propagate = False


def run(arguments: Sequence[str] | None = None, options: Options | None = None) -> int:
    """Run the command line; gives the exit code. ``options`` are what whoever calls it says beforehand."""
    if options is None:
        options = new_options()
        _tell_of_attempts(options)
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        check_habits(given)
        outcome: Any = cli.main(
            args=given,
            prog_name="reconcile",
            standalone_mode=False,
            obj=options,
        )
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nInterrupted.", err=True)
        return 130
    except click.UsageError as error:
        error.show()
        _show_habit(given)
        return Usage.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ReconcileError as error:
        _show(error, options)
        return error.exit_code
    except Exception as error:
        from reconcile.cli.unforeseen import told

        click.echo(told(error, options), err=True)
        return 1
    return outcome if isinstance(outcome, int) else 0


def _show_habit(arguments: Sequence[str]) -> None:
    hint = hint_for(arguments)
    if hint is not None:
        click.echo(f"  {hint}", err=True)


def _show(error: ReconcileError, options: Options) -> None:
    from reconcile.cli.output import show_diagnostics

    show_diagnostics(error.diagnostics, options)
