"""What goes wrong between us and GatorMail, over real HTTP: a clear message, the right exit code, never a traceback."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile.providers.transport import Transport
from tests.cli.gator import Gator, gator, refused

LIST = ("groupList", "page=1", "pageSize=10")
ADD = ("addGroup", "name=A", "--auto-approve")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Transport, "rest", lambda self, attempt, error: None)


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gator]:
    with gator(tmp_path / "project", monkeypatch) as found:
        yield found


def replace(live: Gator, before: str, after: str) -> None:
    live.project.replace("reconcile.yaml", before, after)


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


# Credentials: exit 7


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("GATOR_CLIENT_SECRET", "invalid_client: The client or its secret is wrong."),
        ("GATOR_CLIENT_ID", "invalid_client: The client or its secret is wrong."),
        ("GATOR_PASSWORD", "invalid_grant: The user name or password is wrong."),
        ("GATOR_USERNAME", "invalid_grant: The user name or password is wrong."),
    ],
)
@pytest.mark.parametrize("status", [400, 401])
def test_a_wrong_login(live: Gator, monkeypatch: pytest.MonkeyPatch, name: str, reason: str, status: int) -> None:
    live.control("POST", "gatormail/switches", {"bad_client_status": status})
    monkeypatch.setenv(name, "something-wrong")
    for command in (("api", "gatormail", "gatormail_getSchema"), ("plan",)):
        live.control("DELETE", "requests")
        live.project.write("manifests/all.yaml", "gatormail:\n  groups:\n    a: {name: A}\n    b: {name: B}\n")
        result = live.project.run(*command)
        refused(result, 7, "[unauthorised]", "Signing in: 127.0.0.1 refuses the login", reason, "clientSecret")
        assert "something-wrong" not in result.err
        assert live.asked("oauth_token") == 1


def test_a_wrong_instance(live: Gator) -> None:
    replace(live, "example_testlz", "other_lz")
    refused(live.api(*LIST), 7, "[unauthorised]", "HTTP 403", "for this instance")
    assert live.asked("oauth_token") == 1


def test_an_expired_token_just_works(live: Gator) -> None:
    live.control("POST", "faults", {"faults": ["401:gatormail_groupList:n=1"]})
    assert live.called(*LIST) == []
    assert live.asked("oauth_token") == 2


def test_a_token_that_is_refused_again(live: Gator) -> None:
    live.control("POST", "faults", {"faults": ["401:gatormail_*"]})
    refused(live.api(*LIST), 7, "HTTP 401")
    assert (live.asked("oauth_token"), live.asked("gatormail_groupList")) == (2, 2)


def test_403(live: Gator) -> None:
    live.control("POST", "faults", {"faults": ["403:gatormail_addGroup"]})
    refused(live.api(*ADD), 7, "gatormail_addGroup", "HTTP 403")
    assert live.asked("oauth_token") == 1


def test_credentials_that_are_not_set_are_told_at_once(live: Gator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATOR_USERNAME")
    monkeypatch.delenv("GATOR_PASSWORD")
    refused(live.api(*LIST), 1, "reconcile.yaml:11:16", "GATOR_USERNAME", "reconcile.yaml:12:16", "GATOR_PASSWORD")
    assert not live.calls()


# The service: exit 1


@pytest.mark.parametrize(
    ("kind", "words"), [("429", ("[rate-limited]", "HTTP 429")), ("503", ("[rate-limited]", "HTTP 503"))]
)
def test_asked_to_wait(live: Gator, kind: str, words: tuple[str, ...]) -> None:
    live.control("POST", "faults", {"faults": [f"{kind}:gatormail_groupList:n=1-2:after=1"]})
    assert live.called(*LIST) == []
    live.control("POST", "faults", {"faults": [f"{kind}:gatormail_groupList:after=1"]})
    refused(live.api(*LIST), 1, *words)
    assert live.asked("gatormail_groupList") == 3 + 5
    # A send is not tried again, not even then; which may have been carried out.
    live.control("POST", "faults", {"faults": [f"{kind}:gatormail_deleteSchema"]})
    result = live.api("deleteSchema", "--auto-approve")
    refused(result, 1, *words)
    assert "may or may not" in result.err
    assert live.asked("gatormail_deleteSchema") == 1


def test_a_lost_reply_is_told_and_the_call_not_repeated(live: Gator) -> None:
    live.control("POST", "faults", {"faults": ["drop-after:gatormail_addGroup"]})
    refused(live.api(*ADD), 1, "[unknown-outcome]", "may or may not have been carried out", "Look before")
    assert live.asked("gatormail_addGroup") == 1


@pytest.mark.parametrize(("kind", "words"), [("html", "HTML instead of JSON"), ("500", "HTTP 500")])
@pytest.mark.parametrize(
    "call", [LIST, ADD, ("deleteGroup", "groupId=1", "--auto-approve"), ("deleteSchema", "--auto-approve")]
)
def test_a_page_instead_of_an_answer(live: Gator, call: tuple[str, ...], kind: str, words: str) -> None:
    """Also where the answer would be empty: what a proxy says is no success."""
    if call[0] == "deleteGroup":
        number = live.another("POST", "/group", {"name": "A"})["id"]
        call = (call[0], f"groupId={number}", *call[2:])
    live.control("POST", "faults", {"faults": [f"{kind}:gatormail_{call[0]}"]})
    refused(live.api(*call), 1, "[unknown-outcome]", words)


def test_an_unreachable_host(live: Gator) -> None:
    replace(live, f"url: {live.server.url}/gatormail", f"url: http://127.0.0.1:{closed_port()}/gatormail")
    refused(live.api(*LIST), 1, "[unreachable]", "127.0.0.1 can't be reached", "Check the provider's url")
    refused(live.api(*ADD), 1, "[unreachable]")


def test_an_unreachable_sign_on(live: Gator) -> None:
    replace(live, f"tokenUrl: {live.server.url}", f"tokenUrl: http://127.0.0.1:{closed_port()}")
    refused(live.api(*LIST), 1, "[unreachable]", "Signing in: 127.0.0.1 can't be reached", "Check tokenUrl")


def test_a_wrong_token_address(live: Gator) -> None:
    replace(live, "/oauth/core/connect/token", "/gatormail/example_testlz/schema")
    refused(live.api(*LIST), 1, "[api-error]", "Signing in: 127.0.0.1 gave no access_token", "Check tokenUrl")
    # A page that forbids the request looks like a refused login.
    replace(live, "/gatormail/example_testlz/schema", "/oauth/connect")
    refused(live.api(*LIST), 7, "[unauthorised]", "HTTP 403", "Check tokenUrl")


@pytest.mark.parametrize("url", ["https://example.com:port/", "ftp://example.com/token"])
def test_a_token_address_that_is_none(live: Gator, url: str) -> None:
    replace(live, f"{live.server.url}/oauth/core/connect/token", url)
    refused(live.api(*LIST), 1, "[host-not-allowed] reconcile.yaml:6:15", "may not be contacted")
    assert not live.calls()


def test_a_wrong_url(live: Gator) -> None:
    replace(live, "/gatormail\n", "/gatormale\n")
    refused(live.api(*LIST), 1, "HTTP 404", "`op.group.list`")


# The contract table: file, line and column, or the row to correct


@pytest.mark.parametrize(
    ("contract", "place", "words"),
    [
        ("{op.campain.get: GET /c}", "14:16", 'Did you mean "op.campaign.get"?'),
        ("{cap.trigger: true, op.campaign.get: /campaign}", "14:35", "takes a verb and a path"),
        ("\n      op.campaign.get: GET /campaign/{id}", "15:7", "its variables are {campaignId}"),
        ("{cap.trigger: sometimes}", "14:16", "true or false"),
        ("{v.campaignStatus: [A, B]}", "14:16", "takes 4 different texts"),
        ("{f.campaign.name: 5}", "14:33", "f.campaign.name"),
        ("{c.page.size: many}", "14:16", "whole number"),
        ("[op.campaign.get]", "14:15", "contract"),
    ],
)
def test_an_override_that_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contract: str, place: str, words: str
) -> None:
    with gator(tmp_path / "project", monkeypatch, rows=contract) as live:
        validated = live.project.run("validate")
        assert (validated.code, f"reconcile.yaml:{place}" in validated.err) == (1, True)
        for command in (("plan",), ("api", "gatormail", "gatormail_getSchema")):
            result = live.project.run(*command)
            refused(result, 1, f"reconcile.yaml:{place}", words)
        assert not live.calls()


@pytest.mark.parametrize(
    ("override", "call", "words"),
    [
        ("op.group.list: GET /groups/{page}/{pageSize}", LIST, ("HTTP 404", "GET /groups/{page}/{pageSize}")),
        ("op.group.create: PUT /group", ADD, ("HTTP 405", '"PUT /group"')),
        ("op.group.create: POST /groups", ADD, ("HTTP 404", '"POST /groups"')),
        ("op.schema.delete: DELETE /scheme", ("deleteSchema", "--auto-approve"), ("HTTP 404", "/scheme")),
        (
            "cap.contact.fields: true",
            ("contactFieldList",),
            ("HTTP 405", "op.contact.fields", "cap.contact.fields off"),
        ),
    ],
)
def test_a_row_that_points_nowhere_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, override: str, call: tuple[str, ...], words: tuple[str, ...]
) -> None:
    key = override.partition(":")[0]
    contract = "\n      " + override
    with gator(tmp_path / "project", monkeypatch, rows=contract, switches={"contact_fields": False}) as live:
        result = live.api(*call)
        refused(result, 1, *words, "put the right verb and path under the provider's contract")
        assert key.startswith("cap.") or f"`{key}`" in result.err


def test_a_wrong_envelope(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with gator(tmp_path / "project", monkeypatch, switches={"list_envelope": "items"}) as live:
        result = live.api(*LIST)
        assert result.code == 1
        assert "has no array but is an object of items (array)" in result.err
        assert "c.list.itemsPath" in result.err
        assert json.loads(result.out) == {"items": []}, "what came is to be seen"
        replace(live, "contract: {}", "contract: {c.list.itemsPath: items}")
        assert live.called(*LIST) == []


def test_a_wrong_version(live: Gator) -> None:
    replace(live, "contract: {}", 'contract: {c.api.version: "9"}')
    refused(live.api(*LIST), 1, "HTTP 400", "api-version")
