"""``sandbox``: the emulators over HTTP."""

import os
import re
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from reconcile.cli.options import global_options, options
from reconcile.cli.output import progress
from reconcile.cli.settings import load_settings
from reconcile.errors import Diagnostic, InvalidInput, Usage
from reconcile.model.settings import ProviderSettings
from reconcile.providers.gatormail.emulator import emulated_contract
from reconcile.providers.squalomail.emulator import ACCOUNT as SANDBOX_ACCOUNT

if TYPE_CHECKING:
    from reconcile.manifests.nodes import Node
    from reconcile.sandbox import Sandbox
    from reconcile.sandbox.calibration import Calibration
    from reconcile.sandbox.gatormail.service import GatorMailSetup
    from reconcile.sandbox.gatormail.tokens import Login

_INSTANCE = re.compile(r"[\w.-]+")
_FAULTS = (
    "Inject faults: KIND:PATTERN:KEY=VALUE..., such as drop-after:create-*:n=2 or 401:gatormail_*:p=0.1. Kinds: "
    "latency and timeout (ms=300); 401, 403, 429 and 503, as the platform answers them (the last two with "
    "Retry-After, after=5); 500 and html, pages as from a proxy; refuse, drop-before and drop-after, connections that "
    "break; truncate, empty and null, spoiled answers; twice, a request that is delivered twice. PATTERN is of "
    "operations: get-*, gatormail_*, and oauth_token for signing in. Which calls: n=2, n=2-4, every=3, p=0.1 and "
    "seed=7."
)


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What a project says about its platforms. ``accounts`` are SqualoMail's app ids by alias, ``keys`` by API key."""

    file: Path | None = None
    accounts: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    instances: Sequence[str] = ()
    contracts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def account(self) -> str:
        """The one account that every key opens, unless there are several."""
        return next(iter(self.accounts.values()), SANDBOX_ACCOUNT)

    @property
    def several(self) -> Mapping[str, str] | None:
        """Keys and the accounts that they open, where the project has several accounts; aliases are keys too."""
        return {**self.accounts, **self.keys} if len(set(self.accounts.values())) > 1 else None


@click.command(epilog="Example: reconcile -C examples/quickstart sandbox --port 8025")
@click.option("--port", type=click.IntRange(0, 65535), default=8025, show_default=True, help="0 takes a free one.")
@click.option("--data", type=click.Path(dir_okay=False, path_type=Path), help="SQLite file [default: the project's].")
@click.option("--api-key", "keys", multiple=True, metavar="KEY=APPID", help="A SqualoMail account for this key.")
@click.option(
    "--gatormail-instance",
    "instances",
    multiple=True,
    metavar="NAME",
    help="An instance of GatorMail [default: those of the project, else example_testlz].",
)
@click.option(
    "--gatormail-login",
    "logins",
    multiple=True,
    metavar="CLIENT_ID:SECRET:USER:PASSWORD[=INSTANCE,...]",
    help="A login of GatorMail and the instances that it opens; none: all. One with = in it takes one more at its "
    "end. [default: every login that is not empty opens all instances]",
)
@click.option(
    "--contract",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML mapping over GatorMail's contract table, with the keys of a project's contract.",
)
@click.option(
    "--switch",
    "switches",
    multiple=True,
    metavar="NAME=VALUE",
    help="Answer an open question of SqualoMail's documentation; gatormail.NAME=VALUE one of GatorMail's.",
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
    keys: tuple[str, ...],
    instances: tuple[str, ...],
    logins: tuple[str, ...],
    contract: Path | None,
    switches: tuple[str, ...],
    calibrations: tuple[Path, ...],
    latency: int,
    faults: tuple[str, ...],
) -> None:
    """Serve the emulated platforms on 127.0.0.1, with a web page to edit as a person would.

    In a project whose provider is "sandbox:", it serves that very data, so that what apply made can be looked at and
    edited. It has the project's accounts and instances then; where there are several accounts, each opens with its
    alias as key.
    """
    from reconcile.sandbox import DataError, Sandbox

    here = _of_project(data)
    where = data or here.file
    known = _calibrated(calibrations)
    ours, theirs = _switches(switches)
    ours, theirs = {**known["squalomail"].switches, **ours}, {**known["gatormail"].switches, **theirs}
    instances = instances or tuple(here.instances) or tuple(filter(None, [known["gatormail"].account]))
    names = tuple(dict.fromkeys(map(_instance, instances)))
    rows = _contract(here.contracts, contract, known["gatormail"].contract)
    setup = _gatormail(names, logins, rows, theirs)
    accounts = dict(_pair(key) for key in keys) or here.several
    try:
        emulator = Sandbox(
            where if where is not None else ":memory:",
            accounts=accounts,
            # What the project pins comes first: its clients would refuse another account.
            account=(known["squalomail"].account if here.account == SANDBOX_ACCOUNT else "") or here.account,
            switches=ours,
            faults=faults,
            latency_ms=latency,
            gatormail=setup,
        )
    except DataError as error:
        raise InvalidInput(f"{str(error)[0].upper()}{str(error)[1:]}.") from None
    except ValueError as error:
        raise Usage(f"{error}.") from None
    with emulator:
        _serve(emulator, port, where, {} if keys or accounts is None else here.accounts)


