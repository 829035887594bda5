"""``apply`` and ``destroy``."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconcile.cli.history import Record, refuse_repetition, remembered
from reconcile.cli.options import global_options, options
from reconcile.cli.output import local_zone, print_json, print_plan, show_diagnostics
from reconcile.cli.page import View
from reconcile.cli.plan import requested
from reconcile.cli.progress import Progress, on_terminal, told
from reconcile.cli.records import asked_for, project_of, read_records
from reconcile.cli.stopping import asking, stopping
from reconcile.cli.workspace import Project, project
from reconcile.errors import Interrupted, OnlyStopped, ReconcileError, Refused, Usage
from reconcile.model.address import Address
from reconcile.model.bulk import BulkKind
from reconcile.model.kind import Action
from reconcile.model.resource import Resource
from reconcile.planner.make import Request
from reconcile.planner.plan import Plan, Right, Step

if TYPE_CHECKING:
    from reconcile.engine.run import Event, Rights
    from reconcile.engine.workflow import Workspace
    from reconcile.planner.approval import Difference, Judgement
    from reconcile.state.store import LockedState


@click.command(epilog="Example: reconcile apply spring.plan --approved 3fe0...")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--approved", "approved", multiple=True, metavar="DIGEST", help="The digest of the FILE that is meant.")
@click.option("--target", "targets", multiple=True, metavar="ADDR", help="Only this, and what it depends on.")
@click.option("--replace", "replaced", multiple=True, metavar="ADDR", help="Make this anew whatever it is like.")
@click.option("--rebuild", is_flag=True, help="Take what a newer builder makes of mails whose sources are the same.")
@click.option("--auto-approve", is_flag=True, help="Don't ask before a fresh plan is applied.")
@click.option("--allow-send", is_flag=True, help="Allow calls through which people get mail.")
@click.option("--without-sends", is_flag=True, help="Apply the rest; what sends is left for later.")
@click.option("--allow-delete", type=click.IntRange(0), default=0, metavar="N", help="Allow that many deletes.")
@click.option("--overwrite-drift", is_flag=True, help="Overwrite outside edits unasked, deletions among them.")
@click.option("--accept-unknown", is_flag=True, help="Accept that settings which can't be read may be reset.")
@click.option("--allow-stale", is_flag=True, help="Let a checkout without what was applied last undo or remove it.")
@click.option("--skip-invalid", is_flag=True, help="Leave malformed rows of audience files out.")
@global_options
def apply(
    files: tuple[Path, ...],
    approved: tuple[str, ...],
    targets: tuple[str, ...],
    replaced: tuple[str, ...],
    rebuild: bool,
    auto_approve: bool,
    allow_send: bool,
    without_sends: bool,
    allow_delete: int,
    overwrite_drift: bool,
    accept_unknown: bool,
    allow_stale: bool,
    skip_invalid: bool,
) -> int:
    """Carry out a plan: what saved ones approve of, planned again, or a fresh one after asking."""
    if approved and not files:
        raise Usage("--approved says which FILE is meant, so it takes one: reconcile apply FILE --approved DIGEST")
    if files:
        if targets or replaced or rebuild:
            raise Usage(
                "A saved plan says itself what it was asked for, so FILE takes no --target, --replace and --rebuild."
            )
        records = read_records(files, approved)
        here = project_of(records)
        seen = bool(approved) or options().may_ask()
        granted = granted_by(here, allow_send, overwrite_drift or seen, accept_unknown, allow_stale)
        rights = replace(rights_of(granted, allow_delete, without_sends), approved=seen)
        return _apply_records(here, records, rights, allow_send=allow_send, skip_invalid=skip_invalid)
    here = project()
    granted = granted_by(here, allow_send, overwrite_drift, accept_unknown, allow_stale)
    rights = rights_of(granted, allow_delete, without_sends)
    manifests = here.manifests()
    state = here.store().read() if targets or replaced else None
    known = [*manifests.resources, *(state.resources if state else ())]
    request = replace(requested(here, targets, replaced, known), rebuild=rebuild, removed=manifests.removed)
    return apply_fresh(
        here,
        manifests.resources,
        rights,
        why="apply",
        digest=manifests.digest,
        request=request,
        auto_approve=auto_approve,
        allow_send=allow_send,
        skip_invalid=skip_invalid,
    )


@click.command(epilog="Example: reconcile destroy --auto-approve --allow-delete 12")
@click.option("--auto-approve", is_flag=True, help="Don't ask.")
@click.option("--allow-delete", type=click.IntRange(0), default=0, metavar="N", help="Allow that many deletes.")
@click.option("--overwrite-drift", is_flag=True, help="Delete what was edited outside, too, under --auto-approve.")
@global_options
def destroy(auto_approve: bool, allow_delete: int, overwrite_drift: bool) -> int:
    """Plan and apply the removal of all that is managed; says what stays."""
    here = project()
    rights = rights_of(granted_by(here, False, overwrite_drift, False), allow_delete, False)
    return apply_fresh(
        here,
        {},
        rights,
        why="destroy",
        digest="",
        request=Request(destroy=True),
        auto_approve=auto_approve,
        allow_send=False,
    )


def granted_by(
    here: Project, allow_send: bool, overwrite_drift: bool, accept_unknown: bool, allow_stale: bool = False
) -> frozenset[Right]:
    """The rights that the flags and the policy give."""
    given = {
        Right.SEND: not here.right_to_send(allow_send=allow_send).lacks(sends=True),
        Right.OVERWRITE_DRIFT: overwrite_drift,
        Right.ACCEPT_UNKNOWN: accept_unknown,
        Right.STALE: allow_stale,
    }
    return frozenset(right for right, has in given.items() if has)


def rights_of(granted: frozenset[Right], deletes: int, without_sends: bool) -> "Rights":
    """What the run may do; ``deletes`` is the N of ``--allow-delete N``."""
    from reconcile.engine.run import Rights

    return Rights(granted, deletes, without_sends)


def _apply_records(
    here: Project, records: Mapping[str, Plan], rights: "Rights", *, allow_send: bool, skip_invalid: bool
) -> int:
    """Plan again what the records ask for, and do what they approve of; gives the exit code."""
    from reconcile.engine.workflow import check_origin, check_record, plan, settle
    from reconcile.planner.planfile import plan_digest

    plans = list(records.values())
    for name, record in records.items():
        check_record(record, here.settings.name, time.time(), here.settings.policy.plan_expiry, name)
    manifests = here.manifests()
    desired = {} if plans[0].destroy else manifests.resources
    flagged = skip_invalid or any("--skip-invalid" in record.flags for record in plans)
    why = f"apply {' '.join(records)}"
    with (
        here.store().lock(why, options().lock_timeout) as locked,
        here.workspace(allow_send=allow_send, skip_invalid=flagged) as workspace,
    ):
        refuse_repetition(here, locked.state, records)
        for name, record in records.items():
            check_origin(workspace, record, locked.state, name)
        asked = replace(asked_for(plans), removed=manifests.removed)
        with (
            stopping_anyway(here, workspace, locked, desired, asked, rights, meant=True, why=why),
            remembered(here, locked, "apply") as record_of_run,
        ):
            record_of_run.approved = tuple(map(plan_digest, plans))
            settle(workspace, locked)
            made = plan(workspace, desired, locked.state, digest=manifests.digest, request=asked)
            _tell_rules(made)
            found = judged(workspace, locked, made, plans)
            left = found.differences
            record_of_run.outcome = _carry_out(here, workspace, locked, found.plan, rights, record_of_run, left)
        return record_of_run.outcome


def _tell_rules(made: Plan) -> None:
    """The rules may have been loosened since a record was made: whoever applies it is told, too."""
    from reconcile.report.difference import rules_to_markdown, rules_to_text

    if options().format == "text":
        click.echo(rules_to_text(made.rules_changed), nl=False)
    elif options().format == "markdown":
        click.echo(rules_to_markdown(made.rules_changed), nl=False)


def judged(workspace: "Workspace", locked: "LockedState", made: Plan, records: Sequence[Plan]) -> "Judgement":
    """What the records approve of in a fresh plan; the other steps are shown."""
    from reconcile.planner.approval import judge

    judgement = judge(made, records, locked.state.generations, workspace.policy.reach_growth)
    found = judgement.differences
    if found and options().format == "text":
        from reconcile.report.difference import to_text

        click.echo(to_text(found), nl=False)
    elif found and options().format == "markdown":
        from reconcile.report.difference import to_markdown

        click.echo(to_markdown(found), nl=False)
    return judgement


def apply_fresh(
    here: Project,
    desired: Mapping[Address, Resource],
    rights: "Rights",
    *,
    why: str,
    digest: str,
    request: Request,
    auto_approve: bool,
    allow_send: bool,
    skip_invalid: bool = False,
) -> int:
    """Plan and apply under the lock, asking before it; gives the exit code. ``digest`` is that of the manifests.

    After a yes the plan is made again, since somebody took time to look at it: what has changed meanwhile is not done.
    """
    from reconcile.engine.workflow import plan, refuse_run, settle

    with (
        here.store().lock(why, options().lock_timeout) as locked,
        here.workspace(allow_send=allow_send, skip_invalid=skip_invalid) as workspace,
    ):
        with stopping_anyway(here, workspace, locked, desired, request, rights, meant=auto_approve, why=why) as planned:
            settle(workspace, locked)
            made = plan(workspace, desired, locked.state, digest=digest, request=request)
            planned.append(made)
            if options().format != "json":
                print_plan(made, view=View(here))
            refuse_run(made, rights)
        left: Mapping[Address, Difference] = {}
        if not auto_approve and any(step.writes or step.action is Action.FORGET for step in made.changes):
            _ask(made, why)
            rights = replace(rights, approved=True)
            shown = made
            made = plan(workspace, desired, locked.state, digest=digest, request=request)
            judgement = judged(workspace, locked, made, [shown])
            made, left = judgement.plan, judgement.differences
        with remembered(here, locked, why) as record:
            record.outcome = _carry_out(here, workspace, locked, made, rights, record, left)
        return record.outcome


@contextmanager
def stopping_anyway(
    here: Project,
    workspace: "Workspace",
    locked: "LockedState",
    desired: Mapping[Address, Resource],
    request: Request,
    rights: "Rights",
    *,
    meant: bool,
    why: str,
) -> Iterator[list[Plan]]:
    """Where no plan can be made or it may not be carried out: stop at least what is not to go out any more.

    So, too, before anybody waits for an import of an earlier run. ``meant``: nobody has to be asked first. The plan is
    put into what is yielded, so that those of its stops can be told which were not made.

    Raises:
        OnlyStopped: what stood in the way, where something was stopped. ReconcileError: where nothing was.
    """
    from reconcile.engine.step_findings import left_going

    stopped = meant and _awaits(workspace, locked)
    tried = _stop_alone(here, workspace, locked, desired, request, rights, why) if stopped else set()
    planned: list[Plan] = []
    try:
        yield planned
    except ReconcileError as error:
        tried |= _stop_alone(here, workspace, locked, desired, request, rights, why) if meant and not stopped else set()
        steps = [step for made in planned for step in made.steps.values() if step.stops and step.address not in tried]
        error.diagnostics += tuple(map(left_going, steps))
        if tried and not stopped:
            raise OnlyStopped.of(error.diagnostics) from error
        raise


def _awaits(workspace: "Workspace", locked: "LockedState") -> bool:
    """Whether an import of an earlier run is waited for first."""
    return any(isinstance(workspace.registry.kind(address), BulkKind) for address in locked.state.intents)


def _stop_alone(
    here: Project,
    workspace: "Workspace",
    locked: "LockedState",
    desired: Mapping[Address, Resource],
    request: Request,
    rights: "Rights",
    why: str,
) -> set[Address]:
    """Make the stops and nothing else; gives what there was to stop."""
    from reconcile.engine.stops import plan_stops

    stale = Right.STALE in rights.granted
    stops = plan_stops(workspace, desired, locked.state, request, rights.deletes, stale=stale)
    if not stops.steps:
        return set()
    with remembered(here, locked, why) as record:
        record.outcome = _carry_out(here, workspace, locked, stops, rights, record, {})
    return set(stops.steps)


def _ask(made: Plan, why: str) -> None:
    """Ask whether to go on.

    Raises:
        Refused: nobody is there to ask, or the answer is no.
    """
    if not options().may_ask():
        raise Refused(
            f"Nobody can be asked whether to {why}, so nothing was written.",
            hint="Give --auto-approve, or apply a saved plan (reconcile plan -o FILE, then "
            "reconcile apply FILE --approved DIGEST).",
        )
    with asking():
        agreed = click.confirm(f"Make these {len(made.writes)} API writes?", err=True)
    if not agreed:
        raise Refused("You said no, so nothing was written.")


def _carry_out(
    here: Project,
    workspace: "Workspace",
    locked: "LockedState",
    made: Plan,
    rights: "Rights",
    record: Record,
    left: "Mapping[Address, Difference]",
) -> int:
    from reconcile.engine.run import Outcome
    from reconcile.engine.workflow import apply as carry_out
    from reconcile.engine.workflow import outcome_code

    events: list[Event] = record.events
    fatal: ReconcileError | None = None
    with stopping(here.stop) as stop, told(_progress(workspace, made)) as telling:
        try:
            for event in carry_out(workspace, locked, made, rights, left=left, stop=stop):
                record.begin(made)
                events.append(event)
                telling.take(event)
            record.begin(made)
        except ReconcileError as error:
            if not events:
                raise
            fatal = error
    ended = {event.step.address: event for event in events if event.outcome is not None}
    if options().format == "json":
        print_json(_as_json(made, ended, left))
    else:
        _summarise(ended)
        _tell_postponed(ended)
    _tell_not_stopped(ended)
    if fatal is not None and not isinstance(fatal, Interrupted):
        show_diagnostics(fatal.diagnostics)
    cut_short = fatal is not None or any(
        event.outcome is Outcome.NOT_ATTEMPTED or event.exit_code == Interrupted.exit_code for event in ended.values()
    )
    if stop.is_set() and cut_short:
        raise Interrupted("Interrupted; what was done is in the state.", hint="Run again to do the rest.")
    if fatal is not None:
        return 6 if any(event.written for event in ended.values()) else fatal.exit_code
    return outcome_code(events)


def _progress(workspace: "Workspace", made: Plan) -> Progress:
    chosen = options()
    return Progress(
        made,
        paces=workspace.paces,
        form="json" if chosen.format == "json" else "text",
        quiet=chosen.quiet,
        moving=on_terminal(),
        show=lambda findings: show_diagnostics(findings, chosen),
    )


def _summarise(ended: "Mapping[Address, Event]") -> None:
    counts: dict[str, int] = {}
    for event in ended.values():
        if event.outcome is not None and event.step.action is not Action.NO_OP:
            what = event.step.action.value if event.outcome.value == "applied" else event.outcome.value
            counts[what] = counts.get(what, 0) + 1
    done = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted", "move": "moved"}
    parts = [f"{count} {done.get(what, 'forgotten' if what == 'forget' else what)}" for what, count in counts.items()]
    if parts:
        click.echo(f"Apply: {', '.join(parts)}.")


def _tell_postponed(ended: "Mapping[Address, Event]") -> None:
    """What was left because the run may not send, and when it is due: whoever comes later than that is too late."""
    from reconcile.report.text import moment

    now, zone = time.time(), local_zone()
    for step in _postponed(ended):
        due = step.send.after if step.send is not None else None
        when = f", due {moment(due, now=now, zone=zone)}" if due is not None else ""
        click.echo(f"Left for a run that may send: {step.address}{when}")


def _postponed(ended: "Mapping[Address, Event]") -> "list[Step]":
    from reconcile.engine.run import Outcome

    return [event.step for _, event in sorted(ended.items()) if event.outcome is Outcome.POSTPONED]


def _tell_not_stopped(ended: "Mapping[Address, Event]") -> None:
    """The last word of a run that could not stop a mail."""
    named = [
        str(address)
        for address, event in ended.items()
        if any(finding.code == "not-stopped" for finding in event.diagnostics)
    ]
    if named:
        click.echo(f"NOT STOPPED: {', '.join(sorted(named))}", err=options().format == "json")


def _as_json(made: Plan, ended: "Mapping[Address, Event]", left: "Mapping[Address, Difference]") -> dict[str, object]:
    from reconcile.report.diagnostics import to_json
    from reconcile.report.difference import rules_to_json
    from reconcile.report.difference import to_json as differences_json

    later = _postponed(ended)
    return {
        "steps": [
            {
                "address": str(address),
                "action": event.step.action.value,
                "outcome": event.outcome.value if event.outcome else None,
                "diagnostics": to_json(event.diagnostics),
                **({"due": event.step.send.after} if event.step in later and event.step.send is not None else {}),
            }
            for address, event in sorted(ended.items())
            if event.step.action is not Action.NO_OP or event.diagnostics
        ],
        "differences": differences_json(left),
        "rules_changed": rules_to_json(made.rules_changed),
    }
