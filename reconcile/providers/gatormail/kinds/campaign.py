"""A GatorMail campaign: one mailing to one group, with its e-mail; in setup, then queued, active, finished.

``initiate`` is no part of its content: it queues the campaign, which goes out at its start date, and a queued one is
taken back before anything of it is changed (reference, sections 5.3 and 11.3). What the API can't give back, such as
the e-mail's content, is compared with what was last sent.
"""

import hmac
from collections.abc import Collection as AnyCollection
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from reconcile.errors import Diagnostic
from reconcile.model.address import Address
from reconcile.model.attributes import Attributes, Digest, Value
from reconcile.model.call import Call
from reconcile.model.instant import PATTERN, as_seconds, fault, utc
from reconcile.model.kind import ABSENT, Action, Change, Circumstances, Collection, Kind, Row, Rule, Spec
from reconcile.model.mail_parts import MailParts
from reconcile.model.reference import Reference
from reconcile.model.resource import RemoteObject, Resource
from reconcile.providers.bodies import one_newline
from reconcile.providers.gatormail.campaigns import CAMPAIGNS, FOLLOW_UP

_SENDER = ("replyTo", "fromName", "fromAddress", "subject")
_OWN = ("name", "crmId", "type", "startDate", "endDate", *_SENDER)
_CONTENT = ("email.html", "email.text")
_EMAIL = ("email.name", *_CONTENT, "email.autoTrackLinks")
_WEEK = 7 * 86_400  # the end that the platform sets where there is none (reference, section 5.3)
_TYPES = Literal["Static", "RefreshRecurring", "RefreshNonRecurring", "StaticRecurring", "Followup"]
_Instant = Annotated[Annotated[str, Field(pattern=PATTERN)] | None, Rule(instant=True, normalise=utc)]


class EmailSpec(Spec):
    """The e-mail of a campaign. Its name and its tracking are fixed once it is made: other ones mean a new e-mail."""

    name: str = Field(ABSENT, min_length=1, description="The e-mail's name in the web interface; else the campaign's.")
    html: Annotated[str, Rule(text=True, readable=False, normalise=one_newline)] = Field(
        ABSENT, description="HTML content."
    )
    htmlFile: Annotated[str, Rule(file_of="html")] = Field(ABSENT, description="File with the HTML content.")
    text: Annotated[str, Rule(text=True, readable=False, normalise=one_newline)] = Field(
        ABSENT, description="Text version."
    )
    textFile: Annotated[str, Rule(file_of="text")] = Field(ABSENT, description="File with the text version.")
    autoTrackLinks: bool = Field(ABSENT, description="Whether links are turned into counted ones.")


class CampaignSpec(Spec):
    """What a manifest may declare about a campaign."""

    name: str = Field(min_length=1, max_length=250, description="The campaign's name, as people see it.")
    subject: str = Field(ABSENT, max_length=250, description="Subject line.")
    fromName: str = Field(ABSENT, max_length=250, description="Sender name.")
    fromAddress: str = Field(ABSENT, max_length=250, description="Sender address.")
    replyTo: str = Field(ABSENT, max_length=250, description="Reply address.")
    type: Annotated[_TYPES, Rule(replaces=True)] = Field(ABSENT, description="How it is sent; Static where absent.")
    startDate: _Instant = Field(
        ABSENT, description="When it goes out, once initiated: 2026-12-01T09:00:00+00:00, the zone is required."
    )
    endDate: _Instant = Field(ABSENT, description="When it ends; a week after its start where nobody says.")
    group: Annotated[str, Rule(refers="group")] = Field(ABSENT, description="The entry of `groups` that it goes to.")
    crmId: str = Field(
        ABSENT, max_length=250, description="The CRM's own id for it; where absent, a mark by which it is known again."
    )
    email: Annotated[EmailSpec, Rule(opened=True)] = Field(ABSENT, description="Its e-mail.")
    initiate: Annotated[bool, Rule(launches=True)] = Field(
        ABSENT, description="true: queue it for its start date; false: take it back. Absent: not managed."
    )


