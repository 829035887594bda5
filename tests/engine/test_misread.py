"""Members that are renamed, missing or of another type: nothing is done on the strength of what was not understood.

An undisturbed apply of a story says what may be sent, deleted, included, taken off and marked; a run that understands
less may do less of it, and nothing else. What it can't read it names, with the row of the contract or the assumption.
``make chaos`` has 10,000 cases; the tests have a few.
"""

import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from reconcile.engine.workflow import apply, plan, settle
from reconcile.errors import Diagnostic, ReconcileError
from reconcile.providers import provider_named
from reconcile.providers.gatormail.contract import members
from reconcile.providers.gatormail.feed import Tally, pull
from reconcile.providers.gatormail.feed_store import open_sink
from reconcile.sandbox.switches import DISTORTIONS
from tests.engine.stories import STORIES, Account, Desired, account_in, copied, readers, recipients, whole, with_reader
from tests.engine.test_schedule import ALL
from tests.providers.gatormail.test_feed import happen, rows

CHAOS = bool(os.environ.get("CHAOS"))
SEED = int(os.environ.get("CHAOS_SEED", "20261129"))
CASES = int(os.environ.get("MISREAD", "0")) or (5_000 if CHAOS else 25)  # of each platform
TYPES = ("text", "number", "bool", "list", "null", "object")
# Shapes on which decisions rest; the others are met, too.
DECISIVE = (
    "List", "ListMail", "ListSub", "Mail", "Recipient", "Stats", "list", "newsletter", "recipient", "envelope",
    "campaign", "group", "groupCount", "email", "contact", "audience", "membership", "initiate", "uninitiate",
    "batch", "record", "ack", "*",
)  # fmt: skip
ROW = re.compile(r"`(f|v|c|op|cap)\.[\w.]+`|`page_cap`")

Effects = dict[str, Counter[Any]]


@dataclass(frozen=True)
class Scene:
    """What is disturbed, and what an undisturbed run does to the account."""

    start: Path
    run: Callable[[Account], list[Diagnostic]]
    effects: Effects


def changes(platform: str) -> list[str]:
    """The members that answers are known to have, as shape and name."""
    known = {found.id[2:] for found in provider_named(platform).assumptions or () if found.id.startswith("f.")}
    known |= {str(value).partition("=")[0] for name, value in DISTORTIONS[platform] if name == "distort_members"}
    known |= {"*.id", "*.name"}
    return sorted(each for each in known if each.count(".") == 1)


def distorted(chosen: random.Random, known: list[str]) -> dict[str, str]:
    """One to three members, each with another name, another type, or none."""
    names, types = [], []
    telling = [member for member in known if member.partition(".")[0] in DECISIVE]
    for member in chosen.sample(telling if chosen.random() < 0.8 else known, chosen.choice((1, 1, 2, 3))):
        match chosen.randrange(3):
            case 0:
                names.append(f"{member}=")
            case 1:
                names.append(f"{member}={chosen.choice(('Value', 'x_' + member.partition('.')[2], 'key-1'))}")
            case _:
                types.append(f"{member}={chosen.choice(TYPES)}")
    return {"distort_members": ",".join(names), "distort_types": ",".join(types)}


def held(account: Account) -> Effects:
    """What there is to lose or to send, by names: objects, mails that stand ready, people on lists, marked batches."""
    queries = {
        "objects": (
            "SELECT 'list', name FROM list UNION ALL SELECT 'mail', subject FROM mail "
            "UNION ALL SELECT 'recipient', email FROM recipient UNION ALL SELECT 'campaign', name FROM gm_campaign "
            "UNION ALL SELECT 'group', name FROM gm_group UNION ALL SELECT 'contact', email FROM gm_contact"
        ),
        "queued": (
            "SELECT subject, senddate FROM mail WHERE published = 2 OR senddate "
            "UNION ALL SELECT name, startdate FROM gm_campaign WHERE status != 'InSetup'"
        ),
        "people": (
            "SELECT list.name, email FROM listsub JOIN list USING (account, listid) "
            "JOIN recipient USING (account, subid) WHERE status = 1 "
            "UNION ALL SELECT gm_group.name, email FROM gm_member JOIN gm_group ON gm_group.id = groupid "
            "JOIN gm_contact ON gm_contact.id = contactid WHERE state = 'included'"
        ),
        "marked": "SELECT gm_record.id FROM gm_record JOIN gm_batch ON identifier = batch WHERE state = 'processed'",
    }
    with account.sandbox.store.transaction(write=False) as db:
        return {name: Counter(tuple(row) for row in db.execute(sql)) for name, sql in queries.items()}


def effects(before: Effects, after: Effects) -> Effects:
    """What can't be taken back, or hurts somebody."""
    return {
        "deleted": before["objects"] - after["objects"],
        "sent": after["queued"] - before["queued"],
        "included": after["people"] - before["people"],
        "taken off": before["people"] - after["people"],
        "marked": after["marked"] - before["marked"],
    }


