"""What a job is about: which forge, which commit, which branch or change, and whether that may be trusted.

Only triggers that are known are taken. Those that run foreign code beside secrets are refused by name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from reconcile.ci.forge import Forge
from reconcile.errors import InvalidInput, Refused

BRANCH: Final = "RECONCILE_CI_BRANCH"
ACCOUNT: Final = "RECONCILE_CI_ACCOUNT"
TOKENS: Final = ("GITHUB_TOKEN", "RECONCILE_GITLAB_TOKEN", "CI_JOB_TOKEN")

_FOREIGN: Final = {
    "pull_request_target": "it runs with secrets on what anybody proposes",
    "workflow_run": "it runs with secrets after what anybody proposes",
    "issue_comment": "it runs with secrets on what anybody writes",
    "external_pull_request_event": "it runs with secrets on what anybody proposes elsewhere",
}


@dataclass(frozen=True, slots=True)
class Context:
    """One job.

    Attributes:
        name: GitHub or GitLab.
        commit: what the job is about: of a change, the head of its branch.
        branch: the protected branch: the one that the job runs on, or that the change is to go into.
        change: the change's number; None on the branch itself.
        foreign: the change comes from another repository.
        protected: the forge says that the branch is protected.
        run: where the job can be looked at.
        summary, outputs: files that the forge shows, and hands on to other jobs.
    """

    name: str
    commit: str
    branch: str
    change: int | None = None
    foreign: bool = False
    protected: bool = False
    run: str = ""
    summary: Path | None = None
    outputs: Path | None = None
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    def forge(self) -> Forge:
        """The forge's API, signed in to with the job's token.

        Raises:
            InvalidInput: there is no token.
        """
        from reconcile.ci.github import GitHub
        from reconcile.ci.gitlab import GitLab

        environ = self.environ
        if self.name == "GitHub":
            token = _needed(environ, "GITHUB_TOKEN", "Give the step `env: {GITHUB_TOKEN: ${{ github.token }}}`.")
            url = environ.get("GITHUB_API_URL") or "https://api.github.com"
            return GitHub(url, environ.get("GITHUB_REPOSITORY", ""), token, environ.get(ACCOUNT))
        way_out = "Make a project access token with the scope api, and keep it as that variable, masked."
        url = _needed(environ, "CI_API_V4_URL", "")
        if self.foreign:  # in the fork's own pipeline, which has no token of ours
            return GitLab(url, _needed(environ, "CI_MERGE_REQUEST_PROJECT_ID", ""), None)
        token = _needed(environ, "RECONCILE_GITLAB_TOKEN", way_out)
        return GitLab(url, _needed(environ, "CI_PROJECT_ID", ""), token)


def context_of(environ: Mapping[str, str]) -> Context:
    """The job that this is.

    Raises:
        InvalidInput: it is none that is known, or what it says of itself can't be read.
        Refused: its trigger is not one that a plan or an apply may run on.
    """
    if environ.get("GITHUB_ACTIONS") == "true":
        return _github(environ)
    if environ.get("GITLAB_CI") == "true":
        return _gitlab(environ)
    raise InvalidInput(
        "This is no job of GitHub Actions or GitLab CI, whose variables say what is to be planned.",
        hint="Elsewhere use reconcile/ci/templates/generic.sh of this tool's repository, which calls plan, apply and "
        "drift themselves.",
    )


def _github(environ: Mapping[str, str]) -> Context:
    trigger = environ.get("GITHUB_EVENT_NAME", "")
    common: dict[str, Any] = {
        "run": f"{environ.get('GITHUB_SERVER_URL', '')}/{environ.get('GITHUB_REPOSITORY', '')}/actions/runs/"
        f"{environ.get('GITHUB_RUN_ID', '')}",
        "summary": _path(environ, "GITHUB_STEP_SUMMARY"),
        "outputs": _path(environ, "GITHUB_OUTPUT"),
        "environ": environ,
    }
    event = _event(environ)
    try:
        if trigger == "pull_request":
            proposed = event["pull_request"]
            head, base = proposed["head"], proposed["base"]
            branch = environ.get(BRANCH) or event["repository"]["default_branch"]
            _refuse_other_branch(base["ref"], branch, branch)
            return Context(
                "GitHub",
                commit=head["sha"],
                branch=branch,
                change=int(proposed["number"]),
                foreign=(head.get("repo") or {}).get("id") != base["repo"]["id"],
                **common,
            )
        default = event["repository"]["default_branch"] if "repository" in event else None
    except (KeyError, TypeError, ValueError):
        raise InvalidInput("The event that GITHUB_EVENT_PATH names is not what GitHub writes.") from None
    _refuse_unless(trigger, ("push", "schedule", "workflow_dispatch"))
    branch = environ.get(BRANCH) or default or ""
    _refuse_other_branch(environ.get("GITHUB_REF", ""), f"refs/heads/{branch}", branch)
    return Context(
        "GitHub",
        commit=environ.get("GITHUB_SHA", ""),
        branch=branch,
        protected=environ.get("GITHUB_REF_PROTECTED") == "true",
        **common,
    )


def _gitlab(environ: Mapping[str, str]) -> Context:
    trigger = environ.get("CI_PIPELINE_SOURCE", "")
    common: dict[str, Any] = {"run": environ.get("CI_JOB_URL", ""), "environ": environ}
    if trigger == "merge_request_event":
        source = environ.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID")
        target = environ.get("CI_MERGE_REQUEST_PROJECT_ID")
        foreign = source != target
        if foreign and environ.get("CI_PROJECT_ID") == target:
            raise Refused(
                "This pipeline runs what a fork proposes within the project itself, beside its variables.",
                hint="Let pipelines of forks run in the fork: there they get a plan against the last snapshot.",
            )
        branch = environ.get(BRANCH) or environ.get("CI_DEFAULT_BRANCH", "")
        _refuse_other_branch(environ.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", ""), branch, branch)
        return Context(
            "GitLab",
            commit=environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or environ.get("CI_COMMIT_SHA", ""),
            branch=branch,
            change=int(environ.get("CI_MERGE_REQUEST_IID", "0")),
            foreign=foreign,
            **common,
        )
    _refuse_unless(trigger, ("push", "schedule", "web"))
    branch = environ.get(BRANCH) or environ.get("CI_DEFAULT_BRANCH", "")
    _refuse_other_branch(environ.get("CI_COMMIT_BRANCH", ""), branch, branch)
    return Context(
        "GitLab",
        commit=environ.get("CI_COMMIT_SHA", ""),
        branch=branch,
        protected=environ.get("CI_COMMIT_REF_PROTECTED") == "true",
        **common,
    )


def _refuse_unless(trigger: str, known: tuple[str, ...]) -> None:
    if trigger in known:
        return
    reason = _FOREIGN.get(trigger)
    raise Refused(
        f'The trigger "{trigger}" is refused: {reason}.'
        if reason
        else f'The trigger "{trigger}" is none that this runs on.',
        hint="Run on changes (pull_request, merge_request_event), and on the protected branch on push, on a schedule, "
        "or by hand.",
    )


def _refuse_other_branch(ref: str, wanted: str, branch: str) -> None:
    if not branch or ref != wanted:
        raise Refused(
            f'This job runs on "{ref}", which is neither the branch "{branch}" nor a change that is to go there.',
            hint=f"Name the protected branch with {BRANCH} where it is not the default one.",
        )


def _event(environ: Mapping[str, str]) -> Any:
    path = _path(environ, "GITHUB_EVENT_PATH")
    try:
        return json.loads(path.read_bytes()) if path is not None else {}
    except (OSError, ValueError) as error:
        raise InvalidInput(f"The event that GITHUB_EVENT_PATH names can't be read: {type(error).__name__}.") from None


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]) if environ.get(name) else None


def _needed(environ: Mapping[str, str], name: str, way_out: str) -> str:
    value = environ.get(name)
    if not value:
        raise InvalidInput(f"{name} is not set, which this job needs.", hint=way_out or None)
    return value
