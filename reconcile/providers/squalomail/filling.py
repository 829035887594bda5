"""What the platform makes of a template: texts for tags, pictures for placeholders, as its documentation says.

``{{tag}}`` is replaced by the text of that name, which becomes a link where a ``url`` is given. A picture in a folder
``.../_placeholders/N/`` gives way to the one with the number N, and its link to that one's. What nothing is given for
stays. Only a forecast for reviews and checks: what goes out is what the platform makes.
"""

import html
import re
from collections.abc import Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"/_placeholders/(\d)/")
_INSIDE = r"(?:\"[^\"]*\"|'[^']*'|[^>\"'])*"
_PICTURE = re.compile(
    rf"(?P<link><a\b{_INSIDE}>)(?P<left>\s*)(?P<linked><img\b{_INSIDE}>)(?P<right>\s*</a\s*>)|(?P<bare><img\b{_INSIDE}>)",
    re.IGNORECASE,
)
_HREF = re.compile(r"(?<=\s)href\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]+)", re.IGNORECASE)
_MARKUP = re.compile(r"<[^>]*>")

Items = Mapping[str, Mapping[str, Any]]


def fill_html(body: str, attributes: Mapping[str, Items]) -> str:
    """The HTML with texts and pictures in place."""
    made = _filled(body, attributes.get("texts") or {}, _linked)
    pictures = attributes.get("images") or {}
    return _PICTURE.sub(lambda found: _with_picture(found, pictures), made) if pictures else made


def fill_text(text: str, attributes: Mapping[str, Items]) -> str:
    """The plain text with texts in place, without markup, a link's address in brackets."""
    return _filled(text, attributes.get("texts") or {}, _plain)


def _filled(text: str, items: Items, shown: Any) -> str:
    if not items:
        return text
    # In one go, so that a text which looks like a tag is not taken for one.
    names = "|".join(re.escape(name.strip()) for name in sorted(items, key=len, reverse=True))
    known = {name.strip(): item for name, item in items.items()}
    return re.sub(rf"\{{\{{\s*({names})\s*\}}\}}", lambda found: str(shown(known[found[1]])), text)


def _linked(item: Mapping[str, Any]) -> str:
    value, url = str(item.get("value") or ""), item.get("url")
    return f'<a href="{html.escape(url)}">{value}</a>' if url else value


def _plain(item: Mapping[str, Any]) -> str:
    value, url = html.unescape(_MARKUP.sub("", str(item.get("value") or ""))), item.get("url")
    return f"{value} ({url})" if url else value


def _with_picture(found: re.Match[str], pictures: Items) -> str:
    picture = found["linked"] or found["bare"]
    source = re.search(r"\bsrc\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s>]+)", picture, re.IGNORECASE)
    number = _PLACEHOLDER.search(html.unescape(source[1])) if source is not None else None
    item = pictures.get(number[1]) if number is not None else None
    if source is None or item is None:
        return found[0]
    address, url = html.escape(str(item.get("value") or "")), item.get("url")
    shown = f'{picture[: source.start()]}src="{address}"{picture[source.end() :]}'
    if found["bare"]:
        return f'<a href="{html.escape(url)}">{shown}</a>' if url else shown
    link = _with_href(found["link"], html.escape(url)) if url else found["link"]
    return f"{link}{found['left']}{shown}{found['right']}"


def _with_href(link: str, url: str) -> str:
    changed, count = _HREF.subn(lambda _: f'href="{url}"', link, count=1)
    return changed if count else f'{link[:2]} href="{url}"{link[2:]}'
