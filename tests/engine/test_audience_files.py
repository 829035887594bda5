"""Whatever a file holds: after a run, those on the list are exactly whom a slow model of the rules puts there."""

import os
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from reconcile.engine.run import Rights
from reconcile.errors import InvalidInput
from reconcile.planner.plan import Right
from tests import buyers, crowd
from tests.buyers import CAN_REMOVE, Buyers
from tests.crowd import Crowd, news
from tests.providers.audience.model import Read, Stopped, read
from tests.providers.audience.test_reader import files, sound_files
from tests.world import declared, failures

RIGHTS = Rights(frozenset([Right.SEND, Right.ACCEPT_UNKNOWN]), deletes=1000)
EXAMPLES = 2500 if os.environ.get("CHAOS") else 4
BEFORE = ["ann@example.com", "bea@example.com", "zoe@example.com"]
LEFT_OUT = ["bea@example.com", "carl@xn--bcher-kva.example"]
HEADER = {"email": "E-mail", "name": "Cittá"}


def modelled(data: bytes, encoding: str, delimiter: str, quote: str, wanted: list[str]) -> Read | None:
    """What the model makes of a file; None where a run has to stop."""
    try:
        found = read(data, encoding, delimiter, quote, wanted)
    except Stopped:
        return None
    return None if found.rejects else found


def odd(data: bytes) -> bool:
    """Whether a file shows another encoding than the declared one, which the model does not know."""
    return data.startswith((b"\xff\xfe", b"\xfe\xff", b"\0")) or data[1:2] == b"\0" or data[:4].lower() == b"sep="


@settings(
    max_examples=EXAMPLES, deadline=None, phases=set(Phase) - {Phase.shrink}, suppress_health_check=list(HealthCheck)
)
@given(sound_files() | files(), st.sampled_from(["add", "sync", "exclude", "sync and exclude"]))
def test_any_file_on_a_list(file: tuple[bytes, str, str, str, list[str]], mode: str) -> None:
    if not odd(file[0]):
        world = Crowd()
        entry = crowd.audience(**_declared(file, mode, HEADER))
        _story(world, lambda: world.on_list(int(world.lists()[0]["id"])), declared(news()), entry, file, mode)


@settings(
    max_examples=EXAMPLES, deadline=None, phases=set(Phase) - {Phase.shrink}, suppress_health_check=list(HealthCheck)
)
@given(sound_files() | files(), st.sampled_from(["add", "sync", "exclude", "sync and exclude"]))
def test_any_file_in_a_group(file: tuple[bytes, str, str, str, list[str]], mode: str) -> None:
    if not odd(file[0]):
        world = Buyers(**CAN_REMOVE)
        world.found()
        columns = {"emailLogin": "E-mail", "firstName": "Cittá"}
        entry = buyers.audience(**_declared(file, mode, columns))
        _story(world, lambda: set(world.included()), declared(buyers.buyers()), entry, file, mode)


def _declared(file: tuple[bytes, str, str, str, list[str]], mode: str, columns: dict[str, str]) -> dict[str, Any]:
    _, encoding, delimiter, quote, _ = file
    found = {"columns": columns, "mode": "sync" if "sync" in mode else "add", "delimiter": delimiter, "quote": quote}
    found["encoding"] = None if encoding == "utf-8" else encoding
    found["exclude"] = "no.csv" if "exclude" in mode else None
    return found


def _story(world: Any, there: Any, before: Any, entry: Any, file: Any, mode: str) -> None:
    data, encoding, delimiter, quote, _ = file
    columns = ["E-mail", "Cittá"]
    codec = "utf-16" if encoding == "utf-16" else encoding
    everything = before | declared(entry)
    lines = [quote + "E-mail" + quote + delimiter + quote + "Cittá" + quote, *(f"{who}{delimiter}A" for who in BEFORE)]
    (world.home / "people.csv").write_bytes("\n".join(lines).encode(codec))
    (world.home / "no.csv").write_bytes("E-mail\nnobody@example.com\n".encode(codec))
    code, events, _ = world.run(everything, RIGHTS)
    assert code == 0, failures(events)
    assert there() == set(BEFORE)
    (world.home / "people.csv").write_bytes(data)
    (world.home / "no.csv").write_bytes("\n".join(["E-mail", *LEFT_OUT]).encode(codec))
    expected = modelled(data, encoding, delimiter, quote, columns)
    kept = dict.fromkeys(BEFORE)
    if expected is None:
        try:
            world.run(everything, RIGHTS)
        except InvalidInput:
            assert (there(), world.writes()) == (set(BEFORE), [])
        else:
            raise AssertionError("the model stops here")
    else:
        code, events, _ = world.run(everything, RIGHTS)
        keys = {key: values[0] for key, values in expected.people.items()}
        if "sync" in mode and not keys:
            assert (code, there()) == (3, set(BEFORE))
        else:
            assert code == 0, failures(events)
            barred = set(LEFT_OUT) if "exclude" in mode else set()
            wanted = {kept_as(key, email) for key, email in keys.items() if key not in barred}
            stay = set(kept) if "sync" not in mode else set()
            excluded = barred if isinstance(world, Buyers) or "sync" in mode else set()
            assert there() == (wanted | stay) - excluded
            assert world.settled(everything)
    world.close()


def kept_as(key: str, email: str) -> str:
    """Who was there before goes on under the address that they have there."""
    return key if key in BEFORE else email
