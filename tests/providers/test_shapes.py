"""The boundary: an answer is what it must be, or an error that names the member and what would correct it."""

import json
import logging
from typing import Any

import httpx
import pytest

from reconcile.errors import ApiError, UnknownOutcome
from reconcile.model.call import Call
from reconcile.model.kind import Wanted
from reconcile.model.right_to_send import RightToSend
from reconcile.providers import provider_named
from reconcile.providers.bounds import Bounds
from reconcile.providers.gatormail.client import GatorMail
from reconcile.providers.gatormail.contract import Contract
from reconcile.providers.shapes import Excess, Misfit, Repeated, described, parse, says_error, word
from reconcile.providers.squalomail.client import SqualoMail
from reconcile.providers.squalomail.newsletters import NEWSLETTERS
from reconcile.providers.transport import Pace, Transport
from tests.world import FREELY, World

CAMPAIGN = {
    "id": 7, "name": "Launch", "type": "Static", "status": "InSetup", "startDate": None, "endDate": "",
    "group": {"id": 5, "name": "Buyers"}, "email": None, "crmId": None,
}  # fmt: skip
MAIL = {
    "mailid": 3, "subject": "Hello", "body": "", "altbody": None, "published": 0, "senddate": 0, "fromemail": "",
    "fromname": "", "language": "it", "__type": "AcymailingMail",
}  # fmt: skip
PERSON = {
    "subid": 1, "email": "ann@example.test", "name": "Ann", "surname": "", "phone": None, "accept": 1, "enabled": 1,
    "gdpr_can_send": 0, "gdpr_can_track": 0, "needs_gdpr_consent": 1, "created": 0, "lastsent_date": 0,
    "tags": None, "user_defined_fields": [{"Key": "city", "Value": "Rome"}],
}  # fmt: skip
LIST = {
    "id": 4, "name": "News", "description": None, "color": "#ffffff", "ordering": 1, "published": True, "tags": None,
    "subscribersCount": 1, "unsubscribersCount": 0, "disabledCount": 0, "totalCount": 1,
}  # fmt: skip


def transport(answer: Any, calls: list[httpx.Request], **options: Any) -> Transport:
    def handle(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        if isinstance(answer, bytes):
            return httpx.Response(200, content=answer, headers={"Content-Type": "application/json"})
        return httpx.Response(200, json=answer)

    return Transport(
        pace=Pace(wait=0.0, longest_wait=0.001),
        right=RightToSend(held=True),
        transport=httpx.MockTransport(handle),
        **options,
    )


def gatormail(operation: str, answer: Any, contract: dict[str, Any] | None = None, **arguments: Any) -> Any:
    """What a client makes of an answer to one call."""
    calls: list[httpx.Request] = []
    client = GatorMail("https://api.example.test", "lz", Contract(contract), transport(answer, calls))
    try:
        return client.send(Call(f"gatormail_{operation}", arguments), FREELY)
    finally:
        # An answer that was cut off is asked for again, one that can't be understood is not.
        assert isinstance(answer, bytes) or len(calls) == 1


def squalomail(function: str, answer: Any, **arguments: Any) -> Any:
    calls: list[httpx.Request] = []
    client = SqualoMail("https://api.example.test", "key", transport(answer, calls))
    try:
        return client.send(Call(function, arguments), FREELY)
    finally:
        assert isinstance(answer, bytes) or len(calls) == 1


def without(row: dict[str, Any], name: str, **more: Any) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name} | more


def test_what_fits_is_read_and_what_nobody_knows_is_kept() -> None:
    (row,) = gatormail("campaignList", [CAMPAIGN | {"Colour": "blue"}], page=1, pageSize=100)
    assert row["id"] == "7"
    assert row["group"]["id"] == "5"
    assert row["endDate"] is None
    assert row["Colour"] == "blue"
    assert squalomail("get-data", [MAIL], entity="Mail") == [MAIL]
    assert squalomail("get-data", [PERSON | {"new": 1}], entity="Recipient")[0]["new"] == 1


