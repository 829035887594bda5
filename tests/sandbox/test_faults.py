import json
import time
from typing import Any

import httpx
import pytest

from reconcile.sandbox.faults import KINDS, Faults, parse_fault

Api = Any


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        ("latency", {"kind": "latency", "pattern": "*", "ms": 200, "last": None}),
        ("latency:*:ms=300", {"ms": 300}),
        ("drop-after:create-*:n=2", {"pattern": "create-*", "first": 2, "last": 2}),
        ("500:get-data:p=0.1:seed=7", {"kind": "500", "probability": 0.1, "seed": 7}),
        ("429:n=2-4:after=9", {"pattern": "*", "first": 2, "last": 4, "after": 9}),
        ("html:x:every=3", {"every": 3}),
    ],
)
def test_specs(spec: str, values: dict[str, Any]) -> None:
    fault = parse_fault(spec)
    assert {name: getattr(fault, name) for name in values} == values
    assert fault.spec == spec


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("explode", "unknown kind 'explode'"),
        ("500:*:x=1", "unknown key 'x'"),
        ("500:*:n=0", "should be a whole number from 1 on"),
        ("500:*:n=2-", "should be a whole number"),
        ("500:*:p=2", "should be a number from 0 to 1"),
        ("500:*:p=often", "should be a number from 0 to 1"),
        ("latency:*:ms=-1", "should be a whole number from 0 on"),
    ],
)
def test_wrong_specs(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_fault(spec)


def hits(spec: str, calls: int, operation: str = "get-data", seed: int = 0) -> list[int]:
    faults = Faults([spec], seed)
    return [number for number in range(1, calls + 1) if faults.hitting(operation)]


def test_which_calls_are_hit() -> None:
    assert hits("500", 3) == [1, 2, 3]
    assert hits("500:get-*:n=2", 5) == [2]
    assert hits("500:get-*:n=2-4", 6) == [2, 3, 4]
    assert hits("500:*:every=3", 7) == [3, 6]
    assert hits("500:create-*", 3) == []
    assert hits("500:custom-*", 1, "custom-event/order") == [1]
    assert hits("500:*:p=0", 20) == []


def test_probability_is_repeatable_and_about_right() -> None:
    first = hits("500:*:p=0.2", 1000)
    assert first == hits("500:*:p=0.2", 1000)
    assert first != hits("500:*:p=0.2:seed=1", 1000) == hits("500:*:p=0.2", 1000, seed=1)
    assert 150 < len(first) < 250


@pytest.mark.parametrize(
    ("kind", "status", "content", "done"),
    [
        ("429", 429, "Too many requests", 0),
        ("401", 401, "The API key is missing or wrong", 0),
        ("403", 403, "The API key is not for this function", 0),
        ("503", 503, "The service is not available", 0),
        ("500", 500, "<h1>Server Error</h1>", 0),
        ("html", 200, "<h1>Server Error</h1>", 0),
        ("empty", 200, "", 1),
        ("null", 200, "null", 1),
    ],
)
def test_faults_with_an_answer(make: Any, kind: str, status: int, content: str, done: int) -> None:
    spec = f"{kind}:create-list:n=1:after=7"
    api = make(faults=[spec])
    response = api.client.post("/squalomail/v1/create-list", json={"apiKey": "K", "name": "A"})
    assert response.status_code == status
    assert content in response.text
    assert response.headers.get("Retry-After") == ("7" if kind in ("429", "503") else None)
    assert len(api.data("List")) == done
    (entry, _) = api.sandbox.requests()
    assert (entry["status"], entry["fault"], entry["performed"]) == (
        status,
        spec,
        bool(done),
    )


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_refusals_have_the_platforms_envelope(make: Any, status: int) -> None:
    api = make(faults=[str(status)])
    answer = api("create-list", name="A")
    assert list(answer) == ["errorCode", "errorMessage", "httpStatusCode"]
    assert answer["errorCode"] != 0
    assert answer["httpStatusCode"] == api.last.status_code == status


def test_a_refusal_by_chance_is_repeatable(make: Any) -> None:
    def statuses(seed: int) -> list[int]:
        api = make(faults=["401:get-app-id:p=0.3", "503:get-app-id:p=0.3:seed=5"], seed=seed)
        return [api.client.get("/squalomail/v1/get-app-id?apiKey=K").status_code for _ in range(40)]

    first = statuses(1)
    assert first == statuses(1) != statuses(2)
    assert set(first) == {200, 401, 503}


def test_truncated_answers_are_no_json(make: Any) -> None:
    api = make(faults=["truncate:create-list"])
    response = api.client.post("/squalomail/v1/create-list", json={"apiKey": "K", "name": "A"})
    assert response.text.startswith('{"errorCode":0')
    with pytest.raises(json.JSONDecodeError):
        response.json()
    assert len(api.data("List")) == 1


@pytest.mark.parametrize(
    ("kind", "error", "done"),
    [
        ("refuse", httpx.ConnectError, 0),
        ("drop-before", httpx.ReadError, 0),
        ("drop-after", httpx.ReadError, 1),
        ("timeout", httpx.ReadTimeout, 1),
    ],
)
def test_faults_that_break_the_connection(make: Any, kind: str, error: type[httpx.TransportError], done: int) -> None:
    api = make(faults=[f"{kind}:create-*:n=2"])
    api.list("A")
    with pytest.raises(error) as raised:
        api.list("B")
    assert raised.value.request.url.path == "/squalomail/v1/create-list"
    assert len(api.data("List")) == 1 + done
    entry = api.sandbox.requests()[1]
    assert (entry["status"], entry["performed"]) == (None, bool(done))
    assert api.list("C") == 2 + done


def test_every_kind_is_tested_here() -> None:
    assert set(KINDS) == {
        "latency", "timeout", "401", "403", "429", "500", "503", "html", "refuse", "drop-before",
        "drop-after", "truncate", "empty", "null", "twice",
    }  # fmt: skip


def test_latency_delays_and_runs_into_the_client_timeout(make: Any) -> None:
    api = make(faults=["latency:get-app-id:ms=30"], latency_ms=20)
    start = time.perf_counter()
    api("get-app-id")
    assert time.perf_counter() - start >= 0.05
    with pytest.raises(httpx.ReadTimeout):
        api.client.post("/squalomail/v1/create-list", json={"apiKey": "K", "name": "A"}, timeout=0.001)
    assert len(api.data("List")) == 1


def test_faults_are_set_while_running(api: Api) -> None:
    assert api.control("POST", "faults", {"faults": ["500:get-lists"]}) == ["500:get-lists"]
    assert api.client.get("/squalomail/v1/get-lists?apiKey=K").status_code == 500
    assert api.control("POST", "faults", {"faults": ["explode"]})["message"].startswith("fault 'explode': unknown kind")
    assert api.control("POST", "faults", {"faults": "500"})["message"] == "faults should be an array of texts."
    assert api.control("GET", "faults") == ["500:get-lists"]
    assert api.control("POST", "faults", {"faults": []}) == []
    assert api.client.get("/squalomail/v1/get-lists?apiKey=K").status_code == 200


def test_control_calls_meet_no_faults(make: Any) -> None:
    api = make(faults=["500"])
    assert api.control("GET", "sends") == []
