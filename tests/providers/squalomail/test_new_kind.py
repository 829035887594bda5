"""A kind is one file: put into a copy of the package, it is found by everything that is about kinds."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.slow
PROJECT = """\
version: 1
providers:
  shop: {type: squalomail, url: "sandbox:", account: "4711"}
"""
MANIFEST = """\
shop:
  lists:
    news: {name: News}
  segments:
    vip: {name: Segment of the best, description: Who buys most}
"""
LETTER = (
    MANIFEST
    + """\
  letters:
    hello: {subject: Hello, body: <p>Hello</p>, segments: [vip]}
"""
)
KIT = """\
from reconcile.providers.squalomail import PROVIDER
from reconcile.testing import ProviderSuite


class TestCopy(ProviderSuite):
    provider = PROVIDER
    settings = {"account": "4711"}
    excused = {"letter": "What it goes to can't be read back."}
"""


class Copy:
    """The package with one more file, and a project that uses it."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home = home
        self.project = folder / "project"
        (self.project / "manifests").mkdir(parents=True)
        self.write(PROJECT, MANIFEST)

    @staticmethod
    def make(home: Path) -> None:
        shutil.copytree(ROOT / "reconcile", home / "reconcile", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "schemas", home / "schemas")
        kind = home / "reconcile/providers/squalomail/kinds/segment.py"
        shutil.copyfile(Path(__file__).with_name("segment.py"), kind)

    def write(self, project: str, manifest: str) -> None:
        (self.project / "reconcile.yaml").write_text(project)
        (self.project / "manifests/all.yaml").write_text(manifest)

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "PYTHONPATH": str(self.home)}
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=self.home, env=environ, capture_output=True, text=True, check=False)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.python("-m", "reconcile", "-C", str(self.project), *arguments)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One copy for all: to compile it takes longer than to use it."""
    made = tmp_path_factory.mktemp("copy")
    Copy.make(made)
    return made


@pytest.fixture
def copy(home: Path, tmp_path: Path) -> Copy:
    return Copy(home, tmp_path)


def test_commands_know_a_new_kind(copy: Copy) -> None:
    assert "Valid: 2 entries." in copy.run("validate").stdout
    assert '"segments"' in copy.run("schema").stdout
    assert "+ shop.segment.vip will be created" in copy.run("plan").stdout
    applied = copy.run("apply", "--auto-approve")
    assert applied.returncode == 0, applied.stderr
    exported = copy.project.parent / "exported"
    assert "1 segments" in copy.run("export", str(exported)).stdout
    assert "Segment of the best" in (exported / "manifests/segments.yaml").read_text()
    docs = "from reconcile.providers import types; from reconcile.report.kinds import render; print(render(types()))"
    assert "`segments`" in copy.python("-c", docs).stdout


def test_the_kit_tries_a_new_kind_with_a_sample_of_its_own(copy: Copy) -> None:
    (copy.home / "test_copy.py").write_text(KIT)
    options = ("-p", "reconcile.testing.plugin", "-p", "no:cacheprovider", "-q", "-k", "segment", "test_copy.py")
    tried = copy.python("-m", "pytest", *options)
    assert tried.returncode == 0, tried.stdout
    assert "passed" in tried.stdout
    assert "failed" not in tried.stdout


def test_a_campaign_for_it_is_refused_where_the_policy_names_lists_only(copy: Copy) -> None:
    copy.write(PROJECT + "policy: {targets: {lists: [news]}}\n", LETTER)
    shown = copy.run("plan")
    assert "policy.targets.segments of this environment does not name any" in shown.stdout, shown.stderr
    refused = copy.run("apply", "--auto-approve")
    assert refused.returncode in (3, 6), refused.stderr
    assert "error[target-not-allowed]" in refused.stderr
    copy.write(PROJECT + "policy: {targets: {lists: [news], segments: [vip]}}\n", LETTER)
    applied = copy.run("apply", "--auto-approve")
    assert applied.returncode == 0, applied.stderr
