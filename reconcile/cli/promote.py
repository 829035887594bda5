"""``diff`` and ``promote``: two environments of one project beside one another; no account is contacted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from reconcile.cli.options import global_options, options
from reconcile.cli.output import print_json, progress, show_diagnostics, text_or_json
from reconcile.cli.workspace import Project, project
from reconcile.errors import Diagnostic, InvalidInput, Severity, Usage
from reconcile.model.registry import nearest

if TYPE_CHECKING:
    from reconcile.manifests.promote import Difference
    from reconcile.model.address import Address
    from reconcile.model.resource import Resource


@dataclass(frozen=True, slots=True)
class _Two:
    """Two environments, each with what it declares, and what the second would with the first's entries."""

    names: tuple[str, str]
    second: Project
    has: "tuple[Mapping[Address, Resource], Mapping[Address, Resource]]"
    goal: "Mapping[Address, Resource]"


@click.command(epilog="Example: reconcile diff staging production")
@click.argument("first", metavar="ENV")
@click.argument("second", metavar="ENV")
@global_options
def diff(first: str, second: str) -> None:
    """In what two environments differ, by what their manifests say; nothing is contacted."""
    from reconcile.manifests.promote import differences
    from reconcile.report.text import counted, one_line

    as_json = text_or_json() == "json"
    two = _both(first, second)
    found = list(differences(*two.has, two.goal))
    if as_json:
        print_json([_as_json(one) for one in found])
        return
    for one in found:
        if one.attribute is None:
            click.echo(f"{one.address}: only in {first if one.first else second}")
            continue
        values = " -> ".join(_short(value) for value in (one.first, one.second))
        why = "  # by variables or defaults" if one.by_variables else ""
        click.echo(f"{one.address} {one_line(one.attribute)}: {values}{why}")
    alone = sum(one.by_variables for one in found)
    also = f", {alone:,} of them by variables or defaults" if alone else ""
    click.echo(f"{counted(len(found), 'difference')} between {first} and {second}{also}.")


def _short(value: object) -> str:
    from reconcile.model.attributes import references
    from reconcile.report import text

    if isinstance(value, str) and ("\n" in value or len(value) > 200):
        return f"{len(value):,} characters"
    return text.shown(value, list(references(value)))


def _as_json(one: "Difference") -> dict[str, object]:
    from reconcile.model.attributes import to_json

    return {
        "address": str(one.address),
        "attribute": one.attribute,
        "first": to_json(one.first),
        "second": to_json(one.second),
        "by_variables": one.by_variables,
    }


@click.command(epilog="Example: reconcile promote staging production shop.campaign.spring && git diff")
@click.argument("first", metavar="ENV")
@click.argument("second", metavar="ENV")
@click.argument("patterns", metavar="ADDR...", nargs=-1, required=True)
@global_options
def promote(first: str, second: str, patterns: tuple[str, ...]) -> int:
    """Write the change to manifests that makes entries of the second environment like those of the first.

    What differs by variables and defaults stays so. Nothing is applied by it: review the change, and merge it.
    """
    from reconcile.manifests.promote import alike

    as_json = text_or_json() == "json"
    two = _both(first, second)
    chosen = _chosen(two, patterns)
    different = [at for at in chosen if at not in two.has[1] or not alike(two.goal[at], two.has[1][at])]
    files = _written(two, different) if different else ()
    if as_json:
        print_json({"promoted": [str(address) for address in different], "files": list(files)})
        return 0
    for address in different:
        click.echo(f"{address}: {second} has it as {first} now")
    if not different:
        click.echo(f"Nothing to promote: {second} has it as {first} already, but for variables and defaults.")
        return 0
    progress(f"See the change with: git diff. See what it means: reconcile --env {second} plan")
    return 0


def _written(two: _Two, addresses: "Sequence[Address]") -> tuple[str, ...]:
    """The change on disk, once it is seen that it makes the second environment as it is to be, and nothing else."""
    from reconcile.manifests.promote import Promotion, alike
    from reconcile.manifests.pulling import Drafts
    from reconcile.manifests.text_change import Unwritable

    settings = two.second.settings
    drafts = Drafts(settings.root, settings.scope)
    promotion = Promotion(drafts, two.second.registry, *two.names)
    findings: list[Diagnostic] = []
    for address in addresses:
        source = two.has[0][address]
        try:
            promotion.write(source, two.has[1].get(address))
        except Unwritable as reason:
            detail = f"{address} can't be promoted: {reason.reason}."
            findings.append(Diagnostic("not-promoted", "not promoted", detail, str(address), source.location))
    if findings:
        raise InvalidInput.of(findings)
    try:
        with drafts.written() as files:
            after = _both(*two.names)
            wrong = [at for at in addresses if at not in after.has[1] or not alike(after.has[1][at], two.goal[at])]
            wrong += [at for at in two.has[1] if at not in addresses and not _stays(at, two, after, 1)]
            wrong += [at for at in two.has[0] if not _stays(at, two, after, 0)]
            if wrong:
                raise InvalidInput(
                    f"The manifests would not say what is wanted: {', '.join(map(str, wrong))}. They are as before.",
                    hint="Promote the others by name, and edit this one by hand.",
                )
            return files
    except OSError as error:
        raise InvalidInput(f"The manifests can't be written: {error.strerror}. They are as before.") from None


def _stays(address: "Address", before: _Two, after: _Two, which: int) -> bool:
    from reconcile.manifests.promote import alike

    return address in after.has[which] and alike(before.has[which][address], after.has[which][address])


def _both(first: str, second: str) -> _Two:
    """Both environments.

    Raises:
        InvalidInput: with what is wrong in either.
    """
    from reconcile.manifests.environments import Environments

    if first == second:
        raise Usage(f"Two environments are compared, and {first} is one.")
    if options().environment is not None:
        raise Usage("Both environments are named, so --env has no meaning here.")
    one, other = project(first), project(second, quiet=True)
    settings = other.settings
    has = one.manifests().resources, other.declared().resources
    try:
        entries = Environments(one.settings.name, settings.environments)
        goal = settings.manifests(other.registry, entries, linked=False).resources
    except InvalidInput as error:
        told = f" With the entries of {first} and the variables of {second}."
        error.diagnostics = tuple(replace(each, detail=each.detail + told) for each in error.diagnostics)
        raise
    return _Two((first, second), other, has, goal)


def _chosen(two: _Two, patterns: Sequence[str]) -> "list[Address]":
    first, second = two.names
    findings: list[Diagnostic] = []
    chosen: dict[Address, None] = {}
    for pattern in patterns:
        fitting = [address for address in two.goal if fnmatchcase(str(address), pattern)]
        chosen |= dict.fromkeys(fitting)
        gone = [address for address in two.has[1] if address not in two.goal and fnmatchcase(str(address), pattern)]
        for address in gone:
            detail = (
                f"{address} is in {second} alone. Taking an entry out is left to you, since its object goes with it."
            )
            severity = Severity.WARNING if fitting else Severity.ERROR
            hint = f"Take it out of the manifests, or let `{first}` have it, too."
            findings.append(
                Diagnostic("only-there", "only in the other one", detail, str(address), None, hint, severity)
            )
        if not fitting and not gone:
            near = nearest(pattern, map(str, two.goal))
            hint = f'Did you mean "{near}"?' if near else f"See all with `reconcile diff {first} {second}`."
            detail = f"{first} has nothing like {pattern}."
            findings.append(Diagnostic("unknown-address", "nothing has this address", detail, hint=hint))
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise InvalidInput.of(findings)
    show_diagnostics(findings)
    return sorted(chosen)
