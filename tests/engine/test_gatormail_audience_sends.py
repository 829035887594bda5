"""GatorMail audiences and campaigns: when whoever joins a group gets mail for it."""

from typing import Any

import pytest

from reconcile.engine.run import Rights
from reconcile.errors import Refused
from reconcile.planner.plan import Right
from tests.buyers import (
    INCLUDE,
    PEOPLE,
    Buyers,
    audience,
    buyers,
    many,
    note,
)
from tests.world import declared, failures

KNOWN = Rights(frozenset([Right.ACCEPT_UNKNOWN]))


class TestSends:
    """Campaigns through which whoever joins gets mail."""

    def world(self, **options: Any) -> Buyers:
        made = Buyers(**options)
        made.found()
        made.include("first@example.com")
        made.source([("first@example.com", "First"), ("ada@example.com", "Ada")])
        return made

    @pytest.mark.parametrize("type_", ["Static", "StaticRecurring", "RefreshRecurring", "RefreshNonRecurring"])
    def test_a_queued_one_is_a_send(self, type_: str) -> None:
        world = self.world()
        world.campaign(type_)
        self._is_a_send(world, f"{type_}, Queued, starts 2027-01-16T09:00:00Z")

    @pytest.mark.parametrize("type_", ["RefreshRecurring", "RefreshNonRecurring"])
    def test_an_active_refreshing_one_is_a_send(self, type_: str) -> None:
        world = self.world()
        world.campaign(type_, start="2027-01-15T09:00:00")
        world.now += 7200
        self._is_a_send(world, f"{type_}, Active")
        mails = [mail["recipient"] for mail in world.sends() if mail["state"] == "sent"]
        assert len(mails) == len(set(mails)), "nobody gets it twice"
        assert len(mails) == (2 if type_ == "RefreshNonRecurring" else 1), "who joins gets it, now or at the next round"

    @pytest.mark.parametrize("type_", ["Static", "StaticRecurring"])
    def test_an_active_one_with_a_fixed_audience_is_none(self, type_: str) -> None:
        world = self.world()
        world.campaign(type_, start="2027-01-15T09:00:00")
        world.now += 3601
        self._is_none(world)

    def test_one_in_setup_a_follow_up_and_one_for_another_group_are_none(self) -> None:
        world = self.world()
        world.campaign("RefreshRecurring", initiate=False)
        world.campaign("Followup")
        other = world.person("api/group", {"name": "Other"})["id"]
        group, world.group = world.group, other
        world.include("first@example.com")
        world.campaign("RefreshRecurring")
        world.group = group
        self._is_none(world)

    @pytest.mark.parametrize("capability", ["cap.campaign.status", "cap.campaign.read"])
    def test_where_it_cant_be_read_the_worst_is_assumed(self, capability: str) -> None:
        world = self.world(contract={capability: False})
        world.campaign("Static", initiate=capability.endswith("read"))
        self._is_a_send(world, "what it does can't be read, so the worst is assumed")

    def test_whoever_only_changes_gets_nothing(self) -> None:
        world = self.world()
        world.campaign("Static")
        world.source([("first@example.com", "First")])
        self._is_none(world)

    def test_a_piece_without_anybody_who_joins_is_none(self) -> None:
        world = self.world()
        world.campaign("Static")
        world.include(*[email for email, _ in many(120)], firstName="Wrong")
        world.source([("ada@example.com", "Ada"), *many(120)])
        made = world.plan(declared(buyers(), audience()))
        assert [(call.arguments["contacts"], call.sends) for call in made.steps[PEOPLE].calls] == [
            (100, True),
            (21, False),
        ]

    def test_one_that_is_queued_since_the_plan_stops_the_step(self) -> None:
        world = self.world()
        desired = declared(buyers(), audience())
        saved = world.plan(desired)
        world.campaign("Static")
        code, events = world.carry_out(desired, saved, KNOWN)
        assert code == 4, failures(events)
        assert world.writes() == []

    def test_one_that_is_queued_between_two_pieces_stops_the_step(self) -> None:
        world = self.world()
        world.source(many(150))
        desired = declared(buyers(), audience())
        saved = world.plan(desired)
        # The apply reads the exclusions for its comparison, then before each piece; after them, the campaigns.
        world.before("gatormail_groupExcludedContactget", 4, lambda: world.campaign("RefreshRecurring"))
        code, events = world.carry_out(desired, saved, KNOWN)
        assert code == 6
        assert 'the group has come to be used by "A RefreshRecurring one"' in str(failures(events))
        assert world.writes() == [INCLUDE]
        assert len(world.included()) == 101
        assert world.run(desired)[0] == 0, "with the right to send"
        assert len(world.included()) == 151

    def test_one_that_is_over_since_the_plan_is_no_matter(self) -> None:
        world = self.world()
        number = world.campaign("Static")
        desired = declared(buyers(), audience())
        saved = world.plan(desired)
        world.person(f"api/campaign/{number}/uninitiate")
        code, events = world.carry_out(desired, saved)
        assert code == 0, failures(events)
        assert "ada@example.com" in world.included()

    def _is_a_send(self, world: Buyers, told: str) -> None:
        desired = declared(buyers(), audience())
        world.let_send(False)
        made = world.plan(desired)
        step = made.steps[PEOPLE]
        # Somebody is in the group already, and the audience is new to it.
        assert [need.right for need in step.requires] == [Right.ACCEPT_UNKNOWN, Right.SEND]
        assert step.reach == 1
        assert "1 person joins and may get mail for it" in note(made)
        assert told in note(made)
        world.clear_log()
        before = world.sends()
        with pytest.raises(Refused, match="Whoever joins a group gets the mail of a campaign that uses it"):
            world.carry_out(desired, made, KNOWN)
        assert world.writes() == []
        assert world.sends() == before
        world.let_send(True)
        code, events, _ = world.run(desired)
        assert code == 0, failures(events)
        assert set(world.included()) == {"first@example.com", "ada@example.com"}
        assert world.settled(desired)

    def _is_none(self, world: Buyers) -> None:
        desired = declared(buyers(), audience())
        made = world.plan(desired)
        assert [need.right for need in made.steps[PEOPLE].requires] == [Right.ACCEPT_UNKNOWN]
        assert not any(call.sends for call in made.steps[PEOPLE].calls)
        before = world.sends()
        assert world.run(desired, KNOWN)[0] == 0
        assert [mail for mail in world.sends() if mail["state"] == "sent"] == [
            mail for mail in before if mail["state"] == "sent"
        ]


def test_the_transport_refuses_a_send_too() -> None:
    world = Buyers(may_send=False)
    world.found()
    world.include("first@example.com")
    world.campaign("Static")
    world.source([("ada@example.com", "Ada")])
    code, _, _ = world.run(declared(buyers(), audience()))
    assert code == 3
    assert set(world.included()) == {"first@example.com"}
