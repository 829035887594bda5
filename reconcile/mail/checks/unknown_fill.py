"""A text for a tag that the template does not have."""

from collections.abc import Iterator
from difflib import get_close_matches

from reconcile.mail.checks.check import Check, Found, Mail, Severity
from reconcile.mail.checks.unfilled_tag import template_tags


def _look(mail: Mail) -> Iterator[Found]:
    if mail.template is None or mail.template.html is None or not mail.fills:
        return
    known = template_tags(mail.template.html.value)
    for name in mail.fills:
        if name.strip() not in known:
            close = get_close_matches(name, known, 1)
            yield Found(
                f"The template {mail.template.address} has no tag {{{{{name}}}}}, so this text is in no mail.",
                attribute=f"templateCustomAttributes.texts.{name}",
                hint=f'Did you mean "{close[0]}"?' if close else "Take it out, or add the tag to the template.",
            )


CHECK = Check(
    "unknown-fill",
    Severity.ERROR,
    "a text that no tag takes",
    "A mistyped name leaves the tag unfilled, and the text in no mail.",
    _look,
    bad={"template": "<h1>{{headline}}</h1>", "fills": {"headlin": "New"}},
    good={"template": "<h1>{{headline}}</h1>", "fills": {"headline": "New"}},
)
