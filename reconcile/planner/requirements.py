"""What stands in a step's way: protection, and the rights that a run must have been given."""

from collections.abc import Iterator, Sequence

from reconcile.errors import Diagnostic
from reconcile.model.address import Address
from reconcile.model.call import Call
from reconcile.model.kind import Kind, rules
from reconcile.model.resource import Applied, RemoteObject, Resource
from reconcile.planner.diff import Surroundings, edited_outside
from reconcile.planner.plan import AttributeChange, Cause, Requirement, Right


def protected_as_it_is(resource: Resource, applied: Applied) -> Diagnostic | None:
    """Why an object may not be made anew: its entry is protected, or was when it was last applied."""
    if not (resource.prevent_destroy or applied.prevent_destroy):
        return None
    return Diagnostic(
        "protected",
        "protected from being destroyed",
        "The change can only be made by making the object anew and deleting the present one, and lifecycle."
        "preventDestroy of the entry forbids that.",
        address=str(resource.address),
        location=resource.location,
        hint="Take the change back, or, if the object may go: take preventDestroy out, apply, then change it.",
    )


def protected(address: Address, applied: Applied) -> Diagnostic | None:
    """Why an object may not be deleted at all: it was protected when it was last applied."""
    if not applied.prevent_destroy:
        return None
    return Diagnostic(
        "protected",
        "protected from being destroyed",
        "The entry had lifecycle.preventDestroy when it was last applied, and taking it out of the manifests does not "
        "take the protection away.",
        address=str(address),
        hint="To delete it after all: put the entry back without preventDestroy, apply, then take it out again.",
    )


def unfinished(address: Address) -> Diagnostic:
    """Why something may not be forgotten yet: the state alone knows what an interrupted change is to restore."""
    return Diagnostic(
        "unfinished",
        "an interrupted change is not finished",
        "An earlier run was interrupted while it changed this, and the state holds what is missing since.",
        address=str(address),
        hint="Put the entry back and apply, which restores it; then take it out again.",
    )


def send_requirements(address: Address, calls: Sequence[Call]) -> Iterator[Requirement]:
    """The right to send, where a call may make people get mail."""
    if any(call.sends for call in calls):
        yield Requirement(
            Right.SEND,
            Diagnostic(
                "send-not-allowed",
                "people would get mail",
                "Through this change people get mail that they otherwise would not, and this run may not send.",
                address=str(address),
                hint="Give the right with --allow-send, or apply the rest with --without-sends.",
            ),
        )


def drift_requirements(address: Address, changes: Sequence[AttributeChange]) -> Iterator[Requirement]:
    """The right to overwrite what somebody changed outside; a conflict asks for more."""
    names = [change.name for change in changes if change.cause is Cause.OUTSIDE]
    if names:
        yield _overwrites(address, f"Somebody changed {', '.join(names)} outside since the last apply")
    both = [change.name for change in changes if change.cause is Cause.BOTH]
    if both:
        yield _conflicts(address, ", ".join(both))


def review_requirements(address: Address) -> Iterator[Requirement]:
    """Somebody's word on a mail that the platform made from a template, before it is scheduled."""
    yield Requirement(
        Right.REVIEW,
        Diagnostic(
            "rendered-unseen",
            "what its template was made into needs a look",
            "The platform made this mail from its template, and policy.renderedSends wants an approval of what came of "
            "it before it is scheduled; an unattended apply gives none.",
            address=str(address),
            hint="Look at the mail in a saved plan and apply that (reconcile plan -o FILE, then reconcile apply FILE "
            "--approved DIGEST), or say yes to an apply at a terminal.",
        ),
    )


def gone_requirements(address: Address) -> Iterator[Requirement]:
    """The right to make anew what somebody deleted outside: that is an outside edit like any other."""
    yield Requirement(
        Right.OVERWRITE_DRIFT,
        Diagnostic(
            "gone-outside",
            "what was deleted outside would be made anew",
            "Somebody deleted it outside since the last apply, and an unattended apply undoes no outside edit unasked.",
            address=str(address),
            hint=f"If it is to stay deleted, take its entry out (reconcile pull {address}). Else apply a saved plan "
            f"that somebody has seen (reconcile plan -o FILE, then reconcile apply FILE --approved DIGEST), or "
            f"--overwrite-drift.",
        ),
    )


