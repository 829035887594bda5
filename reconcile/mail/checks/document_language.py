"""A mail that does not say its language."""

import re
from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity

_HTML = re.compile(r"<html\b[^>]*>", re.IGNORECASE)
_LANG = re.compile(r"\slang\s*=\s*[\"']?([A-Za-z]{2,3})\b", re.IGNORECASE)


def _look(mail: Mail) -> Iterator[Found]:
    found = _HTML.search(mail.html.value) if mail.html is not None else None
    if mail.html is None or found is None:
        return
    language = _LANG.search(found[0])
    if language is None:
        yield Found(
            "The mail does not say its language, so screen readers pronounce it in the reader's own.",
            mail.html,
            found.start(),
            f'Write <html lang="{mail.language or "en"}">.',
        )
    elif mail.language is not None and language[1].lower() != mail.language.lower():
        yield Found(
            f'The mail says lang="{language[1]}", and its entry says language {mail.language}.',
            mail.html,
            found.start(),
            "Correct the one that is wrong.",
        )


CHECK = Check(
    "lang",
    Severity.WARNING,
    "no language, or another one",
    "Screen readers pronounce a mail by its language.",
    _look,
    bad={"html": "<html><body><p>Ciao</p></body></html>"},
    good={"html": '<html lang="it"><body><p>Ciao</p></body></html>', "language": "it"},
)
