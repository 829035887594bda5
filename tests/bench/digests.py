"""A plan of 1,000 scheduled campaigns with the digests that approvals rest on, beside the same without; all new, then
all changed. Fails where they cost more than 15 %."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

from reconcile.engine import workflow
from reconcile.planner import make
from tests.bench.account import project
from tests.bench.plan_unchanged import quietly, timed

COUNT = 1000
MOST = 15.0  # percent
_RUNS = 4


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        project(root, "sandbox:", COUNT)
        schedule = '      language: en\n      schedule: "2037-01-20T09:00:00Z"\n'
        for manifest in (root / "manifests").glob("campaigns-*.yaml"):
            manifest.write_text(manifest.read_text().replace("      language: en\n", schedule))
        costs = [_cost(root, "new")]
        quietly("apply", root, "--auto-approve", "--allow-send")
        for path in (root / "emails").iterdir():
            path.write_text(path.read_text().replace("no more", "no, no more"))
        costs.append(_cost(root, "changed"))
    return int(max(costs) > MOST)


def _cost(root: Path, what: str) -> float:
    """How many percent more CPU time a plan takes with digests; one of each in turn, the quickest of both count."""
    having: list[float] = []
    lacking: list[float] = []
    for _ in range(_RUNS):
        having.append(timed(_plan(root))[0])
        with _without_digests():
            lacking.append(timed(_plan(root))[0])
    more = 100 * (min(having) / min(lacking) - 1)
    print(
        f"{COUNT} {what} campaigns: planned in {min(having):.2f} s CPU with digests, {min(lacking):.2f} s without: "
        f"{more:.1f} % more",
        flush=True,
    )
    return more


def _plan(root: Path) -> Callable[[], None]:
    return lambda: quietly("plan", root)


@contextmanager
def _without_digests() -> Iterator[None]:
    with ExitStack() as patches:
        patches.enter_context(mock.patch.object(workflow, "with_digests", lambda plan, *_: plan))
        patches.enter_context(mock.patch.object(make, "goal_of", return_value=""))
        yield
