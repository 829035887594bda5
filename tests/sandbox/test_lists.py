from typing import Any

Api = Any


def test_a_list_is_made_with_the_service_defaults(api: Api) -> None:
    made = api.ok("create-list", name="Test list")["list"]
    assert made.pop("color").startswith("#")
    assert made == {
        "alias": "test-list",
        "description": None,
        "id": 1,
        "listTags": [],
        "name": "Test list",
        "ordering": 1,
        "published": False,
        "tags": [],
        "type": "list",
        "unsubscribeMailId": None,
        "visible": False,
        "welcomeMailId": None,
    }


def test_what_is_written_is_read_back(api: Api) -> None:
    values = {"name": "News IT", "description": "d", "color": "#ff6600", "ordering": 7, "published": True}
    made = api.ok("create-list", **values, listTags=["Italia", "Croazia"])["list"]
    assert {name: made[name] for name in values} == values
    assert made["listTags"] == made["tags"] == ["Italia", "Croazia"]
    (row,) = api.data("List")
    assert row == {
        "__type": "AcymailingList:#SqualoMail.Data.ApplicationDatabase.Models",
        "AllSubscribersCount": None,
        "DisabledCount": None,
        "ListTags": None,
        "SubscribersCount": None,
        "UnsubscribersCount": None,
        "access_manage": "none",
        "access_sub": "all",
        "alias": "news-it",
        "category": "Italia",
        "color": "#ff6600",
        "created_on": 1_800_000_000,
        "description": "d",
        "languages": "all",
        "listid": 1,
        "name": "News IT",
        "ordering": 7,
        "published": 1,
        "startrule": "0",
        "type": "list",
        "unsubmailid": 0,
        "userid": 0,
        "visible": 0,
        "welmailid": 0,
    }
    assert list(row) == ["__type", *sorted(set(row) - {"__type"})]


def test_positions_follow_one_another(api: Api) -> None:
    api.list(ordering=41)
    assert api.ok("create-list", name="x")["list"]["ordering"] == 42


def test_lists_that_can_not_be_made(api: Api) -> None:
    assert api.fails("create-list", 400) == "The parameter name is required."
    assert api.fails("create-list", 400, name="  ") == "The parameter name is required."
    assert "color" in api.fails("create-list", 400, name="x", color="orange")
    assert "ordering" in api.fails("create-list", 400, name="x", ordering=-1)
    assert "ordering" in api.fails("create-list", 400, name="x", ordering=2**31)
    assert "published" in api.fails("create-list", 400, name="x", published="perhaps")
    assert "250" in api.fails("create-list", 400, name="x" * 251)
    assert api.data("List") == []


def test_values_in_other_types(api: Api) -> None:
    made = api.ok("create-list", name=2026, ordering="5", published="1", listTags="solo")["list"]
    assert (made["name"], made["ordering"], made["published"], made["tags"]) == ("2026", 5, True, ["solo"])
    assert api.ok("create-list", NAME="y", Published="False")["list"]["published"] is False


def test_update_resets_what_is_left_out(api: Api) -> None:
    number = api.list(description="d", color="#111111", ordering=5, published=True, listTags=["a"])
    updated = api.ok("update-list", id=number, name="New")["list"]
    assert (updated["name"], updated["description"], updated["ordering"]) == ("New", None, 0)
    assert (updated["published"], updated["tags"], updated["alias"]) == (False, [], "news")
    assert api.fails("update-list", 400, id=number) == "The parameter name is required."


def test_update_knows_the_list_by_either_id_or_by_a_unique_name(api: Api) -> None:
    number = api.list("A")
    assert api.ok("update-list", listId=number, name="B")["list"]["id"] == number
    assert api.ok("update-list", id=str(number), name="C")["list"]["id"] == number
    assert api.ok("update-list", name="C", description="x")["list"]["description"] == "x"
    api.list("C")
    assert api.fails("update-list", 409, name="C") == "2 lists have this name."
    assert api.fails("update-list", 404, id=99, name="C") == "There is no list 99."
    assert api.fails("update-list", 404, name="D") == "There is no list of this name."


