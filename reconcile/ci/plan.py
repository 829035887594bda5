"""``ci plan``: on a change it is advice in a comment, on the protected branch a record that can be approved."""

import json
import tempfile
from pathlib import Path

import click

from reconcile.ci.job import Job, Ran
from reconcile.cli.output import progress
from reconcile.planner.plan import Plan

SNAPSHOTS = "reconcile-snapshots"  # the branch that snapshots are kept on
_ROOM = 2_000  # characters of a comment that are ours
_LONGEST = 20_000  # characters of findings in a comment


def plan(job: Job) -> int:
    """Plan, and show it; gives the exit code."""
    if job.is_superseded():
        return superseded(job)
    if job.context.change is not None:
        return _advise(job, job.context.change)
    job.need_protected()
    job.need_bounds()
    record = job.folder / "record.plan"
    record.unlink(missing_ok=True)
    job.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ran = job.command("plan", "-o", str(record), "--page", str(job.folder / "page"), "--format", "markdown")
    text = _told(job, ran, f"Plan for {job.environment} at {job.context.commit[:10]}")
    job.summarise(text)
    if ran.code == 0:
        made, digest = read(record)
        sends = any(step.send is not None for step in made.changes)
        job.hand_on({"digest": digest, "changes": _word(made.has_changes), "sends": _word(sends)})
        progress(f"The record is {record}. Approve of {digest}")
    job.tell_changes(f"{text}\n\nThis is what the merge comes to; it waits for approval. {_look(job)}".strip())
    return ran.code


def superseded(job: Job) -> int:
    """Say that another job is about what is there now: this one does nothing."""
    progress(f"superseded: {job.about} is not at {job.context.commit[:10]} any more, so nothing is done.")
    job.hand_on({"digest": "", "changes": "false", "sends": "false", "superseded": "true"})
    return 0


def _advise(job: Job, number: int) -> int:
    with job.rules() as rules, tempfile.TemporaryDirectory(prefix="reconcile-") as folder:
        settings = job.settings(rules)
        with_credentials = (
            not job.context.foreign and settings is not None and settings.ci.get("pullRequests") == "credentials"
        )
        if with_credentials:
            job.need_bounds()
            ran = job.command("plan", *_shown(job), rules=rules)
        else:
            ran = _against_snapshot(job, Path(folder), rules)
    source = "with the account's credentials" if with_credentials else "against the last snapshot, without credentials"
    title = f"Plan for {job.environment} at {job.context.commit[:10]}"
    note = f"Advice, made {source}: what counts is planned again after the merge, and approved there. {_look(job)}"
    text = f"{_told(job, ran, title)}\n\n{note.strip()}"
    job.summarise(text)
    if job.context.foreign:
        progress("This change comes from a fork, so it is shown here alone and commented nowhere.")
    else:
        job.comment(number, text)
    job.hand_on({"digest": "", "changes": "", "sends": ""})
    return ran.code


def _shown(job: Job) -> tuple[str, ...]:
    return ("--page", str(job.folder / "page"), "--format", "markdown")


def _against_snapshot(job: Job, folder: Path, rules: Path) -> Ran:
    kept = job.forge.file(snapshot_path(job), SNAPSHOTS)
    if kept is None:
        ran = job.command("validate")
        told = "There is no snapshot of what is live yet, so this is only what `validate` says: ci drift makes one.\n"
        return Ran(ran.code, told if ran.code == 0 else "", ran.err)
    file = folder / "live.json"
    file.write_bytes(kept)
    return job.command("plan", "--live", str(file), *_shown(job), rules=rules)


def snapshot_path(job: Job) -> str:
    """Where on its branch an environment's snapshot is."""
    return f"{job.prefix}{job.environment}.json"


def read(record: Path) -> tuple[Plan, str]:
    """A record, and its digest."""
    from reconcile.planner.planfile import loads, plan_digest

    made = loads(record.read_bytes(), str(record))
    return made, plan_digest(made)


def _told(job: Job, ran: Ran, title: str) -> str:
    """A plan in Markdown, or why there is none; its whole text is in the results too."""
    from reconcile.report.to_markdown import COMMENT

    body = ran.out.strip()
    if ran.code not in (0, 2):
        body = f"**It could not be made (exit {ran.code}).**\n\n{fenced(ran.err)}\n\n{body}".strip()
    elif len(body) > COMMENT - _ROOM:
        body = body[: COMMENT - _ROOM].rsplit("\n", 1)[0] + "\n\nIt is longer: the job's page has all of it."
    text = f"### {title}\n\n{body}"
    job.write("plan.md", f"{text}\n")
    click.echo(ran.out, nl=False)
    if ran.err.strip():
        click.echo(ran.err.rstrip("\n"), err=True)
    return text


def fenced(text: str) -> str:
    """Findings as a block in which nothing is markup."""
    from reconcile.report.to_markdown import fence

    return fence(text.strip()[:_LONGEST])


def _look(job: Job) -> str:
    return f"[The job]({job.context.run})" if job.context.run else ""


def _word(value: bool) -> str:
    return json.dumps(value)
