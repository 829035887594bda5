"""Distortions: each changes what it names, on this side only, on both platforms, in-process as over HTTP."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from reconcile.sandbox import Sandbox
from reconcile.sandbox.gatormail.service import GatorMailSetup
from reconcile.sandbox.server import Server
from reconcile.sandbox.switches import DISTORTIONS, GATORMAIL, SQUALOMAIL, Switches

Api = Any
LOGIN = {"grant_type": "password", "username": "u", "password": "p", "scope": "openid GatorMailApi"}


class Gator:
    """GatorMail's calls with a token from before any distortion."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        token = client.post("/oauth/core/connect/token", data=LOGIN, auth=("c", "s")).json()["access_token"]
        self.headers = {"Authorization": f"Bearer {token}"}

    def __call__(self, method: str, path: str, body: Any = None, status: int | None = None) -> Any:
        answer = self.client.request(method, f"/gatormail/example_testlz{path}", json=body, headers=self.headers)
        assert status in (None, answer.status_code), answer.text
        return answer.json() if answer.content else None


def gatormail(position: str, value: Any) -> tuple[Sandbox, Gator]:
    sandbox = Sandbox(gatormail=GatorMailSetup())
    gator = Gator(httpx.Client(transport=httpx.MockTransport(sandbox.handle), base_url="http://s"))
    sandbox.gatormail.positions.set({position: value})
    return sandbox, gator


def test_members_are_renamed_dropped_and_retyped(make: Callable[..., Api]) -> None:
    names = "list.id=key,envelope.errorCode=,Mail.senddate=sendDate"
    types = "list.name=list,list.ordering=text,Mail.mailid=object,envelope.httpStatusCode=null"
    api = make(switches={"distort_members": names, "distort_types": types})
    answer = api("create-list", name="A", ordering=3)
    assert answer["httpStatusCode"] is None
    assert "errorCode" not in answer
    assert {name: answer["list"].get(name) for name in ("id", "key", "name", "ordering")} == {
        "id": None, "key": 1, "name": ["A"], "ordering": "3",
    }  # fmt: skip
    api("create-newsletter", subject="x", body="y")
    (row,) = api("get-data", entity="Mail")
    assert (row["mailid"], row["sendDate"], "senddate" in row) == ({"value": 101}, 0, False)
    (listed,) = api("get-data", entity="List")
    assert listed["name"] == "A"  # a row of get-data is another shape
    api.control("POST", "switches", {"distort_members": "*.name=title"})
    assert api("get-data", entity="List")[0]["title"] == api("get-lists")["lists"][0]["title"][0] == "A"


def test_gatormails_members_too_whichever_name_is_given() -> None:
    sandbox, gator = gatormail("distort_members", "group.name=title,initiate.campaignInitiated=")
    with sandbox:
        made = gator("POST", "/group", {"name": "A"})
        assert (made["title"], "name" in made) == ("A", False)
        campaign = gator("POST", "/campaign", {"name": "C", "group": {"id": made["id"]}})
        assert (campaign["name"], campaign["group"]["title"]) == ("C", "A")
        assert gator("POST", f"/campaign/{campaign['id']}/initiate").keys() == {"message"}
        sandbox.gatormail.positions.set({"distort_members": "", "distort_types": "initiate.initiated=text"})
        assert gator("POST", f"/campaign/{campaign['id']}/initiate")["campaignInitiated"] == "false"


def test_pages_are_capped_and_go_on_where_they_ended(api: Api) -> None:
    for number in range(5):
        api.list(str(number))
    api.sandbox.switches.set({"page_cap": 2})
    pages = [[row["name"] for row in api.ok("get-lists-details", page=page, pageSize=3)["lists"]] for page in range(4)]
    assert pages == [["0", "1"], ["2", "3"], ["4"], []]
    api.sandbox.switches.set({"ignore_page": True})
    assert [row["name"] for row in api.ok("get-lists-details", page=2, pageSize=3)["lists"]] == ["0", "1"]


