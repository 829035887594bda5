"""The click group: commands loaded when they are called, errors turned into messages and exit codes."""

import gc
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconcile import __version__
from reconcile.cli.habits import check as check_habits
from reconcile.cli.habits import hint_for, hint_for_command
from reconcile.cli.options import Options, global_options, new_options
from reconcile.cli.outlet import guarded
from reconcile.cli.streams import steady
from reconcile.errors import ReconcileError, Usage

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# Command -> module that holds it under the same name, and what --help says of it, so that no module is imported for the
# list. Groups hold their own commands. Providers have commands, too.
COMMANDS = {
    "init": ("init", "Begin a project that applies to the sandbox as it stands"),
    "validate": ("validate", "Check everything that can be checked offline"),
    "fmt": ("fmt", "Bring files into canonical layout, comments kept"),
    "plan": ("plan", "Show what apply would do; changes nothing"),
    "snapshot": ("snapshot", "Write down what is live, without people"),
    "show": ("plan", "Render a saved plan again"),
    "apply": ("apply", "Carry out a plan: a saved one, or a fresh one after asking"),
    "destroy": ("apply", "Plan and apply the removal of all that is managed"),
    "drift": ("drift", "Compare what is live with what was last applied"),
    "pull": ("pull", "Write outside edits back into the manifests"),
    "accept": ("accept", "Let an outside edit stay, for a reason"),
    "export": ("export", "Write a project for what exists in an account"),
    "unmanaged": ("unmanaged", "What exists and no entry is bound to"),
    "diff": ("promote", "In what two environments differ"),
    "promote": ("promote", "Make entries of one environment like another's"),
    "history": ("history", "The runs so far: when, who, what, from which commit"),
    "import": ("adopt", "Bind an existing object to an entry"),
    "adopt": ("adopt", "Bind each entry to the object of the same name"),
    "state": ("state", "Look at what was last applied, and repair it"),
    "audience": ("audience", "Look after what audiences remember of people"),
    "graph": ("graph", "The entries and what they refer to"),
    "schema": ("schema", "The JSON Schemas for editors"),
    "api": ("api", "Make one API call by hand"),
    "preview": ("preview", "Show the mails on a local page, with live reload"),
    "render": ("render", "Print a mail as it goes out"),
    "doctor": ("doctor", "Ask the accounts whether they are as we assume"),
    "sandbox": ("sandbox", "Serve the emulated platforms, with a page to edit"),
    "demo": ("demo", "Tell the whole story on scratch data"),
    "ci": ("reconcile.ci.commands", "What the jobs of GitHub and GitLab call"),
    "completion": ("completion", "Print the script that completes commands in a shell"),
    "fleet": ("reconcile.fleet.commands", "Many accounts: look, plan, apply what was approved"),
}


class _Commands(click.Group):
    """Loads a command's module when the command is called, so that each starts with what it needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *_of_providers(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return _of_providers(ctx).get(cmd_name)
        where, _ = COMMANDS[cmd_name]
        module = importlib.import_module(where if "." in where else f"reconcile.cli.{where}")
        name = "import_" if cmd_name == "import" else cmd_name.replace("-", "_")
        command: click.Command = getattr(module, name)
        if ctx.resilient_parsing:  # a shell asks
            from reconcile.cli.completion import attach

            attach(command)
        return command

    def make_context(self, *arguments: Any, **given: Any) -> click.Context:
        """Complete global options, too, where a shell asks."""
        if given.get("resilient_parsing"):
            from reconcile.cli.completion import attach

            attach(self)
        return super().make_context(*arguments, **given)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_told(ctx).items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Complete the names of commands without importing them."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=about) for name, about in _told(ctx).items() if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

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


def _told(ctx: click.Context) -> dict[str, str]:
    """What is said of each command in a list."""
    from reconcile.cli.commands import abouts

    return {**{name: about for name, (_, about) in COMMANDS.items()}, **abouts(_directory(ctx))}


def _of_providers(ctx: click.Context) -> Mapping[str, click.Command]:
    from reconcile.cli.commands import provider_commands

    return provider_commands(_directory(ctx))


def _directory(ctx: click.Context) -> Path:
    given = ctx.find_root().obj
    return given.directory if isinstance(given, Options) else Path()


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: reconcile -C examples/quickstart plan",
)
@click.version_option(__version__, "--version", message="%(version)s")
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
    if "duckdb" not in sys.modules:  # which tells at the end of all that was not collected, on stderr
        gc.freeze()  # nobody needs circles to be looked for in what ends with the process
    sys.exit(code)


def run(arguments: Sequence[str] | None = None, options: Options | None = None) -> int:
    """Run the command line; gives the exit code.

    ``options`` are what whoever calls it says beforehand, and then sees to what is printed (``outlet.fit``).
    """
    if options is not None:
        return _run(arguments, options)
    options = new_options()
    options.alone = True
    with guarded(options):
        return _run(arguments, options)


def _run(arguments: Sequence[str] | None, options: Options) -> int:
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
        _show_usage(error, given)
        return Usage.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ReconcileError as error:
        _show(error, options)
        return error.exit_code
    except Exception as error:
        from reconcile.cli.crash_report import told

        click.echo(told(error, options), err=True)
        return 1
    return outcome if isinstance(outcome, int) else 0


def _show_usage(error: click.UsageError, arguments: Sequence[str]) -> None:
    hint = hint_for(arguments)
    if hint is not None and isinstance(error, click.NoSuchOption):
        # Options that are spelled like it do something else.
        error = click.NoSuchOption(error.option_name, ctx=error.ctx)
    error.show()
    if hint is not None:
        click.echo(f"  {hint}", err=True)


def _show(error: ReconcileError, options: Options) -> None:
    from reconcile.cli.output import show_diagnostics

    show_diagnostics(error.diagnostics, options)