class GatorMailCampaign(Kind):
    """Campaigns in setup change in place but for their type; finished ones never change."""

    kind = "campaign"
    plural = "campaigns"
    exported = "A GatorMail `crmId` may be the mark by which another project knows its campaign; it is kept as it is."
    spec = CampaignSpec
    natural_key = ("name",)
    mail = MailParts(html="email.html", text="email.text", sender="fromAddress", due="startDate")
    collection: ClassVar[Collection] = CAMPAIGNS
    volatile = True
    drafts = True
    defaults: ClassVar[Attributes] = {
        **dict.fromkeys((*_SENDER, "crmId"), ""),
        "type": "Static",
        "initiate": False,
        "email.autoTrackLinks": False,
    }

    def decode(self, row: Row) -> RemoteObject:
        data = row.data
        attributes: dict[str, Value] = {name: data.get(name) for name in ("name", "type", "startDate", "endDate")}
        attributes |= {name: data[name] or "" for name in _SENDER if name in data}
        if "crmId" in data:
            attributes["crmId"] = data["crmId"] or ""
        if "group" in data:
            attributes["group"] = str(data["group"]["id"]) if data["group"] else None
        email = data.get("email") or {}
        if "email" in data:  # None: somebody has taken it away
            attributes |= {f"email.{name}": email.get(name) for name in ("name", "autoTrackLinks")}
        status = data.get("status")
        if status is not None:
            attributes["initiate"] = status != "InSetup"
        facts = {"status": status, "emailId": email.get("id"), "sharing": data["_sharing"], "crmId": data.get("crmId")}
        return RemoteObject(row.id, attributes, facts)

    def writes(self, change: Change) -> Sequence[Call]:
        match change.action:
            case Action.CREATE:
                made = Call("gatormail_addCampaign", self._whole(change))
                return [made, *self._takes_back(change), *self._initiates(change)]
            case Action.UPDATE:
                again = _may_be_queued(change) and bool(change.changed - {"initiate"})
                takes_back = self._takes_back(change) if again or "initiate" in change.changed else ()
                initiates = self._initiates(change) if again or "initiate" in change.changed else ()
                return [*takes_back, *self._content(change), *initiates]
            case Action.DELETE:
                deletion = Call("gatormail_deleteCampaign", {"campaignId": change.id or ""})
                return [*self._takes_back(change), deletion]
        return []

    def releases(self, leftover: Sequence[RemoteObject], into: Reference | None) -> Sequence[Call]:
        return [_taken_back(old) for old in leftover if _is_queued(old)]

    def stopped(self, live: RemoteObject) -> RemoteObject:
        if live.facts["status"] is None:
            return live
        return RemoteObject(live.id, {**live.attributes, "initiate": False}, {**live.facts, "status": "InSetup"})

    def check(self, resource: Resource) -> Iterable[tuple[str | None, str]]:
        declared = resource.attributes
        for name in ("startDate", "endDate"):
            if (wrong := fault(declared.get(name))) is not None:
                yield name, wrong
                return
        start, end = declared.get("startDate"), declared.get("endDate")
        if start is not None and end is not None and end <= start:
            yield "endDate", "It ends before it starts."
        if declared.get("initiate") is not True:
            return
        if start is None:
            yield (
                "initiate",
                "A campaign that is initiated without a startDate goes out at once, and there is no way "
                'to "send now" here: declare when it starts.',
            )
        if declared.get("group") is None and declared.get("type") != FOLLOW_UP:
            yield "initiate", "A campaign that is initiated needs a group to go to: declare it."

    def mark(self, address: Address) -> str | None:
        """A positive number of 31 bits, since the older API takes a CRM id for a whole number (section 5.5)."""
        if self.traits.key is None:
            return None
        digest = hmac.digest(self.traits.key(), f"crmId {address}".encode(), "sha256")
        return str(int.from_bytes(digest[:4], "big") % (2**31 - 1) + 1)

    def marked(self, live: RemoteObject) -> str | None:
        mark = live.facts["crmId"]
        return str(mark) if mark else None

    def due(self, attributes: Attributes) -> str | None:
        start: str | None = attributes.get("startDate")
        return start if attributes.get("initiate") else None

    def immutable(self, live: RemoteObject, circumstances: Circumstances) -> bool:
        return bool(live.facts["status"] == "Finished")

    def follows(self, changed: AnyCollection[str], desired: Attributes) -> AnyCollection[str]:
        """Where nobody says when it ends, the platform does, and the end moves with the start."""
        return ("endDate",) if "endDate" not in desired else ()

    def refusal(self, change: Change, circumstances: Circumstances) -> Diagnostic | None:
        return (
            _life_cycle_refusal(change, circumstances, zoned=self.traits.zoned)
            or self._launch_refusal(change, circumstances)
            or _content_refusal(change)
        )

    def unknown_on_write(self, change: Change) -> tuple[str, ...]:
        """What an update may reset or repeat although nobody could tell us what it is."""
        live, applied = change.live, change.applied
        if live is None:
            return ()
        known = {*live.attributes, *change.desired, *(applied.attributes if applied else ())}
        unknown = [name for name in (*_OWN, "group") if name not in known and name != "crmId"]
        if applied is not None and applied.created:
            unknown = []
        if _writes_content(change):
            unknown += [name for name in _CONTENT if name not in change.desired and self._was_sent(name, change)]
        elif _launches(change) and live.facts["emailId"] is not None:
            unknown.append("email.html")  # nobody can tell what would go out
        if live.facts["status"] is None and "initiate" in change.changed and change.desired.get("initiate"):
            unknown.append("initiate")
        return tuple(unknown)

    def note(self, change: Change) -> str | None:
        email = change.live.facts["emailId"] if change.live is not None else None
        if email is None or (change.action is not Action.DELETE and not _renews_email(change)):
            return None
        name = change.live.attributes.get("email.name") if change.live is not None else None
        return f'The e-mail "{name}" (id {email}) is left behind: the API has no call that deletes one.'

    def _was_sent(self, name: str, change: Change) -> bool:
        """Whether a text that is not declared may be there: we sent it once, or somebody else made the e-mail."""
        applied = change.applied
        return applied is None or not applied.created or bool(applied.attributes.get(name))

    def _content(self, change: Change) -> Iterator[Call]:
        """Overwrite what has changed of the e-mail, and of the campaign."""
        renews = _renews_email(change)
        if _writes_content(change) and not renews and change.live is not None:
            email = change.whole(_EMAIL)
            arguments = {"emailId": change.live.facts["emailId"], **_email(email)}
            yield Call("gatormail_updateEmail", arguments)
        if renews or change.changed - {"initiate", *_EMAIL}:
            yield Call("gatormail_updateCampaign", {"campaignId": change.id or "", **self._whole(change)})

    def _whole(self, change: Change) -> dict[str, Value]:
        """The whole campaign: an update may reset what it leaves out, and a nested object with an id is a reference."""
        members = change.whole(_OWN)
        members.setdefault("type", self.defaults["type"])
        if not members.get("crmId") and "crmId" not in change.desired:
            members.pop("crmId", None)
            if change.action is not Action.UPDATE and (mark := self.mark(change.address)):
                members["crmId"] = mark
        if change.live is not None and "endDate" not in change.desired and _ends_by_itself(change.live):
            members["endDate"] = None
        group = change.whole(("group",)).get("group")
        members["group"] = None if group is None else {"id": group}
        email = change.live.facts["emailId"] if change.live is not None else None
        if email is not None and not _renews_email(change):
            members["email"] = {"id": email}
        elif content := _email(change.whole(_EMAIL)):
            members["email"] = {"name": members["name"], **content}
        else:
            members["email"] = None
        return members

    def _takes_back(self, change: Change) -> Iterator[Call]:
        if change.live is not None and _may_be_queued(change):
            yield _taken_back(change.live)

    def _initiates(self, change: Change) -> Iterator[Call]:
        attributes = change.whole(("initiate", "startDate"))
        start = self.due(attributes)
        if start is None:
            return
        about: Value = Reference(change.address) if change.action is Action.CREATE else change.id
        knows = change.live is None or change.live.facts["status"] is not None
        readable = "campaign.status" in self.traits.capabilities and knows
        yield Call(
            "gatormail_initiateCampaign",
            {"campaignId": about},
            sends=True,
            due=float(as_seconds(start)),
            about=about,
            then={"initiate": True} if readable else {},
            # Where its state can't be read, nobody could tell whether it was done: on doubt it is not done again.
            record={} if readable else {"initiate": True},
        )

    def _launch_refusal(self, change: Change, circumstances: Circumstances) -> Diagnostic | None:
        """Why it may not be initiated now."""
        calls = () if change.action is Action.DELETE else self.writes(_as_written(change))
        launch = next((call for call in calls if call.due is not None), None)
        if launch is None or launch.due is None:
            return None
        if not self.traits.zoned:
            return _zone_unknown(change)
        if not circumstances.too_near(launch.due):
            return None
        start = change.whole(("startDate",))["startDate"]
        past = launch.due <= circumstances.now
        return _refusal(
            change,
            "schedule-past" if past else "schedule-too-soon",
            "the start is in the past" if past else "the start is too soon",
            f"{start} is {'in the past' if past else 'within the freeze window'}; a campaign that is initiated must "
            f"start more than {circumstances.freeze / 60:.0f} minutes ahead (policy.freeze).",
            "Choose a later startDate.",
        )


