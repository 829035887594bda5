"""What workers do: run an account's command, tell that they live, and start whose turn it is."""

import asyncio
import contextvars
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError, CancelledError

from reconcile.errors import InvalidInput
from reconcile.fleet.approval import approval_from
from reconcile.fleet.here import runner_of
from reconcile.fleet.settings import Account, Fleet, load_fleet
from reconcile.fleet.standing import Mode, Standing
from reconcile.fleet.unit import BUSY, Runner
from reconcile.fleet.workflows import RECONCILE, Report, Request, Slot

_BEAT = 0.25  # of the time after which a silent worker has lost its run
_FRESH = 5.0  # seconds that what folders and tables say of the accounts is good for
_SPARED = 50  # and so many times what looking through them took
_READS_AGAIN = 3  # attempts at a look that failed; whatever it was, reads may be done again


@dataclass
class _Read:
    """A fleet's file as it was read, and what it was like then."""

    stamp: tuple[int, int]
    fleet: Fleet
    runner: Runner
    accounts: Mapping[str, Account] = field(default_factory=dict)
    until: float = 0.0  # by the monotonic clock: how long the accounts are taken to be all


class Activities:
    """The activities of one worker. The fleet's file is read again when it has changed, accounts every few seconds."""

    def __init__(self, path: Path, environ: Mapping[str, str], client: Client, task_queue: str) -> None:
        """``path`` is the fleet's file, ``environ`` where credentials are named."""
        self._path = path
        self._environ = environ
        self._client = client
        self._task_queue = task_queue
        self._read: _Read | None = None
        self._guard = threading.Lock()

    @activity.defn(name="reconcile", no_thread_cancel_exception=True)
    def reconcile(self, request: Request) -> Report:
        """Look at, plan or apply one account; tried again where it is locked, or where only reads failed."""
        runner = self._fleet().runner
        stop = threading.Event()
        try:
            account = self._account(request.key)
            approval = approval_from(request.approval) if request.approval is not None else None
        except InvalidInput as error:
            raise ApplicationError(str(error), type="InvalidInput", non_retryable=True) from None
        progress = _Progress(request.mode)
        with _alive(stop, request.heartbeat, progress):
            standing = replace(runner, calling=progress.call).reconcile(account, Mode(request.mode), stop, approval)
        if stop.is_set():
            if activity.is_cancelled():
                raise CancelledError("Stopped; what was done is in the state.")
            raise ApplicationError("The worker stops; another one goes on.", type="WorkerStops")
        return self._reported(request, standing)

    @activity.defn(name="sweep")
    async def sweep(self, slot: Slot) -> int:
        """Ask for all accounts of a slot; who runs already is joined."""
        fleet = (await asyncio.to_thread(self._fleet)).fleet
        accounts = await asyncio.to_thread(fleet.accounts)
        keys = [each.key for each in accounts if slot_of(each.key, slot.slots) == slot.number]
        for key in keys:
            await ask(self._client, self._task_queue, Request(key, slot.mode, slot.heartbeat))
            activity.heartbeat(key)
        return len(keys)

    def _fleet(self) -> _Read:
        """The fleet as its file says it now."""
        found = self._path.stat()
        stamp = (found.st_mtime_ns, found.st_size)
        with self._guard:
            if self._read is None or self._read.stamp != stamp:
                fleet = load_fleet(self._path, self._environ)
                self._read = _Read(stamp, fleet, runner_of(fleet))
            return self._read

    def _account(self, key: str) -> Account:
        """An account of the fleet; folders and tables are looked through now and then, not for each of thousands.

        Raises:
            InvalidInput: there is none, or the accounts can't be told apart.
        """
        read = self._fleet()
        with self._guard:
            began = time.monotonic()
            if key not in read.accounts or began >= read.until:
                read.accounts = {each.key: each for each in read.fleet.accounts()}
                ended = time.monotonic()
                read.until = ended + max(_FRESH, _SPARED * (ended - began))
            found = read.accounts.get(key)
        return found or read.fleet.account(key)  # which says what is wrong

    def _reported(self, request: Request, standing: Standing) -> Report:
        failure = standing.failure
        code = failure.code if failure is not None and failure.mode == request.mode else 0
        said = failure.said if failure is not None and code else ""
        if code == BUSY:
            raise ApplicationError(said, type="LockHeld")
        attempt = activity.info().attempt
        if code == 1 and request.mode != Mode.APPLY and attempt < _READS_AGAIN:
            raise ApplicationError(said, type="Failed")
        waiting = standing.waiting
        return Report(
            standing.key,
            standing.verdict.value,
            code,
            waiting.digest if waiting is not None else None,
            waiting.until if waiting is not None else None,
            said[-1000:],
        )


async def ask(client: Client, task_queue: str, request: Request) -> None:
    """Start the workflow of an account, or ask more of the one that runs."""
    from temporalio.common import WorkflowIDConflictPolicy

    await client.start_workflow(
        RECONCILE,
        request,
        id=workflow_id(request.key),
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        start_signal="want",
        start_signal_args=[request],
    )


def workflow_id(key: str) -> str:
    """The id of an account's workflow: at most one of it runs."""
    return f"reconcile/{key}"


def slot_of(key: str, slots: int) -> int:
    """When an account's turn is, the same on every machine and each time."""
    return zlib.crc32(key.encode()) % slots


class _Progress:
    """How far a run is, as whoever looks at Temporal sees it."""

    def __init__(self, mode: str) -> None:
        self._mode = mode
        self._calls = 0
        self._guard = threading.Lock()

    def call(self) -> None:
        with self._guard:
            self._calls += 1

    def told(self) -> dict[str, str | int]:
        return {"doing": self._mode, "calls": self._calls}


@contextmanager
def _alive(stop: threading.Event, heartbeat: float, progress: _Progress) -> Iterator[None]:
    """Tell the server that, and how, the run goes on; hear from it, and from the worker, that it is to stop."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(min(heartbeat * _BEAT, 1.0)):
            activity.heartbeat(progress.told())
            if activity.is_cancelled() or activity.is_worker_shutdown():
                stop.set()

    thread = threading.Thread(target=contextvars.copy_context().run, args=(beat,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
