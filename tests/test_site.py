"""The site of the docs builds without a warning, and what it promises has its test."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILDER = ROOT / ".venv" / "docs" / "bin" / "mkdocs"


@pytest.mark.slow
@pytest.mark.skipif(not BUILDER.exists(), reason="make test installs the builder")
def test_it_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    site = tmp_path / "site"
    command = [str(BUILDER), "build", "--strict", "--site-dir", str(site)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert not re.search(r"^WARNING", built.stderr, re.MULTILINE)
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")}
    assert pages <= {page.stem for page in site.glob("*.html")}
    home = (site / "index.html").read_text(encoding="utf-8")
    loaded = re.findall(r"""<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)""", home)
    assert [url for url in loaded if "canonical" not in url] == []


@pytest.mark.parametrize("page", ["safety.md", "security.md"])
def test_each_promise_names_a_test_that_is_there(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)`", text)
    assert len(named) >= 20
    assert [name for name in named if not (ROOT / name).exists()] == []
    tables = re.findall(r"^\| (?:promise|can't) \| test \|\n\| --- \| --- \|\n((?:\| .*\n)+)", text, re.MULTILINE)
    assert len(tables) == {"safety.md": 1, "security.md": len(SEATS)}[page]
    for table in tables:
        assert all(re.fullmatch(r"\| .+ \| `tests/[^|]+ \|", row) for row in table.splitlines()), table


SEATS = (
    *("a pull request", "a log or a comment", "an artefact", "a server or a proxy on the way"),
    "a seat in the account",
)


def test_each_place_that_somebody_may_be_in_is_looked_at() -> None:
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    assert re.findall(r"^## With (.*)$", text, re.MULTILINE) == list(SEATS)


def test_each_neighbour_is_compared() -> None:
    text = (ROOT / "docs/comparison.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[?`?([\w -]+?)[\]`]", text, re.MULTILINE)
    assert rows == ["Terraform", "octoDNS", "mcdev", "braze-sync", "tdx engage", "formae", "headless-klaviyo"]


HOW_TO = {
    "ci.md": ("GitHub", "GitLab"),
    "howto.md": (
        "## Environments",
        "## Adopt an account",
        "## Move a schedule",
        "## A lost state",
        "## A second provider",
    ),
    "audiences.md": ("sync",),
    "first-contact.md": ("reconcile doctor",),
    "review.md": ("reconcile plan --page",),
}


@pytest.mark.parametrize("page", HOW_TO)
def test_each_way_is_told_how_to_go(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert [part for part in HOW_TO[page] if part not in text] == []
    assert page in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


def test_git_ignores_what_is_built() -> None:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("no checkout")
    asked = [git, "-C", str(ROOT), "check-ignore", "-q", "build/site"]
    assert subprocess.run(asked, check=False).returncode == 0
