"""Every operation, as it goes well and as it does not; each answer is held against the OpenAPI document on the way."""

from collections.abc import Callable
from typing import Any

import pytest

from reconcile.sandbox.gatormail.contract import PATHS
from reconcile.sandbox.gatormail.document import ENUMS, OPERATIONS, SHAPES, TABLE
from reconcile.sandbox.gatormail.operations import HANDLERS, NEEDS
from reconcile.sandbox.switches import CAPABILITIES
from tests.sandbox.gatormail.conftest import Gator, operations

ALL_ON = {
    "switches": {
        "email_read": True, "group_update": True, "membership_remove": True, "triggers": True, "campaign_list": "full",
    }
}  # fmt: skip


def _world(gator: Gator) -> dict[str, Any]:
    """One of everything: the numbers that paths below are filled with."""
    group = gator.group("ann@example.test", "bob@example.test")
    contact = gator("GET", f"/group/{group}/included/contact/1/1")[0]["id"]
    gator("POST", f"/group/{group}/excluded/contact", [{"emailLogin": "cy@example.test"}])
    cy = gator("GET", f"/group/{group}/excluded/contact/1/1")[0]["id"]
    campaign = gator.campaign(group, startDate="2027-02-01T09:00:00", endDate="2027-02-08T09:00:00")
    follow = gator.campaign(type="Followup", name="Follow")
    gator.initiate(follow)
    later = {"contact": {"emailLogin": "ann@example.test"}, "triggerKey": "k1", "sendDate": "2027-01-16T00:00:00"}
    gator("POST", f"/campaign/{follow}/trigger", later, status=202)
    gator("POST", "/schema/entity", {"name": "Contact"}, status=201)
    gator.person("POST", "activity", {"activityType": "EmailOpened", "contact": contact, "campaignId": campaign})
    batch = gator("GET", "/datafeed")["batchIdentifier"]
    return {
        "campaign": campaign, "group": group, "contact": contact, "cy": cy, "follow": follow, "batch": batch,
        "email": gator("GET", f"/campaign/{campaign}")["email"]["id"],
        "unsubscribe": next(iter(gator.person("GET", "state")["unsubscribes"])),
        "free": gator("POST", "/group", {"name": "Free"})["id"],
    }  # fmt: skip


