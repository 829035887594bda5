"""Newsletters as the API has them: the one thing behind templates and campaigns."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Annotated, Any, ClassVar

from pydantic import Field

from reconcile.errors import Diagnostic
from reconcile.model.address import Address
from reconcile.model.attributes import Attributes, Value, fingerprint, same
from reconcile.model.call import Call
from reconcile.model.kind import (
    ABSENT,
    Action,
    Change,
    Circumstances,
    Client,
    Collection,
    Kind,
    Row,
    Rule,
    Spec,
    Wanted,
)
from reconcile.model.mail_parts import MailParts
from reconcile.model.reference import Reference
from reconcile.model.resource import RemoteObject, Resource
from reconcile.providers.bodies import one_newline
from reconcile.providers.squalomail.filling import fill_html, fill_text
from reconcile.providers.squalomail.filters import equals
from reconcile.providers.squalomail.reading import entity_rows
from reconcile.providers.transport import TooLarge

_UTM = ("addUtm", "utmSource", "utmMedium", "utmCampaign", "utmId", "utmTerm", "utmContent")
_CONTENT = ("body", "altBody")
_COMMON = ("subject", "fromEmail", "fromName", "replyToEmail", "replyToName", "language", "visible", *_UTM)
_LANGUAGES = "de|en|es|fr|hr|it|sl"
_RANGE = 250  # newsletters wanted in one answer: with their bodies, a few megabytes
_LARGEST_ID = 2**31 - 1
_PLAIN = re.compile(r"[A-Za-z0-9.,:;()\-]+(?: [A-Za-z0-9.,:;()\-]+)*")
_BEGINNING = 40  # characters of a subject by which what looks like it is sought
_TELLING = 12  # fewer would find half of an account


class TextItem(Spec):
    """What replaces one ``{{tag}}`` of the template."""

    value: str = Field(description="Plain text or HTML in place of the tag.")
    url: str = Field(ABSENT, description="Makes the replaced text a link.")


class ImageItem(Spec):
    """What replaces one placeholder picture of the template."""

    value: str = Field(description="Address of the picture.")
    url: str = Field(ABSENT, description="Makes the picture a link.")


class TemplateCustomAttributes(Spec):
    """Replacements in the template: texts by tag, images by the number (0 to 9) of the placeholder's folder."""

    texts: dict[str, TextItem] = ABSENT
    images: dict[Annotated[str, Field(pattern="^[0-9]$")], ImageItem] = ABSENT


_Utm = Annotated[str, Rule(readable=False)]


class NewsletterSpec(Spec):
    """What templates and campaigns have in common."""

    subject: str = Field(min_length=1, max_length=250, description="Subject line.")
    body: Annotated[str, Rule(text=True, normalise=one_newline)] = Field(ABSENT, description="HTML content.")
    bodyFile: Annotated[str, Rule(file_of="body")] = Field(ABSENT, description="File with the HTML content.")
    altBody: Annotated[str, Rule(text=True, normalise=one_newline)] = Field(ABSENT, description="Text version.")
    altBodyFile: Annotated[str, Rule(file_of="altBody")] = Field(ABSENT, description="File with the text version.")
    template: Annotated[str, Rule(readable=False, replaces=True, refers="template", embeds=True)] = Field(
        ABSENT, description="The entry of `templates` from which the platform makes the content."
    )
    templateCustomAttributes: Annotated[TemplateCustomAttributes, Rule(readable=False, replaces=True)] = Field(
        ABSENT, description="What replaces the template's tags and placeholder pictures."
    )
    fromEmail: str = Field(ABSENT, max_length=250, description="Sender address; the account's own where absent.")
    fromName: str = Field(ABSENT, max_length=250, description="Sender name.")
    replyToEmail: str = Field(ABSENT, max_length=250, description="Reply address.")
    replyToName: str = Field(ABSENT, max_length=250, description="Reply name.")
    language: Annotated[str, Rule(normalise=str.lower)] = Field(
        ABSENT, pattern=f"^(?:{_LANGUAGES}|{_LANGUAGES.upper()})$", description="de, en, es, fr, hr, it or sl."
    )
    visible: bool = Field(ABSENT, description="Whether recipients see it in the archive.")
    addUtm: Annotated[bool, Rule(readable=False)] = Field(ABSENT, description="Whether links get UTM parameters.")
    utmSource: _Utm = Field(ABSENT, description="utm_source of the links.")
    utmMedium: _Utm = Field(ABSENT, description="utm_medium of the links.")
    utmCampaign: _Utm = Field(ABSENT, description="utm_campaign of the links.")
    utmId: _Utm = Field(ABSENT, description="utm_id of the links.")
    utmTerm: _Utm = Field(ABSENT, description="utm_term of the links.")
    utmContent: _Utm = Field(ABSENT, description="utm_content of the links.")


