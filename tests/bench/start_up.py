"""Starting: what nothing but an import takes, beside our commands; least of several runs, by CPU."""

import shutil
import sys
import tempfile
from pathlib import Path

from tests.bench.figures import ROOT, Figure, keep, least, reconcile, run

RUNS = 15
_PLAN = "import click, httpx, orjson, pydantic, yaml"


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "quickstart"
        shutil.copytree(ROOT / "examples" / "quickstart", root, ignore=shutil.ignore_patterns(".reconcile"))
        click = least(run([sys.executable, "-c", "import click"]) for _ in range(RUNS))
        libraries = least(run([sys.executable, "-c", _PLAN]) for _ in range(RUNS))
        script = str(Path(sys.executable).with_name("reconcile"))
        completes = {"_RECONCILE_COMPLETE": "bash_complete", "COMP_WORDS": "reconcile pl", "COMP_CWORD": "1"}
        figures = [
            Figure("python, alone", 0, least(run([sys.executable, "-c", "pass"]) for _ in range(RUNS))),
            Figure("--version", 0, least(run([script, "--version"]) for _ in range(RUNS)), click, "import click"),
            Figure("--help", 0, least(run([script, "--help"]) for _ in range(RUNS)), click, "import click"),
            Figure("completion", 0, least(run([script], completes) for _ in range(RUNS)), click, "import click"),
        ]
        for name in ("validate", "plan"):
            cost = least(run(reconcile("-C", str(root), "-q", name)) for _ in range(5))
            figures.append(Figure(f"{name} of the quickstart", 0, cost, libraries, _PLAN))
    keep("start-up", figures)
