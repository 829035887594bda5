"""A command of a provider's own as a value: cli makes a click command of it, and hands it a Context when it is run."""

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from reconcile.errors import Diagnostic
    from reconcile.model.account import Account
    from reconcile.model.address import Address
    from reconcile.model.call import Call
    from reconcile.model.kind import Client


class Takes(StrEnum):
    """What a parameter takes."""

    TEXT = "text"
    FLAG = "flag"
    FILE = "file"
    YAML = "yaml"  # a file with a mapping, which is the value
    NUMBER = "number"
    SECONDS = "seconds"


@dataclass(frozen=True, slots=True)
class Parameter:
    """An option, ``--name`` with hyphens for underscores, or an argument.

    ``name`` is its key in ``Context.values``. ``least`` and ``most`` bound a number; ``many``: it may be given several
    times, and its value is a tuple.
    """

    name: str
    help: str = ""
    takes: Takes = Takes.TEXT
    argument: bool = False
    required: bool = False
    many: bool = False
    metavar: str | None = None
    default: Any = None
    least: float | None = None
    most: float | None = None


# Parameters that the context itself heeds; so it does ``allow_send`` and ``allow_delete``.
AUTO_APPROVE = Parameter("auto_approve", "Don't ask.", Takes.FLAG)
OVERWRITE_DRIFT = Parameter("overwrite_drift", "Overwrite outside edits under --auto-approve.", Takes.FLAG)


class Context(Protocol):
    """What a command works with: its account, the ways to read and to write, and whom to tell.

    Attributes:
        alias: the account that is meant.
        values: what was given for the command's parameters.
        root: the project's folder.
        folder: what the environment keeps for itself; may not be there yet.
        patience: for how long a lock is waited for, in seconds.
    """

    alias: str
    values: Mapping[str, Any]

    @property
    def root(self) -> Path: ...  # noqa: D102

    @property
    def folder(self) -> Path: ...  # noqa: D102

    @property
    def patience(self) -> float: ...  # noqa: D102

    def opened(self) -> "AbstractContextManager[tuple[Client, Account]]":
        """The account's client, once it is known that the credentials open the account of this state."""

    def call(self, call: "Call") -> Any:
        """One write, asked for, judged by every rule and made as ``reconcile api`` makes it; gives the answer."""

    def alone(self, path: Path, doing: str) -> AbstractContextManager[None]:
        """One process at a time beside a file; ``doing`` says what its holder does."""

    def agree(self, name: str, question: str) -> None:
        """Ask a question the first time; raises Refused where the answer is no, or nobody can be asked."""

    def noted(self, name: str) -> Any:
        """What is kept for the account under a name, in this environment; None if nothing is."""

    def note(self, name: str, value: Any) -> None:
        """Keep something for the account; None takes it out."""

    def plan_and_apply(self, address: "Address", missing: str, hint: str) -> int:
        """Plan and apply one entry of the manifests under the rules of apply; gives the exit code.

        Where the manifests have no such entry, that is an error: ``missing`` says it, ``hint`` what to do.
        """

    def stopping(self) -> AbstractContextManager[threading.Event]:
        """An event that Ctrl-C sets."""

    def write(self, path: Path, content: bytes) -> None:
        """Write a file of the user's: whatever happens, it is the former or the new one, whole."""

    def tell(self, text: str) -> None:
        """A line of the result, unless that is to be JSON."""

    def result(self, value: Any) -> None:
        """The result, where that is to be JSON."""

    def progress(self, text: str) -> None:
        """A line on how it goes on."""

    def warn(self, findings: "Iterable[Diagnostic]") -> None:
        """Show what went wrong, and go on."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command: ``reconcile NAME [ALIAS] ...``; a name of two words is a command of a group.

    Attributes:
        name: such as "event" or "datafeed pull".
        help: its first line says what it does.
        example: a whole command line.
        run: what it does; gives the exit code, None being 0. It is imported when it is called.
        parameters: what may be given, arguments in their order after the account's alias.
        about: the help of its group.
        alias_needed: the alias has to be given, since arguments follow it.
    """

    name: str
    help: str
    example: str
    run: "Callable[[Context], int | None]"
    parameters: tuple[Parameter, ...] = ()
    about: str = ""
    alias_needed: bool = False
