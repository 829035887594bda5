"""The switches, which ``switches.yaml`` lists, and their positions, checked whenever one is moved."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconcile.sandbox.documents import read_yaml

Value = bool | int | str


@dataclass(frozen=True, slots=True)
class Switch:
    """One choice. ``allowed`` lists the values, or is a range of whole numbers, or the form that a text has.

    ``capability`` is the row of GatorMail's contract table that moves it, too.
    """

    name: str
    number: str
    question: str
    default: Value
    allowed: tuple[Value, ...] | range | re.Pattern[str]
    meaning: str
    capability: str = ""

    @property
    def described(self) -> Any:
        """The allowed values, as JSON can say them."""
        if isinstance(self.allowed, range):
            return {"minimum": self.allowed.start, "maximum": self.allowed.stop - 1}
        return {"form": self.allowed.pattern} if isinstance(self.allowed, re.Pattern) else list(self.allowed)

    def checked(self, value: Any) -> Value:
        """The value in the type that the switch has, ``ValueError`` when it is not allowed; ``None`` is the default."""
        value = self.default if value is None else _converted(self, value)
        # True equals 1 in Python, but not in JSON; so the type has to fit too.
        if type(value) is type(self.default) and self._allows(value):
            return value
        raise ValueError(f"switch {self.name} can't be {value!r}; allowed: {self.described}")

    def _allows(self, value: Any) -> bool:
        return bool(self.allowed.fullmatch(value)) if isinstance(self.allowed, re.Pattern) else value in self.allowed


def _switch(name: str, row: Mapping[str, Any]) -> Switch:
    allowed: tuple[Value, ...] | range | re.Pattern[str]
    if "range" in row:
        allowed = range(row["range"][0], row["range"][1] + 1)
    else:
        allowed = re.compile(row["form"]) if "form" in row else tuple(row["values"])
    default = row["default"] if "default" in row else row["values"][0]
    texts = row.get("number", "-"), row["question"]
    return Switch(name, *texts, default, allowed, row["meaning"], row.get("capability", ""))


_ROWS = read_yaml(Path(__file__).with_name("switches.yaml"))
_TABLES = {part: tuple(_switch(name, row) for name, row in rows.items()) for part, rows in _ROWS.items()}
# What both platforms have in common is moved together with SqualoMail's switches; each has distortions of its own.
SQUALOMAIL = (*_TABLES["both"], *_TABLES["squalomail"], *_TABLES["distortions"])
GATORMAIL = (*_TABLES["gatormail"], *_TABLES["distortions"])
# The capabilities of GatorMail's contract table, which may be switched there too.
CAPABILITIES: Mapping[str, str] = {switch.capability: switch.name for switch in GATORMAIL if switch.capability}
# By platform, every distortion with the positions that are worth trying.
DISTORTIONS: Mapping[str, Sequence[tuple[str, Value]]] = {
    platform: [
        (name, value)
        for name, row in _ROWS["distortions"].items()
        for value in (row["examples"][platform] if "examples" in row else row["values"][1:])
    ]
    for platform in ("squalomail", "gatormail")
}


class Switches:
    """The positions of a table's switches; unknown names and values that are not allowed are a ``ValueError``."""

    def __init__(self, positions: Mapping[str, Any] | None = None, table: Sequence[Switch] = SQUALOMAIL) -> None:
        self._table = {switch.name: switch for switch in table}
        self._positions: dict[str, Value] = {switch.name: switch.default for switch in table}
        self.set(positions or {})

    def set(self, positions: Mapping[str, Any]) -> None:
        """Move switches; either all of them or, when one is wrong, none. ``None`` puts a switch to its default."""
        if unknown := [name for name in positions if name not in self._table]:
            raise ValueError(f"there is no switch {unknown[0]!r}")
        self._positions |= {name: self._table[name].checked(value) for name, value in positions.items()}

    def text(self, name: str) -> str:
        """The position of a switch between words."""
        return str(self._positions[name])

    def number(self, name: str) -> int:
        """The position of a switch that is a number."""
        return int(self._positions[name])

    def flag(self, name: str) -> bool:
        """The position of a switch that is on or off."""
        return bool(self._positions[name])

    def is_moved(self, name: str) -> bool:
        """Whether a switch is elsewhere than by default."""
        return self._positions[name] != self._table[name].default

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every switch with its position, as ``GET /_sandbox/switches`` lists them."""
        for name, switch in self._table.items():
            row = {member: getattr(switch, member) for member in ("name", "number", "question", "meaning", "default")}
            yield {**row, "allowed": switch.described, "value": self._positions[name]}


def _converted(switch: Switch, value: Any) -> Any:
    """A word from a command line as the type that the switch has."""
    if not isinstance(value, str) or isinstance(switch.default, str):
        return value
    if isinstance(switch.default, bool):
        return {"true": True, "false": False}.get(value.lower(), value)
    return int(value) if value.isascii() and value.removeprefix("-").isdigit() and len(value) < 20 else value
