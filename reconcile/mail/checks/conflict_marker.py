"""The marks of an unfinished merge."""

import re
from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity

_MARKS = re.compile(r"^(?:<{7}(?: [^\n]*)?|>{7}(?: [^\n]*)?|\|{7}(?: [^\n]*)?)\r?$", re.MULTILINE)


def _look(mail: Mail) -> Iterator[Found]:
    for text in mail.texts:
        found = _MARKS.search(text.value)
        if found is not None:
            yield Found(
                f"The marker `{found[0].strip()}` of an unfinished merge stands in the mail.",
                text,
                found.start(),
                "Decide for one of the two versions and delete the lines that begin with <<<<<<<, ======= and >>>>>>>.",
            )


CHECK = Check(
    "conflict-marker",
    Severity.ERROR,
    "an unfinished merge",
    "People would read both versions and git's own marks between them.",
    _look,
    bad={"html": "<p>Hello</p>\n<<<<<<< HEAD\n<p>One</p>\n=======\n<p>Two</p>\n>>>>>>> branch\n"},
    good={"html": "<p>Hello</p>\n<p>One</p>\n<p>=======</p>\n"},
)
