"""The web page's requests: which page, which deed, and from whom they may come."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

from reconcile.sandbox.sandbox import Sandbox
from reconcile.sandbox.squalomail import backoffice, lists, newsletters, recipients
from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.squalomail.arguments import Arguments
from reconcile.sandbox.squalomail.reply import ApiError, not_found
from reconcile.sandbox.web import forms, pages
from reconcile.sandbox.web.html import Child, Html, tag

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
_TITLES = {"lists": "Lists", "newsletters": "Newsletters", "fields": "Custom fields", "recipients": "Recipients"}
_TABLES: Mapping[str, Callable[[Account], Html]] = {
    "lists": pages.lists_page,
    "newsletters": pages.newsletters_page,
    "fields": pages.fields_page,
}
_OBJECTS: Mapping[str, Callable[[Account, int], Html]] = {
    "lists": pages.list_page,
    "newsletters": pages.newsletter_page,
    "fields": pages.field_page,
    "recipients": pages.recipient_page,
}


class Web:
    """Answers browsers for one sandbox. Whether the Host header is ours has been checked by the server."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def handle(self, request: httpx.Request) -> httpx.Response:
        """One page, or one deed and the way to the page that shows what came of it."""
        self._sandbox.settle()
        parts = [unquote(part) for part in request.url.raw_path.decode("ascii").partition("?")[0].split("/") if part]
        try:
            if request.method == "POST":
                return self._post(request, parts)
            if request.method in ("GET", "HEAD"):
                return self._get(request, parts)
        except ApiError as error:
            return _page("Not possible", tag("p", error.message, class_="error"), status=error.status)
        return _page("Not possible", tag("p", "The page takes no such request.", class_="error"), status=405)

    def _get(self, request: httpx.Request, parts: list[str]) -> httpx.Response:
        if parts == ["page.css"]:
            return httpx.Response(200, content=_CSS, headers={**_SAFE, "Content-Type": "text/css; charset=utf-8"})
        if not parts:
            app_ids = self._sandbox.squalomail.app_ids
            if len(app_ids) == 1:
                return _redirect(pages.path(app_ids[0]))
            return _page("Accounts", pages.accounts_page(app_ids))
        if len(parts) == 5 and parts[2] == "newsletters" and parts[4] == "preview":
            return self._preview(parts)
        query = parse_qs(request.url.query.decode("ascii"))
        notice = _NOTICES.get(query.get("notice", [""])[-1])
        message = tag("p", notice, class_="notice", role="status") if notice else None
        return self._show(parts, query, message)

    def _show(
        self, parts: list[str], query: Mapping[str, list[str]], message: Child, status: int = 200
    ) -> httpx.Response:
        app_id = self._app_id(parts)
        kind = parts[2] if len(parts) > 2 else ""
        with self._sandbox.store.transaction(write=False) as db:
            account = self._sandbox.squalomail.account(app_id, db)
            title, body = _body(account, parts[2:], query)
        return _page(title, body, app_id=app_id, kind=kind, message=message, status=status)

    def _preview(self, parts: list[str]) -> httpx.Response:
        app_id = self._app_id(parts)
        with self._sandbox.store.transaction(write=False) as db:
            row = newsletters.find(self._sandbox.squalomail.account(app_id, db), _number(parts[3]))
        headers = {**_SAFE, "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": _PREVIEW_POLICY}
        return httpx.Response(200, content=row["body"].encode(), headers=headers)

    def _post(self, request: httpx.Request, parts: list[str]) -> httpx.Response:
        if not _is_own(request):
            return _page("Refused", tag("p", "This form is not on a page of the sandbox.", class_="error"), status=403)
        app_id = self._app_id(parts)
        try:
            values = forms.parse(request.read())
            return self._do(app_id, parts[2:], values)
        except ApiError as error:
            message, status = error.message, error.status
        except ValueError as error:
            message, status = f"{error}.", 400
        shown = parts[:4] if len(parts) > 3 and parts[3].isdecimal() else parts[:3]
        alert = tag("p", message, class_="error", role="alert")
        return self._show(parts[:2] if shown[2:] == ["clock"] else shown, {}, alert, status)

    def _do(self, app_id: str, parts: list[str], values: dict[str, Any]) -> httpx.Response:
        """Carry out what a form asks for, as the matching control call would."""
        if parts == ["clock"]:
            self._sandbox.set_clock(values.get("now"))
            return _redirect(pages.path(app_id) + "?notice=done")
        deed = parts[2] if len(parts) == 3 else ""
        with self._sandbox.store.transaction(write=True) as db:
            account = self._sandbox.squalomail.account(app_id, db)
            if len(parts) == 2:
                _drop_untouched(account, parts[0], _number(parts[1]), values)
            arguments = Arguments(values, self._sandbox.switches)
            if deed == "delete":
                backoffice.control(account, "DELETE", parts[:2], arguments)
            else:
                backoffice.control(account, "POST", parts, arguments)
        if deed == "delete" or len(parts) == 1:
            return _redirect(pages.path(app_id, parts[0]) + f"?notice={'deleted' if deed else 'added'}")
        return _redirect(pages.path(app_id, *parts[:2]) + f"?notice={'done' if deed else 'saved'}")

    def _app_id(self, parts: list[str]) -> str:
        if len(parts) < 2 or parts[0] != "web" or parts[1] not in self._sandbox.squalomail.app_ids:
            raise not_found("page", "at this address")
        return parts[1]


def _body(account: Account, parts: list[str], query: Mapping[str, list[str]]) -> tuple[str, Html]:
    """The title and content of an account's page."""
    match parts:
        case []:
            return f"Account {account.app_id}", pages.overview(account)
        case ["recipients"]:
            page = query.get("page", ["0"])[-1]
            number = int(page) if page.isdecimal() and len(page) < 9 else 0
            return "Recipients", pages.recipients_page(account, query.get("q", [""])[-1], number)
        case [kind] if kind in _TABLES:
            return _TITLES[kind], _TABLES[kind](account)
        case [kind, number] if kind in _OBJECTS:
            return f"{_TITLES[kind]}: {_number(number)}", _OBJECTS[kind](account, _number(number))
    raise not_found("page", "at this address")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 10:
        raise not_found("page", "at this address")
    return int(text)


def _is_own(request: httpx.Request) -> bool:
    """Whether a form comes from a page of ours: browsers say from where, and foreign pages can't lie about it."""
    own = f"http://{request.headers.get('Host', '')}"
    origin = request.headers.get("Origin")
    if origin is None:
        referer = urlsplit(request.headers.get("Referer", ""))
        origin = f"{referer.scheme}://{referer.netloc}"
    return bool(origin.lower() == own.lower())


def _drop_untouched(account: Account, kind: str, number: int, values: dict[str, Any]) -> None:
    """Leave alone what a form can't carry unchanged: other line ends than LF, and the difference of null and empty."""
    finders = {"lists": lists.find, "newsletters": newsletters.find, "recipients": recipients.find}
    if kind not in finders:
        return
    row = finders[kind](account, number)
    for name in ("body", "altBody", "description", "phone"):
        if name in values and values[name] == (row[name.lower()] or "").replace("\r\n", "\n"):
            del values[name]


def _page(
    title: str, body: Child, *, app_id: str | None = None, kind: str = "", message: Child = None, status: int = 200
) -> httpx.Response:
    content = pages.layout(title, body, app_id=app_id, kind=kind, message=message).encode()
    headers = {**_SAFE, "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": _POLICY}
    return httpx.Response(status, content=content, headers=headers)


def _redirect(address: str) -> httpx.Response:
    return httpx.Response(303, headers={**_SAFE, "Location": address})
