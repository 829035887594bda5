"""The one table of what stands on the wire: routes, member names, enum values, capabilities; a user may override it.

Keys are those of the contract table in ``schemas/gatormail.openapi.yaml`` (``x-contract-table``, and the capabilities
of the API's reference, section 13.1). Much of it is inferred, so nothing else here spells a path or a wire name.
Inside, members have the names of the table's defaults, dates are UTC texts such as 2026-12-01T08:00:00Z.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import Any
from urllib.parse import quote

from reconcile.errors import InvalidInput
from reconcile.model.registry import nearest
from reconcile.providers.gatormail.document import SHAPES, TABLE, Member

ENUMS: Mapping[str, tuple[str, ...]] = {key[2:]: value for key, value in TABLE.items() if key.startswith("v.")}
ROUTES: Mapping[str, str] = {key: value for key, value in TABLE.items() if key.startswith("op.")}
CONVENTIONS: Mapping[str, str] = {key: value for key, value in TABLE.items() if key.startswith(("c.", "p."))}
CAPABILITIES: Mapping[str, bool] = {
    "cap.campaign.status": True,
    "cap.campaign.read": True,
    "cap.email.read": False,
    "cap.group.update": False,
    "cap.membership.read": True,
    "cap.membership.remove": False,
    "cap.contact.fields": True,
    "cap.trigger": False,
}
_VARIABLE = re.compile(r"\{(\w+)\}")
_SWITCH = {"on": True, "off": False, True: True, False: False}


def members(shape: str) -> Mapping[str, Member]:
    """The members of a shape by their own names."""
    return SHAPES[shape]


@cache
def defaults() -> Mapping[str, Any]:
    """Every row of the table with its default."""
    return {**TABLE, **CAPABILITIES}


def faults(overrides: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """What is wrong with overrides: the key, a sentence, and perhaps a hint."""
    found = list(_own_faults(overrides))
    wrong = {key for key, *_ in found}
    yield from found
    yield from _rebound({key: value for key, value in overrides.items() if key not in wrong})


def _own_faults(overrides: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """What is wrong with each by itself."""
    for key, value in overrides.items():
        default = defaults().get(key)
        if default is None:
            near = nearest(key, defaults())
            yield key, f'The contract has no row "{key}".', f'Did you mean "{near}"?' if near else None
        elif isinstance(default, bool):
            if not isinstance(value, str | bool) or value not in _SWITCH:
                yield key, f"`{key}` is a capability: true or false.", None
        elif isinstance(default, tuple):
            if not _is_texts(value) or len(value) != len(default) or len(set(value)) != len(default):
                yield key, f"`{key}` takes {len(default)} different texts, for {', '.join(default)}.", None
        elif not isinstance(value, str) or (key != "c.list.itemsPath" and not value.strip()):
            yield key, f"`{key}` takes a text, such as {default!r}.", None
        elif key.startswith("op."):
            yield from _route_faults(key, value)
        elif key.startswith("c.") and (fault := _convention_fault(key, value)) is not None:
            yield key, fault, None


def _rebound(overrides: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    from reconcile.providers.gatormail import rebinding  # its table of operations is needed nowhere else here

    return rebinding.faults(overrides)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) and each for each in value)


def _convention_fault(key: str, value: str) -> str | None:
    """What a convention that code depends on may not be."""
    match key:
        case "c.auth.method" | "c.auth.grant" if value != CONVENTIONS[key]:
            return f"`{key}` can't be otherwise: signing in is by {CONVENTIONS[key]!r} only."
        case "c.page.first" | "c.page.size" if not re.fullmatch(r"[0-9]{1,6}", value) or value == "0" * len(value):
            return None if key == "c.page.first" and value == "0" else f"`{key}` takes a whole number, in quotes."
        case "c.api.base" if not re.match(r"https://[^/]|http://(localhost|127\.0\.0\.1|\[::1\])(:|/)", value):
            return f"`{key}` takes an address that begins with https://."
        case "c.date.format":
            # To the minute at least: what has seconds in it that can't be said is refused when it is written.
            moment, form = datetime(2027, 11, 23, 16, 58), _strftime(value)
            with suppress(ValueError):
                if datetime.strptime(moment.strftime(form), form) == moment:
                    return None
            return f"`{key}` is made of YYYY, MM, DD, HH, MM and SS, such as YYYY-MM-DDTHH:MM:SS."
    return None


def _route_faults(key: str, value: str) -> Iterator[tuple[str, str, str | None]]:
    verb, _, path = value.partition(" ")
    starts = ("http://", "https://") if key == "op.auth.token" else ("/",)
    if verb not in ("GET", "POST", "PUT", "PATCH", "DELETE") or not path.startswith(starts):
        yield key, f"`{key}` takes a verb and a path, such as {ROUTES[key]!r}.", None
        return
    strange = set(_VARIABLE.findall(path)) - set(_VARIABLE.findall(ROUTES[key]))
    if strange or "?" in path or "#" in path or {"{", "}"} & set(_VARIABLE.sub("", path)):
        known = ", ".join(f"{{{name}}}" for name in _VARIABLE.findall(ROUTES[key])) or "none"
        yield key, f"`{key}` has a path that can't be used: its variables are {known}.", None


class TwinMembers(InvalidInput):
    """Two members whose names differ by their case only."""

    def __init__(self, name: str) -> None:
        super().__init__(f'"{name}" is given twice, in capitals and small letters.', hint="Give it once.")
        self.name = name


class Contract:
    """The table with its overrides, which ``faults`` has found to be right.

    ``zone`` is the instance's, for dates; ``zoned`` whether somebody has declared it.
    """

    def __init__(self, overrides: Mapping[str, Any] | None = None, zone: tzinfo = UTC, *, zoned: bool = True) -> None:
        self.zoned = zoned
        self._table = {**defaults(), **(overrides or {})}
        self._zone = zone
        self._format = _strftime(self._table["c.date.format"])

    def text(self, key: str) -> str:
        """One row that is a text."""
        return str(self._table[key])

    def capabilities(self) -> frozenset[str]:
        """The capabilities that are on, without their prefix: "group.update"."""
        return frozenset(key.removeprefix("cap.") for key in CAPABILITIES if _SWITCH[self._table[key]])

    def value(self, enum: str, name: str) -> str:
        """How a value of an enum is written on the wire."""
        return str(self._table[f"v.{enum}"][ENUMS[enum].index(name)])

    def route(self, key: str, variables: Mapping[str, str]) -> tuple[str, str, dict[str, str]]:
        """Verb, path and query of an operation; variables that its path does not have go into the query."""
        verb, _, path = self.text(key).partition(" ")
        named = set(_VARIABLE.findall(path))
        filled = _VARIABLE.sub(lambda found: quote(variables[found[1]], safe=""), path)
        return verb, filled, {name: value for name, value in variables.items() if name not in named}

    def variables(self, key: str) -> tuple[str, ...]:
        """The variables that an operation has, wherever an override has put them."""
        return tuple(_VARIABLE.findall(ROUTES[key]))

    def write(self, shape: str, value: Any) -> Any:
        """A value, or a list of values, of a shape as it stands on the wire; members that it does not know stay."""
        if isinstance(value, list | tuple):
            return [self.write(shape, each) for each in value]
        if not isinstance(value, Mapping):
            return value
        known = members(shape)
        written = {}
        for name, each in value.items():
            member = known.get(name)
            written[name if member is None else str(self._table[member.key])] = self._written(member, each)
        return written

    def read(self, shape: str, value: Any) -> Any:
        """What ``write`` wrote, names taken whatever their case.

        Members that the table does not have stay; one that has the name that another has here stands as "wire:NAME".

        Raises:
            TwinMembers: two names differ by their case only.
        """
        if isinstance(value, list):
            return [self.read(shape, each) for each in value]
        if not isinstance(value, Mapping):
            return value
        there = {str(name).lower(): str(name) for name in value}
        if len(there) < len(value):
            raise TwinMembers(next(name for name in value if there[str(name).lower()] != name))
        known = members(shape)
        found, read = {}, set()
        for name, member in known.items():
            wire = there.get(str(self._table[member.key]).lower())
            if wire is not None:
                found[name] = self._read(member, value[wire])
                read.add(wire)
        taken = {name.lower() for name in known}
        for name, each in value.items():
            if name not in read:
                found[f"wire:{name}" if str(name).lower() in taken else name] = each
        return found

    def member(self, key: str, value: Mapping[str, Any]) -> Any:
        """A member of an object as it stands on the wire, None where there is none."""
        wire = self.text(key).lower()
        return next((each for name, each in value.items() if str(name).lower() == wire), None)

    def rows(self, answer: Any) -> Any:
        """The rows of a list's answer, which may be in an envelope (``c.list.itemsPath``)."""
        for name in filter(None, self.text("c.list.itemsPath").split(".")):
            lower = {str(key).lower(): each for key, each in answer.items()} if isinstance(answer, Mapping) else {}
            answer = lower.get(name.lower())
        return answer

    def _written(self, member: Member | None, value: Any) -> Any:
        if member is None or value is None:
            return value
        if member.shape is not None:
            return self.write(member.shape, value)
        if member.enum is not None and value in ENUMS[member.enum]:
            return self.value(member.enum, value)
        if member.id:
            return on_the_wire(value)
        return self._wall(value) if member.date and isinstance(value, str) and value else value

    def _read(self, member: Member, value: Any) -> Any:
        if value is None:
            return None
        if member.shape is not None:
            return self.read(member.shape, value)
        if member.enum is not None:
            wire = [str(each) for each in self._table[f"v.{member.enum}"]]
            return ENUMS[member.enum][wire.index(value)] if value in wire else value
        if member.id:
            return str(value) if type(value) is int else value
        if member.date and isinstance(value, str):
            return self._utc(value) if value else None  # unset (reference, section 4)
        return value

    def _wall(self, text: str) -> str:
        """A UTC text as wall time of the instance; what has no zone is taken for wall time already.

        Raises:
            InvalidInput: it is no date and time, or one that can't be said on the wire.
        """
        try:
            moment = datetime.fromisoformat(text.upper())
        except ValueError:
            raise InvalidInput(f'"{text}" is no date and time.', hint="Such as 2026-12-01T08:00:00Z.") from None
        if moment.tzinfo is None:
            return self._formatted(moment, text)
        wall = moment.astimezone(self._zone)
        if wall.replace(fold=0).utcoffset() != wall.replace(fold=1).utcoffset():
            raise InvalidInput(
                f"{text} falls into the hour that the clocks of {self._zone} go through twice, and the platform can't "
                f"tell which is meant.",
                hint="Choose another time.",
            )
        return self._formatted(wall, text)

    def _formatted(self, wall: datetime, text: str) -> str:
        written = wall.strftime(self._format)
        if datetime.strptime(written, self._format) != wall.replace(tzinfo=None):
            raise InvalidInput(f"{text} can't be written to the second in the form {self.text('c.date.format')}.")
        return written

    def _utc(self, wall: str) -> str:
        try:
            moment = datetime.strptime(wall, self._format).replace(tzinfo=self._zone)
        except ValueError:
            try:  # a fraction or a zone after all
                moment = datetime.fromisoformat(wall)
            except ValueError:
                return wall
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=self._zone)
        try:
            return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        except OverflowError:  # at either end of the calendar
            return wall


