"""A fleet's work done on this machine: several processes, each with many accounts at once."""

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
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
            ended = _together(path, jobs, parallelism, count, stop, done)
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


# In processes of their own: each takes jobs from one queue, so that none waits while another has some left.


def _together(
    path: Path,
    jobs: Sequence[Job],
    parallelism: int,
    processes: int,
    stop: threading.Event,
    done: Callable[[Standing], None],
) -> list[Standing]:
    context = multiprocessing.get_context("spawn")
    todo, over = context.Queue(), context.Queue()
    listening, telling = context.Pipe(duplex=False)  # once our end of it is closed, or we are dead, they stop
    for job in jobs:
        todo.put(job)
    shares = [parallelism // processes + (number < parallelism % processes) for number in range(processes)]
    workers = [
        context.Process(target=_work, args=(path, share, processes, todo, over, listening), daemon=True)
        for share in shares
    ]
    todo.put(None)
    for worker in workers:
        worker.start()
    ended: list[Standing] = []
    try:
        while len(ended) < len(jobs):
            if stop.is_set():
                telling.close()
            try:
                found: Standing | ReconcileError = over.get(timeout=_GLANCE)
            except queue.Empty:
                if not any(worker.is_alive() for worker in workers):
                    break  # stopped, or killed: what they did is with the results
                continue
            if isinstance(found, ReconcileError):
                raise found
            ended.append(found)
            done(found)
    finally:
        telling.close()
        for worker in workers:
            worker.join()
    return ended


def _work(path: Path, parallelism: int, processes: int, todo: Any, over: Any, listening: "Connection") -> None:
    """What one process does: as many accounts at once as are its share, until the queue says that it is over."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the first process hears of them, and tells
    stop = threading.Event()

    def listen() -> None:
        with suppress(EOFError):
            listening.recv()
        stop.set()

    threading.Thread(target=listen, daemon=True).start()
    try:
        runner = runner_of(load_fleet(path, os.environ), processes)
    except ReconcileError as error:
        over.put(error)
        return

    def take() -> None:
        while not stop.is_set():
            try:
                job = todo.get(timeout=_GLANCE)
            except queue.Empty:
                continue
            if job is None:
                todo.put(None)  # for the next thread
                return
            over.put(runner.reconcile(job.account, job.mode, stop))

    with apart(), ThreadPoolExecutor(parallelism, "account") as pool:
        for each in [pool.submit(take) for _ in range(parallelism)]:
            each.result()
    todo.cancel_join_thread()  # nobody has to read what says that it is over
