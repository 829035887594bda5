"""A fleet's work done on this machine: several processes, each with many accounts at once."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconcile.cli.capture import apart
from reconcile.cli.stopping import stopping
from reconcile.errors import Interrupted, ReconcileError
from reconcile.fleet.limits import Limits
from reconcile.fleet.results import results_of
from reconcile.fleet.settings import Account, Fleet, load_fleet
from reconcile.fleet.standing import Mode, Standing
from reconcile.fleet.unit import Runner

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

_FEW = 8  # accounts for which a second process is not worth its start
_GLANCE = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Job:
    """What one run of a fleet is to do with an account."""

    account: Account
    mode: Mode


def runner_of(fleet: Fleet, processes: int = 1) -> Runner:
    """What runs the accounts of a fleet in this process, one of so many."""
    limits = Limits(fleet.limits, fleet.spec.limitStore, processes)
    return Runner(results_of(fleet), fleet.approvers, limits, fleet.environ)


def run_here(
    fleet: Fleet,
    path: Path,
    jobs: Sequence[Job],
    *,
    parallelism: int,
    processes: int | None = None,
    done: Callable[[Standing], None] = lambda standing: None,
) -> list[Standing]:
    """Do the jobs, at most ``parallelism`` at once; ``path`` is the fleet's file, ``done`` hears of each end.

    Raises:
        Interrupted: somebody asked to stop. What was under way has ended, and its states are saved.
    """
    count = min(processes or os.cpu_count() or 1, parallelism, max(1, len(jobs) // _FEW))
    stop = threading.Event()
    with stopping(stop):
        if count <= 1:
            ended = _alone(runner_of(fleet), jobs, parallelism, stop, done)
        else:
            shares = [parallelism // count + (number < parallelism % count) for number in range(count)]
            ended = _together(fleet, path, jobs, shares, stop, done)
    if stop.is_set():
        raise Interrupted(
            f"Interrupted: {sum(not _is_cut_short(each) for each in ended)} of {len(jobs)} accounts are done.",
            hint="Run again to do the rest.",
        )
    return ended


def _is_cut_short(standing: Standing) -> bool:
    return standing.failure is not None and standing.failure.code == Interrupted.exit_code


def _alone(
    runner: Runner, jobs: Sequence[Job], parallelism: int, stop: threading.Event, done: Callable[[Standing], None]
) -> list[Standing]:
    """Do the jobs in this process; those that have not begun when it is to stop are left."""
    ended: list[Standing] = []
    waiting = iter(jobs)
    running: set[Future[Standing]] = set()
    with apart(), ThreadPoolExecutor(parallelism, "account") as pool:
        while True:
            while not stop.is_set() and len(running) < parallelism and (job := next(waiting, None)) is not None:
                running.add(pool.submit(runner.reconcile, job.account, job.mode, stop))
            if not running:
                return ended
            over, running = wait(running, timeout=_GLANCE, return_when=FIRST_COMPLETED)
            for each in over:
                ended.append(each.result())
                done(ended[-1])


# In processes of their own: each is told of its next account when one of its own has ended, so that none waits while
# another has some left, and what one that dies was at is known.


def _together(
    fleet: Fleet,
    path: Path,
    jobs: Sequence[Job],
    shares: Sequence[int],
    stop: threading.Event,
    done: Callable[[Standing], None],
) -> list[Standing]:
    """Do the jobs in processes, one for each share; those that a process dies with have failed, and are told."""
    context = multiprocessing.get_context("spawn")
    workers: list[_Worker] = []
    for share in shares:
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(path, share, len(shares), theirs), daemon=True)
        process.start()
        theirs.close()  # so that we read the end of it once the process is no more
        workers.append(_Worker(process, ours, share))
    ended: list[Standing] = []

    def end(standing: Standing) -> None:
        ended.append(standing)
        done(standing)

    waiting = deque(jobs)
    told = False
    try:
        while any(each.at for each in workers) or (waiting and not stop.is_set()):
            living = [each for each in workers if each.lives]
            if stop.is_set() and not told:
                told = True
                for each in living:
                    each.tell(None)
            if not living:
                break
            for each in living:
                while waiting and not stop.is_set() and each.lives and len(each.at) < each.share:
                    each.begin(waiting.popleft())
            for line in wait_for([each.line for each in living], timeout=_GLANCE):
                for standing in next(each for each in living if each.line is line).hear(fleet):
                    end(standing)
        if not stop.is_set():
            for job in waiting:
                end(_lost(fleet, job))
    finally:
        for each in workers:
            each.line.close()
        for each in workers:
            each.process.join()
    return ended


@dataclass
class _Worker:
    """A process, the line to it, and the jobs that it is at, by the keys of their accounts."""

    process: "SpawnProcess"
    line: "Connection[Any, Any]"
    share: int
    at: dict[str, Job] = field(default_factory=dict)
    lives: bool = True

    def begin(self, job: Job) -> None:
        self.at[job.account.key] = job
        self.tell(job)

    def tell(self, what: Job | None) -> None:
        with suppress(OSError):  # that it is dead is read from the line
            self.line.send(what)

    def hear(self, fleet: Fleet) -> list[Standing]:
        """What it has done since; where it has died, all that it was at has failed.

        Raises:
            ReconcileError: it could not begin.
        """
        try:
            found: Standing | ReconcileError = self.line.recv()
        except (EOFError, OSError):
            self.lives = False
            lost = [_lost(fleet, job) for job in self.at.values()]
            self.at.clear()
            return lost
        if isinstance(found, ReconcileError):
            raise found
        del self.at[found.key]
        return [found]


def _lost(fleet: Fleet, job: Job) -> Standing:
    return runner_of(fleet).lost(
        job.account,
        job.mode,
        "error[process] a process of this run has ended: it was killed, or there was no memory left for it\n"
        "  What it did to the account is in the account's state, and its lock ends by itself. Run it again.",
    )


def _work(path: Path, parallelism: int, processes: int, line: "Connection[Any, Any]") -> None:
    """What one process does: the accounts that it is told of, until the line ends. None says that it is to stop."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the first process hears of them, and tells
    try:
        runner = runner_of(load_fleet(path, os.environ), processes)
    except ReconcileError as error:
        line.send(error)
        return
    stop = threading.Event()
    telling = threading.Lock()

    def do(job: Job) -> None:
        standing = runner.reconcile(job.account, job.mode, stop)
        with telling, suppress(OSError):  # nobody listens any more; it is with the results
            line.send(standing)

    with apart(), ThreadPoolExecutor(parallelism, "account") as pool:
        with suppress(EOFError, OSError):
            while True:
                job: Job | None = line.recv()
                if job is None:
                    stop.set()
                else:
                    pool.submit(do, job)
        stop.set()  # whoever began us is gone, or has heard of all
