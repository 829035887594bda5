"""``validate`` of the quickstart with all checks of its mails, beside the same without; each in its own process."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from reconcile.mail.checks import checks

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart"
_RUNS = 5


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        checked, unchecked = (Path(folder) / name for name in ("checked", "unchecked"))
        for root in (checked, unchecked):
            shutil.copytree(QUICKSTART, root, ignore=shutil.ignore_patterns(".reconcile"))
        with (unchecked / "reconcile.yaml").open("a") as file:
            file.write(f"\nchecks: {{{', '.join(f'{check.id}: off' for check in checks())}}}\n")
        seconds = {root: min(_seconds(root) for _ in range(_RUNS)) for root in (checked, unchecked)}
    ratio = seconds[checked] / seconds[unchecked]
    print(
        f"validate of the quickstart: {seconds[checked]:.2f} s CPU with {len(checks())} checks, "
        f"{seconds[unchecked]:.2f} s without: {ratio:.1f} times that"
    )


def _seconds(root: Path) -> float:
    before = getrusage(RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "reconcile", "-C", str(root), "validate"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"validate ended with {done.returncode}: {done.stderr[-2000:]}")
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
