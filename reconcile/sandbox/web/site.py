"""The web page's requests: which page of which account or instance, which deed, and from whom they may come."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import httpx

from reconcile.sandbox.gatormail.reply import ApiError as GatorMailError
from reconcile.sandbox.sandbox import Sandbox
from reconcile.sandbox.squalomail.reply import ApiError as SqualoMailError
from reconcile.sandbox.store import DataError, Store
from reconcile.sandbox.web import forms, gatormail, squalomail
from reconcile.sandbox.web.templates import render

_CSS = Path(__file__).with_name("page.css").read_bytes()
_NOTICES = {"saved": "Saved.", "deleted": "Deleted.", "done": "Done.", "added": "Added."}
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    # Without any referrer browsers would hide the origin of our own forms too.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_POLICY = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
# A mail may show pictures and styles, and nothing of it may run or reach our pages.
_PREVIEW_POLICY = (
    "sandbox; default-src 'none'; img-src * data:; style-src 'unsafe-inline'; font-src *; frame-ancestors 'self'"
)
_Query = Mapping[str, Sequence[str]]
_Opened = Callable[[str, sqlite3.Connection], Any]


class NoPageError(Exception):
    """There is no page at this address."""


class Web:
    """Answers browsers for one sandbox. Whether the Host header is ours has been checked by the server."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        store, accounts, instances = sandbox.store, sandbox.squalomail, sandbox.gatormail
        self._parts = {
            "web": _Part("web", "Account", squalomail, store, accounts.account, lambda: accounts.app_ids),
            "instance": _Part(
                "instance", "Instance", gatormail, store, instances.instance, lambda: instances.instances
            ),
        }

    def handle(self, request: httpx.Request) -> httpx.Response:
        """One page, or one deed and the way to the page that shows what came of it."""
        parts = [unquote(part) for part in request.url.raw_path.decode("ascii").partition("?")[0].split("/") if part]
        try:
            self._sandbox.settle()
            if request.method == "POST":
                return self._post(request, parts)
            if request.method in ("GET", "HEAD"):
                return self._get(request, parts)
        except NoPageError:
            return _refusal("There is no page at this address.", 404)
        except (SqualoMailError, GatorMailError) as error:
            return _refusal(*_said(error))
        except DataError as error:
            return _refusal(f"{error}.", 507)
        return _refusal("The page takes no such request.", 405)

    def _get(self, request: httpx.Request, parts: list[str]) -> httpx.Response:
        if parts == ["page.css"]:
            return httpx.Response(200, content=_CSS, headers={**_SAFE, "Content-Type": "text/css; charset=utf-8"})
        if not parts:
            named = {kind: [(name, part.url(name)) for name in part.names] for kind, part in self._parts.items()}
            content = render("home.html", title="Accounts", accounts=named["web"], instances=named["instance"])
            return _html(content, _POLICY)
        part, query = self._of(parts), parse_qs(request.url.query.decode("ascii"))
        if len(parts) == 5 and parts[4] == "preview":
            return _html(part.preview(parts[1], parts[2], _number(parts[3])).encode(), _PREVIEW_POLICY)
        return part.show(parts[1:], query, notice=_NOTICES.get(query.get("notice", [""])[-1]))

    def _post(self, request: httpx.Request, parts: list[str]) -> httpx.Response:
        if not _is_own(request):
            return _refusal("This form is not on a page of the sandbox.", 403)
        part = self._of(parts)
        try:
            return self._do(part, parts[1], parts[2:], forms.parse(request.read()))
        except (SqualoMailError, GatorMailError) as error:
            message, status = _said(error)
        except DataError:
            raise
        except ValueError as error:
            message, status = f"{error}.", 400
        # What is wrong with a form is said on the form's page.
        shown = parts[1:4] if len(parts) > 3 and parts[3].isdecimal() else parts[1:3]
        return part.show(shown[:1] if shown[1:] == ["clock"] else shown, {}, alert=message, status=status)

    def _do(self, part: "_Part", name: str, parts: list[str], values: forms.Values) -> httpx.Response:
        if parts == ["clock"]:
            self._sandbox.set_clock(values.get("now"))
            return _redirect(f"{part.url(name)}?notice=done")
        if not parts or not part.has(parts[0]):
            raise NoPageError
        done = part.do(name, parts, values)
        shown = parts[:2] if len(parts) > 1 and parts[1].isdecimal() and done != "deleted" else parts[:1]
        return _redirect(f"{part.url(name, *shown)}?notice={done}")

    def _of(self, parts: list[str]) -> "_Part":
        part = self._parts.get(parts[0]) if parts else None
        if part is None or len(parts) < 2 or parts[1] not in part.names:
            raise NoPageError
        return part


