"""The command ``doctor``, and what ``plan`` says of an account that was never asked."""

import json
import re
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Project
from tests.cli.gator import gator

PROJECT = """version: 1
providers:
  squalomail: {type: squalomail, url: "sandbox:"}
  gatormail: {type: gatormail, url: "sandbox:", instance: acme_lz, timezone: Europe/London}
"""


@pytest.fixture
def here(tmp_path: Path) -> Project:
    found = Project(tmp_path)
    found.write("reconcile.yaml", PROJECT)
    found.write("manifests/all.yaml", "squalomail: {lists: {news: {name: News}}}\n")
    return found


def test_it_tells_what_holds_and_keeps_it(here: Project) -> None:
    assert here.run("apply", "--auto-approve").code == 0
    found = here.run("doctor", "squalomail")
    assert found.code == 0, found
    assert "ok     sign-in: the credentials open the account 1000" in found.out
    assert "0 differs" in found.out
    kept = json.loads((here.root / "calibration" / "default-squalomail.json").read_text())
    assert kept["provider"] == "squalomail"
    assert kept["switches"]["app_id_member"] == "appId"
    everything = here.run("doctor", "--format", "json")
    told = json.loads(everything.out)
    assert set(told) == {"squalomail", "gatormail"}
    assert {row["verdict"] for row in told["gatormail"]["findings"]} <= {"holds", "undecided", "not probed"}


def test_it_names_what_is_wrong_before_it_asks(here: Project) -> None:
    real = PROJECT.replace('"sandbox:"}', '"http://127.0.0.1:9", apiKey: "${env.NOWHERE_KEY}"}')
    here.write("reconcile.yaml", real)
    found = here.run("doctor", "squalomail")
    assert found.code == 1
    assert "WRONG  credentials" in found.out
    assert "NOWHERE_KEY" in found.out
    assert not (here.root / "calibration").exists()


def test_it_names_all_that_is_not_set_in_one_run(here: Project) -> None:
    names = {"clientId": "NO_ID", "clientSecret": "NO_SECRET", "username": "NO_USER", "password": "NO_WORD"}
    members = ", ".join(f'{member}: "${{env.{name}}}"' for member, name in names.items())
    token = 'tokenUrl: "http://127.0.0.1:9/token"'
    real = PROJECT.replace('"sandbox:", instance', f'"http://127.0.0.1:9", {token}, {members}, instance')
    here.write("reconcile.yaml", real)
    found = here.run("doctor", "gatormail")
    assert found.code == 1, found
    assert [name for name in names.values() if f"no variable {name}." not in found.out] == []


def test_it_asks_the_platform_where_the_state_can_not_be_reached(here: Project) -> None:
    here.write("reconcile.yaml", f"{PROJECT}state: http://127.0.0.1:9/state\n")
    found = here.run("doctor", "squalomail")
    assert found.code == 1, found
    assert "WRONG  state" in found.out
    assert "ok     sign-in" in found.out
    assert "ok     clock" in found.out
    assert found.out.index("WRONG  state") < found.out.index("ok     sign-in")
    refused = here.run("doctor", "squalomail", "--scratch", "--auto-approve")
    assert "sign-in" not in refused.out, "drafts of our own are made where all is well"


FAULTY = {
    '{type: squalomail, url: "https://evil.example.com/v1", apiKey: "${env.SOME_KEY}"}': "may not be contacted",
    '{type: squalomail, url: "http://api.squalomail.com/v1", apiKey: "${env.SOME_KEY}"}': "it takes https://",
    '{type: squalomail, url: "https://api.squalomail.com/v1"}': "`apiKey` is missing",
    '{type: squalomial, url: "sandbox:"}': "no platform",
    "null": "takes the settings of an account",
    '{type: gatormail, url: "sandbox:", instance: lz, timezone: Mars/North}': "Mars/North",
    '{type: gatormail, url: "sandbox:", instance: lz, contract: {op.group.list: "POST /{x}"}}': "op.group.list",
    '{type: squalomail, url: "sandbox:", colour: red, apiKei: x}': '"apiKei"',
}


