"""Commands of providers: their values made into click commands, and what they work with."""

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconcile.cli.options import global_options, options
from reconcile.errors import Diagnostic, InvalidInput, Usage
from reconcile.model.command import Command, Parameter, Takes
from reconcile.model.provider import Provider

if TYPE_CHECKING:
    from reconcile.cli.consent import Answers
    from reconcile.cli.workspace import Project
    from reconcile.manifests.nodes import Node
    from reconcile.model.account import Account
    from reconcile.model.address import Address
    from reconcile.model.call import Call
    from reconcile.model.kind import Client


PROJECT = "reconcile.yaml"  # manifests.load.PROJECT_FILE, whose import --help does without


def abouts(directory: Path) -> Mapping[str, str]:
    """What a list says of each of these commands; they are not made for it, with all their options."""
    found: dict[str, str] = {}
    for _, command in _commands(directory):
        group, _, name = command.name.partition(" ")
        bare = click.Command(group, help=command.about if name else command.help)
        found.setdefault(group, bare.get_short_help_str(60).rstrip("."))
    return found


def provider_commands(directory: Path) -> Mapping[str, click.Command]:
    """The commands of our own providers, and of those whose types the project in a folder names."""
    found: dict[str, click.Command] = {}
    for provider, command in _commands(directory):
        group, _, name = command.name.partition(" ")
        if not name:
            found.setdefault(group, _made(provider, command))
            continue
        at = found.setdefault(group, _group(command))
        if isinstance(at, click.Group):
            at.add_command(_made(provider, command), name)
    return found


def _commands(directory: Path) -> Iterator[tuple[Provider, Command]]:
    from reconcile.providers import built_in

    for provider in (*built_in().values(), *_others(directory)):
        for command in provider.commands:
            yield provider, command


def _others(directory: Path) -> Iterator[Provider]:
    """Providers of other packages that the project here names; what is wrong with them is said elsewhere."""
    from reconcile.providers import built_in, names, provider_named

    if not (directory / PROJECT).is_file():
        return
    others = [name for name in names() if name not in built_in()]
    if others:
        from reconcile.manifests.project import types_in

        for name in types_in(directory):
            if name in others:
                with suppress(InvalidInput):
                    yield provider_named(name)


def _group(command: Command) -> click.Group:
    def nothing() -> None:
        pass

    name = command.name.partition(" ")[0]
    return click.group(name, help=command.about, epilog=f"Example: {command.example}")(global_options(nothing))


def _made(provider: Provider, command: Command) -> click.Command:
    def run(alias: str | None, **values: Any) -> int | None:
        from reconcile.cli.output import text_or_json
        from reconcile.cli.workspace import project

        text_or_json()  # the other formats are for plans
        here = project()
        return command.run(_Context(here, _one_of_type(here, alias, provider.name), values))

    parameters: list[click.Parameter] = [click.Argument(["alias"], required=command.alias_needed)]
    parameters += [click_parameter(parameter) for parameter in command.parameters]
    name = command.name.rpartition(" ")[2]
    makes = click.command(name, params=parameters, help=command.help, epilog=f"Example: {command.example}")
    return makes(global_options(run))


def click_parameter(parameter: Parameter) -> click.Parameter:
    """A parameter as click has it."""
    if parameter.argument:
        return click.Argument([parameter.name], required=True)
    option = f"--{parameter.name.replace('_', '-')}"
    shown: dict[str, Any] = {"help": parameter.help, "required": parameter.required, "multiple": parameter.many}
    if parameter.takes is Takes.FLAG:
        return click.Option([option, parameter.name], is_flag=True, help=parameter.help)
    if parameter.default is not None:
        shown |= {"default": parameter.default, "show_default": bool(parameter.default)}
    if parameter.metavar is not None:
        shown["metavar"] = parameter.metavar
    elif parameter.takes in (Takes.FILE, Takes.YAML):
        shown["metavar"] = "FILE"
    if parameter.takes is Takes.YAML:
        shown["callback"] = _mapping_of
    return click.Option([option, parameter.name], type=_type(parameter), **shown)


def _type(parameter: Parameter) -> "click.ParamType[Any]":
    match parameter.takes:
        case Takes.FILE:
            return click.Path(dir_okay=False, path_type=Path)
        case Takes.YAML:
            return click.Path(exists=True, dir_okay=False, path_type=Path)
        case Takes.NUMBER:
            return click.IntRange(_whole(parameter.least), _whole(parameter.most))
        case Takes.SECONDS:
            return click.FloatRange(parameter.least, parameter.most)
    return click.STRING


