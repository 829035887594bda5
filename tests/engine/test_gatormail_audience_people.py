"""Whatever the files say, whoever meddles and whatever breaks: who is excluded is never included by us."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from reconcile.engine.run import Rights
from reconcile.errors import ReconcileError
from reconcile.model.call import Call
from reconcile.planner.plan import Right
from tests.budget import examples
from tests.buyers import EXCLUDE, INCLUDE, REMOVE, Buyers, audience, buyers
from tests.world import declared, failures

WRITES = (INCLUDE, EXCLUDE, REMOVE)
RIGHTS = Rights(frozenset([Right.SEND, Right.ACCEPT_UNKNOWN]), deletes=1000)
WHO = [f"p{number}@example.com" for number in range(5)]
who = st.sampled_from(WHO)
names = st.sampled_from(["Ada", "Bea", ""])
sources = st.lists(st.tuples(who, names), max_size=5, unique_by=lambda row: row[0])
outs = st.lists(who, max_size=2, unique=True)


@dataclass(frozen=True)
class Person:
    """Somebody before the first run: not there, or a contact of that first name, and how they stand with the group."""

    there: bool
    name: str
    standing: str


people = st.lists(
    st.builds(Person, st.booleans(), names, st.sampled_from(["", "included", "excluded"])), min_size=5, max_size=5
)


def bring_in(world: Buyers, persons: list[Person]) -> dict[str, Person]:
    known = dict(zip(WHO, persons, strict=True))
    for email, person in known.items():
        if person.there:
            world.person("api/contact", {"emailLogin": email, "firstName": person.name or None, "lastName": "Own"})
            if person.standing:
                standing = {"included": world.include, "excluded": world.exclude}[person.standing]
                standing(email)
    return {email: person for email, person in known.items() if person.there}


def sent(world: Buyers, into: list[tuple[str, list[str]]]) -> None:
    """Keep the contacts of each call that puts people somewhere."""
    send = world.gator.send

    def kept(call: Call, *ticket: Any) -> Any:
        if call.operation in (INCLUDE, EXCLUDE):
            into.append((call.operation, [contact["emailLogin"] for contact in call.arguments["contacts"]]))
        return send(call, *ticket)

    world.gator.send = kept  # type: ignore[method-assign]


@pytest.mark.parametrize("readable", [True, False])
@settings(
    max_examples=examples(6, 300),
    deadline=None,
    phases=set(Phase) - {Phase.shrink},
    suppress_health_check=[HealthCheck.too_slow],
)
@given(persons=people, rows=sources, out=outs)
def test_those_who_lack_something_are_written_and_nobody_else(
    readable: bool, persons: list[Person], rows: list[tuple[str, str]], out: list[str]
) -> None:
    world = Buyers(contract={} if readable else {"cap.membership.read": False})
    world.found()
    known = bring_in(world, persons)
    world.source(rows)
    world.source([(email,) for email in out], ("E-mail",), "no.csv")
    desired = declared(buyers(), audience(exclude="no.csv"))
    calls: list[tuple[str, list[str]]] = []
    sent(world, calls)
    code, events, _ = world.run(desired)
    assert code == 0, failures(events)

    standing = {email: person.standing for email, person in known.items()}
    before_out = {email for email, where in standing.items() if where == "excluded"}
    lacking = {
        email
        for email, name in rows
        if email not in before_out
        and email not in out
        and (standing.get(email) != "included" or name not in ("", known[email].name))
    }
    written = {operation: set(emails) for operation, emails in calls}
    assert written.get(INCLUDE, set()) == lacking
    assert written.get(EXCLUDE, set()) == set(out) - before_out
    assert len(calls) == len(written), "one call each"
    assert world.excluded() == before_out | set(out)
    mine = {email for email, _ in rows}
    others = {email for email, where in standing.items() if where == "included"}
    assert set(world.included()) == (mine | others) - before_out - set(out)
    for email, row in world.people().items():
        wanted = dict(rows).get(email, "") if email in lacking else ""
        assert (row["firstName"] or "") == (wanted or (known[email].name if email in known else ""))
        assert row["lastName"] == ("Own" if email in known else None)
    assert world.settled(desired)
    world.close()


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Decided:
    """Who is to be out, kept apart from all that is tested; ``ours``: by the file of those to exclude."""

    out: set[str] = field(default_factory=set)
    joined: set[str] = field(default_factory=set)


deeds = st.tuples(st.sampled_from(["opts out", "is excluded", "joins", "is let in again"]), who)
turns = st.fixed_dictionaries(
    {
        "deeds": st.lists(deeds, max_size=3),
        "rows": sources,
        "out": outs,
        "mode": st.sampled_from(["add", "sync"]),
        "meanwhile": st.none() | st.tuples(st.integers(1, 12), deeds),
        "killed": st.none() | st.integers(1, 3),
        "faults": st.lists(
            st.builds(
                "{}:{}:n={}".format,
                st.sampled_from(["drop-after", "drop-before", "truncate", "429", "500", "empty"]),
                st.sampled_from([*WRITES, "gatormail_group*get"]),
                st.integers(1, 3),
            ),
            max_size=2,
        ),
    }
)


@settings(
    max_examples=examples(10, 600),
    deadline=None,
    phases=set(Phase) - {Phase.shrink},
    suppress_health_check=[HealthCheck.too_slow],
)
@given(persons=people, story=st.lists(turns, min_size=1, max_size=4), campaign=st.booleans())
def test_who_is_out_stays_out(persons: list[Person], story: list[dict[str, Any]], campaign: bool) -> None:
    world = Buyers(contract={"cap.membership.remove": True})
    world.found()
    bring_in(world, persons)
    decided = Decided(world.excluded(), set(world.included()))
    if campaign:
        world.campaign("RefreshNonRecurring", start="2027-01-15T08:00:00")
    send = world.gator.send
    ours: set[str] = set()
    for turn in story:
        for deed, email in turn["deeds"]:
            do(world, deed, email, decided)
        world.source(turn["rows"])
        world.source([(email,) for email in turn["out"]], ("E-mail",), "no.csv")
        desired = declared(buyers(), audience(exclude="no.csv", mode=turn["mode"]))
        world.sandbox.faults.set(turn["faults"])
        if turn["meanwhile"] is not None:
            nth, (deed, email) = turn["meanwhile"]
            right_before(world, nth, lambda deed=deed, email=email: do(world, deed, email, decided))
        if turn["killed"] is not None:
            killed_after(world, turn["killed"])
        decided.joined -= set(turn["out"])
        with contextlib.suppress(Killed, ReconcileError):
            world.apply(desired, RIGHTS)
        world.gator.send = send  # type: ignore[method-assign]
        world.sandbox.faults.set([])
        code, events, _ = world.apply(desired, RIGHTS)
        if turn["mode"] == "sync" and not {email for email, _ in turn["rows"]} - set(turn["out"]):
            assert code == 3, "a source without anybody is refused"
            assert decided.out <= world.excluded()
            continue
        assert code == 0, failures(events)
        decided.out |= set(turn["out"])
        assert decided.out == world.excluded()
        ours |= {email for email, _ in turn["rows"]}
        others = decided.joined - decided.out - ours
        assert others <= set(world.included()), "somebody whom only others put there was taken out"
        assert world.settled(desired)
    mails = [mail["recipient"] for mail in world.sends() if mail["state"] == "sent"]
    assert len(mails) == len(set(mails)), "nobody gets a mail twice"
    world.close()


def do(world: Buyers, deed: str, email: str, decided: Decided) -> None:
    """What others do with a group, right now."""
    known = email in world.people()
    if deed in ("opts out", "is excluded") and (known or deed == "is excluded"):
        (world.opt_out if deed == "opts out" else world.exclude)(email)
        decided.out.add(email)
        decided.joined.discard(email)
    elif (deed == "joins" and email not in decided.out) or deed == "is let in again":
        if email not in world.included():
            decided.joined.add(email)
        world.include(email)
        decided.out.discard(email)


def right_before(world: Buyers, nth: int, deed: Callable[[], None]) -> None:
    """Have something happen before the nth read of the run; no tool can help what happens after the last one began."""
    send, left = world.gator.send, nth

    def meddled(call: Call, *ticket: Any) -> Any:
        nonlocal left
        if call.operation == "gatormail_groupExcludedContactget" and call.arguments["page"] == 1:
            left -= 1
            if left == 0:
                deed()
        return send(call, *ticket)

    world.gator.send = meddled  # type: ignore[method-assign]


def killed_after(world: Buyers, writes: int) -> None:
    """Have the process end right after a write."""
    send, left = world.gator.send, writes

    def dying(call: Call, *ticket: Any) -> Any:
        nonlocal left
        answer = send(call, *ticket)
        left -= call.operation in WRITES
        if left == 0:
            raise Killed
        return answer

    world.gator.send = dying  # type: ignore[method-assign]
