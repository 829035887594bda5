"""Plans over HTTP of all-new, unchanged and 1 % changed campaigns with 10 KB bodies, beside what can't be left out."""

import os
import sys
import tempfile
from pathlib import Path

from tests.bench.account import ENVIRON, Account, account, change, project, write_calls
from tests.bench.figures import Cost, Figure, keep, least, reconcile, run

SIZES = tuple(int(size) for size in os.environ.get("BENCH_SIZES", "100,1000,10000").split(","))
RUNS = 3


def main() -> None:
    """Print the figures."""
    figures = [figure for size in SIZES for figure in _of_size(size)]
    keep("plans", figures)


def _of_size(size: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, account() as there:
        root = Path(folder) / "project"
        project(root, there.api, size)
        found = [_planned("plan, all new", root, there, size)]
        made = run(reconcile("-C", str(root), "-q", "--parallelism", "10", "apply", "--auto-approve"), ENVIRON)
        found.append(Figure("apply, all new", size, made))
        found.append(_planned("plan, unchanged", root, there, size))
        change(root, size, "Changed")
        found.append(_planned("plan, 1 % changed", root, there, size))
        return found


def _planned(what: str, root: Path, there: Account, size: int) -> Figure:
    there.asked()
    costs: list[Cost] = []
    for number in range(RUNS):
        costs.append(run(reconcile("-C", str(root), "-q", "plan"), ENVIRON))
        if number == 0:
            calls = write_calls(root.parent / "calls.json", there.asked())
    bound = [sys.executable, "-m", "tests.bench.bound", "plan", str(root), there.url, str(calls)]
    return Figure(what, size, least(costs), least(run(bound) for _ in range(RUNS)))
