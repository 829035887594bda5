"""What a plan's reader is told, as values that the renderers dress."""

from collections.abc import Mapping
from dataclasses import dataclass

from reconcile.errors import Diagnostic
from reconcile.mail.change import Change
from reconcile.model.kind import Action
from reconcile.report.text import Style, also
from reconcile.report.words import Comparison


@dataclass(frozen=True, slots=True)
class Look:
    """How an action is shown: its symbol, its colour, what is said of an address, and of how many."""

    symbol: str
    style: Style | None
    title: str
    counted: str


LOOKS: Mapping[Action, Look] = {
    Action.CREATE: Look("+", Style.ADDED, "will be created", "to create"),
    Action.UPDATE: Look("~", Style.CHANGED, "will be updated", "to update"),
    Action.REPLACE: Look("-/+", Style.REPLACED, "will be replaced: created anew, re-pointed, deleted", "to replace"),
    Action.DELETE: Look("-", Style.REMOVED, "will be deleted", "to delete"),
    Action.ADOPT: Look("<=", Style.STATED, "will be adopted", "to adopt"),
    Action.MOVE: Look("->", Style.STATED, "will be moved", "to move"),
    Action.FORGET: Look("x", Style.STATED, "will be forgotten: the object stays, unmanaged", "to forget"),
    Action.MANUAL: Look("!", Style.CHANGED, "has to be changed by hand", "by hand"),
    Action.NO_OP: Look("=", None, "stays as it is", "unchanged"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """A change of a mail, and the other addresses that have the same one, which is told once."""

    change: Change
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mail:
    """What people would notice of a changed mail; ``elsewhere`` says how many changes are told under which address.

    ``unseen`` says what differs that nobody sees.
    """

    told: tuple[Told, ...]
    elsewhere: tuple[tuple[str, int], ...] = ()
    unseen: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One attribute: a value before, one after (both, for a change), what is to be said of it, or what changed in it.

    ``facts`` tell of a text that is new, so that it need not be shown; ``also`` has the same change.
    """

    name: str
    before: str | None = None
    after: str | None = None
    marks: tuple[str, ...] = ()
    comparison: Comparison | None = None
    mail: Mail | None = None
    facts: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    def noted(self, most: int | None = None) -> tuple[str, ...]:
        """What is to be said of it, with at most so many of the addresses that have the same."""
        return (*self.marks, also(self.also, most)) if self.also else self.marks


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence about a step or the run; the label says what kind of sentence, ``style`` how loud it is.

    ``addresses`` are those that it is about, where it may be about many.
    """

    label: str
    text: str
    hint: str | None = None
    style: Style | None = None
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """What refuses the run or some steps, told once for all addresses that it is about; ``details`` are sentences."""

    label: str
    addresses: tuple[str, ...]
    details: tuple[str, ...]
    hint: str | None
    style: Style


@dataclass(frozen=True, slots=True)
class Entry:
    """A step as it is shown, or several that say the same; ``writes`` are calls with their arguments, if asked for."""

    addresses: tuple[str, ...]
    look: Look
    title: str
    cause: str
    rows: tuple[Row, ...]
    remarks: tuple[Remark, ...]
    writes: tuple[str, ...]

    @property
    def address(self) -> str:
        """The first address, by which the entry is referred to."""
        return self.addresses[0]


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole plan as it is shown, what matters most first.

    ``sends`` and ``losses`` have addresses as labels, and are told by day and by what is lost in ``sends_in_short`` and
    ``losses_in_short``; ``conflicts`` are what changed on both sides. ``notes`` are about
    what stays as it is. ``facts`` are the lines of the footer, ``more`` those of a longer one. ``rules`` may let
    more through than at the last apply.
    """

    rules: tuple[Remark, ...]
    sends: tuple[Remark, ...]
    sending: int
    losses: tuple[Remark, ...]
    losing: int
    sends_in_short: tuple[Remark, ...]
    losses_in_short: tuple[Remark, ...]
    refusals: tuple[Refusal, ...]
    conflicts: tuple[Remark, ...]
    warnings: tuple[Diagnostic, ...]
    entries: tuple[Entry, ...]
    notes: tuple[Remark, ...]
    headline: str
    facts: tuple[str, ...]
    more: tuple[str, ...]

    @property
    def sends_title(self) -> str:
        """``Sends (2)``, or that there are none."""
        return f"Sends ({self.sending:,})" if self.sending else "Nothing will be sent."

    @property
    def losses_title(self) -> str:
        """``Deletes (2)``."""
        return f"Deletes ({self.losing:,})"
