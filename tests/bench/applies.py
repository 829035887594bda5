"""Applies of new campaigns with 10 KB bodies over HTTP, ten calls at once, without latency and at 200 ms a call.

At 200 ms the bound is all calls, the gate's reads included, times the latency over the concurrency; so is that of the
time from the first write to the end. Without latency it is the same calls by httpx alone in ten threads.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.account import ENVIRON, account, project, write_calls
from tests.bench.figures import Cost, Figure, keep, reconcile, run

SIZES = tuple(int(size) for size in os.environ.get("BENCH_APPLIES", "200,1000,5000").split(","))
AT_ONCE = 10


def main() -> None:
    """Print the figures."""
    keep("applies", [figure for latency in (0, 200) for size in SIZES for figure in _applied(size, latency)])


def _applied(size: int, latency: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, account(latency) as there:
        root = Path(folder) / "project"
        project(root, there.api, size)
        command = reconcile("-C", str(root), "-q", "--parallelism", str(AT_ONCE), "apply", "--auto-approve")
        cost = run(command, ENVIRON)
        ended = time.monotonic()
        calls = there.asked()
        note = f"{len(calls):,} calls"
        if latency == 0:
            kept = write_calls(root.parent / "calls.json", calls)
            bare = run([sys.executable, "-m", "tests.bench.bound", "calls", there.url, str(kept), str(AT_ONCE)])
            return [Figure("apply at 0 ms", size, cost, bare, note)]
        writes = next(at for at, call in enumerate(calls) if "create-newsletter" in call[2])
        last = len(calls) - writes
        alone = Cost(ended - calls[writes][0], cost.cpu, cost.memory)
        return [
            Figure("apply at 200 ms", size, cost, _bound(len(calls), latency), note),
            Figure("from the first write on", size, alone, _bound(last, latency), f"{last:,} calls"),
        ]


def _bound(calls: int, latency: int) -> Cost:
    return Cost(calls * latency / 1000 / AT_ONCE, 0.0, 0.0)
