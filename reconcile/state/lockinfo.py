"""LockInfo <-> JSON, and the messages that somebody else has the lock."""

import getpass
import os
import socket
import uuid
from datetime import datetime

import orjson
from pydantic import TypeAdapter, ValidationError

from reconcile.errors import LockHeld, StateError
from reconcile.state.store import LockInfo


def new_owner(why: str, since: float, who: str | None = None) -> LockInfo:
    """The present process as the owner of a new lock; ``who`` is the user where it is not given."""
    return LockInfo(
        id=str(uuid.uuid4()), who=who or _user(), host=socket.gethostname(), pid=os.getpid(), why=why, since=since
    )


def render_lock_info(info: LockInfo) -> bytes:
    """The lock's owner as JSON."""
    return orjson.dumps(info, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def parse_lock_info(data: bytes) -> LockInfo | None:
    """The owner that the JSON names; None if it is damaged, since it only serves a message."""
    try:
        return TypeAdapter(LockInfo).validate_json(data, strict=True)
    except ValidationError:
        return None


def lock_held(state: str, info: LockInfo | None, advice: str) -> LockHeld:
    """The error that the lock of ``state`` is taken: by whom, where, why and since when, as far as is known."""
    if info is None:
        return LockHeld(f"The state {state} is locked, and its holder has not said who it is.", hint=advice)
    return LockHeld(f"The state {state} is locked by {described(info)}.", hint=advice)


def lock_lost(state: str, info: LockInfo | None) -> LockHeld:
    """The error that a lock was lost while its holder was at work; ``info`` is who has it now, if anybody."""
    now = f"it is locked by {described(info)} now" if info else "it was taken away, or nobody renewed it in time"
    return LockHeld(
        f"The lock on the state {state} is gone: {now}. Nothing more was recorded, and nothing more may be written.",
        hint="What was recorded before is kept. Wait until the other run has ended, and then run again.",
    )


def not_the_lock(state: str, id_: str, info: LockInfo | None) -> StateError:
    """The error that a lock with this id can't be taken away: nobody has it, or it is another one."""
    if info is None:
        return StateError(f"The state {state} is not locked, so there is nothing to unlock.")
    return StateError(
        f'The lock on the state {state} does not have the id "{id_}": it is held by {described(info)}.',
        hint=f"If that run is certainly dead: `reconcile state unlock {info.id}`.",
    )


def described(info: LockInfo) -> str:
    """Who, where, why and since when, in local time; a process that is not known is 0."""
    since = datetime.fromtimestamp(info.since).astimezone().isoformat(" ", "seconds")
    process = f" (process {info.pid})" if info.pid else ""
    return f"{info.who} on {info.host}{process} for {info.why} since {since}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())
