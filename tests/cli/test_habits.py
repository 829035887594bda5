"""What people type from other tools' habits, and what lies where it is not read: a message that says what to do."""

import os
import re
import shutil
import stat
from pathlib import Path

import click
import pytest

from reconcile.cli import habits
from reconcile.cli.main import cli
from tests.cli.conftest import COMMANDS, MANIFEST, Project

LIST = "squalomail:\n  lists:\n    news: {name: News}\n"

# what is typed -> a part of the hint
TYPED = {
    ("plan", "-auto-approve"): "Nothing is asked here; `reconcile apply --auto-approve`",
    ("apply", "-auto-approve"): "Here it is --auto-approve",
    ("apply", "--yes"): "--auto-approve",
    ("apply", "-y"): "--auto-approve",
    ("plan", "-out=plan.json"): "-o FILE",
    ("plan", "-target=squalomail.list.news"): "--target ADDR",
    ("plan", "-json"): "--format json",
    ("plan", "--dry-run"): "reconcile plan",
    ("apply", "--doit"): "reconcile apply",
    ("apply", "-f", "manifests/a.yaml"): "--target ADDR",
    ("plan", "-var-file=x.tfvars"): "environments",
    ("plan", "--config-file", "x.yaml"): "-C DIR",
    ("init", "-upgrade"): "reconcile validate",
    ("plan", "-lock=false"): "--lock-timeout",
    ("taint", "squalomail.list.news"): "reconcile apply --replace ADDR",
    ("workspace", "select", "staging"): "--env NAME",
    ("get", "lists"): "reconcile state list",
    ("force-unlock", "1"): "reconcile state unlock",
    ("dump",): "reconcile export DIR",
    ("version",): "reconcile --version",
    ("help",): "reconcile --help",
    ("lint",): "reconcile validate",
    ("paln",): 'Did you mean "plan"?',
    # Terraform and OpenTofu
    ("plan", "squalomail.list.news"): "--target ADDR",
    ("apply", "squalomail.list.news"): "--target ADDR",
    ("plan", "-refresh=false"): "read with every plan",
    ("plan", "-input=false"): "--no-input",
    ("plan", "-chdir=x"): "-C DIR",
    ("plan", "--workspace", "staging"): "--env NAME",
    ("plan", "-generate-config-out=x.tf"): "reconcile export DIR",
    ("init", "-backend-config=x"): "`state` in reconcile.yaml",
    ("init", "-migrate-state"): "reconcile state push FILE",
    ("init", "-reconfigure"): "`state` in reconcile.yaml",
    ("import",): "takes an address and an id",
    ("show",): "reconcile state show ADDR",
    ("show", "squalomail.list.news"): "reconcile state show ADDR",
    ("diff",): "Two environments of the project are compared here",
    ("destroy", "-target=squalomail.list.news"): "out of the manifests",
    ("untaint", "squalomail.list.news"): "reconcile plan",
    ("refresh",): "reconcile drift",
    ("output", "-json"): "--format json",
    ("providers",): "reconcile api PROVIDER",
    ("console",): "reconcile api PROVIDER OPERATION",
    ("test",): "reconcile validate",
    ("state", "list", "-json"): "--format json",
    # octoDNS, DNSControl
    ("validate-config",): "reconcile validate",
    ("plan", "--lenient"): "nothing invalid is applied",
    ("sync", "--doit"): "reconcile apply",
    ("plan", "--force"): "`reconcile apply --auto-approve` carries a plan out",
    ("preview-plan",): "reconcile plan",
    ("push",): "reconcile apply",
    # kubectl, helm, kustomize
    ("apply", "-k", "overlays/staging"): "environments",
    ("diff", "-f", "manifests/a.yaml"): "`reconcile plan` shows",
    ("diff", "-k", "overlays/staging"): "Two environments of the project",
    ("diff", "manifests/"): "`reconcile plan` shows",
    ("--env", "staging", "diff"): "`reconcile plan` shows",
    ("apply", "-R"): "folders below it too",
    ("apply", "manifests/"): "--target ADDR",
    ("plan", "manifests/all.yaml"): "--target ADDR",
    ("apply", "--prune"): "removed by every apply",
    ("apply", "--server-side"): "compares with what is live",
    ("apply", "--wait"): "read back",
    ("apply", "--all"): "choose entries",
    ("plan", "--namespace", "staging"): "--env NAME",
    ("plan", "--context", "staging"): "--env NAME",
    ("describe", "squalomail.list.news"): "reconcile state show ADDR",
    ("delete", "squalomail.list.news"): "reconcile destroy",
    ("edit", "squalomail.list.news"): "reconcile pull",
    ("rollout", "undo"): "reconcile history",
    ("apply", "--rollback"): "Go back in git",
    ("logs",): "reconcile history",
    ("up",): "reconcile apply",
    ("create",): "reconcile apply",
}


