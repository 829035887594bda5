"""``ci drift``: one issue while something differs, a fresh snapshot, and on demand a change that takes drift over."""

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from reconcile.ci.forge import ours
from reconcile.ci.job import Job, Ran, told_only
from reconcile.ci.plan import SNAPSHOTS, fenced, snapshot_path, superseded
from reconcile.cli.output import progress

_DAY = 86_400.0
_US = "reconcile@users.noreply.invalid"  # whose commits on the branch of a pull may be replaced


def drift(job: Job) -> int:
    """Look for drift and keep its issue; gives the exit code: 0 where drift was told in the issue."""
    if job.is_superseded():
        return superseded(job)
    job.need_protected()
    job.need_bounds()
    ran = job.command("drift", "--format", "markdown")
    told = False
    with told_only():
        _keep_issue(job, ran)
        told = True
    if ran.code in (0, 2):
        with told_only():
            _keep_snapshot(job)
    settings = job.settings(job.given.directory)
    if ran.code == 2 and settings is not None and settings.ci.get("offerPull"):
        with told_only():
            _offer(job)
    job.write("drift.md", ran.out)
    job.summarise(f"### Drift of {job.environment}\n\n{ran.out}{fenced(ran.err) if ran.err.strip() else ''}")
    click.echo(ran.out, nl=False)
    if ran.err.strip():
        click.echo(ran.err.rstrip("\n"), err=True)
    return 0 if ran.code == 2 and told else ran.code


def _keep_issue(job: Job, ran: Ran) -> None:
    marker = f"<!-- reconcile:drift {job.environment} -->"
    found = ours(job.forge.issues(), marker, job.forge.me())
    where = f"\n\n[The job]({job.context.run})" if job.context.run else ""
    if ran.code == 0:
        for issue in found:
            job.forge.close_issue(issue.id, f"{marker}\nNothing differs any more.{where}")
        return
    errors = f"\n\nIt could not be told in full (exit {ran.code}):\n\n{fenced(ran.err)}" if ran.err.strip() else ""
    body = f"{marker}\n{ran.out.strip()}{errors}"
    if not found:
        job.forge.open_issue(f"Drift of {job.environment}", body + where)
    elif not found[0].body.startswith(body):
        job.forge.edit_issue(found[0].id, body + where)


def _keep_snapshot(job: Job) -> None:
    """Keep what is live on its branch; where nothing changed, once a day."""
    with tempfile.TemporaryDirectory(prefix="reconcile-") as folder:
        file = Path(folder) / "live.json"
        ran = job.command("snapshot", "-o", str(file))
        if ran.code != 0:
            progress(ran.err.strip())
            return
        taken = file.read_bytes()
    path = snapshot_path(job)
    kept = job.forge.file(path, SNAPSHOTS)
    if kept is not None and _same(kept, taken):
        return
    job.forge.put_file(path, SNAPSHOTS, taken, f"Snapshot of {job.environment}", job.context.branch)


def _same(kept: bytes, taken: bytes) -> bool:
    try:
        before, now = json.loads(kept), json.loads(taken)
        fresh = time.time() - before.pop("made") < _DAY
    except (ValueError, AttributeError, KeyError, TypeError):
        return False
    now.pop("made")
    return fresh and bool(before == now)


def _offer(job: Job) -> None:
    """Take the drift over into the manifests on a branch of its own, and offer that as one change."""
    branch = f"reconcile/pull-{job.environment}"
    there = _git(job, "ls-remote", "origin", f"refs/heads/{branch}")
    if there:
        _git(job, "fetch", "-q", "origin", f"refs/heads/{branch}", need=True)
        if _git(job, "log", "-1", "--format=%ce", "FETCH_HEAD") != _US:
            progress(f"Somebody has committed to {branch}, so it is left as it is.")
            return
    ran = job.command("pull")
    try:
        if _git(job, "status", "--porcelain", "--", ".", ":(exclude).reconcile"):
            _commit(job, branch)
            if job.forge.change_from(branch, job.context.branch) is None:
                body = f"What was changed outside, as the manifests would say it.\n\n{fenced(ran.out + ran.err)}"
                title = f"Take over what was changed outside in {job.environment}"
                job.forge.open_change(branch, job.context.branch, title, body)
        elif ran.err.strip():
            progress(ran.err.strip())
    finally:
        _git(job, "checkout", "-q", "--force", "--detach", job.context.commit)


def _commit(job: Job, branch: str) -> None:
    _git(job, "checkout", "-q", "--detach", job.context.commit, need=True)
    _git(job, "add", "-A", "--", ".", ":(exclude).reconcile", need=True)
    who = ("-c", "user.name=reconcile", "-c", f"user.email={_US}")
    _git(job, *who, "commit", "-q", "-m", f"Take over what was changed outside in {job.environment}", need=True)
    _git(job, "push", "-q", "--force", "origin", f"HEAD:refs/heads/{branch}", need=True)


def _git(job: Job, *arguments: str, need: bool = False) -> Any:
    """What git answers; None where it says no. Raises ApiError instead where it is needed."""
    from reconcile.errors import ApiError

    command = ["git", "-C", str(job.given.directory), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # no shell
    if answer.returncode == 0:
        return answer.stdout.strip()
    if need:
        said = answer.stderr.strip().split("\n")[-1]
        raise ApiError(f"git {arguments[0]} was refused: {said}", hint="See what the job's token may do: docs/ci.md.")
    return None
