from typing import Any

import pytest

Api = Any
START = 1_800_000_000


def row(api: Api, email: str = "a@e.test") -> dict[str, Any]:
    (found,) = api.data("Recipient", f'email=="{email}"')
    return dict(found)


def statuses(api: Api) -> dict[int, int]:
    return {each["listid"]: each["status"] for each in api.data("ListSub")}


def test_a_recipient_is_made_with_the_service_defaults(api: Api) -> None:
    made = api.ok("create-recipient", email="a@e.test")["recipient"]
    assert made == {
        "accept": True, "confirmed": True, "confirmedDate": START, "confirmedIp": None, "created": START,
        "customAttributes": None, "email": "a@e.test", "enabled": True, "html": True, "id": 1001, "ip": "",
        "lastClickDate": 0, "lastOpenDate": 0, "lastOpenIp": None, "lastSentDate": 0, "name": "", "phone": None,
        "source": "SYSTEM_API", "surname": "", "tags": [], "userId": 0,
    }  # fmt: skip
    assert [each["action"] for each in api.data("History")] == ["created"]


def test_what_is_written_is_read_back(api: Api) -> None:
    api.person("fields", namekey="city")
    api.person("fields", namekey="shoe_size")
    target = api.list()
    made = api.ok(
        "create-recipient", email="a@e.test", name="Ada", surname="L", gender="Female", phone="+39", listIds=[target],
        html=False, confirmed=0, enabled="1", accept=True, gdprCanSend=True, gdprCanTrack=False, ip="10.0.0.1",
        customAttributes=[{"name": "City", "value": "Rome"}, {"name": "nix", "value": 1}], tags=["vip"],
    )["recipient"]  # fmt: skip
    assert made["customAttributes"] == [{"name": "city", "value": "Rome"}]
    assert (made["confirmed"], made["confirmedDate"]) == (False, 0)
    read = row(api)
    assert read.pop("key")
    assert read == {
        "__type": "AcymailingSubscriber:#SqualoMail.Data.ApplicationDatabase.Models", "accept": 1, "accept_sms": 1,
        "confirmed": 0, "confirmed_date": 0, "confirmed_ip": None, "created": START, "email": "a@e.test",
        "email_imported_value": "a@e.test", "enabled": 1, "gdpr_can_send": 1, "gdpr_can_track": 0, "gender": 2,
        "html": 0, "ip": "10.0.0.1", "is_inactive": 0, "lastclick_date": 0, "lastopen_date": 0, "lastopen_ip": None,
        "lastsent_date": 0, "name": "Ada", "name_imported_value": "Ada", "needs_gdpr_consent": 1, "phone": "+39",
        "quality_score": 0, "source": "SYSTEM_API", "subid": 1001, "surname": "L", "tags": ["vip"],
        "user_defined_fields": [{"Key": "city", "Value": "Rome"}, {"Key": "shoe_size", "Value": ""}], "userid": 0,
    }  # fmt: skip
    (membership,) = api.data("ListSub")
    del membership["__type"]
    assert membership == {"listid": target, "status": 1, "subdate": START, "subid": 1001, "unsubdate": None}


def test_recipients_that_can_not_be_made(api: Api) -> None:
    api.recipient("a@e.test")
    assert api.fails("create-recipient", 409, email="A@E.test") == "There is a recipient with this e-mail address."
    assert api.fails("create-recipient", 400) == "The parameter email is required."
    assert "email" in api.fails("create-recipient", 400, email="nobody")
    assert "gender" in api.fails("create-recipient", 400, email="b@e.test", gender="x")
    assert api.fails("create-recipient", 404, email="b@e.test", listIds=[9]) == "There is no list 9."
    assert "customAttributes" in api.fails("create-recipient", 400, email="b@e.test", customAttributes=["x"])
    assert "name" in api.fails("create-recipient", 400, email="b@e.test", customAttributes=[{"value": "x"}])
    assert len(api.data("Recipient")) == 1


