"""What a provider says about one kind: what may be declared, how it is read, which calls a change takes.

A kind sends nothing. It answers a change with calls as values; the planner prints them, the engine transmits them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Collection as AnyCollection
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, Protocol, cast

from pydantic import BaseModel, ConfigDict

from reconcile.errors import ApiError, Diagnostic
from reconcile.model.account import Account
from reconcile.model.address import Address
from reconcile.model.attributes import Attributes, Value, same
from reconcile.model.call import Call, Encoded
from reconcile.model.mail_parts import MailParts
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied, RemoteObject, Resource
from reconcile.model.ticket import Ticket
from reconcile.model.traits import NO_TRAITS, Traits

# The default of fields that need not be declared. Their types don't admit None, so a null in a manifest is refused:
# what is not managed is left out.
ABSENT: Any = None


class Spec(BaseModel):
    """All that may be declared for a kind; a field that is absent is not managed.

    ``named`` is the attribute, if there is one, that the entry's name gives and no member of the entry declares.
    """

    named: ClassVar[str | None] = None
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


@dataclass(frozen=True, slots=True)
class Rule:
    """How one attribute behaves. Written as annotations on the Spec's field; combine with ``|`` semantics of ``rule``.

    Attributes:
        readable: the API can give it back; if not, its change is seen from what was last applied.
        unordered: a set, written as a list.
        replaces: it can't change in place.
        lines: a text that may have more than one line; a long text may always.
        text: a long text: kept as a digest in the state, shown as a word diff.
        refers: the kind whose entries it names.
        embeds: the referred resource's content is copied when this one is made, so a change of it counts too.
        file_of: not an attribute itself: the project-relative path of the file that holds this other attribute.
        instant: a time: text in UTC, such as 2026-12-01T08:00:00Z.
        launches: people get mail because of it, so it is set after all else and on record only then.
        opened: a mapping whose members are attributes of their own, by dotted names, each with its own rule.
        manual: the API can only read it: a difference is told to a person (``Kind.instructions``) and never written.
        normalise: gives the canonical form of a declared or a live value.
    """

    readable: bool = True
    unordered: bool = False
    replaces: bool = False
    lines: bool = False
    text: bool = False
    refers: str | None = None
    embeds: bool = False
    file_of: str | None = None
    instant: bool = False
    launches: bool = False
    opened: bool = False
    manual: bool = False
    normalise: Callable[[Value], Value] | None = None

    def canonical(self, value: Value) -> Value:
        """The canonical form of a declared or live value."""
        if value is not None and self.normalise is not None:
            value = self.normalise(value)
        if isinstance(value, str):
            return value
        if isinstance(value, list):
            value = tuple(value)
        if self.unordered and isinstance(value, tuple):
            value = tuple(sorted(set(value), key=str))
        return value


PLAIN = Rule()


class Action(StrEnum):
    """What a step does to one address."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    ADOPT = "adopt"
    MOVE = "move"
    FORGET = "forget"
    NO_OP = "no-op"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Change:
    """What a kind is asked to carry out: CREATE, UPDATE or DELETE of one object.

    ``desired`` is what is declared and not ignored, ``changed`` the attributes in which an UPDATE finds a difference. A
    replacement is a CREATE that also has the ``live`` object whose place it takes, so that what is not declared is
    carried over, and later a DELETE of the former ``id``. References in ``live`` are References where they are ours.
    """

    action: Action
    address: Address
    desired: Attributes = field(default_factory=dict)
    applied: Applied | None = None
    live: RemoteObject | None = None
    id: str | None = None
    changed: frozenset[str] = frozenset()

    def whole(self, names: Iterable[str]) -> dict[str, Value]:
        """The named attributes: live first, then what the API can't give back as last applied, then declared.

        Both APIs may reset members that a write leaves out, so writes send whole objects.
        """
        known: dict[str, Value] = {}
        for name in names:
            for source in (self.desired, self.live and self.live.attributes, self.applied and self.applied.attributes):
                if source and name in source:
                    known[name] = source[name]
                    break
        return known


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which objects of a collection a refresh is about: these ids, and whatever has one of these natural keys.

    ``doomed`` are the ids that no manifest declares any more; what stands in the way of a deletion is read for them.
    ``edited`` are the ids whose entries declare something else than was last applied, or that are to be replaced; what
    an update needs to know is read for them. ``everything``: all that the account has, in as many bounded requests as
    it takes. ``newer``: what was made after all wanted ids, too, as far as one bounded request tells.
    """

    ids: frozenset[str] = frozenset()
    keys: frozenset[tuple[Value, ...]] = frozenset()
    doomed: frozenset[str] = frozenset()
    edited: frozenset[str] = frozenset()
    everything: bool = False
    newer: bool = False


class Time(Protocol):
    """A platform's clock against ours."""

    def offset(self) -> tuple[float, float] | None:
        """By how many seconds it is ahead, at least and at most; None: nobody can tell."""


