"""Completion in a shell: what bash and zsh are told, and that listing commands takes no command's module."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reconcile.cli.main import COMMANDS
from tests.cli.conftest import Project

_PROGRAM = (
    "import sys\nfrom reconcile.cli.main import main\nsys.argv = ['reconcile']\n"
    "try:\n    main()\nfinally:\n    print(*sorted(sys.modules), file=sys.stderr)"
)


def completed(line: str, shell: str = "bash", at: Path | None = None) -> tuple[list[str], set[str]]:
    """What a shell is told after this line's last word, and the modules that it took."""
    environ = {"_RECONCILE_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=True,
        cwd=at,
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


STAGING = "environments:\n  staging: {}\n  production: {}\n"
IN_A_PROJECT = {
    "reconcile plan --target squ": ["squalomail.campaign.hello", "squalomail.list.news"],
    "reconcile apply --target squalomail.l": ["squalomail.list.news"],
    "reconcile state show squalomail.l": ["squalomail.list.news"],
    "reconcile pull squalomail.c": ["squalomail.campaign.hello"],
    "reconcile render squalomail.c": ["squalomail.campaign.hello"],
    "reconcile --env s": ["staging"],
    "reconcile plan --env ": ["default", "staging", "production"],
    "reconcile api squ": ["squalomail"],
    "reconcile init --provider g": ["gatormail"],
}


@pytest.fixture
def staged(project: Project) -> Project:
    project.write("reconcile.yaml", (project.root / "reconcile.yaml").read_text() + STAGING)
    return project


@pytest.mark.parametrize("line", IN_A_PROJECT)
def test_addresses_environments_and_providers_are_completed(staged: Project, line: str) -> None:
    assert completed(line, at=staged.root)[0] == [f"plain,{each}" for each in IN_A_PROJECT[line]]


def test_addresses_are_those_of_the_environment(staged: Project) -> None:
    staged.write("manifests/only.yaml", "squalomail:\n  lists:\n    beta: {name: Beta, only: [staging]}\n")
    assert completed("reconcile --env staging plan --target squalomail.list.b", at=staged.root)[0] == [
        "plain,squalomail.list.beta"
    ]
    assert completed("reconcile plan --target squalomail.list.", at=staged.root)[0] == ["plain,squalomail.list.news"]


def test_a_project_elsewhere_is_looked_at(staged: Project) -> None:
    assert completed(f"reconcile -C {staged.root} --env st")[0] == ["plain,staging"]


def test_a_broken_project_completes_nothing_and_says_nothing(project: Project) -> None:
    project.write("manifests/all.yaml", "squalomail: [")
    told, _ = completed("reconcile plan --target s", at=project.root)
    assert "".join(told) == ""
    assert "".join(completed("reconcile --env s", at=project.root.parent)[0]) == ""


# How a shell is asked what it would complete: its own way, with the script that we print.
_ASK = {
    "bash": """
eval "$(reconcile completion bash)"
COMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_reconcile_completion reconcile
printf '%s\\n' "${{COMPREPLY[@]}}"
""",
    "zsh": """
compdef() {{ :; }}
compadd() {{ while [ $# -gt 0 ]; do [ "$1" = -a ] && print -rl -- "${{(@P)2}}"; shift; done; }}
_describe() {{ print -rl -- "${{(@)${{(@P)3}}%%:*}}"; }}
zstyle() {{ :; }}
eval "$(reconcile completion zsh)"
words=({words}); CURRENT=${{#words}}
_reconcile_completion
""",
    "fish": """
reconcile completion fish | source
complete -C "{line}" | string split -f 1 \\t
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("shell", _ASK)
@pytest.mark.parametrize("line", [*IN_A_PROJECT][:7:3])
def test_real_shells(staged: Project, tmp_path: Path, shell: str, line: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin/reconcile"
    script.write_text(f"#!{sys.executable}\nfrom reconcile.__main__ import main\n\nmain()\n")
    script.chmod(0o755)
    words = " ".join(f'"{word}"' for word in line.split(" "))
    environ = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "HOME": str(tmp_path)}
    asked = [program, "-c", _ASK[shell].format(words=words, line=line)]
    done = subprocess.run(asked, env=environ, cwd=staged.root, capture_output=True, text=True, check=False)
    assert sorted(done.stdout.split()) == sorted(IN_A_PROJECT[line]), done.stderr
