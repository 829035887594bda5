"""``sandbox``: the emulators over HTTP."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from reconcile.cli.clients import emulated_file
from reconcile.cli.commands import click_parameter
from reconcile.cli.options import global_options, options
from reconcile.cli.output import progress
from reconcile.cli.settings import load_settings
from reconcile.errors import InvalidInput, Usage
from reconcile.model.hosting import Asked, Hosted, Hosting
from reconcile.model.settings import ProviderSettings
from reconcile.providers import built_in, provider_named

if TYPE_CHECKING:
    from reconcile.sandbox import Sandbox
    from reconcile.sandbox.calibration import Calibration

_FAULTS = (
    "Inject faults: KIND:PATTERN:KEY=VALUE..., such as drop-after:create-*:n=2 or 401:*Campaign*:p=0.1. Kinds: "
    "latency and timeout (ms=300); 401, 403, 429 and 503, as the platform answers them (the last two with "
    "Retry-After, after=5); 500 and html, pages as from a proxy; refuse, drop-before and drop-after, connections that "
    "break; truncate, empty and null, spoiled answers; twice, a request that is delivered twice. PATTERN is of "
    "operations: get-*, *Campaign*, and oauth_token for signing in. Which calls: n=2, n=2-4, every=3, p=0.1 and "
    "seed=7."
)


def _platforms() -> list[tuple[str, Hosting]]:
    """The platforms that are part of the sandbox, the one whose switches have no prefix first."""
    found = [(name, provider.hosting) for name, provider in built_in().items() if provider.hosting is not None]
    return sorted(found, key=lambda each: each[1].prefix)


def _options_of_platforms(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that are about one platform, as its provider has them."""
    for _, hosting in reversed(_platforms()):
        for parameter in reversed(hosting.options):
            option = click_parameter(parameter)
            assert isinstance(option, click.Option)  # noqa: S101  # arguments are the command's own
            function.__dict__.setdefault("__click_params__", []).append(option)
    return function


@click.command(epilog="Example: reconcile -C examples/quickstart sandbox --port 8025")
@click.option("--port", type=click.IntRange(0, 65535), default=8025, show_default=True, help="0 takes a free one.")
@click.option("--data", type=click.Path(dir_okay=False, path_type=Path), help="SQLite file [default: the project's].")
@_options_of_platforms
@click.option(
    "--switch",
    "switches",
    multiple=True,
    metavar="NAME=VALUE",
    help="Answer a question that a platform's documentation leaves open; its page in docs/ lists them.",
)
@click.option(
    "--calibration",
    "calibrations",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Behave as the real account that `doctor` has written this file of; what other options say comes first.",
)
@click.option("--latency", type=click.IntRange(0), default=0, metavar="MS", help="Answer so much later.")
@click.option("--fault", "faults", multiple=True, metavar="SPEC", help=_FAULTS)
@global_options
def sandbox(
    port: int,
    data: Path | None,
    switches: tuple[str, ...],
    calibrations: tuple[Path, ...],
    latency: int,
    faults: tuple[str, ...],
    **values: Any,
) -> None:
    """Serve the emulated platforms on 127.0.0.1, with a web page to edit as a person would.

    In a project whose provider is "sandbox:", it serves that very data, so that what apply made can be looked at and
    edited. It has the project's accounts and instances then; where there are several accounts, each opens with its
    alias as key.
    """
    from reconcile.sandbox import DataError, Sandbox

    file, accounts = _of_project(data)
    where = data or file
    hosted = list(_hosted(accounts, values, _switches(switches), _calibrated(calibrations)))
    arguments = {name: value for each in hosted for name, value in each.arguments.items()}
    try:
        emulator = Sandbox(where if where is not None else ":memory:", faults=faults, latency_ms=latency, **arguments)
    except DataError as error:
        raise InvalidInput(f"{str(error)[0].upper()}{str(error)[1:]}.") from None
    except ValueError as error:
        raise Usage(f"{error}.") from None
    with emulator, _mounted(emulator, accounts, where) as mounted:
        _serve(emulator, port, where, [note for each in hosted for note in each.notes], mounted)


def _hosted(
    accounts: Sequence[ProviderSettings],
    values: Mapping[str, Any],
    switches: Mapping[str, Mapping[str, Any]],
    calibrated: Mapping[str, "Calibration"],
) -> Iterator[Hosted]:
    """How the sandbox is set up for each platform that is part of it."""
    for name, hosting in _platforms():
        known = calibrated.get(name)
        positions = {**(known.switches if known else {}), **switches.get(name, {})}
        own = {parameter.name: values[parameter.name] for parameter in hosting.options}
        there = (known.account, known.contract) if known else ("", {})
        yield hosting.set_up(Asked(_emulated(accounts, name), own, positions, *there))


