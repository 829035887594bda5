"""What is installed from a wheel is whole, and no hint sends anybody to a stranger's package."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from reconcile import __version__
from reconcile.state.extras import PACKAGES
from tests.wheel import build, environment

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Names as an installer is told them: what follows `pip install`, quoted or not, options aside.
_INSTALL = re.compile(r"pip install ((?:--?[\w-]+(?:=\S+)? )*)['\"]?([^\s'\"`]+)")


def _names() -> dict[str, str]:
    found = {}
    places = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "reconcile").rglob("*.py")]
    places += [path for path in (ROOT / "examples").rglob("*") if path.suffix in (".md", ".toml", ".yaml", ".py")]
    for path in places:
        for options, name in _INSTALL.findall(path.read_text(encoding="utf-8", errors="replace")):
            found[f"{options}{name}"] = str(path.relative_to(ROOT))
    return found


def test_hints_name_what_is_ours_or_locked() -> None:
    locks = "\n".join(path.read_text() for path in (ROOT / "requirements").glob("*.txt"))
    locked = set(re.findall(r"^([a-z0-9._-]+)(?:\[\w+\])?==", locks, re.MULTILINE))
    names = _names()
    assert names
    for name, place in names.items():
        bare = re.split(r"[\[<>=! ]", name.rpartition(" ")[2].lower())[0]
        ours = bare in (PROJECT["name"], "", ".") or bare.startswith((".", "/", "dist/", "{", "examples/", "-"))
        assert ours or bare in locked, (name, place)


def test_extras_bring_what_hints_name() -> None:
    extras = PROJECT["optional-dependencies"]
    for extra, package in PACKAGES.items():
        assert extras[extra] == [package]


def test_nobody_depends_on_a_stranger_s_package() -> None:
    assert PROJECT["name"] == "reconcile-mail"
    for file in (ROOT / "examples").glob("*/pyproject.toml"):
        assert tomllib.loads(file.read_text())["project"]["dependencies"] == [PROJECT["name"]], file
    text = "".join(path.read_text() for path in (ROOT / "reconcile").rglob("*.py"))
    assert "reconcile[" not in text.replace("error[", "")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with wheel and sdist."""
    folder = tmp_path_factory.mktemp("dist")
    build(folder)
    return folder


def test_wheel_and_sdist_are_named_for_us(built: Path) -> None:
    names = sorted(path.name for path in built.iterdir())
    assert names == [f"reconcile_mail-{__version__}-py3-none-any.whl", f"reconcile_mail-{__version__}.tar.gz"]


def test_the_demo_runs_from_the_wheel(built: Path, tmp_path: Path) -> None:
    """In an environment that has the wheel and, beside it, the packages that this one has, but not this checkout."""
    (wheel,) = built.glob("*.whl")
    python = environment(wheel, tmp_path / "env")
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}

    def run(*arguments: str) -> str:
        command = [str(python), *arguments]
        ended = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    assert run("-c", "import reconcile; print(reconcile.__file__)").startswith(str(tmp_path / "env"))
    assert run("-m", "reconcile", "--version") == f"{__version__}\n"
    run("-m", "reconcile", "demo")
    run("-m", "reconcile", "init", "new")
    run("-m", "reconcile", "-C", "new", "apply", "--auto-approve", "--without-sends")
    run("-m", "reconcile", "-C", "new", "plan", "--detailed-exitcode")
