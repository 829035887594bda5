"""The plain text beside the HTML."""

import re
from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity

_URL = re.compile(r"https?://[^\s<>\"')\]]+")


def _look(mail: Mail) -> Iterator[Found]:
    if mail.html is None or not mail.goes_out or not mail.html.is_document:
        return
    if mail.text is None:
        yield Found(
            "There is no plain text beside the HTML: filters take that for spam, and some people read nothing else.",
            attribute="altBody",
            hint="Write one, with the same words and links.",
        )
        return
    if re.search(r"<(?:html|body|table|p|div|br)\b", mail.text.value, re.IGNORECASE):
        yield Found("The plain text holds HTML, which is shown as it stands.", mail.text, 0, "Write it without markup.")
        return
    html_words = mail.html.parsed.words
    text_words = len(re.findall(r"\w+", _URL.sub(" ", mail.text.value)))
    if html_words >= 40 and text_words < html_words / 5:
        yield Found(
            f"The plain text has {text_words} words and the HTML {html_words}: it does not say the same.",
            mail.text,
            0,
            "Bring it up to date.",
        )
        return
    wanted = {_bare(target) for _, target in mail.html.parsed.links if target.startswith("http")}
    given = {_bare(target) for target in _URL.findall(mail.text.value)}
    if wanted and given and not wanted & given:
        yield Found(
            "No link of the plain text is one of the HTML's: one of them is out of date.",
            mail.text,
            0,
            "Compare the two.",
        )


def _bare(url: str) -> str:
    return re.split(r"[?#]", url)[0].rstrip("/.,;").lower()


CHECK = Check(
    "plain-text",
    Severity.WARNING,
    "no plain text, or one that does not follow the HTML",
    "Filters compare the two, and some people read the plain one.",
    _look,
    bad={"html": '<html lang="en"><body><p>Hello</p></body></html>'},
    good={"html": '<html lang="en"><body><p>Hello</p></body></html>', "text": "Hello"},
)
