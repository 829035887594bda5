"""Imports that take their time, or never arrive; runs that end in the middle; syncs; and what nobody may read."""

import json
import stat
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest

from reconcile.engine.intents import Patience
from reconcile.engine.run import Rights
from reconcile.engine.workflow import apply
from reconcile.errors import Interrupted, ReconcileError, Refused
from reconcile.model.call import Call
from reconcile.model.policy import Policy
from reconcile.planner import planfile
from reconcile.planner.plan import Right
from reconcile.providers.audience.audience_apply import duration
from reconcile.providers.squalomail.audience_calls import ListWriter
from reconcile.report import to_markdown, to_terminal
from reconcile.review.letters import Context
from reconcile.review.page import render as render_page
from tests.crowd import SENDS, Crowd, audience, news
from tests.world import address, declared, failures, ref, resource

PEOPLE = address("audience", "people")
MANY = [(f"p{number}@example.com", "P") for number in range(20)]
REMOVES = Rights(frozenset([Right.SEND, Right.ACCEPT_UNKNOWN]), deletes=1000)


def number_of(world: Crowd) -> int:
    return int(world.lists()[0]["id"])


class Killed(Exception):
    """The process ends here."""


class Mortal(Crowd):
    """A crowd whose run ends at its first wait, as often as ``lives`` says."""

    lives = 1

    def _sleep(self, seconds: float) -> None:
        if seconds and self.lives:
            self.lives -= 1
            raise Killed
        super()._sleep(seconds)


def test_an_import_that_never_arrives_fails_the_step_and_is_waited_for_again() -> None:
    world = Crowd(switches={"import_delay_seconds": 10_000}, policy=Policy(import_wait=600.0))
    world.source(MANY)
    desired = declared(news(), audience())
    code, events, _ = world.run(desired)
    assert code == 6
    assert any(
        "20 of 20 recipients that were imported had not arrived after 10 minutes" in text for text in failures(events)
    )
    state = world.store.read()
    assert state is not None
    assert state.intents[PEOPLE].operation == "import-recipients-async"
    began = world.now
    code, events, _ = world.run(desired)
    assert world.now - began >= 1200, "once for what is still on its way, once for what was imported anew"
    assert world.writes() == ["import-recipients-async"]
    world.now += 20_000
    code, events, _ = world.run(desired)
    assert code == 0, failures(events)
    assert world.writes() == []
    assert len(world.on_list(number_of(world))) == 20