def test_get_lists_is_narrowed_by_ids_names_and_tags(api: Api) -> None:
    for name, tags in (("A", ["x"]), ("B", ["x", "y"]), ("C", [])):
        api.list(name, listTags=tags)

    def names(**restrictions: Any) -> list[str]:
        return [row["name"] for row in api.ok("get-lists", **restrictions)["lists"]]

    assert names() == names(listIds=[], listNames=[], listTags=[]) == ["A", "B", "C"]
    for blank in ("", "  ", [""], [" ", ""], None):
        assert names(listIds=blank) == names(listNames=blank) == names(listTags=blank) == ["A", "B", "C"]
        assert names(listIds=blank, listNames=["B"], listTags=blank) == ["B"]
    assert [row["name"] for row in api.get("get-lists", listIds="", listNames="", listTags="")["lists"]] == [
        "A", "B", "C",
    ]  # fmt: skip
    assert names(listIds=[1, 3, 99]) == ["A", "C"]
    assert names(listNames=["B", "C"]) == ["B", "C"]
    assert names(listTags=["x"]) == ["A", "B"]
    assert names(listTags=["y"], listIds=[1]) == []
    assert "subscribersCount" not in api.ok("get-lists")["lists"][0]


def test_details_come_in_pages_of_ten_and_at_most_a_hundred(api: Api) -> None:
    for number in range(105):
        api.list(f"L{number}")
    first = api.ok("get-lists-details")["lists"]
    assert [row["id"] for row in first] == list(range(1, 11))
    assert len(api.ok("get-lists-details", pageSize=1000)["lists"]) == 100
    assert [row["id"] for row in api.ok("get-lists-details", page=1, pageSize=100)["lists"]] == [
        101,
        102,
        103,
        104,
        105,
    ]
    assert api.ok("get-lists-details", page=2, pageSize=100)["lists"] == []
    assert "pageSize" in api.fails("get-lists-details", 400, pageSize=0)
    assert "page" in api.fails("get-lists-details", 400, page=-1)


def test_details_count_each_recipient_once(api: Api) -> None:
    number = api.list()
    for name in ("a", "b", "c", "d"):
        api.recipient(f"{name}@e.test", listIds=[number])
    api.ok("unsubscribe-recipient-by-email", email="b@e.test", listIds=[number])
    api.ok("update-recipient", email="c@e.test", enabled=False)
    api.ok("update-recipient", email="d@e.test", enabled=False)
    api.ok("unsubscribe-recipient-by-email", email="d@e.test", listIds=[number])
    (row,) = api.ok("get-lists-details")["lists"]
    counts = {name: row[name] for name in row if name.endswith("Count")}
    assert counts == {"subscribersCount": 1, "unsubscribersCount": 1, "disabledCount": 2, "totalCount": 4}
    assert list(row) == sorted(row)


def test_deleting_a_list_leaves_its_recipients(api: Api) -> None:
    number, other = api.list("A"), api.list("B")
    api.recipient(listIds=[number, other])
    mail = api.newsletter(listIds=[number, other])
    assert api.get("delete-list", listId=number) == {"errorCode": 0, "errorMessage": None, "httpStatusCode": 200}
    assert [row["listid"] for row in api.data("List")] == [other]
    assert [row["listid"] for row in api.data("ListSub")] == [other]
    assert [row["listid"] for row in api.data("ListMail", f"mailid=={mail}")] == [other]
    assert len(api.data("Recipient")) == 1
    assert api.fails("delete-list", 404, listId=number) == "There is no list 1."
    assert api.fails("delete-list", 400) == "The parameter listId is required."


def test_ids_are_never_used_again(api: Api) -> None:
    first = api.list()
    api.ok("delete-list", listId=first)
    assert api.list() == first + 1
