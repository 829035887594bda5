"""Equal changes have equal digests, whatever is around them; what a person would call another change has another."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.model.address import Address
from reconcile.model.resource import Resource
from tests.world import World, declared, gator, ref, resource

START = "2027-01-20T09:00:00Z"
SQUALO: dict[str, Any] = {
    "subject": "Hello",
    "body": "<p>Hi</p>",
    "altBody": "Hi",
    "fromEmail": "a@example.com",
    "fromName": "A",
    "lists": (ref("list", "one"),),
    "schedule": START,
}
GATOR: dict[str, Any] = {
    "name": "Launch",
    "subject": "Live",
    "fromName": "A",
    "fromAddress": "a@example.com",
    "replyTo": "a@example.com",
    "type": "Static",
    "startDate": START,
    "group": ref("group", "g", "gatormail"),
    "email": {"name": "Mail", "html": "<p>Hi</p>", "text": "Hi"},
    "initiate": True,
}
# What a person would call another change, each of them.
CHANGES: dict[str, dict[str, dict[str, Any]]] = {
    "squalomail": {
        "subject": {"subject": "Hello!"},
        "case of the subject": {"subject": "hello"},
        "body": {"body": "<p>Hi!</p>"},
        "space in the body": {"body": "<p>Hi </p>"},
        "text": {"altBody": "Hi!"},
        "sender": {"fromEmail": "b@example.com"},
        "sender's name": {"fromName": "B"},
        "reply": {"replyToEmail": "r@example.com"},
        "language": {"language": "it"},
        "another list": {"lists": (ref("list", "two"),)},
        "one more list": {"lists": (ref("list", "one"), ref("list", "two"))},
        "a second later": {"schedule": "2027-01-20T09:00:01Z"},
        "another day": {"schedule": "2027-01-21T09:00:00Z"},
        "a draft": {"schedule": None},
        "utm": {"addUtm": True},
        "utm source": {"utmSource": "x"},
        "visible": {"visible": False},
    },
    "gatormail": {
        "subject": {"subject": "Live!"},
        "body": {"email": {"name": "Mail", "html": "<p>Hi!</p>", "text": "Hi"}},
        "text": {"email": {"name": "Mail", "html": "<p>Hi</p>", "text": "Hi!"}},
        "e-mail's name": {"email": {"name": "Other", "html": "<p>Hi</p>", "text": "Hi"}},
        "links": {"email": {"name": "Mail", "html": "<p>Hi</p>", "text": "Hi", "autoTrackLinks": True}},
        "name": {"name": "Launch 2"},
        "sender": {"fromAddress": "b@example.com"},
        "sender's name": {"fromName": "B"},
        "reply": {"replyTo": "b@example.com"},
        "another group": {"group": ref("group", "h", "gatormail")},
        "another day": {"startDate": "2027-01-21T09:00:00Z"},
        "not queued": {"initiate": False},
        "type": {"type": "StaticRecurring"},
    },
}


def around(platform: str) -> list[Resource]:
    if platform == "squalomail":
        return [resource("list", name, {"name": name, "description": "d"}) for name in ("one", "two")]
    return [gator("group", name, {"name": name, "description": "d"}) for name in ("g", "h")]


def campaign(platform: str, name: str = "mail", /, **members: Any) -> Resource:
    whole = {**(SQUALO if platform == "squalomail" else GATOR), **members}
    return resource("campaign", name, whole, provider=platform)


def digests(world: World, entries: Sequence[Resource]) -> dict[Address, str]:
    return {address: step.digest for address, step in world.plan(declared(*entries)).steps.items()}


def everything() -> list[Resource]:
    return [entry for platform in CHANGES for entry in (*around(platform), campaign(platform))]


@given(st.permutations(range(6)))
@settings(max_examples=30, deadline=None)
def test_the_order_of_the_entries_says_nothing(order: list[int]) -> None:
    entries = everything()
    assert digests(WORLD, [entries[index] for index in order]) == digests(WORLD, entries)


@given(
    st.lists(
        st.tuples(st.sampled_from(list(CHANGES)), st.integers(0, 20), st.text("abc", min_size=1, max_size=3)),
        max_size=5,
        unique_by=lambda found: found[1],
    )
)
@settings(max_examples=30, deadline=None)
def test_what_else_is_planned_says_nothing(others: list[tuple[str, int, str]]) -> None:
    alone = digests(WORLD, everything())
    more = [
        campaign(
            platform,
            f"other{number}",
            subject=f"Other {number} {text}",
            **({"name": f"N{number}"} if platform == "gatormail" else {}),
        )
        for platform, number, text in others
    ]
    found = digests(WORLD, [*everything(), *more])
    assert {address: found[address] for address in alone} == alone


def test_the_tool_s_version_and_the_hour_say_nothing() -> None:
    alone = digests(WORLD, everything())
    now, workspace = WORLD.now, WORLD.workspace
    try:
        WORLD.now += 3 * 86400
        WORLD.workspace = replace(workspace, tool_version="9.9.9")
        assert digests(WORLD, everything()) == alone
    finally:
        WORLD.now, WORLD.workspace = now, workspace


def test_the_process_and_its_hash_seed_say_nothing() -> None:
    root = Path(__file__).parents[2]
    script = (
        "import tests.engine.test_digests as here\n"
        "for address, digest in sorted(here.digests(here.WORLD, here.everything()).items()): print(address, digest)"
    )
    alone = "".join(f"{address} {digest}\n" for address, digest in sorted(digests(WORLD, everything()).items()))
    for seed in ("0", "4711"):
        environ = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
        found = subprocess.run([sys.executable, "-c", script], env=environ, cwd=root, capture_output=True, text=True)
        assert found.stdout == alone, found.stderr


@pytest.mark.parametrize("platform", CHANGES)
def test_every_other_new_mail_has_another_digest(platform: str) -> None:
    one = campaign(platform)
    told = {"as it is": digests(WORLD, [*around(platform), one])[one.address]}
    for what, members in CHANGES[platform].items():
        told[what] = digests(WORLD, [*around(platform), campaign(platform, **members)])[one.address]
    told["protected"] = digests(WORLD, [*around(platform), replace(one, prevent_destroy=True)])[one.address]
    equal = [pair for pair in combinations(told, 2) if told[pair[0]] == told[pair[1]]]
    assert equal == []


@pytest.mark.parametrize("platform", CHANGES)
def test_every_other_change_of_a_mail_has_another_digest(platform: str) -> None:
    """A draft is there: each change of it is another one, and so is the same change of what is live otherwise."""
    drafts = {"schedule": None} if platform == "squalomail" else {"initiate": False}
    world, one = World(may_send=True), campaign(platform, **drafts)
    assert world.apply(declared(*around(platform), one))[0] == 0
    told: dict[str, str] = {}
    for what, members in CHANGES[platform].items():
        changed = campaign(platform, **{**drafts, **members})
        if changed.attributes != one.attributes:
            told[what] = digests(world, [*around(platform), changed])[one.address]
    assert world.apply(declared(*around(platform), campaign(platform, **{**drafts, "subject": "Between"})))[0] == 0
    told["again, from another subject"] = digests(
        world, [*around(platform), campaign(platform, **{**drafts, **CHANGES[platform]["subject"]})]
    )[one.address]
    equal = [pair for pair in combinations(told, 2) if told[pair[0]] == told[pair[1]]]
    assert equal == []


WORLD = World(may_send=True)
