"""A merge tag that the platform does not fill."""

import re
from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity
from reconcile.mail.source import MERGE_TAG

_ANY = re.compile(MERGE_TAG)
_BRACES = re.compile(r"\{\{|%7B%7B", re.IGNORECASE)
_STYLE = re.compile(
    r"<(style|script)\b.*?</\1\s*>|<!--.*?-->|\bstyle\s*=\s*(\"[^\"]*\"|'[^']*')", re.DOTALL | re.IGNORECASE
)


def _look(mail: Mail) -> Iterator[Found]:
    if not mail.tags:
        return
    for text in mail.texts:
        covered = [found.span() for tag in mail.tags for found in tag.pattern.finditer(text.value)]
        covered += [found.span() for found in _STYLE.finditer(text.value)]
        seen: set[str] = set()
        for found in _ANY.finditer(text.value):
            word, at = found[0], found.start()
            inside = any(start <= at < end for start, end in covered)
            if inside or word in seen or _BRACES.match(word):
                continue
            seen.add(word)
            yield Found(
                f"{word} is no tag of this platform: people would read it as it stands.",
                text,
                at,
                "Write the platform's own tag, or text.",
            )


CHECK = Check(
    "unknown-merge-tag",
    Severity.ERROR,
    "a merge tag of another platform",
    "People would read *|FNAME|* in place of their name.",
    _look,
    bad={"html": "<p>Dear *|FNAME|*</p>", "tags": (r"\{subtag:(?P<field>\w+)\}",)},
    good={"html": "<p>Dear {subtag:name}</p>", "tags": (r"\{subtag:(?P<field>\w+)\}",)},
)