def _serve(emulator: "Sandbox", port: int, where: Path | None, aliases: Mapping[str, str]) -> None:
    """Serve until Ctrl-C or SIGTERM; ``aliases`` are those that are keys of an account."""
    from reconcile.sandbox.server import Server

    try:
        server = Server(emulator, port=port)
    except OSError as error:
        raise InvalidInput(
            f"Port {port} of 127.0.0.1 can't be used: {error.strerror}.", hint="Choose another with --port."
        ) from None
    with server:
        click.echo(f"{server.url}/  web page")
        click.echo(f"{server.url}/squalomail/v1  SqualoMail's API, account {', '.join(emulator.squalomail.app_ids)}")
        for name in emulator.gatormail.instances:
            click.echo(f"{server.url}/gatormail/{name}  GatorMail's API")
        click.echo(f"{server.url}/oauth/core/connect/token  GatorMail's tokens")
        for alias, account in aliases.items():
            progress(f"The key {alias} opens the account {account}.")
        progress(f"Data in {where}." if where is not None else "Data in memory only.")
        progress("Ctrl-C ends it.")
        with suppress(KeyboardInterrupt), _ended_by_sigterm():
            server.wait()
        progress("Ended.")


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
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


def _gatormail(
    names: Sequence[str], logins: Sequence[str], contract: Mapping[str, Any], switches: Mapping[str, Any]
) -> "GatorMailSetup":
    from reconcile.sandbox.gatormail.service import GatorMailSetup

    chosen: dict[str, Any] = {"instances": names} if names else {}
    setup = GatorMailSetup(contract=contract, switches=switches, **chosen)
    if not logins:
        return setup
    return GatorMailSetup(
        setup.instances, [_login(text, setup.instances) for text in logins], setup.contract, setup.switches
    )


def _pair(text: str) -> tuple[str, str]:
    key, equals, account = text.partition("=")
    if not equals or not key or not account:
        raise Usage("--api-key takes KEY=APPID.")
    return key, account


def _instance(name: str) -> str:
    if not _INSTANCE.fullmatch(name):
        raise Usage(f'"{name}" can\'t be an instance of GatorMail: it takes letters, digits, _, . and -.')
    return name


def _login(text: str, instances: Sequence[str]) -> "Login":
    """A login from the command line; what is wrong with it is said without it, since it is one."""
    from reconcile.sandbox.gatormail.tokens import Login

    credentials, equals, opened = text.rpartition("=") if "=" in text else (text, "", "")
    hint = "A login with = in it takes one more = at its end." if equals else None
    parts = credentials.split(":", 3)
    if len(parts) < 4 or not all(parts):
        raise Usage("--gatormail-login takes CLIENT_ID:SECRET:USER:PASSWORD[=INSTANCE,...].", hint=hint)
    names = [name for name in opened.split(",") if name]
    if not set(names) <= set(instances):
        known = ", ".join(instances)
        raise Usage(f"--gatormail-login names an instance that there is not; there are: {known}.", hint=hint)
    client_id, secret, username, password = parts
    return Login(client_id, secret, username, password, names or list(instances))


