"""``state list``, ``show``, ``pull``, ``push``, ``mv``, ``rm``, ``rebuild``, ``unlock``: see the state, repair it."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import IO, TYPE_CHECKING

import click

from reconcile.cli.history import add_line, noted, remembered
from reconcile.cli.options import global_options, options
from reconcile.cli.output import print_json, progress, show_diagnostics, text_or_json
from reconcile.cli.plan import requested
from reconcile.cli.workspace import project
from reconcile.errors import Diagnostic, InvalidInput, Refused, Severity, StateError
from reconcile.model.address import Address, parse_address
from reconcile.model.attributes import Digest, to_json

if TYPE_CHECKING:
    from reconcile.engine.adopt import Adoption
    from reconcile.engine.workflow import Workspace
    from reconcile.model.registry import Registry
    from reconcile.model.resource import Resource
    from reconcile.state.history import Run
    from reconcile.state.state import State
    from reconcile.state.store import StateStore


@click.group(epilog="Example: reconcile state list")
@global_options
def state() -> None:
    """Look at what was last applied, and repair the record of it. Nothing here changes an account."""


@state.command("list", epilog="Example: reconcile state list --format json")
@global_options
def list_() -> None:
    """The addresses in the state, with the ids of their objects."""
    as_json = text_or_json() == "json"
    known = project().store().read()
    resources = sorted(known.resources.items()) if known else []
    if as_json:
        print_json({str(address): kept.id for address, kept in resources})
        return
    for address, kept in resources:
        click.echo(f"{address}  {kept.id}{'  (external)' if kept.external else ''}")


@state.command(epilog="Example: reconcile state show shop.list.italia")
@click.argument("address", metavar="ADDR")
@global_options
def show(address: str) -> None:
    """What was last applied to one address; long texts as digests."""
    as_json = text_or_json() == "json"
    here = project()
    known = here.store().read()
    resources = known.resources if known else {}
    if not resources:
        raise InvalidInput("The state is empty: nothing was applied yet.")
    kept = resources[requested(here, [address], [], known=list(resources)).targets[0]]
    if as_json:
        print_json({"id": kept.id, "attributes": to_json(kept.attributes), "preventDestroy": kept.prevent_destroy})
        return
    click.echo(f"{address}  id {kept.id}")
    for name, value in kept.attributes.items():
        shown = f"{value.length:,} characters, sha256 {value.sha256}" if isinstance(value, Digest) else _plain(value)
        click.echo(f"  {name}: {shown}")
    if kept.prevent_destroy:
        click.echo("  protected from being destroyed")


def _plain(value: object) -> str:
    import orjson

    return orjson.dumps(to_json(value)).decode()


@state.command(epilog="Example: reconcile state pull > state.json")
@global_options
def pull() -> None:
    """The whole state as JSON on stdout, decrypted."""
    from reconcile.state.statefile import render_state

    known = project().store().read()
    if known is None:
        raise InvalidInput("There is no state yet: nothing was applied.")
    click.echo(render_state(known, checked=False).decode(), nl=False)


@state.command(epilog="Example: reconcile state push state.json")
@click.argument("file", type=click.File("rb"))
@click.option("--force", is_flag=True, help="Take another lineage or an older serial too.")
@global_options
def push(file: IO[bytes], force: bool) -> None:
    """Put a state in place of the one there is; - reads it from stdin."""
    from reconcile.state.codec import Codec
    from reconcile.state.encryption import keys_from

    here = project()
    # What somebody gives by hand may be plain, even where what is kept must not be.
    pushed = Codec(keys_from(here.settings.environ)).parse_state(file.read(), file.name)
    store = here.store()
    _refuse_double_bindings(pushed, here.registry, file.name)

    def make(former: "State | None") -> "State":
        if former is not None and not force:
            _refuse_push(pushed, former, file.name)
        # What was done was done, whichever state is put back.
        same = former is not None and former.lineage == pushed.lineage
        made = replace(pushed, history=former.history) if same and former is not None else pushed
        made, run = noted(here, "state push", made, former)
        runs.append(run)
        return made

    runs: list[Run] = []
    written = store.replace(f"state push {file.name}", make, options().lock_timeout)
    add_line(here, runs[-1])
    progress(f"{store.name} has {_counted(len(written.resources))} now, serial {written.serial}.")


def _refuse_double_bindings(pushed: "State", registry: "Registry", name: str) -> None:
    """An object is bound once: with two entries for one, removing the first deletes what the second is about."""
    from reconcile.engine.intents import account_of

    bound: dict[tuple[object, str, str], list[str]] = {}
    for address, kept in sorted(pushed.resources.items()):
        if not kept.external:
            type_ = registry.providers.get(address.provider)
            kind = type_.kinds.get(address.kind) if type_ is not None else None
            where = kind.collection.name if kind is not None and hasattr(kind, "collection") else address.kind
            bound.setdefault((account_of(address, pushed), where, kept.id), []).append(str(address))
    twice = [(id_, addresses) for (_, _, id_), addresses in bound.items() if len(addresses) > 1]
    if twice:
        told = "; ".join(f"{' and '.join(addresses)} (id {id_})" for id_, addresses in twice)
        raise Refused(
            f"{name} binds several entries to one object: {told}.",
            hint="Correct the id of the wrong one in the file, or take its entry out of the file and import it anew.",
        )


def _refuse_push(pushed: "State", former: "State", name: str) -> None:
    if pushed.lineage != former.lineage:
        raise Refused(
            f"{name} has the lineage {pushed.lineage}, and the state {former.lineage}: it is another project's, or"
            " another environment's.",
            hint="See with `reconcile state pull` what is there. To put this in its place all the same: --force.",
        )
    if pushed.serial < former.serial:
        raise Refused(
            f"{name} has the serial {pushed.serial}, and the state {former.serial}: it is older, and what was applied"
            " since would be forgotten.",
            hint="Take `reconcile state pull` and change that. To go back all the same: --force.",
        )


@state.command("mv", epilog="Example: reconcile state mv shop.list.italia shop.list.italy")
@click.argument("source", metavar="ADDR")
@click.argument("target", metavar="NEW")
@global_options
def move(source: str, target: str) -> None:
    """Give an object another address; the manifests are not changed."""
    former, following = _address(source), _address(target)
    if (former.provider, former.kind) != (following.provider, following.kind):
        raise InvalidInput(
            f"{source} can't become {target}: only the name, which is the last part of an address, can change.",
            hint="An object stays what it is, at the provider where it is.",
        )
    here = project()
    with (
        here.store().lock(f"state mv {source} {target}", options().lock_timeout) as locked,
        remembered(here, locked, "state mv") as record,
    ):
        locked.move(former, following)
        record.begin()
    progress(f"{source} is {target} now.")


@state.command("rm", epilog="Example: reconcile state rm shop.list.italia")
@click.argument("addresses", metavar="ADDR...", nargs=-1, required=True)
@global_options
def remove(addresses: tuple[str, ...]) -> None:
    """Forget objects, which stay as they are in their account; `import` binds them again."""
    doomed = [_address(text) for text in addresses]
    here = project()
    with (
        here.store().lock(f"state rm {' '.join(addresses)}", options().lock_timeout) as locked,
        remembered(here, locked, "state rm") as record,
    ):
        known = locked.state
        if unknown := [address for address in doomed if not {address} & (known.resources.keys() | known.intents)]:
            raise InvalidInput(
                f"{unknown[0]} is not in the state, so nothing was forgotten.",
                hint="See the addresses in the state with `reconcile state list`.",
                address=str(unknown[0]),
            )
        for address in doomed:
            locked.remove(address)
        record.begin()
    progress(f"Forgotten: {', '.join(addresses)}. The objects stay as they are.")


@state.command(epilog="Example: reconcile state unlock 0e9f6bd2-7a3c-4f0e-9c1b-5d2f8a417c60")
@click.argument("id", metavar="[ID]", required=False)
@global_options
def unlock(id: str | None) -> None:
    """Free the lock of a run that is certainly dead; without its id, show who has it, and ask."""
    from reconcile.state.lockinfo import described

    store = project().store()
    info = store.unlock(id or _asked_id(store))
    progress(f"The state {store.name} is free: it was locked by {described(info)}.")


@state.command(epilog="Example: reconcile state rebuild")
@click.option("--auto-approve", is_flag=True, help="Don't ask.")
@global_options
def rebuild(auto_approve: bool) -> int:
    """Make the state anew: bind the manifests' entries to what is live, by natural key. Changes the state alone."""
    here = project()
    desired = here.manifests().resources
    store = here.store()
    former, damage = _readable(store)
    with here.workspace() as workspace:
        rebuilt, adoption = _rebuilt(workspace, desired, former)
    show_diagnostics([*damage, *adoption.findings])
    for text in _bindings(desired, rebuilt, former, adoption):
        click.echo(text)
    if not auto_approve and not options().may_ask():
        raise Refused("Nobody can be asked whether to rebuild the state, so it is as it was.", hint=_APPROVE)
    if not auto_approve and not click.confirm("Put this in place of the state?", err=True):
        raise Refused("You said no, so the state is as it was.")
    if former is None and damage:
        for name in store.set_aside("state rebuild", options().lock_timeout):
            progress(f"What was there is {name} now.")
    rebuilt, run = noted(here, "state rebuild", rebuilt, former)
    written = store.replace("state rebuild", lambda found: _over(found, former, rebuilt), options().lock_timeout)
    add_line(here, run)
    progress(f"{store.name} has {_counted(len(written.resources))} now. See what apply would change: reconcile plan")
    return 1 if adoption.findings else 0


