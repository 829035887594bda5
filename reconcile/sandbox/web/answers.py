"""Answers to browsers, and what both platforms' parts of the web page ask of a request."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx

from reconcile.sandbox.web.html import Child, Html, tag
from reconcile.sandbox.web.layout import Link, layout

Query = Mapping[str, Sequence[str]]

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


class NoPageError(Exception):
    """There is no page at this address."""


def page(
    title: str, body: Child, *, links: Sequence[Link] = (), message: Child = None, status: int = 200
) -> httpx.Response:
    """A page under the policy that lets nothing of it run."""
    content = layout(title, body, links=links, message=message).encode()
    return _html(content, _POLICY, status)


def refusal(text: str, status: int) -> httpx.Response:
    """A page that only says what is not possible."""
    return page("Refused" if status == 403 else "Not possible", tag("p", text, class_="error"), status=status)


def preview(body: str) -> httpx.Response:
    """A mail as it is, for a frame of one of our pages."""
    return _html(body.encode(), _PREVIEW_POLICY, 200)


def redirect(address: str, notice: str = "") -> httpx.Response:
    """The way to the page that shows what came of a form."""
    return httpx.Response(303, headers={**_SAFE, "Location": f"{address}?notice={notice}" if notice else address})


def stylesheet() -> httpx.Response:
    """The one style sheet."""
    return httpx.Response(200, content=_CSS, headers={**_SAFE, "Content-Type": "text/css; charset=utf-8"})


def query_of(request: httpx.Request) -> Query:
    """The members of the address's query."""
    return parse_qs(request.url.query.decode("ascii"))


def notice_of(query: Query) -> Child:
    """What the page before has to say, of the few texts that there are."""
    text = _NOTICES.get(query.get("notice", [""])[-1])
    return tag("p", text, class_="notice", role="status") if text else None


def alert(text: str) -> Html:
    """What went wrong with the form that was posted."""
    return tag("p", text, class_="error", role="alert")


def number(text: str) -> int:
    """An id in an address."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 10:
        raise NoPageError
    return int(text)


def is_own(request: httpx.Request) -> bool:
    """Whether a form comes from a page of ours: browsers say from where, and foreign pages can't lie about it."""
    own = f"http://{request.headers.get('Host', '')}"
    origin = request.headers.get("Origin")
    if origin is None:
        referer = urlsplit(request.headers.get("Referer", ""))
        origin = f"{referer.scheme}://{referer.netloc}"
    return bool(origin.lower() == own.lower())


def _html(content: bytes, policy: str, status: int) -> httpx.Response:
    headers = {**_SAFE, "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
    return httpx.Response(status, content=content, headers=headers)
