"""``schema-requests``: GatorMail's handshake over the schema and its mappings."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconcile.cli.apply import apply_fresh, granted_by, rights_of
from reconcile.cli.consent import Answers, agree
from reconcile.cli.options import global_options, options
from reconcile.cli.output import print_json, progress, rewrite, show_diagnostics, text_or_json
from reconcile.cli.workspace import Project, project
from reconcile.errors import InvalidInput, UnknownOutcome, Unreachable, Usage
from reconcile.model.address import Address
from reconcile.planner.make import Request

if TYPE_CHECKING:
    from reconcile.engine.run import Rights
    from reconcile.model.kind import Client

_AGREED, _FETCHING = "schemaRequests", "fetchingMappings"
_QUESTION = (
    "What people ask for in {alias}'s web interface (Get Schema, Publish Changes) is answered once, and a vendor's CRM "
    "connector, if there is one, waits for the same."
)


@click.command(epilog="Example: reconcile schema-requests gatormail --watch --auto-approve")
@click.argument("alias", required=False)
@click.option(
    "--to",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where published mappings go: YAML, or JSON [default: mappings/ALIAS.yaml in the project].",
)
@click.option("--watch", is_flag=True, help="Look again and again, until Ctrl-C.")
@click.option("--interval", type=click.FloatRange(min=0.1), default=60.0, show_default=True, help="Seconds, for that.")
@click.option("--auto-approve", is_flag=True, help="Don't ask.")
@click.option("--allow-delete", type=click.IntRange(0), default=0, metavar="N", help="Mappings that may be lost.")
@click.option("--overwrite-drift", is_flag=True, help="Overwrite outside edits under --auto-approve.")
@global_options
def schema_requests(
    alias: str | None,
    file: Path | None,
    watch: bool,
    interval: float,
    auto_approve: bool,
    allow_delete: int,
    overwrite_drift: bool,
) -> int:
    """Answer what people ask for in GatorMail's web interface.

    Published mappings are written to a file. Where the schema is asked for, the entry `schema` of the manifests is
    planned and applied under the rules of apply, and nothing else is. Then they are told that it is done.
    """
    text_or_json()
    here = project()
    name = one_of_type(here, alias, "gatormail")
    rights = rights_of(granted_by(here, False, overwrite_drift, False), allow_delete, False)
    target = file or here.settings.root / "mappings" / f"{name}.yaml"
    run = _Run(here, name, target, rights, Answers(here, name), auto_approve)
    with run.alone():
        if watch:
            run.agree()
            while True:
                _patiently(run.once)
                _sleep(interval)
        return run.once()


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


def one_of_type(here: Project, alias: str | None, type_: str) -> str:
    """The alias that is meant: the given one, or the only one of a platform.

    Raises:
        Usage: there is none, or there are several, or it is of another platform.
    """
    known = sorted(name for name, provider in here.settings.providers.items() if provider.type == type_)
    if alias is None and len(known) == 1:
        return known[0]
    if alias not in known:
        what = f'"{alias}" is no provider of type {type_} in reconcile.yaml.' if alias else "Say which provider."
        raise Usage(what, hint=f"There are: {', '.join(known)}." if known else f"There is none of type {type_}.")
    return alias


def _patiently(answer: Callable[[], int]) -> None:
    """One look of many: what may be better the next time is told, and no end."""
    try:
        answer()
    except (Unreachable, UnknownOutcome) as error:
        show_diagnostics(error.diagnostics)


@dataclass(frozen=True, slots=True)
class _Run:
    here: Project
    alias: str
    file: Path
    rights: "Rights"
    answers: Answers
    auto_approve: bool

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One process at a time, so that no two write the file."""
        from reconcile.disk import one_at_a_time

        place = self.here.settings.folder / f"{self.alias}.schema-requests"
        with one_at_a_time(place, f"The requests of {self.alias} are being answered", options().lock_timeout):
            yield

    def agree(self) -> None:
        """Ask, the first time, whether the requests are ours to answer."""
        agree(self.answers, _AGREED, _QUESTION.format(alias=self.alias), given=self.auto_approve)

    def once(self) -> int:
        """Answer what is asked for now; gives the exit code."""
        from reconcile.providers.gatormail.handshake import MAPPINGS, SCHEMA, requests

        with self._client() as client:
            asked = requests(client)
            told: dict[str, Any] = {"requests": [dict(light) for light in asked.values()], "mappings": None}
            self._say(asked)
            if asked or self.answers.get(_FETCHING):
                self.agree()
            if MAPPINGS in asked or self.answers.get(_FETCHING):
                told["mappings"] = self._fetch(client)
        code = self._deliver() if SCHEMA in asked else 0
        if options().format == "json":
            print_json(told)
        return code

    @contextmanager
    def _client(self) -> "Iterator[Client]":
        from reconcile.engine.workflow import NEVER_APPLIED, check_accounts

        with self.here.workspace() as workspace:
            check_accounts(workspace, self.here.store().read() or NEVER_APPLIED, [self.alias])
            yield workspace.clients[self.alias]

    def _say(self, asked: Mapping[str, Mapping[str, Any]]) -> None:
        from reconcile.providers.gatormail.handshake import MAPPINGS, SCHEMA

        words = {SCHEMA: "the schema is asked for (Get Schema)", MAPPINGS: "mappings were published"}
        lines = [f"{words.get(type_, type_)}, {light.get('requestedAt') or ''}" for type_, light in asked.items()]
        for line in lines or ["nobody is waiting"]:
            if options().format != "json":
                click.echo(f"{self.alias}: {line.rstrip(', ')}.")

    def _fetch(self, client: "Client") -> dict[str, Any]:
        """The published mappings, to the file."""
        from reconcile.providers.gatormail.handshake import fetch_mappings
        from reconcile.providers.gatormail.published import render_json, render_yaml

        render = render_json if self.file.suffix.lower() == ".json" else render_yaml
        fetch_mappings(client, render, self._write, lambda under_way: self.answers.put(_FETCHING, under_way or None))
        progress(f"{self.alias}: people are told that their mappings were fetched.")
        if options().format != "json":
            click.echo(f"{self.alias}: the published mappings are in {self.file}.")
        return {"file": str(self.file)}

    def _write(self, content: bytes) -> None:
        from reconcile.state.disk import write_whole

        try:
            if self.file.exists():
                rewrite(self.file, content)
            else:
                self.file.parent.mkdir(parents=True, exist_ok=True)
                write_whole(self.file, content)
                self.file.chmod(0o666 & ~_umask())
        except OSError as error:
            raise InvalidInput(f"{self.file} can't be written: {error.strerror}.") from None

    def _deliver(self) -> int:
        """The schema as the manifests declare it; then people are told."""
        from reconcile.providers.gatormail.handshake import SCHEMA, requests, satisfy

        manifests = self.here.manifests()
        address = Address(self.alias, "schema", "main")
        if address not in manifests.resources:
            raise InvalidInput(
                f"People ask for the schema of {self.alias}, and the manifests declare none.",
                hint=f"Declare `schema` under {self.alias}; or let whoever delivers it answer the request.",
            )
        code = apply_fresh(
            self.here,
            manifests.resources,
            self.rights,
            why="schema-requests",
            digest=manifests.digest,
            request=Request((address,)),
            auto_approve=self.auto_approve,
            allow_send=False,
        )
        if code:
            return code
        with self._client() as client:
            if SCHEMA in requests(client):
                satisfy(client, SCHEMA)
        progress(f"{self.alias}: people are told that the schema is there.")
        return 0


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
