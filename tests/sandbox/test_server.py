import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from reconcile.sandbox.server import Server, serve

Api = Any


@pytest.fixture
def server(api: Api) -> Iterator[Server]:
    with Server(api.sandbox, port=0) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url) as made:
        yield made


def test_calls_over_one_connection_that_is_kept_alive(server: Server, client: httpx.Client) -> None:
    connections = set()
    for number in range(1, 21):
        response = client.post("/squalomail/v1/create-list", json={"apiKey": "K", "name": "è"})
        assert response.json()["list"]["id"] == number
        assert response.http_version == "HTTP/1.1"
        connections.add(response.extensions["network_stream"].get_extra_info("client_addr"))
    assert len(connections) == 1
    assert server.url == f"http://127.0.0.1:{server.port}"


def test_answers_do_not_wait_for_acknowledgements(client: httpx.Client) -> None:
    client.get("/squalomail/v1/get-app-id?apiKey=K")
    start = time.perf_counter()
    for _ in range(20):
        client.get("/squalomail/v1/get-app-id?apiKey=K")
    assert time.perf_counter() - start < 0.6  # with Nagle's algorithm each would take 40 ms


def test_control_and_the_page_are_there_too(client: httpx.Client) -> None:
    assert client.post("/_sandbox/clock", json={"now": 5}).json() == {"now": 5, "set": True}
    assert client.get("/", follow_redirects=True).text.startswith("<!DOCTYPE html>")
    assert client.get("/_sandbox/requests").json() == []
    assert client.request("DELETE", "/_sandbox/requests").json() == {}
    assert client.get("/favicon.ico").status_code == 404


@pytest.mark.parametrize("kind", ["refuse", "drop-before", "drop-after", "timeout"])
def test_broken_connections(api: Api, client: httpx.Client, kind: str) -> None:
    api.sandbox.faults.set([f"{kind}:create-list:n=1"])
    with pytest.raises(httpx.TransportError):
        client.post("/squalomail/v1/create-list", json={"apiKey": "K", "name": "A"})
    response = client.post("/squalomail/v1/create-list", json={"apiKey": "K", "name": "B"})
    assert response.json()["errorCode"] == 0
    assert len(api.data("List")) == (2 if kind in ("drop-after", "timeout") else 1)


def test_truncated_and_late_answers(api: Api, client: httpx.Client) -> None:
    api.sandbox.faults.set(["truncate:get-lists", "latency:get-app-id:ms=300"])
    assert client.get("/squalomail/v1/get-lists?apiKey=K").text == '{"errorCode":0,"errorMessage":nul'
    with pytest.raises(httpx.ReadTimeout):
        client.get("/squalomail/v1/get-app-id?apiKey=K", timeout=0.05)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.test"}, 421),
        ({"Host": "evil.test:8025"}, 421),
        ({"Origin": "https://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 200),
    ],
)
@pytest.mark.parametrize("path", ["/squalomail/v1/delete-list?apiKey=K&listId=1", "/_sandbox/requests"])
def test_pages_of_other_origins_are_kept_out(
    api: Api, client: httpx.Client, headers: dict[str, str], status: int, path: str
) -> None:
    api.list()
    assert client.get(path, headers=headers).status_code == status
    deleted = status == 200 and "delete" in path
    assert len(api.data("List")) == (0 if deleted else 1)


def test_a_link_from_elsewhere_may_open_the_page(client: httpx.Client) -> None:
    assert client.get("/web/1000", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
    assert client.post("/web/1000/lists", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_localhost_is_this_machine_too(server: Server) -> None:
    assert httpx.get(f"{server.url}/_sandbox/sends", headers={"Host": f"LOCALHOST:{server.port}"}).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.1", "example.com", ""])
def test_only_this_machine_is_served(api: Api, host: str) -> None:
    with pytest.raises(ValueError, match="this machine only"):
        Server(api.sandbox, port=0, host=host)


def raw(server: Server, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(request)
        return connection.recv(65536)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"Transfer-Encoding: chunked\r\n", b"411"),
        (b"Content-Length: x\r\n", b"411"),
        (b"Content-Length: 999999999999\r\n", b"413"),
    ],
)
def test_bodies_of_unknown_or_huge_length(server: Server, headers: bytes, status: bytes) -> None:
    host = f"Host: 127.0.0.1:{server.port}\r\n".encode()
    answer = raw(server, b"POST /squalomail/v1/get-lists HTTP/1.1\r\n" + host + headers + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"Connection: close" in answer


def test_odd_requests_do_no_harm(server: Server) -> None:
    assert b" 421 " in raw(server, b"GET / HTTP/1.1\r\n\r\n")
    host = f"Host: 127.0.0.1:{server.port}\r\n\r\n".encode()
    assert b" 400 " in raw(server, b"GET http://[/ HTTP/1.1\r\n" + host)
    assert b" 501 " in raw(server, b"BREW / HTTP/1.1\r\n\r\n")
    assert httpx.get(f"{server.url}/_sandbox/sends").json() == []


def test_closing_ends_connections_and_can_be_repeated(api: Api) -> None:
    server = serve(api.sandbox, port=0)
    with httpx.Client(base_url=server.url) as client:
        client.get("/_sandbox/sends")
        start = time.perf_counter()
        server.close()
        server.close()
        assert time.perf_counter() - start < 1
        with pytest.raises(httpx.TransportError):
            client.get("/_sandbox/sends")
    server.wait()
    assert api.list() == 1


def test_the_date_is_the_sandboxs_and_there_is_one(api: Api, client: httpx.Client) -> None:
    api.sandbox.switches.set({"clock_offset": 3600})
    for path in ("/squalomail/v1/get-app-id", "/gatormail/example_testlz/group/1/1", "/_sandbox/requests"):
        assert client.get(path).headers.get_list("Date") == ["Fri, 15 Jan 2027 09:00:00 GMT"]
    api.sandbox.switches.set({"date_header": "missing"})
    assert "Date" not in client.get("/squalomail/v1/get-app-id").headers
    assert len(client.get("/").headers.get_list("Date")) == 1