@pytest.mark.parametrize("id_", ["8d5f1c2e-0000-4000-8000-000000000001", "7", 7])
def test_ids_are_opaque_texts(id_: Any) -> None:
    (row,) = gatormail("groupList", [{"id": id_, "name": "Buyers"}], page=1, pageSize=100)
    assert row["id"] == str(id_)


@pytest.mark.parametrize("id_", [None, "", ".", "..", {"id": 7}, [7], True, 7.5, "a\nb", "x" * 300])
def test_what_names_nothing_is_no_id(id_: Any) -> None:
    with pytest.raises(Misfit) as error:
        gatormail("groupList", [{"id": id_, "name": "Buyers"}], page=1, pageSize=100)
    assert "f.group.id" in (error.value.diagnostics[0].hint or "")


@pytest.mark.parametrize("name", ["id", "name", "type", "status", "startDate", "endDate", "group", "email"])
@pytest.mark.parametrize("renamed", [True, False])
def test_a_member_that_is_missing_is_an_error_that_names_its_row(name: str, renamed: bool) -> None:
    row = without(CAMPAIGN, name, **({"other_name": CAMPAIGN[name]} if renamed else {}))
    with pytest.raises(Misfit) as error:
        gatormail("getCampaign", row, campaignId="7")
    (found,) = error.value.diagnostics
    assert f"gatormail_getCampaign: the answer can't be understood: `{name}` is missing" in found.detail
    assert ("other_name" in found.detail) is renamed, "the real name is to be seen"
    assert f"f.campaign.{name}" in (found.hint or "")
    assert "Launch" not in found.detail
    assert error.value.answer == row


def test_a_renamed_member_is_read_once_the_contract_says_so() -> None:
    row = without(CAMPAIGN, "status", state="In Setup")
    rows = {"f.campaign.status": "state", "v.campaignStatus": ["In Setup", "Queued", "Active", "Finished"]}
    assert gatormail("getCampaign", row, rows, campaignId="7")["status"] == "InSetup"


def test_a_status_need_not_be_there_where_the_account_shows_none() -> None:
    row = without(CAMPAIGN, "status")
    assert "status" not in gatormail("getCampaign", row, {"cap.campaign.status": False}, campaignId="7")


@pytest.mark.parametrize(
    ("operation", "answer", "row"),
    [
        ("campaignList", {"items": [CAMPAIGN]}, "c.list.itemsPath"),
        ("campaignList", [CAMPAIGN | {"startDate": 5}], "f.campaign.startDate"),
        ("campaignList", [CAMPAIGN | {"startDate": "1 May"}], "c.date.format"),
        ("campaignList", [7], "c.list.itemsPath"),
        ("getSchema", {"entities": [{"name": "Contact"}]}, "f.entity.attributes"),
        ("getSchema", {"entities": [{"name": "C", "attributes": [{"name": "a", "dataType": "text", "mappings": []}]}]},
         "v.dataType"),
        ("getSchema", {}, "f.schema.entities"),
        ("getIntegrationRequests", [{"type": "FieldMappingSchema", "requested": "yes"}], "f.request.requested"),
        ("getIntegrationRequests", [{"type": "Other", "requested": True}], "v.requestType"),
        ("getDatafeed", {"batchIdentifier": "b", "rows": []}, "f.batch.records"),
        ("getDatafeed", {"batchIdentifier": "b", "records": [{}]}, "f.record.id"),
        ("getDatafeed", {"batchIdentifier": "b", "records": [
            {"id": 1, "activityType": "Danced", "activityDate": "2027-01-01T00:00:00"}]}, "v.activityType"),
        ("groupIncludedContactget", [{"id": 1, "mail": "a@example.test"}], "f.contact.emailLogin"),
        ("contactGroupList", [{"groupId": 1, "state": "in"}], "f.contactGroup.included"),
        ("initiateCampaign", {"done": True}, "f.initiate.initiated"),
        ("getDatafeedBatchIdentifier", {"ok": True}, "f.ack.processed"),
        ("addGroup", {"groupId": 5}, "f.group.id"),
        ("getGroupCount", {"count": "12"}, "f.groupCount.count"),
    ],
)  # fmt: skip
def test_each_gatormail_error_names_a_row_of_the_contract(operation: str, answer: Any, row: str) -> None:
    arguments: dict[str, Any] = dict.fromkeys(("campaignId", "groupId", "contactId", "batchIdentifier"), "5")
    arguments |= {"page": 1, "pageSize": 100} if "List" in operation or operation.endswith("get") else {}
    if operation == "addGroup":
        arguments = {"name": "Buyers"}
    with pytest.raises(Misfit) as error:
        gatormail(operation, answer, **{name: arguments[name] for name in arguments if _takes(operation, name)})
    assert f"`{row}`" in (error.value.diagnostics[0].hint or "")


