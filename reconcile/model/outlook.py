"""What is known of a single call before it is made by hand: what it would do, and what forbids it."""

from dataclasses import dataclass

from reconcile.errors import Diagnostic


@dataclass(frozen=True, slots=True)
class Outlook:
    """``effect``: a sentence on whom or what it concerns, for the person who decides; None: nothing special.

    ``sends``: somebody may get mail because of what it is about, where the operation alone doesn't say so;
    ``refusal``: why it may not be made, with the way out. ``targets``: whom it has mail sent to, as far as that can be
    told: the kind ("list", "group") and the id of each, None standing for one that can't be read.
    """

    effect: str | None = None
    sends: bool = False
    refusal: Diagnostic | None = None
    targets: tuple[tuple[str, str | None], ...] = ()
