"""Keys, verbs, arguments, envelopes and get-data: what holds for every function."""

import json
from typing import Any

import httpx
import pytest

from reconcile.sandbox.squalomail.functions import FUNCTIONS

Api = Any
POST_ONLY = {
    "create-list", "update-list", "create-newsletter", "create-newsletter-from-template", "create-recipient",
    "update-newsletter", "update-recipient", "import-recipients-async", "custom-event", "custom-event/order",
    "custom-event/abandoned-checkout",
}  # fmt: skip


def test_there_are_thirty_five_functions() -> None:
    assert len(FUNCTIONS) == 35


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_wants_a_key(api: Api, name: str) -> None:
    for body in ({}, {"apiKey": ""}, {"apiKey": None}):
        answer = api.post(name, body)
        assert api.last.status_code == 401
        assert (answer["errorCode"], answer["httpStatusCode"]) == (1, 401)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_verbs(api: Api, name: str) -> None:
    answer = api.get(name)
    if name in POST_ONLY:
        assert api.last.status_code == 405
        assert api.last.headers["Allow"] == "POST"
        assert answer["httpStatusCode"] == 405
    else:
        assert api.last.status_code == 200
    assert api.client.put(f"/squalomail/v1/{name}").status_code == 405


@pytest.mark.parametrize("spelling", ["apiKey", "api_key", "apikey", "APIKEY"])
def test_spellings_of_the_key(api: Api, spelling: str) -> None:
    expected = {"appId": 1000, "errorCode": 0, "errorMessage": None, "httpStatusCode": 200}
    assert api.post("get-app-id", {spelling: "K"}) == expected
    assert api.client.get("/squalomail/v1/get-app-id", params={spelling: "K"}).json() == expected
    assert api.client.post("/squalomail/v1/get-app-id", params={spelling: "K"}).json() == expected


def test_the_key_in_the_body_wins(make: Any) -> None:
    api = make(accounts={"one": "1111", "two": "2222"})
    assert api.post("get-app-id?apiKey=one", {"api_key": "two"})["appId"] == 2222
    assert api.post("get-app-id?api_key=one", {"apiKey": "two"})["appId"] == 2222
    assert api.post("get-app-id", {"apiKey": "three"})["errorCode"] == 1


def test_accounts_do_not_see_each_other(make: Any) -> None:
    api = make(accounts={"one": "1111", "two": "2222", "also": "1111"})

    def call(key: str, function: str, **arguments: Any) -> Any:
        return api.post(function, {"apiKey": key, **arguments})

    assert call("one", "create-list", name="A")["list"]["id"] == 1
    assert call("two", "create-list", name="B")["list"]["id"] == 1
    assert [row["name"] for row in call("one", "get-lists")["lists"]] == ["A"]
    assert [row["name"] for row in call("also", "get-lists")["lists"]] == ["A"]
    assert [row["name"] for row in call("two", "get-lists")["lists"]] == ["B"]
    assert call("two", "delete-list", listId=1)["errorCode"] == 0
    assert [row["name"] for row in call("one", "get-data", entity="List")] == ["A"]


@pytest.mark.parametrize(
    "path", ["/squalomail/v1/nothing", "/squalomail/v1/", "/squalomail/v1/schedule-newsletter", "/squalomail/v1/help"]
)
def test_unknown_functions(api: Api, path: str) -> None:
    response = api.client.post(path, json={"apiKey": "K"})
    assert response.status_code == 404
    assert response.json()["errorCode"] != 0


@pytest.mark.parametrize("path", ["/", "/v1/get-lists", "/squalomail/get-lists", "/squalomail/v2/get-lists"])
def test_unknown_prefixes(api: Api, path: str) -> None:
    assert api.client.get(path).status_code == 404


@pytest.mark.parametrize(
    "path", ["/squalomail/v1/GET-App-Id", "/SqualoMail/V1/get-app-id", "/squalomail/v1/get-app-id/"]
)
def test_paths_have_no_case(api: Api, path: str) -> None:
    assert api.client.get(path, params={"apiKey": "K"}).json()["appId"] == 1000


@pytest.mark.parametrize("content", [b"{", b"[]", b'"x"', b"\xff", b'{"apiKey":"\\ud800"}', b"[" * 100_000])
def test_bodies_that_are_no_object(api: Api, content: bytes) -> None:
    response = api.client.post("/squalomail/v1/get-lists", content=content)
    assert response.status_code == 400
    assert response.json()["errorCode"] == 2


def test_an_app_id_that_is_no_number(make: Any) -> None:
    assert make(account="acme")("get-app-id")["appId"] == "acme"


@pytest.mark.parametrize(
    ("accept", "status"),
    [("*/*", 200), ("application/json", 200), ("text/html, application/*;q=0.5", 200), ("application/xml", 406)],
)
def test_json_only(api: Api, accept: str, status: int) -> None:
    api.post("get-app-id", {"apiKey": "K"}, headers={"Accept": accept})
    assert api.last.status_code == status


def test_xml_bodies_are_refused(api: Api) -> None:
    headers = {"Content-Type": "application/xml"}
    response = api.client.post("/squalomail/v1/get-app-id", content=b"<a/>", headers=headers)
    assert response.status_code == 415


def test_no_accept_header_is_as_good_as_any(api: Api) -> None:
    request = httpx.Request("GET", "http://sandbox/squalomail/v1/get-app-id?apiKey=K")
    assert "Accept" not in request.headers
    assert api.sandbox.handle(request).status_code == 200


