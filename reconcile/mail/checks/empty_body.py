"""A mail without content."""

from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity, Text


def _look(mail: Mail) -> Iterator[Found]:
    for text in mail.bodies:
        if not text.value.strip() or (text is mail.html and not _shows(text)):
            where = f"The file {text.file}" if text.file is not None else f"`{text.attribute}`"
            yield Found(
                f"{where} is empty: people would get a mail with nothing in it.", text, 0, "Write it, or leave it out."
            )


def _shows(text: Text) -> bool:
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
