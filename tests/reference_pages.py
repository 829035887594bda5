"""Pages of the reference that are written from the code: commands, and the project file."""

import json
import re
from collections.abc import Iterator
from typing import Any

import click

from reconcile.cli.main import COMMANDS, cli
from reconcile.manifests.project import CiSpec, EnvironmentSpec, PolicySpec, ProjectSpec, project_specs
from reconcile.manifests.schema import MANIFEST_SCHEMA, render_schemas
from reconcile.manifests.validate import META
from reconcile.model.policy import Policy
from reconcile.model.registry import target_plurals
from reconcile.model.settings import LimitsSpec, credentials_of
from reconcile.providers import types
from reconcile.report import kinds as of_kinds
from reconcile.report.kinds import type_name

_GLOBAL = {parameter.name for parameter in cli.params}
_NOTE = "Written from the code; don't edit it here."
_DEFAULTS = Policy()
_TIMES = {"freeze": "60m", "planExpiry": "7d", "importWait": "30m"}


def commands() -> str:
    """Each command with its arguments and options; exit codes are told in their help."""
    lines = ["# Commands and exit codes", "", _NOTE, "", "## Everywhere", "", *_options(cli), ""]
    lines += ["Exit codes:", "", *_exit_codes(), ""]
    context = click.Context(cli)
    for name in sorted(COMMANDS):
        command = cli.get_command(context, name)
        assert command is not None
        lines += list(_command(command, name, "##"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _command(command: click.Command, name: str, level: str) -> Iterator[str]:
    arguments = [p.make_metavar(click.Context(command)) for p in command.params if isinstance(p, click.Argument)]
    yield f"{level} `{' '.join([name, *arguments])}`"
    yield ""
    yield _prose(command.help)
    yield ""
    own = list(_options(command))
    if len(own) > 2:
        yield from own
        yield ""
    if command.epilog:
        yield f"{_prose(command.epilog).replace('Example: ', 'Example: `', 1)}`"
        yield ""
    for sub, each in sorted(getattr(command, "commands", {}).items()):
        yield from _command(each, f"{name} {sub}", f"{level}#")


def _options(command: click.Command) -> Iterator[str]:
    yield "| option | does |"
    yield "| --- | --- |"
    for parameter in command.params:
        if isinstance(parameter, click.Option) and (command is cli or parameter.name not in _GLOBAL):
            takes = "" if parameter.is_flag or parameter.count else parameter.make_metavar(click.Context(command))
            written = f"{', '.join(parameter.opts)} {takes}".strip().replace("|", "\\|")
            yield f"| `{written}` | {_prose(parameter.help)} |"


def _exit_codes() -> Iterator[str]:
    told = " ".join((cli.help or "").split())
    listing = told.partition("Exit codes:")[2].strip().rstrip(".")
    yield "| code | means |"
    yield "| --- | --- |"
    for code, meaning in re.findall(r"(\d+) (.+?)(?:, (?=\d+ )|$)", listing):
        yield f"| {code} | {meaning} |"


def project() -> str:
    """The members of reconcile.yaml."""
    lines = ["# The project file", "", "What `reconcile.yaml` may say. " + _NOTE, ""]
    for title, spec in (
        ("The project", ProjectSpec),
        ("`environments.NAME`", EnvironmentSpec),
        ("`policy`", PolicySpec),
        ("`policy.targets`", _targets()),
        ("`ci`", CiSpec),
        *((f"`providers.NAME` of {each.name}", each.provider.settings) for each in types()),
        ("`providers.NAME.limits`", LimitsSpec),
    ):
        lines += [
            f"## {title}",
            "",
            _prose(spec.__doc__),
            "",
            "| member | type | default | is |",
            "| --- | --- | --- | --- |",
        ]
        secret = {} if title.startswith("`providers.NAME.") else credentials_of(spec)
        for name, member in spec.model_fields.items():
            about = _prose(member.description)
            if name in secret:
                about += " Read when a real account is contacted." + (" In no output." if secret[name].secret else "")
            lines.append(f"| `{name}` | {type_name(member.annotation)} | {_default(spec, name)} | {about} |")
        lines.append("")
    return "\n".join(lines)


def _targets() -> type[Any]:
    """What `policy.targets` may say where all our platforms are in use."""
    project, _ = project_specs(target_plurals([*each.kinds.values()] for each in types()))
    policy: Any = project.model_fields["policy"].annotation
    found: type[Any] = policy.model_fields["targets"].annotation
    return found


def kinds() -> str:
    """What manifests may declare: each kind, and what stands on any entry of them."""
    lines = [of_kinds.render(types()).rstrip(), "", "## On any entry", ""]
    lines += ["Beside its own attributes; none of it is sent.", "", "| member | is |", "| --- | --- |"]
    entry = json.loads(render_schemas(types())[MANIFEST_SCHEMA])["definitions"]["squalomail.list"]
    for name in META:
        lines += _of_entry(name, entry["properties"][name])
    return "\n".join(lines) + "\n"


def _of_entry(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"| `{name}` | {_prose(schema['description'])} |"
    inner = schema.get("properties") or schema.get("items", {}).get("properties") or {}
    for member, each in inner.items():
        yield from _of_entry(f"{name}{'[]' if 'items' in schema else ''}.{member}", each)


def _default(spec: type[Any], name: str) -> str:
    if spec is not PolicySpec:
        return ""
    snake = re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", name)
    value = _TIMES.get(name) or getattr(_DEFAULTS, snake, None)
    return "" if name == "targets" else f"`{getattr(value, 'value', value)}`"


def _prose(text: str | None) -> str:
    return " ".join((text or "").replace("``", "`").split()).replace("|", "\\|")
