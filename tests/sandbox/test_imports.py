import base64
from typing import Any

import pytest

Api = Any
START = 1_800_000_000


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def run(api: Api, text: str, *, mode: int = 1, **arguments: Any) -> list[dict[str, Any]]:
    """Import a file, let the delay pass, and return the recipients."""
    api.ok("import-recipients-async", base64EncodedFile=encoded(text), overwriteData=mode, **arguments)
    api.sandbox.set_clock(api.sandbox.clock.now() + 10)
    return list(api.data("Recipient"))


def test_an_import_is_carried_out_later(api: Api) -> None:
    target = api.list()
    answer = api.ok(
        "import-recipients-async", base64EncodedFile=encoded("email\na@e.test"), overwriteData=1, listIdsToAdd=[target]
    )
    assert answer == {"errorCode": 0, "errorMessage": None, "httpStatusCode": 200}
    assert api.data("Recipient") == []
    assert api.person("imports", "GET") == [{"due": START + 2, "done": None, "result": None}]
    api.sandbox.set_clock(START + 50)
    (row,) = api.data("Recipient")
    assert (row["email"], row["source"], row["created"]) == ("a@e.test", "IMPORT", START + 2)
    assert [(each["listid"], each["subdate"]) for each in api.data("ListSub")] == [(target, START + 2)]
    result = {"created": 1, "updated": 0, "untouched": 0, "skipped": 0}
    assert api.person("imports", "GET") == [{"due": START + 2, "done": START + 2, "result": result}]


def test_the_columns_of_a_file(api: Api) -> None:
    api.person("fields", namekey="city")
    header = "\ufeffEmail;Name;surname;gender;phone;CITY;other\r\n"
    text = f"{header}a@e.test;Ada;L;Female;+39;Rome;x\r\n;;;;;;\r\nbad;B;;;;;\r\n"
    (row,) = run(api, text)
    assert (row["name"], row["surname"], row["gender"], row["phone"]) == ("Ada", "L", 2, "+39")
    assert row["user_defined_fields"] == [{"Key": "city", "Value": "Rome"}]
    assert api.person("imports", "GET")[0]["result"]["skipped"] == 1


def test_quoted_cells_may_have_delimiters_and_line_ends(api: Api) -> None:
    (row,) = run(api, 'email,name,surname\na@e.test,"Ada, the\nfirst","""L"""\n')
    assert (row["name"], row["surname"]) == ("Ada, the\nfirst", '"L"')


def test_of_several_rows_with_one_address_the_last_counts(api: Api) -> None:
    (row,) = run(api, "email,name\na@e.test,One\nA@e.test,Two\n")
    assert row["name"] == "Two"


@pytest.mark.parametrize(
    ("mode", "name", "surname", "joined"), [(1, "New", "New", 1), (2, "Old", "New", 1), (3, "Old", "", 0)]
)
def test_overwriting(api: Api, mode: int, name: str, surname: str, joined: int) -> None:
    api.person("fields", namekey="city")
    api.person("fields", namekey="size")
    target = api.list()
    api.recipient(name="Old", customAttributes=[{"name": "city", "value": "Old"}])
    (row,) = run(api, "email,name,surname,city,size\nA@e.test,New,New,New,New", mode=mode, listIdsToAdd=[target])
    assert (row["email"], row["name"], row["surname"]) == ("a@e.test", name, surname)
    assert [each["Value"] for each in row["user_defined_fields"]] == [name, surname]
    assert len(api.data("ListSub")) == joined


def test_overwriting_everything_empties_what_the_file_has_empty(api: Api) -> None:
    api.recipient(name="Old", surname="Old")
    (row,) = run(api, "email,name\na@e.test,")
    assert (row["name"], row["surname"]) == ("", "Old")


@pytest.mark.parametrize(("clear", "left"), [(False, []), ("true", [1, 2]), (True, [1, 2]), ([2], [2]), ([2, 3], [2])])
def test_leaving_previous_lists(api: Api, clear: Any, left: list[int]) -> None:
    first, second, third = (api.list(name) for name in "ABC")
    api.recipient(listIds=[first, second])
    run(api, "email\na@e.test", listIdsToAdd=[third], clearPreviousListIds=clear)
    assert [each["listid"] for each in api.data("ListSub", "status==-1")] == left
    assert third in [each["listid"] for each in api.data("ListSub", "status==1")]


def test_importing_as_disabled_and_making_names(api: Api) -> None:
    rows = run(
        api, "email,name\nada.love_lace@e.test,\nbob@e.test,Robert", importAsDisabled=True, autogenerateNames=True
    )
    assert [(row["name"], row["surname"], row["enabled"]) for row in rows] == [
        ("Ada", "Love Lace", 0),
        ("Robert", "", 0),
    ]


def test_a_repeated_import_brings_back_who_has_left(api: Api) -> None:
    target = api.list()
    run(api, "email\na@e.test", listIdsToAdd=[target])
    api.ok("unsubscribe-recipient-by-email", email="a@e.test", listIds=[target])
    run(api, "email\na@e.test", mode=2, listIdsToAdd=[target])
    assert [row["status"] for row in api.data("ListSub")] == [1]


def test_an_import_due_before_a_sending_is_done_first(api: Api) -> None:
    target = api.list()
    mail = api.newsletter(listIds=[target])
    api.ok("send-newsletter", newsletterId=mail, sendDate=START + 100)
    api.ok(
        "import-recipients-async", base64EncodedFile=encoded("email\na@e.test"), overwriteData=1, listIdsToAdd=[target]
    )
    api.sandbox.set_clock(START + 10_000)
    (sent,) = api.sandbox.sends()
    assert (sent["state"], sent["sendDate"]) == ("sent", START + 100)


def test_imports_that_can_not_be(api: Api) -> None:
    name = "import-recipients-async"
    file = encoded("email\na@e.test")
    assert api.fails(name, 400, overwriteData=1) == "The parameter base64EncodedFile is required."
    assert api.fails(name, 400, base64EncodedFile=file) == "The parameter overwriteData is required."
    assert "overwriteData" in api.fails(name, 400, base64EncodedFile=file, overwriteData=4)
    assert "Base64" in api.fails(name, 400, base64EncodedFile="%%%", overwriteData=1)
    assert "UTF-8" in api.fails(name, 400, base64EncodedFile=base64.b64encode(b"\xff\xfe").decode(), overwriteData=1)
    assert "no column" in api.fails(name, 400, base64EncodedFile=encoded("mail\nx"), overwriteData=1)
    assert api.fails(name, 404, base64EncodedFile=file, overwriteData=1, listIdsToAdd=[9]) == "There is no list 9."
    assert api.person("imports", "GET") == []
