"""Our house does not shout: no exclamation marks in subjects, and no words in capitals alone."""

import re
from collections.abc import Iterator

from reconcile.mail.checks import Check, Found, Mail, Severity

_LOUD = re.compile(r"!|\b[A-ZÀ-Ý]{4,}\b")


def _look(mail: Mail) -> Iterator[Found]:
    if mail.subject is not None and (loud := _LOUD.search(mail.subject.value)):
        yield Found(f'The subject shouts: "{loud[0]}".', mail.subject, loud.start(), "Say it calmly.")


CHECK = Check(
    "no-shouting",
    Severity.WARNING,
    "a subject that shouts",
    "Our readers like us quiet, and filters do, too.",
    _look,
    bad={"subject": "Now!"},
    good={"subject": "Now, and until Friday"},
)
