"""A fleet on Temporal: a worker, requests and approvals, and the schedules by which accounts are looked at."""

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
    WorkflowExecutionStatus,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from reconcile.cli.capture import apart
from reconcile.cli.policies import parse_duration
from reconcile.errors import InvalidInput, ReconcileError
from reconcile.fleet.activities import Activities, ask, workflow_id
from reconcile.fleet.approval import Approval
from reconcile.fleet.results import Results
from reconcile.fleet.settings import Fleet, TemporalSpec
from reconcile.fleet.standing import Mode, Standing
from reconcile.fleet.workflows import SWEEP, ReconcileAccount, Request, Slot, Sweep

SLOTS = 60  # accounts are spread over so many turns; each is one schedule
_GRACE = timedelta(minutes=2)  # for runs to end once the worker is to stop
_GLANCE = 0.5  # seconds
_IDLE = 10.0  # seconds without a result, after which whoever waits is told why
_LONG_POLL = 100.0  # seconds: Temporal keeps a worker's question for a minute, and forgets workers after five
_ANSWER = timedelta(seconds=10)  # for a worker to say what is being done


@asynccontextmanager
async def connected(fleet: Fleet) -> AsyncIterator[Client]:
    """A connection to the fleet's Temporal service.

    Raises:
        InvalidInput: the fleet names none. ReconcileError: it does not answer, or refuses.
    """
    spec = fleet.spec.temporal
    if spec is None:
        raise InvalidInput(
            "fleet.yaml names no Temporal service.",
            hint="Add `temporal: {address: HOST:PORT}`, or do the work here: reconcile fleet run",
        )
    if not spec.tls and (spec.apiKey or not _is_here(spec.address)):
        raise InvalidInput(
            f"The connection to {spec.address} would not be encrypted.", hint="Set `tls: true` in `temporal`."
        )
    try:
        yield await Client.connect(
            spec.address, namespace=spec.namespace, tls=spec.tls, api_key=spec.apiKey or None, lazy=False
        )
    except RPCError as error:
        raise ReconcileError(
            f"Temporal at {spec.address} refuses: {error.message}.", hint="See `temporal` in fleet.yaml."
        ) from None
    except RuntimeError as error:
        raise ReconcileError(
            f"Temporal at {spec.address} does not answer: {_reason(error)}.",
            hint="See that it runs and that `temporal.address` in fleet.yaml is right.",
        ) from None


def _reason(error: RuntimeError) -> str:
    """What Temporal's client says in words, out of the values of its own that it says it in."""
    said = re.findall(r'message: "([^"]+)"', str(error))
    return said[-1] if said else str(error).partition("(")[0].strip().rstrip(".")


def settings_of(fleet: Fleet) -> TemporalSpec:
    """What the fleet's file says of Temporal."""
    return fleet.spec.temporal or TemporalSpec()


async def work(fleet: Fleet, path: Path, parallelism: int, tell: Callable[[str], None]) -> None:
    """Run accounts until a signal: those under way end, their states are saved, and others go on with the rest."""
    spec = settings_of(fleet)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    async with connected(fleet) as client:
        activities = Activities(path, fleet.environ, client, spec.taskQueue)
        with apart(), ThreadPoolExecutor(parallelism, "account") as pool:
            worker = Worker(
                client,
                task_queue=spec.taskQueue,
                workflows=[ReconcileAccount, Sweep],
                # The sandbox reads the workflow's module anew for each account. What it guards against is tested: a
                # history is replayed in it.
                workflow_runner=UnsandboxedWorkflowRunner(),
                activities=[activities.reconcile, activities.sweep],
                activity_executor=pool,
                max_concurrent_activities=parallelism,
                graceful_shutdown_timeout=_GRACE,
            )
            tell(f"Working on {spec.taskQueue} at {spec.address}, {parallelism} accounts at once.")
            async with worker:
                await stopped.wait()
                tell("Stopping: letting runs end.")


