"""Accounts that doctor is tried on, and what it finds there."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from reconcile.doctor.examination import questions
from reconcile.doctor.scratch import Bench, Journal, journals
from reconcile.engine.gate import Moment
from reconcile.model.assumption import READS, SCRATCH, Answer, Finding, Questionnaire
from reconcile.model.call import Call
from reconcile.providers import provider_named
from reconcile.sandbox.switches import GATORMAIL, SQUALOMAIL
from tests.world import BASE, NOW, World

PLATFORMS = ("squalomail", "gatormail")
SWITCHES = {"squalomail": SQUALOMAIL, "gatormail": GATORMAIL}
GROUP = {"name": "Buyers", "description": "Who bought"}


def questionnaire(platform: str) -> Questionnaire:
    found = provider_named(platform).assumptions
    assert found is not None
    return found


LATER = NOW + 10 * 86_400


def populated(platform: str, folder: Path | None = None) -> World:
    """An account that has one of everything that doctor looks at."""
    world = World(may_send=True, folder=folder)
    if platform == "squalomail":
        lists = [world.api("create-list", name=name, listTags=["a"])["list"]["id"] for name in ("News", "Other")]
        world.api("create-newsletter", subject="Hello", body="<p>Hi</p>", listIds=lists[:1])
        world.api("create-recipient", email="ann@example.test", name="Ann", listIds=lists[:1])
        return world
    group = world.call("gatormail_addGroup", **GROUP)["id"]
    people = [{"emailLogin": f"{name}@example.test"} for name in ("ann", "bob")]
    world.call("gatormail_groupIncludedContactpost", groupId=group, contacts=people)
    common = {"type": "Static", "subject": "S", "fromAddress": "a@example.test", "fromName": "A"}
    dates = {"startDate": "2027-01-16T08:00:00Z", "endDate": "2027-01-18T08:00:00Z"}
    email = {"name": "M", "html": "<p>Hi</p>", "text": "Hi", "autoTrackLinks": False}
    first = world.call("gatormail_addCampaign", name="First", **common, **dates, group={"id": group}, email=email)["id"]
    world.call("gatormail_addCampaign", name="Second", **common, email=email)
    world.call("gatormail_initiateCampaign", campaignId=first)
    world.call("gatormail_postSchemaEntity", name="Contact", displayName="Contact")
    world.call("gatormail_postSchemaAttribute", entityName="Contact", name="city", displayName="C", dataType="string")
    world.now = LATER
    assert world.call("gatormail_getCampaign", campaignId=first)["status"] == "Finished"
    return world


def turn(world: World, platform: str, switches: Mapping[str, Any]) -> None:
    """Move switches of the emulator."""
    path = "gatormail/switches" if platform == "gatormail" else "switches"
    http = httpx.Client(transport=httpx.MockTransport(world.sandbox.handle))
    assert http.post(f"{BASE}/_sandbox/{path}", json=dict(switches)).is_success


def client_of(world: World, platform: str) -> Any:
    return world.gator if platform == "gatormail" else world.client


def examined(world: World, platform: str, level: int = READS) -> dict[str, Finding]:
    """What doctor finds, at level 2 with a scratch that is cleaned up."""
    around = tried(world, platform) if level == SCRATCH else None
    _, findings = questions(questionnaire(platform), client_of(world, platform), level, {}, around)
    return {finding.assumption.id: finding for finding in findings}


@contextmanager
def tried(world: World, platform: str) -> Iterator[dict[str, Answer]]:
    folder = world.home / "scratch"
    account = client_of(world, platform).account()
    own = bench(world, platform, Journal.new(folder, platform, account, world.now))
    answers: dict[str, Answer] = {}
    own.try_out(answers)
    yield answers
    cleaned = own.clean(answers)
    assert (cleaned.stays, cleaned.unsure) == ([], ""), cleaned.told
    assert journals(folder, platform) == []


def bench(world: World, platform: str, journal: Journal) -> Bench:
    """As the command has it."""
    gate = world.workspace.gate(None)

    def attempt(call: Call, look: Callable[[], None]) -> Answer:
        def seen() -> Moment:
            look()
            return gate.moment()

        return gate.look(platform, call, seen)

    scratch = questionnaire(platform).scratch
    assert scratch is not None
    return Bench(scratch, client_of(world, platform), attempt, journal, pause=lambda _: None)
