"""What breaks a mail in programs that people read mail with.

``clients.json`` beside the package's modules is an extract of what caniemail.com has tested, with its date: some thirty
features that a mail falls apart without, and the programs that don't know them.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files

from reconcile.mail.checks.check import Check, Found, Mail, Severity, Text, listed
from reconcile.mail.source import Tag
from reconcile.mail.style import rules

# A feature: which properties and values take it, and what it is called.
_DECLARED = {
    "css-display-flex": (r"display", r"(?:inline-)?flex", "`display: flex`"),
    "css-display-grid": (r"display", r"(?:inline-)?grid", "`display: grid`"),
    "css-position": (r"position", r"absolute|fixed|sticky", "`position`"),
    "css-inset": (r"inset", r".", "`inset`"),
    "css-column-count": (r"columns|column-count|column-width", r"\d", "columns of text"),
    "css-transform": (r"transform", r"\w+\(", "`transform`"),
    "css-clip-path": (r"clip-path", r"\w+\(", "`clip-path`"),
    "css-mask-image": (r"mask|mask-image", r"\w+\(", "`mask-image`"),
    "css-writing-mode": (r"writing-mode", r"vertical|sideways", "`writing-mode`"),
    "css-variables": (r".+", r"\bvar\(", "`var()`"),
    "css-unit-calc": (r".+", r"\bcalc\(", "`calc()`"),
    "css-function-clamp": (r".+", r"\bclamp\(", "`clamp()`"),
    "css-function-min": (r".+", r"\bmin\(", "`min()`"),
    "css-function-max": (r".+", r"\bmax\(", "`max()`"),
    "css-modern-color": (
        r".+",
        r"\b(?:oklch|oklab|lch|lab|hwb|color-mix|color)\(",
        "colours as `oklch()` or `color()`",
    ),
    "css-function-light-dark": (r".+", r"\blight-dark\(", "`light-dark()`"),
}
_TAGS = {
    "video": ("html-video", "films"),
    "audio": ("html-audio", "sounds"),
    "svg": ("html-svg", "drawings as `<svg>`"),
    "form": ("html-form", "forms"),
    "object": ("html-object", "`<object>`"),
    "dialog": ("html-dialog", "`<dialog>`"),
}
_PICTURES = (
    (r"data:", "image-base64", "pictures within the mail"),
    (r"[^?#]*\.webp(?:[?#]|$)", "image-webp", "WebP pictures"),
    (r"[^?#]*\.avif(?:[?#]|$)", "image-avif", "AVIF pictures"),
    (r"[^?#]*\.svg(?:[?#]|$)", "image-svg", "SVG pictures"),
    (r"[^?#]*\.hei[cf](?:[?#]|$)", "image-heif", "HEIC pictures"),
)
_OUT_OF_SIGHT = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all", re.IGNORECASE)


@cache
def support() -> Mapping[str, Mapping[str, object]]:
    """What is known of each feature."""
    found: dict[str, object] = json.loads((files("reconcile.mail") / "clients.json").read_text(encoding="utf-8"))
    features = found["features"]
    assert isinstance(features, dict)  # noqa: S101  # our own file
    return features


def _look(mail: Mail) -> Iterator[Found]:
    if mail.html is None:
        return
    first: dict[str, tuple[str, int]] = {}
    for feature, called, at in (*_of_tags(mail.html), *_of_styles(mail.html)):
        first.setdefault(feature, (called, at))
    for feature, (called, at) in sorted(first.items(), key=lambda each: each[1][1]):
        known = support()[feature]
        clients = known["unknown_to"]
        assert isinstance(clients, list)  # noqa: S101  # our own file
        if clients:
            yield Found(
                f"{called[0].upper()}{called[1:]}: not known to {listed(clients)} (tested {str(known['tested'])[:7]}).",
                mail.html,
                at,
                "See that the mail holds without it, or do it in a way that mail programs know, such as tables.",
            )


def _of_tags(html: Text) -> Iterator[tuple[str, str, int]]:
    for tag in html.parsed.tags:
        if tag.name in _TAGS and not (tag.name in ("video", "audio") and _has_instead(html.value, tag)):
            yield *_TAGS[tag.name], tag.start
        elif tag.name == "link" and "stylesheet" in tag.attributes.get("rel", "").lower():
            if "font" not in tag.attributes.get("href", ""):  # words show in another font then, and that is all
                yield "html-link", "linked style sheets", tag.start
        elif tag.name == "img":
            source = tag.attributes.get("src", "").strip()
            for pattern, feature, called in _PICTURES:
                if re.match(pattern, source, re.IGNORECASE):
                    yield feature, called, tag.start


def _has_instead(value: str, tag: Tag) -> bool:
    """Whether there is a picture or a link for those who can't play it."""
    end = value.find(f"</{tag.name}", tag.end)
    return re.search(r"<(?:img|a)\b", value[tag.end : end if end >= 0 else None], re.IGNORECASE) is not None


def _of_styles(html: Text) -> Iterator[tuple[str, str, int]]:
    for tag in html.parsed.tags:
        if tag.name == "style":
            if "media" not in tag.attributes:
                yield from _of_sheet(tag.text, tag.end)
        elif "style" in tag.attributes:
            yield from ((feature, called, tag.start) for feature, called in _declared(tag.attributes["style"]))


def _of_sheet(sheet: str, start: int) -> Iterator[tuple[str, str, int]]:
    """What rules without a condition take; under a condition, only programs that know it see the rule."""
    for rule in rules(sheet):
        if rule.body is not None and not rule.around and not rule.head.startswith("@") and ":" not in rule.head:
            yield from ((feature, called, start + rule.at) for feature, called in _declared(rule.body))


@lru_cache(maxsize=4_000)
def _declared(style: str) -> tuple[tuple[str, str], ...]:
    """The features that declarations take, but where one before it serves those who don't know it."""
    if _OUT_OF_SIGHT.search(style):
        return ()
    found: list[tuple[str, str]] = []
    served: set[str] = set()
    for part in re.split(r";(?![^(]*\))", style):
        name, colon, value = part.partition(":")
        name, value = name.strip().lower(), value.strip().lower()
        if not colon or name in served or name.startswith("--"):
            continue
        taken = [
            (feature, called)
            for feature, (names, values, called) in _DECLARED.items()
            if re.fullmatch(names, name) and re.search(values, value)
        ]
        if not taken:
            served.add(name)
        found += taken
    return tuple(found)


CHECK = Check(
    "client-support",
    Severity.WARNING,
    "what some mail programs don't know",
    "The mail falls apart there: columns stand in one another, pictures and words are missing.",
    _look,
    bad={
        "html": '<div style="display: flex"><p>One</p></div><img src="https://a.example/x.webp" alt="x">'
        "<style>p {width: calc(50% - 4px)}</style>"
    },
    good={
        "html": '<table role="presentation"><tr><td>One</td></tr></table><img src="https://a.example/x.png" alt="x">'
        "<style>p {width: 48%; width: calc(50% - 4px)} @supports (display: flex) {p {display: flex}}</style>"
    },
)
