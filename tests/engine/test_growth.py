"""What an apply does for one object doesn't grow with how many there are."""

import pytest

from reconcile.model import likeness
from reconcile.model.likeness import Keys
from reconcile.state.journal import Recording
from tests.world import World, declared, resource


def _looks(count: int, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """How often an apply that makes so many objects compares a text, and looks at the whole state."""
    texts, states = 0, 0
    plain, state = likeness.plain, Recording.state

    def counting_plain(text: str) -> str:
        nonlocal texts
        texts += 1
        return plain(text)

    def counting_state(self: Recording) -> object:
        nonlocal states
        states += 1
        return state.__get__(self)

    with monkeypatch.context() as patch:
        patch.setattr(likeness, "plain", counting_plain)
        patch.setattr(Recording, "state", property(counting_state))
        world = World()
        subject = "Newsletter of December 2026, number"
        desired = (resource("campaign", f"c{n}", {"subject": f"{subject} {n}", "body": "1"}) for n in range(count))
        code, _, _ = world.apply(declared(*desired, *(resource("list", f"l{n}", {"name": f"L{n}"}) for n in range(9))))
        world.close()
    assert code == 0
    return texts, states


def test_a_create_costs_the_same_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = _looks(20, monkeypatch), _looks(80, monkeypatch)
    assert many[0] < 6 * few[0], "texts are compared each with each"
    assert many[1] == few[1], "the whole state is looked at for each object"


def test_names_that_merely_begin_alike_are_not_compared() -> None:
    keys = Keys((f"Newsletter of December 2026, number {n}",) for n in range(1000))
    assert keys.like(("Newsletter of December 2026, number 7",)) == [("Newsletter of December 2026, number 7",)]
    assert all(len(those) == 1 for those in keys._by_token.values())