def test_gatormails_pages_too() -> None:
    sandbox, gator = gatormail("page_cap", 2)
    with sandbox:
        for number in range(3):
            gator("POST", "/group", {"name": str(number)})
        assert [[row["name"] for row in gator("GET", f"/group/{page}/9")] for page in (1, 2, 3)] == [
            ["0", "1"], ["2"], [],
        ]  # fmt: skip
        sandbox.gatormail.positions.set({"ignore_page": True})
        assert [row["name"] for row in gator("GET", "/group/3/9")] == ["0", "1"]


def test_words_of_states(make: Callable[..., Api]) -> None:
    api = make(switches={"status_words": "0=7,1=subscribed"})
    api.recipient(listIds=[api.list()])
    api.newsletter()
    assert api.data("Mail")[0]["published"] == 7
    assert api.data("ListSub")[0]["status"] == "subscribed"
    assert api.data("List")[0]["published"] == 0
    sandbox, gator = gatormail("status_words", "InSetup=In Setup")
    with sandbox:
        assert gator("POST", "/campaign", {"name": "C"})["status"] == "In Setup"


@pytest.mark.parametrize("form", ["text", "guid", "object"])
def test_ids_have_another_form_and_are_taken_in_it(make: Callable[..., Api], form: str) -> None:
    api = make(switches={"id_form": form})
    shown = api("create-list", name="A")["list"]["id"]
    expected = {"text": "1", "guid": "6f1c0de0-0000-4000-8000-000000000001", "object": {"value": 1}}[form]
    assert shown == expected
    sandbox, gator = gatormail("id_form", form)
    with sandbox:
        group = gator("POST", "/group", {"name": "A"})["id"]
        assert type(group) is type(expected)
        if form != "object":
            assert api("create-newsletter", subject="x", body="y", listIds=[shown])["newsletter"]["listIds"] == [shown]
            assert api.get("get-data", entity="List", filter=f'listid=="{shown}"')[0]["listid"] == shown
            assert api("delete-list", listId=shown)["errorCode"] == 0
            assert gator("GET", f"/group/{group}", status=200)["id"] == group
            made = gator("POST", "/campaign", {"name": "C", "group": {"id": group}}, status=201)
            assert made["group"]["id"] == group


def test_errors_under_200(make: Callable[..., Api]) -> None:
    api = make(switches={"error_under_200": "create-l*"})
    assert api("create-list", name="A") == {"message": "The service is not available."}
    assert api.last.status_code == 200
    assert api.data("List") == []
    api.post("get-lists", {})
    assert api.last.status_code == 401
    api.sandbox.switches.set({"errors_as_200": True})
    api.post("get-lists", {})
    assert (api.last.status_code, api.last.json()["errorCode"]) == (200, 1)
    sandbox, gator = gatormail("error_under_200", "gatormail_getDatafeed")
    with sandbox:
        assert gator("GET", "/datafeed", status=200) == {"message": "The service is not available."}
        gator("GET", "/group/1", status=404)
        sandbox.gatormail.positions.set({"errors_as_200": True})
        assert gator("GET", "/group/1", status=200)["message"]


def test_a_create_may_name_the_object_made_before(make: Callable[..., Api]) -> None:
    api = make(switches={"create_id": "another"})
    numbers = [api("create-list", name=name)["list"]["id"] for name in "AB"]
    assert numbers == [0, 1]
    assert [row["listid"] for row in api.data("List")] == [1, 2]
    assert api("update-list", id=2, name="C")["list"]["id"] == 2
    sandbox, gator = gatormail("create_id", "another")
    with sandbox:
        first, second = (gator("POST", "/group", {"name": name})["id"] for name in "AB")
        assert [row["id"] for row in gator("GET", "/group/1/9")] == [second, second + 1]
        assert first == second - 1


@pytest.mark.parametrize(
    ("value", "name", "body"),
    [
        ("cut", "Saldi   & offerte 😀 ", "<b>&  😀</b>"),
        ("emoji", "Saldi   & offerte ?  della", "<b>&  ?</b>"),
        ("entities", "Saldi   &amp; offerte 😀  della", "<b>&  😀</b>"),
        ("blanks", "Saldi & offerte 😀 della", "<b>&  😀</b>"),
    ],
)
def test_texts_are_rewritten(make: Callable[..., Api], value: str, name: str, body: str) -> None:
    api = make(switches={"rewrite_texts": value})
    text = "Saldi   & offerte 😀  della"
    api("create-newsletter", subject=text, body="<b>&  😀</b>")
    (row,) = api.data("Mail")
    assert (row["subject"], row["body"]) == (name, body)
    sandbox, gator = gatormail("rewrite_texts", value)
    with sandbox:
        email = {"name": "E", "html": "<b>&  😀</b>"}
        campaign = gator("POST", "/campaign", {"name": text, "subject": text, "email": email}, status=201)
        assert (campaign["name"], campaign["subject"]) == (name, name)


