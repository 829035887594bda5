"""``audience forget``: drop what is remembered of people who ask for it."""

import base64
import hashlib
import sys
from dataclasses import replace

import click

from reconcile.cli.key import project_key
from reconcile.cli.options import global_options, options
from reconcile.cli.output import progress
from reconcile.cli.workspace import project
from reconcile.errors import Refused
from reconcile.model.memory import Segment, Segments


@click.group(epilog="Example: reconcile audience forget < addresses.txt")
@global_options
def audience() -> None:
    """Look after what audiences remember of people. Nothing here changes an account."""


@audience.command(epilog="Example: echo ann@example.com | reconcile audience forget")
@global_options
def forget() -> None:
    """Drop what is remembered of the addresses on stdin, one a line.

    A bare mark stays, so that no audience that knew them ever brings them in again. Delete them in the account before,
    with `api`.
    """
    from reconcile.providers.audience.forget import forgotten, keys_of
    from reconcile.providers.audience.memory import contents, fingerprint

    here = project()
    people = keys_of(sys.stdin)
    key = project_key(here.settings.root, here.settings.environ)
    store = here.store()
    with store.lock("audience forget", options().lock_timeout) as locked:
        memories = dict(locked.state.memories)
        read = {}
        for address, memory in memories.items():
            segments = contents(memory, store.segments)
            if memory.key != fingerprint(key) or segments is None:
                raise Refused(
                    f"What {address} remembers was kept with another project key, or is damaged, so nothing was "
                    "forgotten.",
                    hint="Bring back the project key, RECONCILE_KEY or .reconcile/key, and what is beside the state.",
                )
            read[address] = segments
        for address, segments in read.items():
            data, count, known = forgotten(segments, key, people)
            if known:
                former = memories[address]
                kept = _kept(data, count, store.segments)
                locked.remember(address, replace(former, segments=(kept,)))
                for segment in former.segments:
                    if store.segments is not None and segment.name != kept.name:
                        store.segments.delete(segment.name)
            progress(f"{address}: forgot {known:,} of {len(people):,}")


def _kept(data: bytes, count: int, place: Segments | None) -> Segment:
    name = hashlib.sha256(data).hexdigest()
    if place is None:
        return Segment(name, count, base64.b64encode(data).decode())
    place.write(name, data)
    return Segment(name, count)
