"""How well the words of a mail stand out from what is behind them, in the light and in the dark, as WCAG 2 measures it.

The mail's own styles are taken as a browser would at a desktop's width; what stands on a picture can't be told.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from reconcile.mail.style import declarations, names, rules

Scheme = Literal["light", "dark"]
Color = tuple[float, float, float, float]  # red, green, blue and how opaque, each from 0 to 1

_WIDTH = 800.0  # pixels of the window
_CANVAS = {"light": "#ffffff", "dark": "#121212"}  # what browsers paint where the mail paints nothing,
_WORDS = {"light": "#000000", "dark": "#ffffff"}  # the colour of words of which it says nothing,
_LINKS = {"light": "#0000ee", "dark": "#9e9eff"}  # and that of links
_BLACK: Color = (0.0, 0.0, 0.0, 1.0)
_ENOUGH, _ENOUGH_LARGE = 4.5, 3.0
_LARGE, _LARGE_BOLD = 24.0, 18.66  # pixels
_SIZES = {"xx-small": 9.0, "x-small": 10.0, "small": 13.0, "medium": 16.0, "large": 18.0, "x-large": 24.0}
_HEADINGS = {"h1": 2.0, "h2": 1.5, "h3": 1.17, "h4": 1.0, "h5": 0.83, "h6": 0.67}
_FONT_SIZES = (10.0, 10.0, 13.0, 16.0, 18.0, 24.0, 32.0, 48.0)  # of <font size>
_PIXELS = {"px": 1.0, "": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 9.6 / 2.54, "rem": 16.0}
_BOLD = names("b strong th h1 h2 h3 h4 h5 h6")
_SILENT = names("head script style title template noscript select option textarea svg math object iframe video audio")
_TELLING = names("style hidden bgcolor background color text link href size")
_PICTURED = re.compile(r"url\(|gradient\(|image-set\(")
_TOKEN = re.compile(r"#[0-9a-f]{3,8}\b|[a-z-]+\([^()]*\)|[a-z]+")
_SHEET = re.compile(r"(<style\b([^>]*)>)(.*?)(</style\s*>)", re.DOTALL | re.IGNORECASE)
_CONDITION = re.compile(r"\(\s*([a-z-]+)\s*(?::\s*([^()]*?))?\s*\)")


@dataclass(frozen=True, slots=True)
class Pair:
    """Words and what is behind them: ``ratio`` to one; ``enough`` is what it takes to be read."""

    words: str
    color: str
    behind: str
    ratio: float
    enough: float

    @property
    def poor(self) -> bool:
        """Whether it is too little."""
        return self.ratio < self.enough


@dataclass(frozen=True, slots=True)
class _Style:
    """How words would look here; ``behind`` is None where a picture is, ``link`` the colour of links."""

    color: Color
    behind: Color | None
    link: Color
    size: float = 16.0
    bold: bool = False
    shown: bool = True
    opacity: float = 1.0


@lru_cache(maxsize=256)  # few colours of each mail
def pairs(html: str, scheme: Scheme) -> tuple[Pair, ...]:
    """Each pair of colours in which words of a mail stand, with the first words that do."""
    canvas: Scheme = "dark" if scheme == "dark" and _knows_dark(html) else "light"
    return _found(_held(html, scheme), canvas)


@lru_cache(maxsize=2)  # most mails are the same in both schemes
def _found(html: str, canvas: Scheme) -> tuple[Pair, ...]:
    from justhtml import JustHTML

    document = JustHTML(_inlined(html), sanitize=False, scripting_enabled=False)
    words, behind, links = (_color(table[canvas]) or _BLACK for table in (_WORDS, _CANVAS, _LINKS))
    found: dict[tuple[str, str, float], Pair] = {}
    todo: list[tuple[Any, _Style]] = [(document.root, _Style(words, behind, links))]
    while todo:
        node, style = todo.pop()
        name = str(getattr(node, "name", ""))
        if name == "#text":
            pair = _pair(style)
            if pair is not None and (key := (pair.color, pair.behind, pair.enough)) not in found:
                text = " ".join(str(getattr(node, "data", "") or "").split())
                if re.search(r"\w", text):
                    found[key] = replace(pair, words=text[:60])
        elif name not in _SILENT and not name.startswith("!"):
            inner = style if name.startswith("#") else _styled(name, _given(node), style)
            if inner is not None:
                todo += [(child, inner) for child in reversed(getattr(node, "children", None) or ())]
    return tuple(found.values())


@lru_cache(maxsize=4_000)
def _pair(style: _Style) -> Pair | None:
    """The pair of colours of such words; None: nobody can see them, or what is behind them can't be told."""
    if not style.shown or style.behind is None or style.size < 1:
        return None
    alpha = style.color[3] * style.opacity
    if alpha == 0:
        return None
    color = _over((*style.color[:3], alpha), style.behind)
    large = style.size >= _LARGE or (style.bold and style.size >= _LARGE_BOLD)
    lights = sorted((_luminance(color), _luminance(style.behind)))
    ratio = (lights[1] + 0.05) / (lights[0] + 0.05)
    return Pair("", _hex(color), _hex(style.behind), ratio, _ENOUGH_LARGE if large else _ENOUGH)


