"""LockInfo <-> JSON, and the message that somebody else has the lock."""

from datetime import datetime

import orjson
from pydantic import TypeAdapter, ValidationError

from reconcile.errors import LockHeld
from reconcile.state.store import LockInfo


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
    since = datetime.fromtimestamp(info.since).astimezone().isoformat(" ", "seconds")
    holder = f"{info.who} on {info.host} (process {info.pid})"
    return LockHeld(f"The state {state} is locked by {holder} for {info.why} since {since}.", hint=advice)