@pytest.mark.parametrize("settings", FAULTY)
def test_an_account_with_faulty_settings_is_told_and_the_others_are_asked(here: Project, settings: str) -> None:
    here.write("reconcile.yaml", PROJECT + f"  faulty: {settings}\n")
    refused = here.run("plan")
    assert refused.code == 1
    found = here.run("doctor")
    assert found.code == 1, found
    before, _, table = found.out.partition("faulty\n")
    assert before.count("ok     sign-in: the credentials open") == 2
    assert "WRONG  settings: reconcile.yaml:5:" in table
    assert FAULTY[settings] in table
    assert "ok     state: none yet" in table
    assert "sign-in" not in table
    for line in refused.err.splitlines():
        assert not line.startswith("  ") or line.strip() in found.out, line
    told = json.loads(here.run("doctor", "faulty", "--format", "json").out)
    assert [check["id"] for check in told["faulty"]["checks"] if not check["ok"]][:1] == ["settings"]
    assert here.run("doctor", "squalomail").code == 0
    for way in ("--scratch", "--clean"):
        stopped = here.run("doctor", "faulty", way, "--auto-approve")
        assert (stopped.code, stopped.out, stopped.err) == (1, "", refused.err)


def test_what_another_environment_says_amiss_of_an_account_does_not_keep_it_from_being_asked(here: Project) -> None:
    environment = "environments: {staging: {providers: {squalomail: {colour: red}}}}\n"
    here.write("reconcile.yaml", PROJECT + environment)
    found = here.run("doctor", "squalomail")
    assert found.code == 1, found
    assert "WRONG  settings: reconcile.yaml:5:" in found.out
    assert "ok     sign-in" in found.out
    here.write("reconcile.yaml", PROJECT + environment + "policy: {freeze: 1m}\n")
    assert '"colour"' in here.run("doctor").err
    here.write("reconcile.yaml", PROJECT + "policy: {freeze: 1m}\n")
    assert "freeze" in here.run("doctor").err


def test_an_account_that_can_not_be_reached_is_told(here: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "a-key-of-ours")
    here.write("reconcile.yaml", PROJECT.replace('"sandbox:"}', '"http://127.0.0.1:9", apiKey: "${env.SOME_KEY}"}'))
    found = here.run("doctor", "squalomail")
    assert found.code == 1
    assert "WRONG  sign-in" in found.out
    assert "a-key-of-ours" not in found.out + found.err
    planned = here.run("plan")
    assert "[account-not-asked]" in planned.err
    assert "reconcile doctor squalomail" in planned.err


def test_an_alias_that_is_not_there(here: Project) -> None:
    found = here.run("doctor", "squalomial")
    assert found.code == 64
    assert 'Did you mean "squalomail"?' in found.err


@pytest.mark.parametrize("alias", ["squalomail", "gatormail"])
def test_scratch_shows_its_calls_asks_and_leaves_nothing(here: Project, alias: str) -> None:
    refused = here.run("doctor", alias, "--scratch")
    assert refused.code == 3, refused
    assert "--auto-approve" in refused.err
    assert "name='reconcile-????????-1'" in refused.err
    assert not (here.root / ".reconcile" / "default" / "scratch").exists()
    found = here.run("doctor", alias, "--scratch", "--auto-approve")
    assert found.code == 0, found
    assert re.search(r"ok     scratch: \d+ of our own deleted\n", found.out)
    assert "--scratch" not in found.out
    kept = json.loads((here.root / "calibration" / f"default-{alias}.json").read_text())
    assert kept["level"] == 2
    assert kept["switches"]["create_id"] == "own"
    assert here.run("doctor", alias).code == 0
    again = json.loads((here.root / "calibration" / f"default-{alias}.json").read_text())
    assert (again["level"], again["switches"]["create_id"]) == (2, "own")
    cleaned = here.run("doctor", alias, "--clean")
    assert (cleaned.code, cleaned.out) == (0, "")
    assert "nothing of ours is left" in cleaned.err


