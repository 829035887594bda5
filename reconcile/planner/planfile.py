"""Plan <-> JSON: the record of what somebody was shown, and may approve of.

The document has the shape of Terraform's ``show -json`` (format 1.2), so that tools for Terraform plans read it; the
plan itself is under ``reconcile``, from where it is rebuilt exactly, for a reader and for comparing it with the plan as
it is made when it is to be applied. Nothing in it is ever carried out. Each step has a digest, and one covers it all.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import orjson

from reconcile.errors import InvalidInput, PlanStale
from reconcile.model.address import Address, parse_address
from reconcile.model.attributes import Digest, Value, condensed, from_json, references, to_json
from reconcile.model.kind import Action
from reconcile.model.reference import Reference
from reconcile.planner.changes import digest_of, renewed
from reconcile.planner.plan import Plan, Step

FORMAT = 2
_AGAIN = "Make the plan again with `reconcile plan -o FILE`."

_ACTIONS: Mapping[Action, list[str]] = {
    Action.CREATE: ["create"],
    Action.UPDATE: ["update"],
    Action.REPLACE: ["create", "delete"],
    Action.DELETE: ["delete"],
    Action.ADOPT: ["no-op"],
    Action.MOVE: ["no-op"],
    Action.FORGET: ["forget"],
    Action.NO_OP: ["no-op"],
    Action.MANUAL: ["no-op"],
}


def dumps(plan: Plan) -> bytes:
    """The plan file."""
    return orjson.dumps(document(plan), option=orjson.OPT_APPEND_NEWLINE)


def loads(data: bytes, path: str) -> Plan:
    """The plan in a plan file; ``path`` is for messages.

    Raises:
        InvalidInput: the file is none of our plans, or damaged.
        PlanStale: it was changed after it was made, or is of another version of the format.
    """
    content = _parsed(data, path)
    own = content["reconcile"]
    if own.get("format") != FORMAT:
        raise PlanStale(
            f"{path} was written by another version of reconcile ({own.get('tool_version') or 'unknown'}): its format "
            f"is {own.get('format')!r}, this one reads {FORMAT}.",
            hint=f"{_AGAIN[:-1]}, or apply it with the version that made it.",
        )
    content.pop("mail_changes", None)  # told beside a plan that was printed, and made from it
    claimed = own.pop("digest", None)
    if claimed != _digest(content):
        raise PlanStale(f"{path} was changed after it was made: its content has another digest.", hint=_AGAIN)
    try:
        plan = from_document(content)
        changed = [step for step in plan.steps.values() if step.digest != _digest_again(step, plan)]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"{path} is damaged: it does not describe a plan ({error}).", hint=_AGAIN) from error
    if changed:
        # What is shown of a step must be what its digest approves of.
        raise PlanStale(f"{path} was changed after it was made: {changed[0].address} has another digest.", hint=_AGAIN)
    return plan


def plan_digest(plan: Plan) -> str:
    """What tells this plan from any other; stands in the plan file, and is what ``--approved`` takes."""
    own: str = document(plan)["reconcile"]["digest"]
    return own


def document(plan: Plan) -> dict[str, Any]:
    """The plan in plain JSON types, as ``plan --format json`` prints it and as it stands in a plan file."""
    known = known_ids(plan)
    changes = [_resource_change(step, plan, known) for step in plan.steps.values()]
    content: dict[str, Any] = {
        "format_version": "1.2",
        "terraform_version": "1.11.0",
        "planned_values": {"outputs": {}, "root_module": {"resources": _planned_values(changes)}},
        "resource_changes": changes,
        "configuration": _configuration(plan, known),
        "timestamp": datetime.fromtimestamp(plan.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "applyable": plan.has_changes and not plan.blocked,
        "complete": not plan.targets,
        "errored": bool(plan.blocked),
        "reconcile": {"format": FORMAT, "writes": write_counts(plan), **_encoded(plan)},
    }
    content["reconcile"]["digest"] = _digest(content)
    return content


def from_document(content: Mapping[str, Any]) -> Plan:
    """The plan that a document was made from; its digest is not looked at."""
    own = {name: value for name, value in content["reconcile"].items() if name not in ("format", "writes")}
    own.pop("digest", None)
    plan: Plan = _codec(Plan)[1](own | {"steps": {}})
    steps = map(_codec(Step)[1], own["steps"])
    return replace(plan, steps={step.address: step for step in steps})


def write_counts(plan: Plan) -> dict[str, int]:
    """How often each operation is called, by its name; a blocked step makes no calls."""
    made = (call.operation for step in plan.steps.values() if step.blocked is None for call in step.writes)
    return dict(sorted(Counter(made).items()))


def known_ids(plan: Plan) -> dict[Address, str]:
    """The ids that stay: what is replaced gets another one, known after apply only."""
    replaced = {step.address for step in plan.steps.values() if step.action is Action.REPLACE}
    return {address: id_ for address, id_ in plan.bindings.items() if address not in replaced}


def _parsed(data: bytes, path: str) -> dict[str, Any]:
    if not data.strip():
        raise InvalidInput(f"{path} is empty, so it is no plan.", hint=_AGAIN)
    if data.startswith(b"PK\x03\x04"):
        raise InvalidInput(f"{path} is no plan of reconcile, but a zip archive, as Terraform's plans are.", hint=_AGAIN)
    try:
        content = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{path} is no plan, or damaged: it is not JSON ({error}).", hint=_AGAIN) from error
    if isinstance(content, dict) and isinstance(content.get("reconcile"), dict):
        return content
    what = "some other JSON"
    if isinstance(content, dict) and "terraform_version" in content:
        what = "one of Terraform's"
    elif isinstance(content, dict) and "lineage" in content:
        what = "a state"
    raise InvalidInput(f"{path} is no plan of reconcile, but {what}.", hint=_AGAIN)


def _digest_again(step: Step, plan: Plan) -> str:
    return digest_of(step, plan, renewed(plan)) if step.digest else ""


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


# The part for Terraform's tools.

_Ids = Mapping[Address, str]
_SCALARS = frozenset((str, int, bool, float, NoneType))  # by far the most values, so they are told apart first


def _resource_change(step: Step, plan: Plan, known: _Ids) -> dict[str, Any]:
    actions = _ACTIONS[step.action]
    if step.action in (Action.ADOPT, Action.MOVE) and step.calls:
        actions = ["update"]  # an import or a move that also changes the object, as Terraform has it
    before = _before(step, plan.bindings)
    after, unknown = (before, {}) if actions == ["no-op"] else _after(step, known)
    change: dict[str, Any] = {
        **_identity(step.address, plan),
        "provider_name": f"reconcile/{_type(step.address, plan)}",
        "change": {
            "actions": actions,
            "before": before,
            "after": after,
            "after_unknown": unknown,
            "before_sensitive": False if before is None else {},
            "after_sensitive": False if after is None else _given(step, plan, after),
            "replace_paths": [[change.name] for change in step.changes if change.replaces],
            "importing": {"id": step.id} if step.action is Action.ADOPT else None,
        },
    }
    if step.previous_address is not None:
        change["previous_address"] = str(step.previous_address)
    return change


def _given(step: Step, plan: Plan, after: Mapping[str, Any]) -> dict[str, bool]:
    """What is marked sensitive: what comes from the environment may be meant for those eyes alone that set it."""
    return {name: True for name in plan.given.get(step.address, ()) if name in after}


def _identity(address: Address, plan: Plan) -> dict[str, Any]:
    type_ = f"{_type(address, plan)}_{address.kind}"
    return {"address": str(address), "mode": "managed", "type": type_, "name": address.name}


def _type(address: Address, plan: Plan) -> str:
    account = plan.accounts.get(address.provider)
    return account.type if account else address.provider


def _before(step: Step, ids: _Ids) -> dict[str, Any] | None:
    """The attributes as they are: those that stay, and those that change with their values before."""
    if step.id is None:
        return None
    attributes = dict(step.applied.attributes) if step.applied else {}
    attributes |= {change.name: condensed(change.before) if change.text else change.before for change in step.changes}
    return {"id": step.id, **_plain(attributes, ids)}


def _after(step: Step, ids: _Ids) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The attributes as they will be, and which of them are known after apply only."""
    if step.action in (Action.DELETE, Action.FORGET):
        return None, {}
    planned = _planned(step)
    id_ = None if step.action is Action.REPLACE else step.id
    unknown = _unknown(planned, ids) or {}
    return {"id": id_, **_plain(planned, ids)}, unknown if id_ is not None else {"id": True, **unknown}


