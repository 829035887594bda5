"""The one table of what stands on the wire: paths, verbs, member names, enum values (reference, contract table).

Keys are those of the reference: ``op.campaign.update`` is ``"PUT /campaign/{campaignId}"``, ``f.contact.emailLogin`` a
member's name, ``v.campaignType`` the values of an enum, ``p.contact.match.field`` a query member, ``c.api.version`` a
convention. Overrides replace single rows, so that a renamed API can be emulated without touching code.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconcile.sandbox.gatormail.shapes import ENUMS, SHAPES

PATHS: Mapping[str, str] = {
    "op.auth.token": "POST http://oauth.communigator.co.uk/core/connect/token",
    "op.campaign.list": "GET /campaign/{page}/{pageSize}",
    "op.campaign.get": "GET /campaign/{campaignId}",
    "op.campaign.create": "POST /campaign",
    "op.campaign.update": "PUT /campaign/{campaignId}",
    "op.campaign.delete": "DELETE /campaign/{campaignId}",
    "op.campaign.initiate": "POST /campaign/{campaignId}/initiate",
    "op.campaign.uninitiate": "POST /campaign/{campaignId}/uninitiate",
    "op.campaign.audience": "GET /campaign/{campaignId}/audience",
    "op.campaign.stats": "GET /campaign/{campaignId}/stats",
    "op.campaign.setUnsubscribe": "PUT /campaign/{campaignId}/unsubscribe/{unsubscribeId}",
    "op.campaign.test": "POST /campaign/{campaignId}/test",
    "op.campaign.trigger": "POST /campaign/{campaignId}/trigger",
    "op.trigger.get": "GET /trigger/{triggerKey}",
    "op.trigger.cancel": "DELETE /trigger/{triggerKey}",
    "op.email.list": "GET /email/{page}/{pageSize}",
    "op.email.get": "GET /email/{emailId}",
    "op.email.create": "POST /email",
    "op.email.update": "PUT /email/{emailId}",
    "op.group.list": "GET /group/{page}/{pageSize}",
    "op.group.get": "GET /group/{groupId}",
    "op.group.create": "POST /group",
    "op.group.update": "PUT /group/{groupId}",
    "op.group.delete": "DELETE /group/{groupId}",
    "op.group.count": "GET /group/{groupId}/count",
    "op.group.cleardown": "POST /group/{groupId}/cleardown",
    "op.group.included.list": "GET /group/{groupId}/included/contact/{page}/{pageSize}",
    "op.group.included.add": "POST /group/{groupId}/included/contact",
    "op.group.included.remove": "DELETE /group/{groupId}/included/contact/{contactId}",
    "op.group.excluded.list": "GET /group/{groupId}/excluded/contact/{page}/{pageSize}",
    "op.group.excluded.add": "POST /group/{groupId}/excluded/contact",
    "op.group.excluded.remove": "DELETE /group/{groupId}/excluded/contact/{contactId}",
    "op.contact.list": "GET /contact/{page}/{pageSize}",
    "op.contact.get": "GET /contact/{contactId}",
    "op.contact.match": "GET /contact/match",
    "op.contact.upsert": "POST /contact",
    "op.contact.update": "PUT /contact/{contactId}",
    "op.contact.groups": "GET /contact/{contactId}/group",
    "op.contact.fields": "GET /contact/field",
    "op.schema.get": "GET /schema",
    "op.schema.delete": "DELETE /schema",
    "op.schema.entity.create": "POST /schema/entity",
    "op.schema.attribute.create": "POST /schema/attribute",
    "op.integration.requests": "GET /integration/requests",
    "op.integration.satisfied": "GET /integration/request/{requestType}/satisfied",
    "op.datafeed.options.get": "GET /datafeed/options",
    "op.datafeed.options.set": "PUT /datafeed/options",
    "op.datafeed.fetch": "GET /datafeed",
    "op.datafeed.ack": "GET /datafeed/{batchIdentifier}",
}
_CONVENTIONS: Mapping[str, str] = {
    "c.auth.tokenUrl": "http://oauth.communigator.co.uk/core/connect/token",
    "c.auth.method": "Basic client_id:client_secret, base64",
    "c.auth.grant": "password",
    "c.auth.scope": "openid GatorMailApi",
    "c.api.base": "https://api.communigator.co.uk/mail/{instance}",
    "c.api.versionHeader": "api-version",
    "c.api.version": "1.0",
    "c.page.first": "1",
    "c.page.size": "100",
    "c.list.itemsPath": "",
    "c.date.format": "YYYY-MM-DDTHH:MM:SS",
    "c.date.zone": "GMT",
    "p.contact.match.field": "field",
    "p.contact.match.value": "value",
    "p.campaign.test.address": "emailAddress",
}
# One member has a key of its own kind, since it is the whole body of its operation.
_KEYS = {("testSend", "address"): "p.campaign.test.address"}
DEFAULTS: Mapping[str, Any] = {
    **PATHS,
    **_CONVENTIONS,
    **{f"v.{name}": values for name, values in ENUMS.items()},
    **{
        f"f.{shape}.{name}": member.wire
        for shape, members in SHAPES.items()
        for name, member in members.items()
        if (shape, name) not in _KEYS
    },
}
_VARIABLE = re.compile(r"\{(\w+)\}")
_TEXTS = frozenset({"triggerKey", "batchIdentifier", "requestType"})


@dataclass(frozen=True, slots=True)
class Route:
    """Where an operation is: its key, verb, and path segments, of which ``{name}`` are variables."""

    key: str
    verb: str
    segments: tuple[str, ...]

    @property
    def literals(self) -> int:
        """How many segments are no variables; the route with more of them wins."""
        return sum(not _VARIABLE.fullmatch(segment) for segment in self.segments)

    def match(self, parts: Sequence[str]) -> dict[str, str] | None:
        """The variables' values when the path is this route's; page numbers and ids are taken as digits only."""
        if len(parts) != len(self.segments):
            return None
        found: dict[str, str] = {}
        for segment, part in zip(self.segments, parts, strict=True):
            variable = _VARIABLE.fullmatch(segment)
            if variable is None:
                if segment.lower() != part.lower():
                    return None
            elif variable[1] in _TEXTS or (part.isascii() and part.isdigit() and len(part) < 16):
                found[variable[1]] = part
            else:
                return None
        return found


class Contract:
    """The table with its overrides; an unknown key or a value of the wrong type is a ``ValueError``."""

    def __init__(self, overrides: Mapping[str, Any] | None = None) -> None:
        self._table = dict(DEFAULTS)
        for key, value in (overrides or {}).items():
            self._table[key] = _checked(key, value)
        self._routes = sorted(
            (_route(key, self._table[key]) for key in PATHS if key != "op.auth.token"),
            key=lambda route: -route.literals,
        )

    def text(self, key: str) -> str:
        """One row that is a text."""
        return str(self._table[key])

    def member(self, shape: str, name: str) -> str:
        """The wire name of a member."""
        return str(self._table[_KEYS.get((shape, name), f"f.{shape}.{name}")])

    def value(self, enum: str, name: str) -> str:
        """How a value of an enum is written on the wire."""
        return str(self._table[f"v.{enum}"][ENUMS[enum].index(name)])

    def named(self, enum: str, wire: str) -> str | None:
        """The value that a text on the wire stands for, if any."""
        written = list(self._table[f"v.{enum}"])
        return ENUMS[enum][written.index(wire)] if wire in written else None

    def routes(self, parts: Sequence[str]) -> list[tuple[Route, dict[str, str]]]:
        """All routes at a path, those with more literal segments first, each with its variables."""
        found = ((route, route.match(parts)) for route in self._routes)
        return [(route, variables) for route, variables in found if variables is not None]


def _checked(key: str, value: Any) -> Any:
    default = DEFAULTS.get(key)
    if default is None:
        raise ValueError(f"the contract has no key {key!r}")
    if isinstance(default, str):
        if not isinstance(value, str) or not (value.strip() or default == ""):
            raise ValueError(f"{key} should be a text")
        if key.startswith("op."):
            _route(key, value)
        return value
    values = tuple(value) if isinstance(value, list | tuple) else ()
    if len(values) != len(default) or not all(isinstance(each, str) for each in values):
        raise ValueError(f"{key} should be {len(default)} texts, in the order {', '.join(default)}")
    return values


def _route(key: str, written: str) -> Route:
    verb, _, path = written.partition(" ")
    if not verb.isupper() or not path.strip():
        raise ValueError(f"{key} should be a verb and a path, such as {PATHS[key]!r}")
    return Route(key, verb, tuple(part for part in path.strip().split("/") if part))