_APPROVE = "Look at the bindings above, and give --auto-approve if they are right."


def _readable(store: "StateStore") -> "tuple[State | None, tuple[Diagnostic, ...]]":
    try:
        return store.read(), ()
    except StateError as error:
        return None, tuple(replace(finding, severity=Severity.WARNING) for finding in error.diagnostics)


def _rebuilt(
    workspace: "Workspace", desired: "Mapping[Address, Resource]", former: "State | None"
) -> "tuple[State, Adoption]":
    """A state of what is live, made in memory; the lineage and the accounts are those of before, if known."""
    from reconcile.engine.adopt import adopt
    from reconcile.state.journal import Recording
    from reconcile.state.state import State

    begun = State(str(uuid.uuid4()))
    if former is not None:
        begun = State(former.lineage, former.serial, former.accounts, history=former.history)
    recording = Recording(begun, lambda _: None)
    adoption = adopt(workspace, recording, desired)
    return recording.state, adoption


def _bindings(
    desired: "Mapping[Address, Resource]", rebuilt: "State", former: "State | None", adoption: "Adoption"
) -> Iterator[str]:
    for address, id_ in adoption.bound.items():
        unknown = sorted(desired[address].attributes.keys() - rebuilt.resources[address].attributes.keys())
        lost = f"; unknown, since they can't be read: {', '.join(unknown)}" if unknown else ""
        yield f"{address} is bound to id {id_}{lost}"
    for address in adoption.unmatched:
        yield f"{address} matches nothing, so an apply would create it"
    if former is None:
        yield "What the former state knew of objects that no entry declares, or of writes under way, is lost."
        return
    for address in sorted(former.resources.keys() - rebuilt.resources.keys()):
        yield f"{address} is forgotten (id {former.resources[address].id}); the object stays as it is"
    for address in sorted(former.intents):
        yield f"{address}: that a write was under way ({former.intents[address].operation}) is forgotten"


