"""A plan of unchanged campaigns with 10 KB bodies on the in-process emulator, beside parsing their YAML alone."""

import io
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import httpx
import yaml

from reconcile.cli.main import run
from reconcile.sandbox import Sandbox
from tests.bench.account import project

COUNT = 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        project(root, "sandbox:", COUNT)
        created, _ = timed(lambda: quietly("apply", root, "--auto-approve"))
        before = Counter(_COUNTED)
        planned = min(timed(lambda: quietly("plan", root, "--detailed-exitcode"))[0] for _ in range(3))
        parsed = min(timed(lambda: _parse(root))[0] for _ in range(3))
        reads = Counter(_COUNTED) - before
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{COUNT} campaigns: created in {created:.2f} s; unchanged plan {planned:.2f} s CPU")
        print(f"libyaml composing its YAML alone: {parsed:.2f} s CPU; the plan is {planned / parsed:.1f} times that")
        print(f"peak memory {memory:.0f} MB; reads {dict(reads)}")


def quietly(command: str, root: Path, *options: str) -> None:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()):
        code = run(["-C", str(root), "-q", command, *options])
    if code != 0:
        raise SystemExit(f"{command} ended with {code}: {out.getvalue()[-2000:]}")


def _parse(root: Path) -> None:
    for path in (root / "manifests").glob("*.yaml"):
        yaml.compose(path.read_bytes(), Loader=yaml.CLoader)


def timed(work: Callable[[], object]) -> tuple[float, object]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


_COUNTED: Counter[str] = Counter()
_handle = Sandbox.handle


def _counting(sandbox: Sandbox, request: httpx.Request) -> httpx.Response:
    _COUNTED[request.url.path.rsplit("/", 1)[-1]] += 1
    return _handle(sandbox, request)


Sandbox.handle = _counting  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
