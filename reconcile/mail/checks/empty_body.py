"""A mail without content."""

import re
from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity, Text


def _look(mail: Mail) -> Iterator[Found]:
    for text in mail.bodies:
        if not text.value.strip() or (text is mail.html and not _shows(text)):
            where = f"The file {text.file}" if text.file is not None else f"`{text.attribute}`"
            yield Found(
                f"{where} is empty: people would get a mail with nothing in it.", text, 0, "Write it, or leave it out."
            )


# What is no word that people read; looked for only as far as the first word.
_NO_WORDS = re.compile(
    r"<!--.*?-->|<(style|script|title|head)\b.*?</\1\s*>|<[^>]*>|&\w+;|[^\w<&]+", re.DOTALL | re.IGNORECASE
)
_LONG = 2_000  # characters, beyond which what is hidden is not told from what is seen


def _shows(text: Text) -> bool:
    if len(text.value) > _LONG:
        at = 0
        while (found := _NO_WORDS.match(text.value, at)) is not None:
            if found[0][:4].lower() == "<img" or found[0].startswith("<v:"):
                return True
            at = found.end()
        if at < len(text.value):
            return True
    source = text.parsed
    return source.words > 0 or bool(source.pictures) or bool(source.merge_tags) or "<v:" in text.value


CHECK = Check(
    "empty-body",
    Severity.ERROR,
    "a mail without content",
    "People would get a blank mail.",
    _look,
    bad={"html": "<html><body>\n  <div></div>\n</body></html>"},
    good={"html": "<p>Hello</p>"},
)
