"""The sandbox over HTTP, on the loopback interface only: the emulated APIs, the control paths and the web page."""

import contextlib
import ipaddress
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

import httpx

from reconcile.sandbox.sandbox import CONTROL, Sandbox
from reconcile.sandbox.web.site import Web

_LARGEST = 64 * 1024 * 1024  # bytes of a request's body; an imported file has at most 25 MB, and base64 adds a third


class Server:
    """Serves one sandbox in threads of its own, from construction until ``close()``; also a context manager.

    ``port`` 0 takes any free one, see ``url``. A ``host`` that is not this machine is a ``ValueError``: the sandbox
    asks nobody who they are. The sandbox itself stays open when the server closes.
    """

    def __init__(self, sandbox: Sandbox, port: int = 8025, host: str = "127.0.0.1") -> None:
        if not _is_loopback(host):
            raise ValueError(f"the sandbox listens on this machine only, not on {host}")
        self._http = _HttpServer((host, port), sandbox)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="sandbox", daemon=True)
        self._thread.start()
        self._closed = False

    def __enter__(self) -> "Server":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        """Where the server is, without a slash at the end: ``http://127.0.0.1:8025``."""
        return self._http.url

    def wait(self) -> None:
        """Return when the server has been closed; an interrupt from the keyboard comes through."""
        while self._thread.is_alive():
            self._thread.join(0.5)

    def close(self) -> None:
        """Stop listening and end all connections; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._http.shutdown()
        self._http.end_connections()
        self._http.server_close()
        self._thread.join()


def serve(sandbox: Sandbox, port: int = 8025, host: str = "127.0.0.1") -> Server:
    """Start a server for the sandbox; see ``Server``."""
    return Server(sandbox, port, host)


class _HttpServer(ThreadingHTTPServer):
    # Not daemons, so that closing waits for requests that are being answered.
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.sandbox = sandbox
        self.web = Web(sandbox)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)
        host, port = address[0], int(self.server_address[1])
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self.hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")} | {urlsplit(self.url).netloc}

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)

    def ended(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def end_connections(self) -> None:
        """Wake the threads that wait for the next request of a connection kept alive."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body leave as one packet, and without waiting for an acknowledgement of the one before.
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _HttpServer

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.ended(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def handle(self) -> None:
        # A client that goes away is no error of ours.
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: what was called is in ``GET /_sandbox/requests``."""

    def _answer(self) -> None:
        body = self._body()
        if body is None:
            return
        url = f"http://{self.headers.get('Host', '')}{self.path}"
        try:
            request = httpx.Request(self.command, url, headers=list(self.headers.items()), content=body)
        except (httpx.InvalidURL, ValueError):
            self._write(httpx.Response(400, text="This is not an address of the sandbox."))
            return
        refusal = self._refusal(request)
        try:
            self._write(refusal or self._dispatch(request))
        except httpx.TransportError:  # a fault: the client is to see a connection that breaks
            self.close_connection = True

    def _body(self) -> bytes | None:
        """The request's body, ``None`` when it was refused."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            self.close_connection = True
            self._write(httpx.Response(411, text="A request needs a Content-Length."))
            return None
        if int(length) > _LARGEST:
            self.close_connection = True
            self._write(httpx.Response(413, text=f"A request has at most {_LARGEST} bytes."))
            return None
        return self.rfile.read(int(length))

    def _refusal(self, request: httpx.Request) -> httpx.Response | None:
        """Keep out pages of other origins, which a browser on this machine would let through to us.

        A foreign name that resolves to this machine (DNS rebinding) shows in Host; a foreign page's form or picture
        shows in Origin or Sec-Fetch-Site, which programs do not send.
        """
        if self.headers.get("Host", "").lower() not in self.server.hosts:
            return httpx.Response(421, text="The sandbox answers under its own address only.")
        origin = self.headers.get("Origin")
        foreign = origin is not None and origin.lower() not in {f"http://{host}" for host in self.server.hosts}
        crossed = self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")
        if foreign or (crossed and (self.command != "GET" or self._is_api(request))):
            return httpx.Response(403, text="The sandbox takes no requests from pages of other origins.")
        return None

    def _is_api(self, request: httpx.Request) -> bool:
        path = request.url.path.lower()
        return path.startswith(CONTROL) or any(each.claims(path) for each in self.server.sandbox.providers)

    def _dispatch(self, request: httpx.Request) -> httpx.Response:
        if self._is_api(request):
            return self.server.sandbox.handle(request)
        page = self.server.web.handle(request)
        page.headers["Date"] = self.date_time_string()
        return page

    def _write(self, response: httpx.Response) -> None:
        content = response.content
        # Not send_response(), which would add a Date of its own where the sandbox has none.
        self.send_response_only(response.status_code)
        self.send_header("Server", self.version_string())
        for name, value in response.headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _answer


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
