"""The checks of mails -> their page in the docs."""

from collections.abc import Iterator, Mapping

from reconcile.mail.checks import Check, Severity, checks


def page() -> str:
    """Each check: how bad it is, why it is looked for, and an example of what it finds and what it does not."""
    own = [check for check in checks() if check.look.__module__.startswith("reconcile.")]
    parts = [
        "# Checks of mails",
        "",
        "Written from the code; don't edit it here. How to set and waive them: [mails](mails.md#checking).",
        "",
        "| check | by default | finds |",
        "| --- | --- | --- |",
        *(f"| [`{check.id}`](#{check.id}) | {check.severity.value} | {check.summary} |" for check in own),
    ]
    for check in own:
        parts += ["", *_told(check)]
    return "\n".join([*parts, ""])


def _told(check: Check) -> Iterator[str]:
    yield from (f"## {check.id}", "", f"{check.why} By default {_as(check.severity)}.")
    for title, fixture in (("Found", check.bad), ("Not found", check.good)):
        yield from ("", f"{title}:", "", "```text", *_lines(fixture), "```")


def _as(severity: Severity) -> str:
    return {Severity.ERROR: "an error", Severity.WARNING: "a warning", Severity.OFF: "off"}[severity]


def _lines(fixture: Mapping[str, object]) -> Iterator[str]:
    for name, value in fixture.items():
        text = value if isinstance(value, str) else repr(value)
        shown = "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text).rstrip("\n")
        yield from f"{name}: {shown}".split("\n")
