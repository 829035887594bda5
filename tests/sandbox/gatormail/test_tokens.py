"""Signing in: who gets a token, how long it lives, what it opens."""

from collections.abc import Callable

import pytest

from reconcile.sandbox.gatormail.tokens import Login
from tests.sandbox.gatormail.conftest import START, Gator

LOGINS = [Login("c", "s", "u", "p", ["one_lz"]), Login("c", "s", "v", "p", ["one_lz", "two_lz"])]


def test_a_token_lives_an_hour_on_the_clock(gator: Gator) -> None:
    answer = gator.sign_in().json()
    assert (answer["expires_in"], answer["token_type"], answer.keys()) == (
        3600, "Bearer", {"access_token", "expires_in", "token_type"},
    )  # fmt: skip
    gator.clock(3599)
    gator("GET", "/schema", status=200)
    gator.clock(3600)
    gator("GET", "/schema", status=401)
    assert gator.last.headers["WWW-Authenticate"] == "Bearer"
    gator.token = gator.sign_in().json()["access_token"]
    gator("GET", "/schema", status=200)
    gator.client.post("/_sandbox/gatormail/tokens/expire")
    gator("GET", "/schema", status=401)
    gator.token = "unknown"
    gator("POST", "/group", {"name": "x"}, status=401)


@pytest.mark.parametrize(
    ("auth", "form", "error"),
    [
        (("c", "x"), {}, "invalid_client"),
        (("", ""), {}, "invalid_client"),
        (("c", "s"), {"password": "x"}, "invalid_grant"),
        (("c", "s"), {"username": ""}, "invalid_grant"),
        (("c", "s"), {"scope": ""}, "invalid_scope"),
        (("c", "s"), {"grant_type": "refresh_token"}, "unsupported_grant_type"),
        (("c", "s"), {"grant_type": ""}, "unsupported_grant_type"),
    ],
)
def test_refusals(gators: Callable[..., Gator], auth: tuple[str, str], form: dict[str, str], error: str) -> None:
    gator = gators()
    gator.sandbox.gatormail._setup = type(gator.sandbox.gatormail._setup)(logins=LOGINS)
    response = gator.sign_in(auth, **form)
    assert (response.status_code, response.json()["error"]) == (400, error)


def test_scope_and_instance(gators: Callable[..., Gator]) -> None:
    gator = gators(instances=["one_lz", "two_lz"])
    gator.sandbox.gatormail._setup = type(gator.sandbox.gatormail._setup)(instances=["one_lz", "two_lz"], logins=LOGINS)
    gator.token = gator.sign_in(("c", "s")).json()["access_token"]
    gator("GET", "/schema", instance="one_lz", status=200)
    gator("GET", "/schema", instance="two_lz", status=403)
    gator.token = gator.sign_in(("c", "s"), username="v", scope="openid GatorLeadsApi GatorMailApi").json()[
        "access_token"
    ]
    gator("GET", "/schema", instance="two_lz", status=200)
    gator.token = gator.sign_in(("c", "s"), scope="openid GatorLeadsApi").json()["access_token"]
    gator("GET", "/schema", instance="one_lz", status=403)


def test_an_unknown_instance_is_forbidden(gator: Gator) -> None:
    gator("GET", "/schema", instance="other_lz", status=403)


def test_instances_are_apart(gators: Callable[..., Gator]) -> None:
    gator = gators(instances=["one_lz", "two_lz"])
    numbers = [gator("POST", "/group", {"name": "A"}, instance=each)["id"] for each in ("one_lz", "two_lz")]
    assert len(set(numbers)) == 2
    gator("GET", f"/group/{numbers[0]}", instance="two_lz", status=404)


def test_refresh_tokens_and_the_status_of_a_bad_client(gators: Callable[..., Gator]) -> None:
    gator = gators(switches={"refresh_tokens": True, "bad_client_status": 401})
    refresh = gator.sign_in().json()["refresh_token"]
    gator.clock(4000)
    form = {"grant_type": "refresh_token", "refresh_token": refresh}
    gator.token = gator.sign_in(**form).json()["access_token"]
    gator("GET", "/schema", status=200)
    assert gator.sign_in(("other", "x"), **form).json()["error"] == "invalid_grant"
    assert gator.sign_in(("", "")).status_code == 401


def test_a_refresh_token_of_the_vendors_support_opens_what_any_login_does(gators: Callable[..., Gator]) -> None:
    gator = gators(switches={"refresh_tokens": True})
    form = {"grant_type": "refresh_token", "refresh_token": "from-support", "username": "", "password": ""}
    first = gator.sign_in(("app", "s"), **form).json()
    gator.token = first["access_token"]
    gator("GET", "/schema", status=200)
    assert gator.sign_in(("app", "s"), **form).status_code == 200
    assert gator.sign_in(("app", "s"), **{**form, "refresh_token": ""}).json()["error"] == "invalid_grant"
    gator.clock(181 * 86_400)
    ended = {**form, "refresh_token": first["refresh_token"]}
    assert gator.sign_in(("app", "s"), **ended).json()["error"] == "invalid_grant"
    known = gators(switches={"refresh_tokens": True})
    known.sandbox.gatormail._setup = type(known.sandbox.gatormail._setup)(logins=LOGINS)
    assert known.sign_in(("c", "s"), **form).json()["error"] == "invalid_grant"


def test_a_refresh_token_may_end_when_it_is_used(gators: Callable[..., Gator]) -> None:
    gator = gators(switches={"refresh_tokens": True, "refresh_token_ends": True})
    form = {"grant_type": "refresh_token", "refresh_token": "from-support"}
    following = gator.sign_in(**form).json()["refresh_token"]
    assert gator.sign_in(**form).json()["error"] == "invalid_grant"
    assert gator.sign_in(**{**form, "refresh_token": following}).status_code == 200
    assert gator.sign_in(**{**form, "refresh_token": following}).json()["error"] == "invalid_grant"


def test_the_log_has_no_secrets(gator: Gator) -> None:
    gator("GET", "/contact/match?field=emailLogin&value=ann@example.test", status=200)
    logged = gator.client.get("/_sandbox/requests")
    first = logged.json()[0]
    assert (first["function"], first["write"], first["time"]) == ("oauth_token", False, START)
    assert first["arguments"] == ["grant_type", "username", "password", "scope"]
    assert logged.json()[1]["query"] == "field=emailLogin&value=***"
    for secret in ("ann@example.test", "secret", gator.token):
        assert secret not in logged.text
    rows = gator.sandbox.store.snapshot()
    assert gator.token not in str([tuple(row) for row in rows.execute("SELECT * FROM gm_token")])
    rows.close()
