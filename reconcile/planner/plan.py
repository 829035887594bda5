"""Plan and Step: what apply will do, as values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconcile.errors import Diagnostic
from reconcile.model.account import Account
from reconcile.model.address import Address
from reconcile.model.attributes import Value
from reconcile.model.call import Call
from reconcile.model.kind import Action
from reconcile.model.resource import Applied
from reconcile.planner.rules import RuleChange


class Cause(StrEnum):
    """Why a step or an attribute differs, seen three ways: desired, applied, live."""

    MANIFEST = "manifest changed"
    OUTSIDE = "edited outside"
    BOTH = "both"
    NEW = "not there yet"
    GONE = "deleted outside"
    REMOVED = "removed from the manifests"
    FOLLOWS = "follows what it refers to"
    ASKED = "asked for"


class Right(StrEnum):
    """What a run must have been given before it may do certain things; the value is the flag that gives it."""

    SEND = "--allow-send"
    DELETE = "--allow-delete"
    OVERWRITE_DRIFT = "--overwrite-drift"
    ACCEPT_UNKNOWN = "--accept-unknown"
    STALE = "--allow-stale"
    REVIEW = "--approved"


@dataclass(frozen=True, slots=True)
class Requirement:
    """A right that is needed, how much of it (for ``--allow-delete N``), and the refusal shown without it.

    ``conflict``: both sides changed the same thing, so a yes to a fresh plan does not give the right. ``own``: the
    amount is the step's own, and not the plan's number of deletes. ``denied``: no flag gives the right.
    """

    right: Right
    diagnostic: Diagnostic
    amount: int = 1
    conflict: bool = False
    own: bool = False
    denied: bool = False


@dataclass(frozen=True, slots=True)
class MemberChange:
    """One member of a nested attribute: its path ("texts.headline.value"), before and after; None: not there."""

    path: str
    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """One attribute's before (live, or last applied where it can't be read) and after (desired).

    Long texts are whole; a Digest stands where only that is known. ``None`` before means unset or unknown. A Reference
    that is the same before and after stands for a changed object or content behind it. ``members`` tells where nested
    values differ.
    """

    name: str
    before: Value
    after: Value
    cause: Cause
    replaces: bool = False
    readable: bool = True
    text: bool = False
    members: tuple[MemberChange, ...] = ()


class SendChange(StrEnum):
    """What a step does to mail that is to go out."""

    NEW = "new"
    MOVED = "moved"
    CANCELLED = "cancelled"
    WIDENED = "widened"
    NARROWED = "narrowed"
    CONTENT = "content changed"
    AGAIN = "handed over anew"
    OUTGROWN = "more people than were approved"
    EARLY = "gone out early"
    ALTERED = "gone out altered"


@dataclass(frozen=True, slots=True)
class Send:
    """Who gets what mail when, before and after a step.

    Attributes:
        before: when it was to go out (UNIX seconds); None: not at all.
        after: when it will.
        to: the entries whose people get it after the step, ``to_before`` those before; ``others`` and
            ``others_before`` are the ids of targets that no entry stands for.
        people: how many are behind all targets now; None if that is not known of any.
        reach: how many are behind each target of which it is known.
        changes: what the step does to it.
        subject, sender: those after the step, as far as they are known.
        content: a digest of all that it will say, its template's content included.
        approved: how many people were approved behind all targets, where there are more now.
        allowed: whether this run may make it; None where nobody has decided that.
        decided_by: what decides: a flag, the policy (of which environment), the freeze.
    """

    before: float | None
    after: float | None
    to: tuple[Address, ...] = ()
    people: int | None = None
    changes: tuple[SendChange, ...] = ()
    to_before: tuple[Address, ...] = ()
    others: tuple[str, ...] = ()
    others_before: tuple[str, ...] = ()
    reach: Mapping[Address, int] = field(default_factory=dict)
    subject: str | None = None
    sender: str | None = None
    content: str = ""
    approved: int | None = None
    allowed: bool | None = None
    decided_by: str = ""


@dataclass(frozen=True, slots=True)
class Growth:
    """A target of mail that is to go out, with how many people were approved behind it, and how many there are now."""

    target: Address
    approved: int
    now: int


@dataclass(frozen=True, slots=True)
class Step:
    """One address with one action.

    Attributes:
        changes: the attributes that differ.
        stops: the cancels that come first of all, before any other step's writes: mail that is not to go out any more.
            They need nothing but that it is ours, so neither ``blocked`` nor ``requires`` holds them back.
        calls: the writes made when the step's turn comes, in order.
        removals: the writes made after everything that refers to the object has been re-pointed: the delete of a
            DELETE, of a REPLACE's former object, of objects left over from an interrupted replacement.
        id: the live object's id, if there is one.
        deposed: the ids that ``removals`` delete.
        applied: what the state holds once the step is done (its id is empty for a new object); None: nothing.
        dependencies: the addresses that must be done before, as the manifests say.
        former_dependencies: those that the state says; what they stand for is removed after this step.
        unchecked: attributes that can't be read back, so that a difference can't be seen.
        reach: how many people are behind it; None if unknown or nobody.
        send: what the step does to mail that is to go out: who gets it, when, and what it says.
        outgrown: where more people are behind what mail goes to than were approved.
        live_fingerprint: of the live object the plan was made from, without what ``stops`` change; apply stops the step
            if it is another by then.
        blocked: why the step can't be made at all, whatever rights the run has.
        requires: rights without which the step is refused.
        instructions: for MANUAL, what a person has to do.
        note: a sentence for the reader, such as why nothing happens to a sent campaign.
        key: the natural key of what is declared.
        twins: ids of objects outside the state that had this natural key when the plan was made.
        source_digest: of the file that a bulk entry was compared with; apply stops the step if it is another by then.
        edited: where something changed outside, when the object was last changed (UNIX seconds), if the API tells.
        rendered: of mail that is scheduled after a look at it, the texts that the platform made of its template.
        people_removed: how many people a bulk entry takes off lists, of ``people_ours`` whom it had put there.
        rows_lost: how many percent of the rows its source has lost since the last apply.
        excluded_before: how many people its file of those to exclude had then; it has ``excluded_fewer`` fewer now.
        lost: how much a removal loses beside the object, such as subscriptions.
        generation: how often the address was written so far, by the state.
        requests: a digest of the calls as they will stand on the wire, ids of other entries' objects apart.
        goal: a digest of what is declared: what a step that was cut short is to be carried on to.
        digest: a digest of all that a person approves of in the step, see ``reconcile.planner.changes``.
    """

    address: Address
    action: Action
    cause: Cause | None = None
    changes: tuple[AttributeChange, ...] = ()
    stops: tuple[Call, ...] = ()
    calls: tuple[Call, ...] = ()
    removals: tuple[Call, ...] = ()
    id: str | None = None
    deposed: tuple[str, ...] = ()
    applied: Applied | None = None
    dependencies: tuple[Address, ...] = ()
    former_dependencies: tuple[Address, ...] = ()
    previous_address: Address | None = None
    unchecked: tuple[str, ...] = ()
    reach: int | None = None
    send: Send | None = None
    outgrown: tuple[Growth, ...] = ()
    live_fingerprint: str | None = None
    blocked: Diagnostic | None = None
    requires: tuple[Requirement, ...] = ()
    instructions: tuple[str, ...] = ()
    note: str | None = None
    key: tuple[Value, ...] | None = None
    twins: tuple[str, ...] = ()
    source_digest: str | None = None
    rendered: Mapping[str, str] = field(default_factory=dict)
    people_removed: int = 0
    people_ours: int = 0
    rows_lost: float = 0.0
    excluded_before: int = 0
    excluded_fewer: int = 0
    edited: float | None = None
    lost: int = 0
    generation: int = 0
    requests: str = ""
    goal: str = ""
    digest: str = ""

    @property
    def renews(self) -> bool:
        """Whether the address gets a new object."""
        return self.action is Action.CREATE or (self.action is Action.REPLACE and self.id in self.deposed)

    @property
    def writes(self) -> tuple[Call, ...]:
        """All API writes of the step."""
        return self.stops + self.calls + self.removals


@dataclass(frozen=True, slots=True)
class Meant:
    """Which removals somebody said are meant: ``removed`` in a manifest, or all of them, by ``reconcile destroy``.

    ``declares_nothing``: no manifest declares anything.
    """

    addresses: tuple[Address, ...] = ()
    everything: bool = False
    declares_nothing: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps by address, and what binds the plan to its origin.

    ``created`` and ``expires`` are UNIX seconds; ``manifest_digest`` covers the project's files; ``lineage`` and
    ``serial`` are the state's; ``reads`` is how many API reads making the plan took, ``seconds`` how long carrying it
    out will take at the least, where calls are paced; ``bindings`` the ids of the objects that exist, external ones
    included. ``rules`` are those that it was made under, ``rules_changed`` those that may let more through than at the
    last apply. ``given`` are attributes in which the environment has a say.
    ``lately`` is what runs of the last day have deleted, where that counts.
    ``unmanaged`` counts what no entry is bound to, by alias and plural, as far as it was read along.
    ``blocked`` refuses the whole run, ``requires`` are rights the run needs
    before it may write anything.
    """

    steps: Mapping[Address, Step]
    accounts: Mapping[str, Account] = field(default_factory=dict)
    bindings: Mapping[Address, str] = field(default_factory=dict)
    lineage: str = ""
    serial: int = 0
    environment: str = "default"
    created: float = 0.0
    expires: float = 0.0
    manifest_digest: str = ""
    tool_version: str = ""
    reads: int = 0
    seconds: float = 0.0
    targets: tuple[Address, ...] = ()
    replaced: tuple[Address, ...] = ()
    meant: Meant = Meant()
    destroy: bool = False
    rebuild: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[Address, tuple[str, ...]] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    capabilities: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    blocked: tuple[Diagnostic, ...] = ()
    requires: tuple[Requirement, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    rules: Mapping[str, Value] = field(default_factory=dict)
    rules_changed: tuple[RuleChange, ...] = ()
    unmanaged: Mapping[str, int] = field(default_factory=dict)
    lately: Mapping[str, int] = field(default_factory=dict)

    @property
    def changes(self) -> Iterator[Step]:
        """The steps that are more than a no-op, by address."""
        return (step for step in self.steps.values() if step.action is not Action.NO_OP)

    @property
    def has_changes(self) -> bool:
        """Whether there is anything to do beyond manual steps."""
        return any(step.action is not Action.MANUAL for step in self.changes)

    @property
    def writes(self) -> tuple[Call, ...]:
        """All API writes, by address. A step that can't be made has none but its stops, which nothing holds back."""
        return tuple(call for step in self.steps.values() for call in (step.stops if step.blocked else step.writes))