# The style of a tag


def _given(node: object) -> tuple[tuple[str, str], ...]:
    """The attributes of a tag that have a say; where a link leads has none."""
    given: Mapping[str, str | None] = getattr(node, "attrs", None) or {}
    return tuple((name, "" if name == "href" else given[name] or "") for name in given if name in _TELLING)


@lru_cache(maxsize=4_000)  # a mail has many tags and few styles
def _styled(name: str, attributes: tuple[tuple[str, str], ...], outer: _Style) -> _Style | None:
    """How it looks within a tag; None: nobody sees that."""
    given = dict(attributes)
    own = {key: value.partition("!")[0].strip() for key, value in declarations(given.get("style", "")).items()}
    if own.get("display") == "none" or "hidden" in given or own.get("max-height") == "0":
        return None
    shown = outer.shown if "visibility" not in own else own["visibility"] == "visible"
    inner = replace(
        outer,
        color=_foreground(name, given, own, outer),
        behind=_background(given, own, outer),
        size=_size(name, given, own, outer.size),
        bold=_bold(name, own, outer.bold),
        shown=shown,
        opacity=outer.opacity * _opacity(own.get("opacity", "1")),
    )
    if name == "body" and (link := _color(given.get("link", ""))):
        inner = replace(inner, link=link)
    return inner


def _foreground(name: str, given: Mapping[str, str], own: Mapping[str, str], outer: _Style) -> Color:
    told = own.get("color", "")
    if told in ("inherit", "currentcolor"):
        return outer.color
    if found := _color(told):
        return found
    if attribute := {"font": given.get("color"), "body": given.get("text")}.get(name):
        return _color(attribute) or outer.color
    return outer.link if name == "a" and "href" in given else outer.color


def _background(given: Mapping[str, str], own: Mapping[str, str], outer: _Style) -> Color | None:
    told = f"{own.get('background', '')} {own.get('background-image', '')}"
    if _PICTURED.search(told) or given.get("background"):
        return None
    named = own.get("background-color") or own.get("background")
    colors = [_color(token) for token in _TOKEN.findall(named)] if named else [_color(given.get("bgcolor", ""))]
    color = next((each for each in colors if each is not None), None)
    if color is None or color[3] == 0:
        return outer.behind
    if color[3] == 1:
        return color
    return _over(color, outer.behind) if outer.behind is not None else None


def _size(name: str, given: Mapping[str, str], own: Mapping[str, str], outer: float) -> float:
    told = own.get("font-size") or next(
        (
            part
            for part in re.split(r"[\s/]", own.get("font", ""))
            if re.match(r"[\d.]+[a-z%]|\w+-?(?:small|large)", part)
        ),
        "",
    )
    match = re.fullmatch(r"([\d.]+)([a-z%]*)", told)
    if match is not None and match[1].count(".") < 2 and match[1] != ".":
        number, unit = float(match[1]), match[2]
        relative = {"em": outer, "%": outer / 100}.get(unit)
        return number * (relative if relative is not None else _PIXELS.get(unit, outer / max(number, 1)))
    if told in _SIZES:
        return _SIZES[told]
    if name == "font" and re.fullmatch(r"[0-7]", given.get("size", "")):
        return _FONT_SIZES[int(given["size"])]
    return outer * _HEADINGS.get(name, 0.83 if name in ("small", "sub", "sup") else 1.0)


