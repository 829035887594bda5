"""Every row of the operation table over real HTTP: our client against the emulator's server, happy and sad.

Requests and answers are held against the OpenAPI document on the way. A new row without a case fails, and so does a
case without a row.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytest

from reconcile.errors import ApiError, Refused, Unauthorised, UnknownOutcome
from reconcile.model.call import Call, Retry
from reconcile.providers.gatormail.operations import OPERATIONS
from reconcile.providers.transport import Rejected
from reconcile.sandbox import Sandbox
from reconcile.sandbox.gatormail.service import GatorMailSetup
from reconcile.sandbox.gatormail.tokens import Login
from reconcile.sandbox.server import Server
from tests.providers.gatormail.wire import CAPABILITIES, INSTANCE, NOW, PASSWORD, SECRET, Account
from tests.world import FREELY

World = Mapping[str, Any]
Arguments = Mapping[str, Any]
Check = Callable[[Account, World, Any], bool]
NOBODY = 9_999_999
EMAIL = {"name": "Spring mail", "html": "<p>{Content/EMailLink} #[CONTENT/FIRSTNAME]# è</p>", "text": "Hello"}
CAMPAIGN = {
    "name": "Spring", "type": "Static", "fromName": "Example", "fromAddress": "news@example.test",
    "replyTo": "reply@example.test", "subject": "Spring", "startDate": "2027-07-01T08:00:00Z",
    "endDate": "2027-07-08T08:00:00Z",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One operation: the arguments with which it works, how that shows, and those with which the platform refuses it.

    Arguments are made from the ids of ``world``; without ``wrong`` nothing can go wrong but the sign-in.
    """

    arguments: Callable[[World], Arguments]
    check: Check
    wrong: Callable[[World], Arguments] | None = None


def world(account: Account) -> World:
    """One of everything, and their ids."""
    group = account.send("addGroup", name="Buyers", description="Who bought")["id"]
    people = [{"emailLogin": f"{name}@example.test", "firstName": name} for name in ("ann", "bob")]
    ann, bob = account.send("groupIncludedContactpost", groupId=group, contacts=people)
    (cy,) = account.send("groupExcludedContactpost", groupId=group, contacts=[{"emailLogin": "cy@example.test"}])
    made = account.send("addCampaign", **CAMPAIGN, group={"id": group}, email=EMAIL | {"autoTrackLinks": False})
    follow = account.send(
        "addCampaign", **CAMPAIGN | {"name": "Follow", "type": "Followup", "startDate": None, "endDate": None},
        email=EMAIL,
    )["id"]  # fmt: skip
    account.send("initiateCampaign", campaignId=follow)
    later = {"contact": {"id": ann["contactId"]}, "triggerKey": "k 1/2", "sendDate": "2027-01-16T00:00:00Z"}
    account.send("postCampaignTrigger", campaignId=follow, **later)
    account.send("postSchemaEntity", name="Contact", displayName="Contact")
    account.person(
        "activity", {"activityType": "EmailOpened", "contact": int(ann["contactId"]), "campaignId": int(made["id"])}
    )
    return {
        "campaign": made["id"], "group": group, "ann": ann["contactId"], "bob": bob["contactId"],
        "cy": cy["contactId"], "follow": follow, "email": made["email"]["id"],
        "batch": account.send("getDatafeed")["batchIdentifier"],
        "unsubscribe": account.person("ui/unsubscribe-definition", {"name": "All"})["id"],
        "free": account.send("addGroup", name="Free")["id"],
    }  # fmt: skip


def campaign(**members: Any) -> Check:
    """The campaign reads so afterwards."""

    def reads(account: Account, world: World, answer: Any) -> bool:
        found = account.send("getCampaign", campaignId=world["campaign"])
        return {name: found[name] for name in members} == members

    return reads


def group_has(list_: str, *names: str) -> Check:
    """The group's inclusions or exclusions are those of the world by these names."""

    def has(account: Account, world: World, answer: Any) -> bool:
        rows = account.send(f"group{list_}Contactget", groupId=world["group"], page=1, pageSize=100)
        return [row["id"] for row in rows] == [world[name] for name in names]

    return has


def gone(operation: str, **ids: str) -> Check:
    """Reading it again is an error."""

    def is_gone(account: Account, world: World, answer: Any) -> bool:
        with pytest.raises(Rejected) as error:
            account.send(operation, **{variable: world[name] for variable, name in ids.items()})
        return answer is None and error.value.status == 404

    return is_gone


