"""Dates of a year that is over."""

import re
from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity

_NOT_SEEN = re.compile(r"<(style|script)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>|https?://\S+", re.DOTALL)


def _look(mail: Mail) -> Iterator[Found]:
    if not mail.goes_out or not mail.year:
        return
    year = int(mail.due[:4]) if mail.due else mail.year
    old = year - 1
    months = r"(?:jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|okt|oct|nov|de[cz]|gen|mag|giu|lug|ago|set|ott|dic)\w*"
    pattern = re.compile(
        rf"(?:©|&copy;|copyright|\(c\))\s*{old}\b|\b\d{{1,2}}\.?\s+{months}\s+{old}\b|\b{months}\s+(?:\d{{1,2}},?\s+)?{old}\b"
        rf"|\b\d{{1,2}}[./]\d{{1,2}}[./]{old}\b|\b{old}-\d\d-\d\d\b",
        re.IGNORECASE,
    )
    for text in mail.texts:
        if str(old) not in text.value:
            continue  # no need to look for a date
        seen = _NOT_SEEN.sub(lambda found: " " * len(found[0]), text.value)
        found = pattern.search(seen)
        if found is not None:
            yield Found(f'"{found[0].strip()}" is of last year.', text, found.start(), f"Is {year} meant?")


CHECK = Check(
    "last-year",
    Severity.WARNING,
    "a date of last year",
    "Mails are often made from last year's.",
    _look,
    bad={"html": "<p>From 3 May 2025, © 2025</p>", "year": 2026},
    good={"html": "<p>From 3 May 2026, since 2025</p>", "year": 2026},
)
