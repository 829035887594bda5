"""Braces that nothing fills, in a mail that is made from no template."""

from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity
from reconcile.mail.checks.unfilled_tag import template_tags


def _look(mail: Mail) -> Iterator[Found]:
    if not mail.goes_out or mail.template is not None:
        return
    for text in mail.texts:
        for name, at in template_tags(text.value).items():
            if not any(tag.pattern.match(text.value, at) for tag in mail.tags):
                yield Found(
                    f"Nothing fills {{{{{name}}}}}: only a template's tags are filled, and this mail has none.",
                    text,
                    at,
                    "Write what should stand there, or the platform's own tag.",
                )
                break


CHECK = Check(
    "braces",
    Severity.WARNING,
    "braces that nothing fills",
    "People would read {{name}} in place of their name.",
    _look,
    bad={"html": "<p>Dear {{name}}</p>"},
    good={"html": "<p>Dear reader</p>"},
)
