"""How an account stands: what was last seen of it, what waits for approval, and what went wrong, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import Field

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Time: TypeAlias = Annotated[float, Field(ge=0, le=250_000_000_000)]  # UNIX seconds that a calendar has


class Mode(StrEnum):
    """What is to be done with an account."""

    DRIFT = "drift"
    PLAN = "plan"
    APPLY = "apply"


class Verdict(StrEnum):
    """How an account stands, the gravest first."""

    FAILING = "failing"
    DRIFTED = "drifted"
    WAITING = "waiting for approval"
    IN_SYNC = "in sync"
    UNKNOWN = "not looked at"


@dataclass(frozen=True, slots=True)
class Edit:
    """What somebody did outside: to which entry, and in which of its attributes."""

    address: str
    what: str
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Going:
    """A mail that goes out: when (UNIX seconds), to whom and to how many. ``approved``: it is scheduled already."""

    address: str
    at: Time
    subject: str = ""
    to: tuple[str, ...] = ()
    people: int | None = None
    approved: bool = True


@dataclass(frozen=True, slots=True)
class Waiting:
    """A plan that waits: its record's digest, since when and until when, what it would do, what needs a right."""

    digest: str
    since: Time
    until: Time
    actions: Mapping[str, int] = field(default_factory=dict)
    sends: int = 0
    refusals: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """What stands in the way: since when, at what, with which exit code, in the command's own words."""

    mode: str
    code: int
    said: str
    since: Time
    at: Time


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run came to. ``edits``, ``waiting`` and ``sends`` are None where the run did not look."""

    account: str
    environment: str
    mode: str
    code: int
    began: float
    ended: float
    said: str = ""
    edits: tuple[Edit, ...] | None = None
    waiting: Waiting | None = None
    planned: bool = False
    sends: tuple[Going, ...] | None = None

    @property
    def failed(self) -> bool:
        """Whether it came to nothing that can be relied on; changes and drift (2) are no failure."""
        return self.code not in (0, 2)


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands; times in UNIX seconds. A failure never hides what was seen before it."""

    account: str
    environment: str
    looked: Time | None = None
    edits: tuple[Edit, ...] = ()
    drifted: Time | None = None
    waiting: Waiting | None = None
    sends: tuple[Going, ...] = ()
    failure: Failure | None = None
    applied: Time | None = None
    ran: Time | None = None

    @property
    def key(self) -> str:
        """The account's key."""
        return f"{self.account}@{self.environment}"

    @property
    def verdict(self) -> Verdict:
        """The gravest that can be said of it."""
        if self.failure is not None:
            return Verdict.FAILING
        if self.edits:
            return Verdict.DRIFTED
        if self.waiting is not None:
            return Verdict.WAITING
        return Verdict.UNKNOWN if self.looked is None else Verdict.IN_SYNC

    def after(self, outcome: Outcome) -> "Standing":
        """How it stands after a run; what the run did not look at stays as it was seen."""
        now = replace(self, ran=outcome.ended)
        if outcome.sends is not None:
            now = replace(now, sends=outcome.sends)
        if outcome.planned:
            kept = self.waiting
            same = kept is not None and outcome.waiting is not None and kept.digest == outcome.waiting.digest
            now = replace(now, waiting=kept if same else outcome.waiting)
        if outcome.edits is not None:
            drifted = (self.drifted or outcome.began) if outcome.edits else None
            now = replace(now, edits=outcome.edits, drifted=drifted, looked=outcome.ended)
        if outcome.mode == Mode.APPLY and not outcome.failed:
            now = replace(now, applied=outcome.ended, looked=outcome.ended, waiting=None)
        if outcome.failed:
            since = self.failure.since if self.failure is not None else outcome.began
            return replace(now, failure=Failure(outcome.mode, outcome.code, outcome.said, since, outcome.ended))
        # A look that went well says nothing of an apply that did not: only another apply, or an approval's end, does.
        failure = self.failure
        over = failure is None or failure.mode != Mode.APPLY or outcome.mode == Mode.APPLY or outcome.planned
        return replace(now, failure=None if over else failure)


def as_json(standing: Standing) -> dict[str, Any]:
    """A standing in plain JSON types."""
    return asdict(standing) | {"verdict": standing.verdict.value}


def from_json(content: Any) -> Standing:
    """The standing that ``as_json`` wrote.

    Raises:
        ValueError: it is none; whoever can write where it is kept may have changed it.
    """
    if not isinstance(content, Mapping):
        raise ValueError("not a standing")
    members = {name: value for name, value in content.items() if name != "verdict"}
    return _adapter().validate_python(members)


@cache
def _adapter() -> "TypeAdapter[Standing]":
    from pydantic import TypeAdapter

    return TypeAdapter(Standing)


def counts(standings: Sequence[Standing]) -> dict[Verdict, int]:
    """How many accounts stand how, the gravest first."""
    return {verdict: sum(each.verdict is verdict for each in standings) for verdict in Verdict}
