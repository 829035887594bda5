"""``api`` on GatorMail: single calls by hand, under the same rules as plans, over real HTTP."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconcile.cli.settings import load_settings
from reconcile.providers.gatormail.emulator import set_up
from reconcile.providers.gatormail.operations import OPERATIONS
from tests.cli.conftest import Project
from tests.cli.gator import HOUR, Gator, at, campaign, gator, group, live_campaign, queued, refused, until, wall

ALL_ON = "{cap.group.update: true, cap.membership.remove: true, cap.trigger: true}"
SWITCHES = {"group_update": True, "membership_remove": True, "triggers": True}

APPROVED = ("--auto-approve",)
SEND = ("--auto-approve", "--allow-send")


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gator]:
    with gator(tmp_path / "project", monkeypatch, rows=ALL_ON, switches=SWITCHES) as found:
        yield found


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Gator]]:
    """Makes a project with this contract and these switches."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def make(rows: str = "{}", **setup: Any) -> Gator:
            return stack.enter_context(gator(tmp_path / "project", monkeypatch, rows=rows, **setup))

        yield make


def whole(live: Gator, number: int, **changed: str) -> tuple[str, ...]:
    """The arguments that overwrite a campaign as it is."""
    found = live_campaign(live, number)
    members = {name: found[name] for name in ("name", "type", "fromAddress", "subject", "endDate")}
    arguments = {
        "startDate": f"{found['startDate']}Z",
        "group": json.dumps({"id": found["group"]["id"]}) if found["group"] else "null",
        "email": json.dumps({"id": found["email"]["id"]}),
        **members,
        **changed,
    }
    return (f"campaignId={number}", *(f"{name}={value}" for name, value in arguments.items()))


# Any operation


def test_a_read_prints_its_answer_as_json(live: Gator) -> None:
    number = group(live, "ann", "bob")
    assert live.called("getGroup", f"groupId={number}")["name"] == "Buyers"
    rows = live.called("groupIncludedContactget", f"groupId={number}", "page=1", "pageSize=10")
    assert [row["emailLogin"] for row in rows] == ["ann@example.test", "bob@example.test"]
    (found,) = live.called("contactMatch", "field=emailLogin", "value=bob@example.test")
    assert found == rows[1]
    assert not live.writes()


def test_arrays_objects_and_texts(live: Gator) -> None:
    number = live.called("addGroup", 'name="7"', "description=five o'clock")["id"]
    contacts = '[{"emailLogin":"ann@example.test","fields":{"Region":"North"}},{"emailLogin":"bob@example.test"}]'
    rows = live.called("groupIncludedContactpost", f"groupId={number}", f"contacts={contacts}")
    assert [row["included"] for row in rows] == [True, True]
    assert live.called("getGroup", f"groupId={number}")["name"] == "7"
    assert live.called("deleteGroup", f"groupId={number}") is None


def test_the_sign_in_is_none_of_them(live: Gator) -> None:
    refused(live.project.run("api", "gatormail", "oauth_token"), 64, "its answer is a credential")
    assert not live.calls()


@pytest.mark.parametrize("name", [name for name, row in OPERATIONS.items() if row.write and name != "oauth_token"])
def test_whatever_changes_something_asks(live: Gator, name: str) -> None:
    """Two of them are called by GET; what else is missing is told as well as that nobody can be asked."""
    plenty = ("campaignId=1", "groupId=1", "emailId=1", "contactId=1", "unsubscribeId=1", "triggerKey=k")
    variables = [one for one in plenty if one.partition("=")[0] in _variables(name)]
    extra = ("requestType=FieldMappingUpdates",) if name.endswith("Satisfied") else ()
    extra += ("batchIdentifier=b",) if name.endswith("BatchIdentifier") else ()
    result = live.project.run("api", "gatormail", name, *variables, *extra, "--allow-send")
    assert result.code in (1, 3), result
    assert result.code == 3 or "HTTP 404" in result.err
    assert not live.writes()


