"""Every story on a platform that answers otherwise than assumed: it ends right, or stops and says why.

Whatever the platform does, nobody gets a mail twice, and nobody who is excluded gets one. ``make chaos`` has each story
under each distortion, and a thousand pairs of distortions on each platform; the tests have a sample.
"""

import functools
import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconcile.engine.workflow import apply, outcome_code, plan, settle
from reconcile.errors import ReconcileError
from reconcile.sandbox.store import digest
from reconcile.sandbox.switches import DISTORTIONS
from tests.engine.stories import (
    EXCLUDED,
    STORIES,
    Account,
    Desired,
    account_in,
    applied,
    copied,
    inventory,
    mailed,
    whole,
)
from tests.engine.test_schedule import ALL
from tests.world import HOMES

CHAOS = bool(os.environ.get("CHAOS"))
SEED = int(os.environ.get("CHAOS_SEED", "20261129"))
SAMPLES = 2  # distortions of each story that the tests take
PAIRS = 1_000 if CHAOS else 8  # of each platform's 2,000 or so
Distortion = tuple[tuple[str, Any], ...]


# By themselves these change nothing for any story: each ends 0, and comes to the same as ever.
HARMLESS = frozenset(
    {
        *(f"distort_members {name}" for name in ("List.listid=", "Stats.mailid=", "Field.namekey=key")),
        *(f"distort_members {name}=" for name in ("newsletter.id", "recipient.id", "envelope.list")),
        *(f"distort_members {name}=" for name in ("envelope.newsletter", "initiate.initiated", "audience.final")),
        *(f"distort_members {name}=" for name in ("schema.entities", "request.requested", "options.feeds")),
        *(f"distort_members {name}=" for name in ("batch.batchIdentifier", "record.activityType", "ack.processed")),
        *("distort_members uninitiate.uninitiated=ok", "distort_members entity.attributes=fields"),
        *("distort_members batch.records=rows", "distort_members record.id=recordId"),
        *(f"distort_types {name}" for name in ("List.name=number", "newsletter.id=null", "initiate.initiated=text")),
        *(f"distort_types {name}" for name in ("audience.final=null", "schema.entities=null", "options.feeds=list")),
        *(f"distort_types {name}" for name in ("batch.records=object", "batch.batchIdentifier=number")),
        *(f"distort_types {name}" for name in ("record.id=null", "ack.processed=text")),
        *("page_cap 1", "page_cap 50", "errors_as_200 True"),
        *(f"status_words {words}" for words in ("1=3", "Active=Sending", "Finished=Done", "Inserted=Added")),
        *("status_words FieldMappingSchema=Fields", "id_form guid"),
        *("error_under_200 gatormail_getDatafeed", "error_under_200 gatormail_getSchema"),
    }
)


def _single(platform: str) -> list[Distortion]:
    return [(each,) for each in DISTORTIONS[platform]]


def _pairs(platform: str) -> list[Distortion]:
    each = DISTORTIONS[platform]
    return [(one, two) for at, one in enumerate(each) for two in each[at + 1 :]]


def _merged(distortion: Distortion) -> dict[str, Any]:
    """The positions: of two changes to members or words, both."""
    found: dict[str, Any] = {}
    for name, value in distortion:
        both = name in found and name in ("distort_members", "distort_types", "status_words")
        found[name] = f"{found[name]},{value}" if both else value
    return found


def _cases() -> Iterator[Any]:
    chosen = random.Random(SEED)
    for platform in DISTORTIONS:
        stories = [name for name in STORIES if name.startswith(platform)]
        for story in stories:
            every = _single(platform)
            for distortion in every if CHAOS else _sample(chosen, story, every):
                yield pytest.param(story, distortion, id=_named(story, distortion))
        for at, pair in enumerate(chosen.sample(_pairs(platform), PAIRS)):
            story = stories[at % len(stories)]
            yield pytest.param(story, pair, id=_named(story, pair))


def _sample(chosen: random.Random, story: str, every: list[Distortion]) -> list[Distortion]:
    """Some of the distortions, and one under which the story comes to the same."""
    found = chosen.sample(every, SAMPLES)
    same = [each for each in every if _is_harmless(story, each) and each not in found]
    return [*found, chosen.choice(same)]


def _named(story: str, distortion: Distortion) -> str:
    return f"{story}: " + " & ".join(f"{name} {value}" for name, value in distortion)


def _is_harmless(story: str, distortion: Distortion) -> bool:
    """Whether the story is known to come to the same: two together may yet be more than each by itself."""
    (name, value), *more = distortion
    return not more and f"{name} {value}" in HARMLESS and (story.startswith("gatormail") or name != "id_form")