@contextmanager
def _mounted(emulator: "Sandbox", accounts: Sequence[ProviderSettings], where: Path | None) -> Iterator[list[str]]:
    """The emulators of other packages' providers that the project has, below /NAME; gives their names."""
    with ExitStack() as stack:
        names = []
        for name in dict.fromkeys(account.type for account in accounts):
            provider = provider_named(name)
            if provider.hosting is None and provider.emulator is not None:
                file = emulated_file(provider, where) if where is not None else ":memory:"
                transport = provider.emulator(_emulated(accounts, name), file, emulator.clock.now)
                stack.callback(transport.close)
                emulator.mount(name, transport)
                names.append(name)
        yield names


def _serve(emulator: "Sandbox", port: int, where: Path | None, notes: Sequence[str], mounted: Sequence[str]) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    from reconcile.sandbox.server import Server

    try:
        server = Server(emulator, port=port)
    except OSError as error:
        raise InvalidInput(
            f"Port {port} of 127.0.0.1 can't be used: {error.strerror}.", hint="Choose another with --port."
        ) from None
    with server:
        # Whoever has read an address may end it: all else is said before, and an interrupt ends it well from here on.
        with suppress(KeyboardInterrupt), ended_by_sigterm():
            for note in notes:
                progress(note)
            progress(f"Data in {where}." if where is not None else "Data in memory only.")
            click.echo(f"{server.url}/  web page")
            for _, hosting in _platforms():
                for line in hosting.told(emulator, server.url):
                    click.echo(line)
            for name in mounted:
                click.echo(f"{server.url}/{name}  the API of {name}")
            progress("Ctrl-C ends it.")
            server.wait()
        progress("Ended.")


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Take SIGTERM for Ctrl-C, so that connections end and the file is closed as they should."""

    def _interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _switches(given: Sequence[str]) -> dict[str, dict[str, str]]:
    """The positions of each platform's switches, by its name."""
    from reconcile.model.registry import nearest

    known = {
        f"{hosting.prefix}{switch}": (name, switch) for name, hosting in _platforms() for switch in hosting.switches()
    }
    found: dict[str, dict[str, str]] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Usage(f'--switch takes NAME=VALUE, and "{text}" is not of that form.')
        if name not in known:
            near = nearest(name, known)
            listed = "The pages of the platforms in docs/ list them all."
            raise Usage(f'There is no switch "{name}".', hint=f'Did you mean "{near}"?' if near else listed)
        platform, switch = known[name]
        found.setdefault(platform, {})[switch] = value
    return found


def _calibrated(files: Sequence[Path]) -> dict[str, "Calibration"]:
    """What is known of a real account of each platform; nothing, where no file is given."""
    from reconcile.sandbox.calibration import read_calibration

    found: dict[str, Calibration] = {}
    for file in files:
        try:
            one = read_calibration(file)
        except ValueError as error:
            raise InvalidInput(f"{error}.") from None
        if one.provider in found:
            raise Usage(f"Two files are calibrations of {one.provider}, and one sandbox behaves as one account.")
        found[one.provider] = one
    return found


def _of_project(data: Path | None) -> tuple[Path | None, list[ProviderSettings]]:
    """What the project here says, if there is one: its file, and the accounts with data in it, or in ``data``."""
    chosen = options()
    if not (chosen.directory / "reconcile.yaml").is_file():
        return None, []
    settings = load_settings(
        chosen.directory, environment=chosen.environment, variables=chosen.variables, environ=os.environ
    )
    everybody = list(settings.providers.values())
    file = next((provider.sandbox for provider in everybody if provider.sandbox is not None), None)
    there = [each for each in everybody if data is not None or each.sandbox in (None, file)]
    for provider in everybody:
        if provider not in there:
            progress(f"{provider.alias} has its data in {provider.sandbox}: serve it with --data.")
    return file, there


def _emulated(providers: Sequence[ProviderSettings], type_: str) -> list[ProviderSettings]:
    """The providers of a platform; where some of them are on this machine, those."""
    found = [provider for provider in providers if provider.type == type_]
    return [provider for provider in found if _is_here(provider)] or found


def _is_here(provider: ProviderSettings) -> bool:
    host = urlsplit(provider.url).hostname or ""
    return provider.is_sandbox or host in ("localhost", "::1") or host.startswith("127.")
