"""GatorMail audiences in the mode sync: who is taken out of the group, and what is on record of who was put there."""

from typing import Any

import pytest

from reconcile.engine.run import Rights
from reconcile.errors import InvalidInput
from reconcile.model.call import Call
from reconcile.planner.plan import Right
from reconcile.providers.audience.memory import parse
from reconcile.providers.shapes import misfit
from tests.buyers import (
    CAN_REMOVE,
    COLUMNS,
    EXCLUDE,
    INCLUDE,
    PEOPLE,
    REMOVE,
    UNREADABLE,
    Buyers,
    audience,
    buyers,
    many,
    note,
    planned,
)
from tests.world import declared, failures, gator, ref

DELETES = Rights(frozenset([Right.SEND, Right.ACCEPT_UNKNOWN]), deletes=1000)


class TestSync:
    def test_needs_an_account_that_can_take_people_out(self) -> None:
        world = Buyers()
        world.found()
        world.source([("ada@example.com", "Ada")])
        with pytest.raises(InvalidInput, match=r"cap\.membership\.remove is off"):
            world.plan(declared(buyers(), audience(mode="sync")))

    def test_takes_out_whom_it_had_put_there_and_nobody_else(self) -> None:
        world = Buyers(**CAN_REMOVE)
        world.found()
        world.include("own@example.com", "both@example.com")
        world.source([(f"{name}@example.com", "") for name in ("ada", "bea", "both")])
        desired = declared(buyers(), audience(mode="sync"))
        assert world.run(desired)[0] == 0
        world.source([("ada@example.com", "")])
        code, events, made = world.run(desired, DELETES)
        assert code == 0, failures(events)
        assert planned(made) == [(REMOVE, 1)]
        assert world.writes() == [REMOVE]
        assert set(world.included()) == {"ada@example.com", "own@example.com", "both@example.com"}
        assert "bea@example.com" in world.people(), "nobody is deleted"
        assert world.settled(desired)
        world.source([("ada@example.com", ""), ("bea@example.com", "")])
        assert world.run(desired)[0] == 0
        assert "bea@example.com" in world.included(), "taken out by the entry itself, so brought back by it"

    def test_leaves_who_opted_out_excluded(self) -> None:
        world = Buyers(**CAN_REMOVE)
        world.found()
        stays = ("dan@example.com", "")
        world.source([("ada@example.com", ""), ("bea@example.com", ""), ("cia@example.com", ""), stays])
        desired = declared(buyers(), audience(mode="sync"))
        world.run(desired)
        world.opt_out("bea@example.com")
        world.source([stays])
        saved = world.plan(desired)
        assert planned(saved) == [(REMOVE, 1)] * 2
        world.before("gatormail_groupExcludedContactget", 3, lambda: world.opt_out("cia@example.com"))
        code, events = world.carry_out(desired, saved, DELETES)
        assert code == 0, failures(events)
        assert world.excluded() == {"bea@example.com", "cia@example.com"}
        assert set(world.included()) == {"dan@example.com"}

    def test_needs_a_word_for_too_many(self) -> None:
        world = Buyers(**CAN_REMOVE)
        world.found()
        world.source(many(20))
        desired = declared(buyers(), audience(mode="sync"))
        world.run(desired)
        world.source(many(13))
        made = world.plan(desired)
        assert [need.right for need in made.requires] == [Right.DELETE]
        assert (made.steps[PEOPLE].people_removed, made.steps[PEOPLE].people_ours) == (7, 20)
        assert world.run(desired, DELETES)[0] == 0
        assert len(world.included()) == 13

    def test_takes_nobody_out_while_rows_are_malformed(self) -> None:
        world = Buyers(**CAN_REMOVE)
        world.found()
        world.source([("ada@example.com", ""), ("bea@example.com", "")])
        desired = declared(buyers(), audience(mode="sync"))
        world.run(desired)
        world.skip_invalid()
        world.source([("ada@example.com", ""), ("bea(at)example.com", "")])
        made = world.plan(desired)
        assert not made.has_changes
        assert "Nobody is taken out of the group in such a run." in note(made)

    @pytest.mark.parametrize("fault", ["drop-before", "drop-after", "truncate", "500", "429"])
    def test_a_lost_reply_is_no_matter(self, fault: str) -> None:
        world = Buyers(**CAN_REMOVE)
        world.found()
        world.source([("ada@example.com", ""), ("bea@example.com", "")])
        desired = declared(buyers(), audience(mode="sync"))
        world.run(desired)
        world.source([("ada@example.com", "")])
        world.sandbox.faults.set([f"{fault}:{REMOVE}:n=1"])
        code, events, _ = world.run(desired, DELETES)
        assert code == 0, failures(events)
        assert set(world.included()) == {"ada@example.com"}
        assert world.settled(desired)

    @pytest.mark.parametrize("mode", ["add", "sync"])
    @pytest.mark.parametrize("still_wanted", [True, False])
    def test_whoever_was_gone_and_was_put_there_by_others_is_not_ours(self, mode: str, still_wanted: bool) -> None:
        world = Buyers(**CAN_REMOVE)
        world.found()
        world.source([("ada@example.com", ""), ("bea@example.com", "")])
        world.run(declared(buyers(), audience(mode="add")))
        world.opt_out("bea@example.com")
        kept = [("bea@example.com", "")] if still_wanted else []
        world.source([("ada@example.com", ""), *kept, ("cia@example.com", "")])
        assert world.run(declared(buyers(), audience(mode=mode)))[0] == 0
        world.include("bea@example.com")
        world.source([("ada@example.com", ""), ("cia@example.com", "")])
        assert world.settled(declared(buyers(), audience(mode="sync")))
        assert "bea@example.com" in world.included()

    def test_whoever_was_taken_out_by_hand_is_not_brought_back(self) -> None:
        world = Buyers(**CAN_REMOVE)
        world.found()
        world.source([("ada@example.com", ""), ("bea@example.com", "")])
        desired = declared(buyers(), audience(mode="sync"))
        world.run(desired)
        number = world.people()["bea@example.com"]["id"]
        world.person(f"api/group/{world.group}/included/contact/{number}", method="DELETE")
        made = world.plan(desired)
        assert not made.has_changes
        assert "1 taken out of the group by somebody else" in note(made)


