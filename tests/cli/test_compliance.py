"""terraform-compliance, a real tool for Terraform's plans, reads ours and enforces a rule on them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Project

EXAMPLE = Path(__file__).parents[2] / "examples" / "compliance"
TOOL = Path(sys.prefix) / "compliance" / "bin" / "terraform-compliance"  # sys.prefix is the project's .venv
ALL_CHECKED = "1 scenarios (1 passed)\n3 steps (3 passed)\n"  # with nothing to check, a rule is skipped, which passes
ITALIA = "Iscritti al notiziario mensile, dal sito e dalla bottega di Gorizia."
TOO_SHORT = "description property in squalomail.list.italia resource does not match"


def check(project: Project, *command: str) -> subprocess.CompletedProcess[str]:
    """What the tool says to the plan that a command of ours prints, by the example's rule."""
    assert TOOL.is_file(), f"{TOOL} is missing; `make test` installs it, and so does `make .venv/compliance.stamp`"
    shown = project.run(*(command or ("plan",)), "--format", "json")
    assert shown.code == 0, shown.err
    plan = project.write(".reconcile/plan.json", shown.out)
    arguments = [TOOL, "-f", EXAMPLE / "features", "-p", plan, "--no-ansi"]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def assert_passes(checked: subprocess.CompletedProcess[str]) -> None:
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert ALL_CHECKED in checked.stdout


def assert_refuses(checked: subprocess.CompletedProcess[str], why: str) -> None:
    assert checked.returncode == 1, checked.stdout + checked.stderr
    assert why in checked.stdout


@pytest.fixture
def example(tmp_path: Path) -> Project:
    shutil.copytree(EXAMPLE, tmp_path / "compliance", ignore=shutil.ignore_patterns(".reconcile"))
    return Project(tmp_path / "compliance")


def test_the_example_passes_until_a_description_is_missing(example: Project) -> None:
    assert_passes(check(example))
    example.replace("manifests/lists.yaml", f"      description: {ITALIA}\n", "")
    assert_refuses(check(example), "squalomail.list.italia (squalomail_list) does not have description property")


def test_it_judges_what_an_update_would_write(example: Project) -> None:
    assert example.run("apply", "--auto-approve").code == 0
    assert_passes(check(example))
    example.replace("manifests/lists.yaml", ITALIA, "IT")
    assert_refuses(check(example), TOO_SHORT)


def test_it_judges_a_saved_plan(example: Project) -> None:
    """As the example's README has it for CI: the plan that will be applied."""
    saved = str(example.root / "spring.plan")
    assert example.run("plan", "-o", saved).code == 0
    assert_passes(check(example, "show", saved))
    example.replace("manifests/lists.yaml", ITALIA, "IT")
    assert example.run("plan", "-o", saved).code == 0
    assert_refuses(check(example, "show", saved), TOO_SHORT)


def test_it_reads_plans_with_everything_in_them(quickstart: Project) -> None:
    """Before and after an apply: references to what is not there yet, and ids."""
    assert_passes(check(quickstart))
    assert quickstart.run("apply", "--auto-approve", "--allow-send").code == 0
    assert_passes(check(quickstart))
