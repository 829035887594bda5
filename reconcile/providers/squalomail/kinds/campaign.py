"""A SqualoMail campaign: a newsletter that goes to lists, now a draft, then scheduled, once sent for ever the same.

A schedule is not part of the newsletter's content: ``send-newsletter`` sets it and ``cancel-sending-newsletter`` takes
it back, and each is read back before anything else is done, so that never two of one campaign are scheduled.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field

from reconcile.errors import Diagnostic
from reconcile.model.attributes import Attributes, Value
from reconcile.model.call import Call
from reconcile.model.instant import PATTERN, as_seconds, as_text, fault, utc
from reconcile.model.kind import ABSENT, Action, Change, Circumstances, Row, Rule
from reconcile.model.reference import Reference
from reconcile.model.resource import RemoteObject, Resource
from reconcile.providers.squalomail.newsletters import Newsletter, NewsletterSpec, is_draft_without_lists


class CampaignSpec(NewsletterSpec):
    """What a manifest may declare about a campaign."""

    lists: Annotated[list[str], Rule(unordered=True, refers="list")] = Field(
        ABSENT, description="The entries of `lists` whose recipients get the campaign."
    )
    schedule: Annotated[
        Annotated[str, Field(pattern=PATTERN)] | None, Rule(instant=True, launches=True, normalise=utc)
    ] = Field(
        ABSENT,
        description="When it goes out: 2026-12-01T09:00:00+01:00, the zone is required. null: cancel it. "
        "Absent: not managed.",
    )


class SqualoMailCampaign(Newsletter):
    """Unsent campaigns change in place but for what comes from their template; sent ones never change."""

    kind = "campaign"
    plural = "campaigns"
    spec = CampaignSpec
    mail = replace(Newsletter.mail, goes_out=True, due="schedule")
    defaults: ClassVar[Attributes] = {**Newsletter.defaults, "lists": ()}

    def claims(self, row: Row) -> bool:
        return not is_draft_without_lists(row)

    def decode(self, row: Row) -> RemoteObject:
        newsletter = super().decode(row)
        date = newsletter.facts["sendDate"]
        attributes = {
            **newsletter.attributes,
            "lists": tuple(sorted(row.data["_lists"])),
            "schedule": as_text(date) if date else None,
        }
        return RemoteObject(newsletter.id, attributes, newsletter.facts)

    def writes(self, change: Change) -> Sequence[Call]:
        match change.action:
            case Action.CREATE:
                return [*super().writes(change), *self._cancels(change), *self._schedules(change)]
            case Action.UPDATE:
                content = super().writes(change) if change.changed - {"schedule"} else ()
                schedules = self._schedules(change) if "schedule" in change.changed else ()
                return [*self._cancels(change), *content, *schedules]
            case Action.DELETE:
                return [*self._cancels(change), *super().writes(change)]
        return []

    def releases(self, leftover: Sequence[RemoteObject], into: Reference | None) -> Sequence[Call]:
        return [
            Call("cancel-sending-newsletter", {"newsletterId": int(old.id)}, about=old.id, then={"schedule": None})
            for old in leftover
            if old.attributes["schedule"] is not None
        ]

    def stopped(self, live: RemoteObject) -> RemoteObject:
        facts = {**live.facts, "published": 1, "sendDate": 0}
        return RemoteObject(live.id, {**live.attributes, "schedule": None}, facts)

    def check(self, resource: Resource) -> Iterable[tuple[str | None, str]]:
        yield from super().check(resource)
        schedule = resource.attributes.get("schedule")
        if schedule is None:
            return
        if (wrong := fault(schedule)) is not None:
            yield "schedule", wrong
        elif "lists" in resource.attributes and not resource.attributes["lists"]:
            yield "schedule", "A campaign that is scheduled needs lists to go to."
        elif "lists" not in resource.attributes:
            yield "schedule", "A campaign that is scheduled needs lists to go to: declare them."

    def refusal(self, change: Change, circumstances: Circumstances) -> Diagnostic | None:
        if change.live is not None and _is_lone_cancel(change):
            return None if _is_ours(change) else _not_ours(change)
        return super().refusal(change, circumstances) or _schedule_refusal(change, circumstances)

    def matches(self, desired: Attributes, live: RemoteObject) -> bool:
        """As for every newsletter, or the same subject and the same send time."""
        if super().matches(desired, live):
            return True
        schedule = desired.get("schedule")
        same_time = schedule is not None and schedule == live.attributes["schedule"]
        return same_time and self.key(desired) == self.key(live.attributes)

    def may_unschedule(self, change: Change) -> bool:
        return _is_ours(change)

    def _cancels(self, change: Change) -> Iterator[Call]:
        """Take back the schedule of the live object where it is to end or to move."""
        ends = change.action is not Action.UPDATE or "schedule" in change.changed
        if change.live is not None and ends:
            yield from self.releases([change.live], None)

    def _schedules(self, change: Change) -> Iterator[Call]:
        schedule = change.desired.get("schedule")
        if schedule is None:
            return
        about: Value = Reference(change.address) if change.action is Action.CREATE else change.id
        seconds = as_seconds(schedule)
        yield Call(
            "send-newsletter",
            {"newsletterId": about if isinstance(about, Reference) else int(str(about)), "sendDate": seconds},
            sends=True,
            due=float(seconds),
            about=about,
            then={"schedule": schedule},
        )

    def _arguments(self, change: Change, names: Iterable[str]) -> dict[str, Value]:
        arguments = super()._arguments(change, names)
        # Lists are replaced as a whole, so they are always sent. The API calls them listIds.
        lists = change.whole(("lists",)).get("lists", ())
        return arguments | {"listIds": tuple(int(of) if isinstance(of, str) else of for of in lists)}

    def _widens(self, change: Change) -> bool:
        """Whether a scheduled campaign gets further lists; one that is being moved is sent by its new schedule."""
        if change.live is None or "schedule" in change.changed or "lists" not in change.changed:
            return False
        return widens(change.live, change.whole(("lists",))["lists"])


def widens(live: RemoteObject, lists: Iterable[Value]) -> bool:
    """Whether a scheduled campaign with these lists goes to more people than it would.

    A list that is live by its id and declared by its name counts as added.
    """
    return live.facts["published"] == 2 and bool(set(lists) - set(live.attributes["lists"]))


def _is_lone_cancel(change: Change) -> bool:
    return change.action is Action.UPDATE and change.changed == {"schedule"} and change.desired.get("schedule") is None


def _is_ours(change: Change) -> bool:
    """Whether the live schedule is the one that our state says we set."""
    if change.live is None or change.live.attributes["schedule"] is None:
        return True
    return (
        change.applied is not None and change.applied.attributes.get("schedule") == change.live.attributes["schedule"]
    )


def _not_ours(change: Change) -> Diagnostic:
    date = change.live.attributes["schedule"] if change.live is not None else None
    return Diagnostic(
        "not-our-schedule",
        "somebody else scheduled it",
        f"It is scheduled for {date}, and not by this project, which cancels only what it scheduled itself.",
        address=str(change.address),
        hint="Cancel its sending in the web interface, or declare that very time.",
    )


def _schedule_refusal(change: Change, circumstances: Circumstances) -> Diagnostic | None:
    """Why a schedule may not be set now. An unchanged one is not set, so its being in the past is no error."""
    schedule = change.desired.get("schedule")
    sets = schedule is not None and (change.action is not Action.UPDATE or "schedule" in change.changed)
    touches = change.action is not Action.UPDATE or "schedule" in change.changed
    if touches and not _is_ours(change):
        return _not_ours(change)
    if not sets or not circumstances.too_near(as_seconds(str(schedule))):
        return None
    past = as_seconds(str(schedule)) <= circumstances.now
    return Diagnostic(
        "schedule-past" if past else "schedule-too-soon",
        "the schedule is in the past" if past else "the schedule is too soon",
        f"{schedule} is {'in the past' if past else 'within the freeze window'}; a schedule that is to be set must lie "
        f"more than {circumstances.freeze / 60:.0f} minutes ahead (policy.freeze).",
        address=str(change.address),
        hint="Choose a later time.",
    )
