"""The page of one mail as the manifests say it is now, in the review page's frame; it follows what is written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reconcile.errors import Diagnostic
from reconcile.mail.marks import key_for, mark
from reconcile.mail.source_reader import read
from reconcile.model.address import Address
from reconcile.model.built_mail import BuiltMail
from reconcile.review.letters import GMAIL_CLIPS
from reconcile.review.neutral import Picture
from reconcile.review.page import Frame, environment, framed, links_of, policy, source_of
from reconcile.review.samples import INVENTED, filled, table


@dataclass(frozen=True, slots=True)
class Shown:
    """What a preview shows: the mails that there are, one of them, and what is found about it.

    ``problems`` are why the manifests can't be read, ``person`` the number of the sample person who gets the mail;
    ``version`` changes with the project's files.
    """

    addresses: Sequence[Address]
    version: str
    mail: BuiltMail | None = None
    findings: Sequence[Diagnostic] = ()
    problems: Sequence[Diagnostic] = ()
    people: Sequence[Mapping[str, str]] = ()
    person: int = 0


def render(shown: Shown, picture: Picture) -> str:
    """The page."""
    people = tuple(shown.people) or INVENTED
    at = shown.person if 0 <= shown.person < len(people) else 0
    script = source_of("preview.js").replace("VERSION", json.dumps(shown.version).replace("<", "\\u003c"))
    mail = shown.mail
    return (
        environment()
        .get_template("preview.html")
        .render(
            title=str(mail.address) if mail is not None else "Preview",
            addresses=shown.addresses,
            mail=_told(mail, shown, people, at, picture) if mail is not None else None,
            sources=mail.sources if mail is not None else (),
            problems=shown.problems,
            people=people if mail is not None and mail.html is not None else (),
            person_at=at,
            script=Markup(script),  # noqa: S704  # our own file
            style=Markup(source_of("page.css")),  # noqa: S704  # our own file
            policy=policy(script, connect=True),
        )
    )


def _told(
    mail: BuiltMail, shown: Shown, people: Sequence[Mapping[str, str]], at: int, picture: Picture
) -> dict[str, object]:
    frames = []
    if mail.html is not None:
        key = key_for(mail.html)
        document = framed(mark(mail.html, (), key), mail.html, "new", "As it goes out", people[at], picture)
        frames.append(Frame("new1", "new", key, "As it goes out", document))
    source = read(mail.html) if mail.html is not None else None
    size = len(mail.html.encode(errors="replace")) if mail.html is not None else None
    return {
        "address": mail.address,
        "sender": mail.sender,
        "subject": filled(mail.subject or "", people[at]),
        "template": mail.template,
        "inbox": filled(source.inbox[:140], people[at]) if source is not None else "",
        "plain": filled(mail.text, people[at]) if mail.text else None,
        "size": size,
        "clipped": (size or 0) > GMAIL_CLIPS,
        "frames": frames,
        "links": links_of(None, mail.html),
        "tags": table(source.merge_tags, people) if source is not None else [],
        "people": people,
        "findings": shown.findings,
    }
