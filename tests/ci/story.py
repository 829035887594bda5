"""A repository on a fake forge, its jobs, and the account that they look after; shared by the tests of ``ci``."""

import io
import json
import re
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconcile.cli.main import run
from reconcile.cli.options import new_options
from reconcile.cli.outlet import fit
from reconcile.sandbox import Sandbox
from tests.ci.fakes import FORKS_TOKEN, TOKEN, Repository, written
from tests.outside import Colleague
from tests.repository import git

PROJECT = """\
version: 1
state: file:SHARED/state.json
ci: {offerPull: true}
providers:
  squalomail: {type: squalomail, url: "sandbox:SHARED/account.sqlite", account: "4711"}
"""
MANIFEST = """\
squalomail:
  lists:
    news: {name: News, color: "#336699"}

    # More lists stand here, far enough away that two changes can be merged in turn.

    # end
"""
MAIN = "main"


@dataclass
class Ended:
    """What a job came to."""

    code: int
    out: str
    err: str
    outputs: dict[str, str]
    summary: str
    results: Path


@dataclass
class Story:
    """A repository with a project in a folder of it, and the jobs that a forge would start."""

    folder: Path
    name: str
    url: str
    repository: Repository
    environ: dict[str, str] = field(default_factory=dict)
    _jobs: int = 0

    def begin(self) -> None:
        work = self.folder / "work"
        git(self.folder, "clone", "-q", str(self.repository.bare), str(work))
        git(work, "checkout", "-q", "-B", MAIN)
        self.write(work, "mail/reconcile.yaml", PROJECT.replace("SHARED", str(self.folder / "shared")))
        self.write(work, "mail/manifests/all.yaml", MANIFEST)
        self.write(work, "mail/emails/hello.html", "<p>Hello</p>\n")
        self.write(work, ".gitignore", ".reconcile/\n")
        self.push(work, MAIN)

    def write(self, work: Path, name: str, text: str) -> None:
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)

    def push(self, work: Path, branch: str, *options: str) -> str:
        git(work, "add", "-A")
        git(work, "commit", "-q", "-m", "Change", "--allow-empty")
        git(work, "push", "-q", *options, "origin", f"HEAD:refs/heads/{branch}")
        return git(work, "rev-parse", "HEAD")

    def branch(self, name: str, edits: dict[str, str], *options: str) -> str:
        """Push a branch off the main one with these texts replaced in the manifest; gives its commit."""
        work = self.folder / "work"
        git(work, "fetch", "-q", "origin")
        git(work, "checkout", "-q", "-B", name, f"origin/{MAIN}")
        path = work / "mail/manifests/all.yaml"
        text = path.read_text()
        for before, after in edits.items():
            assert before in text
            text = text.replace(before, after, 1)
        path.write_text(text)
        return self.push(work, name, *options)

    def merge(self, number: int, *, squash: bool = False) -> str:
        """Merge a change as the forge does; gives the commit on the main branch."""
        work, change = self.folder / "work", self.repository.changes[number]
        git(work, "fetch", "-q", "origin")
        git(work, "checkout", "-q", "-B", MAIN, f"origin/{MAIN}")
        if squash:
            git(work, "merge", "-q", "--squash", f"origin/{change.branch}")
            git(work, "commit", "-q", "-m", f"Squashed {number}")
        else:
            git(work, "merge", "-q", "--no-ff", "-m", f"Merge {number}", f"origin/{change.branch}")
        git(work, "push", "-q", "origin", MAIN)
        commit = git(work, "rev-parse", "HEAD")
        change.state = "merged"
        self.repository.merged[commit] = number
        return commit

    def on_change(self, number: int, *arguments: str, head: str | None = None, **more: str) -> Ended:
        """A job on a change, at the head of its branch unless another commit is named."""
        change = self.repository.changes[number]
        commit = head or self.repository.head_of(change)
        return self._job(arguments or ("plan",), commit, self._about(change.number, commit, change.foreign) | more)

    def on_main(self, *arguments: str, commit: str | None = None, **more: str) -> Ended:
        """A job on the main branch."""
        commit = commit or self.repository.head(MAIN)
        return self._job(arguments, commit, self._about(None, commit, foreign=False) | more)

    def deliver(self, *more: str) -> Ended:
        """A plan on the main branch, approved by somebody, and applied."""
        planned = self.on_main("plan")
        assert planned.code == 0, planned.err
        return self.approve(planned, *more)

    def approve(self, planned: Ended, *more: str, commit: str | None = None, **environ: str) -> Ended:
        results = str(planned.results)
        digest = planned.outputs["digest"]
        return self.on_main("apply", "--approved", digest, "--results", results, *more, commit=commit, **environ)

    def edit(self, id_: str, **members: Any) -> None:
        """What a colleague changes in the web interface."""
        with Sandbox(self.folder / "shared/account.sqlite", account="4711") as sandbox:
            Colleague(sandbox).edit("list", id_, **members)

    def live(self) -> str:
        return self._run(self.folder / "work/mail", ["api", "squalomail", "get-lists-details"], dict(self.environ))[1]

    def _job(self, arguments: tuple[str, ...], commit: str, about: dict[str, str]) -> Ended:
        self._jobs += 1
        clone = self.folder / f"job-{self._jobs}"
        git(self.folder, "clone", "-q", str(self.repository.bare), str(clone))
        for key, value in (("user.name", "A"), ("user.email", "a@example.com")):
            git(clone, "config", key, value)
        git(clone, "fetch", "-q", "origin", "+refs/*:refs/remotes/all/*")
        git(clone, "checkout", "-q", "--detach", commit)
        outputs, summary = clone / ".git/outputs", clone / ".git/summary"
        environ = {**self.environ, **about}
        if self.name == "github":
            environ |= {"GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(summary)}
        results = Path(arguments[arguments.index("--results") + 1]) if "--results" in arguments else None
        code, out, err = self._run(clone / "mail", ["ci", *arguments], environ)
        results = results or clone / "mail/.reconcile/ci/default"
        written = results / "plan.env"
        told = re.findall(r"(?m)^RECONCILE_(\w+)=(.*)$", written.read_text() if written.exists() else "")
        given = {name.lower(): value for name, value in told}
        if self.name == "github" and outputs.exists():
            assert set(outputs.read_text().split()) == {f"{key}={value}" for key, value in given.items()}
        shown = summary.read_text() if summary.exists() else ""
        self._look(out, err, shown, results)
        return Ended(code, out, err, given, shown, results)

    def _look(self, out: str, err: str, shown: str, results: Path) -> None:
        """See that the token is in nothing that a job prints, keeps, hands on, or says on the forge."""
        about = [*self.repository.comments.values(), self.repository.issues]
        texts = [out, err, shown, *(row["body"] for rows in about for row in rows)]
        texts += [path.read_text(errors="replace") for path in results.rglob("*") if path.is_file()]
        for text in texts:
            for form in written(TOKEN):
                assert form.rstrip("=")[:-1] not in text, text

    def _run(self, folder: Path, arguments: list[str], environ: dict[str, str]) -> tuple[int, str, str]:
        chosen = new_options(environ)
        chosen.directory = folder
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            code = run(arguments, chosen)
        return code, fit(out.getvalue(), chosen), fit(err.getvalue(), chosen)

    def _about(self, number: int | None, commit: str, foreign: bool) -> dict[str, str]:
        return self._github(number, commit, foreign) if self.name == "github" else self._gitlab(number, commit, foreign)

    def _github(self, number: int | None, commit: str, foreign: bool) -> dict[str, str]:
        event: dict[str, Any] = {"repository": {"default_branch": MAIN}}
        if number is not None:
            head = {"sha": commit, "repo": {"id": 9 if foreign else 1}}
            event["pull_request"] = {"number": number, "head": head, "base": {"ref": MAIN, "repo": {"id": 1}}}
        path = self.folder / f"event-{self._jobs}.json"
        path.write_text(json.dumps(event))
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "push" if number is None else "pull_request",
            "GITHUB_EVENT_PATH": str(path),
            "GITHUB_REPOSITORY": "acme/mail",
            "GITHUB_API_URL": self.url,
            "GITHUB_SHA": commit if number is None else "0" * 40,  # of a change, a merge that is not on any branch
            "GITHUB_REF": f"refs/heads/{MAIN}" if number is None else f"refs/pull/{number}/merge",
            "GITHUB_REF_PROTECTED": "true",
            "GITHUB_TOKEN": FORKS_TOKEN if foreign else TOKEN,
        }

    def _gitlab(self, number: int | None, commit: str, foreign: bool) -> dict[str, str]:
        about = {
            "GITLAB_CI": "true",
            "CI_API_V4_URL": self.url,
            "CI_PROJECT_ID": "77" if foreign else "42",
            "CI_COMMIT_SHA": commit,
            "CI_DEFAULT_BRANCH": MAIN,
            "CI_COMMIT_REF_PROTECTED": "true",
        }
        if not foreign:
            about["RECONCILE_GITLAB_TOKEN"] = TOKEN
        if number is None:
            return about | {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": MAIN}
        return about | {
            "CI_PIPELINE_SOURCE": "merge_request_event",
            "CI_MERGE_REQUEST_IID": str(number),
            "CI_MERGE_REQUEST_PROJECT_ID": "42",
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "77" if foreign else "42",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": MAIN,
        }


def story_on(name: str, url: str, repository: Repository, folder: Path) -> Story:
    """A story that has begun: the project is on the main branch, and nothing was applied yet."""
    (folder / "shared").mkdir()
    environ = {
        "PATH": str(Path(shutil.which("git") or "/usr/bin/git").parent),
        "RECONCILE_ALLOW_STATE": f"file:{folder}/shared/",
        "RECONCILE_KEY": "the key of the project",
        "HOME": str(folder),
    }
    made = Story(folder, name, url, repository, environ)
    made.begin()
    return made
