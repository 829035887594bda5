"""``validate``."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import click

from reconcile.cli.findings import findings_options, write_findings
from reconcile.cli.git import changed_files
from reconcile.cli.options import global_options, options
from reconcile.cli.output import print_json, show_diagnostics, text_or_json
from reconcile.cli.settings import DEFAULT_ENVIRONMENT, UnusableSettings, load_settings
from reconcile.cli.workspace import project
from reconcile.errors import Diagnostic, InvalidInput, Severity
from reconcile.model.address import Address

_UNSET: Final = ("unset-variable", "unset-environment")


@click.command(epilog="Example: reconcile validate --format json")
@findings_options[0]
@findings_options[1]
@global_options
def validate(sarif: Path | None, junit: Path | None) -> int:
    """Check everything that can be checked offline; needs no credentials.

    Without --env every environment is gone through.
    """
    from reconcile.report.diagnostics import to_json
    from reconcile.report.text import counted

    as_json = text_or_json() == "json"
    outcome = _checked(options().environment)
    write_findings(outcome.findings, outcome.addresses, sarif, junit)
    errors = sum(one.severity is Severity.ERROR for one in outcome.findings)
    if as_json:
        told = {"valid": not errors, "diagnostics": to_json(outcome.findings)}
        print_json(told if errors else told | {"entries": outcome.entries, "environments": outcome.counts})
        return 1 if errors else 0
    show_diagnostics(outcome.findings)
    if errors:
        click.echo(counted(errors, "finding") + ".")
        return 1
    entries = counted(outcome.entries, "entry", "entries")
    each = ", ".join(f"{count:,} in {name}" for name, count in outcome.counts.items())
    click.echo(f"Valid: {entries}{f' ({each})' if len(outcome.counts) > 1 else ''}.")
    return 0


@dataclass(slots=True)
class _Outcome:
    """What is found over all environments, or in the one that was asked for; ``counts`` are entries by environment."""

    findings: list[Diagnostic] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def entries(self) -> int:
        return max(self.counts.values(), default=0)


def _checked(environment: str | None) -> _Outcome:
    """What is wrong in an environment; in all of them, and without one, where none is named."""
    outcome = _Outcome()
    by_environment = {environment or DEFAULT_ENVIRONMENT: _looked_at(environment, outcome)}
    if environment is None and options().settings is None:
        others = _environments()
        by_environment |= {name: _looked_at(name, outcome) for name in others}
    places: dict[Diagnostic, list[str]] = {}
    for name, findings in by_environment.items():
        for found in findings:
            places.setdefault(found, []).append(name)
    for found, names in places.items():
        everywhere = len(names) == len(by_environment)
        if found.code in _UNSET and not everywhere:
            continue  # set where it is needed: another environment's values, or its job's, are not here
        where = "" if everywhere else f" In {', '.join(names)}."
        outcome.findings.append(replace(found, detail=found.detail + where))
    outcome.findings.sort(key=lambda one: one.standing)
    return outcome


def _looked_at(environment: str | None, outcome: _Outcome) -> list[Diagnostic]:
    """All findings about one environment, warnings too."""
    try:
        here = project(environment, quiet=bool(outcome.counts))
        manifests = here.declared()
    except InvalidInput as error:
        return list(error.diagnostics)
    resources = manifests.resources
    outcome.counts[environment or DEFAULT_ENVIRONMENT] = len(resources)
    outcome.addresses += [address for address in resources if address not in outcome.addresses]
    found = [*here.unsendable(resources), *here.mail_findings(resources)]
    return [*manifests.warnings, *_new_first(found, here.settings.root)]


def _environments() -> tuple[str, ...]:
    chosen = options()
    try:
        return load_settings(
            chosen.directory, environment=None, variables=chosen.variables, environ=chosen.environ
        ).environments
    except UnusableSettings as error:
        return error.environments.known
    except InvalidInput:
        return ()


def _new_first(found: Iterable[Diagnostic], root: Path) -> list[Diagnostic]:
    """The findings in files that differ from the commit, then those that stand in what is committed."""
    changed = changed_files(root)
    if not changed:
        return list(found)
    here = root.resolve()

    def is_changed(file: str) -> bool:
        path = Path(file).resolve()
        return file in changed or (path.is_relative_to(here) and path.relative_to(here).as_posix() in changed)

    told = [replace(one, standing=one.location is not None and not is_changed(one.location.file)) for one in found]
    return sorted(told, key=lambda one: one.standing)