def _mapping_of(ctx: click.Context, parameter: click.Parameter, file: Path | None) -> dict[str, Any] | None:
    """The mapping that a file of YAML holds."""
    from reconcile.manifests.find import Unreadable, first_bytes
    from reconcile.manifests.parse import MAX_BYTES, parse_yaml

    if file is None:
        return None
    findings: list[Diagnostic] = []
    try:
        document = parse_yaml(first_bytes(file, MAX_BYTES + 1), str(file), findings)
    except Unreadable as error:
        raise Usage(f"{file}: {error}") from None
    if findings:
        raise Usage.of(findings)
    return {} if document.root is None else {key: _plain(node) for key, node in document.root.members.items()}


def _plain(node: "Node") -> Any:
    from reconcile.manifests.nodes import ListNode, MappingNode

    if isinstance(node, MappingNode):
        return {key: _plain(member) for key, member in node.members.items()}
    return [_plain(item) for item in node.items] if isinstance(node, ListNode) else node.value


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _one_of_type(here: "Project", alias: str | None, type_: str) -> str:
    """The alias that is meant: the given one, or the only one of a platform.

    Raises:
        Usage: there is none, or there are several, or it is of another platform.
    """
    from reconcile.model.registry import nearest

    known = sorted(name for name, provider in here.settings.providers.items() if provider.type == type_)
    if alias is None and len(known) == 1:
        return known[0]
    if alias not in known:
        what = f'"{alias}" is no provider of type {type_} in reconcile.yaml.' if alias else "Say which provider."
        near = nearest(alias, known) if alias else None
        there = f"There are: {', '.join(known)}." if known else f"There is none of type {type_}."
        raise Usage(what, hint=f'Did you mean "{near}"? {there}' if near else there)
    return alias


@dataclass
class _Context:
    """What a command works with: see ``reconcile.model.command.Context``."""

    here: "Project"
    alias: str
    values: Mapping[str, Any]

    @property
    def root(self) -> Path:
        return self.here.settings.root

    @property
    def folder(self) -> Path:
        return self.here.settings.folder

    @property
    def patience(self) -> float:
        return options().lock_timeout

    @cached_property
    def _answers(self) -> "Answers":
        from reconcile.cli.consent import Answers

        return Answers(self.here, self.alias)

    def _given(self, name: str) -> Any:
        return self.values.get(name) or False

    @contextmanager
    def opened(self) -> "Iterator[tuple[Client, Account]]":
        from reconcile.engine.workflow import NEVER_APPLIED, check_accounts

        with self.here.workspace() as workspace:
            accounts = check_accounts(workspace, self.here.store().read() or NEVER_APPLIED, [self.alias])
            yield workspace.gate(None, self.here.stop).client(self.alias), accounts[self.alias]

    def call(self, call: "Call") -> Any:
        from reconcile.cli.api import make_by_hand

        return make_by_hand(
            self.here,
            self.alias,
            call,
            auto_approve=self._given("auto_approve"),
            allow_send=self._given("allow_send"),
        )

    def alone(self, path: Path, doing: str) -> AbstractContextManager[None]:
        from reconcile.disk import one_at_a_time

        return one_at_a_time(path, doing, self.patience)

    def agree(self, name: str, question: str) -> None:
        from reconcile.cli.consent import agree

        agree(self._answers, name, question, given=self._given("auto_approve"))

    def noted(self, name: str) -> Any:
        return self._answers.get(name)

    def note(self, name: str, value: Any) -> None:
        self._answers.put(name, value)

    def plan_and_apply(self, address: "Address", missing: str, hint: str) -> int:
        from reconcile.cli.apply import apply_fresh, granted_by, rights_of
        from reconcile.planner.make import Request

        manifests = self.here.manifests()
        if address not in manifests.resources:
            raise InvalidInput(missing, hint=hint)
        granted = granted_by(self.here, False, self._given("overwrite_drift"), False)
        return apply_fresh(
            self.here,
            manifests.resources,
            rights_of(granted, self._given("allow_delete") or 0, False),
            why=click.get_current_context().command_path.partition(" ")[2],
            digest=manifests.digest,
            request=Request((address,)),
            auto_approve=self._given("auto_approve"),
            allow_send=False,
        )

    def stopping(self) -> AbstractContextManager[threading.Event]:
        from reconcile.cli.stopping import stopping

        return stopping(self.here.stop)

    def write(self, path: Path, content: bytes) -> None:
        from reconcile.cli.output import rewrite
        from reconcile.state.disk import write_whole

        try:
            if path.exists():
                rewrite(path, content)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, content)
                path.chmod(0o666 & ~_umask())
        except OSError as error:
            raise InvalidInput(f"{path} can't be written: {error.strerror}.") from None

    def tell(self, text: str) -> None:
        if options().format != "json":
            click.echo(text)

    def result(self, value: Any) -> None:
        from reconcile.cli.output import print_json

        if options().format == "json":
            print_json(value)

    def progress(self, text: str) -> None:
        from reconcile.cli.output import progress

        progress(text)

    def warn(self, findings: Iterable[Diagnostic]) -> None:
        from reconcile.cli.output import show_diagnostics

        show_diagnostics(findings)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
