"""Git in tests: without the settings of whoever runs them."""

import os
import subprocess
from pathlib import Path
from typing import Final

_ENVIRON: Final = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
}


def git(folder: Path, *arguments: str, check: bool = True) -> str:
    """What a command of git said; nothing where it failed and need not succeed."""
    environ = {**os.environ, **_ENVIRON}
    answer = subprocess.run(["git", "-C", str(folder), *arguments], env=environ, capture_output=True, text=True)
    assert not check or answer.returncode == 0, answer.stderr
    return answer.stdout.strip() if answer.returncode == 0 else ""
