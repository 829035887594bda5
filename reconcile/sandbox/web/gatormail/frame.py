"""What the pages of an instance have in common: addresses, navigation, what a kind is made of, values from forms."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from reconcile.sandbox.gatormail import backoffice
from reconcile.sandbox.gatormail.instance import Instance, parse_wall
from reconcile.sandbox.gatormail.reply import invalid
from reconcile.sandbox.web import answers
from reconcile.sandbox.web.html import Html
from reconcile.sandbox.web.layout import Link

Values = dict[str, Any]
Deed = Callable[[Instance, Values], object]
ObjectDeed = Callable[[Instance, int, Values], object]
KINDS = (
    ("campaigns", "Campaigns"), ("groups", "Groups"), ("emails", "E-mails"), ("schema", "Schema"),
    ("feed", "Data feed"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Section:
    """The pages of one kind and what their forms do.

    ``page`` shows all objects, ``one`` a single one; ``wholes`` are deeds by their name in the address, of which the
    empty one makes an object, ``deeds`` those on an object, of which the empty one saves it.
    """

    page: Callable[[Instance], Html]
    wholes: Mapping[str, Deed]
    one: Callable[[Instance, int], Html] | None = None
    deeds: Mapping[str, ObjectDeed] = field(default_factory=dict)

    def deed(self, parts: Sequence[str]) -> Deed | None:
        """What a form does that is posted to this address below the kind's."""
        if not parts or not parts[0].isdecimal():
            return self.wholes.get("/".join(parts))
        found, number = self.deeds.get("/".join(parts[1:])), answers.number(parts[0])
        return None if found is None else lambda instance, values: found(instance, number, values)


def path(instance: str, *parts: object) -> str:
    """The address of a page of an instance."""
    return "/".join(["/instance", quote(instance, safe=""), *(quote(str(part), safe="") for part in parts)])


def links(instance: str, kind: str) -> list[Link]:
    """The navigation of an instance, of which ``kind`` is shown."""
    kinds = [Link(shown, path(instance, name), name == kind) for name, shown in KINDS]
    return [Link(f"Instance {instance}", path(instance), not kind), *kinds]


def person(instance: Instance, method: str, place: str, body: Values) -> Any:
    """Do what the control call of this place does."""
    return backoffice.control(instance, method, place.split("/"), body)


def text(values: Values, name: str) -> str:
    """A text from a form; empty when it was not sent."""
    value = values.get(name)
    return value if isinstance(value, str) else ""


def required(values: Values, name: str) -> str:
    """A text that may not be empty."""
    if not text(values, name).strip():
        raise invalid(name, "Is required")
    return text(values, name)


def number(values: Values, name: str) -> int:
    """A whole number."""
    found = text(values, name).strip()
    if not (found.isascii() and found.isdigit()) or len(found) > 10:
        raise invalid(name, "Should be a whole number")
    return int(found)


def chosen(values: Values, name: str) -> int | None:
    """The id of a choice whose first option, 0, stands for none."""
    return number(values, name) or None if name in values else None


def wall(instance: Instance, values: Values, name: str) -> str | None:
    """A date and time of the instance's zone; browsers leave out seconds that are 0."""
    found = text(values, name)
    if not found:
        return None
    try:
        return parse_wall(f"{found}:00" if len(found) == 16 else found, instance.zone, zoned=False)
    except ValueError as error:
        raise invalid(name, str(error)) from None


def kept(before: str | None, values: Values, name: str) -> str | None:
    """A text as it was, if the form shows it so: no form carries other line ends than LF, nor null."""
    posted, there = text(values, name), (before or "").replace("\r\n", "\n").replace("\r", "\n")
    return before if posted in (there, there.replace("\n", "")) else posted


def zone_name(instance: Instance) -> str:
    """The zone that dates are of."""
    return instance.contract.text("c.date.zone")
