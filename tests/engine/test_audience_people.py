"""Whatever the file says and whoever meddles: what people have decided stands, and what others did stays."""

import contextlib
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from reconcile.engine.run import Rights
from reconcile.planner.plan import Right
from tests.budget import examples
from tests.crowd import Crowd, audience, news
from tests.world import address, declared, failures

PEOPLE = address("audience", "people")
RIGHTS = Rights(frozenset([Right.SEND, Right.ACCEPT_UNKNOWN]), deletes=1000)
WHO = [f"p{number}@example.com" for number in range(6)]
who = st.sampled_from(WHO)

sources = st.lists(st.tuples(who, st.sampled_from(["Ada", "Bea", ""])), max_size=6, unique_by=lambda row: row[0])
deeds = st.lists(
    st.one_of(
        st.tuples(st.just("leaves"), who),
        st.tuples(st.just("declines all"), who),
        st.tuples(st.just("refuses"), who),
        st.tuples(st.just("is deleted"), who),
        st.tuples(st.just("joins"), who),
        st.tuples(st.just("is tagged"), who),
    ),
    max_size=4,
)
entries = st.fixed_dictionaries(
    {"mode": st.sampled_from(["add", "sync"])},
    optional={
        "tags": st.just(["crm"]),
        "gdpr": st.sampled_from(
            [
                {"gdprCanSend": True, "language": "it"},
                {"gdprCanSend": True, "gdprCanTrack": False, "language": "en"},
                {"gdprCanSend": False, "language": "it"},
            ]
        ),
    },
)


class Killed(Exception):
    """The process ends here."""


@dataclass
class Decisions:
    """What people, and those who look after them, have decided; kept apart from all that is tested."""

    left: set[str] = field(default_factory=set)
    declined: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    joined: set[str] = field(default_factory=set)
    tagged: set[str] = field(default_factory=set)

    def gone(self, email: str) -> None:
        for kept in (self.left, self.declined, self.refused, self.joined, self.tagged):
            kept.discard(email)


@settings(
    max_examples=examples(6, 400),
    deadline=None,
    phases=set(Phase) - {Phase.shrink},
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.lists(st.tuples(deeds, sources, entries, st.none() | st.integers(1, 6)), min_size=1, max_size=4))
def test_what_people_decide_stands(turns: list[tuple[Any, ...]]) -> None:
    world = Crowd()
    world.apply(declared(news()))
    number = int(world.lists()[0]["id"])
    decided = Decisions()
    for done, rows, entry, dies in turns:
        world.now += 86_400
        for deed, email in done:
            _do(world, number, deed, email, decided)
        world.source(rows)
        desired = declared(news(), audience(**entry))
        _killed_after(world, desired, dies)
        _holds(world, number, decided)
        code, events, _ = world.run(desired, RIGHTS)
        if entry["mode"] == "sync" and not rows:
            assert code == 3
            continue
        assert code == 0, failures(events)
        _holds(world, number, decided)
        assert world.settled(desired), [step.changes for step in world.plan(desired).changes]
        for email, name in rows:
            row = world.people().get(email)
            assert row is not None or email in decided.deleted
            assert row is None or row["name"] == name or not name
    world.close()


def _killed_after(world: Crowd, desired: Any, calls: int | None) -> None:
    """A run that ends at one of its writes."""
    if calls is None:
        return
    send, left = world.client.send, calls

    def dying(call: Any, *ticket: Any) -> Any:
        nonlocal left
        answer = send(call, *ticket)
        if not call.operation.startswith("get-"):
            left -= 1
            if left == 0:
                raise Killed
        return answer

    world.client.send = dying  # type: ignore[method-assign]
    with contextlib.suppress(Killed):
        world.apply(desired, RIGHTS)
    world.client.send = send  # type: ignore[method-assign]


def _do(world: Crowd, number: int, deed: str, email: str, decided: Decisions) -> None:
    row = world.people().get(email)
    if row is None:
        if deed == "joins":
            world.person(email, name="Own", listIds=[number])
            decided.joined.add(email)
            decided.deleted.discard(email)
        return
    subid = row["subid"]
    match deed:
        case "leaves" if email in world.on_list(number):
            world.api("unsubscribe-recipient", recipientId=subid, listIds=[number], accept=int(row["accept"]))
            decided.left.add(email)
            decided.joined.discard(email)
        case "declines all":
            world.api("update-recipient", id=subid, accept=False)
            decided.declined.add(email)
        case "refuses":
            for title in ("gdpr_can_send", "gdpr_can_track"):
                world.api("revoke-gdpr-consent", recipientId=subid, consentTitle=title, language="it")
            decided.refused.add(email)
        case "is deleted":
            world.api("delete-recipient", recipientId=subid)
            decided.gone(email)
            decided.deleted.add(email)
        case "joins" if email not in world.on_list(number):
            world.api("subscribe-recipient", recipientId=subid, listIds=[number], accept=1)
            decided.joined.add(email)
            decided.left.discard(email)
            decided.declined.discard(email)
        case "is tagged":
            world.api("update-recipient", id=subid, tags=[*row["tags"], "own"])
            decided.tagged.add(email)


def _holds(world: Crowd, number: int, decided: Decisions) -> None:
    people, here = world.people(), world.on_list(number)
    assert not here & decided.left, "who left was brought back"
    assert all(not people[email]["accept"] for email in decided.declined), "who declined all mail gets some"
    for title in ("gdpr_can_send", "gdpr_can_track"):
        assert all(not people[email][title] for email in decided.refused), "a consent was granted over a refusal"
    assert decided.tagged <= {email for email, row in people.items() if "own" in row["tags"]}, "a tag was taken away"
    assert decided.joined <= here, "somebody who came by themselves was taken off"
