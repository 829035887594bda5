"""Refusals on demand: in the words of the API, or of OAuth where a token is asked for."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from reconcile.sandbox import Sandbox
from reconcile.sandbox.server import Server
from tests.sandbox.gatormail.conftest import SIGN_IN, START, Gator

REFUSALS = [
    (401, "Authorization has been denied for this request.", "invalid_client"),
    (403, "The token is not for this request.", "access_denied"),
    (429, "Too many requests.", "temporarily_unavailable"),
    (503, "The service is not available.", "temporarily_unavailable"),
]


@pytest.mark.parametrize(("status", "message", "code"), REFUSALS)
def test_calls_are_refused_before_they_run(gators: Callable[..., Gator], status: int, message: str, code: str) -> None:
    spec = f"{status}:gatormail_addGroup:n=1:after=7"
    gator = gators(faults=[spec], checked=False)
    assert gator("POST", "/group", {"name": "A"}, status=status) == {"message": message}
    assert gator.last.headers.get("Retry-After") == ("7" if status in (429, 503) else None)
    assert gator.last.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
    entry = gator.sandbox.requests()[-1]
    assert (entry["status"], entry["fault"], entry["performed"]) == (status, spec, False)
    assert gator("GET", "/group/1/9") == []
    gator("POST", "/group", {"name": "A"}, status=201)


@pytest.mark.parametrize(("status", "message", "code"), REFUSALS)
def test_signing_in_is_refused_as_oauth_does(
    gators: Callable[..., Gator], status: int, message: str, code: str
) -> None:
    # The fixture signs in once itself.
    gator = gators(faults=[f"{status}:oauth_token:n=2"], checked=False)
    response = gator.client.post("/oauth/core/connect/token", data=SIGN_IN, auth=("client", "secret"))
    assert response.status_code == status
    assert response.json() == {"error": code, "error_description": message}
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers.get("Retry-After") == ("1" if status in (429, 503) else None)
    entry = gator.sandbox.requests()[-1]
    assert (entry["function"], entry["performed"]) == ("oauth_token", False)
    assert gator.sign_in().status_code == 200


def test_refusals_have_the_names_of_the_contract(gators: Callable[..., Gator]) -> None:
    contract = {"f.error.message": "Message", "f.oauthError.error": "Code"}
    gator = gators(faults=["503:gatormail_getSchema", "401:oauth_token:n=2"], contract=contract, checked=False)
    assert gator("GET", "/schema", status=503) == {"Message": "The service is not available."}
    response = gator.client.post("/oauth/core/connect/token", data=SIGN_IN, auth=("client", "secret"))
    assert response.json()["Code"] == "invalid_client"


def test_a_pattern_of_one_platform_leaves_the_other_alone(gators: Callable[..., Gator]) -> None:
    gator = gators(faults=["401:gatormail_*", "403:get-*"], checked=False)
    gator("GET", "/schema", status=401)
    assert gator.client.get("/squalomail/v1/get-lists?apiKey=K").status_code == 403
    assert gator.sign_in().status_code == 200


def test_the_same_over_http() -> None:
    faults = ["503:oauth_token:n=1:after=3", "401:gatormail_getSchema:n=1", "403:create-list:n=1"]
    with (
        Sandbox(now=lambda: START, faults=faults) as sandbox,
        Server(sandbox, port=0) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        sign_in: dict[str, Any] = {"data": SIGN_IN, "auth": ("c", "s")}
        refused = client.post("/oauth/core/connect/token", **sign_in)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "3")
        token = client.post("/oauth/core/connect/token", **sign_in).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        read = [client.get("/gatormail/example_testlz/schema", headers=headers) for _ in range(2)]
        assert [each.status_code for each in read] == [401, 200]
        made = [client.post("/squalomail/v1/create-list", json={"apiKey": "K", "name": "A"}) for _ in range(2)]
        assert [each.status_code for each in made] == [403, 200]
