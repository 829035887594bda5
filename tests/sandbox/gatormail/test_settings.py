"""Switches, the contract's overrides, faults, files, and the whole over HTTP."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

import reconcile.sandbox.gatormail
from reconcile.sandbox import Sandbox
from reconcile.sandbox.gatormail.service import GatorMailSetup
from reconcile.sandbox.server import Server
from reconcile.sandbox.switches import CAPABILITIES, DISTORTIONS, GATORMAIL
from tests.sandbox.gatormail.conftest import SIGN_IN, START, Gator

SOURCES = Path(reconcile.sandbox.gatormail.__file__).parent


def _status(method: str, path: str, body: Any = None, **more: Any) -> Callable[[Gator], object]:
    def _observe(gator: Gator) -> object:
        group = gator.group("ann@example.test")
        contact = gator("GET", f"/group/{group}/included/contact/1/1")
        words = {"group": group, "contact": contact[0]["id"]}
        gator(method, path.format(**words), body, **more)
        return gator.last.status_code

    return _observe


def _twice(path: str, body: Any) -> Callable[[Gator], object]:
    def _observe(gator: Gator) -> object:
        gator("POST", "/schema/entity", {"name": "Lead"})
        gator("POST", path, body)
        gator("POST", path, body)
        return gator.last.status_code

    return _observe


def _merged(gator: Gator) -> object:
    number = gator.campaign(gator.group(), crmId="5")
    made = gator("PUT", f"/campaign/{number}", {"name": "x"})
    return [made["crmId"], made["subject"], made["group"] is None, made["email"] is None]


def _mapping_kept(gator: Gator) -> object:
    gator("POST", "/schema/entity", {"name": "Contact"})
    gator("POST", "/schema/attribute", {"entityName": "Contact", "name": "x"})
    row = {"entityName": "Contact", "attributeName": "x", "contactAttribute": "FirstName"}
    gator.person("PUT", "ui/mappings", {"mappings": [row]})
    gator.person("POST", "ui/publish")
    gator("DELETE", "/schema")
    gator("POST", "/schema/entity", {"name": "Contact"})
    return len(gator("POST", "/schema/attribute", {"entityName": "Contact", "name": "x"})["mappings"])


def _new_identifier(gator: Gator) -> object:
    gator("POST", "/contact", {"emailLogin": "a@b.test"})
    gator.person("POST", "activity", {"activityType": "EmailOpened", "contact": "a@b.test"})
    return gator("GET", "/datafeed") == gator("GET", "/datafeed")


def _list_type(gator: Gator) -> object:
    return type(gator("GET", "/group/1/5")).__name__


def _zoned(gator: Gator) -> object:
    gator("POST", "/campaign", {"name": "x", "startDate": "2027-01-15T10:00:00+01:00"})
    return gator.last.json().get("startDate")


def _sends_twice(gator: Gator) -> object:
    number = gator.campaign(gator.group("ann@example.test"))
    gator.initiate(number)
    gator.initiate(number)
    return len(gator.sends())


def _description(gator: Gator) -> object:
    number = gator.group()
    gator("POST", "/campaign", {"name": "x", "group": {"id": number, "name": "", "description": "new"}})
    return gator("GET", f"/group/{number}")["description"]


def _excluded_then_included(gator: Gator) -> object:
    group = gator.group()
    gator("POST", f"/group/{group}/excluded/contact", [{"emailLogin": "a@b.test"}])
    return gator("POST", f"/group/{group}/included/contact", [{"emailLogin": "a@b.test"}])[0]["included"]


def _unknown_field(gator: Gator) -> object:
    gator("POST", "/contact", {"emailLogin": "a@b.test", "fields": {"Shoe": 1}})
    return gator.last.json().get("fields", "error")


def _again_with_key(gator: Gator) -> object:
    gator.sandbox.gatormail.positions.set({"triggers": True})
    number = gator.campaign(type="Followup")
    gator.initiate(number)
    body = {"contact": {"emailLogin": "a@b.test"}, "triggerKey": "k"}
    gator("POST", f"/campaign/{number}/trigger", body)
    gator("POST", f"/campaign/{number}/trigger", body)
    return gator.last.status_code, len(gator.sends())


def _html_read(gator: Gator) -> object:
    gator.sandbox.gatormail.positions.set({"email_read": True})
    html = '<a href="https://e.test">x</a>'
    return gator("POST", "/email", {"name": "x", "html": html, "autoTrackLinks": True})["html"] == html


def _after_seconds(kind: str, seconds: int) -> Callable[[Gator], object]:
    def _observe(gator: Gator) -> object:
        number = gator.campaign(gator.group("ann@example.test"), type=kind)
        gator.initiate(number)
        gator.clock(seconds)
        return gator.status(number), len(gator.sends())

    return _observe


REMOVE = _status("DELETE", "/group/{group}/included/contact/{contact}")


def _refreshed_twice(gator: Gator) -> object:
    gator.sandbox.gatormail.positions.set({"refresh_tokens": True})
    form = {"grant_type": "refresh_token", "refresh_token": "from-support"}
    return [gator.sign_in(**form).status_code == 200 for _ in range(2)][-1]


CASES: list[tuple[str, Any, Callable[[Gator], object], object]] = [
    ("put_semantics", "merge", _merged, ["5", "Spring", False, False]),
    ("acknowledge_by_post", False, _status("POST", "/integration/request/FieldMappingSchema/satisfied"), 405),
    ("schema_delete_drops_mappings", False, _mapping_kept, 1),
    ("schema_duplicate_post", "accept", _twice("/schema/entity", {"name": "Lead"}), 201),
    ("feed_redelivery", "new_batch", _new_identifier, False),
    ("campaign_status", False, lambda gator: "status" in gator("GET", f"/campaign/{gator.campaign()}"), False),
    ("campaign_read", False, lambda gator: "subject" in gator("GET", f"/campaign/{gator.campaign()}"), False),
    ("campaign_list", "full", lambda gator: gator.campaign() and "subject" in gator("GET", "/campaign/1/1")[0], True),
    ("email_read", True, _status("GET", "/email/1/1"), 200),
    ("list_envelope", "items", _list_type, "dict"),
    ("reject_zoned_dates", False, _zoned, "2027-01-15T09:00:00"),
    ("initiate_again", "requeue", _sends_twice, 2),
    ("unique_names", True, _twice("/group", {"name": "A"}), 409),
    ("membership_remove", True, REMOVE, 204),
    ("require_api_version", True, lambda gator: _bare(gator), 400),
    ("largest_page", 5, _status("GET", "/contact/1/6"), 400),
    ("largest_piece", 1, _status("POST", "/group/{group}/included/contact", [{"id": 1}, {"id": 2}]), 413),
    ("nested_group", "update", _description, "new"),
    ("refresh_token_ends", True, _refreshed_twice, False),
    ("refresh_tokens", True, lambda gator: "refresh_token" in gator.sign_in().json(), True),
    ("bad_client_status", 401, lambda gator: gator.sign_in(("", "")).status_code, 401),
    ("group_update", True, _status("PUT", "/group/{group}", {"name": "x"}), 200),
    ("membership_read", False, lambda gator: _bare(gator, f"/group/{gator.group()}/included/contact/1/1"), 405),
    ("contact_fields", False, lambda gator: _bare(gator, "/contact/field"), 405),
    ("triggers", True, lambda gator: _bare(gator, "/trigger/x"), 404),
    ("include_flips_exclusion", False, _excluded_then_included, False),
    ("unknown_contact_field", "ignore", _unknown_field, {}),
    ("unknown_contact_field", "accept", _unknown_field, {"Shoe": 1}),
    ("trigger_key_again", "conflict", _again_with_key, (409, 1)),
    ("rewrite_tracked_links", False, _html_read, True),
    ("sending_seconds", 100, _after_seconds("Static", 99), ("Active", 1)),
    ("refresh_seconds", 600, _after_seconds("RefreshRecurring", 1300), ("Active", 3)),
]


def _bare(gator: Gator, path: str = "/schema") -> object:
    gator("GET", path)
    return gator.last.status_code


@pytest.mark.parametrize(("name", "value", "observe", "expected"), CASES)
def test_a_switch_does_what_it_names(
    gators: Callable[..., Gator], name: str, value: Any, observe: Callable[[Gator], object], expected: object
) -> None:
    assert observe(gators(switches={name: value}, checked=name != "list_envelope")) == expected
    assert observe(gators()) != expected


def test_every_position_is_tested_and_every_switch_is_asked_for() -> None:
    tested = {(name, value) for name, value, _, _ in CASES}
    distorted = {name for name, _ in DISTORTIONS["gatormail"]}  # see test_distortions.py
    for switch in GATORMAIL:
        if switch.name in distorted:
            continue
        others = () if isinstance(switch.allowed, range) else switch.allowed
        assert all((switch.name, value) in tested for value in others if value != switch.default)
        assert any(name == switch.name for name, _ in tested)
        assert switch.question[-1] in "?."
    words = {
        node.value
        for path in SOURCES.glob("*.py")
        if path.name != "switches.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
    }
    names = {switch.name for switch in GATORMAIL} - distorted
    assert names <= words
    assert set(CAPABILITIES.values()) <= names


def test_switches_are_moved_by_control_calls(gator: Gator) -> None:
    answer = gator.client.post("/_sandbox/gatormail/switches", json={"triggers": True}).json()
    assert {row["name"]: row["value"] for row in answer}["triggers"] is True
    assert gator.client.post("/_sandbox/gatormail/switches", json={"nix": 1}).status_code == 400
    assert len(gator.client.get("/_sandbox/gatormail/switches").json()) == len(GATORMAIL)


OVERRIDES = {
    "op.campaign.create": "PUT /mailings/new",
    "op.campaign.get": "GET /mailings/{campaignId}/details",
    "op.campaign.initiate": "POST /launch/{campaignId}",
    "op.campaign.list": "GET /mailings",
    "op.group.included.add": "POST /audience/{groupId}/people",
    "f.campaign.name": "title",
    "f.campaign.group": "audience",
    "f.contact.emailLogin": "email",
    "f.initiate.initiated": "launched",
    "f.email.id": "number",
    "c.list.itemsPath": "data.rows",
    "c.api.versionHeader": "x-version",
    "v.campaignStatus": ["0", "1", "2", "3"],
    "cap.trigger": "on",
}


def test_the_contract_renames_what_it_names(gators: Callable[..., Gator]) -> None:
    gator = gators(contract=OVERRIDES, checked=False)
    group = gator("POST", "/group", {"name": "A"}, status=201)["id"]
    gator("POST", f"/audience/{group}/people", [{"email": "ann@example.test"}], status=200)
    body = {
        "title": "Spring", "subject": "S", "fromAddress": "a@b.test", "audience": {"id": group},
        "email": {"number": "", "name": "x"},
    }  # fmt: skip
    made = gator("PUT", "/mailings/new", body, status=201, headers={"X-Version": "1.0"})
    assert (made["title"], made["status"], made["audience"]["id"]) == ("Spring", "0", group)
    assert "number" in made["email"]
    assert gator("POST", f"/launch/{made['id']}") == {"launched": True, "message": None}
    assert gator("GET", f"/mailings/{made['id']}/details")["status"] == "2"
    assert [row["title"] for row in gator("GET", "/mailings?page=1&pageSize=5")["data"]["rows"]] == ["Spring"]
    gator("POST", "/campaign", body, status=404)
    gator("GET", "/trigger/x", status=404)
    gator("GET", "/schema", status=400, headers={"X-Version": "2"})


@pytest.mark.parametrize(
    "contract",
    [{"op.nix": "GET /x"}, {"op.schema.get": "x"}, {"f.email.id": 1}, {"cap.trigger": 2}, {"v.campaignStatus": ["a"]}],
)
def test_wrong_rows_are_refused(contract: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(contract)).replace(".", r"\.")):
        Sandbox(gatormail=GatorMailSetup(contract=contract))


def test_faults(gators: Callable[..., Gator]) -> None:
    specs = ["429:gatormail_addGroup:n=1:after=7", "drop-after:gatormail_addGroup:n=2", "empty:gatormail_deleteSchema"]
    gator = gators(faults=specs, checked=False)
    assert gator("POST", "/group", {"name": "A"}, status=429) == {"message": "Too many requests."}
    assert gator.last.headers["Retry-After"] == "7"
    with pytest.raises(httpx.ReadError):
        gator("POST", "/group", {"name": "A"})
    assert [row["name"] for row in gator("GET", "/group/1/9")] == ["A"]
    gator("DELETE", "/schema", status=204)


def test_data_stay_in_a_file_and_a_reset_forgets_them(tmp_path: Path, gators: Callable[..., Gator]) -> None:
    number = gators(data=tmp_path / "x.sqlite").group("ann@example.test")
    gator = gators(data=tmp_path / "x.sqlite")
    assert gator("GET", f"/group/{number}/count") == {"count": 1}
    gator.sandbox.reset()
    gator("GET", "/schema", status=401)
    gator.sign_in()
    gator.token = gator.last.json()["access_token"]
    assert gator("GET", "/group/1/9") == []


def test_a_person_does_what_the_api_does_without_a_trace(gator: Gator) -> None:
    logged = len(gator.sandbox.requests())
    group = gator.person("POST", "api/group", {"name": "A"})["id"]
    path = f"api/group/{group}/included/contact"
    assert gator.person("POST", path, {"items": [{"emailLogin": "a@b.test"}]})[0]["included"] is True
    assert gator.person("DELETE", f"api/group/{group}") == {}
    gator.person("GET", f"api/group/{group}", status=404)
    gator.person("GET", "api/nix", status=404)
    gator.person("POST", "nix", status=404)
    assert gator.client.get("/_sandbox/gatormail/other/state").status_code == 404
    assert len(gator.sandbox.requests()) == logged


def test_over_http() -> None:
    with Sandbox(now=lambda: START) as sandbox, Server(sandbox, port=0) as server, httpx.Client() as client:
        token = client.post(f"{server.url}/oauth/core/connect/token", data=SIGN_IN, auth=("c", "s")).json()
        base, headers = f"{server.url}/gatormail/example_testlz", {"Authorization": f"Bearer {token['access_token']}"}
        group = client.post(f"{base}/group", json={"name": "A"}, headers=headers)
        assert group.status_code == 201
        assert client.delete(f"{base}/group/{group.json()['id']}", headers=headers).status_code == 204
        assert client.get(f"{base}/group/1/9").status_code == 401
