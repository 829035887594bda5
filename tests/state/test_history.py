"""The history that travels with the state: its chain, what was cut off, and how much of it is kept."""

from reconcile.state.history import Run, line_after, missing, read_lines
from reconcile.state.journal import Note, replay
from reconcile.state.state import LONGEST_HISTORY, State
from reconcile.state.statefile import parse_state, render_state


def kept(count: int) -> tuple[str, ...]:
    lines: list[str] = []
    for number in range(count):
        run = Run(1_800_000_000.0 + number, "ada", "host", "apply", serial=(number, number + 1))
        lines.append(line_after(lines[-1] if lines else None, run))
    return tuple(lines)


def test_lines_travel_with_the_state() -> None:
    state = replay(State("l"), map(Note, kept(3)))
    again = parse_state(render_state(state), "state.json")
    lines = read_lines(again.history, LONGEST_HISTORY)
    assert [line.run.serial for line in lines if line.run is not None] == [(0, 1), (1, 2), (2, 3)]
    assert not [line for line in lines if line.broken]


def test_a_line_that_was_changed_or_taken_out_is_told() -> None:
    first, second, third = kept(3)
    changed = read_lines((first, second.replace("ada", "eve"), third), LONGEST_HISTORY)
    assert [bool(line.broken) for line in changed] == [False, True, True]
    assert [bool(line.broken) for line in read_lines((first, third), LONGEST_HISTORY)] == [False, True]
    assert [bool(line.broken) for line in read_lines((second, third), LONGEST_HISTORY)] == [True, False]


def test_the_oldest_lines_make_room() -> None:
    state = replay(State("l"), map(Note, kept(LONGEST_HISTORY + 5)))
    assert len(state.history) == LONGEST_HISTORY
    lines = read_lines(state.history, LONGEST_HISTORY)
    assert not [line for line in lines if line.broken]
    assert lines[-1].run is not None
    assert lines[-1].run.serial == (LONGEST_HISTORY + 4, LONGEST_HISTORY + 5)


def test_what_the_state_knows_of_and_a_history_lacks_is_missing() -> None:
    lines = kept(3)
    assert missing(read_lines(lines, LONGEST_HISTORY), lines) is None
    lost = missing(read_lines(lines[:2], LONGEST_HISTORY), lines)
    assert lost is not None
    assert lost.serial == (2, 3)
    assert missing((), ()) is None
