"""What wraps ``ci``: the Action, GitLab's template, the script for others, the hooks of pre-commit."""

import os
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from reconcile.ci.commands import ci
from tests.cli.conftest import Project, project  # noqa: F401  # a fixture

ROOT = Path(__file__).parents[2]
TEMPLATES = files("reconcile.ci") / "templates"
GITHUB = (TEMPLATES / "github.yml").read_text()
GITLAB = (TEMPLATES / "gitlab.yml").read_text()
ACTION = (ROOT / "action.yml").read_text()


def filled(text: str) -> Any:
    text = text.replace("@@SECRETS@@", "          API_KEY: ${{ secrets.API_KEY }}").replace("@@NAME@@", "default")
    return yaml.safe_load(text.replace("@@ENVIRONMENT@@", ""))


@pytest.mark.parametrize("text", [GITHUB, ACTION, GITLAB], ids=["github", "action", "gitlab"])
def test_all_that_is_fetched_is_pinned_by_digest(text: str) -> None:
    used = re.findall(r"uses: (\S+)", text) + re.findall(r"image: (\S+)", text)
    assert used
    for each in used:
        assert re.search(r"@[0-9a-f]{40}$|@sha256:[0-9a-f]{64}$", each), each
    assert all("--require-hashes" in line for line in text.splitlines() if re.search(r"(\$pip|pip install).*-r ", line))


def test_only_one_job_may_send_and_it_is_protected() -> None:
    jobs = filled(GITHUB)["jobs"]
    sending = [name for name, job in jobs.items() if "--allow-send" in str(job)]
    assert sending == ["send"]
    assert jobs["send"]["environment"] == "send"
    jobs = {name: job for name, job in filled(GITLAB).items() if isinstance(job, dict) and "script" in job}
    assert [name for name, job in jobs.items() if "--allow-send" in str(job)] == ["send"]
    assert jobs["send"]["environment"] == {"name": "send"}


def test_no_secret_is_near_what_a_change_says() -> None:
    text = filled(GITHUB)
    assert "pull_request_target" not in GITHUB
    assert text["permissions"] == {}
    assert "secrets" not in str(text["jobs"]["advice"])
    assert "environment" not in text["jobs"]["advice"]


@pytest.mark.parametrize("text", [GITHUB, ACTION], ids=["github", "action"])
def test_nothing_that_somebody_writes_is_part_of_a_command(text: str) -> None:
    document = filled(text)
    jobs = document.get("jobs", {"one": document.get("runs")})
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert commands
    assert not [command for command in commands if "${{" in command]


@pytest.mark.parametrize("text", [GITHUB, GITLAB, ACTION], ids=["github", "gitlab", "action"])
def test_the_commands_exist(text: str) -> None:
    named = re.findall(r"reconcile ci (\w+)((?: --[\w-]+)*)", text)
    for name, flags in named:
        command = ci.commands[name]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(flags.split()) <= known
    assert named or text is ACTION
    assert all(isinstance(command, click.Command) for command in ci.commands.values())


def test_the_hooks_are_commands_that_pass_and_fail(project: Project) -> None:  # noqa: F811
    hooks = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    assert [hook["entry"] for hook in hooks.values()] == ["reconcile validate", "reconcile fmt --check"]
    commands = [hook["entry"].split()[1:] for hook in hooks.values()]
    assert project.run("fmt").code == 0
    assert [project.run(*command).code for command in commands] == [0, 0]
    project.replace("manifests/all.yaml", "name: News", "nme:    News")
    assert [project.run(*command).code for command in commands] == [1, 1]


@pytest.mark.skipif(shutil.which("sh") is None, reason="no shell")
def test_the_generic_script_plans_and_applies(project: Project, tmp_path: Path) -> None:  # noqa: F811
    binary = tmp_path / "bin"
    binary.mkdir()
    (binary / "reconcile").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m reconcile "$@"\n')
    (binary / "reconcile").chmod(0o755)
    (binary / "python").symlink_to(sys.executable)
    environ = {**os.environ, "PATH": f"{binary}:{os.environ['PATH']}", "RECONCILE_ALLOW_STATE": "file:"}
    script = str(TEMPLATES / "generic.sh")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", script, *arguments]
        return subprocess.run(command, cwd=project.root, env=environ, capture_output=True, text=True, check=False)

    assert run("advice").returncode == 0
    results = tmp_path / "results"
    planned = run("plan", str(results))
    assert planned.returncode == 0, planned.stderr
    digest = planned.stdout.strip().split("\n")[-1]
    assert re.fullmatch("[0-9a-f]{64}", digest)
    assert (results / "page/index.html").exists()
    assert run("apply", str(results), "0" * 64).returncode == 4
    applied = run("apply", str(results), digest)
    assert applied.returncode == 0, applied.stderr
    assert run("drift").returncode == 0
    assert run().returncode == 64
