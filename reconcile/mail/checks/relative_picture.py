"""Pictures by a path that only the sender has."""

import re
from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity
from reconcile.mail.source import MERGE_TAG, picture_source

_WHOLE = re.compile(r"(?:https?:)?//|data:|cid:", re.IGNORECASE)


def _look(mail: Mail) -> Iterator[Found]:
    if mail.html is None:
        return
    for tag in mail.html.parsed.pictures:
        source = picture_source(tag)
        if not source or re.search(MERGE_TAG, source) or _WHOLE.match(source):
            continue
        yield Found(
            f'The picture "{source}" is named by a path: in a mail it is not there.',
            mail.html,
            tag.start,
            "Upload it, and write its https:// address.",
        )


CHECK = Check(
    "relative-picture",
    Severity.WARNING,
    "a picture by a path",
    "A mail has no folder beside it: people would see an empty box.",
    _look,
    bad={"html": '<img src="images/x.png" alt="x shown">'},
    good={"html": '<img src="https://a.example/x.png" alt="x shown">'},
)
