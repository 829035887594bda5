"""What create-newsletter-from-template puts into a copied newsletter: texts for tags, pictures for placeholders.

From the vendor's page, function 6: ``{{itemId}}`` in the body is replaced by a text, which becomes a link when a url
is given; pictures chosen from the folder ``.../_placeholders/N/`` give way to the one whose ``itemId`` is N, 0 to 9.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_PICTURES = frozenset("0123456789")
_PLACEHOLDER = re.compile(r"/_placeholders/([0-9])/")
_TAG_BODY = r"(?:[^>\"']|\"[^\"]*\"|'[^']*')*"
# A picture, with the anchor that stands directly around it, if any.
_IMAGE = re.compile(
    rf"(?:(?P<anchor><a(?=[\s>]){_TAG_BODY}>)(?P<before>\s*)(?P<inner><img(?=[\s/>]){_TAG_BODY}>)(?P<after>\s*</a\s*>))"
    rf"|(?P<image><img(?=[\s/>]){_TAG_BODY}>)",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"([^\s=/>\"']+)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s>\"']+))?")
_MARKUP = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Content:
    """What stands in for a tag or a picture, and where it links to (no link when empty)."""

    value: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Attributes:
    """``templateCustomAttributes`` by ``itemId``; of several items with one id the last one counts."""

    texts: Mapping[str, Content] = field(default_factory=dict)
    images: Mapping[str, Content] = field(default_factory=dict)


def parse_attributes(raw: Any) -> Attributes:
    """Read ``{"texts": [...], "images": [...]}``; a ``ValueError`` says what has the wrong type."""
    if raw is None:
        return Attributes()
    members = _members(raw, "templateCustomAttributes")
    images = _contents(members.get("images"), "images")
    return Attributes(
        texts=_contents(members.get("texts"), "texts"),
        images={number: content for number, content in images.items() if number in _PICTURES},
    )


def render_body(body: str, attributes: Attributes) -> str:
    """The HTML body with texts and pictures put in; tags and pictures that nothing is given for stay."""
    body = _fill(body, attributes.texts, _as_html)
    return _IMAGE.sub(lambda match: _picture(match, attributes.images), body) if attributes.images else body


def render_text(text: str, attributes: Attributes) -> str:
    """The plain-text body with texts put in, without markup, and with the link's address in parentheses."""
    return _fill(text, attributes.texts, _as_text)


def placeholder_body(texts: list[str], images: list[str]) -> str:
    """A body as the drag-and-drop editor could have made it, with a tag or a placeholder for each name given."""
    parts = [f"<p>{{{{{name}}}}}</p>" for name in texts]
    parts += [
        f'<img src="/images/SqualoMail-templates/_placeholders/{number}/5x4.png" alt="" width="200">'
        for number in images
    ]
    return "<html><body>" + "\n".join(parts) + "</body></html>"


def _fill(text: str, contents: Mapping[str, Content], shown: Any) -> str:
    if not contents:
        return text
    # One pass over the text, so that a value that looks like a tag is not taken for one.
    names = "|".join(re.escape(name) for name in sorted(contents, key=len, reverse=True))
    return re.sub(rf"\{{\{{\s*({names})\s*\}}\}}", lambda match: str(shown(contents[match[1]])), text)


def _as_html(content: Content) -> str:
    return f'<a href="{html.escape(content.url)}">{content.value}</a>' if content.url else content.value


def _as_text(content: Content) -> str:
    plain = html.unescape(_MARKUP.sub("", content.value))
    return f"{plain} ({content.url})" if content.url else plain


def _picture(match: re.Match[str], images: Mapping[str, Content]) -> str:
    tag = match["inner"] or match["image"]
    content = images.get(_placeholder(_attribute(tag, "src") or ""))
    if content is None:
        return match[0]
    tag = _with_attribute(tag, "src", content.value)
    if match["inner"]:
        anchor = _with_attribute(match["anchor"], "href", content.url) if content.url else match["anchor"]
        return f"{anchor}{match['before']}{tag}{match['after']}"
    return f'<a href="{html.escape(content.url)}">{tag}</a>' if content.url else tag


def _placeholder(source: str) -> str:
    try:
        path = urlsplit(html.unescape(source)).path
    except ValueError:  # such as brackets that are no address
        return ""
    found = _PLACEHOLDER.search(path)
    return found[1] if found else ""


def _attribute(tag: str, name: str) -> str | None:
    for match in _attributes(tag):
        if match[1].lower() == name and match[2] is not None:
            return match[2].strip("\"'")
    return None


def _with_attribute(tag: str, name: str, value: str) -> str:
    """The tag with one attribute set; it comes right after the tag's name when it was not there."""
    written = f'{name}="{html.escape(value)}"'
    for match in _attributes(tag):
        if match[1].lower() == name:
            return tag[: match.start()] + written + tag[match.end() :]
    end = re.match(r"<\w+", tag)
    at = end.end() if end else 0
    return f"{tag[:at]} {written}{tag[at:]}"


def _attributes(tag: str) -> list[re.Match[str]]:
    start = re.match(r"<\w+", tag)
    return list(_ATTRIBUTE.finditer(tag, start.end() if start else 0))


def _contents(raw: Any, name: str) -> dict[str, Content]:
    if raw is None:
        return {}
    if not isinstance(raw, list):
        raise ValueError(f"templateCustomAttributes.{name} should be an array")
    contents: dict[str, Content] = {}
    for position, each in enumerate(raw):
        where = f"templateCustomAttributes.{name}[{position}]"
        members = _members(each, where)
        content = _members(members.get("itemcontent"), f"{where}.itemContent")
        key = _text(members.get("itemid"), f"{where}.itemId")
        if not key:
            raise ValueError(f"{where}.itemId is missing")
        contents[key] = Content(
            value=_text(content.get("value"), f"{where}.itemContent.value"),
            url=_text(content.get("url"), f"{where}.itemContent.url"),
        )
    return contents


def _members(raw: Any, where: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise ValueError(f"{where} should be an object")
    return {str(key).lower(): value for key, value in raw.items()}


def _text(raw: Any, where: str) -> str:
    if raw is None:
        return ""
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise ValueError(f"{where} should be a text")
    return str(raw)
