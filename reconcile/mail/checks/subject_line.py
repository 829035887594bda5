"""The subject and what an inbox shows beside it."""

import re
from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity

_LONG = 78
_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("„", "“"), ("«", "»"), ("‘", "’"), ("»", "«"))


def _look(mail: Mail) -> Iterator[Found]:
    if mail.subject is not None and mail.goes_out:
        yield from _of_subject(mail)
    html = mail.html
    if html is None or not html.is_document or not mail.goes_out:
        return
    preheader = html.parsed.preheader
    inbox = html.parsed.inbox
    if not preheader and re.match(
        r"\s*(?:view|read|open) (?:this|it|online|in)|trouble viewing|im browser|online ansehen", inbox, re.I
    ):
        yield Found(
            f'There is no preheader, so inboxes show "{inbox[:60]}" beside the subject.',
            html,
            None,
            "Begin the mail with a hidden line that goes on where the subject ends.",
        )
    elif len(preheader) > 150:
        yield Found(
            f"The preheader has {len(preheader)} characters; inboxes show some 40 to 130 of them.",
            html,
            None,
            "Shorten it.",
        )
    if mail.subject is not None and preheader and preheader.strip() == mail.subject.value.strip():
        yield Found("The preheader repeats the subject.", html, None, "Let it say more.")


def _of_subject(mail: Mail) -> Iterator[Found]:
    text = mail.subject
    assert text is not None  # noqa: S101  # its caller asked
    value = text.value
    if not value.strip():
        yield Found("The subject is empty.", text, 0, "Write one.")
        return
    if len(value) > _LONG:
        yield Found(f"The subject has {len(value)} characters; most inboxes show 40 to 70.", text, None, "Shorten it.")
    if value != value.strip():
        yield Found("The subject begins or ends with a blank.", text, 0, "Take it out.")
    stripped = value.strip()
    if len(stripped) > 2 and any(stripped[0] == left and stripped[-1] == right for left, right in _QUOTES):
        inner = stripped[1:-1]
        if not any(left in inner or right in inner for left, right in _QUOTES):
            yield Found(
                f"The whole subject stands in quotes: people read {stripped[0]} and {stripped[-1]}, too.",
                text,
                0,
                "In YAML, only \" and ' around a value are not part of it.",
            )


CHECK = Check(
    "subject",
    Severity.WARNING,
    "a subject or preheader that reads badly in an inbox",
    "It decides whether the mail is opened.",
    _look,
    bad={"subject": "“Spring is here”", "html": "<p>x</p>"},
    good={"subject": "Spring is “here”", "html": "<p>x</p>"},
)
