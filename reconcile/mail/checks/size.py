"""A mail that Gmail cuts off."""

from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity

CUT = 102 * 1024
_NEAR = 90 * 1024


def _look(mail: Mail) -> Iterator[Found]:
    if mail.html is None:
        return
    size = len(mail.html.value.encode())
    if size <= _NEAR:
        return
    if size > CUT:
        detail = f"The mail has {size / 1024:.0f} KB; Gmail cuts it at 102 KB, its end with the way to unsubscribe too."
    else:
        detail = f"The mail has {size / 1024:.0f} KB, near the 102 KB at which Gmail cuts it; tracking makes it grow."
    yield Found(detail, mail.html, None, "Make it shorter: fewer blocks, styles written once, no comments.")


CHECK = Check(
    "size",
    Severity.WARNING,
    "near or over the size at which Gmail cuts",
    "What is cut is not seen, and neither is the way to unsubscribe below it.",
    _look,
    bad={"html": "<p>" + "word " * 22_000 + "</p>"},
    good={"html": "<p>" + "word " * 10_000 + "</p>"},
)
