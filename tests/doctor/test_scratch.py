"""``--scratch`` tells what only writes tell, and leaves nothing: whatever happens, and whenever it is killed."""

import os
import signal
import traceback
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from reconcile.doctor.scratch import Journal, journals, refuse_others, shown
from reconcile.errors import Interrupted, InvalidInput, WrongAccount
from reconcile.model.account import Account
from reconcile.model.assumption import SCRATCH, Answer, Verdict
from reconcile.model.scratch import Scratch
from reconcile.providers.shapes import Misfit
from tests.doctor.accounts import PLATFORMS, SWITCHES, bench, client_of, examined, populated, questionnaire, turn
from tests.world import World

CHAOS = bool(os.environ.get("CHAOS"))


def everything(world: World, platform: str) -> list[str]:
    """All that the account holds of the kinds that a scratch makes."""
    if platform == "squalomail":
        mails = [f"mail {row['subject']}" for row in world.rows("Mail")]
        return sorted([*mails, *(f"list {row['name']}" for row in world.rows("List"))])
    tables = ("campaign", "group", "email")
    with world.sandbox.store.transaction(write=False) as db:
        rows = {name: db.execute(f"SELECT name FROM gm_{name}").fetchall() for name in tables}
    return sorted(f"{table} {row['name']}" for table, found in rows.items() for row in found)


@pytest.mark.parametrize("status", [None, 408, 429, 500, 503])
@pytest.mark.parametrize(
    ("platform", "asked", "first", "second", "seen"),
    [
        ("gatormail", "unique_names", "first twin", "twin", False),
        ("squalomail", "duplicate_list_name", "third", "twin", "accept"),
        ("squalomail", "duplicate_subject", "mail", "mail twin", "accept"),
    ],
)
def test_an_answer_that_leaves_it_open_tells_nothing_of_a_second_one(
    platform: str, asked: str, first: str, second: str, seen: Any, status: int | None
) -> None:
    (read,) = (found.read for found in questionnaire(platform) if found.id == asked and found.read)
    assert read({first: Answer(200, {}), second: Answer(200, {})}) == seen
    assert read({first: Answer(200, {}), second: Answer(status)}) is None
    assert read({first: Answer(status), second: Answer(200, {})}) is None


CASES = [
    (platform, switch.name, value)
    for platform in PLATFORMS
    for found in questionnaire(platform)
    if found.level == SCRATCH and found.switch
    for switch in SWITCHES[platform]
    if switch.name == found.id
    for value in switch.allowed
]


def test_there_are_enough_of_them() -> None:
    assert len(CASES) > 40


@pytest.mark.parametrize(("platform", "name", "value"), CASES)
def test_every_position_of_a_switch_that_writes_tell_is_named(platform: str, name: str, value: Any) -> None:
    world = World() if platform == "squalomail" else populated(platform)
    turn(world, platform, {name: value})
    before = everything(world, platform)
    found = examined(world, platform, SCRATCH)[name]
    assert found.seen == value, found
    assert (found.verdict is Verdict.HOLDS) is (value == found.assumption.assumed)
    assert everything(world, platform) == before


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_empty_account_is_told_of_by_our_own_drafts(platform: str) -> None:
    """Members of what nobody has yet are seen at our own; nothing is sent, scheduled or shown to anybody."""
    world = World()
    before = {id_ for id_, found in examined(world, platform).items() if found.verdict is Verdict.HOLDS}
    found = examined(world, platform, SCRATCH)
    assert {id_: each.seen for id_, each in found.items() if each.verdict is Verdict.DIFFERS} == {}
    after = {id_ for id_, each in found.items() if each.verdict is Verdict.HOLDS}
    assert len(after - before) > 15
    assert world.sends() == []
    assert everything(world, platform) == []
    made = {entry["function"] for entry in world.log() if entry["write"]}
    operations = world.workspace.registry.operations(platform)
    assert not [name for name in made if operations[name].sends]
    told = {call.operation for call in shown(trials(platform), client_of(world, platform))}
    assert {name for name in made if "delete" not in name} == told


def trials(platform: str) -> Scratch:
    found = questionnaire(platform).scratch
    assert found is not None
    return found


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_shown_before_has_no_target_date_or_mark(platform: str) -> None:
    calls = list(shown(trials(platform), client_of(World(), platform)))
    assert len(calls) >= 7
    names = {name for call in calls for name in call.arguments}
    assert not names & {
        "listIds",
        "group",
        "email",
        "startDate",
        "endDate",
        "crmId",
        "schedule",
        "sendDate",
        "contacts",
    }
    assert not [call for call in calls if call.arguments.get("published") or call.arguments.get("visible")]