def _variables(name: str) -> tuple[str, ...]:
    from reconcile.providers.gatormail.contract import Contract

    return Contract().variables(OPERATIONS[name].key)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("gatormail_getCampain",), 64, 'Did you mean "gatormail_getCampaign"?'),
        (("getCampaign",), 64, 'Did you mean "gatormail_getCampaign"?'),
        (("gatormail_getGroup", "groupId"), 64, "not of the form NAME=VALUE"),
        (("gatormail_getGroup", "groupId=[1]"), 64, "called by GET"),
        (("gatormail_getGroup", "client_secret=x"), 64, "can't be given here"),
        (("gatormail_getGroup", "Password=x"), 64, "can't be given here"),
        (("gatormail_getGroup",), 1, "gatormail_getGroup needs groupId"),
        (("gatormail_getSchema", "groupId=1"), 1, "takes no arguments, so not groupId"),
        (("gatormail_emailList", "page=1", "pageSize=1"), 1, "capability cap.email.read, which is off"),
        (("gatormail_addCampaign", "name=A", "startDate=soon", "--auto-approve"), 1, '"soon" is no date and time'),
        (("gatormail_getCampaign", "campaignId=99"), 1, "There is no campaign 99."),
    ],
)
def test_wrong_usage(live: Gator, arguments: tuple[str, ...], code: int, words: str) -> None:
    refused(live.project.run("api", "gatormail", *arguments), code, words)
    assert not live.writes()


# Initiating, and taking back


def test_there_is_no_send_now(live: Gator) -> None:
    people = group(live, "ann", "bob")
    now, soon, later = (campaign(live, people, start) for start in (None, HOUR / 2, 5 * HOUR))
    refused(live.api("initiateCampaign", *SEND), 3, "It needs campaignId")
    refused(live.api("initiateCampaign", "campaignId=99", *SEND), 1, "There is no campaign 99")
    refused(live.api("initiateCampaign", f"campaignId={now}", *SEND), 3, "no startDate", 'no "send now"')
    refused(
        live.api("initiateCampaign", f"campaignId={soon}", *SEND),
        3,
        "[schedule-too-soon]",
        "policy.freeze",
        "earliest is",
    )
    refused(live.api("initiateCampaign", f"campaignId={later}", *APPROVED), 3, "--allow-send")
    refused(live.api("initiateCampaign", f"campaignId={later}", "--allow-send"), 3, "--auto-approve", "to 2 people")
    assert not live.writes()
    result = live.api("initiateCampaign", f"campaignId={later}", *SEND)
    assert (result.code, 'the campaign "Launch"' in result.err, "to 2 people" in result.err) == (0, True, True)
    assert live_campaign(live, later)["status"] == "Queued"
    refused(live.api("initiateCampaign", f"campaignId={later}", *SEND), 3, "is Queued", "uninitiateCampaign")
    assert live.writes() == ["gatormail_initiateCampaign"]


def test_sends_that_the_policy_denies(live: Gator) -> None:
    number = campaign(live, group(live, "ann"))
    path = live.project.root / "reconcile.yaml"
    live.project.write("reconcile.yaml", path.read_text() + "policy: {sends: deny}\n")
    refused(live.api("initiateCampaign", f"campaignId={number}", *SEND), 3, "policy.sends is deny")
    assert not live.writes()


def test_who_does_not_know_the_zone_knows_no_time(live: Gator) -> None:
    live.project.replace("reconcile.yaml", "    timezone: Europe/London\n", "")
    people = group(live, "ann")
    number, waiting = campaign(live, people), queued(live, people)
    refused(live.api("initiateCampaign", f"campaignId={number}", *SEND), 3, "[zone-unknown]", "timezone")
    refused(live.api("deleteCampaign", f"campaignId={waiting}", *APPROVED), 3, "[zone-unknown]")
    assert not live.writes()
    assert live.called("uninitiateCampaign", f"campaignId={waiting}")["uninitiated"] is True


