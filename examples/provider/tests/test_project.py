"""The project beside it: planned, applied, compared and exported as any other."""

import shutil
from pathlib import Path

import pytest

from reconcile.cli.main import run
from reconcile.providers import names

PROJECT = Path(__file__).parents[1] / "project"

if "postino" not in names():
    pytest.skip("it is not installed: make test does that", allow_module_level=True)


def test_plan_apply_drift_and_export(tmp_path: Path) -> None:
    root, exported = tmp_path / "project", tmp_path / "exported"
    shutil.copytree(PROJECT, root, ignore=shutil.ignore_patterns(".reconcile"))
    here = ["-C", str(root)]
    assert run([*here, "fmt", "--check"]) == 0
    assert run([*here, "plan", "--detailed-exitcode"]) == 2
    assert run([*here, "apply", "--auto-approve"]) == 0
    assert run([*here, "plan", "--detailed-exitcode"]) == 0
    assert run([*here, "drift"]) == 0
    assert run([*here, "api", "letters", "createList", "name=By hand", "--auto-approve"]) == 0
    assert run([*here, "export", str(exported)]) == 0
    assert "By hand" in (exported / "manifests/lists.yaml").read_text()
    assert run(["-C", str(exported), "plan", "--detailed-exitcode"]) == 0


def test_the_schema_of_the_project_knows_its_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-C", str(PROJECT), "schema"]) == 0
    assert '"templates"' in capsys.readouterr().out