def schedule_requirements(address: Address, changes: Sequence[AttributeChange]) -> Iterator[Requirement]:
    """The right to write a mail that somebody else has scheduled as it stands, of which the entry says nothing."""
    for change in changes:
        yield Requirement(
            Right.OVERWRITE_DRIFT,
            Diagnostic(
                "scheduled-outside",
                "somebody else has scheduled it",
                f"Somebody has scheduled it outside ({change.name}: {change.after}), as it stands, and an unattended "
                f"apply does not rewrite such a mail.",
                address=str(address),
                hint=f"Declare `{change.name}` on the entry, cancel it in the web interface, or rewrite it "
                f"with --overwrite-drift.",
            ),
        )


def deletion_requirements(
    address: Address, kind: Kind, applied: Applied, live: RemoteObject, around: Surroundings
) -> Iterator[Requirement]:
    """The rights to delete what was edited outside, or takes people's subscriptions with it."""
    if edited_outside(address, rules(kind.spec), applied, kind.beside(applied.attributes, live), around):
        yield _overwrites(address, "Somebody changed it outside since the last apply")
    yield from toll_requirements(address, kind, live)


def toll_requirements(address: Address, kind: Kind, live: RemoteObject) -> Iterator[Requirement]:
    """The right to delete an object that takes people's subscriptions with it."""
    toll = kind.toll(live)
    if toll is not None and toll[0]:
        yield Requirement(
            Right.DELETE,
            Diagnostic(
                "delete-loses-people",
                "deleting it loses more than itself",
                f"Deleting it also loses {toll[0]:,} {toll[1]}, opt-outs among them.",
                address=str(address),
                hint="If that is meant: --allow-delete N, N being the number of deletes in the plan.",
            ),
        )


def loss_requirements(address: Address, loss: tuple[int, str] | None) -> Iterator[Requirement]:
    """The right to change what takes something else with it; ``loss`` is as a kind tells it."""
    if loss is not None and loss[0]:
        amount, sentence = loss
        yield Requirement(
            Right.DELETE,
            Diagnostic(
                "update-loses",
                "the change may lose more than it changes",
                sentence,
                address=str(address),
                hint=f"If that is meant: --allow-delete {amount}.",
            ),
            amount,
            own=True,
        )


def _conflicts(address: Address, names: str) -> Requirement:
    return Requirement(
        Right.OVERWRITE_DRIFT,
        Diagnostic(
            "conflict",
            "changed on both sides",
            f"{names} changed in the manifest and, differently, outside since the last apply. No fresh apply decides "
            f"which of them is right.",
            address=str(address),
            hint=f"Take the outside edit (reconcile pull {address}), apply a saved plan that shows the conflict "
            f"(reconcile plan -o FILE, then reconcile apply FILE --approved DIGEST), or --overwrite-drift.",
        ),
        conflict=True,
    )


def _overwrites(address: Address, what: str) -> Requirement:
    return Requirement(
        Right.OVERWRITE_DRIFT,
        Diagnostic(
            "outside-edit",
            "an outside edit would be overwritten",
            f"{what}, and an unattended apply overwrites no outside edit unasked.",
            address=str(address),
            hint=f"Write the edit into the manifest (reconcile pull {address}), apply a saved plan that somebody has "
            f"seen (reconcile plan -o FILE, then reconcile apply FILE --approved DIGEST), or --overwrite-drift.",
        ),
    )


def unknown_requirements(address: Address, names: Sequence[str]) -> Iterator[Requirement]:
    """The right to reset what can't be read and was never set by us."""
    if names:
        yield Requirement(
            Right.ACCEPT_UNKNOWN,
            Diagnostic(
                "unknown-reset",
                "a setting that can't be read may be reset",
                f"The write may reset {', '.join(names)}: the platform can't tell what they are, and reconcile never "
                f"set them.",
                address=str(address),
                hint="Declare them as they should be, or accept the loss with --accept-unknown.",
            ),
        )
