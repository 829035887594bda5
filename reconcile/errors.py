"""What can go wrong, and the exit code each of it ends a run with.

Findings about input are Diagnostics, gathered and shown together; exceptions are for what stops the run.
Exit codes are those of ``reconcile --help``: 1 error, 3 refused by a safety rule, 4 the plan no longer matches,
5 locked, 6 applied in part, 7 credentials or account, 64 usage, 130 interrupted.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a file: path as the user would type it, line and column counted from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Severity(StrEnum):
    """How bad a finding is; warnings never change an exit code."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    ``code`` is fixed and in kebab-case, ``summary`` a short phrase without user data, ``detail`` whole sentences that
    say what, why and what to do. ``others`` are further places that belong to it, such as the first of two duplicates.
    ``standing``: it was so before what is looked at, and so is told after what that brings.
    """

    code: str
    summary: str
    detail: str
    address: str | None = None
    location: Location | None = None
    hint: str | None = None
    severity: Severity = Severity.ERROR
    others: tuple[Location, ...] = field(default=())
    standing: bool = False


class ReconcileError(Exception):
    """The base of all errors that stop a run; each carries the diagnostics to show and an exit code."""

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "error"

    def __init__(self, detail: str, *, hint: str | None = None, address: str | None = None) -> None:
        super().__init__(detail)
        summary = (type(self).__doc__ or self.code).splitlines()[0].rstrip(".").lower()
        self.diagnostics: tuple[Diagnostic, ...] = (Diagnostic(self.code, summary, detail, address=address, hint=hint),)

    @classmethod
    def of(cls, diagnostics: Iterable[Diagnostic]) -> "ReconcileError":
        """The error that shows these findings."""
        findings = tuple(diagnostics)
        error = cls("; ".join(finding.detail for finding in findings))
        error.diagnostics = findings
        return error


class InvalidInput(ReconcileError):
    """Invalid input."""

    code = "invalid-input"


class Refused(ReconcileError):
    """Refused by a safety rule."""

    exit_code = 3
    code = "refused"


class PlanStale(ReconcileError):
    """The saved plan no longer matches."""

    exit_code = 4
    code = "plan-stale"


class StateError(ReconcileError):
    """The state can't be used."""

    code = "state-unusable"


class LockHeld(StateError):
    """The state is locked by someone else."""

    exit_code = 5
    code = "lock-held"


class ApiError(ReconcileError):
    """The platform answered with an error."""

    code = "api-error"


class Unreachable(ApiError):
    """The platform can't be reached: the call was certainly not carried out."""

    code = "unreachable"


class UnknownOutcome(ApiError):
    """No usable answer: the call may or may not have been carried out."""

    code = "unknown-outcome"


class Unauthorised(ApiError):
    """The platform refuses the credentials."""

    exit_code = 7
    code = "unauthorised"


class WrongAccount(ReconcileError):
    """Not the account of this state, plan or pin."""

    exit_code = 7
    code = "wrong-account"


class Usage(ReconcileError):
    """Wrong usage of the command line."""

    exit_code = 64
    code = "usage"


class OnlyStopped(ReconcileError):
    """Mail was stopped that is not to go out, and nothing else could be done."""

    exit_code = 6


class Interrupted(ReconcileError):
    """Interrupted."""

    exit_code = 130
    code = "interrupted"


def first_exit_code(codes: Iterable[int]) -> int:
    """The exit code for several failures at once: 130, else the first of 7, 5, 4, 3 and 1; 0 without any."""
    present = set(codes)
    return next((code for code in (130, 64, 7, 5, 4, 3, 1) if code in present), 0)
