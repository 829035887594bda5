"""A state's credentials go to its own server: verified where it is elsewhere, and never on to where that one points."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
import pytest

from reconcile.errors import StateError
from reconcile.state.open import open_store
from reconcile.state.postgresql import PostgresqlStore

_NOT_HERE = ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGSSLROOTCERT", "PGSSLMODE")


@pytest.mark.parametrize(
    ("url", "environ", "mode"),
    [
        ("postgresql://u:p@db.example/x", {}, "verify-full"),
        ("postgresql://127.0.0.1,db.example/x", {}, "verify-full"),
        ("postgresql:///x?host=db.example", {}, "verify-full"),
        ("postgresql://localhost/x?hostaddr=203.0.113.9", {}, "verify-full"),
        ("postgresql:///x?service=elsewhere", {}, "verify-full"),
        ("postgresql:///x", {"PGHOST": "db.example"}, "verify-full"),
        ("postgresql://db.example/x", {"PGSSLMODE": "disable"}, "verify-full"),
        ("postgresql://db.example/x?sslmode=require", {}, "require"),
        ("postgresql://localhost/x", {}, None),
        ("postgresql://[::1]:5433/x", {}, None),
        ("postgresql:///x", {}, None),
        ("postgresql:///x?host=/run/postgresql", {}, None),
    ],
)
def test_a_database_elsewhere_is_verified(
    url: str, environ: dict[str, str], mode: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in _NOT_HERE:
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    asked: list[str] = []

    def connect(conninfo: str, **_: object) -> None:
        asked.append(conninfo)
        raise psycopg.OperationalError("not in a test")

    monkeypatch.setattr(psycopg, "connect", connect)
    with pytest.raises(StateError):
        PostgresqlStore(url).read()
    assert {psycopg.conninfo.conninfo_to_dict(one).get("sslmode") for one in asked} == {mode}


class _Leading(BaseHTTPRequestHandler):
    """A server that leads all that comes to another."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("Location", self.server.to + self.path)  # type: ignore[attr-defined]
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_PUT = do_POST = do_DELETE = do_LOCK = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def servers() -> Iterator[tuple[ThreadingHTTPServer, ThreadingHTTPServer]]:
    first, second = (ThreadingHTTPServer(("127.0.0.1", 0), _Leading) for _ in range(2))
    for server in (first, second):
        server.asked = []  # type: ignore[attr-defined]
        server.to = f"http://localhost:{second.server_port}"  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield first, second
    for server in (first, second):
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:PORT/state", "s3://bucket/key?endpoint=http://127.0.0.1:PORT&region=x"]
)
def test_nothing_goes_where_a_state_s_server_points(
    url: str, status: int, servers: tuple[ThreadingHTTPServer, ThreadingHTTPServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = servers
    first.status = second.status = status  # type: ignore[attr-defined]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    store = open_store(url.replace("PORT", str(first.server_port)), environ={})
    with pytest.raises(StateError):
        store.read()
    with pytest.raises(StateError), store.lock("test"):
        pass
    assert first.asked  # type: ignore[attr-defined]
    assert not second.asked  # type: ignore[attr-defined]
