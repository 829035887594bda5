"""What was to be replaced before it goes out."""

import re
from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity

_WORDS = re.compile(
    r"\b(?:lorem ipsum|dolor sit amet|TODO|FIXME|TBD|XXX+|platzhalter|segnaposto"
    r"|your (?:text|headline|company|name) here"
    r"|insert \w+ here|(?:headline|text|button|title|link) goes here|placeholder text)\b|\bTBC\b"
)
_LOWER = re.compile(_WORDS.pattern, re.IGNORECASE)
_TEST = re.compile(
    r"^\s*(?:\[?test\]?\b|prova\b|asdf|copy of\b|kopie von\b|draft\b|entwurf\b|untitled\b)", re.IGNORECASE
)
_CASED = ("todo", "fixme", "tbd", "tbc")


def _look(mail: Mail) -> Iterator[Found]:
    if not mail.goes_out:
        return
    if mail.subject is not None and (found := _TEST.search(mail.subject.value)):
        yield Found(
            f'The subject begins with "{found[0].strip()}", as a draft\'s does.', mail.subject, 0, "Write the real one."
        )
    for text in mail.texts:
        seen = re.sub(r"<(style|script)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>", _blank, text.value, flags=re.DOTALL)
        for found in _LOWER.finditer(seen):
            word = found[0]
            if word.lower() in _CASED and not word.isupper():
                continue  # "todo" is a word of several languages
            if word.lower().startswith("xxx") and not word.isupper():
                continue
            yield Found(f'"{word}" stands in the mail.', text, found.start(), "Write what should stand there.")
            break


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


CHECK = Check(
    "placeholder",
    Severity.WARNING,
    "a placeholder",
    "People would read lorem ipsum.",
    _look,
    bad={"html": "<p>Lorem ipsum dolor sit amet</p>", "subject": "Hello"},
    good={"html": "<p>Es geht um todo el mundo</p>", "subject": "The latest"},
)
