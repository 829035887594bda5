"""Mails made up for tests: sections with words of their own, and edits whose outcome is known."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from reconcile.mail.change import Kind


@dataclass(frozen=True)
class Section:
    """One part of a mail; ``number`` makes its words differ from all others."""

    shape: str
    number: int
    words: tuple[str, ...]
    href: str = ""
    src: str = ""
    alt: str = ""
    color: str = "#7a2e1f"
    tag: str = "{{name}}"

    @property
    def html(self) -> str:
        text = " ".join(self.words)
        match self.shape:
            case "heading":
                return f'<tr><td style="padding: 4px"><h2 style="color: {self.color}">{text}</h2></td></tr>'
            case "paragraph":
                return (
                    f'<tr><td class="ink">\n  <p style="color: {self.color}; margin: 0">{text} &amp; more</p></td></tr>'
                )
            case "link":
                return (
                    f'<tr><td bgcolor="{self.color}" align="center">\n <a href="{self.href}" style="color: #fff"'
                    f" target=_blank>{text}</a></td></tr>"
                )
            case "picture":
                return (
                    f'<tr><td style="background: {self.color}"><img src="{self.src}" alt="{self.alt}" width="600">'
                    f"<br>{text}</td></tr>"
                )
            case "row":
                cells = "".join(f"<td>{word}</td>\n" for word in self.words)
                return f'<tr style="color: {self.color}">{cells}</tr>'
            case "tag":
                return f'<tr><td style="color: {self.color}"><b>{self.words[0]}</b> {self.tag}, {text}</td></tr>'
            case "spacer":
                return '<tr><td style="height: 20px; line-height: 20px">&nbsp;</td></tr>'
        raise AssertionError(self.shape)


SHAPES = ("heading", "paragraph", "link", "picture", "row", "tag")


def section(shape: str, number: int, count: int) -> Section:
    count = max(count, 3)
    words = tuple(f"{'abcdefgh'[n % 8]}{number}word{n}" for n in range(count))
    base = f"https://shop.example/{number}"
    return Section(shape, number, words, f"{base}?a=1&amp;b=2", f"{base}/picture.png", f"Picture {number}")


@dataclass(frozen=True)
class Mail:
    sections: tuple[Section, ...]
    preheader: str = "What an inbox shows first"

    @property
    def html(self) -> str:
        rows = "\n    ".join(each.html for each in self.sections)
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>T</title>\n'
            "<!--[if mso]><style>td { font-family: Arial, sans-serif; }</style><![endif]-->\n"
            "<style>\n  .ink { color: #333; }\n  @media (max-width: 600px) { .ink { width: 100% !important; } }\n"
            '</style></head>\n<body style="margin: 0">\n'
            f'<div style="display:none; max-height:0">{self.preheader}{"&#847;&zwnj;&nbsp;" * 40}</div>\n'
            '<table role="presentation" width="600" style="background: #fff">\n  <tbody>\n    '
            f"{rows}\n  </tbody></table></body></html>\n"
        )


def _new_word(old: Section) -> Section:
    return replace(old, words=(*old.words[:-1], f"changed{old.number}"))


# What is done to a section, in which shapes it can be, and what it must be listed as.
EDITS: dict[Kind, tuple[tuple[str, ...], Callable[[Section], Section]]] = {
    Kind.WORDS: (("heading", "paragraph", "link", "tag"), _new_word),
    Kind.LINK: (("link",), lambda old: replace(old, href=old.href + "&amp;utm=x")),
    Kind.PICTURE: (("picture",), lambda old: replace(old, src=old.src.replace("picture", "other"))),
    Kind.ALT: (("picture",), lambda old: replace(old, alt=f"Another {old.number}")),
    Kind.LOOK: (SHAPES, lambda old: replace(old, color="#0a5f38")),
    Kind.MERGE_TAG: (("tag",), lambda old: replace(old, tag="{{first name}}")),
}


def indented(html: str) -> str:
    """The same mail with other white space between tags and within text."""
    html = re.sub(r">\s*\n\s*<", ">\r\n\t\t<", html)
    html = re.sub(r"</(tr|td|table)><", r"</\1>\n        <", html)
    return re.sub(r"([a-z]) ([a-z&])", r"\1\n   \2", html.replace("; ", ";\n   "))


def minified(html: str) -> str:
    """The same mail as a minifier leaves it."""
    html = re.sub(r">\s+<(?=/?(?:tr|td|table|body|div|style|tbody|head|meta|title|html|p|h2|a|!))", "><", html)
    html = re.sub(r"</(?:tr|td|tbody|p)>(?=<tr|<td|</tr|</td|</tbody|</table)", "", html)
    html = re.sub(r"<tbody>", "", html)
    html = re.sub(r'="([\w#-]+)"', r"=\1", html)
    html = re.sub(r"(?<=[a-z0-9]); +(?=[a-z-]+:)|(?<=[a-z\d]) *([:{]) +", lambda match: match[1] or ";", html)
    return re.sub(r"<(/?)(tr|td|img|h2)\b", lambda match: f"<{match[1]}{match[2].upper()}", html)
