"""Pictures without a text in their place."""

import re
from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity
from reconcile.mail.source import Tag, picture_name

_FILE = re.compile(r"\S+\.(?:png|jpe?g|gif|svg|webp)|(?:image|img|picture|bild|immagine|logo)?[-_ ]?\d*", re.IGNORECASE)


def _look(mail: Mail) -> Iterator[Found]:
    if mail.html is None:
        return
    linked = {
        id(word.picture) for block in mail.html.parsed.blocks for word in block.words if word.link and word.picture
    }
    for tag in mail.html.parsed.pictures:
        if _is_pixel(tag):
            continue
        alt = tag.attributes.get("alt")
        if alt is None:
            yield Found(
                f"The picture {picture_name(tag)} has no alternative text, which is read with pictures off.",
                mail.html,
                tag.start,
                'Say in `alt` what it shows, or write alt="" where it only decorates.',
            )
        elif id(tag) in linked and not alt.strip():
            yield Found(
                f"The picture {picture_name(tag)} is a link without a text: nobody knows where it leads.",
                mail.html,
                tag.start,
                "Say in `alt` where the link leads.",
            )
        elif alt.strip() and _FILE.fullmatch(alt.strip()):
            yield Found(
                f'"{alt}" is no text in place of the picture {picture_name(tag)}.',
                mail.html,
                tag.start,
                "Say in `alt` what it shows.",
            )


def _is_pixel(tag: Tag) -> bool:
    return {tag.attributes.get("width"), tag.attributes.get("height")} <= {"0", "1", "1px", "0px"}


CHECK = Check(
    "alternative-text",
    Severity.WARNING,
    "a picture without alternative text",
    "Many people read with pictures off, and some can't see them.",
    _look,
    bad={"html": '<img src="https://a.example/hero.png" width="600">'},
    good={"html": '<img src="https://a.example/hero.png" alt="Two people"><img src="https://a.example/l.png" alt="">'},
)