@pytest.mark.parametrize(
    "query",
    ["listIds=1&listIds=2", "listIds[]=1&listIds[]=2", "listIds[0]=1&listIds[1]=2", "listIds=1,2", "listIds=[1,2]"],
)
def test_arrays_in_a_query(api: Api, query: str) -> None:
    for name in "ABC":
        api.list(name)
    answer = api.client.get(f"/squalomail/v1/get-lists?apiKey=K&{query}").json()
    assert [row["id"] for row in answer["lists"]] == [1, 2]


def test_unknown_arguments_and_an_api_user_do_no_harm(api: Api) -> None:
    assert api.ok("create-list", name="x", apiUser="me", whatever={"a": 1})["list"]["name"] == "x"


@pytest.mark.parametrize(
    ("entity", "columns"),
    [
        ("Field", "fieldid fieldname namekey type value published ordering"),
        ("History", "subid date action"),
        ("List", "listid name category color visible alias"),
        ("ListMail", "listid mailid"),
        ("ListSub", "listid subid subdate unsubdate status"),
        (
            "Mail",
            "mailid subject body altbody published senddate created fromemail fromname replytoemail replytoname "
            "language",
        ),
        (
            "Recipient",
            "subid email name enabled ip html accept created confirmed confirmed_date lastopen_date lastclick_date "
            "lastsent_date",
        ),
        (
            "Stats",
            "mailid senthtml senttext senddate openunique opentotal cliclunique clicktotal bounceunique fail unsub "
            "forward",
        ),
        ("Url", "urlid name url"),
        ("UrlClick", "mailid subid urlid click date ip"),
        (
            "UserStats",
            "subid mailid open opendate bounce fail browser browser_version is_mobile mobile_os user_agent",
        ),
    ],
)
def test_every_documented_column_is_there_and_can_be_filtered_by(api: Api, entity: str, columns: str) -> None:
    api.person("fields", namekey="city")
    target = api.list()
    api.recipient(listIds=[target])
    mail = api.newsletter(body='<a href="https://e.test/">x</a>', listIds=[target])
    api.ok("send-newsletter", newsletterId=mail, sendDate=1)
    api.person(f"newsletters/{mail}/click", email="a@e.test")
    for spelling in (entity, entity.lower(), entity.upper()):
        rows = api.data(spelling)
        assert rows
        assert rows[0]["__type"].startswith("Acymailing")
        assert set(columns.split()) <= set(rows[0])
    for column in columns.split():
        value = rows[0][column]
        literal = "null" if value is None else json.dumps(value, ensure_ascii=False).replace('\\"', '"')
        literal = f"'{value}'" if isinstance(value, str) else literal
        assert rows[0] in api.data(entity, f"{column.upper()}=={literal}"), column
        assert rows[0] not in api.data(entity, f"{column}!={literal}"), column


def test_filters_by_get_as_printed_on_the_vendor_page(api: Api) -> None:
    api.recipient("a@gmail.com")
    api.recipient("b@e.test")
    base = "/squalomail/v1/get-data?apiKey=K"
    for query, emails in (
        ("&amp;entity=Recipient&filter=email.Endswith(%22gmail.com%22)", ["a@gmail.com"]),
        ("&entity=recipient&filter=created%3E1451606400%26%26created%3C1454284800", []),
        ("&entity=recipient&filter=created%3E1451606400%26%26created%3C1954284800", ["a@gmail.com", "b@e.test"]),
        ("&entity=recipient&filter=!email.Endswith('gmail.com')", ["b@e.test"]),
        ('&entity=recipient&filter=email=="a@gmail.com"', ["a@gmail.com"]),
        (r"&entity=recipient&filter=email==\"a@gmail.com\"", ["a@gmail.com"]),
    ):
        assert [row["email"] for row in api.client.get(base + query).json()] == emails, query


@pytest.mark.parametrize(
    ("entity", "source", "message"),
    [
        ("Recipient", 'tags=="x"', "there is no field 'tags'"),
        ("Recipient", 'user_defined_fields=="x"', "there is no field"),
        ("Recipient", 'city=="Rome"', "there is no field 'city'"),
        ("List", "SubscribersCount==1", "there is no field"),
        ("Mail", "templateid==1", "there is no field"),
        ("Mail", 'mailid.Endswith("1")', "needs a text"),
        ("Mail", "mailid==", "ends too early"),
    ],
)
def test_filters_that_fail_answer_an_envelope(api: Api, entity: str, source: str, message: str) -> None:
    api.person("fields", namekey="city")
    assert message in api.fails("get-data", 400, entity=entity, filter=source)
    assert api.last.status_code == 200


def test_get_data_wants_a_known_entity(api: Api) -> None:
    assert api.fails("get-data", 400) == "The parameter entity is required."
    assert "entity" in api.fails("get-data", 400, entity="Segment")
    assert api("get-data", entity="Mail") == []


def test_many_newsletters_are_found_by_their_ids(api: Api) -> None:
    ids = [api.newsletter(f"S{number}") for number in range(250)]
    rows = api.data("Mail", "||".join(f"mailid=={number}" for number in ids[50:200]))
    assert [row["mailid"] for row in rows] == ids[50:200]
    assert api.data("Mail", "||".join(f"mailid=={number}" for number in range(10_000, 11_000))) == []
    assert len(api.data("Mail", "||".join(f'subject.Endswith("S{number}")' for number in range(1000)))) == 250
