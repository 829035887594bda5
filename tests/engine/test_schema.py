"""GatorMail's schema: additions, rebuilds, what only people can do; and rebuilds that are killed or lose a reply."""

import os
import signal
from collections.abc import Callable
from copy import deepcopy
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from reconcile.engine.run import Event, Outcome, Rights
from reconcile.engine.workflow import apply
from reconcile.model.address import Address
from reconcile.model.resource import Resource
from reconcile.planner.plan import Plan, Right, Step
from reconcile.planner.planfile import dumps, loads
from reconcile.providers.gatormail.kinds.schema import GatorMailSchema
from tests.world import World, address, declared, failures, gator, shape

CHAOS = bool(os.environ.get("CHAOS"))
ADDRESS = address("schema", "main", "gatormail")
DESIRED: dict[str, Any] = {
    "entities": {
        "Contact": {
            "displayName": "Contact",
            "attributes": {"email": {"dataType": "string", "displayName": "E-mail"}, "city": {"dataType": "string"}},
        }
    }
}
UNDECLARED = {"Lead": {"displayName": "A lead", "attributes": {"score": {"dataType": "integer"}}}, "Empty": {}}
POSTS = ["gatormail_postSchemaEntity", "gatormail_postSchemaAttribute"]
DELETE = "gatormail_deleteSchema"
SATISFIED = "gatormail_getIntegrationRequestSatisfied"

Desired = dict[Address, Resource]


def schema(**changes: Any) -> Desired:
    return declared(gator("schema", "main", {**DESIRED, **changes}))


def retyped(type_: str = "integer", **changes: Any) -> Desired:
    """A schema that only a rebuild brings about."""
    entities = deepcopy(DESIRED["entities"])
    entities["Contact"]["attributes"]["city"]["dataType"] = type_
    return schema(entities=entities, **changes)


def live(world: World) -> dict[str, Any]:
    """The account's schema: entity -> (display name, attribute -> (type, display name))."""
    return {
        entity["name"]: (
            entity["displayName"],
            {row["name"]: (row["dataType"], row["displayName"]) for row in entity["attributes"]},
        )
        for entity in world.call("gatormail_getSchema")["entities"]
    }


def publish(world: World, *mappings: tuple[str, str, str, bool], fetched: bool = True) -> None:
    rows = [
        {"entityName": entity, "attributeName": attribute, "contactAttribute": field, "dataCleanse": cleanse}
        for entity, attribute, field, cleanse in mappings
    ]
    world.person("ui/mappings", {"mappings": rows}, "PUT")
    world.person("ui/publish")
    if fetched:
        world.call(SATISFIED, requestType="FieldMappingUpdates")


def published(world: World) -> set[tuple[str, str, str, bool]]:
    return {
        (entity["name"], attribute["name"], row["contactAttribute"], row["dataCleanse"])
        for entity in world.call("gatormail_getSchema")["entities"]
        for attribute in entity["attributes"]
        for row in attribute["mappings"]
    }


def prepared(**options: Any) -> World:
    """An instance with the declared schema, another program's beside it, and two mappings."""
    world = World(**options)
    assert world.apply(schema())[0] == 0
    for name, entity in UNDECLARED.items():
        world.call("gatormail_postSchemaEntity", name=name, displayName=entity.get("displayName"))
        for attribute, members in entity.get("attributes", {}).items():
            world.call("gatormail_postSchemaAttribute", entityName=name, name=attribute, **members)
    publish(world, ("Contact", "email", "EmailLogin", True), ("Lead", "score", "FirstName", False))
    world.clear_log()
    return world


MAPPINGS = {("Contact", "email", "EmailLogin", True), ("Lead", "score", "FirstName", False)}
WHOLE = {
    "Contact": ("Contact", {"email": ("string", "E-mail"), "city": ("integer", None)}),
    "Lead": ("A lead", {"score": ("integer", None)}),
    "Empty": (None, {}),
}


def step_of(plan: Plan) -> Step:
    return plan.steps[ADDRESS]


def operations(world: World) -> list[str]:
    """The writes that the emulator received, satisfied among them."""
    return [entry["function"] for entry in world.log() if entry["write"] or entry["function"] == SATISFIED]


