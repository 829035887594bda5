"""``sandbox``: the emulators over HTTP."""

import os
from pathlib import Path

import click

from reconcile.cli.options import global_options, options
from reconcile.cli.output import progress
from reconcile.cli.settings import Settings, load_settings
from reconcile.cli.workspace import SANDBOX_ACCOUNT
from reconcile.errors import InvalidInput, Usage


@click.command(epilog="Example: reconcile -C examples/quickstart sandbox --port 8025")
@click.option("--port", type=click.IntRange(0, 65535), default=8025, show_default=True, help="0 takes a free one.")
@click.option("--data", type=click.Path(dir_okay=False, path_type=Path), help="SQLite file [default: the project's].")
@click.option("--api-key", "keys", multiple=True, metavar="KEY=APPID", help="An account of its own for this key.")
@click.option("--latency", type=click.IntRange(0), default=0, metavar="MS", help="Answer so much later.")
@click.option(
    "--fault", "faults", multiple=True, metavar="SPEC", help="Inject faults, such as drop-after:create-*:n=2."
)
@global_options
def sandbox(port: int, data: Path | None, keys: tuple[str, ...], latency: int, faults: tuple[str, ...]) -> None:
    """Serve the emulated platform on 127.0.0.1, with a web page to edit as a person would.

    In a project whose provider is "sandbox:", it serves that very data, so that what apply made can be looked at and
    edited.
    """
    from reconcile.sandbox import Sandbox
    from reconcile.sandbox.server import Server

    file, account = _of_project()
    where = data or file
    accounts = dict(_pair(key) for key in keys) or None
    if where is not None:
        where.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        emulator = Sandbox(
            where if where is not None else ":memory:",
            accounts=accounts,
            account=account,
            faults=faults,
            latency_ms=latency,
        )
    except ValueError as error:
        raise Usage(f"{error}") from None
    with emulator:
        try:
            server = Server(emulator, port=port)
        except OSError as error:
            raise InvalidInput(
                f"Port {port} of 127.0.0.1 can't be used: {error.strerror}.", hint="Choose another with --port."
            ) from None
        with server:
            click.echo(f"{server.url}/  web page; API at {server.url}/squalomail/v1")
            progress(f"Data in {where}." if where is not None else "Data in memory only.")
            progress("Ctrl-C ends it.")
            try:
                server.wait()
            except KeyboardInterrupt:
                progress("Ended.")


def _pair(text: str) -> tuple[str, str]:
    key, equals, account = text.partition("=")
    if not equals or not key or not account:
        raise Usage("--api-key takes KEY=APPID.")
    return key, account


def _of_project() -> tuple[Path | None, str]:
    """The data file and the account of the project's sandbox provider, if there is such a project here."""
    chosen = options()
    if not (chosen.directory / "reconcile.yaml").is_file():
        return None, SANDBOX_ACCOUNT
    settings: Settings = load_settings(
        chosen.directory, environment=chosen.environment, variables=chosen.variables, environ=os.environ
    )
    for provider in settings.providers.values():
        if provider.sandbox is not None:
            return provider.sandbox, provider.account or SANDBOX_ACCOUNT
    return None, SANDBOX_ACCOUNT
