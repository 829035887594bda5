"""Which connections go through a proxy, and whose certificates count."""

import ssl
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import certifi
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.errors import InvalidInput
from reconcile.network import Network, certificates, is_loopback, proxy_for

API = "https://api.squalomail.com/v1"
PROXY = {"HTTPS_PROXY": "http://proxy.example:3128", "HTTP_PROXY": "http://plain.example:3128"}


@pytest.mark.parametrize(
    ("url", "environ", "expected"),
    [
        (API, {}, None),
        (API, PROXY, "http://proxy.example:3128"),
        (API, {"https_proxy": "http://small.example:1", **PROXY}, "http://small.example:1"),
        (API, {"ALL_PROXY": "proxy.example:3128"}, "http://proxy.example:3128"),
        (API, {"HTTPS_PROXY": " "}, None),
        ("http://state.example/x", PROXY, "http://plain.example:3128"),
        ("http://state.example/x", {**PROXY, "REQUEST_METHOD": "GET"}, None),  # a request's Proxy: header, under CGI
        ("http://127.0.0.1:8025/x", PROXY, None),
        ("http://localhost:8025/x", PROXY, None),
        ("http://[::1]:8025/x", PROXY, None),
        ("http://127.9.9.9/x", PROXY, None),
    ],
)
def test_the_proxy_of_a_connection(url: str, environ: dict[str, str], expected: str | None) -> None:
    assert proxy_for(url, environ) == expected


@pytest.mark.parametrize(
    ("rules", "host", "direct"),
    [
        ("*", "a.example", True),
        ("a.example", "a.example", True),
        ("A.EXAMPLE.", "a.example", True),
        ("example", "a.example", True),
        (".example", "a.example", True),
        ("*.example", "a.example", True),
        ("ample", "a.example", False),
        ("a.example:443", "a.example", True),
        ("a.example:80", "a.example", False),
        ("x, ,a.example", "a.example", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("fd07:b51a:cc66:f0::/64", "[fd07:b51a:cc66:f0::9]", True),
        ("fd07:b51a:cc66:f0::9", "[fd07:b51a:cc66:f0::9]", True),
        ("[fd07:b51a:cc66:f0::9]:443", "[fd07:b51a:cc66:f0::9]", True),
        ("[fd07:b51a:cc66:f0::9]:80", "[fd07:b51a:cc66:f0::9]", False),
        ("::1/128", "a.example", False),
        ("fe80::/10,[::1]", "a.example", False),
        ("10.0.0.0/99", "10.1.2.3", False),
        (":", "a.example", False),
    ],
)
def test_what_is_exempt(rules: str, host: str, direct: bool) -> None:
    assert (proxy_for(f"https://{host}/v1", {**PROXY, "NO_PROXY": rules}) is None) == direct


@given(st.text(), st.text())
def test_no_setting_of_a_machine_is_an_internal_error(rules: str, value: str) -> None:
    with suppress(InvalidInput):
        found = proxy_for(API, {"HTTPS_PROXY": value, "NO_PROXY": rules})
        assert found is None or found.startswith(("http://", "https://"))


@pytest.mark.parametrize(
    "value", ["socks5://proxy.example:1080", "ftp://x", "http://", "http://[::1", "http://x:99999"]
)
def test_a_proxy_that_cant_be_used_is_named(value: str) -> None:
    with pytest.raises(InvalidInput, match="HTTPS_PROXY"):
        proxy_for(API, {"HTTPS_PROXY": value})
    assert proxy_for(API, {"HTTPS_PROXY": value, "NO_PROXY": "squalomail.com"}) is None


def test_loopback_by_every_name() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.0.0.2", "::1", "[::1]")))
    assert not any(map(is_loopback, ("localhost.example", "10.0.0.1", "::2", "example")))


def test_certificates_that_are_not_there_are_named(tmp_path: Path) -> None:
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        with pytest.raises(InvalidInput, match=variable):
            certificates("https", {variable: str(tmp_path / "none")})
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    with pytest.raises(InvalidInput, match="SSL_CERT_FILE"):
        certificates("https", {"SSL_CERT_FILE": str(wrong)})


def test_servers_are_always_verified() -> None:
    for environ in ({}, {"SSL_CERT_FILE": certifi.where()}):
        context = certificates("https", environ)
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname


class _Proxy(BaseHTTPRequestHandler):
    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_request_takes_the_proxy_and_one_to_loopback_does_not() -> None:
    server = HTTPServer(("127.0.0.1", 0), _Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{server.server_port}"
    environ = {"HTTP_PROXY": here, "NO_PROXY": "10.0.0.0/8"}
    _Proxy.seen.clear()
    with httpx.Client(transport=Network(environ=environ)) as client:
        assert client.get("http://state.example/far?key=1").status_code == 200
        assert client.get(f"{here}/near").status_code == 200
    server.shutdown()
    server.server_close()
    assert _Proxy.seen == ["http://state.example/far?key=1", "/near"]
