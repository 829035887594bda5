"""A greeting that falls apart where a field is empty."""

import re
from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity

# A name right after a greeting: where it is empty, "Dear ," is left.
_GREETING = re.compile(
    r"\b(?:dear|hello|hi|hey|liebe[rs]?|hallo|ciao|cara|caro|gentile|bonjour|cher|chère|hola|estimad[oa]|pozdravljen[ai]?|"
    r"dragi|draga|bok)\s+\Z",
    re.IGNORECASE,
)


def _look(mail: Mail) -> Iterator[Found]:
    if not mail.goes_out:
        return
    for text in mail.texts:
        for tag in mail.tags:
            if tag.names is None:
                continue
            for found in tag.pattern.finditer(text.value):
                before = re.sub(r"<[^>]*>", " ", text.value[max(0, found.start() - 80) : found.start()])
                if _GREETING.search(before) and not re.search(r"[|?]|default|fallback", found[0]):
                    word = _GREETING.search(before)
                    yield Found(
                        f'Where {found[0]} is empty, people read "{word[0].strip() if word else ""} ," alone.',
                        text,
                        found.start(),
                        "Word the greeting so that it holds without the name, or see that everybody has one.",
                    )
                    return


CHECK = Check(
    "no-fallback",
    Severity.WARNING,
    "a greeting that needs a name",
    "Not everybody on a list has a name.",
    _look,
    bad={"html": "<p>Dear {subtag:name},</p>", "tags": (r"\{subtag:(?P<field>\w+)\}",)},
    good={"html": "<p>News for you, {subtag:name}</p>", "tags": (r"\{subtag:(?P<field>\w+)\}",)},
)