def _planned(step: Step) -> dict[str, Value]:
    attributes = dict(step.applied.attributes) if step.applied else {}
    return attributes | {
        change.name: condensed(change.after) if change.text else change.after for change in step.changes
    }


def _plain(value: Value, ids: _Ids) -> Any:
    """A value for a reader who knows neither References nor Digests; None for an id that isn't known yet."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, Reference):
        return ids.get(value.address)
    if isinstance(value, Digest):
        return {"sha256": value.sha256, "length": value.length}
    if isinstance(value, Mapping):
        return {key: _plain(member, ids) for key, member in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(member, ids) for member in value]
    return value


def _unknown(value: Value, ids: _Ids) -> Any:
    """Terraform's map of what is known after apply only: true in its place, nothing where all is known."""
    if type(value) in _SCALARS:
        return False
    if isinstance(value, Reference):
        return value.address not in ids
    if isinstance(value, Mapping):
        members = {key: _unknown(member, ids) for key, member in value.items()}
        return {key: member for key, member in members.items() if member} or False
    if isinstance(value, tuple | list):
        elements = [_unknown(element, ids) for element in value]
        return elements if any(elements) else False
    return False


def _planned_values(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            **{name: change[name] for name in ("address", "mode", "type", "name", "provider_name")},
            "schema_version": 0,
            "values": change["change"]["after"],
            "sensitive_values": change["change"]["after_sensitive"],
        }
        for change in changes
        if change["change"]["after"] is not None
    ]


