"""The options that every command takes, before or after its name, and what they come to."""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconcile.errors import Usage
from reconcile.masks import looks_secret, masked

if TYPE_CHECKING:
    from reconcile.cli.settings import Settings
    from reconcile.model.settings import ProviderSettings
    from reconcile.providers.transport import Limit

FORMATS = ("text", "json", "markdown", "html")
_LEAST_GUESSED = 8
_SECRETS = ("RECONCILE_KEY", "RECONCILE_STATE_KEY", "RECONCILE_HTTP_PASSWORD")
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")


@dataclass(slots=True)
class Options:
    """The global options of this run; ``color`` is whether stdout gets colours.

    ``secrets`` are the credentials that the run knows; whatever an error says, it is shown without them. ``environ`` is
    where names are looked up, ``stop`` ends the run, and ``limits`` gives what an account shares with others: whoever
    has many runs in one process says these, and ``settings`` where it has read the project file already. ``alone``: it
    is the only run of the process. ``rules`` is a folder whose project file gives policy and contracts in place of the
    project's own.
    """

    directory: Path = field(default_factory=Path)
    environment: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    format: str = "text"
    parallelism: int | None = None
    lock_timeout: float = 0.0
    color: bool = False
    quiet: bool = False
    verbose: int = 0
    input: bool = True
    secrets: list[str] = field(default_factory=list)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    alone: bool = False
    rules: Path | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    settings: "Settings | None" = field(default=None, repr=False)
    limits: "Callable[[ProviderSettings], Limit | None]" = lambda settings: None

    def redacted(self, text: str) -> str:
        """A text without our credentials, in whatever way they are written there."""
        return masked(text, self.secrets)

    def may_ask(self) -> bool:
        """Whether somebody sits at a terminal and may be asked."""
        return self.input and sys.stdin.isatty() and sys.stderr.isatty()


def options() -> Options:
    """The options of the command that is running."""
    found = click.get_current_context().find_root().obj
    if not isinstance(found, Options):
        raise TypeError("no command is running")
    return found


def new_options(environ: Mapping[str, str] = os.environ) -> Options:
    """The options before any is given; RECONCILE_ENV chooses the environment, NO_COLOR turns colours off."""
    return Options(
        environment=environ.get("RECONCILE_ENV"),
        color=sys.stdout.isatty() and "NO_COLOR" not in environ and environ.get("TERM") != "dumb",
        secrets=list(_secrets(environ)),
        environ=environ,
    )


def _secrets(environ: Mapping[str, str]) -> Iterator[str]:
    """What of the environment no output may have: our own keys, and all that is kept under a secret's name.

    There a path or a plain word is none, and would take innocent words with it.
    """
    for name, value in environ.items():
        if name in _SECRETS or (
            looks_secret(name) and len(value) >= _LEAST_GUESSED and not value.isalpha() and not value.startswith("/")
        ):
            yield value
        elif name.upper() in _PROXIES and "@" in value:
            yield from passwords(value)


def passwords(url: str) -> Iterator[str]:
    """What signs in within a URL: before the @ of its host, and under secret names of its query."""
    from urllib.parse import parse_qsl, unquote, urlsplit

    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        found = [parts.password or "", *(value for name, value in parse_qsl(parts.query) if looks_secret(name))]
    except ValueError:
        return
    for password in found:
        yield password
        yield unquote(password)


def _keep(name: str, convert: Callable[[Any], Any] = lambda value: value) -> Callable[..., None]:
    """A callback that keeps an option's value, if one is given; the last one on the line counts."""

    def keep(ctx: click.Context, _: click.Parameter, value: Any) -> None:
        if value not in (None, False, 0, ()):
            root = ctx.find_root()
            if not isinstance(root.obj, Options):
                root.obj = new_options()
            setattr(root.obj, name, convert(value))

    return keep


def _keep_variables(ctx: click.Context, _: click.Parameter, values: tuple[str, ...]) -> None:
    root = ctx.find_root()
    if not isinstance(root.obj, Options):
        root.obj = new_options()
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name:
            raise Usage(f'--var takes NAME=VALUE, and "{value}" is not of that form.')
        root.obj.variables[name] = text


_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (
        ("-C", "directory"),
        {"metavar": "DIR", "callback": _keep("directory", Path), "help": "Project directory [default: .]."},
    ),
    (
        ("--env", "environment"),
        {"metavar": "NAME", "callback": _keep("environment"), "help": "Environment [env var: RECONCILE_ENV]."},
    ),
    (
        ("--var", "variables"),
        {"metavar": "NAME=VALUE", "multiple": True, "callback": _keep_variables, "help": "Set a variable."},
    ),
    (
        ("--format", "format_"),
        {"type": click.Choice(FORMATS), "callback": _keep("format"), "help": "Format of the result [default: text]."},
    ),
    (
        ("--parallelism",),
        {"type": click.IntRange(1, 64), "callback": _keep("parallelism"), "help": "Steps at once."},
    ),
    (
        ("--lock-timeout",),
        {"type": click.FloatRange(0), "callback": _keep("lock_timeout"), "help": "Seconds to wait for the lock."},
    ),
    (("--no-color",), {"is_flag": True, "callback": _keep("color", lambda _: False), "help": "No colours."}),
    (("-q", "--quiet"), {"is_flag": True, "callback": _keep("quiet"), "help": "No progress on stderr."}),
    (("-v", "--verbose"), {"count": True, "callback": _keep("verbose"), "help": "Say more."}),
    (("--no-input",), {"is_flag": True, "callback": _keep("input", lambda _: False), "help": "Never ask."}),
)

Function = TypeVar("Function", bound=Callable[..., Any])


def global_options(function: Function) -> Function:
    """Give a command the global options; it finds them in ``options()``."""
    for names, settings in reversed(_OPTIONS):
        function = click.option(*names, expose_value=False, **settings)(function)
    return function
