"""Names that a platform, a form or an editor has altered are recognised: nothing is made twice, nothing is an edit."""

import unicodedata
from typing import Any

import pytest

from reconcile.engine.intents import Ambiguous
from reconcile.errors import Refused
from tests.world import World, declared, failures, gator, resource, shape

PARTY = "News \N{PARTY POPPER}"


def squalo(name: str) -> Any:
    return declared(
        resource("list", "l", {"name": name}), resource("template", "t", {"subject": name, "body": "<p>x</p>"})
    )


def test_a_name_that_the_platform_rewrites_is_nobodys_edit() -> None:
    world = World(switches={"four_byte_text": "replace"})
    code, events, _ = world.apply(squalo(PARTY))
    assert code == 0, failures(events)
    assert not world.plan(squalo(PARTY)).has_changes
    assert shape(world.plan(squalo("News")))["squalomail.list.l"] == "update"
    world.api("update-list", id=1, listId=1, name="Edited", published=False)
    assert "outside-edit" in [need.diagnostic.code for need in steps(world)[0].requires]


def steps(world: World) -> list[Any]:
    return list(world.plan(squalo(PARTY)).changes)


def test_what_is_made_of_a_name_is_looked_for_after_a_lost_reply() -> None:
    world = World(
        switches={"four_byte_text": "replace"},
        faults=("drop-after:create-list:n=1", "drop-after:create-newsletter:n=1"),
    )
    code, events, _ = world.apply(squalo(PARTY))
    assert code != 0
    assert "(id 1)" in " ".join(failures(events))
    assert len(world.lists()) == 1
    assert len(world.rows("Mail")) == 1
    with pytest.raises(Ambiguous, match="looks like"):
        world.apply(squalo(PARTY))
    assert len(world.lists()) == 1


@pytest.mark.parametrize("there", ["Novità", " Novita\u0300", "NOVITÀ", "Novit&agrave;"])
def test_what_looks_alike_is_not_made_again_without_a_state(there: str) -> None:
    world = World()
    world.api("create-list", name=there, published=False)
    world.api("create-newsletter", subject=there, body="<p>x</p>")
    wanted = unicodedata.normalize("NFC", "Novità")
    made = world.plan(squalo(wanted))
    codes = {step.blocked.code for step in made.steps.values() if step.blocked is not None}
    assert codes <= {"looks-alike", "exists-already"}
    with pytest.raises(Refused, match="exist in the account"):
        world.apply(squalo(wanted))
    assert len(world.lists()) == 1
    assert len(world.rows("Mail")) == 1


@pytest.mark.parametrize("there", ["Buyers  2026", "BUYERS 2026", "Buyers\u00a02026", "Buyers 2026 "])
def test_groups_and_campaigns_that_look_alike_are_not_made_again(there: str) -> None:
    world = World()
    world.call("gatormail_addGroup", name=there, description="")
    world.call("gatormail_addCampaign", name=there, type="Static", subject="S", fromAddress="a@b.test")
    wanted = declared(
        gator("group", "g", {"name": "Buyers 2026"}),
        gator("campaign", "c", {"name": "Buyers 2026", "subject": "S", "fromAddress": "a@b.test"}),
    )
    made = world.plan(wanted)
    blocked = {str(on): step.blocked.code for on, step in made.steps.items() if step.blocked is not None}
    assert blocked == {"gatormail.group.g": "looks-alike", "gatormail.campaign.c": "looks-alike"}


def test_others_are_made() -> None:
    world = World()
    world.api("create-list", name="News Italia", published=False)
    assert world.apply(squalo("News"))[0] == 0
