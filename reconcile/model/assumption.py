"""What nobody could ask the vendors, as values: the question, what we take for granted, how an account answers it.

An assumption is named for the row of the contract or the switch of the sandbox that would correct it. It is judged by
what an account answered to a few calls; a provider's ``Questionnaire`` makes these, ``reconcile doctor`` judges.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

from reconcile.model.call import DONE, Call

if TYPE_CHECKING:
    from reconcile.model.scratch import Scratch

READS: Final = 1  # the level that only reads
SCRATCH: Final = 2  # the level that makes drafts of its own


class Verdict(StrEnum):
    """What came of a question."""

    HOLDS = "holds"
    DIFFERS = "differs"
    UNDECIDED = "undecided"
    NOT_PROBED = "not probed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one call: the HTTP status, the JSON as it came, headers; no status: nothing that could be read."""

    status: int | None
    content: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0  # UNIX time at which it came

    @property
    def fine(self) -> bool:
        """Whether it is a success with content that can be read."""
        return self.status in DONE

    @property
    def undecided(self) -> bool:
        """Whether it leaves open what became of the call: no answer, a failing server, or one that had no time."""
        return self.status is None or self.status >= 500 or self.status in (408, 429)


Answers = Mapping[str, Answer]
# From the answers what was seen, in the assumption's own terms; None: the answers don't tell.
Read = Callable[[Answers], Any]


@dataclass(frozen=True, slots=True)
class Assumption:
    """One thing that we take for granted.

    ``id`` is the row of the contract or the switch, ``assumed`` what we go by, ``breaks`` what happens otherwise.
    ``read`` says what was seen; without it ``reason`` says why nobody asks. ``switch`` and ``row`` say what a
    calibration makes of what was seen: a position of the sandbox's switch, a value for the row.
    """

    id: str
    question: str
    assumed: Any
    breaks: str
    level: int = READS
    read: Read | None = None
    reason: str = ""
    switch: bool = False
    row: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """An assumption with its verdict, and what was seen where that is known."""

    assumption: Assumption
    verdict: Verdict
    seen: Any = None


class Looks(Protocol):
    """A client that can be asked for answers as they come."""

    def look(self, call: Call, **how: Any) -> Answer: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """All that a provider assumes, and the calls by which an account is asked.

    ``ask`` only reads: it is given a client and a place for the answers. ``current`` gives what an account's settings
    say otherwise than the assumptions, by their ids. ``scratch`` is what only writes tell, tried on drafts of our own.
    """

    assumptions: tuple[Assumption, ...]
    ask: Callable[[Any, dict[str, Answer]], None]
    current: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda extra: {}
    scratch: "Scratch | None" = None
    words: frozenset[str] = frozenset()  # texts that say nothing of anybody: names of members, words, routes

    def __iter__(self) -> Iterator[Assumption]:
        return iter(self.assumptions)


def judged(assumption: Assumption, answers: Answers, level: int, current: Mapping[str, Any]) -> Finding:
    """The verdict on an assumption by what an account answered."""
    if assumption.read is None or assumption.level > level:
        return Finding(assumption, Verdict.NOT_PROBED)
    try:
        seen = assumption.read(answers)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, StopIteration):
        seen = None  # the answers are of no shape that would tell
    if seen is None:
        return Finding(assumption, Verdict.UNDECIDED)
    assumed = current.get(assumption.id, assumption.assumed)
    holds = type(seen) is type(assumed) and seen == assumed
    return Finding(assumption, Verdict.HOLDS if holds else Verdict.DIFFERS, seen)
