"""Completion in a shell: what bash and zsh are told, and that listing commands takes no command's module."""

import os
import subprocess
import sys

import pytest

from reconcile.cli.main import COMMANDS

_PROGRAM = (
    "import sys\nfrom reconcile.cli.main import main\nsys.argv = ['reconcile']\n"
    "try:\n    main()\nfinally:\n    print(*sorted(sys.modules), file=sys.stderr)"
)


def completed(line: str, shell: str = "bash") -> tuple[list[str], set[str]]:
    """What a shell is told after this line's last word, and the modules that it took."""
    environ = {"_RECONCILE_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env={**os.environ, **environ}, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines(), set(done.stderr.split())


def test_commands_are_completed_without_importing_them() -> None:
    told, modules = completed("reconcile ")
    assert {*COMMANDS, "event", "datafeed"} <= {name.removeprefix("plain,") for name in told}
    assert not modules & {"pydantic", "yaml", "httpx", "reconcile.cli.plan", "reconcile.model.call"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("reconcile pl", ["plain,plan"]),
        ("reconcile ev", ["plain,event"]),
        ("reconcile --par", ["plain,--parallelism"]),
        ("reconcile plan --tar", ["plain,--target"]),
        ("reconcile state sh", ["plain,show"]),
        ("reconcile plan --format mark", ["plain,markdown"]),
    ],
)
def test_words_are_completed(line: str, expected: list[str]) -> None:
    assert completed(line)[0] == expected


def test_zsh_is_told_what_a_command_does() -> None:
    assert completed("reconcile pl", "zsh")[0] == ["plain", "plan", COMMANDS["plan"][1]]
