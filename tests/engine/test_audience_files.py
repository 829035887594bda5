"""Whatever a file holds: after a run, those on the list are exactly whom a slow model of the rules puts there.

And whoever is beside them, on the list or off it, is as before: no file and no memory names them.
"""

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
# Who is to come beside a file of those to exclude that holds anything.
COMING = [*BEFORE, "carl@xn--bcher-kva.example", "eve@example.com"]
MODES = ["add", "sync", "exclude", "sync and exclude", "as exclude", "sync as exclude"]
HEADER = {"email": "E-mail", "name": "Cittá"}
GENERATED = settings(
    max_examples=EXAMPLES, deadline=None, phases=set(Phase) - {Phase.shrink}, suppress_health_check=list(HealthCheck)
)


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


class OnList(Crowd):
    """A list, and people beside those of the files."""

    def there(self) -> set[str]:
        return self.on_list(int(self.lists()[0]["id"])) - {"own@example.com"}

    def neighbours(self) -> Any:
        """Others with all that the platform keeps of them; made at the first call."""
        news_id = int(self.lists()[0]["id"])
        if "own@example.com" not in self.people():
            for email in ("own@example.com", "ann@example.org"):
                self.person(email, name="N", tags=["own"], listIds=[news_id] if email.startswith("own") else [])
            left = self.person("left@example.com", listIds=[news_id])
            self.api("unsubscribe-recipient", recipientId=left, listIds=[news_id], accept=0)
        ids = {self.people()[email]["subid"] for email in ("own@example.com", "ann@example.org", "left@example.com")}
        return [
            [row for row in self.rows(table) if row["subid"] in ids] for table in ("Recipient", "ListSub", "History")
        ]


class InGroup(Buyers):
    """A group, and people beside those of the files."""

    def here(self) -> set[str]:
        return set(self.included()) - {"own@example.com"}

    def neighbours(self) -> Any:
        """Others with all that the platform keeps of them; made at the first call."""
        others = ("own@example.com", "ann@example.org", "left@example.com")
        if "own@example.com" not in self.people():
            for email in others:
                self.person("api/contact", {"emailLogin": email, "firstName": "N", "lastName": "Own"})
            self.include("own@example.com")
            self.exclude("left@example.com")
        return [(self.people()[email], self.there(f"contact/{self.people()[email]['id']}/group")) for email in others]


@GENERATED
@given(sound_files() | files(), st.sampled_from(MODES))
def test_any_file_on_a_list(file: tuple[bytes, str, str, str, list[str]], mode: str) -> None:
    if not odd(file[0]):
        world = OnList()
        world.apply(declared(news()))
        entry = crowd.audience(**_declared(file, mode, HEADER))
        _story(world, world.there, declared(news()), entry, file, mode)


@GENERATED
@given(sound_files() | files(), st.sampled_from(MODES))
def test_any_file_in_a_group(file: tuple[bytes, str, str, str, list[str]], mode: str) -> None:
    if not odd(file[0]):
        world = InGroup(**CAN_REMOVE)
        world.found()
        columns = {"emailLogin": "E-mail", "firstName": "Cittá"}
        entry = buyers.audience(**_declared(file, mode, columns))
        _story(world, world.here, declared(buyers.buyers()), entry, file, mode)


def _declared(file: tuple[bytes, str, str, str, list[str]], mode: str, columns: dict[str, str]) -> dict[str, Any]:
    _, encoding, delimiter, quote, _ = file
    found = {"columns": columns, "mode": "sync" if "sync" in mode else "add", "delimiter": delimiter, "quote": quote}
    found["encoding"] = None if encoding == "utf-8" else encoding
    found["exclude"] = "no.csv" if "exclude" in mode else None
    return found


def _story(world: Any, there: Any, before: Any, entry: Any, file: Any, mode: str) -> None:
    data, encoding, delimiter, quote, _ = file
    codec = "utf-16" if encoding == "utf-16" else encoding
    everything = before | declared(entry)

    def people(of: list[str]) -> bytes:
        title = quote + "E-mail" + quote + delimiter + quote + "Cittá" + quote
        return "\n".join([title, *(f"{who}{delimiter}A" for who in of)]).encode(codec)

    beside = world.neighbours()
    (world.home / "people.csv").write_bytes(people(BEFORE))
    (world.home / "no.csv").write_bytes("E-mail\nnobody@example.com\n".encode(codec))
    code, events, _ = world.run(everything, RIGHTS)
    assert code == 0, failures(events)
    assert there() == set(BEFORE)
    turned = "as exclude" in mode
    (world.home / "people.csv").write_bytes(people(COMING) if turned else data)
    (world.home / "no.csv").write_bytes(data if turned else "\n".join(["E-mail", *LEFT_OUT]).encode(codec))
    expected = modelled(data, encoding, delimiter, quote, ["E-mail"] if turned else ["E-mail", "Cittá"])
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
        barred = set(LEFT_OUT) if "exclude" in mode else set()
        if turned:
            keys, barred = dict(zip(COMING, COMING, strict=True)), set(keys)
        if "sync" in mode and not keys.keys() - barred:
            assert (code, there()) == (3, set(BEFORE))
        else:
            assert code == 0, failures(events)
            wanted = {kept_as(key, email) for key, email in keys.items() if key not in barred}
            stay = set(BEFORE) if "sync" not in mode else set()
            excluded = barred if isinstance(world, Buyers) or "sync" in mode else set()
            assert there() == (wanted | stay) - excluded
            assert world.settled(everything)
    named = expected.people if expected is not None else {}
    assert world.neighbours() == beside or named.keys() & {"own@example.com", "ann@example.org", "left@example.com"}
    world.close()


def kept_as(key: str, email: str) -> str:
    """Who was there before goes on under the address that they have there."""
    return key if key in BEFORE else email