def test_additions_are_posted_one_by_one_and_nothing_else() -> None:
    world = World()
    made = world.plan(schema())
    assert [call.operation for call in made.writes] == [POSTS[0], POSTS[1], POSTS[1]]
    code, events, _ = world.apply(schema())
    assert code == 0, failures(events)
    assert operations(world) == [POSTS[0], POSTS[1], POSTS[1]]
    assert live(world) == {"Contact": ("Contact", {"email": ("string", "E-mail"), "city": ("string", None)})}
    assert not shape(world.plan(schema()))
    world.clear_log()
    more = deepcopy(DESIRED["entities"])
    more["Contact"]["attributes"]["zip"] = {}
    more["Lead"] = {"attributes": {"score": {"dataType": "integer"}}}
    assert world.apply(schema(entities=more))[0] == 0
    assert operations(world) == [POSTS[0], POSTS[1], POSTS[1]]
    assert live(world)["Contact"][1]["zip"] == ("string", None)
    assert not shape(world.plan(schema(entities=more)))


def test_the_light_goes_out_last_and_only_if_it_is_on() -> None:
    world = World()
    world.person("ui/get-schema")
    assert world.apply(schema())[0] == 0
    assert operations(world) == [POSTS[0], POSTS[1], POSTS[1], SATISFIED]
    assert not any(light["requested"] for light in world.call("gatormail_getIntegrationRequests"))


def test_what_is_not_declared_stays_and_is_no_difference() -> None:
    world = prepared()
    assert not shape(world.plan(schema()))
    fewer = deepcopy(DESIRED["entities"])
    del fewer["Contact"]["attributes"]["city"]
    del fewer["Contact"]["displayName"]
    assert not shape(world.plan(schema(entities=fewer)))
    assert shape(world.plan({})) == {str(ADDRESS): "forget"}
    world.apply({})
    assert not operations(world)
    assert live(world)["Contact"][1]["city"] == ("string", None)


def test_names_are_the_same_whatever_their_case() -> None:
    world = prepared()
    assert not shape(world.plan(schema(entities={"contact": {"attributes": {"EMAIL": {"dataType": "string"}}}})))
    assert world.apply(schema(entities={"contact": {"attributes": {"Zip": {"dataType": "string"}}}}))[0] == 0
    assert live(world)["Contact"][1]["Zip"] == ("string", None)


@pytest.mark.parametrize("change", ["type", "entity", "attribute"])
def test_a_rebuild_shows_what_is_at_stake_and_needs_the_right(change: str) -> None:
    world = prepared()
    entities = deepcopy(DESIRED["entities"])
    if change == "type":
        entities["Contact"]["attributes"]["city"]["dataType"] = "integer"
    elif change == "entity":
        entities["Contact"]["displayName"] = "Person"
    else:
        entities["Contact"]["attributes"]["email"]["displayName"] = "Mail"
    desired = schema(entities=entities)
    step = step_of(world.plan(desired))
    (need,) = step.requires
    assert (need.right, need.amount) == (Right.DELETE, 2)
    assert "2 published mappings" in need.diagnostic.detail
    assert "Contact.email <- EmailLogin, Lead.score <- FirstName" in need.diagnostic.detail
    assert step.note is not None
    assert "a rebuild" in step.note
    assert "posted again, too: Lead.score, Empty" in step.note
    code, _, _ = world.apply(desired, Rights(deletes=1))
    assert code == 3
    assert not operations(world)
    code, events, _ = world.apply(desired, Rights(deletes=2))
    assert code == 0, failures(events)
    assert operations(world) == [DELETE, *[POSTS[0]] * 3, *[POSTS[1]] * 3]
    assert set(live(world)) == set(WHOLE)
    assert live(world)["Lead"] == WHOLE["Lead"]
    assert not world.plan(desired).has_changes


def test_a_rebuild_without_mappings_loses_nothing_and_needs_no_right() -> None:
    world = World()
    world.apply(schema())
    assert not step_of(world.plan(retyped())).requires
    assert world.apply(retyped())[0] == 0
    assert live(world)["Contact"][1]["city"] == ("integer", None)


def test_the_right_is_for_the_mappings_whatever_else_the_plan_deletes() -> None:
    from tests.world import resource

    world = prepared()
    world.apply(schema() | declared(resource("list", "a", {"name": "A"})))
    step = step_of(world.plan(retyped()))
    assert [need.amount for need in step.requires] == [2]