class _Part:
    """The pages of one platform's tenants, below ``/web/{app id}`` or ``/instance/{name}``.

    ``pages`` is the platform's module of pages, ``opened`` gives a tenant by its name inside a transaction.
    """

    def __init__(
        self, root: str, whose: str, pages: Any, store: Store, opened: _Opened, names: Callable[[], Sequence[str]]
    ) -> None:
        self.root = root
        self._whose = whose
        self._pages = pages
        self._store = store
        self._opened = opened
        self._names = names

    @property
    def names(self) -> Sequence[str]:
        """The tenants."""
        return self._names()

    def has(self, kind: str) -> bool:
        """Whether there are pages of a kind."""
        return kind in self._pages.KINDS

    def url(self, name: str, *parts: object) -> str:
        """The address of a page."""
        return "/".join(["", self.root, *(quote(str(part), safe="") for part in (name, *parts))])

    def show(self, parts: list[str], query: _Query, *, status: int = 200, **said: str | None) -> httpx.Response:
        """A page, with what the page before has to say."""
        name, *rest = parts
        template, values = self._page(name, rest, query)
        kind = rest[0] if rest else ""
        kinds: Mapping[str, str] = self._pages.KINDS
        title = f"{self._whose} {name}" if not rest else ": ".join([kinds[kind], *rest[1:]])
        links = [(f"{self._whose} {name}", self.url(name), not kind)]
        links += [(shown, self.url(name, each), each == kind) for each, shown in kinds.items()]

        def _url(*below: object) -> str:
            return self.url(name, *below)

        content = render(template, title=title, links=links, url=_url, here=_url(*rest), **said, **values)
        return _html(content, _POLICY, status)

    def preview(self, name: str, kind: str, number: int) -> str:
        """A mail as it is."""
        if kind != self._pages.PREVIEWED:
            raise NoPageError
        with self._store.transaction(write=False) as db:
            found: str = self._pages.preview(self._opened(name, db), number)
        return found

    def do(self, name: str, parts: list[str], values: forms.Values) -> str:
        """Carry out what a form asks for, and say what was done."""
        with self._store.transaction(write=True) as db:
            done: str = self._pages.do(self._opened(name, db), parts, values)
        return done

    def _page(self, name: str, rest: list[str], query: _Query) -> Any:
        """The template and its values."""
        pages = self._pages
        with self._store.transaction(write=False) as db:
            tenant = self._opened(name, db)
            match rest:
                case []:
                    return pages.overview(tenant)
                case [kind] if kind in pages.KINDS:
                    return pages.whole(tenant, kind, query)
                case [kind, text] if kind in pages.OBJECTS:
                    return pages.one(tenant, kind, _number(text))
        raise NoPageError


def _said(error: SqualoMailError | GatorMailError) -> tuple[str, int]:
    return (error.sentence if isinstance(error, GatorMailError) else error.message), error.status


def _refusal(text: str, status: int) -> httpx.Response:
    """A page that only says what is not possible."""
    title = "Refused" if status == 403 else "Not possible"
    return _html(render("refusal.html", title=title, text=text), _POLICY, status)


def _redirect(address: str) -> httpx.Response:
    """The way to the page that shows what came of a form."""
    return httpx.Response(303, headers={**_SAFE, "Location": address})


def _html(content: bytes, policy: str, status: int = 200) -> httpx.Response:
    headers = {**_SAFE, "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
    return httpx.Response(status, content=content, headers=headers)


def _number(text: str) -> int:
    """An id in an address."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 10:
        raise NoPageError
    return int(text)


def _is_own(request: httpx.Request) -> bool:
    """Whether a form comes from a page of ours: browsers say from where, and foreign pages can't lie about it."""
    own = f"http://{request.headers.get('Host', '')}"
    origin = request.headers.get("Origin")
    if origin is None:
        referer = urlsplit(request.headers.get("Referer", ""))
        origin = f"{referer.scheme}://{referer.netloc}"
    return bool(origin.lower() == own.lower())