def _over(found: "State | None", former: "State | None", rebuilt: "State") -> "State":
    if found != former:
        raise Refused("The state was written by somebody else meanwhile, so it is as it was.", hint="Run this again.")
    return rebuilt


def _asked_id(store: "StateStore") -> str:
    """The id of the lock that somebody at a terminal agrees to free.

    Raises:
        InvalidInput: nobody has the lock. Refused: nobody is there to ask, or the answer is no.
    """
    from reconcile.state.lockinfo import described

    info = store.holder()
    if info is None:
        raise InvalidInput(f"The state {store.name} is not locked, so there is nothing to unlock.")
    if not options().may_ask():
        raise Refused(
            f"The state {store.name} is locked by {described(info)}, and nobody can be asked whether that run is dead.",
            hint=f"If it certainly is: `reconcile state unlock {info.id}`.",
        )
    question = f"The state is locked by {described(info)}.\nIs that run certainly dead, so that its lock can be freed?"
    if not click.confirm(question, err=True):
        raise Refused("You said no, so the lock stays.")
    return info.id


def _address(text: str) -> Address:
    try:
        return parse_address(text)
    except ValueError as error:
        raise InvalidInput(f"{error}.", hint="An address looks like shop.list.italia.") from None


def _counted(resources: int) -> str:
    return f"{resources} resource{'' if resources == 1 else 's'}"