def test_vanished_mappings_are_listed_until_they_are_back() -> None:
    world = prepared()
    desired = retyped()
    _, events, _ = world.apply(desired, Rights(deletes=2))
    told = [found.detail for event in events for found in event.diagnostics]
    assert told == [
        "In the web interface, on the Mappings tab, map the contact field "
        f'"{field}" to {name} again{tick} (a rebuild of the schema dropped it), and publish.'
        for name, field, tick in (
            ("Contact.email", "EmailLogin", " with Data Cleanse"),
            ("Lead.score", "FirstName", ""),
        )
    ]
    assert published(world) == set()
    made = world.plan(desired)
    assert shape(made) == {str(ADDRESS): "manual"}
    assert not made.has_changes
    assert list(step_of(made).instructions) == told
    code, events, _ = world.apply(desired)
    assert (code, [event.outcome for event in events]) == (0, [Outcome.BY_HAND])
    world.now += 60
    publish(world, *MAPPINGS)
    assert not shape(world.plan(desired))
    assert world.apply(desired)[0] == 0
    assert "before" not in world.store.read().resources[ADDRESS].attributes  # type: ignore[union-attr]


def test_who_publishes_other_mappings_has_decided() -> None:
    world = prepared()
    desired = retyped()
    world.apply(desired, Rights(deletes=2))
    world.now += 60
    publish(world, ("Contact", "city", "LastName", False))
    assert not shape(world.plan(desired))


def test_mappings_that_outlive_the_delete_are_no_loss() -> None:
    world = prepared(gatormail={"schema_delete_drops_mappings": False})
    code, events, _ = world.apply(retyped(), Rights(deletes=2))
    assert (code, failures(events)) == (0, [])
    assert published(world) == MAPPINGS
    assert not shape(world.plan(retyped()))


def test_no_rebuild_before_published_mappings_are_fetched() -> None:
    world = prepared()
    publish(world, ("Contact", "city", "LastName", False), fetched=False)
    step = step_of(world.plan(retyped()))
    assert step.blocked is not None
    assert (step.blocked.code, step.blocked.hint) == ("mappings-not-pulled", "reconcile schema-requests gatormail")
    assert world.apply(retyped(), Rights(deletes=9))[0] == 3
    assert DELETE not in operations(world)
    entities = {**DESIRED["entities"], "Account": {}}
    assert world.apply(schema(entities=entities))[0] == 0, "additions lose nothing"


def test_mappings_published_between_plan_and_apply_stop_a_rebuild() -> None:
    world = prepared()
    made = loads(dumps(world.plan(retyped())), "plan")
    publish(world, *MAPPINGS, ("Contact", "city", "LastName", False), fetched=False)
    events = world.apply_saved(retyped(), made, rights=Rights(deletes=9))[1]
    assert [event.exit_code for event in events] == [4]
    assert DELETE not in operations(world)


def test_a_saved_plan_of_the_first_apply() -> None:
    world = World()
    made = loads(dumps(world.plan(schema())), "plan")
    events = world.apply_saved(schema(), made)[1]
    assert [event.outcome for event in events] == [None, Outcome.APPLIED], failures(events)


# Mappings: checked, never written.


def test_declared_mappings_are_a_manual_part_that_holds_nothing_up() -> None:
    world = World()
    desired = schema(mappings={"Contact.email": "emailLogin", "Contact.city": ["LastName", "FirstName"]})
    made = world.plan(desired)
    assert shape(made) == {str(ADDRESS): "update"}
    assert len(step_of(made).instructions) == 2
    assert world.apply(desired)[0] == 0
    again = world.plan(desired)
    assert (shape(again), again.has_changes) == ({str(ADDRESS): "manual"}, False)
    assert step_of(again).instructions[1] == (
        'In the web interface, on the Mappings tab, map the contact fields "FirstName" and "LastName" to Contact.city '
        "(it is not mapped), and publish."
    )
    code, events, _ = world.apply(desired)
    assert (code, [event.outcome for event in events]) == (0, [Outcome.BY_HAND])
    city = [("Contact", "city", field, False) for field in ("FirstName", "LastName")]
    publish(world, ("Contact", "email", "EmailLogin", False), city[0])
    (left,) = step_of(world.plan(desired)).instructions
    assert '(it is mapped to the contact field "FirstName")' in left
    publish(world, ("Contact", "email", "EmailLogin", False), *city)
    assert not shape(world.plan(desired))
    assert world.apply(desired)[0] == 0
    assert operations(world)[-1] == SATISFIED, "the last write was the test's own"


def drifted(world: World) -> tuple[bool, bool]:
    """Whether there is drift, and whether there is under --strict."""
    from reconcile.engine.drift import drift

    found = drift(world.workspace, world.store.read())
    return found.counts(), found.counts(strict=True)