async def request(
    fleet: Fleet,
    keys: Sequence[str],
    mode: Mode,
    results: Results,
    done: Callable[[Standing], None],
    tell: Callable[[str], None] = lambda text: None,
) -> None:
    """Ask for accounts, and wait until each was run; ``done`` hears of each, ``tell`` of what keeps them waiting."""
    spec = settings_of(fleet)
    seen: dict[str, str] = {}
    # Machines have clocks of their own: that an account was run is told by its result being another one than before.
    before = {each.key: each.ran for each in await asyncio.to_thread(results.changed, seen)}
    left = set(keys)
    async with connected(fleet) as client:
        heartbeat = parse_duration(spec.heartbeat)
        slots = asyncio.Semaphore(64)

        async def one(key: str) -> None:
            async with slots:
                await ask(client, spec.taskQueue, Request(key, mode.value, heartbeat))

        await asyncio.gather(*map(one, keys))
        last = time.monotonic()
        while left:
            await asyncio.sleep(_GLANCE)
            for standing in await asyncio.to_thread(results.changed, seen):
                if standing.key in left and standing.ran != before.get(standing.key):
                    left.remove(standing.key)
                    done(standing)
                    last = time.monotonic()
            if left and time.monotonic() - last > _IDLE:
                last = time.monotonic()
                if amiss := await _amiss(client, spec):
                    tell(f"{amiss} {len(left):,} accounts wait; Ctrl-C ends this command, and they go on waiting.")


async def _amiss(client: Client, spec: TemporalSpec) -> str | None:
    """Why nothing may be going on: nobody has lately asked for work, or the service does not answer."""
    wanted = DescribeTaskQueueRequest(
        namespace=spec.namespace,
        task_queue=TaskQueue(name=spec.taskQueue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    )
    try:
        found = await client.workflow_service.describe_task_queue(wanted, timeout=_ANSWER)
    except RPCError as error:
        return f"Temporal at {spec.address} does not answer ({error.message})."
    now = time.time()
    if any(now - each.last_access_time.ToSeconds() < _LONG_POLL for each in found.pollers):
        return None
    return f"No worker is at the task queue {spec.taskQueue}: start one with `reconcile fleet worker`."


async def send_approval(fleet: Fleet, approval: Approval) -> bool:
    """Give a signed approval to the workflow that waits; False where none does."""
    async with connected(fleet) as client:
        handle = client.get_workflow_handle(workflow_id(f"{approval.account}@{approval.environment}"))
        try:
            if (await handle.describe()).status is not WorkflowExecutionStatus.RUNNING:
                return False
            await handle.signal(ReconcileAccount.approve, asdict(approval))
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
    return True


async def withdraw_approval(fleet: Fleet, key: str, approver: str | None) -> bool:
    """Take an approval back from the workflow that waits; True where it is being acted upon already."""
    async with connected(fleet) as client:
        handle = client.get_workflow_handle(workflow_id(key))
        try:
            if (await handle.describe()).status is not WorkflowExecutionStatus.RUNNING:
                return False
            await handle.signal(ReconcileAccount.withdraw, approver)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        try:
            seen = await handle.query(ReconcileAccount.seen, rpc_timeout=_ANSWER)
        except RPCError:
            return False  # no worker is there to answer, or to begin
    return seen.doing == Mode.APPLY.value


async def schedule(fleet: Fleet, tell: Callable[[str], None]) -> None:
    """Make, or bring up to date, the schedules by which all accounts are looked at."""
    spec, every = settings_of(fleet), parse_duration(fleet.spec.drift)
    heartbeat = parse_duration(spec.heartbeat)
    async with connected(fleet) as client:
        for number in range(SLOTS):
            made = Schedule(
                action=ScheduleActionStartWorkflow(
                    SWEEP,
                    Slot(number, SLOTS, Mode.DRIFT.value, heartbeat),
                    id=f"reconcile-sweep/{number:02}",
                    task_queue=spec.taskQueue,
                ),
                spec=ScheduleSpec(
                    intervals=[
                        ScheduleIntervalSpec(timedelta(seconds=every), timedelta(seconds=every * number / SLOTS))
                    ]
                ),
                policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=10)),
            )
            await _put(client, f"reconcile-drift-{number:02}", made)
    tell(f"Each account is looked at every {fleet.spec.drift}, spread over {SLOTS} turns.")


async def _put(client: Client, name: str, made: Schedule) -> None:
    try:
        await client.create_schedule(name, made)
    except ScheduleAlreadyRunningError:

        async def put(_: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(made)

        await client.get_schedule_handle(name).update(put)


async def unschedule(fleet: Fleet) -> int:
    """Take the schedules away; gives how many there were."""
    count = 0
    async with connected(fleet) as client:
        for number in range(SLOTS):
            try:
                await client.get_schedule_handle(f"reconcile-drift-{number:02}").delete()
                count += 1
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
    return count


def _is_here(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    return host in ("localhost", "::1") or host.startswith("127.")