def _as_written(change: Change) -> Change:
    """The change as ``writes`` is asked for it: a replacement is a create."""
    if change.action is not Action.REPLACE:
        return change
    return Change(Action.CREATE, change.address, change.desired, change.applied, change.live, change.id, change.changed)


def _is_queued(live: RemoteObject | None) -> bool:
    return live is not None and live.facts["status"] == "Queued"


def _may_be_queued(change: Change) -> bool:
    """Whether it is queued; where nobody can tell, whether it was queued by us."""
    live = change.live
    return _is_queued(live) or (live is not None and live.facts["status"] is None and _is_ours(change))


def _taken_back(live: RemoteObject) -> Call:
    shown = {"initiate": False} if live.facts["status"] is not None else {}  # else the answer is all there is
    return Call("gatormail_uninitiateCampaign", {"campaignId": live.id}, about=live.id, then=shown)


def _is_ours(change: Change) -> bool:
    """Whether it was this project that queued it."""
    return change.applied is not None and change.applied.attributes.get("initiate") is True


def _life_cycle_refusal(change: Change, circumstances: Circumstances, *, zoned: bool) -> Diagnostic | None:
    """Why a campaign may not be written where it stands."""
    live = change.live
    if live is None or live.facts["status"] == "InSetup":
        return None
    if live.facts["status"] is None and not _is_ours(change):
        return None
    if live.facts["status"] not in ("Queued", None):
        return _refusal(
            change,
            "frozen",
            "the campaign is being sent",
            f"It is {live.facts['status']}, and only a campaign in setup can be changed.",
            "Wait until it is finished, or stop it in the web interface.",
        )
    if not _is_ours(change):
        return _refusal(
            change,
            "not-our-schedule",
            "somebody else queued it",
            "It is queued, and not by this project, which takes back only what it queued itself.",
            "Un-initiate it in the web interface, or declare initiate: true.",
        )
    lone = change.action is Action.UPDATE and change.changed == {"initiate"}
    start = live.attributes.get("startDate")
    if start is None:
        return _without_start(change) if live.facts["status"] == "Queued" and not lone else None
    if not zoned and not lone:
        return _zone_unknown(change)
    if not circumstances.too_near(as_seconds(start)):
        return None
    past = as_seconds(start) <= circumstances.now
    if lone and not (past and live.facts["status"] is None):
        return None
    if past:
        return _refusal(
            change,
            "frozen",
            "the campaign was sent",
            "It was initiated and its start is past: it was sent, or is being sent, as far as anybody can tell.",
            f"It stays as it is. To manage it no more: reconcile state rm {change.address}",
        )
    return _refusal(
        change,
        "frozen",
        "the campaign is about to be sent",
        f"It goes out within the freeze window of {circumstances.freeze / 60:.0f} minutes, so it is not written.",
        "If it must not go out like this: initiate: false, or un-initiate it in the web interface.",
    )