@pytest.mark.parametrize("gender", [None, "null", ""])
def test_no_gender(api: Api, gender: str | None) -> None:
    api.recipient(gender=gender)
    assert row(api)["gender"] == 3


def test_update_keeps_what_is_left_out_and_replaces_lists_and_tags(api: Api) -> None:
    api.person("fields", namekey="city")
    api.person("fields", namekey="size")
    first, second = api.list("A"), api.list("B")
    number = api.recipient(
        name="Ada", listIds=[first], tags=["x"], customAttributes=[{"name": "city", "value": "Rome"}], phone="1"
    )
    updated = api.ok(
        "update-recipient", id=number, surname="L", listIds=[second], tags=["y", "z"],
        customAttributes=[{"name": "size", "value": 42}],
    )["recipient"]  # fmt: skip
    assert (updated["name"], updated["surname"], updated["phone"], updated["tags"]) == ("Ada", "L", "1", ["y", "z"])
    assert updated["customAttributes"] == [{"name": "city", "value": "Rome"}, {"name": "size", "value": "42"}]
    assert statuses(api) == {first: -1, second: 1}
    api.ok("update-recipient", id=number, name="Eve")
    assert statuses(api) == {first: -1, second: 1}
    api.ok("update-recipient", id=number, listIds=[])
    assert statuses(api) == {first: -1, second: -1}


def test_update_finds_by_email_and_with_the_id_changes_it(api: Api) -> None:
    number = api.recipient("a@e.test")
    api.recipient("b@e.test")
    assert api.ok("update-recipient", email="A@e.test", name="Ada")["recipient"]["id"] == number
    assert api.ok("update-recipient", id=number, email="new@e.test")["recipient"]["email"] == "new@e.test"
    assert api.fails("update-recipient", 409, id=number, email="b@e.test")
    assert api.fails("update-recipient", 404, email="a@e.test")
    assert api.fails("update-recipient", 404, id=9) == "There is no recipient 9."
    assert api.fails("update-recipient", 400, name="x") == "The parameter id is required."


def test_confirming_later_has_its_date(api: Api) -> None:
    number = api.recipient(confirmed=False)
    api.sandbox.set_clock(START + 5)
    assert api.ok("update-recipient", id=number, confirmed=True)["recipient"]["confirmedDate"] == START + 5


def test_recipients_are_deleted_by_id_and_by_email(api: Api) -> None:
    target = api.list()
    number = api.recipient("a@e.test", listIds=[target])
    api.recipient("b@e.test", listIds=[target])
    assert api.get("delete-recipient", recipientId=number)["errorCode"] == 0
    assert api.get("delete-recipient-by-email", email="B@e.test")["errorCode"] == 0
    assert api.data("Recipient") == api.data("ListSub") == api.data("History") == []
    assert api.fails("delete-recipient", 404, recipientId=number)
    assert api.fails("delete-recipient-by-email", 404, email="b@e.test")
    assert api.fails("delete-recipient", 400, email="b@e.test") == "The parameter recipientId is required."
    assert api.fails("delete-recipient-by-email", 400, recipientId=1) == "The parameter email is required."


def test_deleting_by_list_spares_members_of_other_lists(api: Api) -> None:
    first, second = api.list("A"), api.list("B")
    api.recipient("only@e.test", listIds=[first])
    api.recipient("both@e.test", listIds=[first, second])
    api.recipient("left@e.test", listIds=[first])
    api.ok("unsubscribe-recipient-by-email", email="left@e.test", listIds=[first])
    api.ok("delete-recipients-by-list", listId=first)
    assert [each["email"] for each in api.data("Recipient")] == ["both@e.test", "left@e.test"]
    api.ok("delete-recipients-by-list", listId=first, deleteIfOnMUltipleLists=True, deleteList=True)
    assert [each["email"] for each in api.data("Recipient")] == ["left@e.test"]
    assert [each["listid"] for each in api.data("List")] == [second]
    assert api.fails("delete-recipients-by-list", 404, listId=first) == "There is no list 1."


