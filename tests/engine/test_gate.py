"""The one gate before every write: what it asks, and what is believed of answers."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

import reconcile
from reconcile.engine.gate import ATTEMPTS, Moment
from reconcile.errors import (
    ApiError,
    LockHeld,
    PlanStale,
    Refused,
    StateError,
    Unauthorised,
    UnknownOutcome,
    Unreachable,
)
from reconcile.model.call import Call
from reconcile.providers.transport import RateLimited, Rejected
from reconcile.state.journal import Recording
from tests.engine.stories import readers, rendered
from tests.engine.test_schedule import ALL
from tests.world import NOW, World, declared, failures, ref, resource

OWN = {"subject": "Own", "body": "<p>own</p>", "lists": (ref("list", "a"),)}


def own(schedule: str | None, **members: Any) -> Any:
    return readers() | declared(resource("campaign", "own", {**OWN, "schedule": schedule, **members}))


def after(world: World, operation: str, deed: Callable[[Any], Any], nth: int = 1) -> None:
    """Have something happen right after the nth call of an operation; it gives the answer that is passed on."""
    send, left = world.client.send, nth

    def meddled(call: Call, *ticket: Any) -> Any:
        nonlocal left
        answer = send(call, *ticket)
        left -= call.operation == operation
        if left == 0:
            left = -1
            return deed(answer)
        return answer

    world.client.send = meddled  # type: ignore[method-assign]


def scheduled(world: World) -> list[dict[str, Any]]:
    return world.rows("Mail", "published==2")


@pytest.mark.parametrize("offset", [-86_400, -7_200, -63, 7_200])
def test_no_mail_is_handed_over_by_clocks_that_differ(offset: int) -> None:
    world = World(may_send=True, switches={"clock_offset": offset})
    world.apply(readers())
    code, events, _ = world.apply(rendered(), ALL)
    assert code == 6
    assert "more than a minute" in " ".join(failures(events))
    assert not scheduled(world)


def test_a_few_seconds_do_no_harm() -> None:
    world = World(may_send=True, switches={"clock_offset": 20})
    world.apply(readers())
    code, events, _ = world.apply(rendered(), ALL)
    assert code == 0, failures(events)
    assert len(scheduled(world)) == 1


@pytest.mark.parametrize("date", ["missing", "cached", "backwards"])
def test_no_mail_is_handed_over_where_nobody_tells_the_time(date: str) -> None:
    world = World(may_send=True, switches={"date_header": date})
    world.apply(readers())
    code, events, _ = world.apply(rendered(), ALL)
    assert code == 6
    assert "don't tell the time" in " ".join(failures(events))
    assert not scheduled(world)


@pytest.mark.parametrize("date", ["missing", "cached", "backwards"])
def test_the_server_of_the_state_tells_the_time_where_the_platform_does_not(
    date: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Recording] = []

    def agrees(locked: Recording) -> tuple[float, float]:
        asked.append(locked)
        return -0.5, 30.0

    monkeypatch.setattr(Recording, "server_time", agrees)
    world = World(may_send=True, switches={"date_header": date})
    world.apply(readers())
    assert not asked, "only mail needs the time"
    twice = rendered() | declared(resource("campaign", "own", {**OWN, "schedule": "2027-01-20T08:00:00Z"}))
    code, events, _ = world.apply(twice, ALL)
    assert code == 0, failures(events)
    assert len(scheduled(world)) == 2
    assert len(asked) == 1


@pytest.mark.parametrize(("offset", "said"), [((-100.0, -70.0), "ahead of"), ((61.0, 62.0), "behind")])
def test_a_state_on_a_server_of_another_time_sends_nothing(
    offset: tuple[float, float], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recording, "server_time", lambda locked: offset)
    world = World(may_send=True, switches={"date_header": "missing"})
    world.apply(readers())
    code, events, _ = world.apply(rendered(), ALL)
    assert code == 6
    assert f"seconds {said} that of the state's server" in " ".join(failures(events))
    assert not scheduled(world)


def test_a_state_whose_server_cannot_be_asked_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(locked: Recording) -> None:
        raise StateError("The server can't be reached.")

    monkeypatch.setattr(Recording, "server_time", fails)
    world = World(may_send=True, switches={"date_header": "missing"})
    world.apply(readers())
    code, events, _ = world.apply(rendered(), ALL)
    assert code == 6
    assert "don't tell the time" in " ".join(failures(events))
    assert not scheduled(world)


def test_what_the_platform_says_of_the_time_outweighs_the_server_of_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recording, "server_time", lambda locked: (-0.5, 0.5))
    world = World(may_send=True, switches={"clock_offset": -7_200})
    world.apply(readers())
    assert world.apply(rendered(), ALL)[0] == 6
    assert not scheduled(world)


def test_what_is_edited_between_two_calls_is_not_overwritten() -> None:
    world = World(may_send=True)
    world.apply(own("2027-01-20T08:00:00Z"), ALL)
    (mail,) = scheduled(world)

    def edited(answer: Any) -> Any:
        world.api("update-newsletter", id=mail["mailid"], subject="Own", body="<p>hers</p>", listIds=[1])
        return answer

    after(world, "cancel-sending-newsletter", edited)
    code, events, _ = world.apply(own("2027-01-21T08:00:00Z", body="<p>mine</p>"), ALL)
    assert code == 6
    assert "edited outside" in " ".join(failures(events))
    assert "NOT SCHEDULED" in " ".join(failures(events))
    (row,) = world.rows("Mail", f"mailid=={mail['mailid']}")
    assert row["body"].strip() == "<p>hers</p>"
    assert not scheduled(world)


def test_what_is_edited_while_it_is_scheduled_is_taken_back() -> None:
    world = World(may_send=True)
    world.apply(own(None), ALL)

    def edited(answer: Any) -> Any:
        (mail,) = scheduled(world)
        # As the web interface does it, which keeps the date.
        world.api("update-newsletter", id=mail["mailid"], subject="Own", body="<p>hers</p>", listIds=[1])
        return answer

    after(world, "send-newsletter", edited)
    code, events, _ = world.apply(own("2027-01-20T08:00:00Z"), ALL)
    assert code == 6
    assert "taken back at once" in " ".join(failures(events))
    assert not scheduled(world)


@pytest.mark.parametrize("wait", [0.0, None])
def test_try_again_later_is_no_proof_that_nothing_was_made(wait: float | None) -> None:
    world = World()

    def refused(answer: Any) -> Any:
        raise RateLimited("asked too often (HTTP 429).", wait)

    after(world, "create-list", refused)
    code, events, _ = world.apply(readers())
    assert code == 0, failures(events)
    assert len(world.lists()) == 1


@pytest.mark.parametrize("error", [Rejected("not allowed (HTTP 403).", 403), Unauthorised("refused (HTTP 403).")])
def test_what_is_made_and_then_refused_is_looked_for(error: ApiError) -> None:
    """A platform may carry a create out and answer 403 all the same."""
    world = World()

    def refused(answer: Any) -> Any:
        raise error

    after(world, "create-list", refused)
    code, events, _ = world.apply(readers())
    assert code == 0, failures(events)
    assert len(world.lists()) == 1
    assert not world.plan(readers()).has_changes


@pytest.mark.parametrize("before", [True, False], ids=["before the create", "after it"])
def test_a_template_edited_while_a_mail_is_made_from_it_schedules_nothing(before: bool) -> None:
    world = World(may_send=True)
    unscheduled = {where: each for where, each in rendered().items() if where.kind != "campaign"}
    assert world.apply(unscheduled)[0] == 0
    (template,) = world.rows("Mail", 'subject=="T"')

    def edited(answer: Any) -> Any:
        world.api("update-newsletter", id=template["mailid"], subject="T", body="<p>hers</p>", listIds=[])
        return answer

    handle, left = world.sandbox.handle, [1]

    def meddling(request: httpx.Request) -> httpx.Response:
        makes = request.url.path.endswith("create-newsletter-from-template")
        if makes and before and left.pop():
            edited(None)
        answer = handle(request)
        if makes and not before and left.pop():
            edited(None)
        return answer

    world.proxy = meddling
    code, events, _ = world.apply(rendered(), ALL)
    assert code in (4, 6), failures(events)
    assert "template was changed outside while it was made from it" in " ".join(failures(events))
    assert not scheduled(world)


def test_a_template_edited_since_the_plan_schedules_nothing() -> None:
    """Between the read of the plan and the one right before the create."""
    world = World(may_send=True)
    unscheduled = {where: each for where, each in rendered().items() if where.kind != "campaign"}
    assert world.apply(unscheduled)[0] == 0
    (template,) = world.rows("Mail", 'subject=="T"')
    record = world.plan(rendered())
    edits = [1]

    def meddling(request: httpx.Request) -> httpx.Response:
        # Asked once the plan was made anew: whether such a campaign is there.
        if edits and b'"filter":"subject==\\"Spring\\""' in request.read() and edits.pop():
            world.api("update-newsletter", id=template["mailid"], subject="T", body="<p>hers</p>", listIds=[])
        return world.sandbox.handle(request)

    world.proxy = meddling
    code, events = world.apply_saved(rendered(), record, rights=ALL)
    assert not edits
    assert code == 4, failures(events)
    assert "template was changed outside since the plan was made" in " ".join(failures(events))
    assert "create-newsletter-from-template" not in world.writes()


def test_an_id_that_was_bound_before_is_not_believed() -> None:
    world = World()
    world.apply(readers())
    first = world.lists()[0]["id"]
    after(world, "create-list", lambda answer: {**answer, "list": {**answer["list"], "id": first}})
    code, events, _ = world.apply(readers() | declared(resource("list", "b", {"name": "B"})))
    assert code == 0, failures(events)
    state = world.store.read()
    assert state is not None
    assert len({kept.id for kept in state.resources.values()}) == 2
    assert sorted(row["name"] for row in world.lists()) == ["A", "B"]


def test_a_write_without_a_ticket_is_a_slip() -> None:
    world = World()
    with pytest.raises(AssertionError, match="nothing has let it through"):
        world.client.send(Call("create-list", {"name": "A"}))
    assert not world.writes()


def test_a_ticket_is_good_for_one_attempt() -> None:
    world = World()
    seen: list[Any] = []

    class Kept:
        def __getattr__(self, name: str) -> Any:
            return getattr(world.client, name)

        def send(self, call: Call, ticket: Any = None) -> Any:
            seen.append(ticket)
            return world.client.send(call, ticket)

    gate = world.workspace.gate(None)
    gate.clients = {"squalomail": Kept()}  # type: ignore[dict-item]
    gate.once("squalomail", Call("create-list", {"name": "A"}))
    with pytest.raises(AssertionError, match="one attempt"):
        world.client.send(Call("create-list", {"name": "B"}), seen[0])
    assert [row["name"] for row in world.lists()] == ["A"]


@pytest.mark.parametrize(
    ("wall", "monotonic", "looks"),
    [(9.0, 9.0, 1), (11.0, 11.0, 2), (3600.0, 0.0, 2), (-3600.0, 0.0, 2)],
    ids=["soon", "late", "after a sleep", "after the clock was set"],
)
def test_what_waited_for_its_turn_too_long_is_looked_at_again(wall: float, monotonic: float, looks: int) -> None:
    world = World()
    gate = world.workspace.gate(None)
    passed = Moment(NOW, 0.0)
    gate.moment = lambda: passed
    seen: list[Moment] = []

    def look() -> Moment:
        nonlocal passed
        seen.append(read := gate.moment())
        if len(seen) == 1:
            passed = Moment(NOW + wall, monotonic)  # no place was free
        return read

    gate.once("squalomail", Call("create-list", {"name": "A"}), look)
    assert len(seen) == looks
    assert [row["name"] for row in world.lists()] == ["A"]


def test_what_was_edited_while_it_waited_is_not_written() -> None:
    world = World()
    gate = world.workspace.gate(None)
    passed = Moment(NOW, 0.0)
    gate.moment = lambda: passed

    def look() -> Moment:
        nonlocal passed
        if passed.monotonic:
            raise PlanStale("It was edited outside.")
        read, passed = passed, Moment(NOW + 60.0, 60.0)
        return read

    with pytest.raises(PlanStale):
        gate.once("squalomail", Call("create-list", {"name": "A"}), look)
    assert not world.writes()


@pytest.mark.parametrize(
    ("operation", "error", "times"),
    [
        ("send-newsletter", UnknownOutcome, 1),
        ("send-newsletter", Unreachable, 1),
        ("create-list", UnknownOutcome, 1),
        ("create-list", Unreachable, ATTEMPTS),
        ("update-list", UnknownOutcome, ATTEMPTS),
        ("update-list", Unreachable, ATTEMPTS),
        ("update-list", Refused, 1),
    ],
)
def test_a_write_is_made_again_where_that_does_no_harm(operation: str, error: type[Exception], times: int) -> None:
    world = World(may_send=True)
    happened: list[str] = []

    class Failing:
        def __getattr__(self, name: str) -> Any:
            return getattr(world.client, name)

        def send(self, call: Call, ticket: Any) -> Any:
            ticket.show()
            happened.append(call.operation)
            raise error("no answer")

        def rest(self, attempt: int, error: Exception) -> None:
            happened.append("rest")

    def look() -> Moment:
        happened.append("look")
        return gate.moment()

    world.client.account()  # an answer that tells the time
    gate = world.workspace.gate(None)
    gate.clients = {"squalomail": Failing()}  # type: ignore[dict-item]
    with pytest.raises(error):
        gate.send("squalomail", Call(operation, {}), look)
    assert happened == ["look", operation, "rest"] * (times - 1) + ["look", operation]


def test_after_a_sleep_the_lock_is_asked_for_at_its_server() -> None:
    world = World()
    asked: list[bool] = []
    slept = 0.0

    class Locked:
        def confirm(self, *, at_server: bool = False) -> None:
            asked.append(at_server)
            if at_server:
                raise LockHeld("Somebody else holds it now.")

    gate = world.workspace.gate(Locked())  # type: ignore[arg-type]
    gate.moment = lambda: Moment(NOW + slept, 0.0)
    gate.once("squalomail", Call("create-list", {"name": "A"}))
    slept = 3600.0  # the wall clock went on, and the monotonic one did not
    with pytest.raises(LockHeld):
        gate.once("squalomail", Call("create-list", {"name": "B"}))
    assert asked == [False, True]
    assert [row["name"] for row in world.lists()] == ["A"]


def test_a_read_serves_for_ten_seconds_of_one_time() -> None:
    read = Moment(1000.0, 10.0)
    assert read.serves(Moment(1009.0, 19.0))
    assert not read.serves(Moment(1011.0, 21.0))
    assert not read.serves(Moment(1005.0, 11.0))  # the clock was set, or the machine slept


def test_nothing_leaves_once_somebody_asked_to_stop() -> None:
    world = World()
    gate = world.workspace.gate(None)
    gate.stop.set()
    with pytest.raises(Exception, match="Interrupted"):
        gate.once("squalomail", Call("create-list", {"name": "A"}))
    assert not world.writes()


def test_the_gate_judges_the_right_to_send() -> None:
    world = World(may_send=True)
    world.let_send(False)
    gate = world.workspace.gate(None)
    with pytest.raises(Refused, match="not the right to send"):
        gate.once("squalomail", Call("custom-event", {"customText": "x"}))
    assert not world.writes()


def test_one_place_compares_with_the_freeze() -> None:
    """Else two rules grow apart."""
    places = [
        f"{path.name}:{node.lineno}"
        for path in Path(reconcile.__file__).parent.rglob("*.py")
        if "sandbox" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare) and any(_is_freeze(part) for part in [node.left, *node.comparators])
    ]
    assert len(places) == 1, places
    assert places[0].startswith("kind.py")


def _is_freeze(part: ast.expr) -> bool:
    return isinstance(part, ast.Attribute) and part.attr == "freeze" and getattr(part.value, "id", "") != "policy"
