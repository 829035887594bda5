"""The digest of a step: all that a person approves of in it, and nothing else.

Equal changes have equal digests, whatever else is planned, in whatever order, process or version of the tool; what a
person would call another change has another one. In it are the address and its generation, what is done and why, the
objects that it is about, what is live before and will be after, the calls as they stand on the wire, and for a send
who gets what when. Not in it are times, serials, counts of people (they have bounds), wording, and marks made with the
project's key.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from reconcile.errors import Diagnostic, ReconcileError
from reconcile.model.address import Address
from reconcile.model.attributes import Attributes, Value, condensed, references, to_json
from reconcile.model.bulk import BulkKind
from reconcile.model.call import Call, Encoded
from reconcile.model.kind import Action, Change
from reconcile.model.reference import Reference
from reconcile.model.registry import Registry
from reconcile.model.resource import Resource
from reconcile.planner.plan import AttributeChange, Plan, Send, Step

MADE = "made by its step"
_MARK = "(mark)"

Encode = Callable[[str, Call], Encoded]


def with_digests(
    plan: Plan, registry: Registry, encode: Encode, numbers: Mapping[Address, int], flags: Collection[str] = ()
) -> Plan:
    """The plan, its steps with their digests; ``numbers`` are the generations, ``encode`` is each alias's client's.

    A step with a call that can't be put on the wire is blocked, so that it is known before anything is done.
    """
    aliases = {address.provider for address in plan.steps}
    plan = replace(
        plan,
        flags=tuple(sorted(flags)),
        capabilities={alias: _capabilities(alias, registry) for alias in sorted(aliases)},
    )
    steps = dict(plan.steps)
    made = renewed(plan)
    for address, step in plan.steps.items():
        if step.action in (Action.NO_OP, Action.MANUAL):
            continue
        try:
            requests = _requests(step, registry, encode)
        except ReconcileError as error:
            found = replace(error.diagnostics[0], address=str(address))
            step, requests = replace(step, blocked=step.blocked or found), ""
        step = replace(step, generation=numbers.get(address, 0), requests=requests)
        steps[address] = replace(step, digest=digest_of(step, plan, made))
    return replace(plan, steps=steps)


def off_the_wire(
    desired: Mapping[Address, Resource], registry: Registry, encoders: Mapping[str, Callable[[Call], Encoded]]
) -> Iterator[Diagnostic]:
    """What is declared and can't be put on the wire, so far as that can be told without an account."""
    for address, resource in sorted(desired.items()):
        kind = registry.kind(address)
        encode = encoders.get(address.provider)
        if encode is None or resource.external or kind.manual or kind.singleton or isinstance(kind, BulkKind):
            continue
        for call in kind.writes(Change(Action.CREATE, address, resource.attributes)):
            try:
                encode(replace(call, arguments=_symbolic(call.arguments, None)))
            except ReconcileError as error:
                yield _located(error.diagnostics[0], resource)
                break


def _located(found: Diagnostic, resource: Resource) -> Diagnostic:
    """The finding at the attribute whose value it names, else at the entry."""
    named = [
        name
        for name, value in resource.attributes.items()
        if isinstance(value, str) and value and value in found.detail and name in resource.locations
    ]
    # A short value may stand in any sentence; the longest is the one that is meant.
    most = max(named, key=lambda name: len(str(resource.attributes[name])), default=None)
    place = resource.locations[most] if most is not None else resource.location
    return replace(found, address=str(resource.address), location=place)


def renewed(plan: Plan) -> frozenset[Address]:
    """The addresses that get a new object by the plan."""
    return frozenset(address for address, step in plan.steps.items() if step.renews)


def digest_of(step: Step, plan: Plan, made: Collection[Address]) -> str:
    """The digest of one step of a plan; ``made`` are the addresses whose objects a step makes."""
    return _digest(parts_of(step, plan, made))


