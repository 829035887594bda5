"""terraform-compliance, a real tool for Terraform's plans, reads ours and enforces a rule on them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Project

EXAMPLE = Path(__file__).parents[2] / "examples" / "compliance"
TOOL = os.environ.get("TERRAFORM_COMPLIANCE") or shutil.which("terraform-compliance")

pytestmark = pytest.mark.skipif(
    TOOL is None,
    reason="terraform-compliance is not installed: pip install it into an environment of its own, and put it on PATH "
    "or name it in TERRAFORM_COMPLIANCE",
)


def check(project: Project) -> subprocess.CompletedProcess[str]:
    shown = project.run("plan", "--format", "json")
    assert shown.code == 0, shown.err
    plan = project.write(".reconcile/plan.json", shown.out)
    command = [str(TOOL), "-f", str(EXAMPLE / "features"), "-p", str(plan), "--no-ansi"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def example(tmp_path: Path) -> Project:
    shutil.copytree(EXAMPLE, tmp_path / "compliance", ignore=shutil.ignore_patterns(".reconcile"))
    return Project(tmp_path / "compliance")


def test_the_example(example: Project) -> None:
    assert check(example).returncode == 0
    manifest = (example.root / "manifests" / "lists.yaml").read_text()
    lines = [line for line in manifest.splitlines() if "Iscritti" not in line]
    example.write("manifests/lists.yaml", "\n".join(lines) + "\n")
    broken = check(example)
    assert broken.returncode == 1
    assert "squalomail.list.italia (squalomail_list) does not have description property" in broken.stdout


def test_it_reads_plans_with_everything_in_them(quickstart: Project) -> None:
    """Before and after an apply: references to what is not there yet, and ids."""
    assert check(quickstart).returncode == 0
    assert quickstart.run("apply", "--auto-approve", "--allow-send").code == 0
    assert check(quickstart).returncode == 0
