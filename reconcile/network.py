"""How connections leave this machine: proxies, certificates. One place for APIs, sign-in and states alike.

The environment's settings are read here and nowhere else: the proxy's variables as most tools take them
(``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY``, ``NO_PROXY``, in either case), ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``.
Loopback never goes through a proxy. Redirects are never followed.
"""

import ipaddress
import os
import ssl
import threading
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpx

from reconcile.errors import InvalidInput

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_PROXY_SCHEMES: Final = ("http", "https")


def told_time(headers: Mapping[str, str]) -> float | None:
    """The time (UNIX seconds) that an answer tells; None where it has no `Date`, or was kept by a cache."""
    if headers.get("age", "0").strip() not in ("", "0"):
        return None
    try:
        return parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


class Network(httpx.BaseTransport):
    """The way to every host, opened when it is first asked for; what all ``httpx`` clients of this project stand on.

    ``check`` is asked with the first URL of each host before anything goes there, and raises where that may not be.
    Its requests raise InvalidInput where a variable of the environment names a proxy or certificates that can't be
    used.
    """

    def __init__(
        self,
        limits: httpx.Limits | None = None,
        environ: Mapping[str, str] = os.environ,
        check: Callable[[str], None] = lambda url: None,
    ) -> None:
        self._check = check
        self._allowed: set[tuple[bytes, bytes, bytes]] = set()
        self._limits = limits or httpx.Limits(max_connections=16, max_keepalive_connections=16)
        self._environ = environ
        self._ways: dict[tuple[str, str, int | None], httpx.HTTPTransport] = {}
        self._opening = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request the way that its host is reached."""
        host = (request.url.raw_scheme, request.url.netloc, request.url.userinfo)
        if host not in self._allowed:
            self._check(str(request.url))
            self._allowed.add(host)
        return self._way(request.url).handle_request(request)

    def close(self) -> None:
        """Close all connections."""
        for way in self._ways.values():
            way.close()
        self._ways.clear()

    def _way(self, url: httpx.URL) -> httpx.HTTPTransport:
        origin = (url.scheme, url.host, url.port)
        with self._opening:
            if origin not in self._ways:
                self._ways[origin] = httpx.HTTPTransport(
                    proxy=proxy_for(str(url), self._environ),
                    verify=certificates(url.scheme, self._environ),
                    limits=self._limits,
                    trust_env=False,
                )
            return self._ways[origin]


def certificates(scheme: str, environ: Mapping[str, str] = os.environ) -> ssl.SSLContext:
    """Whom a server's certificate may come from; for a plain connection nobody is asked for any.

    Raises:
        InvalidInput: a variable names certificates that can't be used.
    """
    if scheme != "https":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading the stores takes longer than a request
    return _certificates(environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR"))


def proxy_for(url: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """The proxy that the environment names for a URL, None for a direct connection.

    Raises:
        InvalidInput: the proxy's URL can't be used.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower()
    if is_loopback(host):
        return None
    variable, value = _variable((f"{parts.scheme}_proxy", "all_proxy"), environ)
    if not value or _is_exempt(host, parts, _variable(("no_proxy",), environ)[1]):
        return None
    return _checked_proxy(variable, value)


def is_loopback(host: str) -> bool:
    """Whether a host, by name or address, is this machine's loopback."""
    address = _address(host)
    return address.is_loopback if address is not None else host in ("localhost", "localhost.")


def _variable(names: tuple[str, ...], environ: Mapping[str, str]) -> tuple[str, str]:
    """The first of these variables that has a value, small letters first; under CGI a request sets HTTP_PROXY."""
    for name in names:
        for spelled in (name, name.upper()):
            if spelled == "HTTP_PROXY" and "REQUEST_METHOD" in environ:
                continue
            if value := environ.get(spelled, "").strip():
                return spelled, value
    return names[0], ""


def _checked_proxy(variable: str, value: str) -> str:
    """The proxy's URL; a bare ``host:port`` is plain HTTP, as curl takes it."""
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
        parts = SplitResult("", "", "", "", "")
    if parts.scheme and parts.scheme not in _PROXY_SCHEMES:
        raise InvalidInput(
            f"{variable} names a proxy of the kind {parts.scheme}, which is not supported.",
            hint=f"Name an http:// or https:// proxy in {variable}, or unset it and list the hosts in NO_PROXY.",
        )
    if not usable:
        raise InvalidInput(
            f"{variable} is no URL of a proxy.", hint=f"It takes http://HOST:PORT. Correct {variable}, or unset it."
        )
    return url


def _is_exempt(host: str, parts: SplitResult, rules: str) -> bool:
    """Whether ``NO_PROXY`` names a host: names with all below them, addresses, ranges, each with a port or without."""
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    return any(_matches(rule, host, port) for rule in (one.strip().lower() for one in rules.split(",")) if rule)


def _matches(rule: str, host: str, port: int | None) -> bool:
    if rule == "*":
        return True
    address = _address(host)
    if "/" in rule:
        try:
            network = ipaddress.ip_network(rule.replace("[", "").replace("]", ""), strict=False)
        except ValueError:
            return False
        return address is not None and address in network
    if _address(rule) is None:
        # An address of version 6 has colons of its own; with a port it stands in brackets.
        name, colon, number = rule.rpartition(":")
        if colon and number.isdigit():
            if int(number) != port:
                return False
            rule = name
    if (named := _address(rule)) is not None:
        return address == named
    rule = rule.removeprefix("*").removeprefix(".").rstrip(".")
    return bool(rule) and (host == rule or host.endswith(f".{rule}"))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]").partition("%")[0])
    except ValueError:
        return None


@lru_cache(4)
def _certificates(file: str | None, folder: str | None) -> ssl.SSLContext:
    """Whom a server's certificate may come from: the system's store and certifi's, or what the variables name."""
    for variable, path, kind in (("SSL_CERT_FILE", file, "file"), ("SSL_CERT_DIR", folder, "folder")):
        if path and not (Path(path).is_file() if kind == "file" else Path(path).is_dir()):
            raise InvalidInput(
                f"{variable} names {path}, and there is no such {kind}.", hint=f"Correct {variable}, or unset it."
            )
    context = ssl.create_default_context()  # OpenSSL's own places: the system's store
    try:
        if file or folder:
            context.load_verify_locations(cafile=file or None, capath=folder or None)
        else:
            import certifi

            context.load_verify_locations(cafile=certifi.where())
    except (ssl.SSLError, OSError) as error:
        variable = "SSL_CERT_FILE" if file else "SSL_CERT_DIR"
        raise InvalidInput(
            f"The certificates that {variable} names can't be read: {error}.",
            hint="They are PEM, each between its BEGIN CERTIFICATE and END CERTIFICATE.",
        ) from None
    return context