def test_clean_deletes_what_a_killed_one_left(here: Project) -> None:
    from reconcile.doctor.scratch import Journal
    from reconcile.model.account import Account

    folder = here.root / ".reconcile" / "default" / "scratch"
    journal = Journal.new(folder, "squalomail", Account("squalomail", "127.0.0.1", "1000"), time.time())
    journal.making("list", "list")
    here.run("api", "squalomail", "create-list", f"name={journal.begin}-1", "--auto-approve")
    here.run("api", "squalomail", "create-list", "name=reconcile-00000000-1", "--auto-approve")
    assert here.run("doctor", "squalomail", "--clean").code == 3
    found = here.run("doctor", "squalomail", "--clean", "--auto-approve")
    assert found.code == 0, found
    assert "1 of our own deleted" in found.out
    lists = json.loads(here.run("api", "squalomail", "get-lists").out)["lists"]
    assert [row["name"] for row in lists] == ["reconcile-00000000-1"]
    other = Journal.new(folder, "squalomail", Account("squalomail", "127.0.0.1", "4711"), time.time())
    refused = here.run("doctor", "squalomail", "--clean", "--auto-approve")
    assert refused.code == 7
    assert "Nothing was deleted" in refused.err
    assert other.path.exists()


@pytest.mark.parametrize("flags", [("--scratch",), ("squalomail", "--scratch", "--clean")])
def test_scratch_is_for_one_account_and_clean_stands_alone(here: Project, flags: tuple[str, ...]) -> None:
    assert here.run("doctor", *flags).code == 64


def test_the_way_from_what_is_not_understood_to_what_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty account that calls the status otherwise: only a draft of our own shows that, and stays until then."""
    with gator(tmp_path, monkeypatch, switches={"list_envelope": "items"}) as live:
        run = live.project.run
        first = run("doctor")
        assert first.code == 2, first.err
        assert "WRONG  first answer" in first.out
        assert 'c.list.itemsPath: "items"' in first.out
        pasted = 'contract: {c.list.itemsPath: "items"}'
        text = (tmp_path / "reconcile.yaml").read_text()
        live.project.write("reconcile.yaml", text.replace("contract: {}", pasted))
        assert run("doctor").code == 0
        live.control("POST", "gatormail/switches", {"distort_members": "campaign.status=state"})
        second = run("doctor", "--scratch", "--auto-approve")
        assert second.code == 2, second
        assert "WRONG  scratch: it ended early: gatormail_campaignList" in second.out
        assert "WRONG  clean-up: nothing more was deleted" in second.out
        assert 'f.campaign.status: "state"' in second.out
        pasted = pasted.replace("}", ', f.campaign.status: "state"}')
        live.project.write("reconcile.yaml", text.replace("contract: {}", pasted))
        cleaned = run("doctor", "--clean", "--auto-approve")
        assert cleaned.code == 0, cleaned
        assert "of our own deleted" in cleaned.out
        assert live.called("groupList", "page=1", "pageSize=100") == []
        assert live.called("campaignList", "page=1", "pageSize=100") == []
        third = run("doctor", "--scratch", "--auto-approve")
        assert third.code == 0, third
        live.control("POST", "gatormail/switches", {"status_words": "InSetup=In Setup"})
        fourth = run("doctor", "--scratch", "--auto-approve")
        assert fourth.code == 2
        assert 'stays: what its status "In Setup" means is not known' in fourth.out
        assert "v.campaignStatus: not known is In Setup" in fourth.out


def test_a_login_that_may_only_read_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with gator(tmp_path, monkeypatch) as live:
        live.control("POST", "faults", {"faults": ["403:gatormail_addGroup"]})
        found = live.project.run("doctor", "--scratch", "--auto-approve")
        assert found.code == 2, found
        assert "WRONG  scratch: it ended early: gatormail_addGroup: the platform refuses the credentials" in found.out
        assert "ok     clean-up" in found.out
        assert "  0 holds" not in found.out
        assert live.writes() == ["gatormail_addGroup"]