def _takes(operation: str, name: str) -> bool:
    from reconcile.providers.gatormail.operations import OPERATIONS

    key = OPERATIONS[f"gatormail_{operation}"].key
    return operation == "addGroup" or name in Contract().variables(key)


@pytest.mark.parametrize(
    ("function", "arguments", "answer", "row"),
    [
        ("get-data", {"entity": "Mail"}, {"rows": []}, "f.Mail"),
        ("get-data", {"entity": "Mail"}, [without(MAIL, "published")], "f.Mail.published"),
        ("get-data", {"entity": "Mail"}, [MAIL | {"published": 7}], "f.Mail.published"),
        ("get-data", {"entity": "Mail"}, [MAIL | {"senddate": 1_900_000_000_000}], "f.Mail.senddate"),
        ("get-data", {"entity": "Recipient"}, [PERSON | {"created": 1_900_000_000_000}], "f.Recipient.created"),
        ("get-data", {"entity": "Mail"}, [MAIL | {"mailid": "8d5f1c2e-0000"}], "f.Mail.mailid"),
        ("get-data", {"entity": "Recipient"}, [without(PERSON, "accept")], "f.Recipient.accept"),
        ("get-data", {"entity": "Recipient"}, [PERSON | {"tags": "crm"}], "f.Recipient.tags"),
        ("get-data", {"entity": "ListSub"}, [{"listid": 1, "subid": 2, "subdate": 0}], "f.ListSub.status"),
        ("get-lists-details", {}, {"errorCode": 0}, "f.envelope.lists"),
        ("get-lists-details", {}, {"errorCode": 0, "lists": [without(LIST, "totalCount")]}, "f.list.totalCount"),
        ("get-lists-details", {}, {"errorCode": 0, "lists": [without(LIST, "tags")]}, "f.list.listTags"),
        ("create-list", {"name": "x"}, {"errorCode": 0, "list": {"listid": 4}}, "f.list.id"),
        ("create-newsletter-from-template", {"templateId": 3}, {"newsletter": {"id": {"value": 4}}}, "f.newsletter.id"),
        ("create-newsletter-from-template", {"templateId": 3}, {"newsletter": {"id": "4-a"}}, "f.newsletter.id"),
        ("delete-list", {"listId": 4}, {}, "f.envelope.errorCode"),
        ("delete-list", {"listId": 4}, {"errorCode": "0"}, "f.envelope.errorCode"),
    ],
)
def test_each_squalomail_error_names_what_is_assumed(
    function: str, arguments: dict[str, Any], answer: Any, row: str
) -> None:
    with pytest.raises(Misfit) as error:
        squalomail(function, answer, **arguments)
    assert f"`{row}`" in (error.value.diagnostics[0].hint or "")


@pytest.mark.parametrize(
    "body", [{"message": "Boom"}, {"error": {"message": "Boom"}}, {"error": "bad", "error_description": "Boom"}]
)
def test_an_error_under_a_success_status_is_an_error(body: dict[str, Any]) -> None:
    for operation in ("campaignList", "getSchema", "getDatafeed", "getIntegrationRequests"):
        arguments = {"page": 1, "pageSize": 100} if operation == "campaignList" else {}
        with pytest.raises(ApiError, match="Boom"):
            gatormail(operation, body, **arguments)
    for function in ("get-data", "get-lists-details", "delete-list", "update-newsletter"):
        with pytest.raises(ApiError, match="Boom"):
            squalomail(function, body, **({"entity": "Mail"} if function == "get-data" else {}))


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[" * 100_000, b"1" * 5000, b'{"a": ' + b"9" * 4301 + b"}", b'"\\ud800"', b"\xff\xfe", b"NaN",
     b"[" * 70 + b"]" * 70],
)  # fmt: skip
def test_what_is_no_json_is_an_error(content: bytes) -> None:
    with pytest.raises(ApiError):
        gatormail("getSchema", content)
    with pytest.raises(ApiError):
        squalomail("get-data", content, entity="Mail")


