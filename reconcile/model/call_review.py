"""What is known of a single call before it is made by hand: what it would do, and what forbids it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from reconcile.errors import Diagnostic
from reconcile.model.address import Address
from reconcile.model.attributes import Attributes
from reconcile.model.kind import Action, Change, Circumstances, Kind
from reconcile.model.resource import Applied, RemoteObject


@dataclass(frozen=True, slots=True)
class CallReview:
    """``effect``: a sentence on whom or what it concerns, for the person who decides; None: nothing special.

    ``sends``: somebody may get mail because of what it is about, where the operation alone doesn't say so;
    ``refusal``: why it may not be made, with the way out. ``targets``: whom it has mail sent to, as far as that can be
    told: the kind ("list", "group") and the id of each, None standing for one that can't be read.
    """

    effect: str | None = None
    sends: bool = False
    refusal: Diagnostic | None = None
    targets: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """What plans are judged by, for single calls: the kinds of the account called ``alias``, and the circumstances."""

    alias: str
    kinds: Mapping[str, Kind]
    circumstances: Circumstances

    def refusal(
        self,
        kind: str,
        live: RemoteObject,
        action: Action,
        desired: Attributes | None = None,
        changed: frozenset[str] = frozenset(),
        applied: Attributes | None = None,
    ) -> Diagnostic | None:
        """Why a plan would leave the object alone: its kind is asked with the ``Change`` that a plan would make.

        Whoever calls by hand speaks for the object, so what is live counts as applied, ``applied`` beside it.
        """
        of = self.kinds[kind]
        if of.immutable(live, self.circumstances):
            return Diagnostic(
                "frozen", "it was sent", "It was sent, so it is not written.", hint="Use the web interface."
            )
        known: dict[str, Any] = {**live.attributes, **(applied or {})}
        address = Address(self.alias, kind, f"{kind}-{live.id}")
        change = Change(action, address, desired or {}, Applied(live.id, known), live, live.id, changed)
        found = of.refusal(change, self.circumstances)
        return replace(found, address=None) if found is not None else None