def start(world: World, platform: str) -> Journal:
    return Journal.new(world.home / "scratch", platform, client_of(world, platform).account(), world.now)


def test_what_somebody_uses_by_now_stays_and_is_told() -> None:
    world = World(may_send=True)
    own = bench(world, "squalomail", start(world, "squalomail"))
    own.try_out({})
    lists = [row["listid"] for row in world.rows("List")]
    mails = [row["mailid"] for row in world.rows("Mail")]
    world.api("create-recipient", email="ann@example.test", listIds=lists[:1])
    world.api("update-newsletter", id=mails[0], subject=world.rows("Mail")[0]["subject"], listIds=lists[:1])
    world.api("send-newsletter", newsletterId=mails[0], sendDate=int(world.now) + 86_400)
    world.api("update-list", id=lists[1], name="Ours by now")
    cleaned = own.clean({})
    assert len(cleaned.stays) == 2
    assert "it has a date, or is scheduled" in cleaned.told
    assert "newsletters go to it" in cleaned.told
    assert {row["mailid"] for row in world.rows("Mail")} == {mails[0]}
    assert {row["listid"] for row in world.rows("List")} == set(lists[:2])
    assert len(journals(world.home / "scratch", "squalomail")) == 1
    again = Journal.read(own.journal.path, "squalomail")
    assert again is not None
    world.api("cancel-sending-newsletter", newsletterId=mails[0])
    assert "somebody has given it lists" in bench(world, "squalomail", again).clean({}).told
    world.api("update-newsletter", id=mails[0], subject=world.rows("Mail")[0]["subject"], body="x", listIds=[])
    world.api("delete-recipient-by-email", email="ann@example.test")
    assert bench(world, "squalomail", again).clean({}).stays == []
    assert not journals(world.home / "scratch", "squalomail")
    assert [row["name"] for row in world.rows("List")] == ["Ours by now"]


def test_a_group_with_people_and_a_campaign_that_is_queued_stay() -> None:
    world = World(may_send=True)
    own = bench(world, "gatormail", start(world, "gatormail"))
    own.try_out({})
    group = world.call("gatormail_groupList", page=1, pageSize=1)[0]["id"]
    campaign = world.call("gatormail_campaignList", page=1, pageSize=1)[0]
    world.call("gatormail_groupIncludedContactpost", groupId=group, contacts=[{"emailLogin": "a@example.test"}])
    email = {"name": "M", "html": "<p>Hi</p>", "text": "Hi"}
    texts = {"subject": "S", "fromAddress": "a@example.test", "startDate": "2027-01-16T08:00:00Z"}
    world.call("gatormail_updateCampaign", campaignId=campaign["id"], name=campaign["name"], **texts,
               type="Static", group={"id": group}, email=email)  # fmt: skip
    world.call("gatormail_initiateCampaign", campaignId=campaign["id"])
    cleaned = own.clean({})
    assert "1 people are in it" in cleaned.told
    assert "it is not in setup any more" in cleaned.told
    assert len(cleaned.stays) == 2


@pytest.mark.parametrize(("platform", "change"), [("squalomail", "List.name=title"), ("gatormail", "group.name=title")])
def test_where_ours_could_not_be_read_it_ends_after_the_first(platform: str, change: str) -> None:
    """In an empty account that shows at the first one only, which stays on record until its name can be read."""
    world = World()
    own = bench(world, platform, start(world, platform))
    turn(world, platform, {"distort_members": change})
    with pytest.raises(Misfit, match="name"):
        own.try_out({})
    assert len([name for name in world.writes() if "delete" not in name]) == 1
    with pytest.raises(Misfit, match="name"):
        own.clean({})
    turn(world, platform, {"distort_members": ""})
    (path,) = journals(world.home / "scratch", platform)
    kept = Journal.read(path, platform)
    assert kept is not None
    assert bench(world, platform, kept).clean({}).stays == []
    assert everything(world, platform) == []
    turn(world, platform, {"distort_members": ""})