def test_there_are_sixty_of_them() -> None:
    assert len(TYPED) >= 60


@pytest.mark.parametrize("typed", TYPED, ids=" ".join)
def test_other_tools_habits_are_answered_with_what_to_type_here(project: Project, typed: tuple[str, ...]) -> None:
    project.write("manifests/all.yaml", MANIFEST)
    result = project.run(*typed)
    assert result.code == 64, result.err
    *_, message, hint = result.err.splitlines()
    # What is wrong is named as it was typed, and nothing else is guessed at where we know what is meant.
    words = [word.partition("=")[0] for word in typed]
    assert any(f'"{word}"' in message or f"'{word}'" in message or f"({word})" in message for word in words) or (
        message == "error[usage]" or "Missing argument" in message
    ), message
    assert "Did you mean" not in message
    assert TYPED[typed] in hint, result.err


def options_of(*names: str) -> set[str]:
    command = cli
    for name in names:
        found = command.get_command(click.Context(command), name) if hasattr(command, "get_command") else None
        assert found is not None, names
        command = found  # type: ignore[assignment]
    return {option for parameter in (*cli.params, *command.params) for option in parameter.opts}


@pytest.mark.parametrize("hint", sorted(set(habits.COMMANDS.values())))
def test_each_hint_names_a_command_that_is_there(hint: str) -> None:
    words = hint.split()[1:]
    names = []
    for word in words:
        if not re.fullmatch(r"[a-z-]+", word) or word.startswith("-"):
            continue
        names.append(word)
    known = options_of(*names)
    assert {word for word in words if word.startswith("-")} <= known | {"--help", "--version"}
    assert not names or names[0] in COMMANDS


def test_no_command_of_ours_is_taken_for_another_tools() -> None:
    assert not habits.COMMANDS.keys() & COMMANDS


def test_each_option_in_a_hint_is_there() -> None:
    known = options_of("plan") | options_of("apply")
    assert {option.split()[0] for option in habits.OPTIONS.values()} <= known


@pytest.mark.parametrize(
    "name",
    [
        *(
            "b.YAML",
            "b.Yml",
            "b.json",
            "b.jsonc",
            "b.JSON5",
            "b.yaml.txt",
            "b.yml.TXT",
            "b.yaml ",
            "b.yaml.",
            "b.yaml_",
        ),
        *("b.ymal", "b.yalm", "b.yam1", "b.v2.YAML"),
    ],
)
def test_a_manifest_under_another_extension_does_not_count_as_removed(project: Project, name: str) -> None:
    project.write("manifests/all.yaml", LIST)
    project.write(f"manifests/{name}", LIST.replace("news", "other"))
    for command in ("validate", "plan", "apply"):
        result = project.run(command)
        assert result.code == 1
        assert f"error[unread-file] manifests/{name}:1:1" in result.err


@pytest.mark.parametrize("name", [".b.yaml", ".old/b.yaml", "b.yaml.orig", "b.yaml~", "people.csv"])
def test_what_is_not_read_is_named(project: Project, name: str) -> None:
    project.write("manifests/all.yaml", LIST)
    project.write(f"manifests/{name}", LIST.replace("news", "other"))
    result = project.run("validate")
    assert result.code == 0
    assert f"warning[unread-file] manifests/{name}:1:1" in result.err
    assert "Valid: 1 entry." in result.out


@pytest.mark.parametrize("name", ["manifest", "Manifests", "MANIFESTS", "manifets", "manifests.bak"])
def test_a_folder_that_is_called_nearly_so_does_not_count_as_removed(project: Project, name: str) -> None:
    (project.root / "manifests/all.yaml").unlink()
    project.write(f"{name}/all.yaml", LIST)
    for command in ("validate", "plan", "apply"):
        result = project.run(command)
        assert result.code == 1
        assert f"error[unread-file] {name}:1:1\n  Manifests are read from `manifests/` alone" in result.err
    project.write("manifests/all.yaml", LIST)  # beside those that are read, only a slip of the shift key is surely one
    result = project.run("validate")
    assert result.code == (1 if name.lower() == "manifests" else 0)
    assert f"[unread-file] {name}:1:1" in result.err


