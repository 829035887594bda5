"""The positions of the switches, checked whenever one is moved."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconcile.sandbox.switches import TABLE, Switch, Value


class Switches:
    """The positions of a table's switches; unknown names and values that are not allowed are a ``ValueError``."""

    def __init__(self, positions: Mapping[str, Any] | None = None, table: Sequence[Switch] = TABLE) -> None:
        self._table = {switch.name: switch for switch in table}
        self._positions: dict[str, Value] = {switch.name: switch.default for switch in table}
        self.set(positions or {})

    def set(self, positions: Mapping[str, Any]) -> None:
        """Move switches; either all of them or, when one is wrong, none. ``None`` puts a switch to its default."""
        self._positions |= {name: self._checked(name, value) for name, value in positions.items()}

    def text(self, name: str) -> str:
        """The position of a switch between words."""
        value = self._positions[name]
        assert isinstance(value, str)  # noqa: S101 - a slip in our own code, caught by every test that passes here
        return value

    def number(self, name: str) -> int:
        """The position of a switch that is a number."""
        return int(self._positions[name])

    def flag(self, name: str) -> bool:
        """The position of a switch that is on or off."""
        return bool(self._positions[name])

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every switch with its position, as ``GET /_sandbox/switches`` lists them."""
        for switch in self._table.values():
            yield {
                "name": switch.name,
                "number": switch.number,
                "question": switch.question,
                "meaning": switch.meaning,
                "allowed": _described(switch.allowed),
                "default": switch.default,
                "value": self._positions[switch.name],
            }

    def _checked(self, name: str, value: Any) -> Value:
        switch = self._table.get(name)
        if switch is None:
            raise ValueError(f"there is no switch {name!r}")
        if value is None:
            return switch.default
        value = _converted(switch, value)
        # True equals 1 in Python, but not in JSON; so the type has to fit too.
        if type(value) is not type(switch.default) or value not in switch.allowed:
            raise ValueError(f"switch {name} can't be {value!r}; allowed: {_described(switch.allowed)}")
        return switch.default if value == switch.default else _typed(value)


def _converted(switch: Switch, value: Any) -> Any:
    """A word from a command line as the type that the switch has."""
    if not isinstance(value, str) or isinstance(switch.default, str):
        return value
    if isinstance(switch.default, bool):
        return {"true": True, "false": False}.get(value.lower(), value)
    return int(value) if value.isascii() and value.removeprefix("-").isdigit() else value


def _typed(value: Any) -> Value:
    assert isinstance(value, bool | int | str)  # noqa: S101 - checked just before, for the type checker
    return value


def _described(allowed: tuple[Value, ...] | range) -> Any:
    if isinstance(allowed, range):
        return {"minimum": allowed.start, "maximum": allowed.stop - 1}
    return list(allowed)