def _bold(name: str, own: Mapping[str, str], outer: bool) -> bool:
    told = own.get("font-weight") or next(
        (part for part in own.get("font", "").split() if part == "bold" or re.fullmatch(r"[1-9]00", part)), ""
    )
    if told in ("inherit", ""):
        return outer or name in _BOLD
    return told in ("bold", "bolder") or (told.isdigit() and int(told) >= 700)


def _opacity(told: str) -> float:
    try:
        number = float(told.rstrip("%")) / (100 if told.endswith("%") else 1)
    except ValueError:
        return 1.0
    return min(max(number, 0.0), 1.0)


# Colours


@lru_cache(maxsize=4_000)
def _color(text: str) -> Color | None:
    from coloraide import Color as Parsed

    text = text.strip().lower()
    if not text or text in ("none", "inherit", "initial", "unset"):
        return None
    for tried in (text, f"#{text}"):  # attributes may leave the sign out
        if (found := Parsed.match(tried, fullmatch=True)) is not None:
            color = found.color.convert("srgb").clip()
            red, green, blue = color.coords(nans=False)
            return red, green, blue, color.alpha(nans=False)
    return None


def _over(color: Color, behind: Color) -> Color:
    """What a colour that lets something through looks like."""
    alpha = color[3]
    red, green, blue = (over * alpha + under * (1 - alpha) for over, under in zip(color[:3], behind[:3], strict=True))
    return red, green, blue, 1.0


def _luminance(color: Color) -> float:
    parts = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in color[:3]]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def _hex(color: Color) -> str:
    return "#" + "".join(f"{round(each * 255):02x}" for each in color[:3])


# What of the mail's styles holds


def _knows_dark(html: str) -> bool:
    """Whether it says that it is made for the dark, so that browsers paint its canvas dark."""
    told = re.findall(r"color-scheme[\"'\s]*(?::|[^>]*?content\s*=)\s*[\"']?([a-z ]+)", html.lower())
    return any("dark" in each.split() for each in told)


def _inlined(html: str) -> str:
    """The mail with every rule written on the tags that it is about."""
    import css_inline

    inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_link_tags=True)
    try:
        return inliner.inline(html)
    except css_inline.InlineError:
        return html


def _held(html: str, scheme: Scheme) -> str:
    """The mail with the rules of its sheets that hold alone, out of their conditions."""

    def holds(head: str) -> bool:
        return _holds(head, scheme) if head.lower().startswith("@media") else not head.startswith("@")

    def held(match: re.Match[str]) -> str:
        media = re.search(r"\bmedia\s*=\s*[\"']?([^\"'>]*)", match[2], re.IGNORECASE)
        inner = f"@media {media[1]}{{{match[3]}}}" if media else match[3]
        kept = (rule for rule in rules(inner) if rule.body is not None and not rule.head.startswith("@"))
        told = "".join(f"{rule.head}{{{rule.body}}}\n" for rule in kept if all(map(holds, (*rule.around, rule.head))))
        return f"<style>{told}{match[4]}"

    return _SHEET.sub(held, html)


def _holds(query: str, scheme: Scheme) -> bool:
    """Whether one of a list of media queries holds."""
    listed = query.lower().removeprefix("@media").split(",")
    return any(_one_holds(each.strip(), scheme) for each in listed)


def _one_holds(query: str, scheme: Scheme) -> bool:
    if re.match(r"(?:only\s+)?(?:print|speech|tv|handheld)\b|not\b", query):
        return False
    for name, value in _CONDITION.findall(query):
        length = re.match(r"[\d.]+", value)
        if name == "prefers-color-scheme":
            held = value == scheme
        elif name in ("max-width", "max-device-width") and length:
            held = float(length[0]) >= _WIDTH
        elif name in ("min-width", "min-device-width") and length:
            held = float(length[0]) <= _WIDTH
        else:
            held = False
        if not held:
            return False
    return True