def test_a_request_may_be_delivered_twice(api: Api) -> None:
    api.sandbox.faults.set(["twice:create-list:n=1"])
    assert api.ok("create-list", name="A")["list"]["id"] == 2
    assert [row["name"] for row in api.data("List")] == ["A", "A"]
    assert api.sandbox.requests()[0]["fault"] == "twice:create-list:n=1"
    assert api.list("B") == 3


@pytest.mark.parametrize("table", [SQUALOMAIL, GATORMAIL])
def test_samples_are_positions(table: Any) -> None:
    platform = "squalomail" if table is SQUALOMAIL else "gatormail"
    assert {name for name, _ in DISTORTIONS[platform]} == {name for name, _ in DISTORTIONS["squalomail"]}
    for name, value in DISTORTIONS[platform]:
        moved = Switches({name: value}, table)
        assert moved.is_moved(name), (name, value)


@pytest.mark.parametrize("value", ["x", "a.b", "a.b=c d", "a.b=c,", "=b"])
def test_what_is_no_distortion_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="switch distort_members can't be"):
        Switches({"distort_members": value})


@pytest.mark.parametrize(("name", "value"), DISTORTIONS["squalomail"])
def test_each_sample_changes_an_answer_of_squalomail(make: Callable[..., Api], name: str, value: Any) -> None:
    def answers(**options: Any) -> list[str]:
        api = make(**options)
        api.control("POST", "switches", {"distort_members": ""})
        api.person("fields", namekey="city")
        calls = [
            ("create-list", {"name": "A & B   C" + "x" * 30}), ("create-list", {"name": "😀"}),
            ("get-lists", {}), ("create-recipient", {"email": "a@e.test", "listIds": [1]}),
            ("create-newsletter", {"subject": "s", "body": "b", "listIds": [1]}),
            ("create-newsletter", {"subject": "s", "body": "b", "listIds": [1]}),
            ("send-newsletter", {"newsletterId": 101, "sendDate": 1}),
            ("send-newsletter", {"newsletterId": 102, "sendDate": 2_000_000_000}),
            ("get-lists-details", {"page": 0, "pageSize": 100}), ("get-lists-details", {"page": 1, "pageSize": 1}),
            *(("get-data", {"entity": entity}) for entity in ("List", "Mail", "ListSub", "ListMail", "Stats", "Field")),
            ("get-data", {"entity": "Recipient"}), ("delete-list", {"listId": 99}), ("update-newsletter", {}),
        ]  # fmt: skip
        if "switches" in options:
            api.sandbox.switches.set(options["switches"])
        for number in range(60 if value == 50 else 0):
            api("create-list", name=str(number))
        found = []
        for function, arguments in calls:
            api.post(function, {"apiKey": "K", **arguments})
            found.append(f"{api.last.status_code} {json.dumps(api.last.json(), sort_keys=True)}")
        api.post("get-lists", {})
        return [*found, str(api.last.status_code)]

    assert answers(seed=1, switches={name: value}) != answers(seed=1)


def test_distortions_over_http(api: Api) -> None:
    with Server(api.sandbox, port=0) as server, httpx.Client(base_url=server.url) as client:
        rows = client.post("/_sandbox/gatormail/switches", json={"id_form": "guid"}).json()
        assert next(row["value"] for row in rows if row["name"] == "id_form") == "guid"
        group = Gator(client)("POST", "/group", {"name": "A"})["id"]
        assert len(group) == 36
        client.post("/_sandbox/switches", json={"id_form": "text"})
        made = client.post("/squalomail/v1/create-list", json={"apiKey": "K", "name": "A"}).json()
        assert made["list"]["id"] == "1"