NEW = {"name": "New", "fromAddress": "a@example.test", "startDate": "2027-02-01T09:00:00"}
# Operation, path and body as it goes well, its status; then as it does not, and that status.
CASES: list[tuple[str, str, Any, int, str, Any, int]] = [
    ("campaignList", "/campaign/1/100", None, 200, "/campaign/0/100", None, 400),
    ("getCampaign", "/campaign/{campaign}", None, 200, "/campaign/1", None, 404),
    ("updateCampaign", "/campaign/{campaign}", NEW, 200, "/campaign/{follow}", NEW, 409),
    ("deleteCampaign", "/campaign/{campaign}", None, 204, "/campaign/{follow}", None, 409),
    ("addCampaign", "/campaign", NEW, 201, "/campaign", {"name": "x", "type": "Odd"}, 400),
    ("initiateCampaign", "/campaign/{campaign}/initiate", None, 200, "/campaign/1/initiate", None, 404),
    ("uninitiateCampaign", "/campaign/{campaign}/uninitiate", None, 200, "/campaign/1/uninitiate", None, 404),
    ("getCampaignAudience", "/campaign/{campaign}/audience", None, 200, "/campaign/1/audience", None, 404),
    ("getCampaignStats", "/campaign/{campaign}/stats", None, 200, "/campaign/1/stats", None, 404),
    ("putCampaignUnsubscribe", "/campaign/{campaign}/unsubscribe/{unsubscribe}", None, 200,
     "/campaign/{campaign}/unsubscribe/1", None, 404),
    ("postCampaignTest", "/campaign/{campaign}/test", {"emailAddress": "me@example.test"}, 200,
     "/campaign/{campaign}/test", {"emailAddress": "me"}, 400),
    ("postCampaignTrigger", "/campaign/{follow}/trigger", {"contact": {"emailLogin": "a@b.test"}}, 202,
     "/campaign/{campaign}/trigger", {"contact": {"emailLogin": "a@b.test"}}, 409),
    ("getTrigger", "/trigger/k1", None, 200, "/trigger/k2", None, 404),
    ("deleteTrigger", "/trigger/k1", None, 204, "/trigger/k2", None, 404),
    ("emailList", "/email/1/5", None, 200, "/email/1/1001", None, 400),
    ("getEmail", "/email/{email}", None, 200, "/email/1", None, 404),
    ("updateEmail", "/email/{email}", {"name": "x", "html": "y"}, 200, "/email/{email}", {"name": "x", "html": 1}, 400),
    ("addEmail", "/email", {"name": "x", "html": "y"}, 201, "/email", {"html": "y"}, 400),
    ("groupList", "/group/1/5", None, 200, "/group/1/0", None, 400),
    ("getGroup", "/group/{group}", None, 200, "/group/1", None, 404),
    ("updateGroup", "/group/{group}", {"name": "x"}, 200, "/group/{group}", {"name": " "}, 400),
    ("deleteGroup", "/group/{free}", None, 204, "/group/{group}", None, 409),
    ("addGroup", "/group", {"name": "x", "created": ""}, 201, "/group", {"name": "x", "description": None}, 400),
    ("getGroupCount", "/group/{group}/count", None, 200, "/group/1/count", None, 404),
    ("postGroupCleardown", "/group/{group}/cleardown", None, 204, "/group/1/cleardown", None, 404),
    ("groupIncludedContactget", "/group/{group}/included/contact/1/9", None, 200,
     "/group/1/included/contact/1/9", None, 404),
    ("groupIncludedContactpost", "/group/{group}/included/contact", [{"emailLogin": "new@example.test"}], 200,
     "/group/{group}/included/contact", [{"id": 1}], 400),
    ("groupIncludedContactdelete", "/group/{group}/included/contact/{contact}", None, 204,
     "/group/{group}/included/contact/{cy}", None, 404),
    ("groupExcludedContactget", "/group/{group}/excluded/contact/1/9", None, 200,
     "/group/{group}/excluded/contact/0/9", None, 400),
    ("groupExcludedContactpost", "/group/{group}/excluded/contact", [{"emailLogin": "new@example.test"}], 200,
     "/group/{group}/excluded/contact", {"id": 1}, 400),
    ("groupExcludedContactdelete", "/group/{group}/excluded/contact/{cy}", None, 204,
     "/group/{group}/excluded/contact/{contact}", None, 404),
    ("contactList", "/contact/1/5", None, 200, "/contact/1/9999", None, 400),
    ("getContact", "/contact/{contact}", None, 200, "/contact/1", None, 404),
    ("contactMatch", "/contact/match?field=EMAILLOGIN&value=ANN@example.test", None, 200,
     "/contact/match?field=shoeSize&value=9", None, 400),
    ("addContact", "/contact/", {"emailLogin": "dee@example.test", "fields": {"region": "North"}}, 200,
     "/contact", {"emailLogin": "dee@example.test", "fields": {"Shoe": 9}}, 400),
    ("updateContact", "/contact/{contact}", {"firstName": "Ann"}, 200,
     "/contact/{contact}", {"emailLogin": "bob@example.test"}, 400),
    ("contactGroupList", "/contact/{contact}/group", None, 200, "/contact/1/group", None, 404),
    ("contactFieldList", "/contact/field", None, 200, "/contact/field", "off:contact_fields", 405),
    ("getSchema", "/schema", None, 200, "/schema", "version", 400),
    ("deleteSchema", "/schema", None, 204, "/schema", "version", 400),
    ("postSchemaEntity", "/schema/entity", {"name": "Lead", "displayName": None}, 201,
     "/schema/entity", {"name": "contact"}, 409),
    ("postSchemaAttribute", "/schema/attribute", {"entityName": "Contact", "name": "x", "dataType": "date"}, 201,
     "/schema/attribute", {"entityName": "Nix", "name": "x"}, 400),
    ("getIntegrationRequests", "/integration/requests", None, 200, "/integration/requests", "version", 400),
    ("getIntegrationRequestSatisfied", "/integration/request/FieldMappingSchema/satisfied", None, 200,
     "/integration/request/Nix/satisfied", None, 404),
    ("getDatafeedOptions", "/datafeed/options", None, 200, "/datafeed/options", "version", 400),
    ("postDatafeedOptions", "/datafeed/options", {"batchSize": 5, "feeds": {"bounced": True}}, 200,
     "/datafeed/options", {"batchSize": 0}, 400),
    ("getDatafeed", "/datafeed", None, 200, "/datafeed", "version", 400),
    ("getDatafeedBatchIdentifier", "/datafeed/{batch}", None, 200, "/datafeed/nix", None, 404),
]  # fmt: skip


