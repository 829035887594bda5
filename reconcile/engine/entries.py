"""Live objects -> entries that say what they are like: for an export, and for what a project takes in."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from pydantic import ValidationError

from reconcile.errors import Location
from reconcile.manifests.content import MAX_CONTENT
from reconcile.manifests.load import SINGLETON
from reconcile.manifests.text_change import Plain
from reconcile.manifests.validate import unwanted_in
from reconcile.model.address import NAME, Address
from reconcile.model.attributes import Value, references, same
from reconcile.model.kind import Circumstances, Kind, rules
from reconcile.model.members import nested
from reconcile.model.reference import Reference
from reconcile.model.resource import RemoteObject, Resource
from reconcile.planner.diff import as_references

_LONGEST_NAME = 60
LEFT_OUT = "Left out"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry on its way: what is declared in canonical form, and as it is written; ``bodies`` are files by path."""

    attributes: Mapping[str, Value]
    written: Mapping[str, Plain]
    bodies: Mapping[str, str]


@dataclass(slots=True)
class Declaring:
    """Makes entries of one account's objects.

    ``ids`` has the addresses of objects that others may refer to, by alias, kind and id. ``is_taken`` tells whether
    there is a file of a path already. ``note`` takes a heading and a sentence on what could not be said. ``inherited``
    are the project's defaults by kind: what is live is written out where it is otherwise.
    """

    alias: str
    now: Circumstances
    ids: dict[tuple[str, str, str], Address]
    is_taken: Callable[[str], bool]
    note: Callable[[str, str], None]
    inherited: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)

    def entry(self, kind: Kind, address: Address, live: RemoteObject) -> Entry | None:
        """What is declared of an object; None if it can't be declared at all."""
        attributes = dict(self._declared(kind, address, live))
        while (fault := _fault(kind, address, attributes)) is not None:
            name, reason = fault
            needed = name in kind.natural_key or name not in attributes
            subject = f"`{address}`" if not needed else f"The {kind.kind} with the id {live.id}"
            self.note(LEFT_OUT, f"{subject}: {name}, which no manifest can declare as it is ({reason}).")
            if needed:
                return None
            del attributes[name]
        return self._spelled(kind, address, attributes)

    def _declared(self, kind: Kind, address: Address, live: RemoteObject) -> Iterator[tuple[str, Value]]:
        inherited = self.inherited.get(kind.kind, {})
        for name, rule in rules(kind.spec).items():
            value = live.attributes.get(name)
            if value is None or not rule.readable or name == kind.spec.named:
                continue
            usual = inherited.get(name, kind.defaults.get(name))
            if rule.refers is not None and name in inherited:
                usual = None  # names of entries there, ids here
            if name not in kind.natural_key and usual is not None and same(value, rule.canonical(usual)):
                continue
            if rule.launches and not self._goes_out(kind.due(live.attributes)):
                continue
            if rule.refers is not None:
                value = as_references(address, rule.refers, value, self.ids)
                if _strangers(value):
                    self.note(LEFT_OUT, f"`{address}`: {name}, as it refers to a {rule.refers} that is not there.")
                    continue
            yield name, value

    def _goes_out(self, instant: str | None) -> bool:
        return instant is not None and datetime.fromisoformat(instant).timestamp() > self.now.now

    def _spelled(self, kind: Kind, address: Address, attributes: Mapping[str, Value]) -> Entry:
        naming = {rule.file_of: name for name, rule in rules(kind.spec).items() if rule.file_of is not None}
        written: dict[str, Plain] = {}
        bodies: dict[str, str] = {}
        for name, value in attributes.items():
            if name in naming:
                ending = "html" if value.lstrip().startswith("<") else "txt"
                paths = (f"emails/{address.name}{'' if n == 1 else f'-{n}'}.{ending}" for n in count(1))
                path = next(path for path in paths if path not in bodies and not self.is_taken(path))
                bodies[path] = value
                written[naming[name]] = path
            else:
                written[name] = _by_name(value)
        return Entry(attributes, nested(kind.spec, written), bodies)


def name_of(kind: Kind, live: RemoteObject) -> str | None:
    """What an object's entry is called, which never depends on who else is there; None if it can't have a name."""
    if kind.singleton:
        return SINGLETON
    if kind.spec.named is not None:
        name = str(live.attributes[kind.spec.named])
        return name if NAME.fullmatch(name) else None
    words = "-".join(str(part) for part in kind.key(live.attributes) or ())
    return f"{slug(words) or kind.kind}-{slug(live.id)}"


def file_content(body: str) -> bytes:
    """What is in the file of a body; a mark at the start of a file is no part of its text, so one that is has two."""
    return ("\ufeff" if body.startswith("\ufeff") else "").encode() + f"{body}\n".encode()


def slug(text: str) -> str:
    """A safe name for an entry: small letters a to z, digits and hyphens; empty if nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST_NAME].strip("-")


def _fault(kind: Kind, address: Address, attributes: Mapping[str, Value]) -> tuple[str, str] | None:
    """The first attribute that can't be declared as it is, and why."""
    for name, value in attributes.items():
        if rules(kind.spec)[name].text and len(str(value).encode("utf-8", "surrogatepass")) >= MAX_CONTENT:
            return name, "it is too long for a file"
        if unwanted_in(value, rules(kind.spec)[name]) is not None:
            return name, "it has a line end or a NUL in it"
    try:
        kind.spec.model_validate(nested(kind.spec, {name: _by_name(value) for name, value in attributes.items()}))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        # A member of an opened field is an attribute of its own.
        named = (".".join(map(str, problem["loc"][:length])) for length in (2, 1))
        return next((name for name in named if name in attributes), str(problem["loc"][0])), str(problem["msg"])
    findings = kind.check(Resource(address, attributes, Location("")))
    return next(((name or "the entry", reason) for name, reason in findings), None)


def _by_name(value: Value) -> Plain:
    """A value as it is written: references as the names of entries."""
    if isinstance(value, Reference):
        return value.address.name
    if isinstance(value, Mapping):
        return {name: _by_name(member) for name, member in value.items()}
    return [_by_name(item) for item in value] if isinstance(value, tuple) else value


def _strangers(value: Value) -> bool:
    values = value if isinstance(value, tuple) else (value,)
    return len(list(references(value))) < len(values)
