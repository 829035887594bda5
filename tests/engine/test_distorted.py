"""Every story on a platform that answers otherwise than assumed: it ends right, or stops and says why.

Whatever the platform does, nobody gets a mail twice, and nobody who is excluded gets one. ``make chaos`` has each story
under each distortion, and a thousand pairs of distortions on each platform; the tests have a sample.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconcile.engine.workflow import apply, outcome_code, plan, settle
from reconcile.errors import ReconcileError
from reconcile.sandbox.store import digest
from reconcile.sandbox.switches import DISTORTIONS
from tests.engine.stories import EXCLUDED, STORIES, Account, Desired, account_in, copied, inventory, mailed, whole
from tests.engine.test_schedule import ALL

CHAOS = bool(os.environ.get("CHAOS"))
SEED = int(os.environ.get("CHAOS_SEED", "20261129"))
SAMPLES = 2  # distortions of each story that the tests take
PAIRS = 1_000 if CHAOS else 8  # of each platform's 2,000 or so
Distortion = tuple[tuple[str, Any], ...]


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
            for distortion in every if CHAOS else chosen.sample(every, SAMPLES):
                yield pytest.param(story, distortion, id=_named(story, distortion))
        for at, pair in enumerate(chosen.sample(_pairs(platform), PAIRS)):
            story = stories[at % len(stories)]
            yield pytest.param(story, pair, id=_named(story, pair))


def _named(story: str, distortion: Distortion) -> str:
    return f"{story}: " + " & ".join(f"{name} {value}" for name, value in distortion)


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
    _turn(account, story, dict.fromkeys(_merged(distortion)))
    rewritten = any(name == "rewrite_texts" for name, _ in distortion)
    if code == 0 and not rewritten:
        assert inventory(account) == expected.inventory, told
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