def cleared(account: Account, world: World, answer: Any) -> bool:
    return group_has("Included")(account, world, answer) and group_has("Excluded")(account, world, answer)


def met(account: Account, world: World, answer: Any) -> bool:
    """Whoever was new has been stored, and belongs to the group."""
    (row,) = answer
    world = {**world, "dee": row["contactId"]}
    return row["included"] is True and group_has("Included", "ann", "bob", "dee")(account, world, answer)


def mailed(account: Account, world: World, answer: Any) -> bool:
    """One test message went out."""
    return answer is None and [row["reason"] for row in account.control("GET", "sends")].count("test") == 1


def ids(*names: str) -> Check:
    return lambda account, world, answer: [row["id"] for row in answer] == [world[name] for name in names]


def of(**named: str) -> Callable[[World], Arguments]:
    """Variables of the path, from the world."""
    return lambda world: {variable: world[name] for variable, name in named.items()}


def fixed(**arguments: Any) -> Callable[[World], Arguments]:
    return lambda world: arguments


def both(one: Callable[[World], Arguments], **more: Any) -> Callable[[World], Arguments]:
    return lambda world: {**one(world), **more}


PAGE, NO_PAGE = {"page": 1, "pageSize": 100}, {"page": 1, "pageSize": 1001}
NO_CAMPAIGN, NO_GROUP = fixed(campaignId=NOBODY), fixed(groupId=NOBODY)
ON_CAMPAIGN, ON_GROUP, FOLLOW = of(campaignId="campaign"), of(groupId="group"), of(campaignId="follow")
DEE = [{"emailLogin": "dee@example.test", "fields": {"Region": "North"}}]
COUNTS = {"total": 2, "undeliverable": 0, "unsubscribed": 0, "duplicates": 0, "final": 2}

