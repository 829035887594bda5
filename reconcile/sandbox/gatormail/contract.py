"""The contract table, which says what stands on the wire: paths, verbs, member names, enum values.

Keys are those of the reference: ``op.campaign.update`` is ``"PUT /campaign/{campaignId}"``, ``f.contact.emailLogin`` a
member's name, ``v.campaignType`` the values of an enum, ``p.contact.match.field`` a query member, ``c.api.version`` a
convention. Overrides replace single rows, so that a renamed API can be emulated without touching code.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconcile.sandbox.gatormail.document import ENUMS, SHAPES, TABLE

PATHS: Mapping[str, str] = {key: value for key, value in TABLE.items() if key.startswith("op.")}
_VARIABLE = re.compile(r"\{(\w+)\}")
TEXTS = frozenset({"triggerKey", "batchIdentifier", "requestType"})


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
            elif variable[1] in TEXTS or (part.isascii() and part.isdigit() and len(part) < 16):
                found[variable[1]] = part
            else:
                return None
        return found


class Contract:
    """The table with its overrides; an unknown key or a value of the wrong type is a ``ValueError``."""

    def __init__(self, overrides: Mapping[str, Any] | None = None) -> None:
        self._table = dict(TABLE)
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
        return str(self._table[SHAPES[shape][name].key])

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
    default = TABLE.get(key)
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