def test_nesting_has_a_bound() -> None:
    assert parse(b"[" * 64 + b"]" * 64) is not None
    with pytest.raises(ValueError, match="deeper"):
        parse(b"[" * 66 + b"]" * 66)
    assert parse(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


@pytest.mark.parametrize(
    ("status", "body", "code", "words"),
    [
        (403, b"<html>Blocked by the web filter</html>", 1, "such as a proxy"),
        (407, b"", 1, "such as a proxy"),
        (407, b"<html>Sign in</html>", 1, "such as a proxy"),
        (403, b'{"errorCode": 9}', 7, "refuses the credentials"),
        (403, b"", 7, "refuses the credentials"),
        (401, b"<html>401</html>", 7, "refuses the credentials"),
    ],
)
def test_a_proxy_s_block_page_is_no_word_on_the_credentials(status: int, body: bytes, code: int, words: str) -> None:
    wire = httpx.MockTransport(lambda _: httpx.Response(status, content=body))
    http = Transport(pace=Pace(wait=0.0), right=RightToSend(), transport=wire)
    client = SqualoMail("https://api.example.test", "a-secret-key", http)
    with pytest.raises(ApiError, match=words) as error:
        client.account()
    assert error.value.exit_code == code
    assert "Blocked" not in str(error.value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"errorCode": 0, "appId": 4711, "APPID": 4712}, "`appid` stands there twice"),
        ({"errorCode": 0, "appId": "47\x0011"}, "should be an id"),
        ({"errorCode": 0, "appId": "47\u202e11"}, "should be an id"),
        ({"errorCode": 0, "appId": ""}, "should be an id"),
        ({"errorCode": 0, "appId": True}, "should be an id"),
        ({"errorCode": 0, "appId": {"id": 4711}}, "should be an id"),
        ({"errorCode": 0, "app": 4711}, "names no app id"),
        ({"errorCode": 0, "appId": 4711, "id": 5}, None),
        ({"errorCode": 0, "ID": "4711"}, None),
        (4711, None),
        ("4711", None),
    ],
)
def test_whose_account_it_is_is_told_once_and_plainly(answer: Any, words: str | None) -> None:
    client = SqualoMail("https://api.example.test", "key", transport(answer, []))
    if words is None:
        assert client.account().id == "4711"
        return
    with pytest.raises(Misfit, match=f"^get-app-id: the answer can't be understood: .*{words}") as error:
        client.account()
    assert "`app_id_member`" in (error.value.diagnostics[0].hint or "")


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("https://evil.example/x?apiKey=key", "evil.example"),
        ("/elsewhere", "api.example.test"),
        ("//evil.example", "evil.example"),
        ("https://[", "another address"),
    ],
)
def test_a_redirect_is_told_and_never_followed(location: str, host: str) -> None:
    calls: list[httpx.URL] = []

    def handle(request: httpx.Request) -> httpx.Response:
        calls.append(request.url)
        return httpx.Response(307, headers={"Location": location.encode()})  # type: ignore[dict-item]

    http = Transport(pace=Pace(wait=0.0), right=RightToSend(held=True), transport=httpx.MockTransport(handle))
    client = SqualoMail("https://api.example.test", "a-secret-key", http)
    for call in (Call("get-data", {"entity": "Mail"}), Call("create-list", {"name": "A"})):
        with pytest.raises(
            ApiError, match=rf"sends the call on to {host} \(HTTP 307\), which is never followed"
        ) as error:
            client.send(call, FREELY)
        assert "a-secret-key" not in str(error.value)
    assert [url.host for url in calls] == ["api.example.test"] * 2


