"""The wheel and the sdist, and an environment that has the wheel but not this checkout; shared by tests."""

import configparser
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]


def build(folder: Path) -> Path:
    """Build both into a folder; gives the wheel."""
    code = "import sys; from hatchling.build import *; build_wheel(sys.argv[1]); build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def environment(wheel: Path, folder: Path) -> Path:
    """Make an environment with the wheel and, beside it, the packages that this one has; gives its Python."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    where = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(where, check=True, capture_output=True, text=True).stdout.strip())
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(site)], check=True)
    for path in map(Path, sys.path):
        if path.name != "site-packages":
            continue
        for each in path.iterdir():
            ours = each.name.lower().startswith(("reconcile", "_reconcile", "__editable__")) or each.suffix == ".pth"
            if not ours and not (site / each.name).exists():
                (site / each.name).symlink_to(each)
    # What an installer makes of the wheel's entry points.
    (declared,) = site.glob("reconcile_mail-*.dist-info/entry_points.txt")
    points = configparser.ConfigParser()
    points.read(declared)
    for name, target in points["console_scripts"].items():
        module, _, function = target.partition(":")
        script = folder / "bin" / name
        script.write_text(f"#!{python}\nfrom {module} import {function}\n\n{function}()\n")
        script.chmod(0o755)
    return python
