"""``export``: a project for what exists in an account."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconcile.cli.history import remembered
from reconcile.cli.key import key_file, make_key
from reconcile.cli.options import global_options, options
from reconcile.cli.output import progress
from reconcile.cli.unmanaged import take_into
from reconcile.cli.workspace import Project, project
from reconcile.errors import InvalidInput, Usage
from reconcile.model.settings import ProviderSettings, credentials_of
from reconcile.providers import provider_named

if TYPE_CHECKING:
    from reconcile.engine.export import Export
    from reconcile.manifests.nodes import Node

_QUOTE = '"'


@click.command(epilog="Example: reconcile export ../account && reconcile -C ../account plan")
@click.argument("names", metavar="DIRECTORY | ADDR...", nargs=-1)
@click.option(
    "--into",
    metavar="DIRECTORY",
    type=click.Path(file_okay=False, path_type=Path),
    help="Take what ADDR names (see `unmanaged`) into the project that is there; ADDR=NAME gives it a name.",
)
@click.option("--provider", metavar="ALIAS", help="Only this account; all of the project's where absent.")
@click.option("--include-sent", is_flag=True, help="Sent campaigns, too.")
@global_options
def export(names: tuple[str, ...], into: Path | None, provider: str | None, include_sent: bool) -> int:
    """Write a project for what exists in an account to DIRECTORY, an empty folder; changes nothing remote.

    The accounts are those of the present project. The plan of the new one is empty: its state has all objects adopted.
    With --into, entries, bodies and bindings of chosen objects are added to the project that is there.
    """
    from reconcile.engine.export import export as read

    if into is not None:
        if provider is not None:
            raise Usage("--into takes addresses, which name the account, so it takes no --provider.")
        return take_into(into, names, include_sent=include_sent)
    if len(names) != 1:
        raise Usage("export takes one folder to write to; with --into DIRECTORY it takes addresses.")
    folder = Path(names[0])
    here = project()
    aliases = _chosen(here, provider)
    if folder.exists() and any(folder.iterdir()):
        raise InvalidInput(f"{folder} is not empty, and nothing is overwritten.", hint="Name an empty folder.")
    with here.workspace() as workspace:
        exported = read(workspace, aliases, include_sent=include_sent)
    try:
        _write(folder, _files(here, folder, aliases, exported))
        make_key(key_file(folder))
    except OSError as error:
        raise InvalidInput(f"The project can't be written to {folder}: {error.strerror}.") from None
    _bind(folder, exported)
    entries = ", ".join(f"{count:,} {plural}" for plural, count in exported.counts.items()) or "nothing"
    click.echo(f"Exported {entries} to {folder}. What could not be read: {folder / 'EXPORT.md'}")
    progress(f"Next: reconcile -C {folder} plan")
    return 0


def _chosen(here: Project, provider: str | None) -> tuple[str, ...]:
    known = here.settings.providers
    if provider is not None and provider not in known:
        raise InvalidInput(
            f'The project has no provider "{provider}".', hint=f"Its providers are: {', '.join(sorted(known))}."
        )
    return (provider,) if provider is not None else tuple(sorted(known))


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _files(here: Project, folder: Path, aliases: tuple[str, ...], exported: "Export") -> dict[str, bytes]:
    from reconcile.manifests.schema import render_schemas
    from reconcile.providers import types

    known = {type_.name: type_ for type_ in (*here.registry.providers.values(), *types())}
    schemas = {f"schemas/{name}": text.encode() for name, text in render_schemas(known.values()).items()}
    return {
        "reconcile.yaml": "".join(f"{line}\n" for line in _project_file(here, folder, aliases, exported)).encode(),
        "EXPORT.md": "".join(f"{line}\n" for line in _report(exported)).encode(),
        ".gitignore": b".reconcile/\n*.plan\n",
        **schemas,
        **exported.files,
    }


def _bind(folder: Path, exported: "Export") -> None:
    """The state of the new project: all of it adopted."""
    from reconcile.cli.settings import load_settings

    settings = load_settings(folder, environment=None, variables={}, environ=os.environ)
    there = Project(settings, settings.registry())
    with there.store().lock("export", options().lock_timeout) as locked, remembered(there, locked, "export") as record:
        locked.account(exported.accounts)
        for address, applied in exported.applied.items():
            locked.put(address, applied)
        record.begin()


def _report(exported: "Export") -> Iterator[str]:
    """EXPORT.md."""
    yield "# Export"
    yield ""
    for alias, account in exported.accounts.items():
        yield f"- `{alias}`: {account}"
    for plural, count in exported.counts.items():
        yield f"- {count:,} {plural}"
    yield ""
    yield "Values that every new object has anyway are left out, so they are not managed. Recipients are not exported."
    for type_ in sorted({account.type for account in exported.accounts.values()}):
        yield from (kind.exported for kind in provider_named(type_).kinds if kind.exported)
    for heading, sentences in exported.notes.items():
        yield ""
        yield f"## {heading}"
        yield ""
        yield from (f"- {sentence}" for sentence in sentences)


# The project file


def _project_file(here: Project, folder: Path, aliases: tuple[str, ...], exported: "Export") -> Iterator[str]:
    from reconcile.manifests.scalars import scalar_text

    declared = _declared(here)
    yield "# yaml-language-server: $schema=schemas/project.schema.json"
    yield "version: 1"
    yield ""
    yield "providers:"
    for alias in aliases:
        settings = here.settings.providers[alias]
        yield f"  {scalar_text(alias, flow=False)}:"
        members = _provider(settings, declared.get(alias), folder)
        if "account" in provider_named(settings.type).settings.model_fields:
            members["account"] = exported.accounts[alias].id
        quoted = {name: scalar_text(value, flow=False, quote=_QUOTE) for name, value in members.items()}
        yield from (f"    {name}: {value}" for name, value in quoted.items())
        for name, value in settings.extra.items():
            if isinstance(value, Mapping) and value:
                yield f"    {name}:"
                yield from _rows(value)


def _provider(settings: ProviderSettings, node: "Node | None", folder: Path) -> dict[str, str]:
    url = settings.url
    if settings.sandbox is not None:
        # The same data, not a copy of it: an account is exported, not made.
        url = f"sandbox:{os.path.relpath(settings.sandbox.resolve(), folder.resolve())}"
    members = {"type": settings.type, "url": url}
    members |= {name: value for name, value in settings.extra.items() if isinstance(value, str)}
    return members | {name: _credential(settings, name, node) for name in settings.credentials}


def _rows(members: Mapping[str, str | bool | list[str]]) -> Iterator[str]:
    """A mapping of the account's settings, such as the rows of a contract table that are otherwise for it."""
    from reconcile.manifests.interpolate import literal
    from reconcile.manifests.scalars import scalar_text

    def text(value: str | bool, *, flow: bool = False) -> str:
        return scalar_text(literal(value) if isinstance(value, str) else value, flow=flow, quote=_QUOTE)

    for name, value in members.items():
        written = f"[{', '.join(text(each, flow=True) for each in value)}]" if isinstance(value, list) else text(value)
        yield f"      {name}: {written}"


