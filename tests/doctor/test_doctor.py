"""``doctor`` names what an account does otherwise than assumed; it reads alone, and the sandbox can do as it saw."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconcile.doctor.calibration import calibration, digest, outdated, place, read, write
from reconcile.doctor.examination import clock, questions, rows_to_paste
from reconcile.doctor.recording import Recording
from reconcile.errors import ApiError, InvalidInput
from reconcile.model.account import Account
from reconcile.model.assumption import READS, SCRATCH, Answer, Finding, Verdict
from reconcile.model.call import Call
from reconcile.providers.gatormail.contract import defaults
from reconcile.sandbox.calibration import read_calibration
from reconcile.sandbox.switches import DISTORTIONS
from tests.doctor.accounts import LATER, PLATFORMS, SWITCHES, examined, populated, questionnaire, turn
from tests.world import INSTANCE, NOW, World

CHAOS = bool(os.environ.get("CHAOS"))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_row_and_each_switch_has_a_probe_or_a_reason(platform: str) -> None:
    known = {assumption.id: assumption for assumption in questionnaire(platform)}
    rows = set(defaults()) if platform == "gatormail" else set()
    assert {switch.name for switch in SWITCHES[platform]} | rows <= set(known)
    assert [id_ for id_, found in known.items() if (found.read is None) is not bool(found.reason)] == []
    assert len(known) == len(list(questionnaire(platform)))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_nothing_differs_in_an_account_as_assumed_and_nothing_is_written(platform: str) -> None:
    world = populated(platform)
    before = len(world.log())
    found = examined(world, platform)
    assert {id_: finding.seen for id_, finding in found.items() if finding.verdict is Verdict.DIFFERS} == {}
    holding = [id_ for id_, finding in found.items() if finding.verdict is Verdict.HOLDS]
    assert len(holding) > 50
    calls = world.log()[before:]
    assert not [call for call in calls if call.get("write")]
    assert not [call for call in calls if "datafeed" in call["path"].lower() and "options" not in call["path"].lower()]
    assert 10 < len(calls) < 40


def values(platform: str, level: int = READS) -> list[tuple[str, Any]]:
    """Every position of every switch that is probed."""
    asked = [found for found in questionnaire(platform) if found.level == level]
    probed = {found.id for found in asked if found.read is not None and found.switch}
    return [(switch.name, value) for switch in SWITCHES[platform] if switch.name in probed for value in switch.allowed]


CASES = [(platform, name, value) for platform in PLATFORMS for name, value in values(platform)]


def test_there_are_enough_of_them() -> None:
    assert len(CASES) > 45


@pytest.mark.parametrize(("platform", "name", "value"), CASES)
def test_every_position_of_a_probed_switch_is_named(platform: str, name: str, value: Any) -> None:
    world = populated(platform)
    turn(world, platform, {name: value})
    found = examined(world, platform)[name]
    assert found.seen == value, found
    assert (found.verdict is Verdict.HOLDS) is (value == found.assumption.assumed)


MEMBERS = [
    (platform, found.id)
    for platform in PLATFORMS
    for found in questionnaire(platform)
    if found.id.startswith("f.") and found.read is not None and found.level == READS and "errorCode" not in found.id
]


@pytest.mark.parametrize(
    ("platform", "change"),
    [
        (platform, value)
        for platform in PLATFORMS
        for name, value in DISTORTIONS[platform]
        if name == "distort_members" and (platform, f"f.{str(value).partition('=')[0]}") in MEMBERS
    ],
)
def test_a_member_that_is_renamed_or_missing_is_named(platform: str, change: str) -> None:
    world = populated(platform)
    member, _, other = change.partition("=")
    before = examined(world, platform)[f"f.{member}"]
    turn(world, platform, {"distort_members": change})
    found = examined(world, platform)[f"f.{member}"]
    if before.verdict is Verdict.UNDECIDED:
        pytest.skip("the account has nothing that would tell")
    # Another name is told where it is the only stranger; else that ours is not there.
    assert found.verdict is (Verdict.DIFFERS if found.seen is not None else Verdict.UNDECIDED)
    assert found.seen in (other, "", None)


@pytest.mark.parametrize(
    ("platform", "change", "seen"),
    [
        ("squalomail", "List.name=number", "get-data `name` in row 1 should be a text and is a number"),
        ("squalomail", "list.published=text", "get-lists-details `lists.published` in row 1 should be true or false"),
        ("squalomail", "Mail.published=list", "get-data `published` in row 1 should be 0, 1 or 2 and is an"),
        (
            "gatormail",
            "campaign.name=number",
            "gatormail_campaignList `name` in row 1 should be a text and is a number",
        ),
        ("gatormail", "schema.entities=null", "gatormail_getSchema `entities` should be an array and is null"),
    ],
)
def test_a_member_of_another_type_is_named(platform: str, change: str, seen: str) -> None:
    world = populated(platform)
    found = examined(world, platform)["distort_types"]
    assert (found.verdict, found.seen) == (Verdict.HOLDS, "")
    turn(world, platform, {"distort_types": change})
    found = examined(world, platform)["distort_types"]
    assert found.verdict is Verdict.DIFFERS
    assert seen in found.seen


def test_words_that_are_not_known_are_named() -> None:
    world = populated("gatormail")
    turn(world, "gatormail", {"status_words": "InSetup=In Setup"})
    found = examined(world, "gatormail")["v.campaignStatus"]
    assert (found.verdict, found.seen) == (Verdict.DIFFERS, "In Setup")
    world = populated("squalomail")
    turn(world, "squalomail", {"status_words": "0=9"})
    assert examined(world, "squalomail")["v.Mail.published"].seen == "9"


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("pattern", ["*"])
def test_errors_decide_nothing(platform: str, pattern: str) -> None:
    world = populated(platform)
    world.sandbox.faults.set([f"500:{pattern}"])
    client = world.gator if platform == "gatormail" else world.client
    _, findings = questions(questionnaire(platform), client, READS, {})
    assert {finding.verdict for finding in findings} <= {Verdict.UNDECIDED, Verdict.NOT_PROBED}


POSITIONS: list[tuple[str, dict[str, Any]]] = [
    ("gatormail", {"list_envelope": "items", "distort_members": "campaign.status=state", "id_form": "text"}),
    ("squalomail", {"app_id_member": "bare", "filter_case": "sensitive", "core_fields": False}),
    *(
        (platform, {name: value})
        for platform in PLATFORMS
        for name, value in values(platform) + values(platform, SCRATCH)
    ),
    *(
        (platform, {name: value})
        for platform in PLATFORMS
        for name, value in DISTORTIONS[platform]
        if name == "distort_members"
    ),
]


@pytest.mark.parametrize(("platform", "switches"), POSITIONS if CHAOS else POSITIONS[::7])
def test_a_sandbox_with_the_calibration_answers_as_the_account_did(
    platform: str, switches: dict[str, Any], tmp_path: Path
) -> None:
    """Of writes, too, where drafts of ours can be made there at all."""
    world = populated(platform)
    turn(world, platform, switches)
    level = SCRATCH
    try:
        found = examined(world, platform, level)
    except ApiError:
        level = READS
        found = examined(world, platform)
    file = place(tmp_path, "default", platform)
    account = Account(platform, "api.example.test", INSTANCE if platform == "gatormail" else "4711")
    write(file, calibration(platform, account, "2027-01-01T00:00:00Z", {}, level, found.values()))
    kept = read_calibration(file)
    assert kept.provider == platform
    populated(platform, tmp_path / "again").close()
    positions = {"gatormail" if platform == "gatormail" else "switches": kept.switches}
    again = World(folder=tmp_path / "again", may_send=True, theirs=kept.contract, **positions)
    again.now = LATER
    seen = {id_: finding.seen for id_, finding in examined(again, platform, level).items()}
    assert seen == {id_: finding.seen for id_, finding in found.items()}


def test_rows_to_paste_are_what_the_account_does() -> None:
    world = populated("gatormail")
    turn(world, "gatormail", {"list_envelope": "items", "campaign_status": False})
    rows = dict(rows_to_paste(examined(world, "gatormail").values()))
    assert rows == {"c.list.itemsPath": "items", "cap.campaign.status": False}


def test_a_calibration_speaks_for_one_account_and_one_contract(tmp_path: Path) -> None:
    file = place(tmp_path, "staging", "gatormail")
    assert file == tmp_path / "calibration" / "staging-gatormail.json"
    assert read(file) is None
    assert "never asked" in str(outdated(None, "a.example.test", {}))
    write(file, calibration("gatormail", Account("gatormail", "a.example.test", "lz"), "d", {}, READS, ()))
    found = read(file)
    assert found is not None
    assert found["contract"] == digest({})
    assert outdated(found, "a.example.test", {}) is None
    assert "another account" in str(outdated(found, "b.example.test", {}))
    assert "contract was changed" in str(outdated(found, "a.example.test", {"c.page.size": "50"}))
    file.write_text(json.dumps([1]))
    with pytest.raises(InvalidInput, match="no calibration"):
        read(file)


def test_what_only_writes_told_is_remembered_until_writes_tell_otherwise() -> None:
    account = Account("gatormail", "a.example.test", "lz")
    known = {found.id: found for found in questionnaire("gatormail")}

    def kept(level: int, contract: dict[str, Any], former: Any, **seen: Any) -> dict[str, Any]:
        findings = [
            Finding(known[id_], Verdict.DIFFERS if value else Verdict.UNDECIDED, value) for id_, value in seen.items()
        ]
        return calibration("gatormail", account, "d", contract, level, findings, former)

    first = kept(SCRATCH, {}, None, put_semantics="merge", id_form="text")
    assert first["switches"] == {"put_semantics": "merge", "id_form": "text"}
    second = kept(READS, {}, first, put_semantics=None, id_form=None)
    assert (second["switches"], second["level"]) == ({"put_semantics": "merge"}, SCRATCH)
    assert kept(SCRATCH, {}, second, put_semantics=None)["switches"] == {"put_semantics": "merge"}
    assert kept(SCRATCH, {}, second, put_semantics="replace")["switches"] == {"put_semantics": "replace"}
    assert kept(READS, {"c.page.size": "50"}, second, put_semantics=None)["switches"] == {}


@pytest.mark.parametrize(
    ("headers", "fine", "words"),
    [
        ({"date": "Fri, 15 Jan 2027 08:00:20 GMT"}, True, "+20 seconds"),
        ({"date": "Fri, 15 Jan 2027 09:00:00 GMT"}, False, "+3600 seconds"),
        ({}, False, "no usable Date"),
        ({"date": "Fri, 15 Jan 2027 08:00:00 GMT", "age": "300"}, False, "a cache"),
    ],
)
def test_the_clock_is_checked(headers: dict[str, str], fine: bool, words: str) -> None:
    found = clock({"a": Answer(200, [], headers)}, lambda: NOW)
    assert found is not None
    assert found.fine is fine
    assert words in found.seen
    assert clock({"a": Answer(None)}, lambda: NOW) is None


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_recording_says_nothing(platform: str, tmp_path: Path) -> None:
    """A canary in every text of every answer, names of members that nobody knows among them."""
    canary = "cAnArY"

    def planted(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: planted(each) for name, each in value.items()} | {canary: canary}
        if isinstance(value, list):
            return [planted(each) for each in value]
        return f"{canary} {value}" if isinstance(value, str) else value

    world = populated(platform)
    client: Any = world.gator if platform == "gatormail" else world.client
    recording = Recording(questionnaire(platform).words)

    def watch(verb: str, url: str, sent: bytes, status: int, headers: Mapping[str, str], came: bytes) -> None:
        content = json.dumps(planted(json.loads(came))).encode() if came else b""
        recording.note(verb, f"{url}?x={canary}", sent, status, {**headers, "x": canary, "date": canary}, content)

    client.record(watch)
    questions(questionnaire(platform), client, READS, {})
    recording.write(tmp_path / "a.har")
    text = (tmp_path / "a.har").read_text()
    assert canary not in text
    assert not [secret for secret in ("KEY", "example.test", "Buyers", "News") if f'"{secret}' in text]
    entries = json.loads(text)["log"]["entries"]
    assert len(entries) > 10
    assert (tmp_path / "a.har").stat().st_mode & 0o777 == 0o600


def _strange(row: Any) -> Any:
    return {f"x_{name}": value for name, value in row.items()}


def _odd(row: Any) -> Any:
    return {name: value for name, value in row.items() if name != "status"} | {"phase": "Finished", "stage": 3}


@pytest.mark.parametrize(
    ("operation", "change", "asked"),
    [
        ("emailList", lambda _: [], "cap.email.read"),
        ("emailList", lambda _: {}, "cap.email.read"),
        ("emailList", lambda _: [{"subject of it": "Hello"}], "cap.email.read"),
        ("groupIncludedContactget", lambda _: [], "cap.membership.read"),
        ("contactFieldList", lambda _: {"Message": "An error has occurred."}, "cap.contact.fields"),
        ("campaignList", lambda rows: [_strange(row) for row in rows], "cap.campaign.status"),
        ("campaignList", lambda rows: [_odd(row) for row in rows], "cap.campaign.status"),
        ("getCampaign", _strange, "cap.campaign.read"),
    ],
)
def test_nothing_is_offered_for_what_is_empty_or_not_understood(
    operation: str, change: Callable[[Any], Any], asked: str
) -> None:
    world = populated("gatormail")
    look = world.gator.look

    def changed(call: Call, **how: Any) -> Answer:
        answer = look(call, **how)
        amiss = operation == "campaignList" and not isinstance(answer.content, list)
        return answer if call.operation != f"gatormail_{operation}" or amiss else Answer(200, change(answer.content))

    world.gator.look = changed  # type: ignore[method-assign]
    found = examined(world, "gatormail")
    assert found[asked].verdict is Verdict.UNDECIDED
    assert [row for row, _ in rows_to_paste(found.values()) if row.startswith("cap.")] == []
