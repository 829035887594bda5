"""``ci apply``: do what was approved, on the protected branch; sends only where the job was given the right."""

import click

from reconcile.ci.job import Job
from reconcile.ci.plan import fenced, superseded
from reconcile.errors import InvalidInput


def apply(job: Job, approved: str, more: tuple[str, ...], *, allow_send: bool) -> int:
    """Apply the record of the plan's job; gives the exit code."""
    if job.is_superseded():
        return superseded(job)
    job.need_protected()
    job.need_bounds()
    record = job.folder / "record.plan"
    if not record.exists():
        raise InvalidInput(
            f"There is no record at {record}.",
            hint="Hand the results of the plan's job on to this one: `reconcile ci plan` writes them there.",
        )
    sends = "--allow-send" if allow_send else "--without-sends"
    ran = job.command("apply", str(record), "--approved", approved, sends, *more)
    told = (ran.out + ran.err).strip()
    click.echo(ran.out, nl=False)
    if ran.err.strip():
        click.echo(ran.err.rstrip("\n"), err=True)
    outcome = "Applied" if ran.code == 0 else f"Not applied as approved (exit {ran.code})"
    text = f"### {outcome} to {job.environment} at {job.context.commit[:10]}\n\n{fenced(told)}"
    job.write("apply.md", f"{text}\n")
    job.summarise(text)
    job.tell_changes(text)
    return ran.code
