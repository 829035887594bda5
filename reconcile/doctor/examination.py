"""One look at an account: the local checks, the calls of its provider's questionnaire, a verdict on each assumption."""

import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from reconcile.errors import ReconcileError
from reconcile.model.assumption import Answer, Finding, Questionnaire, Verdict, judged

_CLOCK = 60.0  # seconds by which clocks may differ


@dataclass(frozen=True, slots=True)
class Check:
    """Something that has to be right before any question makes sense; ``cause`` is the error where it is not."""

    id: str
    fine: bool
    seen: str
    remedy: str = ""
    cause: ReconcileError | None = None


@dataclass(slots=True)
class Examination:
    """What came of it."""

    checks: list[Check] = field(default_factory=list)
    findings: tuple[Finding, ...] = ()
    calls: int = 0

    @property
    def differs(self) -> bool:
        """Whether something is not as assumed."""
        return any(finding.verdict is Verdict.DIFFERS for finding in self.findings) or any(
            not check.fine and check.cause is None for check in self.checks
        )

    @property
    def cause(self) -> ReconcileError | None:
        """The first error that kept something from being asked."""
        return next((check.cause for check in self.checks if check.cause is not None), None)


def attempt(id_: str, work: Callable[[], str], remedy: str = "") -> Check:
    """A check by trying: what the work gives is what was seen, an error of ours is what is wrong."""
    try:
        return Check(id_, True, work())
    except ReconcileError as error:
        told = " ".join(dict.fromkeys(found.detail for found in error.diagnostics))
        hints = dict.fromkeys(found.hint for found in error.diagnostics if found.hint)
        return Check(id_, False, told, " ".join(hints) or remedy, error)


def private(path: Path) -> Check:
    """Whether a file that only its owner may read is so."""
    if not path.exists():
        return Check(f"file {path.name}", True, "not there yet")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Check(f"file {path.name}", False, f"others may read it (mode {mode:o})", f"chmod 600 {path}")
    return Check(f"file {path.name}", True, f"mode {mode:o}")


def clock(answers: Mapping[str, Answer], now: Callable[[], float] = time.time) -> Check | None:
    """Whether our clock and the platform's agree, by the header Date of the last answer; None without any answer."""
    asked = [answer for answer in answers.values() if answer.status is not None]
    if not asked:
        return None
    last = asked[-1].headers
    remedy = "Set this machine's clock by a time server. Nothing is sent while they differ by more than a minute."
    try:
        there = parsedate_to_datetime(last.get("date", "")).timestamp()
    except (TypeError, ValueError):
        return Check("clock", False, "the platform's answers have no usable Date", "Nothing is sent without one.")
    if "age" in last:
        return Check("clock", False, f"answers come from a cache (Age {last['age']})", "Nothing is sent through it.")
    off = there - now()
    return Check("clock", abs(off) <= _CLOCK, f"the platform's is {off:+.0f} seconds off ours", remedy)


def questions(
    questionnaire: Questionnaire,
    client: Any,
    level: int,
    current: Mapping[str, Any],
    around: AbstractContextManager[dict[str, Answer]] | None = None,
) -> tuple[dict[str, Answer], tuple[Finding, ...]]:
    """Ask, and judge; ``around`` gives the answers of a scratch, whose objects are there while the rest is asked.

    Raises:
        Unauthorised: the credentials are refused.
    """
    with around or nullcontext({}) as answers:
        questionnaire.ask(client, answers)
    return answers, tuple(judged(assumption, answers, level, current) for assumption in questionnaire)


def rows_to_paste(findings: Iterable[Finding]) -> Iterator[tuple[str, Any]]:
    """Rows of the contract that would make us go by what was seen."""
    for finding in findings:
        if finding.verdict is Verdict.DIFFERS and finding.assumption.row and finding.seen != "":
            yield finding.assumption.id, finding.seen