CASES: dict[str, Case] = {
    "campaignList": Case(fixed(**PAGE), ids("campaign", "follow"), fixed(**NO_PAGE)),
    "getCampaign": Case(
        ON_CAMPAIGN,
        lambda account, world, answer: (
            answer["status"] == "InSetup"
            and answer["startDate"] == CAMPAIGN["startDate"]
            and answer["email"]["html"] == EMAIL["html"]
            and answer["group"]["id"] == world["group"]
        ),
        NO_CAMPAIGN,
    ),
    "addCampaign": Case(
        fixed(**CAMPAIGN),
        lambda account, world, answer: account.send("getCampaign", campaignId=answer["id"])["name"] == "Spring",
        fixed(**CAMPAIGN | {"group": {"id": NOBODY, "name": "Nobody"}}),
    ),
    "updateCampaign": Case(
        both(ON_CAMPAIGN, **CAMPAIGN | {"subject": "Other", "startDate": "2027-12-01T08:00:00Z", "endDate": None}),
        campaign(subject="Other", startDate="2027-12-01T08:00:00Z", group=None),
        both(FOLLOW, **CAMPAIGN),
    ),
    "deleteCampaign": Case(ON_CAMPAIGN, gone("getCampaign", campaignId="campaign"), FOLLOW),
    "initiateCampaign": Case(ON_CAMPAIGN, campaign(status="Queued"), FOLLOW),
    "uninitiateCampaign": Case(of(campaignId="campaign"), campaign(status="InSetup"), FOLLOW),
    "getCampaignAudience": Case(ON_CAMPAIGN, lambda account, world, answer: answer == COUNTS, NO_CAMPAIGN),
    "getCampaignStats": Case(ON_CAMPAIGN, lambda account, world, answer: answer["opens"] == 1, NO_CAMPAIGN),
    "putCampaignUnsubscribe": Case(
        of(campaignId="campaign", unsubscribeId="unsubscribe"),
        lambda account, world, answer: campaign(unsubscribeId=str(world["unsubscribe"]))(account, world, answer),
        both(ON_CAMPAIGN, unsubscribeId=NOBODY),
    ),
    "postCampaignTest": Case(
        both(ON_CAMPAIGN, emailAddress="me@example.test"),
        mailed,
        both(ON_CAMPAIGN, emailAddress="me"),
    ),
    "postCampaignTrigger": Case(
        both(FOLLOW, contact={"emailLogin": "bob@example.test"}, mergeFields={"mergeField1": "x"}, triggerKey="k2"),
        lambda account, world, answer: answer["triggerState"] == "Sent" and answer["contactId"] == world["bob"],
        both(ON_CAMPAIGN, contact={"emailLogin": "bob@example.test"}, triggerKey="k2"),
    ),
    "getTrigger": Case(
        fixed(triggerKey="k 1/2"), lambda account, world, answer: answer["triggerState"] == "Pending",
        fixed(triggerKey="k2"),
    ),
    "deleteTrigger": Case(
        fixed(triggerKey="k 1/2"),
        lambda account, world, answer: account.send("getTrigger", triggerKey="k 1/2")["triggerState"] == "Cancelled",
        fixed(triggerKey="k2"),
    ),
    "emailList": Case(fixed(**PAGE), lambda account, world, answer: len(answer) == 2, fixed(**NO_PAGE)),
    "getEmail": Case(
        of(emailId="email"),
        lambda account, world, answer: {name: answer[name] for name in EMAIL} == EMAIL,
        fixed(emailId=NOBODY),
    ),
    "addEmail": Case(
        fixed(**EMAIL),
        lambda account, world, answer: account.send("getEmail", emailId=answer["id"])["html"] == EMAIL["html"],
        fixed(name=" "),
    ),
    "updateEmail": Case(
        both(of(emailId="email"), name="Spring mail", html="<p>New</p>", text=""),
        lambda account, world, answer: account.send("getEmail", emailId=world["email"])["html"] == "<p>New</p>",
        fixed(emailId=NOBODY, name="Spring mail"),
    ),
    "groupList": Case(fixed(**PAGE), ids("group", "free"), fixed(**NO_PAGE)),
    "getGroup": Case(ON_GROUP, lambda account, world, answer: answer["description"] == "Who bought", NO_GROUP),
    "addGroup": Case(
        fixed(name="New"),
        lambda account, world, answer: account.send("getGroup", groupId=answer["id"])["name"] == "New",
        fixed(name=" "),
    ),
    "updateGroup": Case(
        both(ON_GROUP, name="Renamed"),
        lambda account, world, answer: account.send("getGroup", groupId=world["group"])["name"] == "Renamed",
        fixed(groupId=NOBODY, name="Renamed"),
    ),
    "deleteGroup": Case(of(groupId="free"), gone("getGroup", groupId="free"), ON_GROUP),
    "getGroupCount": Case(ON_GROUP, lambda account, world, answer: answer == {"count": 2}, NO_GROUP),
    "postGroupCleardown": Case(ON_GROUP, cleared, NO_GROUP),
    "groupIncludedContactget": Case(both(ON_GROUP, **PAGE), ids("ann", "bob"), both(NO_GROUP, **PAGE)),
    "groupIncludedContactpost": Case(both(ON_GROUP, contacts=DEE), met, both(ON_GROUP, contacts=[{"id": NOBODY}])),
    "groupIncludedContactdelete": Case(
        of(groupId="group", contactId="ann"), group_has("Included", "bob"), of(groupId="group", contactId="cy")
    ),
    "groupExcludedContactget": Case(both(ON_GROUP, **PAGE), ids("cy"), both(NO_GROUP, **PAGE)),
    "groupExcludedContactpost": Case(
        lambda world: {"groupId": world["group"], "contacts": [{"id": world["ann"]}]},
        group_has("Excluded", "ann", "cy"),
        both(ON_GROUP, contacts=[{"id": NOBODY}]),
    ),
    "groupExcludedContactdelete": Case(
        of(groupId="group", contactId="cy"), group_has("Excluded"), of(groupId="group", contactId="ann")
    ),
    "contactList": Case(fixed(**PAGE), ids("ann", "bob", "cy"), fixed(**NO_PAGE)),
    "getContact": Case(
        of(contactId="ann"), lambda account, world, answer: answer["firstName"] == "ann", fixed(contactId=NOBODY)
    ),
    "contactMatch": Case(
        fixed(field="emailLogin", value="BOB@example.test"), ids("bob"), fixed(field="shoeSize", value="9")
    ),
    "addContact": Case(
        fixed(**DEE[0]),
        lambda account, world, answer: (answer["contactState"], answer["fields"]["Region"]) == ("Inserted", "North"),
        fixed(emailLogin="dee@example.test", fields={"Shoe": 9}),
    ),
    "updateContact": Case(
        both(of(contactId="ann"), firstName="Anna"),
        lambda account, world, answer: account.send("getContact", contactId=world["ann"])["firstName"] == "Anna",
        both(of(contactId="ann"), emailLogin="bob@example.test"),
    ),
    "contactGroupList": Case(
        of(contactId="cy"),
        lambda account, world, answer: (
            [(row["groupId"], row["included"]) for row in answer] == [(world["group"], False)]
        ),
        fixed(contactId=NOBODY),
    ),
    "contactFieldList": Case(fixed(), lambda account, world, answer: "Region" in {row["name"] for row in answer}),
    "getSchema": Case(
        fixed(), lambda account, world, answer: [entity["name"] for entity in answer["entities"]] == ["Contact"]
    ),
    "deleteSchema": Case(fixed(), lambda account, world, answer: account.send("getSchema")["entities"] == []),
    "postSchemaEntity": Case(
        fixed(name="Lead"), lambda account, world, answer: len(account.send("getSchema")["entities"]) == 2,
        fixed(name="contact"),
    ),
    "postSchemaAttribute": Case(
        fixed(entityName="Contact", name="birthday", dataType="date"),
        lambda account, world, answer: (
            account.send("getSchema")["entities"][0]["attributes"][0]["dataType"] == "date"
        ),
        fixed(entityName="Nix", name="birthday"),
    ),
    "getIntegrationRequests": Case(
        fixed(), lambda account, world, answer: [row["requested"] for row in answer] == [False, False]
    ),
    "getIntegrationRequestSatisfied": Case(
        fixed(requestType="FieldMappingSchema"),
        lambda account, world, answer: answer["requested"] is False,
    ),
    "getDatafeedOptions": Case(fixed(), lambda account, world, answer: answer["batchSize"] > 0),
    "postDatafeedOptions": Case(
        fixed(batchSize=5, feeds={"bounced": True}),
        lambda account, world, answer: account.send("getDatafeedOptions")["batchSize"] == 5,
        fixed(batchSize=0),
    ),
    "getDatafeed": Case(fixed(), lambda account, world, answer: answer["batchIdentifier"] == world["batch"]),
    "getDatafeedBatchIdentifier": Case(
        of(batchIdentifier="batch"),
        lambda account, world, answer: answer["processed"] and account.send("getDatafeed")["records"] == [],
        fixed(batchIdentifier="nix"),
    ),
}  # fmt: skip

