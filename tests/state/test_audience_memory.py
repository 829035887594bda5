"""What an audience remembers travels with the state: two fresh clones in turn, on every backend."""

from dataclasses import replace
from pathlib import Path

import pytest

from reconcile.engine.run import Rights
from reconcile.errors import Refused
from reconcile.model.memory import Segments
from reconcile.planner.plan import Right
from reconcile.state.codec import Codec
from reconcile.state.encryption import Keys, parse_secret
from reconcile.state.local import LocalStore
from tests.crowd import Crowd, audience, news
from tests.state.conftest import Backend
from tests.world import address, declared, failures

PEOPLE = address("audience", "people")
ROWS = [(f"p{number}@example.com", "P") for number in range(8)]
RIGHTS = Rights(frozenset([Right.SEND]), deletes=1000)
ACCEPTING = Rights(frozenset([Right.SEND, Right.ACCEPT_UNKNOWN]), deletes=1000)
DESIRED = declared(news(), audience(mode="sync", gdpr={"gdprCanSend": True, "language": "it"}))


def clone(world: Crowd, backend: Backend, key: bytes = b"a project key") -> None:
    """Go on from a fresh clone: nothing but the state's backend is known, and the key."""
    world.now += 86_400
    world.store = backend.store()
    place = replace(
        world.place, beside=world.home / f"clone{world.now}", key=lambda: key, segments=world.store.segments
    )
    world.workspace = replace(world.workspace, place=place)


def there(world: Crowd) -> set[str]:
    return world.on_list(int(world.lists()[0]["id"]))


def applied(world: Crowd, rows: list[tuple[str, str]], rights: Rights = RIGHTS) -> int:
    world.source(rows)
    code, events, _ = world.run(DESIRED, rights)
    assert code in (0, 3), failures(events)
    return code


def number(world: Crowd, email: str) -> int:
    return int(world.people()[email]["subid"])


def test_what_happened_to_people_is_known_to_every_clone(backend: Backend) -> None:
    world = Crowd()
    clone(world, backend)
    assert applied(world, ROWS) == 0
    news_id = int(world.lists()[0]["id"])
    world.api("delete-recipient", recipientId=number(world, "p0@example.com"))
    world.api("unsubscribe-recipient", recipientId=number(world, "p1@example.com"), listIds=[news_id], accept=0)
    world.api(
        "revoke-gdpr-consent", recipientId=number(world, "p2@example.com"), consentTitle="gdpr_can_send", language="it"
    )
    clone(world, backend)
    assert applied(world, ROWS[:7]) == 0
    assert there(world) == {email for email, _ in ROWS[2:7]}
    clone(world, backend)
    assert applied(world, ROWS) == 0
    assert there(world) == {email for email, _ in ROWS[2:]}, "who was taken off by us is back, nobody else"
    assert "p0@example.com" not in world.people()
    assert not world.people()["p2@example.com"]["gdpr_can_send"]
    clone(world, backend)
    assert world.settled(DESIRED)
    world.close()


@pytest.mark.parametrize("loss", ["key", "marks", "state's memory"])
def test_without_what_it_remembers_nobody_is_touched(tmp_path: Path, loss: str) -> None:
    backend = _Local(tmp_path / "state.json")
    world = Crowd()
    clone(world, backend)  # type: ignore[arg-type]
    assert applied(world, ROWS) == 0
    world.api("delete-recipient", recipientId=number(world, "p0@example.com"))
    if loss == "marks":
        for file in (tmp_path / "state.json.memory").iterdir():
            file.unlink()
    clone(world, backend, b"another key" if loss == "key" else b"a project key")  # type: ignore[arg-type]
    if loss == "state's memory":
        world.store.replace("test", lambda state: replace(state, memories={}))  # type: ignore[arg-type, type-var]
    before = world.people()
    code, _, made = world.run(DESIRED, RIGHTS)
    assert code == 3
    (need,) = (need for need in made.steps[PEOPLE].requires if need.right is Right.ACCEPT_UNKNOWN)
    assert "--accept-unknown" in str(need.diagnostic.hint)
    assert (world.people(), world.writes()) == (before, [])
    assert applied(world, ROWS, ACCEPTING) == 0
    assert applied(world, ROWS) == 0, "it is known from here on"
    world.close()


def test_an_audience_that_is_new_to_people_waits_for_a_word(tmp_path: Path) -> None:
    world = Crowd()
    clone(world, _Local(tmp_path / "state.json"))  # type: ignore[arg-type]
    world.apply(declared(news()))
    world.person("own@example.com", listIds=[int(world.lists()[0]["id"])])
    assert applied(world, ROWS) == 3
    assert there(world) == {"own@example.com"}
    assert applied(world, ROWS, ACCEPTING) == 0
    assert len(there(world)) == 9
    world.close()


def test_a_source_that_lost_many_rows_needs_a_word(tmp_path: Path) -> None:
    world = Crowd()
    clone(world, _Local(tmp_path / "state.json"))  # type: ignore[arg-type]
    assert applied(world, ROWS) == 0
    with pytest.raises(Refused, match="38 % fewer people"):
        applied(world, ROWS[:5], Rights(frozenset([Right.SEND])))
    assert len(there(world)) == 8
    assert applied(world, ROWS[:5], Rights(frozenset([Right.SEND]), deletes=3)) == 0
    assert len(there(world)) == 5
    world.close()


def test_a_change_of_few_keeps_few(tmp_path: Path) -> None:
    """What is written for a change of few people does not grow with those who are known."""
    world = Crowd()
    clone(world, _Local(tmp_path / "state.json"))  # type: ignore[arg-type]
    many = [(f"p{number}@example.com", "P") for number in range(400)]
    assert applied(world, many) == 0
    before = {file.name for file in (tmp_path / "state.json.memory").iterdir()}
    assert applied(world, [*many, ("new@example.com", "N")]) == 0
    added = [file for file in (tmp_path / "state.json.memory").iterdir() if file.name not in before]
    assert 0 < sum(file.stat().st_size for file in added) < 2000
    world.close()


def test_segments_are_encrypted_with_the_state(tmp_path: Path) -> None:
    codec = Codec(Keys([parse_secret("ab" * 32)]))
    store = LocalStore(tmp_path / "state.json", codec=codec)
    segments: Segments = store.segments
    name = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"  # of "x"
    segments.write(name, b"x")
    kept = (tmp_path / "state.json.memory" / name).read_bytes()
    assert kept != b"x"
    assert segments.read(name) == b"x"


class _Local:
    """Stores on one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def store(self) -> LocalStore:
        return LocalStore(self._path)
