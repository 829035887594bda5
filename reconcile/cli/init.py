"""``init``: a project that applies to the sandbox as it stands."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from importlib.resources import files as resources
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import click

from reconcile.cli.key import key_file, make_key
from reconcile.cli.options import global_options, options
from reconcile.errors import InvalidInput, ReconcileError, Usage
from reconcile.manifests.load import PROJECT_FILE
from reconcile.manifests.project import ALIAS_PATTERN
from reconcile.providers import built_in, provider_named, provider_type

_IGNORED: Final = ".reconcile/\n*.plan\n"
_ZONE, _SOON = "@@ZONE@@", "@@SOON@@"
_SCHEMAS: Final = "schemas"
_LINE: Final = "# yaml-language-server: $schema="
# Forge -> template, and where its pipeline stands.
_PIPELINES: Final = {
    "github": ("github.yml", ".github/workflows/reconcile.yml"),
    "gitlab": ("gitlab.yml", ".gitlab-ci.yml"),
    "other": ("generic.sh", "ci.sh"),
}


@click.command(epilog="Example: reconcile init my-marketing --zone Europe/Rome --ci github")
@click.argument("folder", metavar="[DIRECTORY]", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--provider", "types", multiple=True, metavar="TYPE", help="A platform; several with commas between.")
@click.option("--zone", default="Europe/London", show_default=True, help="The time zone that mails are sent by.")
@click.option(
    "--environments",
    default="staging",
    show_default=True,
    metavar="NAMES",
    help="Names with commas between; empty: none.",
)
@click.option("--ci", "forge", type=click.Choice([*_PIPELINES]), help="Write the pipeline for it, too.")
@global_options
def init(folder: Path | None, types: tuple[str, ...], zone: str, environments: str, forge: str | None) -> None:
    """Scaffold a project in DIRECTORY (default: here) that applies to the sandbox as it stands.

    In a project that is there already, it makes the project key, if that is missing.
    """
    root = folder or options().directory
    if (root / PROJECT_FILE).exists() and not key_file(root).exists():
        make_key(key_file(root))
        click.echo(
            f"Made the project key {key_file(root)}. Whoever runs the project needs the same one: see RECONCILE_KEY"
        )
        return
    files = _files(types, zone, environments, forge)
    there = [name for name in files if (root / name).exists() and name != ".gitignore"]
    if there:
        raise InvalidInput(
            f"{root} already has {', '.join(there)}, and nothing is overwritten.", hint="Choose an empty folder."
        )
    try:
        for name, text in files.items():
            path = root / name
            if path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        make_key(key_file(root))
    except OSError as error:
        raise InvalidInput(f"The project can't be written to {root}: {error.strerror}.") from None
    where = "" if root == Path() else f"-C {root} "
    place = "here" if root == Path() else f"in {root}"
    click.echo(f"Made a project {place}. Next: reconcile {where}plan, then reconcile {where}apply")


def _files(types: Sequence[str], zone: str, environments: str, forge: str | None) -> dict[str, str]:
    """The files of the project; what is wrong with the options is told all at once."""
    chosen = list(dict.fromkeys(name.strip() for given in types for name in given.split(",") if name.strip()))
    parts: tuple[Callable[[], object], ...] = (
        *(partial(_starter, name) for name in chosen),
        partial(_known, zone),
        partial(_names, environments),
    )
    wrong: list[ReconcileError] = []
    for part in parts:
        try:
            part()
        except ReconcileError as error:
            wrong.append(error)
    if wrong:
        raise type(wrong[0]).of([finding for error in wrong for finding in error.diagnostics])
    return _project(chosen, _known(zone), _names(environments), forge)


def _known(zone: str) -> ZoneInfo:
    if zone not in available_timezones():
        from reconcile.model.registry import nearest

        near = nearest(zone, sorted(available_timezones()))
        hint = f'Did you mean "{near}"?' if near else "It is written such as Europe/Rome or America/New_York."
        raise Usage(f'There is no time zone "{zone}".', hint=hint)
    return ZoneInfo(zone)


def _names(environments: str) -> list[str]:
    found = [name.strip() for name in environments.split(",") if name.strip()]
    wrong = [
        Usage(f'"{name}" can\'t be the name of an environment.', hint="Such as: staging,production")
        for name in found
        if name == "default" or not re.fullmatch(ALIAS_PATTERN, name)
    ]
    if wrong:
        raise Usage.of([finding for error in wrong for finding in error.diagnostics])
    return found


def _project(types: Sequence[str], zone: ZoneInfo, environments: Sequence[str], forge: str | None) -> dict[str, str]:
    """The files of a first project by their names."""
    from reconcile.manifests.schema import render_project_schemas

    chosen = types or [next(name for name, provider in built_in().items() if provider.usual)]
    starters = [_starter(type_) for type_ in chosen]
    soon = datetime.fromtimestamp(time.time(), zone) + timedelta(days=14)
    soon = soon.replace(hour=9, minute=0, second=0, microsecond=0)
    files: dict[str, str] = {}
    for starter in starters:
        for name, text in starter.items():
            filled = text.replace(_ZONE, zone.key).replace(_SOON, soon.isoformat())
            files[name] = _joined(files[name], filled) if name == PROJECT_FILE and name in files else filled
    files[PROJECT_FILE] = _with_environments(files[PROJECT_FILE], environments)
    for name, text in render_project_schemas({type_: provider_type(type_) for type_ in chosen}).items():
        files[f"{_SCHEMAS}/{name}"] = text
    files[".gitignore"] = _IGNORED
    if forge is not None:
        template, place = _PIPELINES[forge]
        text = (resources("reconcile.ci") / "templates" / template).read_text(encoding="utf-8")
        files[place] = _pipeline(text, files[PROJECT_FILE], environments, forge)
    return {name: f"{_LINE}{_schema_for(name)}\n{text}" if _schema_for(name) else text for name, text in files.items()}


def _schema_for(name: str) -> str:
    if name == PROJECT_FILE:
        return f"{_SCHEMAS}/project.schema.json"
    return f"../{_SCHEMAS}/manifest.schema.json" if name.startswith("manifests/") else ""


def _starter(type_: str) -> Mapping[str, str]:
    """The files of a platform's first project."""
    starter = provider_named(type_).starter
    if starter is None:
        raise InvalidInput(f"{type_} has no starter.", hint="Write reconcile.yaml by hand: see the platform's docs.")
    return starter