@pytest.fixture
def no_last_words(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A process that is killed records nothing any more; what it noted before its calls is all there is."""
    with monkeypatch.context() as patched:
        patched.setattr(ListWriter, "record", lambda self: None)
        yield patched


def test_after_a_kill_in_the_middle_of_an_import_nothing_is_imported_twice(no_last_words: pytest.MonkeyPatch) -> None:
    world = Mortal(switches={"import_delay_seconds": 60})
    world.source(MANY)
    desired = declared(news(), audience(gdpr={"gdprCanSend": True, "language": "it"}))
    with pytest.raises(Killed):
        world.run(desired)
    no_last_words.undo()
    assert "An earlier import may still be on its way" in (world.plan(desired).steps[PEOPLE].note or "")
    assert "import-recipients-async" in world.writes()
    state = world.store.read()
    assert state is not None
    assert PEOPLE in state.intents
    code, events, _ = world.run(desired)
    assert code == 0, failures(events)
    assert "import-recipients-async" not in world.writes()
    assert len(world.on_list(number_of(world))) == 20
    assert all(row["gdpr_can_send"] for row in world.people().values()), "the consents were still owed"
    assert world.settled(desired)


def test_what_a_killed_run_put_on_a_list_counts_as_ours(no_last_words: pytest.MonkeyPatch) -> None:
    world = Mortal(switches={"import_delay_seconds": 60})
    world.source(MANY)
    with pytest.raises(Killed):
        world.run(declared(news(), audience(mode="sync")))
    no_last_words.undo()
    world.source(MANY[:15])
    code, events, _ = world.run(declared(news(), audience(mode="sync")), REMOVES)
    assert code == 0, failures(events)
    assert world.writes() == ["unsubscribe-recipient"] * 5


def test_a_kill_between_single_calls_leaves_no_doubt_about_who_is_ours(no_last_words: pytest.MonkeyPatch) -> None:
    world = Crowd()
    world.apply(declared(news()))
    world.source(MANY[:3])
    send, calls = world.client.send, []

    def dying(call: Call, *ticket: Any) -> object:
        calls.append(call.operation)
        if calls.count("create-recipient") == 2:
            raise Killed
        return send(call, *ticket)

    no_last_words.setattr(world.client, "send", dying)
    desired = declared(news(), audience(mode="sync", gdpr={"gdprCanSend": True, "language": "it"}))
    with pytest.raises(Killed):
        world.run(desired)
    no_last_words.undo()
    assert world.on_list(number_of(world)) == {"p0@example.com"}
    code, events, _ = world.run(desired)
    assert code == 0, failures(events)
    assert all(row["gdpr_can_send"] for row in world.people().values())
    world.source(MANY[1:3])
    code, events, _ = world.run(desired, REMOVES)
    assert code == 0, failures(events)
    assert world.on_list(number_of(world)) == {"p1@example.com", "p2@example.com"}
    assert world.settled(desired)


def test_an_interrupted_run_stops_between_calls_and_the_next_one_goes_on() -> None:
    world = Crowd()
    world.source(MANY[:3])
    world.apply(declared(news()))
    desired = declared(news(), audience())
    stop = threading.Event()
    world.workspace = replace(world.workspace, tell=lambda address, text: stop.set())
    with world.store.lock("test") as locked:
        made = world.plan(desired)
        events = list(apply(world.workspace, locked, made, SENDS, stop=stop))
    assert [event.exit_code for event in events if event.outcome is not None] == [Interrupted.exit_code]
    assert world.people() == {}
    code, events, _ = world.run(desired)
    assert code == 0, failures(events)
    assert len(world.people()) == 3


def test_without_duckdb_a_plan_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Crowd()
    world.source(MANY)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(ReconcileError, match="compared with duckdb") as caught:
        world.plan(declared(news(), audience()))
    assert "duckdb>=1.4" in (caught.value.diagnostics[0].hint or "")


def test_what_an_import_leaves_is_subscribed_singly() -> None:
    world = Crowd()
    lists = [resource("list", name, {"name": name}) for name in ("a", "b")]
    world.apply(declared(*lists))
    ids = {row["name"]: int(row["id"]) for row in world.lists()}
    for number in range(6):
        world.person(f"p{number}@example.com", name="Wrong", listIds=[ids["b"]] if number else [])
    world.source([(f"p{number}@example.com", "Right") for number in range(6)])
    desired = declared(*lists, audience(lists=[ref("list", "a"), ref("list", "b")]))
    code, events, _ = world.run(desired)
    assert code == 0, failures(events)
    assert world.writes() == ["import-recipients-async", "subscribe-recipient"]
    assert len(world.on_list(ids["a"])) == len(world.on_list(ids["b"])) == 6
    assert world.settled(desired)


def test_how_many_of_an_import_did_not_arrive() -> None:
    world = Crowd(policy=Policy(import_wait=120.0))
    world.source(MANY)
    world.apply(declared(news()))
    sleep = world._sleep

    def meddle(seconds: float) -> None:
        sleep(seconds)
        for email in ("p3@example.com", "p4@example.com"):
            if email in world.people():
                world.api("update-recipient", email=email, name="Other")

    world.workspace = replace(world.workspace, patience=Patience((0.0,), meddle))
    code, events, _ = world.run(declared(news(), audience()))
    assert code == 6
    assert any(text.startswith(f"{PEOPLE}: 2 of 20 recipients") for text in failures(events))


def test_a_lost_reply_of_an_import_is_not_repeated() -> None:
    world = Crowd(faults=("drop-after:import-recipients-async:n=1",))
    world.source(MANY)
    desired = declared(news(), audience())
    code, events, _ = world.run(desired)
    assert code == 6
    assert world.writes().count("import-recipients-async") == 1
    code, events, _ = world.run(desired)
    assert code == 0, failures(events)
    assert world.writes() == []
    assert len(world.on_list(number_of(world))) == 20


def test_a_lost_reply_of_a_create_is_looked_up() -> None:
    world = Crowd(faults=("drop-after:create-recipient:n=1",))
    world.source(MANY[:2])
    code, events, _ = world.run(declared(news(), audience()))
    assert code == 0, failures(events)
    assert len(world.people()) == 2


class TestSync:
    def test_takes_off_only_whom_it_put_there(self) -> None:
        world = Crowd()
        world.source(MANY[:4])
        desired = declared(news(), audience(mode="sync"))
        world.run(desired)
        other = world.person("other@example.com", listIds=[number_of(world)])
        world.source([MANY[0], MANY[1], MANY[2]])
        code, events, _ = world.run(desired, REMOVES)
        assert code == 0, failures(events)
        assert world.writes() == ["unsubscribe-recipient"]
        assert world.on_list(number_of(world)) == {
            "p0@example.com",
            "p1@example.com",
            "p2@example.com",
            "other@example.com",
        }
        assert world.people()["p3@example.com"]["accept"] == 1, "they left a list, and did not refuse all mail"
        assert other in {row["subid"] for row in world.rows("Recipient")}
        assert world.settled(desired)

    def test_add_takes_nobody_off(self) -> None:
        world = Crowd()
        world.source(MANY[:4])
        desired = declared(news(), audience())
        world.run(desired)
        world.source(MANY[:1])
        assert world.settled(desired)

    def test_a_file_that_was_cut_short_is_noticed(self) -> None:
        world = Crowd()
        world.source(MANY)
        desired = declared(news(), audience(mode="sync"))
        world.run(desired)
        world.source(MANY[:4])
        with pytest.raises(Refused, match="16 of 20 people"):
            world.apply(desired, SENDS)
        assert len(world.on_list(number_of(world))) == 20

    def test_with_malformed_rows_nobody_is_taken_off(self) -> None:
        world = Crowd()
        world.source(MANY[:4])
        desired = declared(news(), audience(mode="sync"))
        world.run(desired)
        world.source([*MANY[:2], ("p3 at example.com", "P")])
        world.skip_invalid()
        made = world.plan(desired)
        assert not made.has_changes
        assert "Nobody is taken off a list in such a run" in (made.steps[PEOPLE].note or "")

    def test_a_list_in_sync_has_one_audience(self) -> None:
        kind = Crowd().workspace.registry.kind(PEOPLE)
        other = resource(
            "audience", "others", {"source": "o.csv", "columns": {"email": "e"}, "lists": [ref("list", "news")]}
        )
        entries = declared(audience(mode="sync"), other)
        assert [(str(found), attribute) for found, attribute, _ in kind.check_together(entries)] == [
            ("squalomail.audience.people", "lists")
        ]
        both = declared(audience(mode="sync"), resource("audience", "others", {**other.attributes, "mode": "sync"}))
        assert len(list(kind.check_together(both))) == 1
        assert not list(kind.check_together(declared(audience(), other)))


class TestSavedPlans:
    def test_another_file_is_refused(self) -> None:
        world = Crowd()
        world.source(MANY[:2])
        desired = declared(news(), audience())
        saved = planfile.loads(planfile.dumps(world.plan(desired)), "plan")
        world.source([*MANY[:2], ("new@example.com", "N")])
        code, events = world.carry_out(desired, saved)
        assert code == 6  # the list was made
        assert any("other content" in text for text in failures(events))
        assert world.people() == {}

    def test_fewer_people_by_now_are_no_harm(self) -> None:
        world = Crowd()
        world.source(MANY[:2])
        world.apply(declared(news()))
        desired = declared(news(), audience())
        saved = planfile.loads(planfile.dumps(world.plan(desired)), "plan")
        world.person("p0@example.com", name="P")
        code, _ = world.carry_out(desired, saved)
        assert code == 0
        assert world.people().keys() == {email for email, _ in MANY[:2]}

    def test_is_carried_out_as_it_stands(self) -> None:
        world = Crowd()
        world.source(MANY)
        desired = declared(news(), audience())
        saved = planfile.loads(planfile.dumps(world.plan(desired)), "plan")
        code, events = world.carry_out(desired, saved)
        assert code == 0, failures(events)
        assert sorted(world.writes()) == sorted(call.operation for call in saved.writes)


def test_no_answer_is_silently_cut_off() -> None:
    world = Crowd(switches={"get_data_rows": 7})
    world.source(MANY)
    world.apply(declared(news()))
    for email, _ in MANY:
        world.person(email, name="P", listIds=[number_of(world)])
    assert world.settled(declared(news(), audience()))


def test_nobodys_data_is_anywhere_but_at_the_platform(capfd: pytest.CaptureFixture[str]) -> None:
    world = Crowd(faults=("500:create-recipient:n=1",))
    canaries = ["canary", "Zaphod", "Beeblebrox"]
    rows = [("canary-one@canary-mail.example.org", "Zaphod", "Beeblebrox"), ("canary two", "Zaphod", "Beeblebrox")]
    world.source(rows, ("E-mail", "Nome", "Cognome"))
    world.skip_invalid()
    desired = declared(
        news(),
        audience(
            columns={"email": "E-mail", "name": "Nome", "surname": "Cognome"},
            tags=["crm"],
            gdpr={"gdprCanSend": True, "language": "it"},
        ),
    )
    made = world.plan(desired)
    _, events, _ = world.run(desired)
    texts = [planfile.dumps(made).decode(), *world.told, *failures(events)]
    texts.append(to_terminal.render(made, color=False, now=world.now, zone=UTC, verbose=True))
    texts.append(to_markdown.render(made, now=world.now, zone=UTC))
    texts.append(render_page(made, Context(now=world.now, zone=UTC)))
    texts.append(json.dumps(world.log()))
    texts += capfd.readouterr()
    for path in world.home.rglob("*"):
        if path.is_file() and path.name != "people.csv":
            texts.append(path.read_bytes().decode("latin-1"))
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    everything = "\n".join(texts)
    assert "c***@c***.org" in everything
    for canary in canaries:
        assert canary not in everything.replace("c***@c***.org", "")


def test_a_run_tells_how_far_it_is_and_how_long_the_rest_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read, compared, written and to go, arrived: none of it says anything of anybody."""
    world = Crowd(switches={"import_delay_seconds": 3})
    world.source(MANY)
    assert world.run(declared(news(), audience()))[0] == 0
    assert world.told == [
        "reading the recipients",
        "20 people of the source are compared",
        "the imports are sent; waiting until they have arrived",
        "0 of 20 imported recipients have arrived after 0 s",
    ]
    world.told.clear()
    send = world.client.send

    def slow(call: Call, *ticket: Any) -> Any:
        world.now += 6 if call.operation == "unsubscribe-recipient" else 0
        return send(call, *ticket)

    monkeypatch.setattr(world.client, "send", slow)
    world.source(MANY[:16])
    assert world.run(declared(news(), audience(mode="sync")), REMOVES)[0] == 0
    written = [text for text in world.told if "written" in text]
    assert written == [f"{done} of 4 are written, some {6 * (4 - done)} s to go" for done in (1, 2, 3)], world.told
    assert not any("@" in text for text in world.told)
    world.close()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h"), (86_400, "24.0 h")],
)
def test_a_time_is_told_as_people_say_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words
