"""A provider, whole: one value that generic code is handed and asks, so that it knows no platform by name.

Each provider's package has it as ``PROVIDER``. It is light: a member that needs heavy modules is given as a ``Later``.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from reconcile.model.assumption import Questionnaire
    from reconcile.model.call import Call, Encoded, Operations
    from reconcile.model.command import Command
    from reconcile.model.hosting import Hosting
    from reconcile.model.kind import Client, Kind
    from reconcile.model.settings import AccountSpec, ProviderSettings

T = TypeVar("T")


class Later(Generic[T]):
    """A member that is imported when it is first asked for, from "package.module:name"."""

    def __init__(self, place: str) -> None:
        self.place = place

    def load(self) -> T:
        """The member."""
        module, _, name = self.place.partition(":")
        found: T = getattr(importlib.import_module(module), name)
        return found


class KindsIn(Later[tuple[type["Kind"], ...]]):
    """The kinds of a package: each Kind that a module of it defines. So a new kind is a new file."""

    def load(self) -> tuple[type["Kind"], ...]:
        """The kinds, by the names of their modules."""
        from reconcile.model.kind import Kind

        package = importlib.import_module(self.place)
        found: list[type[Kind]] = []
        for module in pkgutil.iter_modules(package.__path__):
            name = f"{self.place}.{module.name}"
            members = vars(importlib.import_module(name)).values()
            found += [
                member
                for member in members
                if inspect.isclass(member) and issubclass(member, Kind) and member.__module__ == name
            ]
        return tuple(found)


class Connection(Protocol):
    """What a client is opened with.

    ``url`` is where the API is, in a sandbox the emulator's ``/NAME``; ``sandbox`` is the httpx transport to the
    emulator there, else None. ``way`` is the httpx transport for what is not sent through ``transport``: to the
    emulator, or to the hosts that may be contacted, and no others.
    ``shared`` is one mapping for all accounts of a run, such as for sign-ins; ``folder`` is what the environment keeps
    for itself, which may not be there yet.
    """

    @property
    def url(self) -> str: ...  # noqa: D102

    @property
    def shared(self) -> dict[Any, Any]: ...  # noqa: D102

    @property
    def sandbox(self) -> Any: ...  # noqa: D102

    @property
    def way(self) -> Any: ...  # noqa: D102

    @property
    def folder(self) -> Path: ...  # noqa: D102

    def transport(self, **options: Any) -> Any:
        """The Transport of ``reconcile.providers.transport``: paced, redacted, with the run's right to send or none.

        ``options`` are its own: ``auth``, ``refusal`` and the like.
        """


@dataclass(frozen=True, slots=True)
class MergeTag:
    """What may stand in a mail in place of a value that each recipient has.

    Attributes:
        pattern: a regular expression for the whole tag as it stands in a body, whatever it names.
        meaning: what the platform puts there.
        names: the group of the pattern that names a contact's attribute; None if the tag names none.
        closes: the regular expression of the tag that must follow it; None if it stands alone.
        unsubscribes: through it people can opt out; a mail without one is a mail without a way out.
        known: the names that the tag takes on every account; None: whatever the account has.
    """

    pattern: str
    meaning: str
    names: str | None = None
    closes: str | None = None
    unsubscribes: bool = False
    known: frozenset[str] | None = None


# A member of a provider, now or later.
Member: TypeAlias = "T | Later[T]"
Open: TypeAlias = Callable[["ProviderSettings", Connection], "Client"]
# What an account's own settings say of the platform in, calls as they stand on the wire out; no network.
Encoder: TypeAlias = Callable[[Mapping[str, Any]], "Callable[[Call], Encoded]"]
# The settings of all accounts on one sandbox file, its path (":memory:": none) and a clock (UNIX seconds) in,
# an httpx transport out, which is closed when it is done with.
Emulate: TypeAlias = Callable[["Sequence[ProviderSettings]", "Path | str", Callable[[], float]], Any]


class Provider:
    """A platform.

    Attributes:
        name: the ``type`` of its accounts in reconcile.yaml.
        hosts: where its APIs are; its accounts may be nowhere else, unless RECONCILE_ALLOW_HOSTS says so.
        settings: what reconcile.yaml may say of an account.
        open: settings and a Connection -> Client.
        encoder: puts calls on the wire as the client does, without one; None: that is not known before it is open.
        operations: verb, retry class, whether it mails people.
        kinds: what manifests may declare.
        assumptions: what ``doctor`` asks of a live account, and the emulator can vary.
        commands: commands of its own; cli makes click commands of them.
        emulator: settings of all accounts on one sandbox file, its path and a clock -> an httpx transport.
        starter: what ``init`` writes: path -> text.
        usual: the platform that ``init`` takes where nobody names one.
        merge_tags: what its mails may contain.
        hosting: how ``reconcile sandbox`` takes the emulator in, where that is part of the sandbox; None: it is served
            as it is, below ``/NAME``.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: "Member[type[AccountSpec]]",
        open: "Member[Open]",  # noqa: A002  # as house and docs call it
        operations: "Member[Operations]",
        encoder: "Member[Encoder | None]" = None,
        kinds: "Member[tuple[type[Kind], ...]]",
        assumptions: "Member[Questionnaire | None]" = None,
        commands: "tuple[Command, ...]" = (),
        emulator: "Member[Emulate | None]" = None,
        starter: "Member[Mapping[str, str] | None]" = None,
        merge_tags: "Member[tuple[MergeTag, ...]]" = (),
        hosting: "Member[Hosting | None]" = None,
        hosts: tuple[str, ...] = (),
        usual: bool = False,
    ) -> None:
        self.name = name
        self.usual = usual
        self.commands = commands
        self.hosts = hosts
        self._settings = settings
        self._open = open
        self._operations = operations
        self._encoder = encoder
        self._kinds = kinds
        self._assumptions = assumptions
        self._emulator = emulator
        self._starter = starter
        self._merge_tags = merge_tags
        self._hosting = hosting

    def __repr__(self) -> str:
        return f"Provider({self.name!r})"

    @cached_property
    def settings(self) -> "type[AccountSpec]":
        """What reconcile.yaml may say of an account."""
        return _loaded(self._settings)

    @cached_property
    def open(self) -> "Open":
        """Settings and a Connection -> Client."""
        return _loaded(self._open)

    @cached_property
    def operations(self) -> "Operations":
        """The operation table."""
        return _loaded(self._operations)

    @cached_property
    def encoder(self) -> "Encoder | None":
        """Puts calls on the wire without a client; None if that takes one."""
        return _loaded(self._encoder)

    @cached_property
    def kinds(self) -> "tuple[type[Kind], ...]":
        """What manifests may declare."""
        return _loaded(self._kinds)

    @cached_property
    def assumptions(self) -> "Questionnaire | None":
        """What ``doctor`` asks of a live account; None if there is nothing to ask."""
        return _loaded(self._assumptions)

    @cached_property
    def emulator(self) -> "Emulate | None":
        """The platform on this machine; None if there is no emulator."""
        return _loaded(self._emulator)

    @cached_property
    def starter(self) -> "Mapping[str, str] | None":
        """What ``init`` writes: path -> text."""
        return _loaded(self._starter)

    @cached_property
    def merge_tags(self) -> "tuple[MergeTag, ...]":
        """What its mails may contain."""
        return _loaded(self._merge_tags)

    @cached_property
    def hosting(self) -> "Hosting | None":
        """How ``reconcile sandbox`` takes the emulator in; None: it is served as it is."""
        return _loaded(self._hosting)


def _loaded(member: "T | Later[T]") -> T:
    return member.load() if isinstance(member, Later) else member
