"""``snapshot``, and what ``plan --live`` makes of one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconcile.cli.options import global_options
from reconcile.cli.output import local_zone, progress, write_private
from reconcile.cli.workspace import Project, project
from reconcile.errors import Diagnostic, InvalidInput, Severity

if TYPE_CHECKING:
    from reconcile.engine.snapshot import Snapshot
    from reconcile.engine.workflow import Workspace
    from reconcile.model.address import Address
    from reconcile.model.call import Call, Encoded


@click.command(epilog="Example: reconcile snapshot -o live.json && reconcile plan --live live.json")
@click.option(
    "-o", "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write it to."
)
@global_options
def snapshot(out: Path) -> None:
    """Write down what is live, without people: a plan against it needs no credentials.

    It holds what all objects of the accounts say, and the state without what audiences remember; no address of any
    recipient. Changes nothing.
    """
    from reconcile.engine.snapshot import dumps, take

    here = project()
    state = here.store().read()
    with here.workspace() as workspace:
        taken = take(workspace, state)
    try:
        write_private(out, dumps(taken))
    except OSError as error:
        raise InvalidInput(f"The snapshot can't be written to {out}: {error.strerror}.") from None
    objects = sum(len(rows) for collections in taken.rows.values() for rows in collections.values())
    progress(f"Wrote {out}: {objects:,} objects of {len(taken.accounts)} accounts, no people.")


def read_snapshot(path: Path, here: Project) -> "Snapshot":
    """A snapshot of the environment that the run is about.

    Raises:
        InvalidInput: it is none, or of another environment.
    """
    from reconcile.engine.snapshot import loads

    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"The snapshot {path} can't be read: {error.strerror}.") from None
    found = loads(data, str(path))
    environment = here.settings.name
    if found.environment != environment:
        raise InvalidInput(
            f'{path} was taken of the environment "{found.environment}", and this is "{environment}".',
            hint="Choose the snapshot's with --env, or take one of this environment.",
        )
    return found


def keyless(here: Project) -> Project:
    """The project without its key, which only marks objects: a plan against a snapshot makes no marks."""
    return replace(here, registry=here.settings.keyless())


@contextmanager
def standing_still(here: Project, kept: "Snapshot") -> Iterator["Workspace"]:
    """A workspace whose accounts are as a snapshot has them; nothing is contacted, so nothing signs in."""
    from reconcile.engine.intents import Patience
    from reconcile.engine.snapshot import clients_of

    aliases = here.settings.providers.keys()
    encoders = dict.fromkeys(aliases, _as_it_is) | here.settings.encoders()
    with here.workspace() as workspace:
        clients = clients_of(kept, aliases, encoders)
        yield replace(workspace, clients=clients, patience=Patience((0.0,), lambda seconds: None))


def _as_it_is(call: "Call") -> "Encoded":
    """A call of a platform that puts calls on the wire in its client alone: nobody approves of such a plan."""
    from reconcile.model.attributes import to_json
    from reconcile.model.call import Encoded

    return Encoded("", call.operation, to_json(call.arguments), None)


def told_of(kept: "Snapshot", left: "tuple[Address, ...]") -> Iterator[Diagnostic]:
    """What the reader of such a plan must know."""
    from reconcile.report.text import listed, moment

    taken = moment(kept.made, now=time.time(), zone=local_zone())
    yield Diagnostic(
        "from-a-snapshot",
        "made from a snapshot",
        f"It compares with what was live at {taken}, not with what is live now.",
        severity=Severity.WARNING,
    )
    if left:
        yield Diagnostic(
            "audiences-not-compared",
            "audiences are not in a snapshot",
            f"A snapshot has no people, so nothing is told of {listed([*map(str, left)], 5)}.",
            severity=Severity.WARNING,
        )
