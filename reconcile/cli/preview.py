"""``preview``: the manifests' mails on a local page that follows what is written."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import click

from reconcile.cli.options import Options, global_options, options
from reconcile.cli.output import progress
from reconcile.cli.page import folders_of, picture_of
from reconcile.cli.render import mail_named
from reconcile.cli.sandbox import ended_by_sigterm
from reconcile.cli.workspace import Project, project
from reconcile.errors import InvalidInput

if TYPE_CHECKING:
    from reconcile.manifests.load import Manifests
    from reconcile.review.preview import Shown

_SKIPPED = frozenset([".git", ".reconcile", ".venv", "node_modules", "__pycache__"])
_MOST_FILES = 20_000  # looked at for changes


@click.command(epilog="Example: reconcile preview shop.campaign.spring")
@click.argument("address", required=False, metavar="[ADDR]")
@click.option("--port", type=click.IntRange(0, 65535), default=8026, show_default=True, help="0 takes a free one.")
@click.option(
    "--images",
    type=click.Choice(["box", "embed"]),
    default="embed",
    show_default=True,
    help="Pictures as boxes, or files of the project as they are; what is behind an address is never fetched.",
)
@global_options
def preview(address: str | None, port: int, images: str) -> None:
    """Show the mails of the manifests on a page of 127.0.0.1: it is there anew whenever a file is written.

    Desktop and phone, light and dark, pictures off, merge tags filled for sample people, links and checks; nothing is
    applied, and no account is asked.
    """
    from reconcile.engine.mails import mail_addresses

    here = project()
    start = "/"
    if address is not None:
        manifests = here.manifests()
        start = f"/{mail_named(address, manifests, mail_addresses(manifests.resources, here.registry))}"
    pages = _Pages(here.settings.root, images, options())
    try:
        server = _Server(port, pages)
    except OSError as error:
        raise InvalidInput(
            f"Port {port} of 127.0.0.1 can't be used: {error.strerror}.", hint="Choose another with --port."
        ) from None
    with server:
        click.echo(f"http://127.0.0.1:{server.server_port}{start}")
        progress("Ctrl-C ends it.")
        serving = Thread(target=server.serve_forever, daemon=True)
        serving.start()
        with suppress(KeyboardInterrupt), ended_by_sigterm():
            while serving.is_alive():
                serving.join(1)
        server.shutdown()
        progress("Ended.")


class _Pages:
    """Makes the pages, of the manifests as they are when somebody asks."""

    def __init__(self, root: Path, images: str, chosen: Options) -> None:
        self._root = root
        self._images = images
        self._options = chosen
        self._lock = Lock()
        self._loaded: tuple[str, Project, Manifests] | None = None

    def version(self) -> str:
        """Changes whenever a file of the project is written, made or removed."""
        found = hashlib.sha256()
        for number, (path, changed, size) in enumerate(_files(self._root)):
            if number > _MOST_FILES:
                break
            found.update(f"{path}\0{changed}\0{size}\n".encode(errors="surrogateescape"))
        return found.hexdigest()[:24]

    def page(self, path: str, person: int) -> str | None:
        """The page of an address, "" for the list of all; None if there is no such mail."""
        from reconcile.review.preview import Shown, render

        with self._lock, click.Context(preview, obj=self._options):
            version = self.version()
            try:
                here, manifests = self._project(version)
            except InvalidInput as error:
                return render(Shown((), version, problems=error.diagnostics), picture=lambda source: None)
            shown = self._shown(here, manifests, path, version, person)
            picture = picture_of(here.settings.root, self._images, folders_of(manifests.resources))
            return render(shown, picture) if shown is not None else None

    def _project(self, version: str) -> "tuple[Project, Manifests]":
        if self._loaded is None or self._loaded[0] != version:
            here = project()
            self._loaded = version, here, here.manifests()
        return self._loaded[1], self._loaded[2]

    def _shown(self, here: Project, manifests: "Manifests", path: str, version: str, person: int) -> "Shown | None":
        from reconcile.engine.mails import built_mail, mail_addresses
        from reconcile.review.preview import Shown

        addresses = mail_addresses(manifests.resources, here.registry)
        people = here.settings.samples
        if not path:
            return Shown(addresses, version, people=people)
        found = next((address for address in addresses if str(address) == path), None)
        if found is None:
            return None
        return Shown(
            addresses,
            version,
            built_mail(found, manifests.resources, here.registry),
            here.mail_findings(manifests.resources, [found]),
            people=people,
            person=person,
        )


def _files(root: Path) -> Iterator[tuple[str, int, int]]:
    """The files of a project with the times at which they were written, and their sizes."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(names):
            path = os.path.join(folder, name)  # noqa: PTH118  # thousands of them, each second
            with suppress(OSError):
                found = os.stat(path)  # noqa: PTH116
                yield path, found.st_mtime_ns, found.st_size


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, pages: _Pages) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.pages = pages


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:  # the base's name
        host = self.headers.get("Host", "")
        if host.rpartition(":")[0] not in ("127.0.0.1", "localhost"):
            # A page of another origin would otherwise read mails through a name that leads here.
            self._answer(403, "text/plain", "This is no address of the preview.")
            return
        asked = urlsplit(self.path)
        if asked.path == "/_version":
            self._answer(200, "text/plain", self.server.pages.version())
            return
        given = parse_qs(asked.query).get("person", ["0"])[0]
        page = self.server.pages.page(asked.path.strip("/"), int(given) if given.isdecimal() and len(given) < 4 else 0)
        if page is None:
            self._answer(404, "text/plain", "There is no such mail.")
        else:
            self._answer(200, "text/html", page)

    def log_message(self, format: str, *args: object) -> None:  # the base's name
        """Say nothing."""

    def _answer(self, status: int, kind: str, content: str) -> None:
        body = content.encode(errors="replace")
        with suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Referrer-Policy", "no-referrer")
            self.end_headers()
            self.wfile.write(body)
