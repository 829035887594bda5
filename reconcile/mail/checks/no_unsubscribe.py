"""No way to unsubscribe."""

import re
from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity, Text

# In the languages of both platforms; a link of the sender's own counts.
_WORDS = re.compile(
    r"unsubscribe|opt[-_ ]?out|abmeld|abbestell|disiscri|cancella|d[ée]sabonn|d[ée]sinscri|darse de baja|baja|odjav|"
    r"preference",
    re.IGNORECASE,
)


def _look(mail: Mail) -> Iterator[Found]:
    if not mail.goes_out:
        return
    html = mail.html if mail.html is not None else (mail.template.html if mail.template is not None else None)
    # A fragment is put into a page of the platform's, which has the way out.
    if html is not None and html.is_document and not _has_way(mail, html):
        yield Found(
            "There is no way to unsubscribe in the mail, which the law of most countries asks for.",
            html if html is mail.html else None,
            max(html.value.lower().rfind("</body"), 0) if html is mail.html else None,
            "Put a link to unsubscribe near its end.",
        )


def _has_way(mail: Mail, html: Text) -> bool:
    if any(tag.unsubscribes and tag.pattern.search(html.value) for tag in mail.tags):
        return True
    if not _WORDS.search(html.value):
        return False  # no need to take it apart
    return any(_WORDS.search(f"{words} {target}") for words, target in html.parsed.links)


CHECK = Check(
    "no-unsubscribe",
    Severity.ERROR,
    "no way to unsubscribe",
    'The law of most countries asks for it, and without it people press "spam" instead.',
    _look,
    bad={"html": "<html><body><p>Hello</p></body></html>"},
    good={"html": '<html><body><p>Hello</p><a href="https://a.example/unsubscribe">Unsubscribe</a></body></html>'},
)
