"""What ``reconcile.yaml`` says of an account: the Spec that a provider declares, and the values that come of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from reconcile.errors import Location
from reconcile.model.kind import ABSENT, Spec
from reconcile.model.traits import Traits

# What can be an alias, an environment or an instance.
NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9_-]*$"
URL_PATTERN = (
    r"^(?:https://[^\s/?#@]+(?:/[^\s?#@]*)?|"
    r"http://(?:localhost|127\.[0-9]+\.[0-9]+\.[0-9]+|\[::1\])(?::[0-9]+)?(?:/[^\s?#@]*)?|"
    r"sandbox:.*)$"
)
CONCURRENCY = 4
REQUESTS_PER_SECOND = 5.0


@dataclass(frozen=True, slots=True)
class Credential:
    """Marks a member of an AccountSpec with which we sign in: it is read when a real platform is contacted, not before.

    ``secret``: no output ever has it. ``needed``: a real account can't do without it, and it should come from the
    environment; one that is not needed, such as an address, may stand in the file. ``unless`` names another credential
    that takes its place.
    """

    secret: bool = True
    needed: bool = True
    unless: str | None = None


class LimitsSpec(Spec):
    """How hard a provider may be worked."""

    concurrency: int = Field(ABSENT, ge=1, le=16, description="Calls under way at once; 4 where absent.")
    requestsPerSecond: float = Field(ABSENT, gt=0, le=1000, description="Calls a second; 5 where absent.")


# What is wrong with a setting: the member's path, a sentence, and perhaps a hint.
Fault = tuple[tuple[str, ...], str, str | None]


class AccountSpec(Spec):
    """An account. A provider's own Spec narrows ``type`` to its name and adds members.

    A member ``account`` pins the id that the credentials must open (``Client.account``).
    """

    type: str = Field(description="The platform.")
    url: str = Field(pattern=URL_PATTERN, description='"sandbox:" for the embedded emulator, or the API.')
    limits: LimitsSpec = Field(ABSENT, description="How hard the API may be worked.")
    was: list[Annotated[str, Field(pattern=NAME_PATTERN)]] = Field(
        ABSENT, description="Aliases that this account had before: what the state has of them is taken along."
    )

    @classmethod
    def faults(cls, extra: Mapping[str, Any]) -> Iterator[Fault]:
        """What is wrong with the members that only this provider has, beyond their types.

        ``extra`` lacks those about which there is a finding already, needed ones included.
        """
        return iter(())

    @classmethod
    def traits(cls, extra: Mapping[str, Any], key: Callable[[], bytes] | None) -> Traits:
        """What the kinds plan by; ``extra`` are the members that only this provider has."""
        return Traits(key=key)


@cache
def credentials_of(spec: type[AccountSpec]) -> Mapping[str, Credential]:
    """The members that hold credentials, in the order of the Spec."""
    marks = {
        name: next((mark for mark in member.metadata if isinstance(mark, Credential)), None)
        for name, member in spec.model_fields.items()
    }
    return {name: mark for name, mark in marks.items() if mark is not None}


class Secret:
    """A credential, read from the environment only when ``reveal`` is called; it never prints itself."""

    __slots__ = ("_resolve",)

    def __init__(self, resolve: Callable[[], str]) -> None:
        self._resolve = resolve

    def reveal(self) -> str:
        """The value.

        Raises:
            InvalidInput: the environment does not have it.
        """
        return self._resolve()

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One account. ``account`` is the pinned id, ``extra`` what only this type of provider has.

    ``secrets`` names the credentials that no output may have, ``was`` are aliases that the account had before.
    """

    alias: str
    type: str
    url: str
    location: Location
    account: str | None = None
    credentials: Mapping[str, Secret] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    concurrency: int = CONCURRENCY
    requests_per_second: float = REQUESTS_PER_SECOND
    extra: Mapping[str, Any] = field(default_factory=dict)
    sandbox: Path | None = None
    was: tuple[str, ...] = ()

    @property
    def is_sandbox(self) -> bool:
        """Whether the embedded emulator takes the platform's place; ``sandbox`` is the file with its data then."""
        return self.sandbox is not None
