"""A check of an installed package is one of ours, and what is wrong with it is told in words."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import MANIFEST, Project

EXAMPLE = Path(__file__).parents[2] / "examples" / "check"


def installed(folder: Path, points: str) -> str:
    """A folder for PYTHONPATH in which a package with these entry points is installed."""
    made = folder / "installed"
    about = made / "our_checks-0.1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: our-checks\nVersion: 0.1.0\n")
    (about / "entry_points.txt").write_text(f"[reconcile.checks]\n{points}\n")
    return str(made)


def validate(project: Project, *paths: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "reconcile", "-C", str(project.root), "validate"]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def loud(project: Project) -> Project:
    project.write("manifests/all.yaml", MANIFEST.replace("subject: Hello", 'subject: "Hello, NOBODY"'))
    return project


def test_the_example_is_found_by_its_entry_point(loud: Project, tmp_path: Path) -> None:
    (point,) = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]["entry-points"][
        "reconcile.checks"
    ].items()
    paths = installed(tmp_path, " = ".join(point)), str(EXAMPLE)
    told = validate(loud, *paths)
    assert told.returncode == 0, told.stderr
    assert "warning[no-shouting] manifests/all.yaml" in told.stderr
    assert 'The subject shouts: "NOBODY".' in told.stderr
    loud.write("reconcile.yaml", (loud.root / "reconcile.yaml").read_text() + "checks: {no-shouting: error}\n")
    assert validate(loud, *paths).returncode == 1
    assert "no-shouting" in validate(loud).stderr  # without the package, there is no such check


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("CHECK = 1", "is no Check."),
        ("import nowhere_at_all", "can't be loaded: ModuleNotFoundError"),
        (
            "from reconcile.mail.checks import Check, Severity\n"
            "CHECK = Check('size', Severity.ERROR, 'x', 'y', lambda mail: iter([]))",
            "has the id size, which another check has.",
        ),
        (
            "from reconcile.mail.checks import Check, Severity\n"
            "CHECK = Check('mine', Severity.ERROR, 'x', 'y', lambda mail: [1 / 0])",
            "failed at squalomail.campaign.hello: ZeroDivisionError",
        ),
    ],
)
def test_what_is_wrong_with_a_check_is_told(project: Project, tmp_path: Path, source: str, said: str) -> None:
    project.write("manifests/all.yaml", MANIFEST)
    path = installed(tmp_path, "mine = mine:CHECK")
    Path(path, "mine.py").write_text(source)
    told = validate(project, path)
    assert told.returncode == 1
    assert said in told.stderr
    assert "The check mine (mine:CHECK)" in told.stderr
    assert "Traceback" not in told.stderr


def test_the_example_passes_its_own_tests() -> None:
    environ = {**os.environ, "PYTHONPATH": str(EXAMPLE)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", str(EXAMPLE / "tests")]
    told = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=120)
    assert told.returncode == 0, told.stdout