def test_drift_of_mappings_counts_under_strict_alone() -> None:
    world = World()
    desired = schema(mappings={"Contact.email": "EmailLogin"})
    world.apply(desired)
    publish(world, ("Contact", "email", "EmailLogin", False))
    world.apply(desired)
    assert drifted(world) == (False, False)
    publish(world, ("Contact", "email", "FirstName", False))
    assert drifted(world) == (False, True)
    step = step_of(world.plan(desired))
    assert (step.action.value, step.cause and step.cause.value) == ("manual", "edited outside")
    assert not step.requires, "nothing is overwritten"
    world.call(DELETE)
    assert drifted(world) == (True, True)


def test_what_was_deleted_outside_is_put_back_with_the_right_to_overwrite() -> None:
    world = prepared()
    world.call(DELETE)
    step = step_of(world.plan(schema()))
    assert [need.right for need in step.requires] == [Right.OVERWRITE_DRIFT]
    assert world.apply(schema(), Rights(frozenset([Right.OVERWRITE_DRIFT])))[0] == 0
    assert set(live(world)) == {"Contact"}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"entities": {"Contact": {}, "CONTACT": {}}}, "two entities"),
        ({"entities": {"Contact": {"attributes": {"a": {}, "A": {}}}}}, "two attributes"),
        ({"mappings": {"email": "emailLogin"}}, "Entity.attribute"),
        ({"mappings": {"A.b": "x", "a.B": "y"}}, "is there twice"),
    ],
)
def test_what_can_not_be_declared(entry: dict[str, Any], words: str) -> None:
    (finding,) = GatorMailSchema().check(gator("schema", "main", entry))
    assert words in finding[1]


# Lost replies and broken connections, at each call of a rebuild.

CALLS = [(DELETE, 1), *[(POSTS[0], n) for n in (1, 2, 3)], *[(POSTS[1], n) for n in (1, 2, 3)], (SATISFIED, 1)]


@pytest.mark.parametrize("duplicates", ["conflict", "accept"])
@pytest.mark.parametrize("fault", ["drop-after", "drop-before", "500", "truncate"])
def test_a_rebuild_with_a_lost_reply(fault: str, duplicates: str) -> None:
    for operation, number in CALLS:
        world = prepared(gatormail={"schema_duplicate_post": duplicates})
        world.person("ui/get-schema")
        world.sandbox.faults.set([f"{fault}:{operation}:n={number}"])
        what = f"{fault} {operation} {number}"
        code, events, _ = world.apply(retyped(), Rights(deletes=2))
        # The delete is never repeated, all else is looked for, and repeated where it is not there. (An empty answer
        # can't be cut short.)
        assert code == (6 if operation == DELETE and fault != "truncate" else 0), f"{what}: {failures(events)}"
        assert operations(world).count(DELETE) == 1, what
        if code:
            code, events, _ = world.apply(retyped(), Rights(deletes=2))
            assert code == 0, f"{what}: {failures(events)}"
        assert live(world) == WHOLE, what
        assert not any(light["requested"] for light in world.call("gatormail_getIntegrationRequests")), what
        assert not world.plan(retyped()).has_changes, what
        assert len(step_of(world.plan(retyped())).instructions) == 2, what
        world.close()


# Killed at each boundary: before and after each call; ``make chaos`` adds each fsync and each rename of the state.


def killed_at(folder: Path, number: int, switches: dict[str, Any]) -> bool:
    """Rebuild in a process of its own that kills itself at a boundary; False if it ended before that."""
    child = os.fork()
    if child == 0:
        try:
            _rebuild_until(folder, number, switches)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _rebuild_until(folder: Path, number: int, switches: dict[str, Any]) -> None:
    passed = count(1)

    def boundary() -> None:
        if next(passed) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            boundary()
            result = function(*arguments, **options)
            boundary()
            return result

        return call

    world = World(folder=folder, gatormail=switches)
    world.gator.send = guarded(world.gator.send)  # type: ignore[method-assign]
    if CHAOS:
        os.fsync = guarded(os.fsync)
        os.replace = guarded(os.replace)
    world.apply(retyped(), Rights(deletes=2))


@pytest.mark.parametrize("drops", [True, False])
def test_a_rebuild_killed_at_any_boundary(drops: bool, tmp_path: Path) -> None:
    switches = {"schema_delete_drops_mappings": drops}
    killed = 0
    for number in count(1):
        folder = tmp_path / str(number)
        folder.mkdir()
        world = prepared(folder=folder, gatormail=switches)
        world.person("ui/get-schema")
        world.close()
        if not killed_at(folder, number, switches):
            break
        killed += 1
        world = World(folder=folder, gatormail=switches)
        asked = any(light["requested"] for light in world.call("gatormail_getIntegrationRequests"))
        assert asked or live(world) == WHOLE, f"boundary {number}: told that it is done when it was not"
        code, events, _ = world.apply(retyped(), Rights(deletes=2))
        assert code == 0, f"boundary {number}: {failures(events)}"
        assert live(world) == WHOLE, f"boundary {number}"
        _check_mappings(world, number, drops=drops)
        world.close()
    assert killed > 2 * len(CALLS)