def test_whom_a_run_brought_in_that_was_killed_is_on_record() -> None:
    world = Buyers(**CAN_REMOVE)
    world.found()
    world.source(many(150))
    desired = declared(buyers(), audience(mode="sync"))
    send = world.gator.send

    def dying(call: Call, *ticket: Any) -> Any:
        answer = send(call, *ticket)
        if call.operation == INCLUDE:
            raise SystemExit
        return answer

    world.gator.send = dying  # type: ignore[method-assign]
    with pytest.raises(SystemExit):
        world.run(desired)
    world.gator.send = send  # type: ignore[method-assign]
    assert len(world.included()) == 100
    code, events, made = world.run(desired)
    assert code == 0, failures(events)
    assert planned(made) == [(INCLUDE, 50)]
    world.source(many(150)[1:])
    assert world.run(desired)[0] == 0
    assert set(world.included()) == {email for email, _ in many(150)[1:]}


def test_what_the_platform_left_out_is_not_on_record() -> None:
    world = Buyers(gatormail={"include_flips_exclusion": False}, **CAN_REMOVE)
    world.found()
    world.person("api/contact", {"emailLogin": "bea@example.com"})
    world.source([("ada@example.com", "Ada"), ("bea@example.com", "Bea")])
    desired = declared(buyers(), audience(mode="sync"))
    world.before(INCLUDE, 1, lambda: world.opt_out("bea@example.com"))
    assert world.run(desired)[0] == 0
    assert (set(world.included()), world.excluded()) == ({"ada@example.com"}, {"bea@example.com"})
    state = world.store.read()
    assert state is not None
    kept = [parse(world.store.segments.read(segment.name) or b"") for segment in state.memories[PEOPLE].segments]
    assert [len(g.digests) for groups in kept for g in groups if (g.table, g.came) == ("mark", True)] == [16]
    assert world.settled(desired)


