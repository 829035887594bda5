"""State: the record of what was last applied."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconcile.model.account import Account
from reconcile.model.address import Address
from reconcile.model.attributes import Attributes, Value
from reconcile.model.generation import Generation
from reconcile.model.memory import Memory
from reconcile.model.resource import Applied

FORMAT_VERSION = 1
LONGEST_HISTORY = 200  # lines kept in the state


@dataclass(frozen=True, slots=True)
class Intent:
    """A write that must not happen twice, recorded before it is made.

    ``before`` are the ids that matched the object's natural key before the call; one that matches afterwards and is
    not among them is the call's. ``attributes`` is what the new object was to have (long texts as Digests), or what an
    existing one has once the call is done; ``key`` is the new one's natural key, ``started`` when the call was made
    (UNIX seconds). ``id`` is the object's, where the write is about an existing one.
    """

    address: Address
    operation: str
    key: tuple[object, ...] | None = None
    before: tuple[str, ...] = ()
    attributes: Attributes = field(default_factory=dict)
    started: float = 0.0
    id: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """The state of one environment: its birth id, its version, and what was applied to each address.

    ``accounts`` has the account behind each provider alias; ``intents`` those writes whose outcome is not known yet;
    ``generations`` how often each address was written; ``memories`` what each audience remembers of people;
    ``history`` the last lines of the history, oldest first, which so travel with it in every backend. ``commit`` is
    the git commit of the last apply that planned all there is, ``rules`` are those that the last apply was made under.
    ``following`` is never on record: addresses whose account has another alias than the state says, with the former
    ones; they are put on record with whatever is recorded next.
    """

    lineage: str
    serial: int = 0
    accounts: Mapping[str, Account] = field(default_factory=dict)
    resources: Mapping[Address, Applied] = field(default_factory=dict)
    intents: Mapping[Address, Intent] = field(default_factory=dict)
    generations: Mapping[Address, Generation] = field(default_factory=dict)
    memories: Mapping[Address, Memory] = field(default_factory=dict)
    history: tuple[str, ...] = ()
    commit: str = ""
    rules: Mapping[str, Value] = field(default_factory=dict)
    following: Mapping[Address, Address] = field(default_factory=dict, compare=False)