def test_an_answer_has_a_largest_size() -> None:
    calls: list[httpx.Request] = []
    bounded = transport([CAMPAIGN] * 100, calls, bounds=Bounds(unpacked=1000))
    client = GatorMail("https://api.example.test", "lz", Contract(), bounded)
    with pytest.raises(ApiError, match="more than 0 MiB"):
        client.send(Call("gatormail_getSchema", {}))
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("parts", "read"),
    [
        ((("a", 60),), True),
        ((("\\n", 60),), True),
        ((("ž", 40),), True),
        ((("😀", 60),), True),
        ((("\\u017e", 30),), True),
        ((("ž", 1), ("a", 40)), False),
        ((("😀", 1), ("a", 20)), False),
        ((("\\ud83d\\ude00", 1), ("a", 20)), False),
        ((('\\"a', 20), ("😀", 1)), False),
        ((("a", 20), ('","', 1), ("😀", 1)), True),
        ((("a", 20), ('\\\\","', 1), ("😀", 1)), True),
    ],
)
def test_an_emoji_in_a_large_text_is_reckoned_with(parts: tuple[tuple[str, int], ...], read: bool) -> None:
    """Each character of a text takes as many bytes as its widest one."""
    text = b"".join(part.encode() * (megabytes * 2**20 // len(part.encode())) for part, megabytes in parts)
    if read:
        assert parse(b'["' + text + b'"]')
        return
    with pytest.raises(Excess, match="texts would take more than 64 MiB"):
        parse(b'["' + text + b'"]')


def test_newsletters_too_large_for_one_answer_are_asked_for_in_smaller_parts() -> None:
    world = World()
    for number in range(40):
        world.api("create-newsletter", subject=f"Mail {number}", body="x" * 1000, language="it")
    large = world.api("create-newsletter", subject="Large", body="x" * 15_000, language="it")["newsletter"]["id"]
    bounded = Transport(
        pace=Pace(wait=0.0),
        right=RightToSend(),
        transport=httpx.MockTransport(world.handle),
        bounds=Bounds(unpacked=20_000),
    )
    client = SqualoMail("http://127.0.0.1:8025/squalomail/v1", "KEY", bounded)
    first = large - 40
    for wanted in (
        Wanted(everything=True),
        Wanted(frozenset(map(str, range(first, large + 1)))),
        Wanted(frozenset([str(first)]), newer=True),
    ):
        rows = list(NEWSLETTERS.read(client, wanted))
        assert len({row.id for row in rows}) == len(rows) == 41
    assert client.reads < 100
    world.api("update-newsletter", id=large, subject="Large", body="x" * 30_000)
    with pytest.raises(ApiError, match="more than 0 MiB"):
        list(NEWSLETTERS.read(client, Wanted(everything=True)))
    world.close()


def test_a_shape_says_nothing_of_the_content() -> None:
    value = {"email": "ann@example.test", "ann@example.test": 1, "n": None, "on": True, "rows": [1], "o": {"a": "b"}}
    shown = described(value)
    assert shown == "an object of email (text), n (null), on (flag), rows (array), o (object) and 1 more"
    assert "ann" not in described([value]) + described("ann") + word("ann@example.test")
    assert word("In Setup") == '"In Setup"'
    assert says_error({"Message": " no. "}) == "no"
    assert says_error({"id": 1}) is None


def test_attempts_are_told_in_words(caplog: pytest.LogCaptureFixture) -> None:
    answers = [httpx.Response(502, text="away"), httpx.Response(200, json=[])]
    pace = Pace(wait=0.5, longest_wait=0.6, attempts=5)
    wire = httpx.MockTransport(lambda _: answers.pop(0))
    client = SqualoMail(
        "https://api.example.test", "a-secret-key", Transport(pace=pace, right=RightToSend(), transport=wire)
    )
    log = logging.getLogger("reconcile.calls")
    log.addHandler(caplog.handler)
    log.setLevel(logging.INFO)
    try:
        assert client.send(Call("get-data", {"entity": "Mail"})) == []
    finally:
        log.removeHandler(caplog.handler)
    (told,) = {record.getMessage() for record in caplog.records if record.name == "reconcile.calls"}
    assert told.startswith("get-data: the platform failed (HTTP 502), again in ")
    assert told.endswith(" s, attempt 2 of 5.")


@pytest.mark.parametrize("status", [202, 203, 206, 207, 226])
def test_a_part_of_an_answer_is_no_answer(status: int) -> None:
    def client(answer: Any) -> dict[str, Any]:
        wire = httpx.MockTransport(lambda _: httpx.Response(status, json=answer))
        return {"transport": Transport(pace=Pace(wait=0.0, attempts=1), right=RightToSend(held=True), transport=wire)}

    squalo = SqualoMail("https://api.example.test", "key", **client([MAIL]))
    with pytest.raises(UnknownOutcome, match=rf"get-data: HTTP {status} is no whole answer"):
        squalo.send(Call("get-data", {"entity": "Mail"}))
    gator = GatorMail("https://api.example.test", "lz", Contract({}), **client([CAMPAIGN]))
    with pytest.raises(UnknownOutcome, match=rf"gatormail_campaignList: HTTP {status} is no whole answer"):
        gator.send(Call("gatormail_campaignList", {"page": 1, "pageSize": 100}))


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206])
def test_a_write_is_done_by_the_statuses_that_say_so(status: int) -> None:
    wire = httpx.MockTransport(lambda _: httpx.Response(status, content=b"" if status == 204 else b"{}"))
    http = Transport(pace=Pace(wait=0.0), right=RightToSend(held=True), transport=wire)
    gator = GatorMail("https://api.example.test", "lz", Contract({}), http)
    call = Call("gatormail_deleteGroup", {"groupId": "7"})
    if status == 206:
        with pytest.raises(UnknownOutcome, match="gatormail_deleteGroup: HTTP 206 is no whole answer"):
            gator.send(call, FREELY)
    else:
        assert gator.send(call, FREELY) is None