everything = pytest.mark.parametrize("name", CASES)


@pytest.fixture(scope="module")
def served() -> Iterator[Account]:
    login = Login("client", SECRET, "user@example.com", PASSWORD, [INSTANCE])
    setup = GatorMailSetup((INSTANCE,), logins=[login], contract={"c.date.zone": "Europe/London", **CAPABILITIES})
    with Sandbox(gatormail=setup) as sandbox, Server(sandbox, port=0) as server:
        account = Account(server)
        yield account
        account.close()


@pytest.fixture
def account(served: Account) -> Account:
    served.control("POST", "faults", {"faults": []})
    served.control("POST", "reset")
    served.control("POST", "clock", {"now": NOW})
    return served


@pytest.fixture
def there(account: Account) -> World:
    found = world(account)
    account.control("DELETE", "requests")
    return found


def row(name: str) -> Any:
    return OPERATIONS[f"gatormail_{name}"]


def prepare(account: Account, there: World, name: str) -> None:
    if name == "uninitiateCampaign":
        account.send("initiateCampaign", campaignId=there["campaign"])


def test_every_row_has_a_case() -> None:
    assert {f"gatormail_{name}" for name in CASES} | {"oauth_token"} == OPERATIONS.keys()


def test_the_sign_in_is_as_the_document_says(account: Account) -> None:
    account.send("getSchema")
    account.wire.seen.clear()
    account.control("POST", "gatormail/tokens/expire", {})
    account.send("getSchema")
    assert account.wire.seen == [("gatormail_getSchema", 401), ("oauth_token", 200), ("gatormail_getSchema", 200)]


