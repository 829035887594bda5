"""A plan's mails as the page shows them: live and proposed, whom they go to and when, what changes in each."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache

from reconcile.mail.change import Changes
from reconcile.mail.change import Kind as Noticed
from reconcile.mail.changes import changes as changes_of
from reconcile.mail.source_reader import read
from reconcile.model.address import Address
from reconcile.model.attributes import Digest, Value, references
from reconcile.model.kind import Action, Kind
from reconcile.model.mail_parts import MailParts
from reconcile.model.reference import Reference
from reconcile.model.registry import Registry
from reconcile.planner.plan import AttributeChange, Cause, Plan, Send, Step
from reconcile.report.rows import is_html, rows_of
from reconcile.report.summary import is_send, reached
from reconcile.report.text import counted, moment
from reconcile.report.values import LOOKS, Row
from reconcile.report.words import Comparison, compare

GMAIL_CLIPS = 102 * 1024  # bytes of a mail after which Gmail cuts it off
# What a plain text would have to say, too.
_SAID = (Noticed.WORDS, Noticed.LINK)
# What attributes of any platform are called that are no content of the mail but stand beside it in an inbox.
_SENDER, _SENDER_ADDRESS = ("fromName",), ("fromEmail", "fromAddress")


@dataclass(frozen=True, slots=True)
class Context:
    """What a page is made with beside the plan.

    ``bodies`` are the mails that entries declare, so that one whose content stays as it is can be shown, too; ``due``
    when managed campaigns go out (UNIX seconds), ``written`` how manifests write it, ``freeze`` how long before that
    they are left alone (seconds); ``sandboxes`` are the aliases of accounts that are emulated; ``registry`` has the
    kinds, which say what of an entry is a mail.
    """

    now: float
    zone: tzinfo
    bodies: Mapping[Address, Mapping[str, Value]] = field(default_factory=dict)
    due: Mapping[Address, float] = field(default_factory=dict)
    written: Mapping[Address, str] = field(default_factory=dict)
    freeze: float = 3600.0
    samples: Sequence[Mapping[str, str]] = ()
    sandboxes: Collection[str] = ()
    commit: str | None = None
    digest: str | None = None
    registry: Registry | None = None

    def moment(self, seconds: float, address: Address) -> str:
        """A time in the reader's zone; with it as the manifest writes it, where that is another hour."""
        told = moment(seconds, now=self.now, zone=self.zone)
        written = self.written.get(address)
        if written is None:
            return told
        at = datetime.fromisoformat(written.upper())
        here = datetime.fromtimestamp(seconds, self.zone)
        if at.timestamp() != seconds or at.utcoffset() in (here.utcoffset(), timedelta(0)):
            return told
        return f"{told} (written {written})"

    def kind(self, address: Address) -> Kind | None:
        """The kind of an address, if it is known."""
        known = self.registry.providers.get(address.provider) if self.registry is not None else None
        return known.kinds.get(address.kind) if known is not None else None


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail: its HTML before (None: new, or it can't be read back) and after (None: not known here).

    ``attribute`` is what its HTML is called in the entry, if it is known; ``template`` what the platform makes it of.
    ``stays_plain``: it has a plain text, which the entry leaves as it is. ``told`` are the attributes that the page
    tells of in its own way; ``others`` are entries that are the same mail and change in the same way.
    """

    step: Step
    before: str | None
    after: str | None
    subject: tuple[str | None, str | None]
    sender: tuple[str | None, str | None]
    plain: Comparison | str | None
    to: str
    when: str
    people: int | None
    attribute: str | None
    template: Address | None = None
    stays_plain: bool = False
    told: frozenset[str] = frozenset()
    others: "tuple[Letter, ...]" = ()

    @property
    def all(self) -> "tuple[Letter, ...]":
        """It, and the entries that are the same mail."""
        return self, *self.others

    @property
    def settings(self) -> tuple[Row, ...]:
        """What else of the entry changes, or is set where it is new: all but what the page tells in its own way."""
        changes = self.step.changes
        if not changes and self.step.action is Action.CREATE and self.step.applied is not None:
            made = self.step.applied.attributes.items()
            changes = tuple(AttributeChange(name, None, value, Cause.NEW) for name, value in made)
        shown = (change for change in changes if change.name not in self.told)
        return rows_of(shown, self.step, self.step.dependencies)

    @property
    def likeness(self) -> tuple[object, ...]:
        """What makes it the same mail with the same changes as another; names, people and times may differ."""
        blocked = self.step.blocked.detail if self.step.blocked is not None else None
        mail = self.before, self.after, self.plain, self.template, tuple(self.missing)
        return self.step.action, blocked, *mail

    @property
    def address(self) -> Address:
        """The entry that it is."""
        return self.step.address

    @property
    def title(self) -> str:
        """What becomes of it."""
        return LOOKS[self.step.action].title

    @property
    def changes(self) -> Changes:
        """What differs; looked for when somebody asks."""
        if self.before is None or self.after is None:
            return Changes()
        return changes_of(self.before, self.after)

    @property
    def reached(self) -> str:
        """How many people get it, in words."""
        if self.people is None:
            return ""
        if self.step.send is None:
            return counted(self.people, "person", "people")
        return reached(self.step.send) if self.people else "nobody is there now"

    @property
    def missing(self) -> list[str]:
        """What the page can't show or nobody checked, in words."""
        told = ["The plain-text version stays as it is, although words or links of the mail change."]
        behind = any(kind in _SAID for change in self.changes.items for kind in change.kinds)
        return [*(told if self.stays_plain and behind else ()), *self._unseen()]

    def _unseen(self) -> list[str]:
        return _missing(self.step, self.attribute, self.after, self.template)

    @property
    def inbox(self) -> tuple[str | None, str | None]:
        """What an inbox shows beside the subject, before and after."""
        sides = [None if side is None else read(side).inbox[:140] for side in (self.before, self.after)]
        return sides[0], sides[1]

    @property
    def sizes(self) -> tuple[int | None, int | None]:
        """Bytes before and after."""
        sides = [None if side is None else len(side.encode(errors="replace")) for side in (self.before, self.after)]
        return sides[0], sides[1]

    @property
    def clipped(self) -> bool:
        """Whether Gmail would cut it off."""
        return (self.sizes[1] or 0) > GMAIL_CLIPS


def letters_of(plan: Plan, context: Context) -> list[Letter]:
    """The mails that change, are new or go out, those that are the same as one; what goes out first, by date."""
    found = [letter for step in plan.steps.values() if (letter := _letter(step, plan, context)) is not None]
    groups: dict[tuple[object, ...], list[Letter]] = {}
    for letter in sorted(found, key=lambda each: (not is_send(each.step), _due(each.step) or 0, each.address)):
        groups.setdefault(letter.likeness, []).append(letter)
    return [replace(first, others=tuple(others)) for first, *others in groups.values()]


def _due(step: Step) -> float | None:
    return None if step.send is None else step.send.after or step.send.before


def _letter(step: Step, plan: Plan, context: Context) -> Letter | None:
    if step.action not in (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.ADOPT):
        return None
    kind, declared = context.kind(step.address), context.bodies.get(step.address, {})
    changed = {change.name: change for change in step.changes}
    parts = kind.mail if kind is not None else None
    name: str | None = _html_name(step, declared, parts)
    subjects = _sides(step, (parts.subject,) if parts is not None else ("subject",))
    about = name is not None or any(change.text for change in step.changes) or subjects[0] != subjects[1]
    if not about and parts is None and not (is_send(step) and subjects[1] is not None):
        return None
    before: str | None = None
    after: str | None = None
    template = None
    if parts is not None and parts.html in step.rendered:
        name, after = parts.html, step.rendered[parts.html]
    elif name in changed:
        before, after = _text(changed[name].before), _text(changed[name].after)
    elif name is not None:
        before = after = _text(declared[name])
    elif kind is not None and parts is not None:
        before, after, template = _made_of_template(step, kind, parts, plan, context)
        name = parts.html if after is not None else None
    send = step.send
    return Letter(
        step,
        before if before != after or step.action is Action.CREATE else None,
        after,
        subjects,
        _sender(step),
        _plain(step, name),
        _to(step, send),
        _when(send, step, context),
        send.people if send is not None else step.reach,
        name,
        template,
        parts is not None and bool(parts.text) and parts.text in declared and parts.text not in changed,
        _told_apart(step, parts, name),
    )


def _told_apart(step: Step, parts: MailParts | None, name: str | None) -> frozenset[str]:
    """The attributes that the page tells of in its own way: subject, sender, content, and when it goes out."""
    names = {name, parts.subject if parts is not None else "subject", *_SENDER, *_SENDER_ADDRESS}
    if parts is not None and step.send is not None:
        names.add(parts.due)
    if plain := _plain_change(step, name):
        names.add(plain.name)
    return frozenset(each for each in names if each is not None)


def _html_name(step: Step, declared: Mapping[str, Value], parts: MailParts | None) -> str | None:
    """What the HTML of a mail is called: as its kind says; where that is not known, what looks like HTML."""
    if parts is not None:
        return parts.html if parts.html in declared or any(c.name == parts.html for c in step.changes) else None
    changed = (change.name for change in step.changes if is_html(change.after) or is_html(change.before))
    return next(changed, None) or next((name for name, value in declared.items() if is_html(value)), None)


def _made_of_template(
    step: Step, kind: Kind, parts: MailParts, plan: Plan, context: Context
) -> tuple[str | None, str | None, Address | None]:
    """What the platform makes of a template before and after, as far as it can be foreseen, and of which."""
    declared = context.bodies.get(step.address, {})
    sides: list[str | None] = []
    for past in (True, False):
        attributes = _as_of(step, declared, past=past)
        template = parts.made_from(attributes)
        if template is None or template not in context.bodies:
            sides.append(None)
            continue
        made_from = _as_of(plan.steps.get(template), context.bodies[template], past=past)
        sides.append(kind.filled(attributes, made_from).get(parts.html))
    before = sides[0] if step.action is not Action.CREATE else None
    return before, sides[1], parts.made_from(declared)


def _as_of(step: Step | None, declared: Mapping[str, Value], *, past: bool) -> Mapping[str, Value]:
    """An entry's attributes as they are declared, or as they were before the plan."""
    if step is None or not past:
        return declared
    return {**declared, **{change.name: change.before for change in step.changes}}


def _text(value: Value) -> str | None:
    return value if isinstance(value, str) else None


def _sides(step: Step, names: Sequence[str]) -> tuple[str | None, str | None]:
    """A short attribute before and after; where it doesn't change, as it is on record."""
    for change in step.changes:
        if change.name.rsplit(".", 1)[-1] in names:
            return _text(change.before), _text(change.after)
    for name, value in (step.applied.attributes if step.applied is not None else {}).items():
        if name.rsplit(".", 1)[-1] in names and isinstance(value, str):
            return (None if step.action is Action.CREATE else value), value
    return None, None


def _sender(step: Step) -> tuple[str | None, str | None]:
    (old, new), (old_address, new_address) = _sides(step, _SENDER), _sides(step, _SENDER_ADDRESS)
    before = " ".join(part for part in (old, f"<{old_address}>" if old_address else "") if part)
    after = " ".join(part for part in (new, f"<{new_address}>" if new_address else "") if part)
    return before or None, after or None


def _plain_change(step: Step, html_name: str | None) -> AttributeChange | None:
    """The plain text where it changes, or is new."""
    for change in step.changes:
        if change.text and change.name != html_name and isinstance(change.after, str) and not is_html(change.after):
            return change if isinstance(change.before, str | None) else None
    return None


@lru_cache(maxsize=64)
def _compared(before: str, after: str) -> Comparison:
    return compare(before, after, limit=100)


def _plain(step: Step, html_name: str | None) -> Comparison | str | None:
    """The plain text's places that differ; where there was none, the text."""
    change = _plain_change(step, html_name)
    if change is None or not isinstance(change.after, str):
        return None
    return _compared(change.before, change.after) if isinstance(change.before, str) else change.after


def _to(step: Step, send: Send | None) -> str:
    """The names of the lists or groups that it goes to."""
    targets: tuple[Address, ...] = send.to if send is not None else ()
    if not targets and step.applied is not None:
        # What it is made from is referred to as well, by a member that holds one reference and no list of them.
        values = [value for value in step.applied.attributes.values() if isinstance(value, tuple | Reference)]
        targets = tuple(target for value in values for target in references(value) if "template" not in target.kind)
    return ", ".join(target.name for target in targets)


def _when(send: Send | None, step: Step, context: Context) -> str:
    due = context.due.get(step.address)
    if send is None:
        return context.moment(due, step.address) if due is not None else "not scheduled"
    former = moment(send.before, now=context.now, zone=context.zone) if send.before is not None else ""
    if send.after is None:
        return f"CANCELLED: was to go out {former}"
    at = context.moment(send.after, step.address)
    return f"{at} (was {former})" if former and send.before != send.after else at


def _missing(step: Step, name: str | None, after: str | None, template: Address | None) -> list[str]:
    """What this page can't show or nobody checked, in words."""
    told = []
    if name is None:
        made_from = [target for target in step.dependencies if "template" in target.kind]
        from_what = f" It is made from {', '.join(map(str, made_from))} by the platform." if made_from else ""
        told.append(f"The mail itself is not in this plan, so it is not shown.{from_what}")
    if template is not None and after is not None:
        told.append(f"The platform makes it of {template}; what is shown is what that should come to.")
    change = next((each for each in step.changes if each.name == name), None)
    if change is not None and isinstance(change.before, Digest):
        told.append("What is live can't be read back, so only the proposed mail is shown.")
    if after is not None:
        pictures = read(after).pictures
        remote = sum(not (tag.attributes.get("src") or "").lower().startswith("data:") for tag in pictures)
        if remote:
            are = "picture is" if remote == 1 else "pictures are"
            told.append(f"{remote} {are} fetched when the mail is opened: what they show can change without a plan.")
    if step.unchecked:
        told.append(f"The platform does not tell, so nobody saw whether it differs: {', '.join(step.unchecked)}.")
    if any(each.cause is Cause.BOTH for each in step.changes):
        told.append("A conflict: something here was changed outside, too, and differently.")
    return told
