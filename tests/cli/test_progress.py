"""How far an apply is, for a terminal, a log and a program."""

import json
import time
from typing import Any

import pytest

from reconcile.cli.progress import Progress, told, waits
from reconcile.engine.run import Event, Outcome
from reconcile.errors import Diagnostic
from reconcile.model.address import Address
from reconcile.model.call import Call
from reconcile.model.kind import Action
from reconcile.planner.plan import Plan, Step


def plan(count: int) -> Plan:
    steps = [
        Step(Address("s", "list", f"l{number:03}"), Action.CREATE, calls=(Call("create-list", {}),))
        for number in range(count)
    ]
    return Plan({step.address: step for step in steps})


class Run:
    """An apply of so many steps whose progress is listened to."""

    def __init__(self, count: int, **options: Any) -> None:
        self.said: list[str] = []
        self.shown: list[tuple[Diagnostic, ...]] = []
        self.now = 0.0
        self.made = plan(count)
        given: dict[str, Any] = {"paces": {}, "form": "text", "quiet": False, "moving": False, "minute": 60.0} | options
        self.progress = Progress(
            self.made,
            show=self.shown.append,
            clock=lambda: self.now,
            say=lambda text, line=True: self.said.append(text + "\n" * line),
            **given,
        )

    def end(self, number: int, outcome: Outcome = Outcome.APPLIED, *findings: Diagnostic) -> None:
        step = self.made.steps[Address("s", "list", f"l{number:03}")]
        self.progress.take(Event(step))
        self.progress.take(Event(step, outcome, findings, written=outcome is Outcome.APPLIED))


def test_few_steps_have_a_line_each() -> None:
    run = Run(2)
    with told(run.progress):
        run.end(0)
        run.end(1, Outcome.FAILED, Diagnostic("x", "x", "broken"))
    assert run.said == [
        "s.list.l000: creating ...\n",
        "s.list.l000: applied\n",
        "s.list.l001: creating ...\n",
        "s.list.l001: failed\n",
    ]
    assert len(run.shown) == 1


def test_hundreds_have_a_count_a_rate_and_what_is_waited_for() -> None:
    run = Run(500, paces={"s": 5.0, "sandbox": 0.0})
    for number in range(100):
        run.now += 0.2
        run.end(number)
    run.progress.take(Event(run.made.steps[Address("s", "list", "l100")]))
    run.progress.waits(Address("s", "list", "l100"), "waiting for the import")
    assert run.progress.line() == (
        "100 of 500 done, 1 running, 5.0 calls a second (the pace is 5), about 80 seconds left; "
        "s.list.l100: waiting for the import"
    )
    assert run.said == []


def test_one_line_after_each_stretch_of_time_and_no_animation_elsewhere() -> None:
    run = Run(500, minute=0.05)
    with told(run.progress):
        for number in range(300):
            run.end(number)
        time.sleep(0.2)
    assert 2 <= len(run.said) < 20
    assert all(line.startswith("300 of 500 done") for line in run.said[1:])
    assert "\r" not in "".join(run.said)


def test_a_moving_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconcile.cli.progress._TICK", 0.02)
    run = Run(500, moving=True)
    with told(run.progress):
        run.end(0)
        time.sleep(0.2)
    assert len(run.said) > 2
    assert all(line.startswith("\r\x1b[K1 of 500 done") for line in run.said)
    assert [line.endswith("\n") for line in run.said].count(True) == 1


def test_failures_of_hundreds_are_told_at_the_end() -> None:
    run = Run(500)
    with told(run.progress):
        for number in range(500):
            run.end(number, Outcome.REFUSED, Diagnostic("freeze", "f", "too late", address=f"s.list.l{number:03}"))
        assert run.shown == []
    assert [len(findings) for findings in run.shown] == [500]
    assert "500 refused" in run.said[-1]


def test_events_for_programs() -> None:
    run = Run(500, form="json")
    with told(run.progress):
        run.end(7)
        assert waits(Address("s", "list", "l007"), "for an import")
    events = [json.loads(line) for line in run.said]
    assert events == [
        {
            "event": "started",
            "address": "s.list.l007",
            "action": "create",
            "outcome": None,
            "done": 0,
            "total": 500,
            "seconds": 0.0,
        },
        {
            "event": "ended",
            "address": "s.list.l007",
            "action": "create",
            "outcome": "applied",
            "done": 1,
            "total": 500,
            "seconds": 0.0,
        },
        {"event": "waits", "address": "s.list.l007", "text": "for an import"},
    ]


def test_quiet_is_quiet_but_for_findings() -> None:
    for form in ("text", "json"):
        run = Run(2, quiet=True, form=form)
        with told(run.progress):
            run.end(0, Outcome.FAILED, Diagnostic("x", "x", "broken"))
        assert run.said == []
        assert len(run.shown) == 1


def test_nobody_waits_outside_of_an_apply() -> None:
    assert not waits(Address("s", "list", "a"), "x")