def test_subscribed_unsubscribed_and_invalid_recipients(api: Api) -> None:
    target = api.list()
    for name in ("a", "b", "c"):
        api.recipient(f"{name}@e.test", listIds=[target])
    api.recipient("never@e.test")
    api.ok("unsubscribe-recipient-by-email", email="b@e.test", listIds=[target])
    api.ok("update-recipient", email="c@e.test", enabled=False)

    def emails(function: str, **arguments: Any) -> list[str]:
        return [each["email"] for each in api.get(function, **arguments)["recipientList"]]

    assert emails("get-subscribed-recipients", listId=target) == ["a@e.test", "c@e.test"]
    assert emails("get-unsubscribed-recipients", listId=target) == ["b@e.test"]
    assert emails("get-invalid-recipients") == ["c@e.test"]
    for name in ("get-subscribed-recipients", "get-unsubscribed-recipients"):
        assert api.fails(name, 404, listId=9) == "There is no list 9."
        assert api.fails(name, 400) == "The parameter listId is required."


@pytest.mark.parametrize("by", ["id", "email"])
def test_subscribing_and_unsubscribing(api: Api, by: str) -> None:
    first, second = api.list("A"), api.list("B")
    number = api.recipient(listIds=[first])
    who: dict[str, Any] = {"recipientId": number} if by == "id" else {"email": "A@e.test"}
    suffix = "" if by == "id" else "-by-email"
    api.sandbox.set_clock(START + 10)
    api.ok(f"subscribe-recipient{suffix}", **who, listIds=[first, second], accept=0)
    dates = {each["listid"]: each["subdate"] for each in api.data("ListSub")}
    assert dates == {first: START, second: START + 10}
    assert row(api)["accept"] == 0
    api.sandbox.set_clock(START + 20)
    answer = api.get(f"unsubscribe-recipient{suffix}", **who, listIds=f"[{first}]", Accept=1)
    assert answer == {"errorCode": 0, "errorMessage": None, "httpStatusCode": 200}
    left = api.data("ListSub", "status==-1")
    assert [(each["listid"], each["unsubdate"]) for each in left] == [(first, START + 20)]
    assert row(api)["accept"] == 1
    api.ok(f"unsubscribe-recipient{suffix}", **who, listIds=[first])
    assert api.data("ListSub", "status==-1") == left
    assert [each["action"] for each in api.data("History")][-1] == "unsubscribed"


@pytest.mark.parametrize("name", ["subscribe-recipient", "unsubscribe-recipient"])
def test_subscriptions_that_can_not_be(api: Api, name: str) -> None:
    target = api.list()
    number = api.recipient()
    assert api.fails(name, 404, recipientId=9, listIds=[target]) == "There is no recipient 9."
    assert api.fails(name, 404, recipientId=number, listIds=[target, 9]) == "There is no list 9."
    assert api.fails(name, 400, recipientId=number) == "The parameter listIds is required."
    assert api.fails(f"{name}-by-email", 404, email="x@e.test", listIds=[target])
    assert api.fails(f"{name}-by-email", 400, listIds=[target]) == "The parameter email is required."
    assert api.data("ListSub") == []


def test_a_list_with_a_welcome_mail_sends_it(api: Api) -> None:
    mail = api.person("newsletters", subject="Welcome", body="x", type="welcome")["mailid"]
    target = api.list()
    api.person(f"lists/{target}", welcomeMailId=mail)
    api.recipient(listIds=[target])
    api.recipient("deaf@e.test", accept=False, listIds=[target])
    (sent,) = api.sandbox.sends()
    assert (sent["mailid"], sent["reason"], sent["state"]) == (mail, "welcome", "sent")
    api.ok("subscribe-recipient-by-email", email="a@e.test", listIds=[target])
    assert len(api.sandbox.sends()) == 1