class Client(Protocol):
    """What the engine and the kinds see of a provider's API client; ``reads`` counts the calls that change nothing."""

    reads: int

    @property
    def time(self) -> Time:
        """The platform's clock against ours."""

    def send(self, call: Call, ticket: Ticket | None = None) -> Any:
        """Carry out one call and give its decoded answer; a write needs a ticket. Raises ApiError and its kin."""

    def rest(self, attempt: int, error: ApiError) -> None:
        """Wait after an attempt that failed, counted from 1, before another one; raises Interrupted."""

    def encode(self, call: Call) -> Encoded:
        """The call as ``send`` would put it on the wire, as far as no read is needed for it; nothing is sent.

        A text that stands for an id not known yet is taken as it is.

        Raises:
            ReconcileError: it can't be put on the wire.
        """

    def account(self) -> Account:
        """The account that the credentials open; one read."""

    def close(self) -> None:
        """Close the connections."""


@dataclass(frozen=True, slots=True)
class Row:
    """One object as a collection read it, before a kind decodes it: its id and the raw answer(s) about it."""

    id: str
    data: Mapping[str, Any]


class Collection(ABC):
    """Where objects of one or several kinds are read together, in the fewest calls.

    Class attributes:
        name: what it is called.
        studies: more is read for what is edited (``Wanted.edited``), and an edit made outside has to be undone by what
            that tells, so that such objects are read again.
        one_by_one: each wanted object takes a request of its own, so that reading several at once saves nothing.
        in_part: only what is wanted is read; else all that there is comes along, as far as its list tells it.
    """

    name: ClassVar[str]
    studies: ClassVar[bool] = False
    one_by_one: ClassVar[bool] = False
    in_part: ClassVar[bool] = False

    @abstractmethod
    def read(self, api: Client, wanted: Wanted) -> Iterable[Row]:
        """The rows with a wanted id or natural key; others may come along and are ignored."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a kind may need to judge a change, passed in.

    ``now`` in UNIX seconds, ``freeze`` in seconds, ``managed`` the ids in the state by alias and collection,
    ``freed`` those of objects that will no longer be in the way of what is judged, by what else the plan does.
    """

    now: float
    freeze: float
    managed: Mapping[tuple[str, str], AbstractSet[str]] = field(default_factory=dict)
    freed: frozenset[str] = frozenset()

    def ours(self, address: Address, collection: str) -> AbstractSet[str]:
        """The ids that the state has of a collection, in the account that an address is about."""
        return self.managed.get((address.provider, collection), frozenset())

    def too_near(self, instant: float) -> bool:
        """Whether mail that goes out then (UNIX seconds) is left alone: the one comparison with the freeze."""
        return instant - self.now <= self.freeze