@pytest.mark.parametrize(("platform", "change"), [("squalomail", "List.name=title"), ("gatormail", "group.name=title")])
def test_where_the_account_can_not_be_read_nothing_is_made(platform: str, change: str) -> None:
    world = populated(platform)
    if platform == "squalomail":
        world.api("create-list", name="reconcile-00000000-1")
    turn(world, platform, {"distort_members": change})
    own = bench(world, platform, Journal(world.home / "x", Account(platform, "h", "i"), 0.0, "reconcile-00000000"))
    world.clear_log()
    with pytest.raises(Misfit, match="name"):
        own.try_out({})
    assert not world.writes()


CREATES = {"squalomail": "create-*", "gatormail": "gatormail_add*"}
DELETES = {"squalomail": "delete-*", "gatormail": "gatormail_delete*"}


@cache
def creates(platform: str) -> int:
    """How many creates a scratch calls that nothing happens to."""
    world = World()
    bench(world, platform, start(world, platform)).try_out({})
    return sum(fnmatchcase(name, CREATES[platform]) for name in world.writes())


def happened(world: World) -> bool:
    """Whether a call of the last part of a run had a fault."""
    hit = any(entry["fault"] for entry in world.log())
    world.clear_log()
    return hit


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("fault", ["drop-after", "drop-before", "500", "truncate", "429", "html", "timeout"])
def test_whatever_happens_to_the_writes_nothing_is_left(platform: str, fault: str) -> None:
    whole = creates(platform)
    assert whole >= 5
    for number in range(1, whole + 1) if CHAOS else (1, whole):
        world = World()
        own = bench(world, platform, start(world, platform))
        world.sandbox.faults.set([f"{fault}:{CREATES[platform]}:n={number}"])
        own.try_out({})
        assert happened(world), (fault, number)
        made = [each for each in everything(world, platform) if not each.startswith("email ")]
        world.sandbox.faults.set([f"{fault}:{DELETES[platform]}:n={min(number, len(made))}"])
        stays = own.clean({}).stays
        assert happened(world), (fault, number)
        assert len(everything(world, platform)) == len(stays) <= 1, (fault, number)
        world.sandbox.faults.set([])
        assert own.clean({}).stays == [], (fault, number)
        assert everything(world, platform) == [], (fault, number)


def rename(world: World, platform: str, kind: str, id_: int) -> None:
    """Somebody gives one of our objects a name of theirs."""
    if platform == "gatormail":
        with world.sandbox.store.transaction(write=True) as db:
            db.execute(f"UPDATE gm_{kind} SET name = 'Hers' WHERE id = ?", (id_,))
    elif kind == "list":
        world.api("update-list", id=id_, name="Hers")
    else:
        world.api("update-newsletter", id=id_, subject="Hers")


@pytest.mark.parametrize(
    ("platform", "operation", "kind"),
    [
        ("squalomail", "update-list", "list"),
        ("squalomail", "update-newsletter", "newsletter"),
        ("squalomail", "delete-list", "list"),
        ("squalomail", "delete-newsletter", "newsletter"),
        ("gatormail", "gatormail_updateCampaign", "campaign"),
        ("gatormail", "gatormail_deleteCampaign", "campaign"),
        ("gatormail", "gatormail_deleteGroup", "group"),
    ],
)
def test_what_is_somebody_s_right_before_a_write_is_left_alone(platform: str, operation: str, kind: str) -> None:
    world = World()
    own = bench(world, platform, start(world, platform))
    attempt = own.attempt
    taken: list[int] = []

    def meddled(call: Any, look: Any) -> Answer:
        ids = [value for name, value in call.arguments.items() if name.lower() in ("id", f"{kind}id")]
        if call.operation == operation and ids and not taken:
            taken.append(int(ids[0]))
            rename(world, platform, kind, taken[0])
        return attempt(call, look)

    object.__setattr__(own, "attempt", meddled)
    own.try_out({})
    own.clean({})
    assert taken
    left = [each for each in everything(world, platform) if not each.startswith("email ")]
    assert left == [f"{'mail' if kind == 'newsletter' else kind} Hers"]


def test_what_does_not_show_yet_is_looked_for_again() -> None:
    world = World(switches={"read_delay_seconds": 60})
    own = bench(world, "squalomail", start(world, "squalomail"))
    own.try_out({})
    cleaned = own.clean({})
    assert "is not known: none shows up to now" in cleaned.told
    world.now += 120
    (path,) = journals(world.home / "scratch", "squalomail")
    kept = Journal.read(path, "squalomail")
    assert kept is not None
    bench(world, "squalomail", kept).clean({})
    world.now += 120
    bench(world, "squalomail", kept).clean({})
    assert everything(world, "squalomail") == []
    assert not journals(world.home / "scratch", "squalomail")