def test_consents(api: Api) -> None:
    number = api.recipient()
    api.ok("grant-gdpr-consent", recipientId=number, consentTitle="gdpr_can_send", language="it")
    assert (row(api)["gdpr_can_send"], row(api)["needs_gdpr_consent"]) == (1, 1)
    answer = api.get("revoke-gdpr-consent-by-email", email="a@e.test", consentTitle="gdpr_can_track", language="IT")
    assert answer["errorCode"] == 0
    assert (row(api)["gdpr_can_track"], row(api)["needs_gdpr_consent"]) == (0, 0)
    api.ok("grant-gdpr-consent-by-email", email="a@e.test", consentTitle="gdpr_can_track", language="de")
    api.ok("revoke-gdpr-consent", recipientId=number, consentTitle="gdpr_can_send", language="de")
    assert (row(api)["gdpr_can_send"], row(api)["gdpr_can_track"]) == (0, 1)
    recorded = api.person("consents", "GET")
    assert [(each["title"], each["granted"], each["language"]) for each in recorded] == [
        ("gdpr_can_send", True, "it"),
        ("gdpr_can_track", False, "it"),
        ("gdpr_can_track", True, "de"),
        ("gdpr_can_send", False, "de"),
    ]


@pytest.mark.parametrize("deed", ["grant", "revoke"])
def test_consents_that_can_not_be_given(api: Api, deed: str) -> None:
    number = api.recipient()
    good = {"recipientId": number, "consentTitle": "gdpr_can_send", "language": "it"}
    assert "consentTitle" in api.fails(f"{deed}-gdpr-consent", 400, **{**good, "consentTitle": "other"})
    assert "language" in api.fails(f"{deed}-gdpr-consent", 400, **{**good, "language": "xx"})
    assert "language" in api.fails(f"{deed}-gdpr-consent", 400, **{**good, "language": ""})
    assert api.fails(f"{deed}-gdpr-consent", 404, **{**good, "recipientId": 9})
    assert api.fails(f"{deed}-gdpr-consent-by-email", 404, **{**good, "email": "x@e.test"})
    assert api.person("consents", "GET") == []


def people(api: Api) -> None:
    for key in ("city", "size"):
        api.person("fields", namekey=key)
    for name, city, size in (("ada", "Rome", "9"), ("bob", "Romagna", "10"), ("eve", "", "large")):
        attributes = [{"name": "city", "value": city}, {"name": "size", "value": size}]
        api.recipient(f"{name}@e.test", name=name.title(), customAttributes=attributes, tags=[name, "all"])
    api.recipient("nix@e.test", name="Nix")


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        (("city", "=", "rome"), ["Ada"]),
        (("city", "!=", "Rome"), ["Bob", "Eve", "Nix"]),
        (("city", "like", "ROM"), ["Ada", "Bob"]),
        (("city", "not like", "rom"), ["Eve", "Nix"]),
        (("size", ">", "9"), ["Bob", "Eve"]),
        (("size", ">=", "9"), ["Ada", "Bob", "Eve"]),
        (("size", "<", "10"), ["Ada", "Nix"]),
        (("size", "<=", "10"), ["Ada", "Bob", "Nix"]),
    ],
)
def test_search_by_custom_fields(api: Api, condition: tuple[str, str, str], names: list[str]) -> None:
    people(api)
    name, operator, value = condition
    conditions = [{"fieldName": name, "operator": operator, "value": value}]
    found = api.ok("get-recipients-with-custom-fields", filterCustomFields=conditions)["recipientList"]
    assert [each["name"] for each in found] == names
    assert {len(each["customAttributes"]) for each in found} <= {2}


def test_search_by_a_built_in_field(api: Api) -> None:
    people(api)

    def names(source: str) -> list[str]:
        found = api.ok("get-recipients-with-custom-fields", filter=source)["recipientList"]
        return [each["name"] for each in found]

    assert names("") == ["Ada", "Bob", "Eve", "Nix"]
    assert names("email:ADA@e.test") == ["Ada"]
    assert names("subid:1002") == ["Bob"]
    assert names("name:eve") == ["Eve"]
    assert names("surname:x") == []


