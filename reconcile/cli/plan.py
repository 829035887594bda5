"""``plan`` and ``show``."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click

from reconcile.cli.doctor import never_asked
from reconcile.cli.drift import show_drift
from reconcile.cli.findings import findings_options, write_findings
from reconcile.cli.options import global_options, options
from reconcile.cli.output import local_zone, print_plan, progress, show_diagnostics, write_private
from reconcile.cli.page import View, page_options, project_or_none
from reconcile.cli.snapshot import keyless, read_snapshot, standing_still, told_of
from reconcile.cli.workspace import Project, project
from reconcile.errors import Diagnostic, InvalidInput, Severity, Usage
from reconcile.model.address import Address, parse_address
from reconcile.model.kind import Action
from reconcile.model.registry import nearest
from reconcile.model.resource import Resource
from reconcile.planner.make import Request
from reconcile.planner.plan import Plan, Step

_MAILS_CHECKED = 100  # each is taken apart for it, and nobody reads the warnings of more


@click.command(epilog="Example: reconcile plan -o spring.plan && reconcile apply spring.plan")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Save the plan for apply.")
@click.option("--target", "targets", multiple=True, metavar="ADDR", help="Only this, and what it depends on.")
@click.option("--replace", "replaced", multiple=True, metavar="ADDR", help="Make this anew whatever it is like.")
@click.option("--destroy", is_flag=True, help="Plan the removal of all that is managed.")
@click.option("--rebuild", is_flag=True, help="Take what a newer builder makes of mails whose sources are the same.")
@click.option("--refresh-only", is_flag=True, help="Show only what was changed outside, as drift does.")
@click.option("--skip-invalid", is_flag=True, help="Leave malformed rows of audience files out.")
@click.option(
    "--live", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Plan against a snapshot, unsigned."
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 where there are changes.")
@findings_options[0]
@findings_options[1]
@page_options[0]
@page_options[1]
@page_options[2]
@global_options
def plan(
    out: Path | None,
    targets: tuple[str, ...],
    replaced: tuple[str, ...],
    destroy: bool,
    rebuild: bool,
    refresh_only: bool,
    skip_invalid: bool,
    live: Path | None,
    detailed_exitcode: bool,
    sarif: Path | None,
    junit: Path | None,
    full: bool,
    page: Path | None,
    images: str,
) -> int:
    """Show what apply would do; changes nothing."""
    if refresh_only:
        if out is not None or targets or replaced or destroy or rebuild:
            raise Usage("--refresh-only looks at everything and plans nothing, so it takes no other of plan's options.")
        return 2 if show_drift(strict=False) and detailed_exitcode else 0
    if live is not None and out is not None:
        raise Usage("A plan against a snapshot is advice and can't be applied, so --live takes no -o.")
    from reconcile.engine.snapshot import without_bulk
    from reconcile.engine.workflow import plan as make
    from reconcile.planner.rules import loosened

    here = project()
    kept = read_snapshot(live, here) if live is not None else None
    if kept is None:
        show_diagnostics(never_asked(here))
    else:
        here = keyless(here)
    manifests = here.manifests()
    desired = {} if destroy else manifests.resources
    state = here.store().read() if kept is None else kept.state
    left: tuple[Address, ...] = ()
    if kept is not None:
        desired, state, left = without_bulk(desired, state, here.registry)
    request = replace(
        requested(here, targets, replaced, known=[*manifests.resources, *(state.resources if state else ())]),
        destroy=destroy,
        rebuild=rebuild,
        removed=manifests.removed,
    )
    with here.workspace(skip_invalid=skip_invalid) if kept is None else standing_still(here, kept) as workspace:
        made = make(workspace, desired, state, digest=manifests.digest, request=request)
    notices = [*(told_of(kept, left) if kept is not None else ()), *_of_mails(here, desired, made)]
    if here.settings.proposed is not None:
        made = replace(made, rules_changed=(*made.rules_changed, *loosened(made.rules, here.settings.proposed)))
    made = replace(made, destroy=destroy, variables=_variables(), warnings=(*made.warnings, *notices))
    view = View(here, page, images)
    view.resources = desired
    print_plan(made, full=full, view=view)
    view.write(made)
    write_findings(findings_of(made), list(desired), sarif, junit)
    if out is not None:
        save(made, out)
    return 2 if detailed_exitcode and made.has_changes else 0


def findings_of(made: Plan) -> list[Diagnostic]:
    """What stands against a plan or a step of it, and what is to be looked at."""
    blocked = [
        replace(step.blocked, address=step.blocked.address or str(address))
        for address, step in made.steps.items()
        if step.blocked
    ]
    return [*made.blocked, *blocked, *made.warnings]


def _of_mails(here: Project, desired: Mapping[Address, Resource], made: Plan) -> list[Diagnostic]:
    """Warnings about the mails that a plan changes, those first that it brings about."""
    from reconcile.engine.mail_checks import new_first

    changed = {
        address for address, step in made.steps.items() if step.action in (Action.CREATE, Action.UPDATE, Action.REPLACE)
    }
    looked_at = set(sorted(changed)[:_MAILS_CHECKED])
    found = here.mail_findings(desired, looked_at, warnings_only=True)
    told = {parse_address(one.address) for one in found if one.address}
    before = {**desired, **{address: _before(desired[address], made.steps[address]) for address in told}}
    warnings = list(new_first(found, here.mail_findings(before, told, warnings_only=True)))
    if len(looked_at) < len(changed):
        warnings.append(
            Diagnostic(
                "mails-not-checked",
                "not all mails are checked here",
                f"The warnings are of the first {_MAILS_CHECKED} changed entries alone; all errors are told.",
                hint="reconcile validate looks at all of them.",
                severity=Severity.WARNING,
            )
        )
    return warnings


def _before(resource: Resource, step: Step) -> Resource:
    """The entry with what is live of it, as far as the plan knows; what is new has nothing."""
    changed = {change.name: change.before for change in step.changes}
    kept = {} if step.action is Action.CREATE else {**resource.attributes, **changed}
    attributes = {name: value for name, value in kept.items() if value is not None}
    files = {name: file for name, file in resource.files.items() if name not in changed}
    builds = {name: build for name, build in resource.builds.items() if name not in changed}
    return replace(resource, attributes=attributes, files=files, builds=builds)


def _variables() -> dict[str, str]:
    """What ``--var`` gave, but for credentials, which no plan has."""
    chosen = options()
    return {
        name: value
        for name, value in chosen.variables.items()
        if not any(secret in value for secret in chosen.secrets if secret)
    }


@click.command(epilog="Example: reconcile show spring.plan --format markdown")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@page_options[0]
@page_options[1]
@page_options[2]
@global_options
def show(file: Path, full: bool, page: Path | None, images: str) -> None:
    """Render a saved plan again: what its maker was shown, and nothing of what has happened since."""
    saved = read_plan(file)
    view = View(project_or_none(), page, images)
    print_plan(saved, full=full, view=view)
    view.write(saved)
    _say_what_it_is(file, saved)


def _say_what_it_is(file: Path, saved: Plan) -> None:
    from reconcile.planner.planfile import plan_digest

    digest = plan_digest(saved)
    made, expires = (datetime.fromtimestamp(moment, local_zone()) for moment in (saved.created, saved.expires))
    asked = [f"--target {target}" for target in saved.targets] + [f"--replace {each}" for each in saved.replaced]
    asked += (
        ["--destroy"] * saved.destroy
        + ["--rebuild"] * saved.rebuild
        + [f"--var {name}={value}" for name, value in saved.variables.items()]
    )
    progress(
        f"This is only a record: what was seen on {made:%Y-%m-%d %H:%M %Z} for the environment {saved.environment}"
        f"{', asked for with ' + ' '.join(asked) if asked else ''}. Until {expires:%Y-%m-%d %H:%M %Z}, apply plans "
        f"again and does what is still as it says.\nDigest: {digest}\nApply: reconcile apply {file} --approved {digest}"
    )


def requested(here: Project, targets: Sequence[str], replaced: Sequence[str], known: Sequence[Address]) -> Request:
    """The addresses given to --target and --replace.

    Raises:
        InvalidInput: one is no address, or nothing has it.
    """
    findings: list[Diagnostic] = []
    addresses = [_known(text, known, findings) for text in (*targets, *replaced)]
    if findings:
        raise InvalidInput.of(findings)
    found = [address for address in addresses if address is not None]
    return Request(tuple(found[: len(targets)]), tuple(found[len(targets) :]))


def _known(text: str, known: Sequence[Address], findings: list[Diagnostic]) -> Address | None:
    try:
        address = parse_address(text)
    except ValueError as error:
        findings.append(Diagnostic("bad-address", "not an address", f"{error}."))
        return None
    if address not in known:
        near = nearest(text, map(str, known))
        findings.append(
            Diagnostic(
                "unknown-address",
                "nothing has this address",
                f"Neither the manifests nor the state have {text}.",
                hint=f'Did you mean "{near}"?' if near else "reconcile graph and reconcile state list show them all.",
            )
        )
    return address


def save(made: Plan, path: Path) -> None:
    """Write a plan file that only its owner may read."""
    from reconcile.planner.planfile import dumps, plan_digest

    try:
        write_private(path, dumps(made))
    except OSError as error:
        raise InvalidInput(f"The plan can't be written to {path}: {error.strerror}.") from None
    progress(f"Saved the plan. Approve of it with: reconcile apply {path} --approved {plan_digest(made)}")


def read_plan(path: Path) -> Plan:
    """A saved plan.

    Raises:
        InvalidInput: it is none, or damaged. PlanStale: of another format or edited by hand.
    """
    from reconcile.planner.planfile import loads

    return loads(path.read_bytes(), str(path))