def parts_of(step: Step, plan: Plan, made: Collection[Address]) -> dict[str, Any]:
    """What is in a step's digest, by what a person would call it."""
    is_bulk = step.source_digest is not None
    parts: dict[str, Any] = {
        "address": str(step.address),
        "generation": step.generation,
        "action": step.action.value,
        "former address": str(step.previous_address or ""),
        "account": _account(step.address, plan),
        "object": [step.id, sorted(step.deposed), sorted(step.twins)],
        "references": {str(on): MADE if on in made else plan.bindings.get(on) for on in _referred(step)},
        "declaration": step.goal,
        "dependencies": sorted(map(str, {*step.dependencies, *step.former_dependencies})),
        "refusal": step.blocked.code if step.blocked is not None else None,
        "flags": plan.flags,
        "capabilities": plan.capabilities.get(step.address.provider, ()),
    }
    if is_bulk:
        return {**parts, "files": step.source_digest}
    return {
        **parts,
        "cause": [step.cause, {change.name: change.cause for change in step.changes}],
        "live object": step.live_fingerprint,
        "attributes": {change.name: _before_and_after(change) for change in step.changes},
        "record": _record(step),
        "calls": step.requests,
        "send": _send(step.send),
        **({"mail as it was made": _texts(step.rendered)} if step.rendered else {}),
    }


def goal_of(resource: Resource, recorded: Attributes) -> str:
    """A digest of what an entry declares, texts by theirs: what a step that was cut short is to be carried on to.

    ``recorded`` are its attributes as the state keeps them.
    """
    managed = {name: value for name, value in recorded.items() if name not in resource.ignore_changes}
    return _digest([to_json(managed), resource.prevent_destroy])


def normal(text: str) -> str:
    """A text without the line ends of its checkout."""
    return text.replace("\r\n", "\n")


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _account(address: Address, plan: Plan) -> list[str] | None:
    account = plan.accounts.get(address.provider)
    return [account.type, account.host, account.id] if account is not None else None


def _capabilities(alias: str, registry: Registry) -> tuple[str, ...]:
    known = registry.providers.get(alias)
    kinds = known.kinds.values() if known is not None else ()
    found = {capability for kind in kinds for capability in kind.traits.capabilities}
    zoned = all(kind.traits.zoned for kind in kinds)
    return (*sorted(found), *(() if zoned else ("zone unknown",)))


def _referred(step: Step) -> list[Address]:
    """The entries whose objects the step's calls and attributes name."""
    found = {on for call in step.writes for on in references(call.arguments)}
    found |= {on for change in step.changes for on in references(change.after)}
    return sorted(found - {step.address})


def _before_and_after(change: AttributeChange) -> list[Any]:
    return [_condensed(change.before, text=change.text), _condensed(change.after, text=change.text), change.replaces]


def _condensed(value: Value, *, text: bool) -> Any:
    return to_json(condensed(normal(value)) if text and isinstance(value, str) else value)


def _texts(texts: Mapping[str, str]) -> dict[str, Any]:
    return {name: _condensed(text, text=True) for name, text in texts.items()}


def _record(step: Step) -> Any:
    applied = step.applied
    if applied is None:
        return None
    return [to_json(applied.attributes), applied.prevent_destroy, applied.external]


def _send(send: Send | None) -> Any:
    if send is None:
        return None
    return [
        send.before,
        send.after,
        [list(map(str, send.to)), send.others],
        [list(map(str, send.to_before)), send.others_before],
        send.changes,
        send.content,
        send.sender,
    ]


# The calls, as far as they are the same wherever and whenever they are made.


def _requests(step: Step, registry: Registry, encode: Encode) -> str:
    kind = registry.kind(step.address)
    if isinstance(kind, BulkKind) or not step.writes:
        return ""
    makes = any(registry.operations(step.address.provider)[call.operation].returns for call in step.calls)
    mark = kind.mark(step.address) if makes else None
    return _digest([list(_wire(step.address.provider, call, mark, encode)) for call in step.writes])


def _wire(alias: str, call: Call, mark: str | None, encode: Encode) -> Iterator[Any]:
    encoded = encode(alias, replace(call, arguments=_symbolic(call.arguments, mark)))
    yield from (call.operation, encoded.verb, encoded.path, encoded.query, encoded.body)
    yield from (call.sends, call.due, _symbolic(call.about, None), to_json(call.then), to_json(call.record))


def _symbolic(value: Value, mark: str | None) -> Value:
    """The value with names in place of ids that other steps may make, and texts with plain line ends."""
    if isinstance(value, Reference):
        return f"({value.address})"
    if isinstance(value, Mapping):
        return {key: _symbolic(member, mark) for key, member in value.items()}
    if isinstance(value, tuple | list):
        return [_symbolic(member, mark) for member in value]
    if isinstance(value, str):
        return _MARK if mark is not None and value == mark else normal(value)
    return value