def test_an_instance_that_does_not_show_where_a_campaign_stands(made: Callable[..., Gator]) -> None:
    live = made("{cap.campaign.status: off}", switches={"campaign_status": False})
    people = group(live, "ann")
    number = campaign(live, people)
    refused(live.api("initiateCampaign", f"campaignId={number}", *SEND), 3, "[state-unknown]")
    # It may be queued, so it is treated as if it was.
    near = campaign(live, people, HOUR / 2)
    refused(live.api("deleteCampaign", f"campaignId={near}", *APPROVED), 3, "[frozen]")
    refused(live.api("postGroupCleardown", f"groupId={people}", *SEND), 3, "[group-in-use]", "may be queued")
    one = 'contacts=[{"emailLogin":"dee@example.test"}]'
    refused(live.api("groupIncludedContactpost", f"groupId={people}", one, *APPROVED), 3, "--allow-send")
    assert not live.writes()
    draft = campaign(live, people, None)
    assert live.called("deleteCampaign", f"campaignId={draft}") is None


def test_taking_back_is_always_allowed_and_read_back(live: Gator) -> None:
    number = queued(live, group(live, "ann"), HOUR / 4)
    refused(live.api("deleteCampaign", f"campaignId={number}", *APPROVED), 3, "[frozen]")
    assert live.called("uninitiateCampaign", f"campaignId={number}") == {"uninitiated": True, "message": None}
    assert live_campaign(live, number)["status"] == "InSetup"
    refused(live.api("uninitiateCampaign", f"campaignId={number}", *APPROVED), 1, "the platform refuses", "InSetup")


