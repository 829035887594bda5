"""``unmanaged``, and ``export --into``: what exists and no entry is bound to, listed and taken into the project."""

from collections.abc import Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconcile.cli.history import remembered
from reconcile.cli.options import global_options, options
from reconcile.cli.output import local_zone, print_json, progress, text_or_json
from reconcile.cli.workspace import Project, project
from reconcile.errors import Diagnostic, InvalidInput
from reconcile.model.address import NAME, Address, parse_address
from reconcile.model.registry import nearest

if TYPE_CHECKING:
    from reconcile.engine.unmanaged import Unmanaged
    from reconcile.state.state import State


@click.command(epilog="Example: reconcile unmanaged 'shop.campaign.*' --name '*sale*'")
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@click.option("--name", metavar="PATTERN", help="Only what people know by such a name or subject.")
@click.option("--include-sent", is_flag=True, help="Sent campaigns, too.")
@global_options
def unmanaged(patterns: tuple[str, ...], name: str | None, include_sent: bool) -> None:
    """What exists in the accounts and no entry is bound to, with the addresses that it would have.

    PATTERN is such an address, with * for any characters. Changes nothing; `export --into .` takes it in.
    """
    from reconcile.report.text import counted, one_line

    as_json = text_or_json() == "json"
    here = project()
    with here.workspace() as workspace:
        found = _found(here, here.store().read(), workspace)
    known = [one for one in found if include_sent or not one.final]
    shown = [one for one in known if _fits(one, patterns) and (name is None or _alike(one.title, name))]
    if as_json:
        print_json([_as_json(one) for one in shown])
        return
    for one in shown:
        when = f", last changed {datetime.fromtimestamp(one.edited, local_zone()):%Y-%m-%d}" if one.edited else ""
        sent = ", sent" if one.final else ""
        click.echo(f'{one.address}  id {one_line(one.live.id)}  "{one_line(one.title)}"{when}{sent}')
    click.echo(f"{counted(len(shown), 'object')} that no entry is bound to.")
    if left := len(found) - len(known):
        progress(f"Left out: {counted(left, 'sent campaign')}; --include-sent lists them, too.")
    if shown:
        progress("Take them in with: reconcile export --into . ADDR")


def _as_json(one: "Unmanaged") -> dict[str, object]:
    return {
        "address": str(one.address),
        "id": one.live.id,
        "name": one.title,
        "sent": one.final,
        "last_changed": one.edited,
    }


def _found(here: Project, state: "State | None", workspace: object) -> "list[Unmanaged]":
    from reconcile.engine.unmanaged import find_unmanaged
    from reconcile.engine.workflow import NEVER_APPLIED, Workspace

    assert isinstance(workspace, Workspace)  # noqa: S101  # its type is imported here, for the start of the program
    return list(find_unmanaged(workspace, state or NEVER_APPLIED, sorted(here.settings.providers)))


def _fits(one: "Unmanaged", patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(str(one.address), pattern) for pattern in patterns)


def _alike(title: str, pattern: str) -> bool:
    return fnmatchcase(title.lower(), pattern.lower())


def take_into(folder: Path, chosen: Sequence[str], *, include_sent: bool) -> int:
    """``export --into``: entries, bodies and bindings for chosen objects, in the project that is there."""
    from reconcile.engine.unmanaged import take_in
    from reconcile.manifests.pulling import Drafts
    from reconcile.report.text import counted

    as_json = text_or_json() == "json"
    here = project()
    settings = here.settings
    if folder.resolve() != settings.root.resolve():
        raise InvalidInput(
            f"{folder} is not the project that is read here.",
            hint=f"Run there: reconcile -C {folder} export --into {folder} ADDR",
        )
    if not chosen:
        raise InvalidInput(
            "Nothing was chosen to be taken in.",
            hint="Name addresses as `reconcile unmanaged` lists them, or patterns such as 'shop.list.*'.",
        )
    manifests = here.manifests()
    drafts = Drafts(settings.root, settings.scope)
    with (
        here.store().lock("export --into", options().lock_timeout) as locked,
        here.workspace() as workspace,
        remembered(here, locked, "export --into") as record,
    ):
        found = [one for one in _found(here, locked.state, workspace) if include_sent or not one.final]
        wanted = _chosen(found, chosen)
        if known := sorted(str(address) for address in wanted if address in manifests.resources):
            raise InvalidInput(
                f"{known[0]} is in the manifests already.",
                hint=f"Bind it with `reconcile import {known[0]} ID`, or take it in by another name: ADDR=NAME.",
                address=known[0],
            )
        # What exists in this account is in no other environment's.
        only = settings.name if settings.environments else None
        taken = take_in(workspace, locked, manifests, drafts, here.declared, wanted, only)
        record.begin()
    if as_json:
        bound = {str(address): id_ for address, id_ in taken.bound.items()}
        print_json({"bound": bound, "files": list(taken.files), "notes": taken.notes})
        return 0
    for address, id_ in taken.bound.items():
        click.echo(f"{address} is in the manifests now, bound to id {id_}")
    for note in taken.notes:
        click.echo(f"Note: {note}")
    entries, files = counted(len(taken.bound), "entry", "entries"), counted(len(taken.files), "file")
    click.echo(f"Took in {entries}, in {files}.")
    progress("See them with: git diff. See what apply would change: reconcile plan")
    return 0 if len(taken.bound) == len(wanted) else 1