def test_a_group_in_sync_has_no_other_audience() -> None:
    world = Buyers()
    kind = world.workspace.registry.kind(PEOPLE)
    first = audience(mode="sync")
    more = gator(
        "audience", "more", {"source": "m.csv", "columns": COLUMNS, "group": ref("group", "buyers", "gatormail")}
    )
    other = gator("audience", "more", {"source": "m.csv", "columns": COLUMNS, "group": ref("group", "o", "gatormail")})
    assert [(found[0], found[1]) for found in kind.check_together(declared(first, more))] == [(PEOPLE, "group")]
    assert list(kind.check_together(declared(first, other))) == []
    assert list(kind.check_together(declared(audience(), more))) == []


@pytest.mark.parametrize(
    "row",
    [None, {"emailLogin": None, "included": False}, {"id": "9", "included": False}, {"id": "9", "included": True}],
    ids=["no row", "no address", "another contact", "somebody is in"],
)
def test_whoever_an_answer_says_nothing_of_is_told_and_not_on_record(row: dict[str, Any] | None) -> None:
    world = Buyers(**CAN_REMOVE)
    world.found()
    world.source([("ada@example.com", "Ada"), ("bea@example.com", "")])
    desired = declared(buyers(), audience(mode="sync"))
    send = world.gator.send

    def left_out(call: Call, *ticket: Any) -> Any:
        if call.operation != INCLUDE:
            return send(call, *ticket)
        ada = [contact for contact in call.arguments["contacts"] if contact["emailLogin"].startswith("ada")]
        answer = send(Call(INCLUDE, {**call.arguments, "contacts": ada}), *ticket)
        return [*answer, *([row] if row else [])]

    world.gator.send = left_out  # type: ignore[method-assign]
    code, events, _ = world.run(desired)
    assert (code, set(world.included())) == (6, {"ada@example.com"})
    assert "does not say that 1 of those in the call are included" in str(failures(events))
    world.gator.send = send  # type: ignore[method-assign]
    world.include("bea@example.com")  # she joins by herself
    world.source([("ada@example.com", "Ada")])
    assert world.settled(desired), "only who was put there by us is taken out"


def test_whoever_an_answer_does_not_say_to_be_excluded_is_told() -> None:
    world = Buyers()
    world.found()
    world.source([("ada@example.com", "")])
    world.source([("cia@example.com", "")], name="no.csv")
    world.answers(lambda call, answer: [] if call.operation == EXCLUDE else answer)
    code, events, _ = world.run(declared(buyers(), audience(exclude="no.csv")))
    assert code == 6
    assert "are excluded" in str(failures(events))


def test_an_answer_that_is_not_understood_is_not_asked_for_again() -> None:
    world = Buyers()
    world.found()
    world.source([("ada@example.com", "")])
    send = world.gator.send

    def misread(call: Call, *ticket: Any) -> Any:
        answer = send(call, *ticket)
        if call.operation == INCLUDE:
            raise misfit(INCLUDE, (0, "included"), " should be true or false and is a number", "")
        return answer

    world.gator.send = misread  # type: ignore[method-assign]
    code, events, _ = world.run(declared(buyers(), audience()))
    assert code != 0
    assert world.writes() == [INCLUDE]
    assert "can't be understood" in str(failures(events))
    world.gator.send = send  # type: ignore[method-assign]
    assert world.settled(declared(buyers(), audience())), "the next run reads what became of it"


@pytest.mark.parametrize("told", [{}, UNREADABLE], ids=["by the group", "by each contact"])
def test_whoever_a_lost_reply_was_about_is_looked_up_before_the_call_is_made_again(told: dict[str, Any]) -> None:
    world = Buyers(**told)
    world.found()
    world.source([("ada@example.com", ""), ("bea@example.com", "")])
    world.sandbox.faults.set([f"truncate:{INCLUDE}:n=1"])
    code, events, _ = world.run(declared(buyers(), audience()))
    assert code == 0, failures(events)
    assert world.writes() == [INCLUDE]
    assert set(world.included()) == {"ada@example.com", "bea@example.com"}
    assert world.settled(declared(buyers(), audience()))