def _check_mappings(world: World, number: int, *, drops: bool) -> None:
    """Nothing that the API lets be kept is lost, and people are told of the rest."""
    made = world.plan(retyped())
    assert not made.has_changes, f"boundary {number}"
    assert published(world) == (set() if drops else MAPPINGS), f"boundary {number}"
    assert len(step_of(made).instructions) == (2 if drops else 0), f"boundary {number}"


def test_an_interrupted_rebuild_goes_on_without_any_right(tmp_path: Path) -> None:
    world = prepared(folder=tmp_path)
    world.sandbox.faults.set([f"drop-before:{POSTS[1]}"])
    code, _, _ = world.apply(retyped(), Rights(deletes=2))
    assert code == 6
    assert set(live(world)["Contact"][1]) == set()
    world.sandbox.faults.set([])
    world.close()
    world = World(folder=tmp_path)
    made = world.plan(retyped())
    assert step_of(made).note == "A rebuild was interrupted; this finishes it."
    assert not step_of(made).requires
    code, events, _ = world.apply(retyped())
    assert code == 0, failures(events)
    assert live(world) == WHOLE
    assert [found.code for event in events for found in event.diagnostics] == ["by-hand", "by-hand"]


def test_a_manifest_that_changes_after_an_interrupted_rebuild(tmp_path: Path) -> None:
    world = prepared(folder=tmp_path)
    world.sandbox.faults.set([f"drop-before:{POSTS[1]}:n=3-9"])
    assert world.apply(retyped(), Rights(deletes=2))[0] == 6
    world.sandbox.faults.set([])
    events: list[Event]
    code, events, _ = world.apply(retyped("date"), Rights(deletes=2))
    assert code == 0, failures(events)
    assert live(world) == {**WHOLE, "Contact": ("Contact", {"email": ("string", "E-mail"), "city": ("date", None)})}
    assert len(step_of(world.plan(retyped("date"))).instructions) == 2


def test_declaring_other_parts_of_the_schema_is_no_outside_edit() -> None:
    world = prepared()
    entities = {"Contact": {"attributes": {"city": {"dataType": "string"}, "zip": {}}}, "Lead": {}}
    step = step_of(world.plan(schema(entities=entities)))
    assert (step.action.value, step.cause and step.cause.value, step.requires) == ("update", "manifest changed", ())
    assert world.apply(schema(entities=entities))[0] == 0


def test_names_on_the_wire_come_from_the_contract() -> None:
    renamed = {
        "v.requestType": ["Fields", "Maps"],
        "v.dataType": ["text", "int", "dec", "bool", "day", "moment"],
        "f.attribute.dataType": "kind",
        "op.integration.satisfied": "POST /integration/{requestType}",
    }
    world = World(contract=renamed)
    world.person("ui/get-schema")
    code, events, _ = world.apply(schema())
    assert code == 0, failures(events)
    assert live(world)["Contact"][1]["city"] == ("string", None)
    assert not any(light["requested"] for light in world.call("gatormail_getIntegrationRequests"))
    assert not shape(world.plan(schema()))


def test_an_interrupted_rebuild_is_not_forgotten(tmp_path: Path) -> None:
    world = prepared(folder=tmp_path)
    world.sandbox.faults.set([f"drop-before:{POSTS[1]}"])
    world.apply(retyped(), Rights(deletes=2))
    world.sandbox.faults.set([])
    step = step_of(world.plan({}))
    assert step.blocked is not None
    assert step.blocked.code == "unfinished"
    assert world.apply({})[0] == 3
    assert world.apply(retyped())[0] == 0
    assert live(world) == WHOLE
    assert world.apply({})[0] == 0


def test_a_publish_right_before_the_delete_stops_it() -> None:
    world = prepared()
    with world.store.lock("test") as locked:
        made = world.plan(retyped())
        publish(world, *MAPPINGS, fetched=False)
        events = list(apply(world.workspace, locked, made, Rights(deletes=2)))
    assert events[-1].exit_code == 3
    assert [found.code for found in events[-1].diagnostics] == ["mappings-not-pulled"]
    assert DELETE not in operations(world)
