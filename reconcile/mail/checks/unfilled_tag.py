"""A tag of the template that nothing fills."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

from reconcile.mail.checks.check import Check, Found, Mail, Severity, listed

_TAG = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}|%7B%7B(.+?)%7D%7D", re.IGNORECASE)


def template_tags(value: str) -> dict[str, int]:
    """The ``{{tags}}`` of a template, each with its first place; written as ``%7B%7Btag%7D%7D`` in a link, too."""
    found: dict[str, int] = {}
    for match in _TAG.finditer(value):
        found.setdefault(unquote(match[1] or match[2]).strip(), match.start())
    return found


def _look(mail: Mail) -> Iterator[Found]:
    if not mail.goes_out:
        return
    if mail.template is not None and mail.template.html is not None and mail.html is None:
        filled = {name.strip() for name in mail.fills or {}}
        missing = [name for name in template_tags(mail.template.html.value) if name not in filled]
        if missing:
            yield Found(
                f"Nothing fills {listed([f'{{{{{name}}}}}' for name in missing])} of the template "
                f"{mail.template.address}: people would read the braces.",
                attribute="templateCustomAttributes",
                hint="Add a text for each under `templateCustomAttributes.texts`, or take the tag out of the template.",
            )


CHECK = Check(
    "unfilled-tag",
    Severity.ERROR,
    "a tag that nothing fills",
    "People would read {{headline}} in place of the headline.",
    _look,
    bad={"subject": "x", "template": "<h1>{{headline}}</h1>", "fills": {"text": "New"}},
    good={"subject": "x", "template": "<h1>{{headline}}</h1>", "fills": {"headline": "New"}},
)
