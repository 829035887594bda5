"""An API call as a value, and what is known of the operation that it calls."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconcile.errors import UnknownOutcome
from reconcile.model.attributes import Attributes, Value

# HTTP statuses of a call that was carried out; of the others 206 is a part of an answer, 203 what a proxy made of it.
DONE = frozenset({200, 201, 202, 204})
TOLD = frozenset({200, 201})  # of these the ones that answer a question in full


class Retry(StrEnum):
    """What may follow when a call's outcome is unknown.

    SAFE and IDEMPOTENT calls are repeated; before a LOOKUP call is repeated its outcome is read; a NEVER call stops
    the step.
    """

    SAFE = "safe"
    IDEMPOTENT = "idempotent"
    LOOKUP = "lookup"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of a provider's operation table, which code, docs and tests read.

    ``verb`` is the one we use, ``documented`` those of the vendor's page. ``write`` says whether it changes anything
    remote, ``sends`` whether somebody may get mail through it, ``returns`` where in the answer a new object's id stands
    ("list.id"), ``used_by`` which kinds and commands call it, ``summary`` what it does, in a phrase.
    """

    name: str
    verb: str
    documented: tuple[str, ...]
    retry: Retry
    write: bool
    sends: bool = False
    returns: str | None = None
    used_by: tuple[str, ...] = ()
    summary: str = ""

    @property
    def creates(self) -> bool:
        """Whether it makes an object that can be looked up before the call is repeated."""
        return self.retry is Retry.LOOKUP and self.returns is not None

    def made_id(self, answer: Value) -> str:
        """The id of a new object in an answer.

        Raises:
            UnknownOutcome: the answer does not say it.
        """
        value = answer
        for member in (self.returns or "id").split("."):
            value = value.get(member) if isinstance(value, Mapping) else None
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise UnknownOutcome(f"{self.name}: the answer doesn't say the new object's id.")
        return str(value)


Operations = Mapping[str, Operation]


@dataclass(frozen=True, slots=True)
class Call:
    """An operation's name and its arguments; a Reference among them is replaced by the id when the call is sent.

    ``sends`` marks a call through which somebody may get mail because of what it is about, where the operation alone
    doesn't: widening the lists of a scheduled campaign, say. ``due`` is when that mail goes out (UNIX seconds); once
    that is within the freeze the call is not made. ``then`` are attributes that the object ``about`` (its id, or a
    Reference) must have afterwards: they are read back, and the step goes no further otherwise. ``shows`` are such
    attributes that are read only where the answer is lost or an error. ``record`` is what the state holds of the entry
    from before the call is made, so that a run that dies over it leaves word.
    """

    operation: str
    arguments: Attributes
    sends: bool = False
    due: float | None = None
    about: Value = None
    then: Attributes = field(default_factory=dict)
    shows: Attributes = field(default_factory=dict)
    record: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A call as it will stand on the wire, credentials apart: verb, path, query and body in plain JSON types."""

    verb: str
    path: str
    query: Attributes = field(default_factory=dict)
    body: Value = None