OTHER = CAMPAIGN | {"name": "Other"}


@pytest.mark.parametrize(
    ("operation", "rows", "row"),
    [("campaignList", [CAMPAIGN, OTHER], "f.campaign.id"),
     ("groupList", [{"id": 5, "name": "Buyers"}, {"id": "5", "name": "Others"}], "f.group.id"),
     ("contactList", [{"id": 9, "emailLogin": "a@x.example"}, {"id": 9, "emailLogin": "b@x.example"}],
      "f.contact.id")],
)  # fmt: skip
def test_gatormail_rows_that_disagree_on_an_id_are_an_error(operation: str, rows: list[Any], row: str) -> None:
    with pytest.raises(Misfit, match=rf"gatormail_{operation}: .*`id` in row 2 is that of a row before it") as error:
        gatormail(operation, rows, page=1, pageSize=100)
    assert f"`{row}`" in (error.value.diagnostics[0].hint or "")
    assert len(gatormail(operation, [rows[0], rows[0]], page=1, pageSize=100)) == 2


@pytest.mark.parametrize(
    ("entity", "row", "more", "name"),
    [("Mail", MAIL, {"subject": "Other"}, "mailid"), ("Recipient", PERSON, {"accept": 0}, "subid"),
     ("ListSub", {"listid": 1, "subid": 2, "status": 1, "subdate": 0}, {"status": -1}, "subid"),
     ("List", {"listid": 1, "name": "News"}, {"name": "Other"}, "listid")],
)  # fmt: skip
def test_squalomail_rows_that_disagree_on_an_id_are_an_error(entity: str, row: Any, more: Any, name: str) -> None:
    with pytest.raises(Misfit, match=rf"get-data: .*`{name}` in row 2 is that of a row before it") as error:
        squalomail("get-data", [row, row | more], entity=entity)
    assert f"`f.{entity}.{name}`" in (error.value.diagnostics[0].hint or "")
    assert len(squalomail("get-data", [row, dict(row)], entity=entity)) == 2


