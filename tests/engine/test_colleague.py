"""A colleague edits, sends, cancels or deletes between any two calls of ours: nothing that a read has shown is undone.

``make chaos`` has every deed before every call of every story, on both platforms; the tests take some.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconcile.errors import ReconcileError
from tests.budget import CHAOS
from tests.engine.colleagues import DEEDS, HERS, Target, Watch
from tests.engine.stories import STORIES, Account, account_in, copied, mailed, whole
from tests.engine.test_schedule import ALL


def _squalo(kind: str, name: str) -> Target:
    return Target("squalomail", kind, name)


_SPRING, _T, _A = _squalo("campaign", "Spring"), _squalo("template", "T"), _squalo("list", "A")
_MADE, _OWN, _GONE = _squalo("campaign", "Made"), _squalo("campaign", "Own"), _squalo("list", "Gone")
_LAUNCH, _NOTE = Target("gatormail", "campaign", "Launch"), Target("gatormail", "campaign", "Note")
_BUYERS = Target("gatormail", "group", "Buyers")
# The objects that a story writes, by what people call them.
TARGETS = {
    "squalomail create": (_A, _T, _MADE, _OWN),
    "squalomail change": (_A, _GONE, _T, _MADE, _OWN),
    "squalomail delete": (_A, _GONE, _T, _MADE, _OWN),
    "squalomail schedule": (_T, _SPRING),
    "squalomail move": (_SPRING,),
    "squalomail replace": (_T, _SPRING),
    "squalomail cancel": (_T, _SPRING),
    "squalomail import": (_A, _SPRING),
    "gatormail create": (_BUYERS, _NOTE),
    "gatormail change": (_LAUNCH, _NOTE),
    "gatormail delete": (_BUYERS, _LAUNCH),
    "gatormail initiate": (_BUYERS, _LAUNCH),
    "gatormail move": (_LAUNCH,),
    "gatormail replace": (_LAUNCH,),
    "gatormail regroup": (_BUYERS, _LAUNCH),
    "gatormail cancel": (_LAUNCH,),
    "gatormail import": (_BUYERS, _LAUNCH),
}


# How many deeds of each story the tests take.
SAMPLES = 6


def _cases(story: str) -> Iterator[tuple[str, Target, int]]:
    """The deeds of a story: what is done with what before which call, counted from 1."""
    calls = range(1, whole(story).calls + 1)
    every = [(deed, target, at) for target in TARGETS[story] for deed in DEEDS for at in calls]
    if CHAOS:
        yield from every
        return
    stride = len(every) // SAMPLES | 1
    yield from every[list(STORIES).index(story) % stride :: stride]


def meddled(folder: Path, story: str, deed: str, target: Target, at: int) -> tuple[Watch, int, str, Account]:
    """An apply of what was approved, amid which somebody else does something; the exit code, and what was said."""
    account = account_in(copied(whole(story).start, folder))
    account.workspace = replace(account.workspace, parallelism=1)
    desired = STORIES[story].after()
    record = account.plan(desired)
    watch = Watch(account, deed, target, at)
    account.proxy = watch.handle
    try:
        code, events = account.apply_saved(desired, record, rights=ALL)
        said = " | ".join(f"{found.address}: {found.detail}" for event in events for found in event.diagnostics)
    except ReconcileError as error:
        code, said = error.exit_code, str(error)
    account.proxy = None
    return watch, code, said, account


def judged(watch: Watch, code: int, said: str, account: Account) -> Iterator[str]:
    """What must not have happened."""
    if watch.id_ is None:
        return
    target, id_ = watch.target, watch.id_
    shows = target.shows(account, id_)
    going = bool(shows) and target.going(account, id_)
    if set(mailed(account).values()) - {1}:
        yield "sent twice"
    if watch.wrong:
        yield f"undone, though it was read: {watch.wrong}"
    if watch.deed == "edit" and watch.launched and going and HERS in shows and not code:
        yield "what nobody has seen goes out, and nothing is said"
    if watch.overtaken:
        return
    if watch.deed == "cancel" and watch.shown and going:
        yield "what she cancelled goes out"
    if watch.shown and not code and not (watch.deed == "delete" or _is_still(watch, shows, going)):
        yield "hers is gone, and nothing is said"


def _is_still(watch: Watch, shows: str, going: bool) -> bool:
    return {"edit": HERS in shows, "send": going, "cancel": not going}[watch.deed]


@pytest.mark.parametrize("story", STORIES)
def test_nothing_that_a_read_has_shown_is_undone(story: str, tmp_path: Path) -> None:
    done = 0
    for number, (deed, target, at) in enumerate(_cases(story)):
        watch, code, said, account = meddled(tmp_path / str(number), story, deed, target, at)
        found = list(judged(watch, code, said, account))
        account.close()
        shutil.rmtree(tmp_path / str(number))
        assert not found, f"{story}, {deed} of {target.name} before call {at}, exit {code}: {found}; {said}"
        done += watch.id_ is not None
    assert done