def _without_start(change: Change) -> Diagnostic:
    return _refusal(
        change,
        "frozen",
        "the campaign is about to be sent",
        "It is queued without a start date, so it goes out any minute, and is not written.",
        "If it must not go out like this: initiate: false, or un-initiate it in the web interface.",
    )


def _zone_unknown(change: Change) -> Diagnostic:
    return _refusal(
        change,
        "zone-unknown",
        "the instance's time zone is not known",
        "Dates have no zone on the wire, so that nobody can tell when it goes out.",
        f"Declare it in reconcile.yaml: providers.{change.address.provider}.timezone, such as Europe/London.",
    )


def _content_refusal(change: Change) -> Diagnostic | None:
    """Why a new e-mail can't be made: nobody says what is in it."""
    needs = _renews_email(change) or (change.action is Action.CREATE and change.desired.get("initiate") is True)
    if not needs or isinstance(change.desired.get("email.html"), str) or "email.html" in change.desired:
        return None
    if change.action is Action.CREATE and change.live is not None and change.live.facts["emailId"] is not None:
        return None
    return _refusal(
        change,
        "no-content",
        "an e-mail without content",
        "A new e-mail has to be made, and the platform can't tell what is in the present one.",
        "Declare email.html or email.htmlFile.",
    )


def _launches(change: Change) -> bool:
    """Whether it is queued, or queued anew, by an update."""
    if change.action is not Action.UPDATE or not ("initiate" in change.changed or _may_be_queued(change)):
        return False
    attributes = change.whole(("initiate", "startDate"))
    return attributes.get("initiate") is True and attributes.get("startDate") is not None


