"""Read back what was written, in bulk, to see what the platform made of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from reconcile.engine.refresh import Clients, refresh
from reconcile.errors import Diagnostic, Severity
from reconcile.model.address import Address
from reconcile.model.attributes import Digest, Value, digest_text, same
from reconcile.model.kind import Action, Change, Kind, Rule, rules
from reconcile.model.likeness import alike
from reconcile.model.registry import Registry
from reconcile.model.resource import Applied, RemoteObject
from reconcile.planner.diff import as_references
from reconcile.planner.plan import Plan
from reconcile.state.store import LockedState


@dataclass(slots=True)
class Verification:
    """What the read-back found, by address: what the platform did not keep, and what is left to be done by hand.

    ``vanished`` are those whose object can't be read.
    """

    findings: dict[Address, tuple[Diagnostic, ...]] = field(default_factory=dict)
    left: dict[Address, tuple[Diagnostic, ...]] = field(default_factory=dict)
    vanished: set[Address] = field(default_factory=set)


def verify(
    plan: Plan, written: set[Address], registry: Registry, clients: Clients, locked: LockedState
) -> Verification:
    """Compare what was written with what can be read, and put what texts read like on record.

    A text may come back rewritten or, from a template, rendered; its digest is what later reads are compared with. Any
    other difference is a finding: the platform took the write and did not keep it.
    """
    resources = locked.state.resources
    applied = {address: resources[address] for address in written if address in resources and resources[address].id}
    live = refresh({}, applied, registry, clients, removes=False).live
    ids = {
        (address.provider, address.kind, id_): address
        for address, id_ in {**plan.bindings, **{a: kept.id for a, kept in resources.items()}}.items()
    }
    verification = Verification()
    for address, kept in applied.items():
        kind = registry.kind(address)
        if address not in live:
            verification.findings[address] = (_vanished(address),)
            verification.vanished.add(address)
            continue
        observed = _observed(kind, kept, live[address])
        if observed != kept.observed:
            locked.put(address, replace(kept, observed=observed))
        findings = tuple(_not_kept(address, kind, kept, kind.beside(kept.attributes, live[address]), ids))
        if findings:
            verification.findings[address] = findings
        change = Change(Action.UPDATE, address, kept.attributes, kept, live[address], kept.id)
        if left := tuple(_by_hand(address, line) for line in kind.instructions(change)):
            verification.left[address] = left
    return verification


def _observed(kind: Kind, applied: Applied, live: RemoteObject) -> Mapping[str, Digest]:
    """Digests of texts that don't read as they were sent, and of those that the platform made."""
    observed: dict[str, Digest] = {}
    computed = kind.computed(applied.attributes)
    accepted = {each.name for each in applied.accepted}
    for name, rule in rules(kind.spec).items():
        text = live.attributes.get(name)
        if name in accepted:
            # Somebody else's, and so it stays: what was read after our own write is what it is compared with later.
            observed |= {name: applied.observed[name]} if name in applied.observed else {}
            continue
        if not isinstance(text, str) or (not rule.text and not _is_rewritten(rule, applied.attributes.get(name), text)):
            continue
        if name in computed or (name in applied.attributes and not same(applied.attributes[name], text)):
            observed[name] = digest_text(text)
    return observed


def _is_rewritten(rule: Rule, sent: Value, read: Value) -> bool:
    """Whether a short text reads like what was sent, but for what a platform may make of it when it stores it."""
    if rule.manual or not rule.readable or rule.refers is not None or rule.launches or rule.instant:
        return False
    return isinstance(sent, str) and isinstance(read, str) and sent != read and alike(sent, read)


def _not_kept(
    address: Address,
    kind: Kind,
    applied: Applied,
    live: RemoteObject,
    ids: Mapping[tuple[str, str, str], Address],
) -> Iterator[Diagnostic]:
    accepted = {each.name for each in applied.accepted}
    for name, rule in rules(kind.spec).items():
        if name not in applied.attributes or name not in live.attributes or name in accepted:
            continue
        if rule.text or rule.manual or not rule.readable:
            continue
        read = live.attributes[name]
        if rule.refers is not None:
            read = as_references(address, rule.refers, read, ids)
        if not same(applied.attributes[name], read) and not _is_rewritten(rule, applied.attributes[name], read):
            yield Diagnostic(
                "not-kept",
                "the platform did not keep what was written",
                f"The platform accepted {name}, but reads otherwise afterwards.",
                address=str(address),
                hint="Plan again to see what it made of it.",
            )


def _by_hand(address: Address, line: str) -> Diagnostic:
    return Diagnostic("by-hand", "left to be done by hand", line, address=str(address), severity=Severity.WARNING)


def _vanished(address: Address) -> Diagnostic:
    return Diagnostic(
        "not-there",
        "the platform does not show what was written",
        "The platform accepted the write, but the object can't be read afterwards.",
        address=str(address),
        hint="Plan again: it may only take a moment to appear.",
    )
