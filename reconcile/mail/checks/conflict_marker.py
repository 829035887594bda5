"""The marks of an unfinished merge."""

from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity
from reconcile.mail.conflicts import marker


def _look(mail: Mail) -> Iterator[Found]:
    for text in mail.as_written:
        found = marker(text.value)
        if found is not None:
            yield Found(
                f"The marker `{found[0].strip()}` of an unfinished merge stands in the mail.",
                text,
                found.start(),
                "Decide for one of the versions, and delete the lines with the marks.",
            )


CHECK = Check(
    "conflict-marker",
    Severity.ERROR,
    "an unfinished merge",
    "People would read both versions and the merge's own marks between them.",
    _look,
    bad={"html": "<p>Hello</p>\n<<<<<<< HEAD\n<p>One</p>\n=======\n<p>Two</p>\n>>>>>>> branch\n"},
    good={"html": "<p>Hello</p>\n<p>One</p>\n<p>=======</p>\n"},
)
