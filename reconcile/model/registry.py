"""Registry: which kinds the project's providers have."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconcile.model.address import Address
from reconcile.model.bulk import BulkKind
from reconcile.model.call import Operations
from reconcile.model.kind import Kind, rules
from reconcile.model.provider import Provider


@dataclass(frozen=True, slots=True)
class ProviderType:
    """A platform as an account has it: the provider, and its kinds by their singular names."""

    provider: Provider
    kinds: Mapping[str, Kind]
    plurals: Mapping[str, Kind] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "plurals", {kind.plural: kind for kind in self.kinds.values()})

    @property
    def name(self) -> str:
        """The platform's name."""
        return self.provider.name

    @property
    def operations(self) -> Operations:
        """Its operation table."""
        return self.provider.operations


def target_kinds(kinds: Iterable[Kind | type[Kind]]) -> tuple[str, ...]:
    """The kinds that campaigns or audiences of a platform may go to; what is only embedded is nobody."""
    found: dict[str, None] = {}
    for kind in kinds:
        known = rules(kind.spec)
        people = isinstance(kind, BulkKind) or (isinstance(kind, type) and issubclass(kind, BulkKind))
        if people or any(rule.launches for rule in known.values()):
            found |= {rule.refers: None for rule in known.values() if rule.refers is not None and not rule.embeds}
    return tuple(found)


def target_plurals(platforms: Iterable[Iterable[Kind | type[Kind]]]) -> tuple[str, ...]:
    """The plurals of the kinds that campaigns of these platforms, given by their kinds, may go to; sorted."""
    found: set[str] = set()
    for kinds in map(list, platforms):
        plurals = {kind.kind: kind.plural for kind in kinds}
        found |= {plurals[name] for name in target_kinds(kinds) if name in plurals}
    return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class Registry:
    """The project's provider aliases and the type behind each."""

    providers: Mapping[str, ProviderType]

    def kind(self, address: Address) -> Kind:
        """The kind at an address; raises KeyError if there is none."""
        return self.providers[address.provider].kinds[address.kind]

    def operations(self, provider: str) -> Operations:
        """The operation table behind an alias."""
        return self.providers[provider].operations


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that a mistyped one most likely means; None if nothing is near."""
    names = list(known)
    close = difflib.get_close_matches(word.lower(), [name.lower() for name in names], n=1, cutoff=0.6)
    return next((name for name in names if close and name.lower() == close[0]), None)
