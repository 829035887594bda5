"""A file that stands in for the content: a pointer, an encrypted file, a link written as text, an error page."""

from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity, Text
from reconcile.mail.stand_ins import stands_in


def _look(mail: Mail) -> Iterator[Found]:
    for body in mail.bodies:
        for text in body.as_written:
            found = stands_in(text.value, file=text.file is not None, html=body is mail.html)
            if found is not None:
                yield Found(f"{_subject(text)} is {found.what}.", text, found.at, found.hint)


def _subject(text: Text) -> str:
    return f"The file {text.file}" if text.file is not None else f"`{text.attribute}`"


CHECK = Check(
    "stand-in",
    Severity.ERROR,
    "something else in place of the content",
    "The live mail would be replaced by a pointer, a cipher or an error page.",
    _look,
    bad={"html": "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 87518\n"},
    good={"html": "<p>Our age: 12. See https://git-lfs.github.com/spec/v1.</p>"},
)
