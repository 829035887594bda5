"""What a benchmark measured: lines of a table, and the same as JSON."""

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "bench"


# A small program that starts the command: the memory that is told of a process includes that of whoever started it.
_START = """\
import os, sys, time
begun = time.perf_counter()
process = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(process, 0)
seconds, code = time.perf_counter() - begun, os.waitstatus_to_exitcode(status)
with open(sys.argv[1], "w") as file:
    print(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss, code, file=file)
"""


# Modules are compiled once, as where the tool is installed; an environment may say that each run does it anew.
_COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds, seconds of CPU, the most memory it had in MB."""

    seconds: float
    cpu: float
    memory: float


@dataclass(frozen=True)
class Figure:
    """One measurement beside its lower bound in the same run; ``size`` is 0 where nothing is counted."""

    what: str
    size: int
    cost: Cost
    bound: Cost | None = None
    note: str = ""

    @property
    def times(self) -> float | None:
        """How many times the bound it took, by the clock."""
        return self.cost.seconds / self.bound.seconds if self.bound and self.bound.seconds else None

    @property
    def cpu_times(self) -> float | None:
        """How many times the bound's CPU it took."""
        return self.cost.cpu / self.bound.cpu if self.bound and self.bound.cpu else None


def run(command: Sequence[str], environ: Mapping[str, str] | None = None, codes: Iterable[int] = (0,)) -> Cost:
    """Run a command to its end, quietly; what it alone took."""
    with tempfile.NamedTemporaryFile("r") as told:
        ended = subprocess.run(
            [sys.executable, "-IS", "-c", _START, told.name, *command],
            env={**os.environ, **_COMPILED, **(environ or {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        seconds, cpu, memory, code = map(float, told.read().split())
    if code not in codes:
        raise SystemExit(f"{' '.join(command)} ended with {code:.0f}: {ended.stderr.decode()[-2000:]}")
    return Cost(seconds, cpu, memory / 1024)


def least(costs: Iterable[Cost]) -> Cost:
    """The least of each of several runs: what else the machine does only adds to it."""
    found = list(costs)
    return Cost(*(min(getattr(one, name) for one in found) for name in ("seconds", "cpu", "memory")))


def reconcile(*arguments: str) -> list[str]:
    """The command line of a command of ours."""
    return [sys.executable, "-m", "reconcile", *arguments]


def growth(figures: Sequence[Figure]) -> dict[str, float]:
    """For each thing measured at several sizes: the exponent with which its CPU grew between the two largest."""
    found = {}
    for what in dict.fromkeys(figure.what for figure in figures):
        sized = sorted((one for one in figures if one.what == what and one.size), key=lambda one: one.size)
        if len(sized) > 1:
            small, large = sized[-2:]
            found[what] = math.log(large.cost.cpu / small.cost.cpu) / math.log(large.size / small.size)
    return found


def keep(name: str, figures: Sequence[Figure]) -> None:
    """Print a benchmark's figures, and write them to ``build/bench/NAME.json``."""
    exponents = growth(figures)
    print(f"{'':32}{'size':>8}{'seconds':>9}{'CPU':>8}{'MB':>7}{'bound':>9}{'times':>7}{'CPU times':>11}")
    for one in figures:
        bound = f"{one.bound.seconds:9.2f}" if one.bound else " " * 9
        times = f"{one.times:7.2f}" if one.times else " " * 7
        cpu = f"{one.cpu_times:11.2f}" if one.cpu_times else " " * 11
        size = f"{one.size:8,}" if one.size else " " * 8
        cost = f"{one.cost.seconds:9.2f}{one.cost.cpu:8.2f}{one.cost.memory:7.0f}"
        print(f"{one.what:32}{size}{cost}{bound}{times}{cpu}  {one.note}".rstrip(), flush=True)
    for what, exponent in exponents.items():
        print(f"{what}: CPU grows with size to the power of {exponent:.2f}")
    rows = [asdict(one) | {"times": one.times, "cpu_times": one.cpu_times} for one in figures]
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{name}.json").write_text(json.dumps({"figures": rows, "growth": exponents}, indent=1) + "\n")
