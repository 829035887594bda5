"""Links that carry UTM parameters where the platform adds them, too."""

import re
from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity

_UTM = re.compile(r"[?&;]utm_(?:source|medium|campaign)=", re.IGNORECASE)


def _look(mail: Mail) -> Iterator[Found]:
    if mail.html is None or not mail.goes_out or mail.utm is None:
        return
    tags = [
        tag for tag in mail.html.parsed.tags if tag.name == "a" and tag.attributes.get("href", "").startswith("http")
    ]
    marked = [tag for tag in tags if _UTM.search(tag.attributes["href"])]
    if mail.utm and marked:
        yield Found(
            f"The platform is to add UTM parameters (`addUtm`), and {len(marked)} of {len(tags)} links"
            f" {'has its' if len(marked) == 1 else 'have their'} own already.",
            mail.html,
            marked[0].start,
            "Leave them to the platform, or set `addUtm: false`.",
        )
    elif mail.utm is False and marked and len(marked) < len(tags):
        rest = next(tag for tag in tags if tag not in marked)
        yield Found(
            f"{len(marked)} of {len(tags)} links carry utm_ parameters and the others do not.",
            mail.html,
            rest.start,
            "Mark all of them, or none.",
        )


CHECK = Check(
    "utm",
    Severity.WARNING,
    "UTM parameters twice, or on some links only",
    "Visits are counted twice, or for no campaign.",
    _look,
    bad={"html": '<a href="https://a.example/?utm_source=x">A</a>', "utm": True},
    good={"html": '<a href="https://a.example/">A</a>', "utm": True},
)
