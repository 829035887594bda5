"""Saved plans as ``apply`` takes them: which are meant, what they ask for, and the project that they are about."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reconcile.cli.options import options
from reconcile.cli.plan import read_plan
from reconcile.cli.workspace import Project, project
from reconcile.errors import PlanStale, ReconcileError, Usage
from reconcile.planner.make import Request
from reconcile.planner.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconcile.cli.settings import Settings
    from reconcile.model.address import Address

_PROBE = "reconcile-probe"


def read_records(files: Sequence[Path], approved: Sequence[str]) -> dict[str, Plan]:
    """The saved plans by their files' names; with ``approved`` digests, each must have one of them.

    Raises:
        PlanStale: a file is not the one that was approved. Usage: they don't go together.
    """
    from reconcile.planner.planfile import plan_digest

    records = {str(file): read_plan(file) for file in files}
    wanted = {digest.strip().lower() for digest in approved}
    for name, record in records.items() if wanted else ():
        if plan_digest(record) not in wanted:
            raise PlanStale(
                f"{name} is not what was approved: its digest is {plan_digest(record)}.",
                hint="Apply the plan that was approved, or have this one approved (reconcile show FILE).",
            )
    if len({record.destroy for record in records.values()}) > 1:
        raise Usage("One of these plans is to destroy all that is managed, so it can't be applied with others.")
    return records


def asked_for(records: Sequence[Plan]) -> Request:
    """What a plan is to be made of, so that it has all that the records approve of."""
    targets = () if any(not record.targets for record in records) else _together(record.targets for record in records)
    replaced = _together(record.replaced for record in records)
    rebuild = any(record.rebuild for record in records)
    return Request(targets, replaced, destroy=all(record.destroy for record in records), rebuild=rebuild)


def project_of(records: Mapping[str, Plan]) -> Project:
    """The project, with the variables that the records were made with.

    Raises:
        Usage: the command line, or another record, says something else of a variable.
        PlanStale: a variable that only a record gives bears on more than manifests.
    """
    given = dict(options().variables)
    asked: dict[str, str] = dict(given)
    for name, record in records.items():
        for variable, value in record.variables.items():
            if asked.setdefault(variable, value) != value:
                raise Usage(
                    f'{name} was made with --var {variable}={value}, and now it is "{asked[variable]}". '
                    f"Leave --var out, or plan again."
                )
    options().variables = asked
    here = project()
    if unsaid := asked.keys() - given.keys():
        _refuse_rules_from_a_file(here.settings, sorted(unsaid))
    return here


def _refuse_rules_from_a_file(settings: "Settings", names: Sequence[str]) -> None:
    """A file says what is to be planned; accounts, state and policy are no business of its."""
    from reconcile.cli.settings import load_settings

    chosen = options()
    try:
        probed = load_settings(
            chosen.directory,
            environment=chosen.environment,
            variables={**chosen.variables, **dict.fromkeys(names, _PROBE)},
            environ=chosen.environ,
        )
        same = _rules(probed) == _rules(settings)
    except ReconcileError:
        same = False
    if not same:
        said = " ".join(f"--var {name}={chosen.variables[name]}" for name in names)
        raise PlanStale(
            "The saved plan was made with variables on which accounts, state or policy depend, and a file has no say "
            "in these.",
            hint=f"If they are as they should be, give them yourself: {said}",
        )


def _rules(settings: "Settings") -> object:
    providers = {alias: (each.type, each.url, each.account, each.extra) for alias, each in settings.providers.items()}
    return settings.policy, settings.state, providers


def _together(of: "Iterable[tuple[Address, ...]]") -> "tuple[Address, ...]":
    return tuple(dict.fromkeys(address for addresses in of for address in addresses))