def on_the_wire(id_: Any) -> Any:
    """An id, which is a text here, as the platform has it: a number where it looks like one (reference, section 4)."""
    return int(id_) if isinstance(id_, str) and re.fullmatch(r"0|[1-9][0-9]{0,17}", id_) else id_


def _strftime(pattern: str) -> str:
    """``YYYY-MM-DDTHH:MM:SS`` as strftime has it; MM after HH are minutes."""
    minutes = re.sub(r"HH(\W?)MM", r"%H\1%M", pattern)
    return minutes.replace("YYYY", "%Y").replace("MM", "%m").replace("DD", "%d").replace("SS", "%S")


def zone_of(name: str) -> tzinfo:
    """The zone of a name such as Europe/London.

    Raises:
        InvalidInput: there is no such zone.
    """
    if name.upper() in ("GMT", "UTC", "Z"):
        return UTC
    from zoneinfo import ZoneInfo

    try:
        if _OF_THE_MACHINE.fullmatch(name) is None:
            return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        pass
    raise InvalidInput(f'There is no time zone "{name}".', hint=_near_zone(name))


# What zone data has beside zones: it says something else on each machine, or nothing.
_OF_THE_MACHINE = re.compile(r"localtime|posixrules|Factory|(?:posix|right)/.*")


def _near_zone(name: str) -> str:
    from zoneinfo import available_timezones

    known = sorted(available_timezones() - {"localtime", "Factory"})
    bare = name.strip().replace(" ", "_").replace("\\", "/").lower()
    same = [zone for zone in known if bare and bare in (zone.lower(), zone.rpartition("/")[2].lower())]
    near = same[0] if same else nearest(name, known)
    return f'Did you mean "{near}"?' if near else "Such as Europe/London."