def _chosen(found: "Sequence[Unmanaged]", texts: Sequence[str]) -> "dict[Address, Unmanaged]":
    """The objects that the texts name, by the address that each is to have: as it is listed, or ADDR=NAME."""
    wanted: dict[Address, Unmanaged] = {}
    findings: list[Diagnostic] = []
    listed = {str(one.address): one for one in found}
    for text in texts:
        pattern, equals, name = text.partition("=")
        fitting = [one for address, one in listed.items() if fnmatchcase(address, pattern)]
        if not fitting:
            near = nearest(pattern, listed)
            hint = f'Did you mean "{near}"?' if near else "See them with `reconcile unmanaged`."
            detail = f'"{pattern}" is no object that no entry is bound to.'
            findings.append(Diagnostic("unknown-address", "nothing has this address", detail, hint=hint))
        elif equals and (len(fitting) > 1 or not NAME.fullmatch(name)):
            detail = f'"{text}" gives a name to one object: letters A to Z, digits, - and _.'
            findings.append(Diagnostic("wrong-name", "a name that can't be used", detail))
        for one in fitting:
            address = Address(one.address.provider, one.address.kind, name) if equals else one.address
            if address in wanted and wanted[address] is not one:
                detail = f"{address} is to be the name of two objects."
                findings.append(Diagnostic("wrong-name", "a name that can't be used", detail))
            wanted.setdefault(address, one)
    if findings:
        raise InvalidInput.of(findings)
    # As they are found, so that what others refer to comes first.
    order = {id(one): number for number, one in enumerate(found)}
    return dict(sorted(wanted.items(), key=lambda item: order[id(item[1])]))


def read_bindings(text: str, name: str) -> dict[Address, str]:
    """The addresses and ids of a file: a line each, or a JSON object.

    Raises:
        InvalidInput: with every line that is neither.
    """
    import json

    from reconcile.errors import Location

    findings: list[Diagnostic] = []
    pairs: list[tuple[int, list[str]]] = []
    if text.lstrip().startswith("{"):
        try:
            whole = json.loads(text)
        except ValueError as error:
            raise InvalidInput(f"{name} is no JSON: {error}.") from None
        pairs = [(0, [str(address), str(id_)]) for address, id_ in whole.items()]
    else:
        for number, line in enumerate(text.splitlines(), 1):
            words = line.partition("#")[0].replace(",", " ").split()
            pairs += [(number, words)] if words else []
    bindings: dict[Address, str] = {}
    for number, words in pairs:
        place = Location(name, number, 1) if number else Location(name)
        try:
            if len(words) != 2:
                raise ValueError("A line has an address and an id, such as `shop.list.news 31`")
            address = parse_address(words[0])
            if bindings.get(address, words[1]) != words[1] or words[1] in _ids_of(bindings, address):
                raise ValueError(f"{address} or its id stands there twice")
            bindings[address] = words[1]
        except ValueError as error:
            findings.append(Diagnostic("bad-address", "not an address", f"{error}.", location=place))
    if findings:
        raise InvalidInput.of(findings)
    return bindings


def _ids_of(bindings: dict[Address, str], of: Address) -> list[str]:
    return [id_ for at, id_ in bindings.items() if at != of and (at.provider, at.kind) == (of.provider, of.kind)]