def test_manifests_beside_their_folder_are_named_while_there_is_none(project: Project) -> None:
    (project.root / "manifests/all.yaml").unlink()
    project.write("lists.yaml", LIST)
    project.write(".gitlab-ci.yml", "x: 1\n")
    result = project.run("validate")
    assert result.code == 0
    assert "warning[unread-file] lists.yaml:1:1" in result.err
    assert "gitlab" not in result.err
    project.write("manifests/all.yaml", LIST)
    assert not project.run("validate").err


@pytest.mark.parametrize("name", ["README.md", ".gitkeep", ".DS_Store", "notes.txt"])
def test_what_nobody_takes_for_a_manifest_is_not(project: Project, name: str) -> None:
    project.write("manifests/all.yaml", LIST)
    project.write(f"manifests/{name}", "x")
    assert not project.run("validate").err


def test_pipes_and_dangling_links_are_findings_and_stop_nothing(project: Project) -> None:
    project.write("manifests/all.yaml", LIST)
    os.mkfifo(project.root / "manifests/pipe.yaml")
    (project.root / "manifests/link.yaml").symlink_to("nowhere")
    result = project.run("validate")
    assert result.code == 1
    assert "manifests/pipe.yaml:1:1\n  This is no file but a pipe" in result.err
    assert "manifests/link.yaml:1:1\n  The link leads to nothing" in result.err
    assert stat.S_ISFIFO((project.root / "manifests/pipe.yaml").stat().st_mode)
    assert "2 findings." in result.out


def test_a_whole_address_in_place_of_a_name_is_understood(project: Project) -> None:
    project.write(
        "manifests/all.yaml", LIST + "  campaigns:\n    c: {subject: S, body: x, lists: [squalomail.list.news]}\n"
    )
    result = project.run("validate")
    assert 'Did you mean "news"?' in result.err


@pytest.mark.parametrize("how", ["option", "variable"])
def test_an_empty_environment_is_not_production(project: Project, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    project.write("manifests/all.yaml", LIST)
    if how == "variable":
        monkeypatch.setenv("RECONCILE_ENV", "")
    result = project.run(*(["--env", ""] if how == "option" else []), "plan")
    assert result.code == 64
    assert "--env default" in result.err
    assert project.run("--env", "default", "plan").code == 0


def test_a_project_file_under_another_name_or_above_is_found(project: Project) -> None:
    (project.root / "manifests").mkdir(exist_ok=True)
    assert "run there, or with -C .." in project.run("-C", str(project.root / "manifests"), "plan").err or (
        "-C " in project.run("-C", str(project.root / "manifests"), "plan").err
    )
    before = project.root / "reconcile.yaml"
    for name in (
        *("reconcile.yml", "Reconcile.yaml", "RECONCILE.YAML", "reconcile.YML", ".reconcile.yaml", "reconcile"),
        *("reconcile.yaml.txt", "reconcil.yaml", "reconcile.yaml ", "reconcile.json", "reconcile.toml"),
    ):
        before = before.rename(project.root / name)
        assert f'There is "{name}": rename it to reconcile.yaml' in project.run("validate").err
    shutil.copy(before, project.root / "reconcile.yaml")
    before.rename(project.root / "reconcile.yml")
    assert "warning[unread-file] reconcile.yml:1:1" in project.run("validate").err


def test_what_is_no_project_file_stops_nothing(project: Project) -> None:
    path = project.root / "reconcile.yaml"
    path.unlink()
    for make, told in (
        (lambda: os.mkfifo(path), "This is no file but a pipe"),
        (lambda: path.symlink_to("nowhere"), "The link leads to nothing"),
        (path.mkdir, "This is a folder, not a file"),
    ):
        make()
        result = project.run("validate")
        assert result.code == 1
        assert f"error[unreadable-file] reconcile.yaml:1:1\n  {told}" in result.err
        path.rmdir() if path.is_dir() else path.unlink()
    project.write("file", "x")
    assert "is a file, and a project is a folder" in Project(project.root / "file").run("plan").err


def test_a_variable_that_only_an_environment_has_is_a_typo(project: Project) -> None:
    text = (project.root / "reconcile.yaml").read_text()
    text += 'variables: {suffix: ""}\nenvironments:\n  staging: {variables: {sufix: " (test)"}}\n'
    project.write("reconcile.yaml", text)
    project.write("manifests/all.yaml", LIST)
    for arguments in (["validate"], ["--env", "staging", "validate"]):
        result = project.run(*arguments)
        assert result.code == 1
        assert 'Did you mean "suffix"?' in result.err
        assert re.search(r"reconcile.yaml:\d+:\d+", result.err)
    assert Path(project.root / "reconcile.yaml").is_file()
