"""A merge tag for a field that no manifest declares."""

from collections.abc import Iterator
from difflib import get_close_matches

from reconcile.mail.checks.check import Check, Found, Mail, Severity


def _look(mail: Mail) -> Iterator[Found]:
    if mail.fields is None:
        return
    known = {name.lower(): name for name in mail.fields}
    for text in mail.texts:
        seen: set[str] = set()
        for tag in mail.tags:
            if tag.names is None:
                continue
            for found in tag.pattern.finditer(text.value):
                name = found[tag.names]
                if name is None or name.lower() in known or name in seen:
                    continue
                seen.add(name)
                close = get_close_matches(name.lower(), known, 1)
                yield Found(
                    f"{found[0]} asks for the field {name}, which no manifest declares.",
                    text,
                    found.start(),
                    f"Did you mean {known[close[0]]}?" if close else "Declare it under `fields`, or correct the tag.",
                )


CHECK = Check(
    "undeclared-field",
    Severity.WARNING,
    "a merge tag for a field that is not declared",
    "Where there is no such field, people read nothing, or the tag.",
    _look,
    bad={"html": "<p>{subtag:ctiy}</p>", "tags": (r"\{subtag:(?P<field>\w+)\}",), "fields": ("city",)},
    good={"html": "<p>{subtag:city}</p>", "tags": (r"\{subtag:(?P<field>\w+)\}",), "fields": ("city",)},
)
