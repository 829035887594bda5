"""State, journal and history with bytes flipped, lost or cut off: refused, or as they were; never another state."""

import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconcile.errors import StateError
from reconcile.model.address import Address
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied
from reconcile.state.history import Run, append, line_after, missing, read
from reconcile.state.local import LocalStore
from reconcile.state.state import Intent, State

DAMAGES = 5_000
LIST, MAIL = Address("mail", "list", "news"), Address("mail", "campaign", "hello")


def run(number: int) -> Run:
    return Run(1_800_000_000.0 + number, "ada", "host", "apply", plan="ab" * 32, serial=(number, number + 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state of two runs with their history, and the journal of a third one that was killed."""
    root = tmp_path_factory.mktemp("state")
    store = LocalStore(root / "state.json")
    with store.lock("apply") as locked:
        locked.put(LIST, Applied("1", {"name": "News", "color": "#336699", "listTags": ("a", "b")}))
        locked.note(line_after(None, run(0)))
    with store.lock("apply") as locked:
        locked.put(MAIL, Applied("101", {"subject": "Hello", "lists": (Reference(LIST),)}, dependencies=(LIST,)))
        locked.note(line_after(locked.state.history[-1], run(1)))
    for number in range(2):
        append(root / "state.json.history", run(number))
    child = os.fork()
    if child == 0:
        with store.lock("apply") as locked:
            locked.intend(Intent(MAIL, "send-newsletter", attributes={"schedule": "2027-01-15T08:00:00Z"}, id="101"))
            locked.put(LIST, Applied("1", {"name": "Other"}))
            locked.remove(MAIL)
            os._exit(0)
    os.waitpid(child, 0)
    return root


def damages(count: int) -> Iterator[tuple[str, Callable[[bytes], bytes]]]:
    """Which file is damaged, and how, the same each time."""
    chance = random.Random(20261129)

    def flipped(content: bytes) -> bytes:
        at = chance.randrange(len(content))
        return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]

    def other(content: bytes) -> bytes:
        at = chance.randrange(len(content))
        return content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]

    def lost(content: bytes) -> bytes:
        at = chance.randrange(len(content))
        return content[:at] + content[at + chance.choice((1, 1, 7, 200)) :]

    def doubled(content: bytes) -> bytes:
        at, length = chance.randrange(len(content)), chance.choice((1, 9, 200))
        return content[: at + length] + content[at:]

    def cut(content: bytes) -> bytes:
        return content[: chance.randrange(len(content))]

    ways = (flipped, other, lost, doubled, cut)
    for _ in range(count):
        yield chance.choice(("state.json", "state.json.journal", "state.json.history")), chance.choice(ways)


def is_torn(name: str, before: bytes, after: bytes) -> bool:
    """Whether a journal ends early, as that of a run which was killed over a line: nothing but its end is lost."""
    return name == "state.json.journal" and before.startswith(after)


def prefixes(folder: Path) -> list[State | None]:
    """The states that the journal went through."""
    journal = folder / "state.json.journal"
    whole, found = journal.read_bytes(), list[State | None]()
    lines = whole.splitlines(keepends=True)
    for count in range(len(lines) + 1):
        journal.write_bytes(b"".join(lines[:count]))
        found.append(LocalStore(folder / "state.json").read())
    journal.write_bytes(whole)
    return found


def history_is_sound(folder: Path, state: State) -> bool:
    """Whether nothing is told of the history: no line is broken, and none that the state knows of is missing."""
    lines = read(folder / "state.json.history")
    return not [line for line in lines if line.broken] and missing(lines, state.history) is None


def test_5000_damages_are_refused_or_change_nothing(folder: Path) -> None:
    store, sound = LocalStore(folder / "state.json"), LocalStore(folder / "state.json").read()
    assert sound is not None
    assert history_is_sound(folder, sound)
    lines = read(folder / "state.json.history")
    before_death = prefixes(folder)
    refused = 0
    for number, (name, damage) in enumerate(damages(DAMAGES)):
        path = folder / name
        content = path.read_bytes()
        damaged = damage(content)
        path.write_bytes(damaged)
        what = f"damage {number} of {name}"
        try:
            found = store.read()
            if name.endswith("history"):
                told = not history_is_sound(folder, sound)
                assert told or [line.run for line in read(path)] == [line.run for line in lines], what
                refused += told
            elif is_torn(name, content, damaged):
                assert found in before_death, what
            else:
                assert found == sound, what
        except StateError:
            refused += 1
        finally:
            path.write_bytes(content)
    assert refused > DAMAGES // 2


def test_the_damages_are_noticed_by_this_test(folder: Path) -> None:
    """Another state that is sound in itself is another state to it, too."""
    sound = LocalStore(folder / "state.json").read()
    assert sound is not None
    assert replace(sound, serial=sound.serial + 1) != sound
    assert json.loads((folder / "state.json").read_bytes())["serial"] == 2