def _writes_content(change: Change) -> bool:
    """Whether the e-mail's content is written: where it changes, and before it goes out, since it can't be read."""
    declared = isinstance(change.desired.get("email.html"), str)
    return bool(change.changed & set(_CONTENT)) or (declared and _launches(change))


def _renews_email(change: Change) -> bool:
    """Whether the change makes a new e-mail: name and tracking are fixed, and another's e-mail is left as it is."""
    if change.live is None or change.action is Action.DELETE:
        return False
    if change.live.facts["emailId"] is None:
        return bool(change.changed & set(_EMAIL))
    shared = bool(change.live.facts["sharing"]) or change.action is not Action.UPDATE
    return bool(change.changed & {"email.name", "email.autoTrackLinks"}) or (shared and _writes_content(change))


def _email(attributes: Mapping[str, Value]) -> dict[str, Any]:
    """The e-mail's members; texts of which only digests are known can't be sent."""
    known = {name: value for name, value in attributes.items() if value is not None and not isinstance(value, Digest)}
    return {name.partition(".")[2]: value for name, value in known.items()}


def _ends_by_itself(live: RemoteObject) -> bool:
    """Whether the end is the one that the platform made from the start; it is made anew when that moves."""
    start, end = live.attributes.get("startDate"), live.attributes.get("endDate")
    return start is not None and end is not None and abs(as_seconds(end) - as_seconds(start) - _WEEK) <= 3600


def _refusal(change: Change, code: str, summary: str, detail: str, hint: str) -> Diagnostic:
    return Diagnostic(code, summary, detail, address=str(change.address), hint=hint)