class _Newsletters(Collection):
    """Newsletters with their lists and statistics: three entities of ``get-data``, 250 newsletters a call each.

    An account may hold ten thousand old ones, so only wanted ids and subjects are asked for, unless all are wanted.
    """

    name = "newsletters"
    in_part = True

    def read(self, api: Client, wanted: Wanted) -> Iterable[Row]:
        conditions = [equals("mailid", int(id_)) for id_ in sorted(wanted.ids, key=int)]
        conditions += sorted({condition for key in wanted.keys for condition in _subjects_like(key[0])})
        rows = _every_mail(api) if wanted.everything else entity_rows(api, "Mail", conditions)
        mails = {str(row["mailid"]): row for row in rows}
        if wanted.newer and wanted.ids:
            mails |= {str(row["mailid"]): row for row in _newer(api, max(map(int, wanted.ids)))}
        by_mail = [equals("mailid", int(id_)) for id_ in mails]
        lists: dict[str, set[str]] = defaultdict(set)
        for row in entity_rows(api, "ListMail", by_mail):
            lists[str(row["mailid"])].add(str(row["listid"]))
        sent = {str(row["mailid"]) for row in entity_rows(api, "Stats", by_mail)}
        return [Row(id_, mail | {"_lists": lists[id_], "_sent": id_ in sent}) for id_, mail in mails.items()]


NEWSLETTERS = _Newsletters()


def _subjects_like(subject: str) -> Iterator[str]:
    """Conditions that find a subject, and what a platform or an editor may have made of it.

    By its beginning, as far as that is plain and long enough to be its own; the caller compares what comes back.
    """
    yield equals("subject", subject)
    start = subject.lstrip()
    plain = _PLAIN.match(start)
    beginning = plain.group()[:_BEGINNING].rstrip() if plain is not None else ""
    if len(beginning) >= _TELLING or (beginning and not _PLAIN.fullmatch(start)):
        yield f'subject.Startwith("{beginning}")'
        yield f'subject.Startwith(" {beginning}")'
    for form in ("NFC", "NFD"):
        if (other := unicodedata.normalize(form, subject)) != subject:
            yield equals("subject", other)