def test_searches_that_can_not_be(api: Api) -> None:
    people(api)
    name = "get-recipients-with-custom-fields"
    good = {"fieldName": "city", "operator": "=", "value": "x"}
    assert "FIELD:VALUE" in api.fails(name, 400, filter="phone:1")
    assert "FIELD:VALUE" in api.fails(name, 400, filter="email")
    assert "no operator" in api.fails(name, 400, filterCustomFields=[{**good, "operator": "~"}])
    assert "no custom field" in api.fails(name, 400, filterCustomFields=[{**good, "fieldName": "nix"}])
    assert "texts" in api.fails(name, 400, filterCustomFields=[{**good, "value": 5}])
    assert "required" in api.fails(name, 400, filterCustomFields=[{"fieldName": "city"}])
    assert api.fails("get-recipients-with-tags", 400) == "The parameter tags is required."


def test_search_by_tags(api: Api) -> None:
    people(api)

    def names(*tags: Any) -> list[str]:
        return [each["name"] for each in api.ok("get-recipients-with-tags", tags=list(tags))["recipientList"]]

    assert names("Ada") == ["Ada"]
    assert names("ada", "bob") == ["Ada", "Bob"]
    assert names({"name": "all"}) == ["Ada", "Bob", "Eve"]
    assert names("none") == []
    by_get = api.get("get-recipients-with-tags", **{"tags[]": ["ada", "eve"]})
    assert [each["name"] for each in by_get["recipientList"]] == ["Ada", "Eve"]


def test_custom_fields_change_by_a_person_only(api: Api) -> None:
    field = api.person("fields", namekey="city", fieldname="City", type="radio", value="x", published=False, ordering=9)
    assert field == {
        "__type": "AcymailingField:#SqualoMail.Data.ApplicationDatabase.Models", "core": 0, "fieldid": 4,
        "fieldname": "City", "namekey": "city", "ordering": 9, "published": 0, "type": "radio", "value": "x",
    }  # fmt: skip
    api.recipient(customAttributes=[{"name": "city", "value": "Rome"}])
    api.person("fields/4", namekey="town")
    assert row(api)["user_defined_fields"] == [{"Key": "town", "Value": "Rome"}]
    assert api.person("fields", namekey="TOWN") == {"message": "There is a field TOWN."}
    assert api.person("fields", namekey="two words")["message"].startswith("namekey should")
    assert api.person("fields", namekey="email") == {"message": "There is a field email."}
    assert [each["namekey"] for each in api.data("Field")] == ["name", "email", "html", "town"]
    assert api.person("fields/4", "DELETE") == {}
    assert row(api)["user_defined_fields"] == []


def test_events_are_recorded(api: Api) -> None:
    api.ok("custom-event", customText="reminder")
    api.ok("custom-event/order", customText="thanks", orderId="A-1", shopId=123)
    api.ok("custom-event/abandoned-checkout", customText="come back", abandonedCheckoutId="C-9", shopId="123")
    assert api.person("events", "GET") == [
        {"kind": "event", "date": START, "customText": "reminder"},
        {"kind": "order", "date": START, "customText": "thanks", "orderId": "A-1", "shopId": 123},
        {
            "kind": "abandoned-checkout", "date": START, "customText": "come back", "abandonedCheckoutId": "C-9",
            "shopId": 123,
        },
    ]  # fmt: skip


def test_events_that_can_not_be(api: Api) -> None:
    assert api.fails("custom-event", 400) == "The parameter customText is required."
    assert api.fails("custom-event/order", 400, customText="x", shopId=1) == "The parameter orderId is required."
    assert "shopId" in api.fails("custom-event/order", 400, customText="x", orderId="1", shopId="x")
    name = "custom-event/abandoned-checkout"
    assert api.fails(name, 400, customText="x", shopId=1) == "The parameter abandonedCheckoutId is required."
    assert api.person("events", "GET") == []