def telling(story: Callable[[], Desired]) -> Callable[[Account], list[Diagnostic]]:
    """An apply, and what it said; whatever is no error of ours is a fault."""

    def run(account: Account) -> list[Diagnostic]:
        told: list[Diagnostic] = []
        try:
            with account.store.lock("test") as locked:
                settle(account.workspace, locked)
                made = plan(account.workspace, story(), locked.state)
                for event in apply(account.workspace, locked, made, ALL):
                    told += event.diagnostics
        except ReconcileError as error:
            told += error.diagnostics
        return told

    return run


def feeding(account: Account) -> list[Diagnostic]:
    """All activity into a file; a batch is marked only if each of its records is there as it came."""
    file = account.home / "feed.jsonl"
    told: list[Diagnostic] = []
    try:
        with open_sink(file, "here", tuple(members("record"))) as sink:
            pull(account.workspace.gate(None).client("gatormail"), sink, Tally())
    except ReconcileError as error:
        told += error.diagnostics
    stored = {str(row["id"]) for row in rows(file)} if file.exists() else set()
    with account.sandbox.store.transaction(write=False) as db:
        sql = "SELECT gm_record.id FROM gm_record JOIN gm_batch ON identifier = batch WHERE state = 'processed'"
        marked = {str(row["id"]) for row in db.execute(sql)}
    assert marked <= stored, f"{len(marked - stored)} records were marked and are not stored"
    return told


def syncing() -> Desired:
    """The audience again, whose file has fewer people by now, who are taken off."""

    return {
        address: replace(found, attributes={**found.attributes, "mode": "sync"})
        if address.kind == "audience"
        else found
        for address, found in recipients().items()
    }


def _synced(folder: Path) -> Path:
    """An account whose audience put twenty people on a list, of whom the file has twelve now."""
    folder.mkdir()
    account = account_in(folder)
    account.apply(readers(), ALL)
    with_reader(account)
    code, _, _ = account.apply(syncing(), ALL)
    assert code == 0
    account.source([(f"r{number:02}@example.com", "R") for number in range(12)])
    account.close()
    return folder


def _fed(folder: Path) -> Path:
    folder.mkdir()
    account = account_in(folder)
    account.call("gatormail_addContact", emailLogin="ann@example.test")
    account.person("ui/options", {"batchSize": 3}, "PUT")
    happen(account, 7)
    happen(account, 1, "Unsubscribed")
    account.close()
    return folder


def scenes(platform: str, folder: Path) -> Iterator[Scene]:
    stories = {name: story for name, story in STORIES.items() if name.startswith(platform)}
    starts = [(whole(name).start, telling(story.after)) for name, story in stories.items()]
    if platform == "squalomail":
        starts += [(_synced(folder / "synced"), telling(syncing))] * 2
    else:
        starts += [(_fed(folder / "fed"), feeding)] * 3
    for number, (start, run) in enumerate(starts):
        account = account_in(copied(start, folder / f"undisturbed-{number}"))
        before = held(account)
        told = run(account)
        assert not [found for found in told if found.severity.value == "error"], told
        yield Scene(start, run, effects(before, held(account)))
        account.close()


@pytest.mark.parametrize("platform", ["squalomail", "gatormail"])
def test_nothing_is_done_on_what_was_not_understood(platform: str, tmp_path: Path) -> None:
    chosen = random.Random(f"{SEED} {platform}")
    known, all_scenes = changes(platform), list(scenes(platform, tmp_path))
    assert len(known) > 50
    happened: Counter[str] = Counter()
    faults: list[str] = []
    assert {name for scene in all_scenes for name, found in scene.effects.items() if found} >= {
        "deleted", "sent", "included", "taken off" if platform == "squalomail" else "marked"
    }  # fmt: skip
    folder = tmp_path / "account"
    for number in range(CASES):
        scene = all_scenes[number % len(all_scenes)]
        positions = distorted(chosen, known)
        shutil.copytree(scene.start, folder)
        account = account_in(folder)
        before = held(account)
        switches = account.sandbox.switches if platform == "squalomail" else account.sandbox.gatormail.positions
        switches.set(positions)
        try:
            told = scene.run(account)
        except Exception as error:  # whatever it is, the others are looked at, too
            faults.append(f"case {number}, {positions}: {error!r}")
            told = []
        done = effects(before, held(account))
        for name, found in done.items():
            if found - scene.effects[name]:
                faults.append(f"case {number}, {positions}: {name} {found}")
        for found in told:
            happened[found.code] += 1
            if found.code == "unexpected-answer" and not ROW.search(found.hint or ""):
                faults.append(f"case {number}, {positions}: {found.detail} {found.hint}")
        happened["as undisturbed" if done == scene.effects else "less was done"] += 1
        account.close()
        shutil.rmtree(folder)
    assert not faults, f"{platform}, {len(faults)} of {CASES} cases:\n" + "\n".join(faults)
    print(f"{platform}: {CASES} cases, {dict(happened)}")  # noqa: T201
    assert happened["as undisturbed"]
    assert happened["less was done"] > CASES / 20
    assert happened["unexpected-answer"] > CASES / 20