def test_every_story_is_seen_to_come_to_the_same() -> None:
    """Else all that is asked of a run might be that it stops."""
    assert {case.values[0] for case in _cases() if _is_harmless(*case.values)} == set(STORIES)
    known = {f"{name} {value}" for platform in DISTORTIONS for name, value in DISTORTIONS[platform]}
    assert known >= HARMLESS


@pytest.mark.parametrize(("story", "distortion"), list(_cases()))
def test_a_story_on_a_platform_that_answers_otherwise(story: str, distortion: Distortion, tmp_path: Path) -> None:
    expected = whole(story)
    account = _begun(story, distortion, tmp_path / "account")
    if account is None:
        return  # it ended with an error, before there was anything to apply to
    _turn(account, story, _merged(distortion))
    code, told = _applied(account, STORIES[story].after)
    assert code in (0, 1, 3, 6), (code, told)
    assert code == 0 or all(told), "it stops without a message"
    assert code == 0 or told, "it stops without a message"
    assert code == 0 or not _is_harmless(story, distortion), told
    _turn(account, story, dict.fromkeys(_merged(distortion)))
    rewritten = any(name == "rewrite_texts" for name, _ in distortion)
    if code == 0 and not rewritten:
        assert inventory(account) == expected.inventory, told
    elif not rewritten:
        assert not _names(account) - _most(story), "something was made twice"
    mails = mailed(account)
    assert max(mails.values(), default=0) <= 1, mails
    assert not {digest(EXCLUDED), digest("never@example.com")} & {person for _, person in mails}
    assert code or rewritten or mails == expected.mails
    subjects = {subject for subject, _ in mails} if rewritten else set()
    known = set(expected.mails) | set(_untouched(story, tmp_path / "untouched"))
    assert subjects or set(mails) <= known, "somebody got a mail that nobody asked for"
    account.close()


def _begun(story: str, distortion: Distortion, folder: Path) -> Account | None:
    """The account before the story's apply; where ids have another form, they have it from the beginning."""
    forms = {name: value for name, value in distortion if name == "id_form"}
    if not forms:
        return account_in(copied(whole(story).start, folder))
    folder.mkdir()
    account = account_in(folder)
    _turn(account, story, forms)
    for desired in (STORIES[story].setting.declared, STORIES[story].before):
        code, told = _applied(account, desired)
        if code:
            assert code in (1, 3, 6), (code, told)
            assert told
            account.close()
            return None
        if desired is STORIES[story].setting.declared:
            try:
                STORIES[story].setting.outside(account)
            except ReconcileError:
                account.close()
                return None  # others use the same client
    account.close()
    return account_in(folder)


def _names(account: Account) -> Counter[str]:
    """How many objects there are of one name."""
    found = Counter(f"list {row['name']}" for row in account.lists())
    found.update(f"mail {row['subject']}" for row in account.rows("Mail"))
    for kind in ("campaign", "group"):
        found.update(f"{kind} {row['name']}" for row in account.gatormail_rows(f"{kind}/1/100"))
    return found


@functools.cache
def _most(story: str) -> Counter[str]:
    """How many of one name there may be: as many as before or after, or, where one replaces another, both."""
    folder = Path(tempfile.mkdtemp(dir=HOMES.get("folder")))
    account = account_in(copied(whole(story).start, folder / "account"))
    before = _names(account)
    applied(account, STORIES[story].after())
    after = _names(account)
    account.close()
    return before + after if "replace" in story else before | after


def _untouched(story: str, folder: Path) -> Counter[tuple[str, str]]:
    """Who gets which mail if nothing is applied: what stands ready goes out where it can't be stopped."""
    account = account_in(copied(whole(story).start, folder))
    try:
        return mailed(account)
    finally:
        account.close()


def _turn(account: Account, story: str, positions: dict[str, Any]) -> None:
    squalomail = story.startswith("squalomail")
    (account.sandbox.switches if squalomail else account.sandbox.gatormail.positions).set(positions)


def _applied(account: Account, desired: Callable[[], Desired]) -> tuple[int, list[str]]:
    """The exit code of an apply, and what it said."""
    events = []
    try:
        with account.store.lock("test") as locked:
            settle(account.workspace, locked)
            made = plan(account.workspace, desired(), locked.state)
            for event in apply(account.workspace, locked, made, ALL):
                events.append(event)  # noqa: PERF402 - those before an error count
    except ReconcileError as error:
        code = 6 if any(event.written for event in events) else error.exit_code
        return code, [found.detail for found in error.diagnostics]
    told = [found.detail for event in events for found in event.diagnostics]
    told += [step.blocked.detail for step in made.steps.values() if step.blocked]
    return outcome_code(events), told