def _every_mail(api: Client, low: int = 0, end: int = _LARGEST_ID) -> Iterator[dict[str, Any]]:
    """All newsletters that people write, of an id above one up to another; there are system mails, too.

    They are read by ranges of ids, as there are no pages: wider ones where ids lie far apart, narrower ones where the
    newsletters are large. What comes after the last id of an answer is always asked for again, so that one that was cut
    short loses nothing.
    """
    width, goal = _RANGE, _RANGE
    while low < end:
        high = min(low + width, end)
        try:
            rows = api.send(Call("get-data", {"entity": "Mail", "filter": f"mailid>{low}&&mailid<={high}"}))
        except TooLarge:
            if width == 1:
                raise
            width, goal = width // 2, max(5, goal // 2)
            continue
        yield from (row for row in rows if _is_news(row))
        low = max((row["mailid"] for row in rows), default=high)
        if len(rows) < goal // 5:
            width *= 2
        elif len(rows) > goal:
            width = max(goal, width // 2)


def _newer(api: Client, than: int) -> Iterator[dict[str, Any]]:
    """The newsletters that people wrote right after one, in one answer if it may be that large."""
    try:
        rows = api.send(Call("get-data", {"entity": "Mail", "filter": f"mailid>{than}&&mailid<={than + _RANGE}"}))
    except TooLarge:
        return _every_mail(api, than, than + _RANGE)
    return (row for row in rows if _is_news(row))


def _is_news(row: Mapping[str, Any]) -> bool:
    return row.get("type") in (None, "", "news")


def is_draft_without_lists(row: Row) -> bool:
    """Whether a newsletter looks like a template: nobody gets it, and nobody ever did."""
    mail = row.data
    return not (mail["_lists"] or mail["_sent"] or mail["senddate"])


def condition(facts: Mapping[str, Any], now: float) -> str:
    """Where a newsletter stands: "draft", "scheduled", "committed" (about to be sent, or unclear) or "sent".

    ``published`` 1 alone proves nothing: it may be what a draft begins with. Statistics do, and so does a send date in
    the past that no longer waits. The platform queues mails up to 20 minutes before their date.
    """
    if facts["sent"]:
        return "sent"
    if facts["published"] == 2:
        return "scheduled"
    if not facts["sendDate"]:
        return "draft"
    return "sent" if facts["sendDate"] <= now else "committed"


def targeting(api: Client, list_ids: Set[str]) -> dict[str, tuple[dict[str, Any], ...]]:
    """The unsent newsletters that go to lists, by list: id, subject, facts. For lists about to be deleted."""
    rows = list(entity_rows(api, "ListMail", [equals("listid", int(id_)) for id_ in sorted(list_ids, key=int)]))
    ids = frozenset(str(row["mailid"]) for row in rows)
    mails = {row.id: row.data for row in NEWSLETTERS.read(api, Wanted(ids))} if ids else {}
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        mail = mails.get(str(row["mailid"]))
        if mail is not None:
            described = {"id": str(row["mailid"]), "subject": mail["subject"]} | _facts(mail)
            found[str(row["listid"])].append(described)
    return {id_: tuple(mails_) for id_, mails_ in found.items()}


class Newsletter(Kind):
    """What templates and campaigns share; the kinds themselves say what else may be declared."""

    mail = MailParts(
        text="altBody",
        sender="fromEmail",
        language="language",
        utm="addUtm",
        template="template",
        fills="templateCustomAttributes",
        own_defaults=("language", "fromEmail", "fromName", "replyToEmail", "replyToName"),
        goes_out=False,
    )
    natural_key = ("subject",)
    collection: ClassVar[Collection] = NEWSLETTERS
    volatile = True
    drafts = True
    defaults: ClassVar[Attributes] = {
        **dict.fromkeys(("body", "altBody", "fromEmail", "fromName", "replyToEmail", "replyToName"), ""),
        "visible": False,
    }

    def decode(self, row: Row) -> RemoteObject:
        mail = row.data
        attributes: dict[str, Value] = {
            "subject": mail["subject"],
            "body": mail["body"] or "",
            "altBody": mail["altbody"] or "",
            "fromEmail": mail["fromemail"] or "",
            "fromName": mail["fromname"] or "",
            # The vendor's page and the platform's tables spell these two differently.
            "replyToEmail": mail.get("replytoemail") or mail.get("replyemail") or "",
            "replyToName": mail.get("replytoname") or mail.get("replyname") or "",
            "language": (mail["language"] or "").lower(),
        }
        if mail.get("visible") is not None:  # not promised by the vendor's page
            attributes["visible"] = bool(mail["visible"])
        return RemoteObject(row.id, attributes, _facts(mail))

    def writes(self, change: Change) -> Sequence[Call]:
        match change.action:
            case Action.CREATE:
                return [self._create(change)]
            case Action.UPDATE:
                arguments = {"id": int(change.id or 0)} | self._arguments(change, (*_COMMON, *_CONTENT))
                return [Call("update-newsletter", arguments, sends=self._widens(change))]
            case Action.DELETE:
                return [Call("delete-newsletter", {"newsletterId": int(change.id or 0)})]
        return []

    def check(self, resource: Resource) -> Iterable[tuple[str | None, str]]:
        declared = resource.attributes
        if "template" in declared:
            for name in _CONTENT:
                if name in declared:
                    yield name, f"The content comes from the template: leave out either {name} or template."
        elif "templateCustomAttributes" in declared:
            yield "templateCustomAttributes", "templateCustomAttributes take a template to fill: declare one."

    def refusal(self, change: Change, circumstances: Circumstances) -> Diagnostic | None:
        if change.live is None:
            return _without_content(change)
        state = condition(change.live.facts, circumstances.now)
        date = change.live.facts["sendDate"] or 0
        if state == "committed":
            reason = "the platform has begun to send it, or will any minute"
        elif state == "scheduled" and circumstances.too_near(date):
            reason = f"it goes out within the freeze window of {circumstances.freeze / 60:.0f} minutes"
        elif state == "scheduled" and change.action is not Action.UPDATE and not self.may_unschedule(change):
            reason = "it is scheduled, and not by this project"
        else:
            return None
        return Diagnostic(
            "frozen",
            "the newsletter is about to be sent",
            f"It is not written, because {reason}.",
            address=str(change.address),
            hint="If it must not go out like this, cancel its sending in the web interface, and run again.",
        )

    def immutable(self, live: RemoteObject, circumstances: Circumstances) -> bool:
        return condition(live.facts, circumstances.now) == "sent"

    def computed(self, desired: Attributes) -> tuple[str, ...]:
        return _CONTENT if "template" in desired else ()

    def filled(self, desired: Attributes, template: Attributes) -> Mapping[str, str]:
        items = desired.get("templateCustomAttributes") or {}
        texts = {name: template[name] for name in _CONTENT if isinstance(template.get(name), str)}
        made = {"body": fill_html, "altBody": fill_text}
        return {name: made[name](text, items) for name, text in texts.items()}

    def matches(self, desired: Attributes, live: RemoteObject) -> bool:
        """The same subject and the same body; where a template's rendering makes the body, every one counts.

        But for one that was sent, where nothing is to be sent now: subjects come again.
        """
        if not super().matches(desired, live):
            return False
        if "body" in desired:
            return same(desired["body"], live.attributes["body"])
        return not live.facts["sent"] or bool(desired.get("schedule"))

    def content(self, attributes: Attributes, contents: Mapping[Address, str]) -> str | None:
        template = attributes.get("template")
        if isinstance(template, Reference):
            made_from = contents.get(template.address)
            return fingerprint([made_from, attributes.get("templateCustomAttributes")])
        return fingerprint([attributes.get(name) or "" for name in _CONTENT])

    def unknown_on_write(self, change: Change) -> tuple[str, ...]:
        """UTM settings of an adopted newsletter: they can't be read, and a write may reset them."""
        if change.live is None or change.applied is None or change.applied.created:
            return ()
        return tuple(name for name in _UTM if name not in change.desired and name not in change.applied.attributes)

    def may_unschedule(self, change: Change) -> bool:
        """Whether the live schedule is ours to cancel; a newsletter without a schedule of its own has none that is."""
        return False

    def _create(self, change: Change) -> Call:
        if "template" not in change.desired:
            return Call("create-newsletter", self._arguments(change, (*_COMMON, *_CONTENT)))
        arguments = self._arguments(change, _COMMON) | {"templateId": change.desired["template"]}
        replacements = change.desired.get("templateCustomAttributes")
        if replacements:
            arguments["templateCustomAttributes"] = _as_items(replacements)
        return Call("create-newsletter-from-template", arguments)

    def _arguments(self, change: Change, names: Iterable[str]) -> dict[str, Value]:
        """The API's arguments for the named attributes; languages are written in upper case."""
        arguments = change.whole(names)
        if "language" in arguments:
            arguments["language"] = arguments["language"].upper()
        return arguments

    def _widens(self, change: Change) -> bool:
        """Whether people get mail because of the update; only a newsletter with lists can do that."""
        return False


def _facts(mail: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "published": mail["published"],
        "sendDate": mail["senddate"] or 0,
        "created": mail["created"],
        "edited": mail.get("lastupdate") or None,  # not promised by the vendor's page
        "sent": mail["_sent"],
    }


def _without_content(change: Change) -> Diagnostic | None:
    if change.action is not Action.CREATE or "template" in change.desired or "body" in change.desired:
        return None
    return Diagnostic(
        "no-content",
        "a newsletter without content",
        "It does not exist yet, and can't be created without content: declare body, bodyFile or template.",
        address=str(change.address),
    )


def _as_items(replacements: Mapping[str, Mapping[str, Mapping[str, str]]]) -> dict[str, Value]:
    """``{texts: {tag: {...}}}`` as the API wants it: ``{texts: [{itemId, itemContent}]}``."""
    return {
        part: [{"itemId": name, "itemContent": dict(content)} for name, content in members.items()]
        for part, members in replacements.items()
    }