def test_lists_that_disagree_on_an_id_are_an_error() -> None:
    with pytest.raises(Misfit, match=r"get-lists-details: .*`lists.id` in row 2 is that of a row before it"):
        squalomail("get-lists-details", {"errorCode": 0, "lists": [LIST, LIST | {"name": "Other"}]})


@pytest.mark.parametrize(
    ("batch", "words"),
    [({"Message": "An error has occurred."}, r"an error beside other members \(An error has occurred\)"),
     ({"error": "x"}, r"an error beside other members \(x\)"),
     ({"totalRecords": 5}, "`totalRecords` is a number while the batch has no records"),
     ({"rows": [{"id": 1}]}, "`rows` is an array of 1 while the batch has no records"),
     ({"Records": [{"id": 1}]}, "`[rR]ecords` stands there twice")],
)  # fmt: skip
def test_a_batch_that_contradicts_itself_is_an_error(batch: dict[str, Any], words: str) -> None:
    with pytest.raises(Misfit, match=rf"gatormail_getDatafeed: .*{words}"):
        gatormail("getDatafeed", {"batchIdentifier": "B1", "records": []} | batch)


def test_an_empty_batch_may_say_that_it_is_empty() -> None:
    batch = {"batchIdentifier": "B1", "records": [], "totalRecords": 0, "instance": "lz", "more": []}
    assert gatormail("getDatafeed", batch)["records"] == []


def test_an_error_beside_a_result_is_an_error() -> None:
    with pytest.raises(Misfit, match=r"gatormail_getCampaign: .*an error beside other members \(bad\)"):
        gatormail("getCampaign", CAMPAIGN | {"error": "bad"}, campaignId="7")
    assert gatormail("getCampaign", CAMPAIGN | {"message": "Hello"}, campaignId="7")["message"] == "Hello"


def test_members_that_differ_by_case_only_are_an_error() -> None:
    with pytest.raises(Misfit, match=r"gatormail_groupList: .*`(n|N)ame` stands there twice") as error:
        gatormail("groupList", [{"id": 5, "name": "Buyers", "Name": "Others"}], page=1, pageSize=100)
    assert error.value.answer is not None


@pytest.mark.parametrize(
    ("status", "content"),
    [(200, b"<html>"), (200, b""), (200, b"[{"), (204, b""), (206, b"[]"), (500, b""), (502, b"<p>")],
)
def test_an_answer_that_is_none_names_the_operation_and_its_row(status: int, content: bytes) -> None:
    wire = httpx.MockTransport(lambda _: httpx.Response(status, content=content))
    http = Transport(pace=Pace(wait=0.0, attempts=1), right=RightToSend(), transport=wire)
    gator = GatorMail("https://api.example.test", "lz", Contract({}), http)
    with pytest.raises(UnknownOutcome, match=r"^gatormail_groupList: ") as error:
        gator.send(Call("gatormail_groupList", {"page": 1, "pageSize": 100}))
    assert "`op.group.list`" in (error.value.diagnostics[0].hint or "")


def test_a_batch_by_two_dots_names_its_row() -> None:
    with pytest.raises(Misfit, match=r"gatormail_getDatafeed: .*`batchIdentifier` should be") as error:
        gatormail("getDatafeed", {"batchIdentifier": "..", "records": []})
    assert "`f.batch.batchIdentifier`" in (error.value.diagnostics[0].hint or "")


def twice(rows: Any, *places: Any) -> bytes:
    """JSON of rows with a member that stands there twice: first as something else, then as it is."""
    text = json.dumps(rows)
    for name in places:
        value = f'"{name}": '
        assert value in text, name
        text = text.replace(value, f'"{name}" : "other", {value}', 1)
    return text.encode()


