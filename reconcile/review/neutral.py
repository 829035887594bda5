"""A mail made harmless for a frame of the page: nothing in it runs, loads, leads anywhere or is announced.

The page's policy would stop requests, too, but each that it stops is a message on the console. So only what is known
is kept: tags that shape text, attributes by which people see it, styles without addresses.
"""

import base64
import html
import re
from collections.abc import Callable, Iterable
from urllib.parse import quote

from reconcile.mail.marks import Marked
from reconcile.mail.style import names

Picture = Callable[[str], str | None]  # a picture's address -> a data: URL that shows it, or None: it is boxed

_DROPPED = names(
    "script link base meta object embed iframe frame frameset noframes applet template audio video source track portal"
    " title svg math noembed plaintext xmp fencedframe"
)
_UNWRAPPED = names("form noscript picture map area dialog details summary marquee select")
_KEPT = names(
    "align alt bgcolor border bordercolor cellpadding cellspacing class clear color colspan dir face height hidden"
    " hspace id lang nowrap role rowspan scope size span start style title type valign value vspace width checked for"
)
_DEAD = "about:srcdoc#nowhere"  # leads nowhere, and leaves the frame as it is
_URL = re.compile(r"url\(\s*(?:\"[^\"]*\"|'[^']*'|[^)]*)\s*\)?", re.IGNORECASE)
_PICTURING = re.compile(
    r"(?:-webkit-)?\b(?:image-set|cross-fade|element|paint|image|src)\s*\([^()]*(?:\([^()]*\)[^()]*)*\)?", re.IGNORECASE
)
_DATA = re.compile(r"data:image/(?:png|gif|jpe?g|webp);base64,[A-Za-z0-9+/=\s]*", re.IGNORECASE)
# What would steer a terminal that the page is written to, or make text read otherwise than it is.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ESCAPE = re.compile(r"\\([0-9a-fA-F]{1,6})\s?|\\([g-zG-Z])")


def neutral(marked: Marked, picture: Picture) -> str:
    """The inner HTML of a frame: the mail's styles, then its body with its marks."""
    from justhtml import JustHTML

    document = JustHTML(marked.text.replace("\r\n", "\n"), sanitize=False, scripting_enabled=False)
    styles: list[str] = []
    body = document.query("body")
    attributes = _attributes(body[0], marked.key) if body else ""
    head = document.query("head")
    children = [child for part in (*head, *body) for child in part.children or ()]
    inside = _nodes(children, marked.key, picture, styles)
    sheet = "\n".join(styles)
    return _STEERING.sub("\ufffd", f"<style>{sheet}</style>\n</head>\n<body{attributes}>{inside}")


def _nodes(nodes: Iterable[object], key: str, picture: Picture, styles: list[str]) -> str:
    """What the nodes become. No call within a call: a mail may be nested a thousand deep."""
    parts: list[str] = []
    todo: list[object] = [*nodes][::-1]
    while todo:
        node = todo.pop()
        if isinstance(node, str):  # the end of a tag whose inside is done
            parts.append(node)
            continue
        start, end = _shown(node, key, picture, styles)
        parts.append(start)
        if end is not None:
            todo.append(end)
            todo += [*(getattr(node, "children", None) or ())][::-1]
    return "".join(parts)


def _shown(node: object, key: str, picture: Picture, styles: list[str]) -> tuple[str, str | None]:
    """What stands before and after what is in a node; None after: what is in it is left out."""
    name = str(getattr(node, "name", ""))
    if name == "#text":
        return html.escape(str(getattr(node, "data", "") or ""), quote=False), None
    if name.startswith(("#", "!")) or name in _DROPPED or getattr(node, "namespace", None) not in (None, "html"):
        return "", None
    if name == "style":
        styles.append(sheet(_text(node)))
        return "", None
    if name in _UNWRAPPED or not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        return "", ""
    attributes = _attributes(node, key)
    if name == "img":
        return _image(node, attributes, key, picture), None
    if name in _VOID:
        return f"<{name}{attributes}>", None
    anchor = ""
    if (
        f"data-{key}-n=" in attributes and f' id="{key}' not in attributes
    ):  # it has an id of its own, which its styles may need
        number = attributes.partition(f'data-{key}-n="')[2].partition('"')[0]
        anchor = f'<{key}-a id="{key}{number}"></{key}-a>'
    return f"<{name}{attributes}>{anchor}", f"</{name}>"


_VOID = names("br hr img input wbr col")


def _text(node: object) -> str:
    return "".join(str(getattr(child, "data", "") or "") for child in getattr(node, "children", None) or ())