def _configuration(plan: Plan, ids: _Ids) -> dict[str, Any]:
    aliases = sorted({*plan.accounts, *(address.provider for address in plan.steps)})
    providers = {alias: plan.accounts[alias].type if alias in plan.accounts else alias for alias in aliases}
    kept = (step for step in plan.steps.values() if step.action not in (Action.DELETE, Action.FORGET))
    return {
        "provider_config": {
            alias: {"name": type_, "full_name": f"reconcile/{type_}"} for alias, type_ in providers.items()
        },
        "root_module": {
            "resources": [
                {
                    **_identity(step.address, plan),
                    "provider_config_key": step.address.provider,
                    "expressions": {name: _expression(name, value, ids) for name, value in _planned(step).items()},
                    "schema_version": 0,
                    "depends_on": [str(address) for address in step.dependencies],
                }
                for step in kept
            ]
        },
    }


def _expression(name: str, value: Value, ids: _Ids) -> dict[str, Any]:
    found = () if type(value) in _SCALARS else sorted(set(references(value)))
    # terraform-compliance puts what refers to an object into a value of it that is named for the kind, so where an
    # attribute has that name, as ``template`` does, it would end there; ``depends_on`` has it all the same.
    if not found or any(address.kind == name for address in found):
        return {"constant_value": _plain(value, ids)}
    return {"references": [str(address) for address in found]}


# Our own part. Encoders and decoders follow from the types of the dataclasses' fields, so that a field added there is
# in the plan file without further ado. Fields that have their default are left out.

_Function = Callable[[Any], Any]


def _encoded(plan: Plan) -> dict[str, Any]:
    own: dict[str, Any] = _codec(Plan)[0](replace(plan, steps={}))
    return {**own, "steps": list(map(_codec(Step)[0], plan.steps.values()))}


@cache
def _codec(hint: Any) -> tuple[_Function, _Function]:
    """The encoder and the decoder for values of a type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return to_json, from_json
    if hint is Address:
        return str, _address
    if hint in (str, int, float, bool):
        return _itself, _checked(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return lambda member: member.value, hint
    if is_dataclass(hint):
        return _dataclass_codec(hint)
    if origin is tuple and arguments[1:] == (...,):
        encode, decode = _codec(arguments[0])
        return lambda value: list(map(encode, value)), lambda value: tuple(map(decode, value))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping_codec(*arguments)
    if origin in (Union, UnionType) and len(arguments) == 2 and arguments[1] is NoneType:
        encode, decode = _codec(arguments[0])
        return (lambda value: None if value is None else encode(value)), (
            lambda value: None if value is None else decode(value)
        )
    raise TypeError(f"no way to write a {hint} to a plan file")


_address = lru_cache(100_000)(parse_address)


def _itself(value: Any) -> Any:
    return value


def _checked(hint: Any) -> _Function:
    """Takes only values of a plain type: a file that says otherwise is damaged."""

    def check(value: Any) -> Any:
        if type(value) is not hint and not (hint is float and type(value) is int):
            raise TypeError(f"{hint.__name__} is wanted, not {type(value).__name__}")
        return value

    return check


def _mapping_codec(key: Any, member: Any) -> tuple[_Function, _Function]:
    encode_key, decode_key = _codec(key)
    encode, decode = _codec(member)
    return (
        lambda mapping: {encode_key(name): encode(value) for name, value in mapping.items()},
        lambda mapping: {decode_key(name): decode(value) for name, value in mapping.items()},
    )


def _dataclass_codec(cls: Any) -> tuple[_Function, _Function]:
    hints = get_type_hints(cls)
    codecs = {field.name: _codec(hints[field.name]) for field in fields(cls)}
    encoders = [(field.name, codecs[field.name][0], _default(field)) for field in fields(cls)]
    decoders = {name: decode for name, (_, decode) in codecs.items()}

    def encode(value: Any) -> dict[str, Any]:
        encoded = {}
        for name, encode_member, default in encoders:
            member = getattr(value, name)
            if member is not default and (default is MISSING or member != default):
                encoded[name] = encode_member(member)
        return encoded

    def decode(value: Any) -> Any:
        return cls(**{name: decoders[name](member) for name, member in value.items()})

    return encode, decode


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()
