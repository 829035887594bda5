"""Debian's Chromium and Firefox, and a server on this machine that every other address leads to."""

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

BROWSERS = {"chromium": ("chromium", "chromium-browser"), "firefox": ("firefox-esr",)}


@dataclass
class Net:
    """A proxy for everything that leads nowhere and counts who comes."""

    port: int = 0
    seen: list[str] = field(default_factory=list)

    @property
    def from_mails(self) -> list[str]:
        """What asked for an address that a test's mail has; browsers ask for things of their own."""
        return [line for line in self.seen if ".example" in line]


@pytest.fixture(scope="module")
def nowhere() -> Iterator[Net]:
    """The server that every address leads to, for all tests of a file."""
    server = socket.create_server(("127.0.0.1", 0))
    found = Net(server.getsockname()[1])

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                try:
                    found.seen.append(connection.recv(4096).split(b"\r\n")[0].decode(errors="replace"))
                    connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                except OSError:
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield found
    server.close()
    thread.join(1)


@pytest.fixture
def net(nowhere: Net) -> Net:
    """The same, with nobody counted yet."""
    nowhere.seen.clear()
    return nowhere


@dataclass
class Browsing:
    """A page in a browser, and what it said on its console."""

    page: Any
    name: str
    console: list[str] = field(default_factory=list)


Open = Callable[..., Browsing]


@contextmanager
def launched(name: str, net: Net) -> Iterator[Any]:
    """A browser whose every connection ends at ``net``; skipped where it is missing, unless CI=true."""
    program = next((path for each in BROWSERS[name] if (path := shutil.which(each))), None)
    if program is None:
        told = f"{name} is not installed: apt-get install {BROWSERS[name][0]}"
        if os.environ.get("CI") == "true":
            pytest.fail(told)
        pytest.skip(told)
    from playwright.sync_api import sync_playwright

    options: dict[str, Any] = {"executable_path": program}
    if name == "chromium":
        options["proxy"] = {"server": f"http://127.0.0.1:{net.port}"}
        options["args"] = ["--no-sandbox", "--proxy-bypass-list=<-loopback>"]
    else:
        options["channel"] = "moz-firefox"
        options["firefox_user_prefs"] = {
            "network.proxy.type": 1,
            "network.proxy.http": "127.0.0.1",
            "network.proxy.http_port": net.port,
            "network.proxy.ssl": "127.0.0.1",
            "network.proxy.ssl_port": net.port,
            "network.proxy.allow_hijacking_localhost": True,
            "network.proxy.no_proxies_on": "",
        }
    with sync_playwright() as playwright:
        browser = getattr(playwright, name).launch(**options)
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=BROWSERS)
def browser(request: pytest.FixtureRequest, nowhere: Net) -> Iterator[tuple[str, Any]]:
    """Each browser, started once for all tests of a file."""
    with launched(request.param, nowhere) as started:
        yield request.param, started


@pytest.fixture
def browse(browser: tuple[str, Any], net: Net) -> Iterator[Open]:
    """Opens a file in each browser, as a stranger to all that was opened before."""
    name, started = browser
    with ExitStack() as stack:

        def browse(path: Path, *, width: int = 1440, height: int = 1000) -> Browsing:
            # Playwright's own idea of the colour scheme would override that of a frame.
            context = started.new_context(viewport={"width": width, "height": height}, color_scheme="null")
            stack.callback(context.close)
            found = Browsing(context.new_page(), name)
            found.page.on("console", lambda message: found.console.append(message.text))
            found.page.on("pageerror", lambda error: found.console.append(str(error)))
            found.page.goto(path.as_uri())
            found.page.wait_for_timeout(300)
            return found

        yield browse