class Kind(ABC):
    """One kind of a provider. Subclasses are found in the provider's ``kinds`` folder.

    Class attributes:
        kind, plural: the names in addresses and in manifests.
        spec: what may be declared.
        natural_key: the attributes by which an object is recognised without its id.
        collection: where its objects are read.
        singleton: there is one per account, named "main", which is always there: never made and never deleted.
        volatile: its objects may go out or be edited any minute, so each is read again right before it is written.
        defaults: what an object has where nobody set anything, in canonical form; an export leaves such values out.
        needed: an object can't be deleted while others refer to it.
        carries: an object that is made anew takes along what the ``toll`` of the former one counts.
        drafts: until it is to go out, all there is to an object comes from its entry, so that nothing is lost when it
            is made anew.
        mail: which attributes make a mail, if it is one.
        manual: the API can only read it. What is to change is told to a person (``instructions``), ``writes`` has no
            calls, and an entry that is removed is forgotten.
        exported: a sentence for the reader of an export, on what it has of this kind.
    """

    kind: ClassVar[str]
    plural: ClassVar[str]
    spec: ClassVar[type[Spec]]
    natural_key: ClassVar[tuple[str, ...]]
    collection: ClassVar[Collection]
    singleton: ClassVar[bool] = False
    volatile: ClassVar[bool] = False
    needed: ClassVar[bool] = False
    carries: ClassVar[bool] = False
    drafts: ClassVar[bool] = False
    manual: ClassVar[bool] = False
    exported: ClassVar[str] = ""
    mail: ClassVar[MailParts | None] = None
    defaults: ClassVar[Attributes] = {}

    def __init__(self, traits: Traits = NO_TRAITS) -> None:
        self.traits = traits

    @abstractmethod
    def decode(self, row: Row) -> RemoteObject:
        """The object that a row describes."""

    @abstractmethod
    def writes(self, change: Change) -> Sequence[Call]:
        """The calls that carry the change out, in order."""

    def instructions(self, change: Change) -> Sequence[str]:
        """What only a person can do, with the exact values, a line each: for a manual kind, or for manual attributes.

        CREATE and UPDATE are asked; after a write once more, about what it left to be done.
        """
        return ()

    def releases(self, leftover: Sequence[RemoteObject], into: Reference | None) -> Sequence[Call]:
        """The calls that must come first of all where objects of an interrupted replacement are still there.

        ``into`` is the object that has taken their place; None where it is yet to be made.
        """
        return ()

    def note(self, change: Change) -> str | None:
        """A sentence for the reader of a change, such as on what it leaves as it is."""
        return None

    def check(self, resource: Resource) -> Iterable[tuple[str | None, str]]:
        """Findings about a declared resource beyond its types: the attribute (None: the entry) and a sentence."""
        return ()

    def sources(self, resource: Resource) -> Mapping[str, str]:
        """Attribute -> project-relative path of a file that is read only when it is needed, such as people's data."""
        return {}

    def check_together(self, resources: Mapping[Address, Resource]) -> Iterable[tuple[Address, str | None, str]]:
        """Findings about declared resources of this kind beside one another: address, attribute, sentence."""
        return ()

    def key(self, attributes: Attributes) -> tuple[Value, ...] | None:
        """The natural key, None where a part of it is not known."""
        if any(attributes.get(name) is None for name in self.natural_key):
            return None
        return tuple(attributes[name] for name in self.natural_key)

    def matches(self, desired: Attributes, live: RemoteObject) -> bool:
        """Whether a live object that is not in the state may be what is about to be created."""
        key = self.key(desired)
        return key is not None and key == self.key(live.attributes)

    def mark(self, address: Address) -> str | None:
        """What objects that are made for an address carry, so that they are known again; None: they carry nothing."""
        return None

    def marked(self, live: RemoteObject) -> str | None:
        """The mark that an object carries, ours or another's."""
        return None

    def due(self, attributes: Attributes) -> str | None:
        """When people get mail because of an object with these attributes: an instant, None if they don't."""
        for name, rule in rules(self.spec).items():
            if rule.launches and rule.instant:
                instant: str | None = attributes.get(name)
                return instant
        return None

    def wanted(self, desired: Attributes, applied: Applied) -> Attributes:
        """What is to be, from what is declared: more where an interrupted change has something to restore."""
        return desired

    def remembered(self, applied: Applied) -> Applied:
        """What counts as last applied: less where an interrupted change left it open."""
        return applied

    def lasting(self, change: Change) -> Attributes:
        """What the state holds of the entry beside what is declared, once the change is made."""
        return {}

    def holds(self, live: RemoteObject, expected: Attributes) -> bool:
        """Whether an object reads as it must after a call (``Call.then``, ``Call.shows``)."""
        return all(same(live.attributes.get(name), value) for name, value in expected.items())

    def beside(self, attributes: Attributes, live: RemoteObject) -> RemoteObject:
        """The live object as attributes are compared with it: an additive kind leaves out what they are not about."""
        return live

    def must_replace(self, changed: AnyCollection[str]) -> bool:
        """Whether these changes can't be made in place, beyond what the attributes' rules say."""
        return False

    def computed(self, desired: Attributes) -> tuple[str, ...]:
        """Attributes that the platform makes from declared ones, such as a body rendered from a template.

        What is read right after the write is kept as a digest; a later difference is drift, and since the text can't be
        sent, the object is replaced.
        """
        return ()

    def filled(self, desired: Attributes, template: Attributes) -> Mapping[str, str]:
        """What the platform will make of declared attributes and those of the entry that they are made from.

        A forecast of ``computed`` attributes, for reviews and checks; empty where nobody can tell.
        """
        return {}

    def stopped(self, live: RemoteObject) -> RemoteObject:
        """What an object that is to go out reads like once it was stopped; the rest of a step is judged against it."""
        return live

    def immutable(self, live: RemoteObject, circumstances: Circumstances) -> bool:
        """Whether the object can't change any more and is left as it is for good, such as a sent campaign."""
        return False

    def follows(self, changed: AnyCollection[str], desired: Attributes) -> AnyCollection[str]:
        """Attributes that the platform may change by itself when some are written, given what is declared."""
        return ()

    def refusal(self, change: Change, circumstances: Circumstances) -> Diagnostic | None:
        """Why the change may not be made now, with the way out; None if it may."""
        return None

    def claims(self, row: Row) -> bool:
        """Whether an export takes an object for one of this kind, where several kinds share a collection."""
        return True

    def toll(self, live: RemoteObject) -> tuple[int, str] | None:
        """What deleting the object would lose beside itself: how many, and of what ("subscriptions")."""
        return None

    def loss(self, change: Change) -> tuple[int, str] | None:
        """What an update may lose beside what it changes: how many, and a sentence that names them."""
        return None

    def reach(self, live: RemoteObject) -> int | None:
        """How many people are behind the object; None where the API doesn't tell."""
        return None

    def content(self, attributes: Attributes, contents: Mapping[Address, str]) -> str | None:
        """A fingerprint of what others copy when they embed this object; ``contents`` has those that it embeds."""
        return None

    def unknown_on_write(self, change: Change) -> tuple[str, ...]:
        """Attributes that the change may reset without our knowing their value."""
        return ()


@cache
def rules(spec: type[Spec]) -> Mapping[str, Rule]:
    """The rule of each attribute of a Spec; the members of an opened field are attributes of their own."""
    named = {spec.named: PLAIN} if spec.named is not None else {}
    return named | dict(_rules(spec))


def _rules(spec: type[Spec]) -> Iterator[tuple[str, Rule]]:
    for name, rule in field_rules(spec).items():
        if not rule.opened:
            yield name, rule
            continue
        for member, inner in _rules(cast("type[Spec]", spec.model_fields[name].annotation)):
            yield f"{name}.{member}", replace(inner, file_of=inner.file_of and f"{name}.{inner.file_of}")


def field_rules(spec: type[BaseModel]) -> dict[str, Rule]:
    """The rule of each field of a Spec as it is declared: its first ``Rule`` annotation, or the plain one."""
    return {
        name: next((mark for mark in field_.metadata if isinstance(mark, Rule)), PLAIN)
        for name, field_ in spec.model_fields.items()
    }