def _switches(given: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The positions of SqualoMail's switches and of GatorMail's."""
    from reconcile.model.registry import nearest
    from reconcile.sandbox.switches import GATORMAIL, SQUALOMAIL

    known = [switch.name for switch in SQUALOMAIL] + [f"gatormail.{switch.name}" for switch in GATORMAIL]
    ours: dict[str, str] = {}
    theirs: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Usage(f'--switch takes NAME=VALUE, and "{text}" is not of that form.')
        if name not in known:
            near = nearest(name, known)
            listed = "GET /_sandbox/switches and /_sandbox/gatormail/switches list them all."
            raise Usage(f'There is no switch "{name}".', hint=f'Did you mean "{near}"?' if near else listed)
        if name.startswith("gatormail."):
            theirs[name.removeprefix("gatormail.")] = value
        else:
            ours[name] = value
    return ours, theirs


def _calibrated(files: Sequence[Path]) -> dict[str, "Calibration"]:
    """What is known of a real account of each platform; nothing, where no file is given."""
    from reconcile.sandbox.calibration import Calibration, read_calibration

    found = {name: Calibration(name, "", {}, {}) for name in ("squalomail", "gatormail")}
    for file in files:
        try:
            one = read_calibration(file)
        except ValueError as error:
            raise InvalidInput(f"{error}.") from None
        if found[one.provider] != Calibration(one.provider, "", {}, {}):
            raise Usage(f"Two files are calibrations of {one.provider}, and one sandbox behaves as one account.")
        found[one.provider] = one
    return found


def _contract(
    contracts: Mapping[str, Mapping[str, Any]], file: Path | None, calibrated: Mapping[str, Any]
) -> dict[str, Any]:
    """The overrides of a project's providers, by alias, with a calibration's and those of a file over them.

    The emulator has one table.

    Raises:
        Usage: the file is no mapping, or providers differ in a row that the file does not decide.
    """
    given = {**calibrated, **({} if file is None else _read_contract(file))}
    rows: dict[str, Any] = {}
    first: dict[str, str] = {}
    for alias, contract in contracts.items():
        for key, value in contract.items():
            if key not in given and rows.setdefault(key, value) != value:
                raise Usage(
                    f"{first[key]} and {alias} differ in {key} of their contracts, and one sandbox has one contract.",
                    hint="Say which holds with --contract FILE.",
                )
            first.setdefault(key, alias)
    return rows | given


def _read_contract(file: Path) -> dict[str, Any]:
    from reconcile.manifests.nodes import MAX_BYTES, parse_yaml

    findings: list[Diagnostic] = []
    try:
        with file.open("rb") as stream:
            document = parse_yaml(stream.read(MAX_BYTES + 1), str(file), findings)
    except OSError as error:
        raise Usage(f"{file} can't be read: {error.strerror}.") from None
    if findings:
        raise Usage.of(findings)
    return {} if document.root is None else {key: _plain(node) for key, node in document.root.members.items()}


def _plain(node: "Node") -> Any:
    from reconcile.manifests.nodes import ListNode, MappingNode

    if isinstance(node, MappingNode):
        return {key: _plain(member) for key, member in node.members.items()}
    return [_plain(item) for item in node.items] if isinstance(node, ListNode) else node.value


def _of_project(data: Path | None) -> _Surroundings:
    """What the project here says, if there is one: its file unless ``data`` is given, and who has data in it."""
    chosen = options()
    if not (chosen.directory / "reconcile.yaml").is_file():
        return _Surroundings()
    settings = load_settings(
        chosen.directory, environment=chosen.environment, variables=chosen.variables, environ=os.environ
    )
    everybody = list(settings.providers.values())
    file = next((provider.sandbox for provider in everybody if provider.sandbox is not None), None)
    there = [each for each in everybody if data is not None or each.sandbox in (None, file)]
    for provider in everybody:
        if provider not in there:
            progress(f"{provider.alias} has its data in {provider.sandbox}: serve it with --data.")
    squalomail = _emulated(there, "squalomail")
    gatormail = _emulated(there, "gatormail")
    return _Surroundings(
        file=file,
        accounts={provider.alias: provider.account or SANDBOX_ACCOUNT for provider in squalomail},
        keys=dict(_keys(squalomail)),
        instances=[provider.extra["instance"] for provider in gatormail],
        contracts={provider.alias: emulated_contract(provider.extra) for provider in gatormail},
    )


def _emulated(providers: Sequence[ProviderSettings], type_: str) -> list[ProviderSettings]:
    """The providers of a platform; where some of them are on this machine, those."""
    found = [provider for provider in providers if provider.type == type_]
    return [provider for provider in found if _is_here(provider)] or found


def _is_here(provider: ProviderSettings) -> bool:
    host = urlsplit(provider.url).hostname or ""
    return provider.is_sandbox or host in ("localhost", "::1") or host.startswith("127.")


def _keys(providers: Sequence[ProviderSettings]) -> Iterator[tuple[str, str]]:
    """The API keys that are set, with the account that each opens."""
    for provider in providers:
        secret = provider.credentials.get("apiKey")
        if secret is not None:
            with suppress(InvalidInput):
                yield secret.reveal(), provider.account or SANDBOX_ACCOUNT
