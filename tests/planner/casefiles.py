"""A case of the planner as files: what is declared, applied and live, and the plan that comes of it.

``manifests/*.yaml`` are manifests as people write them. ``applied.json`` is the ``resources`` of a state. ``live.json``
has what a refresh found: ``live``, ``candidates``, ``lookalikes`` and ``deposed`` objects, how many people are
``reached``, and the ``comparisons`` of audiences; an object is its id, the attributes that are not the platform's
defaults, and facts. ``asked.json``, where there is one, has what else the plan is made from: ``policy``, ``targets``,
``replace``, ``destroy``, ``removed``, ``accounts``, ``now``.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from reconcile.errors import Diagnostic, Location
from reconcile.manifests import load
from reconcile.model.address import Address, parse_address
from reconcile.model.attributes import Digest, Value, from_json, to_json
from reconcile.model.bulk import Comparison
from reconcile.model.call import Call
from reconcile.model.kind import Circumstances
from reconcile.model.policy import Policy, RenderedSends, Targets
from reconcile.model.reference import Reference
from reconcile.model.registry import Registry
from reconcile.model.resource import Applied, Former, RemoteObject, Resource
from reconcile.planner.make import Request, make_plan
from reconcile.planner.moves import moved
from reconcile.planner.order import Node, graph
from reconcile.planner.plan import Plan
from reconcile.planner.steps import Seen
from reconcile.providers import provider_type

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z

# What an object reads like where nobody set anything.
_NEWSLETTER = {"published": 1, "sendDate": 0, "created": 1, "edited": None, "sent": False}
_FACTS: Mapping[str, Mapping[str, Any]] = {
    "squalomail.list": {"subscribed": 0, "unsubscribed": 0, "disabled": 0, "total": 0, "targetedBy": ()},
    "squalomail.template": _NEWSLETTER,
    "squalomail.campaign": _NEWSLETTER,
    "gatormail.group": {"count": 0, "usedBy": (), "excluded": 0, "included": 0, "found": 0},
    "gatormail.campaign": {"status": "InSetup", "emailId": 7, "sharing": (), "crmId": None},
}
_ATTRIBUTES: Mapping[str, Mapping[str, Value]] = {
    "squalomail.list": {"color": "", "ordering": 1},
    "squalomail.template": {"language": "it"},
    "squalomail.campaign": {"language": "it", "schedule": None},
    "gatormail.campaign": {"group": None, "startDate": None, "endDate": None},
}


@cache
def registry() -> Registry:
    """Both platforms, GatorMail's without marks of ours; ``other`` is a second alias of SqualoMail's."""
    gatormail = provider_type("gatormail", {"timezone": "Europe/London"})
    squalomail = provider_type("squalomail")
    return Registry({"gatormail": gatormail, "squalomail": squalomail, "other": squalomail})


def plan_of(case: Path) -> Plan:
    """The plan that a case's files make."""
    desired = load(case, registry()).resources if (case / "manifests").is_dir() else {}
    applied = {parse_address(name): _applied(row) for name, row in _read(case / "applied.json").items()}
    asked = _read(case / "asked.json")
    now = asked.get("now", NOW)
    policy = _policy(asked.get("policy", {}))
    seen = _seen(_read(case / "live.json"), desired, moved(desired, applied))
    around = _circumstances(applied, now, policy)
    accounts = asked.get("accounts", {})
    return make_plan(desired, applied, seen, registry(), around, policy, _request(asked), accounts)


def rendered(plan: Plan) -> str:
    """The plan as it stands in a case: what is not the default of its field, and what comes after what."""
    order = {_node(node): sorted(map(_node, before)) for node, before in sorted(graph(plan).items()) if before}
    return json.dumps({**_plain(plan), "order": order}, indent=2, ensure_ascii=False) + "\n"


def _node(node: Node) -> str:
    return f"{node[1]} {node[0]}"


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(path.read_bytes()) if path.exists() else {}
    return found


