"""What a job says of itself: which triggers are taken, and what is refused before anything is asked of a forge."""

import json
from pathlib import Path
from typing import Any

import pytest

from reconcile.ci.context import context_of
from reconcile.ci.http import Api
from reconcile.errors import InvalidInput, Refused

BRANCH = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_SHA": "a" * 40,
    "GITHUB_REF_PROTECTED": "true",
}
LAB = {
    "GITLAB_CI": "true",
    "CI_PIPELINE_SOURCE": "push",
    "CI_COMMIT_BRANCH": "main",
    "CI_DEFAULT_BRANCH": "main",
    "CI_COMMIT_SHA": "a" * 40,
    "CI_PROJECT_ID": "42",
}


def on_github(folder: Path, **environ: str) -> Any:
    event = folder / "event.json"
    head, base = {"sha": "b" * 40, "repo": {"id": 1}}, {"ref": "main", "repo": {"id": 1}}
    content: dict[str, Any] = {"repository": {"default_branch": "main"}}
    content["pull_request"] = {"number": 5, "head": head, "base": base}
    event.write_text(json.dumps(content))
    return context_of({**BRANCH, "GITHUB_EVENT_PATH": str(event), **environ})


def test_a_branch_and_a_change(tmp_path: Path) -> None:
    found = on_github(tmp_path)
    assert (found.commit, found.branch, found.change, found.protected) == ("a" * 40, "main", None, True)
    found = on_github(tmp_path, GITHUB_EVENT_NAME="pull_request")
    assert (found.commit, found.change, found.foreign) == ("b" * 40, 5, False)


@pytest.mark.parametrize("trigger", ["pull_request_target", "workflow_run", "issue_comment", "release", ""])
def test_other_triggers_of_github_are_refused(tmp_path: Path, trigger: str) -> None:
    with pytest.raises(Refused):
        on_github(tmp_path, GITHUB_EVENT_NAME=trigger)


@pytest.mark.parametrize("trigger", ["external_pull_request_event", "trigger", "pipeline", "chat", ""])
def test_other_triggers_of_gitlab_are_refused(trigger: str) -> None:
    with pytest.raises(Refused):
        context_of({**LAB, "CI_PIPELINE_SOURCE": trigger})


@pytest.mark.parametrize("ref", ["refs/heads/other", "refs/tags/main", ""])
def test_other_branches_are_refused(tmp_path: Path, ref: str) -> None:
    with pytest.raises(Refused):
        on_github(tmp_path, GITHUB_REF=ref)
    with pytest.raises(Refused):
        context_of({**LAB, "CI_COMMIT_BRANCH": ref})


def test_a_change_into_another_branch_brings_no_rules_of_that_branch(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        on_github(tmp_path, GITHUB_EVENT_NAME="pull_request", RECONCILE_CI_BRANCH="release")


def test_a_fork_s_pipeline_within_the_project_is_refused() -> None:
    about = {
        **LAB,
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_IID": "3",
        "CI_MERGE_REQUEST_PROJECT_ID": "42",
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "77",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
    }
    with pytest.raises(Refused, match="fork"):
        context_of(about)
    assert context_of({**about, "CI_PROJECT_ID": "77"}).foreign


def test_a_job_of_nobody_is_told() -> None:
    with pytest.raises(InvalidInput, match="no job of GitHub"):
        context_of({})


@pytest.mark.parametrize("content", ["", "[]", "{", '{"pull_request": 3}', '{"pull_request": {"head": {}}}'])
def test_an_event_that_is_none_is_told(tmp_path: Path, content: str) -> None:
    event = tmp_path / "event.json"
    event.write_text(content)
    with pytest.raises(InvalidInput):
        context_of({**BRANCH, "GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(event)})


@pytest.mark.parametrize("url", ["http://api.example.com", "ftp://api.example.com", "api.example.com", ""])
def test_a_token_goes_to_no_plain_address(url: str) -> None:
    with pytest.raises(InvalidInput):
        Api(url, {"Authorization": "Bearer token"}, name="GitHub")


def test_tokens_missing_are_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="GITHUB_TOKEN is not set"):
        on_github(tmp_path).forge()
    with pytest.raises(InvalidInput, match="RECONCILE_GITLAB_TOKEN is not set"):
        context_of({**LAB, "CI_API_V4_URL": "https://gitlab.example.com/api/v4"}).forge()
