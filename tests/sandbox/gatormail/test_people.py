"""Contacts and their membership of groups."""

from collections.abc import Callable

from tests.sandbox.gatormail.conftest import Gator


def _sides(gator: Gator, group: int) -> list[list[str]]:
    sides = ("included", "excluded")
    return [[row["emailLogin"] for row in gator("GET", f"/group/{group}/{side}/contact/1/9")] for side in sides]


def test_contacts_are_upserted_by_address(gator: Gator) -> None:
    made = gator("POST", "/contact", {"emailLogin": "Ann@example.test", "firstName": "Ann", "fields": {"region": "N"}})
    assert made == {
        "id": made["id"], "emailLogin": "Ann@example.test", "firstName": "Ann", "lastName": None, "title": None,
        "positionInCompany": None, "companyName": None, "fields": {"Region": "N"}, "contactState": "Inserted",
    }  # fmt: skip
    again = gator("POST", "/contact", {"EMAILLOGIN": "ann@EXAMPLE.test", "firstName": None})
    assert again == {**made, "firstName": None, "contactState": "Updated"}
    assert gator("POST", "/contact", {"id": str(made["id"])})["contactState"] == "Unchanged"
    assert gator("PUT", f"/contact/{made['id']}", {"fields": {"Region": None}})["fields"] == {}
    gator.person("POST", "ui/field", {"name": "ShoeSize"})
    gator("PUT", f"/contact/{made['id']}", {"fields": {"shoesize": 44}}, status=200)
    assert [row["id"] for row in gator("GET", "/contact/match?field=ShoeSize&value=44")] == [made["id"]]
    assert gator("GET", "/contact/match?value=nobody@example.test") == []
    for wrong in ({}, {"id": ""}, {"emailLogin": "x"}, {"id": 1}, {"emailLogin": "a@b.test", "fields": []}):
        gator("POST", "/contact", wrong, status=400)


def test_a_contact_has_one_state_in_a_group(gator: Gator) -> None:
    group = gator.group("ann@example.test", "bob@example.test")
    path = f"/group/{group}/excluded/contact"
    answer = gator("POST", path, [{"emailLogin": "bob@example.test"}, {"emailLogin": "cy@example.test"}])
    assert [(row["included"], row["contactState"]) for row in answer] == [(False, "Unchanged"), (False, "Inserted")]
    assert _sides(gator, group) == [["ann@example.test"], ["bob@example.test", "cy@example.test"]]
    gator("POST", f"/group/{group}/included/contact", [{"id": answer[0]["contactId"], "firstName": "ignored"}])
    assert _sides(gator, group) == [["ann@example.test", "bob@example.test"], ["cy@example.test"]]
    assert gator("GET", f"/contact/{answer[1]['contactId']}/group") == [
        {"groupId": group, "name": "Readers", "included": False}
    ]


def test_rules_and_exclusions(gator: Gator) -> None:
    group = gator.group("ann@example.test")
    gator("POST", "/contact", {"emailLogin": "bob@example.test"})
    rule = {"contacts": ["bob@example.test", "ann@example.test"]}
    assert gator.person("PUT", f"ui/group/{group}/rule", rule) == {"count": 2}
    gator.person("POST", "ui/unsubscribe", {"contact": "bob@example.test", "groupId": group})
    assert gator("GET", f"/group/{group}/count") == {"count": 1}
    assert _sides(gator, group) == [["ann@example.test"], ["bob@example.test"]]
    gator("POST", f"/group/{group}/cleardown", status=204)
    assert (_sides(gator, group), gator("GET", f"/group/{group}/count")) == ([[], []], {"count": 2})


def test_pages_and_pieces(gators: Callable[..., Gator]) -> None:
    gator = gators(switches={"largest_piece": 5, "largest_page": 4})
    group = gator.group(*(f"p{number}@example.test" for number in range(5)))
    rows = [row for page in (1, 2, 3) for row in gator("GET", f"/group/{group}/included/contact/{page}/2")]
    assert [row["emailLogin"] for row in rows] == [f"p{number}@example.test" for number in range(5)]
    gator("GET", "/contact/1/5", status=400)
    gator("POST", f"/group/{group}/included/contact", [{"id": 1}] * 6, status=413)


def test_a_call_that_fails_leaves_nothing_behind(gator: Gator) -> None:
    group = gator.group()
    path = f"/group/{group}/included/contact"
    answer = gator("POST", path, [{"emailLogin": "ann@example.test"}, {"id": 1}], status=400)
    assert answer["modelState"] == {"[1].id": ["There is no such contact"]}
    assert gator("GET", "/contact/1/9") == []
    assert gator("POST", path, []) == []


def test_weak_capabilities_are_off(gator: Gator) -> None:
    group = gator.group("ann@example.test")
    contact = gator("GET", "/contact/1/1")[0]["id"]
    for method, path, body in (
        ("PUT", f"/group/{group}", {"name": "x"}),
        ("DELETE", f"/group/{group}/included/contact/{contact}", None),
        ("GET", "/email/1/9", None),
        ("GET", "/trigger/x", None),
    ):
        gator(method, path, body, status=405)