def _member(text: str, name: str) -> str:
    """What stands under a top-level member, as it is written."""
    found = re.search(rf"(?m)^{name}:\n((?:[ #].*\n|\n)*)", text)
    return found[1] if found is not None else ""


def _joined(first: str, second: str) -> str:
    """A project file with the accounts of another one, too."""
    accounts = _member(first, "providers")
    return first.replace(accounts, f"{accounts.rstrip()}\n{_member(second, 'providers').rstrip()}\n\n", 1)


def _with_environments(text: str, names: Sequence[str]) -> str:
    before = _member(text, "environments")
    text = text.replace(f"environments:\n{before}", "", 1)
    if not names:
        return text
    known = "suffix:" in _member(text, "variables")
    lines = [f'  {name}:\n    variables: {{suffix: " ({name})"}}\n' if known else f"  {name}: {{}}\n" for name in names]
    block = f"environments:\n{''.join(lines)}\n"
    place = text.find("policy:\n")
    return f"{text[:place]}{block}{text[place:]}" if place >= 0 else f"{text.rstrip()}\n\n{block.rstrip()}\n"


def _pipeline(text: str, project_file: str, environments: Sequence[str], forge: str) -> str:
    """A pipeline for the last environment, the one that counts, with the names that sign in to the accounts."""
    chosen = environments[-1] if environments else "default"
    secrets = dict.fromkeys(re.findall(r"\$\{env\.([A-Za-z_]\w*)", project_file))
    lines = "\n".join(f"          {name}: ${{{{ secrets.{name} }}}}" for name in (*secrets, "RECONCILE_KEY"))
    text = text.replace("@@SECRETS@@", lines).replace("@@NAME@@", chosen)
    return text.replace("@@ENVIRONMENT@@", f"  RECONCILE_ENV: {chosen}\n" if chosen != "default" else "")
