"""The source of a mail in place of the mail: MJML that was not built, or a whole message with its headers."""

import re
from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity

_MJML = re.compile(r"<mj(?:ml|-[a-z-]+)\b", re.IGNORECASE)
_HEADER = re.compile(
    r"\A\s*(?:From |(?:Return-Path|Received|MIME-Version|Message-ID|Delivered-To|X-[\w-]+|Date|From|To"
    r"|Subject|Content-Type|Content-Transfer-Encoding):\s)",
    re.IGNORECASE,
)
_MORE = re.compile(
    r"^(?:MIME-Version|Content-Type|Content-Transfer-Encoding|Subject|From):\s", re.IGNORECASE | re.MULTILINE
)
_PART = re.compile(r"\s*--\S+\r?\n(?:Content-[\w-]+:[^\n]*\n)+\r?\n", re.IGNORECASE)
_QUOTED = re.compile(r"=3D[\"']|=\r?\n\s*\S|=(?:C3|E2)=[0-9A-F]{2}")
_ENGINE = re.compile(
    r"^[ \t]*(?:@(?:extends|section|include|component|yield)\(|\{%-?\s*(?:extends|block|import|include|macro)\b|<%@"
    r"|\{\{#?>\s|extends layout|doctype html$)|<\?(?:php\b|=)|<(?:heml|extends\s+src|x-layout|c-layout)\b",
    re.MULTILINE,
)
_ENGINE_BEGINS = re.compile(
    r"\s*(?:import\s[^\n]*\sfrom\s+[\"']|export default\b)|---\r?\n(?:[\w-]+:[^\n]*\n)+---\r?\n"
)


def _look(mail: Mail) -> Iterator[Found]:
    for text in mail.bodies:
        value = text.value
        found = _MJML.search(value)
        if found is not None:
            yield Found(
                "This is MJML, which no mail client can show.",
                text,
                found.start(),
                "Name the source `.mjml`, so that it is built, or build it and name the HTML.",
            )
        elif _PART.match(value) or (_HEADER.match(value) and len(set(map(str.lower, _MORE.findall(value)))) >= 2):
            yield Found(
                "This is a whole message with its headers (MIME), not the mail's body.",
                text,
                0,
                "Save the HTML part of it as a file of its own.",
            )
        elif len(_QUOTED.findall(value)) >= 3 and "=3D" in value:
            place = _QUOTED.search(value)
            yield Found(
                "This is encoded as quoted-printable: people would read =3D and broken lines.",
                text,
                place.start() if place is not None else 0,
                "Save the decoded HTML.",
            )
        elif (found := _ENGINE.search(value) or _ENGINE_BEGINS.match(value)) is not None:
            yield Found(
                "This is the source of a template engine, which nobody runs.", text, found.start(), "Render it first."
            )


CHECK = Check(
    "raw-source",
    Severity.ERROR,
    "a source in place of the mail",
    "Clients show nothing of MJML, and a message within a message is a page of headers.",
    _look,
    bad={"html": "<mjml><mj-body><mj-text>Hello</mj-text></mj-body></mjml>"},
    good={"html": "<p>About MJML: it is a language.</p>"},
)