def test_names_that_the_platform_writes_in_capitals_are_ours_all_the_same() -> None:
    world = World()
    own = bench(world, "gatormail", start(world, "gatormail"))
    own.try_out({})
    with world.sandbox.store.transaction(write=True) as db:
        db.execute("UPDATE gm_group SET name = upper(name)")
    assert own.clean({}).stays == []
    assert everything(world, "gatormail") == []


def test_a_run_that_is_to_stop_makes_no_further_call() -> None:
    world = World()
    own = bench(world, "squalomail", start(world, "squalomail"))

    def interrupted(call: Any, look: Any) -> Answer:
        if call.operation == "create-newsletter":
            raise Interrupted("Interrupted.")
        return attempt(call, look)

    attempt = own.attempt
    object.__setattr__(own, "attempt", interrupted)
    with pytest.raises(Interrupted):
        own.try_out({})
    assert len(world.rows("List")) > 3
    (path,) = journals(world.home / "scratch", "squalomail")
    kept = Journal.read(path, "squalomail")
    assert kept is not None
    assert bench(world, "squalomail", kept).clean({}).stays == []
    assert everything(world, "squalomail") == []


def test_a_journal_is_of_one_account_and_finds_only_ours(tmp_path: Path) -> None:
    journal = Journal.new(tmp_path, "shop", Account("squalomail", "h", "1"), 1.0)
    refuse_others(journal, Account("squalomail", "h", "1"))
    with pytest.raises(WrongAccount, match="Nothing was deleted"):
        refuse_others(journal, Account("squalomail", "h", "2"))
    assert journal.path.stat().st_mode & 0o777 == 0o600
    journal.making("a", "list")
    with journal.path.open("ab") as file:
        file.write(b'{"made": "a", "ki')  # the process died over it
    again = Journal.read(journal.path, "squalomail")
    assert again is not None
    assert again.open == {"a": "list"}
    again.made("a", "list", "7")
    assert (found := Journal.read(journal.path, "squalomail")) is not None
    assert found.ids == {"list": {"7": "a"}}
    journal.path.write_bytes(b"")
    assert Journal.read(journal.path, "squalomail") is None
    for text in (b"[]\n", b'{"scratch":1,"host":"h","account":"1","began":1,"begin":""}\n', b"{\n"):
        journal.path.write_bytes(text)
        with pytest.raises(InvalidInput, match="no journal"):
            Journal.read(journal.path, "squalomail")


# Kills


def killed(folder: Path, platform: str, at: int) -> bool:
    """Run a scratch in a process of its own that kills itself at a boundary; False if it ended before that."""
    child = os.fork()
    if child == 0:
        try:
            _scratch_until(folder, platform, at)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def _scratch_until(folder: Path, platform: str, at: int) -> None:
    passed = count(1)

    def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            _boundary()
            result = function(*arguments, **options)
            _boundary()
            return result

        return call

    def _boundary() -> None:
        if next(passed) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    world = World(folder=folder)
    client = client_of(world, platform)
    client.look, client.send = guarded(client.look), guarded(client.send)
    for name in ("fsync", "write", "unlink"):
        setattr(os, name, guarded(getattr(os, name)))
    own = bench(world, platform, start(world, platform))
    own.try_out({})
    own.clean({})


@pytest.mark.parametrize("platform", PLATFORMS)
def test_killed_at_any_boundary_and_cleaned_up_nothing_is_left(platform: str, tmp_path: Path) -> None:
    kills = 0
    for at in count(1, 1 if CHAOS else 37):
        folder = tmp_path / str(at)
        folder.mkdir()
        if not killed(folder, platform, at):
            break
        kills += 1
        world = World(folder=folder)
        for path in journals(folder / "scratch", platform):
            journal = Journal.read(path, platform)
            if journal is not None:
                refuse_others(journal, client_of(world, platform).account())
                assert bench(world, platform, journal).clean({}).stays == [], at
        assert everything(world, platform) == [], f"{platform}, killed at boundary {at}"
        world.close()
    print(f"{platform}: {kills} kills of a scratch; nothing was left after --clean")  # noqa: T201
    assert kills >= 5
