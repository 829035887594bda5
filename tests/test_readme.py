"""README and tutorial are true: what they tell to type is typed, in order, where only the built wheel is installed."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wheel import ROOT, build, environment

PAGES = ("README.md", "docs/tutorial.md")
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"(?:#|<!--) ((?:manifests|emails)/\S+)")
# Blocks of commands that no test runs: they set up an environment or the checkout itself.
NOT_RUN = 2


def blocks(page: str) -> Iterator[tuple[str, str, str]]:
    """The fenced blocks of a page: language, what else is said of it, content."""
    yield from _BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))


def test_what_is_not_run_is_counted() -> None:
    marked = [text for page in PAGES for language, more, text in blocks(page) if "no-run" in more]
    assert len(marked) == NOT_RUN
    assert {language for page in PAGES for language, _, _ in blocks(page)} <= {"sh", "yaml", "html", ""}
    plain = [page for page in PAGES if re.search(r"^(?:    )?\$ ", (ROOT / page).read_text(), re.MULTILINE)]
    assert plain == [], "commands stand in fenced blocks of sh"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with the wheel's command on it, and nothing of this checkout."""
    wheel = build(tmp_path_factory.mktemp("dist"))
    python = environment(wheel, tmp_path_factory.mktemp("wheel") / "env")
    return f"{python.parent}{os.pathsep}/usr/bin{os.pathsep}/bin"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="the tutorial begins with git")
@pytest.mark.parametrize("page", PAGES)
def test_a_page_word_for_word(page: str, path: str, tmp_path: Path) -> None:
    environ = {"PATH": path, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "GIT_CONFIG_GLOBAL": os.devnull}
    folder, ran = tmp_path, 0
    for language, more, text in blocks(page):
        if language != "sh":
            named = _NAMED.match(text)
            if named is not None and (folder / "reconcile.yaml").exists():
                (folder / named[1]).write_text(text, encoding="utf-8")
            continue
        if "no-run" in more:
            continue
        script = f"set -e\n{text}\npwd > {tmp_path}/.at\n"
        ended = subprocess.run(
            ["sh", "-c", script], cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=600
        )
        assert ended.returncode == 0, f"{text}\n{ended.stdout}\n{ended.stderr}"
        assert "Traceback" not in ended.stderr
        folder, ran = Path((tmp_path / ".at").read_text().strip()), ran + 1
    assert ran >= 3
