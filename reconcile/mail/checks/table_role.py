"""Tables for layout that are announced as tables of data."""

import re
from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity

_DATA = re.compile(r"<(?:th|caption|thead)\b", re.IGNORECASE)


def _look(mail: Mail) -> Iterator[Found]:
    if mail.html is None:
        return
    tables = [tag for tag in mail.html.parsed.tags if tag.name == "table"]
    bare = [tag for tag in tables if "role" not in tag.attributes]
    if bare and not _DATA.search(mail.html.value):
        count = len(bare)
        yield Found(
            f"{count} {'table for layout has' if count == 1 else 'tables for layout have'} no role: screen readers"
            " announce rows and columns.",
            mail.html,
            bare[0].start,
            'Write role="presentation" on each.',
        )


CHECK = Check(
    "table-role",
    Severity.WARNING,
    "a table for layout without its role",
    "Screen readers announce each as a table of data, row by row.",
    _look,
    bad={"html": "<table><tr><td>Hello</td></tr></table>"},
    good={"html": '<table role="presentation"><tr><td>Hello</td></tr></table>'},
)