def _credential(settings: ProviderSettings, name: str, node: "Node | None") -> str:
    """Where a credential comes from, as it was declared; one that stood in the file itself is not copied."""
    from reconcile.manifests.nodes import ScalarNode

    members: Mapping[str, Node] = getattr(node, "members", {})
    declared = members.get(name)
    if isinstance(declared, ScalarNode) and "${env." in declared.raw and "${var." not in declared.raw:
        return declared.raw
    needed = credentials_of(provider_named(settings.type).settings)[name].needed
    if isinstance(declared, ScalarNode) and not needed and "${" not in declared.raw:
        return declared.raw
    return f"${{env.{settings.type.upper()}_{_upper(name)}}}"


def _upper(name: str) -> str:
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in name)


def _declared(here: Project) -> Mapping[str, "Node"]:
    """The providers as the project file has them, the environment's over the project's."""
    from reconcile.manifests.load import PROJECT_FILE
    from reconcile.manifests.nodes import MappingNode, merged
    from reconcile.manifests.parse import parse_yaml

    root = parse_yaml((here.settings.root / PROJECT_FILE).read_bytes(), PROJECT_FILE, []).root
    if root is None:
        return {}
    environments = root.members.get("environments")
    chosen = here.settings.name
    layer = environments.members.get(chosen) if isinstance(environments, MappingNode) else None
    whole: MappingNode = merged(root, layer) if isinstance(layer, MappingNode) else root
    providers = whole.members.get("providers")
    return providers.members if isinstance(providers, MappingNode) else {}
