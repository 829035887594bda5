"""What Temporal keeps of an account: one workflow per account and environment, whose id is the account.

A second request joins the one that runs. It looks or plans, waits for an approval, applies that record, and goes on
looking in between. Nothing here decides what may be done: that is the activity's business, at the account.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, is_cancelled_exception

RECONCILE = "reconcile-account"
SWEEP = "reconcile-sweep"


@dataclass
class Request:
    """What is asked of an account. ``heartbeat`` is how long a worker may be silent (seconds)."""

    key: str
    mode: str
    heartbeat: float = 30.0
    approval: dict[str, Any] | None = None


@dataclass
class Report:
    """What a run came to: see ``standing.Standing``. Times in UNIX seconds."""

    key: str
    verdict: str
    code: int
    digest: str | None = None
    until: float | None = None
    said: str = ""


@dataclass
class Slot:
    """The accounts whose turn it is: of so many slots the one with this number."""

    number: int
    slots: int
    mode: str = "drift"
    heartbeat: float = 30.0


@dataclass
class Seen:
    """What a query gives of a workflow."""

    key: str = ""
    doing: str | None = None
    report: Report | None = None
    refused: str = ""
    wanted: list[str] = field(default_factory=list)


# Reads may be done again. A write is tried again only where its worker was lost, or somebody else has the lock: then
# the state says what was done. What a run reports is final.
_AGAIN = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1), maximum_attempts=0)


@workflow.defn(name=RECONCILE)
class ReconcileAccount:
    """One account in one environment."""

    @workflow.init
    def __init__(self, request: Request) -> None:
        """What is asked for by the one who started it, or by a signal."""
        self._seen = Seen(request.key)
        self._heartbeat = request.heartbeat
        self._approval: dict[str, Any] | None = None

    @workflow.run
    async def run(self, request: Request) -> Report | None:
        """Do what is asked for until nothing is, and nothing waits for approval."""
        await self.want(request)
        while True:
            while self._seen.wanted:
                await self._do(self._seen.wanted[0])
                self._seen.wanted.pop(0)
            if not self._waits():
                return self._seen.report
            await self._listen()
            if self._approval is not None and not self._seen.wanted:
                await self._carry_out()

    @workflow.signal
    async def want(self, request: Request) -> None:
        """Ask for something more; what is asked for already, or is being done, is joined."""
        if request.mode not in self._seen.wanted:
            self._seen.wanted.append(request.mode)

    @workflow.signal
    def approve(self, approval: dict[str, Any]) -> None:
        """An approval has come; whether it is good is judged where it is carried out."""
        self._approval = approval

    @workflow.signal
    def withdraw(self, approver: str | None) -> None:
        """What was approved, by anybody or by this one, is not to be carried out; what has begun goes on."""
        if self._approval is not None and approver in (None, self._approval.get("approver")):
            self._approval = None

    @workflow.query
    def seen(self) -> Seen:
        """What is being done, and what the last run came to."""
        return self._seen

    def _waits(self) -> bool:
        report = self._seen.report
        return report is not None and report.digest is not None and (report.until or 0.0) > workflow.now().timestamp()

    async def _listen(self) -> None:
        """Wait for an approval, a request, or the end of what waits."""
        report = self._seen.report
        assert report is not None  # noqa: S101  # or nothing would wait
        left = (report.until or 0.0) - workflow.now().timestamp()
        try:
            await workflow.wait_condition(
                lambda: bool(self._approval or self._seen.wanted), timeout=timedelta(seconds=max(1.0, left))
            )
        except asyncio.TimeoutError:  # noqa: UP041  # what Temporal says it raises
            self._seen.report = None

    async def _carry_out(self) -> None:
        """Apply what was approved; where it is not what would be done now, plan again and wait again."""
        approval, self._approval = self._approval, None
        before = self._seen.report
        report = await self._do("apply", approval)
        if report is None or before is None:
            return
        if report.code == 3 and report.digest == before.digest:
            self._seen.refused = report.said  # the record goes on waiting for a good approval
        elif report.code:
            self._seen.refused = report.said
            await self._do("plan")

    async def _do(self, mode: str, approval: dict[str, Any] | None = None) -> Report | None:
        self._seen.doing = mode
        try:
            self._seen.report = await workflow.execute_activity(
                "reconcile",
                Request(self._seen.key, mode, self._heartbeat, approval),
                result_type=Report,
                start_to_close_timeout=timedelta(hours=12),
                heartbeat_timeout=timedelta(seconds=self._heartbeat),
                retry_policy=_AGAIN,
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            self._seen.refused = str(error.cause)
            self._seen.report = None
        finally:
            self._seen.doing = None
        return self._seen.report


@workflow.defn(name=SWEEP)
class Sweep:
    """Starts, or joins, the workflows of all accounts whose turn it is."""

    @workflow.run
    async def run(self, slot: Slot) -> int:
        """How many accounts were asked for."""
        count: int = await workflow.execute_activity(
            "sweep",
            slot,
            result_type=int,
            start_to_close_timeout=timedelta(minutes=30),
            heartbeat_timeout=timedelta(minutes=1),
            retry_policy=_AGAIN,
        )
        return count