def _applied(row: Mapping[str, Any]) -> Applied:
    return Applied(
        row["id"],
        {name: from_json(value) for name, value in row.get("applied", {}).items()},
        observed={name: from_json(value) for name, value in row.get("observed", {}).items()},
        dependencies=tuple(map(parse_address, row.get("dependencies", ()))),
        deposed=tuple(row.get("deposed", ())),
        former=tuple(Former(parse_address(address)) for address in row.get("former", ())),
        **{name: row[name] for name in ("prevent_destroy", "external", "created") if name in row},
    )


def _seen(found: Mapping[str, Any], desired: Mapping[Address, Resource], applied: Mapping[Address, Applied]) -> Seen:
    live = {address: _object(address, row) for address, row in _addressed(found.get("live", {}))}
    candidates = {address: _objects(address, rows) for address, rows in _addressed(found.get("candidates", {}))}
    reached = {address: registry().kind(address).reach(one) for address, one in live.items()}
    reached |= {
        address: registry().kind(address).reach(ones[0])
        for address, ones in candidates.items()
        if desired[address].external and len(ones) == 1
    }
    assert live.keys() <= applied.keys(), "live is what the state has; what else there is, is a candidate"
    return Seen(
        live,
        candidates,
        {address: _objects(address, rows) for address, rows in _addressed(found.get("deposed", {}))},
        {address: count for address, count in reached.items() if count is not None},
        {address: _comparison(row) for address, row in _addressed(found.get("comparisons", {}))},
        {address: _objects(address, rows) for address, rows in _addressed(found.get("lookalikes", {}))},
    )


def _addressed(rows: Mapping[str, Any]) -> list[tuple[Address, Any]]:
    return [(parse_address(name), row) for name, row in rows.items()]


def _objects(address: Address, rows: list[dict[str, Any]]) -> tuple[RemoteObject, ...]:
    return tuple(_object(address, row) for row in rows)


def _object(address: Address, row: Mapping[str, Any]) -> RemoteObject:
    kind = registry().kind(address)
    type_ = f"{registry().providers[address.provider].name}.{kind.kind}"
    own = {name: _tuples(from_json(value)) for name, value in row.get("attributes", {}).items()}
    facts = {name: _tuples(value) for name, value in row.get("facts", {}).items()}
    return RemoteObject(
        row["id"], {**kind.defaults, **_ATTRIBUTES.get(type_, {}), **own}, {**_FACTS.get(type_, {}), **facts}
    )


def _tuples(value: Value) -> Value:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def _comparison(row: Mapping[str, Any]) -> Comparison:
    members = dict(row)
    members["calls"] = tuple(Call(**call) for call in row.get("calls", ()))
    members["notes"] = tuple(row.get("notes", ()))
    members["dependencies"] = tuple(map(parse_address, row.get("dependencies", ())))
    if "blocked" in row:
        members["blocked"] = Diagnostic(**row["blocked"])
    return Comparison(**members)


def _policy(members: Mapping[str, Any]) -> Policy:
    targets = dict(members.get("targets", {}))
    most = targets.pop("max_audience", None)
    rendered = RenderedSends(members.get("rendered_sends", RenderedSends.ALLOW))
    return Policy(
        **{
            **members,
            "rendered_sends": rendered,
            "targets": Targets({name: tuple(names) for name, names in targets.items()}, most),
        }
    )


def _circumstances(applied: Mapping[Address, Applied], now: float, policy: Policy) -> Circumstances:
    managed: dict[tuple[str, str], set[str]] = {}
    for address, kept in applied.items():
        place = address.provider, registry().kind(address).collection.name
        managed.setdefault(place, set()).update({kept.id, *kept.deposed})
    return Circumstances(now, policy.freeze, managed)


def _request(asked: Mapping[str, Any]) -> Request:
    return Request(
        targets=tuple(map(parse_address, asked.get("targets", ()))),
        replace=tuple(map(parse_address, asked.get("replace", ()))),
        destroy=asked.get("destroy", False),
        removed={parse_address(name): keep for name, keep in asked.get("removed", {}).items()},
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Address | Location):
        return str(value)
    if isinstance(value, Reference | Digest):
        return to_json(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        members = ((field, getattr(value, field.name)) for field in fields(value))
        return {field.name: _plain(member) for field, member in members if member != _default(field)}
    if isinstance(value, Mapping):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, tuple | list | frozenset):
        return [_plain(member) for member in value]
    return value


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()