@pytest.mark.parametrize(("name", "path", "body", "status", "wrong", "wrong_body", "wrong_status"), CASES)
def test_it_goes_well_and_it_does_not(
    gators: Callable[..., Gator],
    name: str,
    path: str,
    body: Any,
    status: int,
    wrong: str,
    wrong_body: Any,
    wrong_status: int,
) -> None:
    gator = gators(**ALL_ON)
    world = _world(gator)
    verb = operations()[f"gatormail_{name}"][0]
    before = gator.person("GET", "state")
    headers = {}
    if isinstance(wrong_body, str):
        mark, wrong_body = wrong_body, None
        headers = {"api-version": "9"} if mark == "version" else {}
        if mark.startswith("off:"):
            gator.sandbox.gatormail.positions.set({mark[4:]: False})
    answer = gator(verb, wrong.format(**world), wrong_body, status=wrong_status, headers=headers)
    assert answer["message"]
    assert bool(answer.get("modelState")) == (wrong_status == 400 and not headers)
    assert gator.person("GET", "state") == before
    gator.sandbox.gatormail.positions.set({"contact_fields": True})
    gator(verb, path.format(**world), body, status=status)
    entry = gator.sandbox.requests()[-1]
    assert (entry["function"], entry["account"]) == (f"gatormail_{name}", "example_testlz")
    assert entry["write"] == (verb != "GET" or name in ("getIntegrationRequestSatisfied", "getDatafeedBatchIdentifier"))


def test_the_cases_are_all_operations() -> None:
    assert {f"gatormail_{case[0]}" for case in CASES} | {"oauth_token"} == operations().keys()
    assert len(operations()) == 49


def test_every_operation_of_the_document_is_carried_out() -> None:
    assert HANDLERS.keys() == OPERATIONS.keys() - {"op.auth.token"} == PATHS.keys() - {"op.auth.token"}
    assert NEEDS.keys() <= HANDLERS.keys()
    assert set(NEEDS.values()) <= set(CAPABILITIES.values())
    assert {operation.name for operation in OPERATIONS.values()} == operations().keys()


def test_the_document_is_understood_whole() -> None:
    """Every member that the contract table has a row for is one of a shape, and every kind of member occurs."""
    rows = {member.key for members in SHAPES.values() for member in members.values()}
    wanted = {key for key in TABLE if key.startswith("f.")} | {"p.campaign.test.address"}
    assert rows - {""} == wanted
    kinds = {member.kind for members in SHAPES.values() for member in members.values()}
    assert kinds == {"id", "int", "text", "date", "bool", "map", "enum", "one", "many", "ref"}
    assert {each.of for members in SHAPES.values() for each in members.values()} <= {"", *SHAPES, *ENUMS}
    for operation in OPERATIONS.values():
        assert {operation.takes.strip("[]"), operation.answers.strip("[]")} <= {"", *SHAPES}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("PATCH", "/campaign", 405), ("GET", "/campaign", 405), ("GET", "/nothing", 404), ("GET", "/campaign/x", 404),
     ("GET", "/campaign/x/1", 404), ("GET", "/Campaign/1/5/", 200), ("GET", "", 404)],
)  # fmt: skip
def test_routes(gator: Gator, method: str, path: str, status: int) -> None:
    gator(method, path, status=status)


def test_everything_that_is_wrong_is_told_at_once(gator: Gator) -> None:
    answer = gator("POST", "/campaign", {"type": "Odd", "startDate": "2027-01-01T00:00:00Z", "subject": 1}, status=400)
    assert answer == {
        "message": "The request is invalid",
        "modelState": {
            "campaign.name": ["Is required"],
            "campaign.type": ["Unknown value"],
            "campaign.startDate": ["Should be YYYY-MM-DDTHH:MM:SS without a zone"],
            "campaign.subject": ["Should be a text"],
        },
    }
    for content in (b"", b"{", b"[]", b"null"):
        gator("POST", "/campaign", content=content, status=400)


def test_members_are_read_without_regard_to_case(gator: Gator) -> None:
    made = gator("POST", "/campaign", {"NAME": "A", "StartDate": "", "Email": {"ID": "", "Name": "x"}}, status=201)
    assert (made["name"], made["startDate"], made["email"]["name"]) == ("A", None, "x")


def test_a_missing_length_is_refused(gator: Gator) -> None:
    request = httpx_request(gator, "POST", "/schema/entity")
    del request.headers["Content-Length"]
    assert gator.sandbox.handle(request).status_code == 411


def httpx_request(gator: Gator, method: str, path: str) -> Any:
    headers = {"Authorization": f"Bearer {gator.token}"}
    return gator.client.build_request(method, f"/gatormail/example_testlz{path}", headers=headers)