def test_one_that_is_not_taken_back_after_all_is_told(live: Gator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody initiates it again in that very moment."""
    from reconcile.providers.gatormail.client import GatorMail

    number = queued(live, group(live, "ann"))
    send = GatorMail.send

    def and_again(self: GatorMail, call: Any, *ticket: Any) -> Any:
        answer = send(self, call, *ticket)
        if call.operation == "gatormail_uninitiateCampaign":
            live.another("POST", f"/campaign/{number}/initiate")
        return answer

    monkeypatch.setattr(GatorMail, "send", and_again)
    result = live.api("uninitiateCampaign", f"campaignId={number}", *APPROVED)
    refused(result, 1, "[not-uninitiated]", "is Queued all the same", "at once")


# Writing campaigns and e-mails


def test_a_campaign_that_is_about_to_go_out_or_gone_is_left_alone(live: Gator) -> None:
    number = queued(live, group(live, "ann"), HOUR / 2)
    email = live_campaign(live, number)["email"]["id"]
    definition = live.person("ui/unsubscribe-definition", {"name": "All"})["id"]
    deeds = (
        ("deleteCampaign", f"campaignId={number}"),
        ("updateCampaign", *whole(live, number, startDate=at(9 * HOUR))),
        ("putCampaignUnsubscribe", f"campaignId={number}", f"unsubscribeId={definition}"),
        ("updateEmail", f"emailId={email}", "name=Launch mail", "html=Other"),
    )
    for deed in deeds:
        refused(
            live.api(*deed, *SEND),
            3,
            "[frozen]",
            "within the freeze window of 60 minutes",
            "gatormail_uninitiateCampaign",
        )
    until(live, HOUR / 2 + 1)
    for deed in deeds:
        refused(live.api(*deed, *SEND), 3, "[frozen]", "is being sent")
    until(live, 2 * HOUR)
    for deed in deeds:
        refused(live.api(*deed, *SEND), 3, "[frozen]", "was sent")
    assert not live.writes()


def test_a_draft_is_written_after_asking(live: Gator) -> None:
    people = group(live, "ann")
    number = campaign(live, people, HOUR / 4)
    email = live_campaign(live, number)["email"]["id"]
    refused(live.api("updateCampaign", *whole(live, number)), 3, "may become empty", "--auto-approve")
    for deed in (
        ("updateCampaign", *whole(live, number, subject="Other")),
        ("updateEmail", f"emailId={email}", "name=Launch mail", "html=Other"),
        ("deleteCampaign", f"campaignId={number}"),
    ):
        result = live.api(*deed, *APPROVED)
        assert result.code == 0, result.err
    assert live.writes() == ["gatormail_updateCampaign", "gatormail_updateEmail", "gatormail_deleteCampaign"]


def test_moving_or_widening_a_queued_campaign_is_a_send(live: Gator) -> None:
    people, others = group(live, "ann"), group(live, "bob")
    number = queued(live, people)
    update = lambda **changed: live.api("updateCampaign", *whole(live, number, **changed), *APPROVED)  # noqa: E731
    refused(update(group=json.dumps({"id": others})), 3, "--allow-send")
    refused(update(startDate=at(9 * HOUR)), 3, "--allow-send")
    # Whatever the case of a name: the platform takes it so.
    refused(update(group="null", Group=json.dumps({"ID": others})), 64, "given twice")
    odd = [one.replace("group=", "GROUP=") for one in whole(live, number, group=json.dumps({"ID": others}))]
    refused(live.api("updateCampaign", *odd, *APPROVED), 3, "--allow-send")
    refused(update(startDate="null"), 3, "no startDate", 'no "send now"')
    refused(update(startDate=at(HOUR / 2)), 3, "[schedule-too-soon]")
    assert not live.writes()
    # Nothing of that: no send, and it is the platform that refuses to write what is queued.
    refused(update(subject="Other"), 1, "HTTP 409", "only one in setup")


def test_names_on_the_wire_are_judged_too(made: Callable[..., Gator]) -> None:
    live = made("{f.campaign.group: audience}", contract={"f.campaign.group": "audience"})
    people, others = group(live, "ann"), group(live, "bob")
    body = {"name": "Launch", "fromAddress": "a@example.test", "subject": "S", "startDate": wall(5 * HOUR)}
    email = {"name": "Mail", "html": "x"}
    number = live.another("POST", "/campaign", {**body, "audience": {"id": people}, "email": email})["id"]
    live.another("POST", f"/campaign/{number}/initiate")
    update = ("updateCampaign", f"campaignId={number}", "name=Launch", f"startDate={wall(5 * HOUR)}Z")
    for name in ("audience", "group"):
        refused(live.api(*update, f"{name}={json.dumps({'id': others})}", *APPROVED), 3, "--allow-send")
    assert not live.writes()


def test_another_unsubscribe_definition_for_a_queued_campaign_is_a_send(live: Gator) -> None:
    number = queued(live, group(live, "ann"))
    definition = live.person("ui/unsubscribe-definition", {"name": "All"})["id"]
    deed = ("putCampaignUnsubscribe", f"campaignId={number}", f"unsubscribeId={definition}")
    refused(live.api(*deed, *APPROVED), 3, "--allow-send")
    assert live.called("uninitiateCampaign", f"campaignId={number}")
    assert live.api(*deed, *APPROVED).code == 0


# Tests and triggers


def test_a_test_message_is_a_send(live: Gator) -> None:
    number = campaign(live, group(live, "ann"))
    deed = ("postCampaignTest", f"campaignId={number}", "emailAddress=me@example.test")
    refused(live.api(*deed, *APPROVED), 3, "--allow-send")
    refused(live.api(*deed[:2], *SEND), 3, "It needs emailAddress")
    assert not live.writes()
    result = live.api(*deed, *SEND)
    assert (result.code, "m***@e***.test" in result.err, "me@example.test" in result.err) == (0, True, False)
    assert [row["reason"] for row in live.control("GET", "sends")] == ["test"]


def test_a_trigger_needs_a_key_that_is_new(live: Gator) -> None:
    number = queued(live, None, HOUR, type="Followup")
    until(live, HOUR + 1)
    deed = ("postCampaignTrigger", f"campaignId={number}", 'contact={"emailLogin":"ann@example.test"}')
    refused(live.api(*deed, *SEND), 3, "[no-trigger-key]", "triggerKey")
    refused(live.api(*deed, "triggerKey= ", *SEND), 3, "[no-trigger-key]")
    refused(live.api(*deed, "triggerKey=k1", *APPROVED), 3, "--allow-send")
    assert not live.writes()
    assert live.called(*deed, "triggerKey=k1")["triggerState"] == "Sent"
    refused(live.api(*deed, "triggerKey=k1", *SEND), 3, "[trigger-key-used]", "Sent", "choose another key")
    assert len(live.control("GET", "sends")) == 1
    live.project.replace("reconcile.yaml", "    timezone: Europe/London\n", "")
    later = f"sendDate={at(9 * HOUR)}"
    refused(live.api(*deed, "triggerKey=k2", later, *SEND), 3, "[zone-unknown]")


# Schema and data feed


def test_what_deleting_the_schema_loses(live: Gator) -> None:
    live.another("POST", "/schema/entity", {"name": "Contact"})
    for name in ("email", "city"):
        live.another("POST", "/schema/attribute", {"entityName": "Contact", "name": name})
    row = {"entityName": "Contact", "attributeName": "email", "contactAttribute": "emailLogin", "dataCleanse": False}
    live.person("ui/mappings", {"mappings": [row]}, "PUT")
    live.person("ui/publish")
    refused(live.api("deleteSchema"), 3, "2 attributes", "1 published mapping,", "--auto-approve")
    assert not live.writes()
    assert live.api("deleteSchema", *APPROVED).code == 0


def test_gets_that_change_something_ask(live: Gator) -> None:
    live.person("ui/get-schema")
    satisfied = ("getIntegrationRequestSatisfied", "requestType=FieldMappingSchema")
    refused(live.api(*satisfied), 3, "FieldMappingSchema is done", "--auto-approve")
    assert [row["requested"] for row in live.called("getIntegrationRequests")] == [True, False]
    assert live.api(*satisfied, *APPROVED).code == 0
    assert [row["requested"] for row in live.called("getIntegrationRequests")] == [False, False]
    number = group(live, "ann")
    (row,) = live.another("GET", f"/group/{number}/included/contact/1/10")
    live.person("activity", {"activityType": "EmailOpened", "contact": row["id"]})
    batch = live.called("getDatafeed")["batchIdentifier"]
    mark = ("getDatafeedBatchIdentifier", f"batchIdentifier={batch}")
    refused(live.api(*mark), 3, "can't be read again", "--auto-approve")
    assert live.called("getDatafeed")["batchIdentifier"] == batch
    assert live.api(*mark, *APPROVED).code == 0
    assert live.called("getDatafeed")["batchIdentifier"] is None


def test_the_embedded_sandbox_has_the_projects_zone_and_contract(tmp_path: Path) -> None:
    """What a summer's morning in London is on the wire is what the emulator sends by."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "reconcile.yaml").write_text(
        "version: 1\nproviders:\n  gatormail:\n    type: gatormail\n    url: 'sandbox:'\n    instance: acme_lz\n"
        "    timezone: Europe/London\n    contract: {f.group.name: title}\n"
    )
    settings = load_settings(root, environment=None, variables={}, environ={})
    setup = set_up(list(settings.providers.values()))
    assert (setup.instances, setup.contract) == (
        ("acme_lz",),
        {"f.group.name": "title", "c.date.zone": "Europe/London"},
    )
    made = Project(root).run("api", "gatormail", "gatormail_addGroup", "name=A", "--auto-approve")
    assert (made.code, json.loads(made.out)["name"]) == (0, "A")


def test_what_can_not_be_understood_is_shown_all_the_same(made: Callable[..., Gator]) -> None:
    live = made(switches={"distort_members": "group.name=title"})
    group(live, "ann")
    result = live.api("groupList", "page=1", "pageSize=10")
    assert result.code == 1
    assert "`f.group.name`" in result.err
    (row,) = json.loads(result.out)
    assert row["title"] == "Buyers"