ROWS = {each.id for name in ("squalomail", "gatormail") for each in provider_named(name).assumptions or ()}
BATCH = {"batchIdentifier": "B1", "records": [{"id": 1, "activityType": "EmailOpened", "activityDate": "2027-01-01"}]}
TWICE: list[tuple[str, dict[str, Any], Any, str, str]] = [
    ("get-data", {"entity": "Mail"}, [MAIL], "published", "`f.Mail.published`"),
    ("get-data", {"entity": "Recipient"}, [PERSON], "accept", "`f.Recipient.accept`"),
    ("get-data", {"entity": "Recipient"}, [PERSON], "tags", "`f.Recipient.tags`"),
    ("get-lists-details", {}, {"errorCode": 0, "lists": [LIST]}, "totalCount", "`f.list.totalCount`"),
    ("get-app-id", {}, {"errorCode": 0, "appId": 4711}, "appId", "`app_id_member`"),
    ("create-list", {"name": "a"}, {"errorCode": 0, "list": {"id": 4}}, "id", "`f.list.id`"),
    ("gatormail_campaignList", {"page": 1, "pageSize": 1}, [CAMPAIGN], "status", "`op.campaign.list`"),
    ("gatormail_getCampaign", {"campaignId": "7"}, CAMPAIGN | {"group": {"id": 5, "name": "B"}}, "group",
     "`op.campaign.get`"),
    ("gatormail_getDatafeed", {}, BATCH, "activityType", "`op.datafeed.fetch`"),
    ("gatormail_getDatafeed", {}, BATCH, "records", "`op.datafeed.fetch`"),
    ("gatormail_getDatafeedBatchIdentifier", {"batchIdentifier": "B1"}, {"processed": True}, "processed",
     "`op.datafeed.ack`"),
    ("gatormail_addGroup", {"name": "a"}, {"id": 5, "name": "a"}, "id", "`op.group.create`"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "arguments", "answer", "name", "row"), TWICE)
def test_a_member_that_stands_there_twice_is_an_error(
    operation: str, arguments: dict[str, Any], answer: Any, name: str, row: str
) -> None:
    """Even where both say the same: parsers keep one, and which is meant nobody can tell."""
    calls: list[httpx.Request] = []
    http = transport(twice(answer, name), calls)
    client: Any = (
        GatorMail("https://api.example.test", "lz", Contract({}), http)
        if operation.startswith("gatormail_")
        else SqualoMail("https://api.example.test", "key", http)
    )
    with pytest.raises(
        Misfit, match=rf"^{operation}: the answer can't be understood: `[\w.]*\b{name}`.* twice"
    ) as error:
        client.send(Call(operation, arguments), FREELY)
    assert isinstance(error.value, UnknownOutcome)
    assert row in (error.value.diagnostics[0].hint or "")
    assert row.strip("`") in ROWS
    assert error.value.answer is None
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b'{"a": 1, "b": {"a": 2}, "a": 3}', ("a",)),
        (b'[{"a": 1}, {"b": [0, {"a": "\\"a\\":", "\\u0061": 2}]}]', (1, "b", 1, "a")),
        (b'{"a"\t:1,"a"\r\n:1}', ("a",)),
        (b'[{"rows": [{"x": 1, "y": 2}, {"x": 1, "x": 1}]}]', (0, "rows", 1, "x")),
        (b'\xef\xbb\xbf{"":1,"":{}}', ("",)),
        (b'{"a":' + b"[" * 60 + b"]" * 60 + b',"a":0}', ("a",)),
    ],
)
def test_the_place_of_a_member_that_stands_there_twice(content: bytes, place: tuple[Any, ...]) -> None:
    with pytest.raises(Repeated) as error:
        parse(content)
    assert error.value.place == place


@pytest.mark.parametrize(
    "answer",
    [{}, [], 1, None, ":", '":', [":", " :", '" :"'], {"a": '{"a":1,"a":2}', '"a":': {"a": {"a": " :"}}}, {" :": "\\"}],
)
def test_what_only_looks_like_it_is_read(answer: Any) -> None:
    for separators in ((",", ":"), (", ", " : "), (" ,\n", "\t:")):
        assert parse(json.dumps(answer, separators=separators).encode()) == answer


def test_a_name_that_says_something_of_somebody_is_not_shown() -> None:
    with pytest.raises(Misfit) as error:
        gatormail("getSchema", b'{"ann@example.test": 1, "ann@example.test": 2}')
    assert "ann" not in str(error.value)
    assert "`...` stands there twice" in str(error.value)