@everything
def test_happy(account: Account, there: World, name: str) -> None:
    prepare(account, there, name)
    reads = account.client.reads
    answer = account.send(name, **CASES[name].arguments(there))
    assert (account.client.reads > reads) is not row(name).write
    assert account.wire.seen[-1][0] == f"gatormail_{name}"
    entry = account.calls(f"gatormail_{name}")[-1]
    assert (entry["method"], entry["write"], entry["account"]) == (row(name).verb, row(name).write, INSTANCE)
    if row(name).returns is not None:
        assert isinstance(answer[row(name).returns], str)
    assert CASES[name].check(account, there, answer), answer


@everything
def test_what_the_platform_refuses_is_an_error(account: Account, there: World, name: str) -> None:
    wrong = CASES[name].wrong
    if wrong is None:
        assert not row(name).takes
        return
    before = account.person("state", method="GET")
    with pytest.raises(ApiError, match=f"gatormail_{name}") as error:
        account.send(name, **wrong(there))
    assert error.value.exit_code == 1
    if isinstance(error.value, Rejected):
        assert error.value.status in (400, 404, 409)
        hint = error.value.diagnostics[0].hint or ""
        assert (f"`{row(name).key}`" in hint) is (error.value.status == 404)
    else:
        assert name in ("initiateCampaign", "uninitiateCampaign")
    assert account.person("state", method="GET") == before


@everything
def test_a_call_without_its_variables_is_not_made(account: Account, there: World, name: str) -> None:
    variables = account.client.contract.variables(row(name).key)
    for missing in variables:
        arguments = {key: value for key, value in CASES[name].arguments(there).items() if key != missing}
        for value in ({}, {missing: ""}, {missing: ".."}):
            with pytest.raises(Exception, match=f"gatormail_{name} needs {missing}"):
                account.send(name, **arguments, **value)
    if row(name).takes in ("", "[contact]"):
        with pytest.raises(Exception, match="so not Nonsense"):
            account.send(name, **CASES[name].arguments(there), Nonsense=1)
    assert not account.calls(f"gatormail_{name}")


@everything
def test_what_sends_needs_the_right(account: Account, there: World, name: str) -> None:
    call = Call(f"gatormail_{name}", CASES[name].arguments(there), sends=True)
    with pytest.raises(Refused):
        account.harmless.send(call, FREELY)
    if row(name).sends:
        with pytest.raises(Refused):
            account.harmless.send(Call(call.operation, call.arguments), FREELY)
    assert not account.calls(f"gatormail_{name}")


@everything
def test_a_token_without_the_right_is_no_reason_to_sign_in_again(account: Account, there: World, name: str) -> None:
    account.control("POST", "faults", {"faults": [f"403:gatormail_{name}"]})
    with pytest.raises(Unauthorised) as error:
        account.send(name, **CASES[name].arguments(there))
    assert error.value.exit_code == 7
    assert not account.calls("oauth_token")


@everything
def test_a_lost_reply_is_repeated_only_where_that_is_harmless(account: Account, there: World, name: str) -> None:
    prepare(account, there, name)
    account.control("DELETE", "requests")
    account.control("POST", "faults", {"faults": [f"drop-after:gatormail_{name}:n=1"]})
    # The client repeats what only reads; before a write is repeated, the gate has to let it through once more.
    repeated = row(name).retry is Retry.SAFE
    with nullcontext() if repeated else pytest.raises(UnknownOutcome):
        account.send(name, **CASES[name].arguments(there))
    assert len(account.calls(f"gatormail_{name}")) == (2 if repeated else 1)


@everything
def test_an_expired_token_is_replaced_and_the_call_made_once(account: Account, there: World, name: str) -> None:
    prepare(account, there, name)
    account.control("POST", "gatormail/tokens/expire", {})
    account.control("DELETE", "requests")
    answer = account.send(name, **CASES[name].arguments(there))
    refused, made = account.calls(f"gatormail_{name}")[:2]
    assert (refused["status"], made["status"] // 100) == (401, 2)
    assert len(account.calls("oauth_token")) == 1
    assert CASES[name].check(account, there, answer), answer


def test_pages_end_with_one_that_is_not_full(account: Account) -> None:
    for number in range(5):
        account.send("addGroup", name=f"G {number}")
    account.client.contract._table["c.page.size"] = "2"
    try:
        rows = list(account.client.pages("gatormail_groupList"))
    finally:
        account.client.contract._table["c.page.size"] = "100"
    assert [group["name"] for group in rows] == [f"G {number}" for number in range(5)]
    assert len(account.calls("gatormail_groupList")) == 4  # a short page may be one that was capped