def _attributes(node: object, key: str) -> str:
    found = []
    given: dict[str, str | None] = getattr(node, "attrs", None) or {}
    for name, value in given.items():
        lowered, text = name.lower(), value or ""
        if lowered == "href":
            text = _DEAD
        elif lowered not in _KEPT and not lowered.startswith(f"data-{key}"):
            continue
        elif lowered == "style":
            text = _declared(text)
        found.append(f' {lowered}="{html.escape(text)}"')
    return "".join(found)


def _image(node: object, attributes: str, key: str, picture: Picture) -> str:
    given: dict[str, str | None] = getattr(node, "attrs", None) or {}
    source = (given.get("src") or "").strip()
    shown = source if _DATA.fullmatch(source) else picture(source)
    width, height = (_pixels(given.get(side)) for side in ("width", "height"))
    alt = given.get("alt")
    size = "".join(f"{side}:{pixels}px;" for side, pixels in (("width", width), ("height", height)) if pixels)
    style = html.escape(_declared(given.get("style") or "") + f";{size}")
    told = html.escape(alt if alt is not None else "(no alternative text)", quote=False)
    instead = f'<span class="{key}-alt" style="{style}">{told}</span>'
    return f'<img src="{html.escape(shown or box(source, width, height))}"{attributes}>{instead}'


def _pixels(value: str | None) -> int | None:
    match = re.fullmatch(r"\s*(\d{1,4})(?:px)?\s*", value or "")
    return int(match[1]) if match else None


def box(source: str, width: int | None, height: int | None) -> str:
    """A picture's place: a grey box with the name of its file, as a data: URL."""
    name = re.split(r"[?#]", source)[0].rstrip("/").rsplit("/", 1)[-1] or "picture"
    if source.lower().startswith("data:"):
        name = "picture within the mail"
    wide = width or 300
    high = height or max(16, wide * 2 // 5)
    letters = max(6, min(13, wide // 12))
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}">'
        '<rect width="100%" height="100%" fill="#b9c3cd"/>'
        f'<path d="M0 {high}L{wide * 0.35:.0f} {high * 0.45:.0f}L{wide * 0.55:.0f} {high * 0.7:.0f}'
        f'L{wide * 0.75:.0f} {high * 0.35:.0f}L{wide} {high}z" fill="#9aa8b5"/>'
    )
    if wide >= 40 and high >= 14:
        drawing += (
            f'<text x="50%" y="{letters + 6}" text-anchor="middle" font-family="sans-serif" font-size="{letters}"'
            f' fill="#1d2730">{html.escape(_printable(name)[:40])}</text>'
        )
    return f"data:image/svg+xml,{quote(drawing + '</svg>', safe='')}"


def embedded(content: bytes) -> str | None:
    """A picture's content as a data: URL; None where it is no picture that mails show."""
    starts = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}
    kind = next((kind for start, kind in starts.items() if content.startswith(start)), None)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        kind = "webp"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}" if kind else None


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())


def sheet(css: str) -> str:
    """A style sheet without addresses, imports and fonts, and without anything that would end its tag."""
    css = re.sub(r"/\*.*?(?:\*/|$)", " ", css, flags=re.DOTALL)
    css = _safe(css.replace("<!--", "").replace("-->", ""))
    css = re.sub(r"@(?:import|namespace|charset)[^;{}]*(?:;|$)", "", css, flags=re.IGNORECASE)
    css = re.sub(r"@font-face\s*\{[^}]*\}?", "", css, flags=re.IGNORECASE)
    return css.replace("<", r"\3c ")


def _declared(style: str) -> str:
    return _safe(re.sub(r"/\*.*?(?:\*/|$)", " ", style, flags=re.DOTALL))


def _safe(css: str) -> str:
    css = _ESCAPE.sub(_unescaped, css)
    css = _URL.sub(lambda match: f'url("{data[0]}")' if (data := _DATA.search(match[0])) else "none", css)
    css = _PICTURING.sub("none", css)
    css = re.sub(r"(expression|behavior|-moz-binding)", r"x-\1", css, flags=re.IGNORECASE)
    return re.sub(r"(position\s*:\s*)(?:fixed|sticky)", r"\1static", css, flags=re.IGNORECASE)


def _unescaped(match: re.Match[str]) -> str:
    """Letters and digits that are escaped in CSS, as themselves, so that an address is known for one."""
    if match[2]:
        return match[2]
    code = int(match[1], 16)
    character = chr(code) if code < 0x110000 else ""
    return character if character.isalnum() or character in "-_(:@" else match[0]
